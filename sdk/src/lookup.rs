//! Finding records in the tenant's own CRM. Answers are kept with the pass, so that a replay sees the same.

use crate::{
    Record, Refusal, Result,
    contract::{Failure, RecordKey},
    host,
    record::{Reader, Writer},
};

/// A record that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found<T> {
    /// Which.
    pub key: RecordKey,
    /// Its fields.
    pub record: T,
}

/// The most records that one lookup answers with.
pub const FOUND_MAX: u32 = 50;

/// Records with all the fields that `matching` speaks of, oldest first, at most `limit` (and [`FOUND_MAX`]) of them.
///
/// The entity must be named in `#[mapping(lookups(..))]`.
///
/// # Errors
/// Retried when the CRM does not answer; rejected when the entity or a field is not declared.
pub fn find<T: Record>(matching: T, limit: u32) -> Result<Vec<Found<T>>> {
    let mut writer = Writer::of_what_is_held();
    matching.write(&mut writer);
    let matching = writer.into_fields()?;
    let found = host::find(T::ENTITY, &matching, limit.min(FOUND_MAX)).map_err(|failure| match failure {
        Failure::NotDeclared(what) => Refusal::reject(format!("`{what}` is not declared for lookups"))
            .help("name the record in `#[mapping(lookups(..))]`, with every field that it is found by"),
        Failure::Unavailable(why) => Refusal::later(format!("the CRM could not be asked: {why}")),
        Failure::Other(why) => Refusal::reject(format!("the lookup failed: {why}")),
    })?;
    let read = |found: crate::contract::Found| {
        T::read(&Reader::new(&found.fields, &[])).map(|record| Found { key: found.key, record })
    };
    found.into_iter().map(read).collect()
}
