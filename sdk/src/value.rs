//! Which Rust types a record's field may have, and how each travels.

use jiff::{Timestamp, civil::Date};
use rust_decimal::Decimal;

use crate::{
    Json, Refusal, Result,
    contract::{Kind, RelatedRecord, Value},
    record::Companions,
};

/// A type that a field of a record may have: `String`, `bool`, `i32`, `Decimal`, `Date`, `Timestamp`, `Vec<String>`,
/// `Json`, a [`crate::Ref`], or an enum with `#[derive(Choice)]`.
#[diagnostic::on_unimplemented(
    message = "a column cannot hold `{Self}`",
    label = "no type of a column",
    note = "write `Field<String>`, `Field<bool>`, `Field<i32>` for whole numbers, `Field<Decimal>` for amounts (never a \
            float), `Field<Date>` for a day, `Field<Timestamp>` for a moment, `Field<Vec<String>>`, `Field<Json>`, \
            `Field<Ref<OtherRecord>>`, or `Field<YourEnum>` with `#[derive(Choice)]`"
)]
pub trait FieldType: Sized {
    /// What the manifest declares.
    fn kind() -> Kind;

    /// Reads a value that is not empty. `related` is the record that a reference leads to.
    ///
    /// # Errors
    /// When the value is of another kind, or an option that a choice does not know.
    fn from_value(value: &Value, related: Option<&RelatedRecord>) -> Result<Self>;

    /// The value to write. A reference to a new record adds it to the companions.
    fn into_value(self, companions: &mut Companions) -> Value;

    /// The values that there are to choose from, if the type says.
    fn offered() -> Vec<crate::record::Offered> {
        Vec::new()
    }

    /// How a reference's own fields are used, if it is one whose record is read or created.
    fn related(via: &str) -> Option<crate::contract::EntityUse> {
        let _ = via;
        None
    }

    /// The columns of a reference's own record whose names are settings.
    fn column_settings() -> Vec<crate::record::ColumnName> {
        Vec::new()
    }
}

/// Whether this says that there is nothing.
pub(crate) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Empty => true,
        Value::Text(text) => text.is_empty(),
        Value::Texts(texts) => texts.is_empty(),
        Value::Other(json) => json.is_empty() || json == "null",
        _ => false,
    }
}

/// The refusal for a value of another kind than the record says.
pub(crate) fn mismatch(value: &Value, expected: &str) -> Refusal {
    Refusal::reject(format!("the CRM holds {}, and the plugin's record says {expected}", shown(value)))
        .help("give the field of the record the type that the CRM's column has")
}

/// The refusal for an option that an enum does not list.
#[doc(hidden)]
pub fn unknown_choice(value: &Value, choice: &str) -> Refusal {
    Refusal::reject(format!("the CRM holds {}, which is none of the options of `{choice}`", shown(value)))
        .help(format!(
            "add the option to `{choice}`, or a last one `#[choice(other)]` for all that it does not list"
        ))
}

/// The kind and the value, short enough for a sentence.
fn shown(value: &Value) -> String {
    const LONGEST: usize = 80;
    let text = format!("{value:?}");
    let text = text.strip_prefix("Value::").unwrap_or(&text);
    if text.chars().count() <= LONGEST {
        return format!("`{text}`");
    }
    format!("`{}…`", text.chars().take(LONGEST).collect::<String>())
}

impl FieldType for String {
    fn kind() -> Kind {
        Kind::Text
    }
    fn from_value(value: &Value, _: Option<&RelatedRecord>) -> Result<Self> {
        match value {
            Value::Text(text) => Ok(text.clone()),
            _ => Err(mismatch(value, "text (`String`)")),
        }
    }
    fn into_value(self, _: &mut Companions) -> Value {
        Value::Text(self)
    }
}

impl FieldType for bool {
    fn kind() -> Kind {
        Kind::Flag
    }
    fn from_value(value: &Value, _: Option<&RelatedRecord>) -> Result<Self> {
        match value {
            Value::Flag(flag) => Ok(*flag),
            _ => Err(mismatch(value, "a flag (`bool`)")),
        }
    }
    fn into_value(self, _: &mut Companions) -> Value {
        Value::Flag(self)
    }
}

impl FieldType for i32 {
    fn kind() -> Kind {
        Kind::Integer
    }
    fn from_value(value: &Value, _: Option<&RelatedRecord>) -> Result<Self> {
        match value {
            Value::Integer(number) => Ok(*number),
            _ => Err(mismatch(value, "a whole number or option (`i32`)")),
        }
    }
    fn into_value(self, _: &mut Companions) -> Value {
        Value::Integer(self)
    }
}

impl FieldType for Decimal {
    fn kind() -> Kind {
        Kind::Decimal
    }
    fn from_value(value: &Value, _: Option<&RelatedRecord>) -> Result<Self> {
        match value {
            Value::Decimal(text) => {
                Self::from_str_exact(text).map_err(|_| mismatch(value, "a decimal number"))
            }
            Value::Integer(number) => Ok((*number).into()),
            _ => Err(mismatch(value, "a decimal number (`Decimal`)")),
        }
    }
    fn into_value(self, _: &mut Companions) -> Value {
        Value::Decimal(self.to_string())
    }
}

impl FieldType for Date {
    fn kind() -> Kind {
        Kind::Date
    }
    fn from_value(value: &Value, _: Option<&RelatedRecord>) -> Result<Self> {
        match value {
            Value::Date(text) => text.parse().map_err(|_| mismatch(value, "a date")),
            _ => Err(mismatch(value, "a date (`Date`)")),
        }
    }
    fn into_value(self, _: &mut Companions) -> Value {
        Value::Date(self.to_string())
    }
}

impl FieldType for Timestamp {
    fn kind() -> Kind {
        Kind::Instant
    }
    fn from_value(value: &Value, _: Option<&RelatedRecord>) -> Result<Self> {
        match value {
            Value::Instant(text) => text.parse().map_err(|_| mismatch(value, "an instant")),
            _ => Err(mismatch(value, "an instant (`Timestamp`)")),
        }
    }
    fn into_value(self, _: &mut Companions) -> Value {
        Value::Instant(self.to_string())
    }
}

impl FieldType for Vec<String> {
    fn kind() -> Kind {
        Kind::Texts
    }
    fn from_value(value: &Value, _: Option<&RelatedRecord>) -> Result<Self> {
        match value {
            Value::Texts(texts) => Ok(texts.clone()),
            _ => Err(mismatch(value, "a list of texts (`Vec<String>`)")),
        }
    }
    fn into_value(self, _: &mut Companions) -> Value {
        Value::Texts(self)
    }
}

impl FieldType for Json {
    fn kind() -> Kind {
        Kind::Other("json".to_owned())
    }
    fn from_value(value: &Value, _: Option<&RelatedRecord>) -> Result<Self> {
        match value {
            Value::Other(text) => serde_json::from_str(text).map_err(|_| mismatch(value, "JSON")),
            _ => Err(mismatch(value, "JSON (`Json`)")),
        }
    }
    fn into_value(self, _: &mut Companions) -> Value {
        Value::Other(self.to_string())
    }
}
