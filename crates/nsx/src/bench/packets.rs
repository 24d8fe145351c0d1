//! Packets from one network namespace to another, over different devices.
//!
//! The sockets at both ends are in the same process: the kernel delivers a packet while it is sent, so that
//! no other process has to run.

use super::{clock::now, messages::LONGEST};
use nsx_core::{
    ns::{Namespace, NsKind, NsSet},
    process::unshare,
    trouble,
};
use nsx_net::{InterfaceName, IpNet, Netlink, NetlinkError, NewUpper, NewVeth, Peer, UpperKind};
use rustix::{
    fd::AsFd,
    fs::CWD,
    io::Errno,
    thread::{LinkNameSpaceType, move_into_link_name_space},
};
use std::{
    io,
    net::{Ipv4Addr, UdpSocket},
    time::Duration,
};

/// The bytes of a packet, without headers.
const LENGTH: usize = 64;

/// The number of packets of which one has to arrive, 10 ms each.
const PATIENCE: u64 = 500;

/// The way that packets take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Path {
    /// The loopback device of one network namespace.
    Loopback,
    /// A veth pair, with an end in each of two network namespaces.
    Veth,
    /// Two veth pairs, whose other ends are ports of a bridge in a third network namespace.
    Bridge,
    /// Two macvlan devices, whose parent is in a third network namespace.
    Macvlan,
}

impl Path {
    /// All of them.
    pub(super) const ALL: [Self; 4] = [Self::Loopback, Self::Veth, Self::Bridge, Self::Macvlan];
}

/// Sends packets one by one, and returns how long each was on its way. The process stays in new
/// namespaces.
pub(super) fn send(path: Path) -> Result<Vec<u64>, Errno> {
    let [mut middle, mut near, mut far] = [network()?, network()?, network()?];
    let connected = connect(path, &mut middle, &mut near, &mut far);
    let [from, to] = connected.map_err(errno_of)?;
    exchange(&from, &to).map_err(|error| trouble::errno_of(&error))
}

fn network() -> Result<Network, Errno> {
    Network::new().map_err(errno_of)
}

fn errno_of(error: NetlinkError) -> Errno {
    error.errno().unwrap_or(Errno::PROTO)
}

fn exchange(from: &UdpSocket, to: &UdpSocket) -> io::Result<Vec<u64>> {
    from.connect(to.local_addr()?)?;
    // A port of a bridge forwards only some time after it is up.
    to.set_read_timeout(Some(Duration::from_millis(10)))?;
    let mut first = (1..=PATIENCE).map(|number| pass(number, from, to));
    first.find(Result::is_ok).unwrap_or(Ok(0))?;
    to.set_read_timeout(Some(Duration::from_secs(1)))?;
    let numbers = PATIENCE + 1..;
    let times = numbers.take(LONGEST);
    times.map(|number| pass(number, from, to)).collect()
}

/// Sends a packet with a number, and returns how long it was on its way.
fn pass(number: u64, from: &UdpSocket, to: &UdpSocket) -> io::Result<u64> {
    let mut packet = [0; LENGTH];
    packet[..8].copy_from_slice(&number.to_ne_bytes());
    let mut received = [0; LENGTH];
    let started = now();
    from.send(&packet)?;
    // Earlier packets may have waited until the hardware address was known.
    while received != packet {
        to.recv(&mut received)?;
    }
    Ok(now() - started)
}

/// Makes the devices of a path, and a socket at each end. Without a descriptor the kernel would
/// remove the network namespace in the middle, and its devices.
fn connect(
    path: Path,
    middle: &mut Network,
    near: &mut Network,
    far: &mut Network,
) -> Result<[UdpSocket; 2], NetlinkError> {
    match path {
        Path::Loopback => {
            near.bring_up("lo")?;
            let socket = || near.socket(Ipv4Addr::LOCALHOST);
            return Ok([socket()?, socket()?]);
        }
        Path::Veth => near.add_veth("eth0", None, &far.ns, "eth0")?,
        Path::Bridge => {
            middle.netlink.add_bridge(&name("br0")?)?;
            middle.add_veth("v0", Some("br0"), &near.ns, "eth0")?;
            middle.add_veth("v1", Some("br0"), &far.ns, "eth0")?;
        }
        Path::Macvlan => {
            middle.add_veth("v0", None, &far.ns, "v1")?;
            far.bring_up("v1")?;
            middle.add_macvlan("v0", &near.ns)?;
            middle.add_macvlan("v0", &far.ns)?;
        }
    }
    let end = |network: &mut Network, host| {
        let address = Ipv4Addr::new(10, 0, 0, host);
        network.add_address("eth0", address)?;
        network.socket(address)
    };
    Ok([end(near, 1)?, end(far, 2)?])
}

/// A network namespace.
struct Network {
    ns: Namespace,
    netlink: Netlink,
}

impl Network {
    /// Moves this process to a new network namespace.
    fn new() -> Result<Self, NetlinkError> {
        unshare(NsSet::EMPTY.with(NsKind::Net))?;
        Ok(Self {
            ns: Namespace::open(CWD, "/proc/self/ns/net")?,
            netlink: Netlink::open()?,
        })
    }

    fn index(&mut self, device: &str) -> Result<u32, NetlinkError> {
        let link = self.netlink.link(device)?;
        link.map(|link| link.index).ok_or(Errno::NODEV.into())
    }

    fn bring_up(&mut self, device: &str) -> Result<(), NetlinkError> {
        let index = self.index(device)?;
        self.netlink.bring_up(index)
    }

    /// Makes a veth pair. The end here, which may be a port of a bridge, is up.
    fn add_veth(
        &mut self,
        device: &str,
        bridge: Option<&str>,
        other: &Namespace,
        peer: &str,
    ) -> Result<(), NetlinkError> {
        let bridge = bridge.map(|bridge| self.index(bridge)).transpose()?;
        self.netlink.add_veth(&NewVeth {
            name: &name(device)?,
            namespace: None,
            bridge,
            mtu: None,
            peer: Peer {
                name: &name(peer)?,
                namespace: other.as_fd(),
                mac: None,
            },
        })
    }

    /// Makes a macvlan device `eth0` in another network namespace.
    fn add_macvlan(&mut self, parent: &str, other: &Namespace) -> Result<(), NetlinkError> {
        let parent = self.index(parent)?;
        self.netlink.add_upper(&NewUpper {
            kind: UpperKind::Macvlan,
            parent,
            name: &name("eth0")?,
            namespace: other.as_fd(),
            mac: None,
            mtu: None,
        })
    }

    /// Brings a device up with an address.
    fn add_address(&mut self, device: &str, address: Ipv4Addr) -> Result<(), NetlinkError> {
        let index = self.index(device)?;
        self.netlink.bring_up(index)?;
        let net = IpNet::new(address.into(), 24).map_err(|_| Errno::INVAL)?;
        self.netlink.add_address(index, net)
    }

    /// Opens a socket in this network namespace.
    fn socket(&self, address: Ipv4Addr) -> Result<UdpSocket, NetlinkError> {
        move_into_link_name_space(self.ns.as_fd(), Some(LinkNameSpaceType::Network))?;
        Ok(UdpSocket::bind((address, 0))?)
    }
}

/// Returns the name of a device.
fn name(text: &str) -> Result<InterfaceName, NetlinkError> {
    text.parse().map_err(|_| Errno::INVAL.into())
}
