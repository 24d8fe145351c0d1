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
        if let Some(cause) = self.setgroups() {
            return Some(cause);
        }
        let filter = own.as_ref().filter(|own| own.filtered).map(|_| {
            "a filter of system calls (seccomp) is on the process, and may have refused it"
                .to_owned()
        });
        if matches!(self.name, "unshare" | "clone") && self.flagged().contains(NsKind::User) {
            return Some(self.user_namespace(own.as_ref(), filter));
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
                lines.extend(filter);
                lines
            }
            Outcome::Passes => vec![filter.unwrap_or_else(|| {
                format!(
                    "{}: something else refused it, such as a security module",
                    check.why
                )
            })],
            Outcome::Unknown => vec![check.why],
        })
    }

    /// The checks of a new user namespace, see `unshare(2)`.
    fn user_namespace(&self, own: Option<&Credentials>, filter: Option<String>) -> Vec<String> {
        let is_mapped = |file: &str, id: u32| {
            let map = IdMap::parse(&read(self.proc, self.call, file)).ok();
            map.is_none_or(|map| map.to_inside(id).or(map.to_outside(id)).is_some())
        };
        let are_mapped =
            |own: &Credentials| is_mapped("uid_map", own.uid()) && is_mapped("gid_map", own.gid());
        if self.proc.sysctl_number("kernel.unprivileged_userns_clone") == Ok(0) {
            return vec![
                "ordinary users may not create user namespaces: the sysctl \
                kernel.unprivileged_userns_clone is 0"
                    .to_owned(),
                "hint: as root: sysctl kernel.unprivileged_userns_clone=1".to_owned(),
            ];
        }
        if !own.is_none_or(are_mapped) {
            return vec![
                "its user or group is not mapped in the user namespace that it is in".to_owned(),
            ];
        }
        vec![filter.unwrap_or_else(|| {
            "it is in a chroot, or a security module forbids user namespaces".to_owned()
        })]
    }

    /// A limit on namespaces that is used up.
    fn limit(&self) -> Option<Vec<String>> {
        matches!(self.name, "unshare" | "clone" | "clone3").then(|| {
            let sysctls: Vec<_> = self
                .flagged()
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

    /// Returns the kinds of namespace that the flags in the first argument name.
    fn flagged(&self) -> NsSet {
        let flags = self.call.arguments[0];
        let is_set = |kind: &NsKind| flags & u64::from(kind.flag()) != 0;
        NsKind::ALL.into_iter().filter(is_set).collect()
    }
}

/// Returns whether a namespace that the caller creates would allow the call.
fn creatable(call: &str) -> bool {
    matches!(required(call), Some((_, Over::Own | Over::Owner(_))))
}

fn read(proc: &ProcRoot, call: &FailedCall, file: &str) -> Vec<u8> {
    proc.read_up_to(1 << 16, call.thread, file)
        .unwrap_or_default()
}
