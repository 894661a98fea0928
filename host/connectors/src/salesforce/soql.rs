//! SOQL: literals that cannot change the meaning of a query, and conditions.

use crosswalk_engine::value::{Reference, Value};

use super::id;

/// A text as a literal.
pub(super) fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('\'');
    for character in text.chars() {
        match character {
            '\'' => out.push_str("\\'"),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            other => out.push(other),
        }
    }
    out.push('\'');
    out
}

/// `field = value`; `None` for a value that cannot be searched for.
pub(super) fn condition(field: &str, value: &Value) -> Option<String> {
    let literal = match value {
        Value::Empty => "null".to_owned(),
        Value::Reference(Reference::Existing(key)) => text(&id::canonical(&key.id)?),
        Value::Text(value) => text(value),
        Value::Flag(flag) => flag.to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Decimal(decimal) => decimal.to_string(),
        // Days and times stand without quotes.
        Value::Date(date) => date.to_string(),
        Value::Instant(instant) => instant.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        Value::Texts(_) | Value::Json(_) | Value::Reference(Reference::Companion(_)) => return None,
    };
    Some(format!("{field} = {literal}"))
}

/// `field IN (…)`.
pub(super) fn one_of<'a>(field: &str, values: impl IntoIterator<Item = &'a str>) -> String {
    let literals: Vec<String> = values.into_iter().map(text).collect();
    format!("{field} IN ({})", literals.join(","))
}

/// Whether this can be the name of an object or field, and so stand in a query or an address as it is.
pub(super) fn is_name(name: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    name.len() <= 128
        && name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic())
        && name.bytes().all(legal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_cannot_end_early() {
        assert_eq!(text("O'Neil \\' OR Name != '"), r"'O\'Neil \\\' OR Name != \''");
        assert_eq!(condition("Name", &Value::Text("a\nb".into())).as_deref(), Some(r"Name = 'a\nb'"));
        assert!(!is_name("Id FROM User"));
        assert!(!is_name("1st"));
    }
}
