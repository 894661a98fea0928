//! Values between JSON and cells: what a client may write into a column, and how a column reads back.

use super::{
    cell::Cell,
    errors::{Outcome, Refusal, payload},
    tables::{Column, Kind, Table},
};
use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::{Number, Value};
use std::str::FromStr;
use uuid::Uuid;

/// The largest amount of money either way (docs: ±1,000,000,000,000 for the opportunity's columns).
const MONEY_MAX: i64 = 1_000_000_000_000;
/// The first year a moment may lie in (docs: 1753-01-01).
const YEAR_MIN: i16 = 1753;
/// Digits after the point of `*_base` columns.
pub(crate) const BASE_PRECISION: u32 = 4;

/// Reads the value that a client wrote for a column that is no lookup. Money is rounded later, when the currency of
/// the row is known.
pub(crate) fn read(table: &Table, column: &Column, value: &Value) -> Outcome<Cell> {
    if value.is_null() {
        return Ok(Cell::Null);
    }
    match &column.kind {
        Kind::Text { max, .. } | Kind::Memo { max } => read_text(table, column, value, *max),
        Kind::Integer { min, max } => {
            let number = integer(column, value)?;
            in_range(table, column, (*min..=*max).contains(&number)).map(|()| Cell::Integer(number))
        }
        Kind::Big => integer(column, value).map(Cell::Integer),
        Kind::Decimal { precision } => {
            let number = decimal(column, value)?;
            Ok(Cell::Decimal(round(number, *precision)))
        }
        Kind::Money | Kind::MoneyBase { .. } => {
            let number = decimal(column, value)?;
            in_range(table, column, number.abs() <= Decimal::from(MONEY_MAX)).map(|()| Cell::Decimal(number))
        }
        Kind::Flag { .. } => value.as_bool().map(Cell::Flag).ok_or_else(|| wrong_type(value, "Edm.Boolean")),
        Kind::Choice(options) => {
            let number = integer(column, value)?;
            if options.iter().any(|(known, _)| *known == number) {
                Ok(Cell::Integer(number))
            } else {
                Err(choice_out_of_range(table, column, number))
            }
        }
        Kind::State | Kind::Status => integer(column, value).map(Cell::Integer),
        Kind::PrimaryId | Kind::Guid | Kind::Lookup { .. } => value
            .as_str()
            .and_then(|text| Uuid::parse_str(text.trim_matches(['{', '}'])).ok())
            .map(Cell::Id)
            .ok_or_else(|| wrong_type(value, "Edm.Guid")),
        Kind::Date => value
            .as_str()
            .filter(|text| text.len() == 10)
            .and_then(|text| Date::from_str(text).ok())
            .filter(|date| date.year() >= YEAR_MIN)
            .map(Cell::Date)
            .ok_or_else(|| wrong_type(value, "Edm.Date")),
        Kind::Instant => read_instant(value),
    }
}

fn read_text(table: &Table, column: &Column, value: &Value, max: usize) -> Outcome<Cell> {
    let text = value.as_str().ok_or_else(|| wrong_type(value, "Edm.String"))?;
    if text.encode_utf16().count() > max {
        return Err(Refusal::new(
            400,
            "0x80044331",
            format!(
                "A validation error occurred. The length of the '{}' attribute of the '{}' entity exceeded the maximum \
                 allowed length of '{max}'.",
                column.logical, table.logical
            ),
        ));
    }
    // An empty text is stored as no value.
    Ok(if text.is_empty() { Cell::Null } else { Cell::Text(text.to_owned()) })
}

/// A moment is kept to the second.
fn read_instant(value: &Value) -> Outcome<Cell> {
    let at = value
        .as_str()
        .and_then(|text| Timestamp::from_str(text).ok())
        .filter(|at| at.to_zoned(TimeZone::UTC).year() >= YEAR_MIN)
        .ok_or_else(|| wrong_type(value, "Edm.DateTimeOffset"))?;
    Ok(Cell::Instant(whole_second(at)))
}

/// A moment without its fraction of a second.
pub(crate) fn whole_second(at: Timestamp) -> Timestamp {
    let fraction = at.subsec_nanosecond();
    at.checked_sub(i64::from(fraction).nanoseconds()).unwrap_or(at)
}

fn integer(column: &Column, value: &Value) -> Outcome<i64> {
    let kind = if matches!(column.kind, Kind::Big) { "Edm.Int64" } else { "Edm.Int32" };
    value.as_i64().ok_or_else(|| wrong_type(value, kind))
}

