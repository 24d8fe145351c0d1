//! A terminal with an interactive shell, for its own behaviour: interrupts, stops, the foreground.

use super::{
    command::Command,
    process::{Process, until},
    procfs::{self, Pinned},
    session::Session,
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fd::OwnedFd,
    fs::{Gid, Uid, fchown},
    io::Errno,
    pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt},
    termios::{Winsize, tcgetattr, tcsetwinsize},
};
use std::{
    fs::File,
    time::{Duration, Instant},
};

/// The interactive shell's prompt.
pub(crate) const PROMPT: &str = "ready> ";

/// The time limit for the terminal's output.
const LIMIT: Duration = Duration::from_secs(20);

/// A pseudo-terminal whose session leader is `bash -i`.
pub(crate) struct Terminal {
    /// The test's end.
    master: OwnedFd,
    shell: Process,
    /// The whole transcript, including typed text.
    transcript: Vec<u8>,
    /// The length of the part of the transcript that was already returned.
    seen: usize,
}

impl Terminal {
    #[track_caller]
    pub(crate) fn new(session: &Session) -> Self {
        // Without line editing the terminal itself echoes the typed text, and nothing else comes in
        // between.
        let shell = session
            .command("setsid --ctty --wait bash --norc --noprofile --noediting -i")
            .env("PS1", PROMPT);
        Self::of(session, shell)
    }

    /// A terminal with the interactive shell that a command starts, whose prompt is [`PROMPT`].
    #[track_caller]
    pub(crate) fn of(session: &Session, shell: Command) -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = openpt(flags).unwrap();
        grantpt(&master).and_then(|()| unlockpt(&master)).unwrap();
        let terminal: File = ioctl_tiocgptpeer(&master, flags).unwrap().into();
        let (user, group) = session.ids();
        fchown(
            &terminal,
            Some(Uid::from_raw(user)),
            Some(Gid::from_raw(group)),
        )
        .unwrap();
        let shell = shell.start_on(&terminal);
        let mut terminal = Self {
            master,
            shell,
            transcript: Vec::new(),
            seen: 0,
        };
        terminal.prompt();
        terminal
    }

    /// The interactive shell.
    pub(crate) fn shell(&self) -> &Process {
        &self.shell
    }

    /// Types these bytes: `\x03` is Ctrl-C, `\x04` Ctrl-D, `\x1a` Ctrl-Z.
    #[track_caller]
    pub(crate) fn press(&mut self, keys: &str) {
        assert_eq!(
            rustix::io::write(&self.master, keys.as_bytes()).unwrap(),
            keys.len()
        );
    }

    /// Returns the terminal's modes, in words that can be compared.
    pub(crate) fn modes(&self) -> String {
        let modes = tcgetattr(&self.master).unwrap();
        format!(
            "{:?} {:?} {:?}",
            modes.input_modes, modes.output_modes, modes.local_modes
        )
    }

    /// Makes the window this large.
    pub(crate) fn resize(&self, rows: u16, columns: u16) {
        tcsetwinsize(
            &self.master,
            Winsize {
                ws_row: rows,
                ws_col: columns,
                ws_xpixel: 0,
                ws_ypixel: 0,
            },
        )
        .unwrap();
    }

    /// Types a line.
    #[track_caller]
    pub(crate) fn line(&mut self, line: &str) {
        self.press(&format!("{line}\n"));
    }

    /// Waits for the shell's prompt, and returns the output before it.
    #[track_caller]
    pub(crate) fn prompt(&mut self) -> String {
        self.shows(PROMPT)
    }

    /// Types Ctrl-Z, and waits until the shell reports that the job has stopped.
    #[track_caller]
    pub(crate) fn stop(&mut self) {
        self.press("\x1a");
        self.shows("Stopped");
        self.prompt();
    }

    /// Makes the shell resume the stopped job, whose `program` then waits for something.
    #[track_caller]
    pub(crate) fn resume(&mut self, program: &Pinned) {
        self.line("fg");
        until("it goes on", || program.state() == 'S');
    }

    /// Waits until `pattern` is shown, and returns the output since the last pattern, up to and
    /// including `pattern`.
    ///
    /// The terminal also shows typed text, which must not contain the pattern.
    #[track_caller]
    pub(crate) fn shows(&mut self, pattern: &str) -> String {
        self.shows_within(pattern, LIMIT)
    }

    /// Like [`Self::shows`], with a limit of its own.
    #[track_caller]
    pub(crate) fn shows_within(&mut self, pattern: &str, limit: Duration) -> String {
        let start = Instant::now();
        loop {
            let new = &self.transcript[self.seen..];
            let found = new
                .windows(pattern.len())
                .position(|part| part == pattern.as_bytes());
            if let Some(place) = found {
                let shown = &new[..place + pattern.len()];
                self.seen += shown.len();
                return String::from_utf8_lossy(shown).into_owned();
            }
            if let Err(end) = self.read(start + limit) {
                let shown = self
                    .transcript
                    .escape_ascii()
                    .to_string()
                    .replace("\\r\\n", "\n");
                let (waited, processes) = (start.elapsed(), self.processes());
                panic!(
                    "`{pattern}` is not shown: {end} after {waited:?}\n--- \
                    terminal\n{shown}\n---\n{processes}---"
                );
            }
        }
    }

    /// Reads the terminal's next output. Fails if the deadline passes or no writer is left.
    fn read(&mut self, deadline: Instant) -> Result<(), Errno> {
        let left = Timespec::try_from(deadline.saturating_duration_since(Instant::now())).unwrap();
        let mut ready = [PollFd::new(&self.master, PollFlags::IN)];
        if poll(&mut ready, Some(&left))? == 0 {
            return Err(Errno::TIMEDOUT);
        }
        let mut buffer = [0; 4096];
        // EIO: the last process closed the other end.
        let length = rustix::io::read(&self.master, &mut buffer)?;
        self.transcript.extend(&buffer[..length]);
        Ok(())
    }

    /// Returns the state of the shell and of its descendants, for messages.
    fn processes(&self) -> String {
        let mut ids = procfs::descendants(self.shell.id());
        ids.insert(0, self.shell.id());
        let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
        let columns = "pid,ppid,pgid,tpgid,stat,pending,blocked,wchan:20,etimes,args";
        let ps = std::process::Command::new("ps")
            .args(["-o", columns, "-p", &ids.join(",")])
            .output();
        ps.map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
            .unwrap_or_default()
    }
}
