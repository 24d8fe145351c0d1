//! The relay between the caller's terminal and the program's: what is typed goes in, what is shown
//! comes out, and the size of the window, signals and stops go with them.
//!
//! While it has the foreground, the caller's terminal passes on each key as it is: what Ctrl-C does
//! is for the program's terminal to say.

use super::{Ended, restorer::Restorer, suspension::Suspension};
use crate::sys::{
    process::{Group, has_job_control},
    signal::{self, Received, SignalFd},
};
use rustix::{
    event::{PollFd, PollFlags, Timespec},
    fd::{AsRawFd, BorrowedFd, OwnedFd},
    fs::{CWD, Mode, OFlags},
    io::Errno,
    process::{Pid, Signal, WaitOptions, kill_current_process_group, waitpid},
    termios::{OptionalActions, Termios, isatty, tcgetattr, tcgetwinsize, tcsetattr, tcsetwinsize},
};

/// The interval at which a relay in the background checks whether it still is there: the kernel
/// does not tell.
const LOOK: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 250_000_000,
};

/// The time after which the last output is dropped if the caller's terminal takes none.
const PATIENCE: Timespec = Timespec {
    tv_sec: 5,
    tv_nsec: 0,
};

/// The most output that is shown after the leader ended.
const LAST_WORDS: usize = 1 << 18;

pub(super) struct Relay<'a> {
    leader: Pid,
    /// The other end of the program's terminal. It never makes this process wait.
    master: OwnedFd,
    /// The caller's terminal that keys come from, if standard input is one.
    input: Option<BorrowedFd<'a>>,
    /// The caller's terminal that output goes to.
    output: Output,
    /// The original settings of the caller's terminal, while the terminal passes on each key.
    before: Option<Termios>,
    /// The process that restores it if this process is killed.
    restorer: Option<Restorer>,
    /// Input that was typed and not taken yet.
    typed: Vec<u8>,
    suspension: Suspension,
}

impl<'a> Relay<'a> {
    pub(super) fn new(
        leader: Pid,
        master: OwnedFd,
        input: Option<BorrowedFd<'a>>,
        output: BorrowedFd<'_>,
        restorer: Option<Restorer>,
    ) -> Result<Self, Errno> {
        rustix::fs::fcntl_setfl(&master, OFlags::NONBLOCK)?;
        let output = Output::of(output)?;
        Ok(Self {
            leader,
            master,
            input,
            output,
            before: None,
            restorer,
            typed: Vec::new(),
            suspension: Suspension::default(),
        })
    }

    /// Relays until the leader ends. The caller's terminal is then as it was.
    pub(super) fn run(mut self, signals: &SignalFd) -> Result<Ended, Errno> {
        let ended = self.attend(signals);
        self.restore_terminal();
        ended
    }

    fn attend(&mut self, signals: &SignalFd) -> Result<Ended, Errno> {
        loop {
            self.take_terminal();
            let ready = self.wait(signals)?;
            if ready.typed {
                self.read_keys();
            }
            if ready.takes_keys {
                self.hand_in();
            }
            if ready.shows && self.output.waiting.is_empty() {
                self.show()?;
            }
            self.output.write()?;
            if ready.signalled {
                match signals.read()? {
                    Received {
                        signal: libc::SIGCHLD,
                        ..
                    } => {
                        if let Some(ended) = self.look()? {
                            return Ok(ended);
                        }
                    }
                    received => self.pass_on(received),
                }
            }
        }
    }

    fn wait(&self, signals: &SignalFd) -> Result<Ready, Errno> {
        let mut ends = PollFlags::empty();
        ends.set(PollFlags::IN, self.output.waiting.is_empty());
        ends.set(PollFlags::OUT, !self.typed.is_empty());
        let mut fds = vec![
            PollFd::new(signals, PollFlags::IN),
            PollFd::new(&self.master, ends),
        ];
        let reads = self
            .input
            .filter(|_| self.before.is_some() && self.typed.is_empty());
        let background = self.input.is_some() && self.before.is_none();
        fds.extend(
            reads
                .as_ref()
                .map(|input| PollFd::new(input, PollFlags::IN)),
        );
        if !self.output.waiting.is_empty() {
            fds.push(PollFd::new(&self.output.terminal, PollFlags::OUT));
        }
        match rustix::event::poll(&mut fds, background.then_some(&LOOK)) {
            Err(Errno::INTR) => return Ok(Ready::default()),
            outcome => outcome?,
        };
        let master = fds[1].revents();
        Ok(Ready {
            signalled: !fds[0].revents().is_empty(),
            shows: master.contains(PollFlags::IN),
            takes_keys: master.contains(PollFlags::OUT),
            typed: reads.is_some() && !fds[2].revents().is_empty(),
        })
    }

    /// Lets the caller's terminal pass on each key, once this process has its foreground.
    fn take_terminal(&mut self) {
        let Some(input) = self.input.filter(|_| self.before.is_none()) else {
            return;
        };
        // A terminal that is not of this session has no background.
        if Group::in_foreground(input).is_ok_and(|group| group != Group::own()) {
            return;
        }
        let Ok(before) = tcgetattr(input) else { return };
        self.restorer
            .as_ref()
            .inspect(|restorer| restorer.remember());
        let mut raw = before.clone();
        raw.make_raw();
        if !isatty(rustix::stdio::stdout()) {
            // What the program writes goes to another one, which may write to the terminal itself.
            raw.output_modes = before.output_modes;
        }
        if tcsetattr(input, OptionalActions::Now, &raw).is_ok() {
            self.before = Some(before);
            self.fit();
        }
    }

