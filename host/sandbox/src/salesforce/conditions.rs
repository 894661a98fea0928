//! Conditional requests: `If-Modified-Since` and `If-Unmodified-Since` by the second, ETags for accounts only.
//!
//! Two writes within one second cannot be told apart by anybody who relies on this, as in the real API.

use super::{
    errors::{Outcome, Refusal},
    org::{Answer, Call},
    store::Row,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use http::Method;
use jiff::{Timestamp, fmt::rfc2822};

/// The only object whose records have ETags.
const WITH_ETAG: &str = "Account";

/// The conditions of a request on one record.
#[derive(Debug, Default)]
pub(crate) struct Conditions {
    modified_since: Option<Timestamp>,
    unmodified_since: Option<Timestamp>,
    matches: Option<Vec<String>>,
    none_matches: Option<Vec<String>>,
}

impl Conditions {
    /// Reads the headers. A date that cannot be read is refused on a write and ignored on a read.
    pub(crate) fn read(call: &Call, object: &str) -> Outcome<Self> {
        let writes = call.method != Method::GET && call.method != Method::HEAD;
        let date = |name: &str| match call.header(name) {
            None => Ok(None),
            Some(text) => match http_date(text) {
                None if writes => Err(invalid(name, text)),
                date => Ok(date),
            },
        };
        let tags = |name: &str| match call.header(name).filter(|_| object == WITH_ETAG) {
            None => Ok(None),
            Some(text) => {
                let tags: Vec<String> = text.split(',').map(|tag| tag.trim().to_owned()).collect();
                let is_valid = |tag: &String| tag == "*" || tag.trim_start_matches("W/").starts_with('"');
                if tags.iter().all(is_valid) {
                    Ok(Some(tags))
                } else if writes {
                    Err(invalid(name, text))
                } else {
                    Ok(None)
                }
            }
        };
        Ok(Self {
            modified_since: date("if-modified-since")?,
            unmodified_since: date("if-unmodified-since")?,
            matches: tags("if-match")?,
            none_matches: tags("if-none-match")?,
        })
    }

    /// Whether a read is answered with 304; or its refusal.
    pub(crate) fn check_read(&self, row: &Row) -> Outcome<bool> {
        self.check_unchanged(row)?;
        let same = self.none_matches.as_ref().map(|tags| holds(tags, row));
        let unmodified = self.modified_since.map(|since| row.stamp() <= since);
        Ok(same.or(unmodified).unwrap_or(false))
    }

    /// Refuses a write whose conditions do not hold for the record as it is.
    pub(crate) fn check_write(&self, row: &Row) -> Outcome<()> {
        self.check_unchanged(row)?;
        if self.none_matches.as_ref().is_some_and(|tags| holds(tags, row)) {
            return Err(failed());
        }
        if self.modified_since.is_some_and(|since| row.stamp() <= since) {
            return Err(failed());
        }
        Ok(())
    }

    fn check_unchanged(&self, row: &Row) -> Outcome<()> {
        let other = self.matches.as_ref().is_some_and(|tags| !holds(tags, row));
        let modified = self.unmodified_since.is_some_and(|since| row.stamp() > since);
        if other || modified { Err(failed()) } else { Ok(()) }
    }
}

/// The answer with the validators of a record.
pub(crate) fn validated(answer: Answer, object: &str, row: &Row) -> Answer {
    let answer = match rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&row.stamp()) {
        Ok(date) => answer.with("Last-Modified", date),
        Err(_) => answer,
    };
    if object == WITH_ETAG { answer.with("ETag", etag(row)) } else { answer }
}

fn etag(row: &Row) -> String {
    format!("\"{}-gzip\"", STANDARD.encode(format!("{}{}", row.id, row.version)))
}

fn holds(tags: &[String], row: &Row) -> bool {
    let own = etag(row);
    tags.iter().any(|tag| tag == "*" || tag.trim_start_matches("W/") == own)
}

/// `Tue, 10 Aug 2026 15:23:00 GMT`
fn http_date(text: &str) -> Option<Timestamp> {
    rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}

/// 412. The code is an assumption: the documentation names only the status.
fn failed() -> Refusal {
    Refusal::new(
        412,
        "PRECONDITION_FAILED",
        "The record was changed: the condition of the request does not hold",
    )
}

fn invalid(name: &str, text: &str) -> Refusal {
    Refusal::new(400, "INVALID_HEADER", format!("The value of {name} cannot be read: {text}"))
}
