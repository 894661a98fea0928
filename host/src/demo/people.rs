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

/// Whether the number at a JSON pointer is this amount, however it is written.
pub fn is_amount(value: &Value, pointer: &str, amount: &str) -> bool {
    match (Decimal::from_str(&text(value, pointer)), Decimal::from_str(amount)) {
        (Ok(found), Ok(amount)) => found == amount,
        _ => false,
    }
}

/// Whether two documents hold the same amount.
pub(super) fn same_amount(one: &Value, pointer: &str, other: &Value, other_pointer: &str) -> bool {
    is_amount(one, pointer, &text(other, other_pointer))
}
