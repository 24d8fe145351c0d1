//! Which processes a procfs shows.

use super::{ProcRoot, decimal};
use crate::pid::Pid;
use rustix::{
    fs::{Mode, OFlags, RawDir},
    io::Errno,
};
use std::mem::MaybeUninit;

impl ProcRoot {
    /// The ids of all processes, ascending, as they were when the kernel listed them. Threads are not among them.
    ///
    /// With `hidepid=invisible` the kernel leaves out those of others, and nothing tells that it did.
    ///
    /// # Errors
    /// The errno of `openat(2)` or `getdents64(2)`.
    pub fn pids(&self) -> Result<Vec<Pid>, Errno> {
        // Opened anew, because two scans through one descriptor would share their place.
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::openat(self, c".", flags, Mode::empty())?;
        let mut buffer = [MaybeUninit::uninit(); 32 * 1024];
        let mut entries = RawDir::new(directory, &mut buffer);
        let mut pids = Vec::new();
        while let Some(entry) = entries.next() {
            let name = decimal(entry?.file_name().to_bytes());
            pids.extend(name.and_then(|number| number.try_into().ok()).and_then(Pid::from_raw));
        }
        // The kernel's order already; a recording has any.
        pids.sort_unstable_by_key(|pid| pid.as_raw_pid());
        Ok(pids)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_is_found_as_procfs_finds_it() {
        let mut child = std::process::Command::new("sleep").arg("100").spawn().unwrap();
        let proc = ProcRoot::system().unwrap();
        let before = proc.pids().unwrap();
        let theirs: Vec<_> = procfs::process::all_processes().unwrap().filter_map(|it| Some(it.ok()?.pid)).collect();
        let after = proc.pids().unwrap();
        assert!(before.is_sorted_by_key(|pid| pid.as_raw_pid()));
        for pid in [Pid::from_child(&child), rustix::process::getpid()] {
            assert!(before.contains(&pid));
        }
        for pid in before.iter().filter(|pid| after.contains(pid)) {
            assert!(theirs.contains(&pid.as_raw_pid()));
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn what_is_no_process_is_passed_over() {
        let recording = crate::proc::Recording::new();
        for name in ["70", "7", "self", "0", "-1", "7x", "4294967297", "fs"] {
            recording.directory(name);
        }
        let pids: Vec<i32> = recording.root().pids().unwrap().into_iter().map(Pid::as_raw_pid).collect();
        assert_eq!(pids, [7, 70]);
    }
}
