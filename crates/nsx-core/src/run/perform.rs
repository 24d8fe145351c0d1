//! Each step that one process takes alone, as the system calls it stands for.

use super::{
    capabilities, inherited::Inherited, join, mounter::Mounter, mounts, network, ready::Ready, seal,
};
use crate::{
    accounts::Accounts,
    idmap::{IdKind, IdMap},
    ns::Namespace,
    pid::Pid,
    plan::{
        Filter, GroupsDenied, Label, Limit, ProcDirectory, Propagation, Signals, Step,
        helper_arguments,
    },
    proc::{Credentials, ProcRoot},
    seccomp::filters,
    sys::{self, process::SingleThread},
    trouble,
};
use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{CWD, Gid, Mode, OFlags, Uid},
    io::Errno,
    mount::MountPropagationFlags,
    process::DumpableBehavior,
    process::Rlimit,
};
use std::{
    cell::{Cell, OnceCell, Ref, RefCell},
    ffi::CString,
    fs::File,
    io::Read,
    path::Path,
};

/// The flags to open a directory that paths start from.
const START: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// The means with which steps are taken.
pub(super) struct Performer<'a> {
    /// The proof that steps may fork, and may change the environment.
    pub(super) thread: SingleThread,
    /// The signal settings that the process had before it held signals back.
    inherited: OnceCell<Inherited>,
    /// The caller's procfs, if there is one.
    pub(super) proc: Option<&'a ProcRoot>,
    /// nsx's own directory in it, whichever process uses it; opened by nsx, when a step or an
    /// outside first needs it.
    nsx: OnceCell<OwnedFd>,
    /// nsx's id in the caller's PID namespace.
    pub(super) nsx_pid: Pid,
    /// The state that the mounting steps share.
    mounter: RefCell<Mounter>,
    /// The filters of system calls that were read.
    filters: RefCell<Vec<Filter>>,
    /// The variable HOME of the program, once it is looked up.
    home: Cell<Option<CString>>,
    /// `true` if a step has left the supplementary groups.
    groups_left: Cell<bool>,
    /// The directory of the process's own descriptors, once it is opened.
    descriptors: Cell<Option<OwnedFd>>,
}

impl<'a> Performer<'a> {
    pub(super) fn new(proc: Option<&'a ProcRoot>, thread: SingleThread) -> Self {
        Self {
            thread,
            inherited: OnceCell::new(),
            proc,
            nsx: OnceCell::new(),
            nsx_pid: rustix::process::getpid(),
            mounter: RefCell::default(),
            filters: RefCell::default(),
            home: Cell::default(),
            groups_left: Cell::new(false),
            descriptors: Cell::default(),
        }
    }

    /// Holds signals back while nsx waits, as `rule` requires. Returns the settings before.
    pub(super) fn hold_signals_back(&self, rule: Signals) -> Result<&Inherited, Errno> {
        let inherited = Inherited::take(rule)?;
        Ok(self.inherited.get_or_init(|| inherited))
    }

    /// Gives this process back the signal settings that it had, after a failure.
    pub(super) fn restore_signals(&self) {
        let _ = self.inherited.get().map(Inherited::restore);
    }

    /// Opens what closing the descriptors of this process takes, before its user changes.
    pub(super) fn open_descriptors(&self) {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = self
            .proc
            .and_then(|proc| rustix::fs::openat(proc, "self/fd", flags, Mode::empty()).ok());
        self.descriptors.set(opened);
    }

