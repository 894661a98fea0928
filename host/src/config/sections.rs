//! The small sections: where to listen, what to keep where, what to log, how to stop.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;

use super::Invalid;

/// Where the host listens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Listen {
    /// For webhooks, and nothing else. Plain HTTP: a proxy in front of it does TLS.
    pub public: SocketAddr,
    /// For the admin API.
    pub admin: SocketAddr,
}

impl Default for Listen {
    fn default() -> Self {
        let loopback = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Self { public: loopback(7110), admin: loopback(7100) }
    }
}

impl Listen {
    pub(super) fn for_testing() -> Self {
        let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self { public: free, admin: free }
    }

    pub(super) fn validate(&self) -> Result<(), Invalid> {
        // Port 0 is a free port, another one each time.
        if self.public == self.admin && self.public.port() != 0 {
            return Err(Invalid::new(
                "listen.admin",
                "is the same address as `listen.public`, and must be another",
            ));
        }
        Ok(())
    }
}

/// What the host remembers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Journal {
    /// The SQLite file.
    pub path: PathBuf,
    /// The key that encrypts tokens and recordings in it; made at the first start.
    pub key_file: PathBuf,
}

impl Default for Journal {
    fn default() -> Self {
        Self { path: "crosswalk-state/journal.sqlite".into(), key_file: "crosswalk-state/journal.key".into() }
    }
}

/// What the host keeps beside the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct State {
    /// A directory of the host's own, readable by its user alone: compiled plugins, keys.
    pub dir: PathBuf,
}

impl Default for State {
    fn default() -> Self {
        Self { dir: "crosswalk-state".into() }
    }
}

/// How to look for what no webhook announced.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Catchup {
    /// How long to wait between two looks, in milliseconds.
    pub poll_ms: u64,
    /// How far a look reaches back before the end of the last one, in milliseconds: for lists that lag and clocks
    /// that differ.
    pub overlap_ms: u64,
}

impl Default for Catchup {
    fn default() -> Self {
        Self { poll_ms: 60_000, overlap_ms: 300_000 }
    }
}

impl Catchup {
    pub(super) fn for_testing() -> Self {
        Self { poll_ms: 500, ..Self::default() }
    }

    pub(super) fn validate(&self) -> Result<(), Invalid> {
        const POLL_MS_MIN: u64 = 100;
        if self.poll_ms < POLL_MS_MIN {
            let problem = format!("is {} ms, and must be at least {POLL_MS_MIN} ms", self.poll_ms);
            return Err(Invalid::new("catchup.poll_ms", problem));
        }
        Ok(())
    }
}

/// What is logged, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// For machines or for people.
    pub format: LogFormat,
    /// A level, or levels by module, as `tracing` reads them: `info`, `crosswalk=debug,info`.
    pub filter: String,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// Text for people.
    Text,
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Json, filter: "info".to_owned() }
    }
}

impl Log {
    pub(super) fn validate(&self) -> Result<(), Invalid> {
        match EnvFilter::try_new(&self.filter) {
            Ok(_) => Ok(()),
            Err(error) => Err(Invalid::new("log.filter", format!("is not a filter: {error}"))),
        }
    }
}

/// Who may use the admin API.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Admin {
    /// Holds the token; made at the first start.
    pub token_file: PathBuf,
}

impl Default for Admin {
    fn default() -> Self {
        Self { token_file: "crosswalk-state/admin.token".into() }
    }
}

/// How the host stops.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Stop {
    /// How long passes in hand may go on, in milliseconds, before they stop at their last stored step.
    pub grace_ms: u64,
}

impl Default for Stop {
    fn default() -> Self {
        Self { grace_ms: 10_000 }
    }
}
