//! A link as `--link` describes it.

use nsx_core::plan::UplinkKind;
use nsx_net::{InterfaceName, IpNet, UpperKind};
use std::{net::IpAddr, str::FromStr};

/// A link as typed. Whatever is left out is chosen later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LinkSpec {
    pub(super) kind: SpecKind,
    pub(super) name: Option<InterfaceName>,
    pub(super) mac: Option<[u8; 6]>,
    pub(super) mtu: Option<u32>,
    pub(super) addresses: Vec<IpNet>,
    pub(super) gateways: Vec<IpAddr>,
}

/// The kind of the link, and what belongs to this kind alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SpecKind {
    Veth {
        peer: Option<InterfaceName>,
        /// The addresses of the peer, beside those of the gateways.
        peer_addresses: Vec<IpNet>,
        bridge: Option<InterfaceName>,
        create: bool,
        /// The TARGET whose network has the peer, if it is not this one.
        to: Option<String>,
    },
    Upper {
        kind: UpperKind,
        parent: InterfaceName,
    },
    Moved {
        from: InterfaceName,
    },
    Uplink(UplinkKind),
}

impl SpecKind {
    /// The kind of `--link veth` alone.
    pub(super) const VETH: Self = Self::Veth {
        peer: None,
        peer_addresses: Vec::new(),
        bridge: None,
        create: false,
        to: None,
    };
}

/// The kinds, for messages.
const KINDS: &str = "veth, macvlan:PARENT, ipvlan:PARENT, move:INTERFACE, pasta and slirp4netns";

/// The smallest MTU with which IPv4 works, see RFC 791, and the largest that a veth takes.
const MTU: std::ops::RangeInclusive<u32> = 68..=65_535;

impl FromStr for LinkSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut words = text.split(',');
        let kind = words.next().unwrap_or_default();
        let kind = match kind.split_once(':') {
            None if kind == "veth" => SpecKind::VETH,
            Some((word @ ("macvlan" | "ipvlan"), parent)) => SpecKind::Upper {
                kind: match word {
                    "macvlan" => UpperKind::Macvlan,
                    _ => UpperKind::Ipvlan,
                },
                parent: interface("the parent", parent)?,
            },
            Some(("move", from)) => SpecKind::Moved {
                from: interface("the interface", from)?,
            },
            None if kind == "pasta" => SpecKind::Uplink(UplinkKind::Pasta),
            None if kind == "slirp4netns" => SpecKind::Uplink(UplinkKind::Slirp4netns),
            None if ["macvlan", "ipvlan", "move"].contains(&kind) => {
                return Err(format!(
                    "{kind} needs an interface of this host: {kind}:eth0"
                ));
            }
            Some(("veth", _)) => {
                return Err("veth has no parent; name a bridge with bridge=NAME".to_owned());
            }
            _ => {
                return Err(format!("{kind:?} is not a kind of link: they are {KINDS}"));
            }
        };
        let mut spec = Self::of_kind(kind);
        for word in words {
            spec.read(word)?;
        }
        spec.check()?;
        Ok(spec)
    }
}

impl LinkSpec {
    /// A link of this kind with everything else left out.
    pub(super) fn of_kind(kind: SpecKind) -> Self {
        Self {
            kind,
            name: None,
            mac: None,
            mtu: None,
            addresses: Vec::new(),
            gateways: Vec::new(),
        }
    }

    /// A cable to an existing bridge, or to nsx's own bridge if none is named. None if a cable cannot
    /// have this MTU.
    pub(crate) fn cable(
        name: InterfaceName,
        bridge: Option<InterfaceName>,
        mtu: u32,
    ) -> Option<Self> {
        let kind = SpecKind::Veth {
            peer: None,
            peer_addresses: Vec::new(),
            bridge,
            create: false,
            to: None,
        };
        MTU.contains(&mtu).then(|| Self {
            name: Some(name),
            mtu: Some(mtu),
            ..Self::of_kind(kind)
        })
    }

    /// A macvlan on top of an interface.
    pub(crate) fn macvlan(name: InterfaceName, parent: InterfaceName) -> Self {
        let kind = UpperKind::Macvlan;
        Self {
            name: Some(name),
            ..Self::of_kind(SpecKind::Upper { kind, parent })
        }
    }

    /// Returns the bridge that the link is to be a port of.
    pub(crate) fn bridge(&self) -> Option<&InterfaceName> {
        match &self.kind {
            SpecKind::Veth { bridge, .. } => bridge.as_ref(),
            _ => None,
        }
    }

    /// Returns the target whose network the far end of the cable is to be in.
    pub(super) fn to(&self) -> Option<&str> {
        match &self.kind {
            SpecKind::Veth { to, .. } => to.as_deref(),
            _ => None,
        }
    }

