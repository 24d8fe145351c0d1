//! A conversation with the kernel through a netlink socket, and the lists that it dumps.
//!
//! Names of interfaces and paths of sockets are bytes that anyone may have chosen, so messages are
//! read here field by field, and a message that cannot be read does not fail the list.

use crate::{
    NetlinkError,
    bytes::{Body, HEADER, Message, Messages},
    netlink::acknowledgement,
};
use libc::{NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NLMSG_DONE, NLMSG_ERROR};
use rustix::{
    fd::OwnedFd,
    io::retry_on_intr,
    net::{RecvFlags, SendFlags, recv, send},
};

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
        body: &Body,
        item: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<Vec<T>, NetlinkError> {
        for _ in 0..ATTEMPTS {
            let (mut list, mut is_steady) = (Vec::new(), true);
            self.converse(kind, NLM_F_DUMP, body, |message| {
                is_steady &= i32::from(message.flags) & NLM_F_DUMP_INTR == 0;
                match i32::from(message.kind) {
                    NLMSG_DONE | NLMSG_ERROR => return acknowledgement(message).map(Some),
                    _ => list.extend(item(message.body)),
                }
                Ok(None)
            })?;
            if is_steady {
                return Ok(list);
            }
        }
        Err(NetlinkError::Unsteady)
    }

    /// Sends a request, whose `flags` stand beside NLM_F_REQUEST, and gives each message of the
    /// answer to `read`, until `read` returns a result.
    pub(crate) fn converse<T>(
        &mut self,
        kind: u16,
        flags: i32,
        body: &Body,
        mut read: impl FnMut(&Message<'_>) -> Result<Option<T>, NetlinkError>,
    ) -> Result<T, NetlinkError> {
        self.send(kind, flags, body)?;
        self.buffer.resize(ROOM, 0);
        loop {
            let room = self.buffer.as_mut_slice();
            let (length, whole) =
                retry_on_intr(|| recv(&self.socket, &mut *room, RecvFlags::TRUNC))?;
            if whole > length {
                return Err(NetlinkError::Malformed("a datagram is too long".to_owned()));
            }
            for message in Messages(&self.buffer[..length]) {
                if message.sequence == self.sequence
                    && let Some(result) = read(&message)?
                {
                    return Ok(result);
                }
            }
        }
    }

    fn send(&mut self, kind: u16, flags: i32, body: &Body) -> Result<(), NetlinkError> {
        self.sequence += 1;
        let length = HEADER + body.0.len();
        let mut message = Vec::with_capacity(length);
        message.extend((length as u32).to_ne_bytes());
        message.extend(kind.to_ne_bytes());
        message.extend(((NLM_F_REQUEST | flags) as u16).to_ne_bytes());
        message.extend(self.sequence.to_ne_bytes());
        message.extend(0_u32.to_ne_bytes());
        message.extend(&body.0);
        retry_on_intr(|| send(&self.socket, &message, SendFlags::empty()))?;
        Ok(())
    }
}
