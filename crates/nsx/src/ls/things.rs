//! The things that namespaces of a saved census belong to: the rows of a container, unit, process
//! or file taken together.

use super::listing::Listing;
use crate::{
    query::{cell::Cell, column::Column},
    text::escape,
};
use nsx_core::ns::{NsId, NsKind};

/// Namespaces that belong to one thing.
pub(super) struct Thing<'a> {
    /// The word that names it to nsx, safe to show.
    pub(super) name: String,
    /// In the order of the listing.
    pub(super) rows: Vec<&'a [Cell]>,
}

impl<'a> Thing<'a> {
    /// Puts the rows of a listing together by what they belong to, in the order in which each is
    /// met first.
    pub(super) fn of(listing: &Listing, rows: &[&'a [Cell]]) -> Vec<Self> {
        let mut things: Vec<Self> = Vec::new();
        for row in rows {
            let name = name(listing, row);
            match things.iter_mut().find(|thing| thing.name == name) {
                Some(thing) => thing.rows.push(row),
                None => things.push(Self {
                    name,
                    rows: vec![row],
                }),
            }
        }
        things
    }

    /// The kinds of its namespaces, in words.
    pub(super) fn kinds(&self, listing: &Listing) -> String {
        let mut kinds: Vec<_> = self
            .rows
            .iter()
            .map(|row| listing.cell(row, Column::Type).shown())
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

    /// The row whose leader has the lowest id: that process stands for the thing.
    pub(super) fn first(&self, listing: &Listing) -> &'a [Cell] {
        let by_leader = |row: &&&'a [Cell]| listing.number(row, Column::Pid).unwrap_or(u64::MAX);
        self.rows
            .iter()
            .min_by_key(by_leader)
            .copied()
            .unwrap_or_default()
    }
}

/// The word for what a namespace belongs to, as the list of them has it.
fn name(listing: &Listing, row: &[Cell]) -> String {
    let cell = |column| listing.cell(row, column);
    let inode = listing.number(row, Column::Ns);
    let kind = match cell(Column::Type) {
        Cell::Text(kind) => NsKind::from_name(kind),
        _ => None,
    };
    if kind
        .zip(inode)
        .is_some_and(|(kind, inode)| NsId { kind, inode }.is_initial())
    {
        return "host".to_owned();
    }
    match (
        cell(Column::Pod),
        cell(Column::Container),
        cell(Column::Unit),
    ) {
        (Cell::Text(pod), Cell::Text(_), _) => format!("k8s://{}", escape(pod)),
        (_, Cell::Text(container), _) => {
            format!("{}:{}", cell(Column::Engine).shown(), escape(container))
        }
        (_, _, Cell::Text(unit)) if unit.ends_with(b".service") => {
            format!("unit:{}", escape(&unit[..unit.len() - b".service".len()]))
        }
        _ => match (cell(Column::Pid), cell(Column::Nsfs)) {
            (Cell::Number(pid), _) => pid.to_string(),
            (_, Cell::List(points)) if !points.is_empty() => {
                match points[0].strip_prefix(b"/run/netns/") {
                    Some(name) => format!("netns:{}", escape(name)),
                    None => escape(&points[0]),
                }
            }
            _ => format!(
                "{}:[{}]",
                cell(Column::Type).shown(),
                cell(Column::Ns).shown()
            ),
        },
    }
}
