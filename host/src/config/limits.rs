//! Everything that is bounded, by name and unit.

use serde::{Deserialize, Serialize};

use super::Invalid;
use crate::intake::request::BodyLimits;

/// What a host puts up with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Linear memory of one plugin call, in bytes.
    pub plugin_memory_bytes_max: usize,
    /// Fuel of one plugin call: about one unit an instruction.
    pub plugin_fuel_per_call_max: u64,
    /// Time of one plugin call, in milliseconds. A backstop behind the fuel.
    pub plugin_call_ms_max: u64,
    /// Size of one plugin call's answer, in bytes.
    pub plugin_output_bytes_max: usize,
    /// Plugin calls that run at the same time; others wait.
    pub concurrent_calls_max: u32,
    /// Plugin calls of one tenant that run at the same time; its others wait.
    pub tenant_concurrent_calls_max: u32,
    /// How much of this machine's processors the plugin of one tenant may use while those of others are called, in
    /// percent.
    pub tenant_cpu_percent_max: u32,
    /// Plugin calls at the same time of plugins that do not fit the limits above; 0 refuses such plugins.
    pub large_concurrent_calls_max: u32,
    /// Size of the component file of such a plugin, in bytes.
    pub large_component_bytes_max: usize,
    /// Linear memory of one call of such a plugin, in bytes.
    pub large_memory_bytes_max: usize,
    /// Passes of one tenant that run at the same time; one worker less than all at the most.
    pub tenant_passes_max: u32,
    /// Passes that run at the same time.
    pub workers: u32,
    /// How long a worker owns a lane without renewing, in milliseconds; after a crash, a lane waits this long.
    pub lease_ms: u64,
    /// Time of one pass, in milliseconds.
    pub pass_deadline_ms: u64,
    /// How often a lane's events are tried before they are parked.
    pub event_attempts_max: u32,
    /// The wait after the first fault, in milliseconds; it doubles with each.
    pub backoff_first_ms: u64,
    /// The longest wait between two tries, in milliseconds.
    pub backoff_max_ms: u64,
    /// How long a create of unknown fate is looked for before it is parked, in milliseconds.
    pub create_patience_ms: u64,
    /// How long to wait before looking for it again, in milliseconds.
    pub create_look_again_ms: u64,
    /// What to do when it was not found in all that time.
    pub create_after_patience: AfterPatience,
    /// How often a pass starts again because somebody else wrote first.
    pub stale_retries_max: u32,
    /// Writes to either side of one link in an hour, before the link is parked and an alarm raised.
    pub writes_per_link_per_hour_max: u32,
    /// Size of a webhook's body, in bytes.
    pub webhook_body_bytes_max: usize,
    /// Time for a webhook's body to arrive, in milliseconds.
    pub webhook_body_ms_max: u64,
    /// Webhooks that are answered at the same time; others wait.
    pub webhook_requests_in_flight_max: usize,
}

/// What to do about a create of unknown fate that was not found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AfterPatience {
    /// Ask a person: a list that lags behind for longer would make a second referral of it.
    #[default]
    Park,
    /// Post again: the lists are known not to lag for so long.
    Post,
}

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

impl Default for Limits {
    fn default() -> Self {
        Self {
            plugin_memory_bytes_max: 16 * MIB,
            plugin_fuel_per_call_max: 50_000_000,
            plugin_call_ms_max: 1_000,
            plugin_output_bytes_max: MIB,
            concurrent_calls_max: 256,
            tenant_concurrent_calls_max: 8,
            tenant_cpu_percent_max: 25,
            large_concurrent_calls_max: 0,
            large_component_bytes_max: 32 * MIB,
            large_memory_bytes_max: 256 * MIB,
            tenant_passes_max: 12,
            workers: 16,
            lease_ms: 90_000,
            pass_deadline_ms: 60_000,
            event_attempts_max: 12,
            backoff_first_ms: 500,
            backoff_max_ms: 300_000,
            create_patience_ms: 900_000,
            create_look_again_ms: 15_000,
            create_after_patience: AfterPatience::Park,
            stale_retries_max: 4,
            writes_per_link_per_hour_max: 60,
            webhook_body_bytes_max: 512 * KIB,
            webhook_body_ms_max: 10_000,
            webhook_requests_in_flight_max: 256,
        }
    }
}

