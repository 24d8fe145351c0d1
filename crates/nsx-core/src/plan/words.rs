//! The texts about a step: the system call, the purpose, and what failed if the step did.

use super::{
    ABOVE_ROOT, CapabilityState, GroupsDenied, Limit, Link, LinkKind, PlannedStep, Propagation,
    Step,
};
use crate::{
    cgroup::{self, Hierarchy},
    idmap::{Extent, IdKind, IdMap, Setgroups},
    signal,
};
use rustix::thread::CapabilitySet;
use std::{
    ffi::CString,
    path::{Component, Path, PathBuf},
};

impl PlannedStep {
    /// The system calls of steps that go together as one. A cgroup of version 1 is one in each of a
    /// dozen hierarchies.
    pub fn calls(together: &[Self]) -> String {
        let cgroup = |planned: &Self| match planned.step() {
            Step::JoinCgroup(cgroup) => Some(cgroup.path.clone()),
            _ => None,
        };
        match together.iter().map(cgroup).collect::<Option<Vec<_>>>() {
            Some(paths) if paths.len() > 1 => {
                join_cgroups(&paths.iter().map(PathBuf::as_path).collect::<Vec<_>>())
            }
            _ => together
                .iter()
                .map(|planned| planned.step().call())
                .collect::<Vec<_>>()
                .join(", "),
        }
    }

    /// Returns whether this step and another go together.
    pub fn goes_with(&self, other: &Self) -> bool {
        let is_alike = match (self.step(), other.step()) {
            (Step::JoinCgroup(one), Step::JoinCgroup(other)) => {
                one.path.file_name() == other.path.file_name()
            }
            _ => false,
        };
        is_alike && (self.actor, self.optional) == (other.actor, other.optional)
    }
}

