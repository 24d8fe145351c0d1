//! The processes, threads and descriptors that a procfs shows.

use super::{ProcError, ProcRoot, decimal};
use crate::pid::Pid;
use rustix::{
    fd::OwnedFd,
    fs::{AtFlags, Mode, OFlags, RawDir},
    io::Errno,
};
use std::mem::MaybeUninit;

impl ProcRoot {
    /// Returns the ids of all processes, ascending, as they were when the kernel listed them.
    /// Threads are not among them.
    ///
    /// With `hidepid=invisible` the kernel leaves out those of others, and nothing tells that it
    /// did.
    ///
    /// # Errors
    /// The errno of `openat(2)` or `getdents64(2)`.
    pub fn pids(&self) -> Result<Vec<Pid>, Errno> {
        // Opened anew, because two scans through one descriptor would share their offset.
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::openat(self, c".", flags, Mode::empty())?;
        let mut pids: Vec<Pid> = Vec::new();
        numbers(directory, |number| {
            pids.extend(number.try_into().ok().and_then(Pid::from_raw))
        })?;
        // The kernel's order already; a recording has any.
        pids.sort_unstable_by_key(|pid| pid.as_raw_pid());
        Ok(pids)
    }

    /// Returns the number of threads of a process.
    ///
    /// # Errors
    /// [`ProcError`].
    pub fn count_threads(&self, pid: Pid) -> Result<u64, ProcError> {
        if self.is_copy() {
            // A copy may lack the directories of threads.
            return Ok(self.threads(pid).map_or(1, |threads| threads.len() as u64));
        }
        let path = format!("{}/task", pid.as_raw_pid());
        // A directory has a link for each directory in it, and two of its own.
        Ok(rustix::fs::statat(self, path, AtFlags::SYMLINK_NOFOLLOW)?
            .st_nlink
            .saturating_sub(2))
    }

    /// Returns the ids of the threads of a process, its own among them.
    ///
    /// # Errors
    /// [`ProcError`].
    pub fn threads(&self, pid: Pid) -> Result<Vec<Pid>, ProcError> {
        let mut tids = Vec::new();
        let directory = self.open_entry(pid, "task", OFlags::RDONLY | OFlags::DIRECTORY)?;
        numbers(directory, |number| {
            tids.extend(number.try_into().ok().and_then(Pid::from_raw))
        })?;
        Ok(tids)
    }

    /// Returns the descriptors that a process has open.
    ///
    /// # Errors
    /// [`ProcError`]; another user's process requires `ptrace(2)` access.
    pub fn descriptors(&self, pid: Pid) -> Result<Vec<u32>, ProcError> {
        let mut fds = Vec::new();
        let directory = self.open_entry(pid, "fd", OFlags::RDONLY | OFlags::DIRECTORY)?;
        numbers(directory, |number| fds.extend(u32::try_from(number)))?;
        Ok(fds)
    }
}

/// Returns the inode number of the socket that the link of a descriptor stands for, `socket:[77]`;
/// `None` if the link stands for another file.
pub fn socket_inode(link: &[u8]) -> Option<u64> {
    decimal(link.strip_prefix(b"socket:[")?.strip_suffix(b"]")?)
}

/// Returns the entries of a directory that are numbers.
fn numbers(directory: OwnedFd, mut each: impl FnMut(u64)) -> Result<(), Errno> {
    let mut buffer = [MaybeUninit::uninit(); 32 * 1024];
    let mut entries = RawDir::new(directory, &mut buffer);
    while let Some(entry) = entries.next() {
        if let Some(number) = decimal(entry?.file_name().to_bytes()) {
            each(number);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_is_found_as_procfs_finds_it() {
        let mut child = std::process::Command::new("sleep")
            .arg("100")
            .spawn()
            .unwrap();
        let proc = ProcRoot::system().unwrap();
        let before = proc.pids().unwrap();
        let theirs: Vec<_> = procfs::process::all_processes()
            .unwrap()
            .filter_map(|it| Some(it.ok()?.pid))
            .collect();
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
    fn only_links_of_sockets_are_taken() {
        assert_eq!(socket_inode(b"socket:[77]"), Some(77));
        for other in [
            &b"pipe:[77]"[..],
            b"/socket:[77]",
            b"socket:[77",
            b"socket:[x]",
        ] {
            assert_eq!(socket_inode(other), None);
        }
    }

    #[test]
    fn an_entry_that_is_not_a_process_is_passed_over() {
        let recording = crate::proc::Recording::new();
        for name in ["70", "7", "self", "0", "-1", "7x", "4294967297", "fs"] {
            recording.directory(name);
        }
        let pids: Vec<i32> = recording
            .root()
            .pids()
            .unwrap()
            .into_iter()
            .map(Pid::as_raw_pid)
            .collect();
        assert_eq!(pids, [7, 70]);
    }
}
