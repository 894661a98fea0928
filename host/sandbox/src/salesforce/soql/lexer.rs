//! Words of a query: names, literals, operators and punctuation.

use super::ast::{Literal, Operator, Piece, Text};
use crate::salesforce::errors::{Outcome, malformed_query};
use jiff::{Timestamp, civil::Date};
use rust_decimal::Decimal;
use std::str::FromStr;

/// One word.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token {
    /// A keyword, a name, a path with points.
    Word(String),
    /// A literal that cannot be a name.
    Literal(Literal),
    /// `=`, `!=`, `<`, …
    Operator(Operator),
    /// `(`
    Open,
    /// `)`
    Close,
    /// `,`
    Comma,
}

/// Splits a query into words.
pub(crate) fn tokens(text: &str) -> Outcome<Vec<Token>> {
    let mut out = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, after) = match first {
            '(' => (Token::Open, rest.get(1..).unwrap_or_default()),
            ')' => (Token::Close, rest.get(1..).unwrap_or_default()),
            ',' => (Token::Comma, rest.get(1..).unwrap_or_default()),
            '\'' => quoted(rest)?,
            '=' | '!' | '<' | '>' => operator(rest)?,
            _ => bare(rest)?,
        };
        out.push(token);
        rest = after.trim_start();
    }
    Ok(out)
}

fn operator(rest: &str) -> Outcome<(Token, &str)> {
    let known = [
        ("!=", Operator::NotEqual),
        ("<>", Operator::NotEqual),
        ("<=", Operator::AtMost),
        (">=", Operator::AtLeast),
        ("=", Operator::Equal),
        ("<", Operator::Less),
        (">", Operator::Greater),
    ];
    known
        .into_iter()
        .find_map(|(sign, operator)| Some((Token::Operator(operator), rest.strip_prefix(sign)?)))
        .ok_or_else(|| malformed_query("unexpected token: '!'"))
}

/// Reads a quoted text with its escapes.
fn quoted(rest: &str) -> Outcome<(Token, &str)> {
    let mut text = Text { plain: String::new(), pattern: Vec::new() };
    let mut chars = rest.char_indices().skip(1);
    while let Some((at, character)) = chars.next() {
        let (plain, piece) = match character {
            '\'' => {
                let after = rest.get(at + 1..).unwrap_or_default();
                return Ok((Token::Literal(Literal::Text(text)), after));
            }
            '\\' => {
                let Some((_, escaped)) = chars.next() else { break };
                let meant = match escaped {
                    'n' | 'N' => '\n',
                    'r' | 'R' => '\r',
                    't' | 'T' => '\t',
                    'b' | 'B' => '\u{8}',
                    'f' | 'F' => '\u{c}',
                    '\'' | '"' | '\\' | '%' | '_' => escaped,
                    other => return Err(malformed_query(format!("invalid escape sequence: \\{other}"))),
                };
                (meant, Piece::Character(meant))
            }
            '%' => ('%', Piece::Any),
            '_' => ('_', Piece::One),
            other => (other, Piece::Character(other)),
        };
        text.plain.push(plain);
        text.pattern.push(piece);
    }
    Err(malformed_query("unterminated string literal"))
}

/// A name, a number, a date or a moment.
fn bare(rest: &str) -> Outcome<(Token, &str)> {
    let end = rest.find(|c: char| c.is_whitespace() || "(),'=!<>".contains(c)).unwrap_or(rest.len());
    let (word, after) = rest.split_at(end);
    let starts_like_a_number = word.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c));
    if !starts_like_a_number {
        let is_a_name = word.chars().all(|c| c.is_alphanumeric() || "_.:".contains(c));
        return if is_a_name {
            Ok((Token::Word(word.to_owned()), after))
        } else {
            Err(malformed_query(format!("unexpected token: '{word}'")))
        };
    }
    let literal = number(word)
        .map(Literal::Number)
        .or_else(|| Date::from_str(word).ok().filter(|_| word.len() == 10).map(Literal::Date))
        .or_else(|| word.parse::<Timestamp>().ok().map(Literal::Instant))
        .ok_or_else(|| malformed_query(format!("line 1: no viable alternative at character '{word}'")))?;
    Ok((Token::Literal(literal), after))
}

fn number(word: &str) -> Option<Decimal> {
    Decimal::from_str(word).or_else(|_| Decimal::from_scientific(word)).ok()
}
