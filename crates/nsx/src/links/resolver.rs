//! Resolvers of names for a network inside: a `resolv.conf(5)` whose servers can be reached there.

use std::{fs, net::IpAddr};

/// The files that may name servers beyond this host: systemd-resolved's own address is only in the
/// first.
const FILES: [&str; 2] = ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"];

/// Returns the host's resolvers that answer inside too, if the host's file names others: servers on
/// loopback addresses do not answer inside.
pub(super) fn of_host() -> Option<String> {
    let read = |file: &str| fs::read_to_string(file).unwrap_or_default();
    let text = read(FILES[0]);
    if !names_loopback(&text) {
        return None;
    }
    beyond_host(&text).or_else(|| beyond_host(&read(FILES[1])))
}

/// Returns a file with one server, and the host's other settings.
pub(super) fn one(server: IpAddr) -> String {
    let host = fs::read_to_string(FILES[0]).unwrap_or_default();
    let others = host.lines().filter(|line| server_of(line).is_none());
    let lines = others
        .map(str::to_owned)
        .chain([format!("nameserver {server}")]);
    lines.map(|line| line + "\n").collect()
}

fn server_of(line: &str) -> Option<&str> {
    let mut words = line.split_ascii_whitespace();
    (words.next() == Some("nameserver")).then(|| words.next().unwrap_or_default())
}

fn names_loopback(text: &str) -> bool {
    text.lines().filter_map(server_of).any(is_loopback)
}

fn is_loopback(server: &str) -> bool {
    server
        .parse::<IpAddr>()
        .is_ok_and(|address| address.is_loopback())
}

/// Returns the text without servers on loopback addresses, if a server is left.
fn beyond_host(text: &str) -> Option<String> {
    let kept = text
        .lines()
        .filter(|line| !server_of(line).is_some_and(is_loopback));
    let kept: Vec<&str> = kept.collect();
    let has_server = kept.iter().any(|line| server_of(line).is_some());
    has_server.then(|| kept.iter().map(|line| format!("{line}\n")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_on_loopback_addresses_are_left_out() {
        let stub = "nameserver 127.0.0.53\noptions edns0\n";
        assert!(names_loopback(stub) && names_loopback("nameserver\t::1"));
        assert_eq!(beyond_host(stub), None);
        assert!(!names_loopback(
            "# nameserver 127.0.0.1\nnameserver 10.0.0.53\n"
        ));
        assert_eq!(
            beyond_host("search a b\nnameserver 127.0.0.1\nnameserver 10.0.0.53"),
            Some("search a b\nnameserver 10.0.0.53\n".to_owned())
        );
    }
}