    /// Makes the caller's terminal what it was.
    fn restore_terminal(&mut self) {
        if let (Some(input), Some(before)) = (self.input, self.before.take())
            && tcsetattr(input, OptionalActions::Now, &before).is_err()
        {
            // The restorer tries again when this process ends.
            return;
        }
        self.restorer.as_ref().inspect(|restorer| restorer.forget());
    }

    /// Makes the program's terminal as large as the caller's; the kernel tells the program if that
    /// is new.
    fn fit(&self) {
        if let Ok(size) = tcgetwinsize(&self.output.terminal) {
            let _ = tcsetwinsize(&self.master, size);
        }
    }

    fn read_keys(&mut self) {
        let Some(input) = self.input else { return };
        let mut bytes = [0; 4096];
        match rustix::io::read(input, &mut bytes) {
            // Nobody types there any more.
            Ok(0) => self.input = None,
            Ok(length) => self.typed.extend(&bytes[..length]),
            Err(Errno::INTR | Errno::AGAIN) => {}
            // In the background by now, or hung up, which a signal tells too.
            Err(_) => self.before = None,
        }
    }

    fn hand_in(&mut self) {
        match rustix::io::write(&self.master, &self.typed) {
            Ok(taken) => drop(self.typed.drain(..taken)),
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(_) => self.typed.clear(),
        }
    }

    /// Takes what the program shows; how much that was.
    fn show(&mut self) -> Result<usize, Errno> {
        let mut bytes = [0; 4096];
        let length = match rustix::io::read(&self.master, &mut bytes) {
            // EIO: nobody has that terminal open.
            Err(Errno::INTR | Errno::AGAIN | Errno::IO) => 0,
            length => length?,
        };
        self.output.waiting.extend(&bytes[..length]);
        Ok(length)
    }

    fn pass_on(&mut self, received: Received) {
        if self.suspension.ended_by(received) {
            return;
        }
        match received.signal {
            libc::SIGWINCH => self.fit(),
            // About this process's own use of the caller's terminal.
            libc::SIGTTIN | libc::SIGTTOU if received.from_kernel => {}
            signal => drop(signal::send(self.leader, signal)),
        }
    }

    /// Checks whether the leader ended or stopped.
    fn look(&mut self) -> Result<Option<Ended>, Errno> {
        while let Some((_, status)) = waitpid(
            Some(self.leader),
            WaitOptions::NOHANG | WaitOptions::UNTRACED,
        )? {
            if status.stopping_signal().is_some() {
                self.stop()?;
                continue;
            }
            let mut shown = 0;
            while shown < LAST_WORDS && self.output.finish()? {
                match self.show()? {
                    0 => break,
                    length => shown += length,
                }
            }
            let exited = Ended::Exited(status.exit_status().unwrap_or_default() as u8);
            return Ok(Some(
                status.terminating_signal().map_or(exited, Ended::Killed),
            ));
        }
        Ok(None)
    }

    /// Stops with all of this job, as Ctrl-Z at the caller's terminal would have it, and goes on
    /// when it is resumed.
    fn stop(&mut self) -> Result<(), Errno> {
        self.output.finish()?;
        self.restore_terminal();
        let _ = kill_current_process_group(Signal::TSTP);
        self.suspension.stop(if has_job_control() {
            libc::SIGSTOP
        } else {
            libc::SIGTSTP
        })?;
        self.take_terminal();
        let _ = signal::send(self.leader, libc::SIGCONT);
        Ok(())
    }
}

/// The work that can be done without waiting.
#[derive(Default)]
struct Ready {
    signalled: bool,
    shows: bool,
    takes_keys: bool,
    typed: bool,
}

/// The caller's terminal as the file that output goes to.
struct Output {
    terminal: OwnedFd,
    /// Output that the terminal has not taken yet.
    waiting: Vec<u8>,
}

impl Output {
    /// Opened anew if that is allowed: O_NONBLOCK is a property of the open file, which others may
    /// share.
    fn of(terminal: BorrowedFd<'_>) -> Result<Self, Errno> {
        let path = format!("/proc/self/fd/{}", terminal.as_raw_fd());
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let terminal = rustix::fs::openat(CWD, path, flags, Mode::empty())
            .or_else(|_| rustix::io::fcntl_dupfd_cloexec(terminal, 3))?;
        Ok(Self {
            terminal,
            waiting: Vec::new(),
        })
    }

    /// Writes what it takes. What a terminal that hung up (EIO) does not take is lost.
    fn write(&mut self) -> Result<(), Errno> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        match rustix::io::write(&self.terminal, &self.waiting) {
            Ok(taken) => drop(self.waiting.drain(..taken)),
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(Errno::IO) => self.waiting.clear(),
            Err(errno) => return Err(errno),
        }
        Ok(())
    }

    /// Writes all of it, if the terminal takes it in time.
    fn finish(&mut self) -> Result<bool, Errno> {
        while !self.waiting.is_empty() {
            let mut fds = [PollFd::new(&self.terminal, PollFlags::OUT)];
            if matches!(rustix::event::poll(&mut fds, Some(&PATIENCE)), Ok(0)) {
                return Ok(false);
            }
            self.write()?;
        }
        Ok(true)
    }
}
