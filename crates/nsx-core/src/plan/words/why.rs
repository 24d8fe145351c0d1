//! Purposes of steps.

use crate::{
    idmap::{Extent, IdKind, IdMap, Setgroups},
    plan::{CapabilityState, GroupsDenied, LinkKind, Propagation, Step},
};
use std::path::Path;

impl Step {
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
            Self::JoinFile(file) if !file.path.to_string_lossy().contains('/') => {
                format!("the {} namespace of the target", file.kind())
            }
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
            Self::AddToRecord(_) => {
                "what is made here can be taken away with the set".to_owned()
            }
            Self::Keep => "the namespaces stay, kept by this process".to_owned(),
            Self::MakeBridge(bridge) => match bridge.addresses.as_slice() {
                [] => "a bridge in the caller's network namespace".to_owned(),
                addresses => format!(
                    "a bridge in the caller's network namespace, with the address {}",
                    list(addresses)
                ),
            },
            Self::MakeTable(table) => {
                let ports: Vec<_> = table.published.iter().map(ToString::to_string).collect();
                let masquerades = "connections from inside have this host's address";
                match (table.masquerades, ports.as_slice()) {
                    (_, []) => masquerades.to_owned(),
                    (false, ports) => format!("ports lead inside: {}", ports.join(", ")),
                    (true, ports) => {
                        format!("{masquerades}; ports lead inside: {}", ports.join(", "))
                    }
                }
            }
            Self::StartUplink(_) => {
                "the inside reaches where this network reaches, without privilege".to_owned()
            }
            Self::MakeLink(link) => match &link.kind {
                LinkKind::Veth {
                    bridge: Some(bridge),
                    ..
                } => format!("a cable from the bridge {bridge} to the inside"),
                LinkKind::Veth { addresses, .. } if !addresses.is_empty() => format!(
                    "a cable to the inside; the end here has the address {}",
                    list(addresses)
                ),
                LinkKind::Veth { .. } => "a cable to the inside".to_owned(),
                LinkKind::Cable { addresses, .. } if !addresses.is_empty() => format!(
                    "a cable between two networks; the end there has the address {}",
                    list(addresses)
                ),
                LinkKind::Cable { .. } => "a cable between two networks".to_owned(),
                LinkKind::Moved { .. } => {
                    "an interface from here, which comes back at the end".to_owned()
                }
                LinkKind::Upper { parent, .. } => {
                    format!("an interface inside on the caller's {parent}")
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
            Self::HoldOverlay { .. } => {
                "nsx can look there when the program has ended".to_owned()
            }
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

fn list(items: &[impl ToString]) -> String {
    let items: Vec<_> = items.iter().map(ToString::to_string).collect();
    items.join(" and ")
}
