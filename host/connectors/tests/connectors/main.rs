//! The clients against small servers that answer from a script, over real connections.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests may fail their test")]

mod changes;
mod close;
mod convert;
mod dynamics;
mod partner_center;
mod rows;
mod salesforce;
mod server;
mod successors;
mod tokens;
mod transport;
mod writes;
