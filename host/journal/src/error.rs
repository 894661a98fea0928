//! What can go wrong, so that a caller can choose.

use std::sync::Arc;

use crate::ids::{EventId, JobId, Lease, LinkId, ReleaseId};

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call failed. Unless a case says otherwise, nothing was written.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The lane was given to another worker, or became part of another lane.
    #[error("`{}` of `{}` no longer has the lane; nothing was written, and its newer holder goes on", .0.pass, .0.lane)]
    LostLease(Lease),
    /// One side of the pair belongs to another link.
    #[error(
        "`{side}` belongs to `{link}` already; nothing was written. Look at that link, then retry the event"
    )]
    AlreadyLinked {
        /// The referral or record.
        side: String,
        /// The link that has it.
        link: LinkId,
    },
    /// The commit changes entries, but there is no link that they could belong to.
    #[error("a commit for `{}` has entries but no link; nothing was written. This is a fault of the host", .0.lane)]
    NoLink(Lease),
    /// Another routing came first.
    #[error(
        "the tenant is at generation {current}, not at {expected}: somebody else routed it; nothing was changed. \
         Look at what is routed now, then try again"
    )]
    Moved {
        /// The generation that was expected.
        expected: u64,
        /// What it is.
        current: u64,
    },
    /// There is no such event.
    #[error("there is no event `{0}` (any more)")]
    NoEvent(EventId),
    /// The event has its verdict.
    #[error("`{0}` does not wait: it has its verdict already; nothing was changed")]
    NotWaiting(EventId),
    /// There is no such release for this tenant.
    #[error("`{tenant}` has no release `{release}`; nothing was changed. Install it first")]
    NoRelease {
        /// The tenant.
        tenant: String,
        /// The release asked for.
        release: ReleaseId,
    },
    /// The entry is not open, or holds nothing that could be decided.
    #[error("entry `{0}` is not open (any more); nothing was changed. List the open entries again")]
    NotOpen(String),
    /// The tenant has a job under way.
    #[error("`{tenant}` has `{job}` under way; nothing was begun. Wait for it to end, then begin again")]
    JobRunning {
        /// The tenant.
        tenant: String,
        /// The job that runs.
        job: JobId,
    },
    /// The job has ended, or never was.
    #[error("`{0}` is not under way (any more); nothing was stored of it")]
    NotRunning(JobId),
    /// The database was made with another key.
    #[error(
        "the key does not belong to this journal; nothing was read or written. Give the key file that it was made with"
    )]
    WrongKey,
    /// A sealed value does not open although the key is right: it was changed or moved.
    #[error(
        "sealed value `{0}` was changed outside of Crosswalk and cannot be opened. Store it again, or restore a backup"
    )]
    Sealed(String),
    /// The audit was changed.
    #[error(
        "the audit of `{tenant}` is not as it was written: record {seq} {problem}. Compare with a backup"
    )]
    Tampered {
        /// Whose.
        tenant: String,
        /// The first record that is wrong.
        seq: u64,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The database file is damaged.
    #[error(
        "the journal's file is damaged. Stop the host, keep the file, and restore the last backup; \
         the sweep then repairs what the backup does not know"
    )]
    Damaged(#[source] Arc<sqlx::Error>),
    /// The disk is full or read-only; the transaction was rolled back.
    #[error(
        "the journal cannot grow: the disk is full or read-only; nothing was written. Make room, the host goes on by itself"
    )]
    Full(#[source] Arc<sqlx::Error>),
    /// The disk would not confirm what was written to it. Nothing is written after that until the journal is opened again.
    #[error(
        "the disk did not confirm that the journal is on it; whether the last change is stored is not known, and no other is \
         made. Check the disk, then start the host again: it goes on from what is stored"
    )]
    Unsynced(#[source] Arc<std::io::Error>),
    /// Another process held the database for too long.
    #[error(
        "another process holds the journal's file; nothing was written. Only one host may use a SQLite journal"
    )]
    Busy(#[source] Arc<sqlx::Error>),
    /// A stored value cannot be read: it was written by a newer version, or changed by hand.
    #[error(
        "stored {what} cannot be read. If an older version of Crosswalk was started on a newer journal, start the newer one"
    )]
    Unreadable {
        /// What it is.
        what: &'static str,
        /// Why.
        #[source]
        source: Option<Arc<serde_json::Error>>,
    },
    /// The schema could not be brought up to date.
    #[error(
        "the journal's schema could not be brought up to date; it is as it was before. If a newer version of Crosswalk \
         was started on it once, start the newer one"
    )]
    Schema(#[source] Arc<sqlx::migrate::MigrateError>),
    /// Encryption failed, which only a lack of randomness or memory explains.
    #[error("encrypting failed; nothing was written")]
    Cipher,
    /// The journal was closed while the call waited.
    #[error("the journal was closed; whether the event was stored is not known. Send it again")]
    Closed,
    /// Anything else that the database says.
    #[error(
        "the journal's database failed; the transaction was rolled back, or its fate is unknown if this was the commit"
    )]
    Storage(#[source] Arc<sqlx::Error>),
}

impl From<sqlx::migrate::MigrateError> for Error {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        Error::Schema(Arc::new(error))
    }
}
