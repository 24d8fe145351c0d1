//! The options about the new network.

use crate::{
    error::Error,
    links::{self, LinkSpec},
};
use clap::Args;
use nsx_core::{
    ns::NsKind,
    plan::{Caller, unshare::Request},
};

#[derive(Args, Debug)]
#[command(next_help_heading = "Network")]
pub(super) struct NetworkOptions {
    /// Connect the new network to this one; implies --net
    ///
    /// SPEC is `veth` or `macvlan:PARENT`, then any of these after commas: name=NAME inside,
    /// addr=ADDRESS/PREFIX and gw=ADDRESS for the default route, both for each family, mac=ADDRESS,
    /// mtu=BYTES; with veth also peer=NAME outside, bridge=BRIDGE that the peer is a port of, and
    /// create to make a missing bridge. Without a bridge the peer has the address of gw; a bridge
    /// that is made has it. `veth` alone connects to a bridge of nsx's own, nsx0, and has an
    /// address and a default route. May be given several times.
    #[arg(long, value_name = "SPEC")]
    link: Vec<LinkSpec>,
    /// With --net, leave the loopback device down
    #[arg(long)]
    no_lo: bool,
}

impl NetworkOptions {
    /// Returns whether no link is named.
    pub(super) fn names_no_link(&self) -> bool {
        self.link.is_empty()
    }

    /// Sets the links, `others` among them, which imply a network namespace.
    pub(super) fn apply(
        &self,
        request: &mut Request,
        caller: &Caller,
        others: Vec<LinkSpec>,
    ) -> Result<(), Error> {
        if !self.link.is_empty() {
            request.kinds.insert(NsKind::Net);
        }
        request.loopback = request.kinds.contains(NsKind::Net) && !self.no_lo;
        let links = links::settle(&[others.as_slice(), &self.link].concat(), caller)?;
        request.bridges = links.bridges;
        request.links = links.links;
        Ok(())
    }
}
