//! The list of devices with their other ends.

use super::{
    ends::{Devices, End, Ends, Network},
    survey::Survey,
};
use crate::{
    answer::{Answer, Format},
    error::Error,
    query::{
        cell::Cell, column::LinkColumn, condition, filter::Filter, left_out::Hidden,
        listing::Listing, system::System,
    },
};
use nsx_net::{Device, State};
use serde::Serialize;
use std::ffi::OsString;

/// The request to list devices.
pub(super) struct Map {
    /// The process or network namespace whose devices are listed, if not all are.
    pub(super) target: Option<OsString>,
    /// `true` if loopback devices are listed beside others.
    pub(super) has_loopback: bool,
    /// `true` if network namespaces are searched everywhere.
    pub(super) deep: bool,
    /// The condition that the devices fulfil.
    pub(super) filter: Option<Filter<LinkColumn>>,
    pub(super) columns: Vec<LinkColumn>,
}

/// The JSON document.
#[derive(Serialize)]
struct Document<L> {
    version: u32,
    links: Vec<L>,
    hidden: Hidden,
    /// The number of network namespaces that could not be read.
    unread: usize,
}

impl Map {
    /// Lists the devices of a system.
    pub(super) fn answer(&self, system: &System, format: Format) -> Result<Answer, Error> {
        let mut survey = Survey::take(system, self.deep, self.target.as_deref())?;
        let networks = survey.read(None, Devices::read);
        let mut left_out = survey.left_out();
        let mut ends = Ends::new(&survey, &networks);
        let mut rows = Vec::new();
        for (index, network) in networks.iter().enumerate() {
            if !survey.lists(network.ns) {
                continue;
            }
            for device in self.shown(network) {
                let end = ends.of(index, device);
                let cell = |column| cell(network, device, end, column);
                if left_out.is_shown(condition::holds(self.filter.as_ref(), cell)) {
                    rows.push(self.columns.iter().map(|column| cell(*column)).collect());
                }
            }
        }
        let listing = Listing {
            columns: self.columns.clone(),
            rows,
            unseen: survey.census.unseen,
        };
        let found = !listing.rows.is_empty();
        let answer = match format {
            Format::Text => Answer::table(listing.table(&self.columns)),
            Format::Json => Answer::json(&Document {
                version: 1,
                links: listing.objects(&self.columns).collect(),
                hidden: left_out.hidden(),
                unread: survey.unread(),
            })?,
            Format::JsonLines => Answer::json_lines(listing.objects(&self.columns))?,
        };
        let notes = [survey.notes(), left_out.notes()].concat();
        Ok(answer.found(found).with_notes(notes))
    }

    /// Returns the devices of a network that are listed.
    fn shown<'a>(&self, network: &'a Network) -> impl Iterator<Item = &'a Device> {
        let has_loopback = self.has_loopback
            || network
                .found
                .devices
                .iter()
                .all(|device| device.is_loopback);
        let devices = network.found.devices.iter();
        devices.filter(move |device| has_loopback || !device.is_loopback)
    }
}

/// Returns the cell of a device in a column.
fn cell(network: &Network, device: &Device, end: End<'_>, column: LinkColumn) -> Cell {
    match column {
        LinkColumn::Name => Cell::Text(network.name.clone()),
        LinkColumn::Ns => Cell::Number(network.ns.inode),
        LinkColumn::Link => Cell::Text(device.name.clone()),
        LinkColumn::Index => Cell::Number(device.index.into()),
        LinkColumn::Kind => device.kind.clone().map_or(Cell::Nothing, Cell::Text),
        LinkColumn::State => Cell::text(state(device)),
        LinkColumn::Mtu => Cell::Number(device.mtu.into()),
        LinkColumn::Mac if device.mac.is_empty() => Cell::Nothing,
        LinkColumn::Mac => {
            let bytes: Vec<_> = device
                .mac
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            Cell::text(bytes.join(":"))
        }
        LinkColumn::Addresses => {
            let own = network.found.addresses_of(device);
            Cell::some_list(own.map(|address| address.to_string().into_bytes()))
        }
        LinkColumn::Master => device.master.map_or(Cell::Nothing, |master| {
            let found = network.found.device(master);
            found.map_or(Cell::Unknown, |found| Cell::Text(found.name.clone()))
        }),
        LinkColumn::Peer => match end {
            End::None => Cell::Nothing,
            End::Here(other) => Cell::Text(other.name.clone()),
            End::There(there, other) => Cell::Text([&there.name[..], b"/", &other.name].concat()),
            End::Unseen => Cell::Unknown,
        },
        LinkColumn::PeerNs => match end {
            End::None => Cell::Nothing,
            End::Here(_) => Cell::Number(network.ns.inode),
            End::There(there, _) => Cell::Number(there.ns.inode),
            End::Unseen => Cell::Unknown,
        },
        LinkColumn::PeerIndex => Cell::number(device.other.map(|other| other.index)),
        LinkColumn::Network => Cell::number(device.network),
        LinkColumn::Remote => device
            .remote
            .map_or(Cell::Nothing, |remote| Cell::text(remote.to_string())),
    }
}

/// Returns the state of a device in words: that of its driver, or whether it was set up.
fn state(device: &Device) -> String {
    match device.state {
        _ if !device.is_up => "down".to_owned(),
        State::Unknown => "up".to_owned(),
        state => state.to_string(),
    }
}
