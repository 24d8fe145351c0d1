//! Addresses for links that name none: networks that nothing on the host uses, and numbers in them.

use nsx_net::IpNet;
use std::{
    hash::{BuildHasher, RandomState},
    net::Ipv4Addr,
};

/// The length of the prefix of the network of nsx's own bridge.
const PREFIX: u8 = 16;

/// The numbers that links can have in that network: 0 is the network itself, 1 the bridge, and the
/// last is the broadcast address.
const NUMBERS: std::ops::RangeInclusive<u16> = 2..=0xfffe;

/// Returns a private network (RFC 1918) that overlaps with none of `used`, as the address that a
/// bridge has there.
pub(super) fn network(used: &[IpNet]) -> Option<IpNet> {
    let candidates = (213..=254)
        .chain(1..=212)
        .map(|second| Ipv4Addr::new(10, second, 0, 1))
        .chain((16..=31).map(|second| Ipv4Addr::new(172, second, 0, 1)))
        .chain([Ipv4Addr::new(192, 168, 0, 1)]);
    candidates
        .filter_map(|address| IpNet::new(address.into(), PREFIX).ok())
        .find(|network| used.iter().all(|other| !overlap(network, other)))
}

/// Returns two addresses that form a network of their own within `network`.
pub(super) fn pair(network: &IpNet) -> Option<(IpNet, IpNet)> {
    const PAIR: u8 = 30;
    let IpNet::V4(net) = network else {
        return None;
    };
    let first = u32::from(net.network());
    let address = |number| IpNet::new(Ipv4Addr::from(first + number).into(), PAIR).ok();
    Some((address(1)?, address(2)?))
}

fn overlap(one: &IpNet, other: &IpNet) -> bool {
    // A default route leads everywhere and uses nothing.
    other.prefix_len() > 0 && (one.contains(&other.addr()) || other.contains(&one.addr()))
}

/// Returns all numbers that a port of the bridge can have, each once, from a random start. The name
/// of a port has its number, so that the kernel, which gives a name once, gives an address once.
///
/// With a fixed start, one of two programs that start at the same time would fail.
pub(super) fn numbers() -> impl Iterator<Item = u16> {
    let count = NUMBERS.end() - NUMBERS.start() + 1;
    let start = RandomState::new().hash_one(std::process::id()) % u64::from(count);
    let start = NUMBERS.start() + start as u16;
    (start..=*NUMBERS.end()).chain(*NUMBERS.start()..start)
}

/// Returns the address with that number in the network of the bridge, if the network has one.
pub(super) fn address(bridge: &IpNet, number: u16) -> Option<IpNet> {
    let IpNet::V4(net) = bridge else {
        return None;
    };
    if net.prefix_len() > PREFIX {
        return None;
    }
    let address = u32::from(net.network()).checked_add(number.into())?;
    IpNet::new(Ipv4Addr::from(address).into(), net.prefix_len()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nets(texts: &[&str]) -> Vec<IpNet> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn a_network_overlaps_with_nothing() {
        assert_eq!(network(&[]), Some("10.213.0.1/16".parse().unwrap()));
        let used = nets(&["0.0.0.0/0", "10.213.4.0/24", "10.214.0.0/15", "::1/128"]);
        assert_eq!(network(&used), Some("10.216.0.1/16".parse().unwrap()));
        let used = nets(&["10.0.0.0/8", "172.16.0.0/12"]);
        assert_eq!(network(&used), Some("192.168.0.1/16".parse().unwrap()));
        assert_eq!(
            network(&nets(&["10.0.0.0/8", "172.16.0.0/12", "192.168.4.1/24"])),
            None
        );
    }

    #[test]
    fn each_number_comes_once_and_addresses_follow_it() {
        let mut all: Vec<u16> = numbers().collect();
        all.sort_unstable();
        assert_eq!(all, NUMBERS.collect::<Vec<_>>());
        let bridge = "10.213.0.1/16".parse().unwrap();
        assert_eq!(address(&bridge, 2), Some("10.213.0.2/16".parse().unwrap()));
        assert_eq!(
            address(&bridge, 0xfffe),
            Some("10.213.255.254/16".parse().unwrap())
        );
        assert_eq!(address(&"10.0.0.1/24".parse().unwrap(), 2), None);
        let ends = ["10.213.0.1/30", "10.213.0.2/30"].map(|text| text.parse().unwrap());
        assert_eq!(pair(&bridge), Some(ends.into()));
        let port = format!("nsx0-{}", NUMBERS.end());
        assert!(port.len() <= nsx_net::InterfaceName::LONGEST);
    }
}
