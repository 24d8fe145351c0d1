//! The columns of a list of sockets.

use super::{Column, FILE, NOTHING, Spec, spec};
use crate::table::Align::{Left, Right};

/// A column of a list of sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SocketColumn {
    Name,
    Ns,
    Proto,
    State,
    Local,
    Remote,
    Pid,
    Process,
    Peer,
    Inode,
    Uid,
}

impl Column for SocketColumn {
    const SPECS: &'static [Spec<Self>] = &SPECS;
    const USUAL: &'static [Self] = &[
        Self::Name,
        Self::Proto,
        Self::State,
        Self::Local,
        Self::Remote,
        Self::Process,
        Self::Peer,
    ];
    const LISTED_BY: &'static str = "--sockets --columns";

    fn spec(self) -> &'static Spec<Self> {
        &SPECS[self as usize]
    }
}

const DESCRIPTORS: &str = "a call for each descriptor of the host";

/// All columns, in the order of [`SocketColumn`].
#[rustfmt::skip]
const SPECS: [Spec<SocketColumn>; 11] = [
    spec(SocketColumn::Name, "NAME", Left, FILE, "the container, unit, process or file that the \
    network namespace belongs to"),
    spec(SocketColumn::Ns, "NS", Right, NOTHING, "inode number of the network namespace"),
    spec(SocketColumn::Proto, "PROTO", Left, NOTHING, "tcp, udp or unix"),
    spec(SocketColumn::State, "STATE", Left, NOTHING, "its state, as ss has it"),
    spec(SocketColumn::Local, "LOCAL", Left, NOTHING, "address and port, or path; @ for the zero \
    before an abstract name"),
    spec(SocketColumn::Remote, "REMOTE", Left, NOTHING, "address and port of the far end"),
    spec(SocketColumn::Pid, "PID", Right, DESCRIPTORS, "the process with the lowest id that has it \
    open"),
    spec(SocketColumn::Process, "PROCESS", Left, DESCRIPTORS, "the processes that have it open: name \
    and PID; `?` if that may not be seen"),
    spec(SocketColumn::Peer, "PEER", Left, DESCRIPTORS, "the process at the far end if that is on \
    this host, in another network namespace after its NAME and a slash"),
    spec(SocketColumn::Inode, "INODE", Right, NOTHING, "its inode number"),
    spec(SocketColumn::Uid, "UID", Right, NOTHING, "the user who made it"),
];
