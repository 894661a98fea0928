//! What a pass does, in the words of a finding.

use crosswalk_engine::link::Entry;

use super::{FieldChange, KeptField, LeftField};
use crate::{
    admin::events::{value, word},
    process::{Change, Left},
};

impl FieldChange {
    /// A change, for a person.
    pub(crate) fn of(change: &Change) -> Self {
        FieldChange {
            side: word(&change.side),
            rule: change.rule.clone(),
            field: change.field.clone(),
            old: change.old.as_ref().map(value),
            new: value(&change.new),
        }
    }
}

impl KeptField {
    /// An entry, for a person.
    pub(crate) fn of(entry: &Entry) -> Self {
        KeptField {
            field: entry.field.clone(),
            kind: word(&entry.kind),
            partner_center: value(&entry.partner_center),
            crm: value(&entry.crm),
            reason: entry.reason.clone(),
        }
    }
}

impl LeftField {
    /// Something that is left alone, for a person.
    pub(crate) fn of(left: &Left) -> Self {
        LeftField { field: left.field.clone(), held: value(&left.held), reason: left.why.clone() }
    }
}
