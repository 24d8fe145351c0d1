//! The content of one column in one row, found on this system or read from a saved census.

use super::filter::Value;
use crate::text::{self, escape};
use nsx_core::pid::PidChain;
use serde::{Serialize, Serializer};
use std::borrow::Cow;

/// The JSON value of a cell that the kernel hides.
const HIDDEN: &str = "hidden";

/// A value, or the reason why it is missing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Cell {
    /// The row has no value in the column: namespaces of most kinds have no parent.
    Nothing,
    /// The value cannot be known, or the process or namespace was gone before nsx read it.
    Unknown,
    /// The kernel hides the value from the caller.
    Hidden,
    /// A number.
    Number(u64),
    /// Bytes that anyone may have chosen.
    Text(Vec<u8>),
    /// A lower bound: nsx saw this many, and there may be more.
    AtLeast(u64),
    /// A list of texts.
    List(Vec<Vec<u8>>),
    /// The texts that nsx saw; there may be more.
    Incomplete(Vec<Vec<u8>>),
    /// The PIDs of one process, outermost first.
    Chain(PidChain),
    /// The id of a user without a name. JSON has null here, and the id under another key.
    Unnamed(u32),
}

impl Cell {
    /// Makes a cell of a text.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into().into_bytes())
    }

    /// Makes a cell of a number, or an empty cell.
    pub(crate) fn number(number: Option<impl Into<u64>>) -> Self {
        number.map_or(Self::Nothing, |number| Self::Number(number.into()))
    }

    /// Makes a cell of a count, which is a lower bound unless `is_whole`.
    pub(crate) fn count(seen: usize, is_whole: bool) -> Self {
        if is_whole {
            Self::Number(seen as u64)
        } else {
            Self::AtLeast(seen as u64)
        }
    }

    /// Makes a cell of a list of texts, which may lack some unless `is_whole`.
    pub(crate) fn list(seen: Vec<Vec<u8>>, is_whole: bool) -> Self {
        if is_whole {
            Self::List(seen)
        } else {
            Self::Incomplete(seen)
        }
    }

    /// Makes a cell of a list of texts, or an empty cell if the list is empty.
    pub(crate) fn some_list(texts: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let texts: Vec<_> = texts.into_iter().collect();
        if texts.is_empty() {
            Self::Nothing
        } else {
            Self::List(texts)
        }
    }

    /// Returns the text for a table: one line, safe to show.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Nothing => String::new(),
            Self::Unknown | Self::Hidden => text::UNKNOWN.to_owned(),
            Self::Number(number) => number.to_string(),
            Self::AtLeast(0) => text::UNKNOWN.to_owned(),
            Self::AtLeast(number) => format!("{number}+"),
            Self::Text(text) => escape(text),
            Self::List(texts) => texts
                .iter()
                .map(|text| escape(text))
                .collect::<Vec<_>>()
                .join(","),
            Self::Incomplete(texts) => {
                let texts = texts.iter().map(|text| escape(text));
                texts
                    .chain([text::UNKNOWN.to_owned()])
                    .collect::<Vec<_>>()
                    .join(",")
            }
            Self::Chain(chain) => chain.to_string(),
            Self::Unnamed(uid) => uid.to_string(),
        }
    }

    /// Returns the value for a filter. A chain, and a user without a name, are compared as shown.
    pub(crate) fn value(&self) -> Value<'_> {
        match self {
            Self::Nothing => Value::Nothing,
            Self::Unknown | Self::Hidden => Value::Unknown,
            Self::Number(number) => Value::Integer(*number),
            Self::AtLeast(number) => Value::AtLeast(*number),
            Self::Text(text) => Value::Text(Cow::Borrowed(text)),
            Self::List(texts) => Value::List(texts),
            Self::Incomplete(texts) => Value::Incomplete(texts),
            Self::Chain(_) | Self::Unnamed(_) => Value::Text(Cow::Owned(self.shown().into_bytes())),
        }
    }

    /// Replaces bytes that are not UTF-8, as a JSON document does.
    pub(crate) fn lossy(self) -> Self {
        let lossy = |text: Vec<u8>| match String::from_utf8_lossy(&text) {
            Cow::Owned(replaced) => replaced.into_bytes(),
            Cow::Borrowed(_) => text,
        };
        match self {
            Self::Text(text) => Self::Text(lossy(text)),
            Self::List(texts) => Self::List(texts.into_iter().map(lossy).collect()),
            Self::Incomplete(texts) => Self::Incomplete(texts.into_iter().map(lossy).collect()),
            cell => cell,
        }
    }

    /// Reads a value that [`Serialize`] wrote; `None` if it is not one.
    pub(crate) fn from_json(value: &serde_json::Value) -> Option<Self> {
        use serde_json::Value as Json;
        Some(match value {
            Json::Null => Self::Nothing,
            Json::Number(number) => Self::Number(number.as_u64()?),
            Json::String(text) if text == HIDDEN => Self::Hidden,
            Json::String(text) => Self::text(text),
            Json::Array(items) => {
                let texts = items
                    .iter()
                    .map(|item| item.as_str().map(|text| text.as_bytes().to_vec()));
                Self::List(texts.collect::<Option<_>>()?)
            }
            Json::Bool(_) | Json::Object(_) => return None,
        })
    }
}

