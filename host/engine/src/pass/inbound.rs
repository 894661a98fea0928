//! A referral without a link: find its record, or create it. Never two, whatever is retried.
//!
//! The record is created under its referral key, so a second create is refused by the CRM itself. An intent is
//! stored first all the same: it holds the base, which is what the referral was and what was sent.

use super::{Action, Pass, Subject, SystemRefusal, Verdict, Versioned, drive::Stage, report};
use jiff::Timestamp;

use crate::{
    link::{Base, IntendedWrite, Intent},
    mapping::{Companion, CrmDraft, EntityUse, Mapper, Outcome, Record},
    referral::{MICROSOFT, Referral},
    value::{Fields, RecordKey, Value},
};

impl Pass {
    pub(super) fn read_new_referral(&mut self, id: String) -> Action {
        self.pair.referral = Some(id.clone());
        self.stage = Stage::NewReferral;
        Action::ReadReferral(id)
    }

    pub(super) fn saw_new_referral(&mut self, seen: Option<Versioned<Referral>>) -> Action {
        let Some(referral) = seen else {
            let id = self.referral_id();
            let reason = format!("referral `{id}` does not exist, or is not this account's to see");
            return self.leave(Verdict::Skipped { reason });
        };
        let of_microsoft = referral.value.organization() == Some(MICROSOFT);
        let engagement = referral.value.engagement().map(str::to_owned);
        self.referral = Some(referral);
        if of_microsoft {
            self.stage = Stage::OwnCopy;
            return Action::FindReferrals { external_reference: None, engagement, since: Timestamp::MIN };
        }
        self.find_record()
    }

    /// Events about a deal that is shared name either copy. Microsoft's is never linked and cannot be written: what
    /// changed there shows on the partner's own copy, whose lane looks at it.
    pub(super) fn saw_copies(&mut self, copies: &[Versioned<Referral>]) -> Action {
        let own = copies.iter().find(|copy| copy.value.organization() != Some(MICROSOFT));
        match own.and_then(|copy| copy.value.id()) {
            Some(own) => self.leave(Verdict::Moved { to: Subject::Referral(own.to_owned()) }),
            None => {
                let id = self.referral_id();
                let reason =
                    format!("referral `{id}` is Microsoft's copy of a deal of which this account has none");
                self.leave(Verdict::Skipped { reason })
            }
        }
    }

    /// Looks for a record under this referral's key, in every entity that is linked.
    fn find_record(&mut self) -> Action {
        self.entities = self.linked_entities();
        self.look_in_next(Stage::RecordByKey).unwrap_or_else(|| {
            self.park("the plugin declares no entity that is linked with referrals".to_owned())
        })
    }

    fn look_in_next(&mut self, stage: Stage) -> Option<Action> {
        let entity = (!self.entities.is_empty()).then(|| self.entities.remove(0))?;
        self.stage = stage;
        if stage == Stage::RecordByKey {
            return Some(Action::FindRecord { entity, referral: self.referral_id() });
        }
        let id = self.referral.as_ref()?.value.external_reference()?.to_owned();
        Some(Action::ReadRecord(RecordKey { entity, id }))
    }

    pub(super) fn saw_record_by_key(
        &mut self,
        seen: Option<Versioned<Record>>,
        mapper: &mut dyn Mapper,
    ) -> Action {
        match seen {
            Some(record) => self.adopt_by_key(&record),
            None => match self.look_in_next(Stage::RecordByKey) {
                Some(next) => next,
                None => self.look_by_reference(mapper),
            },
        }
    }

    /// The pair belongs together already: by an earlier pass, by Microsoft's connector, or by hand.
    fn adopt(&mut self, record: Versioned<Record>, mapper: &mut dyn Mapper) -> Action {
        self.own_create_landed(&record);
        self.pair.record = Some(record.value.key.clone());
        self.record = Some(record);
        self.plan(mapper)
    }

