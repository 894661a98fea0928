//! Waiting for the disk, once for many.
//!
//! SQLite commits into its write-ahead log without a wait (`synchronous=NORMAL`), and whoever needs to know that a
//! commit is on the disk waits here. One sync serves all commits that were made before it began: workers that commit
//! at the same time wait for the disk together and not one after the other, and none holds the write lock meanwhile.
//! The log is written in order, so what is on the disk is always all commits up to one of them.
//!
//! After a sync that failed nobody knows what the disk has (the kernel may drop what it could not write and call the next
//! sync a success), so the journal writes nothing more until it is opened again. A caller that gives up takes no outcome with
//! it: a sync that has begun holds the queue until it has said how it ended.

use std::{
    fs::File,
    io,
    path::Path,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::error::{Error, Result};

/// The disk under the write-ahead log.
pub(super) struct Disk {
    /// Brings the log to it.
    flush: Box<dyn Fn() -> io::Result<()> + Send + Sync>,
    /// Commits that were made.
    made: AtomicU64,
    /// How many of these are on the disk. Whoever holds it syncs; the others queue for it.
    kept: Arc<Mutex<u64>>,
    /// Why the last sync failed.
    failed: OnceLock<Error>,
}

impl Disk {
    /// For the database file at `path`, whose write-ahead log exists and stays the same file while a connection is open.
    pub(super) fn under(path: &Path) -> io::Result<Self> {
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        let log = File::options().write(true).open(log)?;
        // SQLite made the log a moment ago, and a file is not on the disk before its name is.
        #[cfg(unix)]
        File::open(path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")))?
            .sync_all()?;
        Ok(Self::flushing(move || log.sync_data()))
    }

    fn flushing(flush: impl Fn() -> io::Result<()> + Send + Sync + 'static) -> Self {
        Self {
            flush: Box::new(flush),
            made: AtomicU64::new(0),
            kept: Arc::default(),
            failed: OnceLock::new(),
        }
    }

    /// Whether anything may still be written.
    pub(super) fn usable(&self) -> Result<()> {
        self.failed.get().map_or(Ok(()), |error| Err(error.clone()))
    }

    /// Returns when the commit that the caller has just made is on the disk.
    pub(super) async fn keeps(self: &Arc<Self>) -> Result<()> {
        let mine = self.made.fetch_add(1, Ordering::SeqCst) + 1;
        let kept = Arc::clone(&self.kept).lock_owned().await;
        self.usable()?;
        if *kept >= mine {
            return Ok(());
        }
        let disk = Arc::clone(self);
        tokio::task::spawn_blocking(move || disk.sync(kept))
            .await
            .unwrap_or_else(|error| Err(Error::Unsynced(Arc::new(io::Error::other(error)))))
    }

    /// Brings all commits so far to the disk, and lets the next in the queue go when it is known how that ended.
    fn sync(&self, mut kept: OwnedMutexGuard<u64>) -> Result<()> {
        let made = self.made.load(Ordering::SeqCst);
        match (self.flush)() {
            Ok(()) => {
                *kept = made;
                Ok(())
            }
            Err(error) => Err(self.failed.get_or_init(|| Error::Unsynced(Arc::new(error))).clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::future::join_all;
    use std::sync::mpsc;

    use super::*;
    use crate::{Journal as _, SqliteJournal, SqliteOptions, seal::KEY_BYTES};

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn commits_that_are_made_during_a_sync_share_the_next_one() {
        let (goes_on, waits) = mpsc::channel::<()>();
        let (waits, syncs) = (std::sync::Mutex::new(waits), Arc::new(AtomicU64::new(0)));
        let counted = Arc::clone(&syncs);
        let disk = Arc::new(Disk::flushing(move || {
            counted.fetch_add(1, Ordering::SeqCst);
            waits.lock().unwrap().recv().map_err(io::Error::other)
        }));
        let commit = || {
            tokio::spawn({
                let disk = Arc::clone(&disk);
                async move { disk.keeps().await }
            })
        };
        let first = commit();
        while syncs.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        let others: Vec<_> = (0..10).map(|_| commit()).collect();
        while disk.made.load(Ordering::SeqCst) < 11 {
            tokio::task::yield_now().await;
        }
        assert!(
            !first.is_finished() && others.iter().all(|other| !other.is_finished()),
            "nothing is on the disk yet"
        );
        for _ in 0..2 {
            goes_on.send(()).unwrap();
        }
        for ended in join_all(others.into_iter().chain([first])).await {
            ended.unwrap().unwrap();
        }
        assert_eq!(syncs.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn after_a_sync_that_failed_nothing_is_written_and_no_later_one_is_believed() {
        let calls = AtomicU64::new(0);
        let disk = Arc::new(Disk::flushing(move || match calls.fetch_add(1, Ordering::SeqCst) {
            1 => Err(io::Error::other("the cable is out")),
            _ => Ok(()),
        }));
        disk.keeps().await.unwrap();
        disk.usable().unwrap();
        for _ in 0..2 {
            assert!(matches!(disk.keeps().await, Err(Error::Unsynced(_))));
            assert!(matches!(disk.usable(), Err(Error::Unsynced(_))));
        }
    }

    #[tokio::test]
    async fn a_journal_whose_disk_failed_says_so_to_whoever_asks_what_waits() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        let mut journal =
            SqliteJournal::open(&path, &[7; KEY_BYTES], SqliteOptions::default()).await.unwrap();
        journal.write.disk = Arc::new(Disk::flushing(|| Err(io::Error::other("the cable is out"))));
        let now = jiff::Timestamp::UNIX_EPOCH;
        journal.backlog(now).await.unwrap();
        for _ in 0..2 {
            let stored = journal.put_cursor("contoso", "poll", "1").await;
            assert!(matches!(stored, Err(Error::Unsynced(_))), "{stored:?}");
        }
        assert!(matches!(journal.backlog(now).await, Err(Error::Unsynced(_))));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_sync_that_failed_is_known_although_its_caller_has_given_up() {
        let (goes_on, waits) = mpsc::channel::<()>();
        let (waits, calls) = (std::sync::Mutex::new(waits), Arc::new(AtomicU64::new(0)));
        let counted = Arc::clone(&calls);
        let disk = Arc::new(Disk::flushing(move || {
            if counted.fetch_add(1, Ordering::SeqCst) > 0 {
                return Ok(());
            }
            waits.lock().unwrap().recv().map_err(io::Error::other)?;
            Err(io::Error::other("the cable is out"))
        }));
        let gives_up = tokio::spawn({
            let disk = Arc::clone(&disk);
            async move { disk.keeps().await }
        });
        while calls.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        gives_up.abort();
        assert!(gives_up.await.unwrap_err().is_cancelled());
        let next = tokio::spawn({
            let disk = Arc::clone(&disk);
            async move { disk.keeps().await }
        });
        while disk.made.load(Ordering::SeqCst) < 2 {
            tokio::task::yield_now().await;
        }
        goes_on.send(()).unwrap();
        assert!(matches!(next.await.unwrap(), Err(Error::Unsynced(_))));
        assert_eq!(calls.load(Ordering::SeqCst), 1, "a later sync was asked although one had failed");
    }
}
