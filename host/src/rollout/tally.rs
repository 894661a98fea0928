//! What a release has done while on watch, and what follows from it.

use std::collections::{BTreeMap, VecDeque};

use crosswalk_engine::{mapping::Refusal, pass::Verdict};
use crosswalk_runtime::Code;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::config::tenant::Rollout as Rules;

/// How many of the last passes' plugin times are kept for the 95th percentile.
const TIMES_MAX: usize = 256;

/// How many differing passes are kept for a person to look at.
const EXAMPLES_MAX: usize = 5;

/// Counts of a release's passes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tally {
    /// Passes that it decided to an end, or, in shadow, passes that it was asked about.
    pub(crate) passes: u64,
    /// In which the plugin trapped, or gave what the contract does not allow.
    pub(crate) traps: u64,
    /// That the plugin itself refused.
    pub(crate) refusals: u64,
    /// That were parked for any other reason.
    pub(crate) parks: u64,
    /// Alarms of these passes.
    pub(crate) alarms: u64,
    /// What the last pass that did not go well said.
    pub(crate) problem: Option<String>,
    /// Plugin time of the last passes, in microseconds, newest last.
    times_us: VecDeque<u64>,
    /// In shadow: what it would have done otherwise.
    pub(crate) shadow: Shadow,
}

/// How a candidate's answers compare with what was done.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Shadow {
    /// Passes in which they differ.
    pub(crate) differing: u64,
    /// Passes that came faster than they could be compared.
    pub(crate) dropped: u64,
    /// Differences by kind.
    pub(crate) kinds: BTreeMap<String, u64>,
    /// The last passes that differ, in words. They hold customers' values, so that they are never stored.
    #[serde(skip)]
    pub(crate) examples: VecDeque<String>,
}

/// How a pass ended, as far as its release is answerable for it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Ended {
    pub(crate) how: How,
    /// Alarms that it raised.
    pub(crate) alarms: u64,
    /// The plugin's time in it, in microseconds.
    pub(crate) plugin_us: u64,
}

/// The end of a pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// The pair is settled.
    Well,
    /// The plugin trapped, or broke the contract.
    Trapped(String),
    /// The plugin refused.
    Refused(String),
    /// A person is needed for another reason.
    Parked(String),
    /// Nothing that tells for or against the release: the pair is busy, or belongs to another lane.
    Nothing,
}

impl Ended {
    /// What a verdict says of the release that gave it.
    pub(crate) fn of(verdict: &Verdict, refusal: Option<&Refusal>, alarms: usize, plugin_us: u64) -> Self {
        let how = match (refusal, verdict) {
            (Some(refusal), _) => of_refusal(refusal),
            (None, Verdict::Parked { reason }) => How::Parked(reason.clone()),
            (None, Verdict::Again { .. } | Verdict::Moved { .. }) => How::Nothing,
            (None, Verdict::Applied { .. } | Verdict::Agreed { .. } | Verdict::Skipped { .. }) => How::Well,
        };
        Ended { how, alarms: alarms as u64, plugin_us }
    }

    /// A pass that was parked without the engine.
    pub(crate) fn parked(reason: &str, alarms: usize) -> Self {
        Ended { how: How::Parked(reason.to_owned()), alarms: alarms as u64, plugin_us: 0 }
    }

    /// Whether its events may be parked.
    pub(crate) fn may_be_parked(&self) -> bool {
        !matches!(self.how, How::Well | How::Nothing)
    }
}

fn of_refusal(refusal: &Refusal) -> How {
    match Code::parse(&refusal.code) {
        // The host's own trouble.
        Some(Code::HostCannotRun) => How::Nothing,
        Some(code) if code.is_defect() => How::Trapped(refusal.to_string()),
        _ => How::Refused(refusal.to_string()),
    }
}

impl Tally {
    /// Adds a pass.
    pub(crate) fn count(&mut self, ended: &Ended) {
        self.alarms += ended.alarms;
        let counter = match &ended.how {
            How::Nothing => return,
            How::Well => None,
            How::Trapped(why) => Some((&mut self.traps, why)),
            How::Refused(why) => Some((&mut self.refusals, why)),
            How::Parked(why) => Some((&mut self.parks, why)),
        };
        if let Some((counter, why)) = counter {
            *counter += 1;
            self.problem = Some(why.clone());
        }
        self.passes += 1;
        if self.times_us.len() == TIMES_MAX {
            self.times_us.pop_front();
        }
        self.times_us.push_back(ended.plugin_us);
    }

