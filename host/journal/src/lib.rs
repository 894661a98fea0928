//! What Crosswalk remembers: events, lanes, links, intents, entries, releases, audit.
//!
//! [`Journal`] is the only way in. [`SqliteJournal`] keeps it in one SQLite file; another engine implements the same
//! trait and passes the same conformance suite.
//!
//! Three habits hold everywhere:
//! - **No clock.** Every call that needs a time is given one, so that a simulation can run on a clock of its own.
//! - **One call, one transaction.** What a call changes is on disk, all of it, when the call returns.
//! - **Leases with fences.** A worker that was given a lane writes with its [`Lease`]; once the lane was given to
//!   another, every write of the first fails with [`Error::LostLease`] and changes nothing.
#![forbid(unsafe_code)]

mod accept;
mod audit;
mod error;
mod event;
mod ids;
mod job;
mod lane;
mod link;
mod release;
mod seal;
mod sql;
mod sqlite;
mod tenant;

use async_trait::async_trait;
use crosswalk_engine::{
    mapping::Resolution,
    pass::{Commit, Subject, Verdict},
};
use jiff::Timestamp;
use tokio::sync::watch;

pub use audit::{Alarm, AuditFilter, AuditRecord, Chain, What};
pub use error::{Error, Result};
pub use event::{Accepted, Event, EventFilter, EventState, EventStory, NewEvent, Source};
pub use ids::{EventId, JobId, LaneId, Lease, LinkId, NotAnId, PassId, ReleaseId};
pub use job::{Finding, Job, JobFilter, JobState, NewJob};
pub use lane::{Backlog, Outcome, PassRecord, Taken, Trail};
pub use link::{Ask, EntryRecord, EntryState, Link, LinkFilter};
pub use release::{
    Candidate, LookAgain, NewRelease, NewRoute, Origin, Recording, Release, Route, Signature, Stage, Undone,
};
pub use seal::KEY_BYTES;
pub use sqlite::{SqliteJournal, SqliteOptions};
pub use tenant::{Counts, Pruned, Retention, Secret, Tenant};

