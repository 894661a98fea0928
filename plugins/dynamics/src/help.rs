//! How can Microsoft help? One option code for each of the API's words, in the order of Partner Center's own numbers.

use crosswalk_sdk::{cosell::HELPS, prelude::*};

/// The option code; none for a word that the API got later.
pub fn code(help: &Help, base: i32) -> Option<i32> {
    let at = HELPS.iter().position(|known| known == help)?;
    i32::try_from(at).ok().and_then(|at| base.checked_add(at))
}

/// The help that an option code stands for.
pub fn from_code(code: i32, base: i32) -> Option<Help> {
    let at = code.checked_sub(base)?;
    usize::try_from(at).ok().and_then(|at| HELPS.get(at)).cloned()
}
