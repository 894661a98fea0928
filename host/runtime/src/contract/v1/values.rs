//! Values and fields, both ways.

use crosswalk_engine::value::{Fields, Kind, RecordKey, Reference, Value};
use jiff::{Timestamp, civil::Date};
use rust_decimal::Decimal;

use super::{wire, wire_values as wit};
use crate::codes::Code;

/// Digits of a decimal, by the contract.
const DECIMAL_DIGITS_MAX: usize = 28;

/// What is wrong with one value; the caller knows whose it is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Flaw {
    pub(crate) code: Code,
    /// What the value is, to follow "gave": "the decimal `1e5`, which has an exponent".
    pub(crate) what: String,
    pub(crate) help: &'static str,
}

/// A record's key, as the plugin sees it.
pub(crate) fn key(key: &RecordKey) -> wit::RecordKey {
    wit::RecordKey { entity: key.entity.clone(), id: key.id.clone() }
}

/// Named values, as the plugin sees them: in the order of their names, always the same.
pub(crate) fn fields(fields: &Fields) -> Vec<wit::Field> {
    fields.iter().map(|(name, held)| wit::Field { name: name.clone(), value: value(held) }).collect()
}

/// A value, as the plugin sees it.
pub(crate) fn value(value: &Value) -> wit::Value {
    match value {
        Value::Empty => wit::Value::Empty,
        Value::Text(text) => wit::Value::Text(line_ends(text)),
        Value::Flag(flag) => wit::Value::Flag(*flag),
        Value::Integer(integer) => wit::Value::Integer(*integer),
        Value::Decimal(decimal) => wit::Value::Decimal(decimal.to_string()),
        Value::Date(date) => wit::Value::Date(date.to_string()),
        Value::Instant(instant) => wit::Value::Instant(instant.to_string()),
        Value::Texts(texts) => wit::Value::Texts(texts.clone()),
        Value::Reference(Reference::Existing(existing)) => {
            wit::Value::Reference(wit::Reference::Existing(key(existing)))
        }
        Value::Reference(Reference::Companion(alias)) => {
            wit::Value::Reference(wit::Reference::Companion(alias.clone()))
        }
        Value::Json(json) => wit::Value::Other(json.to_string()),
    }
}

/// A value, as the plugin gave it. An empty text is [`Value::Empty`], as the contract says.
pub(crate) fn read(value: &wit::Value) -> Result<Value, Flaw> {
    Ok(match value {
        wit::Value::Empty => Value::Empty,
        wit::Value::Text(text) if text.is_empty() => Value::Empty,
        wit::Value::Text(text) => Value::Text(line_ends(text)),
        wit::Value::Flag(flag) => Value::Flag(*flag),
        wit::Value::Integer(integer) => Value::Integer(*integer),
        wit::Value::Decimal(text) => Value::Decimal(decimal(text)?),
        wit::Value::Date(text) => Value::Date(date(text)?),
        wit::Value::Instant(text) => Value::Instant(instant(text)?),
        wit::Value::Texts(texts) => Value::Texts(texts.clone()),
        wit::Value::Reference(wit::Reference::Existing(key)) => {
            Value::Reference(Reference::Existing(RecordKey {
                entity: key.entity.clone(),
                id: key.id.clone(),
            }))
        }
        wit::Value::Reference(wit::Reference::Companion(alias)) => {
            Value::Reference(Reference::Companion(alias.clone()))
        }
        wit::Value::Other(text) => Value::Json(json(text)?),
    })
}

/// A kind, as a manifest gives it; `None` if this host does not know it.
pub(crate) fn kind(kind: &wire::Kind) -> Option<Kind> {
    Some(match kind {
        wire::Kind::Text => Kind::Text,
        wire::Kind::Flag => Kind::Flag,
        wire::Kind::Integer => Kind::Integer,
        wire::Kind::Decimal => Kind::Decimal,
        wire::Kind::Date => Kind::Date,
        wire::Kind::Instant => Kind::Instant,
        wire::Kind::Texts => Kind::Texts,
        wire::Kind::Reference(entity) => Kind::Reference(entity.clone()),
        wire::Kind::Other(name) if name == "json" => Kind::Json,
        wire::Kind::Other(_) => return None,
    })
}

/// What a kind is called in a sentence.
pub(crate) fn kind_name(kind: &Kind) -> String {
    match kind {
        Kind::Text => "text".to_owned(),
        Kind::Flag => "flag".to_owned(),
        Kind::Integer => "integer".to_owned(),
        Kind::Decimal => "decimal".to_owned(),
        Kind::Date => "date".to_owned(),
        Kind::Instant => "instant".to_owned(),
        Kind::Texts => "texts".to_owned(),
        Kind::Reference(entity) => format!("reference to `{entity}`"),
        Kind::Json => "JSON".to_owned(),
    }
}

