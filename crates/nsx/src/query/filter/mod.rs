//! Which rows of a list are shown: the expressions of `--filter`, as `scols-filter(5)` of
//! util-linux has them.
//!
//! ```text
//! TYPE == "net" && NPROCS > 0        COMMAND =~ "^nginx"        !(UID == 0) OR PID >= 1K
//! ```
//!
//! An expression is read once, with every column looked up, and then asked about each row. What
//! columns there are and what a row has in them is up to whoever lists.

mod evaluate;
mod mend;
mod parse;
mod token;

pub use evaluate::Value;

use nsx_core::sys::regex::Regex;
use std::cmp::Ordering;

/// The longest expression, in bytes.
pub const LONGEST: usize = 1024;
/// The most operands and operators of one expression.
pub const MOST_NODES: usize = 256;
/// The longest regular expression, in bytes.
pub const LONGEST_REGEX: usize = 256;

/// An expression over columns of the type `C`.
#[derive(Debug)]
pub struct Filter<C> {
    root: Node<C>,
    columns: Vec<C>,
}

/// An error in an expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// It cannot be read: the expression and why.
    #[error("failed to parse \"{0}\": {1}")]
    Parse(String, String),
    /// It names a column that there is not.
    #[error("unknown column: {0}")]
    UnknownColumn(String),
}

impl<C: Copy + PartialEq> Filter<C> {
    /// Reads an expression. `column` knows the columns by their names, which may be written in any
    /// case.
    ///
    /// # Errors
    /// [`FilterError`].
    pub fn parse(text: &[u8], column: impl Fn(&str) -> Option<C>) -> Result<Self, FilterError> {
        parse::parse(text, column)
    }

    /// Returns an expression that cannot be read as its author may have meant it, if that one can
    /// be read. `names` are those of all columns.
    pub fn mended<'n>(
        text: &[u8],
        column: impl Fn(&str) -> Option<C>,
        names: impl Iterator<Item = &'n str>,
    ) -> Option<String> {
        mend::mended(str::from_utf8(text).ok()?, column, names)
    }

    /// The columns that the expression is about, each once: what has to be known of a row.
    pub fn columns(&self) -> &[C] {
        &self.columns
    }

    /// Returns whether the expression compares a number with what is not a number in this row,
    /// which util-linux refuses.
    pub fn mismatches<'a>(&self, cell: impl Fn(C) -> Value<'a>) -> bool {
        evaluate::mismatches(&self.root, &cell)
    }

    /// Returns whether a row is one of those requested; `None` if that depends on what is not
    /// known. `cell` gives what the row has in a column.
    pub fn matches<'a>(&self, cell: impl Fn(C) -> Value<'a>) -> Option<bool> {
        evaluate::evaluate(&self.root, &cell).truth()
    }
}

/// A part of an expression.
#[derive(Debug)]
enum Node<C> {
    Literal(Literal),
    Column(C),
    Not(Box<Self>),
    Both(Box<Self>, Box<Self>),
    Either(Box<Self>, Box<Self>),
    Compare(Box<Self>, Comparison, Box<Self>),
    Match {
        text: Box<Self>,
        regex: Regex,
        matching: bool,
    },
}

/// A value that stands for itself.
#[derive(Clone, Debug, PartialEq)]
enum Literal {
    Integer(u64),
    Float(f64),
    Text(Vec<u8>),
    Bool(bool),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

impl Comparison {
    /// Returns whether the comparison holds between two values that are in this order; `order` is
    /// `None` if the values are in no order.
    fn holds(self, order: Option<Ordering>) -> bool {
        match self {
            Self::Equal => order == Some(Ordering::Equal),
            Self::NotEqual => order != Some(Ordering::Equal),
            Self::Greater => order == Some(Ordering::Greater),
            Self::GreaterOrEqual => order.is_some_and(Ordering::is_ge),
            Self::Less => order == Some(Ordering::Less),
            Self::LessOrEqual => order.is_some_and(Ordering::is_le),
        }
    }
}
