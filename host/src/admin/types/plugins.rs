//! Releases as the admin API shows them.

use std::{collections::BTreeMap, fmt};

use crosswalk_journal::{Origin, Route};
use serde::{Deserialize, Serialize};

/// What a release decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Stage {
    /// Nothing: it is asked what the live release was asked, and the answers are compared.
    Shadow,
    /// A share of the lanes.
    Canary,
    /// Everything else.
    Live,
}

/// A release of a tenant.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ReleaseSummary {
    /// Its id.
    pub(crate) release: String,
    /// The component's SHA-256, in hex.
    pub(crate) digest: String,
    /// The plugin's name and version.
    pub(crate) plugin: String,
    /// The last generation that it was live or a candidate in, if it ever was.
    pub(crate) generation: Option<i64>,
    /// It is live.
    pub(crate) current: bool,
    /// What it decides now, if it is routed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stage: Option<Stage>,
    /// Of how many lanes, in percent; for a canary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) share: Option<u8>,
    /// Where its component came from when it was last taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) origin: Option<ComponentOrigin>,
}

/// Where a component came from, and who answers for it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ComponentOrigin {
    /// `built-in`, `file …` or `oci://…@sha256:…`, as whoever deployed it said.
    pub(crate) place: String,
    /// A signature came with it.
    pub(crate) signed: bool,
    /// The name and key that the signature was verified with; missing where none was demanded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) signer: Option<String>,
    /// What the signer says in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) comment: Option<String>,
}

/// What a deploy, a promotion or a rollback did.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Routed {
    /// The tenant.
    pub(crate) tenant: String,
    /// `deployed`, `promoted` or `rolled back`.
    pub(crate) did: String,
    /// The component's digest: of the release that was deployed or promoted; after a rollback, of the live one.
    pub(crate) digest: String,
    /// Its plugin's name and version.
    pub(crate) plugin: String,
    /// Its stage.
    pub(crate) stage: Stage,
    /// As a canary, its share of the lanes in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) share: Option<u8>,
    /// The tenant's generation from now on.
    pub(crate) generation: i64,
}

/// How a tenant is routed, and what its releases on watch have done.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PluginStatus {
    /// The tenant.
    pub(crate) tenant: String,
    /// Its generation.
    pub(crate) generation: i64,
    /// When it was made (RFC 3339, UTC).
    pub(crate) changed: String,
    /// By whom.
    pub(crate) who: String,
    /// Why, in words.
    pub(crate) why: String,
    /// The live release.
    pub(crate) live: ReleaseStatus,
    /// The candidate.
    pub(crate) candidate: Option<ReleaseStatus>,
    /// What `plugin rollback` would leave live: plugin and digest.
    pub(crate) rollback_to: Option<String>,
}

/// A release that is routed. Counts are of its passes at this stage while it is, or was, on watch.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ReleaseStatus {
    /// Its id.
    pub(crate) release: String,
    /// The component's digest.
    pub(crate) digest: String,
    /// The plugin's name and version.
    pub(crate) plugin: String,
    /// What it decides.
    pub(crate) stage: Stage,
    /// Of how many lanes, in percent; in shadow, the share that it is meant to begin with.
    pub(crate) share: Option<u8>,
    /// Since when (RFC 3339, UTC).
    pub(crate) since: String,
    /// The host would roll it back.
    pub(crate) on_watch: bool,
    /// What its promotion, or the end of its watch, waits for.
    pub(crate) waits_for: Option<String>,
    /// Passes that it decided; in shadow, that it was asked about.
    pub(crate) passes: u64,
    /// In which the plugin trapped or broke the contract.
    pub(crate) traps: u64,
    /// That the plugin refused.
    pub(crate) refusals: u64,
    /// That were parked for another reason.
    pub(crate) parks: u64,
    /// Alarms of these passes.
    pub(crate) alarms: u64,
    /// Plugin time that one in twenty of the last passes exceeded, in milliseconds.
    pub(crate) plugin_ms_p95: u64,
    /// What the last pass that did not go well said.
    pub(crate) problem: Option<String>,
    /// How its answers compare; in shadow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) shadow: Option<ShadowCounts>,
}

