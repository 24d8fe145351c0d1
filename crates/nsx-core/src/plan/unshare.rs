//! From a request for new namespaces to a plan.
//!
//! The order, and why: all namespaces at once, so that the new user namespace owns the others; id maps before anything
//! that needs a user; the fork before anything that belongs to the program alone; what is mounted before the old root is
//! let go, since it is bound from there, and since a user namespace may mount a procfs only where it sees another whole;
//! everything that is bound held before the first mount, so that none hides what another shows; ids as late as can be,
//! because the steps before need privilege; and the tie to nsx's life after them, because a change of ids cuts it.

use super::{Actor, Caller, ClockOffset, Mount, NamespaceFile, Pin, Plan, PlanError, Propagation, Signals, Step, Task};
use crate::{
    idmap::{IdKind, IdMap, Setgroups},
    ns::{NsKind, NsSet},
    sys::signal::Signal,
};
use rustix::thread::CapabilitySet;
use std::{
    ffi::CString,
    path::{Path, PathBuf},
};

/// The most bytes of a host name, see `sethostname(2)`.
const HOST_NAME_MAX: usize = 64;

/// What is wanted, in the words of namespaces. Nothing is implied: who fills it in has settled the defaults.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Kinds of new namespaces.
    pub kinds: NsSet,
    /// Namespaces to join before the new ones are made.
    pub joins: Vec<NamespaceFile>,
    /// The user and group that own the new user namespace, where they are not the caller's. The program runs as they.
    pub owner: Option<(u32, u32)>,
    /// The new user namespace's users.
    pub users: Option<IdMap>,
    /// The new user namespace's groups.
    pub groups: Option<IdMap>,
    /// Whether groups may be set in the new user namespace; as the maps need it where none is given.
    pub setgroups: Option<Setgroups>,
    /// Offsets of the new time namespace's clocks.
    pub clocks: Vec<ClockOffset>,
    /// Files that keep the new namespaces when their processes are gone.
    pub pins: Vec<Pin>,
    /// How mount events pass.
    pub propagation: Propagation,
    /// Whether nsx stays and waits, and a child becomes the program.
    pub fork: bool,
    /// Whether nsx is PID 1 of the new PID namespace, and the program its child; needs `fork`.
    pub init: bool,
    /// What nsx does about signals while it waits.
    pub signals: Signals,
    /// The signal that the program gets when nsx ends; needs `fork`.
    pub kill_child: Option<Signal>,
    /// What is mounted, in this order, on places below the new root.
    pub mounts: Vec<Mount>,
    /// Set the loopback device up.
    pub loopback: bool,
    /// Mount a sysfs of the new network namespace on /sys, where the kernel allows it.
    pub mount_sys: bool,
    /// Where to mount a procfs of the new PID namespace: an absolute path below the new root.
    pub mount_proc: Option<PathBuf>,
    /// What is mounted may be seen outside, where mounts are shared and its place is no mount point that could be cut off.
    pub mounts_may_leak: bool,
    /// Where to mount a binfmt_misc of the new user namespace.
    pub mount_binfmt: Option<PathBuf>,
    /// An interpreter to register there, as binfmt_misc takes it; needs `mount_binfmt`.
    pub interpreter: Option<CString>,
    /// The new host name.
    pub hostname: Option<CString>,
    /// The new NIS domain name.
    pub domain_name: Option<CString>,
    /// The new root directory; the old one is let go.
    pub root: Option<PathBuf>,
    /// The new root directory, as `chroot(2)` has it: entered before anything is mounted.
    pub chroot: Option<PathBuf>,
    /// A directory to change to before anything is mounted, from which the places of mounts are named.
    pub mount_from: Option<PathBuf>,
    /// The directory in which the program starts, below the new root.
    pub directory: Option<PathBuf>,
    /// The program's user id, in the new user namespace.
    pub uid: Option<u32>,
    /// The program's group id, likewise; its supplementary groups are then those named next.
    pub gid: Option<u32>,
    /// The program's supplementary groups, likewise.
    pub supplementary_groups: Vec<u32>,
    /// Fail where setgroups is denied and they cannot be dropped.
    pub groups_must_go: bool,
    /// What becomes of the caller's capabilities.
    pub capabilities: Capabilities,
    /// Whether the program can gain no privilege by an exec, see `no_new_privs` in `prctl(2)`.
    pub no_new_privs: bool,
    /// The program's environment, `NAME=VALUE` each; the caller's where none is given.
    pub environment: Option<Vec<CString>>,
    /// Argument vectors, of which the first whose program exists is run; the user's login shell where there is none.
    pub programs: Vec<Vec<CString>>,
}

