//! An operator's ask, carried to each link of a tenant: a projection, an undo.
//!
//! Nothing is written here. What is asked of a link is stored beside it and becomes part of its state when its lane is
//! next taken, with an event behind live traffic that has it taken; the pass does the rest, with intents, versions and
//! audit like any other. A link is asked once by a job, whatever the host goes through meanwhile. A dry run rehearses the
//! same pass with the same ask. At its end the job says what the audit says became of it.

use std::{sync::Arc, time::Duration};

use crosswalk_engine::{
    link::Asked,
    pass::{AuditLine, Subject},
    value::Value,
};
use crosswalk_journal::{Ask, AuditFilter, AuditRecord, Job, Link, LinkFilter, NewEvent, Source, What};
use crosswalk_runtime::Release;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use tokio::time;

use crate::{
    admin::{
        events::{subject as shown, value, word},
        types::{FieldChange, Finding, KeptField, LeftField},
    },
    app::App,
    jobs::{self, Kind, Phase, Progress},
    process::{Fault, rehearse_asked},
    project,
    sweep::{Pace, persist},
    tenant::Tenant,
    undo,
};

/// Links that are dealt with before the place is remembered.
const PAGE_ROWS: u32 = 100;

/// Links that are planned, rehearsed or asked at the same time.
const AT_ONCE: usize = 8;

/// How often it is looked whether a write of unknown fate has been settled, and how many times.
const LOOK_AGAIN: Duration = Duration::from_millis(250);
const LOOKS_MAX: u32 = 240;

/// What a job asks.
pub(crate) enum Plan {
    /// To have a mapping's view written.
    Project(project::Plan),
    /// To take back what a release wrote.
    Undo(undo::Plan),
}

/// What is asked of one link, and what of it is not.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Planned {
    /// What is asked.
    pub(crate) asked: Asked,
    /// What is left alone without a pass being asked: field, what it holds as far as it is known, and why.
    pub(crate) left: Vec<(String, Value, &'static str)>,
}

impl Planned {
    fn asks(&self) -> bool {
        !self.asked.owed.is_empty() || !self.asked.restore.is_empty()
    }
}

impl Plan {
    fn of(job: &Job, kind: Kind) -> Result<Plan, Fault> {
        let given = Progress::of(job).given;
        let unreadable = |error: serde_json::Error| Fault::new(format!("the job cannot be read: {error}"));
        Ok(match kind {
            Kind::Undo | Kind::UndoDryRun => Plan::Undo(serde_json::from_value(given).map_err(unreadable)?),
            _ => Plan::Project(serde_json::from_value(given).map_err(unreadable)?),
        })
    }

    async fn ask_of(&self, app: &App, link: &Link, release: &Release) -> Result<Planned, Fault> {
        match self {
            Plan::Project(plan) => Ok(plan.ask_of(link, release.plugin.manifest())),
            Plan::Undo(plan) => plan.ask_of(app, link).await,
        }
    }

    fn source(&self) -> Source {
        match self {
            Plan::Project(_) => Source::Project,
            Plan::Undo(_) => Source::Undo,
        }
    }

    /// Whether a line of the audit tells what became of the ask at this name.
    fn is_about(&self, line: &AuditLine, name: &str) -> bool {
        match self {
            Plan::Project(plan) => line.rule != "report" && line.side.is_some() && plan.names(name),
            Plan::Undo(_) => line.rule == "undo",
        }
    }
}

/// Carries the ask out, from where the job is.
pub(crate) async fn carry_out(app: &Arc<App>, job: &Job, kind: Kind) -> Result<(), Fault> {
    let (tenant, release) = jobs::connected(app, &job.tenant)?;
    let crm = tenant.crm(&release).map_err(|error| Fault::new(error.to_string()))?;
    let pace = Pace::new(app, &job.tenant, crm);
    let plan = Plan::of(job, kind)?;
    let dry = matches!(kind, Kind::ProjectDryRun | Kind::UndoDryRun);
    Errand { app, job, tenant, release, plan, dry, pace, progress: Progress::of(job) }.run().await
}

struct Errand<'a> {
    app: &'a Arc<App>,
    job: &'a Job,
    tenant: Arc<Tenant>,
    release: Arc<Release>,
    plan: Plan,
    dry: bool,
    pace: Pace,
    progress: Progress,
}

