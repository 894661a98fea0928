//! The trait on SQLite: each call is one transaction around the functions of `sql`.

use async_trait::async_trait;
use crosswalk_engine::{
    mapping::Resolution,
    pass::{Commit, Subject, Verdict},
};
use jiff::Timestamp;
use tokio::sync::watch;

use super::SqliteJournal;
use crate::{
    Accepted, Alarm, Ask, AuditFilter, AuditRecord, Backlog, Chain, Counts, EntryRecord, Event, EventFilter,
    EventId, EventStory, Finding, Job, JobFilter, JobId, Journal, Lease, Link, LinkFilter, LookAgain,
    NewEvent, NewJob, NewRelease, NewRoute, PassId, Pruned, Recording, Release, ReleaseId, Result, Retention,
    Route, Secret, Taken, Tenant, Trail, seal, sql,
};

#[async_trait]
impl Journal for SqliteJournal {
    async fn accept(&self, event: NewEvent) -> Result<Accepted> {
        self.inbox.accept(event).await
    }

    async fn events(&self, filter: &EventFilter) -> Result<Vec<Event>> {
        sql::events::list(&mut *self.reading().await?, filter).await
    }

    async fn event(&self, id: EventId) -> Result<Option<EventStory>> {
        // One snapshot for the event, its passes and its audit.
        let mut transaction = self.read.begin().await?;
        let story = sql::events::story(&mut transaction, id).await?;
        transaction.rollback().await?;
        Ok(story)
    }

    async fn retry(&self, id: EventId, who: &str, at: Timestamp) -> Result<()> {
        let mut transaction = self.write.begin().await?;
        sql::events::retry(&mut transaction, id, who, at).await?;
        self.write.announce(transaction).await
    }

    async fn park(&self, id: EventId, who: &str, reason: &str, at: Timestamp) -> Result<()> {
        let mut transaction = self.write.begin().await?;
        sql::events::park(&mut transaction, id, who, reason, at).await?;
        self.write.announce(transaction).await
    }

    async fn look_again(&self, at: &LookAgain) -> Result<Vec<EventId>> {
        let mut transaction = self.write.begin().await?;
        let found = sql::events::look_again(&mut transaction, at).await?;
        self.write.announce(transaction).await?;
        Ok(found)
    }

    async fn take(
        &self,
        worker: &str,
        now: Timestamp,
        lease_ms: u64,
        pass_over: &[String],
    ) -> Result<Option<Taken>> {
        // Looking without the write lock first lets idle workers look as often as they like.
        if self.next_due(pass_over).await?.is_none_or(|due| due > now) {
            return Ok(None);
        }
        let mut transaction = self.write.begin().await?;
        let taken = sql::lanes::take(&mut transaction, worker, now, lease_ms, pass_over).await?;
        // Nothing is written anywhere before the pass has stored its intent, and with that this is on the disk too.
        transaction.commit().await?;
        Ok(taken)
    }

    async fn renew(&self, lease: Lease, until: Timestamp) -> Result<()> {
        let mut transaction = self.write.begin().await?;
        sql::lanes::renew(&mut transaction, lease, until.as_millisecond()).await?;
        self.write.keep(transaction).await
    }

    async fn hand_back(&self, lease: Lease, now: Timestamp) -> Result<()> {
        let mut transaction = self.write.begin().await?;
        sql::settle::hand_back(&mut transaction, lease, now).await?;
        self.write.announce(transaction).await
    }

    async fn store(&self, lease: Lease, commit: &Commit, trail: &Trail) -> Result<()> {
        let mut transaction = self.write.begin().await?;
        sql::settle::store(&mut transaction, lease, commit, trail).await?;
        self.write.keep(transaction).await
    }

    async fn finish(
        &self,
        lease: Lease,
        commit: &Commit,
        verdict: &Verdict,
        trail: &Trail,
        recording: Option<&[u8]>,
    ) -> Result<()> {
        let mut transaction = self.write.begin().await?;
        let held = sql::settle::finish(&mut transaction, lease, commit, verdict, trail).await?;
        if let Some(bytes) = recording {
            let place = seal::recording_place(&held.tenant, lease.pass.0);
            let sealed = self.sealer.seal(&place, bytes)?;
            sql::settle::record(&mut transaction, &held, trail.at, &sealed).await?;
        }
        self.write.announce(transaction).await
    }

    async fn fail(&self, lease: Lease, reason: &str, trail: &Trail, retry_at: Timestamp) -> Result<()> {
        let mut transaction = self.write.begin().await?;
        sql::settle::fail(&mut transaction, lease, reason, trail, retry_at).await?;
        self.write.announce(transaction).await
    }

    fn changed(&self) -> watch::Receiver<u64> {
        self.write.changes.subscribe()
    }

    async fn end_leases(&self, now: Timestamp) -> Result<u64> {
        let mut transaction = self.write.begin().await?;
        let ended = sql::lanes::end_leases(&mut transaction, now.as_millisecond()).await?;
        self.write.keep(transaction).await?;
        Ok(ended)
    }

