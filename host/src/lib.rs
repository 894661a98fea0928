//! The host: webhook intake, passes, the admin API and the command line. `README.md` beside this crate is the map.
#![forbid(unsafe_code)]

mod admin;
mod app;
mod artefact;
mod ask;
mod budget;
mod catchup;
mod check;
mod cli;
pub mod config;
pub mod demo;
mod diff;
mod dispatch;
pub mod error;
mod hooks;
pub mod intake;
mod jobs;
mod logs;
mod lookup;
mod process;
mod project;
mod recording;
mod release;
mod replay;
mod rollout;
mod serve;
mod setup;
mod signing;
mod state;
mod sweep;
mod tenant;
mod undo;
mod upkeep;

pub use cli::main;
pub use serve::{Addresses, Host};
