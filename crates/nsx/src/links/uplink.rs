//! Connections through pasta and slirp4netns, which need no privilege.

use super::{Links, Wanted, error::LinkError, program, publish::probe, resolver, spec::LinkSpec};
use nsx_core::plan::{Network, Uplink, UplinkKind};
use rustix::fs::{Access, AtFlags, CWD};
use std::{
    hash::{BuildHasher, RandomState},
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
};

/// The device through which both programs are connected.
const TUN: &str = "/dev/net/tun";

/// Settles the only link of a network.
pub(super) fn settle(
    kind: UplinkKind,
    spec: &LinkSpec,
    wanted: &Wanted<'_>,
) -> Result<Links, LinkError> {
    if wanted.nat && !wanted.links.is_empty() {
        return Err(LinkError::Contradiction(
            "--nat is for veth links; pasta and slirp4netns do the same by themselves",
        ));
    }
    if wanted.pins_network {
        return Err(LinkError::Contradiction(
            "pasta and slirp4netns end with the program, and the pinned network stays; keep the \
            set with --name",
        ));
    }
    let package = match kind {
        UplinkKind::Pasta => "passt",
        UplinkKind::Slirp4netns => "slirp4netns",
    };
    let program = program(kind.word()).ok_or(LinkError::NoProgram(kind.word(), package))?;
    let access = Access::READ_OK | Access::WRITE_OK;
    rustix::fs::accessat(CWD, TUN, access, AtFlags::EACCESS).map_err(LinkError::Tun)?;
    for publish in wanted.published {
        let is_ipv6 = publish.address.is_some_and(|address| address.is_ipv6());
        if is_ipv6 && kind == UplinkKind::Slirp4netns {
            return Err(LinkError::Contradiction(
                "slirp4netns publishes IPv4 ports only",
            ));
        }
        probe(publish)?;
    }
    let resolver = match kind {
        // An address that no host has, for which pasta asks the host's resolver.
        UplinkKind::Pasta => Ipv4Addr::new(169, 254, 1, 1),
        UplinkKind::Slirp4netns => Ipv4Addr::new(10, 0, 2, 3),
    };
    let needs_socket = kind == UplinkKind::Slirp4netns && !wanted.published.is_empty();
    let uplink = Uplink {
        program,
        kind,
        joins_user: wanted.joins_user,
        name: match &spec.name {
            Some(name) => name.clone(),
            None => super::settle::interface("eth0")?,
        },
        mtu: spec.mtu,
        published: wanted.published.to_vec(),
        resolver,
        socket: needs_socket.then(socket),
    };
    Ok(Links {
        resolvers: Some(resolver::one(IpAddr::V4(resolver))),
        network: Network {
            uplink: Some(uplink),
            ..Network::default()
        },
        ..Links::default()
    })
}

/// Chooses a socket in a directory that does not exist.
fn socket() -> PathBuf {
    let number = RandomState::new().hash_one(std::process::id());
    let directory = std::env::temp_dir();
    directory
        .join(format!("nsx-{number:016x}"))
        .join("slirp4netns")
}
