//! From links as typed to links that the host's own links, addresses and routes allow.

use super::{
    pool,
    spec::{LinkSpec, SpecKind},
};
use nsx_core::plan::{Bridge, Caller, Link, LinkKind};
use nsx_net::{InterfaceName, IpNet, Netlink, NetlinkError};
use rustix::thread::CapabilitySet;
use std::net::IpAddr;

/// nsx's own bridge, for links that name none.
const OWN_BRIDGE: &str = "nsx0";

/// Links to make, and the bridges that have to be made before them.
#[derive(Debug, Default)]
pub(crate) struct Links {
    pub(crate) bridges: Vec<Bridge>,
    pub(crate) links: Vec<Link>,
}

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
    /// The parent is not there.
    #[error("there is no interface {0}")]
    NoInterface(InterfaceName),
    /// The bridge is not there.
    #[error("there is no bridge {0}")]
    NoBridge(InterfaceName),
    /// The interface is something else.
    #[error("{0} is not a bridge but {1}")]
    NotABridge(InterfaceName, String),
    /// The name of the end outside is taken.
    #[error("there is an interface {0} already")]
    Taken(InterfaceName),
    /// Two links have one name inside.
    #[error("two links have the name {0}")]
    Twice(InterfaceName),
    /// The router is in no network that the link reaches.
    #[error("the gateway {0} is in the network of no address of the link")]
    Gateway(IpAddr),
    /// Nothing is free.
    #[error("every private network is in use here; name an address with addr=")]
    Exhausted,
}

impl LinkError {
    /// Returns the hints, one per line.
    pub(crate) fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::Capability => {
                "run it as root; without, a network of its own works: leave --link \
                out"
                .to_owned()
            }
            Self::NoBridge(name) => format!("add create to have it made: bridge={name},create"),
            Self::Gateway(router) => {
                format!("name an address beside {router}: addr=ADDRESS/PREFIX")
            }
            _ => return Vec::new(),
        };
        vec![hint]
    }
}

/// Settles each link, with names and addresses for those that have none.
pub(crate) fn settle(specs: &[LinkSpec], caller: &Caller) -> Result<Links, LinkError> {
    let mut settled = Links::default();
    if specs.is_empty() {
        return Ok(settled);
    }
    if !caller.can(CapabilitySet::NET_ADMIN) {
        return Err(LinkError::Capability);
    }
    let mut host = Host {
        netlink: Netlink::open()?,
    };
    for spec in specs {
        host.add(&mut settled, spec.clone())?;
    }
    Ok(settled)
}

struct Host {
    netlink: Netlink,
}

impl Host {
    fn add(&mut self, settled: &mut Links, spec: LinkSpec) -> Result<(), LinkError> {
        let LinkSpec {
            kind,
            name,
            mac,
            mtu,
            mut addresses,
            mut gateways,
        } = spec;
        let name = match name {
            Some(name) => name,
            None => free_name(&settled.links)?,
        };
        if settled.links.iter().any(|link| link.name == name) {
            return Err(LinkError::Twice(name));
        }
        let kind = match kind {
            SpecKind::Macvlan { parent } => {
                if self.netlink.link(parent.as_str())?.is_none() {
                    return Err(LinkError::NoInterface(parent));
                }
                LinkKind::Macvlan { parent }
            }
            SpecKind::Veth {
                peer: None,
                bridge: None,
                create: false,
            } if addresses.is_empty() && gateways.is_empty() => {
                let (bridge, network) = self.own_bridge(settled)?;
                let (outside, address) = self.port(settled, &bridge, &network)?;
                addresses.push(address);
                gateways.push(network.addr());
                LinkKind::Veth {
                    outside,
                    bridge: Some(bridge),
                    addresses: Vec::new(),
                }
            }
            SpecKind::Veth {
                peer,
                bridge,
                create,
            } => {
                let at_gateways = on_gateways(&addresses, &gateways);
                let mut outside_addresses = Vec::new();
                match &bridge {
                    Some(name) => self.bridge(settled, name, create, at_gateways)?,
                    None => outside_addresses = at_gateways,
                }
                LinkKind::Veth {
                    outside: self.outside(settled, peer)?,
                    bridge,
                    addresses: outside_addresses,
                }
            }
        };
        if let Some(router) = gateways
            .iter()
            .find(|router| addresses.iter().all(|address| !address.contains(*router)))
        {
            return Err(LinkError::Gateway(*router));
        }
        settled.links.push(Link {
            kind,
            name,
            mac,
            mtu,
            addresses,
            gateways,
        });
        Ok(())
    }

