//! The sockets of a network namespace, through `sock_diag(7)`.

use crate::{
    NetlinkError, Reader,
    bytes::{Attributes, Body, half, number},
    device::address,
};
use rustix::io::Errno;
use std::net::{IpAddr, SocketAddr};

const SOCK_DIAG_BY_FAMILY: u16 = 20;
const AF_UNIX: u8 = 1;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;

/// The length of `struct inet_diag_req_v2`, and of `struct unix_diag_msg`.
const INET_REQUEST: usize = 56;
const UNIX_HEADER: usize = 16;

/// A protocol of sockets that are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SocketProtocol {
    /// TCP over IPv4 or IPv6.
    Tcp,
    /// UDP over IPv4 or IPv6.
    Udp,
    /// A Unix socket.
    Unix,
}

impl SocketProtocol {
    /// Returns the usual name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Unix => "unix",
        }
    }
}

/// The state of a socket, by the kernel's number for states of TCP, which other protocols use, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketState(pub u8);

impl SocketState {
    /// A socket that is connected.
    pub const ESTABLISHED: Self = Self(1);
    /// A socket that is neither connected nor accepts connections.
    pub const CLOSED: Self = Self(7);
    /// A socket that accepts connections.
    pub const LISTEN: Self = Self(10);

    /// Returns the name as `ss(8)` has it; `unknown` for a number that has none.
    pub fn name(self) -> &'static str {
        match self.0 {
            1 => "established",
            2 => "syn-sent",
            3 => "syn-recv",
            4 => "fin-wait-1",
            5 => "fin-wait-2",
            6 => "time-wait",
            7 => "unconnected",
            8 => "close-wait",
            9 => "last-ack",
            10 => "listen",
            11 => "closing",
            12 => "syn-recv",
            _ => "unknown",
        }
    }
}

/// An end of a socket.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// An address of the internet.
    Internet(SocketAddr),
    /// A path in a file system, or after a zero a name in the abstract namespace. Any bytes.
    Path(Vec<u8>),
    /// A Unix socket without a name.
    Unnamed,
}

/// A socket.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Socket {
    /// The protocol.
    pub protocol: SocketProtocol,
    /// The state.
    pub state: SocketState,
    /// The near end.
    pub local: Endpoint,
    /// The far end; `None` if the socket has none, and for a Unix socket.
    pub remote: Option<Endpoint>,
    /// The inode number, 0 if no process can have it open.
    pub inode: u64,
    /// The user who made it; `None` for a Unix socket.
    pub uid: Option<u32>,
    /// The inode number of the far end of a Unix socket.
    pub peer: Option<u64>,
}

