//! The sockets of all network namespaces, with the processes at both ends.

use super::{
    openers::Openers,
    survey::{self, Survey},
};
use crate::{
    answer::{Answer, Format},
    error::Error,
    query::{
        cell::Cell, column::SocketColumn, condition, filter::Filter, left_out::Hidden,
        listing::Listing, system::System,
    },
    text::UNKNOWN,
};
use nsx_core::{hash::HashMap, pid::Pid, proc::ProcRoot};
use nsx_net::{Endpoint, NetlinkError, Reader, Socket, SocketProtocol, SocketState, canonical};
use rustix::{io::Errno, net::netlink};
use serde::Serialize;
use std::{ffi::OsString, net::SocketAddr};

/// The request to list sockets.
pub(super) struct Sockets {
    /// The process or network namespace whose sockets are listed, if not all are.
    pub(super) target: Option<OsString>,
    pub(super) deep: bool,
    /// `true` if Unix sockets are listed, too.
    pub(super) has_unix: bool,
    /// `true` if only sockets are listed that accept connections or datagrams of anyone.
    pub(super) listening: bool,
    /// The condition that the sockets fulfil.
    pub(super) filter: Option<Filter<SocketColumn>>,
    pub(super) columns: Vec<SocketColumn>,
}

/// The JSON document.
#[derive(Serialize)]
struct Document<S> {
    version: u32,
    sockets: Vec<S>,
    hidden: Hidden,
    /// The number of network namespaces that could not be read.
    unread: usize,
}

/// A network namespace with its sockets.
type Network = survey::Network<Vec<Socket>>;

impl Sockets {
    /// Lists the sockets of a system.
    pub(super) fn answer(&self, system: &System, format: Format) -> Result<Answer, Error> {
        let mut survey = Survey::take(system, self.deep, self.target.as_deref())?;
        let networks = survey.read(Some(netlink::SOCK_DIAG), |reader| self.read(reader));
        let pids = survey.census.members.iter().map(|member| member.pid);
        let mut openers = Openers::find(pids, &system.proc);
        openers.unread += survey.census.unseen.hidden();
        let mut processes = Processes::new(&system.proc, &openers);
        let ends = Ends::new(&networks);
        let mut left_out = survey.left_out();
        let mut rows = Vec::new();
        for network in networks.iter().filter(|it| survey.lists(it.ns)) {
            for socket in network.found.iter().filter(|socket| self.shows(socket)) {
                let mut cell = |column| cell(network, socket, column, &ends, &mut processes);
                if left_out.is_shown(condition::holds(self.filter.as_ref(), &mut cell)) {
                    rows.push(self.columns.iter().map(|column| cell(*column)).collect());
                }
            }
        }
        let listing = Listing {
            columns: self.columns.clone(),
            rows,
            unseen: survey.census.unseen,
        };
        let found = !listing.rows.is_empty();
        let answer = match format {
            Format::Text => Answer::table(listing.table(&self.columns)),
            Format::Json => Answer::json(&Document {
                version: 1,
                sockets: listing.objects(&self.columns).collect(),
                hidden: left_out.hidden(),
                unread: survey.unread(),
            })?,
            Format::JsonLines => Answer::json_lines(listing.objects(&self.columns))?,
        };
        // The other processes that may have sockets open are noted by the census.
        let closed = match openers.unread - survey.census.unseen.hidden() {
            0 => None,
            1 => Some("the descriptors of 1 process could not be read".to_owned()),
            count => Some(format!(
                "the descriptors of {count} processes could not be read"
            )),
        };
        let notes = [survey.notes(), left_out.notes()].concat();
        Ok(answer
            .found(found)
            .with_notes(notes.into_iter().chain(closed)))
    }

    fn read(&self, reader: &mut Reader) -> Result<Vec<Socket>, NetlinkError> {
        let mut sockets = Vec::new();
        let protocols = [
            SocketProtocol::Tcp,
            SocketProtocol::Udp,
            SocketProtocol::Unix,
        ];
        for protocol in protocols {
            if protocol == SocketProtocol::Unix && !self.has_unix {
                continue;
            }
            match reader.sockets(protocol) {
                Ok(listed) => sockets.extend(listed),
                // The kernel lacks the module for this protocol. It always has that for TCP.
                Err(error)
                    if protocol != SocketProtocol::Tcp && error.errno() == Some(Errno::NOENT) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(sockets)
    }

    fn shows(&self, socket: &Socket) -> bool {
        let is_listening = match socket.protocol {
            SocketProtocol::Udp => socket.state == SocketState::CLOSED,
            _ => socket.state == SocketState::LISTEN,
        };
        !self.listening || is_listening
    }
}

/// The sockets of all networks, by what the other end knows of them.
struct Ends<'a> {
    by_inode: HashMap<u64, End<'a>>,
    /// By protocol and the addresses of both ends.
    by_addresses: HashMap<(SocketProtocol, SocketAddr, SocketAddr), Vec<End<'a>>>,
}

/// A socket, and the network that it is in.
type End<'a> = (&'a Network, &'a Socket);

impl<'a> Ends<'a> {
    fn new(networks: &'a [Network]) -> Self {
        let mut ends = Self {
            by_inode: HashMap::default(),
            by_addresses: HashMap::default(),
        };
        for network in networks {
            for socket in &network.found {
                if socket.protocol == SocketProtocol::Unix {
                    ends.by_inode.insert(socket.inode, (network, socket));
                } else if let Some((local, remote)) = addresses(socket) {
                    let key = (socket.protocol, local, remote);
                    ends.by_addresses
                        .entry(key)
                        .or_default()
                        .push((network, socket));
                }
            }
        }
        ends
    }