/// What becomes of the capabilities on the way to the program, see `capabilities(7)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Capabilities {
    /// What the kernel makes of them.
    #[default]
    Inherit,
    /// The program has all that the new user namespace gave, whoever it runs as.
    Keep,
    /// The program and all that comes after it have at most these; where `ambient`, it has them whoever it runs as.
    Limit {
        /// Which.
        to: CapabilitySet,
        /// Whether they outlive a change of the user.
        ambient: bool,
    },
}

/// The plan of a request.
///
/// # Errors
/// [`PlanError`] where it can be known before the first step that the kernel would refuse one.
pub fn plan(request: Request, caller: &Caller) -> Result<Plan, PlanError> {
    if let Some(kind) = request.kinds.iter().find(|&kind| !caller.kinds.contains(kind)) {
        return Err(PlanError::NoSuchKind(kind));
    }
    let mut plan = Plan::default();
    let mut joins = request.joins.clone();
    // What a user namespace's root may, it may only once it is joined; and who has joined a mount namespace sees its files.
    joins.sort_by_key(|file| match file.kind() {
        NsKind::User => 0,
        NsKind::Mnt => 2,
        _ => 1,
    });
    for file in joins {
        plan.push(Actor::Nsx, Step::JoinFile(file));
    }
    let owner = push_owner(&mut plan, &request, caller);
    if !request.kinds.is_empty() {
        plan.push(Actor::Nsx, Step::Unshare(request.kinds));
    }
    push_id_maps(&mut plan, &request, &owner)?;
    for offset in &request.clocks {
        plan.push(owner.writer, Step::SetClock(*offset));
    }
    // A new PID namespace is nobody's until the fork. Until then, a mount namespace that cannot be pinned can be replaced.
    let pins = |plan: &mut Plan, pid: bool| {
        for pin in request.pins.iter().filter(|pin| (pin.kind == NsKind::Pid) == pid) {
            plan.push(Actor::Outside, Step::Pin(pin.clone()));
        }
    };
    pins(&mut plan, false);
    if request.fork {
        let init = request.kinds.contains(NsKind::Pid);
        plan.push(Actor::Nsx, Step::Fork { init, signals: request.signals });
    }
    pins(&mut plan, true);
    push_mounts_and_names(&mut plan, &request)?;
    push_ids_and_capabilities(&mut plan, &request);
    if let Some(signal) = request.kill_child.filter(|_| request.fork) {
        plan.push(Actor::Inside, Step::DieWithParent(signal));
    }
    if request.fork && request.init {
        plan.push(Actor::Inside, Step::StayAsInit);
    }
    let Request { programs, environment, .. } = request;
    plan.push(
        Actor::Inside,
        match programs.is_empty() {
            true => Step::LoginShell { environment },
            false => Step::Exec { programs, environment },
        },
    );
    Ok(plan)
}

/// Who creates the user namespace, and so owns it.
struct Owner<'a> {
    uid: u32,
    gid: u32,
    caller: &'a Caller,
    /// Who writes what nsx would write of itself: the kernel takes its files in /proc away from it where it was root and
    /// became someone else.
    writer: Actor,
}

/// Becomes the owner that is asked for, unless that changes nothing.
fn push_owner<'a>(plan: &mut Plan, request: &Request, caller: &'a Caller) -> Owner<'a> {
    let own = (caller.uid, caller.gid);
    let privileged = caller.can(CapabilitySet::SETUID | CapabilitySet::SETGID);
    let (uid, gid) = request.owner.unwrap_or(own);
    let mut writer = Actor::Nsx;
    if request.owner.is_some() && (privileged || (uid, gid) != own) {
        plan.push(Actor::Nsx, Step::SetGroups(Vec::new()));
        plan.push(Actor::Nsx, Step::SetGroup(gid));
        plan.push(Actor::Nsx, Step::SetUser(uid));
        writer = Actor::Outside;
    }
    Owner { uid, gid, caller, writer }
}

