//! Resource paths: `opportunities(msft_referralidentifier='a''b')/name`, `EntityDefinitions(LogicalName='lead')/Keys`.

use super::lexer::literal;
use crate::dynamics::{
    cell::Cell,
    errors::{Outcome, Refusal, query},
};

/// The characters that make reading or updating by a key value fail on the real service, although the key itself
/// stays unique (docs: "Define alternate keys").
const FORBIDDEN_IN_KEYS: &str = "/<>*%&:\\?+";

/// One segment of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Segment {
    /// The name before the parentheses.
    pub(crate) name: String,
    /// What stands in the parentheses, if there are any.
    pub(crate) key: Option<Key>,
}

/// What stands in the parentheses of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Key {
    /// Nothing: a function without arguments.
    Empty,
    /// One value without a name: the primary key.
    Primary(Cell),
    /// Named values: an alternate key, or a function's arguments.
    Named(Vec<(String, Cell)>),
}

/// Reads a path (still percent-encoded, without the query) into segments. `aliases` are the query options, where a
/// key may refer to one (`accounts(accountnumber=@p1)?@p1='A'`).
pub(crate) fn segments(path: &str, aliases: &[(String, String)]) -> Outcome<Vec<Segment>> {
    split_outside(path, '/')
        .into_iter()
        .filter(|part| !part.is_empty())
        .map(|part| segment(&decode(part)?, aliases))
        .collect()
}

fn segment(text: &str, aliases: &[(String, String)]) -> Outcome<Segment> {
    let Some(open) = text.find('(') else { return Ok(Segment { name: text.to_owned(), key: None }) };
    let inner = text[open + 1..].strip_suffix(')').ok_or_else(|| bad_segment(text))?;
    Ok(Segment { name: text[..open].to_owned(), key: Some(key(inner, aliases, text)?) })
}

fn key(inner: &str, aliases: &[(String, String)], whole: &str) -> Outcome<Key> {
    if inner.trim().is_empty() {
        return Ok(Key::Empty);
    }
    let parts = split_outside(inner, ',');
    if let [only] = parts.as_slice()
        && split_outside(only, '=').len() == 1
    {
        return Ok(Key::Primary(key_value(only.trim(), aliases, whole)?));
    }
    let mut named = Vec::new();
    for part in parts {
        let mut sides = split_outside(part, '=').into_iter();
        let (Some(name), Some(value), None) = (sides.next(), sides.next(), sides.next()) else {
            return Err(bad_segment(whole));
        };
        named.push((name.trim().to_owned(), key_value(value.trim(), aliases, whole)?));
    }
    Ok(Key::Named(named))
}

fn key_value(text: &str, aliases: &[(String, String)], whole: &str) -> Outcome<Cell> {
    if text.starts_with('@') {
        let (_, value) = aliases.iter().find(|(name, _)| name == text).ok_or_else(|| {
            query(format!("The parameter alias '{text}' of '{whole}' has no value in the query string."))
        })?;
        return plain_value(value).ok_or_else(|| bad_segment(whole));
    }
    let value = plain_value(text).ok_or_else(|| bad_segment(whole))?;
    if let Cell::Text(text) = &value
        && let Some(bad) = text.chars().find(|c| FORBIDDEN_IN_KEYS.contains(*c))
    {
        return Err(Refusal::new(
            400,
            "0x80060888",
            format!("A potentially dangerous Request.Path value was detected from the client ({bad})."),
        ));
    }
    Ok(value)
}

fn plain_value(text: &str) -> Option<Cell> {
    match text.strip_prefix('\'') {
        Some(rest) => {
            let inner = rest.strip_suffix('\'')?;
            let undoubled = inner.replace("''", "");
            (!undoubled.contains('\'')).then(|| Cell::Text(inner.replace("''", "'")))
        }
        None => literal(text),
    }
}

fn bad_segment(whole: &str) -> Refusal {
    query(format!("Bad Request - Error in query syntax: '{whole}'."))
}

/// Splits at a character outside quotes and parentheses.
pub(crate) fn split_outside(text: &str, at: char) -> Vec<&str> {
    let (mut parts, mut start, mut quoted, mut depth) = (Vec::new(), 0, false, 0_i32);
    for (index, c) in text.char_indices() {
        match c {
            '\'' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth -= 1,
            _ if c == at && !quoted && depth <= 0 => {
                parts.push(&text[start..index]);
                start = index + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

/// Undoes percent-encoding in a path, where `+` means itself.
pub(crate) fn decode(text: &str) -> Outcome<String> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let escaped = (*byte == b'%')
            .then(|| bytes.get(at + 1..at + 3))
            .flatten()
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        out.push(escaped.unwrap_or(*byte));
        at += if escaped.is_some() { 3 } else { 1 };
    }
    String::from_utf8(out).map_err(|_| query("The URL is not UTF-8 once it is decoded."))
}

/// Percent-encodes a value for a query string, a space as `%20`.
pub(crate) fn encode(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~!$'()*,;:@".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(path: &str) -> Segment {
        segments(path, &[]).unwrap().remove(0)
    }

    #[test]
    fn a_doubled_quote_in_a_key_stands_for_one() {
        let key = one("accounts(accountnumber='O''Hara')").key.unwrap();
        assert_eq!(key, Key::Named(vec![("accountnumber".to_owned(), Cell::Text("O'Hara".to_owned()))]));
    }

    #[test]
    fn an_encoded_quote_and_space_are_decoded_before_the_key_is_read() {
        let key = one("contacts(firstname=%27Joe%20A%27,emailaddress1=%27a@example.com%27)").key.unwrap();
        let Key::Named(pairs) = key else { panic!("named key expected") };
        assert_eq!(pairs[0].1, Cell::Text("Joe A".to_owned()));
        assert_eq!(pairs[1].1, Cell::Text("a@example.com".to_owned()));
    }

    #[test]
    fn a_comma_in_a_quoted_value_does_not_end_it() {
        let key = one("accounts(name='a,b=c(d')").key.unwrap();
        assert_eq!(key, Key::Named(vec![("name".to_owned(), Cell::Text("a,b=c(d".to_owned()))]));
    }

    #[test]
    fn a_key_value_with_a_slash_is_refused_as_on_the_real_service() {
        assert_eq!(segments("accounts(accountnumber='a%2Fb')", &[]).unwrap_err().status, 400);
    }

    #[test]
    fn a_guid_alone_is_the_primary_key() {
        let id = uuid::Uuid::from_u128(7);
        assert_eq!(one(&format!("accounts({id})")).key, Some(Key::Primary(Cell::Id(id))));
    }
}
