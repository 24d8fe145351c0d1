#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod address;
mod bytes;
mod device;
mod link;
mod name;
mod netlink;
mod reader;
mod route;
mod socket;

pub use address::Address;
pub use device::{Device, DeviceAddress, Other, State};
pub use ipnet::IpNet;
pub use link::{Link, NewUpper, NewVeth, Peer, UpperKind};
pub use name::{InterfaceName, InterfaceNameError};
pub use netlink::{Netlink, NetlinkError};
pub use reader::Reader;
pub use route::Route;
pub use socket::{Endpoint, Socket, SocketProtocol, SocketState, canonical};

/// The crate whose errnos and descriptors are in signatures here.
pub use rustix;
