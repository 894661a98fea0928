//! The loop itself: what was seen decides what is done next.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Action, AuditLine, EntryChange, OutOfStep, Pair, Seen, Start, Subject, SystemRefusal, Verdict, Versioned,
};
use crate::{
    link::{Intent, LinkState},
    mapping::{Disposition, EntityUse, Mapper, Record, Refusal},
    opinions::Memory,
    reconcile::Plan,
    referral::Referral,
    value::{Fields, RecordKey},
};

/// One pass under way.
#[derive(Debug)]
pub struct Pass {
    pub(super) start: Start,
    pub(super) stage: Stage,
    /// Which pair this is, as far as it is known.
    pub(super) pair: Pair,
    /// What is remembered of it from the next transaction on.
    pub(super) state: LinkState,
    /// What was stored last.
    pub(super) stored: Option<LinkState>,
    pub(super) referral: Option<Versioned<Referral>>,
    pub(super) record: Option<Versioned<Record>>,
    pub(super) plan: Option<Box<Plan>>,
    /// The write that is under way.
    pub(super) intent: Option<Intent>,
    pub(super) memory: Memory,
    pub(super) doubted: BTreeSet<String>,
    pub(super) refused_paths: BTreeMap<String, String>,
    pub(super) refused_fields: BTreeMap<String, String>,
    /// For the next transaction.
    pub(super) changes: Vec<EntryChange>,
    pub(super) audit: Vec<AuditLine>,
    pub(super) alarms: Vec<String>,
    /// How open entries ended, by id.
    pub(super) endings: BTreeMap<String, String>,
    /// Entities that were not looked in yet.
    pub(super) entities: Vec<String>,
    pub(super) stale: u32,
    pub(super) attempts: u32,
    pub(super) crm_writes: u32,
    pub(super) partner_center_writes: u32,
    /// A report went out with this pass, or the CRM would not take one.
    pub(super) report_done: bool,
    /// Fields that the last report wrote.
    pub(super) report_fields: BTreeSet<String>,
    /// Entries that this pass opened, in words.
    pub(super) news: Vec<String>,
    pub(super) refusal: Option<Refusal>,
    /// Why the pass parks once the record was told.
    pub(super) parting: String,
    /// The record that is said to take the linked one's place, while it is read.
    pub(super) successor: Option<RecordKey>,
    /// How many records have followed each other.
    pub(super) successions: u32,
    /// What the record says of the deal that Microsoft is to be asked into, while the engagement is looked at.
    pub(super) invitation: Fields,
    /// The version of the record that our own conversion has just made.
    pub(super) made: Option<String>,
}

/// What the pass waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Linked pair: the two reads.
    ReferralOfLink,
    RecordOfLink,
    /// Did the POST that asks Microsoft in land?
    MicrosoftsCopy,
    /// Is Microsoft in the engagement already?
    Engagement,
    /// Which companions exist?
    Companions,
    /// The transactions before each write, and the writes.
    RecordIntent,
    RecordWrite,
    ReferralIntent,
    ReferralWrite,
    ReportIntent,
    ReportWrite,
    /// The conversion of the record into one of another entity.
    ConvertIntent,
    ConvertWrite,
    /// Tests only: the rule against reading back is switched off.
    ReadBackReferral,
    ReadBackRecord,
    /// A referral without a link.
    NewReferral,
    OwnCopy,
    RecordByKey,
    RecordByReference,
    CreateIntent,
    CreateWrite,
    CreateSettled,
    /// A record without a link.
    NewRecord,
    ReferralOfRecord,
    Predecessor,
    EarlierPost,
    PostIntent,
    Post,
    PostSettled,
    /// The record is told why it was not sent.
    UnsentIntent,
    UnsentWrite,
    /// It is over.
    Finished,
}

impl Pass {
    /// Begins a pass: the first action to carry out.
    pub fn begin(start: Start) -> (Pass, Action) {
        let mut pass = Pass {
            stage: Stage::ReferralOfLink,
            pair: start.pair.clone(),
            state: start.state.clone().unwrap_or_default(),
            stored: start.state.clone(),
            referral: None,
            record: None,
            plan: None,
            intent: None,
            memory: Memory::default(),
            doubted: BTreeSet::new(),
            refused_paths: BTreeMap::new(),
            refused_fields: BTreeMap::new(),
            changes: Vec::new(),
            audit: Vec::new(),
            alarms: Vec::new(),
            endings: BTreeMap::new(),
            entities: Vec::new(),
            stale: 0,
            attempts: 0,
            crm_writes: 0,
            partner_center_writes: 0,
            report_done: false,
            report_fields: BTreeSet::new(),
            news: Vec::new(),
            refusal: None,
            parting: String::new(),
            successor: None,
            successions: 0,
            invitation: Fields::new(),
            made: None,
            start,
        };
        let first = match (&pass.pair.referral, &pass.pair.record, pass.start.subject.clone()) {
            (Some(_), Some(_), _) => pass.read_link(),
            (_, _, Subject::Referral(id)) => pass.read_new_referral(id),
            (_, _, Subject::Record(key)) => pass.read_new_record(key),
        };
        (pass, first)
    }

