//! A recorded pass: what it began with, what it asked of the two systems and was answered, and what came of it.
//!
//! It is kept with the pass (sealed, for as long as `[journal] recordings_ms` says), so that the pass can be run again
//! through another release: see [`crate::replay`]. The form is versioned, because it outlives the host that wrote it.
//! Form 2 says of each answer what it answered, which release decided, and what it did. Form 1 said neither: what it holds
//! of reads can be replayed, of writes it knows only how they ended.

use crosswalk_engine::{
    link::LinkState,
    mapping::{Companion, Refusal},
    pass::{Action, Pair, Seen, Start, Subject},
    referral::Referral,
    value::{Fields, RecordKey},
};
use crosswalk_runtime::{LookupAnswer, PassUsage, Release};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::process::Effects;

/// The form that is written.
const FORM: u32 = 2;

/// This host's version.
const HOST: &str = env!("CARGO_PKG_VERSION");

/// One pass, as it can be run again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Recorded {
    /// The version of this form.
    form: u32,
    /// What it began with.
    pub(crate) start: Begun,
    /// The version of the host whose engine carried it out; form 1 does not say.
    #[serde(default)]
    host: Option<String>,
    /// The release that decided; form 1 does not say.
    #[serde(default)]
    pub(crate) release: Option<Decider>,
    /// What it asked and was answered, in order. Its own transactions are not among it.
    #[serde(default)]
    pub(crate) steps: Vec<Step>,
    /// Form 1: the answers alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    seen: Vec<Seen>,
    /// What the plugin looked up.
    pub(crate) lookups: Vec<LookupAnswer>,
    /// What the plugin used.
    pub(crate) usage: Used,
    /// What it did; form 1 does not say.
    #[serde(default)]
    pub(crate) effects: Option<Effects>,
}

/// What a pass began with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Begun {
    /// The pass's id, of which those of its intents and entries are made; empty in form 1.
    #[serde(default)]
    pub(crate) id: String,
    /// Whose pass it was.
    pub(crate) tenant: String,
    /// What its events were about.
    pub(crate) subject: Subject,
    /// What was known of the pair.
    pub(crate) pair: Pair,
    /// What was stored of it.
    pub(crate) state: Option<LinkState>,
    /// Its time.
    pub(crate) now: Timestamp,
    /// Since when a lost POST may be posted again.
    pub(crate) post_again: Option<Timestamp>,
}

/// Which release decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Decider {
    /// The journal's id of it: a component with its settings.
    pub(crate) id: String,
    /// The component's digest.
    pub(crate) digest: String,
}

/// One question to a system, and its answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Step {
    /// What was asked; form 1 does not say.
    pub(crate) asked: Option<Asked>,
    /// What came of it.
    pub(crate) seen: Seen,
}

/// What the plugin used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Used {
    /// Calls.
    pub(crate) calls: u32,
    /// Their fuel.
    pub(crate) fuel: u64,
}

/// What a system was asked or told: an [`Action`], which says what the fields are, without those that only the journal
/// answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Asked {
    ReadReferral(String),
    ReadRecord(RecordKey),
    FindRecord { entity: String, referral: String },
    FindReferrals { external_reference: Option<String>, engagement: Option<String> },
    FindPredecessor(RecordKey),
    FindCompanions(Vec<Companion>),
    WriteRecord { key: RecordKey, fields: Fields, companions: Vec<Companion>, version: String },
    CreateRecord { entity: String, referral: String, fields: Fields, companions: Vec<Companion> },
    ConvertRecord { key: RecordKey, to: String, fields: Fields, companions: Vec<Companion>, version: String },
    WriteReferral { id: String, fields: Fields, version: String },
    PostReferral(Referral),
}

