//! Values between JSON and cells: what a client may write into a field, and how a field reads back.

use super::{
    cell::Cell,
    errors::{Outcome, Refusal, unreadable},
    record_id::RecordId,
    schema::{Field, Kind},
    store::Row,
};
use jiff::{Timestamp, civil::Date};
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::{Map, Number, Value, json};
use std::str::FromStr;

/// What the organisation says about texts and choices.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Customs {
    /// Texts lose white space at both ends.
    pub(crate) trim: bool,
    /// This picklist takes only its own values, also if its description says otherwise.
    pub(crate) restricted: bool,
}

/// Reads the value that a client wrote for a field.
pub(crate) fn read(field: &Field, value: &Value, customs: Customs) -> Outcome<Cell> {
    if value.is_null() {
        return Ok(if field.kind == Kind::Flag { Cell::Flag(false) } else { Cell::Null });
    }
    match &field.kind {
        Kind::Currency | Kind::Double | Kind::Integer | Kind::Percent => read_number(field, value),
        Kind::Flag => match (value, value.as_str().map(str::to_ascii_lowercase).as_deref()) {
            (Value::Bool(flag), _) => Ok(Cell::Flag(*flag)),
            (_, Some("true")) => Ok(Cell::Flag(true)),
            (_, Some("false")) => Ok(Cell::Flag(false)),
            _ => Err(wrong_type("boolean", value)),
        },
        Kind::Date => {
            let date =
                value.as_str().filter(|text| text.len() == 10).and_then(|text| Date::from_str(text).ok());
            date.map(Cell::Date).ok_or_else(|| wrong_type("date", value))
        }
        Kind::Instant => {
            let at = value.as_str().and_then(instant);
            at.map(Cell::Instant).ok_or_else(|| wrong_type("datetime", value))
        }
        Kind::Id | Kind::Reference(_) => match value.as_str() {
            Some("") => Ok(Cell::Null),
            text => text.and_then(RecordId::parse).map(Cell::Id).ok_or_else(|| malformed_id(field, value)),
        },
        _ => read_text(field, value, customs),
    }
}

fn read_text(field: &Field, value: &Value, customs: Customs) -> Outcome<Cell> {
    let written = value.as_str().ok_or_else(|| wrong_type("string", value))?;
    let text = if customs.trim { written.trim() } else { written };
    if text.encode_utf16().count() > field.length {
        let message = format!("{}: data value too large: {text} (max length={})", field.label, field.length);
        return Err(Refusal::new(400, "STRING_TOO_LONG", message).on([&field.name]));
    }
    if field.kind == Kind::Email && !text.is_empty() && !looks_like_email(text) {
        let message = format!("{}: invalid email address: {text}", field.label);
        return Err(Refusal::new(400, "INVALID_EMAIL_ADDRESS", message).on([&field.name]));
    }
    check_choice(field, text, customs.restricted)?;
    Ok(Cell::text(text))
}

fn looks_like_email(text: &str) -> bool {
    text.split_once('@').is_some_and(|(name, host)| {
        !name.is_empty() && !host.is_empty() && !text.contains(char::is_whitespace) && !host.contains('@')
    })
}

fn check_choice(field: &Field, text: &str, restricted: bool) -> Outcome<()> {
    let Some(picklist) = field.picklist().filter(|picklist| picklist.restricted || restricted) else {
        return Ok(());
    };
    let is_known = |value: &str| {
        picklist.values.iter().any(|choice| choice.active && choice.value.eq_ignore_ascii_case(value))
    };
    if text.is_empty() || text.split(';').all(is_known) {
        return Ok(());
    }
    let (code, message) = if field.name == "CurrencyIsoCode" {
        ("INVALID_CURRENCY_ISO", format!("{}: invalid currency code: {text}", field.label))
    } else {
        (
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            format!("{}: bad value for restricted picklist field: {text}", field.label),
        )
    };
    Err(Refusal::new(400, code, message).on([&field.name]))
}

fn read_number(field: &Field, value: &Value) -> Outcome<Cell> {
    let wrong = || wrong_type(field.type_name(), value);
    let text = match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) if text.is_empty() => return Ok(Cell::Null),
        Value::String(text) => text.clone(),
        _ => return Err(wrong()),
    };
    let number =
        Decimal::from_str(&text).or_else(|_| Decimal::from_scientific(&text)).map_err(|_| wrong())?;
    if field.kind == Kind::Integer && !number.fract().is_zero() {
        return Err(wrong());
    }
    let rounded = number.round_dp_with_strategy(field.scale, RoundingStrategy::MidpointAwayFromZero);
    let whole_digits = field.precision.saturating_sub(field.scale);
    let limit = power_of_ten(whole_digits);
    if rounded.abs() >= limit {
        let message = format!("{}: value outside of valid range on numeric field: {text}", field.label);
        return Err(Refusal::new(400, "NUMBER_OUTSIDE_VALID_RANGE", message).on([&field.name]));
    }
    Ok(Cell::Number(rounded))
}

