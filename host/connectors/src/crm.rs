//! A CRM, whichever it is: what the host asks of Dynamics 365 and of Salesforce alike.
//!
//! The host holds a tenant's CRM as `Arc<dyn Crm>` and never asks which one it is. What only one of them can do stays
//! behind the trait: where Dataverse has a delta token Salesforce has `getUpdated`, and both answer with [`Changes`].

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use crosswalk_engine::{
    mapping::{Companion, Manifest, Record},
    pass::{Seen, Versioned},
    value::{Fields, RecordKey},
};
use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::fault::{ConfigError, Fault};

/// One organisation of a CRM, seen through one plugin's manifest. Cloning the `Arc` is cheap.
#[async_trait]
pub trait Crm: Send + Sync {
    /// The same organisation through another release's manifest.
    ///
    /// # Errors
    /// [`ConfigError`] if the manifest has a name that no field can have.
    fn with_manifest(&self, manifest: Arc<Manifest>) -> Result<Arc<dyn Crm>, ConfigError>;

    /// The same client, whose calls carry the pass's id where the API has a place for it.
    fn in_pass(&self, pass: &str) -> Arc<dyn Crm>;

    /// Asks who we are: the check that address, token and user are right.
    ///
    /// # Errors
    /// Any [`Fault`], with what the operator must do.
    async fn check(&self) -> Result<Identity, Fault>;

    /// Reads a record with all declared fields, and the records that declared references lead to. Its version also
    /// stands for the child rows of declared lists: in Dataverse as a second word after a space, in Salesforce as a part
    /// of its digest.
    ///
    /// # Errors
    /// Any [`Fault`].
    async fn read(&self, key: &RecordKey) -> Result<Reading, Fault>;

    /// The record that lives on as this one, as [`Crm::read`] would say of it: the lead that this opportunity was made of.
    /// Whoever asks wants to know whose deal it is, so a record that was merged into this one does not count.
    ///
    /// # Errors
    /// Any [`Fault`].
    async fn predecessor(&self, key: &RecordKey) -> Result<Option<RecordKey>, Fault>;

    /// Reads the record of `entity` whose `key_field` holds `value`, under a unique key.
    ///
    /// # Errors
    /// Any [`Fault`]; [`Fault::Reject`] where several records hold it.
    async fn find_by_key(
        &self,
        entity: &str,
        key_field: &str,
        value: &str,
    ) -> Result<Option<Versioned<Record>>, Fault>;

    /// Records of `entity` whose fields equal all of `matching`, oldest first, at most `limit`, with the fields `select`.
    ///
    /// # Errors
    /// Any [`Fault`].
    async fn find(
        &self,
        entity: &str,
        matching: &Fields,
        select: &[String],
        limit: u32,
    ) -> Result<Vec<Versioned<Record>>, Fault>;

    /// By alias, the companions that exist. None is created.
    ///
    /// # Errors
    /// Any [`Fault`].
    async fn find_companions(&self, companions: &[Companion]) -> Result<BTreeMap<String, RecordKey>, Fault>;

    /// Writes these fields if the record still has this version; companions are found or created first. Answers with
    /// [`Seen::Written`], [`Seen::Stale`], [`Seen::Refused`] or [`Seen::Unknown`].
    ///
    /// # Errors
    /// A [`Fault`] means that nothing of the record was written; companions may have been created.
    async fn update(
        &self,
        key: &RecordKey,
        fields: &Fields,
        companions: &[Companion],
        version: &str,
    ) -> Result<Seen, Fault>;

    /// Creates a record under its key, unless one has it already ([`Seen::Stale`]). Answers as [`Crm::update`].
    ///
    /// # Errors
    /// As [`Crm::update`].
    async fn create(
        &self,
        entity: &str,
        key_field: &str,
        key_value: &str,
        fields: &Fields,
        companions: &[Companion],
    ) -> Result<Seen, Fault>;

    /// Turns the record into one of the entity `to`, if it still has this version: see
    /// [`crosswalk_engine::pass::Action::ConvertRecord`].
    ///
    /// # Errors
    /// As [`Crm::update`].
    async fn convert(
        &self,
        key: &RecordKey,
        to: &str,
        fields: &Fields,
        companions: &[Companion],
        version: &str,
    ) -> Result<Seen, Fault>;

