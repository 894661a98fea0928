//! Durable intake against a bare loop that commits the same rows in groups of the same size.

use std::{
    fmt,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use crosswalk_engine::pass::Subject;
use crosswalk_journal::{Journal as _, NewEvent, Source, SqliteJournal, SqliteOptions};
use sqlx::{
    Connection as _, SqliteConnection,
    sqlite::{SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};

use crate::{Effort, rounds::Rounds};

/// The journal's own tables, so that the floor keeps the same indexes up to date.
const SCHEMA: &str = include_str!("../../../host/journal/migrations/0001_journal.sql");

/// Events of one round.
const EVENTS: usize = 5_000;

/// How many tasks accept at the same time.
const TASKS: usize = 64;

const TENANT: &str = "contoso";

/// What was measured, and how many rows shared a transaction.
pub(crate) struct Intake {
    pub(crate) rounds: Rounds,
    events: usize,
    transactions: u64,
}

/// Every event is about a referral of its own and has a dedupe key of its own: the most rows that an event can cost.
pub(crate) async fn measure(effort: &Effort) -> Result<Intake> {
    let rounds = Rounds::new("event accepted", "its rows, bare commits");
    let mut intake = Intake { rounds, events: 0, transactions: 0 };
    for _ in 0..effort.of(11) {
        // Both on the disk of the build, because a temporary directory may be in memory.
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        let journal = folder.path().join("journal.sqlite");
        let (accepting, transactions) = accept_all(&journal).await?;
        let rows = rows(&journal).await?;
        ensure!(rows.len() == EVENTS, "{} of {EVENTS} events are in the journal", rows.len());
        let batch = EVENTS.div_ceil(usize::try_from(transactions)?.max(1));
        let inserting = insert_all(&folder.path().join("floor.sqlite"), &rows, batch).await?;
        intake.rounds.add(accepting, inserting, EVENTS);
        intake.events += EVENTS;
        intake.transactions += transactions;
    }
    Ok(intake)
}

impl fmt::Display for Intake {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let batch = self.events as f64 / self.transactions as f64;
        let (accepted, inserted) = self.rounds.rates();
        write!(
            formatter,
            "intake: {accepted:.0} events/s are on disk, {inserted:.0}/s at the floor; {batch:.1} events share a commit"
        )
    }
}

/// How long it took until the last event was on disk, and in how many transactions.
async fn accept_all(path: &Path) -> Result<(Duration, u64)> {
    let journal = Arc::new(SqliteJournal::open(path, &[7; 32], SqliteOptions::default()).await?);
    let began = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..TASKS {
        let journal = Arc::clone(&journal);
        tasks.spawn(async move {
            for number in (task..EVENTS).step_by(TASKS) {
                journal.accept(event(number)).await?;
            }
            Ok::<(), crosswalk_journal::Error>(())
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    let took = began.elapsed();
    let transactions = journal.accept_transactions();
    journal.close().await?;
    Ok((took, transactions))
}

fn event(number: usize) -> NewEvent {
    NewEvent {
        tenant: TENANT.to_owned(),
        subject: Subject::Referral(format!("0f7cdb5b-3d2a-4cd6-8c2b-{number:012}")),
        source: Source::WebhookPartnerCenter,
        dedupe: Some(format!(
            "referral-updated 0f7cdb5b-3d2a-4cd6-8c2b-{number:012} 2026-01-31T10:00:00.0000000Z"
        )),
        note: Some("referral-updated".to_owned()),
        received: jiff::Timestamp::now(),
    }
}

/// Id, tenant, subject, source, note and time of an event; its lane and when that is due and ready; its dedupe key.
type Stored = (i64, String, String, String, Option<String>, i64, i64, i64, i64, String);

/// What the journal has stored, in its order.
async fn rows(path: &Path) -> Result<Vec<Stored>> {
    let mut connection = SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(path)).await?;
    let rows = sqlx::query_as(
        "SELECT e.id, e.tenant, e.subject, e.source, e.note, e.received, l.id, l.due_at, l.ready_at, d.dedupe
         FROM events e JOIN lanes l ON l.id = e.lane JOIN dedupe_keys d ON d.event = e.id ORDER BY e.id",
    )
    .fetch_all(&mut connection)
    .await?;
    connection.close().await?;
    Ok(rows)
}

/// How long it takes to insert the rows, so many events to a transaction, with the journal's durability.
async fn insert_all(path: &Path, rows: &[Stored], batch: usize) -> Result<Duration> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .auto_vacuum(SqliteAutoVacuum::Incremental)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full);
    let mut connection = SqliteConnection::connect_with(&options).await?;
    sqlx::raw_sql(SCHEMA).execute(&mut connection).await?;
    let began = Instant::now();
    for events in rows.chunks(batch.max(1)) {
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        for event in events {
            insert(&mut transaction, event).await?;
        }
        if let Some(last) = events.last() {
            count(&mut transaction, last).await?;
        }
        transaction.commit().await?;
    }
    let took = began.elapsed();
    connection.close().await?;
    Ok(took)
}

/// One event, its dedupe key and its lane.
async fn insert(connection: &mut SqliteConnection, event: &Stored) -> Result<()> {
    let (id, tenant, subject, source, note, received, lane, due, ready, dedupe) = event;
    sqlx::query(
        "INSERT INTO events (id, tenant, subject, source, note, received, lane, state)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 'waiting')",
    )
    .bind(id)
    .bind(tenant)
    .bind(subject)
    .bind(source)
    .bind(note)
    .bind(received)
    .bind(lane)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "INSERT INTO dedupe_keys (tenant, source, dedupe, event, received) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(tenant)
    .bind(source)
    .bind(dedupe)
    .bind(id)
    .bind(received)
    .execute(&mut *connection)
    .await?;
    sqlx::query("INSERT INTO lanes (id, tenant, subject, due_at, ready_at) VALUES ($1, $2, $3, $4, $5)")
        .bind(lane)
        .bind(tenant)
        .bind(subject)
        .bind(due)
        .bind(ready)
        .execute(connection)
        .await?;
    Ok(())
}

/// The rows that are written again and again, once a transaction: both counters and the tenant's turn.
async fn count(connection: &mut SqliteConnection, last: &Stored) -> Result<()> {
    for (name, value) in [("event", last.0), ("lane", last.6)] {
        let sql =
            "INSERT INTO counters (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = $2";
        sqlx::query(sql).bind(name).bind(value).execute(&mut *connection).await?;
    }
    let sql = "INSERT INTO turns (tenant, turn, ready_at) VALUES ($1, 0, $2) ON CONFLICT (tenant) DO NOTHING";
    sqlx::query(sql).bind(&last.1).bind(last.8).execute(connection).await?;
    Ok(())
}
