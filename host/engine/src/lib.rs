//! The pure heart of Crosswalk: what must be written so that a referral and a record say the same.
//!
//! # The cast
//!
//! - A [`pass::Pass`] is one look at one pair: it says which [`pass::Action`] comes next, is told what was
//!   [`pass::Seen`], and ends with a [`pass::Verdict`]. The host carries the actions out; there is no IO here, no
//!   clock and no randomness.
//! - `reconcile` is the function to read first. It compares what both sides hold, what they held when they last
//!   agreed, and what the plugin makes of it, and plans the smallest writes that make both agree.
//! - A [`mapping::Mapper`] is the plugin. It is only ever asked what one side should hold, given the other.
//! - A [`link::LinkState`] is all that is remembered of a pair between two passes: the base, what is owed, the open
//!   entries, and the write that is under way.
//! - [`canon`] decides when two values are the same, [`referral`] knows what Partner Center lets anyone do to which
//!   path, [`value`] what a field can hold.
//!
//! # The promises
//!
//! - **Nothing is lost unseen.** An edit that is visible at a pass is carried over, or kept in an entry that was
//!   stored before the write that overwrote it. (An edit that was taken back before any pass looked was never there.)
//! - **Both sides come to agree** on every mapped field, or an open entry says why not. A path that Partner Center
//!   lets nobody patch stays as it is; a later change on its side is then a conflict, not an overwrite.
//! - **At most one write a side for each outside edit**, whatever the mapping does: a write of ours is never taken
//!   for an edit, because the base is only what was read or sent.
//! - **A crash costs nothing.** Before each write its intent is stored, after each write it is settled. Where it
//!   cannot be told whether a write landed, the doubt becomes an entry.
//! - **Never two.** A record is created under its key; a referral is posted under an intent, and never blindly again.
//! - **A deal outlives its record.** A lead that is converted, by either side, or a record that is merged hands the pair
//!   on. A side that is gone is said once, and nothing is made anew in its place.
//!
//! The tests in `tests/engine` hold the engine to these promises with a judge that shares no code with it.
#![forbid(unsafe_code)]

pub mod agreement;
pub mod canon;
pub mod link;
pub mod mapping;
mod opinions;
pub mod pass;
mod reconcile;
pub mod referral;
#[doc(hidden)]
pub mod rules;
pub mod undo;
pub mod value;
