//! The tokens of an expression.

use super::{Comparison, Literal};

/// A token of an expression.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Literal(Literal),
    /// A column's name.
    Name(String),
    Open,
    Close,
    Not,
    And,
    Or,
    Compare(Comparison),
    /// `=~`, or `!~` if `false`.
    Match(bool),
}

impl Token {
    /// Returns the name of the token in messages.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Literal(Literal::Integer(_)) => "a number".to_owned(),
            Self::Literal(Literal::Float(_)) => "a floating-point number".to_owned(),
            Self::Literal(Literal::Text(_)) => "a string".to_owned(),
            Self::Literal(Literal::Bool(value)) => value.to_string(),
            Self::Name(name) => name.clone(),
            Self::Open => "(".to_owned(),
            Self::Close => ")".to_owned(),
            Self::Not => "!".to_owned(),
            Self::And => "&&".to_owned(),
            Self::Or => "||".to_owned(),
            Self::Compare(_) => "a comparison".to_owned(),
            Self::Match(true) => "=~".to_owned(),
            Self::Match(false) => "!~".to_owned(),
        }
    }
}

/// Operators made of signs; longer ones come first.
const SIGNS: [(&[u8], Token); 13] = [
    (b"&&", Token::And),
    (b"||", Token::Or),
    (b"=~", Token::Match(true)),
    (b"!~", Token::Match(false)),
    (b"==", Token::Compare(Comparison::Equal)),
    (b"!=", Token::Compare(Comparison::NotEqual)),
    (b">=", Token::Compare(Comparison::GreaterOrEqual)),
    (b"<=", Token::Compare(Comparison::LessOrEqual)),
    (b">", Token::Compare(Comparison::Greater)),
    (b"<", Token::Compare(Comparison::Less)),
    (b"!", Token::Not),
    (b"(", Token::Open),
    (b")", Token::Close),
];

/// Words that are not names, in upper or lower case.
const WORDS: [(&str, Token); 11] = [
    ("and", Token::And),
    ("or", Token::Or),
    ("not", Token::Not),
    ("eq", Token::Compare(Comparison::Equal)),
    ("ne", Token::Compare(Comparison::NotEqual)),
    ("gt", Token::Compare(Comparison::Greater)),
    ("ge", Token::Compare(Comparison::GreaterOrEqual)),
    ("lt", Token::Compare(Comparison::Less)),
    ("le", Token::Compare(Comparison::LessOrEqual)),
    ("true", Token::Literal(Literal::Bool(true))),
    ("false", Token::Literal(Literal::Bool(false))),
];

/// Splits an expression. An error is the reason, in words.
pub(super) fn tokens(text: &[u8]) -> Result<Vec<Token>, String> {
    let mut found = Vec::new();
    let mut rest = text.trim_ascii_start();
    while let Some(&first) = rest.first() {
        let (token, length) = match first {
            b'"' | b'\'' => string(rest, first)?,
            b'0'..=b'9' => number(rest)?,
            b'A'..=b'Z' | b'a'..=b'z' | b'_' => word(rest),
            _ => {
                let sign = SIGNS.iter().find(|(sign, _)| rest.starts_with(sign));
                let (sign, token) =
                    sign.ok_or_else(|| format!("syntax error, unexpected '{}'", shown(rest)))?;
                (token.clone(), sign.len())
            }
        };
        found.push(token);
        rest = rest[length..].trim_ascii_start();
    }
    Ok(found)
}

/// Reads a text between quotes. A backslash escapes the quote, and is kept before anything else.
fn string(rest: &[u8], quote: u8) -> Result<(Token, usize), String> {
    let mut value = Vec::new();
    let mut index = 1;
    loop {
        match rest.get(index) {
            None => return Err("syntax error, a string does not end".to_owned()),
            Some(&byte) if byte == quote => {
                return Ok((Token::Literal(Literal::Text(value)), index + 1));
            }
            Some(b'\\') if rest.get(index + 1) == Some(&quote) => {
                value.push(quote);
                index += 2;
            }
            Some(&byte) => {
                value.push(byte);
                index += 1;
            }
        }
    }
}

/// Reads digits with a fraction, or with a unit: `K` and `KiB` are 1024, `KB` is 1000, and so on.
fn number(rest: &[u8]) -> Result<(Token, usize), String> {
    let run = |from: usize, is: fn(&u8) -> bool| {
        from + rest[from..].iter().take_while(|byte| is(byte)).count()
    };
    let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let digits = run(0, u8::is_ascii_digit);
    if rest.get(digits) == Some(&b'.') {
        let end = run(digits + 1, u8::is_ascii_digit);
        let whole = run(end, is_letter);
        let text = String::from_utf8_lossy(&rest[..whole]);
        let value = text
            .parse()
            .map_err(|_| format!("syntax error, '{text}' is not a number"))?;
        return Ok((Token::Literal(Literal::Float(value)), whole));
    }
    let end = run(digits, is_letter);
    let text = String::from_utf8_lossy(&rest[..end]);
    let factor = factor(&rest[digits..end])
        .ok_or_else(|| format!("syntax error, '{text}' is not a number"))?;
    let value =
        nsx_core::proc::decimal(&rest[..digits]).and_then(|number| number.checked_mul(factor));
    let value = value.ok_or_else(|| format!("the number '{text}' is too large"))?;
    Ok((Token::Literal(Literal::Integer(value)), end))
}

fn factor(suffix: &[u8]) -> Option<u64> {
    let Some((letter, unit)) = suffix.split_first() else {
        return Some(1);
    };
    let power = b"KMGTPE"
        .iter()
        .position(|known| *known == letter.to_ascii_uppercase())?
        + 1;
    let base: u64 = match unit {
        b"" | b"iB" => 1024,
        b"B" => 1000,
        _ => return None,
    };
    base.checked_pow(power.try_into().ok()?)
}

fn word(rest: &[u8]) -> (Token, usize) {
    let belongs = |byte: &&u8| byte.is_ascii_alphanumeric() || b"_.%:/-".contains(byte);
    let length = rest.iter().take_while(belongs).count();
    let text = String::from_utf8_lossy(&rest[..length]);
    let known = WORDS
        .iter()
        .find(|(word, _)| *word == text || word.to_ascii_uppercase() == text);
    (
        known.map_or_else(
            || Token::Name(text.into_owned()),
            |(_, token)| token.clone(),
        ),
        length,
    )
}

/// Returns the first character, safe to show.
fn shown(rest: &[u8]) -> String {
    let first = rest
        .utf8_chunks()
        .next()
        .and_then(|chunk| chunk.valid().chars().next());
    first.map_or_else(
        || crate::text::escape(&rest[..1]),
        |first| crate::text::escape(first.to_string().as_bytes()),
    )
}
