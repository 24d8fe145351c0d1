//! The steps of a plan, as data; the texts about them are in `words`.

use super::{
    NamespaceFile, Pin,
    confinement::{CapabilityState, Filter, Label, Limit},
    enter::{CgroupFile, OwnProc},
    helper::Helper,
    mount::{Mount, Source},
    network::{Bridge, Link, LinkKind, Table, Uplink},
    record::{Addition, Record},
};
use crate::{
    cgroup::Hierarchy,
    idmap::{IdKind, IdMap, Setgroups},
    layers::Layers,
    ns::{NsKind, NsSet},
    pid::Process,
    pty::Pty,
    sys::signal::Signal,
};
use rustix::{
    fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd},
    thread::CapabilitySet,
};
use std::{
    ffi::CString,
    fmt,
    path::PathBuf,
    sync::{Arc, OnceLock},
};

/// A clock that a time namespace may set, see `time_namespaces(7)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// CLOCK_MONOTONIC and its kin.
    Monotonic,
    /// CLOCK_BOOTTIME, which counts the time of suspension too.
    Boottime,
}

/// By how much a clock of a time namespace is ahead of the host's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockOffset {
    /// The clock.
    pub clock: Clock,
    /// Seconds; negative for behind.
    pub seconds: i64,
    /// Nanoseconds beside the seconds.
    pub nanoseconds: u32,
}

/// The line of `/proc/PID/timens_offsets`.
impl fmt::Display for ClockOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clock = match self.clock {
            Clock::Monotonic => "monotonic",
            Clock::Boottime => "boottime",
        };
        write!(f, "{clock} {} {}", self.seconds, self.nanoseconds)
    }
}

/// A process's open directory in a procfs, which never becomes another's.
#[derive(Clone, Debug)]
pub struct ProcDirectory(Arc<OwnedFd>);

impl ProcDirectory {
    /// Takes an open directory of a process for what it is.
    pub fn new(directory: OwnedFd) -> Self {
        Self(Arc::new(directory))
    }
}

impl AsFd for ProcDirectory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// The propagation of mount events between a mount namespace and the mount namespace that it was
/// copied from, see `mount_namespaces(7)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Propagation {
    /// Neither sees the other's.
    #[default]
    Private,
    /// Both see both.
    Shared,
    /// The new one sees those of the old.
    Slave,
    /// As each mount has it.
    Unchanged,
}

impl Propagation {
    /// Returns the word that options use.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Shared => "shared",
            Self::Slave => "slave",
            Self::Unchanged => "unchanged",
        }
    }
}

/// The handling of signals while nsx waits for the program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Signals {
    /// Each goes on to the program; nsx stops when the program stops.
    #[default]
    PassOn,
    /// INT and TERM go on to the program; any other acts on nsx alone.
    PassOnEnding,
    /// INT and TERM are held back; any other acts on nsx alone.
    HoldBackEnding,
}

/// The consequence if the kernel refuses to drop supplementary groups.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GroupsDenied {
    /// The program keeps them.
    #[default]
    Keep,
    /// A failure, if there are any.
    Fail,
    /// A failure, though there be none: util-linux's way.
    FailAlways,
}

