//! The options about the new network.

use crate::{
    error::Error,
    lab::Name,
    links::{self, LinkSpec, Owner, Wanted},
    target,
};
use clap::Args;
use nsx_core::{
    ns::NsKind,
    plan::{Caller, Contents, Mount, Publish, unshare::Request},
    proc::ProcRoot,
};
use std::path::Path;

/// The file that names the resolvers.
const RESOLVERS: &str = "/etc/resolv.conf";

#[derive(Args, Debug)]
#[command(next_help_heading = "Network")]
pub(super) struct NetworkOptions {
    /// Connect the new network to this one; implies --net
    ///
    /// SPEC is `veth`, `macvlan:PARENT`, `ipvlan:PARENT` or `move:INTERFACE`, which comes back at
    /// the end, then any of these after commas: name=NAME inside, addr=ADDRESS/PREFIX and
    /// gw=ADDRESS for the default route, both for each family, mac=ADDRESS, mtu=BYTES; with veth
    /// also peer=NAME and peeraddr=ADDRESS/PREFIX outside, bridge=BRIDGE that the peer is a port of,
    /// create to make a missing bridge, and to=TARGET whose network has the peer, instead of this
    /// one. Without a bridge the peer has the address of gw; a bridge that is made has
    /// it. `veth` alone connects to a bridge of nsx's own, nsx0, and has an address and a default
    /// route. May be given several times. `pasta` and `slirp4netns` need no privilege: the
    /// installed program of that name connects the network, and ends with it.
    #[arg(long, value_name = "SPEC")]
    link: Vec<LinkSpec>,
    /// Let connections from inside leave with this host's address, through nftables; implies a link
    ///
    /// Without --link the link is `veth`, or `pasta` if you may not make links. This host must
    /// forward packets: `sysctl net.ipv4.ip_forward=1`.
    #[arg(long)]
    nat: bool,
    /// Let a port of this host lead to a port inside; implies a link, as --nat does
    ///
    /// The port is reached through every address of this host, loopback included, or through IP
    /// alone; an IPv6 address is in brackets. May be given several times.
    #[arg(long, value_name = "[IP:]HOST:INSIDE[/udp]", value_parser = links::publish)]
    publish: Vec<Publish>,
    /// With --net, leave the loopback device down
    #[arg(long)]
    no_lo: bool,
}

impl NetworkOptions {
    /// Returns whether no link is named.
    pub(super) fn names_no_link(&self) -> bool {
        self.link.is_empty()
    }

    /// Sets the links, `others` among them, which imply a network namespace. Adds to `notes` what the
    /// user should know. Returns whether nsx must stay to take something away. Call when all other
    /// kinds are set.
    pub(super) fn apply(
        &self,
        request: &mut Request,
        others: Vec<LinkSpec>,
        name: Option<&Name>,
        (caller, proc): (&Caller, &ProcRoot),
        notes: &mut Vec<String>,
    ) -> Result<bool, Error> {
        let links = [others.as_slice(), &self.link].concat();
        let is_linked = !links.is_empty() || self.nat || !self.publish.is_empty();
        if is_linked {
            request.kinds.insert(NsKind::Net);
        }
        request.loopback = request.kinds.contains(NsKind::Net) && !self.no_lo;
        if !is_linked {
            return Ok(false);
        }
        let owner = name.map(|name| Owner::Set(name.as_str().to_owned()));
        let owner = owner.or_else(|| Owner::this(proc)).ok_or(Error::NoProcfs)?;
        let wanted = Wanted {
            links: &links,
            nat: self.nat,
            published: &self.publish,
            pins_network: request.pins.iter().any(|pin| pin.kind == NsKind::Net),
            target: None,
            joins_user: request.kinds.contains(NsKind::User),
            owner,
        };
        let mut settled = links::settle(&wanted, |word| target::network(word, proc), caller, proc)?;
        notes.append(&mut settled.notes);
        if let Some(text) = settled.resolvers.take() {
            set_resolvers(request, text);
        }
        request.network = settled.network;
        Ok(request.network.ends_with_program())
    }
}

/// Lets the program find these resolvers, in a mount namespace of its own.
fn set_resolvers(request: &mut Request, text: String) {
    let root = request.root.as_deref().unwrap_or(Path::new("/"));
    let is_there = root.join(RESOLVERS.trim_start_matches('/')).exists();
    if is_there && request.chroot.is_none() {
        request.kinds.insert(NsKind::Mnt);
        request.mounts.push(Mount {
            at: RESOLVERS.into(),
            contents: Contents::Copy {
                of: RESOLVERS.into(),
                text: text.into_bytes(),
            },
        });
    }
}