fn push_ids_and_capabilities(plan: &mut Plan, request: &Request) {
    if let Capabilities::Limit { to, .. } = request.capabilities {
        plan.push(Actor::Inside, Step::LimitCapabilities(to));
    }
    let outlives = match request.capabilities {
        Capabilities::Inherit => None,
        Capabilities::Keep => Some((CapabilitySet::all(), true)),
        Capabilities::Limit { to, ambient } => Some((to, ambient)),
    };
    if outlives.is_some() && request.uid.is_some() {
        plan.push(Actor::Inside, Step::KeepCapabilities);
    }
    if let Some(gid) = request.gid {
        // Where the kernel was just told to deny it, it denies it, and in a user namespace that is joined it may: so be it,
        // unless there are groups to be set.
        let denied = plan.0.iter().any(|task| matches!(task.step, Step::WriteSetgroups(Setgroups::Deny)));
        let joined = request.joins.iter().any(|file| file.kind() == NsKind::User);
        let groups = Step::SetGroups(request.supplementary_groups.clone());
        match request.supplementary_groups.is_empty() {
            true if denied && !request.groups_must_go => {}
            true if joined => plan.push_optional(Actor::Inside, groups),
            _ => plan.push(Actor::Inside, groups),
        }
        plan.push(Actor::Inside, Step::SetGroup(gid));
    }
    if let Some(uid) = request.uid {
        plan.push(Actor::Inside, Step::SetUser(uid));
    }
    if let Some((set, ambient)) = outlives {
        plan.push(Actor::Inside, Step::SetCapabilities { set, ambient });
    }
    if request.no_new_privs {
        plan.push(Actor::Inside, Step::NoNewPrivs);
    }
}

fn push_id_maps(plan: &mut Plan, request: &Request, owner: &Owner<'_>) -> Result<(), PlanError> {
    // Who creates a user namespace may map its own ids there. Ranges are written by someone left outside, who has the
    // privilege or runs a program that has it.
    let Owner { caller, writer, .. } = *owner;
    let own_user = request.users.as_ref().is_none_or(|map| map.is_single(owner.uid));
    let own_group = request.groups.as_ref().is_none_or(|map| map.is_single(owner.gid));
    let by_nsx = writer == Actor::Nsx;
    // The kernel lets a process map its own group only once setgroups is denied; a privileged outside need not.
    let keep_setgroups = request.setgroups == Some(Setgroups::Allow) && request.groups.is_some();
    if keep_setgroups && own_group && !caller.can(CapabilitySet::SETGID) {
        return Err(PlanError::SetgroupsAllowed);
    }
    let denied =
        request.setgroups == Some(Setgroups::Deny) || (own_group && request.groups.is_some() && !keep_setgroups);

    if let Some(map) = &request.users {
        plan.push_id_map(IdKind::User, map, own_user && by_nsx, caller.can(CapabilitySet::SETUID));
    }
    if denied || (request.setgroups.is_some() && request.groups.is_none()) {
        let rule = if denied { Setgroups::Deny } else { Setgroups::Allow };
        plan.push(writer, Step::WriteSetgroups(rule));
    }
    if let Some(map) = &request.groups {
        plan.push_id_map(IdKind::Group, map, own_group && !keep_setgroups && by_nsx, caller.can(CapabilitySet::SETGID));
    }
    Ok(())
}

impl Plan {
    fn push_id_map(&mut self, ids: IdKind, map: &IdMap, by_nsx: bool, privileged: bool) {
        let map = map.clone();
        match (by_nsx, privileged) {
            (true, _) => self.push(Actor::Nsx, Step::WriteIdMap { ids, map }),
            (false, true) => self.push(Actor::Outside, Step::WriteIdMap { ids, map }),
            (false, false) => self.push(Actor::Outside, Step::RunIdMapHelper { ids, map }),
        }
    }
}

