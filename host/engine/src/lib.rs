//! The pure heart of Crosswalk: values, reconcile, plan, verdict.
#![forbid(unsafe_code)]

pub mod link;
pub mod mapping;
pub mod pass;
pub mod referral;
#[doc(hidden)]
pub mod rules;
pub mod value;
