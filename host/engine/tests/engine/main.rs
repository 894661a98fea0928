//! The engine against models of both systems that share no code with it.
//!
//! `counterexamples` has a test for every row of the table of what the obvious algorithm gets wrong, `simulation`
//! runs random mappings through random schedules and lets `world::oracle` judge, `lives` does the same with whole lives
//! of deals (made, converted, merged, deleted, upgraded), `mutants` shows that the judge would notice if a rule were
//! left out.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    reason = "a test may panic: that is how it fails"
)]

mod adoption;
mod agreement;
mod counterexamples;
mod creates;
mod gone;
mod linked;
mod lists;
mod lives;
mod mutants;
mod rulebook;
mod simulation;
mod succession;
mod undo;
mod unsent;
mod upgrade;
mod world;
