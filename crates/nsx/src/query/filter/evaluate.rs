//! The evaluation of an expression for a row.

use super::{Comparison, Literal, Node};
use nsx_core::{proc::decimal, regex::Regex};
use std::{borrow::Cow, cmp::Ordering};

/// The value of a row's cell, or of a part of an expression for the row.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// No value: unequal to every value, and in no order with any.
    Nothing,
    /// An unknown value: a comparison with it neither holds nor fails.
    Unknown,
    /// True or false.
    Bool(bool),
    /// A number.
    Integer(u64),
    /// A number that is this or larger.
    AtLeast(u64),
    /// A number with a fraction.
    Float(f64),
    /// Any bytes.
    Text(Cow<'a, [u8]>),
    /// Several texts. A comparison holds if it holds for one of them; `!=` holds if `==` does not.
    List(&'a [Vec<u8>]),
    /// Several texts, and perhaps others that are unknown.
    Incomplete(&'a [Vec<u8>]),
}

impl From<Option<bool>> for Value<'_> {
    fn from(truth: Option<bool>) -> Self {
        truth.map_or(Self::Unknown, Self::Bool)
    }
}

/// Every order, for unknown values.
const ANY: [Ordering; 3] = [Ordering::Less, Ordering::Equal, Ordering::Greater];

impl Value<'_> {
    /// Returns whether the value alone counts as true: it exists and is not zero. `None` if that is
    /// unknown.
    pub(super) fn truth(&self) -> Option<bool> {
        match self {
            Self::Nothing => Some(false),
            Self::Unknown => None,
            Self::Bool(value) => Some(*value),
            Self::Integer(number) => Some(*number != 0),
            Self::AtLeast(number) => (*number != 0).then_some(true),
            Self::Float(number) => Some(*number != 0.0),
            Self::Text(text) => Some(!text.is_empty()),
            Self::List(texts) => Some(!texts.is_empty()),
            Self::Incomplete(texts) => (!texts.is_empty()).then_some(true),
        }
    }

    /// Returns the order of two known values. Texts are compared by their bytes, numbers as numbers,
    /// and a text with a number as the number that the text spells.
    fn order(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Bool(_), _) | (_, Self::Bool(_)) => Some(self.truth()?.cmp(&other.truth()?)),
            (Self::Text(left), Self::Text(right)) => Some(left.cmp(right)),
            (Self::Integer(left), Self::Integer(right)) => Some(left.cmp(right)),
            (Self::Text(text), number) => number_of(text)?.order(number),
            (number, Self::Text(text)) => number.order(&number_of(text)?),
            (left, right) => left.float()?.partial_cmp(&right.float()?),
        }
    }

    /// Returns the orders that two values may have.
    fn orders(&self, other: &Self) -> Vec<Option<Ordering>> {
        let from = |least: Option<Ordering>| match least {
            Some(least) => ANY
                .into_iter()
                .filter(|order| *order >= least)
                .map(Some)
                .collect(),
            None => vec![None],
        };
        match (self, other) {
            (Self::Nothing, _) | (_, Self::Nothing) => vec![None],
            (Self::Unknown, _) | (_, Self::Unknown) | (Self::AtLeast(_), Self::AtLeast(_)) => {
                ANY.map(Some).to_vec()
            }
            (Self::AtLeast(_), Self::Bool(_)) if self.truth().is_none() => ANY.map(Some).to_vec(),
            (Self::AtLeast(_), Self::Bool(_)) => vec![self.order(other)],
            (Self::AtLeast(number), other) => from(Self::Integer(*number).order(other)),
            (_, Self::AtLeast(_)) => {
                let reversed = other
                    .orders(self)
                    .into_iter()
                    .map(|order| order.map(Ordering::reverse));
                reversed.collect()
            }
            (one, other) => vec![one.order(other)],
        }
    }

    fn float(&self) -> Option<f64> {
        match self {
            Self::Integer(number) => Some(*number as f64),
            Self::Float(number) => Some(*number),
            _ => None,
        }
    }

    /// Returns the parts that are compared one by one, and whether there are no others.
    fn parts(&self) -> (Vec<Value<'_>>, bool) {
        let texts = |texts: &'_ [Vec<u8>]| {
            texts
                .iter()
                .map(|text| Value::Text(Cow::Owned(text.clone())))
                .collect()
        };
        match self {
            Self::List(list) => (texts(list), true),
            Self::Incomplete(list) => (texts(list), false),
            one => (vec![one.clone()], true),
        }
    }

    fn compare(&self, comparison: Comparison, other: &Self) -> Option<bool> {
        if comparison == Comparison::NotEqual {
            return self
                .compare(Comparison::Equal, other)
                .map(|is_equal| !is_equal);
        }
        let ((parts, has_all), (others, other_has_all)) = (self.parts(), other.parts());
        let pairs = parts
            .iter()
            .flat_map(|part| others.iter().map(move |other| (part, other)));
        let held = pairs.map(|(part, other)| {
            let holds: Vec<bool> = part
                .orders(other)
                .into_iter()
                .map(|order| comparison.holds(order))
                .collect();
            holds.iter().all(|one| *one == holds[0]).then_some(holds[0])
        });
        any(held, has_all && other_has_all)
    }

    fn is_matched(&self, regex: &Regex) -> Option<bool> {
        match self {
            Self::Nothing => Some(false),
            Self::Unknown | Self::AtLeast(_) => None,
            Self::Bool(value) => Some(regex.matches(value.to_string().as_bytes())),
            Self::Integer(number) => Some(regex.matches(number.to_string().as_bytes())),
            Self::Float(number) => Some(regex.matches(number.to_string().as_bytes())),
            Self::Text(text) => Some(regex.matches(text)),
            Self::List(texts) => any(texts.iter().map(|text| Some(regex.matches(text))), true),
            Self::Incomplete(texts) => {
                any(texts.iter().map(|text| Some(regex.matches(text))), false)
            }
        }
    }
}