fn decimal(_: &Column, value: &Value) -> Outcome<Decimal> {
    let Value::Number(number) = value else {
        return Err(payload(format!(
            "Microsoft.OData.ODataException: Cannot convert a value to target type 'Edm.Decimal' because of conflict \
             between input format string/number and parameter 'IEEE754Compatible' false/true. The value was {value}."
        )));
    };
    let text = number.to_string();
    Decimal::from_str(&text)
        .or_else(|_| Decimal::from_scientific(&text))
        .map_err(|_| wrong_type(value, "Edm.Decimal"))
}

fn in_range(table: &Table, column: &Column, fits: bool) -> Outcome<()> {
    if fits {
        return Ok(());
    }
    Err(Refusal::new(
        400,
        "0x80044330",
        format!(
            "A validation error occurred. The value of '{}' on record of type '{}' is outside the valid range.",
            column.logical, table.logical
        ),
    ))
}

/// `0x8004431a`: a number that is no option of the choice.
pub(crate) fn choice_out_of_range(table: &Table, column: &Column, number: i64) -> Refusal {
    Refusal::new(
        400,
        "0x8004431a",
        format!(
            "A validation error occurred. The value {number} of '{}' on record of type '{}' is outside the valid \
             range.",
            column.logical, table.logical
        ),
    )
}

fn wrong_type(value: &Value, wanted: &str) -> Refusal {
    payload(format!(
        "Microsoft.OData.ODataException: Cannot convert the literal '{}' to the expected type '{wanted}'.",
        value.as_str().map_or_else(|| value.to_string(), str::to_owned)
    ))
}

/// Rounds half away from zero and shows exactly that many digits, as the service shows money.
pub(crate) fn round(number: Decimal, precision: u32) -> Decimal {
    let mut rounded = number.round_dp_with_strategy(precision, RoundingStrategy::MidpointAwayFromZero);
    rounded.rescale(precision);
    rounded
}

/// A cell as JSON.
pub(crate) fn show(cell: &Cell) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Text(text) => Value::String(text.clone()),
        Cell::Integer(number) => Value::from(*number),
        Cell::Decimal(number) => Number::from_str(&number.to_string()).map_or(Value::Null, Value::Number),
        Cell::Flag(flag) => Value::Bool(*flag),
        Cell::Id(id) | Cell::Reference { id, .. } => Value::String(id.to_string()),
        Cell::Date(date) => Value::String(date.to_string()),
        Cell::Instant(at) => Value::String(whole_second(*at).to_string()),
    }
}

/// The text that a form would show (`…FormattedValue`) for cells that need no look at another row; none for cells
/// that have no such annotation. The user's settings are those of English (United States), in UTC.
pub(crate) fn formatted(table: &Table, column: &Column, cell: &Cell) -> Option<String> {
    match (cell, &column.kind) {
        (Cell::Integer(number), Kind::Choice(options)) => label(options, *number),
        (Cell::Integer(number), Kind::State) => Some(table.state(*number)?.label.clone()),
        (Cell::Integer(number), Kind::Status) => label(&table.state_of_status(*number)?.statuses, *number),
        (Cell::Integer(number), _) => Some(thousands(Decimal::from(*number))),
        (Cell::Decimal(number), _) => Some(thousands(*number)),
        (Cell::Flag(flag), Kind::Flag { no, yes }) => Some(if *flag { yes.clone() } else { no.clone() }),
        (Cell::Date(date), _) => Some(format!("{}/{}/{}", date.month(), date.day(), date.year())),
        (Cell::Instant(at), _) => Some(at.strftime("%-m/%-d/%Y %-I:%M %p").to_string()),
        _ => None,
    }
}

fn label(options: &[(i64, String)], number: i64) -> Option<String> {
    options.iter().find(|(value, _)| *value == number).map(|(_, label)| label.clone())
}

/// A number with commas between the thousands.
fn thousands(number: Decimal) -> String {
    let text = number.abs().to_string();
    let (whole, fraction) = text.split_once('.').map_or((text.as_str(), None), |(a, b)| (a, Some(b)));
    let mut out = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if let Some(fraction) = fraction {
        out.push('.');
        out.push_str(fraction);
    }
    if number.is_sign_negative() && !number.is_zero() { format!("-{out}") } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_rounds_half_away_from_zero_and_keeps_its_digits() {
        assert_eq!(round(Decimal::from_str("10.005").unwrap(), 2).to_string(), "10.01");
        assert_eq!(round(Decimal::from_str("-10.005").unwrap(), 2).to_string(), "-10.01");
        assert_eq!(round(Decimal::from_str("7").unwrap(), 4).to_string(), "7.0000");
    }

    #[test]
    fn a_large_number_is_shown_with_commas() {
        assert_eq!(thousands(Decimal::from_str("-1234567.50").unwrap()), "-1,234,567.50");
    }
}
