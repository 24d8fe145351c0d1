//! The terminal during `--watch`: the alternate screen, which nsx leaves however watching ends.

use super::view::{self, Key};
use crate::out;
use rustix::{
    fd::{AsFd, BorrowedFd},
    io::Errno,
    termios::{
        LocalModes, OptionalActions, SpecialCodeIndex, Termios, isatty, tcgetattr, tcgetwinsize,
        tcsetattr,
    },
};
use std::io::{stdin, stdout};

/// Escape sequences that enter the alternate screen and hide the cursor, and that undo both.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";

pub(super) struct Screen {
    /// The terminal settings from before; `None` if standard input is not a terminal, and no keys are
    /// read.
    before: Option<Termios>,
}

impl Screen {
    pub(super) fn open() -> Result<Self, Errno> {
        let before = isatty(stdin()).then(|| tcgetattr(stdin())).transpose()?;
        let screen = Self { before };
        screen.enter()?;
        Ok(screen)
    }

    /// Returns the size of the terminal: columns and lines.
    pub(super) fn size(&self) -> (usize, usize) {
        let size = tcgetwinsize(stdout())
            .ok()
            .filter(|size| size.ws_col > 0 && size.ws_row > 0);
        size.map_or((80, 24), |size| (size.ws_col.into(), size.ws_row.into()))
    }

    /// Replaces the content of the screen.
    pub(super) fn draw(&mut self, lines: &[String]) -> Result<(), Errno> {
        // Clearing the rest of each line, and of the screen at the end, avoids flicker.
        let text: Vec<_> = lines.iter().map(|line| format!("{line}\x1b[K")).collect();
        out::write(&format!("\x1b[H{}\x1b[J", text.join("\r\n")))
    }

    /// Returns the descriptor to poll for keys; it is never ready if no keys are read.
    pub(super) fn keys(&self) -> BorrowedFd<'_> {
        // Standard output is never ready to be read.
        if self.before.is_some() {
            rustix::stdio::stdin()
        } else {
            rustix::stdio::stdout()
        }
    }

    /// Returns whether keys are read.
    pub(super) fn has_keys(&self) -> bool {
        self.before.is_some()
    }

    /// Reads the keys that were pressed. The end of the input counts as the key to quit.
    pub(super) fn pressed(&self) -> Vec<Key> {
        let mut bytes = [0; 256];
        match rustix::io::read(stdin(), &mut bytes) {
            Err(Errno::INTR | Errno::AGAIN) => Vec::new(),
            Ok(0) | Err(_) => vec![Key::Quit],
            Ok(length) => view::keys(&bytes[..length]),
        }
    }

    /// Restores the terminal, stops nsx, and takes the terminal again when nsx continues.
    pub(super) fn suspend(&mut self) -> Result<(), Errno> {
        self.leave();
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP)?;
        self.enter()
    }

    fn enter(&self) -> Result<(), Errno> {
        if let Some(before) = &self.before {
            let mut keys = before.clone();
            keys.local_modes -= LocalModes::ICANON | LocalModes::ECHO;
            keys.special_codes[SpecialCodeIndex::VMIN] = 1;
            keys.special_codes[SpecialCodeIndex::VTIME] = 0;
            tcsetattr(stdin().as_fd(), OptionalActions::Flush, &keys)?;
        }
        out::write(ENTER)
    }

    fn leave(&self) {
        // If the terminal is gone, there is nothing to restore.
        let _ = out::write(LEAVE);
        if let Some(before) = &self.before {
            let _ = tcsetattr(stdin().as_fd(), OptionalActions::Flush, before);
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.leave();
    }
}