/// Returns whether any of these holds; `None` if that is unknown. `are_all` means that there are no
/// others.
fn any(held: impl Iterator<Item = Option<bool>>, are_all: bool) -> Option<bool> {
    let mut result = are_all.then_some(false);
    for holds in held {
        match holds {
            Some(true) => return Some(true),
            Some(false) => {}
            None => result = None,
        }
    }
    result
}

fn number_of(text: &[u8]) -> Option<Value<'static>> {
    let integer = decimal(text).map(Value::Integer);
    integer.or_else(|| Some(Value::Float(std::str::from_utf8(text).ok()?.parse().ok()?)))
}

pub(super) fn evaluate<'a, C: Copy>(node: &Node<C>, cell: &impl Fn(C) -> Value<'a>) -> Value<'a> {
    match node {
        Node::Literal(Literal::Integer(number)) => Value::Integer(*number),
        Node::Literal(Literal::Float(number)) => Value::Float(*number),
        Node::Literal(Literal::Text(text)) => Value::Text(Cow::Owned(text.clone())),
        Node::Literal(Literal::Bool(value)) => Value::Bool(*value),
        Node::Column(column) => cell(*column),
        Node::Not(node) => evaluate(node, cell).truth().map(|truth| !truth).into(),
        Node::Both(left, right) => match evaluate(left, cell).truth() {
            Some(false) => Value::Bool(false),
            left => match evaluate(right, cell).truth() {
                Some(false) => Value::Bool(false),
                right => left.and(right).into(),
            },
        },
        Node::Either(left, right) => match evaluate(left, cell).truth() {
            Some(true) => Value::Bool(true),
            left => match evaluate(right, cell).truth() {
                Some(true) => Value::Bool(true),
                right => left.and(right).into(),
            },
        },
        Node::Compare(left, comparison, right) => evaluate(left, cell)
            .compare(*comparison, &evaluate(right, cell))
            .into(),
        Node::Match {
            text,
            regex,
            matching,
        } => evaluate(text, cell)
            .is_matched(regex)
            .map(|matches| matches == *matching)
            .into(),
    }
}

