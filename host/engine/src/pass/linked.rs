//! A linked pair: read both, find out what became of the last write, plan, write the record, write the referral.

use std::collections::BTreeSet;

use super::{Action, EntryChange, Pass, Side, SystemRefusal, Verdict, Versioned, drive::Stage, gone};
use crate::{
    canon::Canon,
    link::{Base, IntendedWrite, Intent, Owed, Settled},
    mapping::{EntityUse, Mapper, Record},
    opinions::{Halt, Opinions, Shape, flatten},
    reconcile::{Plan, Reconciled, Sides, reconcile},
    referral::Referral,
    value::{Fields, RecordKey, Value},
};

/// Both sides as they were read, with what the release declares about the record.
pub(super) struct Both {
    pub(super) referral: Versioned<Referral>,
    pub(super) entity: EntityUse,
    pub(super) shape: Shape,
    pub(super) fields: Fields,
    pub(super) version: String,
}

/// What became of a write whose answer never came.
pub(super) enum Fate {
    Landed,
    NotLanded,
    Unknown,
}

/// Where no stamp tells, version and values must do.
fn by_values(intent: &Intent, held: bool, version: &str) -> Fate {
    match (intent.version.as_deref() == Some(version), held) {
        (true, _) => Fate::NotLanded,
        (false, true) => Fate::Landed,
        (false, false) => Fate::Unknown,
    }
}

impl Pass {
    /// (Re)starts at the beginning: reads both sides afresh.
    pub(super) fn read_link(&mut self) -> Action {
        self.plan = None;
        self.successor = None;
        self.memory.written();
        self.stage = Stage::ReferralOfLink;
        Action::ReadReferral(self.referral_id())
    }

    pub(super) fn saw_referral_of_link(&mut self, seen: Option<Versioned<Referral>>) -> Action {
        let Some(referral) = seen else {
            let id = self.referral_id();
            let reason = format!(
                "referral `{id}` is linked, but Partner Center does not show it (any more); nothing was written. Check \
                 the account's role and the deal in Partner Center, then retry"
            );
            return self.gone(gone::REFERRAL.to_owned(), reason);
        };
        self.referral = Some(referral);
        self.is_back(|field| field == gone::REFERRAL, "Partner Center shows the referral again");
        self.stage = Stage::RecordOfLink;
        Action::ReadRecord(self.record_key())
    }

    pub(super) fn saw_record_of_link(
        &mut self,
        seen: Option<Versioned<Record>>,
        mapper: &mut dyn Mapper,
    ) -> Action {
        if let Some(successor) = self.successor.take() {
            return self.saw_successor(successor, seen, mapper);
        }
        let Some(record) = seen else {
            let RecordKey { entity, id } = self.record_key();
            let reason = format!(
                "record `{entity}` `{id}` is linked, but the CRM does not have it (any more); nothing was written. \
                 Restore it, or remove the link"
            );
            return self.gone(entity, reason);
        };
        self.record = Some(record);
        self.is_back(|field| !field.starts_with('/'), "the record is there again");
        self.doubt_defaults();
        self.recover(mapper)
    }

    /// Step 0: is there a write of unknown fate?
    pub(super) fn recover(&mut self, mapper: &mut dyn Mapper) -> Action {
        let Some(intent) = self.state.intent.clone() else { return self.plan(mapper) };
        if matches!(intent.write, IntendedWrite::PostReferral { .. }) {
            return self.look_for_microsofts_copy();
        }
        let Some(both) = self.both() else { return self.undeclared() };
        let fate = self.fate(&intent, &both);
        self.settle_intent(intent, fate);
        self.plan(mapper)
    }

