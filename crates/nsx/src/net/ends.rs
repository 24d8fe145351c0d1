//! The other ends of devices: the second device of a veth pair, or the parent of a device.
//!
//! A device names its other end by an index and, in another network namespace, by a number that
//! only its own network namespace knows. nsx asks the kernel which namespace has that number: first
//! about those in which a device with that index names this device in turn.

use super::survey::{self, Survey};
use nsx_core::{hash::HashMap, ns::NsidSocket};
use nsx_net::{Device, DeviceAddress, NetlinkError, Other, Reader};

/// A network namespace with its devices.
pub(super) type Network = survey::Network<Devices>;

/// The devices of a network namespace.
pub(super) struct Devices {
    /// In order of index.
    pub(super) devices: Vec<Device>,
    addresses: Vec<DeviceAddress>,
}

impl Devices {
    /// Reads the devices of the network namespace that a reader talks to.
    pub(super) fn read(reader: &mut Reader) -> Result<Self, NetlinkError> {
        let mut devices = reader.devices()?;
        devices.sort_by_key(|device| device.index);
        Ok(Self {
            devices,
            addresses: reader.device_addresses()?,
        })
    }

    /// Returns the device with an index.
    pub(super) fn device(&self, index: u32) -> Option<&Device> {
        let found = self.devices.binary_search_by_key(&index, |it| it.index);
        found.ok().map(|found| &self.devices[found])
    }

    /// Returns the addresses of a device.
    pub(super) fn addresses_of(&self, device: &Device) -> impl Iterator<Item = &DeviceAddress> {
        let index = device.index;
        let addresses = self.addresses.iter();
        addresses.filter(move |address| address.device == index)
    }
}

/// The most namespaces that the kernel is asked about for one number.
const MOST: usize = 64;

/// The other end of a device.
#[derive(Clone, Copy)]
pub(super) enum End<'a> {
    /// The device does not name another.
    None,
    /// A device of the same network namespace.
    Here(&'a Device),
    /// A device of another network namespace.
    There(&'a Network, &'a Device),
    /// A device that is not seen.
    Unseen,
}

/// Finds the other ends of devices.
pub(super) struct Ends<'a> {
    survey: &'a Survey<'a>,
    networks: &'a [Network],
    /// The networks that have a device with this index, which names a device with that index.
    mutual: HashMap<(u32, u32), Vec<usize>>,
    /// The networks that have a device with this index.
    by_index: HashMap<u32, Vec<usize>>,
    /// The network that a number stands for in a network, by the index of the latter.
    known: HashMap<(usize, u32), Option<usize>>,
    /// The network that the caller is in.
    own: Option<usize>,
}

impl<'a> Ends<'a> {
    pub(super) fn new(survey: &'a Survey<'a>, networks: &'a [Network]) -> Self {
        let mut ends = Self {
            survey,
            networks,
            mutual: HashMap::default(),
            by_index: HashMap::default(),
            known: HashMap::default(),
            own: networks.iter().position(|network| network.is_own),
        };
        for (index, network) in networks.iter().enumerate() {
            for device in &network.found.devices {
                ends.by_index.entry(device.index).or_default().push(index);
                if let Some(other) = device.other {
                    let key = (device.index, other.index);
                    ends.mutual.entry(key).or_default().push(index);
                }
            }
        }
        ends
    }

    /// Returns the other end of a device of a network, which is named by its index.
    pub(super) fn of(&mut self, network: usize, device: &Device) -> End<'a> {
        let Some(other) = device.other else {
            return End::None;
        };
        let networks = self.networks;
        let there = match other.nsid {
            None => Some(network),
            Some(nsid) => self.network(network, device, other, nsid),
        };
        let Some(there) = there else {
            return End::Unseen;
        };
        match networks[there].found.device(other.index) {
            Some(found) if there == network => End::Here(found),
            Some(found) => End::There(&networks[there], found),
            None => End::Unseen,
        }
    }

    /// Returns the network that a number stands for.
    fn network(
        &mut self,
        network: usize,
        device: &Device,
        other: Other,
        nsid: u32,
    ) -> Option<usize> {
        if let Some(known) = self.known.get(&(network, nsid)) {
            return *known;
        }
        let mutual = self.mutual.get(&(other.index, device.index));
        let all = self.by_index.get(&other.index);
        let candidates = mutual.into_iter().flatten().chain(&self.own);
        let candidates = candidates.chain(all.into_iter().flatten());
        let candidates = candidates.copied().filter(|other| *other != network);
        let found = self.ask(network, nsid, candidates.take(MOST));
        self.known.insert((network, nsid), found);
        found
    }

    /// Asks the kernel which of these networks has the number.
    fn ask(
        &self,
        network: usize,
        nsid: u32,
        mut candidates: impl Iterator<Item = usize>,
    ) -> Option<usize> {
        let networks = self.networks;
        let socket = self.survey.socket(networks[network].ns, None).ok()?;
        let socket = NsidSocket::from_socket(socket);
        candidates.find(|candidate| {
            let other = self.survey.open(networks[*candidate].ns);
            other.is_ok_and(|other| socket.number(&other) == Ok(Some(nsid)))
        })
    }
}
