//! Network interfaces, called links by rtnetlink.

use crate::{InterfaceName, Netlink, NetlinkError};
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::{
    RouteNetlinkMessage,
    link::{
        InfoData, InfoKind, InfoMacVlan, InfoVeth, LinkAttribute, LinkFlags, LinkInfo, LinkMessage,
        MacVlanMode,
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

/// A new macvlan link in another network namespace.
#[derive(Clone, Debug)]
pub struct Macvlan<'a> {
    /// The parent, an interface of the socket's network namespace.
    pub parent: u32,
    /// Its name.
    pub name: &'a InterfaceName,
    /// The network namespace that it is made in.
    pub namespace: BorrowedFd<'a>,
    /// Its hardware address; a random address if none is given.
    pub mac: Option<[u8; 6]>,
    /// The largest packet in bytes; the parent's if none is given.
    pub mtu: Option<u32>,
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

    /// Makes a macvlan link in bridge mode.
    ///
    /// # Errors
    /// [`Errno::OPNOTSUPP`] or [`Errno::INVAL`] if the parent cannot carry one.
    pub fn add_macvlan(&mut self, new: &Macvlan<'_>) -> Result<(), NetlinkError> {
        let mut link = named(new.name);
        link.attributes.extend([
            LinkAttribute::NetNsFd(new.namespace.as_raw_fd()),
            LinkAttribute::Link(new.parent),
        ]);
        push_optional(&mut link, new.mac, new.mtu);
        link.attributes.push(LinkAttribute::LinkInfo(vec![
            LinkInfo::Kind(InfoKind::MacVlan),
            LinkInfo::Data(InfoData::MacVlan(vec![InfoMacVlan::Mode(
                MacVlanMode::Bridge,
            )])),
        ]));
        self.create(link)
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
