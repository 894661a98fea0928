//! When a release that is on watch goes on, and when it goes back.

use serde::{Deserialize, Serialize};

use super::super::Invalid;

/// How a tenant's releases are watched, promoted and rolled back by the host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rollout {
    /// A release that went live is on watch until it has decided this many passes …
    pub watch_passes: u32,
    /// … and this many hours are over. A canary is on watch for as long as it is one.
    pub watch_hours: u32,
    /// Passes in which the plugin trapped, or the runtime refused what it gave, before the release is rolled back.
    pub traps_max: u32,
    /// Alarms of its passes: pairs that do not settle, budgets of writes that are spent.
    pub alarms_max: u32,
    /// Share of its passes that the plugin itself refused, in percent.
    pub refusals_percent_max: u8,
    /// Share of its passes that were parked for any other reason, in percent.
    pub parks_percent_max: u8,
    /// Plugin time of a pass that at most one in twenty may exceed, in milliseconds.
    pub plugin_ms_p95_max: u32,
    /// Passes before shares and plugin time are judged.
    pub judge_from_passes: u32,
    /// A candidate is promoted by itself after this many passes without a reason against it. Without this and the next, it
    /// waits for `plugin promote`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub promote_after_passes: Option<u32>,
    /// The same after this many minutes; where both are given, after both.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub promote_after_minutes: Option<u32>,
}

impl Default for Rollout {
    fn default() -> Self {
        Rollout {
            watch_passes: 500,
            watch_hours: 24,
            traps_max: 0,
            alarms_max: 2,
            refusals_percent_max: 20,
            parks_percent_max: 10,
            plugin_ms_p95_max: 500,
            judge_from_passes: 20,
            promote_after_passes: None,
            promote_after_minutes: None,
        }
    }
}

impl Rollout {
    pub(super) fn validate(&self) -> Result<(), Invalid> {
        let key = |name: &str| format!("rollout.{name}");
        for (name, percent) in [
            ("refusals_percent_max", self.refusals_percent_max),
            ("parks_percent_max", self.parks_percent_max),
        ] {
            if percent > 100 {
                return Err(Invalid::new(key(name), format!("is {percent}, and must be at most 100")));
            }
        }
        let at_least_one = [
            ("plugin_ms_p95_max", Some(self.plugin_ms_p95_max)),
            ("judge_from_passes", Some(self.judge_from_passes)),
            ("promote_after_passes", self.promote_after_passes),
            ("promote_after_minutes", self.promote_after_minutes),
        ];
        match at_least_one.into_iter().find(|(_, value)| *value == Some(0)) {
            Some((name, _)) => Err(Invalid::new(key(name), "is 0, and must be at least 1")),
            None => Ok(()),
        }
    }
}
