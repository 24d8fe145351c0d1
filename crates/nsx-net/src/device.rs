//! The network devices of a network namespace, as they are seen from outside.

use crate::{
    NetlinkError, Reader,
    bytes::{Attributes, Body, half, number, text},
};
use libc::{IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS, RTM_GETADDR, RTM_GETLINK};
use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// The length of `struct ifinfomsg`, and of `struct ifaddrmsg`.
const LINK_HEADER: usize = 16;
const ADDRESS_HEADER: usize = 8;

/// A network device. Texts are bytes that any user may have chosen, at most 15 for a name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Device {
    /// The index, which no other device of the network namespace has.
    pub index: u32,
    /// The name.
    pub name: Vec<u8>,
    /// The driver as rtnetlink names it, `veth` or `bridge`; `None` for a device of the hardware
    /// and for `lo`.
    pub kind: Option<Vec<u8>>,
    /// The operational state, see RFC 2863.
    pub state: State,
    /// `true` if the device was set up (IFF_UP), whether it can transmit or not.
    pub is_up: bool,
    /// `true` for `lo` (IFF_LOOPBACK).
    pub is_loopback: bool,
    /// The largest packet in bytes.
    pub mtu: u32,
    /// The hardware address.
    pub mac: Vec<u8>,
    /// The bridge, or another master, that the device is a port of.
    pub master: Option<u32>,
    /// The other end of a veth pair or the parent of the device, and where it is.
    pub other: Option<Other>,
    /// The number of a VLAN, a VXLAN or a Geneve network.
    pub network: Option<u32>,
    /// The address of the other end of a tunnel.
    pub remote: Option<IpAddr>,
}

/// The device that a device refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Other {
    /// The index of that device in its network namespace.
    pub index: u32,
    /// The number that the network namespace of that device has in this one; `None` if both devices
    /// are in the same network namespace.
    pub nsid: Option<u32>,
}

/// The operational state of a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// The driver does not say.
    #[default]
    Unknown,
    /// A part of it is missing.
    NotPresent,
    /// It cannot transmit.
    Down,
    /// A device below it is down.
    LowerLayerDown,
    /// It is being tested.
    Testing,
    /// It waits for something outside, such as authentication.
    Dormant,
    /// It can transmit.
    Up,
}

impl State {
    fn from_number(number: u8) -> Self {
        match number {
            1 => Self::NotPresent,
            2 => Self::Down,
            3 => Self::LowerLayerDown,
            4 => Self::Testing,
            5 => Self::Dormant,
            6 => Self::Up,
            _ => Self::Unknown,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "unknown",
            Self::NotPresent => "not-present",
            Self::Down => "down",
            Self::LowerLayerDown => "lower-layer-down",
            Self::Testing => "testing",
            Self::Dormant => "dormant",
            Self::Up => "up",
        })
    }
}

/// An address of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeviceAddress {
    /// The index of the device.
    pub device: u32,
    /// The address.
    pub address: IpAddr,
    /// The length of its network's prefix in bits.
    pub prefix: u8,
}

impl fmt::Display for DeviceAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl Reader {
    /// Lists the devices of the network namespace, without their statistics.
    ///
    /// # Errors
    /// [`NetlinkError`].
    pub fn devices(&mut self) -> Result<Vec<Device>, NetlinkError> {
        let request =
            Body(vec![0; LINK_HEADER]).with_number(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS as u32);
        self.dump(RTM_GETLINK, &request, Device::read)
    }

    /// Lists the addresses of the network namespace.
    ///
    /// # Errors
    /// [`NetlinkError`].
    pub fn device_addresses(&mut self) -> Result<Vec<DeviceAddress>, NetlinkError> {
        self.dump(
            RTM_GETADDR,
            &Body(vec![0; ADDRESS_HEADER]),
            DeviceAddress::read,
        )
    }
}

