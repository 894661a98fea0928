//! The clients against small servers that answer from a script, over real connections.

mod close;
mod dynamics;
mod partner_center;
mod server;
mod tokens;
mod transport;
mod writes;
