//! A request to enter namespaces, in terms of namespaces.

use super::{Guard, OwnProc, View};
use crate::{
    ns::NsSet,
    pid::Process,
    plan::{Confinement, NamespaceFile, ProcDirectory},
    pty::Pty,
};
use rustix::fd::OwnedFd;
use std::{ffi::CString, path::PathBuf, sync::Arc};

/// A request to enter. Whatever lies in the caller's view (files, directories, cgroups) is open
/// already.
#[derive(Debug, Default)]
pub struct Request {
    /// The process whose namespaces are joined. None if every namespace comes from a file.
    pub target: Option<Process>,
    /// The kinds of its namespaces that are joined. Kinds that the kernel lacks and namespaces that
    /// the caller is in already are left out, so [`NsSet::ALL`] enters a container that shares
    /// some with its host; see `exactly`.
    pub kinds: NsSet,
    /// `true` if `kinds` are joined as they stand. The kernel answers `EINVAL` to a process that
    /// joins the user namespace that it is in, and then joins none of them.
    pub exactly: bool,
    /// Namespaces that are joined by themselves; a kind that is here is not taken from the target.
    pub files: Vec<NamespaceFile>,
    /// Measures that protect nsx from a hostile target.
    pub guard: Guard,
    /// Differences between what the program and its caller see, though the program keeps the
    /// caller's files.
    pub view: View,
    /// The procfs that /proc shows in the target's mounts, if /proc is not to be left as it is.
    pub own_proc: Option<OwnProc>,
    /// The root directory; the one that the namespaces give if there is none.
    pub root: Option<Directory>,
    /// The directory in which the program starts; the one that the namespaces give if there is
    /// none.
    pub directory: Option<Directory>,
    /// The program's user id, as the user namespace counts that it is in then; the caller's if
    /// there is none.
    pub uid: Option<u32>,
    /// The program's group id, likewise.
    pub gid: Option<u32>,
    /// `true` if the program is user 0 and group 0 of the joined user namespace, when `uid` and
    /// `gid` name none and user 0 and group 0 are mapped.
    pub root_if_mapped: bool,
    /// A process whose effective user the program runs as, if `uid` names none.
    pub uid_of: Option<ProcDirectory>,
    /// A process whose effective group the program is in, if `gid` names none.
    pub gid_of: Option<ProcDirectory>,
    /// The program's supplementary groups.
    pub groups: Groups,
    /// Cgroup directories that the program is put into, one for each hierarchy.
    pub cgroups: Vec<CgroupFile>,
    /// `true` if the program is not run when it may not join the cgroups, as an ordinary user often
    /// may not.
    pub cgroups_required: bool,
    /// Restrictions on the program beside its ids; if empty, the restrictions on the caller.
    pub confinement: Confinement,
    /// A terminal of the program's own; it has its caller's if there is none. nsx waits for a
    /// program that has one.
    pub terminal: Option<Pty>,
    /// The rule for whether and how nsx waits for the program.
    pub wait: Wait,
    /// The program's environment, `NAME=VALUE` each; the caller's if there is none.
    pub environment: Option<Vec<CString>>,
    /// The program to run.
    pub program: Program,
}

/// A root directory or working directory of the program.
#[derive(Debug)]
pub enum Directory {
    /// An open directory, with the caller's name for the directory unless it is the target's own.
    Opened(OwnedFd, Option<PathBuf>),
    /// By name, once the namespaces are joined and the root directory is changed.
    Inside(PathBuf),
    /// A directory by name, as in [`Directory::Inside`]; the root directory if that directory does
    /// not exist.
    InsideOrRoot(PathBuf),
    /// The directory that the program is in when the namespaces are joined, though that may lie
    /// outside of the new root.
    Stay,
}

/// The supplementary groups of the program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Groups {
    /// The caller's.
    #[default]
    Keep,
    /// None, left in the caller's user namespace or in the one that is joined: either may deny
    /// that.
    Drop {
        /// `true` if the program is not run when the groups cannot be dropped.
        required: bool,
    },
    /// None. If neither the caller's user namespace nor the one that is joined lets them be
    /// left, the program is not run.
    MustDrop,
    /// None, if the user namespace lets them be left that the program is in then.
    TryDrop,
    /// These, as the user namespace counts that the program is in then.
    Are(Vec<u32>),
}

/// A way into a cgroup.
#[derive(Clone, Debug)]
pub struct CgroupFile {
    /// The file to which a process that joins is written, as the caller names it.
    pub path: PathBuf,
    /// The file at `path`, open for writing.
    pub file: Arc<OwnedFd>,
    /// The open directory, of a cgroup of version 2: a child can be born there.
    pub directory: Option<Arc<OwnedFd>>,
}

/// The rule for whether nsx waits for the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wait {
    /// nsx becomes the program, even if that leaves it outside of the PID namespace that is joined.
    Never,
    /// nsx waits if a PID namespace is joined, which only a child can enter, and passes every
    /// signal on. Otherwise nsx becomes the program.
    AsNeeded {
        /// `true` if the program is killed when nsx is killed.
        ties: bool,
    },
}

impl Default for Wait {
    fn default() -> Self {
        Self::AsNeeded { ties: true }
    }
}

/// The program to run.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Program {
    /// Argument vectors, of which the first whose program exists is run.
    First(Vec<Vec<CString>>),
    /// The user's login shell.
    LoginShell,
}

impl Default for Program {
    fn default() -> Self {
        Self::First(Vec::new())
    }
}
