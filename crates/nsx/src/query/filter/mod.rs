//! The expressions of `--filter`, which select rows, in the language of `scols-filter(5)`.
//!
//! ```text
//! TYPE == "net" && NPROCS > 0        COMMAND =~ "^nginx"        !(UID == 0) OR PID >= 1K
//! ```
//!
//! An expression is parsed once, with every column looked up, and then evaluated for each row. The
//! command that lists defines the columns and the cells.

mod evaluate;
mod mend;
mod parse;
mod token;

pub use evaluate::Value;

use nsx_core::regex::Regex;
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
    /// The expression cannot be parsed: the expression, and the reason.
    #[error("failed to parse \"{0}\": {1}")]
    Parse(String, String),
    /// The expression names a column that does not exist.
    #[error("unknown column: {0}")]
    UnknownColumn(String),
}

impl<C: Copy + PartialEq> Filter<C> {
    /// Parses an expression. `column` finds a column by its name, in upper or lower case.
    ///
    /// # Errors
    /// [`FilterError`].
    pub fn parse(text: &[u8], column: impl Fn(&str) -> Option<C>) -> Result<Self, FilterError> {
        parse::parse(text, column)
    }

    /// Returns the expression that the author of one that cannot be parsed probably meant, if it can
    /// be parsed. `names` are the names of all columns.
    pub fn mended<'n>(
        text: &[u8],
        column: impl Fn(&str) -> Option<C>,
        names: impl Iterator<Item = &'n str>,
    ) -> Option<String> {
        mend::mended(str::from_utf8(text).ok()?, column, names)
    }

    /// Returns the columns that the expression uses, each once.
    pub fn columns(&self) -> &[C] {
        &self.columns
    }

    /// Returns whether the expression compares a number with a cell of the row that is not a number,
    /// which util-linux refuses.
    pub fn mismatches<'a>(&self, cell: impl Fn(C) -> Value<'a>) -> bool {
        evaluate::mismatches(&self.root, &cell)
    }

    /// Returns whether the expression holds for a row; `None` if that depends on unknown cells.
    /// `cell` returns the row's cell in a column.
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

/// A literal value.
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
    /// Returns whether the comparison holds between two values with this order, which is `None` if
    /// they cannot be compared.
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
