//! How can Microsoft help? One text of the picklist for each of the API's words, in the order of Partner Center's own
//! numbers.

use crosswalk_sdk::{cosell::HELPS, prelude::*, record::Offered, settings};

/// The picklist's values, as Microsoft's connector asked administrators to enter them.
const VALUES: [&str; 6] = [
    "Workload specific value proposition",
    "Customer technical architecture",
    "Proof of concept or demo",
    "Quotes or licensing",
    "Post sales customer success",
    "General or other",
];

/// The default of the setting `help_values`.
pub fn values() -> Vec<String> {
    VALUES.into_iter().map(str::to_owned).collect()
}

/// What the picklist must offer.
pub(crate) fn offered() -> Vec<Offered> {
    let own = settings::read("help_values", || Some(values())).unwrap_or_default();
    own.into_iter().map(|value| Offered::text(value.as_str(), value.as_str())).collect()
}

/// The picklist's value; none for a word that the API got later.
pub fn value(help: &Help, values: &[String]) -> Option<String> {
    let at = HELPS.iter().position(|known| known == help)?;
    values.get(at).cloned()
}

/// The help that a value stands for: one of the tenant's own, or one that has the letters of the API's word.
pub fn from_value(value: &str, values: &[String]) -> Option<Help> {
    let letters =
        |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_ascii_lowercase();
    let own = values.iter().position(|known| known == value).and_then(|at| HELPS.get(at));
    own.or_else(|| HELPS.iter().find(|help| letters(help.word()) == letters(value))).cloned()
}