    async fn next_due(&self, pass_over: &[String]) -> Result<Option<Timestamp>> {
        sql::lanes::next_due(&mut *self.reading().await?, pass_over).await
    }

    async fn backlog(&self, now: Timestamp) -> Result<Backlog> {
        self.write.disk.usable()?;
        sql::lanes::backlog(&mut *self.reading().await?, now.as_millisecond()).await
    }

    async fn in_background(&self, tenant: &str, now: Timestamp) -> Result<u64> {
        sql::lanes::in_background(&mut *self.reading().await?, tenant, now.as_millisecond()).await
    }

    async fn links(&self, filter: &LinkFilter) -> Result<Vec<Link>> {
        sql::links::list(&mut *self.reading().await?, filter).await
    }

    async fn link_of(&self, tenant: &str, subject: &Subject) -> Result<Option<Link>> {
        let mut conn = self.reading().await?;
        match sql::links::holder(&mut conn, tenant, subject).await? {
            Some((link, _)) => sql::links::get(&mut conn, link).await,
            None => Ok(None),
        }
    }

    async fn counts(&self, tenant: &str) -> Result<Counts> {
        sql::tenants::counts(&mut *self.reading().await?, tenant).await
    }

    async fn open_entries(&self, tenant: &str, limit: u32) -> Result<Vec<EntryRecord>> {
        sql::links::open_entries(&mut *self.reading().await?, tenant, limit).await
    }

    async fn entry(&self, tenant: &str, id: &str) -> Result<Option<EntryRecord>> {
        sql::links::entry(&mut *self.reading().await?, tenant, id).await
    }

    async fn decide(
        &self,
        tenant: &str,
        entry: &str,
        decision: &Resolution,
        who: &str,
        at: Timestamp,
    ) -> Result<EventId> {
        let mut transaction = self.write.begin().await?;
        let event = sql::links::decide(&mut transaction, tenant, entry, decision, who, at).await?;
        self.write.announce(transaction).await?;
        Ok(event)
    }

    async fn ask(&self, ask: &Ask) -> Result<Option<Accepted>> {
        let mut transaction = self.write.begin().await?;
        let accepted = sql::links::ask(&mut transaction, ask).await?;
        self.write.announce(transaction).await?;
        Ok(accepted)
    }

    async fn audit(&self, filter: &AuditFilter) -> Result<Vec<AuditRecord>> {
        sql::audit::list(&mut *self.reading().await?, filter).await
    }

    async fn verify_audit(&self, tenant: &str) -> Result<Chain> {
        // One snapshot, so that records which are added meanwhile do not look like a chain that was changed.
        let mut transaction = self.read.begin().await?;
        let chain = sql::audit::verify(&mut transaction, tenant).await?;
        transaction.rollback().await?;
        Ok(chain)
    }

    async fn act(&self, tenant: &str, who: &str, what: &str, at: Timestamp) -> Result<()> {
        let what = crate::What::Act { who: who.to_owned(), what: what.to_owned() };
        let mut transaction = self.write.begin().await?;
        sql::audit::append(&mut transaction, &sql::audit::NewRecord::act(tenant, at, &[]), what).await?;
        self.write.keep(transaction).await
    }

    async fn raise(&self, tenant: &str, text: &str, at: Timestamp) -> Result<()> {
        let mut transaction = self.write.begin().await?;
        sql::audit::alarm(&mut transaction, tenant, None, None, at, text).await?;
        self.write.keep(transaction).await
    }

    async fn alarms(&self, tenant: &str, limit: u32) -> Result<Vec<Alarm>> {
        sql::audit::alarms(&mut *self.reading().await?, tenant, limit).await
    }

    async fn apply_tenant(&self, tenant: &Tenant, secrets: &[Secret]) -> Result<()> {
        let mut transaction = self.write.begin().await?;
        sql::tenants::apply(&mut transaction, tenant).await?;
        for secret in secrets {
            let sealed = self.sealer.seal(&seal::secret_place(&tenant.name, &secret.name), &secret.value)?;
            sql::tenants::put_secret(&mut transaction, &tenant.name, &secret.name, &sealed).await?;
        }
        self.write.keep(transaction).await
    }

    async fn tenants(&self) -> Result<Vec<Tenant>> {
        sql::tenants::list(&mut *self.reading().await?).await
    }

    async fn tenant(&self, name: &str) -> Result<Option<Tenant>> {
        sql::tenants::get(&mut *self.reading().await?, name).await
    }

    async fn put_secret(&self, tenant: &str, name: &str, value: &[u8]) -> Result<()> {
        let sealed = self.sealer.seal(&seal::secret_place(tenant, name), value)?;
        let mut transaction = self.write.begin().await?;
        sql::tenants::put_secret(&mut transaction, tenant, name, &sealed).await?;
        self.write.keep(transaction).await
    }

