//! `If-Match` and `If-None-Match`.

use super::{
    errors::{Outcome, Refusal, stale},
    org::Call,
    store::Row,
    tables::Table,
};

/// The conditions of one request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Conditions {
    /// `If-Match: *`: the row must be there.
    pub(crate) match_any: bool,
    /// `If-Match: W/"n"`: the row must be at this version.
    pub(crate) match_tag: Option<String>,
    /// `If-None-Match: *`: the row must not be there.
    pub(crate) none_match_any: bool,
    /// `If-None-Match: W/"n"`: the client has this version already.
    pub(crate) none_match_tag: Option<String>,
}

impl Conditions {
    /// Reads the headers. The literal `If-None-Match: null`, which Microsoft tells clients to send with every
    /// request, counts as no header at all.
    pub(crate) fn read(call: &Call) -> Outcome<Self> {
        let mut conditions = Self::default();
        match call.header("if-match").map(str::trim) {
            None | Some("") => {}
            Some("*") => conditions.match_any = true,
            Some(tag) => conditions.match_tag = Some(version(tag)?),
        }
        match call.header("if-none-match").map(str::trim) {
            None | Some("" | "null") => {}
            Some("*") => conditions.none_match_any = true,
            Some(tag) => conditions.none_match_tag = Some(version(tag)?),
        }
        Ok(conditions)
    }

    /// Whether the row has to be there already.
    pub(crate) fn has_match(&self) -> bool {
        self.match_any || self.match_tag.is_some()
    }

    /// Refuses a row that is at another version than the client read.
    pub(crate) fn check_match(&self, table: &Table, row: &Row) -> Outcome<()> {
        let Some(tag) = &self.match_tag else { return Ok(()) };
        if !table.optimistic {
            return Err(Refusal::new(
                400,
                "0x8006088d",
                format!("Optimistic concurrency isn't enabled for entity type {}.", table.logical),
            ));
        }
        if *tag == row.version.to_string() { Ok(()) } else { Err(stale()) }
    }
}

/// The digits of an ETag, weak or strong.
fn version(tag: &str) -> Outcome<String> {
    let inner = tag.trim_start_matches("W/").trim_matches('"');
    let shaped = tag.contains('"') && !inner.is_empty();
    if shaped {
        Ok(inner.to_owned())
    } else {
        Err(Refusal::new(400, "0x80060888", format!("The ETag value '{tag}' is not valid.")))
    }
}
