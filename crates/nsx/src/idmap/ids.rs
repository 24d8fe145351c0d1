//! Single ids: what each is at every level.

use super::{Options, Subject, own_names};
use crate::{
    exit::ExitStatus,
    out::{self, Styles},
    query::maps::Range,
    table::{Align, Table},
    text::{self, escape},
};
use nsx_core::{
    accounts,
    hash::HashMap,
    idmap::{IdKind, Rank},
    proc::decimal,
};
use serde::Serialize;
use std::{ffi::OsString, os::unix::ffi::OsStrExt};

/// An id that is asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    kind: IdKind,
    id: Wanted,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Wanted {
    Number(u32),
    Name(Vec<u8>),
}

/// Reads the operands: numbers are users; behind the words user and group stand numbers and names
/// of those.
pub(super) fn read(words: &[OsString]) -> Result<Vec<Asked>, ExitStatus> {
    let mut kind = None;
    let mut asked = Vec::new();
    for word in words {
        let bytes = word.as_bytes();
        let number = decimal(bytes)
            .and_then(|number| u32::try_from(number).ok())
            .filter(|&id| id != u32::MAX);
        let id = match (bytes, number, kind) {
            (b"user", ..) => {
                kind = Some(IdKind::User);
                continue;
            }
            (b"group", ..) => {
                kind = Some(IdKind::Group);
                continue;
            }
            (_, Some(number), _) => Wanted::Number(number),
            (name, None, Some(_))
                if !name.is_empty()
                    && !name.iter().all(|&byte| b"0123456789-+".contains(&byte)) =>
            {
                Wanted::Name(name.to_vec())
            }
            _ => {
                let shown = out::shown(word);
                out::error(&format!(
                    "{shown}: an id is a number from 0 to 4294967294; names stand after user or \
                    group"
                ));
                return Err(ExitStatus::FAILURE);
            }
        };
        asked.push(Asked {
            kind: kind.unwrap_or(IdKind::User),
            id,
        });
    }
    if asked.is_empty() && kind.is_some() {
        out::error("after the word user or group, say which");
        return Err(ExitStatus::FAILURE);
    }
    Ok(asked)
}

/// The JSON document.
#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    ids: &'a [Row],
}

/// An id at each level.
#[derive(Serialize)]
struct Row {
    kind: &'static str,
    /// The id that was asked about.
    asked: u32,
    /// The id here.
    here: Option<u32>,
    /// The id in the target's user namespace.
    there: Option<u32>,
    /// The caller's namespace first.
    levels: Vec<Level>,
}

#[derive(Serialize)]
struct Level {
    /// The depth below the caller's namespace; -1 for the namespace above the caller's.
    level: i32,
    ns: Option<u64>,
    id: Option<u32>,
    range: Option<Range>,
    #[serde(serialize_with = "text::lossy")]
    name: Option<Vec<u8>>,
}

/// Prints what these ids are.
pub(super) fn print(
    options: &Options,
    subject: &Subject<'_>,
    asked: &[Asked],
) -> Result<ExitStatus, ExitStatus> {
    let mut names = HashMap::default();
    let mut rows = Vec::new();
    let mut all = true;
    for Asked { kind, id } in asked {
        let (theirs, ours) = names
            .entry(*kind)
            .or_insert_with(|| (subject.names(*kind), own_names(*kind)));
        let number = match id {
            Wanted::Number(number) => Some(*number),
            Wanted::Name(name) if options.reverse => own_id(*kind, name)?,
            Wanted::Name(name) => theirs
                .iter()
                .find(|(_, known)| *known == name)
                .map(|(id, _)| *id),
        };
        let Some(number) = number else {
            all = false;
            let Wanted::Name(name) = id else { continue };
            let whose = if options.reverse {
                "here"
            } else {
                "in the target's files"
            };
            out::error(&format!(
                "{}: no {kind} has that name {whose}",
                escape(name)
            ));
            continue;
        };
        let row = Row::of(subject, *kind, number, options.reverse, theirs, ours);
        let answer = if options.reverse { row.there } else { row.here };
        if answer.is_none() {
            all = false;
            let (from, to) = if options.reverse {
                ("here", "there")
            } else {
                ("there", "here")
            };
            out::error(&format!("{kind} {number} {from} has no id {to}"));
        }
        rows.push((row, answer));
    }
    if options.quiet {
        out::print(
            &rows
                .iter()
                .filter_map(|(_, answer)| Some(format!("{}\n", (*answer)?)))
                .collect::<String>(),
        )?;
    } else {
        let rows: Vec<_> = rows.into_iter().map(|(row, _)| row).collect();
        if options.json {
            out::print_json(&Document {
                version: 1,
                ids: &rows,
            })?;
        } else if options.json_lines {
            out::print_json_lines(&rows)?;
        } else {
            out::print(&table(&rows).render(&Styles::stdout(options.color), out::width()))?;
        }
    }
    Ok(if all {
        ExitStatus::SUCCESS
    } else {
        ExitStatus::NO_MATCH
    })
}

