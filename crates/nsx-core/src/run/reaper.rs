//! nsx as PID 1 of the new namespace: between the waiting nsx and the program, with `--init`.
//!
//! It takes the status of every process that is left to it, passes signals on, and ends when the
//! program does. The kernel then ends whatever is left in the namespace. PID 1 can neither stop nor
//! die of a signal by its own will, so it tells nsx what the program did, and nsx does likewise.

use super::{
    board::{Board, NOT_RUN},
    inherited::Inherited,
    link::{Link, Message},
    listen::{Heard, Listener},
    program::{Program, news},
};
use crate::sys::{
    process::{Forked, SingleThread, exit_now, fork},
    signal::{Received, SignalFd},
};
use rustix::{
    io::Errno,
    process::{WaitOptions, WaitStatus, wait},
};

/// Makes the program's process, in which this returns. The one that calls stays as PID 1, and tells
/// on the `board` if it cannot; that is step `index` of the plan. Signals are held back already;
/// the program gets what the caller had set.
pub(super) fn stay(
    nsx: &Link,
    inherited: &Inherited,
    board: Board,
    index: usize,
    thread: SingleThread,
) -> Result<Link, Errno> {
    let signals = SignalFd::new()?;
    let (ours, theirs) = Link::pair()?;
    match fork(thread)? {
        Forked::Child => {
            drop(ours);
            inherited.restore()?;
            Ok(theirs)
        }
        Forked::Parent(pid) => {
            drop(theirs);
            let served = Reaper::new(nsx, Program(pid)).serve(&signals, &ours);
            exit_now(served.unwrap_or_else(|errno| {
                board.fail(index, errno, 0);
                NOT_RUN
            }))
        }
    }
}

/// PID 1, and what it knows of the program.
struct Reaper<'a> {
    nsx: &'a Link,
    program: Program,
    /// The number of times that the program has stopped.
    stops: usize,
    is_stopped: bool,
    /// `true` if another process has resumed the program, as a shell does with the whole job: PID 1
    /// then has a SIGCONT to read that has done its work. If PID 1 passed that SIGCONT on, it could
    /// undo that the program has stopped again.
    resumed: bool,
}

impl<'a> Reaper<'a> {
    fn new(nsx: &'a Link, program: Program) -> Self {
        Self {
            nsx,
            program,
            stops: 0,
            is_stopped: false,
            resumed: false,
        }
    }

    /// Returns the status to end with.
    fn serve(&mut self, signals: &SignalFd, program_link: &Link) -> Result<i32, Errno> {
        let mut listener = Listener::new(signals, vec![program_link, self.nsx]);
        loop {
            let heard = listener.listen(None)?;
            // The state of the program must be known before anything is done about it.
            if matches!(heard, Heard::Signalled(_) | Heard::Told(Message::Resume(_)))
                && let Some(status) = self.reap()?
            {
                return Ok(status);
            }
            match heard {
                Heard::Told(Message::Resume(stop)) => self.resume(stop),
                Heard::Told(message) => self.nsx.send(message)?,
                Heard::Cut(link) if std::ptr::eq(link, program_link) => {
                    self.nsx.send(Message::Running)?
                }
                Heard::Signalled(received) => self.pass_on(received),
                Heard::Cut(_) | Heard::Nothing => {}
            }
        }
    }

    fn pass_on(&mut self, received: Received) {
        match received.signal {
            libc::SIGCHLD => return,
            libc::SIGCONT if std::mem::take(&mut self.resumed) => return,
            libc::SIGCONT => self.is_stopped = false,
            _ => {}
        }
        self.program.pass_on(received);
    }

    /// Resumes the program if it is still stopped by this stop.
    fn resume(&mut self, stop: usize) {
        if self.is_stopped && stop == self.stops {
            self.is_stopped = false;
            self.program.send(libc::SIGCONT);
        }
    }

    /// Collects the statuses of all children. Returns the status to end with if the program is
    /// among those that ended.
    fn reap(&mut self) -> Result<Option<i32>, Errno> {
        let options = WaitOptions::NOHANG | WaitOptions::UNTRACED | WaitOptions::CONTINUED;
        loop {
            match news(|| wait(options)) {
                Ok(Some((pid, status))) if pid == self.program.0 => {
                    if let Some(signal) = status.stopping_signal() {
                        self.resumed |= self.is_stopped;
                        self.is_stopped = true;
                        self.stops += 1;
                        self.nsx.send(Message::Stopped(signal))?;
                    } else if status.continued() {
                        self.resumed |= self.is_stopped;
                        self.is_stopped = false;
                    } else {
                        return end(self.nsx, status).map(Some);
                    }
                }
                Ok(Some(_)) => {}
                Ok(None) | Err(Errno::CHILD) => return Ok(None),
                Err(errno) => return Err(errno),
            }
        }
    }
}

fn end(nsx: &Link, status: WaitStatus) -> Result<i32, Errno> {
    match status.terminating_signal() {
        Some(signal) => {
            nsx.send(Message::Killed(signal))?;
            Ok(128 + signal)
        }
        None => Ok(status.exit_status().unwrap_or_default()),
    }
}
