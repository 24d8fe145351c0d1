//! A pinned process: a pidfd, which never comes to mean another process, see `pidfd_open(2)`.

use super::{Pid, PidChain};
use crate::{
    proc::{Lines, ProcError, ProcRoot, decimal, stat::Stage},
    sys::{descriptor, process},
    trouble,
};
use rustix::{
    event::PollFlags,
    fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    io::Errno,
    process::PidfdFlags,
};

/// The magic number of pidfs in `statfs(2)`.
const PIDFS_MAGIC: i64 = 0x5049_4446;

/// A process that is pinned, so that everything learned by its number can be checked to be about
/// this process.
///
/// Pin first, read by number, then call [`Process::ended`]: as long as it returns false, the number
/// was this process's.
#[derive(Debug)]
pub struct Process {
    pid: Pid,
    fd: OwnedFd,
}

/// The reason why a process could not be pinned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PinError {
    /// No process has that id.
    #[error("no such process")]
    NoProcess,
    /// The process has ended, and its parent has not yet waited for it: a zombie, which cannot be
    /// entered.
    #[error("the process has ended (a zombie)")]
    Ended,
    /// The id is a thread's, but not its process's.
    #[error("this is a thread, not a process")]
    Thread,
    /// The process is alive, but its pidfs inode is not the one that was named: the id was reused.
    #[error("the id now belongs to another process (its pidfd inode is {0})")]
    Reused(u64),
    /// Any other failure of the system.
    #[error(transparent)]
    Os(Errno),
}

impl Process {
    /// Pins the process that has `pid` in the caller's PID namespace.
    ///
    /// # Errors
    /// [`PinError`]. A zombie is refused.
    pub fn pin(pid: Pid) -> Result<Self, PinError> {
        let process = Self::hold(pid)?;
        if process.ended() {
            Err(PinError::Ended)
        } else {
            Ok(process)
        }
    }

    /// Pins the process that has `pid` in the caller's PID namespace, or that had it until it ended
    /// and keeps it until its parent waits for it: a zombie.
    ///
    /// # Errors
    /// [`PinError`].
    pub fn hold(pid: Pid) -> Result<Self, PinError> {
        let fd =
            rustix::process::pidfd_open(pid, PidfdFlags::empty()).map_err(|errno| match errno {
                Errno::SRCH => PinError::NoProcess,
                // Before 6.9 the kernel says EINVAL of a thread, since then ENOENT.
                Errno::INVAL | Errno::NOENT => PinError::Thread,
                errno => PinError::Os(trouble::met(errno)),
            })?;
        Ok(Self { pid, fd })
    }

    /// Returns a second handle to the same process.
    ///
    /// # Errors
    /// The errno of `fcntl(2)`.
    pub fn try_clone(&self) -> Result<Self, Errno> {
        Ok(Self {
            pid: self.pid,
            fd: rustix::io::fcntl_dupfd_cloexec(&self.fd, 3)?,
        })
    }

    /// Kills the process with SIGKILL. A process that has ended stays as it is.
    ///
    /// # Errors
    /// The errno of `pidfd_send_signal(2)`: `EPERM` if the process is another user's.
    pub fn kill(&self) -> Result<(), Errno> {
        process::kill(&self.fd)
    }

    /// Waits until the process has ended.
    ///
    /// # Errors
    /// The errno of `poll(2)`.
    pub fn wait_for_end(&self) -> Result<(), Errno> {
        let mut ready = [rustix::event::PollFd::new(&self.fd, PollFlags::IN)];
        rustix::io::retry_on_intr(|| rustix::event::poll(&mut ready, None)).map(drop)
    }

    /// Returns its id in the PID namespace of the process that pinned it.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Returns whether the process has ended. Once true, always true.
    pub fn ended(&self) -> bool {
        // A pidfd becomes readable when its process ends.
        descriptor::has_now(&self.fd, PollFlags::IN)
    }

    /// Returns why `proc`, which calls it `shown`, did not show something of it, if `error` is the
    /// result of reading by that number: an entry that is absent or empty of a process that is
    /// there has several causes.
    pub fn unseen(&self, proc: &ProcRoot, shown: Pid, error: ProcError) -> ProcError {
        if error != ProcError::Vanished {
            return error;
        }
        match self.runs(proc, shown) {
            Ok(Stage::Kernel) => ProcError::KernelThread,
            // Its directory is there: the kernel lacks this one entry.
            Ok(_) => ProcError::Os(Errno::NOENT),
            Err(error) => error,
        }
    }

