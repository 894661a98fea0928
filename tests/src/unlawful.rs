//! Four plugins with one fault each, as components: what `plugin check` must stop, and a rollout too if it is forced in.
//!
//! Each is the default Dynamics mapping but for its fault, so that in a tenant with the default's settings nothing else
//! shows.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Mutex, PoisonError},
};

use anyhow::Result;

/// A plugin of `tests/guests/unlawful`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unlawful {
    /// A push makes a longer description, and a longer description another push. A seller's edit of the value shows it.
    Oscillates,
    /// It writes down when it was asked: not deterministic. Every pass shows it.
    FollowsTheClock,
    /// It writes a column that its manifest does not declare. Every pass shows it.
    Undeclared,
    /// It traps where the customer has no contact.
    NoContact,
}

/// Those that were built in this process.
static BUILT: Mutex<BTreeMap<Unlawful, Vec<u8>>> = Mutex::new(BTreeMap::new());

impl Unlawful {
    /// All four.
    pub const ALL: [Self; 4] = [Self::Oscillates, Self::FollowsTheClock, Self::Undeclared, Self::NoContact];

    /// Its folder, and the last part of its name in its manifest.
    pub fn name(self) -> &'static str {
        match self {
            Self::Oscillates => "oscillates",
            Self::FollowsTheClock => "follows-the-clock",
            Self::Undeclared => "undeclared",
            Self::NoContact => "no-contact",
        }
    }

    /// The component, built once a process.
    ///
    /// # Errors
    /// When it does not build.
    pub fn component(self) -> Result<Vec<u8>> {
        let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bytes) = built.get(&self) {
            return Ok(bytes.clone());
        }
        let bytes = build(&format!("unlawful/{}", self.name()))?;
        built.insert(self, bytes.clone());
        Ok(bytes)
    }
}

/// The component of the plugin in this folder of `tests/guests`.
pub(crate) fn build(folder: &str) -> Result<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let options = crosswalk_builder::Options {
        // Where the host's build script builds its plugins: what these are made of is compiled there already.
        target_dir: root.join("target/guests"),
        offline: false,
        quiet: true,
    };
    Ok(crosswalk_builder::build(&root.join("tests/guests").join(folder), &options)?.bytes)
}
