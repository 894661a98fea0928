//! End to end: the real program in a process of its own, the sandbox in this one, real HTTP between them.

#![expect(clippy::unwrap_used, reason = "a test ends where it finds something wrong")]

mod author;
mod backfill;
mod check;
mod clients;
mod diff;
mod distribution;
mod hooks;
mod isolation;
mod kills;
mod languages;
mod lives;
mod parity;
mod portfolio;
mod refusals;
mod rules;
mod salesforce_connector;
mod setup;
mod stages;
mod steps;
mod story;
mod sweep;
mod tools;
mod undo;

use std::{env, path::Path, process::Command, time::Duration};

/// How long something may take on a machine that does other things too.
const PATIENCE: Duration = Duration::from_secs(120);

/// The `crosswalk` program.
fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_crosswalk-process"))
}

/// Whether other people's tool can be started; `version` is how it is asked for its own. In CI it must.
fn is_there(tool: &str, version: &str) -> bool {
    let found = Command::new(tool).arg(version).output().is_ok_and(|output| output.status.success());
    assert!(found || env::var_os("CI").is_none(), "`{tool}` is missing, and in CI nothing is left out");
    if !found {
        tell(&format!("NOT RUN: `{tool}` is not installed, so what needs it was not tried"));
    }
    found
}

#[expect(clippy::print_stderr, reason = "what was not run is said where people look")]
fn tell(words: &str) {
    eprintln!("{words}");
}
