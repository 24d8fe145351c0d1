//! The processes that have sockets open, by the inode numbers of the sockets.

use nsx_core::{
    hash::HashMap,
    pid::Pid,
    proc::{ProcError, ProcRoot, socket_inode},
};
use rustix::fs::{Dir, OFlags, readlinkat_raw};
use std::mem::MaybeUninit;

/// The processes that have sockets open.
#[derive(Default)]
pub(super) struct Openers {
    by_inode: HashMap<u64, Vec<Pid>>,
    /// The number of processes whose descriptors could not be read.
    pub(super) unread: usize,
}

/// Room for `socket:[` and a number.
const LONGEST: usize = 40;

impl Openers {
    /// Looks at the descriptors of these processes.
    pub(super) fn find(pids: impl Iterator<Item = Pid>, proc: &ProcRoot) -> Self {
        let mut openers = Self::default();
        for pid in pids {
            match openers.add(pid, proc) {
                Ok(()) | Err(ProcError::Vanished) => {}
                Err(_) => openers.unread += 1,
            }
        }
        openers
    }

    fn add(&mut self, pid: Pid, proc: &ProcRoot) -> Result<(), ProcError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let directory = proc.open_entry(pid, "fd", flags)?;
        let entries = Dir::read_from(&directory).map_err(ProcError::from)?;
        let mut room = [MaybeUninit::uninit(); LONGEST];
        for entry in entries.filter_map(Result::ok) {
            let Ok((target, _)) = readlinkat_raw(&directory, entry.file_name(), &mut room) else {
                continue;
            };
            if let Some(inode) = socket_inode(target) {
                let pids = self.by_inode.entry(inode).or_default();
                if pids.last() != Some(&pid) {
                    pids.push(pid);
                }
            }
        }
        Ok(())
    }

    /// Returns the processes that have a socket open, in order of their ids.
    pub(super) fn of(&self, inode: u64) -> &[Pid] {
        self.by_inode.get(&inode).map_or(&[], Vec::as_slice)
    }
}
