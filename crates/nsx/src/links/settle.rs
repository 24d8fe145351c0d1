//! From links as typed to links that the host's own links, addresses and routes allow.

use super::{
    error::LinkError,
    existing::Existing,
    pool,
    spec::{LinkSpec, SpecKind},
};
use nsx_core::plan::{Bridge, Link, LinkKind, Network};
use nsx_net::{InterfaceName, IpNet, Netlink};
use std::net::IpAddr;

/// nsx's own bridge, for links that name none.
pub(crate) const OWN_BRIDGE: &str = "nsx0";

/// A link as typed, and the network that `to` names.
pub(super) type Cabled = (LinkSpec, Option<Existing>);

/// Settles each link, with names and addresses for those that have none. `pins_network` says that
/// the new network namespace outlives the program, and `inside` is the network namespace if it
/// exists.
pub(super) fn settle(
    specs: Vec<Cabled>,
    pins_network: bool,
    inside: Option<&Existing>,
) -> Result<Network, LinkError> {
    let mut settled = Network::default();
    let mut host = Host {
        netlink: Netlink::open()?,
        pins_network,
        inside,
    };
    for (spec, to) in specs {
        host.add(&mut settled, spec, to)?;
    }
    Ok(settled)
}

struct Host<'a> {
    netlink: Netlink,
    pins_network: bool,
    inside: Option<&'a Existing>,
}

impl Host<'_> {
    fn add(
        &mut self,
        settled: &mut Network,
        spec: LinkSpec,
        far: Option<Existing>,
    ) -> Result<(), LinkError> {
        let LinkSpec {
            kind,
            name,
            mac,
            mtu,
            mut addresses,
            mut gateways,
        } = spec;
        let name = match (name, &kind) {
            (Some(name), _) => name,
            (None, SpecKind::Moved { from }) => from.clone(),
            (None, _) => self.free_name(settled)?,
        };
        if let Some(inside) = self.inside.filter(|inside| inside.has(&name)) {
            return Err(LinkError::TakenInside(
                name,
                inside.file.path.display().to_string(),
            ));
        }
        if settled.links.iter().any(|link| link.name == name) {
            return Err(LinkError::Twice(name));
        }
        let mut ends_with_program = false;
        let kind = match kind {
            SpecKind::Upper { kind, parent } => {
                if self.netlink.link(parent.as_str())?.is_none() {
                    return Err(LinkError::NoInterface(parent));
                }
                LinkKind::Upper { kind, parent }
            }
            SpecKind::Moved { from } => {
                let is_up = match self.netlink.link(from.as_str())? {
                    None => return Err(LinkError::NoInterface(from)),
                    // Bridges stay where they are too, see NETIF_F_NETNS_LOCAL.
                    Some(link)
                        if from.as_str() == "lo" || link.kind.as_deref() == Some("bridge") =>
                    {
                        return Err(LinkError::Immovable(from));
                    }
                    Some(link) => link.is_up,
                };
                if self.pins_network {
                    return Err(LinkError::Contradiction(
                        "an interface that is moved comes back when the program ends, and the \
                        pinned network stays; keep the set with --name",
                    ));
                }
                ends_with_program = true;
                LinkKind::Moved { from, is_up }
            }
            SpecKind::Uplink(_) => return Ok(()),
            SpecKind::Veth {
                peer: None,
                peer_addresses,
                bridge: None,
                create: false,
                to: None,
            } if [&addresses, &peer_addresses]
                .iter()
                .all(|list| list.is_empty())
                && gateways.is_empty() =>
            {
                let (bridge, network) = self.own_bridge(settled)?;
                let (outside, address) = self.port(settled, &bridge, &network)?;
                addresses.push(address);
                if !self.has_default_route(settled, network.addr().is_ipv4()) {
                    gateways.push(network.addr());
                }
                ends_with_program = !self.pins_network;
                LinkKind::Veth {
                    outside,
                    bridge: Some(bridge),
                    addresses: Vec::new(),
                }
            }
            SpecKind::Veth {
                peer,
                peer_addresses,
                bridge,
                create,
                to: _,
            } => {
                let at_gateways = on_gateways(&addresses, &gateways);
                let mut outside_addresses = peer_addresses;
                if let Some(far) = far {
                    check_gateways(&addresses, &gateways)?;
                    outside_addresses.extend(at_gateways);
                    if addresses.is_empty() && outside_addresses.is_empty() {
                        let (near, other) = self.pair(settled, &far)?;
                        addresses.push(near);
                        outside_addresses.push(other);
                    }
                    LinkKind::Cable {
                        outside: far_name(settled, &far, peer)?,
                        to: far.file,
                        addresses: outside_addresses,
                    }
                } else {
                    match &bridge {
                        Some(name) => self.bridge(settled, name, create, at_gateways)?,
                        None => outside_addresses.extend(at_gateways),
                    }
                    LinkKind::Veth {
                        outside: self.outside(settled, peer)?,
                        bridge,
                        addresses: outside_addresses,
                    }
                }
            }
        };
        check_gateways(&addresses, &gateways)?;
        settled.links.push(Link {
            kind,
            name,
            mac,
            mtu,
            addresses,
            gateways,
            ends_with_program,
        });
        Ok(())
    }

    /// Returns the first of `eth0`, `eth1` and so on that no link inside has.
    fn free_name(&self, settled: &Network) -> Result<InterfaceName, LinkError> {
        let is_taken = |name: &InterfaceName| {
            settled.links.iter().any(|link| link.name == *name)
                || self.inside.is_some_and(|inside| inside.has(name))
        };
        first_free(is_taken)
    }

    /// Returns whether a route inside leads everywhere.
    fn has_default_route(&self, settled: &Network, is_ipv4: bool) -> bool {
        let mut gateways = settled.links.iter().flat_map(|link| &link.gateways);
        gateways.any(|gateway| gateway.is_ipv4() == is_ipv4)
            || self
                .inside
                .is_some_and(|inside| inside.has_default_route(is_ipv4))
    }

    /// Returns addresses for the two ends of a cable, in a network that neither end nor the host
    /// uses.
    fn pair(&mut self, settled: &Network, far: &Existing) -> Result<(IpNet, IpNet), LinkError> {
        let mut used = self.used()?;
        used.extend(settled.links.iter().flat_map(|link| &link.addresses));
        used.extend(settled.bridges.iter().flat_map(|bridge| &bridge.addresses));
        used.extend(
            far.used()
                .chain(self.inside.into_iter().flat_map(Existing::used)),
        );
        let network = pool::network(&used).ok_or(LinkError::Exhausted)?;
        pool::pair(&network).ok_or(LinkError::Exhausted)
    }

    /// Returns the networks that this host uses.
    fn used(&mut self) -> Result<Vec<IpNet>, LinkError> {
        let addresses = self.netlink.addresses()?;
        let routes = self.netlink.routes()?;
        let addresses = addresses.iter().map(|address| address.net);
        Ok(addresses
            .chain(routes.iter().map(|route| route.destination))
            .collect())
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
        settled: &mut Network,
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
            ends_with_ports: false,
        });
        Ok(())
    }

    /// Returns nsx's own bridge, which is made if it is missing, and its address.
    fn own_bridge(&mut self, settled: &mut Network) -> Result<(InterfaceName, IpNet), LinkError> {
        let name = interface(OWN_BRIDGE)?;
        let planned = settled.bridges.iter().find(|bridge| bridge.name == name);
        if let Some(network) = planned.and_then(|bridge| bridge.addresses.first()) {
            return Ok((name, *network));
        }
        let addresses = self.netlink.addresses()?;
        let network = match self.existing_bridge(&name)? {
            Some(link) => addresses
                .iter()
                .find(|address| address.link == link.index && matches!(address.net, IpNet::V4(_)))
                .map(|address| address.net),
            None => pool::network(&self.used()?),
        };
        let network = network.ok_or(LinkError::Exhausted)?;
        // Planned even if the bridge exists: another nsx may remove it before this link is made.
        settled.bridges.push(Bridge {
            name: name.clone(),
            addresses: vec![network],
            ends_with_ports: !self.pins_network,
        });
        Ok((name, network))
    }

    /// Chooses a port of nsx's own bridge and the address that goes with it.
    fn port(
        &mut self,
        settled: &Network,
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
        settled: &Network,
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
        settled: &Network,
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

    fn is_taken(&mut self, settled: &Network, name: &InterfaceName) -> Result<bool, LinkError> {
        let mut links = settled.links.iter();
        let planned = links.any(|link| link.outside() == Some(name));
        Ok(planned || self.netlink.link(name.as_str())?.is_some())
    }
}