    /// Takes what was seen of the last action and answers with the next one, [`Action::Finish`] at the end.
    ///
    /// A refusal by the plugin ends the pass with a verdict; it is not an error here. The only error is an answer
    /// that does not belong to the last action.
    pub fn next(&mut self, seen: Seen, mapper: &mut dyn Mapper) -> Result<Action, OutOfStep> {
        Ok(match (self.stage, seen) {
            (Stage::ReferralOfLink, Seen::Referral(seen)) => self.saw_referral_of_link(seen),
            (Stage::RecordOfLink, Seen::Record(seen)) => self.saw_record_of_link(seen, mapper),
            (Stage::RecordOfLink, Seen::Succeeded(key)) => self.saw_successor_of_link(key),
            (Stage::MicrosoftsCopy, Seen::Referrals(seen)) => self.saw_microsofts_copy(&seen, mapper),
            (Stage::Engagement, Seen::Referrals(seen)) => self.saw_engagement(&seen, mapper),
            (Stage::Companions, Seen::Companions(seen)) => self.saw_companions(&seen, mapper),
            (Stage::RecordIntent, Seen::Stored) => self.write_record(Stage::RecordWrite),
            (Stage::RecordWrite, Seen::Written { version, .. }) => self.record_landed(version, mapper),
            (Stage::RecordWrite, Seen::Refused(refusal)) => self.record_refused(refusal),
            (Stage::ReferralIntent, Seen::Stored) => self.write_referral(),
            (Stage::ReferralWrite, Seen::Written { version, .. }) => self.referral_landed(version, mapper),
            (Stage::ReferralWrite, Seen::Refused(refusal)) => self.referral_refused(refusal),
            (Stage::RecordWrite | Stage::ReferralWrite | Stage::ConvertWrite, Seen::Stale) => {
                self.was_stale()
            }
            (Stage::ConvertIntent, Seen::Stored) => self.convert_record(),
            (Stage::ConvertWrite, Seen::Written { version, key }) => self.conversion_landed(version, key),
            (Stage::ConvertWrite, Seen::Refused(refusal)) => self.conversion_refused(&refusal, mapper),
            (Stage::ReportIntent, Seen::Stored) => self.write_record(Stage::ReportWrite),
            (Stage::ReportWrite, Seen::Written { version, .. }) => self.report_landed(version),
            (Stage::ReportWrite, Seen::Stale) => self.report_failed(None),
            (Stage::ReportWrite, Seen::Refused(refusal)) => self.report_failed(Some(refusal)),
            (Stage::ReadBackReferral, Seen::Referral(seen)) => self.read_back_referral(seen),
            (Stage::ReadBackRecord, Seen::Record(seen)) => self.read_back_record(seen),
            (Stage::NewReferral, Seen::Referral(seen)) => self.saw_new_referral(seen),
            (Stage::OwnCopy, Seen::Referrals(seen)) => self.saw_copies(&seen),
            (Stage::RecordByKey, Seen::Record(seen)) => self.saw_record_by_key(seen, mapper),
            (Stage::RecordByReference, Seen::Record(seen)) => self.saw_record_by_reference(seen, mapper),
            (Stage::RecordByReference, Seen::Succeeded(key)) => self.saw_successor_by_reference(key, mapper),
            (Stage::CreateIntent, Seen::Stored) => self.create_record(),
            (Stage::CreateWrite, Seen::Written { version, key }) => self.create_landed(version, key),
            (Stage::CreateWrite, Seen::Stale) => self.create_was_stale(),
            (Stage::CreateWrite, Seen::Refused(refusal)) => self.create_refused(&refusal),
            (Stage::NewRecord, Seen::Record(seen)) => self.saw_new_record(seen, mapper),
            (Stage::NewRecord, Seen::Succeeded(key)) => self.saw_successor_of_new_record(key),
            (Stage::ReferralOfRecord, Seen::Referral(seen)) => self.saw_referral_of_record(seen),
            (Stage::Predecessor, Seen::Predecessor(seen)) => self.saw_predecessor(seen, mapper),
            (Stage::EarlierPost, Seen::Referrals(seen)) => self.saw_earlier_posts(&seen, mapper),
            (Stage::PostIntent, Seen::Stored) => self.post(),
            (Stage::Post, Seen::Posted(posted)) => self.post_landed(&posted),
            (Stage::Post, Seen::Refused(refusal)) => self.post_refused(&refusal, mapper),
            (Stage::UnsentIntent, Seen::Stored) => self.write_record(Stage::UnsentWrite),
            (Stage::UnsentWrite, Seen::Written { version, .. }) => self.unsent_told(version),
            (Stage::UnsentWrite, Seen::Stale) => self.unsent_not_told(None),
            (Stage::UnsentWrite, Seen::Refused(refusal)) => self.unsent_not_told(Some(refusal)),
            (Stage::UnsentWrite, Seen::Unknown(_)) => self.unsent_in_doubt(),
            (Stage::CreateSettled | Stage::PostSettled, Seen::Stored) => self.read_link(),
            (Stage::Post, Seen::Unknown(why)) => {
                self.fate_unknown(&why, self.start.limits.create_look_again_ms)
            }
            (
                Stage::RecordWrite
                | Stage::ReferralWrite
                | Stage::ReportWrite
                | Stage::CreateWrite
                | Stage::ConvertWrite,
                Seen::Unknown(why),
            ) => self.fate_unknown(&why, self.start.limits.again_ms),
            (stage, _) => return Err(OutOfStep { waiting_for: format!("{stage:?}") }),
        })
    }

