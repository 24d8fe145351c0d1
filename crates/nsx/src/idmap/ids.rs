//! Single ids at every level.

use super::user_ns::{Names, UserNs, own_names};
use crate::{
    answer::Answer,
    error::Error,
    query::maps::Range,
    table::{Align, Table},
    text::{self, escape},
};
use nsx_core::{
    accounts,
    hash::HashMap,
    idmap::{IdKind, LevelId},
    ns::NsId,
    proc::decimal,
};
use serde::Serialize;
use std::{ffi::OsString, os::unix::ffi::OsStrExt};

/// Translates single ids.
#[derive(Debug)]
pub(super) struct Ids {
    pub(super) ids: Vec<Id>,
    /// Reads the ids as those of the caller's user namespace.
    pub(super) reverse: bool,
    pub(super) form: Form,
}

/// The form of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A line for each level.
    Table,
    Json,
    JsonLines,
    /// A line with the translation of each id, and nothing else.
    Numbers,
}

/// An id as the user gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Id {
    kind: IdKind,
    value: Value,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    Number(u32),
    Name(Vec<u8>),
}

impl Id {
    /// Reads operands: numbers are users; after the words user and group there are numbers and names
    /// of users and groups.
    pub(super) fn parse_all(words: &[OsString]) -> Result<Vec<Self>, Error> {
        let mut kind = None;
        let mut ids = Vec::new();
        for word in words {
            let bytes = word.as_bytes();
            let number = decimal(bytes)
                .and_then(|number| u32::try_from(number).ok())
                .filter(|&id| id != u32::MAX);
            let value = match (bytes, number, kind) {
                (b"user", ..) => {
                    kind = Some(IdKind::User);
                    continue;
                }
                (b"group", ..) => {
                    kind = Some(IdKind::Group);
                    continue;
                }
                (_, Some(number), _) => Value::Number(number),
                (name, None, Some(_)) if is_name(name) => Value::Name(name.to_vec()),
                _ => {
                    return Err(Error::Usage(format!(
                        "{}: an id is a number from 0 to 4294967294; names stand after user or \
                        group",
                        text::shown(word)
                    )));
                }
            };
            ids.push(Self {
                kind: kind.unwrap_or(IdKind::User),
                value,
            });
        }
        if ids.is_empty() && kind.is_some() {
            return Err(Error::usage("after the word user or group, say which"));
        }
        Ok(ids)
    }
}

fn is_name(word: &[u8]) -> bool {
    !word.is_empty() && !word.iter().all(|byte| b"0123456789-+".contains(byte))
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
    /// The id as it was given.
    asked: u32,
    /// The id here.
    here: Option<u32>,
    /// The id in the target's user namespace.
    there: Option<u32>,
    /// The caller's user namespace is the first.
    levels: Vec<Level>,
}

#[derive(Serialize)]
struct Level {
    /// The depth below the caller's user namespace; -1 for the one above it.
    level: i32,
    ns: Option<u64>,
    id: Option<u32>,
    range: Option<Range>,
    #[serde(serialize_with = "text::lossy")]
    name: Option<Vec<u8>>,
}

impl Ids {
    /// Finds the ids at every level. Those that cannot be translated are errors of the answer.
    pub(super) fn answer(self, ns: &UserNs<'_>) -> Result<Answer, Error> {
        let mut names = HashMap::default();
        let mut rows = Vec::new();
        let mut errors = Vec::new();
        for Id { kind, value } in &self.ids {
            let (theirs, ours): &(Names, Names) = names
                .entry(*kind)
                .or_insert_with(|| (ns.names(*kind), own_names(*kind)));
            let number = match value {
                Value::Number(number) => *number,
                Value::Name(name) => match self.find(*kind, name, theirs)? {
                    Some(number) => number,
                    None => {
                        errors.push(self.unknown(*kind, name));
                        continue;
                    }
                },
            };
            let row = Row::of(ns, *kind, number, self.reverse, theirs, ours);
            if self.translation(&row).is_none() {
                errors.push(self.unmapped(*kind, number));
            }
            rows.push(row);
        }
        let answer = match self.form {
            Form::Table => Answer::table(table(&rows)),
            Form::Json => Answer::json(&Document {
                version: 1,
                ids: &rows,
            })?,
            Form::JsonLines => Answer::json_lines(&rows)?,
            Form::Numbers => {
                let numbers = rows.iter().filter_map(|row| self.translation(row));
                Answer::text(numbers.map(|id| format!("{id}\n")).collect::<String>())
            }
        };
        Ok(Answer {
            found: errors.is_empty(),
            errors,
            ..answer
        })
    }

