//! What the host offers a plugin: its tenant's settings, lookups, a log. Nothing else exists.
//!
//! In a component these are the contract's imports. Anywhere else they are a double that belongs to the thread,
//! which [`crate::testing`] fills, so that tests never meet the contract's binary interface.

use crate::contract::{Failure, Found, Level, NamedValue, Value};

#[cfg(target_family = "wasm")]
mod imports {
    use std::{cell::RefCell, collections::BTreeMap};

    use super::{Failure, Found, Level, NamedValue, Value};
    use crate::contract::crosswalk::mapping;

    thread_local! {
        /// Settings stay the same for a whole release, and an instance lives for one call.
        static SETTINGS: RefCell<BTreeMap<String, Option<Value>>> = const { RefCell::new(BTreeMap::new()) };
    }

    pub(crate) fn setting(name: &str) -> Option<Value> {
        SETTINGS.with_borrow_mut(|known| match known.get(name) {
            Some(value) => value.clone(),
            None => known.entry(name.to_owned()).or_insert(mapping::settings::get(name)).clone(),
        })
    }

    pub(crate) fn find(entity: &str, matching: &[NamedValue], limit: u32) -> Result<Vec<Found>, Failure> {
        mapping::lookup::find(entity, matching, limit)
    }

    pub(crate) fn log(level: Level, message: &str) {
        mapping::log::write(level, message);
    }

    /// Without this a trap says `unreachable` and nothing more.
    pub(crate) fn report_panics() {
        std::panic::set_hook(Box::new(|panic| log(Level::Error, &format!("the plugin {panic}"))));
    }
}

#[cfg(not(target_family = "wasm"))]
mod imports {
    use super::{Failure, Found, Level, NamedValue, Value};
    use crate::testing::double;

    pub(crate) fn setting(name: &str) -> Option<Value> {
        double::setting(name)
    }

    pub(crate) fn find(entity: &str, matching: &[NamedValue], limit: u32) -> Result<Vec<Found>, Failure> {
        double::find(entity, matching, limit)
    }

    pub(crate) fn log(level: Level, message: &str) {
        double::log(level, message);
    }

    /// A native program has its own way of showing panics.
    pub(crate) fn report_panics() {}
}

pub(crate) use imports::{find, log, report_panics, setting};
