//! SOQL: read into a tree, checked against the objects and the user's rights, run over the records.
//!
//! `lexer` and `parser` know only the language; `ast` is what they agree on. `path`, `condition` and `select` bind the
//! tree to fields, and `run` finds, sorts and renders.

mod ast;
mod condition;
mod dates;
mod lexer;
mod parser;
mod path;
mod run;
mod select;

pub(crate) use condition::Test;
pub(crate) use run::{Asker, Found, run};

use super::{
    errors::{Outcome, malformed_query},
    org::Org,
    record_id::RecordId,
    schema::Object,
};
use jiff::Timestamp;

/// Longest query, in characters.
const QUERY_LENGTH_MAX: usize = 100_000;

/// Reads a query.
pub(crate) fn parse(text: &str) -> Outcome<ast::Query> {
    if text.chars().count() > QUERY_LENGTH_MAX {
        return Err(malformed_query("SOQL statement is longer than 100000 characters"));
    }
    parser::query(text)
}

/// Reads what would stand in a WHERE, for rules of the organisation.
pub(crate) fn condition(
    org: &Org,
    user: RecordId,
    object: &Object,
    text: &str,
    now: Timestamp,
) -> Outcome<Test> {
    let asker = Asker { user, now, all: false, tooling: false, version: String::new() };
    condition::bind(org, &asker, object, None, &parser::condition(text)?)
}
