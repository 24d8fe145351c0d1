//! The record of a set of namespaces, written by the outside.

use super::{
    journal::Journal,
    part::{Part, Whole},
    uplink,
};
use crate::{
    ns::NsKind,
    pid::{Pid, Process},
    plan::Record,
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
        proc: Option<&ProcRoot>,
    ) -> Result<(), Errno> {
        let process = Process::pin(child).map_err(|_| Errno::SRCH)?;
        let start = proc
            .ok_or(Errno::NOENT)?
            .start_time(child, &mut Vec::new())
            .map_err(|_| Errno::SRCH)?;
        let mut text = record.text(child, start, process.inode()?);
        if record.kinds.contains(NsKind::Net) {
            let net = proc.and_then(|proc| proc.ns(child, NsLink::Own(NsKind::Net)).ok());
            text += &net.map_or_else(String::new, |net| format!("net={}\n", net.inode));
        }
        for uplink in proc.map(uplink::children).unwrap_or_default() {
            text += &uplink_line(uplink, proc).ok_or(Errno::SRCH)?;
        }
        let made = DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(record.directory());
        made.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
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
}

/// The line about a program that connects the new network namespace.
fn uplink_line(uplink: Pid, proc: Option<&ProcRoot>) -> Option<String> {
    let process = Process::pin(uplink).ok()?;
    let start = proc?.start_time(uplink, &mut Vec::new()).ok()?;
    let inode = process.inode().ok()?;
    Some(format!("uplink={uplink} {start} {inode}\n"))
}
