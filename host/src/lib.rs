//! The host: webhook intake, passes, the admin API and the command line. `README.md` beside this crate is the map.
#![forbid(unsafe_code)]

pub mod config;
pub mod intake;
