//! A referral as Partner Center's JSON has it, and what the API lets anyone do to each of its fields.

use serde::{Deserialize, Serialize};

/// A whole referral, as read or as sent. Fields are addressed by JSON pointer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Referral(pub serde_json::Value);
