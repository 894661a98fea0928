//! A tenant's settings: what an operator may set, and what is set.
//!
//! Authors write `#[derive(Settings)]`. The schema that the host checks settings against comes from the same struct,
//! and from the columns whose names are settings.

use rust_decimal::Decimal;
use serde_json::{Map, json};

use crate::{Json, Refusal, Result, contract::Value, host, record::ColumnName};

/// A plugin's settings. Derived, never written by hand.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a plugin's settings",
    label = "not settings",
    note = "add `#[derive(Settings)]` to the struct"
)]
pub trait Settings: Sized {
    /// What there is to set.
    fn properties() -> Vec<Property>;
    /// What this tenant has set.
    ///
    /// # Errors
    /// When a value is missing that has no default, or is of another type. The host checks both before a plugin runs.
    fn read() -> Result<Self>;
}

/// A type that a setting may have: `bool`, `i32`, `Decimal`, `String`, `Vec<String>`, an `Option` of these, or an enum
/// with `#[derive(Choice)]`.
#[diagnostic::on_unimplemented(
    message = "a setting cannot hold `{Self}`",
    label = "no type of a setting",
    note = "write `bool`, `i32`, `Decimal`, `String`, `Vec<String>`, an `Option` of these, or an enum with `#[derive(Choice)]`"
)]
pub trait SettingType: Sized {
    /// Whether it must be set where there is no default.
    const REQUIRED: bool = true;
    /// What JSON may hold.
    fn schema() -> Schema;
    /// Reads a value that is set.
    fn from_setting(value: &Value) -> Option<Self>;
    /// The default, for the schema.
    fn to_json(&self) -> Json;
    /// What it is when nothing is set.
    fn unset() -> Option<Self> {
        None
    }
}

/// The JSON Schema of one value.
#[derive(Clone, Debug, PartialEq)]
pub struct Schema(Json);

impl Schema {
    /// A value of this JSON type.
    pub fn of(json_type: &str) -> Self {
        Self(json!({ "type": json_type }))
    }

    /// A value of this JSON type, one of these unless there are none.
    pub fn one_of(json_type: &str, options: &[Json]) -> Self {
        if options.is_empty() {
            Self::of(json_type)
        } else {
            Self(json!({ "type": json_type, "enum": options }))
        }
    }
}

/// One setting.
#[derive(Clone, Debug, PartialEq)]
pub struct Property {
    name: String,
    schema: Schema,
    doc: String,
    default: Option<Json>,
    required: bool,
}

impl Property {
    /// The setting of a struct's field.
    pub fn of<T: SettingType>(name: &str, doc: &str, default: Option<T>) -> Self {
        let required = T::REQUIRED && default.is_none();
        let default = default.map(|default| default.to_json());
        Self { name: name.to_owned(), schema: T::schema(), doc: doc.to_owned(), default, required }
    }

    /// The setting that names a column.
    pub fn of_column(column: &ColumnName) -> Option<Self> {
        let empty = if column.needed { "there must be one" } else { "empty if there is none" };
        let doc = format!("{} Its name in the CRM; {empty}.", column.doc);
        column.setting.map(|setting| Self::of(setting, doc.trim(), Some(column.default.to_owned())))
    }
}

/// The JSON Schema (2020-12) of an object with these settings and no others; empty if there are none.
pub(crate) fn schema_text(properties: &[Property]) -> String {
    if properties.is_empty() {
        return String::new();
    }
    let (mut described, mut required) = (Map::new(), Vec::new());
    for property in properties {
        let mut schema = property.schema.0.clone();
        schema["description"] = property.doc.clone().into();
        if let Some(default) = &property.default {
            schema["default"] = default.clone();
        }
        if property.required && !described.contains_key(&property.name) {
            required.push(property.name.clone());
        }
        described.insert(property.name.clone(), schema);
    }
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": described,
        "required": required,
        "additionalProperties": false,
    });
    schema.to_string()
}

/// One setting as the host gives it, or none.
pub fn get(name: &str) -> Option<Value> {
    host::setting(name)
}

/// One setting of a struct.
///
/// # Errors
/// When it is missing and has no default, or does not fit.
pub fn read<T: SettingType>(name: &str, default: impl Fn() -> Option<T>) -> Result<T> {
    match get(name) {
        Some(value) => T::from_setting(&value).ok_or_else(|| {
            Refusal::reject(format!("the setting `{name}` does not fit the plugin's schema"))
                .help(format!("it must be of the JSON type of {}", T::schema().0))
        }),
        None => default().or_else(T::unset).ok_or_else(|| {
            Refusal::reject(format!("the setting `{name}` is not set"))
                .help("set it in the tenant's plugin settings")
        }),
    }
}

impl SettingType for bool {
    fn schema() -> Schema {
        Schema::of("boolean")
    }
    fn from_setting(value: &Value) -> Option<Self> {
        if let Value::Flag(flag) = value { Some(*flag) } else { None }
    }
    fn to_json(&self) -> Json {
        (*self).into()
    }
}

impl SettingType for i32 {
    fn schema() -> Schema {
        Schema::of("integer")
    }
    fn from_setting(value: &Value) -> Option<Self> {
        if let Value::Integer(number) = value { Some(*number) } else { None }
    }
    fn to_json(&self) -> Json {
        (*self).into()
    }
}

impl SettingType for Decimal {
    fn schema() -> Schema {
        Schema::of("number")
    }
    fn from_setting(value: &Value) -> Option<Self> {
        match value {
            Value::Integer(number) => Some((*number).into()),
            Value::Decimal(text) => Self::from_str_exact(text).ok(),
            _ => None,
        }
    }
    fn to_json(&self) -> Json {
        serde_json::from_str(&self.to_string()).unwrap_or(Json::Null)
    }
}

impl SettingType for String {
    fn schema() -> Schema {
        Schema::of("string")
    }
    fn from_setting(value: &Value) -> Option<Self> {
        match value {
            Value::Text(text) => Some(text.clone()),
            Value::Empty => Some(Self::new()),
            _ => None,
        }
    }
    fn to_json(&self) -> Json {
        self.as_str().into()
    }
}

impl SettingType for Vec<String> {
    fn schema() -> Schema {
        Schema(json!({ "type": "array", "items": { "type": "string" } }))
    }
    fn from_setting(value: &Value) -> Option<Self> {
        match value {
            Value::Texts(texts) => Some(texts.clone()),
            Value::Empty => Some(Self::new()),
            _ => None,
        }
    }
    fn to_json(&self) -> Json {
        self.as_slice().into()
    }
}

impl<T: SettingType> SettingType for Option<T> {
    const REQUIRED: bool = false;
    fn schema() -> Schema {
        T::schema()
    }
    fn from_setting(value: &Value) -> Option<Self> {
        if *value == Value::Empty { Some(None) } else { T::from_setting(value).map(Some) }
    }
    fn to_json(&self) -> Json {
        self.as_ref().map_or(Json::Null, T::to_json)
    }
    fn unset() -> Option<Self> {
        Some(None)
    }
}
