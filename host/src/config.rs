//! How a host is configured: one TOML file, and one document a tenant.
//!
//! Every key has a default, and every default stands with its explanation in `crosswalk.default.toml`; a test keeps
//! that file and this code equal. What is misspelled is refused, not ignored. Nothing in either file is a secret:
//! secrets are named ([`SecretRef`]) and read when they are needed.

mod error;
mod limits;
mod secrets;
mod sections;
pub mod tenant;
mod url_text;
mod webhooks;

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

pub use error::{ConfigError, Invalid};
pub use limits::{AfterPatience, Limits};
pub use secrets::{SecretError, SecretRef, Secrets};
pub use sections::{Admin, Catchup, Journal, Listen, Log, LogFormat, State, Stop, Sweep};
pub use webhooks::{PartnerCenterWebhooks, Webhooks};

/// Every key, its default and what it means.
pub const DEFAULT_TOML: &str = include_str!("../crosswalk.default.toml");

/// A host's configuration. Sections and keys that are left out have their defaults.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where the host listens.
    pub listen: Listen,
    /// What the host remembers.
    pub journal: Journal,
    /// What the host keeps beside the journal.
    pub state: State,
    /// Where secrets may be read from.
    pub secrets: Secrets,
    /// What a host puts up with.
    pub limits: Limits,
    /// Who may send webhooks.
    pub webhooks: Webhooks,
    /// How to look for what no webhook announced.
    pub catchup: Catchup,
    /// How everything is compared.
    pub sweep: Sweep,
    /// What is logged, and how.
    pub log: Log,
    /// Who may use the admin API.
    pub admin: Admin,
    /// How the host stops.
    pub stop: Stop,
}

impl Config {
    /// Reads a file. Relative paths in it are taken from the directory that it is in.
    ///
    /// # Errors
    ///
    /// What is wrong, with file, line and key.
    pub fn load(file: &Path) -> Result<Self, ConfigError> {
        let text = fs::read_to_string(file).map_err(|error| ConfigError::unreadable(file, &error))?;
        let mut config = Self::parse(&text, file)?;
        config.resolve_paths(file.parent().unwrap_or(Path::new("")));
        Ok(config)
    }

    /// Reads a text; `file` is only named in errors, and paths stay as they are.
    ///
    /// # Errors
    ///
    /// What is wrong, with file, line and key.
    pub fn parse(text: &str, file: &Path) -> Result<Self, ConfigError> {
        let config: Self = toml::from_str(text).map_err(|error| ConfigError::syntax(file, text, &error))?;
        config.validate().map_err(|invalid| ConfigError::invalid(file, text, invalid))?;
        Ok(config)
    }

    /// Whether the values fit each other.
    ///
    /// # Errors
    ///
    /// The first key that does not.
    pub fn validate(&self) -> Result<(), Invalid> {
        self.listen.validate()?;
        self.journal.validate()?;
        self.secrets.validate()?;
        self.limits.validate()?;
        self.webhooks.partner_center.validate()?;
        self.catchup.validate()?;
        self.sweep.validate()?;
        self.log.validate()
    }

    /// A host for a test: free ports on loopback, all files under `dir`, short waits, certificates from loopback.
    pub fn for_testing(dir: &Path) -> Self {
        let mut config = Self {
            listen: Listen::for_testing(),
            limits: Limits::for_testing(),
            webhooks: Webhooks::for_testing(),
            catchup: Catchup::for_testing(),
            sweep: Sweep::for_testing(),
            ..Self::default()
        };
        config.resolve_paths(dir);
        config
    }

    fn resolve_paths(&mut self, base: &Path) {
        let files = [
            &mut self.journal.path,
            &mut self.journal.key_file,
            &mut self.state.dir,
            &mut self.secrets.dir,
            &mut self.admin.token_file,
        ];
        let certificates = &mut self.webhooks.partner_center;
        let certificates = certificates.root_files.iter_mut().chain(&mut certificates.intermediate_files);
        for path in files.into_iter().chain(certificates) {
            resolve(path, base);
        }
    }
}

/// Takes a relative path from `base`.
fn resolve(path: &mut PathBuf, base: &Path) {
    if path.is_relative() {
        *path = base.join(&*path);
    }
}

#[cfg(test)]
mod tests;
