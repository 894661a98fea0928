//! Which records were changed or deleted in a span of time: `/updated` and `/deleted`.
//!
//! Seconds are ignored. `latestDateCovered` is where the next span must begin: it stays behind the transactions that
//! are still under way.

use super::{
    errors::{Outcome, Refusal},
    org::{Answer, Call, Org},
    record_id::RecordId,
    schema::Object,
    values::{instant, instant_text},
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// How far back changes are known.
const UPDATED_DAYS: i64 = 30;
/// How far back deletions are known.
const DELETED_DAYS: i64 = 15;

struct Window {
    start: Timestamp,
    end: Timestamp,
    covered: Timestamp,
}

/// `GET /sobjects/{object}/updated`
pub(crate) fn updated(org: &Org, call: &Call, object: &str) -> Outcome<Answer> {
    let object = replicated(org, object)?;
    let window = window(org, call, UPDATED_DAYS)?;
    let changed = org.store.changed_since(&object.name, window.start);
    let changed = changed.take_while(|row| row.stamp() < window.end).filter(|row| !row.is_deleted());
    let mut ids: Vec<RecordId> = changed.map(|row| row.id).collect();
    ids.sort_unstable();
    let ids: Vec<String> = ids.iter().map(RecordId::to_string).collect();
    Ok(Answer::json(200, json!({ "ids": ids, "latestDateCovered": instant_text(window.covered) })))
}

/// `GET /sobjects/{object}/deleted`
pub(crate) fn deleted(org: &mut Org, call: &Call, object: &str) -> Outcome<Answer> {
    let object = replicated(org, object)?.name.clone();
    let window = window(org, call, DELETED_DAYS)?;
    let earliest = days_before(call.now, DELETED_DAYS);
    org.changes.forget_deleted_before(earliest);
    let deleted: Vec<Value> = org
        .changes
        .deleted(&object)
        .filter(|deleted| deleted.at >= window.start && deleted.at < window.end)
        .map(|deleted| json!({ "id": deleted.id.to_string(), "deletedDate": instant_text(deleted.at) }))
        .collect();
    let body = json!({
        "deletedRecords": deleted, "earliestDateAvailable": instant_text(minute(earliest)),
        "latestDateCovered": instant_text(window.covered),
    });
    Ok(Answer::json(200, body))
}

fn replicated<'a>(org: &'a Org, object: &str) -> Outcome<&'a Object> {
    let object = org.object(object)?;
    if object.business {
        return Ok(object);
    }
    let message = format!("entity type {} does not support replication", object.name);
    Err(Refusal::new(400, "INVALID_TYPE", message))
}

fn window(org: &Org, call: &Call, days: i64) -> Outcome<Window> {
    let moment = |name: &str| {
        let text = call.option(name).ok_or_else(|| refused(format!("{name} is missing")))?;
        // An unencoded plus sign before the offset arrives as a space.
        let at = instant(text).or_else(|| instant(&text.replace(' ', "+")));
        at.map(minute).ok_or_else(|| refused(format!("{name} is not a date: {text}")))
    };
    let (start, end) = (moment("start")?, moment("end")?);
    if start >= end {
        return Err(refused("endDate before startDate, check the parameters"));
    }
    if start < minute(days_before(call.now, days)) {
        return Err(refused(format!(
            "startDate before org replication enabled date or over {days} days ago"
        )));
    }
    Ok(Window { start, end, covered: end.min(minute(org.stamp(call.now))) })
}

fn refused(message: impl Into<String>) -> Refusal {
    Refusal::new(400, "INVALID_REPLICATION_DATE", message)
}

fn days_before(now: Timestamp, days: i64) -> Timestamp {
    now.saturating_sub(SignedDuration::from_hours(24 * days)).unwrap_or(now)
}

/// The beginning of the minute.
fn minute(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second().div_euclid(60) * 60).unwrap_or(at)
}