    /// Goes on from where the write ended, as far as that is known.
    pub(super) fn settle_intent(&mut self, intent: Intent, fate: Fate) {
        match fate {
            Fate::Landed => {
                self.note_found(&intent);
                self.state.base = intent.base;
                self.state.owed = intent.owed;
                self.state.open = intent.open;
                if intent.reported.is_some() {
                    self.state.reported = intent.reported;
                }
                if let IntendedWrite::Record(fields) | IntendedWrite::Referral { fields, .. } = &intent.write
                {
                    self.state.forget_restore(|name| fields.contains_key(name));
                }
            }
            Fate::NotLanded => self.void_entries(&intent),
            Fate::Unknown => {
                for name in &intent.concerns {
                    self.state.owed.insert(name.clone(), Owed { partner_center: true, crm: true });
                }
                self.doubted = intent.concerns;
                if let IntendedWrite::Referral { fields, .. } = intent.write {
                    for path in fields.into_keys() {
                        self.state.owed.entry(path.clone()).or_default().partner_center = true;
                        self.doubted.insert(path);
                    }
                }
            }
        }
        self.state.intent = None;
    }

    /// Notes a write in the audit that an interrupted pass made: what it overwrote is what was known before it.
    fn note_found(&mut self, intent: &Intent) {
        let base = self.state.base.clone();
        let known = |field: &str| base.record.as_ref().and_then(|record| record.get(field)).cloned();
        let of_path = |path: &str| base.referral.as_ref().map_or(Value::Empty, |seen| seen.get(path));
        match &intent.write {
            IntendedWrite::Record(fields) => {
                let old = |field: &str| known(field).unwrap_or(Value::Empty);
                self.note_write(Side::Crm, fields, old, &intent.by, "report");
            }
            IntendedWrite::Referral { fields, .. } => {
                self.note_write(Side::PartnerCenter, fields, of_path, &intent.by, "push");
            }
            IntendedWrite::CreateRecord { .. }
            | IntendedWrite::ConvertRecord { .. }
            | IntendedWrite::PostReferral { .. } => {}
        }
    }

    /// In the CRM the stamp tells exactly; where there is none, and in Partner Center, version and values must do.
    fn fate(&self, intent: &Intent, both: &Both) -> Fate {
        let canon = Canon::of(&both.referral.value);
        match &intent.write {
            IntendedWrite::Record(fields) => match (&both.entity.stamp, &self.record) {
                (Some(stamp), Some(record)) => match record.value.fields.get(stamp) {
                    Some(Value::Text(id)) if *id == intent.id => Fate::Landed,
                    _ => Fate::NotLanded,
                },
                _ => by_values(
                    intent,
                    fields.keys().all(|field| canon.same_field(field, fields, &both.fields)),
                    &both.version,
                ),
            },
            IntendedWrite::Referral { fields, .. } => self.fate_of_push(intent, fields, &both.referral),
            // The record exists, so this is not the write that made it, nor the one that turned it into another.
            IntendedWrite::CreateRecord { .. }
            | IntendedWrite::ConvertRecord { .. }
            | IntendedWrite::PostReferral { .. } => Fate::NotLanded,
        }
    }

    pub(super) fn fate_of_push(
        &self,
        intent: &Intent,
        fields: &Fields,
        referral: &Versioned<Referral>,
    ) -> Fate {
        let canon = Canon::of(&referral.value);
        let holds = |(path, value): (&String, &Value)| {
            canon.same(&crate::referral::as_held(path, value), &referral.value.get(path))
        };
        by_values(intent, fields.iter().all(holds), &referral.version)
    }

    /// Steps 1 to 3.
    pub(super) fn plan(&mut self, mapper: &mut dyn Mapper) -> Action {
        let Some(both) = self.both() else { return self.undeclared() };
        let waiting = self.waiting_conversion();
        let sides = Sides {
            state: &self.state,
            referral: &both.referral.value,
            record: &both.fields,
            entity: &both.entity,
            doubted: &self.doubted,
            refused_paths: &self.refused_paths,
            refused_fields: &self.refused_fields,
            pass: &self.start.id,
            now: self.start.now,
            rounds_max: self.start.limits.rounds_max,
            rules: self.start.rules,
        };
        let referral_id = self.pair.referral.clone().unwrap_or_default();
        let mut opinions = Opinions {
            mapper,
            memory: &mut self.memory,
            shape: &both.shape,
            entity: &both.entity,
            referral_id: &referral_id,
        };
        let reconciled = reconcile(&sides, &mut opinions);
        match (waiting, &reconciled) {
            (None, _) => {}
            (Some(entry), Ok(Reconciled::Plan(_))) => {
                drop(self.endings.insert(entry.id, "no conversion is asked for any more".to_owned()));
            }
            (Some(entry), _) => drop(self.state.open.insert(entry.field.clone(), entry)),
        }
        match reconciled {
            Err(Halt::Refused(refusal)) => self.draft_refused(refusal, mapper),
            Err(Halt::Companions(companions)) => {
                self.stage = Stage::Companions;
                Action::FindCompanions(companions)
            }
            Err(Halt::Convert(draft)) => self.intend_conversion(*draft),
            Ok(Reconciled::Skip(reason)) => self.finish(Verdict::Skipped { reason }),
            Ok(Reconciled::Unsettled(fields)) => self.unsettled(&fields),
            Ok(Reconciled::Plan(plan)) => self.carry_out(*plan, &both, mapper),
        }
    }

