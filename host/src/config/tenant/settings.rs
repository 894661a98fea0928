//! Settings are JSON to the plugin and TOML in the document.

use serde::{Deserialize as _, Deserializer, de::Error as _};
use serde_json::{Map, Value};

/// How a TOML date or time arrives where JSON is read.
const TOML_DATETIME: &str = "$__toml_private_datetime";

/// Reads settings from either format: a TOML date or time becomes a text. JSON has no infinity, so TOML's is refused.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Map<String, Value>, D::Error> {
    let mut settings = Map::deserialize(deserializer)?;
    for (name, value) in &mut settings {
        if !make_plain(value) {
            return Err(D::Error::custom(format!("the setting `{name}` holds nothing, or no finite number")));
        }
    }
    Ok(settings)
}

fn make_plain(value: &mut Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(items) => items.iter_mut().all(make_plain),
        Value::Object(members) => {
            if let Some(Value::String(datetime)) = members.get(TOML_DATETIME) {
                *value = Value::String(datetime.clone());
                return true;
            }
            members.values_mut().all(make_plain)
        }
        _ => true,
    }
}
