//! A PATCH of a referral: RFC 6902, `replace` and `add` only, and only where the API allows it.

use crosswalk_engine::{
    pass::SystemRefusal,
    referral::is_patchable,
    value::{Fields, Value},
};
use serde_json::{Value as Json, json};

/// The document that replaces these fields, in one piece: a status goes with its substatus.
pub(super) fn document(fields: &Fields) -> Result<String, SystemRefusal> {
    let mut operations = Vec::with_capacity(fields.len());
    for (path, value) in fields {
        if !is_patchable(path) {
            return Err(refusal(path, "the API lets nobody patch this path"));
        }
        // A path that ends in `-` appends; there is nothing there to replace.
        let op = if path.ends_with("/-") { "add" } else { "replace" };
        let value = json_of(value).ok_or_else(|| refusal(path, "a reference has no place in a referral"))?;
        operations.push(json!({ "op": op, "path": path, "value": value }));
    }
    if operations.is_empty() {
        return Err(SystemRefusal {
            fields: Vec::new(),
            reason: "there is nothing to write; nothing was sent".to_owned(),
        });
    }
    Ok(Json::Array(operations).to_string())
}

fn refusal(path: &str, why: &str) -> SystemRefusal {
    SystemRefusal { fields: vec![path.to_owned()], reason: format!("`{path}` was not written: {why}") }
}

/// A value as a referral holds it. Dates of a referral are moments, so a day becomes its first one in UTC.
fn json_of(value: &Value) -> Option<Json> {
    Some(match value {
        Value::Empty => Json::Null,
        Value::Text(text) => Json::String(text.clone()),
        Value::Flag(flag) => Json::Bool(*flag),
        Value::Integer(number) => json!(number),
        // With arbitrary precision the digits stay as they are written.
        Value::Decimal(decimal) => Json::Number(decimal.to_string().parse().ok()?),
        Value::Date(date) => Json::String(format!("{date}T00:00:00Z")),
        Value::Instant(instant) => Json::String(instant.to_string()),
        Value::Texts(texts) => json!(texts),
        Value::Json(json) => json.clone(),
        Value::Reference(_) => return None,
    })
}
