//! Lists that the kernel dumps through a netlink socket, as bytes.
//!
//! Names of interfaces and paths of sockets are bytes that anyone may have chosen, so messages are
//! read here field by field, and a message that cannot be read does not fail the list.

use crate::{
    NetlinkError,
    bytes::{HEADER, Messages, number},
    netlink::ATTEMPTS,
};
use netlink_packet_core::{NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NLMSG_DONE, NLMSG_ERROR};
use rustix::{
    fd::OwnedFd,
    io::{Errno, retry_on_intr},
    net::{RecvFlags, SendFlags, recv, send},
};

/// Room for the longest datagram of a dump. The kernel makes them as long as the reader has room
/// for, up to 32 KiB.
const ROOM: usize = 64 << 10;

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
            for message in Messages(&self.buffer[..length]) {
                if message.sequence_number() != self.sequence {
                    continue;
                }
                is_steady &= message.flags() & NLM_F_DUMP_INTR == 0;
                match message.message_type() {
                    NLMSG_DONE | NLMSG_ERROR => {
                        refusal(message.payload())?;
                        return Ok(is_steady.then_some(list));
                    }
                    _ => list.extend(item(message.payload())),
                }
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

/// Reads the end of a list, which has an errno if the kernel gave up.
fn refusal(body: &[u8]) -> Result<(), NetlinkError> {
    match number(body, 0).map(|code| code as i32) {
        Some(code) if code < 0 => Err(Errno::from_raw_os_error(code.saturating_neg()).into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_the_kernel_gives_up_is_an_error() {
        assert!(refusal(&0_i32.to_ne_bytes()).is_ok());
        let refused = refusal(&(-1_i32).to_ne_bytes()).unwrap_err();
        assert_eq!(refused.errno(), Some(Errno::PERM));
    }
}
