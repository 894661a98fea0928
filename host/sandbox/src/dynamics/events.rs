//! What happened to a row, as the event pipeline tells it to registered steps.

use super::{cell::Cell, org::Call, store::Row};
use jiff::Timestamp;
use std::sync::Arc;
use uuid::Uuid;

/// One message of the event pipeline.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    /// `Create`, `Update`, `Delete`, `Win`, `Lose`.
    pub(crate) message: &'static str,
    /// The table.
    pub(crate) table: String,
    /// The row.
    pub(crate) id: Uuid,
    /// The columns that the request submitted: what `filteringattributes` looks at.
    pub(crate) submitted: Vec<String>,
    /// The columns of `Target`: the submitted ones and those that the platform added.
    pub(crate) target: Vec<(String, Cell)>,
    /// The row before the operation; none before a create.
    pub(crate) before: Option<Arc<Row>>,
    /// The row after the operation; none after a delete.
    pub(crate) row: Option<Arc<Row>>,
    /// The activity that closed an opportunity, on `Win` and `Lose`.
    pub(crate) activity: Option<Arc<Row>>,
    /// When.
    pub(crate) at: Timestamp,
    /// The user that the operation is attributed to.
    pub(crate) user: Uuid,
    /// The user who signed in.
    pub(crate) initiator: Uuid,
    /// The request that it belongs to.
    pub(crate) correlation: Uuid,
    /// The `tag` of the request's URL, for `SharedVariables`.
    pub(crate) tag: Option<String>,
    /// Whether the request asked to run no asynchronous custom logic.
    pub(crate) bypassed: bool,
}

impl Event {
    /// An event of a request.
    pub(crate) fn new(call: &Call, message: &'static str, table: &str, id: Uuid) -> Self {
        let tag = url::form_urlencoded::parse(call.query.as_bytes())
            .find(|(name, _)| name == "tag")
            .map(|(_, value)| value.into_owned());
        let bypassed = call.header("mscrm.bypassbusinesslogicexecution").is_some_and(|logic| {
            logic.split(',').any(|kind| kind.trim().eq_ignore_ascii_case("CustomAsync"))
        });
        Self {
            message,
            table: table.to_owned(),
            id,
            submitted: Vec::new(),
            target: Vec::new(),
            before: None,
            row: None,
            activity: None,
            at: call.now,
            user: call.user,
            initiator: call.initiator,
            correlation: call.correlation,
            tag,
            bypassed,
        }
    }
}