/// Everything that is remembered, behind one object-safe trait.
#[async_trait]
pub trait Journal: Send + Sync + 'static {
    // Events

    /// Stores one event and puts it into the lane of its subject. Returns only after the row is on disk; calls that
    /// arrive together share one transaction. A duplicate (see [`NewEvent::dedupe`]) stores nothing and returns the
    /// id of the first.
    async fn accept(&self, event: NewEvent) -> Result<Accepted>;

    /// Events that match, newest first.
    async fn events(&self, filter: &EventFilter) -> Result<Vec<Event>>;

    /// One event with its passes and what they wrote into the audit; `None` if there is none (any more).
    async fn event(&self, id: EventId) -> Result<Option<EventStory>>;

    /// A person asks for another try: the event waits again (also if it was parked, settled or superseded), its lane
    /// is due now and its attempts are forgotten. Audited.
    async fn retry(&self, id: EventId, who: &str, at: Timestamp) -> Result<()>;

    /// A person parks a waiting event; the lane goes on with later ones. Audited.
    /// [`Error::NotWaiting`] if the event has its verdict already.
    async fn park(&self, id: EventId, who: &str, reason: &str, at: Timestamp) -> Result<()>;

    /// Events that a bad release parked wait again and are due now, the oldest first, at most [`LIST_ROWS_MAX`] a call;
    /// returns which. Unlike [`Journal::retry`] this is nobody's leave to post again what may have been posted before.
    /// Audited, if there were any.
    async fn look_again(&self, at: &LookAgain) -> Result<Vec<EventId>>;

    // Lanes

    /// Gives out the lane that is due, if one is: fair between tenants, then by the time at which it became due. A lane
    /// in the background, where only events of a sweep, a backfill or an ask wait, is given out when no other is due.
    /// All events that wait in it (at most [`EVENTS_PER_PASS_MAX`]) are taken with it. The attempt is counted before this
    /// returns, so that a pass that ends the process is counted; it is on the disk with the next change that is. A lane
    /// whose lease has run out is due again.
    /// Lanes of the tenants in `pass_over` are left where they are, for as long as a caller says so.
    async fn take(
        &self,
        worker: &str,
        now: Timestamp,
        lease_ms: u64,
        pass_over: &[String],
    ) -> Result<Option<Taken>>;

    /// Keeps a lane until `until`.
    async fn renew(&self, lease: Lease, until: Timestamp) -> Result<()>;

    /// Gives a lane back untried: the attempt does not count, and the lane is due at once.
    async fn hand_back(&self, lease: Lease, now: Timestamp) -> Result<()>;

    /// Ends all leases: whoever held one is gone. Lanes that were in hand are due at once, and a holder that is not
    /// gone after all has lost them. Only a host that has the journal to itself may say so, at its start. Returns how
    /// many leases ended.
    async fn end_leases(&self, now: Timestamp) -> Result<u64>;

    /// Stores one transaction of a pass that goes on. When the commit links a side for the first time, whatever waits
    /// for that side elsewhere moves into this lane, which is the link's from now on, under the same lease.
    /// A link that has only one of the sides and nothing under way ends then, and its lane's events move too.
    /// [`Error::AlreadyLinked`] if either side belongs to any other link; then nothing was stored.
    async fn store(&self, lease: Lease, commit: &Commit, trail: &Trail) -> Result<()>;

    /// Stores the last transaction of a pass, its verdict for all events that it took, and lets the lane go.
    /// [`Verdict::Moved`] hands the events to the other subject's lane instead; [`Verdict::Again`] keeps them waiting
    /// until then. After `applied` or `agreed`, earlier parked events of the lane are superseded.
    /// `recording` is what the pass read and was answered, kept encrypted for replays.
    async fn finish(
        &self,
        lease: Lease,
        commit: &Commit,
        verdict: &Verdict,
        trail: &Trail,
        recording: Option<&[u8]>,
    ) -> Result<()>;

    /// The pass met a fault: its events wait until `retry_at`, and the attempts stay counted.
    async fn fail(&self, lease: Lease, reason: &str, trail: &Trail, retry_at: Timestamp) -> Result<()>;

    /// Changes whenever a lane may have become due through this process. Subscribe before looking.
    fn changed(&self) -> watch::Receiver<u64>;

    /// When the next lane is due (which may be in the past), those of tenants in `pass_over` left out; `None` if nothing
    /// waits.
    async fn next_due(&self, pass_over: &[String]) -> Result<Option<Timestamp>>;

    /// How much waits, for readiness and metrics. Where nothing can be written any more, that is the answer.
    async fn backlog(&self, now: Timestamp) -> Result<Backlog>;

    /// How many of a tenant's background lanes are in hand or due at `now`. Those that back off are not counted.
    async fn in_background(&self, tenant: &str, now: Timestamp) -> Result<u64>;

    // Links and entries

    /// Links that match, by id.
    async fn links(&self, filter: &LinkFilter) -> Result<Vec<Link>>;

    /// The link that a referral or a record belongs to.
    async fn link_of(&self, tenant: &str, subject: &Subject) -> Result<Option<Link>>;

    /// How many links, waiting and parked events and open entries a tenant has.
    async fn counts(&self, tenant: &str) -> Result<Counts>;

    /// A tenant's open entries, oldest first, at most `limit`.
    async fn open_entries(&self, tenant: &str, limit: u32) -> Result<Vec<EntryRecord>>;

    /// One entry of a tenant.
    async fn entry(&self, tenant: &str, id: &str) -> Result<Option<EntryRecord>>;

    /// A person decides an open entry: from the next pass on the link's state carries the decision, and an event is
    /// accepted that makes it look. Audited. [`Error::NotOpen`] if the entry holds nothing any more.
    async fn decide(
        &self,
        tenant: &str,
        entry: &str,
        decision: &Resolution,
        who: &str,
        at: Timestamp,
    ) -> Result<EventId>;

    /// An operator asks something of a link. It becomes part of the link's state when the lane is next taken, and an event
    /// is accepted that has it taken; a lane in hand is not disturbed. The same ask again changes nothing and is a
    /// duplicate. `None` if there is no such link (any more), or if it does not join both sides.
    async fn ask(&self, ask: &Ask) -> Result<Option<Accepted>>;

    // Audit

    /// Audit records that match, newest first.
    async fn audit(&self, filter: &AuditFilter) -> Result<Vec<AuditRecord>>;

    /// Recomputes a tenant's chain from its first record. [`Error::Tampered`] names the first record that is wrong.
    async fn verify_audit(&self, tenant: &str) -> Result<Chain>;

    /// Writes an administrator's act into a tenant's chain.
    async fn act(&self, tenant: &str, who: &str, what: &str, at: Timestamp) -> Result<()>;

    /// Raises an alarm that no pass raised.
    async fn raise(&self, tenant: &str, text: &str, at: Timestamp) -> Result<()>;

    /// A tenant's alarms, newest first.
    async fn alarms(&self, tenant: &str, limit: u32) -> Result<Vec<Alarm>>;

    // Tenants

    /// Creates or replaces a tenant's document, and stores (encrypted) the secrets given with it; others stay.
    async fn apply_tenant(&self, tenant: &Tenant, secrets: &[Secret]) -> Result<()>;

    /// All tenants, by name.
    async fn tenants(&self) -> Result<Vec<Tenant>>;

    /// One tenant.
    async fn tenant(&self, name: &str) -> Result<Option<Tenant>>;

    /// Stores a secret, encrypted and bound to its tenant and name.
    async fn put_secret(&self, tenant: &str, name: &str, value: &[u8]) -> Result<()>;

    /// A secret in the clear; `None` if there is none.
    async fn secret(&self, tenant: &str, name: &str) -> Result<Option<Vec<u8>>>;

    /// Remembers how far something has been read (a poll, a sweep).
    async fn put_cursor(&self, tenant: &str, name: &str, value: &str) -> Result<()>;

    /// How far something has been read; `None` if it never was.
    async fn cursor(&self, tenant: &str, name: &str) -> Result<Option<String>>;

    // Releases

    /// Installs a plugin with its settings, and remembers where it came from. The same digest with the same settings is
    /// the same release; a signature that is known of the component stays known if none comes with it this time. Audited,
    /// unless nothing is new.
    async fn install_release(&self, release: &NewRelease) -> Result<ReleaseId>;

    /// Changes where a tenant is routed if its generation is still the expected one, and returns how it is routed now.
    /// [`Error::Moved`] says what the generation is otherwise. Every change goes this way: of the live release, of the
    /// candidate, of its stage and share. Audited.
    async fn route(&self, change: &NewRoute) -> Result<Route>;

    /// Where a tenant is routed now; `None` if it never was.
    async fn routed(&self, tenant: &str) -> Result<Option<Route>>;

    /// One generation of a tenant.
    async fn route_at(&self, tenant: &str, generation: u64) -> Result<Option<Route>>;

    /// All generations of a tenant, newest first, at most `limit`.
    async fn routes(&self, tenant: &str, limit: u32) -> Result<Vec<Route>>;

    /// A tenant's releases, newest first.
    async fn releases(&self, tenant: &str) -> Result<Vec<Release>>;

    /// One release.
    async fn release(&self, id: ReleaseId) -> Result<Option<Release>>;

    /// A component's bytes by its digest.
    async fn component(&self, digest: &str) -> Result<Option<Vec<u8>>>;

    /// Recorded passes of a tenant, newest first, decrypted: those before the pass `before`, which is the last one of the
    /// page before, at most `limit`.
    async fn recordings(&self, tenant: &str, before: Option<PassId>, limit: u32) -> Result<Vec<Recording>>;

    /// The recording of one pass of a tenant; `None` if there is none (any more).
    async fn recording(&self, tenant: &str, pass: PassId) -> Result<Option<Recording>>;

    // Jobs

    /// Begins a job. [`Error::JobRunning`] if the tenant has one under way.
    async fn begin_job(&self, job: &NewJob) -> Result<JobId>;

    /// Remembers how far a job is, and adds what it found, in order. [`Error::NotRunning`] once it has ended.
    async fn save_job(&self, id: JobId, progress: &str, found: &[String], at: Timestamp) -> Result<()>;

    /// Ends a job: done without a `reason`, else failed. [`Error::NotRunning`] if it has ended before.
    async fn end_job(&self, id: JobId, reason: Option<&str>, at: Timestamp) -> Result<()>;

    /// One job; `None` if there is none (any more).
    async fn job(&self, id: JobId) -> Result<Option<Job>>;

    /// Jobs that match, newest first.
    async fn jobs(&self, filter: &JobFilter) -> Result<Vec<Job>>;

    /// What a job found, in order, after the finding numbered `after`, at most `limit`.
    async fn findings(&self, id: JobId, after: u64, limit: u32) -> Result<Vec<Finding>>;

    // Upkeep

    /// Drops what is older than its retention, at most [`Retention::rows_max`] rows of each kind, and gives space
    /// back to the file system. Call it again while [`Pruned::more`].
    async fn prune(&self, now: Timestamp, retention: &Retention) -> Result<Pruned>;

    /// Stops accepting ([`Error::Closed`]), waits for what is under way, and closes the database.
    async fn close(&self) -> Result<()>;
}

/// How many events one pass settles at most; more than that wait for the next pass of the lane.
pub const EVENTS_PER_PASS_MAX: u32 = 1_000;

/// How many buckets lanes are spread over, evenly, for whoever wants a share of them.
pub const LANE_BUCKETS: u16 = 10_000;

/// How many rows a listing returns at most, whatever was asked for.
pub const LIST_ROWS_MAX: u32 = 1_000;
