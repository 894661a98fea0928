//! What a tenant demands of a plugin before it is routed to it.

use std::collections::BTreeMap;

use minisign_verify::PublicKey;
use serde::{Deserialize, Serialize};

use super::super::Invalid;

/// A key's name has at most this many characters.
const KEY_NAME_CHARACTERS_MAX: usize = 63;

/// Whose plugins a tenant takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PluginPolicy {
    /// Public keys of minisign by name: a component must be signed with one of them. To change a key, have both here
    /// until what is signed with the earlier one is replaced.
    pub signed_by: BTreeMap<String, String>,
}

impl PluginPolicy {
    /// Whether its keys are keys. Their values are not repeated: one of them might be a secret key.
    pub(super) fn validate(&self) -> Result<(), Invalid> {
        let key = "plugin_policy.signed_by";
        if self.signed_by.is_empty() {
            let problem = "names no key; leave `plugin_policy` out if no signature is demanded";
            return Err(Invalid::new(key, problem));
        }
        for (name, public_key) in &self.signed_by {
            let named = !name.is_empty() && !name.chars().any(char::is_control);
            if !named || name.chars().count() > KEY_NAME_CHARACTERS_MAX {
                let problem =
                    format!("has a key whose name is not 1 to {KEY_NAME_CHARACTERS_MAX} characters");
                return Err(Invalid::new(key, problem));
            }
            if PublicKey::from_base64(public_key).is_err() {
                let problem = "is no public key of minisign: it is the second line of `minisign.pub`, 56 characters \
                               that begin with `RW`";
                return Err(Invalid::new(format!("{key}.{name}"), problem));
            }
        }
        Ok(())
    }
}
