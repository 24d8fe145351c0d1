//! Memory that a process shares with the children that it makes, see `mmap(2)`, and waiting for a
//! change of it, see `futex(2)`.
//!
//! Sound because a mapping is never undone: it ends with the process, or at its exec.

use super::check;
use rustix::{
    io::Errno,
    thread::futex::{self, Flags, Timespec},
};
use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

/// The number of words in a page.
pub(crate) const WORDS: usize = 1024;

/// A page of words, all 0 at first.
#[derive(Clone, Copy)]
pub(crate) struct Page(&'static [AtomicU32; WORDS]);

impl Page {
    /// Maps pages that this process and each child of it made later share.
    pub(crate) fn map<const N: usize>() -> Result<[Self; N], Errno> {
        let size = rustix::param::page_size();
        let (protection, flags) = (
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED | libc::MAP_ANONYMOUS,
        );
        // SAFETY: a new mapping at an address that the kernel chooses, over no other memory.
        let address =
            unsafe { libc::mmap(std::ptr::null_mut(), size * N, protection, flags, -1, 0) };
        if address == libc::MAP_FAILED {
            return Err(
                Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::NOMEM)
            );
        }
        Ok(std::array::from_fn(|index| {
            let page = address
                .wrapping_byte_add(size * index)
                .cast::<[AtomicU32; WORDS]>();
            // SAFETY: mapped for good, aligned to a page, which has at least that many words, and
            // zeros are valid words.
            Self(unsafe { &*page })
        }))
    }

    /// Keeps the page from children that this process makes from now on: `MADV_DONTFORK` of
    /// `madvise(2)`.
    pub(crate) fn keep_from_children(self) -> Result<(), Errno> {
        let address = self.0.as_ptr().cast_mut().cast();
        // SAFETY: the mapping stays as it is in this process.
        check(unsafe { libc::madvise(address, rustix::param::page_size(), libc::MADV_DONTFORK) })
            .map(drop)
    }

    /// Returns a word by its index, which wraps around at the end of the page.
    pub(crate) fn word(self, index: usize) -> &'static AtomicU32 {
        &self.0[index % WORDS]
    }

    /// Sets a word and wakes the process that waits for it.
    pub(crate) fn set(self, index: usize, value: u32) {
        self.word(index).store(value, Ordering::Release);
        let _ = futex::wake(self.word(index), Flags::empty(), u32::MAX >> 1);
    }

    /// Reads a word.
    pub(crate) fn get(self, index: usize) -> u32 {
        self.word(index).load(Ordering::Acquire)
    }

    /// Waits until a word is not 0, for no longer than `limit` if there is one. Returns whether it
    /// is.
    pub(crate) fn wait(self, index: usize, limit: Option<Duration>) -> bool {
        let deadline = limit.map(|limit| std::time::Instant::now() + limit);
        while self.get(index) == 0 {
            let left = deadline
                .map(|deadline| deadline.saturating_duration_since(std::time::Instant::now()));
            if left == Some(Duration::ZERO) {
                return false;
            }
            let left: Option<Timespec> = left.and_then(|left| left.try_into().ok());
            match futex::wait(self.word(index), Flags::empty(), 0, left.as_ref()) {
                Ok(()) | Err(Errno::INTR | Errno::AGAIN | Errno::TIMEDOUT) => {}
                // No such call: looked at now and then.
                Err(_) => std::thread::sleep(Duration::from_millis(1)),
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::process::{Forked, SingleThread, exit_now, fork};

    #[test]
    fn a_child_waits_for_a_word_and_answers() {
        let [page] = Page::map().unwrap();
        let Forked::Parent(child) = fork(SingleThread::assume()).unwrap() else {
            page.wait(0, None);
            page.set(1, page.get(0) + 1);
            exit_now(0);
        };
        page.set(0, 7);
        assert!(page.wait(1, Some(Duration::from_secs(10))));
        assert_eq!(page.get(1), 8);
        rustix::process::waitpid(Some(child), rustix::process::WaitOptions::empty()).unwrap();
        assert!(!page.wait(2, Some(Duration::from_millis(1))));
    }

    #[test]
    fn a_page_is_kept_from_children() {
        let [kept, shared] = Page::map().unwrap();
        kept.keep_from_children().unwrap();
        let Forked::Parent(child) = fork(SingleThread::assume()).unwrap() else {
            shared.set(0, 1);
            kept.set(0, 1); // a fault
            exit_now(0);
        };
        let (_, status) =
            rustix::process::waitpid(Some(child), rustix::process::WaitOptions::empty())
                .unwrap()
                .unwrap();
        assert_eq!(status.terminating_signal(), Some(libc::SIGSEGV));
        assert_eq!((shared.get(0), kept.get(0)), (1, 0));
    }
}
