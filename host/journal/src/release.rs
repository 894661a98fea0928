//! Releases, routes and recorded passes.

use jiff::Timestamp;
use serde::Serialize;

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
    /// By whom.
    pub who: String,
    /// When.
    pub at: Timestamp,
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
}

/// Where a tenant is routed, or was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Route {
    /// Whose.
    pub tenant: String,
    /// Grows by one with each routing, also with one backwards.
    pub generation: u64,
    /// To which release.
    pub release: ReleaseId,
    /// Since when.
    pub at: Timestamp,
    /// By whom.
    pub who: String,
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
