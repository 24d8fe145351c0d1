//! Links and bridges of a new network namespace, made from outside and kept in the journal.

use super::{
    journal::Journal,
    network::{add_addresses, attempt, index, index_of},
    part::{Part, Whole},
};
use crate::plan::{self, Bridge, LinkKind};
use nsx_net::{Macvlan, NewVeth, Peer};
use rustix::{fd::BorrowedFd, io::Errno};

impl<'a> Journal<'a> {
    /// Makes the bridge of the step at index `step` in this process's network namespace, unless the
    /// bridge has been made meanwhile.
    pub(super) fn bridge(&mut self, step: usize, bridge: &'a Bridge) -> Result<(), Errno> {
        if index_of(&bridge.name)? != 0 {
            return Ok(());
        }
        let which = (step, Whole::Bridge(bridge));
        self.part(which, Part::Link(0), || {
            attempt(|netlink| netlink.add_bridge(&bridge.name))
        })?;
        attempt(|netlink| add_addresses(netlink, &bridge.name, &bridge.addresses))
    }

    /// Makes the link of the step at index `step` from this process's network namespace into
    /// another.
    pub(super) fn link(
        &mut self,
        step: usize,
        link: &'a plan::Link,
        namespace: BorrowedFd<'_>,
    ) -> Result<(), Errno> {
        match &link.kind {
            LinkKind::Veth {
                outside,
                bridge,
                addresses,
            } => {
                let which = (step, Whole::Link(link));
                self.part(which, Part::Link(index_of(outside)?), || {
                    attempt(|netlink| {
                        let bridge = bridge.as_ref().map(|bridge| index(netlink, bridge));
                        netlink.add_veth(&NewVeth {
                            name: outside,
                            bridge: bridge.transpose()?,
                            mtu: link.mtu,
                            peer: Peer {
                                name: &link.name,
                                namespace,
                                mac: link.mac,
                            },
                        })
                    })
                })?;
                attempt(|netlink| add_addresses(netlink, outside, addresses))
            }
            // It ends with the namespace that it is made in, and leaves nothing behind here.
            LinkKind::Macvlan { parent } => attempt(|netlink| {
                let parent = index(netlink, parent)?;
                netlink.add_macvlan(&Macvlan {
                    parent,
                    name: &link.name,
                    namespace,
                    mac: link.mac,
                    mtu: link.mtu,
                })
            }),
        }
    }
}
