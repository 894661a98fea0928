//! Testing a mapping natively: referrals from Partner Center's own JSON, settings, lookups and the log.
//!
//! Nothing here needs WebAssembly. What the host would offer is a double that belongs to the test's thread.
//!
//! ```
//! use crosswalk_sdk::{prelude::*, testing};
//!
//! let referral = testing::referral(testing::json!({ "name": "Solar park", "details": { "dealValue": 50000 } }));
//! assert_eq!(referral.details.deal_value().unwrap(), Some(Decimal::from(50_000)));
//! ```

pub(crate) mod double;
pub mod laws;
mod parse;
mod plain;

use crate::{
    Context, Json, Record,
    contract::{self, CrmDraft, CrmOutcome, CrmRecord, EntityUse, NamedValue, Value},
    record::Reader,
};

pub use crosswalk_laws::{documented_referral, random_referral};
pub use double::{Guard, logged, lookup, settings};
pub use parse::referral;
pub use serde_json::json;

/// A pass of the tenant `contoso` at noon on 31 January 2026.
pub fn context() -> Context {
    Context::new("contoso", jiff::Timestamp::constant(1_769_860_800, 0))
}

/// [`context`] in the contract's own type.
pub fn contract_context() -> contract::Context {
    let context = context();
    contract::Context {
        tenant: context.tenant().to_owned(),
        now: context.now().to_string(),
        more: Vec::new(),
    }
}

/// A record as it is read: all its fields are known to be empty. Set some with `..`:
/// `Opportunity { name: "Solar park".into(), ..testing::empty() }`.
///
/// # Panics
/// Never, for a derived record: there is no value that could be of the wrong kind.
pub fn empty<R: Record>() -> R {
    let names = R::columns().into_iter().filter_map(|(_, column)| column.name.resolve());
    let fields: Vec<NamedValue> = names.map(|name| NamedValue { name, value: Value::Empty }).collect();
    #[expect(clippy::expect_used, reason = "empty fields are read as `Field::Empty`, whatever their type")]
    R::read(&Reader::new(&fields, &[])).expect("empty fields fit every type")
}

/// The record that a CRM would hold after a draft was written over `record`, or newly made of it. A draft of another
/// entity makes a new record too: a lead was converted into an opportunity. Companions become records that exist.
pub fn written(record: Option<&CrmRecord>, draft: &CrmDraft) -> CrmRecord {
    let record = record.map(plain::record);
    plain::contract_record(&crosswalk_laws::written_whole(record.as_ref(), &plain::draft(draft)))
}

/// An odd but legal record of this entity: any field may be empty, and options may be ones that nobody listed.
pub fn random_record(entity: &EntityUse, all: &[EntityUse], seed: u64) -> CrmRecord {
    let manifest = crosswalk_laws::model::Manifest {
        name: String::new(),
        entities: all.iter().map(plain::entity_use).collect(),
    };
    let record = crosswalk_laws::random_record(&manifest, &plain::entity_use(entity), seed);
    plain::contract_record(&record)
}

/// What a `to_crm` answered with, if it was a draft.
pub fn draft(outcome: CrmOutcome) -> Option<CrmDraft> {
    match outcome {
        CrmOutcome::Hold(draft) => Some(draft),
        CrmOutcome::Skip(_) => None,
    }
}

/// The referral, as JSON, with pointers set to values; objects on the way are made.
pub fn overlaid(referral: &Json, fields: &[NamedValue]) -> Json {
    let named = plain::named(fields);
    crosswalk_laws::overlaid(referral, named.iter().map(|(name, value)| (name, value)))
}