impl Step {
    /// The system call, as a reader of manual pages knows it.
    pub fn call(&self) -> String {
        match self {
            Self::Unshare(kinds) => format!("unshare({})", kinds.flag_names()),
            Self::WriteIdMap { ids, map } => {
                format!(
                    "write {} \"{}\"",
                    ids.file(),
                    map.to_string().trim_end().replace('\n', ", ")
                )
            }
            Self::RunIdMapHelper { ids, map, .. } => {
                format!("{} {}", ids.helper(), helper_arguments(map).join(" "))
            }
            Self::WriteSetgroups(rule) => format!("write setgroups \"{}\"", rule.word()),
            Self::SetClock(offset) => format!("write timens_offsets \"{offset}\""),
            Self::Pin(pin) => format!("mount({}, {}, MS_BIND)", pin.link(), pin.at.display()),
            Self::LimitCapabilities(set) => match capabilities(*set).strip_prefix("all but ") {
                Some(dropped) => format!("prctl(PR_CAPBSET_DROP, {dropped})"),
                None => format!("prctl(PR_CAPBSET_DROP, all but {})", capabilities(*set)),
            },
            Self::KeepCapabilities => "prctl(PR_SET_KEEPCAPS, 1)".to_owned(),
            Self::SetCapabilities(state) => capset(state),
            Self::SetLimits(limits) => {
                format!(
                    "setrlimit({})",
                    limits
                        .iter()
                        .map(Limit::to_string)
                        .collect::<Vec<_>>()
                        .join(", ")
                )
            }
            Self::RaiseLimits(limits) => {
                format!(
                    "setrlimit(hard, at least {})",
                    limits
                        .iter()
                        .map(Limit::to_string)
                        .collect::<Vec<_>>()
                        .join(", ")
                )
            }
            Self::SetUmask(umask) => format!("umask({umask:03o})"),
            Self::SetOomScore(score) => format!("write oom_score_adj \"{score}\""),
            Self::SetExecLabel(label) => {
                format!(
                    "write attr/exec \"{}\"",
                    String::from_utf8_lossy(&label.request())
                )
            }
            Self::ReadFilters(target) => {
                format!("ptrace(PTRACE_SECCOMP_GET_FILTER, {})", target.pid())
            }
            Self::InstallFilters | Self::InstallFilter(_) => {
                "seccomp(SECCOMP_SET_MODE_FILTER)".to_owned()
            }
            Self::NoNewPrivs => "prctl(PR_SET_NO_NEW_PRIVS, 1)".to_owned(),
            Self::Fork { .. } | Self::StayAsInit | Self::ForkJoiner => "fork()".to_owned(),
            Self::CloseDescriptors(Some(count)) => format!("close_range({count}, ~0)"),
            Self::CloseDescriptors(None) => "close(each that the exec closes)".to_owned(),
            Self::ForkSibling => "clone(CLONE_PARENT)".to_owned(),
            Self::Seal => "execveat(nsx on a read-only mount, or a sealed copy)".to_owned(),
            Self::KeepDescriptors(count) => {
                format!("close_range({count}, ~0, CLOSE_RANGE_CLOEXEC)")
            }
            Self::Conceal => "prctl(PR_SET_DUMPABLE, 0)".to_owned(),
            Self::OwnTerminal(_) => "fork(), setsid(), ioctl(TIOCSCTTY)".to_owned(),
            Self::TakeForeground(_) => "setpgid(its process), tcsetpgrp()".to_owned(),
            Self::Join { target, kinds, .. } => {
                format!("setns(pidfd of {}, {})", target.pid(), kinds.flag_names())
            }
            Self::JoinFile(file) => format!(
                "setns({}, {})",
                file.path.display(),
                file.kind().flag_name()
            ),
            Self::Propagate { at, propagation } => {
                format!(
                    "mount({}, MS_REC|MS_{})",
                    at.display(),
                    propagation.word().to_uppercase()
                )
            }
            Self::KeepMountsApart => "mount(/, MS_REC|MS_SLAVE)".to_owned(),
            Self::LoopbackUp => "ioctl(SIOCSIFFLAGS, lo, IFF_UP)".to_owned(),
            Self::MakeBridge(bridge) => format!("RTM_NEWLINK({}, bridge)", bridge.name),
            Self::WriteRecord(record) => format!("write({})", record.path.display()),
            Self::Keep => "setsid(), sigwaitinfo()".to_owned(),
            Self::MakeLink(link) => format!("RTM_NEWLINK({}, {})", ends(link), link.kind),
            Self::SetUpLink(link) => {
                let routes = if link.gateways.is_empty() {
                    ""
                } else {
                    ", RTM_NEWROUTE"
                };
                format!("RTM_NEWADDR, RTM_SETLINK({}, IFF_UP){routes}", link.name)
            }
            Self::SetHostname(name) => {
                format!("sethostname({})", words(std::slice::from_ref(name)))
            }
            Self::SetDomainName(name) => {
                format!("setdomainname({})", words(std::slice::from_ref(name)))
            }
            Self::MountSys { root } => format!(
                "mount(sysfs, {})",
                below(root.as_deref(), Path::new("/sys"))
            ),
            Self::MountQueues { root } => {
                format!(
                    "mount(mqueue, {})",
                    below(root.as_deref(), Path::new("/dev/mqueue"))
                )
            }
            Self::MountCgroups { root, hierarchies } => {
                let mount_points: Vec<PathBuf> = hierarchies
                    .iter()
                    .map(|one| below(root.as_deref(), &one.at).into())
                    .collect();
                let kind = if hierarchies.iter().all(Hierarchy::is_v2) {
                    "cgroup2"
                } else {
                    "cgroup"
                };
                format!(
                    "mount({kind}, {})",
                    cgroup::together(
                        &mount_points
                            .iter()
                            .map(PathBuf::as_path)
                            .collect::<Vec<_>>()
                    )
                )
            }
            Self::MountProc { root, at } => format!("mount(proc, {})", below(root.as_deref(), at)),
            Self::MountJoinedProc => "mount(proc, /proc, pidns=the joined one)".to_owned(),
            Self::MountOwnProc(_) => "unshare(CLONE_NEWNS), mount(proc, /proc)".to_owned(),
            Self::BindRoot(root) => format!("mount({0}, {0}, MS_BIND|MS_REC)", root.display()),
            Self::OpenSource(source) => source.to_string(),
            Self::Mount { root, mount, .. } => mount.call(root.as_deref()),
            Self::PivotRoot(root) => format!("pivot_root({})", below(Some(root), Path::new("/"))),
            Self::Chroot(root) => format!("chroot({})", root.display()),
            Self::MountBinfmt(at) => format!("mount(binfmt_misc, {})", at.display()),
            Self::RegisterBinfmt { at, interpreter } => {
                format!(
                    "write {}/register \"{}\"",
                    at.display(),
                    words(std::slice::from_ref(interpreter))
                )
            }
            Self::JoinCgroup(cgroup) if cgroup.directory.is_some() => {
                format!(
                    "clone3(CLONE_INTO_CGROUP), or {}",
                    join_cgroups(&[&cgroup.path])
                )
            }
            Self::JoinCgroup(cgroup) => join_cgroups(&[&cgroup.path]),
            Self::ChangeRoot { named: None, .. } => "chroot(its root)".to_owned(),
            Self::ChangeRoot {
                named: Some(name), ..
            } => format!("chroot({})", name.display()),
            Self::ChangeDirectory { named: None, .. } => "fchdir(its directory)".to_owned(),
            Self::ChangeDirectory {
                named: Some(name), ..
            } => format!("fchdir({})", name.display()),
            Self::SetDirectory(directory) => format!("chdir({})", directory.display()),
            Self::FindHome(_) => "read /etc/passwd".to_owned(),
            Self::SetGroups(groups) => format!("setgroups({})", numbers(groups)),
            Self::LeaveGroups { .. } => "setgroups(0)".to_owned(),
            Self::SetGroup(gid) => format!("setgid({gid})"),
            Self::SetGroupOf(_) => "setgid(its group)".to_owned(),
            Self::SetUserOf(_) => "setuid(its user)".to_owned(),
            Self::SetUser(uid) => format!("setuid({uid})"),
            Self::DieWithParent(signal) => {
                format!("prctl(PR_SET_PDEATHSIG, {})", signal::name(*signal))
            }
            Self::Exec { programs, .. } => {
                format!(
                    "execvp({})",
                    programs
                        .first()
                        .map_or_else(String::new, |first| typed(first))
                )
            }
            Self::LoginShell { .. } => "execvp(the login shell)".to_owned(),
        }
    }