/// The id of a user or group that this system knows by name.
fn own_id(kind: IdKind, name: &[u8]) -> Result<Option<u32>, ExitStatus> {
    let found = match kind {
        IdKind::User => accounts::user_by_name(name).map(|user| user.map(|user| user.uid)),
        IdKind::Group => accounts::group_by_name(name),
    };
    found.map_err(|error| out::failed(&format!("look up {kind} {}", escape(name)), &error))
}

impl Row {
    fn of(
        subject: &Subject<'_>,
        kind: IdKind,
        asked: u32,
        reverse: bool,
        theirs: &HashMap<u32, Vec<u8>>,
        ours: &HashMap<u32, Vec<u8>>,
    ) -> Self {
        let ladder = &subject.ladder;
        let here = if reverse {
            Some(asked)
        } else {
            ladder.to_own(kind, asked)
        };
        let ranks = here
            .map(|here| ladder.ranks(kind, here))
            .unwrap_or_default();
        let depth = ladder.depth();
        let mut levels: Vec<_> = ranks
            .iter()
            .zip(-1_i32..)
            .map(|(rank, level)| Level::of(rank, level))
            .collect();
        for level in &mut levels {
            let names = if level.level == 0 { Some(&ours) } else { None };
            let names = if usize::try_from(level.level) == Ok(depth) {
                Some(&theirs)
            } else {
                names
            };
            level.name = level.id.and_then(|id| names?.get(&id).cloned());
        }
        // Above is the same, where the caller is in the namespace that the host started with.
        let is_top = levels
            .get(1)
            .is_some_and(|own| own.ns == Some(super::mapping::INITIAL));
        if is_top {
            levels.remove(0);
        }
        let there = here.and_then(|here| ladder.to_process(kind, here));
        Self {
            kind: if kind == IdKind::User {
                "user"
            } else {
                "group"
            },
            asked,
            here: here.filter(|_| there.is_some() || reverse),
            there,
            levels,
        }
    }
}

impl Level {
    fn of(rank: &Rank, level: i32) -> Self {
        let range = rank.extent.as_ref().map(Range::from);
        Self {
            level,
            ns: rank.ns.map(|ns| ns.inode),
            id: rank.id,
            range,
            name: None,
        }
    }
}

fn table(rows: &[Row]) -> Table {
    let mut table = Table::new(&[
        ("KIND", Align::Left),
        ("ASKED", Align::Right),
        ("LEVEL", Align::Right),
        ("ID", Align::Right),
        ("NS", Align::Right),
        ("RANGE", Align::Left),
        ("NAME", Align::Left),
    ]);
    for row in rows {
        for (place, level) in row.levels.iter().enumerate() {
            let once = |cell: String| if place == 0 { cell } else { String::new() };
            table.row(vec![
                once(row.kind.to_owned()),
                once(row.asked.to_string()),
                level.level.to_string(),
                level.id.map_or_else(|| "-".to_owned(), |id| id.to_string()),
                level
                    .ns
                    .map_or_else(|| text::UNKNOWN.to_owned(), |ns| ns.to_string()),
                level
                    .range
                    .as_ref()
                    .map_or_else(String::new, ToString::to_string),
                level.name.as_deref().map_or_else(String::new, escape),
            ]);
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_names_are_told_apart() {
        let words = |words: &[&str]| read(&words.iter().map(OsString::from).collect::<Vec<_>>());
        let number = |kind, id| Asked {
            kind,
            id: Wanted::Number(id),
        };
        let name = |kind, name: &str| Asked {
            kind,
            id: Wanted::Name(name.into()),
        };
        assert_eq!(
            words(&["0", "33"]),
            Ok(vec![number(IdKind::User, 0), number(IdKind::User, 33)])
        );
        assert_eq!(
            words(&["1", "user", "www-data", "group", "adm", "7"]),
            Ok(vec![
                number(IdKind::User, 1),
                name(IdKind::User, "www-data"),
                name(IdKind::Group, "adm"),
                number(IdKind::Group, 7)
            ])
        );
        for wrong in [
            &["www-data"][..],
            &["-1"],
            &["4294967295"],
            &["user", "4294967295"],
            &["user"],
            &[""],
        ] {
            assert_eq!(words(wrong), Err(ExitStatus::FAILURE), "{wrong:?}");
        }
    }
}
