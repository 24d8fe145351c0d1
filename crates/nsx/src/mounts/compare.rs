//! The differences between the mounts of two targets.

use super::tables::MountTable;
use crate::{
    answer::{Answer, Format},
    error::Error,
    query::{cell::Cell, system::System},
    table::{Align, Table},
};
use nsx_core::proc::MountEntry;
use serde::Serialize;
use std::{collections::BTreeMap, ffi::OsStr};

/// The JSON document.
#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    differences: &'a [Difference],
}

/// A mount point at which the two differ.
#[derive(Serialize)]
struct Difference {
    mount: Cell,
    /// The mount in the first target; `None` if that target has no mount there.
    first: Option<Side>,
    second: Option<Side>,
}

/// A mount, as far as it is compared. Ids differ between any two mount namespaces.
#[derive(PartialEq, Eq, Serialize)]
struct Side {
    r#type: Cell,
    source: Cell,
    root: Cell,
    options: Cell,
}

impl Side {
    fn new(entry: &MountEntry) -> Self {
        Self {
            r#type: Cell::Text(entry.kind.clone()),
            source: Cell::Text(entry.source.clone()),
            root: Cell::Text(entry.mount.root.clone()),
            options: Cell::Text(entry.options.clone()),
        }
    }

    /// Returns the parts in which the mount differs from the other, or all parts without another.
    fn shown(&self, other: Option<&Self>) -> String {
        let parts =
            |side: &Self| [&side.r#type, &side.source, &side.root, &side.options].map(Cell::shown);
        let own = parts(self);
        let shown: Vec<String> = match other.map(parts) {
            Some(other) => own
                .into_iter()
                .zip(other)
                .filter(|(own, other)| own != other)
                .map(|(own, _)| own)
                .collect(),
            None => own.into_iter().collect(),
        };
        shown.join(" ")
    }
}

/// Compares the mounts of two targets. Something is found if they differ.
pub(super) fn answer(
    first: &OsStr,
    second: &OsStr,
    system: &System,
    format: Format,
) -> Result<Answer, Error> {
    let tables = [first, second].map(|word| MountTable::read(Some(word), system));
    let [first, second] = tables;
    let differences = differences(&first?.mounts, &second?.mounts);
    let found = !differences.is_empty();
    let answer = match format {
        Format::Text => Answer::table(table(&differences)),
        Format::Json => Answer::json(&Document {
            version: 1,
            differences: &differences,
        })?,
        Format::JsonLines => Answer::json_lines(&differences)?,
    };
    Ok(answer.found(found))
}

/// Pairs mounts by mount point; of several on one point, the first with the first.
fn differences(first: &[MountEntry], second: &[MountEntry]) -> Vec<Difference> {
    let mut points: BTreeMap<(&[u8], usize), [Option<&MountEntry>; 2]> = BTreeMap::new();
    for (side, mounts) in [first, second].into_iter().enumerate() {
        let mut counts: BTreeMap<&[u8], usize> = BTreeMap::new();
        for entry in mounts {
            let count = counts.entry(&entry.mount.point).or_default();
            points.entry((&entry.mount.point, *count)).or_default()[side] = Some(entry);
            *count += 1;
        }
    }
    let differences = points.into_iter().map(|((point, _), sides)| {
        let [first, second] = sides.map(|side| side.map(Side::new));
        Difference {
            mount: Cell::Text(point.to_vec()),
            first,
            second,
        }
    });
    differences.filter(|it| it.first != it.second).collect()
}

fn table(differences: &[Difference]) -> Table {
    let headings = ["MOUNT", "FIRST", "SECOND"].map(|heading| (heading, Align::Left));
    let mut table = Table::new(&headings);
    for Difference {
        mount,
        first,
        second,
    } in differences
    {
        let side = |own: &Option<Side>, other: &Option<Side>| {
            own.as_ref()
                .map_or_else(|| "-".to_owned(), |own| own.shown(other.as_ref()))
        };
        table.row([mount.shown(), side(first, second), side(second, first)]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_are_paired_by_their_points() {
        let parse = |text: &[u8]| MountEntry::parse_all(text).unwrap();
        let first = parse(b"1 0 0:5 / / rw - ext4 a rw\n2 1 0:6 / /x rw - tmpfs b rw\n3 2 0:7 / /x rw - tmpfs c rw\n");
        let second = parse(b"9 8 0:5 / / ro - ext4 a rw\n7 9 0:6 / /x rw - tmpfs b rw\n");
        let rows: Vec<_> = differences(&first, &second)
            .iter()
            .map(|it| {
                let sides = [(&it.first, &it.second), (&it.second, &it.first)];
                let [one, other] =
                    sides.map(|(own, other)| own.as_ref().map(|own| own.shown(other.as_ref())));
                (it.mount.shown(), one, other)
            })
            .collect();
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(
            rows,
            [
                ("/".to_owned(), text("rw"), text("ro")),
                ("/x".to_owned(), text("tmpfs c / rw"), None)
            ]
        );
    }
}
