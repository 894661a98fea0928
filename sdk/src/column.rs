//! Columns of the CRM: what each is called for this tenant, how it is used, and what it must be like where it is made.
//!
//! Authors write `#[field(..)]`; what is here is what the derive writes down for them.

use serde_json::json;

use crate::{
    Field, Json,
    contract::{EntityUse, FieldUse, Kind, NamedValue, Value},
    referral, settings,
    value::FieldType,
};

/// A name in the CRM: fixed, or the tenant's, with a default.
#[derive(Clone, Copy, Debug)]
pub struct ColumnName {
    /// The name, unless a setting says otherwise; empty if there is no such column unless a setting names one.
    pub default: &'static str,
    /// The setting that may say otherwise. An empty text there means that this tenant has no such column.
    pub setting: Option<&'static str>,
    /// What the column is for.
    pub doc: &'static str,
    /// Whether the plugin cannot do without it, so that the setting must not be empty.
    pub needed: bool,
    /// Whether there is such a column at all, where settings decide that.
    pub when: Option<fn() -> bool>,
}

impl ColumnName {
    /// The column's name for this tenant; none if the tenant has no such column.
    pub fn resolve(&self) -> Option<String> {
        if self.when.is_some_and(|wanted| !wanted()) {
            return None;
        }
        let name = match self.setting.and_then(settings::get) {
            Some(Value::Text(name)) => name,
            Some(Value::Empty) => String::new(),
            _ => self.default.to_owned(),
        };
        if name.is_empty() { None } else { Some(name) }
    }
}

/// What a column must be like, for whoever makes it (`crosswalk crm provision`).
#[derive(Clone, Copy, Debug, Default)]
pub struct Shape {
    /// What people call it.
    pub label: Option<&'static str>,
    /// How many characters a text holds.
    pub length: Option<Length>,
    /// The values that it offers, where its type does not say.
    pub choices: Option<fn() -> Vec<Offered>>,
    /// The child rows that a list is kept as.
    pub rows: Option<Rows>,
}

/// How many characters a text holds: a number, unless a setting says otherwise.
#[derive(Clone, Copy, Debug)]
pub struct Length {
    /// The number, unless the setting has another.
    pub default: i32,
    /// The setting.
    pub setting: Option<&'static str>,
}

impl Length {
    fn resolve(self) -> i32 {
        match self.setting.and_then(settings::get) {
            Some(Value::Integer(length)) => length,
            _ => self.default,
        }
    }
}

/// One of the values that a column offers.
#[derive(Clone, Debug, PartialEq)]
pub struct Offered {
    /// An option code or a picklist's text.
    pub value: Value,
    /// What people see.
    pub label: String,
}

impl Offered {
    /// An option by its code.
    pub fn number(code: i32, label: impl Into<String>) -> Self {
        Self { value: Value::Integer(code), label: label.into() }
    }

    /// An option by its text.
    pub fn text(text: impl Into<String>, label: impl Into<String>) -> Self {
        Self { value: Value::Text(text.into()), label: label.into() }
    }
}

/// A list that the CRM keeps as rows of a child entity, one text each.
#[derive(Clone, Copy, Debug)]
pub struct Rows {
    /// The child entity.
    pub entity: ColumnName,
    /// Its reference field that leads to the record.
    pub parent: ColumnName,
    /// Its field that holds the text.
    pub column: ColumnName,
}

/// How one field is used.
#[derive(Clone, Debug)]
pub struct Column {
    /// Its name.
    pub name: ColumnName,
    kind: Kind,
    reads: bool,
    writes: bool,
    owned: bool,
    shape: Shape,
    offered: fn() -> Vec<Offered>,
    pub(crate) related: fn(&str) -> Option<EntityUse>,
    settings: fn() -> Vec<ColumnName>,
}

impl Column {
    /// The column of a struct's field.
    pub fn of<S: Slot>(name: ColumnName, reads: bool, writes: bool, owned: bool, shape: Shape) -> Self {
        Self {
            name,
            kind: S::Holds::kind(),
            reads,
            writes,
            owned,
            shape,
            offered: S::Holds::offered,
            related: S::Holds::related,
            settings: S::Holds::column_settings,
        }
    }

    /// As the manifest declares it; none if this tenant has no such column.
    pub(crate) fn declared(&self) -> Option<FieldUse> {
        let Self { kind, reads, writes, owned, .. } = self.clone();
        self.name.resolve().map(|name| FieldUse { name, kind, reads, writes, owned, more: self.more() })
    }

    /// What the contract has no field for, by the names that `wit/README.md` lists.
    fn more(&self) -> Vec<NamedValue> {
        let mut more = Vec::new();
        let mut say = |name: &str, value| more.push(NamedValue { name: name.to_owned(), value });
        if let Some(label) = self.shape.label {
            say("label", Value::Text(label.to_owned()));
        }
        if let Some(length) = self.shape.length {
            say("length", Value::Integer(length.resolve()));
        }
        let offered = self.shape.choices.unwrap_or(self.offered)();
        if !offered.is_empty() {
            let all: Vec<Json> = offered
                .iter()
                .map(|offer| json!({ "value": referral::json(&offer.value), "label": offer.label }))
                .collect();
            say("choices", Value::Other(Json::Array(all).to_string()));
        }
        if let Some(Rows { entity, parent, column }) = &self.shape.rows {
            for (name, part) in [("rows-entity", entity), ("rows-parent", parent), ("rows-column", column)] {
                say(name, Value::Text(part.resolve().unwrap_or_default()));
            }
        }
        more
    }

    /// All names that it stands for, its own first.
    pub(crate) fn names(&self) -> Vec<ColumnName> {
        let rows = self.shape.rows.into_iter().flat_map(|rows| [rows.entity, rows.parent, rows.column]);
        std::iter::once(self.name).chain(rows).chain((self.settings)()).collect()
    }
}

/// A struct's field: tells what a [`Field`] holds.
pub trait Slot {
    /// What it holds.
    type Holds: FieldType;
}

impl<T: FieldType> Slot for Field<T> {
    type Holds = T;
}