    /// What is found by its key may have been converted or merged since it was given the key: only reading it tells.
    fn adopt_by_key(&mut self, record: &Versioned<Record>) -> Action {
        self.own_create_landed(record);
        self.pair.record = Some(record.value.key.clone());
        self.stage = Stage::RecordOfLink;
        Action::ReadRecord(record.value.key.clone())
    }

    /// Was it made by a write of ours whose answer was lost?
    fn own_create_landed(&mut self, record: &Versioned<Record>) {
        if let Some(intent) = self.state.intent.take() {
            let stamp = self.entity_use(&record.value.key.entity).and_then(|use_| use_.stamp);
            let held = stamp.and_then(|stamp| record.value.fields.get(&stamp).cloned());
            if held == Some(Value::Text(intent.id.clone())) {
                self.state.base = intent.base;
                self.state.reported = intent.reported;
            } else {
                self.void_entries(&intent);
            }
        }
    }

    /// The referral may name a record that does not name it (yet): that record's lane decides.
    fn look_by_reference(&mut self, mapper: &mut dyn Mapper) -> Action {
        self.entities = self.linked_entities();
        self.look_in_next(Stage::RecordByReference).unwrap_or_else(|| self.draft_record(mapper))
    }

    pub(super) fn saw_record_by_reference(
        &mut self,
        seen: Option<Versioned<Record>>,
        mapper: &mut dyn Mapper,
    ) -> Action {
        let succeeded = self.successor.take().is_some();
        let Some(record) = seen else {
            return self.look_in_next(Stage::RecordByReference).unwrap_or_else(|| self.draft_record(mapper));
        };
        let key_field = self.entity_use(&record.value.key.entity).and_then(|use_| use_.referral_key);
        let carried = key_field.and_then(|field| record.value.fields.get(&field).cloned());
        if carried == Some(Value::Text(self.referral_id())) {
            return self.adopt(record, mapper);
        }
        if succeeded {
            return self.adopt_successor(record, mapper);
        }
        self.leave(Verdict::Moved { to: Subject::Record(record.value.key) })
    }

    /// The record that the referral names lives on as this one, which names no referral yet. Nobody else would find the
    /// two to belong together, so it is not left to that record's lane.
    fn adopt_successor(&mut self, record: Versioned<Record>, mapper: &mut dyn Mapper) -> Action {
        let Some(other) = self.other_referral_of(&record.value) else { return self.adopt(record, mapper) };
        let RecordKey { entity, id } = record.value.key;
        let referral = self.referral_id();
        self.leave(Verdict::Parked {
            reason: format!(
                "referral `{referral}` names a record that lives on as `{entity}` `{id}`, which carries referral \
                 `{other}` already; nothing was written. Correct one of the two, then retry"
            ),
        })
    }

    fn draft_record(&mut self, mapper: &mut dyn Mapper) -> Action {
        let Some(referral) = self.referral.clone() else { return self.find_record() };
        match mapper.to_crm(&referral.value, None) {
            Err(refusal) => self.refused(refusal),
            Ok(Outcome::Skip(reason)) => self.leave(Verdict::Skipped { reason }),
            Ok(Outcome::Hold(draft)) => match self.entity_use(&draft.entity) {
                Some(entity) => self.intend_create(draft, &entity, &referral.value, mapper),
                None => {
                    let entity = draft.entity;
                    self.park(format!(
                        "the plugin drafted a `{entity}`, which it does not declare; nothing was written"
                    ))
                }
            },
        }
    }

