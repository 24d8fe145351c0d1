//! Network interfaces, called links by rtnetlink.

use crate::{InterfaceName, Netlink, NetlinkError};
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::{
    RouteNetlinkMessage,
    link::{
        InfoData, InfoIpVlan, InfoKind, InfoMacVlan, InfoVeth, IpVlanMode, LinkAttribute,
        LinkFlags, LinkInfo, LinkMessage, MacVlanMode,
    },
};
use rustix::{
    fd::{AsRawFd, BorrowedFd},
    io::Errno,
};

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Link {
    /// Its index, which no other interface of its network namespace has.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Its driver as rtnetlink names it, `veth` or `bridge`; nothing for a device of the hardware
    /// and for `lo`.
    pub kind: Option<String>,
    /// The bridge, or another master, that it is a port of.
    pub controller: Option<u32>,
    /// `true` if it is up.
    pub is_up: bool,
}

/// The other end of a new veth pair.
#[derive(Clone, Debug)]
pub struct Peer<'a> {
    /// Its name.
    pub name: &'a InterfaceName,
    /// The network namespace that it is made in.
    pub namespace: BorrowedFd<'a>,
    /// Its hardware address; a random address if none is given.
    pub mac: Option<[u8; 6]>,
}

/// A new veth pair, with one end in the socket's network namespace.
#[derive(Clone, Debug)]
pub struct NewVeth<'a> {
    /// The name of the end here.
    pub name: &'a InterfaceName,
    /// The bridge that the end here becomes a port of.
    pub bridge: Option<u32>,
    /// The largest packet of both ends in bytes; the kernel's choice if none is given.
    pub mtu: Option<u32>,
    /// The other end.
    pub peer: Peer<'a>,
}

/// A new link on top of an interface, in another network namespace.
#[derive(Clone, Debug)]
pub struct NewUpper<'a> {
    /// The kind of the link.
    pub kind: UpperKind,
    /// The parent, an interface of the socket's network namespace.
    pub parent: u32,
    /// Its name.
    pub name: &'a InterfaceName,
    /// The network namespace that it is made in.
    pub namespace: BorrowedFd<'a>,
    /// Its hardware address; a random address if none is given, or the parent's for ipvlan.
    pub mac: Option<[u8; 6]>,
    /// The largest packet in bytes; the parent's if none is given.
    pub mtu: Option<u32>,
}

/// The kinds of links on top of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpperKind {
    /// A link with a hardware address of its own, in bridge mode.
    Macvlan,
    /// A link with the parent's hardware address, in mode L2.
    Ipvlan,
}

impl Netlink {
    /// Lists the links of the network namespace.
    ///
    /// # Errors
    /// [`NetlinkError`].
    pub fn links(&mut self) -> Result<Vec<Link>, NetlinkError> {
        let list = self.dump(RouteNetlinkMessage::GetLink(LinkMessage::default()))?;
        Ok(list
            .into_iter()
            .filter_map(|message| match message {
                RouteNetlinkMessage::NewLink(link) => Some(Link::from(link)),
                _ => None,
            })
            .collect())
    }

    /// Returns the link of this name, or nothing if there is none.
    ///
    /// # Errors
    /// [`NetlinkError`].
    pub fn link(&mut self, name: &str) -> Result<Option<Link>, NetlinkError> {
        let mut asked = LinkMessage::default();
        asked
            .attributes
            .push(LinkAttribute::IfName(name.to_owned()));
        Ok(match self.get(RouteNetlinkMessage::GetLink(asked))? {
            Some(RouteNetlinkMessage::NewLink(link)) => Some(Link::from(link)),
            _ => None,
        })
    }

    /// Makes a bridge, which is up.
    ///
    /// # Errors
    /// [`Errno::EXIST`] if the name is taken.
    pub fn add_bridge(&mut self, name: &InterfaceName) -> Result<(), NetlinkError> {
        let mut link = named(name);
        set_up(&mut link);
        let kind = LinkInfo::Kind(InfoKind::Bridge);
        link.attributes.push(LinkAttribute::LinkInfo(vec![kind]));
        self.create(link)
    }

