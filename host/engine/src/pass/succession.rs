//! A record that lives on as another one: a lead that a seller qualified, a record that was merged, and the conversion
//! that Partner Center asks for.
//!
//! The pair keeps its referral and its base of it; only the record's part of the base ends. So what nobody changed in
//! Partner Center since is no conflict: what the new record holds is the CRM's and is pushed, what it left empty the
//! referral fills (see `Work::is_successor`). Only in a record that our own conversion made is Partner Center right
//! without asking anybody, where it has changed something since and where the CRM has put a default (see
//! `Work::is_converted`).
//!
//! A conversion is a write like any other: its intent is stored before it. After a crash the old record says what
//! became of it: if it lives on as another one the conversion landed, if it is still there it did not.

use super::{Action, AuditLine, EntryChange, Pass, Side, SystemRefusal, Verdict, Versioned, drive::Stage};
use crate::{
    canon::Canon,
    link::{Base, Entry, EntryKind, IntendedWrite, Intent, Owed},
    mapping::{CrmDraft, Mapper, Record},
    value::{Fields, Kind, RecordKey, Value},
};

/// How many records may follow each other before it counts as going round in circles.
const SUCCESSIONS_MAX: u32 = 8;

impl Pass {
    /// The linked record lives on as `key`. That one is read before anything is decided.
    pub(super) fn saw_successor_of_link(&mut self, key: RecordKey) -> Action {
        self.successions += 1;
        if self.entity_use(&key.entity).is_none() {
            return self.lost_to(&key, "which the plugin does not declare");
        }
        if self.successions > SUCCESSIONS_MAX {
            return self.lost_to(&key, "and so on without an end");
        }
        self.successor = Some(key.clone());
        self.stage = Stage::RecordOfLink;
        Action::ReadRecord(key)
    }

    /// The record that takes the linked one's place was read: from now on it is the pair's.
    pub(super) fn saw_successor(
        &mut self,
        key: RecordKey,
        seen: Option<Versioned<Record>>,
        mapper: &mut dyn Mapper,
    ) -> Action {
        let Some(record) = seen else {
            return self.lost_to(&key, "which the CRM does not have (any more)");
        };
        if let Some(other) = self.other_referral_of(&record.value) {
            return self.lost_to(&key, &format!("which carries referral `{other}` already"));
        }
        let rule = match self.state.intent.as_ref().map(|intent| &intent.write) {
            Some(IntendedWrite::ConvertRecord { .. }) => "convert",
            _ => "succeed",
        };
        let old = self.record.take().map(|record| record.value.fields);
        let carried: Vec<Fields> = old.into_iter().chain(self.state.base.record.clone()).collect();
        self.succeed(key, rule);
        if self.state.converted {
            self.owe_over_defaults(&record, &carried);
        }
        self.record = Some(record);
        self.is_back(|field| !field.starts_with('/'), "the record is there again");
        self.recover(mapper)
    }

    /// The referral that a record carries, if it is another one than this pair's.
    pub(super) fn other_referral_of(&self, record: &Record) -> Option<String> {
        let field = self.entity_use(&record.key.entity)?.referral_key?;
        match record.fields.get(&field) {
            Some(Value::Text(id)) if !id.trim().is_empty() && *id != self.referral_id() => Some(id.clone()),
            _ => None,
        }
    }

    fn lost_to(&mut self, key: &RecordKey, why: &str) -> Action {
        self.successor = None;
        let RecordKey { entity, id } = self.record_key();
        let reason = format!(
            "record `{entity}` `{id}` lives on as `{}` `{}`, {why}; nothing was written. Correct that in the CRM or \
             in the plugin, or remove the link, then retry",
            key.entity, key.id
        );
        self.gone(entity, reason)
    }