/// How a candidate's answers compare with what was done.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ShadowCounts {
    /// Passes in which they differ.
    pub(crate) differing: u64,
    /// Passes that came faster than they could be compared.
    pub(crate) not_compared: u64,
    /// Differences by kind.
    pub(crate) kinds: BTreeMap<String, u64>,
    /// The last passes that differ, in words.
    pub(crate) examples: Vec<String>,
}

impl Routed {
    /// What was done, with the route that it made.
    pub(crate) fn new(route: &Route, digest: &str, plugin: String, stage: Stage, did: &str) -> Self {
        let share = route.candidate.as_ref().map(|candidate| candidate.share);
        Routed {
            tenant: route.tenant.clone(),
            did: did.to_owned(),
            digest: digest.to_owned(),
            plugin,
            stage,
            share: share.filter(|_| stage == Stage::Canary),
            generation: i64::try_from(route.generation).unwrap_or(i64::MAX),
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Stage::Shadow => "shadow",
            Stage::Canary => "canary",
            Stage::Live => "live",
        })
    }
}

impl fmt::Display for Routed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Routed { tenant, did, digest, plugin, generation, .. } = self;
        write!(out, "{did}: {plugin} ({digest}) ")?;
        match (self.stage, self.share) {
            (Stage::Shadow, _) => write!(out, "is asked in shadow beside what is live")?,
            (Stage::Canary, Some(share)) => write!(out, "decides {share} % of the lanes as a canary")?,
            (Stage::Canary, None) => write!(out, "decides its lanes as a canary")?,
            (Stage::Live, _) => write!(out, "is live")?,
        }
        write!(out, "; tenant `{tenant}` is at generation {generation}")
    }
}

impl fmt::Display for ReleaseSummary {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.stage.is_some() { "→" } else { " " };
        write!(out, "{mark} {}  {}  ", self.digest, self.plugin)?;
        match self.generation {
            Some(generation) => write!(out, "generation {generation}")?,
            None => write!(out, "never routed")?,
        }
        match (self.stage, self.share) {
            (Some(Stage::Canary), Some(share)) => write!(out, "  canary, {share} % of the lanes")?,
            (Some(stage), _) => write!(out, "  {stage}")?,
            (None, _) => {}
        }
        match &self.origin {
            Some(origin) => write!(out, "\n    {origin}"),
            None => Ok(()),
        }
    }
}

impl From<Origin> for ComponentOrigin {
    fn from(Origin { place, signature }: Origin) -> Self {
        ComponentOrigin {
            place,
            signed: signature.is_some(),
            signer: signature.as_ref().and_then(|signature| signature.signer.clone()),
            comment: signature.map(|signature| signature.comment),
        }
    }
}

impl fmt::Display for ComponentOrigin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "from {}", self.place)?;
        let comment = self.comment.as_deref().unwrap_or_default();
        match &self.signer {
            Some(signer) => write!(out, ", signed by {signer}: {comment}"),
            None if self.signed => write!(out, ", with a signature that was not demanded: {comment}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for PluginStatus {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PluginStatus { tenant, generation, changed, who, why, .. } = self;
        writeln!(out, "{tenant}  generation {generation} since {changed} by {who}: {why}")?;
        write!(out, "{}", self.live)?;
        if let Some(candidate) = &self.candidate {
            write!(out, "\n{candidate}")?;
        }
        match &self.rollback_to {
            Some(earlier) => write!(out, "\nrollback leaves {earlier} live"),
            None => write!(out, "\nrollback has nothing to go back to"),
        }
    }
}