    /// Returns the purpose of the step, for a reader of `--explain`.
    pub fn why(&self) -> String {
        match self {
            Self::Unshare(kinds) if kinds.len() == 1 => format!(
                "leave the caller's {} for a new \
            one",
                kinds.noun()
            ),
            Self::Unshare(kinds) => format!("leave the caller's {} for new ones", kinds.noun()),
            Self::WriteIdMap { ids, map } | Self::RunIdMapHelper { ids, map, .. } => {
                mapping(*ids, map)
            }
            Self::WriteSetgroups(Setgroups::Deny) => {
                "programs inside may not set their groups, which the kernel requires if you map only your own"
                    .to_owned()
            }
            Self::WriteSetgroups(Setgroups::Allow) => {
                "programs inside may set their groups".to_owned()
            }
            Self::SetClock(_) => "its clocks can be set only while nobody is in the new time \
            namespace"
                .to_owned(),
            Self::Pin(pin) => format!(
                "the {} namespace stays when its processes are gone",
                pin.kind
            ),
            Self::Fork { init: true, .. } => {
                "only a child enters the PID namespace, as its PID 1; nsx waits for it".to_owned()
            }
            Self::Fork { init: false, .. } => {
                "a child becomes the program; nsx waits for it".to_owned()
            }
            Self::StayAsInit => "a child becomes the program; PID 1 reaps orphans and passes \
            signals on"
                .to_owned(),
            Self::ForkJoiner => {
                "a child joins, out of the target's sight, while nsx waits".to_owned()
            }
            Self::CloseDescriptors(_) => {
                "the program's process has only what the program gets".to_owned()
            }
            Self::Seal => "the target could write to the file that nsx runs from".to_owned(),
            Self::KeepDescriptors(3) => {
                "the program gets standard input, output and error, and no other file".to_owned()
            }
            Self::KeepDescriptors(_) => {
                "the program gets these of the open files and no others".to_owned()
            }
            Self::Conceal => {
                "without CAP_SYS_PTRACE no process can trace nsx or take its descriptors".to_owned()
            }
            Self::OwnTerminal(pty) if pty.is_of_target() => {
                "a terminal of its own, one of the target's; nsx relays between it and yours"
                    .to_owned()
            }
            Self::OwnTerminal(_) => {
                "a terminal of its own; nsx relays between it and yours".to_owned()
            }
            Self::TakeForeground(_) => {
                "a job of its own there, which keys can stop and end".to_owned()
            }
            Self::ForkSibling => "only a child enters the PID namespace; it has no more than the \
            program"
                .to_owned(),
            Self::Join { kinds, .. } if kinds.len() == 1 => format!("its {}", kinds.noun()),
            Self::Join { kinds, .. } => format!("its {}, all or none", kinds.noun()),
            Self::JoinFile(file) => format!("the {} namespace that the file holds", file.kind()),
            Self::Propagate { at, propagation } => {
                let mounts = if at == Path::new("/") {
                    "mounts".to_owned()
                } else {
                    format!("mounts at {}", at.display())
                };
                match propagation {
                    Propagation::Private => {
                        format!(
                            "{mounts} made inside are not seen outside, nor the other way round"
                        )
                    }
                    Propagation::Slave => format!(
                        "{mounts} made outside are seen inside, not the \
                    other way round"
                    ),
                    Propagation::Shared => format!("{mounts} made on either side are seen on both"),
                    Propagation::Unchanged => {
                        format!("{mounts} are seen as each mount point has it")
                    }
                }
            }
            Self::KeepMountsApart => {
                "mounts made outside are seen inside, not the other way round".to_owned()
            }
            Self::LoopbackUp => "the new network's loopback device works".to_owned(),
            Self::WriteRecord(_) => "the process that keeps the set can be found".to_owned(),
            Self::Keep => "the namespaces stay, kept by this process".to_owned(),
            Self::MakeBridge(bridge) => match bridge.addresses.as_slice() {
                [] => "a bridge in the caller's network namespace".to_owned(),
                addresses => format!(
                    "a bridge in the caller's network namespace, with the address {}",
                    list(addresses)
                ),
            },
            Self::MakeLink(link) => match &link.kind {
                LinkKind::Veth {
                    bridge: Some(bridge),
                    ..
                } => format!("a cable from the bridge {bridge} into the new network"),
                LinkKind::Veth { addresses, .. } if !addresses.is_empty() => format!(
                    "a cable into the new network; the end here has the address {}",
                    list(addresses)
                ),
                LinkKind::Veth { .. } => "a cable into the new network".to_owned(),
                LinkKind::Macvlan { parent } => {
                    format!("an interface of the new network on the caller's {parent}")
                }
            },
            Self::SetUpLink(link) => {
                let mut facts = Vec::new();
                if !link.addresses.is_empty() {
                    facts.push(format!("has the address {}", list(&link.addresses)));
                }
                if !link.gateways.is_empty() {
                    facts.push(format!("leads everywhere through {}", list(&link.gateways)));
                }
                match facts.as_slice() {
                    [] => format!("{} is up", link.name),
                    facts => format!("{} {}", link.name, facts.join(", and ")),
                }
            }
            Self::SetHostname(_) => "the host name, in the new UTS namespace alone".to_owned(),
            Self::SetDomainName(_) => {
                "the NIS domain name, in the new UTS namespace alone".to_owned()
            }
            Self::MountSys { root: None } => "/sys shows the network's devices; /sys/fs/cgroup is \
            kept"
                .to_owned(),
            Self::MountSys { root: Some(_) } => "/sys shows the network's devices".to_owned(),
            Self::MountQueues { .. } => "/dev/mqueue shows the message queues of the new IPC \
            namespace"
                .to_owned(),
            Self::MountCgroups { .. } => "/sys/fs/cgroup shows the new cgroup namespace".to_owned(),
            Self::MountProc { .. } => "/proc shows the program's own PID namespace".to_owned(),
            Self::MountJoinedProc => {
                "/proc shows the PID namespace; before Linux 6.17 a child in there mounts it, in \
                the target's sight"
                    .to_owned()
            }
            Self::MountOwnProc(_) => {
                "/proc shows the program, in a copy of the target's mounts for it alone".to_owned()
            }
            Self::BindRoot(_) => "a new root must be a mount point".to_owned(),
            Self::OpenSource(_) => "opened before a mount can hide it".to_owned(),
            Self::Mount { mount, .. } => mount.why(),
            Self::PivotRoot(_) => {
                "it becomes the root directory, and the old one is detached".to_owned()
            }
            Self::Chroot(_) => {
                "it becomes the program's root directory; mounts stay as they are".to_owned()
            }
            Self::MountBinfmt(_) => "interpreters registered inside are the new user namespace's \
            own"
            .to_owned(),
            Self::RegisterBinfmt { .. } => {
                "an interpreter for the programs that run inside".to_owned()
            }
            Self::JoinCgroup(_) => {
                "the program is counted and limited with the target".to_owned()
            }
            Self::ChangeRoot { named: None, .. } => "see files as the target does".to_owned(),
            Self::ChangeRoot { named: Some(_), .. } => {
                "it becomes the program's root directory".to_owned()
            }
            Self::ChangeDirectory { named: None, .. } => "start in the target's working directory".to_owned(),
            Self::ChangeDirectory { named: Some(_), .. } => "the program starts there; opened before"
                .to_owned(),
            Self::SetDirectory(_) => "the program starts there".to_owned(),
            Self::FindHome(uid) => format!("HOME is the home directory of user {uid}, or /"),
            Self::LeaveGroups {
                denied: GroupsDenied::Keep,
                ..
            } => "supplementary groups are dropped, if the kernel allows it".to_owned(),
            Self::LeaveGroups { .. } => "supplementary groups are dropped".to_owned(),
            Self::SetGroups(groups) if groups.is_empty() => {
                "supplementary groups are dropped".to_owned()
            }
            Self::SetGroups(_) => "the program's supplementary groups".to_owned(),
            Self::SetGroup(_) => "the program's group".to_owned(),
            Self::SetUser(_) => "the program's user".to_owned(),
            Self::SetGroupOf(_) => "the program is in the target's group".to_owned(),
            Self::SetUserOf(_) => "the program runs as the target's user".to_owned(),
            Self::DieWithParent(libc::SIGKILL) => "the program is killed if nsx is".to_owned(),
            Self::DieWithParent(_) => "the program gets this signal if nsx ends".to_owned(),
            Self::LimitCapabilities(_) => {
                "no exec gives the program any other capability".to_owned()
            }
            Self::KeepCapabilities => {
                "the program keeps its capabilities when the user changes".to_owned()
            }
            Self::SetCapabilities(state) => left_by_the_exec(state).to_owned(),
            Self::SetLimits(_) => "the program's resource limits, soft and hard, that differ from yours"
                .to_owned(),
            Self::RaiseLimits(_) => {
                "inside the new user namespace no right would raise them".to_owned()
            }
            Self::SetUmask(_) => {
                "the permissions that the program's new files do not get".to_owned()
            }
            Self::SetOomScore(_) => {
                "how soon the kernel ends the program if memory is short".to_owned()
            }
            Self::SetExecLabel(label) => format!("the program is held by the {label}"),
            Self::ReadFilters(_) => "its seccomp filters, read while it is stopped for a \
            moment"
                .to_owned(),
            Self::InstallFilters => {
                "the program may make only the system calls that the target may".to_owned()
            }
            Self::InstallFilter(filter) => {
                format!(
                    "the program may make only the system calls that {} instructions allow",
                    filter.len()
                )
            }
            Self::NoNewPrivs => {
                "no set-user-id program gives the program more privilege".to_owned()
            }
            Self::Exec { programs, .. } if programs.len() > 1 => {
                "the first shell that is there".to_owned()
            }
            Self::Exec {
                environment: Some(variables),
                ..
            } => {
                format!(
                    "the program, with an environment of {} variables",
                    variables.len()
                )
            }
            Self::Exec { .. } => "the program".to_owned(),
            Self::LoginShell { .. } => {
                "no program is named, so the user's shell is run as a login \
            shell"
                    .to_owned()
            }
        }
    }

