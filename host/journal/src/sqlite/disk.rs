//! Waiting for the disk, once for many.
//!
//! SQLite commits into its write-ahead log without a wait (`synchronous=NORMAL`), and whoever needs to know that a
//! commit is on the disk waits here. One sync serves all commits that were made before it began: workers that commit
//! at the same time wait for the disk together and not one after the other, and none holds the write lock meanwhile.
//! The log is written in order, so what is on the disk is always all commits up to one of them.
//!
//! After a sync that failed nobody knows what the disk has (the kernel may drop what it could not write and call the next
//! sync a success), so the journal writes nothing more until it is opened again.

use std::{
    fs::File,
    io,
    path::Path,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::Mutex;

use crate::error::{Error, Result};

/// Brings the log to the disk.
type Flush = dyn Fn() -> io::Result<()> + Send + Sync;

/// The disk under the write-ahead log.
pub(super) struct Disk {
    flush: Arc<Flush>,
    /// Commits that were made.
    made: AtomicU64,
    /// How many of these are on the disk. Whoever holds it syncs; the others queue for it.
    kept: Mutex<u64>,
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
        Self { flush: Arc::new(flush), made: AtomicU64::new(0), kept: Mutex::new(0), failed: OnceLock::new() }
    }

    /// Whether anything may still be written.
    pub(super) fn usable(&self) -> Result<()> {
        self.failed.get().map_or(Ok(()), |error| Err(error.clone()))
    }

    /// Returns when the commit that the caller has just made is on the disk.
    pub(super) async fn keeps(&self) -> Result<()> {
        let mine = self.made.fetch_add(1, Ordering::SeqCst) + 1;
        let mut kept = self.kept.lock().await;
        self.usable()?;
        if *kept >= mine {
            return Ok(());
        }
        let made = self.made.load(Ordering::SeqCst);
        let flush = Arc::clone(&self.flush);
        let synced = tokio::task::spawn_blocking(move || flush()).await.map_err(io::Error::other);
        match synced.flatten() {
            Ok(()) => {
                *kept = made;
                Ok(())
            }
            Err(error) => {
                let error = Error::Unsynced(Arc::new(error));
                Err(self.failed.get_or_init(|| error).clone())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::future::join_all;
    use std::sync::mpsc;

    use super::*;

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
        let disk = Disk::flushing(move || match calls.fetch_add(1, Ordering::SeqCst) {
            0 => Ok(()),
            1 => Err(io::Error::other("the cable is out")),
            _ => Ok(()),
        });
        disk.keeps().await.unwrap();
        disk.usable().unwrap();
        for _ in 0..2 {
            assert!(matches!(disk.keeps().await, Err(Error::Unsynced(_))));
            assert!(matches!(disk.usable(), Err(Error::Unsynced(_))));
        }
    }
}