    /// The pair's record is `key` from now on. What was about fields of the old one ends; nothing that is kept for a
    /// person is lost by that, the entries stay readable.
    fn succeed(&mut self, key: RecordKey, rule: &'static str) {
        self.settle_push_of_predecessor();
        drop(self.waiting_conversion().map(|entry| self.endings.insert(entry.id, "converted".to_owned())));
        let old = self.pair.record.replace(key.clone());
        let ended = format!("the record lives on as `{}` `{}`, and is judged there", key.entity, key.id);
        let fields: Vec<String> =
            self.state.open.keys().filter(|field| !field.starts_with('/')).cloned().collect();
        for entry in fields.iter().filter_map(|field| self.state.open.remove(field)) {
            self.endings.insert(entry.id, ended.clone());
        }
        self.state.owed.retain(|field, _| field.starts_with('/'));
        self.state.base.record = None;
        self.state.converted = rule == "convert";
        self.state.record_version = None;
        self.state.reported = None;
        self.state.settled = None;
        self.successor = None;
        self.memory.forget();
        self.doubted.clear();
        self.refused_fields.clear();
        let old = old.unwrap_or_else(|| RecordKey { entity: String::new(), id: String::new() });
        self.audit.push(AuditLine {
            side: self.made.is_some().then_some(Side::Crm),
            rule: rule.to_owned(),
            release: None,
            fields: Default::default(),
            note: format!(
                "record `{}` `{}` lives on as `{}` `{}`, which is the pair's from now on",
                old.entity, old.id, key.entity, key.id
            ),
        });
    }

    /// A write to the old record is past. One to the referral is settled here, without the old record's part.
    fn settle_push_of_predecessor(&mut self) {
        let Some(intent) = self.state.intent.clone() else { return };
        match &intent.write {
            IntendedWrite::PostReferral { .. } => {}
            IntendedWrite::Referral { fields, .. } => {
                let Some(referral) = self.referral.clone() else { return };
                let fate = self.fate_of_push(&intent, fields, &referral);
                self.settle_intent(intent, fate);
            }
            IntendedWrite::Record(_)
            | IntendedWrite::CreateRecord { .. }
            | IntendedWrite::ConvertRecord { .. } => {
                self.state.intent = None;
            }
        }
    }

    /// Partner Center asks for a record of another entity: the CRM is to convert the linked one.
    pub(super) fn intend_conversion(&mut self, mut draft: CrmDraft) -> Action {
        let (Some(record), Some(entity)) = (self.record.clone(), self.entity_use(&draft.entity)) else {
            let entity = draft.entity;
            return self.park(format!(
                "the plugin drafted a `{entity}`, which it does not declare; nothing was written"
            ));
        };
        for own in [&entity.stamp, &entity.referral_key].into_iter().flatten() {
            draft.fields.remove(own);
        }
        let intent = Intent {
            id: self.next_id(),
            write: IntendedWrite::ConvertRecord { entity: draft.entity, fields: draft.fields },
            base: Base { referral: self.state.base.referral.clone(), record: None },
            owed: Default::default(),
            open: Default::default(),
            version: Some(record.version),
            concerns: Default::default(),
            reported: None,
            entries: Default::default(),
            since: self.start.now,
            by: Default::default(),
        };
        self.memory.drafted = draft.companions;
        self.store_intent(intent, Stage::ConvertIntent)
    }

    pub(super) fn convert_record(&mut self) -> Action {
        if !self.may_write() {
            return self.budget_spent();
        }
        let Some(Intent { write: IntendedWrite::ConvertRecord { entity, fields }, version, .. }) =
            self.intent.clone()
        else {
            return self.read_link();
        };
        self.stage = Stage::ConvertWrite;
        Action::ConvertRecord {
            key: self.record_key(),
            to: entity,
            fields,
            companions: self.memory.drafted.clone(),
            version: version.unwrap_or_default(),
        }
    }

    /// The CRM made the new record. It is read before anything is stored: until then the old record says what became of it.
    pub(super) fn conversion_landed(&mut self, version: String, key: Option<RecordKey>) -> Action {
        self.crm_writes += 1;
        self.intent = None;
        let Some(key) = key else { return self.read_link() };
        self.made = Some(version);
        self.successor = Some(key.clone());
        self.stage = Stage::RecordOfLink;
        Action::ReadRecord(key)
    }

    /// What a conversion puts into the new record out of nowhere is the CRM's own default: the referral's is owed there.
    /// If somebody may have touched the record since, it may be a person's too, and is kept in an entry.
    fn owe_over_defaults(&mut self, record: &Versioned<Record>, carried: &[Fields]) {
        let made = self.made.take();
        let is_untouched = made.as_ref() == Some(&record.version);
        let Some(entity) = self.entity_use(&record.value.key.entity) else { return };
        let canon = self.referral.as_ref().map_or(Canon::of_currency(None), |seen| Canon::of(&seen.value));
        for field in entity.fields.iter().filter(|field| field.writes) {
            let held = record.value.fields.get(&field.name).unwrap_or(&Value::Empty);
            let from_old = |old: &Fields| match &field.kind {
                // Who the customer is, the conversion itself was told.
                Kind::Reference(_) => true,
                // Codes say the same only in the same place.
                Kind::Flag | Kind::Integer => {
                    old.get(&field.name).is_some_and(|value| canon.same(value, held))
                }
                _ => old.values().any(|value| canon.same(value, held)),
            };
            if !held.is_empty() && !carried.iter().any(from_old) {
                self.state.owed.insert(field.name.clone(), Owed { partner_center: true, crm: !is_untouched });
            }
        }
        self.state.record_version = made;
    }

