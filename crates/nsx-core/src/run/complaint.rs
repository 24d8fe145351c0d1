//! Complaints of programs that steps run: kept in memory, and printed only if the program fails.

use crate::trouble;
use rustix::{fs::MemfdFlags, io::Errno};
use std::{
    fs::File,
    io::{Read, Seek},
    process::Stdio,
};

/// The complaint of pasta about a host without a syslog.
const NOISE: &str = "Failed to send ";

/// A file in memory that is a program's standard error.
pub(super) struct Complaint(File);

impl Complaint {
    pub(super) fn new() -> Result<Self, Errno> {
        let flags = MemfdFlags::CLOEXEC;
        rustix::fs::memfd_create(c"complaint", flags).map(|file| Self(file.into()))
    }

    /// Returns the stream for the program.
    pub(super) fn stream(&self) -> Result<Stdio, Errno> {
        let file = self.0.try_clone();
        file.map(Stdio::from)
            .map_err(|error| trouble::errno_of(&error))
    }

    /// Writes the program's complaint to standard error.
    pub(super) fn print(mut self) {
        let mut text = Vec::new();
        let _ = self.0.rewind();
        let _ = self.0.read_to_end(&mut text);
        let text = String::from_utf8_lossy(&text);
        for line in text.lines().filter(|line| !line.starts_with(NOISE)) {
            let _ = rustix::io::write(rustix::stdio::stderr(), format!("{line}\n").as_bytes());
        }
    }
}