    /// Finds the bridge that has a name, if any link has it.
    fn existing_bridge(
        &mut self,
        name: &InterfaceName,
    ) -> Result<Option<nsx_net::Link>, LinkError> {
        match self.netlink.link(name.as_str())? {
            Some(link) if link.kind.as_deref() != Some("bridge") => {
                let kind = link.kind.unwrap_or_else(|| "a device".to_owned());
                Err(LinkError::NotABridge(name.clone(), kind))
            }
            found => Ok(found),
        }
    }

    /// Checks a bridge that is there, or adds one to those that are made.
    fn bridge(
        &mut self,
        settled: &mut Links,
        name: &InterfaceName,
        create: bool,
        addresses: Vec<IpNet>,
    ) -> Result<(), LinkError> {
        let exists = self.existing_bridge(name)?.is_some();
        if exists || settled.bridges.iter().any(|bridge| bridge.name == *name) {
            return Ok(());
        }
        if !create {
            return Err(LinkError::NoBridge(name.clone()));
        }
        settled.bridges.push(Bridge {
            name: name.clone(),
            addresses,
        });
        Ok(())
    }

    /// Returns nsx's own bridge, which is made if it is missing, and its address.
    fn own_bridge(&mut self, settled: &mut Links) -> Result<(InterfaceName, IpNet), LinkError> {
        let name = interface(OWN_BRIDGE)?;
        let planned = settled.bridges.iter().find(|bridge| bridge.name == name);
        if let Some(network) = planned.and_then(|bridge| bridge.addresses.first()) {
            return Ok((name, *network));
        }
        let addresses = self.netlink.addresses()?;
        if let Some(link) = self.existing_bridge(&name)? {
            let own = addresses
                .iter()
                .find(|address| address.link == link.index && matches!(address.net, IpNet::V4(_)));
            return own
                .map(|address| (name, address.net))
                .ok_or(LinkError::Exhausted);
        }
        let routes = self.netlink.routes()?;
        let used: Vec<_> = addresses
            .iter()
            .map(|address| address.net)
            .chain(routes.iter().map(|route| route.destination))
            .collect();
        let network = pool::network(&used).ok_or(LinkError::Exhausted)?;
        settled.bridges.push(Bridge {
            name: name.clone(),
            addresses: vec![network],
        });
        Ok((name, network))
    }

    /// Chooses a port of nsx's own bridge and the address that goes with it.
    fn port(
        &mut self,
        settled: &Links,
        bridge: &InterfaceName,
        network: &IpNet,
    ) -> Result<(InterfaceName, IpNet), LinkError> {
        let (port, number) = self.numbered(settled, &format!("{bridge}-"))?;
        let address = pool::address(network, number).ok_or(LinkError::Exhausted)?;
        Ok((port, address))
    }

    /// Returns the name of the end outside.
    fn outside(
        &mut self,
        settled: &Links,
        peer: Option<InterfaceName>,
    ) -> Result<InterfaceName, LinkError> {
        match peer {
            Some(peer) if self.is_taken(settled, &peer)? => Err(LinkError::Taken(peer)),
            Some(peer) => Ok(peer),
            None => Ok(self.numbered(settled, "nsxv")?.0),
        }
    }

    /// Returns a free name that consists of a prefix and a number, and the number.
    fn numbered(
        &mut self,
        settled: &Links,
        prefix: &str,
    ) -> Result<(InterfaceName, u16), LinkError> {
        for number in pool::numbers() {
            let name = interface(&format!("{prefix}{number}"))?;
            if !self.is_taken(settled, &name)? {
                return Ok((name, number));
            }
        }
        Err(LinkError::Exhausted)
    }

    fn is_taken(&mut self, settled: &Links, name: &InterfaceName) -> Result<bool, LinkError> {
        let mut links = settled.links.iter();
        let planned = links.any(|link| link.outside() == Some(name));
        Ok(planned || self.netlink.link(name.as_str())?.is_some())
    }
}

/// Returns the first of `eth0`, `eth1` and so on that no link before has.
fn free_name(links: &[Link]) -> Result<InterfaceName, LinkError> {
    let mut names = (0..=links.len()).map(|number| format!("eth{number}"));
    let free = names.find(|name| links.iter().all(|link| link.name.as_str() != name));
    interface(&free.unwrap_or_default())
}

/// Returns each gateway as the address that the other end of the link has in its network.
fn on_gateways(addresses: &[IpNet], gateways: &[IpAddr]) -> Vec<IpNet> {
    gateways
        .iter()
        .filter_map(|router| {
            let beside = addresses.iter().find(|address| address.contains(router))?;
            IpNet::new(*router, beside.prefix_len()).ok()
        })
        .collect()
}

fn interface(name: &str) -> Result<InterfaceName, LinkError> {
    name.parse()
        .map_err(|error| LinkError::Name(format!("{name:?}: {error}")))
}
