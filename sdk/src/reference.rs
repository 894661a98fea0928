//! References to other records of the CRM, and the ones that are to be found or made.

use crate::{
    Record, Refusal, Result,
    contract::{Companion, EntityUse, Kind, NamedValue, RecordKey, Reference, RelatedRecord, Value},
    record::{self, ColumnName, Reader, Writer},
    value::{self, FieldType},
};

/// A field that points to a record of another entity.
///
/// Read, it knows the other record's key and, where that entity is reached from a linked one, its declared fields.
/// In a draft it points to a record that exists, or to a companion: one to be found, or else made.
#[derive(Clone, Debug, PartialEq)]
pub enum Ref<T> {
    /// To this record.
    Existing {
        /// Which.
        key: RecordKey,
        /// What it holds, where it was read.
        record: Option<Box<T>>,
    },
    /// To the oldest record with the fields of `matching`; if there is none, to a new one with `extra` as well.
    FindOrCreate {
        /// What must all be equal.
        matching: Box<T>,
        /// What a new one gets besides. One that is found is not changed.
        extra: Box<T>,
    },
}

impl<T> Ref<T> {
    /// To a record that exists.
    pub fn to(key: RecordKey) -> Self {
        Self::Existing { key, record: None }
    }

    /// To the oldest record that has the fields of `matching`, or else to a new one with these and `extra`.
    pub fn find_or_create(matching: T, extra: T) -> Self {
        Self::FindOrCreate { matching: Box::new(matching), extra: Box::new(extra) }
    }

    /// Which record it points to, if it exists.
    pub fn key(&self) -> Option<&RecordKey> {
        match self {
            Self::Existing { key, .. } => Some(key),
            Self::FindOrCreate { .. } => None,
        }
    }

    /// What the record that it points to holds, where it was read.
    pub fn record(&self) -> Option<&T> {
        match self {
            Self::Existing { record, .. } => record.as_deref(),
            Self::FindOrCreate { .. } => None,
        }
    }
}

impl<T: Record> FieldType for Ref<T> {
    fn kind() -> Kind {
        Kind::Reference(T::ENTITY.to_owned())
    }

    fn from_value(value: &Value, related: Option<&RelatedRecord>) -> Result<Self> {
        let Value::Reference(Reference::Existing(key)) = value else {
            return Err(value::mismatch(value, &format!("a reference to `{}`", T::ENTITY)));
        };
        let related = related.filter(|related| related.key == *key);
        let record = related.map(|related| T::read(&Reader::new(&related.fields, &[]))).transpose()?;
        Ok(Self::Existing { key: key.clone(), record: record.map(Box::new) })
    }

    fn into_value(self, companions: &mut Companions) -> Value {
        match self {
            Self::Existing { key, .. } => Value::Reference(Reference::Existing(key)),
            Self::FindOrCreate { matching, extra } => {
                let matching = companions.lower(*matching);
                let extra = companions.lower(*extra);
                let alias = companions.add(T::ENTITY, matching, extra);
                Value::Reference(Reference::Companion(alias))
            }
        }
    }

    fn related(via: &str) -> Option<EntityUse> {
        Some(record::entity_use::<T>(Some(via)))
    }

    fn column_settings() -> Vec<ColumnName> {
        record::column_settings::<T>()
    }
}

/// The companions of one draft. The same one asked for twice is one.
#[derive(Debug, Default)]
pub struct Companions {
    column: String,
    list: Vec<Companion>,
    refused: Option<Refusal>,
}

impl Companions {
    /// The column whose value is being written; a companion is named after it.
    pub(crate) fn enter(&mut self, column: &str) {
        self.column = column.to_owned();
    }

    /// A companion's own fields. The companions that they refer to come before it.
    fn lower<T: Record>(&mut self, record: T) -> Vec<NamedValue> {
        let column = self.column.clone();
        let mut writer = Writer::within(std::mem::take(self));
        record.write(&mut writer);
        let (fields, companions) = writer.into_parts();
        *self = companions;
        self.column = column;
        fields
    }

    fn add(&mut self, entity: &str, matching: Vec<NamedValue>, fields: Vec<NamedValue>) -> String {
        let same = |known: &&Companion| known.entity == entity && known.match_ == matching;
        if let Some(known) = self.list.iter().find(same) {
            return known.alias.clone();
        }
        let taken = self.list.iter().filter(|known| known.alias.starts_with(&self.column)).count();
        let alias = if taken == 0 { self.column.clone() } else { format!("{}-{}", self.column, taken + 1) };
        self.list.push(Companion {
            alias: alias.clone(),
            entity: entity.to_owned(),
            match_: matching,
            fields,
            more: Vec::new(),
        });
        alias
    }

    /// The first mistake in the draft counts.
    pub(crate) fn refuse(&mut self, refusal: Refusal) {
        self.refused.get_or_insert(refusal);
    }

    pub(crate) fn into_list(self) -> Result<Vec<Companion>> {
        self.refused.map_or(Ok(self.list), Err)
    }
}
