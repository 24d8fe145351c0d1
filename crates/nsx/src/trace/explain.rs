//! The reason why a system call was refused, from facts about the thread that made it.

use super::calls::required;
use crate::text;
use nsx_core::{
    calls::FailedCall,
    idmap::IdMap,
    ns::{NsKind, NsSet},
    permission::{Outcome, Over, Subject, requires},
    pid::Process,
    proc::{Credentials, ProcRoot, decimal},
};
use rustix::io::Errno;
use syscalls::Sysno;

/// The flag by which `unshare(2)` and `clone(2)` create a user namespace.
const CLONE_NEWUSER: u64 = 0x1000_0000;

/// A refused call in words.
pub(super) struct Explained {
    /// The process and the call.
    pub(super) what: String,
    /// The cause and what to do, if they are known.
    pub(super) lines: Vec<String>,
}

/// Explains a call that failed; none if it is not among those that nsx knows, or did not fail
/// because something was refused.
pub(super) fn refused(call: &FailedCall, proc: &ProcRoot) -> Option<Explained> {
    let name = Sysno::new(usize::try_from(call.number).ok()?)?.name();
    let facts = Facts {
        call,
        name,
        proc,
        status: read(proc, call, "status"),
    };
    let lines = facts.cause()?;
    let program = facts.value("Name:").unwrap_or(b"?");
    let what = format!(
        "{} (process {}): {name}(2) was refused: {}",
        text::escape(program),
        call.thread,
        text::reason(&call.errno)
    );
    Some(Explained { what, lines })
}

struct Facts<'c> {
    call: &'c FailedCall,
    name: &'static str,
    proc: &'c ProcRoot,
    /// The text of the thread's status.
    status: Vec<u8>,
}