fn push_mounts_and_names(plan: &mut Plan, request: &Request) -> Result<(), PlanError> {
    let private = matches!(request.propagation, Propagation::Private | Propagation::Slave);
    if request.kinds.contains(NsKind::Mnt) && request.propagation != Propagation::Unchanged {
        let everywhere = Step::Propagate { at: "/".into(), propagation: request.propagation };
        plan.push(Actor::Inside, everywhere);
    }
    if request.loopback {
        plan.push(Actor::Inside, Step::LoopbackUp);
    }
    if let Some(name) = &request.hostname {
        let bytes = name.as_bytes().len();
        if bytes > HOST_NAME_MAX {
            return Err(PlanError::HostnameTooLong(bytes));
        }
        plan.push(Actor::Inside, Step::SetHostname(name.clone()));
    }
    if let Some(name) = &request.domain_name {
        plan.push(Actor::Inside, Step::SetDomainName(name.clone()));
    }
    push_chroot(plan, request);
    if let Some(root) = &request.root {
        if !private {
            return Err(PlanError::RootPropagation);
        }
        plan.push(Actor::Inside, Step::BindRoot(root.clone()));
    }
    push_mounts(plan, request, private)?;
    // What is mounted where mounts are shared would be seen outside: the place is cut off first.
    let cut_off = |plan: &mut Plan, at: &Path| {
        if !private && request.chroot.is_none() {
            let step = Step::Propagate { at: at.to_owned(), propagation: Propagation::Private };
            plan.0.push(Task { actor: Actor::Inside, step, optional: request.mounts_may_leak });
        }
    };
    if request.mount_sys {
        cut_off(plan, Path::new("/sys"));
        plan.push_optional(Actor::Inside, Step::MountSys { root: request.root.clone() });
    }
    if let Some(at) = &request.mount_proc {
        cut_off(plan, at);
        plan.push(Actor::Inside, Step::MountProc { root: request.root.clone(), at: at.clone() });
    }
    if let Some(root) = &request.root {
        plan.push(Actor::Inside, Step::PivotRoot(root.clone()));
    }
    if let Some(at) = &request.mount_binfmt {
        plan.push(Actor::Inside, Step::MountBinfmt(at.clone()));
        if let Some(interpreter) = request.interpreter.clone().filter(|_| !registers_outside(request)) {
            plan.push(Actor::Inside, Step::RegisterBinfmt { at: at.clone(), interpreter });
        }
    }
    if let Some(directory) = &request.directory {
        plan.push(Actor::Inside, Step::SetDirectory(directory.clone()));
    }
    Ok(())
}

fn push_mounts(plan: &mut Plan, request: &Request, private: bool) -> Result<(), PlanError> {
    if !request.mounts.is_empty() && !private {
        return Err(PlanError::MountPropagation);
    }
    if request.root.is_none() && request.mounts.iter().any(|mount| mount.at == Path::new("/")) {
        return Err(PlanError::MountOnRoot);
    }
    for source in request.mounts.iter().flat_map(Mount::sources) {
        plan.push(Actor::Inside, Step::OpenSource(source));
    }
    for mount in &request.mounts {
        plan.push(Actor::Inside, Step::Mount { root: request.root.clone(), mount: mount.clone() });
    }
    Ok(())
}

fn push_chroot(plan: &mut Plan, request: &Request) {
    if let (Some(at), Some(interpreter), true) =
        (&request.mount_binfmt, request.interpreter.clone(), registers_outside(request))
    {
        plan.push(Actor::Inside, Step::MountBinfmt(at.clone()));
        plan.push(Actor::Inside, Step::RegisterBinfmt { at: at.clone(), interpreter });
    }
    if let Some(root) = &request.chroot {
        plan.push(Actor::Inside, Step::Chroot(root.clone()));
    }
    if let Some(directory) = &request.mount_from {
        plan.push(Actor::Inside, Step::SetDirectory(directory.clone()));
    }
}

