//! Links of a new network namespace: as typed, and as the host's own links allow.

mod error;
mod existing;
pub(crate) mod hosts;
mod left;
mod nat;
mod pool;
mod publish;
mod resolver;
mod settle;
mod spec;
mod uplink;

pub(crate) use error::LinkError;
pub(crate) use left::{is_about, lines, take_away};
pub(crate) use nat::Owner;
pub(crate) use publish::parse as publish;
pub(crate) use settle::OWN_BRIDGE;
pub(crate) use spec::LinkSpec;

use crate::executable::is_program;
use existing::Existing;
use nat::{Inside, Nftables};
use nsx_core::{
    ns::NsKind,
    plan::{Caller, Link, LinkKind, NamespaceFile, Network, Publish, UplinkKind},
    proc::{NsLink, ProcRoot},
};
use nsx_net::{InterfaceName, IpNet};
use rustix::thread::CapabilitySet;
use spec::SpecKind;
use std::{ffi::OsStr, path::PathBuf};

/// A connection of a network namespace, as typed.
#[derive(Debug)]
pub(crate) struct Wanted<'a> {
    pub(crate) links: &'a [LinkSpec],
    /// `true` if connections from inside have the host's address.
    pub(crate) nat: bool,
    pub(crate) published: &'a [Publish],
    /// `true` if the new network namespace outlives the program, in a file.
    pub(crate) pins_network: bool,
    /// The network namespace, if it exists.
    pub(crate) target: Option<&'a NamespaceFile>,
    /// `true` if the network namespace belongs to a user namespace other than the caller's.
    pub(crate) joins_user: bool,
    /// The holder of a table.
    pub(crate) owner: Owner,
}

impl Wanted<'_> {
    /// Returns whether addresses or ports are translated, which needs a link.
    pub(crate) fn translates(&self) -> bool {
        self.nat || !self.published.is_empty()
    }
}

/// Links to make, and what has to be made with them.
#[derive(Debug, Default)]
pub(crate) struct Links {
    pub(crate) network: Network,
    /// The resolvers that answer inside, as a file of `resolv.conf(5)`.
    pub(crate) resolvers: Option<String>,
    /// Remarks for the user.
    pub(crate) notes: Vec<String>,
}

/// Settles a connection: each link with names and addresses for those that have none, and what the
/// other options need. `open` opens the network namespace that a link leads to by name.
pub(crate) fn settle<E: From<LinkError>>(
    wanted: &Wanted<'_>,
    open: impl Fn(&OsStr) -> Result<NamespaceFile, E>,
    caller: &Caller,
    proc: &ProcRoot,
) -> Result<Links, E> {
    let mut specs = wanted.links.to_vec();
    let can_link = caller.can(CapabilitySet::NET_ADMIN);
    if specs.is_empty() && wanted.translates() {
        specs.push(match can_link {
            true => LinkSpec::of_kind(SpecKind::VETH),
            false => LinkSpec::of_kind(SpecKind::Uplink(UplinkKind::Pasta)),
        });
    }
    if specs.is_empty() {
        return Ok(Links::default());
    }
    let uplink = specs.iter().find_map(|spec| match spec.kind {
        SpecKind::Uplink(kind) => Some((kind, spec)),
        _ => None,
    });
    if let Some((kind, spec)) = uplink {
        if specs.len() > 1 {
            let why = "pasta and slirp4netns are the only link of their network";
            return Err(LinkError::Contradiction(why).into());
        }
        return Ok(uplink::settle(kind, spec, wanted)?);
    }
    if !can_link {
        return Err(LinkError::Capability.into());
    }
    let inside = wanted.target.map(Existing::read).transpose()?;
    let mut cables = Vec::new();
    for spec in specs {
        let far = spec.to().map(|word| open(OsStr::new(word))).transpose()?;
        let far = far.map(|file| far_end(&file, wanted.target, proc));
        cables.push((spec, far.transpose()?));
    }
    let mut settled = Links {
        network: settle::settle(cables, wanted.pins_network, inside.as_ref())?,
        ..Links::default()
    };
    if wanted.translates() {
        translate(&mut settled, wanted, inside.as_ref(), proc)?;
    }
    Ok(settled)
}