impl Asked {
    /// What an action asks of a system; `None` for one that the journal answers.
    pub(crate) fn of(action: &Action) -> Option<Asked> {
        Some(match action.clone() {
            Action::Store(_) | Action::Finish { .. } => return None,
            Action::ReadReferral(id) => Asked::ReadReferral(id),
            Action::ReadRecord(key) => Asked::ReadRecord(key),
            Action::FindRecord { entity, referral } => Asked::FindRecord { entity, referral },
            // Since when is only how far the list has to be read.
            Action::FindReferrals { external_reference, engagement, since: _ } => {
                Asked::FindReferrals { external_reference, engagement }
            }
            Action::FindPredecessor(key) => Asked::FindPredecessor(key),
            Action::FindCompanions(companions) => Asked::FindCompanions(companions),
            Action::WriteRecord { key, fields, companions, version } => {
                Asked::WriteRecord { key, fields, companions, version }
            }
            Action::CreateRecord { entity, referral, fields, companions } => {
                Asked::CreateRecord { entity, referral, fields, companions }
            }
            Action::ConvertRecord { key, to, fields, companions, version } => {
                Asked::ConvertRecord { key, to, fields, companions, version }
            }
            Action::WriteReferral { id, fields, version } => Asked::WriteReferral { id, fields, version },
            Action::PostReferral(referral) => Asked::PostReferral(referral),
        })
    }
}

/// Why a recording cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    /// A newer host wrote it.
    #[error("it is of form {0}, and this host reads forms 1 to {FORM}")]
    Newer(u32),
    /// It is not what a host writes.
    #[error("it cannot be read")]
    Damaged(#[from] serde_json::Error),
}

impl Recorded {
    /// Reads a recording of any form up to the present one.
    ///
    /// # Errors
    /// When a newer host wrote it, or nobody did.
    pub(crate) fn read(bytes: &[u8]) -> Result<Recorded, Unreadable> {
        let mut recorded: Recorded = match serde_json::from_slice(bytes) {
            Ok(recorded) => recorded,
            Err(error) => return Err(newer(bytes).map_or(Unreadable::Damaged(error), Unreadable::Newer)),
        };
        if recorded.form > FORM {
            return Err(Unreadable::Newer(recorded.form));
        }
        let alone = std::mem::take(&mut recorded.seen).into_iter().filter(|seen| *seen != Seen::Stored);
        recorded.steps.extend(alone.map(|seen| Step { asked: None, seen }));
        Ok(recorded)
    }

    /// What a replay through this release would say, where that is known: it decided the pass, in an engine of this
    /// version, and answered all that it was asked. What stopped it then (a call that took too long, say) may not do so
    /// again.
    pub(crate) fn effects_of(&self, release: &str) -> Option<&Effects> {
        let is_its = self.release.as_ref().is_some_and(|decider| decider.id == release);
        let is_ours = self.host.as_deref() == Some(HOST);
        self.effects.as_ref().filter(|effects| is_its && is_ours && effects.refusal.is_none())
    }

    /// As it is stored.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// The form of a recording that is newer than this host.
fn newer(bytes: &[u8]) -> Option<u32> {
    #[derive(Deserialize)]
    struct Form {
        form: u32,
    }
    serde_json::from_slice(bytes).ok().map(|Form { form }| form).filter(|form| *form > FORM)
}

/// Records a pass while it runs.
pub(crate) struct Recorder {
    recorded: Recorded,
    effects: Effects,
}

impl Recorder {
    /// Of a pass that begins with this, decided by this release.
    pub(crate) fn new(tenant: &str, start: &Start, release: &Release) -> Self {
        let begun = Begun {
            id: start.id.clone(),
            tenant: tenant.to_owned(),
            subject: start.subject.clone(),
            pair: start.pair.clone(),
            state: start.state.clone(),
            now: start.now,
            post_again: start.post_again,
        };
        Recorder {
            recorded: Recorded {
                form: FORM,
                start: begun,
                host: Some(HOST.to_owned()),
                release: Some(Decider { id: release.id.clone(), digest: release.digest.clone() }),
                steps: Vec::new(),
                seen: Vec::new(),
                lookups: Vec::new(),
                usage: Used::default(),
                effects: None,
            },
            effects: Effects::of(start.pair.clone(), start.state.as_ref()),
        }
    }

