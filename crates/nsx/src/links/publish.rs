//! Ports outside that lead inside, as `--publish` names them.

use super::error::LinkError;
use nsx_core::plan::{Protocol, Publish};
use nsx_core::trouble;
use rustix::io::Errno;
use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket},
};

/// Reads `[IP:]HOST:INSIDE[/udp]`. An IPv6 address is in brackets.
pub(crate) fn parse(text: &str) -> Result<Publish, String> {
    let (ports, protocol) = match text.rsplit_once('/') {
        None => (text, Protocol::Tcp),
        Some((ports, "tcp")) => (ports, Protocol::Tcp),
        Some((ports, "udp")) => (ports, Protocol::Udp),
        Some((_, other)) => return Err(format!("{other:?} is not a protocol: tcp or udp")),
    };
    let form = || {
        format!("{text:?} is not [IP:]HOST:INSIDE[/udp], such as 8080:80 or 127.0.0.1:5353:53/udp")
    };
    let (outside, inside) = ports.rsplit_once(':').ok_or_else(form)?;
    let (address, outside) = match outside.rsplit_once(':') {
        None => (None, outside),
        Some((address, outside)) => (Some(self::address(address)?), outside),
    };
    Ok(Publish {
        address,
        outside: port(outside)?,
        inside: port(inside)?,
        protocol,
    })
}

fn address(text: &str) -> Result<IpAddr, String> {
    let in_brackets = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let address = match in_brackets {
        Some(text) => text.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => text.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
    };
    address
        .ok_or_else(|| format!("{text:?} is not an IPv4 address, nor an IPv6 address in brackets"))
}

fn port(text: &str) -> Result<u16, String> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let port = text.parse().ok().filter(|port| digits && *port > 0);
    port.ok_or_else(|| format!("{text:?} is not a port: a number from 1 to 65535"))
}

/// Returns whether both take the same port outside.
pub(super) fn overlap(one: &Publish, other: &Publish) -> bool {
    let addresses = match (one.address, other.address) {
        (Some(one), Some(other)) => one == other,
        _ => true,
    };
    addresses && one.outside == other.outside && one.protocol == other.protocol
}

/// Refuses a port that a program of this network namespace has, by taking the port for a moment.
pub(super) fn probe(publish: &Publish) -> Result<(), LinkError> {
    let address = publish.address.unwrap_or(Ipv4Addr::UNSPECIFIED.into());
    let address = SocketAddr::new(address, publish.outside);
    let taken: io::Result<()> = match publish.protocol {
        Protocol::Tcp => TcpListener::bind(address).map(drop),
        Protocol::Udp => UdpSocket::bind(address).map(drop),
    };
    taken.map_err(|error| match trouble::errno_of(&error) {
        Errno::ADDRINUSE => LinkError::Busy(*publish),
        errno => LinkError::Port(*publish, errno),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_port_is_read_and_written_in_one_form() {
        for text in [
            "8080:80",
            "127.0.0.1:8080:80",
            "[fd00::1]:8080:80",
            "53:5353/udp",
            "[::]:1:65535/udp",
        ] {
            assert_eq!(
                parse(text).map(|publish| publish.to_string()),
                Ok(text.to_owned())
            );
        }
        assert_eq!(parse("8080:80/tcp"), parse("8080:80"));
    }

    #[test]
    fn a_text_that_is_not_a_port_is_refused_with_its_cause() {
        for (text, cause) in [
            ("", "is not [IP:]"),
            ("80", "is not [IP:]"),
            ("0:80", "1 to 65535"),
            ("80:65536", "1 to 65535"),
            ("+1:80", "1 to 65535"),
            (":80", "1 to 65535"),
            ("fd00::1:80:80", "in brackets"),
            ("[10.0.0.1]:80:80", "in brackets"),
            ("host:80:80", "in brackets"),
            ("80:80/sctp", "tcp or udp"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(cause), "{text}: {error}");
        }
    }

    #[test]
    fn ports_of_one_number_overlap_unless_their_addresses_differ() {
        let overlap =
            |one: &str, other: &str| overlap(&parse(one).unwrap(), &parse(other).unwrap());
        assert!(overlap("80:80", "80:81"));
        assert!(overlap("80:80", "10.0.0.1:80:80"));
        assert!(!overlap("10.0.0.2:80:80", "10.0.0.1:80:80"));
        assert!(!overlap("80:80", "80:80/udp"));
        assert!(!overlap("80:80", "81:80"));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,20}|[0-9.:/\\[\\]]{0,30}") {
            if let Ok(publish) = parse(&text) {
                prop_assert_eq!(parse(&publish.to_string()), Ok(publish));
            }
        }
    }
}
