//! Releases, routes and recorded passes.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{PassId, ReleaseId};

/// A plugin to install for a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRelease {
    /// For whom.
    pub tenant: String,
    /// The component's digest, `sha256:…`.
    pub digest: String,
    /// Its manifest, JSON.
    pub manifest: String,
    /// The tenant's settings for it, JSON.
    pub settings: String,
    /// The component.
    pub bytes: Vec<u8>,
    /// Where the component came from.
    pub origin: Origin,
    /// By whom.
    pub who: String,
    /// When.
    pub at: Timestamp,
}

/// Where a component came from, and who answers for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Origin {
    /// `built-in`, `file …` or `oci://…@sha256:…`.
    pub place: String,
    /// The signature that came with it.
    pub signature: Option<Signature>,
}

/// A signature over a component's bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Signature {
    /// The signature, as minisign's file has it.
    pub text: String,
    /// What the signer says in it: its trusted comment.
    pub comment: String,
    /// The name and key that it was verified with; `None` if no signature was demanded.
    pub signer: Option<String>,
}

/// A release that is installed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Release {
    /// Its id.
    pub id: ReleaseId,
    /// Whose.
    pub tenant: String,
    /// The component's digest; [`crate::Journal::component`] has the bytes.
    pub digest: String,
    /// Its manifest, JSON.
    pub manifest: String,
    /// The tenant's settings for it, JSON.
    pub settings: String,
    /// When it was installed.
    pub installed: Timestamp,
    /// Where its component came from when it was last taken; `None` for one that is older than this record of it.
    pub origin: Option<Origin>,
}

/// Where a tenant is routed, or was: one generation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Route {
    /// Whose.
    pub tenant: String,
    /// Grows by one with each change, also with one backwards.
    pub generation: u64,
    /// The release that decides, but for what the candidate does.
    pub live: ReleaseId,
    /// Since when it is live without a break.
    pub live_since: Timestamp,
    /// The generation whose live release a rollback goes back to; `None` if there is nothing to go back to.
    pub before: Option<u64>,
    /// A release that is being tried.
    pub candidate: Option<Candidate>,
    /// What this change rolled back, if it did.
    pub undone: Option<Undone>,
    /// When the change was made.
    pub at: Timestamp,
    /// By whom.
    pub who: String,
    /// Why, in words.
    pub why: String,
}

/// A release that is being tried beside the live one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Candidate {
    /// Which.
    pub release: ReleaseId,
    /// What it does.
    pub stage: Stage,
    /// The share of the lanes that it decides as a canary, in percent; in shadow, the one that it is meant to begin with.
    pub share: u8,
    /// Since when it is at this stage.
    pub since: Timestamp,
}

/// A release that a change took back, live or candidate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Undone {
    /// Which.
    pub release: ReleaseId,
    /// Since when it had been what it was.
    pub since: Timestamp,
}

/// What a candidate does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// It is asked what the live release was asked, and nothing is done about its answers.
    Shadow,
    /// It decides a share of the lanes.
    Canary,
}

/// A change of where a tenant is routed, to be made if nobody else has changed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRoute {
    /// Whose.
    pub tenant: String,
    /// The generation that the tenant is at; 0 if it was never routed.
    pub expected: u64,
    /// As in [`Route`], as are the next three.
    pub live: ReleaseId,
    /// Since when it is live.
    pub live_since: Timestamp,
    /// Where a rollback goes.
    pub before: Option<u64>,
    /// What is being tried.
    pub candidate: Option<Candidate>,
    /// What is rolled back by this.
    pub undone: Option<Undone>,
    /// Why, in words; it goes into the audit.
    pub why: String,
    /// By whom.
    pub who: String,
    /// When.
    pub at: Timestamp,
}

impl Route {
    /// The same once more, as a change to alter; it undoes nothing.
    pub fn change(&self, why: impl Into<String>, who: &str, at: Timestamp) -> NewRoute {
        NewRoute {
            tenant: self.tenant.clone(),
            expected: self.generation,
            live: self.live,
            live_since: self.live_since,
            before: self.before,
            candidate: self.candidate.clone(),
            undone: None,
            why: why.into(),
            who: who.to_owned(),
            at,
        }
    }
}

/// Events that a release parked, to be looked at again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookAgain {
    /// Whose.
    pub tenant: String,
    /// The digest that their last pass names.
    pub release: String,
    /// Only what was parked from this moment on.
    pub since: Timestamp,
    /// By whom, for the audit.
    pub who: String,
    /// Why, in words.
    pub why: String,
    /// When; what is parked later is left alone.
    pub at: Timestamp,
}

/// What one pass read and was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// The pass.
    pub pass: PassId,
    /// When it ended.
    pub at: Timestamp,
    /// What the host gave to be kept.
    pub bytes: Vec<u8>,
}