impl Errand<'_> {
    async fn run(mut self) -> Result<(), Fault> {
        if self.progress.phase == Phase::Begin {
            self.progress.enter(Phase::Links);
            self.progress.total = Some(self.app.journal.counts(&self.job.tenant).await?.links);
        }
        if self.progress.phase == Phase::Links {
            while let Some(links) = self.page().await? {
                self.progress.compared += links.len() as u64;
                let found = if self.dry { self.rehearse(links).await? } else { self.ask(links).await? };
                self.save(&found).await?;
            }
            self.pace.drained().await?;
            self.progress.enter(if self.dry { Phase::Over } else { Phase::Results });
        }
        if self.progress.phase == Phase::Results {
            while let Some(links) = self.page().await? {
                let mut found = Vec::new();
                for link in &links {
                    found.extend(self.result(link).await?);
                }
                self.save(&found).await?;
            }
            self.progress.enter(Phase::Over);
        }
        self.save(&[]).await
    }

    /// The next links that join both sides; `None` after the last.
    async fn page(&mut self) -> Result<Option<Vec<Link>>, Fault> {
        let after = self.progress.after.as_deref().and_then(|after| after.parse().ok());
        let filter = LinkFilter { tenant: Some(self.job.tenant.clone()), after, limit: PAGE_ROWS };
        let mut links = self.app.journal.links(&filter).await?;
        let Some(last) = links.last() else { return Ok(None) };
        self.progress.after = Some(last.id.to_string());
        links.retain(|link| link.pair.referral.is_some() && link.pair.record.is_some());
        Ok(Some(links))
    }

    async fn planned(&self, links: Vec<Link>) -> Result<Vec<(Link, Planned)>, Fault> {
        let plans: Vec<_> = links.into_iter().map(|link| self.plan_one(link)).collect();
        stream::iter(plans).buffered(AT_ONCE).try_collect().await
    }

    async fn plan_one(&self, link: Link) -> Result<(Link, Planned), Fault> {
        let planned = self.plan.ask_of(self.app, &link, &self.release).await?;
        Ok((link, planned))
    }

    async fn rehearse(&mut self, links: Vec<Link>) -> Result<Vec<Finding>, Fault> {
        let planned = self.planned(links).await?;
        let asks = planned.iter().filter(|(_, planned)| planned.asks()).count();
        self.pace.room(asks).await?;
        self.progress.found += asks as u64;
        let this = &*self;
        let found: Vec<_> = planned.iter().map(|(link, planned)| this.rehearse_one(link, planned)).collect();
        let found: Vec<Option<Finding>> = stream::iter(found).buffered(AT_ONCE).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn rehearse_one(&self, link: &Link, planned: &Planned) -> Result<Option<Finding>, Fault> {
        let mut finding = about(link);
        finding.left = planned.left.iter().map(left).collect();
        if planned.asks() {
            let (app, subject) = (self.app, subject(link));
            let once = || rehearse_asked(app, &self.tenant, &self.release, &subject, &planned.asked).boxed();
            match persist(app, once).await {
                Ok(effects) => {
                    let changes = effects.changes.iter().filter(|change| change.rule != "report");
                    finding.fields = changes.map(FieldChange::of).collect();
                    finding.left.extend(effects.left.iter().map(LeftField::of));
                    finding.kept = effects.conflicts.iter().map(KeptField::of).collect();
                }
                Err(fault) if fault.permanent => finding.outcome = fault.reason,
                Err(fault) => return Err(fault),
            }
        }
        Ok(told(finding, "would be written", "nothing would be written"))
    }

    async fn ask(&mut self, links: Vec<Link>) -> Result<Vec<Finding>, Fault> {
        let mut settled = Vec::new();
        for link in links {
            settled.push(self.settled(link).await?);
        }
        let planned = self.planned(settled).await?;
        let mut concerned = Vec::new();
        let mut found = Vec::new();
        for (link, planned) in planned {
            if !planned.left.is_empty() {
                let finding = Finding { left: planned.left.iter().map(left).collect(), ..about(&link) };
                found.extend(told(finding, "", "left alone"));
            }
            if planned.asks() {
                concerned.push(self.ask_for(&link, planned.asked));
            }
        }
        for chunk in concerned.chunks(self.pace.chunk()) {
            self.pace.room(chunk.len()).await?;
            for ask in chunk {
                let asked = self.app.journal.ask(ask).await?;
                self.progress.found += u64::from(asked.is_some_and(|asked| !asked.duplicate));
            }
        }
        Ok(found)
    }

    fn ask_for(&self, link: &Link, asked: Asked) -> Ask {
        Ask {
            tenant: self.job.tenant.clone(),
            link: link.id,
            asked,
            source: self.plan.source(),
            dedupe: format!("{} {}", self.job.id, link.id),
            note: format!("{} asked by {}", self.job.kind, self.job.who),
            at: self.app.now(),
        }
    }

    /// A write whose fate is not known is not in the audit yet. A pass settles it first.
    async fn settled(&self, link: Link) -> Result<Link, Fault> {
        if link.state.intent.is_none() || matches!(self.plan, Plan::Project(_)) {
            return Ok(link);
        }
        let subject = subject(&link);
        let look = NewEvent {
            tenant: self.job.tenant.clone(),
            subject: subject.clone(),
            source: self.plan.source(),
            dedupe: Some(format!("{} {} settle", self.job.id, link.id)),
            note: Some("a write of unknown fate is settled before it is undone".to_owned()),
            received: self.app.now(),
        };
        self.app.journal.accept(look).await?;
        let mut changed = self.app.journal.changed();
        for _ in 0..LOOKS_MAX {
            changed.mark_unchanged();
            match self.app.journal.link_of(&self.job.tenant, &subject).await? {
                Some(link) if link.state.intent.is_none() => return Ok(link),
                _ => drop(time::timeout(LOOK_AGAIN, changed.changed()).await),
            }
        }
        Ok(link)
    }

    /// What the audit says became of the ask at this link, since the job began.
    async fn result(&self, link: &Link) -> Result<Option<Finding>, Fault> {
        let mut finding = about(link);
        for record in since(self.app, link, self.job).await? {
            let What::Line(line) = record.what else { continue };
            for (name, (old, new)) in &line.fields {
                match line.side {
                    _ if !self.plan.is_about(&line, name) => {}
                    None => finding.left.push(LeftField {
                        field: name.clone(),
                        held: value(new),
                        reason: line.note.trim_start_matches("left alone: ").to_owned(),
                    }),
                    Some(side) => finding.fields.push(FieldChange {
                        side: word(&side),
                        rule: line.rule.clone(),
                        field: name.clone(),
                        old: old.as_ref().map(value),
                        new: value(new),
                    }),
                }
            }
        }
        let waits = !link.state.restore.is_empty() || link.state.intent.is_some();
        if waits {
            finding.outcome =
                "waits: its last pass did not come to an end; `crosswalk events list` says why".to_owned();
        }
        Ok(told(finding, "written", "left alone"))
    }

    async fn save(&self, found: &[Finding]) -> Result<(), Fault> {
        let bodies: Vec<String> =
            found.iter().map(|finding| serde_json::to_string(finding).unwrap_or_default()).collect();
        let progress = self.progress.to_json();
        Ok(self.app.journal.save_job(self.job.id, &progress, &bodies, self.app.now()).await?)
    }
}