impl Device {
    /// Reads the body of an `RTM_NEWLINK` message; `None` if it is too short to be one.
    pub fn read(body: &[u8]) -> Option<Self> {
        const IFF_UP: u32 = 1;
        const IFF_LOOPBACK: u32 = 8;
        let flags = number(body, 8)?;
        let mut device = Self {
            index: number(body, 4)?,
            is_up: flags & IFF_UP != 0,
            is_loopback: flags & IFF_LOOPBACK != 0,
            ..Self::default()
        };
        let (mut other, mut nsid) = (None, None);
        for (kind, value) in Attributes(body.get(LINK_HEADER..)?) {
            match kind {
                1 => device.mac = value.to_vec(),
                3 => device.name = text(value),
                4 => device.mtu = number(value, 0)?,
                5 => other = number(value, 0).filter(|index| *index != 0),
                10 => device.master = number(value, 0).filter(|index| *index != 0),
                16 => device.state = State::from_number(*value.first()?),
                18 => device.read_kind(value),
                37 => nsid = number(value, 0),
                _ => {}
            }
        }
        device.other = other.map(|index| Other { index, nsid });
        Some(device)
    }

    /// Reads IFLA_LINKINFO: the kind, and what only devices of this kind have.
    fn read_kind(&mut self, info: &[u8]) {
        let find = |wanted| Attributes(info).find(|(kind, _)| *kind == wanted);
        self.kind = find(1).map(|(_, value)| text(value));
        let Some((_, data)) = find(2) else { return };
        for (attribute, value) in Attributes(data) {
            match (self.kind.as_deref(), attribute) {
                (Some(b"vlan"), 1) => self.network = half(value, 0).map(u32::from),
                (Some(b"vxlan" | b"geneve"), 1) => self.network = number(value, 0),
                (Some(b"vxlan"), 2 | 16)
                | (Some(b"geneve"), 2 | 7)
                | (Some(b"ipip" | b"sit" | b"ip6tnl"), 3)
                | (Some(b"gre" | b"gretap" | b"ip6gre" | b"ip6gretap" | b"erspan"), 7)
                | (Some(b"vti" | b"vti6"), 5) => {
                    self.remote = address(value).filter(|address| !address.is_unspecified());
                }
                _ => {}
            }
        }
    }
}

impl DeviceAddress {
    /// Reads the body of an `RTM_NEWADDR` message; `None` if it has no address.
    pub fn read(body: &[u8]) -> Option<Self> {
        let (mut near, mut any) = (None, None);
        for (kind, value) in Attributes(body.get(ADDRESS_HEADER..)?) {
            match kind {
                1 => any = address(value),
                2 => near = address(value),
                _ => {}
            }
        }
        Some(Self {
            device: number(body, 4)?,
            // On a point-to-point link, IFA_ADDRESS is the other end's.
            address: near.or(any)?,
            prefix: *body.get(1)?,
        })
    }
}

/// Reads an address in network byte order.
pub(crate) fn address(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => Some(Ipv4Addr::from(*bytes.first_chunk::<4>()?).into()),
        16 => Some(Ipv6Addr::from(*bytes.first_chunk::<16>()?).into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_device_with_a_hostile_name_is_read() {
        let data = Body::default().with_number(1, 42).with(2, &[10, 0, 0, 2]);
        let info = Body::default().with_text(1, "vxlan").with(2, &data.0);
        let mut body = vec![0; LINK_HEADER];
        body[4] = 7;
        body[8] = 1;
        let body = Body(body)
            .with(3, b"\xff\x1b[2J\0")
            .with_number(4, 1500)
            .with_number(5, 3)
            .with(16, &[6])
            .with(18, &info.0)
            .with_number(37, 0)
            .0;
        let device = Device::read(&body).unwrap();
        let expected = Device {
            index: 7,
            name: b"\xff\x1b[2J".to_vec(),
            kind: Some(b"vxlan".to_vec()),
            state: State::Up,
            is_up: true,
            mtu: 1500,
            other: Some(Other {
                index: 3,
                nsid: Some(0),
            }),
            network: Some(42),
            remote: Some(Ipv4Addr::new(10, 0, 0, 2).into()),
            ..Device::default()
        };
        assert_eq!(device, expected);
        assert_eq!(Device::read(&body[..15]), None);
    }

    #[test]
    fn the_address_of_the_near_end_is_taken() {
        let body = Body(vec![2, 32, 0, 0, 5, 0, 0, 0])
            .with(1, &[10, 0, 0, 1])
            .with(2, &[10, 0, 0, 2]);
        let read = DeviceAddress::read(&body.0).unwrap();
        assert_eq!(
            (read.to_string(), read.device),
            ("10.0.0.2/32".to_owned(), 5)
        );
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = (Device::read(&bytes), DeviceAddress::read(&bytes));
        }
    }
}
