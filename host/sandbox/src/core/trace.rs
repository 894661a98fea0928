//! The last requests that a system answered, for people and tests to look at. No header values, no bodies.

use std::collections::VecDeque;
use std::sync::Mutex;

use serde::Serialize;

use super::lock;

/// Requests kept before the oldest is forgotten.
pub const TRACE_LEN_MAX: usize = 2000;

/// One request, as `GET /_sandbox/trace` lists it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Call {
    /// When it arrived.
    pub at: String,
    /// HTTP method.
    pub method: String,
    /// Path without the query.
    pub path: String,
    /// The query, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// The status that was answered; of a dropped connection the one that the client never saw.
    pub status: u16,
    /// Whether the connection was closed instead of answering.
    pub dropped: bool,
    /// Size of the request body, in bytes.
    pub request_bytes: usize,
    /// Size of the answer's body, in bytes.
    pub response_bytes: usize,
    /// Who called: the token's client or user, `anonymous` without a valid token.
    pub who: String,
    /// The fault switch that fired, if one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

/// A bounded list of [`Call`]s.
#[derive(Debug, Default)]
pub struct Trace(Mutex<VecDeque<Call>>);

impl Trace {
    /// Adds a call, forgetting the oldest when full.
    pub fn push(&self, call: Call) {
        let mut calls = lock(&self.0);
        if calls.len() == TRACE_LEN_MAX {
            calls.pop_front();
        }
        calls.push_back(call);
    }

    /// All kept calls, oldest first.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        lock(&self.0).iter().cloned().collect()
    }

    /// Forgets all calls.
    pub fn clear(&self) {
        lock(&self.0).clear();
    }
}
