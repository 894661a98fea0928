//! A record without a link: post its referral. Partner Center has no key for that, so the intent must do.
//!
//! With help from Microsoft it takes two POSTs (docs, create a referral): the partner's own, then a second one in the
//! same engagement that is sent to Microsoft. An intent is stored before each. While one is open, the pass looks for
//! what it may have made, again and with patience, because the list may lag behind; it never posts blindly.

use jiff::Timestamp;
use serde_json::json;

use super::{Action, Pass, Side, Subject, SystemRefusal, Verdict, Versioned, drive::Stage};
use crate::{
    link::{Base, Entry, EntryKind, IntendedWrite, Intent, Owed},
    mapping::{Mapper, Outcome, Record},
    opinions::flatten,
    referral::{self, EXTERNAL_REFERENCE, HELP, MICROSOFT, Referral},
    value::{Fields, RecordKey, Value},
};

impl Pass {
    pub(super) fn read_new_record(&mut self, key: RecordKey) -> Action {
        self.pair.record = Some(key.clone());
        self.stage = Stage::NewRecord;
        Action::ReadRecord(key)
    }

    pub(super) fn saw_new_record(
        &mut self,
        seen: Option<Versioned<Record>>,
        mapper: &mut dyn Mapper,
    ) -> Action {
        let RecordKey { entity, id } = self.record_key();
        self.record = seen;
        self.settle_unsent();
        let Some(record) = self.record.clone() else {
            return self
                .leave(Verdict::Skipped { reason: format!("record `{entity}` `{id}` does not exist") });
        };
        let Some(use_) = self.entity_use(&entity) else {
            return self.leave(Verdict::Skipped { reason: format!("the plugin does not link `{entity}`") });
        };
        let carried = use_.referral_key.and_then(|field| record.value.fields.get(&field).cloned());
        match carried {
            Some(Value::Text(id)) if !id.trim().is_empty() => {
                self.pair.referral = Some(id.clone());
                self.stage = Stage::ReferralOfRecord;
                Action::ReadReferral(id)
            }
            _ => self.look_for_earlier_post(mapper),
        }
    }

    /// The record carries a referral's id: the pair is adopted in that referral's lane.
    pub(super) fn saw_referral_of_record(&mut self, seen: Option<Versioned<Referral>>) -> Action {
        let id = self.referral_id();
        if seen.is_some() {
            return self.leave(Verdict::Moved { to: Subject::Referral(id) });
        }
        let RecordKey { entity, id: record } = self.record_key();
        self.leave(Verdict::Parked {
            reason: format!(
                "record `{entity}` `{record}` carries referral `{id}`, which Partner Center does not show; nothing \
                 was written. Correct the identifier, or empty it to create a new referral, then retry"
            ),
        })
    }

    fn look_for_earlier_post(&mut self, mapper: &mut dyn Mapper) -> Action {
        if self.is_unsent_echo() {
            let RecordKey { entity, id } = self.record_key();
            let reason = format!(
                "record `{entity}` `{id}` is as our own report of what failed left it; it is sent when it is changed, \
                 or retried"
            );
            return self.leave(Verdict::Skipped { reason });
        }
        if self.state.intent.is_some() {
            return self.find_earlier_post();
        }
        match self.draft(mapper) {
            Ok(Outcome::Skip(reason)) => self.leave(Verdict::Skipped { reason }),
            // What a lead was turned into is nobody's new deal, whether it could be sent as one or not.
            _ if self.linked_entities().len() > 1 => {
                self.stage = Stage::Predecessor;
                Action::FindPredecessor(self.record_key())
            }
            Ok(Outcome::Hold(_)) => self.find_earlier_post(),
            Err(refusal) => self.draft_refused(refusal, mapper),
        }
    }

