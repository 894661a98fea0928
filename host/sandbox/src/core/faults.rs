//! Fault switches: armed by a person or a test, each fires on the next requests that it matches.

use std::sync::Mutex;

use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};

use super::lock;

/// Switches that may be armed at the same time.
pub const FAULTS_ARMED_MAX: usize = 256;

/// What `POST /_sandbox/faults` takes: which requests, how many of them, and what happens to them.
///
/// Flat on purpose: a number inside of a flattened or tagged serde type cannot be read with serde_json's
/// arbitrary precision.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fault {
    /// Which requests; left out means all.
    #[serde(default, rename = "match")]
    pub matches: Match,
    /// Matching requests that are let through before the switch fires.
    #[serde(default)]
    pub skip: u32,
    /// Requests that it fires on before it is disarmed.
    #[serde(default = "one")]
    pub count: u32,
    /// What happens.
    pub kind: FaultKind,
    /// Status to answer: 500 for `fail-*` and 429 for `status` unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// For `status`: seconds in `Retry-After`; left out, the header is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_seconds: Option<u64>,
    /// For `latency`: milliseconds to wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<u64>,
    /// For `revoke-tokens`: refresh tokens too, which only a new sign-in repairs.
    #[serde(default)]
    pub refresh: bool,
}

/// Which requests a switch is about.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Match {
    /// Method, in any case; none means every method.
    #[serde(default)]
    pub method: Option<String>,
    /// Substring of the path with its query; none means every path.
    #[serde(default)]
    pub path: Option<String>,
}

/// What a switch does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// Answers an error; the handler does not run and nothing is written.
    FailBeforeCommit,
    /// Runs the handler, then answers an error instead of what it answered.
    FailAfterCommit,
    /// Closes the connection without an answer; nothing is written.
    DropConnection,
    /// Runs the handler, then closes the connection without an answer.
    CommitThenDropConnection,
    /// Waits before the handler runs.
    #[serde(alias = "latency-ms")]
    Latency,
    /// Throttles or is unavailable: an error (429 unless told), with Retry-After if one is given.
    Status,
    /// Revokes every token that was issued, so that this request and later ones get 401 until a new sign-in.
    RevokeTokens,
}

impl FaultKind {
    /// The name in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::FailBeforeCommit => "fail-before-commit",
            Self::FailAfterCommit => "fail-after-commit",
            Self::DropConnection => "drop-connection",
            Self::CommitThenDropConnection => "commit-then-drop-connection",
            Self::Latency => "latency",
            Self::Status => "status",
            Self::RevokeTokens => "revoke-tokens",
        }
    }
}

impl Fault {
    /// A switch that fires once, on the next request.
    #[must_use]
    pub fn new(kind: FaultKind) -> Self {
        Self {
            matches: Match::default(),
            skip: 0,
            count: 1,
            kind,
            status: None,
            retry_after_seconds: None,
            latency_ms: None,
            refresh: false,
        }
    }

    /// Only on requests with this method and this text in their path.
    #[must_use]
    pub fn on(mut self, method: &str, path: &str) -> Self {
        self.matches = Match { method: Some(method.to_owned()), path: Some(path.to_owned()) };
        self
    }

    /// On `count` requests instead of one.
    #[must_use]
    pub fn times(mut self, count: u32) -> Self {
        self.count = count;
        self
    }

    /// Whether the switch can be armed, or what is wrong with it.
    fn check(&self) -> Result<(), String> {
        if self.count == 0 {
            return Err("`count` is 0: the switch would never fire".into());
        }
        if self.kind == FaultKind::Latency && self.latency_ms.is_none() {
            return Err("`latency` needs `latencyMs`".into());
        }
        match self.status.map(StatusCode::from_u16) {
            None => Ok(()),
            Some(Ok(status)) if status.is_client_error() || status.is_server_error() => Ok(()),
            Some(_) => Err("`status` is no HTTP error status (400 to 599)".into()),
        }
    }
}

fn one() -> u32 {
    1
}

/// A switch with its id and what is left of its count.
#[derive(Clone, Debug, Serialize)]
pub struct Armed {
    /// Names the switch in `DELETE /_sandbox/faults/{id}`.
    pub id: u64,
    /// The switch; `skip` and `count` count down.
    pub fault: Fault,
}

/// The armed switches of one system.
#[derive(Debug, Default)]
pub struct Faults(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    armed: Vec<Armed>,
    last_id: u64,
}

impl Faults {
    /// Arms a switch and returns its id.
    ///
    /// # Errors
    /// In words, when the switch could never fire or too many are armed.
    pub fn arm(&self, fault: Fault) -> Result<u64, String> {
        fault.check()?;
        let mut state = lock(&self.0);
        if state.armed.len() == FAULTS_ARMED_MAX {
            return Err(format!("{FAULTS_ARMED_MAX} switches are armed already; disarm some first"));
        }
        state.last_id += 1;
        let id = state.last_id;
        state.armed.push(Armed { id, fault });
        Ok(id)
    }

    /// All armed switches, oldest first.
    #[must_use]
    pub fn armed(&self) -> Vec<Armed> {
        lock(&self.0).armed.clone()
    }

    /// Disarms one switch; false if there is none with this id.
    pub fn disarm(&self, id: u64) -> bool {
        let mut state = lock(&self.0);
        let before = state.armed.len();
        state.armed.retain(|armed| armed.id != id);
        state.armed.len() < before
    }

    /// Disarms all.
    pub fn clear(&self) {
        lock(&self.0).armed.clear();
    }

    /// What happens to this request: the switches that fire on it, each counted down by one.
    ///
    /// At most one switch other than latency fires on a request; the oldest wins.
    pub fn take(&self, method: &Method, path_and_query: &str) -> Vec<Fault> {
        let mut state = lock(&self.0);
        let mut firing = Vec::new();
        let mut settled = false;
        for Armed { fault, .. } in &mut state.armed {
            let is_latency = fault.kind == FaultKind::Latency;
            if !fault.matches.covers(method, path_and_query) || (settled && !is_latency) {
                continue;
            }
            if fault.skip > 0 {
                fault.skip -= 1;
                continue;
            }
            fault.count -= 1;
            settled |= !is_latency;
            firing.push(fault.clone());
        }
        state.armed.retain(|armed| armed.fault.count > 0);
        firing
    }
}

impl Match {
    fn covers(&self, method: &Method, path_and_query: &str) -> bool {
        let method_fits =
            self.method.as_ref().is_none_or(|wanted| method.as_str().eq_ignore_ascii_case(wanted));
        let path_fits = self.path.as_ref().is_none_or(|wanted| path_and_query.contains(wanted.as_str()));
        method_fits && path_fits
    }
}