    /// Returns the filters that were read.
    pub(super) fn filters(&self) -> Ref<'_, Vec<Filter>> {
        self.filters.borrow()
    }

    /// nsx's own directory. nsx must have opened it before another process uses it.
    pub(super) fn nsx(&self) -> Result<&OwnedFd, Errno> {
        if self.nsx.get().is_none() {
            let opened =
                rustix::fs::openat(self.proc.ok_or(Errno::NOENT)?, "self", START, Mode::empty())?;
            let _ = self.nsx.set(opened);
        }
        self.nsx.get().ok_or(Errno::NOENT)
    }

    /// Opens nsx's network namespace, which is the new one if the plan creates one.
    pub(super) fn network(&self) -> Result<Namespace, Errno> {
        Namespace::open(self.nsx()?, "ns/net")
    }

    /// Takes a step. Those that fork are the walk's own, and `EINVAL` here.
    pub(super) fn perform(&self, step: &Step) -> Result<(), Errno> {
        match step {
            Step::Seal => seal::seal(),
            Step::KeepDescriptors(count) => sys::descriptor::close_at_exec(*count),
            Step::Conceal => rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable),
            Step::Unshare(kinds) => sys::process::unshare(kinds.flags()),
            Step::WriteIdMap { ids, map } => self.write(ids.file(), &map.to_string()),
            Step::RunIdMapHelper { ids, map, .. } => self.run_id_map_helper(*ids, map),
            Step::WriteSetgroups(rule) => self.write("setgroups", rule.word()),
            Step::SetClock(offset) => self.write("timens_offsets", &offset.to_string()),
            // An outside alone keeps a journal of these.
            Step::Pin(_)
            | Step::MakeBridge(_)
            | Step::MakeLink(_)
            | Step::MakeTable(_)
            | Step::StartUplink(_)
            | Step::WriteRecord(_)
            | Step::AddToRecord(_) => Err(Errno::INVAL),
            Step::Keep
            | Step::Fork { .. }
            | Step::ForkJoiner
            | Step::ForkSibling
            | Step::StayAsInit
            | Step::OwnTerminal(_)
            | Step::TakeForeground(_) => Err(Errno::INVAL),
            Step::CloseDescriptors(from) => {
                sys::descriptor::close_now(*from, self.descriptors.take())
            }
            Step::Join {
                target,
                kinds,
                one_by_one,
            } => join::process(target, *kinds, one_by_one, self.proc),
            Step::JoinFile(file) => {
                rustix::thread::move_into_link_name_space(file.ns.as_fd(), None)
            }
            Step::Propagate { at, propagation } => propagate(at, *propagation),
            Step::KeepMountsApart => mounts::keep_apart(self.proc.ok_or(Errno::NOENT)?),
            Step::LoopbackUp => sys::net::loopback_up(),
            Step::SetUpLink(link) => network::set_up(link),
            Step::SetHostname(name) => rustix::system::sethostname(name.as_bytes()),
            Step::SetDomainName(name) => rustix::system::setdomainname(name.as_bytes()),
            Step::MountSys { root } => {
                let mount_point = self
                    .mounter
                    .borrow()
                    .directory(root.as_deref(), Path::new("/sys"))?;
                mounts::sysfs(&mount_point, root.as_deref())
            }
            Step::MountQueues { root } => {
                let mount_point = self
                    .mounter
                    .borrow()
                    .directory(root.as_deref(), Path::new("/dev/mqueue"))?;
                mounts::queues(&mount_point)
            }
            Step::MountCgroups { root, hierarchies } => self
                .mounter
                .borrow_mut()
                .cgroups(root.as_deref(), hierarchies),
            // By name: after a chroot there may be no procfs yet to reach a descriptor through.
            Step::MountProc { root: None, at } => mounts::procfs(at),
            Step::MountProc { root, at } => {
                let mount_point = self.mounter.borrow().directory(root.as_deref(), at)?;
                mounts::procfs(mounts::path_of(&mount_point))
            }
            Step::MountJoinedProc => mounts::joined_procfs(self.proc.ok_or(Errno::NOENT)?),
            Step::MountOwnProc(own) => {
                mounts::own_procfs(own.detached(), self.proc.ok_or(Errno::NOENT)?)
            }
            Step::BindRoot(root) => rustix::mount::mount_bind_recursive(root, root),
            Step::OpenSource(source) => self.mounter.borrow_mut().open(source),
            Step::HoldOverlay { mount, layers } => {
                let held = self.mounter.borrow_mut().hold(mount)?;
                layers.set(held).map_err(|_| Errno::INVAL)
            }
            Step::Mount {
                root,
                mount,
                makes_place,
            } => self
                .mounter
                .borrow_mut()
                .mount(root.as_deref(), mount, *makes_place, self.proc),
            Step::PivotRoot(root) => mounts::pivot_root(root),
            Step::Chroot(root) => rustix::process::chroot(root),
            Step::MountBinfmt(at) => mounts::binfmt(at),
            Step::RegisterBinfmt { at, interpreter } => {
                let flags = OFlags::WRONLY | OFlags::CLOEXEC;
                let register = rustix::fs::openat(CWD, at.join("register"), flags, Mode::empty())?;
                rustix::io::write(&register, interpreter.as_bytes()).map(drop)
            }
            Step::JoinCgroup(cgroup) => rustix::io::write(&cgroup.file, b"0").map(drop),
            Step::ChangeRoot {
                directory, stays, ..
            } => {
                let here = stays
                    .then(|| rustix::fs::openat(CWD, ".", START, Mode::empty()))
                    .transpose()?;
                rustix::process::fchdir(directory)?;
                rustix::process::chroot(".")?;
                here.map_or_else(|| rustix::process::chdir("/"), rustix::process::fchdir)
            }
            Step::ChangeDirectory { directory, .. } => rustix::process::fchdir(directory),
            Step::SetDirectory(directory) => set_directory(directory),
            Step::FindHome(user) => self.find_home(*user),
            Step::SetGroups(groups) => {
                let groups: Vec<_> = groups.iter().copied().map(Gid::from_raw).collect();
                rustix::thread::set_thread_groups(&groups)
            }
            Step::LeaveGroups { denied, group } => self.leave_groups(*denied, *group),
            Step::SetGroup(gid) => rustix::thread::set_thread_gid(Gid::from_raw(*gid)),
            Step::SetUser(uid) => rustix::thread::set_thread_uid(Uid::from_raw(*uid)),
            Step::SetGroupOf(process) => {
                rustix::thread::set_thread_gid(Gid::from_raw(effective_ids(process)?.1))
            }
            Step::SetUserOf(process) => {
                rustix::thread::set_thread_uid(Uid::from_raw(effective_ids(process)?.0))
            }
            Step::DieWithParent(signal) => sys::process::set_death_signal(*signal),
            Step::LimitCapabilities(to) => capabilities::bound(*to),
            Step::KeepCapabilities => rustix::thread::set_keep_capabilities(true),
            Step::SetCapabilities(state) => capabilities::set(state),
            Step::SetLimits(limits) => limits.iter().try_for_each(
                |Limit {
                     resource,
                     soft,
                     hard,
                 }| {
                    rustix::process::setrlimit(
                        *resource,
                        Rlimit {
                            current: *soft,
                            maximum: *hard,
                        },
                    )
                },
            ),
            Step::RaiseLimits(limits) => limits.iter().try_for_each(raise),
            Step::SetUmask(umask) => {
                rustix::process::umask(Mode::from_raw_mode(*umask));
                Ok(())
            }
            Step::SetOomScore(score) => {
                self.write_own("oom_score_adj", score.to_string().as_bytes())
            }
            Step::SetExecLabel(label) => self.set_exec_label(label),
            Step::ReadFilters(target) => {
                filters::read(target, self.thread).map(|read| *self.filters.borrow_mut() = read)
            }
            Step::InstallFilters => {
                capabilities::bring_into_force()?;
                filters::install(&self.filters.borrow())
            }
            Step::InstallFilter(filter) => {
                capabilities::bring_into_force()?;
                filters::install(std::slice::from_ref(filter))
            }
            Step::NoNewPrivs => rustix::thread::set_no_new_privs(true),
            Step::Exec { .. } | Step::LoginShell { .. } => {
                Err(Ready::of(step, self.home.take(), self.thread)
                    .ok_or(Errno::INVAL)?
                    .execute())
            }
        }
    }

    /// Looks up a home directory in the files that the program sees. A user without one has `/`.
    fn find_home(&self, user: u32) -> Result<(), Errno> {
        let root = rustix::fs::openat(CWD, c"/", START, Mode::empty())?;
        let user = Accounts::read(&root)
            .ok()
            .and_then(|accounts| accounts.user_by_id(user));
        let home = user.map_or_else(|| b"/".to_vec(), |user| user.home);
        self.home
            .set(CString::new([b"HOME=", home.as_slice()].concat()).ok());
        Ok(())
    }

    fn leave_groups(&self, denied: GroupsDenied, group: Option<u32>) -> Result<(), Errno> {
        let outcome = rustix::thread::set_thread_groups(&[]);
        self.groups_left
            .set(self.groups_left.get() || outcome.is_ok());
        let goes_on = self.groups_left.get()
            || match denied {
                GroupsDenied::Keep => true,
                GroupsDenied::Fail => rustix::process::getgroups()?
                    .into_iter()
                    .all(|own| Some(own.as_raw()) == group),
                GroupsDenied::FailAlways => false,
            };
        if goes_on { Ok(()) } else { outcome }
    }

    /// Writes one of nsx's own files in one call, as the kernel requires for id maps.
    fn write(&self, file: &str, text: &str) -> Result<(), Errno> {
        if self.proc.is_none() && rustix::process::getpid() == self.nsx_pid {
            return self.write_own(file, text.as_bytes());
        }
        let fd = rustix::fs::openat(
            self.nsx()?,
            file,
            OFlags::WRONLY | OFlags::CLOEXEC,
            Mode::empty(),
        )?;
        rustix::io::write(&fd, text.as_bytes()).map(drop)
    }

    /// Writes a file of the process that takes the step, in the caller's procfs, whatever it has
    /// joined. Without that procfs at hand, it is the one on /proc.
    fn write_own(&self, file: &str, text: &[u8]) -> Result<(), Errno> {
        let flags = OFlags::WRONLY | OFlags::CLOEXEC;
        let fd = match self.proc {
            Some(proc) => rustix::fs::openat(proc, format!("self/{file}"), flags, Mode::empty())?,
            None => rustix::fs::openat(CWD, format!("/proc/self/{file}"), flags, Mode::empty())?,
        };
        rustix::io::write(&fd, text).map(drop)
    }

    fn set_exec_label(&self, label: &Label) -> Result<(), Errno> {
        let mut outcome = Err(Errno::NOENT);
        for file in label.files() {
            outcome = self.write_own(file, &label.request());
            if outcome != Err(Errno::NOENT) {
                break;
            }
        }
        outcome
    }

    /// Maps nsx's ids with the program that may map them. That program complains on standard error;
    /// `EPERM` here.
    fn run_id_map_helper(&self, ids: IdKind, map: &IdMap) -> Result<(), Errno> {
        let mut command = std::process::Command::new(ids.helper());
        command
            .arg(self.nsx_pid.to_string())
            .args(helper_arguments(map))
            .stdin(std::process::Stdio::null());
        match command.status() {
            Ok(status) if status.success() => Ok(()),
            Ok(_) => Err(Errno::PERM),
            Err(error) => Err(trouble::errno_of(&error)),
        }
    }
}

