//! Version 1 of the contract: its bindings, and every conversion between them and the engine's vocabulary.
//!
//! Inwards (to the plugin) nothing can fail: any legal JSON is a referral. Outwards everything is checked: what the
//! plugin says about a field must be declared, of the declared kind, and well formed.

pub(crate) mod drafts;
pub(crate) mod manifest;
pub(crate) mod referral;
pub(crate) mod values;

#[cfg(test)]
mod tests;

/// Generated from `wit/`.
pub(crate) mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "mapper",
    });
}

pub(crate) use bindings::{
    Mapper, MapperIndices, MapperPre,
    crosswalk::mapping::{log, lookup, settings, values as wire_values},
    exports::crosswalk::mapping::mapping as wire,
};
use crosswalk_engine::{
    mapping::{Conflict, Record, Report},
    value::{Fields, RecordKey},
};

/// A record, as the plugin sees it.
pub(crate) fn record(record: &Record) -> wire::CrmRecord {
    wire::CrmRecord {
        key: values::key(&record.key),
        fields: values::fields(&record.fields),
        related: record
            .related
            .iter()
            .map(|related| wire::RelatedRecord {
                via: related.via.clone(),
                key: values::key(&related.key),
                fields: values::fields(&related.fields),
                more: Vec::new(),
            })
            .collect(),
        more: Vec::new(),
    }
}

/// A record that was looked up, as the plugin sees it.
pub(crate) fn found((key, fields): &(RecordKey, Fields)) -> lookup::Found {
    lookup::Found { key: values::key(key), fields: values::fields(fields), more: Vec::new() }
}

/// A conflict, as the plugin sees it.
pub(crate) fn conflict(conflict: &Conflict) -> wire::Conflict {
    wire::Conflict {
        field: conflict.field.clone(),
        base: conflict.base.as_ref().map(values::value),
        partner_center: values::value(&conflict.partner_center),
        crm: values::value(&conflict.crm),
        partner_center_changed: conflict.partner_center_changed.clone(),
        crm_changed: conflict.crm_changed.clone(),
        more: Vec::new(),
    }
}

/// What became of a pass, as the plugin sees it.
pub(crate) fn report(report: &Report) -> wire::SyncReport {
    wire::SyncReport {
        outcome: match &report.failed {
            None => wire::SyncOutcome::Synced,
            Some(what) => wire::SyncOutcome::Failed(what.clone()),
        },
        message: report.message.clone(),
        more: Vec::new(),
    }
}

/// The pass, as the plugin sees it.
pub(crate) fn context(tenant: &str, now: jiff::Timestamp) -> wire::Context {
    wire::Context { tenant: tenant.to_owned(), now: now.to_string(), more: Vec::new() }
}
