//! Events of processes that are made, run a program or end: the proc connector,
//! `CONFIG_PROC_EVENTS` (2.6.15).
//!
//! A process that moves to another namespace causes no event, so events only tell when it is worth
//! looking again.

use rustix::{
    fd::{AsFd, BorrowedFd, OwnedFd},
    io::Errno,
    net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink},
};

/// An open connection to the proc connector.
#[derive(Debug)]
pub struct ProcEvents(OwnedFd);

/// `CN_IDX_PROC` and `CN_VAL_PROC` of linux/connector.h: who is asked, and the group that its
/// messages go to.
const PROC: u32 = 1;
/// `PROC_CN_MCAST_LISTEN` of linux/cn_proc.h.
const LISTEN: u32 = 1;
/// struct nlmsghdr, struct cn_msg, and the operation.
const REQUEST: usize = 16 + 20 + 4;

impl ProcEvents {
    /// Requests the events.
    ///
    /// # Errors
    /// `EPERM` and `EACCES` without CAP_NET_ADMIN in the initial user namespace; `EPROTONOSUPPORT`
    /// if the kernel has no connector; `ECONNREFUSED` outside of the initial network namespace.
    pub fn listen() -> Result<Self, Errno> {
        let socket = rustix::net::socket_with(
            AddressFamily::NETLINK,
            SocketType::DGRAM,
            SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
            Some(netlink::CONNECTOR),
        )?;
        rustix::net::bind(&socket, &netlink::SocketAddrNetlink::new(0, PROC))?;
        let mut request = Vec::with_capacity(REQUEST);
        request.extend((REQUEST as u32).to_ne_bytes());
        request.extend((libc::NLMSG_DONE as u16).to_ne_bytes());
        // Flags, sequence number, port.
        request.extend([0; 10]);
        // Who is asked: its index, its value; sequence number, acknowledgement.
        for word in [PROC, PROC, 0, 0] {
            request.extend(word.to_ne_bytes());
        }
        request.extend(4_u16.to_ne_bytes());
        request.extend(0_u16.to_ne_bytes());
        request.extend(LISTEN.to_ne_bytes());
        rustix::net::send(&socket, &request, SendFlags::empty())?;
        Ok(Self(socket))
    }

    /// Reads the events that have arrived, without waiting.
    pub fn drain(&self) {
        let mut message = [0; 4096];
        // An overrun, ENOBUFS, is one more reason to look.
        while let Ok(_) | Err(Errno::NOBUFS) =
            rustix::net::recv(&self.0, &mut message[..], RecvFlags::empty())
        {}
    }
}

impl AsFd for ProcEvents {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