/// Returns whether a part of the expression that decides compares a number with a column whose text
/// is not a number.
pub(super) fn mismatches<'a, C: Copy>(node: &Node<C>, cell: &impl Fn(C) -> Value<'a>) -> bool {
    let holds = |node: &Node<C>| evaluate(node, cell).truth() == Some(true);
    let is_number =
        |node: &Node<C>| matches!(evaluate(node, cell), Value::Integer(_) | Value::Float(_));
    let is_other = |node: &Node<C>| match node {
        Node::Column(column) => {
            matches!(cell(*column), Value::Text(text) if number_of(&text).is_none())
        }
        _ => false,
    };
    match node {
        Node::Literal(_) | Node::Column(_) => false,
        Node::Not(node) | Node::Match { text: node, .. } => mismatches(node, cell),
        Node::Both(left, right) => {
            mismatches(left, cell) || (holds(left) && mismatches(right, cell))
        }
        Node::Either(left, right) => {
            mismatches(left, cell) || (!holds(left) && mismatches(right, cell))
        }
        Node::Compare(left, _, right) => {
            let meet = (is_number(left) && is_other(right)) || (is_other(left) && is_number(right));
            meet || mismatches(left, cell) || mismatches(right, cell)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Filter, FilterError, LONGEST, LONGEST_REGEX, MOST_NODES};
    use super::*;
    use proptest::prelude::*;
    use std::sync::LazyLock;

    fn column(name: &str) -> Option<usize> {
        [
            "NS", "TYPE", "PID", "COMMAND", "NSFS", "OWNER", "NPROCS", "NTHREADS", "HOLDERS",
        ]
        .iter()
        .position(|known| known.eq_ignore_ascii_case(name))
    }

    static POINTS: LazyLock<Vec<Vec<u8>>> =
        LazyLock::new(|| vec![b"/run/a".to_vec(), b"7".to_vec()]);

    fn cell(column: usize) -> Value<'static> {
        match column {
            0 => Value::Integer(4_026_531_837),
            1 => Value::Text(b"net".into()),
            2 => Value::Nothing,
            4 => Value::List(&POINTS),
            5 => Value::Unknown,
            6 => Value::AtLeast(2),
            7 => Value::AtLeast(0),
            8 => Value::Incomplete(&POINTS),
            _ => Value::Text(b"77".into()),
        }
    }

    fn holds(text: &str) -> bool {
        asked(text) == Some(true)
    }

    fn asked(text: &str) -> Option<bool> {
        Filter::parse(text.as_bytes(), column)
            .unwrap()
            .matches(cell)
    }

    fn wrong(text: &str) -> String {
        Filter::parse(text.as_bytes(), column)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn true_expressions_hold() {
        for text in [
            "NS == 4026531837",
            "ns eq \"4026531837\"",
            "NS > 1G && NS < 4T AND NS >= 4026531837 and NS LE 4026531837",
            "TYPE == 'net' && TYPE != \"uts\"",
            "TYPE =~ \"^n[aeiou]t$\"",
            "TYPE !~ \"uts|mnt\"",
            "NS =~ '^4026'",
            "!PID",
            "PID != 1",
            "!(PID == 1)",
            "! TYPE == 'uts'",
            "NOT NOT TYPE",
            "false || true",
            "(false or (TYPE == 'net'))",
            "true == TYPE",
            "COMMAND == 77 && COMMAND > 9 && COMMAND < 1K && COMMAND == 77.0 && COMMAND > 76.5",
            "1KiB == 1024 && 1KB == 1000 && 2M == 2097152 && 1MB EQ 1000000",
            "'a\\'b' == \"a'b\"",
            "'a\\.b' =~ '^a.[.]b$'",
            "TYPE > 'mnt'",
            "1 < 2 == true",
            "NSFS == '/run/a' && NSFS == 7 && 7 == NSFS && NSFS != '/run/b'",
            "NSFS =~ '^/run/a$' && NSFS =~ '^7' && NSFS !~ 'a7' && NSFS > 6 && NSFS",
        ] {
            assert!(holds(text), "{text}");
        }
    }

    #[test]
    fn false_expressions_do_not_hold() {
        for text in [
            "PID == 1",
            "PID < 1",
            "PID == PID",
            "PID =~ ''",
            "TYPE == 1",
            "TYPE < 1",
            "TYPE > 1",
            "true && false || false",
            "!TYPE",
            "0",
            "0.0",
            "''",
            "NS != 4026531837",
            "NSFS != 7",
            "NSFS !~ 'run'",
            "NSFS == '/run/a,7'",
        ] {
            assert_eq!(asked(text), Some(false), "{text}");
        }
        assert!(holds("TYPE != 1"));
    }

    #[test]
    fn an_unknown_value_neither_holds_nor_fails() {
        for text in [
            "OWNER",
            "!OWNER",
            "OWNER == 1",
            "OWNER != 1",
            "OWNER < 1 || OWNER >= 1",
            "OWNER =~ ''",
            "OWNER !~ 'a'",
            "OWNER == OWNER",
            "TYPE == 'net' && OWNER == 1",
            "OWNER == 1 || TYPE == 'uts'",
            "NPROCS == 2",
            "NPROCS != 3",
            "NPROCS > 2",
            "NPROCS <= 2",
            "7 > NPROCS",
            "NPROCS =~ '2'",
            "!NTHREADS",
            "NTHREADS == 0",
            "NTHREADS == true",
            "NPROCS == NTHREADS",
            "HOLDERS == '/run/b'",
            "HOLDERS != '/run/b'",
            "HOLDERS !~ 'b'",
        ] {
            assert_eq!(asked(text), None, "{text}");
        }
        for text in [
            "OWNER == 1 || TYPE == 'net'",
            "!(OWNER == 1 && TYPE == 'uts')",
            "NPROCS",
            "NPROCS > 1",
            "NPROCS >= 2",
            "NPROCS != 1",
            "1.5 < NPROCS",
            "'1' != NPROCS",
            "NPROCS == true",
            "NTHREADS >= 0",
            "HOLDERS == '/run/a' && HOLDERS =~ 'run' && HOLDERS",
            "PID != OWNER",
        ] {
            assert_eq!(asked(text), Some(true), "{text}");
        }
        for text in [
            "NPROCS == 1",
            "NPROCS < 2",
            "NPROCS == 'x'",
            "HOLDERS != '/run/a'",
            "OWNER && false",
            "OWNER == PID",
        ] {
            assert_eq!(asked(text), Some(false), "{text}");
        }
    }

    #[test]
    fn a_malformed_expression_is_refused_with_the_reason() {
        assert_eq!(
            wrong("NS =="),
            "failed to parse \"NS ==\": syntax error, unexpected end of file"
        );
        assert_eq!(
            wrong(""),
            "failed to parse \"\": syntax error, unexpected end of file"
        );
        assert_eq!(wrong("FOO == 1"), "unknown column: FOO");
        for text in [
            "(",
            ")",
            "NS == == 1",
            "NS 1",
            "1 2",
            "&&",
            "NS = 1",
            "'",
            "\"a'",
            "#",
            "1Q",
            "1KIB",
            "1.5.5",
            "1.5K",
        ] {
            assert!(
                wrong(text).contains("syntax error"),
                "{text}: {}",
                wrong(text)
            );
        }
        assert!(wrong("TYPE =~ '('").contains("regular expression: "));
        assert!(wrong("TYPE =~ TYPE").contains("unexpected TYPE"));
        assert!(wrong("99999999999999999999").contains("too large"));
        assert!(wrong("16E").contains("too large"));
    }

    #[test]
    fn an_expression_beyond_the_limits_is_refused() {
        let long = |length: usize| format!("TYPE=='{}'", "x".repeat(length - 8));
        assert!(Filter::parse(long(LONGEST).as_bytes(), column).is_ok());
        assert!(wrong(&long(LONGEST + 1)).contains("longer than 1024 bytes"));
        let many = |operands: usize| vec!["1"; operands].join("||");
        assert!(Filter::parse(many(MOST_NODES / 2).as_bytes(), column).is_ok());
        assert!(wrong(&many(MOST_NODES / 2 + 1)).contains("more than 256 operands"));
        let regex = |length: usize| format!("TYPE=~'{}'", "x".repeat(length));
        assert!(Filter::parse(regex(LONGEST_REGEX).as_bytes(), column).is_ok());
        assert!(wrong(&regex(LONGEST_REGEX + 1)).contains("longer than 256 bytes"));
        assert!(wrong(&"(".repeat(MOST_NODES)).contains("end of file"));
        for deep in ["(", "!"] {
            assert!(wrong(&deep.repeat(LONGEST)).contains("deeper than 256"));
        }
    }

    #[test]
    fn each_column_is_listed_once() {
        let filter = Filter::parse(b"TYPE == 'a' || type == 'b' && ns == 1", column).unwrap();
        assert_eq!(filter.columns(), [1, 0]);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_do_not_panic(bytes: Vec<u8>) {
            if let Ok(filter) = Filter::parse(&bytes, column) {
                filter.matches(cell);
            }
        }

        #[test]
        fn tokens_in_any_order_do_not_panic(
            words in prop::collection::vec(prop::sample::select(vec![
                "NS", "TYPE", "PID", "(", ")", "!", "&&", "||", "==", "!=", "<", ">=", "=~", "'a'", "1", "1.5", "true", "7K",
            ]), 0..20),
        ) {
            let text = words.join(" ");
            match Filter::parse(text.as_bytes(), column) {
                Ok(filter) => drop(filter.matches(cell)),
                Err(FilterError::Parse(..)) => {}
                Err(FilterError::UnknownColumn(name)) => prop_assert!(false, "{}", name),
            }
        }

        #[test]
        fn numbers_are_compared_as_numbers(left: u64, right: u64) {
            let holds = |sign| holds(&format!("{left} {sign} {right}"));
            prop_assert_eq!(
                [holds("=="), holds("!="), holds("<"), holds("<="), holds(">"), holds(">=")],
                [left == right, left != right, left < right, left <= right, left > right, left >= right]
            );
        }
    }
}