    /// Refuses what is not for links of this kind.
    fn check(&self) -> Result<(), String> {
        let refused = match &self.kind {
            SpecKind::Veth {
                bridge: None,
                create: true,
                ..
            } => "create is about a bridge; name it with bridge=NAME",
            SpecKind::Veth {
                bridge: Some(_),
                to: Some(_),
                ..
            } => "a cable leads to a bridge or to a target; name one of bridge= and to=",
            SpecKind::Veth {
                bridge: Some(_),
                peer_addresses,
                ..
            } if !peer_addresses.is_empty() => {
                "peeraddr is for a peer without a bridge: a port of a bridge has no address"
            }
            SpecKind::Upper {
                kind: UpperKind::Ipvlan,
                ..
            } if self.mac.is_some() => "mac is not for ipvlan, which has its parent's address",
            SpecKind::Moved { .. } if self.mac.is_some() || self.mtu.is_some() => {
                "mac and mtu are not for an interface that is moved, which keeps its own"
            }
            SpecKind::Uplink(_)
                if self.mac.is_some()
                    || !(self.addresses.is_empty() && self.gateways.is_empty()) =>
            {
                "the program chooses the addresses: only name and mtu can be set"
            }
            _ => return Ok(()),
        };
        Err(refused.to_owned())
    }

    /// Reads one part of the text, `KEY=VALUE` or `create`.
    fn read(&mut self, word: &str) -> Result<(), String> {
        let (key, value) = match word.split_once('=') {
            Some((key, value)) => (key, Some(value)),
            None => (word, None),
        };
        match (key, value, &mut self.kind) {
            ("name", Some(name), _) => set(&mut self.name, key, interface("the name", name)?),
            ("mac", Some(text), _) => set(&mut self.mac, key, mac(text)?),
            ("mtu", Some(text), _) => set(&mut self.mtu, key, mtu(text)?),
            ("addr", Some(text), _) => add(&mut self.addresses, text),
            ("peeraddr", Some(text), SpecKind::Veth { peer_addresses, .. }) => {
                add(peer_addresses, text)
            }
            ("to", Some(target), SpecKind::Veth { to, .. }) => match target {
                "" => Err("to needs a target: to=lab:NAME".to_owned()),
                target => set(to, key, target.to_owned()),
            },
            ("gw", Some(text), _) => {
                let router = text
                    .parse::<IpAddr>()
                    .map_err(|_| format!("{text:?} is not an address of a gateway"))?;
                if self
                    .gateways
                    .iter()
                    .any(|other| other.is_ipv4() == router.is_ipv4())
                {
                    return Err("two gateways of the same family are named".to_owned());
                }
                self.gateways.push(router);
                Ok(())
            }
            ("peer", Some(name), SpecKind::Veth { peer, .. }) => {
                set(peer, key, interface("the peer's name", name)?)
            }
            ("bridge", Some(name), SpecKind::Veth { bridge, .. }) => {
                set(bridge, key, interface("the bridge's name", name)?)
            }
            ("create", None, SpecKind::Veth { create, .. }) => {
                *create = true;
                Ok(())
            }
            ("create", Some(_), SpecKind::Veth { .. }) => Err("create has no value".to_owned()),
            ("peer" | "peeraddr" | "bridge" | "create" | "to", _, kind)
                if !matches!(kind, SpecKind::Veth { .. }) =>
            {
                Err(format!("{key} is for veth"))
            }
            (
                "name" | "mac" | "mtu" | "addr" | "gw" | "peer" | "peeraddr" | "bridge" | "to",
                None,
                _,
            ) => Err(format!("{key} needs a value: {key}=…")),
            _ => Err(format!(
                "{word:?} is not known: name=, peer=, peeraddr=, bridge=, create, to=, addr=, gw=, \
                mac= and mtu= are"
            )),
        }
    }
}

fn set<T>(field: &mut Option<T>, key: &str, value: T) -> Result<(), String> {
    match field.replace(value) {
        None => Ok(()),
        Some(_) => Err(format!("{key} is named twice")),
    }
}

fn add(addresses: &mut Vec<IpNet>, text: &str) -> Result<(), String> {
    let address = address(text)?;
    if addresses.contains(&address) {
        return Err(format!("{address} is named twice"));
    }
    addresses.push(address);
    Ok(())
}

fn interface(what: &str, text: &str) -> Result<InterfaceName, String> {
    text.parse()
        .map_err(|error| format!("{what} {text:?} cannot name an interface: {error}"))
}

fn address(text: &str) -> Result<IpNet, String> {
    text.parse().map_err(|_| match text.parse::<IpAddr>() {
        Ok(IpAddr::V4(_)) => format!("{text} needs the length of its network's prefix: {text}/24"),
        Ok(IpAddr::V6(_)) => format!("{text} needs the length of its network's prefix: {text}/64"),
        Err(_) => format!("{text:?} is not an address with a prefix, such as 10.0.0.2/24"),
    })
}

fn mtu(text: &str) -> Result<u32, String> {
    let mtu = text.parse().ok().filter(|mtu| MTU.contains(mtu));
    mtu.ok_or_else(|| format!("{text:?} is not an MTU: a number from 68 to 65535"))
}

