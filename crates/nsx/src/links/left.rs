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
/// away.
pub(crate) fn lines(network: &Network) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(table) = &network.table {
        lines.push(format!("table={}", table.name));
    }
    for link in &network.links {
        match &link.kind {
            LinkKind::Veth {
                outside, bridge, ..
            } => {
                lines.push(format!("link={outside}"));
                if let Some(bridge) = bridge {
                    lines.extend(hosts::lines(bridge, &link.addresses));
                }
            }
            LinkKind::Moved { from, is_up } => {
                let state = if *is_up { "up" } else { "down" };
                lines.push(format!("moved={} {from} {state}", link.name));
            }
            LinkKind::Upper { .. } => {}
        }
    }
    let bridges = network.bridges.iter();
    for bridge in bridges.filter(|bridge| bridge.ends_with_ports) {
        lines.push(format!("bridge={}", bridge.name));
    }
    let socket = network
        .uplink
        .as_ref()
        .and_then(|uplink| uplink.socket.as_ref());
    if let Some(socket) = socket {
        lines.push(format!("socket={}", socket.display()));
    }
    lines
}

/// Takes away what the lines of a record name. Interfaces come back from the network namespace
/// `inside`. After a failure the rest is taken away all the same: anything may be gone already.
pub(crate) fn take_away(record: &str, inside: Option<&Namespace>) {
    for (key, value) in record.lines().filter_map(|line| line.split_once('=')) {
        let name = || value.parse::<InterfaceName>().ok();
        match key {
            "table" => nat::remove(value),
            "link" => drop(name().map(|name| run::remove_link(&name))),
            "bridge" => drop(name().map(|name| run::remove_bridge(&name))),
            "moved" => drop(inside.and_then(|inside| fetch(inside, value))),
            "uplink" => drop(end_uplink(value)),
            "socket" => remove_socket(value),
            _ => {}
        }
    }
}

fn fetch(inside: &Namespace, value: &str) -> Option<()> {
    let mut words = value.split(' ');
    let (name, from) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    run::fetch(inside, &name, &from, words.next() == Some("up")).ok()
}

/// Ends the program that connected the network. `value` is its process id, the time of its start,
/// and the inode number of its pidfd, or 0 if that is unknown. A process that differs is left
/// alone.
fn end_uplink(value: &str) -> Option<()> {
    let mut words = value.split(' ');
    let process = Process::pin(pid::parse(words.next()?.as_bytes()).ok()?).ok()?;
    let start = decimal(words.next()?.as_bytes())?;
    let inode = decimal(words.next()?.as_bytes())?;
    let proc = ProcRoot::system().ok()?;
    let started = proc.start_time(process.pid(), &mut Vec::new()).ok()?;
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
