//! The small sections: where to listen, what to keep where, what to log, how to stop.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use crosswalk_journal::Retention;
use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;
use url::Url;

use super::Invalid;
use crate::intake::trust::is_loopback;

/// Where the host listens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Listen {
    /// For webhooks, and nothing else. Plain HTTP: a proxy in front of it does TLS.
    pub public: SocketAddr,
    /// For the admin API.
    pub admin: SocketAddr,
    /// How the world reaches `public`, `https://crosswalk.contoso.example`; empty until webhooks are to be registered.
    pub public_url: String,
}

impl Default for Listen {
    fn default() -> Self {
        let loopback = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Self { public: loopback(7110), admin: loopback(7100), public_url: String::new() }
    }
}

impl Listen {
    pub(super) fn for_testing() -> Self {
        let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self { public: free, admin: free, public_url: String::new() }
    }

    pub(super) fn validate(&self) -> Result<(), Invalid> {
        // Port 0 is a free port, another one each time.
        if self.public == self.admin && self.public.port() != 0 {
            return Err(Invalid::new(
                "listen.admin",
                "is the same address as `listen.public`, and must be another",
            ));
        }
        let is_web = |url: &Url| {
            let on_this_machine = url.host().is_some_and(|host| is_loopback(&host.to_owned()));
            url.scheme() == "https" || (url.scheme() == "http" && on_this_machine)
        };
        if !self.public_url.is_empty() && !Url::parse(&self.public_url).is_ok_and(|url| is_web(&url)) {
            return Err(Invalid::new("listen.public_url", "is not an https address"));
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
    /// How long a duplicate of an event is known, in milliseconds.
    pub dedupe_ms: u64,
    /// How long settled events are kept with their passes, and jobs that ended, in milliseconds.
    pub events_ms: u64,
    /// How long recorded passes are kept, in milliseconds.
    pub recordings_ms: u64,
    /// How often what is older is dropped, in milliseconds.
    pub prune_every_ms: u64,
}

impl Default for Journal {
    fn default() -> Self {
        const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
        Self {
            path: "crosswalk-state/journal.sqlite".into(),
            key_file: "crosswalk-state/journal.key".into(),
            dedupe_ms: 30 * DAY_MS,
            events_ms: 90 * DAY_MS,
            recordings_ms: 7 * DAY_MS,
            prune_every_ms: 600_000,
        }
    }
}

impl Journal {
    /// What the journal is to keep for how long.
    pub(crate) fn retention(&self) -> Retention {
        let Journal { dedupe_ms, events_ms, recordings_ms, .. } = *self;
        Retention { dedupe_ms, events_ms, recordings_ms, ..Retention::default() }
    }

    pub(super) fn validate(&self) -> Result<(), Invalid> {
        // Senders repeat a webhook for a day; a duplicate that nobody knows any more costs a pass.
        const DEDUPE_MS_MIN: u64 = 24 * 60 * 60 * 1_000;
        const PRUNE_MS_MIN: u64 = 100;
        let at_least = [
            ("dedupe_ms", self.dedupe_ms, DEDUPE_MS_MIN),
            ("prune_every_ms", self.prune_every_ms, PRUNE_MS_MIN),
        ];
        for (key, value, min) in at_least {
            if value < min {
                let problem = format!("is {value} ms, and must be at least {min} ms");
                return Err(Invalid::new(format!("journal.{key}"), problem));
            }
        }
        Ok(())
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

/// How everything is compared, for what no event announced.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sweep {
    /// How long after the last sweep of a tenant began the next one begins, in milliseconds; 0: only when asked.
    pub every_ms: u64,
    /// Pairs of one tenant that wait for a pass at the same time.
    pub in_flight_max: u32,
    /// Pairs of one tenant that begin within a minute.
    pub pairs_per_minute_max: u32,
    /// The share of the CRM's API calls, in percent, at which nothing new begins.
    pub crm_budget_percent_max: u8,
}

impl Default for Sweep {
    fn default() -> Self {
        const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
        Self { every_ms: DAY_MS, in_flight_max: 64, pairs_per_minute_max: 240, crm_budget_percent_max: 60 }
    }
}

impl Sweep {
    pub(super) fn for_testing() -> Self {
        Self { in_flight_max: 500, pairs_per_minute_max: 1_000_000, ..Self::default() }
    }

    pub(super) fn validate(&self) -> Result<(), Invalid> {
        let at_least_one =
            [("in_flight_max", self.in_flight_max), ("pairs_per_minute_max", self.pairs_per_minute_max)];
        for (key, value) in at_least_one {
            if value == 0 {
                return Err(Invalid::new(format!("sweep.{key}"), "is 0, and must be at least 1"));
            }
        }
        if !(1..=100).contains(&self.crm_budget_percent_max) {
            let problem = format!("is {}, and must be 1 to 100", self.crm_budget_percent_max);
            return Err(Invalid::new("sweep.crm_budget_percent_max", problem));
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
