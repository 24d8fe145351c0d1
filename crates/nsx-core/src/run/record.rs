//! The record of a set of namespaces, written by the outside and edited by those who connect the set.

use super::{
    journal::Journal,
    part::{Part, Whole},
    uplink,
};
use crate::{
    ns::NsKind,
    pid::{Pid, Process},
    plan::{Addition, Record, Uplink},
    proc::{NsLink, ProcRoot},
};
use rustix::{
    fs::{CWD, FlockOperation, Mode, OFlags, flock},
    io::Errno,
};
use std::{
    fs::{self, DirBuilder, File},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

impl<'a> Journal<'a> {
    /// Writes the record of the step at index `step`, which names the process `child`.
    pub(super) fn record(
        &mut self,
        step: usize,
        record: &'a Record,
        child: Pid,
    ) -> Result<(), Errno> {
        let proc = self.proc();
        let process = Process::pin(child).map_err(|_| Errno::SRCH)?;
        let start = proc
            .ok_or(Errno::NOENT)?
            .start_time(child)
            .map_err(|_| Errno::SRCH)?;
        let mut text = record.text(child, start, process.inode()?);
        if record.kinds.contains(NsKind::Net) {
            let net = proc.and_then(|proc| proc.ns(child, NsLink::Own(NsKind::Net)).ok());
            text += &net.map_or_else(String::new, |net| format!("net={}\n", net.inode));
        }
        for line in self.uplink_lines()? {
            text += &format!("{line}\n");
        }
        let made = DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(record.directory());
        errno_of(made)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let which = (step, Whole::Record(record));
        let file = self.part(which, Part::File, || {
            rustix::fs::openat(CWD, &record.path, flags, Mode::from_raw_mode(0o644))
        })?;
        // A short write of so few bytes is an error of the file system.
        match rustix::io::write(&file, text.as_bytes())? {
            length if length == text.len() => Ok(()),
            _ => Err(Errno::NOSPC),
        }
    }

    /// Adds the lines of the step at index `step` to a record.
    pub(super) fn add_to_record(
        &mut self,
        step: usize,
        addition: &'a Addition,
    ) -> Result<(), Errno> {
        let lines = [addition.lines.clone(), self.uplink_lines()?].concat();
        let which = (step, Whole::Addition(addition));
        self.part(which, Part::File, || {
            errno_of(edit_record(&addition.path, |_| true, &lines))
        })
    }

    /// Returns the lines about programs that connect the network namespace.
    fn uplink_lines(&self) -> Result<Vec<String>, Errno> {
        let (Some(uplink), Some(proc)) = (self.uplink_made(), self.proc()) else {
            return Ok(Vec::new());
        };
        let line = |child| uplink_line(uplink, child, proc).ok_or(Errno::SRCH);
        uplink::children(proc).into_iter().map(line).collect()
    }
}

fn uplink_line(uplink: &Uplink, child: Pid, proc: &ProcRoot) -> Option<String> {
    let process = Process::pin(child).ok()?;
    let start = proc.start_time(child).ok()?;
    let inode = process.inode().ok()?;
    Some(format!("uplink={} {child} {start} {inode}", uplink.name))
}

/// Takes lines out of a record again.
pub(super) fn take_back(addition: &Addition) -> Result<(), Errno> {
    let is_kept = |line: &str| addition.lines.iter().all(|added| added != line);
    errno_of(edit_record(&addition.path, is_kept, &[]))
}

/// Rewrites the record of a set: without the lines for which `is_kept` says no, and with the lines
/// `added`. A reader sees the old text or the new one; another writer waits.
///
/// # Errors
/// Those of the system calls; the record is then as it was.
pub fn edit_record(
    path: &Path,
    is_kept: impl Fn(&str) -> bool,
    added: &[String],
) -> io::Result<()> {
    let directory = File::open(path.parent().unwrap_or(Path::new("/")))?;
    flock(&directory, FlockOperation::LockExclusive)?;
    let before = fs::read_to_string(path)?;
    let kept = before.lines().filter(|line| is_kept(line));
    let lines = kept.chain(added.iter().map(String::as_str));
    let text: String = lines.map(|line| format!("{line}\n")).collect();
    let new = draft(path);
    let written = fs::write(&new, text).and_then(|()| fs::rename(&new, path));
    if written.is_err() {
        let _ = fs::remove_file(&new);
    }
    written
}

/// Returns the file that becomes a record. No set has a name that begins with a dot.
pub fn draft(record: &Path) -> PathBuf {
    let name = record.file_name().unwrap_or_default().to_string_lossy();
    record.with_file_name(format!(".{name}.new"))
}

fn errno_of<T>(outcome: io::Result<T>) -> Result<T, Errno> {
    outcome.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
}