impl Facts<'_> {
    /// Returns the cause and a remedy, which may be none of both; none if the failure is not a
    /// refusal that nsx knows.
    fn cause(&self) -> Option<Vec<String>> {
        let (needed, over) = required(self.name)?;
        match self.call.errno {
            Errno::PERM | Errno::ACCESS => {}
            Errno::NOSPC | Errno::USERS => return self.limit(),
            Errno::INVAL => return self.id_without_a_map().or_else(|| self.threads()),
            _ => return None,
        }
        let own = Credentials::parse(&self.status).ok();
        let is_filtered = own.as_ref().is_some_and(|own| own.filtered);
        if let Some(cause) = self.setgroups() {
            return Some(cause);
        }
        let creates_user =
            matches!(self.name, "unshare" | "clone") && self.call.arguments[0] & CLONE_NEWUSER != 0;
        let filter =
            "a filter of system calls (seccomp) is on the process, and may have refused it";
        if creates_user {
            return Some(self.user_namespace(is_filtered, filter));
        }
        let process = Process::hold(self.call.thread).ok()?;
        let Ok(subject) = Subject::of(&process, self.proc) else {
            return Some(vec![
                "its credentials and namespaces cannot be read".to_owned(),
            ]);
        };
        let check = requires(&subject, needed, over);
        Some(match check.outcome {
            Outcome::Fails => {
                let remedy = match self.name {
                    "setns" => "run it as root, or join the user namespace first: nsx enter",
                    "bind" => {
                        "use a port from 1024 on, or lower the sysctl \
                        net.ipv4.ip_unprivileged_port_start of its network"
                    }
                    _ if creatable(self.name) => {
                        "run it as root, or in a user namespace with namespaces of its own: nsx \
                        unshare -r --mount --uts --net --pid"
                    }
                    _ => "run it as root of the host, with that capability",
                };
                let mut lines = vec![check.why, format!("hint: {remedy}")];
                lines.extend(is_filtered.then(|| filter.to_owned()));
                lines
            }
            Outcome::Passes if is_filtered => vec![filter.to_owned()],
            Outcome::Passes => vec![format!(
                "{}: something else refused it, such as a security module",
                check.why
            )],
            Outcome::Unknown => vec![check.why],
        })
    }

    /// The checks of a new user namespace, see `unshare(2)`.
    fn user_namespace(&self, is_filtered: bool, filter: &str) -> Vec<String> {
        let mapped = |file: &str, key: &str| {
            let id = self.ids(key).map(|ids| ids[1]);
            let map = IdMap::parse(&read(self.proc, self.call, file)).ok();
            id.zip(map)
                .is_none_or(|(id, map)| map.to_inside(id).or(map.to_outside(id)).is_some())
        };
        if self.proc.sysctl_number("kernel.unprivileged_userns_clone") == Ok(0) {
            return vec![
                "ordinary users may not create user namespaces: the sysctl \
                kernel.unprivileged_userns_clone is 0"
                    .to_owned(),
                "hint: as root: sysctl kernel.unprivileged_userns_clone=1".to_owned(),
            ];
        }
        if !mapped("uid_map", "Uid:") || !mapped("gid_map", "Gid:") {
            return vec![
                "its user or group is not mapped in the user namespace that it is in".to_owned(),
            ];
        }
        match is_filtered {
            true => vec![filter.to_owned()],
            false => {
                vec!["it is in a chroot, or a security module forbids user namespaces".to_owned()]
            }
        }
    }

    /// A limit on namespaces that is used up.
    fn limit(&self) -> Option<Vec<String>> {
        matches!(self.name, "unshare" | "clone" | "clone3").then(|| {
            let kinds = NsKind::ALL
                .into_iter()
                .filter(|kind| self.call.arguments[0] & u64::from(kind.flag()) != 0);
            let kinds = kinds.fold(NsSet::EMPTY, NsSet::with);
            let sysctls: Vec<_> = kinds
                .iter()
                .map(|kind| format!("user.max_{kind}_namespaces"))
                .collect();
            let sysctls = match sysctls.is_empty() || self.name == "clone3" {
                true => "user.max_*_namespaces".to_owned(),
                false => text::listed(&sysctls),
            };
            vec![
                format!(
                    "a limit on namespaces is reached, in its user namespace or one further out: \
                    {sysctls}"
                ),
                "hint: nsx doctor shows the limits and what is used of them".to_owned(),
            ]
        })
    }

    /// A user or group that its user namespace does not have.
    fn id_without_a_map(&self) -> Option<Vec<String>> {
        let (file, what) = match self.name {
            "setuid" | "setreuid" | "setresuid" => ("uid_map", "user"),
            "setgid" | "setregid" | "setresgid" => ("gid_map", "group"),
            _ => return None,
        };
        Some(vec![
            format!("the {what} id is not mapped in its user namespace: see its {file}"),
            "hint: map a range of ids: nsx unshare --map-auto".to_owned(),
        ])
    }

    /// Several threads, which may not change some namespaces.
    fn threads(&self) -> Option<Vec<String>> {
        let threads = decimal(self.value("Threads:")?)?;
        let is_join = matches!(self.name, "unshare" | "setns");
        (is_join && threads > 1).then(|| {
            vec![format!(
                "it has {threads} threads, and only a process with one may change its user or mnt \
                namespace"
            )]
        })
    }

    /// A user namespace in which groups cannot be changed.
    fn setgroups(&self) -> Option<Vec<String>> {
        let is_denied = self.name == "setgroups"
            && read(self.proc, self.call, "setgroups").starts_with(b"deny");
        is_denied.then(|| {
            vec![
                "setgroups is denied in its user namespace, because its group map was written \
                without privilege"
                    .to_owned(),
                "hint: map ranges with newgidmap (nsx unshare --map-auto), or keep the groups"
                    .to_owned(),
            ]
        })
    }

    fn value(&self, key: &str) -> Option<&[u8]> {
        let lines = self.status.split(|byte| *byte == b'\n');
        let mut values = lines.filter_map(|line| line.strip_prefix(key.as_bytes()));
        values.next().map(<[u8]>::trim_ascii)
    }

    fn ids(&self, key: &str) -> Option<Vec<u32>> {
        let ids = self.value(key)?.split(|byte| *byte == b'\t');
        let ids: Vec<_> = ids
            .filter_map(|id| u32::try_from(decimal(id)?).ok())
            .collect();
        (ids.len() == 4).then_some(ids)
    }
}

/// Returns whether a namespace that the caller creates would allow the call.
fn creatable(call: &str) -> bool {
    matches!(required(call), Some((_, Over::Own | Over::Owner(_))))
}

fn read(proc: &ProcRoot, call: &FailedCall, file: &str) -> Vec<u8> {
    let mut text = Vec::new();
    match proc.read_up_to(1 << 16, call.thread, file, &mut text) {
        Ok(()) => text,
        Err(_) => Vec::new(),
    }
}
