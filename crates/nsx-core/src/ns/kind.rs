//! The eight kinds of namespace.

use std::{fmt, str::FromStr};

/// A kind of namespace, of the eight that Linux has, see `namespaces(7)`.
///
/// The kinds are ordered by name, which is the order in which lists and plans name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NsKind {
    /// The root of the cgroup hierarchies (4.6).
    Cgroup,
    /// System V IPC and POSIX message queues (2.6.19).
    Ipc,
    /// Mount points (2.4.19).
    Mnt,
    /// Network devices, addresses, sockets (2.6.24).
    Net,
    /// Process ids (2.6.24).
    Pid,
    /// Offsets of the monotonic and boot-time clocks (5.6).
    Time,
    /// User and group ids, capabilities (3.8).
    User,
    /// Host name and NIS domain name (2.6.19).
    Uts,
}

impl NsKind {
    /// Every kind, in order.
    pub const ALL: [Self; 8] = [
        Self::Cgroup,
        Self::Ipc,
        Self::Mnt,
        Self::Net,
        Self::Pid,
        Self::Time,
        Self::User,
        Self::Uts,
    ];

    /// Returns the kernel's name, as in `/proc/PID/ns/NAME` and in front of `:[inode]`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cgroup => "cgroup",
            Self::Ipc => "ipc",
            Self::Mnt => "mnt",
            Self::Net => "net",
            Self::Pid => "pid",
            Self::Time => "time",
            Self::User => "user",
            Self::Uts => "uts",
        }
    }

    /// Returns the kind's flag for `clone(2)`, `unshare(2)` and `setns(2)`: `CLONE_NEW*`.
    pub const fn flag(self) -> u32 {
        match self {
            Self::Cgroup => 0x0200_0000,
            Self::Ipc => 0x0800_0000,
            Self::Mnt => 0x0002_0000,
            Self::Net => 0x4000_0000,
            Self::Pid => 0x2000_0000,
            Self::Time => 0x0000_0080,
            Self::User => 0x1000_0000,
            Self::Uts => 0x0400_0000,
        }
    }

    /// Returns the flag's name in the manual pages.
    pub const fn flag_name(self) -> &'static str {
        match self {
            Self::Cgroup => "CLONE_NEWCGROUP",
            Self::Ipc => "CLONE_NEWIPC",
            Self::Mnt => "CLONE_NEWNS",
            Self::Net => "CLONE_NEWNET",
            Self::Pid => "CLONE_NEWPID",
            Self::Time => "CLONE_NEWTIME",
            Self::User => "CLONE_NEWUSER",
            Self::Uts => "CLONE_NEWUTS",
        }
    }

    /// Returns the kind that a `CLONE_NEW*` flag stands for, as `NS_GET_NSTYPE` returns it.
    pub fn from_flag(flag: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.flag() == flag)
    }

    /// Returns the kind that the kernel calls `name`.
    pub fn from_name(name: &[u8]) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name().as_bytes() == name)
    }
}

impl fmt::Display for NsKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A word that names no kind of namespace.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown kind of namespace (they are cgroup, ipc, mnt, net, pid, time, user and uts)")]
pub struct UnknownKind;

impl FromStr for NsKind {
    type Err = UnknownKind;

    /// Reads the kernel's name; `mount` and `network`, as the options are called, are taken too.
    fn from_str(word: &str) -> Result<Self, UnknownKind> {
        match word {
            "mount" => Ok(Self::Mnt),
            "network" => Ok(Self::Net),
            _ => Self::from_name(word.as_bytes()).ok_or(UnknownKind),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_those_of_the_c_library() {
        let libc_flags = [
            libc::CLONE_NEWCGROUP,
            libc::CLONE_NEWIPC,
            libc::CLONE_NEWNS,
            libc::CLONE_NEWNET,
            libc::CLONE_NEWPID,
            0x80, // CLONE_NEWTIME, which libc has not for every target
            libc::CLONE_NEWUSER,
            libc::CLONE_NEWUTS,
        ];
        for (kind, flag) in NsKind::ALL.into_iter().zip(libc_flags) {
            assert_eq!(kind.flag(), flag as u32, "{kind}");
            assert_eq!(NsKind::from_flag(kind.flag()), Some(kind));
            assert_eq!(kind.name().parse(), Ok(kind));
        }
    }

    #[test]
    fn options_names_are_taken_and_others_refused() {
        assert_eq!("mount".parse(), Ok(NsKind::Mnt));
        assert_eq!("network".parse(), Ok(NsKind::Net));
        assert_eq!("foo".parse::<NsKind>(), Err(UnknownKind));
        assert_eq!("".parse::<NsKind>(), Err(UnknownKind));
    }
}
