#![doc = include_str!("../README.md")]

// The macros and the contract's generated code name this crate from outside and from within.
extern crate self as crosswalk_sdk;

mod column;
mod conflict;
mod context;
pub mod contract;
pub mod cosell;
mod field;
mod host;
pub mod log;
pub mod lookup;
#[cfg(target_family = "wasm")]
mod memory;
pub mod plugin;
mod primary;
pub mod record;
mod reference;
pub mod referral;
mod referral_draft;
mod refusal;
pub mod settings;
#[cfg(not(target_family = "wasm"))]
pub mod testing;
pub mod value;

pub use context::Context;
pub use contract::{Conflict, Referral, Resolution, SyncOutcome, SyncReport};
/// An enum as a CRM's option set, by number (`#[choice(1)]`) or by text (`#[choice("gold")]`; without an attribute,
/// the variant's name in kebab case), with what people see (`label = ".."`; otherwise the variant's name in words). A
/// last option `#[choice(other)] Other(i32)` (or `Other(String)`) stands for all that the others do not list; without
/// one, such a record is refused.
pub use crosswalk_sdk_macros::Choice;
/// Declares a struct as an entity of the CRM.
///
/// - `#[record(entity = "opportunity")]`: the entity's logical name.
/// - `#[record(key = "..")]`: the column that holds the referral's id; needed on the record that is linked.
/// - `#[record(stamp = "..")]`: the column that the host stamps with its writes. Both may be named by a setting:
///   `key("msft_id", setting = "column_id")`.
///
/// Each field is a [`Field`] of a [`FieldType`]. `#[field("new_tier")]` names the column where it differs from the
/// field's own name; `setting = ".."` lets a setting name it; `owned` says that an edit in the CRM is put back; `read`
/// and `write` that it is only read or only written; `flatten` takes in the fields of another record; `when = function`
/// (a `fn() -> bool` that reads settings) says whether there is such a column at all.
///
/// What `crosswalk crm provision` must know to make the column: `label = ".."` is what people call it, `length = 100`
/// how many characters a text holds (`length_setting = ".."` names a setting that may say otherwise), and
/// `choices = function` (a `fn() -> Vec<record::Offered>`) what there is to choose from where the type is no
/// [`Choice`](macro@Choice).
///
/// A `Field<Vec<String>>` may be kept as rows of a child entity, one text each:
/// `rows(entity = "..", parent = "..", column = "..")`, where `parent` is the rows' reference to the record and `column`
/// holds the text. Each may be named by a setting, as in `entity("..", setting = "..")`.
///
/// On an enum whose variants each hold such a record (`enum Deal { Opportunity(Opportunity), Lead(Lead) }`) it makes
/// a plugin that links both entities: use the enum where a mapping's functions take and answer with a record.
pub use crosswalk_sdk_macros::Record;
/// Declares a struct as a plugin's settings. The JSON Schema for the operator comes from it: each field's doc comment,
/// its type, and `#[setting(default = ..)]`.
pub use crosswalk_sdk_macros::Settings;
/// Turns a module's functions into a plugin. All but `to_crm` may be missing.
///
/// | function | question |
/// |---|---|
/// | `to_crm(&Referral, Option<&YourRecord>) -> Result<YourRecord>` | What should the CRM hold? |
/// | `to_referral(&YourRecord, Option<&Referral>) -> Result<ReferralDraft>` | What should Partner Center hold? Without it: nothing is sent there. |
/// | `resolve(&Conflict) -> Result<Resolution>` | Who wins where both sides changed one field? Without it: a person. |
/// | `report(&YourRecord, &SyncReport) -> Result<YourRecord>` | What should the record show of a pass? Without it: nothing. |
///
/// Each may also take `&Context` and `&YourSettings`, may leave out what it does not need, and may have its parameters
/// in any order. The first two may answer with an [`Outcome`] instead, to skip. The module gets a function `plugin()`,
/// a [`Plugin`].
///
/// The exports that `crosswalk plugin build` adds are `unsafe` functions, so that a plugin's crate may `deny(unsafe_code)`
/// but not `forbid` it.
///
/// `crm = ".."` names the CRM, `settings(..)` the settings structs, `lookups(..)` the records that [`lookup::find`] is
/// asked for.
pub use crosswalk_sdk_macros::mapping;
pub use field::Field;
pub use plugin::Plugin;
pub use record::{Outcome, Record, Ref};
pub use referral::Money;
pub use referral_draft::{DraftAddress, ReferralDraft};
pub use refusal::{Refusal, Result};
/// JSON, for what has no type of its own.
pub use serde_json::Value as Json;
pub use settings::Settings;
pub use value::FieldType;

/// What a mapping needs.
pub mod prelude {
    pub use jiff::{Timestamp, civil::Date};
    pub use rust_decimal::Decimal;

    pub use crate::{
        Choice, Conflict, Context, DraftAddress, Field, Money, Outcome, Record, Ref, Referral, ReferralDraft,
        Refusal, Resolution, Result, Settings, SyncOutcome, SyncReport,
        contract::{Help, Member, Qualification, RecordKey, ReferralKind, Solution, Status, Substatus},
        ensure, log, lookup, mapping, refuse, retry,
    };
}
