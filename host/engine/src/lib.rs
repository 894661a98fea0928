//! The pure heart of Crosswalk: values, reconcile, plan, verdict.
#![forbid(unsafe_code)]

pub mod canon;
pub mod link;
pub mod mapping;
mod opinions;
pub mod pass;
mod reconcile;
pub mod referral;
#[doc(hidden)]
pub mod rules;
pub mod value;
