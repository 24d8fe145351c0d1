//! The columns of a list of namespaces.

use super::{Column, FILE, NOTHING, RECORDS, Spec};
use crate::table::Align::{self, Left, Right};
use nsx_core::census::Sources;

/// A column of a list of namespaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NsColumn {
    Ns,
    Id64,
    Type,
    Nprocs,
    Seen,
    Nthreads,
    Pid,
    Ppid,
    User,
    Uid,
    Command,
    Path,
    Parent,
    Owner,
    OwnerUid,
    Nsfs,
    NetnsId,
    Holders,
    Container,
    Engine,
    Pod,
    Unit,
    Cgroup,
    NsPid,
    Age,
    UidMap,
    GidMap,
    Hostname,
    Nlinks,
    Nmounts,
}

/// The columns of a list if none are named.
pub(crate) const USUAL: [NsColumn; 6] = [
    NsColumn::Ns,
    NsColumn::Type,
    NsColumn::Nprocs,
    NsColumn::Pid,
    NsColumn::User,
    NsColumn::Command,
];

impl Column for NsColumn {
    const SPECS: &'static [Spec<Self>] = &SPECS;
    const USUAL: &'static [Self] = &USUAL;
    const LISTED_BY: &'static str = "--columns";

    fn spec(self) -> &'static Spec<Self> {
        &SPECS[self as usize]
    }
}

const OPEN: &str = "some ten calls for each namespace";
const NONE: Sources = Sources::NONE;

/// All columns, in the order of [`NsColumn`].
#[rustfmt::skip]
const SPECS: [Spec<NsColumn>; 30] = [
    spec(NsColumn::Ns, "NS", Right, NONE, NOTHING, "inode number, as /proc/PID/ns shows it"),
    spec(NsColumn::Id64, "ID64", Right, Sources::RELATIONS, OPEN, "id that is not reused \
    before the next boot (6.18)"),
    spec(NsColumn::Type, "TYPE", Left, NONE, NOTHING, "kind"),
    spec(NsColumn::Nprocs, "NPROCS", Right, NONE, NOTHING, "processes in it; `3+` if there \
    may be others that you may not see"),
    spec(NsColumn::Seen, "SEEN", Right, NONE, NOTHING, "processes in it that were seen"),
    spec(NsColumn::Nthreads, "NTHREADS", Right, Sources::THREADS, "a call for each process, \
    eight for each further thread", "threads in it"),
    spec(NsColumn::Pid, "PID", Right, NONE, "a file for each process that shares it", "its \
    leader: PID 1 of a PID namespace, else the process in it that started first"),
    spec(NsColumn::Ppid, "PPID", Right, NONE, FILE, "the leader's parent"),
    spec(NsColumn::User, "USER", Left, NONE, FILE, "the leader's user"),
    spec(NsColumn::Uid, "UID", Right, NONE, FILE, "the user id"),
    spec(NsColumn::Command, "COMMAND", Left, NONE, "two files for each row", "the leader's \
    command"),
    spec(NsColumn::Path, "PATH", Left, NONE, NOTHING, "a file that leads to it"),
    spec(NsColumn::Parent, "PARENT", Right, Sources::RELATIONS, OPEN, "PID and user \
    namespaces: the one above"),
    spec(NsColumn::Owner, "OWNER", Right, Sources::RELATIONS, OPEN, "the user namespace that \
    owns it"),
    spec(NsColumn::OwnerUid, "OWNERUID", Right, Sources::RELATIONS, OPEN, "the user who \
    created that one, or this one if it is a user namespace"),
    spec(NsColumn::Nsfs, "NSFS", Left, Sources::PINS, "a file to read", "mount points in your \
    mount namespace"),
    spec(NsColumn::NetnsId, "NETNSID", Right, NONE, "three calls for each row", "network \
    namespaces: their number in yours"),
    spec(NsColumn::Holders, "HOLDERS", Left, Sources::ALL, "a call for each descriptor of the \
    host", "what keeps it alive, besides the processes in it"),
    spec(NsColumn::Container, "CONTAINER", Left, NONE, RECORDS, "the leader's container: its \
    name, or the start of its id"),
    spec(NsColumn::Engine, "ENGINE", Left, NONE, RECORDS, "the engine of that container"),
    spec(NsColumn::Pod, "POD", Left, NONE, RECORDS, "the container's Kubernetes namespace, pod and name"),
    spec(NsColumn::Unit, "UNIT", Left, NONE, FILE, "the leader's systemd unit"),
    spec(NsColumn::Cgroup, "CGROUP", Left, NONE, FILE, "the leader's cgroup"),
    spec(NsColumn::NsPid, "NSPID", Left, NONE, FILE, "the leader's ids, from yours to its \
    own"),
    spec(NsColumn::Age, "AGE", Right, NONE, FILE, "seconds since the leader started"),
    spec(NsColumn::UidMap, "UIDMAP", Left, NONE, FILE, "user namespaces: first id inside, \
    outside, count; `?` if no process is in it"),
    spec(NsColumn::GidMap, "GIDMAP", Left, NONE, FILE, "the same for groups"),
    spec(NsColumn::Hostname, "HOSTNAME", Left, NONE, "a process for each row", "UTS \
    namespaces: the host name"),
    spec(NsColumn::Nlinks, "NLINKS", Right, NONE, "a file for each row, or a process if \
    no process is in it", "network namespaces: number of devices"),
    spec(NsColumn::Nmounts, "NMOUNTS", Right, NONE, FILE, "mount namespaces: number of \
    mounts that the leader sees; all mounts if it has none (6.12)"),
];

const fn spec(
    column: NsColumn,
    name: &'static str,
    align: Align,
    sources: Sources,
    cost: &'static str,
    about: &'static str,
) -> Spec<NsColumn> {
    Spec {
        sources,
        ..super::spec(column, name, align, cost, about)
    }
}
