//! System calls of steps, as a reader of manual pages knows them.

use super::{below, ends, join_cgroups, numbers};
use crate::{
    cgroup::{self, Hierarchy},
    idmap::IdMap,
    plan::{CapabilityState, Limit, LinkKind, Step},
    signal,
};
use rustix::thread::CapabilitySet;
use std::{
    ffi::CString,
    path::{Path, PathBuf},
};

impl Step {
    /// Returns the system call, as a reader of manual pages knows it.
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
            Self::AddToRecord(addition) => format!("rename({})", addition.path.display()),
            Self::Keep => "setsid(), sigwaitinfo()".to_owned(),
            Self::MakeLink(link) => match link.kind {
                LinkKind::Moved { .. } => format!("RTM_SETLINK({}, IFLA_NET_NS_FD)", ends(link)),
                _ => format!("RTM_NEWLINK({}, {})", ends(link), link.kind),
            },
            Self::MakeTable(table) => {
                format!("{} -j -f - (inet {})", table.program.display(), table.name)
            }
            Self::StartUplink(uplink) => {
                let ports = uplink.published.iter().map(|port| format!(" {port}"));
                format!("{}{}", uplink.program.display(), ports.collect::<String>())
            }
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
            Self::HoldOverlay { mount, .. } => mount.held(),
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

/// Returns the call that sets them, in short if all permitted capabilities are in force.
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

/// Returns the numbers of a map as newuidmap(1) takes them.
pub(crate) fn helper_arguments(map: &IdMap) -> Vec<String> {
    map.extents()
        .iter()
        .flat_map(|extent| [extent.inside(), extent.outside(), extent.count()])
        .map(|id| id.to_string())
        .collect()
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
