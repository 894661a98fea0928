//! What a field can hold, and the names of fields.

use std::collections::BTreeMap;

use jiff::{Timestamp, civil::Date};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// Named values: a CRM column's logical name, or a JSON pointer into a referral.
///
/// A name that is missing is *not spoken of*; [`Value::Empty`] is *known to be empty*.
pub type Fields = BTreeMap<String, Value>;

/// One value of one field, as the contract has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Value {
    /// Known to be empty.
    Empty,
    /// UTF-8 text.
    Text(String),
    /// Yes or no.
    Flag(bool),
    /// A whole number or an option-set code.
    Integer(i32),
    /// A decimal number; on the wire it is text or a JSON number, never a float.
    Decimal(Decimal),
    /// A day without a time zone.
    Date(Date),
    /// A moment, in UTC.
    Instant(Timestamp),
    /// A list of texts.
    Texts(Vec<String>),
    /// A record in the CRM, or a companion of the same draft.
    Reference(Reference),
    /// JSON that has no case of its own.
    Json(serde_json::Value),
}

/// A record in the tenant's CRM.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RecordKey {
    /// The entity's logical name, `opportunity`.
    pub entity: String,
    /// The record's id in that CRM's own form, canonical (a Dataverse GUID in lower case without braces).
    pub id: String,
}

/// Where a reference points.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reference {
    /// To a record that exists.
    Existing(RecordKey),
    /// To a companion of the same draft, by its alias.
    Companion(String),
}

/// What kind of value a field is declared to hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// [`Value::Text`].
    Text,
    /// [`Value::Flag`].
    Flag,
    /// [`Value::Integer`].
    Integer,
    /// [`Value::Decimal`].
    Decimal,
    /// [`Value::Date`].
    Date,
    /// [`Value::Instant`].
    Instant,
    /// [`Value::Texts`].
    Texts,
    /// [`Value::Reference`] to a record of this entity.
    Reference(String),
    /// [`Value::Json`].
    Json,
}

impl Value {
    /// Whether this says that there is nothing: [`Value::Empty`], an empty text or an empty list.
    pub fn is_empty(&self) -> bool {
        match self {
            Value::Empty => true,
            Value::Text(text) => text.is_empty(),
            Value::Texts(texts) => texts.is_empty(),
            Value::Json(json) => json.is_null(),
            _ => false,
        }
    }
}