    /// Returns what nsx failed to do if the step failed: reads after "failed to".
    pub fn act(&self) -> String {
        match self {
            Self::Unshare(kinds) if kinds.len() == 1 => format!("create a new {}", kinds.noun()),
            Self::Unshare(kinds) => format!("create new {}", kinds.noun()),
            Self::WriteIdMap { ids, .. } => format!("write the {ids} id map"),
            Self::RunIdMapHelper { ids, .. } => format!("map {ids} ids with {}", ids.helper()),
            Self::WriteSetgroups(rule) => format!("{} setgroups", rule.word()),
            Self::SetClock(offset) => format!("set the clock offset {offset}"),
            Self::Pin(pin) => format!("pin the {} namespace to {}", pin.kind, pin.at.display()),
            Self::Seal => "run nsx from a file that nobody can write to".to_owned(),
            Self::KeepDescriptors(_) | Self::CloseDescriptors(_) => "close descriptors".to_owned(),
            Self::Conceal => "hide nsx from the target".to_owned(),
            Self::OwnTerminal(_) => "give the program a terminal of its own".to_owned(),
            Self::TakeForeground(_) => "give the program the foreground of the terminal".to_owned(),
            Self::Fork { .. } | Self::StayAsInit | Self::ForkJoiner => {
                "make a child process".to_owned()
            }
            Self::ForkSibling => "create the program's process".to_owned(),
            Self::Join { kinds, target, .. } => {
                format!("join the {} of process {}", kinds.noun(), target.pid())
            }
            Self::JoinFile(file) => {
                format!("join the {} namespace {}", file.kind(), file.path.display())
            }
            Self::Propagate { at, propagation } => {
                format!("make the mounts at {} {}", at.display(), propagation.word())
            }
            Self::KeepMountsApart => "keep the program's mounts apart".to_owned(),
            Self::LoopbackUp => "set the loopback device up".to_owned(),
            Self::MakeBridge(bridge) => format!("make the bridge {}", bridge.name),
            Self::WriteRecord(record) => format!("write {}", record.path.display()),
            Self::Keep => "keep the namespaces".to_owned(),
            Self::MakeLink(link) => format!("make the {} link {}", link.kind, ends(link)),
            Self::SetUpLink(link) => format!("set up {} inside", link.name),
            Self::SetHostname(_) => "set the host name".to_owned(),
            Self::SetDomainName(_) => "set the NIS domain name".to_owned(),
            Self::MountSys { root } => format!(
                "mount sysfs on {}",
                below(root.as_deref(), Path::new("/sys"))
            ),
            Self::MountQueues { root } => {
                format!(
                    "mount mqueue on {}",
                    below(root.as_deref(), Path::new("/dev/mqueue"))
                )
            }
            Self::MountCgroups { root, .. } => {
                format!(
                    "mount the cgroups on {}",
                    below(root.as_deref(), Path::new("/sys/fs/cgroup"))
                )
            }
            Self::MountProc { root, at } => {
                format!("mount procfs on {}", below(root.as_deref(), at))
            }
            Self::MountJoinedProc => "mount procfs on /proc".to_owned(),
            Self::MountOwnProc(_) => "mount a procfs that shows the program on /proc".to_owned(),
            Self::OpenSource(source) => format!("open {}", source.path().display()),
            Self::Mount { root, mount, .. } => mount.act(root.as_deref()),
            Self::BindRoot(root) | Self::PivotRoot(root) | Self::Chroot(root) => {
                format!(
                    "make {} the root directory",
                    below(Some(root), Path::new("/"))
                )
            }
            Self::MountBinfmt(at) => format!("mount binfmt_misc on {}", at.display()),
            Self::RegisterBinfmt { .. } => "register the interpreter".to_owned(),
            Self::JoinCgroup(cgroup) => {
                format!(
                    "join the cgroup {}",
                    cgroup.path.parent().unwrap_or(&cgroup.path).display()
                )
            }
            Self::ChangeRoot { named: None, .. } => {
                "change to the target's root directory".to_owned()
            }
            Self::ChangeRoot {
                named: Some(name), ..
            } => format!("make {} the root directory", name.display()),
            Self::ChangeDirectory { named: None, .. } => {
                "change to the target's working directory".to_owned()
            }
            Self::ChangeDirectory {
                named: Some(name), ..
            } => format!("change to directory {}", name.display()),
            Self::SetDirectory(directory) => format!("change to directory {}", directory.display()),
            Self::FindHome(uid) => format!("look up the home directory of user {uid}"),
            Self::LeaveGroups { .. } => "drop the supplementary groups".to_owned(),
            Self::SetGroups(groups) if groups.is_empty() => {
                "drop the supplementary groups".to_owned()
            }
            Self::SetGroups(groups) => format!("join the groups {}", numbers(groups)),
            Self::SetGroup(gid) => format!("become group {gid}"),
            Self::SetUser(uid) => format!("become user {uid}"),
            Self::SetGroupOf(_) => "become the target's group".to_owned(),
            Self::SetUserOf(_) => "become the target's user".to_owned(),
            Self::DieWithParent(_) => "tie the program's life to nsx's".to_owned(),
            Self::LimitCapabilities(_) | Self::SetCapabilities(_) => {
                "set the capabilities".to_owned()
            }
            Self::RaiseLimits(_) => "raise the resource limits".to_owned(),
            Self::SetLimits(_) => "set the resource limits".to_owned(),
            Self::SetUmask(_) => "set the umask".to_owned(),
            Self::SetOomScore(score) => format!("set the out-of-memory score {score}"),
            Self::SetExecLabel(label) => format!("request the {label}"),
            Self::ReadFilters(target) => {
                format!("read the seccomp filters of process {}", target.pid())
            }
            Self::InstallFilters => "install the target's seccomp filters".to_owned(),
            Self::InstallFilter(_) => "install the seccomp filter".to_owned(),
            Self::KeepCapabilities => "keep the capabilities".to_owned(),
            Self::NoNewPrivs => "set no_new_privs".to_owned(),
            Self::Exec { programs, .. } => {
                let names: Vec<_> = programs
                    .iter()
                    .filter_map(|it| Some(it.first()?.to_string_lossy()))
                    .collect();
                match names.as_slice() {
                    [first @ .., last] if !first.is_empty() => {
                        format!("execute {} or {last}", first.join(", "))
                    }
                    names => format!("execute {}", names.concat()),
                }
            }
            Self::LoginShell { .. } => "execute the login shell".to_owned(),
        }
    }
}

