//! A journal of its own for each test, and short words for what tests do all the time.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use crosswalk_engine::{
    link::{Entry, EntryKind, LinkState},
    pass::{AuditLine, Commit, EntryChange, Pair, Subject, Verdict},
    value::{RecordKey, Value},
};
use crosswalk_journal::{
    Accepted, Event, EventFilter, EventId, EventState, Journal, NewEvent, Source, SqliteJournal,
    SqliteOptions, Taken, Trail,
};
use jiff::Timestamp;
use sqlx::{Connection as _, SqliteConnection};
use tempfile::TempDir;

pub(crate) const LEASE_MS: u64 = 30_000;
pub(crate) const KEY: [u8; 32] = [7; 32];

/// A journal, and where it is.
pub(crate) struct World {
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) path: PathBuf,
    _dir: TempDir,
}

impl World {
    pub(crate) async fn sqlite() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.db");
        World { journal: open(&path).await, path, _dir: dir }
    }

    /// A second, empty journal on the same engine.
    pub(crate) async fn another(&self) -> Self {
        World::sqlite().await
    }

    /// The machine stops: what is on disk at this moment is all that there is when it comes up again. Nothing was
    /// closed, and the write-ahead log was not folded into the file.
    pub(crate) async fn crash(self) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.db");
        std::fs::copy(&self.path, &path).unwrap();
        let log = |path: &Path| path.with_extension("db-wal");
        if log(&self.path).exists() {
            std::fs::copy(log(&self.path), log(&path)).unwrap();
        }
        World { journal: open(&path).await, path, _dir: dir }
    }

    /// Somebody with access to the database changes it behind the journal's back.
    pub(crate) async fn tamper(&self, sql: &'static str) {
        let mut conn = SqliteConnection::connect(&format!("sqlite://{}", self.path.display())).await.unwrap();
        assert!(
            sqlx::query(sql).execute(&mut conn).await.unwrap().rows_affected() > 0,
            "`{sql}` changed nothing"
        );
        conn.close().await.unwrap();
    }

    /// All bytes that are on disk.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for suffix in ["", "-wal"] {
            let mut name = self.path.clone().into_os_string();
            name.push(suffix);
            bytes.append(&mut std::fs::read(name).unwrap_or_default());
        }
        bytes
    }

    pub(crate) async fn accept(&self, tenant: &str, subject: Subject, second: i64) -> EventId {
        let accepted = self.journal.accept(event(tenant, subject, second)).await.unwrap();
        assert!(!accepted.duplicate);
        accepted.id
    }

    pub(crate) async fn accept_with(&self, dedupe: &str, second: i64) -> Accepted {
        let event = NewEvent { dedupe: Some(dedupe.to_owned()), ..event("contoso", referral("r1"), second) };
        self.journal.accept(event).await.unwrap()
    }

    /// The lane that is due, which there must be.
    pub(crate) async fn take(&self, second: i64) -> Taken {
        self.journal.take("worker", at(second), LEASE_MS, &[]).await.unwrap().expect("no lane is due")
    }

    pub(crate) async fn nothing_due(&self, second: i64) {
        let taken = self.journal.take("worker", at(second), LEASE_MS, &[]).await.unwrap();
        assert_eq!(taken, None, "a lane is due at {second}");
    }

    pub(crate) async fn finish(&self, taken: &Taken, verdict: Verdict, second: i64) {
        self.journal.finish(taken.lease, &Commit::default(), &verdict, &trail(second), None).await.unwrap();
    }

    /// Takes the lane that is due, and agrees.
    pub(crate) async fn agree(&self, second: i64) -> Taken {
        let taken = self.take(second).await;
        self.finish(&taken, agreed(), second).await;
        taken
    }

    /// Makes a link of `referral` and `record` by way of the referral's lane.
    pub(crate) async fn link(&self, tenant: &str, referral_id: &str, record_id: &str, second: i64) -> Taken {
        self.accept(tenant, referral(referral_id), second).await;
        let taken = self.take(second).await;
        self.journal
            .finish(taken.lease, &linking(pair(referral_id, record_id)), &agreed(), &trail(second), None)
            .await
            .unwrap();
        taken
    }

    pub(crate) async fn event(&self, id: EventId) -> Event {
        self.journal.event(id).await.unwrap().expect("no such event").event
    }

    pub(crate) async fn in_state(&self, state: EventState) -> Vec<EventId> {
        let filter = EventFilter { state: Some(state), ..EventFilter::default() };
        self.journal.events(&filter).await.unwrap().iter().map(|event| event.id).collect()
    }
}

async fn open(path: &Path) -> Arc<dyn Journal> {
    Arc::new(SqliteJournal::open(path, &KEY, SqliteOptions::default()).await.unwrap())
}

/// So many seconds after the tests' beginning of time.
pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

pub(crate) fn trail(second: i64) -> Trail {
    Trail { at: at(second), release: Some("sha256:9f31".to_owned()) }
}

pub(crate) fn referral(id: &str) -> Subject {
    Subject::Referral(id.to_owned())
}

pub(crate) fn key(id: &str) -> RecordKey {
    RecordKey { entity: "opportunity".to_owned(), id: id.to_owned() }
}

pub(crate) fn record(id: &str) -> Subject {
    Subject::Record(key(id))
}

pub(crate) fn pair(referral: &str, record: &str) -> Pair {
    Pair { referral: Some(referral.to_owned()), engagement: Some("e1".to_owned()), record: Some(key(record)) }
}

pub(crate) fn event(tenant: &str, subject: Subject, second: i64) -> NewEvent {
    NewEvent {
        tenant: tenant.to_owned(),
        subject,
        source: Source::WebhookPartnerCenter,
        dedupe: None,
        note: None,
        received: at(second),
    }
}

pub(crate) fn agreed() -> Verdict {
    Verdict::Agreed { reason: "both sides say the same".to_owned() }
}

pub(crate) fn parked() -> Verdict {
    Verdict::Parked { reason: "a person decides".to_owned() }
}

pub(crate) fn linking(pair: Pair) -> Commit {
    Commit { link: Some((pair, LinkState::default())), ..Commit::default() }
}

pub(crate) fn line(note: &str) -> AuditLine {
    AuditLine {
        release: None,
        side: None,
        rule: "fold".to_owned(),
        fields: [("name".to_owned(), (Some(Value::Empty), Value::Text("Fabrikam".to_owned())))].into(),
        note: note.to_owned(),
    }
}

pub(crate) fn entry(id: &str, field: &str) -> Entry {
    Entry {
        id: id.to_owned(),
        field: field.to_owned(),
        path: None,
        kind: EntryKind::Parked,
        partner_center: Value::Text("theirs".to_owned()),
        crm: Value::Text("ours".to_owned()),
        base: None,
        reason: "both changed".to_owned(),
        decision: None,
        since: at(0),
    }
}

/// A commit that adds an entry which holds its field.
pub(crate) fn holding(pair: Pair, entry: Entry) -> Commit {
    let mut state = LinkState::default();
    state.open.insert(entry.field.clone(), entry.clone());
    Commit { link: Some((pair, state)), entries: vec![EntryChange::Add(entry)], ..Commit::default() }
}
