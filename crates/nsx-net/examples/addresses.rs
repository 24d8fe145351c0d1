//! Lists the links of this network namespace with their addresses and routers: `addresses`.

#![allow(clippy::print_stdout)]

use nsx_net::{Netlink, NetlinkError};

/// Returns one line per link: its name, its addresses, and the router of the default route.
fn lines() -> Result<Vec<String>, NetlinkError> {
    let mut netlink = Netlink::open()?;
    let (links, addresses) = (netlink.links()?, netlink.addresses()?);
    let mut routes = netlink.routes()?;
    routes.retain(|route| route.destination.prefix_len() == 0);
    let line = |link: &nsx_net::Link| {
        let own = addresses
            .iter()
            .filter(|address| address.link == link.index);
        let mut words = vec![link.name.clone()];
        words.extend(own.map(|address| address.net.to_string()));
        let own = routes.iter().filter(|route| route.link == Some(link.index));
        let routers = own.filter_map(|route| route.gateway);
        words.extend(routers.map(|router| format!("via {router}")));
        words.join(" ")
    };
    Ok(links.iter().map(line).collect())
}

fn main() -> Result<(), NetlinkError> {
    for line in lines()? {
        println!("{line}");
    }
    Ok(())
}

#[test]
fn every_device_that_proc_shows_is_listed() -> Result<(), Box<dyn std::error::Error>> {
    let listed = || lines().map(|lines| lines.join("\n"));
    let (before, shown, after) = (
        listed()?,
        std::fs::read_to_string("/proc/net/dev")?,
        listed()?,
    );
    for line in shown.lines().skip(2) {
        let name = line.split(':').next().unwrap_or_default().trim();
        let has = |lines: &str| {
            lines
                .lines()
                .any(|line| line.split(' ').next() == Some(name))
        };
        // A device that came or went meanwhile is in one of the lists only.
        assert!(has(&before) || has(&after), "{name}");
    }
    assert!(
        before.starts_with("lo 127.0.0.1/8") || !shown.contains("lo:"),
        "{before}"
    );
    Ok(())
}
