//! Traces of a set in the host's network, as lines of its record, and their end.

use super::{hosts, nat};
use nsx_core::{
    ns::Namespace,
    pid::{self, Process},
    plan::{LinkKind, Network},
    proc::{ProcRoot, decimal},
    run,
};
use nsx_net::InterfaceName;
use std::{os::unix::ffi::OsStrExt, path::Path};

/// Returns the lines about what a set's network has in the host's, in the order in which it is taken
/// away. The value of a line about one connection begins with the name of the interface inside.
pub(crate) fn lines(network: &Network) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(table) = &network.table {
        let inside = super::translated(network);
        let inside = inside.map_or("", |(_, link)| link.name.as_str());
        lines.push(format!("table={inside} {}", table.name));
    }
    for link in &network.links {
        match &link.kind {
            LinkKind::Veth {
                outside, bridge, ..
            } => {
                lines.push(format!("link={} {outside}", link.name));
                if let Some(bridge) = bridge {
                    lines.extend(hosts::lines(link, bridge));
                }
            }
            LinkKind::Moved { from, is_up } => {
                let state = if *is_up { "up" } else { "down" };
                lines.push(format!("moved={} {from} {state}", link.name));
            }
            // The kernel takes a moment to take them away with the network.
            LinkKind::Cable { .. } => lines.push(format!("inside={}", link.name)),
            LinkKind::Upper { .. } => {}
        }
    }
    let bridges = network.bridges.iter();
    for bridge in bridges.filter(|bridge| bridge.ends_with_ports) {
        lines.push(format!("bridge={}", bridge.name));
    }
    if let Some(uplink) = &network.uplink
        && let Some(socket) = &uplink.socket
    {
        lines.push(format!("socket={} {}", uplink.name, socket.display()));
    }
    lines
}

/// Takes away what the lines of a record name. Interfaces come back from the network namespace
/// `inside`. After a failure the rest is taken away all the same: anything may be gone already.
pub(crate) fn take_away(record: &str, inside: Option<&Namespace>) {
    for (key, value) in record.lines().filter_map(|line| line.split_once('=')) {
        let (name, rest) = value.split_once(' ').unwrap_or((value, ""));
        let interface = |name: &str| name.parse::<InterfaceName>().ok();
        match key {
            "table" => nat::remove(rest),
            "link" => drop(interface(rest).map(|name| run::remove_link(&name))),
            "bridge" => drop(interface(value).map(|name| run::remove_bridge(&name))),
            "inside" => drop(
                inside
                    .zip(interface(name))
                    .map(|(inside, name)| run::remove_in(inside, &name)),
            ),
            "moved" => drop(inside.and_then(|inside| fetch(inside, name, rest))),
            "uplink" => drop(end_uplink(rest)),
            "socket" => remove_socket(rest),
            _ => {}
        }
    }
}

/// Returns whether a line of a record is about the connection that has this name inside.
pub(crate) fn is_about(line: &str, name: &str) -> bool {
    let Some((key, value)) = line.split_once('=') else {
        return false;
    };
    let is_key = [
        "table",
        "link",
        "inside",
        "moved",
        "uplink",
        "socket",
        hosts::KEY,
    ]
    .contains(&key);
    is_key && value.split(' ').next() == Some(name)
}

fn fetch(inside: &Namespace, name: &str, rest: &str) -> Option<()> {
    let (from, state) = rest.split_once(' ')?;
    let (name, from) = (name.parse().ok()?, from.parse().ok()?);
    run::fetch(inside, &name, &from, state == "up").ok()
}

/// Ends the program that connected the network. `words` are its process id, the time of its start,
/// and the inode number of its pidfd, or 0 if that is unknown. A process that differs is left
/// alone.
fn end_uplink(words: &str) -> Option<()> {
    let mut words = words.split(' ');
    let process = Process::pin(pid::parse(words.next()?.as_bytes()).ok()?).ok()?;
    let start = decimal(words.next()?.as_bytes())?;
    let inode = decimal(words.next()?.as_bytes())?;
    let proc = ProcRoot::system().ok()?;
    let started = proc.start_time(process.pid()).ok()?;
    let is_it = started == start && process.inode().is_ok_and(|own| inode == 0 || own == inode);
    is_it
        .then(|| process.kill().and_then(|()| process.wait_for_end()))?
        .ok()
}

/// Removes the socket for requests to slirp4netns and its directory, which is nsx's by its name.
fn remove_socket(value: &str) {
    let socket = Path::new(value);
    let directory = socket.parent().and_then(Path::file_name);
    let is_nsxs = directory.is_some_and(|name| name.as_bytes().starts_with(b"nsx-"));
    if is_nsxs && socket.ends_with("slirp4netns") {
        let _ = run::remove_socket(socket);
    }
}