    fn intend_create(
        &mut self,
        mut draft: CrmDraft,
        entity: &EntityUse,
        referral: &Referral,
        mapper: &mut dyn Mapper,
    ) -> Action {
        let id = self.referral_id();
        let report = report::report(&Default::default(), false);
        let key = RecordKey { entity: draft.entity.clone(), id: String::new() };
        let drafted = Record { key, fields: draft.fields.clone(), related: Vec::new() };
        let reported = match mapper.report(&drafted, &report) {
            Ok(fields) => {
                draft.fields.extend(fields);
                Some(report::fingerprint(&report))
            }
            Err(_) => None,
        };
        for own in [&entity.stamp, &entity.referral_key].into_iter().flatten() {
            draft.fields.remove(own);
        }
        let intent = Intent {
            id: self.next_id(),
            base: Base {
                referral: Some(referral.clone()),
                record: Some(base_of(entity, &draft.fields, &id)),
            },
            write: IntendedWrite::CreateRecord { entity: draft.entity, fields: draft.fields },
            owed: Default::default(),
            open: Default::default(),
            version: None,
            concerns: Default::default(),
            reported,
            entries: Default::default(),
            since: self.start.now,
            by: Default::default(),
        };
        self.memory.keep(draft.companions);
        self.store_intent(intent, Stage::CreateIntent)
    }

    pub(super) fn create_record(&mut self) -> Action {
        if !self.may_write() {
            return self.budget_spent();
        }
        let Some(intent) = &self.intent else { return self.find_record() };
        let IntendedWrite::CreateRecord { entity, fields } = intent.write.clone() else {
            return self.find_record();
        };
        let mut fields = fields;
        if let Some(stamp) = self.entity_use(&entity).and_then(|use_| use_.stamp) {
            fields.insert(stamp, Value::Text(intent.id.clone()));
        }
        self.stage = Stage::CreateWrite;
        Action::CreateRecord { entity, referral: self.referral_id(), fields, companions: self.memory.kept() }
    }

    /// The record exists: link the two, then go on as with any linked pair.
    pub(super) fn create_landed(&mut self, version: String, key: Option<RecordKey>) -> Action {
        self.crm_writes += 1;
        let (Some(key), Some(intent)) = (key, self.intent.take()) else { return self.find_record() };
        if let IntendedWrite::CreateRecord { fields, .. } = &intent.write {
            self.note_write(super::Side::Crm, fields, |_| Value::Empty, &Default::default(), "create");
        }
        self.pair.record = Some(key);
        self.state.base = intent.base;
        self.state.record_version = Some(version);
        self.report_done = intent.reported.is_some();
        self.state.reported = intent.reported;
        self.state.intent = None;
        self.stage = Stage::CreateSettled;
        Action::Store(self.commit())
    }

    /// Someone else created it under the same key: it is found and adopted.
    pub(super) fn create_was_stale(&mut self) -> Action {
        self.void();
        self.stale += 1;
        if self.stale > self.start.limits.stale_retries_max {
            let reason =
                "the CRM says that a record with this referral's key exists, but does not show it".to_owned();
            return self.finish(Verdict::Again { after_ms: self.start.limits.again_ms, reason });
        }
        self.find_record()
    }

    pub(super) fn create_refused(&mut self, refusal: &SystemRefusal) -> Action {
        self.void();
        let id = self.referral_id();
        let fields = if refusal.fields.is_empty() {
            String::new()
        } else {
            format!(" (`{}`)", refusal.fields.join("`, `"))
        };
        self.park(format!(
            "the CRM refused the record for referral `{id}`{fields}: {}; nothing was written. Correct the mapping or \
             the CRM, then retry",
            refusal.reason
        ))
    }
}

/// What a new record holds: what is sent, its key, and nothing in every other declared field.
fn base_of(entity: &EntityUse, sent: &Fields, referral: &str) -> Fields {
    let mut base: Fields = entity.fields.iter().map(|field| (field.name.clone(), Value::Empty)).collect();
    if let Some(stamp) = &entity.stamp {
        base.remove(stamp);
    }
    if let Some(key) = &entity.referral_key {
        base.insert(key.clone(), Value::Text(referral.to_owned()));
    }
    base.extend(sent.clone());
    base
}

impl crate::opinions::Memory {
    /// Keeps a new record's companions until it is created.
    fn keep(&mut self, companions: Vec<Companion>) {
        self.drafted = companions;
    }

    fn kept(&self) -> Vec<Companion> {
        self.drafted.clone()
    }
}
