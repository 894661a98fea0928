//! What is particular to the journal in one SQLite file.
#![expect(clippy::unwrap_used, reason = "tests may panic")]

use std::{path::Path, sync::Arc};

use crosswalk_engine::pass::{Commit, Subject, Verdict};
use crosswalk_journal::{Error, Journal, NewEvent, Retention, Source, SqliteJournal, SqliteOptions, Trail};
use futures::future::join_all;
use jiff::Timestamp;
use sqlx::{
    Connection as _, SqlSafeStr as _, SqliteConnection,
    migrate::{Migration, MigrationType, Migrator},
    sqlite::SqliteConnectOptions,
};

const KEY: [u8; 32] = [7; 32];

async fn open(path: &Path) -> SqliteJournal {
    SqliteJournal::open(path, &KEY, SqliteOptions::default()).await.unwrap()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn event(id: impl ToString) -> NewEvent {
    NewEvent {
        tenant: "contoso".to_owned(),
        subject: Subject::Referral(id.to_string()),
        source: Source::Poll,
        dedupe: None,
        note: None,
        received: at(0),
    }
}

fn agreed() -> Verdict {
    Verdict::Agreed { reason: "both sides say the same".to_owned() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_concurrent_accepts_share_few_transactions() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Arc::new(open(&dir.path().join("journal.db")).await);
    let accepts = (0..200).map(|n| {
        let journal = Arc::clone(&journal);
        tokio::spawn(async move { journal.accept(event(n)).await.unwrap() })
    });
    join_all(accepts).await;
    let transactions = journal.accept_transactions();
    assert!((1..=20).contains(&transactions), "{transactions} transactions for 200 events");
}

#[tokio::test]
async fn an_accept_that_stands_alone_does_not_wait_for_others() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(&dir.path().join("journal.db")).await;
    for n in 0..3 {
        journal.accept(event(n)).await.unwrap();
    }
    assert_eq!(journal.accept_transactions(), 3);
}

#[tokio::test]
async fn a_journal_does_not_open_with_another_key() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.db");
    let journal = open(&path).await;
    journal.put_secret("contoso", "token", b"t-1").await.unwrap();
    journal.close().await.unwrap();
    let refused = SqliteJournal::open(&path, &[8; 32], SqliteOptions::default()).await.err();
    assert!(matches!(refused, Some(Error::WrongKey)), "{refused:?}");
    let journal = open(&path).await;
    assert_eq!(journal.secret("contoso", "token").await.unwrap().as_deref(), Some(&b"t-1"[..]));
}

#[tokio::test]
async fn a_file_that_is_no_journal_is_reported_as_damaged_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.db");
    let text = "this is a letter, not a database\n".repeat(200);
    std::fs::write(&path, &text).unwrap();
    let refused = SqliteJournal::open(&path, &KEY, SqliteOptions::default()).await.err();
    assert!(matches!(refused, Some(Error::Damaged(_))), "{refused:?}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[tokio::test]
async fn a_page_that_was_overwritten_is_found_by_a_check() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.db");
    let journal = open(&path).await;
    join_all((0..300).map(|n| journal.accept(event(n)))).await;
    journal.check().await.unwrap();
    journal.close().await.unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    let pages = bytes.len() / 4_096;
    for page in pages / 2..pages {
        bytes[page * 4_096..page * 4_096 + 64].fill(0xa5);
    }
    std::fs::write(&path, bytes).unwrap();
    let found = match SqliteJournal::open(&path, &KEY, SqliteOptions::default()).await {
        Ok(journal) => journal.check().await,
        Err(error) => Err(error),
    };
    assert!(matches!(found, Err(Error::Damaged(_))), "{found:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn the_file_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.db");
    let journal = open(&path).await;
    journal.accept(event(1)).await.unwrap();
    for name in ["journal.db", "journal.db-wal"] {
        let mode = std::fs::metadata(dir.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name}");
    }
}

#[tokio::test]
async fn pruning_gives_space_back_to_the_file_system() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.db");
    let journal = open(&path).await;
    for n in 0..20 {
        journal.accept(event(n)).await.unwrap();
        let taken = journal.take("worker", at(0), 1_000, &[]).await.unwrap().unwrap();
        let trail = Trail { at: at(0), release: None };
        let recording = vec![1; 100_000];
        journal.finish(taken.lease, &Commit::default(), &agreed(), &trail, Some(&recording)).await.unwrap();
    }
    let keep_all = Retention::default();
    journal.prune(at(1), &keep_all).await.unwrap();
    let full = std::fs::metadata(&path).unwrap().len();
    assert!(full > 2_000_000, "{full}");
    assert_eq!(std::fs::metadata(dir.path().join("journal.db-wal")).unwrap().len(), 0);
    journal.prune(at(1_000), &Retention { recordings_ms: 1, ..keep_all }).await.unwrap();
    let pruned = std::fs::metadata(&path).unwrap().len();
    assert!(pruned < full / 4, "{pruned} of {full} bytes are left");
}

#[tokio::test]
async fn a_call_that_is_dropped_half_way_leaves_the_journal_usable() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(&dir.path().join("journal.db")).await;
    journal.accept(event(1)).await.unwrap();
    for polls in 1..40 {
        let mut act = Box::pin(journal.act("contoso", "ada", "looked around", at(0)));
        for _ in 0..polls {
            if futures::poll!(&mut act).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(act);
        journal.act("contoso", "ada", "came back", at(1)).await.unwrap();
    }
    journal.verify_audit("contoso").await.unwrap();
}

#[tokio::test]
async fn a_journal_of_the_time_before_candidates_is_read_and_goes_back_where_it_would_have_gone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.db");
    old_journal(&path).await;
    let journal = open(&path).await;
    let routes = journal.routes("contoso", 0).await.unwrap();
    let read: Vec<_> =
        routes.iter().map(|route| (route.generation, route.before, route.live_since)).collect();
    assert_eq!(read, [(3, Some(1), at(3)), (2, Some(1), at(2)), (1, None, at(1))]);
    assert!(routes.iter().all(|route| route.candidate.is_none() && route.who == "ada"));
    let alarms = journal.alarms("contoso", 10).await.unwrap();
    assert_eq!((alarms[0].text.as_str(), alarms[0].pass.is_some()), ("a law is broken", true));
}

/// A journal as the third migration left it: two releases, of which the second was routed twice, and an alarm.
async fn old_journal(path: &Path) {
    let scripts = [
        ("journal", include_str!("../migrations/0001_journal.sql")),
        ("retried", include_str!("../migrations/0002_retried.sql")),
        ("background", include_str!("../migrations/0003_background.sql")),
    ];
    let numbered = (1..).zip(scripts).map(|(number, (name, script))| {
        Migration::new(number, name.into(), MigrationType::Simple, script.into_sql_str(), false)
    });
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let mut conn = SqliteConnection::connect_with(&options).await.unwrap();
    Migrator::with_migrations(numbered.collect()).run(&mut conn).await.unwrap();
    for (generation, release) in [(1, 1), (2, 2), (3, 2)] {
        sqlx::query("INSERT INTO routes (tenant, generation, release_id, routed_at, who) VALUES ('contoso', $1, $2, $3, 'ada')")
            .bind(generation)
            .bind(release)
            .bind(at(generation).as_millisecond())
            .execute(&mut conn)
            .await
            .unwrap();
    }
    let alarm =
        "INSERT INTO alarms (id, tenant, pass, raised, text) VALUES (1, 'contoso', 7, 0, 'a law is broken')";
    sqlx::query(alarm).execute(&mut conn).await.unwrap();
    conn.close().await.unwrap();
}