/// Returns the name of the end of a cable in another network.
fn far_name(
    settled: &Network,
    far: &Existing,
    peer: Option<InterfaceName>,
) -> Result<InterfaceName, LinkError> {
    let is_planned = |link: &Link, name: &InterfaceName| match &link.kind {
        LinkKind::Cable { outside, to, .. } => outside == name && to.ns.id() == far.file.ns.id(),
        _ => false,
    };
    let is_taken = |name: &InterfaceName| {
        far.has(name) || settled.links.iter().any(|link| is_planned(link, name))
    };
    match peer {
        Some(peer) if is_taken(&peer) => Err(LinkError::TakenInside(
            peer,
            far.file.path.display().to_string(),
        )),
        Some(peer) => Ok(peer),
        None => first_free(is_taken),
    }
}

/// Returns the first of `eth0`, `eth1` and so on that is not taken.
fn first_free(is_taken: impl Fn(&InterfaceName) -> bool) -> Result<InterfaceName, LinkError> {
    for number in 0..=u16::MAX {
        let name = interface(&format!("eth{number}"))?;
        if !is_taken(&name) {
            return Ok(name);
        }
    }
    Err(LinkError::Exhausted)
}

/// Refuses a gateway that no address of the link reaches.
fn check_gateways(addresses: &[IpNet], gateways: &[IpAddr]) -> Result<(), LinkError> {
    let mut unreached = gateways
        .iter()
        .filter(|router| addresses.iter().all(|address| !address.contains(*router)));
    match unreached.next() {
        Some(router) => Err(LinkError::Gateway(*router)),
        None => Ok(()),
    }
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

pub(super) fn interface(name: &str) -> Result<InterfaceName, LinkError> {
    name.parse()
        .map_err(|error| LinkError::Name(format!("{name:?}: {error}")))
}