fn join_cgroups(paths: &[&Path]) -> String {
    format!("write {} \"0\"", cgroup::together(paths))
}

/// Capabilities by name: `NET_RAW, SYS_ADMIN`.
fn capabilities(set: CapabilitySet) -> String {
    let names = |set: CapabilitySet| set.iter_names().map(|(name, _)| name).collect::<Vec<_>>();
    let (there, lacking) = (names(set), names(CapabilitySet::all() - set));
    match (there.as_slice(), lacking.as_slice()) {
        (_, []) => "all".to_owned(),
        ([], _) => "none".to_owned(),
        (there, lacking) if lacking.len() < there.len() => {
            format!("all but {}", lacking.join(", "))
        }
        (there, _) => there.join(", "),
    }
}

/// The call that sets them, in short if all permitted capabilities are in force.
fn capset(state: &CapabilityState) -> String {
    let CapabilityState {
        effective,
        permitted,
        inheritable,
        ambient,
    } = *state;
    let outlive = match (inheritable == ambient, ambient.is_empty()) {
        (true, true) => String::new(),
        (true, false) if ambient == permitted => ", ambient too".to_owned(),
        _ => format!(
            ", inheritable {}, ambient {}",
            capabilities(inheritable),
            capabilities(ambient)
        ),
    };
    match effective == permitted {
        true => format!("capset({}){outlive}", capabilities(permitted)),
        false => {
            format!(
                "capset(effective {}, permitted {}){outlive}",
                capabilities(effective),
                capabilities(permitted)
            )
        }
    }
}