/// A single step. All that it needs is in it: run looks nothing up.
///
/// Its system call, its purpose and the act that failed with it are texts of [`PlannedStep`]. The
/// variants are for the program `nsx`, which words failures as util-linux does; they change with
/// every release.
///
/// [`PlannedStep`]: super::PlannedStep
#[derive(Debug)]
#[doc(hidden)]
#[non_exhaustive]
pub enum Step {
    /// Leave the namespaces of these kinds for new ones.
    Unshare(NsSet),
    /// Write one of the two id maps of the new user namespace.
    WriteIdMap {
        /// The kind of ids.
        ids: IdKind,
        /// The map.
        map: IdMap,
    },
    /// Write one of the two id maps with the set-user-id program that may, for nsx as its parent.
    RunIdMapHelper {
        /// The kind of ids.
        ids: IdKind,
        /// The map.
        map: IdMap,
        /// The program, if PATH has one.
        helper: Option<Helper>,
    },
    /// Allow or deny setgroups in the new user namespace.
    WriteSetgroups(Setgroups),
    /// Set a clock of the new time namespace, while it has no process.
    SetClock(ClockOffset),
    /// Bind a new namespace to a file.
    Pin(Pin),
    /// Start nsx over from a file that no process can write to.
    Seal,
    /// Leave the program only this number of the caller's descriptors, counted from 0.
    KeepDescriptors(u32),
    /// Keep other processes from tracing this one and from seeing what it has open.
    Conceal,
    /// Split in two: one relays between the caller's terminal and this one, on which the other
    /// leads a session and goes on.
    OwnTerminal(Pty),
    /// Make the program's process a job of its own, with the foreground of the terminal.
    TakeForeground(OwnedFd),
    /// Make the child that becomes the program; nsx stays and waits for it.
    Fork {
        /// `true` if that child is PID 1 of a new PID namespace.
        init: bool,
        /// The handling of signals while nsx waits.
        signals: Signals,
    },
    /// Make the child that becomes the program and stay as PID 1, instead of nsx.
    StayAsInit,
    /// Make the child that joins for nsx and takes every step that needs more than the
    /// program will have.
    ForkJoiner,
    /// Close the descriptors that the program is not to have: from this number on, and those that
    /// the exec would close.
    CloseDescriptors(Option<u32>),
    /// Make the program's process, which only has to become the program. The joiner makes it, and
    /// it is nsx's child.
    ForkSibling,
    /// Join namespaces of a process by its pidfd.
    Join {
        /// The process.
        target: Process,
        /// The kinds of its namespaces.
        kinds: NsSet,
        /// These kinds in the order in which they can be joined one by one, as kernels before 5.8
        /// require.
        one_by_one: Vec<NsKind>,
    },
    /// Join a namespace that a file holds.
    JoinFile(NamespaceFile),
    /// Set how mount events pass, for every mount or for those at and below one path.
    Propagate {
        /// The path; `/` for all.
        at: PathBuf,
        /// The propagation.
        propagation: Propagation,
    },
    /// Receive the mounts that are made outside and pass none back, in a mount namespace that was
    /// just copied.
    KeepMountsApart,
    /// Set the loopback device up.
    LoopbackUp,
    /// Make a bridge in the caller's network namespace.
    MakeBridge(Bridge),
    /// Make a link from the caller's network namespace into the one that is connected.
    MakeLink(Link),
    /// Make a table of nftables in the caller's network namespace.
    MakeTable(Table),
    /// Start a program that connects the network namespace.
    StartUplink(Uplink),
    /// Give that link its addresses and routes inside, and bring the link up.
    SetUpLink(Link),
    /// Set the host name.
    SetHostname(CString),
    /// Set the NIS domain name.
    SetDomainName(CString),
    /// Mount a sysfs that shows the new network namespace, keeping the cgroup file systems below
    /// it.
    MountSys {
        /// Root directory below which `sys` lies, if it is not the caller's own.
        root: Option<PathBuf>,
    },
    /// Mount a file system of the new IPC namespace's POSIX message queues on /dev/mqueue.
    MountQueues {
        /// Root directory below which `dev` lies, if it is not the caller's own.
        root: Option<PathBuf>,
    },
    /// Mount hierarchies of cgroups as the new cgroup namespace shows them.
    MountCgroups {
        /// Root directory below which their mount points lie, if it is not the caller's own.
        root: Option<PathBuf>,
        /// The hierarchies, each with its mount point.
        hierarchies: Vec<Hierarchy>,
    },
    /// Mount a procfs that shows the new PID namespace.
    MountProc {
        /// Root directory below which the mount point lies, if it is not the caller's own.
        root: Option<PathBuf>,
        /// The mount point, an absolute path.
        at: PathBuf,
    },
    /// Mount on /proc a procfs of the PID namespace that was joined, which the process that mounts
    /// it is not in.
    MountJoinedProc,
    /// Mount on /proc the procfs that shows the program, in a copy of the mount namespace that was
    /// joined. Nothing is done if the procfs that is there shows the program too.
    MountOwnProc(OwnProc),
    /// Make a directory a mount point, as a new root must be one.
    BindRoot(PathBuf),
    /// Open the source of a later mount.
    OpenSource(Source),
    /// Open the layers of an overlay, so that its changes can be listed when the program has ended.
    HoldOverlay {
        /// The mount.
        mount: Mount,
        /// The layers, once they are open.
        layers: OnceLock<Layers>,
    },
    /// Mount something that the caller requested.
    Mount {
        /// Root directory below which the mount point lies, if it is not the caller's own.
        root: Option<PathBuf>,
        /// The mount, with its mount point.
        mount: Mount,
        /// `true` if a missing mount point is made, wherever it is.
        makes_place: bool,
    },
    /// Make that directory the root and let go of the old one.
    PivotRoot(PathBuf),
    /// Make a directory the root directory of the program alone; mounts stay as they are.
    Chroot(PathBuf),
    /// Mount a binfmt_misc of the new user namespace.
    MountBinfmt(PathBuf),
    /// Register an interpreter there.
    RegisterBinfmt {
        /// The mount point of binfmt_misc.
        at: PathBuf,
        /// The entry of the interpreter, as binfmt_misc takes it.
        interpreter: CString,
    },
    /// Go into a cgroup.
    JoinCgroup(CgroupFile),
    /// Change to a directory that was opened before as root directory.
    ChangeRoot {
        /// The directory.
        directory: OwnedFd,
        /// The caller's name for the directory; none if the directory is the target's own.
        named: Option<PathBuf>,
        /// `true` if the program stays in the directory that it is in, even if that is outside of
        /// the new root.
        stays: bool,
    },
    /// Change to a directory that was opened before.
    ChangeDirectory {
        /// The directory.
        directory: OwnedFd,
        /// The caller's name for the directory; none if the directory is the target's own.
        named: Option<PathBuf>,
    },
    /// Change to a directory by name.
    SetDirectory(PathBuf),
    /// Look up the home directory of a user in the root directory's /etc/passwd, for HOME if the
    /// environment has none.
    FindHome(u32),
    /// Set these supplementary groups and no others.
    SetGroups(Vec<u32>),
    /// Drop the supplementary groups.
    LeaveGroups {
        /// The consequence if the kernel refuses here, as it refused wherever else this was tried
        /// before.
        denied: GroupsDenied,
        /// The group that the program is in anyway: to have it twice is nothing.
        group: Option<u32>,
    },
    /// Become this group.
    SetGroup(u32),
    /// Become this user.
    SetUser(u32),
    /// Become the effective group of a process, as it is counted here and now.
    SetGroupOf(ProcDirectory),
    /// Become the effective user of a process, likewise.
    SetUserOf(ProcDirectory),
    /// Let the kernel send this signal when nsx ends.
    DieWithParent(Signal),
    /// Leave no capability but these within the program's reach.
    LimitCapabilities(CapabilitySet),
    /// Keep the capabilities when the user changes.
    KeepCapabilities,
    /// Set these capabilities, as far as the process has them, and no others.
    SetCapabilities(CapabilityState),
    /// Set limits of resources.
    SetLimits(Vec<Limit>),
    /// Raise hard limits as far as these, so that they can be set without a right.
    RaiseLimits(Vec<Limit>),
    /// Set the permissions that files made by the program do not get.
    SetUmask(u32),
    /// Set how soon the kernel ends the program if memory is short.
    SetOomScore(i32),
    /// Confine the program with this label of a security module from the exec on.
    SetExecLabel(Label),
    /// Read the filters of system calls that a process has.
    ReadFilters(Process),
    /// Put the filters that were read on the program.
    InstallFilters,
    /// Put a filter of system calls on the program.
    InstallFilter(Filter),
    /// Gain no privilege by any exec.
    NoNewPrivs,
    /// Write down that the child holds the new namespaces.
    WriteRecord(Record),
    /// Write down what a set has now.
    AddToRecord(Addition),
    /// Hold the new namespaces for good, without a program: reap what ends in them, and nothing
    /// else.
    Keep,
    /// Become the program.
    Exec {
        /// Argument vectors, of which the first whose program exists is run.
        programs: Vec<Vec<CString>>,
        /// The environment, `NAME=VALUE` each; the caller's if none is given.
        environment: Option<Vec<CString>>,
    },
    /// Become the user's login shell: that of `SHELL`, else that of the user inside, else
    /// `/bin/sh`.
    LoginShell {
        /// The environment, as for [`Self::Exec`].
        environment: Option<Vec<CString>>,
    },
}

