//! Lists both sides, and finds what is not as it was settled: what changed, what has no link, what is gone.

use std::{collections::HashSet, sync::Arc};

use crosswalk_connectors::crm::Crm;
use crosswalk_engine::{
    pass::{Side, Subject},
    referral::MICROSOFT,
    value::{Fields, RecordKey},
};
use crosswalk_journal::{Job, LinkFilter, LinkId, NewEvent, Source};
use crosswalk_runtime::Release;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};

use super::{
    begun, is_settled,
    pace::{Pace, persist},
    verify,
};
use crate::{
    app::App,
    jobs::{self, Kind, Phase, Progress},
    process::Fault,
    tenant::Tenant,
};

/// Rows of one request to a CRM, and of one look into the journal.
const PAGE_ROWS: u32 = 500;

/// Looks into the journal, and events on their way into it, at the same time: they share transactions.
const AT_ONCE: usize = 64;

/// A subject that a pass should look at.
struct Candidate {
    subject: Subject,
    /// Why, in words.
    note: String,
    /// What makes it the same candidate when it is found again.
    dedupe: String,
}

/// A row of a list, whichever side it is from.
struct Row {
    subject: Subject,
    side: Side,
    version: String,
}

struct Finder<'a> {
    app: &'a Arc<App>,
    job: &'a Job,
    kind: Kind,
    tenant: Arc<Tenant>,
    release: Arc<Release>,
    crm: Arc<dyn Crm>,
    pace: Pace,
    progress: Progress,
    seen: HashSet<Subject>,
}

/// Lists both sides and deals with what is found as this kind of job does.
pub(super) async fn run(app: &Arc<App>, job: &Job, kind: Kind) -> Result<(), Fault> {
    let (tenant, release) = jobs::connected(app, &job.tenant)?;
    let crm = tenant.crm(&release).map_err(|error| Fault::new(error.to_string()))?;
    let pace = Pace::new(app, &job.tenant, crm.clone());
    // A sweep that was interrupted has not seen what came before, so it could not tell what is gone.
    let progress = if kind == Kind::Backfill { Progress::of(job) } else { Progress::default() };
    if kind == Kind::Sweep {
        begun(app, &job.tenant).await?;
    }
    Finder { app, job, kind, tenant, release, crm, pace, progress, seen: HashSet::new() }.run().await
}

