//! The rows of a listing in groups: those of each container, unit, process or file.

use crate::{
    query::{cell::Cell, column::NsColumn, listing::Listing},
    text::escape,
};
use nsx_core::ns::NsId;

/// The rows of namespaces with one owner.
pub(super) struct RowGroup<'a> {
    /// The name of the owner, which nsx takes as a TARGET, safe to show.
    pub(super) name: String,
    /// The rows, in the order of the listing.
    pub(super) rows: Vec<&'a [Cell]>,
}

impl<'a> RowGroup<'a> {
    /// Groups rows of a listing by owner, in the order of the first row of each.
    pub(super) fn of(listing: &Listing, rows: &[&'a [Cell]]) -> Vec<Self> {
        let mut groups: Vec<Self> = Vec::new();
        for row in rows {
            let name = name(listing, row);
            match groups.iter_mut().find(|group| group.name == name) {
                Some(group) => group.rows.push(row),
                None => groups.push(Self {
                    name,
                    rows: vec![row],
                }),
            }
        }
        groups
    }

    /// Returns the kinds of the namespaces, in words.
    pub(super) fn kinds(&self, listing: &Listing) -> String {
        let mut kinds: Vec<_> = self
            .rows
            .iter()
            .map(|row| listing.cell(row, NsColumn::Type).shown())
            .collect();
        kinds.sort_unstable();
        let words = kinds
            .chunk_by(|one, other| one == other)
            .map(|same| match same.len() {
                1 => same[0].clone(),
                count => format!("{count} {}", same[0]),
            });
        let words: Vec<_> = words.collect();
        words.join(if kinds.len() > words.len() { ", " } else { " " })
    }

    /// Returns the row whose leader, which stands for the group, has the lowest id.
    pub(super) fn first(&self, listing: &Listing) -> &'a [Cell] {
        let by_leader = |row: &&&'a [Cell]| listing.number(row, NsColumn::Pid).unwrap_or(u64::MAX);
        self.rows
            .iter()
            .min_by_key(by_leader)
            .copied()
            .unwrap_or_default()
    }
}

/// Returns the name of a namespace's owner, as the list of groups has it.
fn name(listing: &Listing, row: &[Cell]) -> String {
    let cell = |column| listing.cell(row, column);
    if listing.ns(row).is_some_and(NsId::is_initial) {
        return "host".to_owned();
    }
    match (
        cell(NsColumn::Pod),
        cell(NsColumn::Container),
        cell(NsColumn::Unit),
    ) {
        (Cell::Text(pod), Cell::Text(_), _) => format!("k8s://{}", escape(pod)),
        (_, Cell::Text(container), _) => {
            format!("{}:{}", cell(NsColumn::Engine).shown(), escape(container))
        }
        (_, _, Cell::Text(unit)) if unit.ends_with(b".service") => {
            format!("unit:{}", escape(&unit[..unit.len() - b".service".len()]))
        }
        _ => match (cell(NsColumn::Pid), cell(NsColumn::Nsfs)) {
            (Cell::Number(pid), _) => pid.to_string(),
            (_, Cell::List(points)) if !points.is_empty() => {
                match points[0].strip_prefix(b"/run/netns/") {
                    Some(name) => format!("netns:{}", escape(name)),
                    None => escape(&points[0]),
                }
            }
            _ => format!(
                "{}:[{}]",
                cell(NsColumn::Type).shown(),
                cell(NsColumn::Ns).shown()
            ),
        },
    }
}