/// Returns the capabilities that the program has after the exec, see "Transformation of
/// capabilities during execve()" in `capabilities(7)`.
fn left_by_the_exec(state: &CapabilityState) -> &'static str {
    match state.ambient {
        ambient if ambient.is_empty() && state.permitted.is_empty() => {
            "the program has none but what user 0 may gain by an exec"
        }
        ambient if ambient.is_empty() => {
            "the program has these if it runs as user 0, and otherwise none"
        }
        ambient if ambient == state.permitted => {
            "the program has these capabilities, whatever user it runs as"
        }
        _ => "the program has the ambient ones as any user, the others if it is user 0",
    }
}

/// The numbers of a map as newuidmap(1) takes them.
pub(crate) fn helper_arguments(map: &IdMap) -> Vec<String> {
    map.extents()
        .iter()
        .flat_map(|extent| [extent.inside(), extent.outside(), extent.count()])
        .map(|id| id.to_string())
        .collect()
}

/// An absolute path as it is below a root directory.
pub(super) fn below(root: Option<&Path>, path: &Path) -> String {
    let root = root.filter(|root| *root != Path::new(ABOVE_ROOT));
    let outer = root.into_iter().flat_map(Path::components);
    let inner = path
        .components()
        .filter(|part| root.is_none() || *part != Component::RootDir);
    outer
        .chain(inner)
        .collect::<PathBuf>()
        .display()
        .to_string()
}

