//! What the engine asks of a plugin, and what a plugin answers.
//!
//! [`Mapper`] is the engine's only way to a plugin. The runtime implements it over WebAssembly, tests implement it
//! in a few lines. Calls are synchronous and pure: same arguments, same answer.

use serde::{Deserialize, Serialize};

use crate::{
    referral::Referral,
    value::{Fields, Kind, RecordKey, Value},
};

/// A plugin at one release, for one tenant, in one pass.
pub trait Mapper {
    /// This referral, this record if there is one: what should the CRM hold?
    fn to_crm(&mut self, referral: &Referral, linked: Option<&Record>) -> Result<Outcome<CrmDraft>, Refusal>;
    /// This record, its referral if there is one: what should Partner Center hold? Names are JSON pointers.
    fn to_referral(
        &mut self,
        linked: &Record,
        referral: Option<&Referral>,
    ) -> Result<Outcome<Fields>, Refusal>;
    /// One resolution for each conflict, in the same order.
    fn resolve(&mut self, conflicts: &[Conflict]) -> Result<Vec<Resolution>, Refusal>;
    /// What the record should show of what became of the pass.
    fn report(&mut self, linked: &Record, report: &Report) -> Result<Fields, Refusal>;
}

/// A CRM record as it was read: all fields that the plugin declares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Which record this is.
    pub key: RecordKey,
    /// All declared fields; [`Value::Empty`] where the CRM holds none.
    pub fields: Fields,
    /// Records that references of this one lead to, as declared.
    pub related: Vec<Related>,
}

/// A record that a reference of the primary record leads to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Related {
    /// The reference field of the primary record.
    pub via: String,
    /// Which record this is.
    pub key: RecordKey,
    /// Its declared fields.
    pub fields: Fields,
}

/// An opinion, or a reason to leave the pair alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<T> {
    /// This is what the other side should hold.
    Hold(T),
    /// This pair is left alone, for a reason that the operator can read.
    Skip(String),
}

/// What the CRM should hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrmDraft {
    /// The primary record's entity.
    pub entity: String,
    /// The primary record's fields.
    pub fields: Fields,
    /// Records to find or create first.
    pub companions: Vec<Companion>,
}

/// A record to find by `matching`, or to create with `matching` and `fields`, before the primary record is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Companion {
    /// The name by which [`crate::value::Reference::Companion`] points here.
    pub alias: String,
    /// The companion's entity.
    pub entity: String,
    /// Fields that must all be equal for a record to be this companion.
    pub matching: Fields,
    /// Further fields, for creating it. A companion that is found is not changed.
    pub fields: Fields,
}

/// One field that changed on both sides since they last agreed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conflict {
    /// A CRM field, or a JSON pointer for what only the referral holds.
    pub field: String,
    /// What both held when they last agreed.
    pub base: Option<Value>,
    /// What Partner Center asks for now.
    pub partner_center: Value,
    /// What the CRM holds now.
    pub crm: Value,
    /// When the referral last changed, where it says so (RFC 3339, UTC).
    pub partner_center_changed: Option<String>,
    /// When the record last changed, where it says so (RFC 3339, UTC).
    pub crm_changed: Option<String>,
}

/// Who wins a conflict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resolution {
    /// Partner Center's value.
    PartnerCenter,
    /// The CRM's value.
    Crm,
    /// Neither: both sides take this one.
    Value(Value),
    /// A person decides; the text says why.
    Park(String),
}

/// What became of a pass, for the record to show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// `None` if both sides agree (or will once this write has landed), else what failed.
    pub failed: Option<String>,
    /// One sentence for the person who looks at the record.
    pub message: String,
}

/// Whether trying again can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Disposition {
    /// A person is needed; the event is parked.
    Reject,
    /// It may work later.
    Retry,
}

/// Why a plugin did not answer with a draft: its own words, or what the runtime caught it doing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{code}: {message}")]
pub struct Refusal {
    /// A stable code with a page in `host/errors/`, `MAP001`.
    pub code: String,
    /// Whether trying again can help.
    pub disposition: Disposition,
    /// The field concerned.
    pub field: Option<String>,
    /// What happened, a lower-case fragment with values in backticks.
    pub message: String,
    /// What to do next.
    pub help: Option<String>,
}

/// What a plugin is, and all that it will ever read and write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The plugin's name.
    pub name: String,
    /// The plugin's own version.
    pub version: String,
    /// `dynamics`, `salesforce` or another CRM's name.
    pub crm: String,
    /// Entities that are linked, and those reached through them.
    pub entities: Vec<EntityUse>,
    /// Entities that `lookup` may be asked for.
    pub lookups: Vec<EntityUse>,
    /// JSON Schema of the settings object; empty if there is none.
    pub settings_schema: String,
}

/// How one entity is used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntityUse {
    /// The entity's logical name.
    pub entity: String,
    /// `None` for an entity that is linked with referrals, else the reference field that leads here.
    pub via: Option<String>,
    /// The fields that are read or written.
    pub fields: Vec<FieldUse>,
    /// The field that holds the referral's id under a unique key.
    pub referral_key: Option<String>,
    /// The field that the host stamps with its writes.
    pub stamp: Option<String>,
}

/// How one field is used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldUse {
    /// The field's logical name.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
    /// The plugin reads it.
    pub reads: bool,
    /// The plugin writes it.
    pub writes: bool,
    /// A mirror: an edit in the CRM is put back, not taken over.
    pub owned: bool,
    /// What people call it, for `crm provision`.
    #[serde(default)]
    pub label: Option<String>,
    /// How many characters a text holds, for `crm provision`.
    #[serde(default)]
    pub length: Option<u32>,
    /// The values of a field that offers a choice, for `crm provision`; empty for any other.
    #[serde(default)]
    pub choices: Vec<Choice>,
    /// For a field of kind [`Kind::Texts`] that is no column: the child rows that hold the texts, one each.
    #[serde(default)]
    pub rows: Option<Rows>,
}

/// One value of a field that offers a choice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// An option code ([`Value::Integer`]) or a picklist value ([`Value::Text`]).
    pub value: Value,
    /// What people see.
    pub label: String,
}

/// A list that the CRM keeps as rows of another entity, each of which refers to the record: the solutions of an
/// opportunity, say. The connector reads them in the order of their creation, makes rows for texts that are new and
/// deletes rows whose text is gone; a row that stays is not touched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rows {
    /// The child entity.
    pub entity: String,
    /// Its reference field that leads to the record.
    pub parent: String,
    /// Its field that holds the text.
    pub column: String,
}

impl FieldUse {
    /// A column that is read and written, and of which nothing more is said.
    pub fn new(name: impl Into<String>, kind: Kind) -> FieldUse {
        FieldUse {
            name: name.into(),
            kind,
            reads: true,
            writes: true,
            owned: false,
            label: None,
            length: None,
            choices: Vec::new(),
            rows: None,
        }
    }
}

impl Manifest {
    /// The linked (primary) use of `entity`, if the plugin declares one.
    pub fn primary(&self, entity: &str) -> Option<&EntityUse> {
        self.entities.iter().find(|use_| use_.via.is_none() && use_.entity == entity)
    }
}

impl EntityUse {
    /// The declaration of one field.
    pub fn field(&self, name: &str) -> Option<&FieldUse> {
        self.fields.iter().find(|field| field.name == name)
    }
}