    /// A record that our own conversion made was read again: if it is not as it was made, nobody knows whose it is.
    pub(super) fn doubt_defaults(&mut self) {
        let version = self.record.as_ref().map(|record| &record.version);
        let is_fresh = self.state.converted && self.state.base.record.is_none();
        if is_fresh && self.state.record_version.as_ref() != version {
            self.state.owed.values_mut().filter(|owed| owed.partner_center).for_each(|owed| owed.crm = true);
        }
    }

    /// The CRM does not convert it. Its words wait for a person; each later pass tries again, because what is missing
    /// may be added without either side moving.
    pub(super) fn conversion_refused(&mut self, refusal: &SystemRefusal, mapper: &mut dyn Mapper) -> Action {
        let Some(IntendedWrite::ConvertRecord { entity: to, .. }) =
            self.intent.as_ref().map(|intent| intent.write.clone())
        else {
            return self.read_link();
        };
        self.void();
        let RecordKey { entity, id } = self.record_key();
        let reason = format!(
            "the CRM refused to convert record `{entity}` `{id}` to `{to}`: {}; nothing was written. Correct the \
             record or the CRM, or convert it there",
            refusal.reason
        );
        if self.state.open.get(&entity).is_none_or(|entry| entry.reason != reason) {
            let entry = Entry {
                id: self.next_id(),
                field: entity.clone(),
                path: None,
                kind: EntryKind::Undelivered,
                partner_center: Value::Text(to),
                crm: Value::Text(entity.clone()),
                base: None,
                reason,
                decision: None,
                since: self.start.now,
            };
            self.state.open.insert(entity, entry);
        }
        self.report_or_end(mapper)
    }

    /// Whether a conversion that the CRM refused waits for a person.
    pub(super) fn is_conversion_waiting(&self) -> bool {
        let entity = self.record_key().entity;
        let is_meant =
            |entry: &Entry| entry.kind == EntryKind::Undelivered && entry.crm == Value::Text(entity.clone());
        self.state.open.get(&entity).is_some_and(is_meant)
    }

    /// A conversion that waits for a person, put aside while the pair is planned: it ends if none is asked for any more.
    pub(super) fn waiting_conversion(&mut self) -> Option<Entry> {
        self.is_conversion_waiting().then(|| self.state.open.remove(&self.record_key().entity)).flatten()
    }

    /// A record without a link lives on as another one: that one's lane goes on. What was posted for the old one is
    /// looked for first, so that it is not posted again for the new one.
    pub(super) fn saw_successor_of_new_record(&mut self, key: RecordKey) -> Action {
        if matches!(
            self.state.intent.as_ref().map(|intent| &intent.write),
            Some(IntendedWrite::PostReferral { .. })
        ) {
            self.successor = Some(key);
            return self.find_earlier_post();
        }
        self.state.intent = None;
        self.move_to_successor(key)
    }

    pub(super) fn move_to_successor(&mut self, key: RecordKey) -> Action {
        let RecordKey { entity, id } = self.record_key();
        if self.entity_use(&key.entity).is_none() {
            let reason = format!(
                "record `{entity}` `{id}` lives on as `{}` `{}`, which the plugin does not link",
                key.entity, key.id
            );
            return self.leave(Verdict::Skipped { reason });
        }
        self.leave(Verdict::Moved { to: super::Subject::Record(key) })
    }

    /// The record that a referral names lives on as another one.
    pub(super) fn saw_successor_by_reference(&mut self, key: RecordKey, mapper: &mut dyn Mapper) -> Action {
        self.successions += 1;
        if self.entity_use(&key.entity).is_none() || self.successions > SUCCESSIONS_MAX {
            return self.saw_record_by_reference(None, mapper);
        }
        self.successor = Some(key.clone());
        Action::ReadRecord(key)
    }

    pub(super) fn void_entries(&mut self, intent: &Intent) {
        let void = |id: &String| EntryChange::Void { id: id.clone() };
        self.changes.extend(intent.entries.iter().map(void));
    }
}