impl Reader {
    /// Lists the sockets of a protocol, through a socket of NETLINK_SOCK_DIAG.
    ///
    /// # Errors
    /// [`NetlinkError`]; [`Errno::NOENT`] if the kernel cannot list sockets of the protocol.
    pub fn sockets(&mut self, protocol: SocketProtocol) -> Result<Vec<Socket>, NetlinkError> {
        let number = match protocol {
            SocketProtocol::Tcp => 6,
            SocketProtocol::Udp => 17,
            SocketProtocol::Unix => {
                return self.dump(SOCK_DIAG_BY_FAMILY, &unix_request(), Socket::read_unix);
            }
        };
        let mut sockets = Vec::new();
        for family in [AF_INET, AF_INET6] {
            let mut request = vec![0; INET_REQUEST];
            request[..2].copy_from_slice(&[family, number]);
            // All states.
            request[4..8].copy_from_slice(&u32::MAX.to_ne_bytes());
            let listed = self.dump(SOCK_DIAG_BY_FAMILY, &Body(request), |body| {
                Socket::read_inet(protocol, body)
            });
            match listed {
                Ok(listed) => sockets.extend(listed),
                // A kernel without IPv6.
                Err(error) if family == AF_INET6 && error.errno() == Some(Errno::NOENT) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(sockets)
    }
}

fn unix_request() -> Body {
    const SHOW_NAME_AND_PEER: u32 = 1 | 4;
    let mut request = vec![AF_UNIX, 0, 0, 0];
    for word in [u32::MAX, 0, SHOW_NAME_AND_PEER, u32::MAX, u32::MAX] {
        request.extend(word.to_ne_bytes());
    }
    Body(request)
}

impl Socket {
    /// Reads a `struct inet_diag_msg`; `None` if the bytes are too short to be one.
    pub fn read_inet(protocol: SocketProtocol, body: &[u8]) -> Option<Self> {
        let length = match *body.first()? {
            AF_INET => 4,
            AF_INET6 => 16,
            _ => return None,
        };
        let end = |port: usize, at: usize| {
            let port = u16::from_be(half(body, port)?);
            let address = address(body.get(at..at + length)?)?;
            Some(SocketAddr::new(address, port))
        };
        let remote = end(6, 24)?;
        let has_remote = remote.port() != 0 || !remote.ip().is_unspecified();
        Some(Self {
            protocol,
            state: SocketState(*body.get(1)?),
            local: Endpoint::Internet(end(4, 8)?),
            remote: has_remote.then_some(Endpoint::Internet(remote)),
            uid: Some(number(body, 64)?),
            inode: number(body, 68)?.into(),
            peer: None,
        })
    }

    /// Reads a `struct unix_diag_msg` with its attributes; `None` if the bytes are too short.
    pub fn read_unix(body: &[u8]) -> Option<Self> {
        const NAME: u16 = 0;
        const PEER: u16 = 2;
        let mut socket = Self {
            protocol: SocketProtocol::Unix,
            state: SocketState(*body.get(2)?),
            local: Endpoint::Unnamed,
            remote: None,
            inode: number(body, 4)?.into(),
            uid: None,
            peer: None,
        };
        for (kind, value) in Attributes(body.get(UNIX_HEADER..)?) {
            match kind {
                NAME if !value.is_empty() => {
                    // The kernel ends paths, but not abstract names, with a zero.
                    let path = match value {
                        [0, ..] => value,
                        [path @ .., 0] => path,
                        path => path,
                    };
                    socket.local = Endpoint::Path(path.to_vec());
                }
                PEER => socket.peer = number(value, 0).map(u64::from),
                _ => {}
            }
        }
        Some(socket)
    }
}

/// Returns an address: an IPv4 address that is mapped to IPv6, `::ffff:10.0.0.1`, as IPv4.
pub fn canonical(address: SocketAddr) -> SocketAddr {
    let ip: IpAddr = address.ip().to_canonical();
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_socket_of_the_internet_is_read() {
        let mut body = vec![0; 72];
        body[..2].copy_from_slice(&[AF_INET, 1]);
        body[4..8].copy_from_slice(&[0, 80, 0x1f, 0x90]);
        body[8..12].copy_from_slice(&[10, 0, 0, 1]);
        body[24..28].copy_from_slice(&[10, 0, 0, 2]);
        body[64..68].copy_from_slice(&33_u32.to_ne_bytes());
        body[68..72].copy_from_slice(&7_u32.to_ne_bytes());
        let socket = Socket::read_inet(SocketProtocol::Tcp, &body).unwrap();
        let end = |text: &str| Endpoint::Internet(text.parse().unwrap());
        assert_eq!(socket.local, end("10.0.0.1:80"));
        assert_eq!(socket.remote, Some(end("10.0.0.2:8080")));
        assert_eq!(
            (socket.uid, socket.inode, socket.state.name()),
            (Some(33), 7, "established")
        );
        assert_eq!(Socket::read_inet(SocketProtocol::Tcp, &body[..71]), None);
    }

    #[test]
    fn a_unix_socket_with_a_hostile_name_is_read() {
        let mut body = vec![0; UNIX_HEADER];
        body[2] = 10;
        body[4] = 9;
        body.extend([8, 0, 0, 0, 0, 0xff, 0x1b, b'x']);
        body.extend([8, 0, 2, 0, 11, 0, 0, 0]);
        let socket = Socket::read_unix(&body).unwrap();
        assert_eq!(socket.local, Endpoint::Path(b"\0\xff\x1bx".to_vec()));
        assert_eq!((socket.inode, socket.peer), (9, Some(11)));
        assert_eq!(socket.state, SocketState::LISTEN);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = Socket::read_unix(&bytes);
            let _ = Socket::read_inet(SocketProtocol::Udp, &bytes);
        }
    }
}