impl Finder<'_> {
    async fn run(mut self) -> Result<(), Fault> {
        let manifest = self.release.plugin.manifest();
        let entities = manifest.entities.iter().filter(|used| used.via.is_none());
        let mut phases = vec![Phase::Referrals];
        phases.extend(entities.map(|used| Phase::Records(used.entity.clone())));
        if self.kind != Kind::Backfill {
            phases.push(Phase::Unlisted);
        }
        let begin = phases.iter().position(|phase| *phase == self.progress.phase).unwrap_or(0);
        for phase in phases.into_iter().skip(begin) {
            if phase != self.progress.phase {
                self.progress.enter(phase.clone());
            }
            match &phase {
                Phase::Records(entity) => self.records(entity).await?,
                Phase::Unlisted => self.unlisted().await?,
                _ => self.referrals().await?,
            }
            // A pair that differs on both sides is settled by one pass: the next list then shows it as it is.
            self.pace.drained().await?;
        }
        self.progress.enter(Phase::Over);
        self.save(&[]).await
    }

    async fn referrals(&mut self) -> Result<(), Fault> {
        loop {
            let client = &self.tenant.partner_center;
            let after = self.progress.after.as_deref();
            let page = persist(self.app, || async { Ok(client.page(after).await?) }.boxed()).await;
            let page = match page {
                // A link to a page does not last for ever.
                Err(fault) if fault.permanent && after.is_some() => {
                    self.progress.after = None;
                    continue;
                }
                page => page?,
            };
            self.progress.total = page.total.or(self.progress.total);
            let count = page.rows.len();
            // Microsoft's copies are looked at by way of our own, which are in the list too.
            let own = page.rows.into_iter().filter(|row| row.value.organization() != Some(MICROSOFT));
            let rows = own.filter_map(|row| {
                let subject = Subject::Referral(row.value.id()?.to_owned());
                Some(Row { subject, side: Side::PartnerCenter, version: row.version })
            });
            self.compare(rows.collect(), count, page.next.clone()).await?;
            if page.next.is_none() {
                return Ok(());
            }
        }
    }

    async fn records(&mut self, entity: &str) -> Result<(), Fault> {
        loop {
            let (crm, after, all) = (&self.crm, self.progress.after.as_deref(), Fields::new());
            let page =
                persist(self.app, || async { Ok(crm.list(entity, &all, after, PAGE_ROWS).await?) }.boxed())
                    .await?;
            let Some(last) = page.last().map(|row| row.key.id.clone()) else { return Ok(()) };
            let count = page.len();
            let rows = page.into_iter().map(|row| Row {
                subject: Subject::Record(row.key),
                side: Side::Crm,
                version: row.version,
            });
            self.compare(rows.collect(), count, Some(last)).await?;
        }
    }

    /// What is linked, but was in neither list: deleted, or not to be seen any more.
    async fn unlisted(&mut self) -> Result<(), Fault> {
        let mut after: Option<LinkId> = None;
        loop {
            let filter = LinkFilter { tenant: Some(self.job.tenant.clone()), after, limit: PAGE_ROWS };
            let links = self.app.journal.links(&filter).await?;
            let Some(last) = links.last() else { return Ok(()) };
            after = Some(last.id);
            let mut found = Vec::new();
            // A pair that was linked since may be of what was made after its page was read.
            for link in links.into_iter().filter(|link| link.created < self.job.started) {
                let sides =
                    [link.pair.referral.map(Subject::Referral), link.pair.record.map(Subject::Record)];
                let missing = sides.into_iter().flatten().find(|side| !self.seen.contains(&folded(side)));
                found.extend(missing.map(|subject| Candidate {
                    dedupe: format!("{} {}", self.job.id, name(&subject)),
                    note: "linked, but not listed".to_owned(),
                    subject,
                }));
            }
            self.deal(found).await?;
        }
    }

    /// One page: what is as it was settled is done with, the rest is dealt with, then the place is remembered.
    async fn compare(&mut self, rows: Vec<Row>, count: usize, next: Option<String>) -> Result<(), Fault> {
        if self.kind != Kind::Backfill {
            self.seen.extend(rows.iter().map(|row| folded(&row.subject)));
        }
        let this = &*self;
        let looks: Vec<_> = rows.into_iter().map(|row| this.candidate(row)).collect();
        let found: Vec<Option<Candidate>> = stream::iter(looks).buffered(AT_ONCE).try_collect().await?;
        self.deal(found.into_iter().flatten().collect()).await?;
        self.progress.compared += count as u64;
        self.progress.after = next;
        self.save(&[]).await
    }

    async fn candidate(&self, row: Row) -> Result<Option<Candidate>, Fault> {
        let link = self.app.journal.link_of(&self.job.tenant, &row.subject).await?;
        let (name, version) = (name(&row.subject), &row.version);
        // A sweep tries a pair each time, because what stood in its way may be gone; what has no link, and was left
        // alone at this version by this release, is left alone. A person who asks for a backfill means all of it.
        let (dedupe, note) = match &link {
            Some(link) if is_settled(&link.state, row.side, version) => return Ok(None),
            Some(_) => (format!("{} {name}", self.job.id), format!("version {version}")),
            None if self.kind == Kind::Sweep => {
                let release = &self.release.id;
                (format!("{name} {version} {release}"), format!("no link, version {version}"))
            }
            None => (format!("{} {name}", self.job.id), format!("no link, version {version}")),
        };
        Ok(Some(Candidate { subject: row.subject, note, dedupe }))
    }

    /// Makes events of what was found, or, in a dry run, rehearses it.
    async fn deal(&mut self, found: Vec<Candidate>) -> Result<(), Fault> {
        let mut left = found.into_iter().peekable();
        while left.peek().is_some() {
            let chunk: Vec<Candidate> = left.by_ref().take(self.pace.chunk()).collect();
            self.pace.room(chunk.len()).await?;
            if self.kind == Kind::DryRun {
                let subjects = chunk.into_iter().map(|candidate| candidate.subject);
                let found =
                    verify::rehearse_all(self.app, &self.tenant, &self.release, subjects.collect()).await?;
                let bodies = found.iter().filter(|found| found.is_news()).map(verify::Compared::to_json);
                let bodies: Vec<String> = bodies.collect();
                self.progress.found += bodies.len() as u64;
                self.save(&bodies).await?;
            } else {
                self.progress.found += self.announce(chunk).await?;
            }
        }
        Ok(())
    }

    /// Stores an event for each, unless it is known already. Says how many were stored.
    async fn announce(&self, found: Vec<Candidate>) -> Result<u64, Fault> {
        let source = if self.kind == Kind::Backfill { Source::Backfill } else { Source::Sweep };
        let event = |candidate: Candidate| NewEvent {
            tenant: self.job.tenant.clone(),
            subject: candidate.subject,
            source,
            dedupe: Some(candidate.dedupe),
            note: Some(candidate.note),
            received: self.app.now(),
        };
        let accepts: Vec<_> =
            found.into_iter().map(|candidate| self.app.journal.accept(event(candidate))).collect();
        let accepted: Vec<_> = stream::iter(accepts).buffer_unordered(AT_ONCE).try_collect().await?;
        Ok(accepted.iter().filter(|accepted| !accepted.duplicate).count() as u64)
    }

    async fn save(&self, found: &[String]) -> Result<(), Fault> {
        let progress = self.progress.to_json();
        Ok(self.app.journal.save_job(self.job.id, &progress, found, self.app.now()).await?)
    }
}

fn name(subject: &Subject) -> &str {
    match subject {
        Subject::Referral(id) => id,
        Subject::Record(key) => &key.id,
    }
}

/// Ids differ in case between lists and single reads.
fn folded(subject: &Subject) -> Subject {
    match subject {
        Subject::Referral(id) => Subject::Referral(id.to_ascii_lowercase()),
        Subject::Record(key) => {
            Subject::Record(RecordKey { entity: key.entity.clone(), id: key.id.to_ascii_lowercase() })
        }
    }
}
