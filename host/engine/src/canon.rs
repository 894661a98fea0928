//! Equality after canonicalisation: the same thing said in two ways is no difference.
//!
//! Both systems rewrite what they are given: `5000000.0000` for `5000000`, `{8151925C-…}` for `8151925c-…`, CRLF for
//! LF, null for an empty text. A comparison that sees such a change as an edit writes for ever. What counts as the
//! same is listed in [`Canon::same`], and nowhere else.

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::Value as Json;

use crate::{
    referral::Referral,
    value::{Fields, RecordKey, Reference, Value},
};

/// Compares values for one pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Canon {
    digits: u32,
}

/// How many digits after the point ISO 4217 gives a currency's amounts; 2 for one that it does not name here.
pub fn minor_digits(currency: &str) -> u32 {
    match currency.to_ascii_uppercase().as_str() {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "UYI"
        | "VND" | "VUV" | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        "CLF" | "UYW" => 4,
        _ => 2,
    }
}

impl Canon {
    /// Amounts are compared to the precision of this currency.
    pub fn of_currency(currency: Option<&str>) -> Canon {
        Canon { digits: currency.map_or(2, minor_digits) }
    }

    /// As [`Canon::of_currency`], with the deal's own currency.
    pub fn of(referral: &Referral) -> Canon {
        Canon::of_currency(referral.currency())
    }

    /// Whether two values say the same.
    ///
    /// - empty: null, an empty text (also one of blanks), an empty list;
    /// - numbers: whole or decimal, in text too if the other side is a number, rounded to the currency's digits;
    /// - moments to the second; a day and a moment by the moment's day in UTC, never by another zone;
    /// - texts with any line ends and trailing blanks; GUIDs in any case, with or without braces;
    /// - Salesforce ids of 15 and 18 characters; a reference and the text of its id;
    /// - lists of texts in any order; JSON with nulls left out and keys in any order.
    pub fn same(&self, one: &Value, other: &Value) -> bool {
        match (self.form(one), self.form(other)) {
            (Form::Number(number), Form::Text(text)) | (Form::Text(text), Form::Number(number)) => {
                text.trim().parse::<Decimal>().is_ok_and(|parsed| self.round(parsed) == number)
            }
            (Form::Day(day), Form::Second(second)) | (Form::Second(second), Form::Day(day)) => {
                day_of(second) == Some(day)
            }
            (Form::Text(text), time @ (Form::Day(_) | Form::Second(_)))
            | (time @ (Form::Day(_) | Form::Second(_)), Form::Text(text)) => self.is_time(&text, &time),
            (Form::Record(key), Form::Text(text)) | (Form::Text(text), Form::Record(key)) => {
                same_id(&key.id, &text)
            }
            (Form::Record(one), Form::Record(other)) => {
                one.entity == other.entity && same_id(&one.id, &other.id)
            }
            (one, other) => one == other,
        }
    }

    /// Whether a field is the same in two sets; a name that is missing counts as empty.
    pub fn same_field(&self, name: &str, one: &Fields, other: &Fields) -> bool {
        self.same(one.get(name).unwrap_or(&Value::Empty), other.get(name).unwrap_or(&Value::Empty))
    }

    fn form(&self, value: &Value) -> Form {
        match value {
            Value::Empty => Form::Nothing,
            Value::Text(text) => text_form(text),
            Value::Flag(flag) => Form::Flag(*flag),
            Value::Integer(whole) => Form::Number(Decimal::from(*whole)),
            Value::Decimal(decimal) => Form::Number(self.round(*decimal)),
            Value::Date(date) => Form::Day(*date),
            Value::Instant(instant) => Form::Second(instant.as_second()),
            Value::Texts(texts) => list_form(texts.iter().map(|text| clean(text)).collect()),
            Value::Reference(Reference::Existing(key)) => Form::Record(key.clone()),
            Value::Reference(Reference::Companion(alias)) => Form::Companion(alias.clone()),
            Value::Json(json) => self.json_form(json),
        }
    }

