//! When two values are the same: as the engine compares what both systems hold.
//!
//! The engine's own rules (`host/engine/src/canon.rs`) are written here a second time, because a partner's test must
//! not depend on the host; an end-to-end test holds that both judge alike.

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use rust_decimal::{Decimal, RoundingStrategy};

use crate::model::{Json, Key, Value};

/// Compares values of one pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Canon {
    digits: u32,
}

impl Canon {
    /// For a pair with this referral: amounts are compared to the precision of its currency.
    pub fn of(referral: &Json) -> Self {
        let currency = referral.pointer("/details/currency").and_then(Json::as_str).unwrap_or_default();
        let digits = match currency.to_ascii_uppercase().as_str() {
            "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "UYI"
            | "VND" | "VUV" | "XAF" | "XOF" | "XPF" => 0,
            "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
            "CLF" | "UYW" => 4,
            _ => 2,
        };
        Self { digits }
    }

    /// Whether two values say the same.
    pub fn same(self, one: &Value, other: &Value) -> bool {
        match (self.form(one), self.form(other)) {
            (Form::Number(number), Form::Text(text)) | (Form::Text(text), Form::Number(number)) => {
                text.trim().parse::<Decimal>().is_ok_and(|parsed| self.round(parsed) == number)
            }
            (Form::Day(day), Form::Second(second)) | (Form::Second(second), Form::Day(day)) => {
                day_of(second) == Some(day)
            }
            (Form::Text(text), time @ (Form::Day(_) | Form::Second(_)))
            | (time @ (Form::Day(_) | Form::Second(_)), Form::Text(text)) => is_time(&text, &time),
            (Form::Record(key), Form::Text(text)) | (Form::Text(text), Form::Record(key)) => {
                same_id(&key.id, &text)
            }
            (Form::Record(one), Form::Record(other)) => {
                one.entity == other.entity && same_id(&one.id, &other.id)
            }
            (one, other) => one == other,
        }
    }

    fn form(self, value: &Value) -> Form {
        match value {
            Value::Empty => Form::Nothing,
            Value::Text(text) => text_form(text),
            Value::Flag(flag) => Form::Flag(*flag),
            Value::Integer(whole) => Form::Number(Decimal::from(*whole)),
            Value::Decimal(text) => match decimal(text) {
                Some(number) => Form::Number(self.round(number)),
                None => text_form(text),
            },
            Value::Date(text) => text.parse().map_or_else(|_| text_form(text), Form::Day),
            Value::Instant(text) => text
                .parse::<Timestamp>()
                .map_or_else(|_| text_form(text), |moment| Form::Second(moment.as_second())),
            Value::Texts(texts) => list_form(texts.iter().map(|text| clean(text)).collect()),
            Value::Existing(key) => Form::Record(key.clone()),
            Value::Companion(alias) => Form::Companion(alias.clone()),
            Value::Json(json) => self.json_form(json),
        }
    }

    fn json_form(self, json: &Json) -> Form {
        match json {
            Json::Null => Form::Nothing,
            Json::Bool(flag) => Form::Flag(*flag),
            Json::String(text) => text_form(text),
            Json::Number(number) => match decimal(&number.to_string()) {
                Some(number) => Form::Number(self.round(number)),
                None => Form::Text(number.to_string()),
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

    fn round(self, number: Decimal) -> Decimal {
        number.round_dp_with_strategy(self.digits, RoundingStrategy::MidpointAwayFromZero)
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
    Record(Key),
    Companion(String),
    Json(Json),
}

fn decimal(text: &str) -> Option<Decimal> {
    text.trim().parse().ok().or_else(|| Decimal::from_scientific(text.trim()).ok())
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
    let of_salesforce =
        |id: &str| matches!(id.len(), 15 | 18) && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if of_salesforce(one) && of_salesforce(other) {
        return one.get(..15) == other.get(..15);
    }
    clean(one) == clean(other)
}

fn day_of(second: i64) -> Option<Date> {
    Timestamp::from_second(second).ok().map(|moment| moment.to_zoned(TimeZone::UTC).date())
}

fn is_time(text: &str, time: &Form) -> bool {
    if let Ok(moment) = text.trim().parse::<Timestamp>() {
        return match time {
            Form::Day(day) => day_of(moment.as_second()) == Some(*day),
            other => *other == Form::Second(moment.as_second()),
        };
    }
    let Ok(day) = text.trim().parse::<Date>() else { return false };
    match time {
        Form::Second(second) => day_of(*second) == Some(day),
        other => *other == Form::Day(day),
    }
}

/// JSON without nulls and empties, texts cleaned, numbers without trailing zeros; `null` if nothing is left.
fn canonical(json: &Json) -> Json {
    match json {
        Json::Array(items) if items.is_empty() => Json::Null,
        Json::Array(items) => items.iter().map(canonical).collect(),
        Json::Object(members) => {
            let kept: serde_json::Map<_, _> = members
                .iter()
                .map(|(name, member)| (name.clone(), canonical(member)))
                .filter(|(_, member)| !member.is_null())
                .collect();
            if kept.is_empty() { Json::Null } else { Json::Object(kept) }
        }
        Json::String(text) => match clean(text) {
            clean if clean.is_empty() => Json::Null,
            clean => Json::String(clean),
        },
        Json::Number(number) => decimal(&number.to_string())
            .map_or_else(|| json.clone(), |number| Json::String(number.normalize().to_string())),
        Json::Null | Json::Bool(_) => json.clone(),
    }
}