impl Serialize for Cell {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Nothing | Self::Unknown | Self::AtLeast(_) | Self::Unnamed(_) => {
                serializer.serialize_none()
            }
            Self::Incomplete(texts) if texts.is_empty() => serializer.serialize_none(),
            Self::Hidden => serializer.serialize_str(HIDDEN),
            Self::Number(number) => serializer.serialize_u64(*number),
            Self::Text(text) => serializer.serialize_str(&String::from_utf8_lossy(text)),
            Self::List(texts) | Self::Incomplete(texts) => {
                serializer.collect_seq(texts.iter().map(|text| String::from_utf8_lossy(text)))
            }
            Self::Chain(chain) => {
                serializer.collect_seq(chain.ids().iter().map(|id| id.as_raw_pid()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_that_is_written_is_read_back_unless_it_is_unknown() {
        let cells = [
            (Cell::Nothing, "null", ""),
            (Cell::Hidden, "\"hidden\"", "?"),
            (
                Cell::Number(u64::MAX),
                "18446744073709551615",
                "18446744073709551615",
            ),
            (Cell::text("a\x1b"), "\"a\\u001b\"", "a\\x1b"),
            (
                Cell::List(vec![b"/a".to_vec(), b"/b".to_vec()]),
                "[\"/a\",\"/b\"]",
                "/a,/b",
            ),
        ];
        for (cell, json, shown) in cells {
            assert_eq!(serde_json::to_string(&cell).unwrap(), json);
            assert_eq!(
                Cell::from_json(&serde_json::from_str(json).unwrap()),
                Some(cell.clone())
            );
            assert_eq!(cell.shown(), shown);
        }
        assert_eq!(serde_json::to_string(&Cell::Unknown).unwrap(), "null");
        assert_eq!(Cell::Unknown.shown(), "?");
        assert_eq!(serde_json::to_string(&Cell::Unnamed(7)).unwrap(), "null");
        assert_eq!(Cell::Unnamed(7).shown(), "7");
        assert_eq!(
            [0, 2].map(|seen| Cell::count(seen, false).shown()),
            ["?", "2+"]
        );
        assert_eq!(
            serde_json::to_string(&Cell::count(2, false)).unwrap(),
            "null"
        );
        assert_eq!(Cell::count(0, true), Cell::Number(0));
        let some = [vec![], vec![b"1 mount".to_vec()]].map(|seen| Cell::list(seen, false));
        assert_eq!(some.each_ref().map(Cell::shown), ["?", "1 mount,?"]);
        assert_eq!(
            some.map(|some| serde_json::to_string(&some).unwrap()),
            ["null", "[\"1 mount\"]"]
        );
        let bytes = Cell::List(vec![b"a\xff".to_vec(), b"b".to_vec()]);
        let read = Cell::from_json(&serde_json::to_value(&bytes).unwrap());
        assert_eq!(read, Some(bytes.lossy()));
        for foreign in ["true", "{}", "-1", "1.5", "[1]"] {
            assert_eq!(
                Cell::from_json(&serde_json::from_str(foreign).unwrap()),
                None
            );
        }
    }
}
