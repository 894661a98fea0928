//! Values as the REST API writes them, and back.

use std::str::FromStr;

use crosswalk_engine::value::{Kind, RecordKey, Reference, Value};
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::{Number, Value as Json, json};

use super::id;

/// A field's value as the manifest declares it; an error says what the field holds instead.
pub(super) fn decode(kind: &Kind, json: &Json) -> Result<Value, String> {
    let decoded = match (kind, json) {
        (_, Json::Null) => Some(Value::Empty),
        (Kind::Text, Json::String(text)) => Some(Value::Text(text.clone())),
        (Kind::Flag, Json::Bool(flag)) => Some(Value::Flag(*flag)),
        // A whole number comes as `10.0` where the field could hold a fraction.
        (Kind::Integer, Json::Number(number)) => {
            decimal(number).and_then(|number| number.normalize().to_string().parse().ok()).map(Value::Integer)
        }
        (Kind::Decimal, Json::Number(number)) => decimal(number).map(Value::Decimal),
        // Never through a time zone: a field with a time is not a day, and says so by its form.
        (Kind::Date, Json::String(text)) if text.len() == 10 => text.parse().ok().map(Value::Date),
        (Kind::Instant, Json::String(text)) => instant(text).map(Value::Instant),
        (Kind::Texts, Json::String(text)) => Some(Value::Texts(
            text.split(';').map(str::trim).filter(|value| !value.is_empty()).map(str::to_owned).collect(),
        )),
        (Kind::Reference(declared), Json::String(text)) => id::canonical(text).map(|id| {
            let entity = id::entity(&id).unwrap_or(declared).to_owned();
            Value::Reference(Reference::Existing(RecordKey { entity, id }))
        }),
        (Kind::Json, json) => Some(Value::Json(json.clone())),
        _ => None,
    };
    decoded.ok_or_else(|| {
        let shown: String = json.to_string().chars().take(40).collect();
        format!("is declared as {}, but Salesforce holds `{shown}`", word(kind))
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

/// `2026-01-31T10:00:00.000+0000`, the offset with or without a colon, or `Z`.
pub(super) fn instant(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

/// A value that is not a reference to a companion, as a body has it.
pub(super) fn encode(kind: Option<&Kind>, value: &Value) -> Option<Json> {
    Some(match value {
        // A checkbox is never empty.
        Value::Empty if kind == Some(&Kind::Flag) => Json::Bool(false),
        Value::Empty => Json::Null,
        Value::Text(text) => Json::String(text.clone()),
        Value::Flag(flag) => Json::Bool(*flag),
        Value::Integer(number) => json!(number),
        // With arbitrary precision the digits stay as they are written.
        Value::Decimal(decimal) => Json::Number(decimal.to_string().parse().ok()?),
        Value::Date(date) => Json::String(date.to_string()),
        Value::Instant(instant) => Json::String(instant.strftime("%Y-%m-%dT%H:%M:%S%.3f+0000").to_string()),
        Value::Texts(texts) => Json::String(texts.join(";")),
        Value::Json(json) => json.clone(),
        Value::Reference(Reference::Existing(key)) => Json::String(id::canonical(&key.id)?),
        Value::Reference(Reference::Companion(_)) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_digits_and_times_their_moment() {
        let decoded = decode(&Kind::Decimal, &serde_json::from_str("10000.10").unwrap()).unwrap();
        assert_eq!(decoded, Value::Decimal("10000.10".parse().unwrap()));
        assert_eq!(encode(None, &decoded).unwrap().to_string(), "10000.10");
        let tenth = serde_json::from_str("10.0").unwrap();
        assert_eq!(decode(&Kind::Integer, &tenth).unwrap(), Value::Integer(10));
        assert!(decode(&Kind::Integer, &serde_json::from_str("10.5").unwrap()).is_err());
        assert!(decode(&Kind::Integer, &serde_json::from_str("1e12").unwrap()).is_err());
        let at = decode(&Kind::Instant, &json!("2026-01-31T10:00:00.000+0000")).unwrap();
        assert_eq!(at, Value::Instant("2026-01-31T10:00:00Z".parse().unwrap()));
        assert_eq!(encode(None, &at).unwrap(), json!("2026-01-31T10:00:00.000+0000"));
        assert!(decode(&Kind::Date, &json!("2026-01-31T10:00:00.000+0000")).is_err());
    }

    #[test]
    fn a_reference_says_what_it_leads_to() {
        let Value::Reference(Reference::Existing(owner)) =
            decode(&Kind::Reference("User".into()), &json!("00G70000001ZwTi")).unwrap()
        else {
            panic!("no reference")
        };
        assert_eq!((owner.entity.as_str(), owner.id.as_str()), ("Group", "00G70000001ZwTiEAK"));
    }
}
