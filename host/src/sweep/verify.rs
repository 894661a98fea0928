//! Compares every linked pair, field by field, by rehearsing its pass. Nothing is written.

use std::sync::Arc;

use crosswalk_engine::pass::{Side, Subject, Verdict};
use crosswalk_journal::{Job, Link, LinkFilter};
use crosswalk_runtime::Release;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};

use super::pace::{Pace, persist};
use crate::{
    admin::{
        events::{subject as shown, verdict},
        types::{FieldChange, Finding, KeptField},
    },
    app::App,
    jobs::{self, Phase, Progress},
    process::{Effects, Fault, rehearse},
    tenant::Tenant,
};

/// Pairs that are compared before the place is remembered.
const PAGE_ROWS: u32 = 100;

/// Pairs that are compared at the same time.
const AT_ONCE: usize = 8;

/// Rehearses every link, from where the job is.
pub(super) async fn run(app: &Arc<App>, job: &Job) -> Result<(), Fault> {
    let (tenant, release) = jobs::connected(app, &job.tenant)?;
    let crm = tenant.crm(&release).map_err(|error| Fault::new(error.to_string()))?;
    let mut pace = Pace::new(app, &job.tenant, crm);
    let mut progress = Progress::of(job);
    if progress.phase != Phase::Links {
        progress.enter(Phase::Links);
        progress.total = Some(app.journal.counts(&job.tenant).await?.links);
    }
    loop {
        let after = progress.after.as_deref().and_then(|after| after.parse().ok());
        let filter = LinkFilter { tenant: Some(job.tenant.clone()), after, limit: PAGE_ROWS };
        let links = app.journal.links(&filter).await?;
        let Some(last) = links.last() else { break };
        progress.after = Some(last.id.to_string());
        // What is remembered of one side alone is no pair yet.
        let pairs =
            links.into_iter().filter(|link| link.pair.referral.is_some() && link.pair.record.is_some());
        let subjects: Vec<Subject> = pairs.filter_map(subject).collect();
        pace.room(subjects.len()).await?;
        progress.compared += subjects.len() as u64;
        let found = rehearse_all(app, &tenant, &release, subjects).await?;
        let found: Vec<String> =
            found.iter().filter(|found| found.differs()).map(Compared::to_json).collect();
        progress.found += found.len() as u64;
        app.journal.save_job(job.id, &progress.to_json(), &found, app.now()).await?;
    }
    progress.enter(Phase::Over);
    Ok(app.journal.save_job(job.id, &progress.to_json(), &[], app.now()).await?)
}

fn subject(link: Link) -> Option<Subject> {
    link.pair.referral.map(Subject::Referral)
}

/// What came of comparing one pair.
pub(super) enum Compared {
    /// This is what a pass would do.
    Rehearsed(Subject, Box<Effects>),
    /// It cannot be compared: one of the systems refuses for good.
    Refused(Subject, String),
}

/// Rehearses some subjects, a few at a time; the answers are in their order.
pub(super) async fn rehearse_all(
    app: &Arc<App>,
    tenant: &Tenant,
    release: &Arc<Release>,
    subjects: Vec<Subject>,
) -> Result<Vec<Compared>, Fault> {
    let compared: Vec<_> =
        subjects.into_iter().map(|subject| compare(app, tenant, release, subject)).collect();
    stream::iter(compared).buffered(AT_ONCE).try_collect().await
}

async fn compare(
    app: &App,
    tenant: &Tenant,
    release: &Arc<Release>,
    subject: Subject,
) -> Result<Compared, Fault> {
    let rehearsed = persist(app, || rehearse(app, tenant, release, &subject).boxed()).await;
    match rehearsed {
        Ok(effects) => Ok(Compared::Rehearsed(subject, Box::new(effects))),
        Err(fault) if fault.permanent => Ok(Compared::Refused(subject, fault.reason)),
        Err(fault) => Err(fault),
    }
}

impl Compared {
    /// Whether the sides differ, or cannot be compared.
    pub(super) fn differs(&self) -> bool {
        match self {
            Compared::Rehearsed(_, effects) => effects.differs(),
            Compared::Refused(..) => true,
        }
    }

    /// Whether a pass would do anything, be it a report only.
    pub(super) fn is_news(&self) -> bool {
        self.differs() || matches!(self, Compared::Rehearsed(_, effects) if !effects.changes.is_empty())
    }

    pub(super) fn to_json(&self) -> String {
        serde_json::to_string(&self.finding()).unwrap_or_default()
    }

    fn finding(&self) -> Finding {
        let (subject, effects) = match self {
            Compared::Refused(subject, reason) => {
                return Finding { subject: shown(subject), outcome: reason.clone(), ..Finding::default() };
            }
            Compared::Rehearsed(subject, effects) => (subject, effects),
        };
        let changes = effects.changes.iter().map(FieldChange::of);
        let kept = effects.held.iter().chain(&effects.conflicts).map(KeptField::of);
        Finding {
            subject: shown(subject),
            referral: effects.pair.referral.clone(),
            record: effects.pair.record.clone().map(|key| shown(&Subject::Record(key))),
            fields: changes.collect(),
            kept: kept.collect(),
            left: Vec::new(),
            outcome: outcome(effects),
        }
    }
}

fn outcome(effects: &Effects) -> String {
    let creates = effects.changes.iter().find(|change| change.rule == "create" || change.rule == "convert");
    match (&effects.verdict, creates) {
        (Some(ended @ (Verdict::Parked { .. } | Verdict::Skipped { .. } | Verdict::Again { .. })), _) => {
            verdict(ended)
        }
        (_, Some(change)) => {
            let side = if change.side == Side::Crm { "the CRM" } else { "Partner Center" };
            let verb = if change.rule == "convert" { "would be converted" } else { "would be created" };
            format!("{verb} in {side}")
        }
        (_, None) if effects.changes.is_empty() => "nothing would be written".to_owned(),
        (_, None) => "would be written".to_owned(),
    }
}
