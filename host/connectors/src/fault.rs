//! What can come of a call besides its answer, told apart by what a caller can do about it.

use std::time::Duration;

/// A call that did not do what it was asked. Either nothing was written, or the call was a read.
///
/// The reasons hold the system's code and message, cut at [`REASON_BYTES_MAX`], and never a token or a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Trying again later may help.
    #[error("{reason}")]
    Retry {
        /// How long the system asked to be left alone, where it did.
        after: Option<Duration>,
        /// What happened.
        reason: String,
    },
    /// Trying again cannot help; a person has to look at this call.
    #[error("{reason}")]
    Reject {
        /// What happened, and what to do next.
        reason: String,
    },
    /// The system does not accept who we are; the operator has to act, for the whole tenant.
    #[error("{reason}")]
    Unauthorised {
        /// What happened, and what the operator must do.
        reason: String,
    },
}

/// The longest reason, in bytes; the rest of a system's message is cut off.
pub const REASON_BYTES_MAX: usize = 1024;

impl Fault {
    pub(crate) fn retry(reason: impl AsRef<str>) -> Fault {
        Fault::Retry { after: None, reason: crate::text::cut(reason.as_ref()) }
    }

    pub(crate) fn reject(reason: impl AsRef<str>) -> Fault {
        Fault::Reject { reason: crate::text::cut(reason.as_ref()) }
    }

    pub(crate) fn unauthorised(reason: impl AsRef<str>) -> Fault {
        Fault::Unauthorised { reason: crate::text::cut(reason.as_ref()) }
    }

    /// What happened, in words.
    pub fn reason(&self) -> &str {
        match self {
            Fault::Retry { reason, .. } | Fault::Reject { reason } | Fault::Unauthorised { reason } => reason,
        }
    }
}

/// What a look for one thing found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found<T> {
    /// It is there.
    Here(T),
    /// It does not exist.
    Missing,
    /// It exists or existed, but this user may not see it.
    NotVisible,
}

impl<T> Found<T> {
    /// What was found; `None` for both ways of finding nothing.
    pub fn into_option(self) -> Option<T> {
        match self {
            Found::Here(found) => Some(found),
            Found::Missing | Found::NotVisible => None,
        }
    }
}

/// A setting that cannot work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Tokens would travel in the clear.
    #[error("`{url}` for `{setting}` is not https; plain http is for loopback addresses only")]
    Insecure {
        /// The setting's name.
        setting: &'static str,
        /// The address, as given.
        url: String,
    },
    /// A value that has no meaning.
    #[error("`{setting}` {problem}")]
    Invalid {
        /// The setting's name.
        setting: &'static str,
        /// What is wrong with it.
        problem: String,
    },
}

/// Accepts https anywhere and http on loopback (the sandbox), without user name, password or fragment.
pub(crate) fn secure(setting: &'static str, url: &url::Url) -> Result<(), ConfigError> {
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        // The address is not repeated: it may hold a password.
        let problem = "must be an address without user name, password or fragment".to_owned();
        return Err(ConfigError::Invalid { setting, problem });
    }
    if url.scheme() == "https" || (url.scheme() == "http" && crate::transport::is_loopback(url)) {
        return Ok(());
    }
    Err(ConfigError::Insecure { setting, url: url.to_string() })
}
