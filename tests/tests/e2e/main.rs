//! End to end: the real program in a process of its own, the sandbox in this one, real HTTP between them.

#![expect(clippy::unwrap_used, reason = "a test ends where it finds something wrong")]

mod author;
mod backfill;
mod clients;
mod hooks;
mod kills;
mod lives;
mod parity;
mod portfolio;
mod refusals;
mod rules;
mod salesforce_connector;
mod setup;
mod steps;
mod story;
mod sweep;

use std::{path::Path, time::Duration};

/// How long something may take on a machine that does other things too.
const PATIENCE: Duration = Duration::from_secs(120);

/// The `crosswalk` program.
fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_crosswalk-process"))
}
