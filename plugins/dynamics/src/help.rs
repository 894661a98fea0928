//! How can Microsoft help? One option code for each of the API's words, in the order of Partner Center's own numbers.

use crosswalk_sdk::{cosell::HELPS, prelude::*, record::Offered};

use crate::Dynamics;

/// What people see of [`HELPS`].
const LABELS: [&str; 6] = [
    "Workload-specific value proposition",
    "Customer technical architecture",
    "Proof of concept/demo",
    "Quotes/licensing",
    "Post-sales customer success",
    "General or other",
];

/// What there is to choose from.
pub(crate) fn offered() -> Vec<Offered> {
    let Ok(Dynamics { help_code_base, .. }) = Dynamics::read() else { return Vec::new() };
    let codes = HELPS.iter().filter_map(|help| code(help, help_code_base));
    codes.zip(LABELS).map(|(code, label)| Offered::number(code, label)).collect()
}

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
