//! A conversation with rtnetlink.

use crate::bytes::{Attributes, HEADER, Messages, text};
use netlink_packet_core::{
    ErrorMessage, NLM_F_ACK, NLM_F_ACK_TLVS, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST,
    NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_sys::{Socket, protocols::NETLINK_ROUTE};
use rustix::io::Errno;
use std::io;
use thiserror::Error;

/// The attribute with the kernel's words in an extended acknowledgement, see `netlink(7)` (4.12).
const NLMSGERR_ATTR_MSG: u16 = 1;

/// The number of times that a list is read while it keeps changing.
pub(crate) const ATTEMPTS: usize = 16;

/// A refusal of the kernel, or an answer that could not be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NetlinkError {
    /// The kernel refused.
    #[error("{}{}", io::Error::from(*errno), in_parentheses(words))]
    Refused {
        /// The error number.
        errno: Errno,
        /// The kernel's words about the cause (4.12), if there are any.
        words: Option<String>,
    },
    /// The kernel's answer is not what `rtnetlink(7)` describes.
    #[error("the kernel's answer cannot be read: {0}")]
    Malformed(String),
    /// A list changed each time that it was read.
    #[error("the list keeps changing")]
    Unsteady,
}

impl NetlinkError {
    /// Returns the error number, if the kernel gave one.
    pub fn errno(&self) -> Option<Errno> {
        match self {
            Self::Refused { errno, .. } => Some(*errno),
            Self::Malformed(_) | Self::Unsteady => None,
        }
    }
}

impl From<Errno> for NetlinkError {
    fn from(errno: Errno) -> Self {
        Self::Refused { errno, words: None }
    }
}

impl From<io::Error> for NetlinkError {
    fn from(error: io::Error) -> Self {
        Errno::from_io_error(&error).unwrap_or(Errno::IO).into()
    }
}

fn in_parentheses(words: &Option<String>) -> String {
    words
        .as_ref()
        .map_or_else(String::new, |words| format!(" ({words})"))
}

/// A socket to rtnetlink in the network namespace in which the socket was opened.
pub struct Netlink {
    socket: Socket,
    sequence: u32,
}

impl Netlink {
    /// Opens a socket in the calling thread's network namespace.
    ///
    /// # Errors
    /// Those of `socket(2)` and `bind(2)`.
    pub fn open() -> Result<Self, NetlinkError> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        // Old kernels and emulators lack both; requests then say less.
        let _ = socket.set_ext_ack(true);
        let _ = socket.set_cap_ack(true);
        Ok(Self {
            socket,
            sequence: 0,
        })
    }

    /// Makes a request that the kernel acknowledges; `flags` stand beside NLM_F_REQUEST.
    pub(crate) fn act(
        &mut self,
        message: RouteNetlinkMessage,
        flags: u16,
    ) -> Result<(), NetlinkError> {
        self.converse(
            message,
            NLM_F_ACK | flags,
            |header, payload| match payload {
                NetlinkPayload::Error(error) => acknowledgement(&header, &error).map(Some),
                _ => Ok(None),
            },
        )
    }

    /// Makes a request that the kernel answers with one message, or with nothing if the object does
    /// not exist.
    pub(crate) fn get(
        &mut self,
        message: RouteNetlinkMessage,
    ) -> Result<Option<RouteNetlinkMessage>, NetlinkError> {
        let answer = self.converse(message, 0, |header, payload| match payload {
            NetlinkPayload::InnerMessage(found) => Ok(Some(Some(found))),
            NetlinkPayload::Error(error) => acknowledgement(&header, &error).map(|()| None),
            _ => Ok(None),
        });
        match answer {
            Err(error) if error.errno() == Some(Errno::NODEV) => Ok(None),
            answer => answer,
        }
    }

    /// Reads a list.
    pub(crate) fn dump(
        &mut self,
        message: RouteNetlinkMessage,
    ) -> Result<Vec<RouteNetlinkMessage>, NetlinkError> {
        for _ in 0..ATTEMPTS {
            let mut list = Vec::new();
            let mut changed = false;
            self.converse(message.clone(), NLM_F_DUMP, |header, payload| {
                changed |= header.flags & NLM_F_DUMP_INTR != 0;
                match payload {
                    NetlinkPayload::InnerMessage(item) => list.push(item),
                    NetlinkPayload::Done(_) => return Ok(Some(())),
                    NetlinkPayload::Error(error) => acknowledgement(&header, &error)?,
                    _ => {}
                }
                Ok(None)
            })?;
            if !changed {
                return Ok(list);
            }
        }
        Err(NetlinkError::Unsteady)
    }

    /// Sends a request and gives each message of the answer to `read`, until `read` returns a
    /// result.
    fn converse<T>(
        &mut self,
        message: RouteNetlinkMessage,
        flags: u16,
        mut read: impl FnMut(
            NetlinkHeader,
            NetlinkPayload<RouteNetlinkMessage>,
        ) -> Result<Option<T>, NetlinkError>,
    ) -> Result<T, NetlinkError> {
        let sequence = self.send(message, flags)?;
        loop {
            let (datagram, _) = self.socket.recv_from_full()?;
            for message in Messages(&datagram) {
                let message = NetlinkMessage::deserialize(message.into_inner())
                    .map_err(|error| NetlinkError::Malformed(error.to_string()))?;
                let (header, payload) = message.into_parts();
                if header.sequence_number == sequence
                    && let Some(result) = read(header, payload)?
                {
                    return Ok(result);
                }
            }
        }
    }

    fn send(&mut self, message: RouteNetlinkMessage, flags: u16) -> Result<u32, NetlinkError> {
        self.sequence += 1;
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | flags;
        header.sequence_number = self.sequence;
        let mut message = NetlinkMessage::new(header, NetlinkPayload::from(message));
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        self.socket.send(&bytes, 0)?;
        Ok(self.sequence)
    }
}

/// Reads an acknowledgement, which is an error message without an error.
fn acknowledgement(header: &NetlinkHeader, error: &ErrorMessage) -> Result<(), NetlinkError> {
    match error.code {
        None => Ok(()),
        Some(_) => Err(NetlinkError::Refused {
            errno: Errno::from_raw_os_error(error.raw_code().saturating_neg()),
            words: words(header, &error.header),
        }),
    }
}

/// Returns the kernel's words about a refusal. `rest` begins with the header of the request, which
/// is all of the request that is repeated (NETLINK_CAP_ACK).
fn words(header: &NetlinkHeader, rest: &[u8]) -> Option<String> {
    if header.flags & NLM_F_ACK_TLVS == 0 {
        return None;
    }
    let (_, value) =
        Attributes(rest.get(HEADER..)?).find(|(kind, _)| *kind == NLMSGERR_ATTR_MSG)?;
    Some(String::from_utf8_lossy(&text(value)).into_owned())
}