    /// Checks that it still runs, in user space or as a thread of the kernel, so that nothing was
    /// missing of what `proc`, which calls it `shown`, showed of it until now.
    ///
    /// # Errors
    /// `Vanished` if it has ended or exits; `WithoutMainThread`; `Unshown` if `proc` does not show
    /// it.
    pub fn runs(&self, proc: &ProcRoot, shown: Pid) -> Result<Stage, ProcError> {
        let stage = proc.stage(shown);
        match stage {
            _ if self.ended() => Err(ProcError::Vanished),
            Ok(Stage::Ending) => Err(ProcError::Vanished),
            Ok(Stage::WithoutMainThread) => Err(ProcError::WithoutMainThread),
            Err(ProcError::Vanished) => Err(ProcError::Unshown),
            stage => stage,
        }
    }

    /// Returns its id as `proc` counts processes, which may be a procfs of another PID namespace
    /// than the caller's (5.4).
    ///
    /// The kernel answers from the pidfd, so the number is this process's for as long as it has not
    /// ended.
    ///
    /// # Errors
    /// `Elsewhere` if the process or the caller is outside the PID namespace of `proc`, `Vanished`
    /// if it was reaped.
    pub fn pid_in(&self, proc: &ProcRoot) -> Result<Pid, ProcError> {
        match Lines(&self.read_description(proc)?).value(b"Pid")? {
            b"-1" => Err(ProcError::Vanished), // reaped
            b"0" => Err(ProcError::Elsewhere),
            pid => decimal(pid)
                .and_then(|pid| Pid::from_raw(pid.try_into().ok()?))
                .ok_or(ProcError::Malformed("fdinfo")),
        }
    }

    /// Reads the description of the pidfd in `proc`, which must show the caller.
    fn read_description(&self, proc: &ProcRoot) -> Result<Vec<u8>, ProcError> {
        proc.read_own(&format!("fdinfo/{}", self.fd.as_raw_fd()))
            .map_err(|error| match error {
                ProcError::Vanished => ProcError::Elsewhere,
                error => error,
            })
    }

    /// Returns whether the process's ids are free, or another process's: this process has ended and
    /// its parent has waited for it.
    ///
    /// As long as this returns false, what was read by the process's number was read of this
    /// process.
    pub fn reaped(&self) -> bool {
        process::is_reaped(&self.fd)
    }

    /// Returns its ids as `proc` shows them, which takes no look at what `proc` hides (5.5; before,
    /// its status is read).
    ///
    /// # Errors
    /// As [`Process::pid_in`].
    pub fn chain_in(&self, proc: &ProcRoot) -> Result<PidChain, ProcError> {
        match Lines(&self.read_description(proc)?).value(b"NSpid") {
            Ok(b"-1") => Err(ProcError::Vanished), // reaped
            Ok(b"0") => Err(ProcError::Elsewhere),
            Ok(value) => PidChain::parse(value),
            Err(_) => {
                let chain = proc.status(self.pid_in(proc)?)?.chain;
                if self.reaped() {
                    Err(ProcError::Vanished)
                } else {
                    Ok(chain)
                }
            }
        }
    }

    /// Returns its inode number in pidfs, which no other process has until the next boot (6.9).
    ///
    /// # Errors
    /// `ENOSYS` if the kernel has no pidfs: there all pidfds share one inode.
    pub fn inode(&self) -> Result<u64, Errno> {
        if rustix::fs::fstatfs(&self.fd)?.f_type != PIDFS_MAGIC {
            return Err(Errno::NOSYS);
        }
        Ok(rustix::fs::fstat(&self.fd)?.st_ino)
    }
}

impl AsFd for Process {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_pinned_until_it_ends() {
        let mut child = std::process::Command::new("sleep")
            .arg("100")
            .spawn()
            .unwrap();
        let pid = Pid::from_child(&child);
        let process = Process::pin(pid).unwrap();
        assert!(!process.ended());
        assert_eq!(process.pid_in(&ProcRoot::system().unwrap()), Ok(pid));
        child.kill().unwrap();
        while !process.ended() {
            std::thread::yield_now();
        }
        assert_eq!(Process::pin(pid).unwrap_err(), PinError::Ended);
        let proc = ProcRoot::system().unwrap();
        assert_eq!(
            Process::hold(pid).unwrap().chain_in(&proc),
            Ok(proc.status(pid).unwrap().chain)
        );
        assert!(!process.reaped());
        child.wait().unwrap();
        assert!(process.reaped());
        assert_eq!(process.chain_in(&proc), Err(ProcError::Vanished));
        assert_eq!(Process::pin(pid).unwrap_err(), PinError::NoProcess);
        assert_eq!(
            process.pid_in(&ProcRoot::system().unwrap()),
            Err(ProcError::Vanished)
        );
    }
}
