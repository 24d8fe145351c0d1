//! A pseudo-terminal for a program that is not to have its caller's, see `pty(7)`.
//!
//! The pseudo-terminal is of the target's own instance of devpts, if the target has one: `tty`
//! prints its name there. It is opened from outside, beneath the target's root directory, so that
//! nothing of the target takes part in opening it. Otherwise the pseudo-terminal is one of the
//! caller's.

use crate::{beneath, proc::ProcRoot};
use rustix::{
    fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd},
    fs::{CWD, FileType, Gid, Mode, OFlags, ResolveFlags, Uid, fstat, major, minor},
    io::Errno,
    pty::{OpenptFlags, ioctl_tiocgptpeer, unlockpt},
    termios::{LocalModes, OptionalActions, tcgetattr, tcgetwinsize, tcsetattr, tcsetwinsize},
};
use std::sync::{Mutex, PoisonError};

/// Device numbers of `/dev/ptmx`, see `Documentation/admin-guide/devices.txt` of the kernel.
const MULTIPLEXER: (u32, u32) = (5, 2);

/// Both ends of a pseudo-terminal, open. The program gets neither by inheritance.
pub struct Pty {
    /// The end that is not a terminal, until a process that is not to have it has dropped it.
    master: Mutex<Option<OwnedFd>>,
    terminal: OwnedFd,
    of_target: bool,
}

impl Pty {
    /// Opens a pseudo-terminal that is seen beneath `root`, the root directory of a process that
    /// may be hostile.
    ///
    /// # Errors
    /// `ENOTTY` if `/dev/ptmx` is something else there; the errno of `openat2(2)` or of the
    /// pseudo-terminal's calls.
    pub fn beneath(root: impl AsFd, proc: &ProcRoot) -> Result<Self, Errno> {
        // First by path only: to open what the target has put there could block, or act.
        let file = beneath::open(
            root,
            "dev/ptmx".as_ref(),
            OFlags::PATH,
            ResolveFlags::IN_ROOT,
        )?;
        let stat = fstat(&file)?;
        let number = (major(stat.st_rdev), minor(stat.st_rdev));
        if FileType::from_raw_mode(stat.st_mode) != FileType::CharacterDevice
            || number != MULTIPLEXER
        {
            return Err(Errno::NOTTY);
        }
        let fd = file.as_raw_fd();
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        Self::of(
            rustix::fs::openat(proc, format!("self/fd/{fd}"), flags, Mode::empty())?,
            true,
        )
    }

    /// Opens a pseudo-terminal of the caller's.
    ///
    /// # Errors
    /// The errno of `openat(2)` or of the pseudo-terminal's calls.
    pub fn of_caller() -> Result<Self, Errno> {
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        Self::of(
            rustix::fs::openat(CWD, "/dev/ptmx", flags, Mode::empty())?,
            false,
        )
    }

    fn of(master: OwnedFd, of_target: bool) -> Result<Self, Errno> {
        unlockpt(&master)?;
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let terminal = ioctl_tiocgptpeer(&master, flags)?;
        Ok(Self {
            master: Mutex::new(Some(master)),
            terminal,
            of_target,
        })
    }

    /// Returns whether the pseudo-terminal is the target's, and so has a name there.
    pub fn is_of_target(&self) -> bool {
        self.of_target
    }

    /// Gives the terminal to a user of the caller's user namespace. If the kernel refuses, the
    /// caller keeps it; descriptors stay open.
    pub fn give(&self, user: u32, group: Option<u32>) {
        let _ = rustix::fs::fchown(
            &self.terminal,
            Some(Uid::from_raw(user)),
            group.map(Gid::from_raw),
        );
    }

    /// Sets the size of `other`, and its editing of lines unless a program there reads keys one by
    /// one.
    pub(crate) fn resemble(&self, other: impl AsFd) {
        if let Ok(size) = tcgetwinsize(&other) {
            let _ = tcsetwinsize(&self.terminal, size);
        }
        if let Ok(modes) = tcgetattr(&other)
            && modes
                .local_modes
                .contains(LocalModes::ICANON | LocalModes::ECHO)
        {
            let _ = tcsetattr(&self.terminal, OptionalActions::Now, &modes);
        }
    }

    /// Takes the end that is not a terminal, which only one caller gets.
    pub(crate) fn take_master(&self) -> Option<OwnedFd> {
        self.master
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    /// Returns the numbers of both ends.
    pub(crate) fn descriptors(&self) -> Vec<RawFd> {
        let master = self.master.lock().unwrap_or_else(PoisonError::into_inner);
        let master = master.as_ref().map(AsRawFd::as_raw_fd);
        master
            .into_iter()
            .chain([self.terminal.as_raw_fd()])
            .collect()
    }

    /// Returns a descriptor of the terminal itself.
    pub(crate) fn try_clone(&self) -> Result<OwnedFd, Errno> {
        rustix::io::fcntl_dupfd_cloexec(&self.terminal, 3)
    }
}

impl AsFd for Pty {
    /// Returns the terminal itself.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.terminal.as_fd()
    }
}

impl std::fmt::Debug for Pty {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pty")
            .field("terminal", &self.terminal)
            .field("of_target", &self.of_target)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::symlink};

    fn beneath(root: &std::path::Path) -> Result<Pty, Errno> {
        let root =
            rustix::fs::openat(CWD, root, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).unwrap();
        Pty::beneath(root, &ProcRoot::system().unwrap())
    }

    #[test]
    fn what_is_typed_at_one_end_is_read_at_the_other() {
        let pty = beneath("/".as_ref()).unwrap();
        let master = pty.take_master().unwrap();
        assert!(pty.take_master().is_none());
        rustix::io::write(&master, b"line\n").unwrap();
        let mut bytes = [0; 16];
        let length = rustix::io::read(&pty, &mut bytes).unwrap();
        assert_eq!(&bytes[..length], b"line\n");
    }

    #[test]
    fn a_file_that_is_not_a_multiplexer_is_not_opened() {
        let root = std::env::temp_dir().join(format!("nsx-pty-{}", std::process::id()));
        fs::create_dir_all(root.join("dev")).unwrap();
        let multiplexer = root.join("dev/ptmx");
        assert_eq!(beneath(&root).unwrap_err(), Errno::NOENT);
        // A link that leads to the host's file unless the lookup stays below the root.
        symlink("/../../../../../../dev/ptmx", &multiplexer).unwrap();
        assert_eq!(beneath(&root).unwrap_err(), Errno::LOOP);
        fs::remove_file(&multiplexer).unwrap();
        // To open this would wait for a writer.
        rustix::fs::mknodat(CWD, &multiplexer, FileType::Fifo, Mode::RWXU, 0).unwrap();
        assert_eq!(beneath(&root).unwrap_err(), Errno::NOTTY);
        fs::remove_dir_all(root).unwrap();
    }
}
