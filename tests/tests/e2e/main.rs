//! End to end: the real program in a process of its own, the sandbox in this one, real HTTP between them.

#![expect(clippy::unwrap_used, reason = "a test ends where it finds something wrong")]

mod author;
mod clients;
mod hooks;
mod kills;
mod lives;
mod parity;
mod refusals;
mod rules;
mod steps;
mod story;

use std::path::Path;

/// The `crosswalk` program.
fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_crosswalk-process"))
}