fn mac(text: &str) -> Result<[u8; 6], String> {
    let bytes: Option<Vec<u8>> = text
        .split(':')
        .map(|byte| {
            Some(byte)
                .filter(|byte| byte.len() == 2)
                .and_then(|byte| u8::from_str_radix(byte, 16).ok())
        })
        .collect();
    let mac: Option<[u8; 6]> = bytes.and_then(|bytes| bytes.try_into().ok());
    match mac {
        None => Err(format!(
            "{text:?} is not a hardware address, such as 02:00:00:00:00:01"
        )),
        // The kernel refuses both, see is_valid_ether_addr.
        Some(mac) if mac[0] & 1 == 1 || mac == [0; 6] => Err(format!(
            "{text} is an address of a group or of nobody, which an interface cannot have"
        )),
        Some(mac) => Ok(mac),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Result<LinkSpec, String> {
        text.parse()
    }

    #[test]
    fn a_link_is_read_part_by_part() {
        let spec = read(
            "veth,name=eth0,peer=lab0,bridge=br0,create,addr=10.0.0.2/24,addr=fd00::2/64,\
             gw=10.0.0.1,gw=fd00::1,mac=02:00:00:00:00:0a,mtu=1400",
        )
        .unwrap();
        assert_eq!(spec.name.unwrap().as_str(), "eth0");
        assert_eq!(spec.mac, Some([2, 0, 0, 0, 0, 10]));
        assert_eq!(spec.mtu, Some(1400));
        assert_eq!(
            spec.addresses,
            [
                "10.0.0.2/24".parse().unwrap(),
                "fd00::2/64".parse().unwrap()
            ]
        );
        assert_eq!(spec.gateways.len(), 2);
        let SpecKind::Veth {
            peer,
            bridge,
            create,
            ..
        } = spec.kind
        else {
            panic!("not a veth");
        };
        assert_eq!(peer.unwrap().as_str(), "lab0");
        assert_eq!(bridge.unwrap().as_str(), "br0");
        assert!(create);
        assert!(read("veth").is_ok());
        for good in [
            "veth,to=lab:web,peer=wan,addr=10.0.0.2/24,peeraddr=10.0.0.3/24",
            "macvlan:eth0,addr=10.0.0.2/24",
            "ipvlan:eth0,addr=10.0.0.2/24,mtu=1400",
            "move:eth0,name=wan,addr=10.0.0.2/24",
            "pasta,name=wan,mtu=1400",
            "slirp4netns",
        ] {
            assert!(read(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn a_text_that_is_not_a_link_is_refused_with_its_cause() {
        for (text, cause) in [
            ("", "not a kind of link"),
            ("vath", "veth, macvlan:PARENT"),
            ("veth,to=", "to=lab:NAME"),
            ("veth,to=web,bridge=br0", "one of bridge= and to="),
            ("veth,bridge=br0,peeraddr=10.0.0.3/24", "without a bridge"),
            ("veth,peeraddr=10.0.0.3", "10.0.0.3/24"),
            ("macvlan:eth0,to=web", "to is for veth"),
            ("ipvlan", "ipvlan:eth0"),
            ("move", "move:eth0"),
            ("move:eth0,mtu=1400", "keeps its own"),
            ("ipvlan:eth0,mac=02:00:00:00:00:01", "its parent's address"),
            ("pasta,addr=10.0.0.2/24", "only name and mtu"),
            ("slirp4netns,bridge=br0", "is for veth"),
            ("pasta:eth0", "not a kind of link"),
            ("macvlan", "macvlan:eth0"),
            ("veth:eth0", "bridge=NAME"),
            ("veth,create", "bridge=NAME"),
            ("veth,create=yes", "no value"),
            ("veth,addr=10.0.0.2", "10.0.0.2/24"),
            ("veth,addr=fd00::2", "fd00::2/64"),
            ("veth,addr=10.0.0.2/33", "not an address"),
            ("veth,addr=x", "not an address"),
            ("veth,addr=10.0.0.2/24,addr=10.0.0.2/24", "twice"),
            ("veth,gw=10.0.0.1,gw=10.0.0.3", "two gateways"),
            ("veth,gw=10.0.0.1/24", "not an address of a gateway"),
            ("veth,name=0123456789abcdef", "longer than 15 bytes"),
            ("veth,name=a/b", "the character '/'"),
            ("veth,name=", "empty"),
            ("veth,name", "name="),
            ("veth,name=a,name=b", "twice"),
            ("veth,mtu=67", "68 to 65535"),
            ("veth,mtu=-1", "68 to 65535"),
            ("veth,mac=1:2:3:4:5:6", "not a hardware address"),
            ("veth,mac=01:00:00:00:00:00", "an interface cannot have"),
            ("veth,mac=00:00:00:00:00:00", "an interface cannot have"),
            ("macvlan:eth0,bridge=br0", "is for veth"),
            ("veth,colour=red", "not known"),
            ("veth,", "not known"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(cause), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(veth|pasta|slirp4netns|(macvlan|ipvlan|move):[a-z]{0,3})(,[a-z]{2,6}(=[0-9a-f.:/]{0,20})?){0,4}") {
            let _ = read(&text);
        }
    }
}
