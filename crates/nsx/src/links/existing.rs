//! A network namespace that exists: the links, addresses and routes in it.

use super::error::LinkError;
use nsx_core::{plan::NamespaceFile, run};
use nsx_net::{InterfaceName, IpNet, Netlink, NetlinkError, Route};

/// A network namespace, as far as new links must know it.
#[derive(Debug)]
pub(super) struct Existing {
    /// The namespace.
    pub(super) file: NamespaceFile,
    names: Vec<String>,
    addresses: Vec<IpNet>,
    routes: Vec<Route>,
}

impl Existing {
    /// Reads what is in a network namespace.
    pub(super) fn read(file: &NamespaceFile) -> Result<Self, LinkError> {
        let netlink = run::open_in(&file.ns).map_err(NetlinkError::from);
        let read = |mut netlink: Netlink| {
            Ok(Self {
                file: file.clone(),
                names: netlink.links()?.into_iter().map(|link| link.name).collect(),
                addresses: netlink.addresses()?.iter().map(|it| it.net).collect(),
                routes: netlink.routes()?,
            })
        };
        let read = netlink.and_then(read);
        read.map_err(|error| LinkError::Inside(file.path.clone(), error))
    }

    /// Returns whether an interface has this name.
    pub(super) fn has(&self, name: &InterfaceName) -> bool {
        self.names.iter().any(|other| other == name.as_str())
    }

    /// Returns whether a route leads everywhere, for IPv4 or for IPv6.
    pub(super) fn has_default_route(&self, is_ipv4: bool) -> bool {
        let mut everywhere = self.routes.iter().map(|route| route.destination);
        everywhere.any(|net| net.prefix_len() == 0 && net.addr().is_ipv4() == is_ipv4)
    }

    /// Returns the networks that are in use.
    pub(super) fn used(&self) -> impl Iterator<Item = IpNet> {
        let routes = self.routes.iter().map(|route| route.destination);
        self.addresses.iter().copied().chain(routes)
    }
}
