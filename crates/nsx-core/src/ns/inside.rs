//! What only a process inside of a namespace is told: a child joins it, asks, and ends.

use super::{Namespace, Related};
use crate::sys::process::{Forked, exit_now, fork};
use rustix::{
    io::{Errno, read, retry_on_intr, write},
    pipe::{PipeFlags, pipe_with},
    process::{WaitOptions, waitpid},
    thread::move_into_link_name_space,
};
use std::os::fd::AsFd;

impl Namespace {
    /// The host name that a UTS namespace gives, 64 bytes at most.
    ///
    /// This process must have one thread, for a child of it asks.
    ///
    /// # Errors
    /// `EPERM` where the caller may join neither it nor the user namespace that owns it; `EINVAL` of another kind of
    /// namespace; any errno of `fork(2)`.
    pub fn hostname(&self) -> Result<Vec<u8>, Errno> {
        let (from, to) = pipe_with(PipeFlags::CLOEXEC)?;
        match fork()? {
            Forked::Child => {
                let told = self.join().and_then(|()| write(&to, rustix::system::uname().nodename().to_bytes()));
                exit_now(told.map_or_else(Errno::raw_os_error, |_| 0))
            }
            Forked::Parent(child) => {
                drop(to);
                let mut name = [0; 64];
                let length = retry_on_intr(|| read(&from, &mut name))?;
                let status = retry_on_intr(|| waitpid(Some(child), WaitOptions::empty()))?;
                match status.and_then(|(_, status)| status.exit_status()) {
                    Some(0) => Ok(name[..length].to_vec()),
                    errno => Err(Errno::from_raw_os_error(errno.unwrap_or(libc::ECHILD))),
                }
            }
        }
    }

    /// Joins it, by way of the user namespace that owns it where that gives the right to.
    fn join(&self) -> Result<(), Errno> {
        match move_into_link_name_space(self.as_fd(), None) {
            Err(Errno::PERM) => {
                if let Ok(Related::Is(owner)) = self.owner() {
                    move_into_link_name_space(owner.as_fd(), None)?;
                }
                move_into_link_name_space(self.as_fd(), None)
            }
            outcome => outcome,
        }
    }
}