    pub(super) fn saw_companions(
        &mut self,
        seen: &std::collections::BTreeMap<String, RecordKey>,
        mapper: &mut dyn Mapper,
    ) -> Action {
        self.memory.found(seen);
        self.plan(mapper)
    }

    fn unsettled(&mut self, fields: &[String]) -> Action {
        let names = fields.join("`, `");
        let rounds = self.start.limits.rounds_max;
        let reason = format!(
            "the mapping does not settle: after {rounds} rounds `{names}` still changed; nothing was written. The \
             plugin must be corrected (law L4), then retry"
        );
        self.alarms.push(reason.clone());
        self.park(reason)
    }

    fn undeclared(&mut self) -> Action {
        let entity = self.record_key().entity;
        self.leave(Verdict::Parked {
            reason: format!(
                "the plugin does not declare `{entity}`, which this pair is linked to; nothing was written"
            ),
        })
    }

    pub(super) fn both(&self) -> Option<Both> {
        let (referral, record) = (self.referral.clone()?, self.record.clone()?);
        let entity = self.entity_use(&record.value.key.entity)?;
        let (shape, fields) = flatten(&record.value, &entity);
        Some(Both { referral, entity, shape, fields, version: record.version })
    }

    /// Steps 4 and 5 begin here: the record first, if it is to be written.
    fn carry_out(&mut self, mut plan: Plan, both: &Both, mapper: &mut dyn Mapper) -> Action {
        if self.start.limits.strict
            && let Some(alarm) = plan.alarms.pop()
        {
            let reason = format!(
                "{alarm}; nothing was written, because the release is on watch. The plugin must be corrected, then retry"
            );
            self.alarms.push(alarm);
            return self.park(reason);
        }
        self.alarms.append(&mut plan.alarms);
        self.endings.append(&mut plan.endings);
        self.note_left(&plan.left);
        self.open_new_entries(&plan);
        if plan.record_write.is_empty() {
            return self.after_record(plan, mapper);
        }
        let reported = self.add_report(&mut plan, both, mapper);
        let mut entries = plan.with_record.clone();
        let landed = if plan.referral_write.is_empty() {
            entries.append(&mut plan.with_referral);
            plan.with_record = entries.clone();
            plan.end.clone()
        } else {
            plan.midway.clone()
        };
        self.announce(&entries);
        let intent = Intent {
            id: self.next_id(),
            write: IntendedWrite::Record(plan.record_write.clone()),
            base: landed.base,
            owed: landed.owed,
            open: landed.open,
            version: Some(both.version.clone()),
            concerns: plan.record_write.keys().cloned().collect(),
            reported,
            entries: entries.iter().map(|entry| entry.id.clone()).collect(),
            since: self.start.now,
            by: plan.rules_of(&plan.record_write),
        };
        self.plan = Some(Box::new(plan));
        self.store_intent(intent, Stage::RecordIntent)
    }