    /// Adds how a candidate's answers in shadow compare, by kind, with the pass in words if they differ.
    pub(crate) fn compare(&mut self, kinds: &BTreeMap<String, u64>, example: Option<String>) {
        for (kind, count) in kinds {
            *self.shadow.kinds.entry(kind.clone()).or_default() += count;
        }
        let Some(example) = example else { return };
        self.shadow.differing += 1;
        if self.shadow.examples.len() == EXAMPLES_MAX {
            self.shadow.examples.pop_front();
        }
        self.shadow.examples.push_back(example);
    }

    /// Plugin time that one in twenty of the last passes exceeded, in milliseconds.
    pub(crate) fn plugin_ms_p95(&self) -> u64 {
        let mut times: Vec<u64> = self.times_us.iter().copied().collect();
        times.sort_unstable();
        let place = (times.len() * 95).div_ceil(100).saturating_sub(1);
        times.get(place).map_or(0, |us| us.div_ceil(1_000))
    }

    /// Why the release has to go, if it has.
    pub(crate) fn against(&self, rules: &Rules) -> Option<String> {
        let last = self.problem.as_ref().map(|why| format!("; the last one: {why}")).unwrap_or_default();
        let passes = self.passes;
        if self.traps > u64::from(rules.traps_max) {
            let (traps, most) = (self.traps, rules.traps_max);
            return Some(format!(
                "{traps} of {passes} passes trapped or broke the contract, of which {most} may{last}"
            ));
        }
        if self.alarms > u64::from(rules.alarms_max) {
            let (alarms, most) = (self.alarms, rules.alarms_max);
            return Some(format!("{alarms} alarms in {passes} passes, of which {most} may be{last}"));
        }
        if passes < u64::from(rules.judge_from_passes) {
            return None;
        }
        let over = |count: u64, percent: u8| count * 100 > passes * u64::from(percent);
        if over(self.refusals, rules.refusals_percent_max) {
            let (refusals, most) = (self.refusals, rules.refusals_percent_max);
            return Some(format!(
                "the plugin refused {refusals} of {passes} passes, more than {most} %{last}"
            ));
        }
        if over(self.parks, rules.parks_percent_max) {
            let (parks, most) = (self.parks, rules.parks_percent_max);
            return Some(format!("{parks} of {passes} passes were parked, more than {most} %{last}"));
        }
        let (p95, most) = (self.plugin_ms_p95(), u64::from(rules.plugin_ms_p95_max));
        (p95 > most).then(|| format!("one pass in twenty took {p95} ms in the plugin, more than {most} ms"))
    }

    /// Whether a candidate that nothing speaks against is to be promoted by rule: why, or what it waits for.
    pub(crate) fn promotion(
        &self,
        rules: &Rules,
        is_shadow: bool,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<String, String> {
        let passes = self.passes;
        if rules.promote_after_passes.is_none() && rules.promote_after_minutes.is_none() {
            return Err("`crosswalk plugin promote`".to_owned());
        }
        if is_shadow && self.shadow.differing > 0 {
            let differing = self.shadow.differing;
            return Err(format!(
                "a person to judge: its answers differ in {differing} of {passes} passes; then `crosswalk plugin promote`"
            ));
        }
        // Time alone proves nothing about a mapping that nobody has used.
        let enough = u64::from(rules.promote_after_passes.unwrap_or(rules.judge_from_passes));
        let minutes = minutes(since, now);
        let long_enough = u64::from(rules.promote_after_minutes.unwrap_or(0));
        if passes < enough || minutes < long_enough {
            return Err(format!("{passes} of {enough} passes, {minutes} of {long_enough} minutes"));
        }
        Ok(format!("{passes} passes in {minutes} minutes, and nothing against it"))
    }

    /// Whether a live release has been watched for long enough.
    pub(crate) fn is_proven(&self, rules: &Rules, since: Timestamp, now: Timestamp) -> bool {
        let hours = minutes(since, now) / 60;
        self.passes >= u64::from(rules.watch_passes) && hours >= u64::from(rules.watch_hours)
    }
}

fn minutes(since: Timestamp, now: Timestamp) -> u64 {
    u64::try_from(now.duration_since(since).as_mins()).unwrap_or(0)
}

#[cfg(test)]
mod tests;
