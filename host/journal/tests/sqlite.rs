//! What is particular to the journal in one SQLite file.
#![expect(clippy::unwrap_used, reason = "tests may panic")]

use std::{path::Path, sync::Arc};

use crosswalk_engine::pass::{Commit, Subject, Verdict};
use crosswalk_journal::{Error, Journal, NewEvent, Retention, Source, SqliteJournal, SqliteOptions, Trail};
use futures::future::join_all;
use jiff::Timestamp;

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
        let taken = journal.take("worker", at(0), 1_000).await.unwrap().unwrap();
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