    /// Step 4. Also used for a report on its own.
    pub(super) fn write_record(&mut self, stage: Stage) -> Action {
        if !self.may_write() {
            return self.budget_spent();
        }
        let Some(intent) = &self.intent else { return self.read_link() };
        let IntendedWrite::Record(fields) = &intent.write else { return self.read_link() };
        let mut fields = fields.clone();
        let companions = self.memory.companions_of(&fields);
        let key = self.record_key();
        if let Some(stamp) = self.entity_use(&key.entity).and_then(|use_| use_.stamp) {
            fields.insert(stamp, Value::Text(intent.id.clone()));
        }
        let version = intent.version.clone().unwrap_or_default();
        self.stage = stage;
        Action::WriteRecord { key, fields, companions, version }
    }

    pub(super) fn record_landed(&mut self, version: String, mapper: &mut dyn Mapper) -> Action {
        let (Some(plan), Some(intent)) = (self.plan.take(), self.intent.take()) else {
            return self.read_link();
        };
        self.crm_writes += 1;
        self.state.record_version = Some(version.clone());
        self.state.reported = intent.reported.clone().or(self.state.reported.take());
        self.report_done |= intent.reported.is_some();
        self.confirm(&plan.with_record);
        if let IntendedWrite::Record(fields) = &intent.write {
            let old = self.record.as_ref().map(|record| record.value.fields.clone()).unwrap_or_default();
            let old = |field: &str| old.get(field).cloned().unwrap_or(Value::Empty);
            self.note_write(Side::Crm, fields, old, &intent.by, "report");
        }
        if let Some(record) = &mut self.record {
            record.version = version;
        }
        if self.start.rules.settle_each || plan.referral_write.is_empty() {
            self.state.base = intent.base;
            self.state.owed = intent.owed;
            self.state.open = intent.open;
            let then = if plan.referral_write.is_empty() { &plan.end } else { &plan.midway };
            self.state.restore = then.restore.clone();
        }
        self.state.intent = None;
        self.after_record(*plan, mapper)
    }

    /// Step 5: the referral, if it is to be written. One transaction settles the record and stores the intent.
    fn after_record(&mut self, plan: Plan, mapper: &mut dyn Mapper) -> Action {
        let Some(referral) = &self.referral else { return self.read_link() };
        if plan.referral_write.is_empty() {
            self.changes.extend(plan.with_referral.iter().cloned().map(EntryChange::Add));
            return self.settled(plan, mapper);
        }
        let version = referral.version.clone();
        if self.start.rules.settle_each {
            self.remember(plan.midway.clone());
        }
        self.open_new_entries(&plan);
        self.announce(&plan.with_referral);
        let intent = Intent {
            id: self.next_id(),
            write: IntendedWrite::Referral { fields: plan.referral_write.clone(), version: version.clone() },
            base: plan.end.base.clone(),
            owed: plan.end.owed.clone(),
            open: plan.end.open.clone(),
            version: Some(version),
            concerns: plan.behind_push.clone(),
            reported: None,
            entries: plan.with_referral.iter().map(|entry| entry.id.clone()).collect(),
            since: self.start.now,
            by: plan.rules_of(&plan.referral_write),
        };
        self.plan = Some(Box::new(plan));
        self.store_intent(intent, Stage::ReferralIntent)
    }

    pub(super) fn write_referral(&mut self) -> Action {
        if !self.may_write() {
            return self.budget_spent();
        }
        let Some(IntendedWrite::Referral { fields, version }) =
            self.intent.as_ref().map(|intent| intent.write.clone())
        else {
            return self.read_link();
        };
        self.stage = Stage::ReferralWrite;
        Action::WriteReferral { id: self.referral_id(), fields, version }
    }

    pub(super) fn referral_landed(&mut self, version: String, mapper: &mut dyn Mapper) -> Action {
        let (Some(plan), Some(intent)) = (self.plan.take(), self.intent.take()) else {
            return self.read_link();
        };
        self.partner_center_writes += 1;
        if let Some(referral) = &mut self.referral {
            referral.version.clone_from(&version);
        }
        self.state.referral_version = Some(version);
        self.state.intent = None;
        self.confirm(&plan.with_referral);
        let before = self.referral.clone();
        let old = |path: &str| before.as_ref().map_or(Value::Empty, |seen| seen.value.get(path));
        self.note_write(Side::PartnerCenter, &plan.referral_write, old, &intent.by, "push");
        self.settled(*plan, mapper)
    }

