//! Links, addresses and routes of Linux network namespaces, through `rtnetlink(7)`.
//!
//! A [`Netlink`] talks to the network namespace in which it was opened. Requests are answered one
//! by one, without threads; a refusal has the kernel's own words beside its errno.

#![forbid(unsafe_code)]

mod address;
mod link;
mod name;
mod netlink;
mod route;

pub use address::Address;
pub use ipnet::IpNet;
pub use link::{Link, Macvlan, NewVeth, Peer};
pub use name::{InterfaceName, InterfaceNameError};
pub use netlink::{Netlink, NetlinkError};
pub use route::Route;
