//! States: what of a write is a change of state, and which message that takes.
//!
//! docs: an opportunity is closed by `WinOpportunity` or `LoseOpportunity`, never by a PATCH; it is reopened by a
//! PATCH of `statecode` 0; on hold and in progress are a plain `statuscode`. A lead is disqualified (2) and reopened (0)
//! by a PATCH of `statecode` and `statuscode`, and qualified by `QualifyLead` only ([`super::convert`]). A record cannot
//! be created in any state but its first.

use crosswalk_engine::value::{Fields, Value};

use super::integer;

/// How a record gets into a closed state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Close {
    /// `WinOpportunity`, with a status reason; -1 is the state's default.
    Win(i32),
    /// `LoseOpportunity`, likewise.
    Lose(i32),
}

impl Close {
    pub(super) fn action(self) -> &'static str {
        match self {
            Close::Win(_) => "WinOpportunity",
            Close::Lose(_) => "LoseOpportunity",
        }
    }

    pub(super) fn status(self) -> i32 {
        match self {
            Close::Win(status) | Close::Lose(status) => status,
        }
    }
}

/// Takes the closing of an opportunity out of the fields; everything else is left to a PATCH.
pub(super) fn split_close(entity: &str, fields: &mut Fields) -> Option<Close> {
    if entity != "opportunity" {
        return None;
    }
    let status = integer(fields.get("statuscode")).unwrap_or(-1);
    let close = match integer(fields.get("statecode")) {
        Some(1) => Close::Win(status),
        Some(2) => Close::Lose(status),
        _ => return None,
    };
    fields.remove("statecode");
    fields.remove("statuscode");
    Some(close)
}

/// What remains to be written once the record has been created open.
pub(super) struct Later {
    pub(super) close: Option<Close>,
    /// The state of an entity that takes it by PATCH, and the stamp.
    pub(super) fields: Fields,
}

/// Takes out of the fields of a new record what can only be written once it exists. The stamp goes with it: a record
/// that was created but not closed must not look as if all of the write had landed.
pub(super) fn split_later(entity: &str, stamp: Option<&str>, fields: &mut Fields) -> Option<Later> {
    let close = split_close(entity, fields);
    let mut later = Fields::new();
    let state = fields.remove("statecode");
    if let Some(state) = state.filter(|state| !matches!(state, Value::Integer(0) | Value::Empty)) {
        later.insert("statecode".to_owned(), state);
        later.extend(fields.remove_entry("statuscode"));
    }
    if close.is_none() && later.is_empty() {
        return None;
    }
    later.extend(stamp.and_then(|stamp| fields.remove_entry(stamp)));
    Some(Later { close, fields: later })
}
