//! The parser: from tokens to an expression.
//!
//! Operators by precedence, the closest binding first: comparisons, `!`, `&&`, `||`. So `!TYPE ==
//! "net"` holds for every other type.

use super::{
    Filter, FilterError, LONGEST, LONGEST_REGEX, Literal, MOST_NODES, Node, Regex,
    token::{Token, tokens},
};
use std::ffi::CString;

pub(super) fn parse<C: Copy + PartialEq>(
    text: &[u8],
    column: impl Fn(&str) -> Option<C>,
) -> Result<Filter<C>, FilterError> {
    let wrong = |problem: Problem| match problem {
        Problem::Text(why) => FilterError::Parse(crate::text::escape(text), why),
        Problem::Column(name) => FilterError::UnknownColumn(name),
    };
    if text.len() > LONGEST {
        return Err(wrong(Problem::Text(format!(
            "the expression is longer than {LONGEST} bytes"
        ))));
    }
    let tokens = tokens(text).map_err(|why| wrong(Problem::Text(why)))?;
    let mut parser = Parser {
        rest: tokens.into_iter().peekable(),
        column,
        columns: Vec::new(),
        nodes: 0,
        depth: 0,
    };
    let root = parser.whole().map_err(wrong)?;
    Ok(Filter {
        root,
        columns: parser.columns,
    })
}

/// A problem with an expression.
enum Problem {
    Text(String),
    Column(String),
}

impl Problem {
    fn unexpected(token: Option<&Token>) -> Self {
        let name = token.map_or_else(|| "end of file".to_owned(), Token::name);
        Self::Text(format!("syntax error, unexpected {name}"))
    }
}

struct Parser<C, F> {
    rest: std::iter::Peekable<std::vec::IntoIter<Token>>,
    column: F,
    columns: Vec<C>,
    nodes: usize,
    /// The number of open parentheses and negations.
    depth: usize,
}

impl<C: Copy + PartialEq, F: Fn(&str) -> Option<C>> Parser<C, F> {
    fn whole(&mut self) -> Result<Node<C>, Problem> {
        let root = self.either()?;
        match self.rest.next() {
            None => Ok(root),
            token => Err(Problem::unexpected(token.as_ref())),
        }
    }

    fn either(&mut self) -> Result<Node<C>, Problem> {
        let mut node = self.both()?;
        while self.takes(&Token::Or) {
            let right = self.both()?;
            node = self.count(Node::Either(Box::new(node), Box::new(right)))?;
        }
        Ok(node)
    }

    fn both(&mut self) -> Result<Node<C>, Problem> {
        let mut node = self.not()?;
        while self.takes(&Token::And) {
            let right = self.not()?;
            node = self.count(Node::Both(Box::new(node), Box::new(right)))?;
        }
        Ok(node)
    }

    fn not(&mut self) -> Result<Node<C>, Problem> {
        if !self.takes(&Token::Not) {
            return self.comparison();
        }
        let node = self.nested(Self::not)?;
        self.count(Node::Not(Box::new(node)))
    }

    fn comparison(&mut self) -> Result<Node<C>, Problem> {
        let mut node = self.operand()?;
        loop {
            node = match self.rest.peek() {
                Some(&Token::Compare(comparison)) => {
                    self.rest.next();
                    let right = self.operand()?;
                    self.count(Node::Compare(Box::new(node), comparison, Box::new(right)))?
                }
                Some(&Token::Match(matching)) => {
                    self.rest.next();
                    let regex = self.regex()?;
                    self.count(Node::Match {
                        text: Box::new(node),
                        regex,
                        matching,
                    })?
                }
                _ => return Ok(node),
            };
        }
    }

    fn operand(&mut self) -> Result<Node<C>, Problem> {
        match self.rest.next() {
            Some(Token::Open) => {
                let node = self.nested(Self::either)?;
                match self.rest.next() {
                    Some(Token::Close) => Ok(node),
                    token => Err(Problem::unexpected(token.as_ref())),
                }
            }
            Some(Token::Literal(literal)) => self.count(Node::Literal(literal)),
            Some(Token::Name(name)) => {
                let column = (self.column)(&name).ok_or(Problem::Column(name))?;
                if !self.columns.contains(&column) {
                    self.columns.push(column);
                }
                self.count(Node::Column(column))
            }
            token => Err(Problem::unexpected(token.as_ref())),
        }
    }

    /// Reads and compiles the regular expression after `=~`.
    fn regex(&mut self) -> Result<Regex, Problem> {
        let text = match self.rest.next() {
            Some(Token::Literal(Literal::Text(text))) => text,
            token => return Err(Problem::unexpected(token.as_ref())),
        };
        if text.len() > LONGEST_REGEX {
            return Err(Problem::Text(format!(
                "a regular expression is longer than {LONGEST_REGEX} bytes"
            )));
        }
        let text = CString::new(text)
            .map_err(|_| Problem::Text("a zero byte in a regular expression".to_owned()))?;
        Regex::new(&text).map_err(|why| Problem::Text(format!("regular expression: {why}")))
    }

    fn nested(
        &mut self,
        part: fn(&mut Self) -> Result<Node<C>, Problem>,
    ) -> Result<Node<C>, Problem> {
        self.depth += 1;
        if self.depth > MOST_NODES {
            return Err(Problem::Text(format!(
                "the expression is nested deeper than {MOST_NODES}"
            )));
        }
        let node = part(self);
        self.depth -= 1;
        node
    }

    fn takes(&mut self, token: &Token) -> bool {
        self.rest.next_if_eq(token).is_some()
    }

    fn count(&mut self, node: Node<C>) -> Result<Node<C>, Problem> {
        self.nodes += 1;
        if self.nodes > MOST_NODES {
            return Err(Problem::Text(format!(
                "the expression has more than {MOST_NODES} operands and operators"
            )));
        }
        Ok(node)
    }
}