    /// Both sides are written; the record may be told.
    fn settled(&mut self, plan: Plan, mapper: &mut dyn Mapper) -> Action {
        self.note_left(&plan.stays);
        self.remember(plan.end);
        if plan.asks_for_another_entity {
            return self.read_link();
        }
        if let Some(draft) = plan.invites {
            return self.look_before_inviting(draft);
        }
        self.report_or_end(mapper)
    }

    /// Someone else wrote in between: nothing was written, so start again, a few times.
    pub(super) fn was_stale(&mut self) -> Action {
        self.void();
        self.stale += 1;
        if self.stale > self.start.limits.stale_retries_max {
            let reason = "both sides change faster than they can be written; looking again later".to_owned();
            return self.finish(Verdict::Again { after_ms: self.start.limits.again_ms, reason });
        }
        self.read_link()
    }

    pub(super) fn record_refused(&mut self, refusal: SystemRefusal) -> Action {
        let Some(IntendedWrite::Record(fields)) = self.intent.as_ref().map(|intent| intent.write.clone())
        else {
            return self.read_link();
        };
        self.void();
        for field in Self::named(&refusal, fields.keys()) {
            self.report_done |= self.report_fields.contains(&field);
            self.refused_fields.insert(field, format!("the CRM refused it: {}", refusal.reason));
        }
        self.read_link()
    }

    pub(super) fn referral_refused(&mut self, refusal: SystemRefusal) -> Action {
        let Some(IntendedWrite::Referral { fields, .. }) =
            self.intent.as_ref().map(|intent| intent.write.clone())
        else {
            return self.read_link();
        };
        self.void();
        for path in Self::named(&refusal, fields.keys()) {
            self.refused_paths.insert(path, format!("Partner Center refused it: {}", refusal.reason));
        }
        self.read_link()
    }

    pub(super) fn budget_spent(&mut self) -> Action {
        self.void();
        let most = self.start.limits.writes_max;
        let reason = format!(
            "this pass tried {most} writes and both sides still differ; it stopped. Look for automation that undoes \
             what is written, then retry"
        );
        self.alarms.push(reason.clone());
        self.park(reason)
    }

    pub(super) fn read_back_referral(&mut self, seen: Option<Versioned<Referral>>) -> Action {
        self.referral = seen;
        self.stage = Stage::ReadBackRecord;
        Action::ReadRecord(self.record_key())
    }

    pub(super) fn read_back_record(&mut self, seen: Option<Versioned<Record>>) -> Action {
        self.record = seen;
        if let Some(both) = self.both() {
            self.state.base = Base { referral: Some(both.referral.value), record: Some(both.fields) };
        }
        self.end()
    }

    /// The verdict on a pass that went all the way.
    pub(super) fn end(&mut self) -> Action {
        if self.is_conversion_waiting() {
            self.state.settled = None;
        } else if let (Some(referral), Some(record)) = (&self.referral, &self.record) {
            let (referral, record) = (referral.version.clone(), record.version.clone());
            self.state.settled = Some(Settled { referral, record });
        }
        let commit = self.commit();
        self.stage = Stage::Finished;
        let news: BTreeSet<&str> = self.news.iter().map(String::as_str).collect();
        let news = news.into_iter().collect::<Vec<_>>().join("; ");
        let (crm_writes, partner_center_writes) = (self.crm_writes, self.partner_center_writes);
        let verdict = if crm_writes + partner_center_writes > 0 {
            let mut reason = format!(
                "wrote {crm_writes} time(s) to the CRM and {partner_center_writes} time(s) to Partner Center"
            );
            if !news.is_empty() {
                reason = format!("{reason}; kept for a person: {news}");
            }
            Verdict::Applied { crm_writes, partner_center_writes, reason }
        } else if !news.is_empty() {
            Verdict::Parked { reason: format!("nothing was written; kept for a person: {news}") }
        } else {
            let open = self.state.open.len();
            let reason = match open {
                0 => "both sides agree".to_owned(),
                _ => format!("nothing changed since the last pass; {open} field(s) wait for a person"),
            };
            Verdict::Agreed { reason }
        };
        Action::Finish { commit, verdict }
    }
}