/// Numbers with a comma between them; `0` for none, as the call is told.
fn numbers(ids: &[u32]) -> String {
    if ids.is_empty() {
        "0".to_owned()
    } else {
        ids.iter()
            .map(u32::to_string)
            .collect::<Vec<_>>()
            .join(", ")
    }
}

/// Returns which id outside is which inside, or only the number of ranges if there are too many to
/// read.
fn mapping(ids: IdKind, map: &IdMap) -> String {
    let range = |first: u32, count: u32| match count {
        1 => first.to_string(),
        _ => format!("{first} to {}", u64::from(first) + u64::from(count) - 1),
    };
    let pair = |extent: &Extent| {
        let verb = if extent.count() == 1 { "is" } else { "are" };
        [
            range(extent.outside(), extent.count()),
            verb.to_owned(),
            range(extent.inside(), extent.count()),
        ]
    };
    let pairs: Vec<_> = map.extents().iter().map(pair).collect();
    match pairs.as_slice() {
        [[outside, verb, inside], rest @ ..] if rest.len() < 3 => {
            let rest: String = rest
                .iter()
                .map(|pair| format!(", {}", pair.join(" ")))
                .collect();
            format!("{ids} {outside} outside {verb} {inside} inside{rest}")
        }
        many => format!("{} ranges of {ids} ids are mapped", many.len()),
    }
}

/// Arguments as they could be typed to a shell: quoted if they contain a space or another special
/// character.
fn typed(arguments: &[CString]) -> String {
    let plain = |letter: char| letter.is_alphanumeric() || "-_./:=,+%@".contains(letter);
    let quoted = |argument: &CString| {
        let text = argument.to_string_lossy();
        match !text.is_empty() && text.chars().all(plain) {
            true => text.into_owned(),
            false => format!("'{}'", text.replace('\'', r"'\''")),
        }
    };
    arguments.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

/// Arguments with a space between them.
fn words(arguments: &[CString]) -> String {
    arguments
        .iter()
        .map(|argument| argument.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Names both ends of a link.
fn ends(link: &Link) -> String {
    match &link.kind {
        LinkKind::Veth { outside, .. } => format!("{outside} to {}", link.name),
        LinkKind::Macvlan { parent } => format!("{} on {parent}", link.name),
    }
}

fn list(items: &[impl ToString]) -> String {
    let items: Vec<_> = items.iter().map(ToString::to_string).collect();
    items.join(" and ")
}
