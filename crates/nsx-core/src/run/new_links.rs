//! Links, bridges and tables of a new network namespace, made from outside and kept in the journal.

use super::{
    journal::Journal,
    network::{add_addresses, attempt, errno_of, index, index_in, index_of, open_in},
    part::{Part, Whole},
    table, uplink,
};
use crate::{
    ns::Namespace,
    pid::Pid,
    plan::{self, Bridge, LinkKind, Table, Uplink},
};
use nsx_net::{Netlink, NetlinkError, NewUpper, NewVeth, Peer};
use rustix::{fd::AsFd, io::Errno};

impl<'a> Journal<'a> {
    /// Makes the bridge of the step at index `step` in this process's network namespace, unless the
    /// bridge has been made meanwhile.
    pub(super) fn bridge(&mut self, step: usize, bridge: &'a Bridge) -> Result<(), Errno> {
        let which = (step, Whole::Bridge(bridge));
        if index_of(&bridge.name)? != 0 {
            return if bridge.ends_with_ports {
                self.part(which, Part::Link(0), || Ok(()))
            } else {
                Ok(())
            };
        }
        self.part(which, Part::Link(0), || {
            attempt(|netlink| {
                match netlink.add_bridge(&bridge.name) {
                    // Made meanwhile, by another nsx.
                    Err(error) if bridge.ends_with_ports && error.errno() == Some(Errno::EXIST) => {
                        Ok(())
                    }
                    made => made,
                }
            })
        })?;
        match attempt(|netlink| add_addresses(netlink, &bridge.name, &bridge.addresses)) {
            Err(Errno::EXIST) if bridge.ends_with_ports => Ok(()),
            added => added,
        }
    }

    /// Makes the link of the step at index `step` from this process's network namespace into
    /// another.
    pub(super) fn link(
        &mut self,
        step: usize,
        link: &'a plan::Link,
        namespace: &Namespace,
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
                            namespace: None,
                            bridge: bridge.transpose()?,
                            mtu: link.mtu,
                            peer: end_inside(link, namespace),
                        })
                    })
                })?;
                attempt(|netlink| add_addresses(netlink, outside, addresses))
            }
            LinkKind::Cable {
                outside,
                to,
                addresses,
            } => {
                self.inside(step, link, namespace, |netlink| {
                    netlink.add_veth(&NewVeth {
                        name: outside,
                        namespace: Some(to.ns.as_fd()),
                        bridge: None,
                        mtu: link.mtu,
                        peer: end_inside(link, namespace),
                    })
                })?;
                let added = add_addresses(&mut open_in(&to.ns)?, outside, addresses);
                added.map_err(|error| errno_of(&error))
            }
            LinkKind::Upper { kind, parent } => self.inside(step, link, namespace, |netlink| {
                let parent = index(netlink, parent)?;
                netlink.add_upper(&NewUpper {
                    kind: *kind,
                    parent,
                    name: &link.name,
                    namespace: namespace.as_fd(),
                    mac: link.mac,
                    mtu: link.mtu,
                })
            }),
            LinkKind::Moved { from, .. } => {
                let found = attempt(|netlink| netlink.link(from.as_str()))?;
                let found = found.ok_or(Errno::NODEV)?;
                let inside = namespace.as_fd();
                self.hold(reopen(namespace)?);
                let which = (step, Whole::Link(link));
                self.part(which, Part::Moved, || {
                    attempt(|netlink| netlink.move_to(found.index, &link.name, inside))
                })
            }
        }
    }

    /// Makes a link of which nothing is left here but its end inside.
    fn inside(
        &mut self,
        step: usize,
        link: &'a plan::Link,
        namespace: &Namespace,
        make: impl FnOnce(&mut Netlink) -> Result<(), NetlinkError>,
    ) -> Result<(), Errno> {
        self.hold(reopen(namespace)?);
        let before = index_in(namespace, &link.name)?;
        let which = (step, Whole::Link(link));
        self.part(which, Part::Inside(before), || attempt(make))
    }

    /// Makes the table of the step at index `step`.
    pub(super) fn table(&mut self, step: usize, table: &'a Table) -> Result<(), Errno> {
        let which = (step, Whole::Table(table));
        self.part(which, Part::Table, || table::make(table))
    }

    /// Starts the program of the step at index `step` for the network namespace of the process
    /// `nsx`.
    pub(super) fn uplink(
        &mut self,
        step: usize,
        uplink: &'a Uplink,
        nsx: Pid,
        namespace: &Namespace,
    ) -> Result<(), Errno> {
        let which = (step, Whole::Uplink(uplink));
        if uplink.socket.is_some() {
            self.part(which, Part::Directory, || uplink::make_directory(uplink))?;
        }
        let proc = self.proc();
        self.part(which, Part::Uplink, || {
            // A program that could not do all that was requested may run nonetheless.
            uplink::start(uplink, nsx, namespace).inspect_err(|_| uplink::end_children(proc))
        })
    }
}

fn reopen(namespace: &Namespace) -> Result<Namespace, Errno> {
    Namespace::from_fd(rustix::io::fcntl_dupfd_cloexec(namespace, 3)?)
}

/// Returns the end of a cable that is in the new network namespace.
fn end_inside<'a>(link: &'a plan::Link, namespace: &'a Namespace) -> Peer<'a> {
    Peer {
        name: &link.name,
        namespace: namespace.as_fd(),
        mac: link.mac,
    }
}