    /// The plugin's refusal that ended the pass, if one did: its code and help for the operator.
    pub fn refusal(&self) -> Option<&Refusal> {
        self.refusal.as_ref()
    }

    /// The entities that the release links with referrals.
    pub(super) fn linked_entities(&self) -> Vec<String> {
        let linked = self.start.manifest.entities.iter().filter(|use_| use_.via.is_none());
        linked.map(|use_| use_.entity.clone()).collect()
    }

    pub(super) fn entity_use(&self, entity: &str) -> Option<EntityUse> {
        self.start.manifest.primary(entity).cloned()
    }

    pub(super) fn record_key(&self) -> RecordKey {
        self.pair.record.clone().unwrap_or_else(|| RecordKey { entity: String::new(), id: String::new() })
    }

    pub(super) fn referral_id(&self) -> String {
        self.pair.referral.clone().unwrap_or_default()
    }

    /// Ends the pass because the plugin refused: its words, and nothing more is written.
    pub(super) fn refused(&mut self, refusal: Refusal) -> Action {
        let verdict = self.verdict_on(refusal);
        self.finish(verdict)
    }

    /// The verdict that a refusal by the plugin leads to, in its words.
    pub(super) fn verdict_on(&mut self, refusal: Refusal) -> Verdict {
        let field = refusal.field.as_ref().map(|field| format!(" (`{field}`)")).unwrap_or_default();
        let help = refusal.help.as_ref().map(|help| format!("; {help}")).unwrap_or_default();
        let reason = format!("the plugin refused{field}: {refusal}{help}");
        let verdict = match refusal.disposition {
            Disposition::Reject => Verdict::Parked { reason },
            Disposition::Retry => Verdict::Again { after_ms: self.start.limits.again_ms, reason },
        };
        self.refusal = Some(refusal);
        verdict
    }

    /// A write's answer was lost: the intent stays open, and the next pass looks whether it landed.
    fn fate_unknown(&mut self, why: &str, after_ms: u64) -> Action {
        let reason = format!("it is not known whether a write landed ({why}); the next pass looks");
        self.stage = Stage::Finished;
        Action::Finish { commit: self.notes(), verdict: Verdict::Again { after_ms, reason } }
    }

    /// Which of the fields sent a refusal is about; all of them if it names none of them.
    pub(super) fn named<'a>(
        refusal: &SystemRefusal,
        sent: impl Iterator<Item = &'a String> + Clone,
    ) -> Vec<String> {
        let named: Vec<String> = sent.clone().filter(|name| refusal.fields.contains(name)).cloned().collect();
        if named.is_empty() { sent.cloned().collect() } else { named }
    }

    /// Counts a write before it is tried; says no when the budget is spent.
    pub(super) fn may_write(&mut self) -> bool {
        self.attempts += 1;
        self.attempts <= self.start.limits.writes_max
    }
}
