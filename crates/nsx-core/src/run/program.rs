//! The program's process, as its parent handles it.

use crate::{
    pid::Pid,
    sys::{
        process::Group,
        signal::{self, Received, Signal},
    },
};
use rustix::io::Errno;

/// The program's process, a child of this one: its id is its own until its end was seen.
pub(super) struct Program(pub(super) Pid);

impl Program {
    /// Passes a signal on that this process got.
    pub(super) fn pass_on(
        &self,
        Received {
            signal,
            from_kernel,
        }: Received,
    ) {
        // The terminal sent it to the whole foreground group, so the program has it already unless
        // it left that group.
        let has_it = from_kernel && Group::of(self.0) == Ok(Group::own());
        if !has_it {
            self.send(signal);
        }
    }

    /// Sends a signal. Does nothing if the program has ended.
    pub(super) fn send(&self, signal: Signal) {
        let _ = signal::send(self.0, signal);
    }
}

/// Returns the news from `waitpid(2)`, called again if it has none: the kernel checks first whether
/// a child has stopped and then whether the child goes on. A child that was resumed and stops again
/// between the two checks shows neither, but has stopped by the second call.
pub(super) fn news<T>(waitpid: impl Fn() -> Result<Option<T>, Errno>) -> Result<Option<T>, Errno> {
    match waitpid()? {
        None => waitpid(),
        news => Ok(news),
    }
}
