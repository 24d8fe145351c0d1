//! The record of a set of namespaces, written and extended by the outside.

use super::{
    journal::Journal,
    part::{Part, Whole},
    record_file::{edit_record, errno_of},
    uplink,
};
use crate::{
    ns::NsKind,
    pid::{Pid, Process},
    plan::{Addition, Record, Uplink},
    proc::{NsLink, ProcRoot},
};
use rustix::{
    fs::{CWD, Mode, OFlags},
    io::Errno,
};
use std::{fs::DirBuilder, os::unix::fs::DirBuilderExt};

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
