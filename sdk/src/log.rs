//! Lines for the operator's log of this pass. The log is bounded; a plugin says little, and only what helps.

use crate::{contract::Level, host};

/// For whoever debugs the plugin.
pub fn debug(message: impl AsRef<str>) {
    host::log(Level::Debug, message.as_ref());
}

/// What an operator may want to know.
pub fn info(message: impl AsRef<str>) {
    host::log(Level::Info, message.as_ref());
}

/// What an operator should look at.
pub fn warn(message: impl AsRef<str>) {
    host::log(Level::Warn, message.as_ref());
}

/// What went wrong.
pub fn error(message: impl AsRef<str>) {
    host::log(Level::Error, message.as_ref());
}
