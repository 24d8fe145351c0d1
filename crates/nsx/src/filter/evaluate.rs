//! What an expression says of a row.

use super::{Comparison, Literal, Node};
use nsx_core::{proc::decimal, sys::regex::Regex};
use std::{borrow::Cow, cmp::Ordering};

/// What a row has in a column, or a part of an expression makes of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// Nothing: it is unequal to everything, and in no order with anything.
    Nothing,
    /// True or false.
    Bool(bool),
    /// A number.
    Integer(u64),
    /// A number with a fraction.
    Float(f64),
    /// Any bytes.
    Text(Cow<'a, [u8]>),
    /// Several of these: what is asked holds if it does of one of them. So it is unequal to what none of them is.
    List(&'a [Vec<u8>]),
}

impl Value<'_> {
    /// What it means by itself: something, and not zero.
    pub(super) fn is_true(&self) -> bool {
        match self {
            Self::Nothing => false,
            Self::Bool(value) => *value,
            Self::Integer(number) => *number != 0,
            Self::Float(number) => *number != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::List(texts) => !texts.is_empty(),
        }
    }

    /// The order of two values: texts by their bytes, numbers by what they count, a text beside a number by the number
    /// that it is written as.
    fn order(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Nothing, _) | (_, Self::Nothing) => None,
            (Self::List(_), _) | (_, Self::List(_)) => None,
            (Self::Bool(_), _) | (_, Self::Bool(_)) => Some(self.is_true().cmp(&other.is_true())),
            (Self::Text(left), Self::Text(right)) => Some(left.cmp(right)),
            (Self::Integer(left), Self::Integer(right)) => Some(left.cmp(right)),
            (Self::Text(text), number) => number_of(text)?.order(number),
            (number, Self::Text(text)) => number.order(&number_of(text)?),
            (left, right) => left.float().partial_cmp(&right.float()),
        }
    }

    fn float(&self) -> f64 {
        match self {
            Self::Integer(number) => *number as f64,
            Self::Float(number) => *number,
            Self::Nothing | Self::Bool(_) | Self::Text(_) | Self::List(_) => f64::NAN,
        }
    }

    /// The parts that are asked about one by one.
    fn parts(&self) -> Vec<Value<'_>> {
        match self {
            Self::List(texts) => texts.iter().map(|text| Value::Text(Cow::Borrowed(text))).collect(),
            one => vec![one.clone()],
        }
    }

    fn compare(&self, comparison: Comparison, other: &Self) -> bool {
        if comparison == Comparison::NotEqual {
            return !self.compare(Comparison::Equal, other);
        }
        match (self, other) {
            (Self::List(_), _) | (_, Self::List(_)) => {
                let others = other.parts();
                self.parts().iter().any(|part| others.iter().any(|other| comparison.holds(part.order(other))))
            }
            (one, other) => comparison.holds(one.order(other)),
        }
    }

    fn is_matched(&self, regex: &Regex) -> bool {
        match self {
            Self::Nothing => false,
            Self::Bool(value) => regex.matches(value.to_string().as_bytes()),
            Self::Integer(number) => regex.matches(number.to_string().as_bytes()),
            Self::Float(number) => regex.matches(number.to_string().as_bytes()),
            Self::Text(text) => regex.matches(text),
            Self::List(texts) => texts.iter().any(|text| regex.matches(text)),
        }
    }
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
        Node::Not(node) => Value::Bool(!evaluate(node, cell).is_true()),
        Node::Both(left, right) => Value::Bool(evaluate(left, cell).is_true() && evaluate(right, cell).is_true()),
        Node::Either(left, right) => Value::Bool(evaluate(left, cell).is_true() || evaluate(right, cell).is_true()),
        Node::Compare(left, comparison, right) => {
            Value::Bool(evaluate(left, cell).compare(*comparison, &evaluate(right, cell)))
        }
        Node::Match { text, regex, matching } => Value::Bool(evaluate(text, cell).is_matched(regex) == *matching),
    }
}

/// Whether a column whose text is not a number is compared with a number, in a part of the expression that decides.
pub(super) fn mismatches<'a, C: Copy>(node: &Node<C>, cell: &impl Fn(C) -> Value<'a>) -> bool {
    let holds = |node: &Node<C>| evaluate(node, cell).is_true();
    let is_number = |node: &Node<C>| matches!(evaluate(node, cell), Value::Integer(_) | Value::Float(_));
    let is_other = |node: &Node<C>| match node {
        Node::Column(column) => matches!(cell(*column), Value::Text(text) if number_of(&text).is_none()),
        _ => false,
    };
    match node {
        Node::Literal(_) | Node::Column(_) => false,
        Node::Not(node) | Node::Match { text: node, .. } => mismatches(node, cell),
        Node::Both(left, right) => mismatches(left, cell) || (holds(left) && mismatches(right, cell)),
        Node::Either(left, right) => mismatches(left, cell) || (!holds(left) && mismatches(right, cell)),
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
        ["NS", "TYPE", "PID", "COMMAND", "NSFS"].iter().position(|known| known.eq_ignore_ascii_case(name))
    }

    static POINTS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| vec![b"/run/a".to_vec(), b"7".to_vec()]);

    fn cell(column: usize) -> Value<'static> {
        match column {
            0 => Value::Integer(4_026_531_837),
            1 => Value::Text(b"net".into()),
            2 => Value::Nothing,
            4 => Value::List(&POINTS),
            _ => Value::Text(b"77".into()),
        }
    }

    fn holds(text: &str) -> bool {
        Filter::parse(text.as_bytes(), column).unwrap().matches(cell)
    }

    fn wrong(text: &str) -> String {
        Filter::parse(text.as_bytes(), column).unwrap_err().to_string()
    }

    #[test]
    fn expressions_that_hold() {
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
    fn expressions_that_do_not() {
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
            assert!(!holds(text), "{text}");
        }
        assert!(holds("TYPE != 1"));
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        assert_eq!(wrong("NS =="), "failed to parse \"NS ==\": syntax error, unexpected end of file");
        assert_eq!(wrong(""), "failed to parse \"\": syntax error, unexpected end of file");
        assert_eq!(wrong("FOO == 1"), "unknown column: FOO");
        for text in
            ["(", ")", "NS == == 1", "NS 1", "1 2", "&&", "NS = 1", "'", "\"a'", "#", "1Q", "1KIB", "1.5.5", "1.5K"]
        {
            assert!(wrong(text).contains("syntax error"), "{text}: {}", wrong(text));
        }
        assert!(wrong("TYPE =~ '('").contains("regular expression: "));
        assert!(wrong("TYPE =~ TYPE").contains("unexpected TYPE"));
        assert!(wrong("99999999999999999999").contains("too large"));
        assert!(wrong("16E").contains("too large"));
    }

    #[test]
    fn there_are_limits() {
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
    fn the_columns_are_told_once() {
        let filter = Filter::parse(b"TYPE == 'a' || type == 'b' && ns == 1", column).unwrap();
        assert_eq!(filter.columns(), [1, 0]);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            if let Ok(filter) = Filter::parse(&bytes, column) {
                filter.matches(cell);
            }
        }

        #[test]
        fn words_in_any_order_make_it_no_panic(
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
        fn numbers_are_compared_as_they_are(left: u64, right: u64) {
            let holds = |sign| holds(&format!("{left} {sign} {right}"));
            prop_assert_eq!(
                [holds("=="), holds("!="), holds("<"), holds("<="), holds(">"), holds(">=")],
                [left == right, left != right, left < right, left <= right, left > right, left >= right]
            );
        }
    }
}
