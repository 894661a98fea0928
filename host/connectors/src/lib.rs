#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod dynamics;
pub mod fault;
pub mod partner_center;
mod session;
mod text;
pub mod token;
pub mod transport;

pub use fault::{ConfigError, Fault, Found};
pub use session::Limits;
