//! Errors that say why links cannot be made as typed, with the ways out.

use nsx_core::plan::Publish;
use nsx_net::{InterfaceName, NetlinkError};
use rustix::io::Errno;
use std::{net::IpAddr, path::PathBuf};

/// An error that says why a link cannot be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    /// The caller lacks the capability.
    #[error("a link into another network namespace requires CAP_NET_ADMIN here, which you lack")]
    Capability,
    /// The host's links cannot be listed.
    #[error("failed to list the links of the host")]
    List(#[from] NetlinkError),
    /// A name in the options cannot be used.
    #[error("{0}")]
    Name(String),
    /// The parent does not exist.
    #[error("there is no interface {0}")]
    NoInterface(InterfaceName),
    /// The bridge does not exist.
    #[error("there is no bridge {0}")]
    NoBridge(InterfaceName),
    /// The interface is something else.
    #[error("{0} is not a bridge but {1}")]
    NotABridge(InterfaceName, String),
    /// The name of the end outside is taken.
    #[error("there is an interface {0} already")]
    Taken(InterfaceName),
    /// An interface in another network has the name.
    #[error("there is an interface {0} in {1} already")]
    TakenInside(InterfaceName, String),
    /// Another network cannot be listed.
    #[error("failed to list the links of {}", .0.display())]
    Inside(PathBuf, #[source] NetlinkError),
    /// Both ends would be in one network.
    #[error("both ends of the cable would be in the network of {}", .0.display())]
    Loop(PathBuf),
    /// Two links have one name inside.
    #[error("two links have the name {0}")]
    Twice(InterfaceName),
    /// The router is in no network that the link reaches.
    #[error("the gateway {0} is not in the network of any address of the link")]
    Gateway(IpAddr),
    /// The interface cannot be moved.
    #[error("{0} cannot leave its network namespace")]
    Immovable(InterfaceName),
    /// The program that the options need is missing.
    #[error("there is no program {0}")]
    NoProgram(&'static str, &'static str),
    /// `nft` failed.
    #[error("failed to read the tables of nftables: {0}")]
    Nft(String),
    /// The device that user-mode networks need cannot be opened.
    #[error("cannot open /dev/net/tun")]
    Tun(#[source] Errno),
    /// The host does not forward packets.
    #[error("this host does not forward {0} packets")]
    Forwarding(&'static str, &'static str),
    /// The port is taken.
    #[error("port {} is in use", .0.outside)]
    Busy(Publish),
    /// The port cannot be taken.
    #[error("cannot publish port {}", .0.outside)]
    Port(Publish, #[source] Errno),
    /// No address inside has the family of the port's address.
    #[error("no address inside has the family of {0}")]
    Family(IpAddr),
    /// Options that contradict each other.
    #[error("{0}")]
    Contradiction(&'static str),
    /// Nothing is free.
    #[error("every private network is in use here; name an address with addr=")]
    Exhausted,
}

impl LinkError {
    /// Returns the hints, one per line.
    pub(crate) fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::Capability => {
                "without it, --link pasta or --link slirp4netns connect a network of its own"
                    .to_owned()
            }
            Self::NoBridge(name) => format!("add create to have it made: bridge={name},create"),
            Self::Gateway(router) => {
                format!("name an address beside {router}: addr=ADDRESS/PREFIX")
            }
            Self::NoProgram(_, package) => {
                format!("install it: apt install {package}, or the package of your distribution")
            }
            Self::Tun(Errno::ACCESS) => {
                "every user may open it on most systems: have the administrator run chmod 666 \
                /dev/net/tun"
                    .to_owned()
            }
            Self::Tun(_) => "have the administrator load it: modprobe tun; a container needs \
                --device /dev/net/tun"
                .to_owned(),
            Self::Forwarding(_, sysctl) => format!("switch it on: sysctl {sysctl}=1"),
            Self::Port(_, Errno::ACCESS) => {
                "ports below net.ipv4.ip_unprivileged_port_start are for root".to_owned()
            }
            Self::Port(publish, Errno::ADDRNOTAVAIL) => match publish.address {
                Some(address) => format!("{address} is not an address of this host"),
                None => return Vec::new(),
            },
            _ => return Vec::new(),
        };
        vec![hint]
    }
}
