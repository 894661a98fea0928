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

#[cfg(not(target_family = "wasm"))]
pub(crate) mod double;
pub mod laws;
mod samples;

use crate::{
    Context, Json, Record,
    contract::{self, CrmDraft, CrmOutcome, CrmRecord, NamedValue, RecordKey, RelatedRecord, Value},
    record::Reader,
};

#[cfg(not(target_family = "wasm"))]
pub use double::{Guard, logged, lookup, settings};
pub use samples::{documented_referral, random_record, random_referral};
pub use serde_json::json;

mod parse;
pub use parse::referral;

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
    let key =
        RecordKey { entity: draft.entity.clone(), id: "11111111-2222-3333-4444-555555555555".to_owned() };
    let same = record.filter(|record| record.key.entity == draft.entity);
    let mut after =
        same.cloned().unwrap_or(CrmRecord { key, fields: Vec::new(), related: Vec::new(), more: Vec::new() });
    for field in &draft.fields {
        if let Value::Reference(contract::Reference::Companion(alias)) = &field.value {
            after.related.retain(|related| related.via != field.name);
            if let Some(companion) = draft.companions.iter().find(|companion| companion.alias == *alias) {
                let fields = companion.match_.iter().chain(&companion.fields);
                let fields = fields
                    .map(|field| NamedValue { name: field.name.clone(), value: made(&field.value, draft) });
                after.related.push(RelatedRecord {
                    via: field.name.clone(),
                    key: key_of(alias, draft),
                    fields: fields.collect(),
                    more: Vec::new(),
                });
            }
        }
        set(&mut after.fields, &field.name, made(&field.value, draft));
    }
    after
}

/// A draft's value once its companions exist.
fn made(value: &Value, draft: &CrmDraft) -> Value {
    match value {
        Value::Reference(contract::Reference::Companion(alias)) => {
            Value::Reference(contract::Reference::Existing(key_of(alias, draft)))
        }
        other => other.clone(),
    }
}

/// The key that a companion has once it exists.
fn key_of(alias: &str, draft: &CrmDraft) -> RecordKey {
    let companion = draft.companions.iter().find(|companion| companion.alias == alias);
    let entity = companion.map(|companion| companion.entity.clone()).unwrap_or_default();
    RecordKey { entity, id: format!("made-for-{alias}") }
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
    let mut after = referral.clone();
    for field in fields {
        let mut at = &mut after;
        for part in field.name.split('/').skip(1) {
            if !at.is_object() {
                *at = json!({});
            }
            at = &mut at[part];
        }
        *at = crate::referral::json(&field.value);
    }
    after
}

fn set(fields: &mut Vec<NamedValue>, name: &str, value: Value) {
    match fields.iter_mut().find(|field| field.name == name) {
        Some(field) => field.value = value,
        None => fields.push(NamedValue { name: name.to_owned(), value }),
    }
}
