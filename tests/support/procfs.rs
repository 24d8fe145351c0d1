//! Facts in /proc, read without nsx's own readers: the other source that results are compared with.

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fd::OwnedFd,
    process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal},
};
use std::{fmt::Display, fs};

/// A process that cannot be mistaken for another: held by a pidfd.
pub(crate) struct Pinned {
    id: u32,
    pidfd: OwnedFd,
}

impl Pinned {
    /// Pins the process that has this id now, if there is one.
    pub(crate) fn new(id: u32) -> Option<Self> {
        let pid = Pid::from_raw(i32::try_from(id).ok()?)?;
        Some(Self {
            id,
            pidfd: pidfd_open(pid, PidfdFlags::empty()).ok()?,
        })
    }

    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    pub(crate) fn pidfd(&self) -> &OwnedFd {
        &self.pidfd
    }

    /// Its state: `S` asleep, `T` stopped, `Z` a zombie, …; `X` once it is gone.
    pub(crate) fn state(&self) -> char {
        stat(self.id).map_or('X', |stat| stat.state)
    }

    /// Sends a signal; a process that has ended is ignored.
    pub(crate) fn signal(&self, signal: Signal) {
        let _ = pidfd_send_signal(&self.pidfd, signal);
    }

    /// Waits at most `limit` for the process to end, and returns whether it has ended. A zombie has
    /// ended.
    pub(crate) fn ended(&self, limit: std::time::Duration) -> bool {
        let limit = Timespec::try_from(limit).unwrap();
        let mut ready = [PollFd::new(&self.pidfd, PollFlags::IN)];
        poll(&mut ready, Some(&limit)).is_ok_and(|count| count > 0)
    }
}

/// The fields of `/proc/PID/stat` that tests need.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stat {
    /// `S`, `T`, `Z`, …
    pub(crate) state: char,
    pub(crate) parent: u32,
    /// Processor time used, in clock ticks (hundredths of a second).
    pub(crate) ticks: u64,
}

/// Reads `/proc/PID/stat`, or returns none if the process is gone.
pub(crate) fn stat(id: u32) -> Option<Stat> {
    let bytes = fs::read(format!("/proc/{id}/stat")).ok()?;
    // The name may hold anything, `) ` too: the last one ends it.
    let end = bytes.iter().rposition(|&byte| byte == b')')?;
    let text = String::from_utf8_lossy(&bytes[end + 1..]).into_owned();
    let fields: Vec<&str> = text.split_whitespace().collect();
    let number = |place: usize| fields.get(place)?.parse::<u64>().ok();
    Some(Stat {
        state: fields.first()?.chars().next()?,
        parent: u32::try_from(number(1)?).ok()?,
        ticks: number(11)? + number(12)?,
    })
}

/// The name of a process, empty if it is gone.
pub(crate) fn comm(id: u32) -> String {
    let bytes = fs::read(format!("/proc/{id}/comm")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).trim_end().to_owned()
}

/// The value of a line of `/proc/PID/status`; `process` may be `self`.
#[track_caller]
pub(crate) fn status(process: impl Display, name: &str) -> String {
    let text = fs::read(format!("/proc/{process}/status")).unwrap();
    let text = String::from_utf8_lossy(&text);
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("/proc/{process}/status has no line {name}"))
        .trim()
        .to_owned()
}

/// The namespace that `/proc/PID/ns/KIND` leads to, as `net:[4026531840]`; `process` may be `self`.
#[track_caller]
pub(crate) fn ns(process: impl Display, kind: &str) -> String {
    let path = format!("/proc/{process}/ns/{kind}");
    match fs::read_link(&path) {
        Ok(link) => link.into_os_string().into_string().unwrap(),
        Err(error) => panic!("{path}: {error}"),
    }
}

/// The names of the links in `/proc/PID/ns` for the namespaces that a process is in.
pub(crate) const KINDS: [&str; 8] = ["cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"];

/// The parent of the kernel's threads, in the initial PID namespace.
pub(crate) const KTHREADD: u32 = 2;

/// Every process in /proc.
pub(crate) fn processes() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").unwrap();
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

/// The threads of a process, its main thread included; none if it is gone.
pub(crate) fn threads(id: u32) -> Vec<u32> {
    let entries = fs::read_dir(format!("/proc/{id}/task"))
        .into_iter()
        .flatten();
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect()
}

/// The processes below `ancestor`, parents before their children.
pub(crate) fn descendants(ancestor: u32) -> Vec<u32> {
    let parents: Vec<(u32, u32)> = processes()
        .filter_map(|id| Some((id, stat(id)?.parent)))
        .collect();
    let mut found = vec![ancestor];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        found.extend(
            parents
                .iter()
                .filter(|(_, of)| *of == parent)
                .map(|(id, _)| id),
        );
        next += 1;
    }
    found.remove(0);
    found
}
