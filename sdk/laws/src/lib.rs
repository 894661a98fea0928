//! The laws that every mapping must keep, so that both sides come to agree and stay so.
//!
//! With π = `to_crm`, ρ = `to_referral`, ⊕ = overlay and ≡ = the same value, on the fields that both sides of ≡ speak
//! of, for a referral R and a record C:
//!
//! | law | says |
//! |---|---|
//! | *total* (L0) | every field may be empty or odd: no trap, no answer that the contract forbids. To refuse is legal |
//! | *deterministic* | asked again with the same arguments, and a moment later: the same answer |
//! | *declared* | a draft names only fields that the manifest says are written |
//! | *settling in the CRM* (L1) | with C' = C ⊕ π(R, C): π(R ⊕ ρ(C', R), C') ≡ π(R, C') |
//! | *settling in Partner Center* (L2) | with R' = R ⊕ ρ(C, R): ρ(C ⊕ π(R', C), R') ≡ ρ(C, R') |
//! | *once is enough* (L3) | π(R, C ⊕ π(R, C)) ≡ π(R, C), and likewise ρ |
//! | *one edit settles* (L4) | the edit of one field is planned in three rounds at most |
//! | *resolving* | one resolution for each conflict |
//! | *a report is no edit* | what is reported on a record is not carried over to its referral |
//! | *bounded* | no call uses more than it may |
//!
//! A draft that turns the record into one of another entity (a lead into an opportunity) makes a new pair: the laws are
//! those of the pair that comes of it. "There and back changes nothing" is no law: truncation, rounding, days without a
//! time and many-to-one status are legal. Such fields are reported as *lossy*.
//!
//! This is the one implementation, on a data model of its own ([`model`]): the SDK's `testing::laws` asks a plugin
//! natively, the host's `plugin check` asks a component in its sandbox. [`check`] is all that either calls. The same
//! seeds make the same cases on every machine.
#![forbid(unsafe_code)]

mod asker;
mod cases;
mod check;
mod conflicts;
mod edits;
mod json;
mod law;
mod legal;
pub mod model;
mod overlay;
mod pair;
mod same;
mod samples;
mod shrink;
mod words;

pub use asker::{Answers, NOW, Tally, Used};
pub use cases::Pair;
pub use check::{Example, Finding, Lossy, Plan, Report, check, check_pair};
pub use law::Law;
pub use overlay::{overlaid, written, written_whole};
pub use same::Canon;
pub use samples::{documented_referral, found, random_record, random_referral};