impl Step {
    /// Returns the descriptors that the step uses.
    pub(super) fn descriptors(&self) -> Vec<RawFd> {
        let number = |fd: &dyn AsFd| fd.as_fd().as_raw_fd();
        match self {
            Self::TakeForeground(terminal) => vec![number(terminal)],
            Self::OwnTerminal(pty) => pty.descriptors(),
            Self::Join { target, .. } | Self::ReadFilters(target) => vec![number(target)],
            Self::JoinFile(file) => vec![number(&*file.ns)],
            Self::MakeLink(Link {
                kind: LinkKind::Cable { to, .. },
                ..
            }) => vec![number(&*to.ns)],
            Self::MountOwnProc(own) => own.detached().map(|fd| number(fd)).into_iter().collect(),
            Self::JoinCgroup(cgroup) => {
                let directory = cgroup.directory.as_ref().map(|fd| number(fd));
                directory
                    .into_iter()
                    .chain([number(&cgroup.file)])
                    .collect()
            }
            Self::ChangeRoot { directory, .. } | Self::ChangeDirectory { directory, .. } => {
                vec![number(directory)]
            }
            Self::SetGroupOf(process) | Self::SetUserOf(process) => vec![number(process)],
            _ => Vec::new(),
        }
    }

    /// Returns the step that sets supplementary groups, each once and in the order in which the
    /// kernel shows them. The kernel keeps repetitions, and runtimes drop them.
    pub(super) fn groups(groups: &[u32]) -> Self {
        let mut groups = groups.to_vec();
        groups.sort_unstable();
        groups.dedup();
        Self::SetGroups(groups)
    }
}