/// Returns the effective user and group of a process, in the user namespace that this one is in
/// now. The kernel translates them for the process that opens the file. The owner of the directory
/// would be root if the process hides (`PR_SET_DUMPABLE`).
fn effective_ids(process: &ProcDirectory) -> Result<(u32, u32), Errno> {
    let file = rustix::fs::openat(
        process,
        "status",
        OFlags::RDONLY | OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    let mut text = Vec::new();
    File::from(file)
        .read_to_end(&mut text)
        .map_err(|error| trouble::errno_of(&error))?;
    let credentials = Credentials::parse(&text).map_err(|_| Errno::SRCH)?;
    Ok((credentials.uid(), credentials.gid()))
}

/// Changes to a directory, and leaves it again if it is not below the root directory.
///
/// The target can put a link to `/proc/self/fd/7` at the end of any path. The link leads to what
/// this process has open, which may be a directory of the host (CVE-2024-21626). The kernel writes
/// `(unreachable)` in front of such a directory, see `getcwd(3)`.
///
/// # Errors
/// `EXDEV` if the directory is not below the root directory; the errno of `chdir(2)` or
/// `getcwd(2)`.
fn set_directory(directory: &Path) -> Result<(), Errno> {
    rustix::process::chdir(directory)?;
    let led_out = match rustix::process::getcwd(Vec::new()) {
        Ok(here) if here.to_bytes().starts_with(b"/") => return Ok(()),
        // The C library answers ENOENT for an unreachable directory.
        Ok(_) | Err(Errno::NOENT) => Errno::XDEV,
        Err(errno) => errno,
    };
    rustix::process::chdir("/")?;
    Err(led_out)
}

/// Raises the hard limit of a resource as far as a limit to come.
fn raise(limit: &Limit) -> Result<(), Errno> {
    let own = rustix::process::getrlimit(limit.resource);
    match (limit.hard, own.maximum) {
        (_, None) => Ok(()),
        (Some(wanted), Some(own)) if wanted <= own => Ok(()),
        (maximum, _) => rustix::process::setrlimit(limit.resource, Rlimit { maximum, ..own }),
    }
}

fn propagate(at: &Path, propagation: Propagation) -> Result<(), Errno> {
    let flag = match propagation {
        Propagation::Private => MountPropagationFlags::PRIVATE,
        Propagation::Shared => MountPropagationFlags::SHARED,
        Propagation::Slave => MountPropagationFlags::DOWNSTREAM,
        Propagation::Unchanged => return Ok(()),
    };
    rustix::mount::mount_change(at, flag | MountPropagationFlags::REC)
}
