//! The socket pair over which two processes of one run meet. Its end of file says that the other
//! one is gone.

use super::part::Part;
use crate::{
    passing::socket_pair,
    sys::{descriptor, signal::Signal},
};
use rustix::{
    event::PollFlags,
    fd::{AsFd, BorrowedFd, OwnedFd},
    io::Errno,
    net::{RecvFlags, SendFlags},
};

/// An end of the socket pair.
pub(super) struct Link(OwnedFd);

/// A message from one process to the other. Steps are named by their index in the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Message {
    /// To an outside: take this step. The number is the child's id, or 0 if there is none yet.
    Take(usize, i32),
    /// To an outside: what the steps left behind may stay. To a keeper: stay.
    Keep,
    /// To an outside: it may not.
    Undo,
    /// To an outside: the program has ended, and with it goes what is to go.
    Finish,
    /// To an inside: walk on.
    Go,
    /// This step is taken, or the kernel refused it.
    Took(usize, Result<(), Errno>),
    /// From a PID 1 that is nsx: the program runs.
    Running,
    /// From the same: the program was stopped by this signal.
    Stopped(Signal),
    /// To the same: nsx was resumed after this stop, the first being 1, and the program must be too
    /// if nobody has done it.
    Resume(usize),
    /// From the same, which ends next: the program was killed by this signal.
    Killed(Signal),
    /// From an outside to its guard: this part of the pin at this step is about to be made.
    Making(usize, Part),
    /// From the same: what was said last is not there, or no longer.
    Unmade,
}

const MESSAGE_SIZE: usize = 12;

impl Message {
    fn encode(self) -> [u8; MESSAGE_SIZE] {
        let (kind, index, number) = match self {
            Self::Take(index, child) => (0, index, child),
            Self::Took(index, outcome) => (1, index, outcome.err().map_or(0, Errno::raw_os_error)),
            Self::Keep => (2, 0, 0),
            Self::Undo => (3, 0, 0),
            Self::Go => (4, 0, 0),
            Self::Running => (5, 0, 0),
            Self::Stopped(signal) => (6, 0, signal),
            Self::Killed(signal) => (7, 0, signal),
            Self::Resume(stop) => (8, stop, 0),
            Self::Unmade => (9, 0, 0),
            Self::Making(index, Part::Directory) => (10, index, 0),
            Self::Making(index, Part::File) => (11, index, 0),
            Self::Making(index, Part::Private(mount)) => (12, index, mount as i32),
            Self::Making(index, Part::Mount(mount)) => (13, index, mount as i32),
            Self::Making(index, Part::Shared(mount)) => (14, index, mount as i32),
            Self::Making(index, Part::Link(link)) => (15, index, link as i32),
            Self::Making(index, Part::Moved) => (16, index, 0),
            Self::Making(index, Part::Table) => (17, index, 0),
            Self::Making(index, Part::Uplink) => (18, index, 0),
            Self::Finish => (19, 0, 0),
            Self::Making(index, Part::Inside(link)) => (20, index, link as i32),
        };
        let mut bytes = [0; MESSAGE_SIZE];
        let fields = [kind, index as i32, number];
        for (chunk, field) in bytes.chunks_exact_mut(4).zip(fields) {
            chunk.copy_from_slice(&field.to_ne_bytes());
        }
        bytes
    }

