//! The mounts of one target, as a tree or a list.

use super::{
    propagation::PeerGroups,
    tables::{AllTables, MountTable},
};
use crate::{
    answer::{Answer, Format},
    error::Error,
    query::{
        cell::Cell,
        column::MountColumn,
        condition,
        filter::Filter,
        forest::Forest,
        listing::{self, Listing},
        system::System,
    },
    table::Table,
};
use nsx_core::{
    hash::{HashMap, HashSet},
    ns::NsId,
    proc::MountEntry,
};
use serde::Serialize;
use std::ffi::OsString;

/// The request to list the mounts of a target, or of the caller.
pub(super) struct Tree {
    pub(super) target: Option<OsString>,
    /// `true` if the mounts are listed in the order of the kernel, without lines of a tree.
    pub(super) is_list: bool,
    /// The condition that the mounts fulfil.
    pub(super) filter: Option<Filter<MountColumn>>,
    pub(super) columns: Vec<MountColumn>,
}

/// The JSON document.
#[derive(Serialize)]
struct Document<M> {
    version: u32,
    /// The inode number of the mount namespace.
    ns: u64,
    mounts: Vec<M>,
    /// The number of processes or mount namespaces whose mounts could not be read.
    unread: usize,
}

impl Tree {
    /// Lists the mounts on a system.
    pub(super) fn answer(&self, system: &System, format: Format) -> Result<Answer, Error> {
        let table = MountTable::read(self.target.as_deref(), system)?;
        let all = AllTables::read(system)?;
        let groups = PeerGroups::new(&all);
        let notes = notes(&table.mounts);
        let mut rows: Vec<Vec<_>> = Vec::new();
        let mut shown = Vec::new();
        for (mount, note) in table.mounts.iter().zip(notes) {
            let cell = |column| cell(mount, note, &groups, table.ns, column);
            shown.push(condition::holds(self.filter.as_ref(), cell) == Some(true));
            rows.push(self.columns.iter().map(|column| cell(*column)).collect());
        }
        let found = shown.contains(&true);
        if format == Format::Text && !self.is_list {
            let answer = Answer::table(self.tree(&table.mounts, &rows, &shown));
            return Ok(answer.found(found).with_notes(all.note()));
        }
        let rows = rows
            .into_iter()
            .zip(shown)
            .filter(|(_, is_shown)| *is_shown);
        let listing = Listing {
            columns: self.columns.clone(),
            rows: rows.map(|(row, _)| row).collect(),
            unseen: all.census.unseen,
        };
        let answer = match format {
            Format::Text => Answer::table(listing.table(&self.columns)),
            Format::Json => Answer::json(&Document {
                version: 1,
                ns: table.ns.inode,
                mounts: listing.objects(&self.columns).collect(),
                unread: all.unread,
            })?,
            Format::JsonLines => Answer::json_lines(listing.objects(&self.columns))?,
        };
        Ok(answer.found(found).with_notes(all.note()))
    }

    /// Returns a table with the lines of the tree in the first column. The mounts above those that
    /// are shown are shown, too.
    fn tree(&self, mounts: &[MountEntry], rows: &[Vec<Cell>], shown: &[bool]) -> Table {
        let by_id: HashMap<u64, usize> = mounts
            .iter()
            .enumerate()
            .map(|(index, entry)| (entry.mount.id, index))
            .collect();
        let mut forest = Forest::of((0..rows.len()).collect(), |index: &usize| {
            by_id.get(&mounts[*index].mount.parent).copied()
        });
        forest.keep(|index| shown[*index]);
        listing::tree(&self.columns, &forest.lines(), |row, column| {
            rows[**row][column].shown()
        })
    }
}

/// Returns the cell of a mount in a column. `own` is the mount namespace that has the mount.
fn cell(
    entry: &MountEntry,
    note: Note,
    groups: &PeerGroups,
    own: NsId,
    column: MountColumn,
) -> Cell {
    let mount = &entry.mount;
    match column {
        MountColumn::Mount => Cell::Text(mount.point.clone()),
        MountColumn::Type => Cell::Text(entry.kind.clone()),
        MountColumn::Source => Cell::Text(entry.source.clone()),
        MountColumn::Root => Cell::Text(mount.root.clone()),
        MountColumn::Options => Cell::Text(entry.options.clone()),
        MountColumn::FsOptions => Cell::Text(entry.fs_options.clone()),
        MountColumn::Propagation => Cell::Text(groups.words(entry, own)),
        MountColumn::Note => note.cell(),
        MountColumn::Id => Cell::Number(mount.id),
        MountColumn::Parent => Cell::Number(mount.parent),
        MountColumn::Device => Cell::text(format!("{}:{}", mount.device.0, mount.device.1)),
        MountColumn::Shared => Cell::number(entry.shared),
        MountColumn::Master => Cell::number(entry.master),
    }
}

/// Facts about a mount that its other columns do not show at a glance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Note {
    is_masked: bool,
    is_covered: bool,
    is_idmapped: bool,
}

impl Note {
    fn cell(self) -> Cell {
        let words = [
            (self.is_masked, "masked"),
            (self.is_covered, "covered"),
            (self.is_idmapped, "idmapped"),
        ];
        let words = words.iter().filter(|(is_so, _)| *is_so);
        Cell::some_list(words.map(|(_, word)| word.as_bytes().to_vec()))
    }
}

/// Returns the facts about each of these mounts.
fn notes(mounts: &[MountEntry]) -> Vec<Note> {
    let points: HashMap<u64, &[u8]> = mounts
        .iter()
        .map(|entry| (entry.mount.id, entry.mount.point.as_slice()))
        .collect();
    let mut covered = HashSet::default();
    for entry in mounts {
        if points.get(&entry.mount.parent) == Some(&entry.mount.point.as_slice()) {
            covered.insert(entry.mount.parent);
        }
    }
    mounts
        .iter()
        .map(|entry| Note {
            is_masked: is_masked(entry),
            is_covered: covered.contains(&entry.mount.id),
            is_idmapped: entry.has_option("idmapped"),
        })
        .collect()
}

/// Returns whether a mount hides a file or directory, as engines hide parts of /proc and /sys: a
/// file below /dev/null, or a directory below an empty tmpfs that is read-only.
fn is_masked(entry: &MountEntry) -> bool {
    let mount = &entry.mount;
    let is_kernels = mount.point.starts_with(b"/proc/") || mount.point.starts_with(b"/sys/");
    let is_null = mount.root == b"/null" && matches!(&entry.kind[..], b"tmpfs" | b"devtmpfs");
    let is_empty = entry.kind == b"tmpfs" && entry.has_option("ro");
    is_kernels && (is_null || is_empty)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_say_what_is_masked_covered_and_idmapped() {
        let text = b"1 0 0:5 / / rw - ext4 a rw\n\
            2 1 0:6 / /proc rw - proc proc rw\n\
            3 2 0:7 /null /proc/kcore rw - tmpfs tmpfs rw\n\
            4 2 0:8 / /proc/acpi ro,relatime - tmpfs tmpfs ro\n\
            5 1 0:9 / /mnt rw,idmapped - ext4 b rw\n\
            6 5 0:10 / /mnt rw - tmpfs c rw\n\
            7 1 0:7 /null /dev/null rw - tmpfs tmpfs rw\n";
        let mounts = MountEntry::parse_all(text).unwrap();
        let notes: Vec<_> = notes(&mounts)
            .iter()
            .map(|note| note.cell().shown())
            .collect();
        let expected = ["", "", "masked", "masked", "covered,idmapped", "", ""];
        assert_eq!(notes, expected);
    }
}