    fn json_form(&self, json: &Json) -> Form {
        match json {
            Json::Null => Form::Nothing,
            Json::Bool(flag) => Form::Flag(*flag),
            Json::String(text) => text_form(text),
            Json::Number(number) => match number.to_string().parse::<Decimal>() {
                Ok(decimal) => Form::Number(self.round(decimal)),
                Err(_) => Form::Text(number.to_string()),
            },
            Json::Array(items) if items.iter().all(Json::is_string) => {
                list_form(items.iter().filter_map(Json::as_str).map(clean).collect())
            }
            Json::Array(_) | Json::Object(_) => match canonical(json) {
                Json::Null => Form::Nothing,
                canonical => Form::Json(canonical),
            },
        }
    }

    fn round(&self, decimal: Decimal) -> Decimal {
        decimal.round_dp_with_strategy(self.digits, RoundingStrategy::MidpointAwayFromZero)
    }

    fn is_time(&self, text: &str, time: &Form) -> bool {
        if let Ok(instant) = text.trim().parse::<Timestamp>() {
            return match time {
                Form::Day(day) => day_of(instant.as_second()) == Some(*day),
                other => *other == Form::Second(instant.as_second()),
            };
        }
        let Ok(day) = text.trim().parse::<Date>() else { return false };
        match time {
            Form::Second(second) => day_of(*second) == Some(day),
            other => *other == Form::Day(day),
        }
    }
}

/// What a value is reduced to before it is compared.
#[derive(Clone, Debug, PartialEq)]
enum Form {
    Nothing,
    Flag(bool),
    Number(Decimal),
    Day(Date),
    Second(i64),
    Text(String),
    List(Vec<String>),
    Record(RecordKey),
    Companion(String),
    Json(Json),
}

fn text_form(text: &str) -> Form {
    let clean = clean(text);
    if clean.is_empty() { Form::Nothing } else { Form::Text(clean) }
}

fn list_form(mut texts: Vec<String>) -> Form {
    texts.sort();
    if texts.is_empty() { Form::Nothing } else { Form::List(texts) }
}

/// One line end, no blanks at the end of a line or of the text, GUIDs bare and in lower case.
fn clean(text: &str) -> String {
    let lines = text.replace("\r\n", "\n").replace('\r', "\n");
    let trimmed: Vec<&str> = lines.split('\n').map(str::trim_end).collect();
    let joined = trimmed.join("\n").trim_end().to_owned();
    guid(&joined).unwrap_or(joined)
}

fn guid(text: &str) -> Option<String> {
    let bare = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or(text);
    let is_guid = bare.len() == 36
        && bare.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
    is_guid.then(|| bare.to_ascii_lowercase())
}

/// Salesforce shows one id in 15 case-sensitive characters or in 18, of which the last three are a checksum.
fn same_id(one: &str, other: &str) -> bool {
    let is_salesforce =
        |id: &str| matches!(id.len(), 15 | 18) && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_salesforce(one) && is_salesforce(other) {
        one[..15] == other[..15]
    } else {
        clean(one) == clean(other)
    }
}

fn day_of(second: i64) -> Option<Date> {
    Timestamp::from_second(second).ok().map(|instant| instant.to_zoned(TimeZone::UTC).date())
}

/// JSON without nulls and empties, texts cleaned, numbers without trailing zeros; `null` if nothing is left.
fn canonical(json: &Json) -> Json {
    match json {
        Json::Array(items) if items.is_empty() => Json::Null,
        Json::Array(items) => items.iter().map(canonical).collect(),
        Json::Object(object) => {
            let kept: serde_json::Map<_, _> = object
                .iter()
                .map(|(name, value)| (name.clone(), canonical(value)))
                .filter(|(_, value)| !value.is_null())
                .collect();
            if kept.is_empty() { Json::Null } else { Json::Object(kept) }
        }
        Json::String(text) => match clean(text) {
            clean if clean.is_empty() => Json::Null,
            clean => Json::String(clean),
        },
        Json::Number(number) => match number.to_string().parse::<Decimal>() {
            Ok(decimal) => Json::String(decimal.normalize().to_string()),
            Err(_) => json.clone(),
        },
        Json::Null | Json::Bool(_) => json.clone(),
    }
}

#[cfg(test)]
mod tests;
