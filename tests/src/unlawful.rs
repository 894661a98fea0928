//! Four plugins with one fault each, as components: what `plugin check` must stop, and a rollout too if it is forced in.
//!
//! Each is the default Dynamics mapping but for its fault, so that in a tenant with the default's settings nothing else
//! shows.

use anyhow::Result;

use crate::built;

/// A plugin of `tests/guests/unlawful`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unlawful {
    /// A push makes a longer description, and a longer description another push. A seller's edit of the value does not
    /// settle, any other edit raises an alarm.
    Oscillates,
    /// It writes down when it was asked: not deterministic. Every pass shows it.
    FollowsTheClock,
    /// It writes a column that its manifest does not declare. Every pass shows it.
    Undeclared,
    /// It traps where the customer has no contact.
    NoContact,
}

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
        built(&format!("tests/guests/unlawful/{}", self.name()))
    }
}
