//! The clients against small servers that answer from a script, and against the sandbox, over real connections.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests may fail their test")]

mod changes;
mod close;
mod convert;
mod dynamics;
mod organisation;
mod partner_center;
mod provision;
mod rows;
mod salesforce;
mod server;
mod successors;
mod tokens;
mod transport;
mod writes;
