//! Records of the CRM: how a struct's fields are declared, read and written.
//!
//! Authors write `#[derive(Record)]`; what is here is what the derive writes down for them.

use crate::{
    Field, Refusal, Result,
    contract::{CrmDraft, EntityUse, NamedValue, RelatedRecord, Value},
    value,
    value::FieldType,
};

pub use crate::{
    column::{Column, ColumnName, Length, Offered, Rows, Shape, Slot},
    primary::{Primary, joined, unknown_entity},
    reference::{Companions, Ref},
};

/// An entity of the CRM with the fields that a plugin reads and writes. Derived, never written by hand.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no record of the CRM",
    label = "not a record",
    note = "add `#[derive(Record)]` and `#[record(entity = \"..\")]` to the struct, or to an enum of such structs"
)]
pub trait Record: Sized {
    /// An enum with one variant for each field.
    type Name: Copy + PartialEq + std::fmt::Debug;
    /// The entity's logical name.
    const ENTITY: &'static str;
    /// Whether a column is named that holds the referral's id.
    const KEYED: bool;
    /// The column that holds the referral's id.
    fn key() -> Option<ColumnName>;
    /// The column that the host stamps.
    fn stamp() -> Option<ColumnName>;
    /// All columns, with the name of the field that each belongs to.
    fn columns() -> Vec<(Self::Name, Column)>;
    /// Reads a record.
    ///
    /// # Errors
    /// When a value does not fit the field's type.
    fn read(reader: &Reader<'_>) -> Result<Self>;
    /// Writes what is spoken of.
    fn write(self, writer: &mut Writer);
}

/// What a mapping function answers with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<T> {
    /// This is what the other side should hold.
    Hold(T),
    /// This pair is left alone, for a reason that the operator can read.
    Skip(String),
}

impl<T> Outcome<T> {
    /// Leaves this pair alone.
    pub fn skip(reason: impl Into<String>) -> Self {
        Self::Skip(reason.into())
    }

    /// The same outcome with the draft changed.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Outcome<U> {
        match self {
            Self::Hold(draft) => Outcome::Hold(change(draft)),
            Self::Skip(reason) => Outcome::Skip(reason),
        }
    }
}

/// What a function may answer with: a draft, or an outcome.
pub trait IntoOutcome<T> {
    /// As an outcome.
    fn into_outcome(self) -> Outcome<T>;
}

impl<T> IntoOutcome<T> for T {
    fn into_outcome(self) -> Outcome<T> {
        Outcome::Hold(self)
    }
}

impl<T> IntoOutcome<T> for Outcome<T> {
    fn into_outcome(self) -> Outcome<T> {
        self
    }
}

/// How an entity is used, as the manifest says it.
pub fn entity_use<R: Record>(via: Option<&str>) -> EntityUse {
    let fields = R::columns().iter().filter_map(|(_, column)| column.declared()).collect();
    let special = |column: Option<ColumnName>| column.as_ref().and_then(ColumnName::resolve);
    EntityUse {
        entity: R::ENTITY.to_owned(),
        via: via.map(str::to_owned),
        fields,
        referral_key: special(R::key()),
        stamp: special(R::stamp()),
        more: Vec::new(),
    }
}

/// A linked entity, and the ones that its references lead to.
pub fn entity_uses<R: Record>() -> Vec<EntityUse> {
    let mut uses = vec![entity_use::<R>(None)];
    for (_, column) in R::columns() {
        uses.extend(column.name.resolve().and_then(|via| (column.related)(&via)));
    }
    uses
}

/// The columns whose names are settings, so that the schema has them without being told.
pub fn column_settings<R: Record>() -> Vec<ColumnName> {
    let columns = R::columns().into_iter().flat_map(|(_, column)| column.names());
    columns.chain(R::key()).chain(R::stamp()).filter(|name| name.setting.is_some()).collect()
}

/// Which field of a record a CRM column is.
pub fn field_named<R: Record>(column: &str) -> Option<R::Name> {
    R::columns()
        .into_iter()
        .find(|(_, known)| known.name.resolve().as_deref() == Some(column))
        .map(|(name, _)| name)
}

/// A record's values, to be read by name.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    fields: &'a [NamedValue],
    related: &'a [RelatedRecord],
}

impl<'a> Reader<'a> {
    /// Over a record's fields, and the records that its references lead to.
    pub fn new(fields: &'a [NamedValue], related: &'a [RelatedRecord]) -> Self {
        Self { fields, related }
    }

    /// One field.
    ///
    /// # Errors
    /// When the value does not fit, with the field's name.
    pub fn field<T: FieldType>(&self, column: &ColumnName) -> Result<Field<T>> {
        let Some(name) = column.resolve() else { return Ok(Field::Unset) };
        let Some(field) = self.fields.iter().find(|field| field.name == name) else {
            return Ok(Field::Unset);
        };
        if value::is_empty(&field.value) {
            return Ok(Field::Empty);
        }
        let related = self.related.iter().find(|related| related.via == name);
        T::from_value(&field.value, related).map(Field::Set).map_err(|refusal| refusal.at(&name))
    }
}

/// Collects what a draft speaks of.
#[derive(Debug, Default)]
pub struct Writer {
    fields: Vec<NamedValue>,
    companions: Companions,
    /// It is no draft: fields that are only read belong to it, too.
    held: bool,
}

impl Writer {
    /// One field; nothing if it is not spoken of, or if this tenant has no such column.
    pub fn field<T: FieldType>(&mut self, column: &ColumnName, field: Field<T>) {
        if field.is_unset() {
            return;
        }
        let Some(name) = column.resolve() else { return };
        let value = match field {
            Field::Set(value) => {
                self.companions.enter(&name);
                value.into_value(&mut self.companions)
            }
            Field::Empty | Field::Unset => Value::Empty,
        };
        self.fields.push(NamedValue { name, value });
    }

    /// For what a record holds, or is found by, which is no draft.
    pub(crate) fn of_what_is_held() -> Self {
        Self { held: true, ..Self::default() }
    }

    /// A field that is only read: for a draft to speak of it is the author's mistake.
    pub fn read_only<T: FieldType>(&mut self, column: &ColumnName, field: Field<T>) {
        if self.held {
            self.field(column, field);
        } else if !field.is_unset() {
            let refusal =
                Refusal::reject("a draft sets this field, and the record says that it is only read");
            let help = "remove `read` from its `#[field(..)]`, or leave the field out of the draft";
            self.companions.refuse(refusal.at(column.default).help(help));
        }
    }

    /// For a companion's own fields: goes on with the draft's companions.
    pub(crate) fn within(companions: Companions) -> Self {
        Self { companions, ..Self::default() }
    }

    pub(crate) fn into_parts(self) -> (Vec<NamedValue>, Companions) {
        (self.fields, self.companions)
    }

    pub(crate) fn into_draft(self, entity: &str) -> Result<CrmDraft> {
        Ok(CrmDraft {
            entity: entity.to_owned(),
            fields: self.fields,
            companions: self.companions.into_list()?,
            more: Vec::new(),
        })
    }

    pub(crate) fn into_fields(self) -> Result<Vec<NamedValue>> {
        self.into_draft("").map(|draft| draft.fields)
    }
}
