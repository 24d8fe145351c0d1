//! `nsx mounts --watch`: mounts of one mount namespace as they come, go and change.
//!
//! The kernel wakes a reader of `/proc/PID/mountinfo` with every change but those of propagation, and
//! nsx then reads the whole table again. What comes and goes before nsx has read the table is not
//! seen. For propagation, nsx reads it every second.

use crate::{
    answer::Format,
    error::Error,
    exit::ExitStatus,
    out::Output,
    query::{cell::Cell, system::System},
    since_1970, text,
};
use nsx_core::{
    pid::{Pid, Process},
    proc::{MountEntry, ProcError},
    trouble,
};
use nsx_target::Found;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fd::{AsFd, OwnedFd},
    fs::{OFlags, SeekFrom},
    io::Errno,
};
use serde::Serialize;
use std::{collections::BTreeMap, ffi::OsString, fs::File, io::Read};

/// The time after which the table is read without a change.
const SECOND: Timespec = Timespec {
    tv_sec: 1,
    tv_nsec: 0,
};

/// The request to follow the mounts of a process, or of the caller.
pub(super) struct Watch {
    pub(super) target: Option<OsString>,
}

/// An event.
#[derive(Serialize)]
struct Event<'a> {
    /// Seconds since 1970, with thousandths.
    time: f64,
    event: What,
    #[serde(flatten)]
    mount: &'a Mount,
    /// The mount as it was before it changed.
    before: Option<&'a Mount>,
}

/// The kinds of events.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
enum What {
    Mounted,
    Unmounted,
    /// Moved, or with other options or propagation.
    Changed,
}

/// A mount, as far as it is compared.
#[derive(Clone, PartialEq, Eq, Serialize)]
struct Mount {
    id: u64,
    mount: Cell,
    r#type: Cell,
    source: Cell,
    root: Cell,
    options: Cell,
    /// The options of the file system.
    fsoptions: Cell,
    /// The number of the peer group that it shares mounts with.
    shared: Option<u64>,
    /// The number of the peer group that it receives mounts from.
    master: Option<u64>,
    unbindable: bool,
}

type Table = BTreeMap<u64, Mount>;

impl Watch {
    /// Follows mounts until the target ends or standard output is closed.
    pub(super) fn follow(
        self,
        system: &System,
        format: Format,
        output: &Output,
    ) -> Result<ExitStatus, Error> {
        let (shown, process) = match &self.target {
            None => ("your own mounts".to_owned(), None),
            Some(word) => {
                let shown = format!("the mounts of {}", text::shown(word));
                match crate::target::look_up(word)? {
                    Found::Process(subject) => (shown, Some(subject.process)),
                    Found::Namespace(ns) => {
                        return Err(Error::usage(format!(
                            "--watch follows the mounts of a process or container, and {} is \
                            named as a namespace",
                            ns.id()
                        )));
                    }
                }
            }
        };
        let failed = |error| Error::failed(format!("read {shown}"), error);
        let file = open(process.as_ref(), system).map_err(failed)?;
        let mut table = read(&file).map_err(failed)?;
        let stdout = rustix::stdio::stdout();
        loop {
            let mut fds = vec![
                PollFd::new(&file, PollFlags::PRI),
                PollFd::new(&stdout, PollFlags::empty()),
            ];
            fds.extend(
                process
                    .as_ref()
                    .map(|process| PollFd::new(process, PollFlags::IN)),
            );
            match poll(&mut fds, Some(&SECOND)) {
                Ok(_) => {}
                Err(Errno::INTR) => continue,
                Err(errno) => return Err(Error::failed("wait", errno)),
            }
            let is_over = fds[1..].iter().any(|fd| !fd.revents().is_empty());
            let later = read(&file).map_err(failed)?;
            let events = changes(&table, &later);
            let is_read = if format == Format::JsonLines {
                output.write_json_lines(&events)?
            } else {
                let lines: String = events.iter().map(Event::line).collect();
                output.write(lines.as_bytes())?
            };
            if is_over || !is_read {
                return Ok(ExitStatus::SUCCESS);
            }
            drop(events);
            table = later;
        }
    }
}

/// Opens the table of a process, or of the caller.
fn open(process: Option<&Process>, system: &System) -> Result<OwnedFd, ProcError> {
    let own = rustix::process::getpid();
    let pid: Pid = process.map_or(Ok(own), |process| process.pid_in(&system.proc))?;
    let file = system.proc.open_entry(pid, "mountinfo", OFlags::RDONLY)?;
    if let Some(process) = process {
        process.runs(&system.proc, pid)?;
    }
    Ok(file)
}