/// A finding with its outcome, unless there is nothing to tell.
fn told(mut finding: Finding, written: &str, not_written: &str) -> Option<Finding> {
    let has_news = !finding.fields.is_empty() || !finding.left.is_empty() || !finding.kept.is_empty();
    if finding.outcome.is_empty() {
        let outcome = if finding.fields.is_empty() { not_written } else { written };
        outcome.clone_into(&mut finding.outcome);
        return has_news.then_some(finding);
    }
    Some(finding)
}

fn about(link: &Link) -> Finding {
    Finding {
        subject: shown(&subject(link)),
        referral: link.pair.referral.clone(),
        record: link.pair.record.clone().map(|key| shown(&Subject::Record(key))),
        ..Finding::default()
    }
}

fn left((field, held, why): &(String, Value, &'static str)) -> LeftField {
    LeftField { field: field.clone(), held: value(held), reason: (*why).to_owned() }
}

fn subject(link: &Link) -> Subject {
    let referral = link.pair.referral.clone().map(Subject::Referral);
    let record = link.pair.record.clone().map(Subject::Record);
    referral.or(record).unwrap_or_else(|| Subject::Referral(String::new()))
}

/// A link's audit since a job began, oldest first.
async fn since(app: &App, link: &Link, job: &Job) -> Result<Vec<AuditRecord>, Fault> {
    let mut all = Vec::new();
    let mut before = None;
    loop {
        let filter = AuditFilter {
            tenant: link.tenant.clone(),
            link: Some(link.id),
            before,
            ..AuditFilter::default()
        };
        let page = app.journal.audit(&filter).await?;
        before = page.last().map(|record| record.seq);
        let is_over = page.last().is_none_or(|record| record.at < job.started);
        all.extend(page.into_iter().filter(|record| record.at >= job.started));
        if is_over {
            all.reverse();
            return Ok(all);
        }
    }
}
