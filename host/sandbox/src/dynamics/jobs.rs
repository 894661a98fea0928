//! System jobs: what became of notifications, as `asyncoperations` shows it. Only failures leave a row, because steps
//! are registered with `asyncautodelete`.

use super::{
    cell::Cell,
    org::Org,
    store::Row,
    values::whole_second,
    webhooks::{Notification, RECEIVER_TIMEOUT_MS},
};
use crate::core::outbound::{Outbound, Outcome, Record};
use jiff::Timestamp;
use std::collections::{BTreeMap, VecDeque};
use uuid::Uuid;

/// Notifications whose end is waited for; the oldest are forgotten.
const JOBS_MAX: usize = 1_000;

/// Error numbers of failed notifications (docs: 0x80050201, 0x80050202, 0x80050205).
const NON_SUCCESS_STATUS: i64 = -2_147_155_455;
const TIMED_OUT: i64 = -2_147_155_454;
const POST_FAILED: i64 = -2_147_155_451;

/// `statecode` and `statuscode` of a failed job.
const COMPLETED: i64 = 3;
const FAILED: i64 = 31;

/// The notifications under way.
#[derive(Debug, Default)]
pub(crate) struct Jobs(VecDeque<Job>);

#[derive(Debug)]
struct Job {
    delivery: u64,
    label: String,
    step: Uuid,
    regarding: Uuid,
}

impl Jobs {
    /// Sends notifications and remembers them.
    pub(crate) fn send(&mut self, outbound: &Outbound, notifications: Vec<Notification>) {
        for Notification { delivery, step, regarding } in notifications {
            let label = delivery.label.clone();
            let delivery = outbound.enqueue(delivery);
            if self.0.len() == JOBS_MAX {
                self.0.pop_front();
            }
            self.0.push_back(Job { delivery, label, step, regarding });
        }
    }

    /// Writes a failed job for every notification that failed, and forgets those that are over.
    pub(crate) fn settle(&mut self, outbound: &Outbound, org: &mut Org, now: Timestamp) {
        self.0.retain(|job| match outbound.record(job.delivery) {
            Some(record) if record.outcome == Outcome::Pending => true,
            Some(record) if record.outcome == Outcome::Failed => {
                write(org, job, &record, now);
                false
            }
            _ => false,
        });
    }
}

fn write(org: &mut Org, job: &Job, record: &Record, now: Timestamp) {
    let id = org.ids.guid();
    let last = record.attempts.last();
    let (code, message) = match last.map(|attempt| (attempt.status, attempt.failure.as_deref())) {
        Some((Some(status), _)) => {
            (NON_SUCCESS_STATUS, format!("The webhook call failed with http status code {status}."))
        }
        Some((None, Some(failure))) if failure.contains(&RECEIVER_TIMEOUT_MS.to_string()) => (
            TIMED_OUT,
            "The webhook call failed because the http request timed out at client side.".to_owned(),
        ),
        Some((None, failure)) => (POST_FAILED, failure.unwrap_or("The http post failed.").to_owned()),
        None => (POST_FAILED, "The notification was never tried.".to_owned()),
    };
    let retries = i64::try_from(record.attempts.len().saturating_sub(1)).unwrap_or_default();
    let at = Cell::Instant(whole_second(now));
    let cells = [
        ("asyncoperationid", Cell::Id(id)),
        ("name", Cell::Text(job.label.clone())),
        ("operationtype", Cell::Integer(1)),
        ("errorcode", Cell::Integer(code)),
        ("message", Cell::Text(message.clone())),
        ("friendlymessage", Cell::Text(message)),
        ("retrycount", Cell::Integer(retries)),
        ("owningextensionid", Cell::Reference { table: "sdkmessageprocessingstep".to_owned(), id: job.step }),
        ("regardingobjectidvalue", Cell::Id(job.regarding)),
        ("statecode", Cell::Integer(COMPLETED)),
        ("statuscode", Cell::Integer(FAILED)),
        ("createdon", at.clone()),
        ("modifiedon", at),
    ];
    let cells: BTreeMap<String, Cell> =
        cells.into_iter().map(|(name, cell)| (name.to_owned(), cell)).collect();
    org.store.put("asyncoperation", Row { id, version: 0, cells });
    org.store.commit();
}
