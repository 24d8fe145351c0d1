//! Links, addresses and routes of Linux network namespaces, through `rtnetlink(7)`.
//!
//! A [`Netlink`] talks to the network namespace in which it was opened. Requests are answered one
//! by one, without threads; a refusal has the kernel's own words beside its errno.

#![forbid(unsafe_code)]

mod address;
mod device;
mod link;
mod name;
mod netlink;
mod reader;
mod route;

pub use address::Address;
pub use device::{Device, DeviceAddress, Other, State};
pub use ipnet::IpNet;
pub use link::{Link, Macvlan, NewVeth, Peer};
pub use name::{InterfaceName, InterfaceNameError};
pub use netlink::{Netlink, NetlinkError};
pub use reader::Reader;
pub use route::Route;
