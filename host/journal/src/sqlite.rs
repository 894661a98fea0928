//! The journal in one SQLite file.
//!
//! One connection writes, several read. WAL lets readers go on while a write waits for the disk; a commit waits for it
//! together with others ([`disk`]); a write transaction begins with its lock, so that it never has to start again
//! half-way.

use std::{path::Path, sync::Arc, time::Duration};

use sqlx::{
    SqlSafeStr as _, SqlitePool, Transaction,
    migrate::{Migration, MigrationType, Migrator},
    pool::PoolConnection,
    sqlite::{
        SqliteAutoVacuum, SqliteConnectOptions, SqliteError, SqliteJournalMode, SqlitePoolOptions,
        SqliteSynchronous,
    },
};
use tokio::sync::watch;

use crate::{
    accept::{Batch, Inbox},
    error::{Error, Result},
    event::{Accepted, NewEvent},
    seal::{KEY_BYTES, Sealer},
    sql::{self, Db},
};

mod disk;
mod journal;

use self::disk::Disk;

/// How the file is used. The defaults suit a host with tens of workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SqliteOptions {
    /// How many connections read at the same time.
    pub readers_max: u32,
    /// How long to wait for another process that holds the file, in milliseconds.
    pub busy_timeout_ms: u64,
    /// How many events may wait to be accepted before callers are held up.
    pub accept_queue_max: usize,
    /// How many events one transaction accepts at most.
    pub accept_batch_max: usize,
    /// How many free pages one pruning gives back to the file system at most.
    pub vacuum_pages_max: u32,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self {
            readers_max: 4,
            busy_timeout_ms: 5_000,
            accept_queue_max: 1_024,
            accept_batch_max: 256,
            vacuum_pages_max: 2_000,
        }
    }
}

/// A journal in one SQLite file.
pub struct SqliteJournal {
    write: Writer,
    read: SqlitePool,
    inbox: Inbox,
    sealer: Sealer,
    vacuum_pages_max: u32,
}

impl SqliteJournal {
    /// Opens the file, which is made (readable by its owner alone) if it is missing, and brings its schema up to
    /// date. Needs a tokio runtime. [`Error::WrongKey`] if it was made with another key.
    pub async fn open(path: &Path, key: &[u8; KEY_BYTES], options: SqliteOptions) -> Result<Self> {
        make_private(path)?;
        let connect = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .auto_vacuum(SqliteAutoVacuum::Incremental)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .foreign_keys(true)
            .busy_timeout(Duration::from_millis(options.busy_timeout_ms));
        let write = pool(1).connect_with(connect.clone()).await?;
        migrations().run(&write).await?;
        let sealer = Sealer::new(key)?;
        check_key(&write, &sealer).await?;
        let read = pool(options.readers_max.max(1)).connect_with(connect.pragma("query_only", "1")).await?;
        let disk = Arc::new(Disk::under(path).map_err(|error| Error::from(sqlx::Error::Io(error)))?);
        let write = Writer { pool: write, disk, changes: Arc::new(watch::Sender::new(0)) };
        let inbox = Inbox::start(options.accept_queue_max, options.accept_batch_max, write.clone());
        Ok(Self { write, read, inbox, sealer, vacuum_pages_max: options.vacuum_pages_max })
    }

    /// How many transactions have been committed for accepted events: fewer than events where they came together.
    pub fn accept_transactions(&self) -> u64 {
        self.inbox.transactions()
    }

    /// Reads the whole file and says whether it is sound; takes as long as reading it. [`Error::Damaged`] if not.
    pub async fn check(&self) -> Result<()> {
        let mut conn = self.reading().await?;
        let found: String = sqlx::query_scalar("PRAGMA quick_check(1)").fetch_one(&mut *conn).await?;
        if found == "ok" {
            return Ok(());
        }
        Err(Error::Damaged(Arc::new(sqlx::Error::Protocol(format!("quick_check says: {found}")))))
    }

    async fn reading(&self) -> Result<PoolConnection<Db>> {
        Ok(self.read.acquire().await?)
    }

    /// Gives free pages back to the file system, and empties the write-ahead log into the file.
    async fn give_space_back(&self) -> Result<()> {
        let mut conn = self.write.pool.acquire().await?;
        let vacuum = format!("PRAGMA incremental_vacuum({})", self.vacuum_pages_max);
        sqlx::query(sqlx::AssertSqlSafe(vacuum)).fetch_all(&mut *conn).await?;
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_all(&mut *conn).await?;
        Ok(())
    }
}

