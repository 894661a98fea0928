//! Values as the Web API writes them, and back.

use std::str::FromStr;

use crosswalk_engine::value::{Kind, RecordKey, Reference, Value};
use rust_decimal::Decimal;
use serde_json::{Number, Value as Json, json};

use super::guid;
use crate::text::odata;

/// A column's value as the manifest declares it; an error says what the column holds instead.
///
/// `target` is the entity that a lookup leads to, where the answer tells it.
pub(super) fn decode(kind: &Kind, json: Option<&Json>, target: Option<&str>) -> Result<Value, String> {
    let json = match json {
        None | Some(Json::Null) => return Ok(Value::Empty),
        Some(json) => json,
    };
    let decoded = match (kind, json) {
        (Kind::Text, Json::String(text)) => Some(Value::Text(text.clone())),
        (Kind::Flag, Json::Bool(flag)) => Some(Value::Flag(*flag)),
        (Kind::Integer, Json::Number(number)) => {
            number.as_i64().and_then(|number| i32::try_from(number).ok()).map(Value::Integer)
        }
        (Kind::Decimal, Json::Number(number)) => decimal(number).map(Value::Decimal),
        // Never through a time zone: a column with a time is not a day, and says so by its form.
        (Kind::Date, Json::String(text)) if text.len() == 10 => text.parse().ok().map(Value::Date),
        (Kind::Instant, Json::String(text)) => text.parse().ok().map(Value::Instant),
        // A multi-select choice is written as its codes, with commas.
        (Kind::Texts, Json::String(text)) => Some(Value::Texts(
            text.split(',').map(str::trim).filter(|code| !code.is_empty()).map(str::to_owned).collect(),
        )),
        (Kind::Reference(declared), Json::String(id)) => guid(id).map(|id| {
            let entity = target.unwrap_or(declared).to_owned();
            Value::Reference(Reference::Existing(RecordKey { entity, id }))
        }),
        (Kind::Json, json) => Some(Value::Json(json.clone())),
        _ => None,
    };
    decoded.ok_or_else(|| {
        let shown: String = json.to_string().chars().take(40).collect();
        format!("is declared as {}, but Dataverse holds `{shown}`", word(kind))
    })
}

fn word(kind: &Kind) -> &'static str {
    match kind {
        Kind::Text => "text",
        Kind::Flag => "a flag",
        Kind::Integer => "an integer",
        Kind::Decimal => "a decimal",
        Kind::Date => "a date",
        Kind::Instant => "an instant",
        Kind::Texts => "texts",
        Kind::Reference(_) => "a reference",
        Kind::Json => "JSON",
    }
}

fn decimal(number: &Number) -> Option<Decimal> {
    let text = number.to_string();
    Decimal::from_str(&text).or_else(|_| Decimal::from_scientific(&text)).ok()
}

/// A value that is not a reference, as a body has it.
pub(super) fn encode(value: &Value) -> Option<Json> {
    Some(match value {
        Value::Empty => Json::Null,
        Value::Text(text) => Json::String(text.clone()),
        Value::Flag(flag) => Json::Bool(*flag),
        Value::Integer(number) => json!(number),
        // With arbitrary precision the digits stay as they are written.
        Value::Decimal(decimal) => Json::Number(decimal.to_string().parse().ok()?),
        Value::Date(date) => Json::String(date.to_string()),
        Value::Instant(instant) => Json::String(instant.to_string()),
        Value::Texts(texts) => Json::String(texts.join(",")),
        Value::Json(json) => json.clone(),
        Value::Reference(_) => return None,
    })
}

/// `field eq value` as a filter has it; `None` for a value that cannot be searched for.
pub(super) fn condition(field: &str, kind: Option<&Kind>, is_id: bool, value: &Value) -> Option<String> {
    let is_lookup = matches!(kind, Some(Kind::Reference(_)));
    let literal = match value {
        Value::Empty if is_lookup => return Some(format!("_{field}_value eq null")),
        Value::Reference(Reference::Existing(key)) => {
            return Some(format!("_{field}_value eq {}", guid(&key.id)?));
        }
        Value::Empty => "null".to_owned(),
        // An id is written without quotes.
        Value::Text(text) if is_id => guid(text)?,
        Value::Text(text) => odata(text),
        Value::Flag(flag) => flag.to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Decimal(decimal) => decimal.to_string(),
        Value::Date(date) => date.to_string(),
        Value::Instant(instant) => instant.to_string(),
        Value::Texts(_) | Value::Json(_) | Value::Reference(Reference::Companion(_)) => return None,
    };
    Some(format!("{field} eq {literal}"))
}