    async fn secret(&self, tenant: &str, name: &str) -> Result<Option<Vec<u8>>> {
        let sealed = sql::tenants::secret(&mut *self.reading().await?, tenant, name).await?;
        sealed.map(|sealed| self.sealer.open(&seal::secret_place(tenant, name), &sealed)).transpose()
    }

    async fn put_cursor(&self, tenant: &str, name: &str, value: &str) -> Result<()> {
        let mut transaction = self.write.begin().await?;
        sql::tenants::put_cursor(&mut transaction, tenant, name, value).await?;
        self.write.keep(transaction).await
    }

    async fn cursor(&self, tenant: &str, name: &str) -> Result<Option<String>> {
        sql::tenants::cursor(&mut *self.reading().await?, tenant, name).await
    }

    async fn install_release(&self, release: &NewRelease) -> Result<ReleaseId> {
        let mut transaction = self.write.begin().await?;
        let id = sql::releases::install(&mut transaction, release).await?;
        self.write.keep(transaction).await?;
        Ok(id)
    }

    async fn route(&self, change: &NewRoute) -> Result<Route> {
        let mut transaction = self.write.begin().await?;
        let routed = sql::routes::change(&mut transaction, change).await?;
        self.write.announce(transaction).await?;
        Ok(routed)
    }

    async fn route_at(&self, tenant: &str, generation: u64) -> Result<Option<Route>> {
        sql::routes::get(&mut *self.reading().await?, tenant, generation).await
    }

    async fn routed(&self, tenant: &str) -> Result<Option<Route>> {
        Ok(self.routes(tenant, 1).await?.pop())
    }

    async fn routes(&self, tenant: &str, limit: u32) -> Result<Vec<Route>> {
        sql::routes::list(&mut *self.reading().await?, tenant, limit).await
    }

    async fn releases(&self, tenant: &str) -> Result<Vec<Release>> {
        sql::releases::list(&mut *self.reading().await?, tenant).await
    }

    async fn release(&self, id: ReleaseId) -> Result<Option<Release>> {
        sql::releases::get(&mut *self.reading().await?, id).await
    }

    async fn component(&self, digest: &str) -> Result<Option<Vec<u8>>> {
        sql::releases::component(&mut *self.reading().await?, digest).await
    }

    async fn recordings(&self, tenant: &str, before: Option<PassId>, limit: u32) -> Result<Vec<Recording>> {
        let found = sql::releases::recordings(&mut *self.reading().await?, tenant, before, limit).await?;
        found.into_iter().map(|sealed| self.recorded(tenant, sealed)).collect()
    }

    async fn recording(&self, tenant: &str, pass: PassId) -> Result<Option<Recording>> {
        let found = sql::releases::recording(&mut *self.reading().await?, tenant, pass).await?;
        found.map(|sealed| self.recorded(tenant, sealed)).transpose()
    }

    async fn begin_job(&self, job: &NewJob) -> Result<JobId> {
        let mut transaction = self.write.begin().await?;
        let id = sql::jobs::begin(&mut transaction, job).await?;
        self.write.keep(transaction).await?;
        Ok(id)
    }

    async fn save_job(&self, id: JobId, progress: &str, found: &[String], at: Timestamp) -> Result<()> {
        let mut transaction = self.write.begin().await?;
        sql::jobs::save(&mut transaction, id, progress, found, at).await?;
        self.write.keep(transaction).await
    }

    async fn end_job(&self, id: JobId, reason: Option<&str>, at: Timestamp) -> Result<()> {
        let mut transaction = self.write.begin().await?;
        sql::jobs::end(&mut transaction, id, reason, at).await?;
        self.write.keep(transaction).await
    }

    async fn job(&self, id: JobId) -> Result<Option<Job>> {
        sql::jobs::get(&mut *self.reading().await?, id).await
    }

    async fn jobs(&self, filter: &JobFilter) -> Result<Vec<Job>> {
        sql::jobs::list(&mut *self.reading().await?, filter).await
    }

    async fn findings(&self, id: JobId, after: u64, limit: u32) -> Result<Vec<Finding>> {
        sql::jobs::findings(&mut *self.reading().await?, id, after, limit).await
    }

    async fn prune(&self, now: Timestamp, retention: &Retention) -> Result<Pruned> {
        let mut transaction = self.write.begin().await?;
        let pruned = sql::prune::prune(&mut transaction, now, retention).await?;
        self.write.keep(transaction).await?;
        self.give_space_back().await?;
        Ok(pruned)
    }

    async fn close(&self) -> Result<()> {
        self.inbox.close().await;
        self.read.close().await;
        self.give_space_back().await?;
        self.write.pool.close().await;
        Ok(())
    }
}

impl SqliteJournal {
    fn recorded(&self, tenant: &str, (pass, ended, sealed): (i64, i64, Vec<u8>)) -> Result<Recording> {
        let bytes = self.sealer.open(&seal::recording_place(tenant, pass), &sealed)?;
        Ok(Recording { pass: PassId(pass), at: sql::time(ended)?, bytes })
    }
}