/// Reads the network that the far end of a cable is to be in.
fn far_end(
    file: &NamespaceFile,
    inside: Option<&NamespaceFile>,
    proc: &ProcRoot,
) -> Result<Existing, LinkError> {
    let own = proc.own_ns(NsLink::Own(NsKind::Net)).ok();
    let mut others = own.into_iter().chain(inside.map(|inside| inside.ns.id()));
    if others.any(|other| other == file.ns.id()) {
        return Err(LinkError::Loop(file.path.clone()));
    }
    Existing::read(file)
}

/// Adds a table that translates the addresses of the cables.
fn translate(
    settled: &mut Links,
    wanted: &Wanted<'_>,
    inside: Option<&Existing>,
    proc: &ProcRoot,
) -> Result<(), LinkError> {
    if wanted.pins_network {
        return Err(LinkError::Contradiction(
            "--nat and --publish end with the program, and the pinned network stays; keep the set \
            with --name",
        ));
    }
    let Some((interface, link)) = translated(&settled.network) else {
        let is_led = inside.is_some_and(|inside| inside.has_default_route(true));
        if wanted.links.is_empty() && is_led {
            return Err(LinkError::Contradiction(
                "--nat and --publish make a link with a default route, and the target has one; \
                `nsx unlink` that interface first",
            ));
        }
        return Err(LinkError::Contradiction(
            "--nat and --publish need a veth link with a gateway: `--link veth` alone, or one with \
            addr= and gw=",
        ));
    };
    forwards(&link.addresses, proc)?;
    let nftables = Nftables::read()?;
    for publish in wanted.published {
        publish::probe(publish)?;
        if let Some(address) = publish.address
            && nat::targets(publish, &link.addresses).is_empty()
        {
            return Err(LinkError::Family(address));
        }
    }
    let inside = Inside {
        interface,
        addresses: &link.addresses,
    };
    let table = nftables.table(&wanted.owner, &inside, wanted.nat, wanted.published, proc)?;
    for chain in nftables.dropping() {
        settled.notes.push(format!(
            "the chain {chain} drops forwarded packets by default; it must accept those of \
            {interface}"
        ));
    }
    settled.resolvers = resolver::of_host();
    settled.network.table = Some(table);
    Ok(())
}

/// Returns the link whose addresses are translated, and the interface outside that leads to it.
fn translated(network: &Network) -> Option<(&InterfaceName, &Link)> {
    network.links.iter().find_map(|link| match &link.kind {
        LinkKind::Veth {
            outside, bridge, ..
        } if !link.gateways.is_empty() => Some((bridge.as_ref().unwrap_or(outside), link)),
        _ => None,
    })
}

/// Refuses if this host does not forward packets of the addresses' families.
fn forwards(addresses: &[IpNet], proc: &ProcRoot) -> Result<(), LinkError> {
    let families = [
        (true, "IPv4", "net.ipv4.ip_forward"),
        (false, "IPv6", "net.ipv6.conf.all.forwarding"),
    ];
    for (is_ipv4, family, sysctl) in families {
        let concerns = addresses.iter().any(|net| net.addr().is_ipv4() == is_ipv4);
        let is_on = || proc.sysctl(sysctl).is_ok_and(|text| text.starts_with(b"1"));
        if concerns && !is_on() {
            return Err(LinkError::Forwarding(family, sysctl));
        }
    }
    Ok(())
}

/// Finds a program in PATH, or where administrators' programs are.
fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let own = std::env::split_paths(&path);
    own.chain(["/usr/sbin".into(), "/sbin".into()])
        .filter(|directory| directory.is_absolute())
        .map(|directory| directory.join(name))
        .find(|file| is_program(file))
}
