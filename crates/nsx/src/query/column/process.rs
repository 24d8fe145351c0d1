//! The columns of a list of processes.

use super::{Column, FILE, NOTHING, RECORDS, Spec, spec};
use crate::table::Align::{Left, Right};

/// A column of a list of processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProcessColumn {
    Pid,
    Chain,
    Ns,
    Ppid,
    User,
    Uid,
    Command,
    Container,
    Engine,
    Pod,
    Unit,
    Cgroup,
    Age,
}

impl Column for ProcessColumn {
    const SPECS: &'static [Spec<Self>] = &SPECS;
    const USUAL: &'static [Self] = &[Self::Chain, Self::Ns, Self::User, Self::Command];
    const LISTED_BY: &'static str = "--pids --columns";

    fn spec(self) -> &'static Spec<Self> {
        &SPECS[self as usize]
    }
}

/// All columns, in the order of [`ProcessColumn`].
#[rustfmt::skip]
const SPECS: [Spec<ProcessColumn>; 13] = [
    spec(ProcessColumn::Pid, "PID", Right, NOTHING, "its PID here"),
    spec(ProcessColumn::Chain, "CHAIN", Left, NOTHING, "its PIDs, from yours to its own"),
    spec(ProcessColumn::Ns, "NS", Right, NOTHING, "inode number of the PID namespace that it is in"),
    spec(ProcessColumn::Ppid, "PPID", Right, NOTHING, "its parent"),
    spec(ProcessColumn::User, "USER", Left, NOTHING, "its user"),
    spec(ProcessColumn::Uid, "UID", Right, NOTHING, "the user id"),
    spec(ProcessColumn::Command, "COMMAND", Left, FILE, "its command"),
    spec(ProcessColumn::Container, "CONTAINER", Left, RECORDS, "its container: the name, or the start of the id"),
    spec(ProcessColumn::Engine, "ENGINE", Left, RECORDS, "the engine of that container"),
    spec(ProcessColumn::Pod, "POD", Left, RECORDS, "the container's Kubernetes namespace, pod and name"),
    spec(ProcessColumn::Unit, "UNIT", Left, FILE, "its systemd unit"),
    spec(ProcessColumn::Cgroup, "CGROUP", Left, FILE, "its cgroup"),
    spec(ProcessColumn::Age, "AGE", Right, FILE, "seconds since it started"),
];