/// `10^digits`, as far as a decimal goes.
fn power_of_ten(digits: u32) -> Decimal {
    (0..digits).try_fold(Decimal::ONE, |power, _| power.checked_mul(Decimal::TEN)).unwrap_or(Decimal::MAX)
}

/// A moment in any of the forms that clients write, to the second.
pub(crate) fn instant(text: &str) -> Option<Timestamp> {
    text.parse::<Timestamp>().ok().map(whole_second)
}

/// A moment without its fraction of a second: Salesforce stores whole seconds.
pub(crate) fn whole_second(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

fn wrong_type(wanted: &str, value: &Value) -> Refusal {
    let token = match value {
        Value::String(_) => "VALUE_STRING",
        Value::Bool(true) => "VALUE_TRUE",
        Value::Bool(false) => "VALUE_FALSE",
        Value::Number(_) => "VALUE_NUMBER",
        Value::Array(_) => "START_ARRAY",
        _ => "START_OBJECT",
    };
    let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    unreadable(format!(
        "Cannot deserialize instance of {wanted} from {token} value {shown} or request may be missing a required field"
    ))
}

fn malformed_id(field: &Field, value: &Value) -> Refusal {
    let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let message = format!("{}: id value of incorrect type: {shown}", field.label);
    Refusal::new(400, "MALFORMED_ID", message).on([&field.name])
}

/// A field of a record as JSON.
pub(crate) fn show(field: &Field, row: &Row) -> Value {
    match &field.kind {
        Kind::Address(prefix) => show_address(prefix, row),
        Kind::Flag => Value::Bool(row.get(&field.name).is_true()),
        kind => show_cell(*kind == Kind::Integer, &row.get(&field.name)),
    }
}

/// A cell as JSON; numbers that are not whole by type have a digit after the point.
pub(crate) fn show_cell(whole: bool, cell: &Cell) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Text(text) => Value::String(text.clone()),
        Cell::Number(number) => {
            Number::from_str(&number_text(whole, *number)).map_or(Value::Null, Value::Number)
        }
        Cell::Flag(flag) => Value::Bool(*flag),
        Cell::Id(id) => Value::String(id.to_string()),
        Cell::Date(date) => Value::String(date.to_string()),
        Cell::Instant(at) => Value::String(instant_text(*at)),
    }
}

/// A number without needless zeros, but `5000.0` rather than `5000` where fractions are possible.
pub(crate) fn number_text(whole: bool, number: Decimal) -> String {
    let text = number.normalize().to_string();
    if whole || text.contains('.') { text } else { format!("{text}.0") }
}

/// `2026-01-31T10:00:00.000+0000`
pub(crate) fn instant_text(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.000+0000").to_string()
}

fn show_address(prefix: &str, row: &Row) -> Value {
    let parts = ["Street", "City", "State", "PostalCode", "Country"];
    let mut address = Map::new();
    for part in parts {
        let name = part.get(..1).unwrap_or_default().to_lowercase() + part.get(1..).unwrap_or_default();
        address.insert(name, show_cell(false, &row.get(&format!("{prefix}{part}"))));
    }
    if address.values().all(Value::is_null) {
        return Value::Null;
    }
    for name in ["latitude", "longitude", "geocodeAccuracy"] {
        address.insert(name.to_owned(), json!(null));
    }
    Value::Object(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_back_with_a_digit_after_the_point() {
        for (written, whole, shown) in [
            ("5000", false, "5000.0"),
            ("5000.0000", false, "5000.0"),
            ("0.10", false, "0.1"),
            ("7", true, "7"),
        ] {
            assert_eq!(number_text(whole, written.parse().unwrap()), shown);
        }
    }

    #[test]
    fn moments_are_read_in_every_spelling_and_kept_to_the_second() {
        for text in [
            "2026-01-31T10:00:00Z",
            "2026-01-31T10:00:00.987+0000",
            "2026-01-31T11:00:00+01:00",
            "2026-01-31T10:00:00+00:00",
        ] {
            assert_eq!(instant_text(instant(text).unwrap()), "2026-01-31T10:00:00.000+0000", "{text}");
        }
    }
}