    /// Makes a veth pair. The end here is up; the other end is its namespace's affair.
    ///
    /// # Errors
    /// [`Errno::EXIST`] if one of the names is taken in its namespace.
    pub fn add_veth(&mut self, pair: &NewVeth<'_>) -> Result<(), NetlinkError> {
        let mut link = named(pair.name);
        set_up(&mut link);
        let mut peer = named(pair.peer.name);
        peer.attributes
            .push(LinkAttribute::NetNsFd(pair.peer.namespace.as_raw_fd()));
        push_optional(&mut peer, pair.peer.mac, pair.mtu);
        push_optional(&mut link, None, pair.mtu);
        if let Some(bridge) = pair.bridge {
            link.attributes.push(LinkAttribute::Controller(bridge));
        }
        link.attributes.push(LinkAttribute::LinkInfo(vec![
            LinkInfo::Kind(InfoKind::Veth),
            LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(peer))),
        ]));
        self.create(link)
    }

    /// Makes a link on top of an interface.
    ///
    /// # Errors
    /// [`Errno::OPNOTSUPP`] if the kernel lacks the driver, [`Errno::INVAL`] or [`Errno::BUSY`] if
    /// the parent cannot carry the link.
    pub fn add_upper(&mut self, new: &NewUpper<'_>) -> Result<(), NetlinkError> {
        self.create(upper(new))
    }

    /// Moves a link to another network namespace, with another name there. The kernel brings it
    /// down and takes its addresses away.
    ///
    /// # Errors
    /// [`Errno::INVAL`] if the link cannot be moved, [`Errno::EXIST`] if the name is taken there.
    pub fn move_to(
        &mut self,
        index: u32,
        name: &InterfaceName,
        namespace: BorrowedFd<'_>,
    ) -> Result<(), NetlinkError> {
        let mut link = named(name);
        link.header.index = index;
        link.attributes
            .push(LinkAttribute::NetNsFd(namespace.as_raw_fd()));
        self.act(RouteNetlinkMessage::SetLink(link), 0)
    }

    /// Brings a link up.
    ///
    /// # Errors
    /// [`NetlinkError`].
    pub fn bring_up(&mut self, index: u32) -> Result<(), NetlinkError> {
        let mut link = LinkMessage::default();
        link.header.index = index;
        set_up(&mut link);
        self.act(RouteNetlinkMessage::SetLink(link), 0)
    }

    /// Removes a link, and the other end of a veth pair. A link that is gone is not a failure.
    ///
    /// # Errors
    /// [`NetlinkError`].
    pub fn remove(&mut self, index: u32) -> Result<(), NetlinkError> {
        let mut link = LinkMessage::default();
        link.header.index = index;
        match self.act(RouteNetlinkMessage::DelLink(link), 0) {
            Err(error) if error.errno() == Some(Errno::NODEV) => Ok(()),
            outcome => outcome,
        }
    }

    fn create(&mut self, link: LinkMessage) -> Result<(), NetlinkError> {
        self.act(
            RouteNetlinkMessage::NewLink(link),
            NLM_F_CREATE | NLM_F_EXCL,
        )
    }
}

fn named(name: &InterfaceName) -> LinkMessage {
    let mut link = LinkMessage::default();
    link.attributes
        .push(LinkAttribute::IfName(name.as_str().to_owned()));
    link
}

fn upper(new: &NewUpper<'_>) -> LinkMessage {
    let mut link = named(new.name);
    link.attributes.extend([
        LinkAttribute::NetNsFd(new.namespace.as_raw_fd()),
        LinkAttribute::Link(new.parent),
    ]);
    push_optional(&mut link, new.mac, new.mtu);
    let (kind, data) = match new.kind {
        UpperKind::Macvlan => (
            InfoKind::MacVlan,
            InfoData::MacVlan(vec![InfoMacVlan::Mode(MacVlanMode::Bridge)]),
        ),
        UpperKind::Ipvlan => (
            InfoKind::IpVlan,
            InfoData::IpVlan(vec![InfoIpVlan::Mode(IpVlanMode::L2)]),
        ),
    };
    link.attributes.push(LinkAttribute::LinkInfo(vec![
        LinkInfo::Kind(kind),
        LinkInfo::Data(data),
    ]));
    link
}

