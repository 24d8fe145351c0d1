//! The reports of a helper process to the caller of [`spawn()`](super::spawn()), over a socket pair.

use super::Ended;
use crate::{
    passing::{self, socket_pair},
    pid::Pid,
};
use rustix::{
    fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd},
    io::Errno,
    net::RecvFlags,
};

/// An end of the socket pair.
#[derive(Debug)]
pub(super) struct ReportLink(OwnedFd);

/// A report. Steps are named by their index in the plan.
#[derive(Debug)]
pub(super) enum Report {
    /// From the caller: go on, the helper's pidfd is open.
    Go,
    /// The kernel refused an optional step.
    Skipped(usize, Errno),
    /// The program's process exists, with this id and pidfd.
    Created(Pid, OwnedFd),
    /// The program runs.
    Running,
    /// The helper could not begin.
    NotBegun(Errno),
    /// A step failed; the number is that of a system call that the target's filters forbid.
    Failed(usize, Errno, u32),
    /// The program ended.
    Ended(Ended),
}

const WORDS: usize = 4;
const SIZE: usize = WORDS * size_of::<i32>();

impl ReportLink {
    /// Two connected ends, both close-on-exec and beyond the standard streams.
    pub(super) fn pair() -> Result<(Self, Self), Errno> {
        let (one, other) = socket_pair()?;
        let beyond = |fd: OwnedFd| rustix::io::fcntl_dupfd_cloexec(fd, 3).map(Self);
        Ok((beyond(one)?, beyond(other)?))
    }

    /// Sends a report. Does nothing if the other end is gone.
    pub(super) fn send(&self, report: &Report) {
        let (words, pidfd) = report.encode();
        let mut bytes = [0; SIZE];
        for (chunk, word) in bytes.chunks_exact_mut(size_of::<i32>()).zip(words) {
            chunk.copy_from_slice(&word.to_ne_bytes());
        }
        let _ = passing::send(&self.0, &bytes, pidfd);
    }

    /// Waits for a report; none if the other end is gone.
    pub(super) fn receive(&self) -> Result<Option<Report>, Errno> {
        self.receive_with(RecvFlags::empty())
    }

    /// Returns a report that is there already.
    pub(super) fn receive_now(&self) -> Result<Option<Report>, Errno> {
        match self.receive_with(RecvFlags::DONTWAIT) {
            Err(Errno::AGAIN) => Ok(None),
            received => received,
        }
    }

    fn receive_with(&self, flags: RecvFlags) -> Result<Option<Report>, Errno> {
        let mut bytes = [0; SIZE];
        let pidfd = match passing::receive(&self.0, &mut bytes, flags) {
            Ok((SIZE, pidfd)) => pidfd,
            Ok(_) | Err(Errno::CONNRESET) => return Ok(None),
            Err(errno) => return Err(errno),
        };
        let mut words = [0; WORDS];
        for (word, chunk) in words.iter_mut().zip(bytes.chunks_exact(size_of::<i32>())) {
            *word = i32::from_ne_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]);
        }
        Ok(Report::decode(words, pidfd))
    }
}

impl AsRawFd for ReportLink {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

impl Report {
    fn encode(&self) -> ([i32; WORDS], Option<BorrowedFd<'_>>) {
        let step = |index: usize| i32::try_from(index).unwrap_or(i32::MAX);
        let words = match self {
            Self::Go => [0; WORDS],
            Self::Skipped(index, errno) => [1, step(*index), errno.raw_os_error(), 0],
            Self::Created(pid, _) => [2, pid.as_raw_nonzero().get(), 0, 0],
            Self::Running => [3, 0, 0, 0],
            Self::NotBegun(errno) => [4, 0, errno.raw_os_error(), 0],
            Self::Failed(index, errno, call) => {
                [5, step(*index), errno.raw_os_error(), call.cast_signed()]
            }
            Self::Ended(Ended::Exited(status)) => [6, (*status).into(), 0, 0],
            Self::Ended(Ended::Killed(signal)) => [7, *signal, 0, 0],
        };
        match self {
            Self::Created(_, pidfd) => (words, Some(pidfd.as_fd())),
            _ => (words, None),
        }
    }

    fn decode(words: [i32; WORDS], pidfd: Option<OwnedFd>) -> Option<Self> {
        let [kind, first, number, call] = words;
        let errno = Errno::from_raw_os_error(number.clamp(1, 4095));
        let index = usize::try_from(first).unwrap_or(usize::MAX);
        Some(match kind {
            0 => Self::Go,
            1 => Self::Skipped(index, errno),
            2 => Self::Created(Pid::from_raw(first)?, pidfd?),
            3 => Self::Running,
            4 => Self::NotBegun(errno),
            5 => Self::Failed(index, errno, call.cast_unsigned()),
            6 => Self::Ended(Ended::Exited(u8::try_from(first).ok()?)),
            7 => Self::Ended(Ended::Killed(first)),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_arrives_as_it_was_sent() {
        let (one, other) = ReportLink::pair().unwrap();
        let null = std::fs::File::open("/dev/null").unwrap().into();
        for report in [
            Report::Go,
            Report::Skipped(7, Errno::PERM),
            Report::Created(Pid::INIT, null),
            Report::Running,
            Report::NotBegun(Errno::MFILE),
            Report::Failed(3, Errno::NOENT, 5),
            Report::Ended(Ended::Exited(200)),
            Report::Ended(Ended::Killed(15)),
        ] {
            one.send(&report);
            let received = other.receive().unwrap().unwrap();
            assert_eq!(received.encode().0, report.encode().0);
            assert_eq!(received.encode().1.is_some(), report.encode().1.is_some());
        }
        assert!(other.receive_now().unwrap().is_none());
    }
}