    /// Notes what the pass does next.
    pub(crate) fn note(&mut self, action: &Action) {
        self.effects.note(action);
    }

    /// Notes what came of it; nothing of what only the journal was asked.
    pub(crate) fn saw(&mut self, asked: Option<Asked>, seen: &Seen) {
        if asked.is_some() {
            self.recorded.steps.push(Step { asked, seen: seen.clone() });
        }
    }

    /// The pass is over.
    pub(crate) fn finish(mut self, usage: &PassUsage, refusal: Option<&Refusal>) -> Recorded {
        self.effects.refusal = refusal.cloned();
        self.recorded.effects = Some(self.effects);
        self.recorded.lookups.clone_from(&usage.lookups);
        self.recorded.usage = Used { calls: usage.calls, fuel: usage.fuel };
        self.recorded
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// As the host before this form wrote it.
    const FORM_1: &str = r#"{
        "form": 1,
        "start": {
            "tenant": "contoso", "subject": { "referral": "r1" }, "pair": { "referral": "r1", "engagement": null, "record": null },
            "state": null, "now": "2026-01-02T03:04:05Z", "post_again": null
        },
        "seen": [{ "referral": { "value": { "id": "r1", "details": { "dealValue": 1.10 } }, "version": "v1" } }, "stored", "stale"],
        "lookups": [],
        "usage": { "calls": 2, "fuel": 9 }
    }"#;

    #[test]
    fn a_recording_of_the_first_form_is_read_without_what_it_does_not_say() {
        let recorded = Recorded::read(FORM_1.as_bytes()).unwrap();
        assert_eq!((recorded.start.tenant.as_str(), recorded.start.id.as_str()), ("contoso", ""));
        assert_eq!(
            recorded.steps.iter().map(|step| step.asked.is_some()).collect::<Vec<_>>(),
            [false, false]
        );
        assert_eq!(recorded.steps.last().map(|step| &step.seen), Some(&Seen::Stale));
        assert_eq!((recorded.release, recorded.effects), (None, None));
    }

    #[test]
    fn a_recording_comes_back_as_it_was_written_digit_by_digit() {
        let mut recorded = Recorded::read(FORM_1.as_bytes()).unwrap();
        recorded.form = FORM;
        recorded.steps[0].asked = Some(Asked::ReadReferral("r1".to_owned()));
        let bytes = recorded.to_bytes();
        assert!(String::from_utf8_lossy(&bytes).contains("1.10"));
        assert_eq!(Recorded::read(&bytes).unwrap(), recorded);
    }

    #[test]
    fn what_a_release_did_is_taken_from_a_recording_only_of_this_release_by_this_host_without_a_refusal() {
        let mut recorded = Recorded::read(FORM_1.as_bytes()).unwrap();
        assert_eq!(recorded.effects_of("rel_1"), None);
        recorded.release = Some(Decider { id: "rel_1".to_owned(), digest: "d".to_owned() });
        recorded.effects = Some(Effects::default());
        recorded.host = Some("0.0.1".to_owned());
        assert_eq!(recorded.effects_of("rel_1"), None);
        recorded.host = Some(HOST.to_owned());
        assert_eq!(
            (recorded.effects_of("rel_1"), recorded.effects_of("rel_2")),
            (Some(&Effects::default()), None)
        );
        let refusal = json!({ "code": "MAP031", "disposition": "retry", "field": null, "message": "late", "help": null });
        recorded.effects.as_mut().unwrap().refusal = Some(serde_json::from_value(refusal).unwrap());
        assert_eq!(recorded.effects_of("rel_1"), None);
    }

    #[test]
    fn a_recording_of_a_newer_host_and_one_that_is_damaged_are_told_apart() {
        let newer = json!({ "form": 3, "else": true }).to_string();
        assert!(matches!(Recorded::read(newer.as_bytes()), Err(Unreadable::Newer(3))));
        assert!(matches!(Recorded::read(b"{}"), Err(Unreadable::Damaged(_))));
    }
}
