//! The numbers by which a network namespace refers to others, see `rtnetlink(7)`.

use rustix::{
    fd::{AsFd, AsRawFd, OwnedFd},
    io::Errno,
    net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType},
};

/// A socket that returns the numbers that network namespaces have in the caller's, see
/// `rtnetlink(7)`.
#[derive(Debug)]
pub struct NsidSocket(OwnedFd);

impl NsidSocket {
    /// Opens the socket.
    pub fn new() -> Result<Self, Errno> {
        // No protocol is number 0, NETLINK_ROUTE.
        let socket = rustix::net::socket_with(
            AddressFamily::NETLINK,
            SocketType::RAW,
            SocketFlags::CLOEXEC,
            None,
        )?;
        Ok(Self(socket))
    }

    /// Takes a socket of NETLINK_ROUTE, which returns the numbers of the network namespace in
    /// which it was opened.
    pub fn from_socket(socket: OwnedFd) -> Self {
        Self(socket)
    }

    /// Returns the number that the network namespace `ns` has in the caller's, if it was given one
    /// (`RTM_GETNSID`, 4.0).
    pub fn number(&self, ns: impl AsFd) -> Result<Option<u32>, Errno> {
        let mut request = [0; GETNSID_LEN];
        // struct nlmsghdr: length, type, flags, sequence number, port. Then struct rtgenmsg: the
        // family, padded.
        request[..4].copy_from_slice(&(GETNSID_LEN as u32).to_ne_bytes());
        request[4..6].copy_from_slice(&libc::RTM_GETNSID.to_ne_bytes());
        request[6..8].copy_from_slice(&(libc::NLM_F_REQUEST as u16).to_ne_bytes());
        // struct nlattr: length, type; then the descriptor.
        request[20..22].copy_from_slice(&8_u16.to_ne_bytes());
        request[22..24].copy_from_slice(&NETNSA_FD.to_ne_bytes());
        request[24..].copy_from_slice(&ns.as_fd().as_raw_fd().to_ne_bytes());
        rustix::net::send(&self.0, &request, SendFlags::empty())?;
        let mut answer = [0; 512];
        let (length, _) = rustix::net::recv(&self.0, &mut answer[..], RecvFlags::empty())?;
        nsid(&answer[..length])
    }
}

/// An `NSID` request with one attribute of four bytes.
const GETNSID_LEN: usize = 16 + 4 + 8;
/// The kernel's numbers for the attributes of these messages.
const NETNSA_NSID: u16 = 1;
const NETNSA_FD: u16 = 3;

/// Reads a message in which the kernel answers `RTM_GETNSID`.
fn nsid(answer: &[u8]) -> Result<Option<u32>, Errno> {
    let half = |offset: usize| {
        Some(u16::from_ne_bytes(
            answer.get(offset..offset + 2)?.try_into().ok()?,
        ))
    };
    let word = |offset: usize| {
        Some(i32::from_ne_bytes(
            answer.get(offset..offset + 4)?.try_into().ok()?,
        ))
    };
    match half(4) {
        Some(kind) if i32::from(kind) == libc::NLMSG_ERROR => {
            return Err(word(16).map_or(Errno::BADMSG, |errno| Errno::from_raw_os_error(-errno)));
        }
        Some(libc::RTM_NEWNSID) => {}
        _ => return Err(Errno::BADMSG),
    }
    let mut offset = 20;
    while let (Some(length), Some(kind)) = (half(offset), half(offset + 2)) {
        if kind == NETNSA_NSID {
            // -1 stands for none.
            return Ok(word(offset + 4).and_then(|number| u32::try_from(number).ok()));
        }
        // Attributes begin at multiples of four.
        offset += usize::from(length.max(4)).next_multiple_of(4);
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_callers_own_network_namespace_has_a_number_or_none() {
        let own = std::fs::File::open("/proc/self/ns/net").unwrap();
        assert!(NsidSocket::new().unwrap().number(&own).is_ok());
        let none = std::fs::File::open("/proc/self/ns/uts").unwrap();
        assert_eq!(NsidSocket::new().unwrap().number(&none), Err(Errno::INVAL));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = nsid(&bytes);
        }
    }
}