impl fmt::Display for ReleaseStatus {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share = match (self.stage, self.share) {
            (Stage::Canary, Some(share)) => format!(", {share} % of the lanes"),
            _ => String::new(),
        };
        let watch = if self.on_watch { "on watch" } else { "not on watch" };
        writeln!(
            out,
            "{:<7} {} ({}){share}, since {}, {watch}",
            self.stage.to_string(),
            self.plugin,
            self.digest,
            self.since
        )?;
        write!(
            out,
            "        {} passes: {} trapped, {} refused, {} parked, {} alarms; plugin time p95 {} ms",
            self.passes, self.traps, self.refusals, self.parks, self.alarms, self.plugin_ms_p95
        )?;
        if let Some(shadow) = &self.shadow {
            write!(
                out,
                "\n        {} passes differ, {} were not compared",
                shadow.differing, shadow.not_compared
            )?;
            for (kind, count) in &shadow.kinds {
                write!(out, "\n          {count} × {kind}")?;
            }
            for example in &shadow.examples {
                write!(out, "\n          {example}")?;
            }
        }
        if let Some(problem) = &self.problem {
            write!(out, "\n        the last that did not go well: {problem}")?;
        }
        match &self.waits_for {
            Some(waits_for) => write!(out, "\n        waits for {waits_for}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(stage: Stage, share: Option<u8>) -> ReleaseStatus {
        ReleaseStatus {
            release: "rel_2".to_owned(),
            digest: "9f31".to_owned(),
            plugin: "contoso 1.4.0".to_owned(),
            stage,
            share,
            since: "2026-01-31T10:00:00Z".to_owned(),
            on_watch: stage != Stage::Live,
            waits_for: (stage != Stage::Live).then(|| "`crosswalk plugin promote`".to_owned()),
            passes: 40,
            traps: 0,
            refusals: 2,
            parks: 1,
            alarms: 0,
            plugin_ms_p95: 3,
            problem: (stage == Stage::Canary).then(|| "MAP001: no owner".to_owned()),
            shadow: (stage == Stage::Shadow).then(|| ShadowCounts {
                differing: 7,
                not_compared: 1,
                kinds: [("writes more".to_owned(), 9)].into(),
                examples: vec![
                    "referral r1 | (none): crm region: EMEA, where nothing was written".to_owned(),
                ],
            }),
        }
    }

    fn shown(candidate: Option<ReleaseStatus>, rollback_to: Option<&str>) -> String {
        let status = PluginStatus {
            tenant: "contoso".to_owned(),
            generation: 3,
            changed: "2026-01-31T10:00:00Z".to_owned(),
            who: "admin".to_owned(),
            why: "rel_2 was deployed canary".to_owned(),
            live: status(Stage::Live, None),
            candidate,
            rollback_to: rollback_to.map(str::to_owned),
        };
        status.to_string()
    }

    #[test]
    fn a_status_says_who_decides_what_how_it_goes_and_what_a_rollback_would_do() {
        let canary = shown(Some(status(Stage::Canary, Some(10))), Some("contoso 1.3.0 (81a0)"));
        assert_eq!(
            canary,
            "contoso  generation 3 since 2026-01-31T10:00:00Z by admin: rel_2 was deployed canary\n\
             live    contoso 1.4.0 (9f31), since 2026-01-31T10:00:00Z, not on watch\n        \
             40 passes: 0 trapped, 2 refused, 1 parked, 0 alarms; plugin time p95 3 ms\n\
             canary  contoso 1.4.0 (9f31), 10 % of the lanes, since 2026-01-31T10:00:00Z, on watch\n        \
             40 passes: 0 trapped, 2 refused, 1 parked, 0 alarms; plugin time p95 3 ms\n        \
             the last that did not go well: MAP001: no owner\n        \
             waits for `crosswalk plugin promote`\n\
             rollback leaves contoso 1.3.0 (81a0) live"
        );
        let shadow = shown(Some(status(Stage::Shadow, Some(10))), None);
        assert!(
            shadow.contains("7 passes differ, 1 were not compared\n          9 × writes more"),
            "{shadow}"
        );
        assert!(!shadow.contains("10 %"), "a shadow decides nothing: {shadow}");
        assert!(shadow.ends_with("rollback has nothing to go back to"), "{shadow}");
    }
}