impl Limits {
    /// Few workers, short waits, and a patient clock for plugins.
    pub(super) fn for_testing() -> Self {
        Self {
            plugin_call_ms_max: 30_000,
            concurrent_calls_max: 8,
            workers: 4,
            backoff_first_ms: 20,
            backoff_max_ms: 200,
            ..Self::default()
        }
    }

    /// What the runtime is to hold plugins to.
    pub fn runtime(&self) -> crosswalk_runtime::Limits {
        crosswalk_runtime::Limits {
            plugin_memory_bytes_max: self.plugin_memory_bytes_max,
            plugin_fuel_per_call_max: self.plugin_fuel_per_call_max,
            plugin_call_ms_max: self.plugin_call_ms_max,
            plugin_output_bytes_max: self.plugin_output_bytes_max,
            concurrent_calls_max: self.concurrent_calls_max,
            tenant_concurrent_calls_max: self.tenant_concurrent_calls_max,
            tenant_cpu_percent_max: self.tenant_cpu_percent_max,
            large_concurrent_calls_max: self.large_concurrent_calls_max,
            large_component_bytes_max: self.large_component_bytes_max,
            large_memory_bytes_max: self.large_memory_bytes_max,
            ..crosswalk_runtime::Limits::default()
        }
    }

    /// How many passes of one tenant run at the same time. However few workers there are, one is left for the others;
    /// unless there is only one.
    pub(crate) fn tenant_passes(&self) -> u32 {
        self.tenant_passes_max.min(self.workers.saturating_sub(1)).max(1)
    }

    /// How much of a webhook's body is put up with.
    pub fn webhook_body(&self) -> BodyLimits {
        BodyLimits { bytes_max: self.webhook_body_bytes_max, ms_max: self.webhook_body_ms_max }
    }

    pub(super) fn validate(&self) -> Result<(), Invalid> {
        let at_least_one = [
            ("plugin_memory_bytes_max", self.plugin_memory_bytes_max as u64),
            ("plugin_fuel_per_call_max", self.plugin_fuel_per_call_max),
            ("plugin_call_ms_max", self.plugin_call_ms_max),
            ("plugin_output_bytes_max", self.plugin_output_bytes_max as u64),
            ("concurrent_calls_max", self.concurrent_calls_max.into()),
            ("tenant_concurrent_calls_max", self.tenant_concurrent_calls_max.into()),
            ("tenant_cpu_percent_max", self.tenant_cpu_percent_max.into()),
            ("large_component_bytes_max", self.large_component_bytes_max as u64),
            ("large_memory_bytes_max", self.large_memory_bytes_max as u64),
            ("tenant_passes_max", self.tenant_passes_max.into()),
            ("workers", self.workers.into()),
            ("create_look_again_ms", self.create_look_again_ms),
            ("event_attempts_max", self.event_attempts_max.into()),
            ("backoff_first_ms", self.backoff_first_ms),
            ("writes_per_link_per_hour_max", self.writes_per_link_per_hour_max.into()),
            ("webhook_body_bytes_max", self.webhook_body_bytes_max as u64),
            ("webhook_body_ms_max", self.webhook_body_ms_max),
            ("webhook_requests_in_flight_max", self.webhook_requests_in_flight_max as u64),
        ];
        for (key, value) in at_least_one {
            if value == 0 {
                return Err(Invalid::new(format!("limits.{key}"), "is 0, and must be at least 1"));
            }
        }
        if self.tenant_cpu_percent_max > 100 {
            let problem = format!("is {}, and must be at most 100", self.tenant_cpu_percent_max);
            return Err(Invalid::new("limits.tenant_cpu_percent_max", problem));
        }
        let larger = [
            ("pass_deadline_ms", self.pass_deadline_ms, "plugin_call_ms_max", self.plugin_call_ms_max),
            // A lane that is still worked on must not be given to somebody else.
            ("lease_ms", self.lease_ms, "pass_deadline_ms", self.pass_deadline_ms),
            ("backoff_max_ms", self.backoff_max_ms, "backoff_first_ms", self.backoff_first_ms),
        ];
        for (key, value, other, than) in larger {
            if value <= than {
                let problem =
                    format!("is {value}, and must be larger than `limits.{other}`, which is {than}");
                return Err(Invalid::new(format!("limits.{key}"), problem));
            }
        }
        Ok(())
    }
}
