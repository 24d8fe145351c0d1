//! Restrictions on a program beyond its ids: capabilities, limits, a label, system call filters.
//!
//! All of them are values: a program that enters a container is restricted as the container's own
//! programs are, and a plan says by what.

use crate::sys::trace::Instruction;
use rustix::{process::Resource, thread::CapabilitySet};
use std::{ffi::CString, fmt};

/// Restrictions on a program. If empty, the restrictions on its caller apply.
#[derive(Clone, Debug, Default)]
pub struct Confinement {
    /// The capabilities that any exec can give it.
    pub bounding: Option<CapabilitySet>,
    /// The capabilities that it sets off with, as far as there are.
    pub capabilities: Option<CapabilityState>,
    /// `true` if no exec may give the program more privileges than it has.
    pub no_new_privs: bool,
    /// `true` if the target's system call filters apply to the program too.
    pub seccomp: bool,
    /// A filter of system calls of its own.
    pub filter: Option<Filter>,
    /// The label by which a security module restricts the program from its exec on.
    pub label: Option<Label>,
    /// Limits that differ from the caller's.
    pub limits: Vec<Limit>,
    /// The permissions that the files it makes do not get, see `umask(2)`.
    pub umask: Option<u32>,
    /// The score that says how soon the kernel kills the program if memory is short, see
    /// `oom_score_adj` in `proc(5)`.
    pub oom_score: Option<i32>,
    /// `true` if the limits and that score are set with the rights that the program has in the
    /// namespaces it joins, and not with the caller's.
    pub limits_inside: bool,
}

/// A filter of system calls, see `seccomp(2)`.
pub type Filter = Vec<Instruction>;

/// The sets of capabilities that a process has beside the bounding set, see `capabilities(7)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CapabilityState {
    /// The capabilities in force.
    pub effective: CapabilitySet,
    /// The capabilities that it may bring into force.
    pub permitted: CapabilitySet,
    /// The capabilities that outlive an exec of a file that has them too.
    pub inheritable: CapabilitySet,
    /// The capabilities that outlive any exec.
    pub ambient: CapabilitySet,
}

impl CapabilityState {
    /// These in force, and those that outlive any exec as well if `ambient`.
    pub fn of(set: CapabilitySet, ambient: bool) -> Self {
        let outlive = if ambient { set } else { CapabilitySet::empty() };
        Self {
            effective: set,
            permitted: set,
            inheritable: outlive,
            ambient: outlive,
        }
    }
}

/// The name by which a security module knows a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Label {
    /// The name of an AppArmor profile.
    AppArmor(CString),
    /// An SELinux context.
    SeLinux(CString),
}

impl Label {
    /// Returns the bytes to write to get this label from the next exec on.
    pub(crate) fn request(&self) -> Vec<u8> {
        match self {
            Self::AppArmor(profile) => [b"exec ", profile.as_bytes()].concat(),
            Self::SeLinux(context) => context.as_bytes().to_vec(),
        }
    }

    /// Returns the files of a process, below its directory in a procfs, of which the first that is
    /// there takes it. The one of a module by itself is newer (AppArmor: 5.8).
    pub(crate) fn files(&self) -> &'static [&'static str] {
        match self {
            Self::AppArmor(_) => &["attr/apparmor/exec", "attr/exec"],
            Self::SeLinux(_) => &["attr/exec"],
        }
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AppArmor(profile) => write!(f, "AppArmor profile {}", profile.to_string_lossy()),
            Self::SeLinux(context) => write!(f, "SELinux context {}", context.to_string_lossy()),
        }
    }
}

/// A limit of a resource, see `getrlimit(2)`. None stands for no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The resource.
    pub resource: Resource,
    /// The soft limit: the value that the kernel enforces.
    pub soft: Option<u64>,
    /// The hard limit: the highest value to which the process itself may raise the soft limit.
    pub hard: Option<u64>,
}

/// The resources by the names of their constants, without `RLIMIT_`, and by those in
/// `/proc/PID/limits`.
pub const RESOURCES: [(Resource, &str, &str); 16] = [
    (Resource::Cpu, "CPU", "Max cpu time"),
    (Resource::Fsize, "FSIZE", "Max file size"),
    (Resource::Data, "DATA", "Max data size"),
    (Resource::Stack, "STACK", "Max stack size"),
    (Resource::Core, "CORE", "Max core file size"),
    (Resource::Rss, "RSS", "Max resident set"),
    (Resource::Nproc, "NPROC", "Max processes"),
    (Resource::Nofile, "NOFILE", "Max open files"),
    (Resource::Memlock, "MEMLOCK", "Max locked memory"),
    (Resource::As, "AS", "Max address space"),
    (Resource::Locks, "LOCKS", "Max file locks"),
    (Resource::Sigpending, "SIGPENDING", "Max pending signals"),
    (Resource::Msgqueue, "MSGQUEUE", "Max msgqueue size"),
    (Resource::Nice, "NICE", "Max nice priority"),
    (Resource::Rtprio, "RTPRIO", "Max realtime priority"),
    (Resource::Rttime, "RTTIME", "Max realtime timeout"),
];

/// `NOFILE 1024:4096`.
impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = RESOURCES
            .iter()
            .find(|(resource, ..)| *resource == self.resource)
            .map_or("?", |(_, name, _)| name);
        write!(f, "{name} ")?;
        for (limit, end) in [(self.soft, ":"), (self.hard, "")] {
            match limit {
                Some(limit) => write!(f, "{limit}{end}")?,
                None => write!(f, "unlimited{end}")?,
            }
        }
        Ok(())
    }
}

impl Limit {
    /// Reads `/proc/PID/limits`. Lines of resources that nsx does not know are passed over.
    pub fn parse_all(text: &[u8]) -> Vec<Self> {
        text.split(|byte| *byte == b'\n')
            .filter_map(Self::parse)
            .collect()
    }

    fn parse(line: &[u8]) -> Option<Self> {
        let (resource, rest) = RESOURCES.iter().find_map(|(resource, _, title)| {
            Some((
                *resource,
                line.strip_prefix(title.as_bytes())?.strip_prefix(b" ")?,
            ))
        })?;
        let mut words = rest
            .split(u8::is_ascii_whitespace)
            .filter(|word| !word.is_empty());
        let mut limit = || match words.next()? {
            b"unlimited" => Some(None),
            digits => crate::proc::decimal(digits).map(Some),
        };
        Some(Self {
            resource,
            soft: limit()?,
            hard: limit()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_callers_limits_are_read() {
        let limits = Limit::parse_all(&std::fs::read("/proc/self/limits").unwrap());
        assert_eq!(limits.len(), RESOURCES.len());
        for limit in limits {
            let own = rustix::process::getrlimit(limit.resource);
            assert_eq!(
                (limit.soft, limit.hard),
                (own.current, own.maximum),
                "{limit}"
            );
        }
    }

    #[test]
    fn a_limit_is_shown_as_it_is_said() {
        let limit = |line: &[u8]| Limit::parse(line).map(|limit| limit.to_string());
        assert_eq!(
            limit(b"Max open files            1024                 4096                 files")
                .unwrap(),
            "NOFILE 1024:4096"
        );
        assert_eq!(
            limit(b"Max cpu time              unlimited            unlimited            seconds")
                .unwrap(),
            "CPU unlimited:unlimited"
        );
        assert_eq!(limit(b"Max open filesx 1 2"), None);
        assert_eq!(limit(b"Max open files 1"), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = Limit::parse_all(&bytes);
        }
    }
}