/// Connections are made once and kept; nothing in here waits on a timer that a simulated clock could run out.
fn pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .min_connections(connections)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .acquire_timeout(Duration::from_secs(60 * 60))
}

async fn begin(write: &SqlitePool) -> Result<Transaction<'static, Db>> {
    Ok(write.begin_with("BEGIN IMMEDIATE").await?)
}

fn migrations() -> Migrator {
    let first = include_str!("../migrations/0001_journal.sql").into_sql_str();
    let second = include_str!("../migrations/0002_retried.sql").into_sql_str();
    let third = include_str!("../migrations/0003_background.sql").into_sql_str();
    let fourth = include_str!("../migrations/0004_stages.sql").into_sql_str();
    let fifth = include_str!("../migrations/0005_asks.sql").into_sql_str();
    let sixth = include_str!("../migrations/0006_origins.sql").into_sql_str();
    Migrator::with_migrations(vec![
        Migration::new(1, "journal".into(), MigrationType::Simple, first, false),
        Migration::new(2, "retried".into(), MigrationType::Simple, second, false),
        Migration::new(3, "background".into(), MigrationType::Simple, third, false),
        Migration::new(4, "stages".into(), MigrationType::Simple, fourth, false),
        Migration::new(5, "asks".into(), MigrationType::Simple, fifth, false),
        Migration::new(6, "origins".into(), MigrationType::Simple, sixth, false),
    ])
}

async fn check_key(write: &SqlitePool, sealer: &Sealer) -> Result<()> {
    let mut transaction = begin(write).await?;
    let known: Option<Vec<u8>> = sqlx::query_scalar("SELECT sealed FROM key_check WHERE id = 1")
        .fetch_optional(&mut *transaction)
        .await?;
    if let Some(sealed) = known {
        return sealer.check_key(&sealed);
    }
    sqlx::query("INSERT INTO key_check (id, sealed) VALUES (1, $1)")
        .bind(sealer.key_check()?)
        .execute(&mut *transaction)
        .await?;
    Ok(transaction.commit().await?)
}

/// The write-ahead log and the index get the mode that the file has, so it is made before SQLite would make it.
#[cfg(unix)]
fn make_private(path: &Path) -> Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let made = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    match made {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(Error::from(sqlx::Error::Io(error))),
    }
}

#[cfg(not(unix))]
fn make_private(_path: &Path) -> Result<()> {
    Ok(())
}

/// The one connection that writes.
#[derive(Clone)]
struct Writer {
    pool: SqlitePool,
    disk: Arc<Disk>,
    changes: Arc<watch::Sender<u64>>,
}

impl Writer {
    /// A transaction that has the write lock.
    async fn begin(&self) -> Result<Transaction<'static, Db>> {
        self.disk.usable()?;
        begin(&self.pool).await
    }

    /// Commits, and returns when that is on the disk.
    async fn keep(&self, transaction: Transaction<'static, Db>) -> Result<()> {
        transaction.commit().await?;
        self.disk.keeps().await
    }

    /// As [`Writer::keep`], and wakes whoever waits for a lane.
    async fn announce(&self, transaction: Transaction<'static, Db>) -> Result<()> {
        self.keep(transaction).await?;
        self.changes.send_modify(|changes| *changes = changes.wrapping_add(1));
        Ok(())
    }
}

/// Events that come together share a transaction.
impl Batch for Writer {
    async fn store(&self, events: &[NewEvent]) -> Result<Vec<Accepted>> {
        let mut transaction = self.begin().await?;
        let mut accepted = Vec::with_capacity(events.len());
        for event in events {
            accepted.push(sql::events::insert(&mut transaction, event).await?);
        }
        self.announce(transaction).await?;
        Ok(accepted)
    }
}

impl From<sqlx::Error> for Error {
    /// Sorts by SQLite's primary result code, the low byte of the extended one (docs: sqlite.org/rescode.html).
    fn from(error: sqlx::Error) -> Self {
        let code = error
            .as_database_error()
            .and_then(|error| error.try_downcast_ref::<SqliteError>())
            .and_then(|error| sqlx::error::DatabaseError::code(error)?.parse::<i32>().ok());
        let error = Arc::new(error);
        match code.map(|code| code & 0xff) {
            Some(5 | 6) => Error::Busy(error),
            Some(8 | 13) => Error::Full(error),
            Some(11 | 26) => Error::Damaged(error),
            _ => Error::Storage(error),
        }
    }
}
