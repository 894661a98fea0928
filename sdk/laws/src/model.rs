//! What a mapping is asked and answers, as plain data: the contract without its binding to a host or to the SDK.

use std::collections::BTreeMap;

use jiff::Timestamp;
pub use serde_json::Value as Json;

use crate::{asker::Used, law::Law};

/// Named values: a CRM column, or a JSON pointer into a referral. A name that is missing is not spoken of.
pub type Fields = BTreeMap<String, Value>;

/// One value of one field.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Known to be empty.
    Empty,
    /// Text.
    Text(String),
    /// Yes or no.
    Flag(bool),
    /// A whole number, or an option's code.
    Integer(i32),
    /// A decimal number as text.
    Decimal(String),
    /// A day, `2026-01-31`.
    Date(String),
    /// A moment (RFC 3339, UTC).
    Instant(String),
    /// A list of texts.
    Texts(Vec<String>),
    /// A record that exists.
    Existing(Key),
    /// A companion of the same draft, by its alias.
    Companion(String),
    /// JSON that has no case of its own.
    Json(Json),
}

/// A record of the CRM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its entity.
    pub entity: String,
    /// Its id.
    pub id: String,
}

/// What kind of value a field holds.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// A record of this entity.
    Reference(String),
    /// [`Value::Json`].
    Json,
}

/// A record as it was read: all fields that the manifest declares as read.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Which.
    pub key: Key,
    /// What it holds.
    pub fields: Fields,
    /// Records that its references lead to, as declared.
    pub related: Vec<Related>,
}

/// A record that a reference leads to.
#[derive(Clone, Debug, PartialEq)]
pub struct Related {
    /// The reference field of the primary record.
    pub via: String,
    /// Which.
    pub key: Key,
    /// What it holds.
    pub fields: Fields,
}

/// An opinion, or a reason to leave the pair alone.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome<T> {
    /// This is what the other side should hold.
    Hold(T),
    /// The pair is left alone.
    Skip(String),
}

/// What the CRM should hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// The primary record's entity.
    pub entity: String,
    /// Its fields, in the order in which they were given.
    pub fields: Vec<(String, Value)>,
    /// Records to find or make first.
    pub companions: Vec<Companion>,
}

/// A record to find by `matching`, or else to make.
#[derive(Clone, Debug, PartialEq)]
pub struct Companion {
    /// What the draft's references call it.
    pub alias: String,
    /// Its entity.
    pub entity: String,
    /// What must all be equal.
    pub matching: Vec<(String, Value)>,
    /// What a new one gets besides.
    pub fields: Vec<(String, Value)>,
}

/// A field that changed on both sides.
#[derive(Clone, Debug, PartialEq)]
pub struct Conflict {
    /// A CRM field, or a JSON pointer for what only the referral holds.
    pub field: String,
    /// What both held when they last agreed.
    pub base: Option<Value>,
    /// What Partner Center asks for.
    pub partner_center: Value,
    /// What the CRM holds.
    pub crm: Value,
}

/// Who wins.
#[derive(Clone, Debug, PartialEq)]
pub enum Resolution {
    /// Partner Center's value.
    PartnerCenter,
    /// The CRM's.
    Crm,
    /// This one.
    Value(Value),
    /// A person decides.
    Park(String),
}

/// Why there is no draft.
#[derive(Clone, Debug, PartialEq)]
pub enum Failure {
    /// The plugin's own refusal, which is legal.
    Refused {
        /// The field that it is about.
        field: Option<String>,
        /// Its words.
        message: String,
    },
    /// What whoever runs the plugin caught it doing.
    Caught {
        /// The law that this breaks.
        law: Law,
        /// The field that it is about.
        field: Option<String>,
        /// What happened.
        message: String,
    },
    /// The plugin could not be asked, by no fault of its own.
    NotAsked(String),
}

/// What a plugin is, and all that it reads and writes.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// Its name.
    pub name: String,
    /// Entities that are linked, and those reached through them.
    pub entities: Vec<EntityUse>,
}

/// How an entity is used.
#[derive(Clone, Debug, PartialEq)]
pub struct EntityUse {
    /// The entity.
    pub entity: String,
    /// The reference that leads here; none for one that is linked.
    pub via: Option<String>,
    /// Its fields.
    pub fields: Vec<FieldUse>,
}

/// How a field is used.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldUse {
    /// The field.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
    /// The plugin reads it.
    pub reads: bool,
    /// The plugin writes it.
    pub writes: bool,
    /// An edit of it in the CRM is put back.
    pub owned: bool,
    /// What there is to choose from; empty if it offers no choice.
    pub choices: Vec<Value>,
    /// How many characters a text holds, where that is known.
    pub length: Option<u32>,
}

impl Manifest {
    /// Entities that are linked with referrals.
    pub fn linked(&self) -> impl Iterator<Item = &EntityUse> {
        self.entities.iter().filter(|used| used.via.is_none())
    }

    /// The linked entity of this name.
    pub fn primary(&self, entity: &str) -> Option<&EntityUse> {
        self.linked().find(|used| used.entity == entity)
    }

    /// How the record is used that this reference leads to.
    pub fn reached(&self, via: &str, entity: &str) -> Option<&EntityUse> {
        self.entities.iter().find(|used| used.via.as_deref() == Some(via) && used.entity == entity)
    }
}

impl EntityUse {
    /// The declaration of a field.
    pub fn field(&self, name: &str) -> Option<&FieldUse> {
        self.fields.iter().find(|field| field.name == name)
    }
}

/// A plugin that can be asked: natively, or as a component in its sandbox.
///
/// `now` is the time of the pass. Each method is asked often; the same arguments must give the same answer.
pub trait Mapping {
    /// What the plugin is.
    fn manifest(&self) -> &Manifest;

    /// This referral, this record if there is one: what should the CRM hold?
    ///
    /// # Errors
    /// When the plugin refuses, or was caught.
    fn to_crm(
        &mut self,
        referral: &Json,
        record: Option<&Record>,
        now: Timestamp,
    ) -> Result<Outcome<Draft>, Failure>;

    /// This record, this referral if there is one: what should Partner Center hold?
    ///
    /// # Errors
    /// When the plugin refuses, or was caught.
    fn to_referral(
        &mut self,
        record: &Record,
        referral: Option<&Json>,
        now: Timestamp,
    ) -> Result<Outcome<Vec<(String, Value)>>, Failure>;

    /// Who wins each of these conflicts?
    ///
    /// # Errors
    /// When the plugin refuses, or was caught.
    fn resolve(&mut self, conflicts: &[Conflict], now: Timestamp) -> Result<Vec<Resolution>, Failure>;

    /// What should the record show of a pass that came to an end, or failed for this reason?
    ///
    /// # Errors
    /// When the plugin refuses, or was caught.
    fn report(
        &mut self,
        record: &Record,
        failed: Option<&str>,
        now: Timestamp,
    ) -> Result<Vec<(String, Value)>, Failure>;

    /// What the last call used, each as a share of what it may: nothing where nobody measures.
    fn used(&self) -> Option<Used> {
        None
    }
}