    fn decode(bytes: [u8; MESSAGE_SIZE]) -> Option<Self> {
        let mut fields = bytes
            .chunks_exact(4)
            .map(|chunk| i32::from_ne_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]));
        let (kind, index, number) = (
            fields.next()?,
            usize::try_from(fields.next()?).ok()?,
            fields.next()?,
        );
        match kind {
            0 => Some(Self::Take(index, number)),
            1 if number == 0 => Some(Self::Took(index, Ok(()))),
            1 => Some(Self::Took(index, Err(Errno::from_raw_os_error(number)))),
            2 => Some(Self::Keep),
            3 => Some(Self::Undo),
            4 => Some(Self::Go),
            5 => Some(Self::Running),
            6 => Some(Self::Stopped(number)),
            7 => Some(Self::Killed(number)),
            8 => Some(Self::Resume(index)),
            9 => Some(Self::Unmade),
            10 => Some(Self::Making(index, Part::Directory)),
            11 => Some(Self::Making(index, Part::File)),
            12 => Some(Self::Making(index, Part::Private(number as u32))),
            13 => Some(Self::Making(index, Part::Mount(number as u32))),
            14 => Some(Self::Making(index, Part::Shared(number as u32))),
            15 => Some(Self::Making(index, Part::Link(number as u32))),
            16 => Some(Self::Making(index, Part::Moved)),
            17 => Some(Self::Making(index, Part::Table)),
            18 => Some(Self::Making(index, Part::Uplink)),
            19 => Some(Self::Finish),
            20 => Some(Self::Making(index, Part::Inside(number as u32))),
            _ => None,
        }
    }
}

impl Link {
    /// Two ends that are tied to each other, both close-on-exec.
    pub(super) fn pair() -> Result<(Self, Self), Errno> {
        let (one, other) = socket_pair()?;
        Ok((Self(one), Self(other)))
    }

    /// Sends a message. If the other is gone there is nobody to hear it: neither an error, nor a
    /// signal for trying.
    pub(super) fn send(&self, message: Message) -> Result<(), Errno> {
        match rustix::io::retry_on_intr(|| {
            rustix::net::send(&self.0, &message.encode(), SendFlags::NOSIGNAL)
        }) {
            Ok(_) | Err(Errno::PIPE) => Ok(()),
            Err(errno) => Err(errno),
        }
    }

    /// Waits for a message; none when the other is gone.
    pub(super) fn receive(&self) -> Result<Option<Message>, Errno> {
        let mut bytes = [0; MESSAGE_SIZE];
        let received = rustix::io::retry_on_intr(|| {
            rustix::net::recv(&self.0, &mut bytes[..], RecvFlags::empty())
        });
        match received {
            Ok((_, MESSAGE_SIZE)) => Ok(Message::decode(bytes)),
            Ok(_) | Err(Errno::CONNRESET) => Ok(None),
            Err(errno) => Err(errno),
        }
    }

    /// Returns whether the other end is gone.
    pub(super) fn is_cut(&self) -> bool {
        descriptor::has_now(&self.0, PollFlags::RDHUP)
    }
}

impl AsFd for Link {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    #[test]
    fn messages_arrive_until_the_other_is_gone() {
        let (one, other) = Link::pair().unwrap();
        let sent = [
            Message::Take(7, 8),
            Message::Took(3, Ok(())),
            Message::Took(4, Err(Errno::PERM)),
            Message::Keep,
            Message::Undo,
            Message::Go,
            Message::Running,
            Message::Stopped(19),
            Message::Killed(15),
            Message::Resume(2),
            Message::Making(1, Part::Directory),
            Message::Making(2, Part::File),
            Message::Making(3, Part::Private(7)),
            Message::Making(4, Part::Mount(u32::MAX)),
            Message::Making(5, Part::Shared(8)),
            Message::Making(6, Part::Link(9)),
            Message::Making(7, Part::Moved),
            Message::Making(8, Part::Table),
            Message::Making(9, Part::Uplink),
            Message::Making(10, Part::Inside(11)),
            Message::Finish,
            Message::Unmade,
        ];
        for message in sent {
            one.send(message).unwrap();
        }
        assert!(!other.is_cut());
        drop(one);
        // A child that another test makes has that end too, until its exec.
        let deadline = Instant::now() + Duration::from_secs(10);
        while !other.is_cut() {
            assert!(Instant::now() < deadline);
            std::thread::sleep(Duration::from_millis(1));
        }
        for message in sent {
            assert_eq!(other.receive(), Ok(Some(message)));
        }
        assert_eq!(other.receive(), Ok(None));
        other.send(Message::Take(1, 0)).unwrap();
    }
}
