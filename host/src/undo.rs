//! `plugin undo`: what a release wrote is taken back, where nobody has edited since.
//!
//! What it wrote, and what was there before, is in the audit of each link; what both sides were then is in the recording
//! of the pass, for as long as those are kept. The engine decides in the pass (see `crosswalk_engine::undo`).

use std::collections::BTreeMap;

use crosswalk_engine::{
    link::{Asked, LinkState},
    undo::History,
};
use crosswalk_journal::{AuditFilter, AuditRecord, Link, PassId, What};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::{
    app::App,
    ask::Planned,
    error::{Complaint, Fault as Whose},
    process::Fault,
    recording::Recorded,
};

/// What is undone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Plan {
    /// The release's digest.
    release: String,
    /// What it wrote earlier stays.
    since: Option<Timestamp>,
}

impl Plan {
    /// A plan for the release with this digest, or with the only one that begins so.
    ///
    /// # Errors
    /// When there is no such release or more than one, or when it still decides.
    pub(crate) async fn new(
        app: &App,
        tenant: &str,
        release: &str,
        since: Option<Timestamp>,
    ) -> Result<Plan, Complaint> {
        let digests = app.journal.releases(tenant).await?.into_iter().map(|release| release.digest);
        let release = the_one(digests.collect(), tenant, release)?;
        let routing = app.registry.routing(tenant);
        if routing.as_ref().is_some_and(|routing| routing.live.digest == release) {
            return Err(refused(
                format!("release `{release}` is live for tenant `{tenant}`, and would write the same again"),
                "roll back first: `crosswalk plugin rollback`",
            ));
        }
        let candidate = routing.as_ref().and_then(|routing| routing.candidate.as_ref());
        if candidate.is_some_and(|it| it.canary_percent.is_some() && it.release.digest == release) {
            return Err(refused(
                format!(
                    "release `{release}` decides a share of tenant `{tenant}`, and would write the same again"
                ),
                "drop the candidate first: `crosswalk plugin rollback`",
            ));
        }
        Ok(Plan { release, since })
    }

    /// What is asked of a link.
    pub(crate) async fn ask_of(&self, app: &App, link: &Link) -> Result<Planned, Fault> {
        let mut history = History::of(&self.release);
        let mut record = None;
        for told in audit(app, link).await? {
            match (&told.what, told.pass) {
                (What::Linked(pair), _) if record != pair.record => {
                    history.other_record();
                    record.clone_from(&pair.record);
                }
                (What::Line(line), Some(pass)) => {
                    let counts = self.since.is_none_or(|since| told.at >= since);
                    history.read(line, pass, told.release.as_deref(), counts);
                }
                _ => {}
            }
        }
        let mut befores = BTreeMap::new();
        for pass in history.passes() {
            befores.insert(pass, before(app, &link.tenant, pass).await?);
        }
        let restore = history.restores(|pass| befores.get(&pass).cloned().flatten());
        let overtaken = history.overtaken();
        let left = overtaken
            .map(|(name, written)| (name.clone(), written.clone(), "another release wrote it since"));
        Ok(Planned { left: left.collect(), asked: Asked { restore, ..Asked::default() } })
    }
}

/// All that was noted about a link, oldest first.
async fn audit(app: &App, link: &Link) -> Result<Vec<AuditRecord>, Fault> {
    let mut all: Vec<AuditRecord> = Vec::new();
    loop {
        let before = all.last().map(|record| record.seq);
        let filter = AuditFilter {
            tenant: link.tenant.clone(),
            link: Some(link.id),
            before,
            ..AuditFilter::default()
        };
        let page = app.journal.audit(&filter).await?;
        if page.is_empty() {
            all.reverse();
            return Ok(all);
        }
        all.extend(page);
    }
}

/// What was remembered of the pair before a pass, if that was recorded and is kept.
async fn before(app: &App, tenant: &str, pass: PassId) -> Result<Option<LinkState>, Fault> {
    let Some(recording) = app.journal.recording(tenant, pass).await? else { return Ok(None) };
    match Recorded::read(&recording.bytes) {
        Ok(recorded) => Ok(recorded.start.state),
        Err(error) => {
            warn!(tenant, %pass, %error, "a recording cannot be used");
            Ok(None)
        }
    }
}

fn the_one(mut digests: Vec<String>, tenant: &str, asked: &str) -> Result<String, Complaint> {
    let begins = |digest: &String| {
        digest.starts_with(asked) || digest.strip_prefix("sha256:").is_some_and(|hex| hex.starts_with(asked))
    };
    digests.retain(begins);
    digests.sort_unstable();
    digests.dedup();
    match digests.as_slice() {
        [one] if !asked.is_empty() => Ok(one.clone()),
        [] => Err(Complaint::new(
            Whose::NotFound,
            format!("tenant `{tenant}` has no release `{asked}`"),
            "nothing was begun, and nothing was written",
            "`crosswalk plugin list` shows the digests",
        )),
        many => Err(refused(
            format!("`{asked}` may be any of {} releases of tenant `{tenant}`", many.len()),
            &format!("give more of the digest: `{}`", many.join("`, `")),
        )),
    }
}

fn refused(message: String, help: &str) -> Complaint {
    Complaint::new(Whose::Refused, message, "nothing was begun, and nothing was written", help)
}

#[cfg(test)]
mod tests;