    /// What changed among the records of `entity`, child rows of declared lists included, one page at a time.
    ///
    /// # Errors
    /// Any [`Fault`].
    async fn changes(&self, entity: &str, from: &From) -> Result<Changes, Fault>;

    /// All records of `entity`, by id, one page at a time: for sweeps and backfills. `matching` narrows it down.
    ///
    /// # Errors
    /// Any [`Fault`].
    async fn list(
        &self,
        entity: &str,
        matching: &Fields,
        after: Option<&str>,
        rows: u32,
    ) -> Result<Vec<Listed>, Fault>;

    /// Makes, or with `dry_run` only names, what the manifest needs in the CRM and the CRM does not have: fields, keys,
    /// rights, and, with `hook`, the notifications. Repeating it changes nothing.
    ///
    /// # Errors
    /// Any [`Fault`] on reading what is there; what could not be made is a step that says so.
    async fn provision(&self, hook: Option<&Hook>, dry_run: bool) -> Result<Vec<Step>, Fault>;

    /// How much of the daily API budget is used, where the CRM says so.
    fn usage(&self) -> Option<Usage>;
}

/// Who a CRM takes us for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The user by whom all that we write is modified.
    pub user: String,
    /// The organisation.
    pub organization: String,
}

/// What became of a record, and what it holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Reading {
    /// It is there.
    Found(Versioned<Record>),
    /// It is not there (any more).
    Missing,
    /// It lives on as another record: it was converted, or merged into that one.
    Succeeded(RecordKey),
}

impl Reading {
    /// The record, if it is there under its own key.
    pub fn found(self) -> Option<Versioned<Record>> {
        match self {
            Reading::Found(record) => Some(record),
            Reading::Missing | Reading::Succeeded(_) => None,
        }
    }
}

/// From where on changes are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum From {
    /// Everything that changed at this time or later; the first look.
    Time(Timestamp),
    /// Where the last page ended, [`Changes::next`].
    Cursor(String),
}

/// A page of changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changes {
    /// What changed.
    Page {
        /// Each record once; several changes of one record may be told as one.
        rows: Vec<Changed>,
        /// Where the next page begins, to be stored once these rows are.
        next: String,
        /// There is more to be had at once.
        more: bool,
    },
    /// The CRM no longer knows what changed since the cursor. Compare everything, and begin again from a time.
    Lapsed,
}

/// A record that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// Which.
    pub key: RecordKey,
    /// The version that it has now, in the form in which [`Crm::update`] tells it, where the feed says so. That of a
    /// record with child rows is the first word of it, where it has two; a change of those rows is then told without one.
    pub version: Option<String>,
    /// It was deleted.
    pub deleted: bool,
}

/// A record of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Which.
    pub key: RecordKey,
    /// Its version, in the form in which [`Crm::update`] tells it.
    pub version: String,
    /// The referral's id that it carries, if any.
    pub referral: Option<String>,
}

/// Where the CRM is to send its notifications.
#[derive(Clone, Debug)]
pub struct Hook {
    /// The tenant's public address for this CRM, without a secret.
    pub url: String,
    /// The shared secret that notifications carry, where the CRM has a place for one.
    pub key: Option<SecretString>,
}

/// One thing that a CRM must have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// What: `column msft_audit of opportunity (text, 2000)`.
    pub what: String,
    /// How it stands.
    pub state: StepState,
}

/// How a [`Step`] stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepState {
    /// It was there already.
    Present,
    /// It would be made; this was a dry run.
    Missing,
    /// It was made.
    Made,
    /// It is there, but not as it is needed; the text says how it differs and what to do.
    Differs(String),
    /// No API can do it: the text says what a person must click.
    ByHand(String),
    /// It could not be made; the text says why.
    Failed(String),
}

/// How much of the API budget is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Calls used in the CRM's own window.
    pub used: u64,
    /// Calls allowed in it.
    pub allowed: u64,
}