fn read(file: &OwnedFd) -> Result<Table, ProcError> {
    rustix::fs::seek(file, SeekFrom::Start(0))?;
    let mut text = Vec::new();
    File::from(file.as_fd().try_clone_to_owned().map_err(|_| Errno::IO)?)
        .read_to_end(&mut text)
        .map_err(|error| trouble::errno_of(&error))?;
    let mounts = MountEntry::parse_all(&text)?;
    Ok(mounts
        .into_iter()
        .map(|entry| (entry.mount.id, Mount::new(entry)))
        .collect())
}

/// Returns the differences between two tables: unmounted, then changed and mounted.
fn changes<'a>(before: &'a Table, after: &'a Table) -> Vec<Event<'a>> {
    let time = since_1970::seconds(since_1970::now());
    // The id of a mount that is gone is used again.
    let same = |mount: &Mount, table: &'a Table| {
        table
            .get(&mount.id)
            .filter(|other| other.is_mount_of(mount))
    };
    let event = |event, mount, before| Event {
        time,
        event,
        mount,
        before,
    };
    let unmounted = before
        .values()
        .rev()
        .filter(|mount| same(mount, after).is_none())
        .map(|mount| event(What::Unmounted, mount, None));
    let others = after
        .values()
        .filter_map(|mount| match same(mount, before) {
            None => Some(event(What::Mounted, mount, None)),
            Some(earlier) if earlier != mount => Some(event(What::Changed, mount, Some(earlier))),
            Some(_) => None,
        });
    unmounted.chain(others).collect()
}

impl Mount {
    fn new(entry: MountEntry) -> Self {
        Self {
            id: entry.mount.id,
            mount: Cell::Text(entry.mount.point),
            r#type: Cell::Text(entry.kind),
            source: Cell::Text(entry.source),
            root: Cell::Text(entry.mount.root),
            options: Cell::Text(entry.options),
            fsoptions: Cell::Text(entry.fs_options),
            shared: entry.shared,
            master: entry.master,
            unbindable: entry.is_unbindable,
        }
    }

    /// Returns whether the other has the same part of the same file system.
    fn is_mount_of(&self, other: &Self) -> bool {
        (&self.r#type, &self.source, &self.root) == (&other.r#type, &other.source, &other.root)
    }

    fn propagation(&self) -> String {
        let number = |word, group: Option<u64>| group.map(|group| format!("{word}:{group}"));
        let unbindable = self.unbindable.then(|| "unbindable".to_owned());
        let words = [
            number("shared", self.shared),
            number("master", self.master),
            unbindable,
        ];
        let words: Vec<_> = words.into_iter().flatten().collect();
        if words.is_empty() {
            "private".to_owned()
        } else {
            words.join(",")
        }
    }

    /// Returns the parts that a change may concern.
    fn parts(&self) -> [String; 4] {
        [
            self.mount.shown(),
            self.options.shown(),
            self.fsoptions.shown(),
            self.propagation(),
        ]
    }
}

impl Event<'_> {
    /// Returns the event as a line of text, safe to show.
    fn line(&self) -> String {
        let what = match self.event {
            What::Mounted => "mounted",
            What::Unmounted => "unmounted",
            What::Changed => "changed",
        };
        let mount = self.mount;
        let [point, kind, source] = [&mount.mount, &mount.r#type, &mount.source].map(Cell::shown);
        let rest = match self.before {
            None => format!("{} {}", mount.options.shown(), mount.propagation()),
            Some(before) => {
                let parts = before.parts().into_iter().zip(mount.parts());
                let changed = parts
                    .filter(|(before, after)| before != after)
                    .map(|(before, after)| format!("{before} -> {after}"));
                changed.collect::<Vec<_>>().join("; ")
            }
        };
        let line = format!("{what:9} {point} {kind} {source} {rest}");
        text::escape(line.as_bytes()) + "\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(lines: &[&str]) -> Table {
        let mounts = lines.iter().map(|line| {
            let entry = MountEntry::parse(line.as_bytes()).unwrap();
            (entry.mount.id, Mount::new(entry))
        });
        mounts.collect()
    }

    #[test]
    fn a_reused_id_is_another_mount() {
        let before = table(&[
            "1 0 0:5 / / rw - tmpfs a rw",
            "2 1 0:6 / /x rw shared:7 - tmpfs b rw",
            "3 1 0:7 / /y rw - tmpfs c rw",
        ]);
        let after = table(&[
            "1 0 0:5 / / rw - tmpfs a rw",
            "2 1 0:6 / /x ro - tmpfs b rw",
            "3 1 0:8 / /y\\040z rw - proc d rw",
        ]);
        let lines: Vec<_> = changes(&before, &after).iter().map(Event::line).collect();
        assert_eq!(
            lines,
            [
                "unmounted /y tmpfs c rw private\n",
                "changed   /x tmpfs b rw -> ro; shared:7 -> private\n",
                "mounted   /y z proc d rw private\n",
            ]
        );
    }
}