/// Whether the interpreter is one that is opened when it is registered, in the old root: the `F` of `:`-separated fields,
/// whatever the separator is.
fn registers_outside(request: &Request) -> bool {
    let fields = |text: &CString| {
        let text = text.as_bytes();
        let separator = text.first()?;
        text.split(|byte| byte == separator).nth(7).map(|flags| flags.contains(&b'F'))
    };
    let new_root = request.chroot.is_some() || request.root.is_some();
    new_root && request.interpreter.as_ref().and_then(fields).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Clock, Contents, FileSystem};
    use rustix::mount::MountFlags;

    fn ordinary() -> Caller {
        Caller { uid: 1000, gid: 1001, capabilities: CapabilitySet::empty(), kinds: NsSet::ALL }
    }

    fn root() -> Caller {
        Caller { uid: 0, gid: 0, capabilities: CapabilitySet::all(), kinds: NsSet::ALL }
    }

    fn request(kinds: &[NsKind]) -> Request {
        Request {
            kinds: kinds.iter().copied().collect(),
            programs: vec![vec![c"ps".into(), c"aux".into()]],
            ..Request::default()
        }
    }

    fn text(plan: &Plan) -> Vec<String> {
        let line = |task: &super::super::Task| {
            let optional = if task.optional { "?" } else { "" };
            format!("{}{optional}: {}", task.actor, task.step.call())
        };
        plan.tasks().iter().map(line).collect()
    }

    #[test]
    fn one_namespace_takes_two_steps_and_no_child() {
        let plan = plan(request(&[NsKind::Uts]), &root()).unwrap();
        assert_eq!(text(&plan), ["nsx: unshare(CLONE_NEWUTS)", "inside: execvp(ps aux)"]);
    }

    #[test]
    fn an_ordinary_user_as_root_of_a_private_pid_tree() {
        let mut request = request(&[NsKind::User, NsKind::Pid, NsKind::Mnt]);
        (request.users, request.groups) =
            (Some(IdMap::single(0, 1000).unwrap()), Some(IdMap::single(0, 1001).unwrap()));
        (request.fork, request.kill_child) = (true, Some(libc::SIGKILL));
        request.mount_proc = Some("/proc".into());
        assert_eq!(
            text(&plan(request, &ordinary()).unwrap()),
            [
                "nsx: unshare(CLONE_NEWNS|CLONE_NEWPID|CLONE_NEWUSER)",
                "nsx: write uid_map \"0 1000 1\"",
                "nsx: write setgroups \"deny\"",
                "nsx: write gid_map \"0 1001 1\"",
                "nsx: fork()",
                "inside: mount(/, MS_REC|MS_PRIVATE)",
                "inside: mount(proc, /proc)",
                "inside: prctl(PR_SET_PDEATHSIG, SIGKILL)",
                "inside: execvp(ps aux)",
            ]
        );
    }

    #[test]
    fn a_new_root_is_furnished_before_the_old_one_goes_and_ids_change_last() {
        let mut request = request(&[NsKind::Net, NsKind::Pid, NsKind::Mnt, NsKind::Uts]);
        request.fork = true;
        request.kill_child = Some(libc::SIGKILL);
        request.loopback = true;
        request.mount_sys = true;
        request.mount_proc = Some("/proc".into());
        request.hostname = Some(c"box".into());
        request.root = Some("/srv/root".into());
        request.directory = Some("/tmp".into());
        (request.uid, request.gid) = (Some(1), Some(2));
        assert_eq!(
            text(&plan(request, &root()).unwrap()),
            [
                "nsx: unshare(CLONE_NEWNS|CLONE_NEWNET|CLONE_NEWPID|CLONE_NEWUTS)",
                "nsx: fork()",
                "inside: mount(/, MS_REC|MS_PRIVATE)",
                "inside: ioctl(SIOCSIFFLAGS, lo, IFF_UP)",
                "inside: sethostname(box)",
                "inside: mount(/srv/root, /srv/root, MS_BIND|MS_REC)",
                "inside?: mount(sysfs, /srv/root/sys)",
                "inside: mount(proc, /srv/root/proc)",
                "inside: pivot_root(/srv/root)",
                "inside: chdir(/tmp)",
                "inside: setgroups(0)",
                "inside: setgid(2)",
                "inside: setuid(1)",
                "inside: prctl(PR_SET_PDEATHSIG, SIGKILL)",
                "inside: execvp(ps aux)",
            ]
        );
    }

    #[test]
    fn a_pin_is_made_once_the_pid_namespace_has_a_process() {
        let mut request = request(&[NsKind::Pid, NsKind::Time]);
        request.fork = true;
        request.clocks = vec![ClockOffset { clock: Clock::Boottime, seconds: -5 }];
        request.pins = vec![Pin { kind: NsKind::Pid, at: "/run/pid".into(), make: true }];
        assert_eq!(
            text(&plan(request, &root()).unwrap()),
            [
                "nsx: unshare(CLONE_NEWPID|CLONE_NEWTIME)",
                "nsx: write timens_offsets \"boottime -5 0\"",
                "nsx: fork()",
                "outside: mount(ns/pid_for_children, /run/pid, MS_BIND)",
                "inside: execvp(ps aux)",
            ]
        );
    }

    #[test]
    fn capabilities_are_bounded_before_the_user_changes_and_set_after() {
        let mut request = request(&[NsKind::User]);
        request.capabilities = Capabilities::Limit { to: CapabilitySet::NET_RAW, ambient: true };
        request.uid = Some(5);
        request.no_new_privs = true;
        assert_eq!(
            text(&plan(request, &root()).unwrap())[1..],
            [
                "inside: prctl(PR_CAPBSET_DROP, all but NET_RAW)",
                "inside: prctl(PR_SET_KEEPCAPS, 1)",
                "inside: setuid(5)",
                "inside: capset(NET_RAW), ambient too",
                "inside: prctl(PR_SET_NO_NEW_PRIVS, 1)",
                "inside: execvp(ps aux)",
            ]
        );
    }

    #[test]
    fn everything_bound_is_held_before_the_first_mount_and_mounts_keep_their_order() {
        let mount = |at: &str, contents| Mount { at: at.into(), contents };
        let bind = |source: &str, flags| Contents::Bind { source: source.into(), recursive: true, flags };
        let size = vec![("size".to_owned(), Some("1M".to_owned()))];
        let tmpfs = FileSystem { kind: "tmpfs".into(), options: size, flags: MountFlags::NOSUID };
        let mut request = request(&[NsKind::Mnt, NsKind::Pid]);
        request.root = Some("/srv".into());
        request.mount_proc = Some("/proc".into());
        request.mounts = vec![
            mount("/", Contents::New(tmpfs)),
            mount("/usr", bind("/usr", MountFlags::RDONLY)),
            mount("/dev", Contents::Devices),
            mount("/etc", Contents::Overlay(vec!["/a".into(), "b".into()])),
            mount("/home", bind("home", MountFlags::empty())),
        ];
        assert_eq!(
            text(&plan(request.clone(), &root()).unwrap())[1..],
            [
                "inside: mount(/, MS_REC|MS_PRIVATE)",
                "inside: mount(/srv, /srv, MS_BIND|MS_REC)",
                "inside: open_tree(/usr, OPEN_TREE_CLONE|AT_RECURSIVE)",
                "inside: open(/dev, O_PATH)",
                "inside: open(/a, O_PATH)",
                "inside: open(b, O_PATH)",
                "inside: open_tree(home, OPEN_TREE_CLONE|AT_RECURSIVE)",
                "inside: mount(tmpfs, /srv, MS_NOSUID, size=1M)",
                "inside: mount(/usr, /srv/usr, MS_BIND|MS_RDONLY|MS_REC)",
                "inside: mount(/dev/{null,zero,full,random,urandom,tty}, /srv/dev, MS_BIND)",
                "inside: mount(overlay, /srv/etc, lowerdir=/a:b)",
                "inside: mount(home, /srv/home, MS_BIND|MS_REC)",
                "inside: mount(proc, /srv/proc)",
                "inside: pivot_root(/srv)",
                "inside: execvp(ps aux)",
            ]
        );
        request.root = None;
        assert!(matches!(plan(request.clone(), &root()), Err(PlanError::MountOnRoot)));
        request.mounts.remove(0);
        request.propagation = Propagation::Shared;
        assert!(matches!(plan(request, &root()), Err(PlanError::MountPropagation)));
    }

    #[test]
    fn namespaces_are_joined_before_the_others_are_made_and_user_namespaces_first() {
        let own = |kind: NsKind| NamespaceFile {
            path: format!("/held/{kind}").into(),
            ns: std::rc::Rc::new(crate::ns::Namespace::open(rustix::fs::CWD, format!("/proc/self/ns/{kind}")).unwrap()),
        };
        let mut request = request(&[NsKind::Uts]);
        request.joins = [NsKind::Mnt, NsKind::Net, NsKind::User].map(own).into();
        request.gid = Some(5);
        assert_eq!(
            text(&plan(request.clone(), &root()).unwrap()),
            [
                "nsx: setns(/held/user, CLONE_NEWUSER)",
                "nsx: setns(/held/net, CLONE_NEWNET)",
                "nsx: setns(/held/mnt, CLONE_NEWNS)",
                "nsx: unshare(CLONE_NEWUTS)",
                "inside?: setgroups(0)",
                "inside: setgid(5)",
                "inside: execvp(ps aux)",
            ]
        );
        (request.kinds, request.joins) = (NsSet::EMPTY, vec![own(NsKind::Net)]);
        request.supplementary_groups = vec![6, 7];
        assert_eq!(
            text(&plan(request, &root()).unwrap())[..2],
            ["nsx: setns(/held/net, CLONE_NEWNET)", "inside: setgroups(6, 7)"]
        );
    }

    #[test]
    fn what_is_mounted_under_shared_mounts_is_cut_off_first() {
        for propagation in [Propagation::Shared, Propagation::Unchanged] {
            let mut request = request(&[NsKind::Pid, NsKind::Mnt]);
            request.propagation = propagation;
            request.mount_proc = Some("/proc".into());
            let text = text(&plan(request, &root()).unwrap());
            let cut = text.iter().position(|line| line == "inside: mount(/proc, MS_REC|MS_PRIVATE)");
            let mount = text.iter().position(|line| line == "inside: mount(proc, /proc)");
            assert!(cut.is_some() && cut < mount, "{text:?}");
        }
    }

    #[test]
    fn setgroups_stays_allowed_only_where_a_privileged_outside_writes_the_map() {
        let mut request = request(&[NsKind::User]);
        (request.users, request.groups) = (Some(IdMap::single(0, 0).unwrap()), Some(IdMap::single(0, 0).unwrap()));
        request.setgroups = Some(Setgroups::Allow);
        let unprivileged = Caller { capabilities: CapabilitySet::empty(), ..root() };
        assert!(matches!(plan(request.clone(), &unprivileged), Err(PlanError::SetgroupsAllowed)));
        assert_eq!(
            text(&plan(request, &root()).unwrap())[1..3],
            ["nsx: write uid_map \"0 0 1\"", "outside: write gid_map \"0 0 1\""]
        );
    }

    #[test]
    fn ranges_are_written_from_outside_by_whoever_may() {
        let map = IdMap::parse(b"0 1000 1\n1 100000 65536\n").unwrap();
        let mut request = request(&[NsKind::User]);
        (request.users, request.groups) = (Some(map.clone()), Some(map));
        assert_eq!(
            text(&plan(request.clone(), &root()).unwrap())[1..3],
            [
                "outside: write uid_map \"0 1000 1, 1 100000 65536\"",
                "outside: write gid_map \"0 1000 1, 1 100000 65536\"",
            ]
        );
        assert_eq!(
            text(&plan(request.clone(), &ordinary()).unwrap())[1..3],
            ["outside: newuidmap 0 1000 1 1 100000 65536", "outside: newgidmap 0 1000 1 1 100000 65536"]
        );
        // Denied before the map is there, while the kernel still takes it.
        request.setgroups = Some(Setgroups::Deny);
        assert_eq!(text(&plan(request, &ordinary()).unwrap())[2], "nsx: write setgroups \"deny\"");
    }

    #[test]
    fn a_user_namespace_of_someone_elses_is_mapped_by_whoever_is_left_outside() {
        let mut request = request(&[NsKind::User, NsKind::Time]);
        request.owner = Some((1000, 1001));
        (request.users, request.groups) =
            (Some(IdMap::single(0, 1000).unwrap()), Some(IdMap::single(0, 1001).unwrap()));
        request.clocks = vec![ClockOffset { clock: Clock::Monotonic, seconds: 7 }];
        let unshared = [
            "nsx: unshare(CLONE_NEWTIME|CLONE_NEWUSER)",
            "nsx: write uid_map \"0 1000 1\"",
            "nsx: write setgroups \"deny\"",
            "nsx: write gid_map \"0 1001 1\"",
            "nsx: write timens_offsets \"monotonic 7 0\"",
            "inside: execvp(ps aux)",
        ];
        // Who is the owner already becomes nobody else.
        assert_eq!(text(&plan(request.clone(), &ordinary()).unwrap()), unshared);
        let outside = [
            "nsx: setgroups(0)",
            "nsx: setgid(1001)",
            "nsx: setuid(1000)",
            "nsx: unshare(CLONE_NEWTIME|CLONE_NEWUSER)",
            "outside: write uid_map \"0 1000 1\"",
            "outside: write setgroups \"deny\"",
            "outside: write gid_map \"0 1001 1\"",
            "outside: write timens_offsets \"monotonic 7 0\"",
            "inside: execvp(ps aux)",
        ];
        assert_eq!(text(&plan(request, &root()).unwrap()), outside);
    }

    #[test]
    fn after_a_chroot_places_are_named_as_the_new_root_has_them() {
        let mut request = request(&[NsKind::User, NsKind::Mnt]);
        request.chroot = Some("/srv/root".into());
        request.mount_from = Some("/tmp".into());
        request.mount_proc = Some("proc".into());
        request.mount_binfmt = Some("/binfmt".into());
        request.interpreter = Some(c":x:M::XYZ::/bin/sh:".into());
        request.programs.clear();
        let after = ["inside: chroot(/srv/root)", "inside: chdir(/tmp)", "inside: mount(proc, proc)"];
        let (mount, shell) = ("inside: mount(binfmt_misc, /binfmt)", "inside: execvp(the login shell)");
        let text_of = |request: &Request| text(&plan(request.clone(), &root()).unwrap())[2..].to_vec();
        let register = |flags| format!("inside: write /binfmt/register \":x:M::XYZ::/bin/sh:{flags}\"");
        assert_eq!(text_of(&request), [&after[..], &[mount, &register(""), shell]].concat());
        // F opens the interpreter when it is registered, and the old root has it.
        request.interpreter = Some(c":x:M::XYZ::/bin/sh:F".into());
        assert_eq!(text_of(&request), [&[mount, &register("F")], &after[..], &[mount, shell]].concat());
    }

    #[test]
    fn groups_that_cannot_be_dropped_are_left_alone_or_fail_as_asked() {
        let mut request = request(&[NsKind::User]);
        request.groups = Some(IdMap::single(0, 0).unwrap());
        request.gid = Some(0);
        let drops = |request: &Request| {
            text(&plan(request.clone(), &root()).unwrap()).contains(&"inside: setgroups(0)".to_owned())
        };
        assert!(!drops(&request));
        request.groups_must_go = true;
        assert!(drops(&request));
    }

    #[test]
    fn what_the_kernel_would_refuse_is_refused_before_the_first_step() {
        let old = Caller { kinds: NsSet::ALL.without(NsKind::Time), ..root() };
        assert!(matches!(plan(request(&[NsKind::Time]), &old), Err(PlanError::NoSuchKind(NsKind::Time))));

        let mut long = request(&[NsKind::Uts]);
        long.hostname = Some(CString::new("x".repeat(65)).unwrap());
        assert!(matches!(plan(long, &root()), Err(PlanError::HostnameTooLong(65))));

        let mut shared = request(&[NsKind::Mnt]);
        shared.root = Some("/srv/root".into());
        shared.propagation = Propagation::Shared;
        assert!(matches!(plan(shared, &root()), Err(PlanError::RootPropagation)));
    }
}
