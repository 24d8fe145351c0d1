//! The acts that fail if steps do.

use super::{below, ends, numbers};
use crate::plan::{LinkKind, Step};
use std::path::Path;

impl Step {
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
            Self::AddToRecord(addition) => format!("write {}", addition.path.display()),
            Self::Keep => "keep the namespaces".to_owned(),
            Self::MakeLink(link) => match link.kind {
                LinkKind::Moved { .. } => format!("move {}", ends(link)),
                _ => format!("make the {} link {}", link.kind, ends(link)),
            },
            Self::MakeTable(table) => format!("make the nftables table {}", table.name),
            Self::StartUplink(uplink) => {
                format!("connect the network with {}", uplink.kind.word())
            }
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
            Self::HoldOverlay { mount, .. } => {
                format!("open the layers of the overlay on {}", mount.at.display())
            }
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
