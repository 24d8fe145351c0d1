//! Lists that the kernel dumps through a netlink socket, as bytes.
//!
//! Names of interfaces and paths of sockets are bytes that anyone may have chosen, so messages are
//! read here field by field, and none of them fails the list that it is in.

use crate::NetlinkError;
use netlink_packet_core::{
    NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NLMSG_DONE, NLMSG_ERROR, NetlinkBuffer,
};
use rustix::{
    fd::{AsFd, BorrowedFd, OwnedFd},
    io::{Errno, retry_on_intr},
    net::{RecvFlags, SendFlags, recv, send},
};

/// The length of the header of a message.
const HEADER: usize = 16;

/// Room for the longest datagram of a dump. The kernel makes them as long as the reader has room
/// for, up to 32 KiB.
const ROOM: usize = 64 << 10;

/// The number of times that a list is read while it keeps changing.
const ATTEMPTS: usize = 16;

/// A netlink socket whose lists are read. It talks to the network namespace in which the socket was
/// opened, wherever the reader is.
#[derive(Debug)]
pub struct Reader {
    socket: OwnedFd,
    sequence: u32,
    buffer: Vec<u8>,
}

impl Reader {
    /// Reads from a socket of `AF_NETLINK` that nothing else reads from.
    pub fn new(socket: OwnedFd) -> Self {
        Self {
            socket,
            sequence: 0,
            buffer: Vec::new(),
        }
    }

    /// Requests a list with a message of this type, and makes an item of each message of the
    /// answer. A list that changes while it is read is read again.
    pub(crate) fn dump<T>(
        &mut self,
        kind: u16,
        payload: &[u8],
        item: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<Vec<T>, NetlinkError> {
        for _ in 0..ATTEMPTS {
            if let Some(list) = self.dump_once(kind, payload, &item)? {
                return Ok(list);
            }
        }
        Err(NetlinkError::Unsteady)
    }

    /// Returns `None` if the list changed meanwhile.
    fn dump_once<T>(
        &mut self,
        kind: u16,
        payload: &[u8],
        item: &impl Fn(&[u8]) -> Option<T>,
    ) -> Result<Option<Vec<T>>, NetlinkError> {
        self.send(kind, payload)?;
        self.buffer.resize(ROOM, 0);
        let (mut list, mut is_steady) = (Vec::new(), true);
        loop {
            let room = self.buffer.as_mut_slice();
            let (length, whole) =
                retry_on_intr(|| recv(&self.socket, &mut *room, RecvFlags::TRUNC))?;
            if whole > length {
                return Err(NetlinkError::Malformed("a datagram is too long".to_owned()));
            }
            let mut rest = &self.buffer[..length];
            while let Ok(message) = NetlinkBuffer::new_checked(rest) {
                let end = message.length() as usize;
                let Some(body) = rest.get(HEADER..end) else {
                    break;
                };
                if message.sequence_number() == self.sequence {
                    is_steady &= message.flags() & NLM_F_DUMP_INTR == 0;
                    match message.message_type() {
                        NLMSG_DONE | NLMSG_ERROR => {
                            refusal(body)?;
                            return Ok(is_steady.then_some(list));
                        }
                        _ => list.extend(item(body)),
                    }
                }
                rest = rest.get(end.next_multiple_of(4)..).unwrap_or_default();
            }
        }
    }

    fn send(&mut self, kind: u16, payload: &[u8]) -> Result<(), NetlinkError> {
        self.sequence += 1;
        let length = HEADER + payload.len();
        let mut message = Vec::with_capacity(length);
        message.extend((length as u32).to_ne_bytes());
        message.extend(kind.to_ne_bytes());
        message.extend((NLM_F_REQUEST | NLM_F_DUMP).to_ne_bytes());
        message.extend(self.sequence.to_ne_bytes());
        message.extend(0_u32.to_ne_bytes());
        message.extend(payload);
        retry_on_intr(|| send(&self.socket, &message, SendFlags::empty()))?;
        Ok(())
    }
}

impl AsFd for Reader {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl From<Errno> for NetlinkError {
    fn from(errno: Errno) -> Self {
        Self::Refused { errno, words: None }
    }
}

/// Reads the end of a list, which has an errno if the kernel gave up.
fn refusal(body: &[u8]) -> Result<(), NetlinkError> {
    match number(body, 0).map(|code| code as i32) {
        Some(code) if code < 0 => Err(Errno::from_raw_os_error(code.saturating_neg()).into()),
        _ => Ok(()),
    }
}

/// The attributes of a message, or of an attribute that has others in it: type and value.
pub(crate) struct Attributes<'a>(pub(crate) &'a [u8]);

impl<'a> Iterator for Attributes<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        /// The bits of a type that say how the value is encoded.
        const FLAGS: u16 = 0xc000;
        let length = usize::from(half(self.0, 0)?);
        let kind = half(self.0, 2)? & !FLAGS;
        let value = self.0.get(4..length)?;
        self.0 = self.0.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    }
}

/// Returns the 16 bits at an offset, in the byte order of the host.
pub(crate) fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// Returns the 32 bits at an offset, in the byte order of the host.
pub(crate) fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// Returns the bytes before the first zero.
pub(crate) fn text(bytes: &[u8]) -> Vec<u8> {
    bytes
        .split(|byte| *byte == 0)
        .next()
        .unwrap_or_default()
        .to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn attributes_are_read_at_multiples_of_four() {
        let bytes = [5, 0, 3, 0, b'a', 0, 0, 0, 4, 0, 7, 0x80, 99, 0, 1, 0];
        // The last attribute says that it is longer than what is there.
        let read: Vec<_> = Attributes(&bytes).collect();
        assert_eq!(read, [(3, &b"a"[..]), (7, &[])]);
    }

    #[test]
    fn a_list_that_the_kernel_gives_up_is_an_error() {
        assert!(refusal(&0_i32.to_ne_bytes()).is_ok());
        let refused = refusal(&(-1_i32).to_ne_bytes()).unwrap_err();
        assert_eq!(refused.errno(), Some(Errno::PERM));
    }

    proptest! {
        #[test]
        fn no_attributes_make_it_panic(bytes: Vec<u8>) {
            prop_assert!(Attributes(&bytes).count() <= bytes.len() / 4);
        }
    }
}
