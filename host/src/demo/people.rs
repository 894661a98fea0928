//! Reading what people would see in either system.

use std::str::FromStr;

use rust_decimal::Decimal;
use serde_json::Value;

/// The text at a JSON pointer; empty where there is none.
pub fn text(value: &Value, pointer: &str) -> String {
    match value.pointer(pointer) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    }
}

/// Whether two numbers are the same amount, however they are written.
pub fn is_amount(one: &str, other: &str) -> bool {
    match (Decimal::from_str(one), Decimal::from_str(other)) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}

/// Whether a moment and a day are on the same date: `2027-02-28T00:00:00Z` and `2027-02-28`.
pub fn same_day(moment: &str, day: &str) -> bool {
    !day.is_empty() && moment.starts_with(day)
}