fn set_up(link: &mut LinkMessage) {
    link.header.flags |= LinkFlags::Up;
    link.header.change_mask |= LinkFlags::Up;
}

fn push_optional(link: &mut LinkMessage, mac: Option<[u8; 6]>, mtu: Option<u32>) {
    link.attributes
        .extend(mac.map(|mac| LinkAttribute::Address(mac.to_vec())));
    link.attributes.extend(mtu.map(LinkAttribute::Mtu));
}

impl From<LinkMessage> for Link {
    fn from(message: LinkMessage) -> Self {
        let mut link = Self {
            index: message.header.index,
            name: String::new(),
            kind: None,
            controller: None,
            is_up: message.header.flags.contains(LinkFlags::Up),
        };
        for attribute in message.attributes {
            match attribute {
                LinkAttribute::IfName(name) => link.name = name,
                LinkAttribute::Controller(index) => link.controller = Some(index),
                LinkAttribute::LinkInfo(info) => {
                    link.kind = info.into_iter().find_map(|info| match info {
                        LinkInfo::Kind(kind) => Some(kind.to_string()),
                        _ => None,
                    });
                }
                _ => {}
            }
        }
        link
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use netlink_packet_core::Emitable;
    use std::fs::File;

    /// The attributes of a message, a number and a value each, see `rtnetlink(7)`.
    fn attributes(bytes: &[u8]) -> Vec<(u16, &[u8])> {
        let mut found = Vec::new();
        let mut rest = bytes;
        while let [a, b, c, d, ..] = *rest {
            let length = usize::from(u16::from_ne_bytes([a, b]));
            found.push((u16::from_ne_bytes([c, d]), &rest[4..length]));
            rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        }
        found
    }

    #[test]
    fn an_ipvlan_is_requested_as_the_kernel_reads_it() {
        use rustix::fd::AsFd;
        let namespace = File::open("/proc/self/ns/net").unwrap();
        let name = "eth0".parse().unwrap();
        let message = upper(&NewUpper {
            kind: UpperKind::Ipvlan,
            parent: 7,
            name: &name,
            namespace: namespace.as_fd(),
            mac: None,
            mtu: Some(1400),
        });
        let mut bytes = vec![0; message.buffer_len()];
        message.emit(&mut bytes);
        // struct ifinfomsg has 16 bytes. The numbers are those of linux/if_link.h.
        let (ifname, link, mtu, info, namespace_fd) = (3, 5, 4, 18, 28);
        let (info_kind, info_data, mode, l2) = (1, 2, 1, 0_u16);
        let of = |attributes: &[(u16, &[u8])], number| {
            let found = attributes.iter().find(|(kind, _)| kind & 0x3fff == number);
            found.map(|(_, value)| value.to_vec())
        };
        let all = attributes(&bytes[16..]);
        assert_eq!(of(&all, ifname).unwrap(), b"eth0\0");
        assert_eq!(of(&all, link).unwrap(), 7_u32.to_ne_bytes());
        assert_eq!(of(&all, mtu).unwrap(), 1400_u32.to_ne_bytes());
        let fd = namespace.as_raw_fd();
        assert_eq!(of(&all, namespace_fd).unwrap(), fd.to_ne_bytes());
        let info = of(&all, info).unwrap();
        let info = attributes(&info);
        assert_eq!(of(&info, info_kind).unwrap(), b"ipvlan\0");
        let data = of(&info, info_data).unwrap();
        assert_eq!(of(&attributes(&data), mode).unwrap(), l2.to_ne_bytes());
    }
}
