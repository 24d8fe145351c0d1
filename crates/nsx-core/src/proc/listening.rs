//! The addresses in `/proc/PID/net/tcp` and `/proc/PID/net/tcp6`, see `proc(5)`.

use super::ProcError;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Returns the addresses on which the sockets of a table listen.
///
/// # Errors
/// `Malformed` if a line has no address or no state.
pub fn listening(table: &[u8]) -> Result<Vec<SocketAddr>, ProcError> {
    /// The number of TCP_LISTEN.
    const LISTEN: &[u8] = b"0A";
    let mut found = Vec::new();
    let sockets = table.split(|byte| *byte == b'\n').skip(1);
    for line in sockets.filter(|line| !line.is_empty()) {
        let mut fields = line.split(|byte| *byte == b' ').filter(|it| !it.is_empty());
        // The number of the socket, the near end, the far end, the state.
        let (near, state) = (fields.nth(1), fields.nth(1));
        let near = near.and_then(address);
        match (near, state) {
            (Some(near), Some(LISTEN)) => found.push(near),
            (Some(_), Some(_)) => {}
            _ => return Err(ProcError::Malformed("net/tcp")),
        }
    }
    Ok(found)
}

/// Reads an address and a port: 32-bit words in the byte order of the host, and a number.
fn address(field: &[u8]) -> Option<SocketAddr> {
    let (ip, port) = std::str::from_utf8(field).ok()?.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |index: usize| u32::from_str_radix(ip.get(index * 8..index * 8 + 8)?, 16).ok();
    let ip: IpAddr = match ip.len() {
        8 => Ipv4Addr::from(word(0)?.to_ne_bytes()).into(),
        32 => {
            let mut bytes = [0; 16];
            for index in 0..4 {
                bytes[index * 4..index * 4 + 4].copy_from_slice(&word(index)?.to_ne_bytes());
            }
            Ipv6Addr::from(bytes).into()
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;
    use procfs::{
        FromBufReadSI, LocalSystemInfo,
        net::{TcpNetEntries, TcpState},
    };
    use proptest::prelude::*;
    use std::net::TcpListener;

    #[test]
    fn the_addresses_are_those_that_the_crate_procfs_reads() {
        let here: Vec<_> = ["127.0.0.1:0", "[::1]:0"]
            .into_iter()
            .filter_map(|address| TcpListener::bind(address).ok())
            .collect();
        assert!(!here.is_empty());
        let mut all = Vec::new();
        for table in ["/proc/self/net/tcp", "/proc/self/net/tcp6"] {
            let Ok(text) = std::fs::read(table) else {
                continue;
            };
            let theirs = TcpNetEntries::from_buf_read(text.as_slice(), &LocalSystemInfo).unwrap();
            let theirs = theirs.0.iter().filter(|it| it.state == TcpState::Listen);
            let theirs: Vec<_> = theirs.map(|it| it.local_address).collect();
            let ours = listening(&text).unwrap();
            assert_eq!(ours, theirs);
            all.extend(ours);
        }
        for listener in here {
            assert!(all.contains(&listener.local_addr().unwrap()));
        }
    }

    #[test]
    fn a_line_without_an_address_is_refused() {
        for line in ["0: x:0016 00000000:0000 0A", "0: 0100007F:0016", "0:"] {
            let table = format!("  sl  local_address\n{line}\n");
            assert_eq!(
                listening(table.as_bytes()),
                Err(ProcError::Malformed("net/tcp"))
            );
        }
        assert_eq!(listening(b"  sl  local_address\n"), Ok(Vec::new()));
    }

    proptest! {
        #[test]
        fn no_table_makes_it_panic(table: Vec<u8>, line in "[0-9A-Fé: ]{0,60}") {
            let _ = (listening(&table), listening(format!("\n{line}").as_bytes()));
        }
    }
}