/// What a value is called in a sentence; the value itself is not shown, it may be personal.
pub(crate) fn value_name(value: &Value) -> String {
    match value {
        Value::Empty => "nothing".to_owned(),
        Value::Text(_) => "text".to_owned(),
        Value::Flag(_) => "a flag".to_owned(),
        Value::Integer(_) => "an integer".to_owned(),
        Value::Decimal(_) => "a decimal".to_owned(),
        Value::Date(_) => "a date".to_owned(),
        Value::Instant(_) => "an instant".to_owned(),
        Value::Texts(_) => "texts".to_owned(),
        Value::Reference(Reference::Existing(key)) => format!("a reference to `{}`", key.entity),
        Value::Reference(Reference::Companion(alias)) => format!("a reference to the companion `{alias}`"),
        Value::Json(_) => "JSON".to_owned(),
    }
}

/// Whether a value may stand in a field of this kind. Where a companion leads is for the draft to say.
pub(crate) fn fits(value: &Value, kind: &Kind) -> bool {
    match (value, kind) {
        (Value::Reference(Reference::Existing(key)), Kind::Reference(entity)) => key.entity == *entity,
        (Value::Reference(Reference::Companion(_)), Kind::Reference(_)) => true,
        (Value::Empty, _)
        | (Value::Text(_), Kind::Text)
        | (Value::Flag(_), Kind::Flag)
        | (Value::Integer(_), Kind::Integer)
        | (Value::Decimal(_), Kind::Decimal)
        | (Value::Date(_), Kind::Date)
        | (Value::Instant(_), Kind::Instant)
        | (Value::Texts(_), Kind::Texts)
        | (Value::Json(_), Kind::Json) => true,
        _ => false,
    }
}

/// A well-formed JSON pointer (RFC 6901) to one place, or what is wrong with it.
pub(crate) fn pointer(name: &str) -> Result<(), String> {
    if !name.starts_with('/') {
        return Err("which does not begin with `/`".to_owned());
    }
    let mut characters = name.chars();
    while let Some(character) = characters.next() {
        if character == '~' && !matches!(characters.next(), Some('0' | '1')) {
            return Err("in which `~` is followed by neither `0` nor `1`".to_owned());
        }
    }
    if name.ends_with("/-") {
        return Err("which says append, not what Partner Center should hold".to_owned());
    }
    Ok(())
}

/// `\n` for every line end.
pub(crate) fn line_ends(text: &str) -> String {
    if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n") } else { text.to_owned() }
}

/// `-12.50`: digits, at most one point with digits on both sides, at most 28 digits, no exponent.
fn decimal(text: &str) -> Result<Decimal, Flaw> {
    let flaw = |why: &str| Flaw {
        code: Code::BadDecimal,
        what: format!("the decimal {}, {why}", quoted(text)),
        help: "return digits with a point, such as `-12.50`: no exponent, no thousands separators, at most 28 digits",
    };
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !all_digits(whole) || !all_digits(fraction) {
        return Err(flaw("which is not plain digits"));
    }
    if digits.bytes().filter(u8::is_ascii_digit).count() > DECIMAL_DIGITS_MAX {
        return Err(flaw("which has more than 28 digits"));
    }
    Decimal::from_str_exact(text).map_err(|_| flaw("which no decimal can hold"))
}

/// `2026-01-31`, a day that exists.
fn date(text: &str) -> Result<Date, Flaw> {
    let day = if text.len() == 10 { text.parse().ok() } else { None };
    day.ok_or_else(|| Flaw {
        code: Code::BadDate,
        what: format!("the date {}, which is no such day", quoted(text)),
        help: "return year, month and day, such as `2026-01-31`, without a time or a zone",
    })
}

/// `2026-01-31T10:00:00Z`, a moment that exists.
fn instant(text: &str) -> Result<Timestamp, Flaw> {
    let shaped = text.len() >= 20 && text.as_bytes().get(10) == Some(&b'T') && text.ends_with('Z');
    let moment = if shaped { text.parse().ok() } else { None };
    moment.ok_or_else(|| Flaw {
        code: Code::BadInstant,
        what: format!("the instant {}, which is no moment in UTC", quoted(text)),
        help: "return RFC 3339 in UTC, such as `2026-01-31T10:00:00Z`",
    })
}

fn json(text: &str) -> Result<serde_json::Value, Flaw> {
    serde_json::from_str(text).map_err(|error| Flaw {
        code: Code::BadJson,
        what: format!("`other` text that is not JSON ({error})"),
        help: "return JSON text for a field of kind `json`, and `text` for words",
    })
}

/// A short text as it is, a long one cut.
fn quoted(text: &str) -> String {
    format!("`{}`", crate::codes::clean(text, 64))
}