    /// Returns the socket at the far end; `None` if it is not on this host, or if several sockets
    /// could be the far end. The far end of a loopback address is in the same network namespace.
    fn of(&self, network: &Network, socket: &Socket) -> Option<End<'a>> {
        if let Some(peer) = socket.peer {
            return self.by_inode.get(&peer).copied();
        }
        let (local, remote) = addresses(socket)?;
        let found = self.by_addresses.get(&(socket.protocol, remote, local))?;
        let here = found.iter().find(|(other, _)| other.ns == network.ns);
        match (here, found.as_slice()) {
            (Some(here), _) => Some(*here),
            (None, [only]) if !remote.ip().is_loopback() => Some(*only),
            _ => None,
        }
    }
}

fn addresses(socket: &Socket) -> Option<(SocketAddr, SocketAddr)> {
    match (&socket.local, &socket.remote) {
        (Endpoint::Internet(local), Some(Endpoint::Internet(remote))) => {
            Some((canonical(*local), canonical(*remote)))
        }
        _ => None,
    }
}

/// The names of processes that have sockets open.
struct Processes<'a> {
    proc: &'a ProcRoot,
    openers: &'a Openers,
    names: HashMap<Pid, Vec<u8>>,
}

impl<'a> Processes<'a> {
    fn new(proc: &'a ProcRoot, openers: &'a Openers) -> Self {
        Self {
            proc,
            openers,
            names: HashMap::default(),
        }
    }

    /// Returns the processes that have a socket open: name and id.
    fn of(&mut self, socket: &Socket) -> Vec<Vec<u8>> {
        let openers = self.openers;
        openers
            .of(socket.inode)
            .iter()
            .map(|pid| self.name(*pid))
            .collect()
    }

    fn name(&mut self, pid: Pid) -> Vec<u8> {
        let read = || match self.proc.status(pid) {
            Ok(status) => [&status.name[..], format!("/{pid}").as_bytes()].concat(),
            Err(_) => pid.to_string().into_bytes(),
        };
        self.names.entry(pid).or_insert_with(read).clone()
    }

    /// Returns whether a process that has the socket open may be hidden. A socket without an inode
    /// number is the kernel's alone.
    fn may_miss(&self, socket: &Socket) -> bool {
        socket.inode != 0 && self.openers.unread > 0
    }
}

/// Returns the cell of a socket in a column.
fn cell(
    network: &Network,
    socket: &Socket,
    column: SocketColumn,
    ends: &Ends<'_>,
    processes: &mut Processes<'_>,
) -> Cell {
    match column {
        SocketColumn::Name => Cell::Text(network.name.clone()),
        SocketColumn::Ns => Cell::Number(network.ns.inode),
        SocketColumn::Proto => Cell::text(socket.protocol.name()),
        SocketColumn::State => Cell::text(socket.state.name()),
        SocketColumn::Local => end(&socket.local),
        SocketColumn::Remote => socket.remote.as_ref().map_or(Cell::Nothing, end),
        SocketColumn::Pid => match processes.openers.of(socket.inode).first() {
            Some(pid) => Cell::Number(pid.as_raw_pid().unsigned_abs().into()),
            None if processes.may_miss(socket) => Cell::Unknown,
            None => Cell::Nothing,
        },
        SocketColumn::Process => match processes.of(socket) {
            none if none.is_empty() && processes.may_miss(socket) => Cell::Unknown,
            known => Cell::some_list(known),
        },
        SocketColumn::Peer => ends
            .of(network, socket)
            .map_or(Cell::Nothing, |(there, other)| {
                let process = processes.of(other).into_iter().next();
                let process = process.unwrap_or_else(|| UNKNOWN.as_bytes().to_vec());
                if there.ns == network.ns {
                    Cell::Text(process)
                } else {
                    Cell::Text([&there.name[..], b"/", &process].concat())
                }
            }),
        SocketColumn::Inode if socket.inode == 0 => Cell::Nothing,
        SocketColumn::Inode => Cell::Number(socket.inode),
        SocketColumn::Uid => Cell::number(socket.uid),
    }
}

fn end(end: &Endpoint) -> Cell {
    match end {
        Endpoint::Internet(address) if address.ip().is_unspecified() && address.port() == 0 => {
            Cell::text("*")
        }
        Endpoint::Internet(address) => Cell::text(address.to_string()),
        Endpoint::Path(name) => match name.as_slice() {
            [0, rest @ ..] => Cell::Text([b"@", rest].concat()),
            path => Cell::Text(path.to_vec()),
        },
        Endpoint::Unnamed => Cell::Nothing,
    }
}
