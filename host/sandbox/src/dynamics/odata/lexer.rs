//! Words of an OData expression: names, literals, operators and punctuation.

use crate::dynamics::{
    cell::Cell,
    errors::{Outcome, query},
};
use jiff::{Timestamp, civil::Date};
use rust_decimal::Decimal;
use std::str::FromStr;
use uuid::Uuid;

/// How the type name before an enumeration's value begins.
const ENUMERATION: &str = "Microsoft.Dynamics.CRM.";

/// One word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token {
    /// A name, possibly a path (`parentaccountid/name`) or a qualified function.
    Word(String),
    /// A literal, `null` included.
    Literal(Cell),
    /// `(`
    Open,
    /// `)`
    Close,
    /// `,`
    Comma,
    /// `=`, in named arguments.
    Equals,
    /// `[`
    OpenList,
    /// `]`
    CloseList,
}

/// Splits an expression into words.
pub(crate) fn tokens(text: &str) -> Outcome<Vec<Token>> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if first.is_whitespace() {
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let punctuation = match first {
            '(' => Some(Token::Open),
            ')' => Some(Token::Close),
            ',' => Some(Token::Comma),
            '=' => Some(Token::Equals),
            '[' => Some(Token::OpenList),
            ']' => Some(Token::CloseList),
            _ => None,
        };
        if let Some(token) = punctuation {
            out.push(token);
            rest = &rest[1..];
        } else if first == '\'' {
            let (value, after) = quoted(rest, text)?;
            // `Microsoft.Dynamics.CRM.AttributeTypeCode'String'`: the type before an enumeration's value says nothing.
            let enumeration =
                |token: &Token| matches!(token, Token::Word(name) if name.starts_with(ENUMERATION));
            out.pop_if(|token| enumeration(token));
            out.push(Token::Literal(Cell::Text(value)));
            rest = after;
        } else {
            let end = rest.find(|c: char| c.is_whitespace() || "(),=[]'".contains(c)).unwrap_or(rest.len());
            out.push(word(&rest[..end]));
            rest = &rest[end..];
        }
    }
    Ok(out)
}

/// Reads a quoted text, in which a doubled quote stands for one; returns it and what follows.
fn quoted<'a>(rest: &'a str, whole: &str) -> Outcome<(String, &'a str)> {
    let mut value = String::new();
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c != '\'' {
            value.push(c);
        } else if chars.next_if(|(_, next)| *next == '\'').is_some() {
            value.push('\'');
        } else {
            return Ok((value, &rest[at + 1..]));
        }
    }
    Err(query(format!("There is an unterminated string literal in '{whole}'.")))
}

/// A bare word: a literal where it reads as one, a name otherwise.
fn word(text: &str) -> Token {
    literal(text).map_or_else(|| Token::Word(text.to_owned()), Token::Literal)
}

/// An unquoted literal: `null`, `true`, a GUID, a number, a date or a moment.
pub(crate) fn literal(text: &str) -> Option<Cell> {
    match text {
        "null" => return Some(Cell::Null),
        "true" => return Some(Cell::Flag(true)),
        "false" => return Some(Cell::Flag(false)),
        _ => {}
    }
    let bare = text.trim_start_matches('{').trim_end_matches('}');
    if bare.len() == 36
        && let Ok(id) = Uuid::parse_str(bare)
    {
        return Some(Cell::Id(id));
    }
    let first = text.chars().next()?;
    if !(first.is_ascii_digit() || first == '-') {
        return None;
    }
    if let Ok(value) = text.parse::<i64>() {
        return Some(Cell::Integer(value));
    }
    if let Ok(value) = Decimal::from_str(text).or_else(|_| Decimal::from_scientific(text)) {
        return Some(Cell::Decimal(value));
    }
    if text.contains('T') {
        return Timestamp::from_str(text).ok().map(Cell::Instant);
    }
    Date::from_str(text).ok().map(Cell::Date)
}
