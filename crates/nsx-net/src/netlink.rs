//! A conversation with rtnetlink.

use crate::{
    Reader,
    bytes::{Attributes, Body, HEADER, Message, number, text},
};
use libc::{NLM_F_ACK, NLM_F_ACK_TLVS, NLM_F_CAPPED, NLMSG_ERROR};
use netlink_sys::{Socket, protocols::NETLINK_ROUTE};
use rustix::{fd::AsFd, io::Errno};
use std::io;
use thiserror::Error;

/// The attribute with the kernel's words in an extended acknowledgement, see `netlink(7)` (4.12).
const NLMSGERR_ATTR_MSG: u16 = 1;

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
    pub(crate) reader: Reader,
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
            reader: Reader::new(socket.as_fd().try_clone_to_owned()?),
        })
    }

    /// Makes a request that the kernel acknowledges; `flags` stand beside NLM_F_REQUEST.
    pub(crate) fn act(&mut self, kind: u16, flags: i32, body: &Body) -> Result<(), NetlinkError> {
        self.reader
            .converse(kind, NLM_F_ACK | flags, body, |message| {
                match i32::from(message.kind) {
                    NLMSG_ERROR => acknowledgement(message).map(Some),
                    _ => Ok(None),
                }
            })
    }

    /// Makes a request that the kernel answers with one message, or with nothing if the object does
    /// not exist.
    pub(crate) fn get<T>(
        &mut self,
        kind: u16,
        body: &Body,
        read: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<Option<T>, NetlinkError> {
        let answer = self
            .reader
            .converse(kind, 0, body, |message| match i32::from(message.kind) {
                NLMSG_ERROR => acknowledgement(message).map(|()| Some(None)),
                _ => Ok(Some(read(message.body))),
            });
        match answer {
            Err(error) if error.errno() == Some(Errno::NODEV) => Ok(None),
            answer => answer,
        }
    }
}

/// Reads an acknowledgement or the end of a list, which has an errno if the kernel refused or gave
/// up.
pub(crate) fn acknowledgement(message: &Message<'_>) -> Result<(), NetlinkError> {
    match number(message.body, 0).map(|code| code as i32) {
        Some(code) if code < 0 => Err(NetlinkError::Refused {
            errno: Errno::from_raw_os_error(code.saturating_neg()),
            words: words(message),
        }),
        _ => Ok(()),
    }
}

/// Returns the kernel's words about a refusal. They stand after the errno and the header of the
/// request, which is all of the request that is repeated (NETLINK_CAP_ACK).
fn words(message: &Message<'_>) -> Option<String> {
    const BOTH: i32 = NLM_F_ACK_TLVS | NLM_F_CAPPED;
    if i32::from(message.flags) & BOTH != BOTH {
        return None;
    }
    let (_, value) =
        Attributes(message.body.get(4 + HEADER..)?).find(|(kind, _)| *kind == NLMSGERR_ATTR_MSG)?;
    Some(String::from_utf8_lossy(&text(value)).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(flags: i32, body: &[u8]) -> Message<'_> {
        Message {
            kind: NLMSG_ERROR as u16,
            flags: flags as u16,
            sequence: 1,
            body,
        }
    }

    #[test]
    fn a_refusal_has_its_errno_and_the_words_of_the_kernel() {
        assert!(acknowledgement(&message(0, &0_i32.to_ne_bytes())).is_ok());
        let mut body = Body((-1_i32).to_ne_bytes().to_vec());
        body.0.extend([0; HEADER]);
        let body = body.with_text(NLMSGERR_ATTR_MSG, "no such thing").0;
        let refused = |flags| acknowledgement(&message(flags, &body)).unwrap_err();
        let with_words = refused(NLM_F_ACK_TLVS | NLM_F_CAPPED);
        assert_eq!(with_words.errno(), Some(Errno::PERM));
        assert!(with_words.to_string().ends_with("(no such thing)"));
        assert_eq!(refused(0).errno(), Some(Errno::PERM));
        assert!(!refused(0).to_string().contains("no such thing"));
    }
}
