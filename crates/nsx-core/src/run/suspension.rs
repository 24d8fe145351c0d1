//! Stopping with the program, and the SIGCONT that ends it.

use crate::sys::signal::{self, Received, Signal};
use rustix::io::Errno;

/// A process that stops as its child has stopped, and resumes it when it is resumed itself. It then
/// still has the SIGCONT to read that resumed it. That has done its work: by the time it is read
/// the child may have stopped again, and passed on it would resume it.
#[derive(Default)]
pub(super) struct Suspension {
    /// `true` if this process was stopped, and has not read a signal since.
    resumed: bool,
}

impl Suspension {
    /// Stops this process. Returns when it is resumed.
    pub(super) fn stop(&mut self, signal: Signal) -> Result<(), Errno> {
        signal::raise_default(signal)?;
        self.resumed = true;
        Ok(())
    }

    /// Returns whether this is the signal that resumed this process. To be called for each signal
    /// that is read.
    pub(super) fn ended_by(&mut self, received: Received) -> bool {
        std::mem::take(&mut self.resumed) && received.signal == libc::SIGCONT
    }
}
