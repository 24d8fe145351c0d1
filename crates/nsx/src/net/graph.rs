//! The map of devices as a graph: a node for each network namespace, with an edge for each connection
//! between two of them.

use super::{
    ends::{Devices, End, Ends, Network},
    survey::Survey,
};
use crate::{
    answer::Answer,
    error::Error,
    ls::graph::{self, Language, Node, Shared},
    query::system::System,
    text::escape,
};
use nsx_core::{hash::HashSet, ns::NsId};
use nsx_net::Device;
use std::ffi::OsString;

/// The request to draw devices.
pub(super) struct Graph {
    /// The process or network namespace that is drawn with those it is connected to, if not all are.
    pub(super) target: Option<OsString>,
    pub(super) deep: bool,
    pub(super) language: Language,
}

impl Graph {
    /// Draws the devices of a system.
    pub(super) fn answer(&self, system: &System) -> Result<Answer, Error> {
        let mut survey = Survey::take(system, self.deep, self.target.as_deref())?;
        let target = survey.target;
        let networks = survey.read(None, Devices::read);
        let mut ends = Ends::new(&survey, &networks);
        let mut nodes = Vec::new();
        let mut connected: HashSet<NsId> = target.into_iter().collect();
        for (index, network) in networks.iter().enumerate() {
            let mut node = Node {
                title: escape(&network.name),
                command: String::new(),
                namespaces: Vec::new(),
                leader: None,
                shared: Vec::new(),
                owns: false,
                children: Vec::new(),
            };
            for device in network.found.devices.iter().filter(|it| !it.is_loopback) {
                let own = key(network, device);
                node.namespaces.push((line(network, device), own));
                let End::There(there, other) = ends.of(index, device) else {
                    continue;
                };
                if target == Some(network.ns) {
                    connected.insert(there.ns);
                } else if target == Some(there.ns) {
                    connected.insert(network.ns);
                }
                let other = key(there, other);
                // Both ends of a veth pair name the other: one edge is enough.
                if device.kind.as_deref() != Some(b"veth") || own < other {
                    let kind = device.kind.as_deref().unwrap_or_default();
                    node.shared.push(Shared {
                        kind: escape(kind),
                        inode: other,
                        of: None,
                    });
                }
            }
            nodes.push((network.ns, node));
        }
        let nodes = nodes.into_iter();
        let shown = nodes.filter(|(ns, _)| target.is_none() || connected.contains(ns));
        let nodes: Vec<_> = shown.map(|(_, node)| node).collect();
        let notes = [survey.notes(), survey.left_out().notes()].concat();
        let answer = Answer::text(graph::render(self.language, &nodes));
        Ok(answer.found(!nodes.is_empty()).with_notes(notes))
    }
}

/// Returns a number that stands for a device among all devices.
fn key(network: &Network, device: &Device) -> u64 {
    network.ns.inode << 32 | u64::from(device.index)
}

/// Returns a device in words.
fn line(network: &Network, device: &Device) -> String {
    let mut words = vec![escape(&device.name)];
    words.extend(device.kind.as_deref().map(escape));
    let master = device
        .master
        .and_then(|master| network.found.device(master));
    words.extend(master.map(|master| format!("on {}", escape(&master.name))));
    let mut addresses = network.found.addresses_of(device);
    words.extend(addresses.next().map(ToString::to_string));
    words.join(" ")
}