    fn translation(&self, row: &Row) -> Option<u32> {
        if self.reverse { row.there } else { row.here }
    }

    /// Finds an id by its name, in the target's files or with `--reverse` in the caller's.
    fn find(&self, kind: IdKind, name: &[u8], theirs: &Names) -> Result<Option<u32>, Error> {
        if !self.reverse {
            let known = theirs.iter().find(|(_, known)| *known == name);
            return Ok(known.map(|(id, _)| *id));
        }
        let found = match kind {
            IdKind::User => accounts::user_by_name(name).map(|user| user.map(|user| user.uid)),
            IdKind::Group => accounts::group_by_name(name),
        };
        found.map_err(|error| Error::failed(format!("look up {kind} {}", escape(name)), error))
    }

    fn unknown(&self, kind: IdKind, name: &[u8]) -> Error {
        let owner = if self.reverse {
            "here"
        } else {
            "in the target's files"
        };
        Error::Missing(format!("{}: no {kind} has that name {owner}", escape(name)))
    }

    fn unmapped(&self, kind: IdKind, number: u32) -> Error {
        let (from, to) = if self.reverse {
            ("here", "there")
        } else {
            ("there", "here")
        };
        Error::Missing(format!("{kind} {number} {from} has no id {to}"))
    }
}

impl Row {
    fn of(
        ns: &UserNs<'_>,
        kind: IdKind,
        asked: u32,
        reverse: bool,
        theirs: &Names,
        ours: &Names,
    ) -> Self {
        let chain = &ns.chain;
        let here = if reverse {
            Some(asked)
        } else {
            chain.to_own(kind, asked)
        };
        let ids_of_levels = here.map(|here| chain.ids(kind, here)).unwrap_or_default();
        let mut levels: Vec<_> = ids_of_levels
            .iter()
            .zip(-1_i32..)
            .map(|(level_id, level)| {
                let names = match level {
                    level if usize::try_from(level) == Ok(chain.depth()) => Some(theirs),
                    0 => Some(ours),
                    _ => None,
                };
                Level::of(level_id, level, names)
            })
            .collect();
        // There is nothing above the initial user namespace.
        if ids_of_levels
            .get(1)
            .and_then(|own| own.ns)
            .is_some_and(NsId::is_initial)
        {
            levels.remove(0);
        }
        let there = here.and_then(|here| chain.to_process(kind, here));
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
    fn of(level_id: &LevelId, level: i32, names: Option<&Names>) -> Self {
        Self {
            level,
            ns: level_id.ns.map(|ns| ns.inode),
            id: level_id.id,
            range: level_id.extent.as_ref().map(Range::from),
            name: level_id.id.and_then(|id| names?.get(&id).cloned()),
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
        for (index, level) in row.levels.iter().enumerate() {
            let once = |cell: String| if index == 0 { cell } else { String::new() };
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
        let parse =
            |words: &[&str]| Id::parse_all(&words.iter().map(OsString::from).collect::<Vec<_>>());
        let number = |kind, number| Id {
            kind,
            value: Value::Number(number),
        };
        let name = |kind, name: &str| Id {
            kind,
            value: Value::Name(name.into()),
        };
        assert_eq!(
            parse(&["0", "33"]).unwrap(),
            [number(IdKind::User, 0), number(IdKind::User, 33)]
        );
        assert_eq!(
            parse(&["1", "user", "www-data", "group", "adm", "7"]).unwrap(),
            [
                number(IdKind::User, 1),
                name(IdKind::User, "www-data"),
                name(IdKind::Group, "adm"),
                number(IdKind::Group, 7)
            ]
        );
        for wrong in [
            &["www-data"][..],
            &["-1"],
            &["4294967295"],
            &["user", "4294967295"],
            &["user"],
            &[""],
        ] {
            assert!(matches!(parse(wrong), Err(Error::Usage(_))), "{wrong:?}");
        }
    }
}