    /// The record may be what a linked one was turned into a moment ago, with its switch and without its key. Its deal
    /// exists then: that pair's lane goes on, and nothing is posted.
    pub(super) fn saw_predecessor(&mut self, seen: Option<RecordKey>, mapper: &mut dyn Mapper) -> Action {
        if let Some(key) = seen {
            return self.leave(Verdict::Moved { to: Subject::Record(key) });
        }
        match self.draft(mapper) {
            Ok(_) => self.find_earlier_post(),
            Err(refusal) => self.draft_refused(refusal, mapper),
        }
    }

    pub(super) fn find_earlier_post(&mut self) -> Action {
        let since =
            self.state.intent.as_ref().map_or(Timestamp::UNIX_EPOCH, |intent| self.looked_back(intent.since));
        self.stage = Stage::EarlierPost;
        Action::FindReferrals { external_reference: Some(self.record_key().id), engagement: None, since }
    }

    /// Partner Center's clock may be behind ours.
    fn looked_back(&self, since: Timestamp) -> Timestamp {
        let slack = i64::try_from(self.start.limits.clock_slack_ms / 1000).unwrap_or(i64::MAX);
        Timestamp::from_second(since.as_second().saturating_sub(slack)).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    fn draft(&mut self, mapper: &mut dyn Mapper) -> Result<Outcome<Fields>, crate::mapping::Refusal> {
        match &self.record {
            Some(record) => mapper.to_referral(&record.value, None),
            None => Ok(Outcome::Skip("the record was not read".to_owned())),
        }
    }

    pub(super) fn saw_earlier_posts(
        &mut self,
        seen: &[Versioned<Referral>],
        mapper: &mut dyn Mapper,
    ) -> Action {
        let id = self.record_key().id;
        let ours = seen.iter().filter(|one| one.value.external_reference() == Some(&id));
        // The one that asks Microsoft in names the record too, but it is not the partner's own.
        let found = ours
            .min_by_key(|one| (one.value.is_sent_to(MICROSOFT), one.value.get("/createdDateTime").text()));
        let intent = self.state.intent.clone();
        match (found, intent) {
            (Some(found), Some(intent)) => self.own_post_landed(&intent, &found.clone()),
            (Some(found), None) => self.adopt_referral(&found.clone()),
            (None, Some(intent)) if !self.may_post_again(&intent) => self.wait_for(&intent, "its referral"),
            (None, _) => match self.successor.take() {
                Some(key) => {
                    self.state.intent = None;
                    self.move_to_successor(key)
                }
                None => self.intend_post(mapper),
            },
        }
    }

    /// A referral that names this record was there before us.
    fn adopt_referral(&mut self, found: &Versioned<Referral>) -> Action {
        self.pair.referral = found.value.id().map(str::to_owned);
        self.pair.engagement = found.value.engagement().map(str::to_owned);
        self.read_link()
    }

    /// Nothing is seen of a POST whose fate is unknown: look again later, and in the end ask a person.
    fn wait_for(&mut self, intent: &Intent, what: &str) -> Action {
        if !self.is_given_up(intent, self.start.now) {
            let reason = format!(
                "a POST's answer was lost and {what} is not in the list yet; nothing is posted meanwhile"
            );
            return self.leave(Verdict::Again { after_ms: self.start.limits.create_look_again_ms, reason });
        }
        let RecordKey { entity, id } = self.record_key();
        self.leave(Verdict::Parked {
            reason: format!(
                "a POST for record `{entity}` `{id}` was answered by nothing, and {what} did not appear in Partner \
                 Center. It is not posted again blindly: look there for a deal with external reference `{id}`; if \
                 there is none, `crosswalk events retry` makes it post again"
            ),
        })
    }

    /// Whether nothing was seen of this POST for so long, at `at`, that a person was asked to look.
    fn is_given_up(&self, intent: &Intent, at: Timestamp) -> bool {
        at.duration_since(intent.since).as_millis() >= i128::from(self.start.limits.create_patience_ms)
    }

    /// Only who asks after a POST was given up can have looked for it. An earlier word was about something else.
    fn may_post_again(&self, intent: &Intent) -> bool {
        self.start.post_again.is_some_and(|asked| self.is_given_up(intent, asked))
    }

    fn intend_post(&mut self, mapper: &mut dyn Mapper) -> Action {
        let fields = match self.draft(mapper) {
            Ok(Outcome::Hold(fields)) => fields,
            Ok(Outcome::Skip(reason)) => {
                // Whoever asked for another POST has looked for the one whose answer was lost.
                self.state.intent = None;
                return self.leave(Verdict::Skipped { reason });
            }
            Err(refusal) => return self.draft_refused(refusal, mapper),
        };
        let document = own_document(fields, &self.record_key().id);
        self.intend(document, None)
    }

    pub(super) fn intend(&mut self, document: Referral, engagement: Option<String>) -> Action {
        let intent = self.post_intent(document, engagement);
        self.store_intent(intent, Stage::PostIntent)
    }

    fn post_intent(&mut self, document: Referral, engagement: Option<String>) -> Intent {
        let record = self.record.as_ref().and_then(|record| {
            let entity = self.entity_use(&record.value.key.entity)?;
            Some(flatten(&record.value, &entity).1)
        });
        Intent {
            id: self.next_id(),
            base: Base { referral: Some(document.clone()), record },
            write: IntendedWrite::PostReferral { document, engagement },
            owed: Default::default(),
            open: Default::default(),
            version: None,
            concerns: Default::default(),
            reported: None,
            entries: Default::default(),
            since: self.start.now,
            by: Default::default(),
        }
    }

    pub(super) fn post(&mut self) -> Action {
        if !self.may_write() {
            return self.budget_spent();
        }
        let Some(IntendedWrite::PostReferral { document, .. }) =
            self.intent.as_ref().map(|intent| intent.write.clone())
        else {
            return self.read_link();
        };
        self.stage = Stage::Post;
        Action::PostReferral(document)
    }

    pub(super) fn post_landed(&mut self, posted: &Versioned<Referral>) -> Action {
        let Some(intent) = self.intent.take() else { return self.read_link() };
        self.partner_center_writes += 1;
        match &intent.write {
            IntendedWrite::PostReferral { engagement: Some(_), .. } => self.microsoft_is_asked(),
            _ => self.own_post_landed(&intent, posted),
        }
    }

    /// The partner's own referral exists: link the two; with help asked, the second POST's intent goes with that.
    fn own_post_landed(&mut self, intent: &Intent, posted: &Versioned<Referral>) -> Action {
        let IntendedWrite::PostReferral { document, .. } = &intent.write else { return self.read_link() };
        self.adopt_referral(posted);
        self.state.base = intent.base.clone();
        self.state.intent = None;
        self.state.referral_version = Some(posted.version.clone());
        let sent: Fields =
            [EXTERNAL_REFERENCE, "/name", HELP].map(|path| (path.to_owned(), document.get(path))).into();
        self.note_write(Side::PartnerCenter, &sent, |_| Value::Empty, &Default::default(), "create");
        match (asks_for_help(document), posted.value.engagement()) {
            (true, Some(engagement)) => {
                self.intend(microsofts_document(document, engagement), Some(engagement.to_owned()))
            }
            _ => {
                self.stage = Stage::PostSettled;
                Action::Store(self.commit())
            }
        }
    }

    fn microsoft_is_asked(&mut self) -> Action {
        self.state.intent = None;
        self.microsoft_was_asked();
        let sent: Fields = [("/target".to_owned(), Value::Text(MICROSOFT.to_owned()))].into();
        self.note_write(Side::PartnerCenter, &sent, |_| Value::Empty, &Default::default(), "create");
        self.stage = Stage::PostSettled;
        Action::Store(self.commit())
    }

    /// The second POST's intent is open: does the engagement hold a referral besides our own?
    pub(super) fn look_for_microsofts_copy(&mut self) -> Action {
        let since =
            self.state.intent.as_ref().map_or(Timestamp::UNIX_EPOCH, |intent| self.looked_back(intent.since));
        let open = self.state.intent.as_ref().map(|intent| intent.write.clone());
        let Some(IntendedWrite::PostReferral { engagement, .. }) = open else { return self.read_link() };
        self.stage = Stage::MicrosoftsCopy;
        Action::FindReferrals { external_reference: None, engagement, since }
    }

    pub(super) fn saw_microsofts_copy(
        &mut self,
        seen: &[Versioned<Referral>],
        mapper: &mut dyn Mapper,
    ) -> Action {
        let Some(intent) = self.state.intent.clone() else { return self.plan(mapper) };
        if self.holds_microsofts_copy(seen) {
            self.state.intent = None;
            self.microsoft_was_asked();
            return self.plan(mapper);
        }
        match intent.write {
            IntendedWrite::PostReferral { ref document, ref engagement } if self.may_post_again(&intent) => {
                self.intend(document.clone(), engagement.clone())
            }
            _ => self.wait_for(&intent, "Microsoft's copy of the deal"),
        }
    }

    pub(super) fn post_refused(&mut self, refusal: &SystemRefusal, mapper: &mut dyn Mapper) -> Action {
        let write = self.intent.as_ref().map(|intent| intent.write.clone());
        self.void();
        if let Some(IntendedWrite::PostReferral { document, engagement: Some(_) }) = write {
            return self.microsoft_was_not_asked(refusal, document.get(HELP));
        }
        self.own_post_refused(refusal, mapper)
    }

    /// The pair is linked and goes on; that Microsoft does not know of it is an entry for a person.
    fn microsoft_was_not_asked(&mut self, refusal: &SystemRefusal, help: Value) -> Action {
        // Where the partner's own referral does not name the help yet, that is what was not delivered.
        let later = self.referral.as_ref().is_some_and(|own| own.value.get(HELP).is_empty());
        let (path, crm) = if later { (HELP, help) } else { ("/target", Value::Text(MICROSOFT.to_owned())) };
        let entry = Entry {
            id: self.next_id(),
            field: path.to_owned(),
            path: Some(path.to_owned()),
            kind: EntryKind::Undelivered,
            partner_center: Value::Empty,
            crm,
            base: None,
            reason: format!("Partner Center refused to ask Microsoft in: {}", refusal.reason),
            decision: None,
            since: self.start.now,
        };
        self.state.owed.insert(entry.field.clone(), Owed { partner_center: false, crm: true });
        self.state.open.insert(entry.field.clone(), entry);
        self.stage = Stage::PostSettled;
        Action::Store(self.commit())
    }
}

/// The partner's own referral, as it is posted first.
fn own_document(mut fields: Fields, record_id: &str) -> Referral {
    fields.retain(|path, value| referral::is_settable_at_create(path) && !value.is_empty());
    fields.insert(EXTERNAL_REFERENCE.to_owned(), Value::Text(record_id.to_owned()));
    let draft = Referral(json!({})).overlay(&fields);
    let kind = if asks_for_help(&draft) { "Shared" } else { "Independent" };
    draft.overlay(&[("/type".to_owned(), Value::Text(kind.to_owned()))].into())
}

/// The second referral: the same deal in the same engagement, sent to Microsoft.
pub(super) fn microsofts_document(own: &Referral, engagement: &str) -> Referral {
    let target = json!([{ "type": "BusinessProfileLocation", "id": MICROSOFT }]);
    let more = [
        ("/engagementId".to_owned(), Value::Text(engagement.to_owned())),
        ("/target".to_owned(), Value::Json(target)),
    ];
    own.overlay(&more.into())
}

fn asks_for_help(document: &Referral) -> bool {
    !document.get(HELP).is_empty()
}

impl Value {
    /// A text to sort by.
    fn text(&self) -> String {
        match self {
            Value::Text(text) => text.clone(),
            Value::Instant(instant) => instant.to_string(),
            _ => String::new(),
        }
    }
}
