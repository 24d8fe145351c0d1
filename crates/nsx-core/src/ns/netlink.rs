//! Netlink sockets of network namespaces that the caller is not in.
//!
//! A socket talks to the network namespace in which it was opened, so that being there for one
//! system call is enough to read all of it from outside.

use super::{Namespace, NsKind};
use crate::{
    delegate::{Delegate, end_with},
    passing::{self, socket_pair},
    proc::{NsLink, ProcError, ProcRoot},
};
use rustix::{
    fd::{AsFd, OwnedFd},
    io::Errno,
    net::{AddressFamily, Protocol, RecvFlags, SocketFlags, SocketType, socket_with},
    thread::{LinkNameSpaceType, move_into_link_name_space},
};

/// Opens netlink sockets in network namespaces.
#[derive(Debug)]
pub struct NetlinkOpener {
    own: Namespace,
    /// `true` if the caller may join its own network namespace, which is the right to return to it.
    returns: bool,
}

impl NetlinkOpener {
    /// Finds out how the caller can open them. `proc` is a procfs that shows the caller.
    ///
    /// # Errors
    /// As [`ProcRoot::open_ns`].
    pub fn new(proc: &ProcRoot) -> Result<Self, ProcError> {
        let own = proc.open_ns(rustix::process::getpid(), NsLink::Own(NsKind::Net))?;
        let returns = join(&own).is_ok();
        Ok(Self { own, returns })
    }

    /// Opens a socket in a network namespace, for a protocol other than NETLINK_ROUTE if one is
    /// given.
    ///
    /// The caller is in the other namespace for a moment if it has the right to return; otherwise a
    /// child goes there, by way of the user namespace that owns it. This process must have one
    /// thread.
    ///
    /// # Errors
    /// `EPERM` if the caller may join neither the network namespace nor its owner; any errno of
    /// `socket(2)` and `fork(2)`.
    pub fn open(&self, ns: &Namespace, protocol: Option<Protocol>) -> Result<OwnedFd, Errno> {
        if ns.id() == self.own.id() {
            return socket(protocol);
        }
        if self.returns {
            match join(ns) {
                Ok(()) => {
                    let opened = socket(protocol);
                    join(&self.own)?;
                    return opened;
                }
                Err(Errno::PERM) => {}
                Err(errno) => return Err(errno),
            }
        }
        open_by_child(ns, protocol)
    }
}

fn join(ns: &Namespace) -> Result<(), Errno> {
    move_into_link_name_space(ns.as_fd(), Some(LinkNameSpaceType::Network))
}

fn socket(protocol: Option<Protocol>) -> Result<OwnedFd, Errno> {
    // No protocol is number 0, NETLINK_ROUTE.
    socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        protocol,
    )
}

/// Opens a socket by a child that joins the namespace, sends the socket, and ends.
fn open_by_child(ns: &Namespace, protocol: Option<Protocol>) -> Result<OwnedFd, Errno> {
    let (from_child, to_parent) = socket_pair()?;
    match Delegate::fork()? {
        None => end_with(
            ns.join()
                .and_then(|()| socket(protocol))
                .and_then(|socket| passing::send(&to_parent, b"s", Some(socket.as_fd()))),
        ),
        Some(child) => {
            drop(to_parent);
            let received = passing::receive(&from_child, &mut [0], RecvFlags::empty());
            child.outcome()?;
            let (_, socket) = received?;
            socket.ok_or(Errno::BADMSG)
        }
    }
}
