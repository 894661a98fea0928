//! The clients against small servers that answer from a script, over real connections.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests may fail their test")]

mod close;
mod dynamics;
mod partner_center;
mod server;
mod tokens;
mod transport;
mod writes;
