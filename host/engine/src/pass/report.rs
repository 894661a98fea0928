//! What the record is told of a pass: with the write that is made anyway, or, after a push, in one of its own.
//!
//! The same outcome is told once. So a pass that only sees its own echo writes nothing.

use std::collections::BTreeMap;

use super::{Action, Pass, Side, SystemRefusal, drive::Stage, linked::Both};
use crate::{
    canon::Canon,
    link::{Base, Entry, IntendedWrite, Intent},
    mapping::{EntityUse, Mapper, Report},
    opinions::{Shape, as_record},
    reconcile::Plan,
    value::{Fields, Value},
};

/// What the record shows after Partner Center's change reached it.
const TO_CRM: &str = "Partner Center Referral to CRM sync success.";
/// What the record shows after its change reached Partner Center.
const TO_PARTNER_CENTER: &str = "CRM to Partner Center Referral sync success.";

/// What to tell, given the entries that stay open.
pub(super) fn report(open: &BTreeMap<String, Entry>, pushed: bool) -> Report {
    if open.is_empty() {
        let message = if pushed { TO_PARTNER_CENTER } else { TO_CRM };
        return Report { failed: None, message: message.to_owned() };
    }
    let words: Vec<String> =
        open.values().map(|entry| format!("`{}`: {}", entry.field, entry.reason)).collect();
    let words = words.join("; ");
    Report { failed: Some(words.clone()), message: format!("Not everything is in sync. {words}") }
}

/// The same outcome has the same fingerprint.
pub(super) fn fingerprint(report: &Report) -> String {
    report.failed.as_ref().map_or_else(|| "synced".to_owned(), |words| format!("failed: {words}"))
}

impl Pass {
    /// Puts the report into a write of the record that is made anyway. Answers with its fingerprint.
    pub(super) fn add_report(
        &mut self,
        plan: &mut Plan,
        both: &Both,
        mapper: &mut dyn Mapper,
    ) -> Option<String> {
        let sends = self.partner_center_writes > 0 || !plan.referral_write.is_empty();
        let report = report(&plan.end.open, sends);
        let after = plan.end.base.record.clone().unwrap_or_default();
        let fields = self.report_fields(&report, both, &after, mapper)?;
        for base in [&mut plan.midway.base, &mut plan.end.base] {
            base.record.get_or_insert_default().extend(fields.clone());
        }
        plan.record_write.extend(fields);
        Some(fingerprint(&report))
    }

    /// Tells the record what is new, if anything is, and ends the pass.
    pub(super) fn report_or_end(&mut self, mapper: &mut dyn Mapper) -> Action {
        let report = report(&self.state.open, self.partner_center_writes > 0);
        let print = fingerprint(&report);
        let wrote = self.crm_writes + self.partner_center_writes > 0;
        let is_due = self.state.reported.as_ref() != Some(&print) || (wrote && !self.report_done);
        let (Some(both), true) = (self.both(), is_due) else { return self.end_or_read_back() };
        let after = self.state.base.record.clone().unwrap_or_default();
        let fields = self.report_fields(&report, &both, &after, mapper).unwrap_or_default();
        if fields.is_empty() {
            self.state.reported = Some(print);
            return self.end_or_read_back();
        }
        let mut told = after;
        told.extend(fields.clone());
        let intent = Intent {
            id: self.next_id(),
            concerns: fields.keys().cloned().collect(),
            write: IntendedWrite::Record(fields),
            base: Base { referral: self.state.base.referral.clone(), record: Some(told) },
            owed: self.state.owed.clone(),
            open: self.state.open.clone(),
            version: self.record.as_ref().map(|record| record.version.clone()),
            reported: Some(print),
            entries: Default::default(),
            since: self.start.now,
            by: Default::default(),
        };
        self.store_intent(intent, Stage::ReportIntent)
    }

    /// The fields that the plugin shows a report in and that differ from what the record will hold.
    fn report_fields(
        &mut self,
        report: &Report,
        both: &Both,
        after: &Fields,
        mapper: &mut dyn Mapper,
    ) -> Option<Fields> {
        let canon = Canon::of(&both.referral.value);
        self.shown(report, (&both.shape, after), &both.entity, &canon, mapper)
    }

    /// As [`Pass::report_fields`], for a record that may have no referral yet.
    pub(super) fn shown(
        &mut self,
        report: &Report,
        (shape, held): (&Shape, &Fields),
        entity: &EntityUse,
        canon: &Canon,
        mapper: &mut dyn Mapper,
    ) -> Option<Fields> {
        let mut fields = match mapper.report(&as_record(shape, held), report) {
            Ok(fields) => fields,
            Err(refusal) => {
                self.alarms.push(format!("the plugin refused to report on the record: {refusal}"));
                return None;
            }
        };
        let own = [&entity.stamp, &entity.referral_key];
        fields.retain(|field, value| {
            let is_own = own.iter().any(|name| name.as_deref() == Some(field));
            let is_refused = self.refused_fields.contains_key(field);
            !is_own && !is_refused && !canon.same(value, held.get(field).unwrap_or(&Value::Empty))
        });
        self.report_fields = fields.keys().cloned().collect();
        Some(fields)
    }

    pub(super) fn report_landed(&mut self, version: String) -> Action {
        let Some(intent) = self.intent.take() else { return self.end_or_read_back() };
        if let IntendedWrite::Record(fields) = &intent.write {
            let before = self.state.base.record.clone().unwrap_or_default();
            let old = |field: &str| before.get(field).cloned().unwrap_or(Value::Empty);
            self.note_write(Side::Crm, fields, old, &intent.by, "report");
        }
        self.crm_writes += 1;
        if let Some(record) = &mut self.record {
            record.version.clone_from(&version);
        }
        self.state.record_version = Some(version);
        self.state.base = intent.base;
        self.state.reported = intent.reported;
        self.state.intent = None;
        self.end_or_read_back()
    }

    /// A report that could not be written spoils nothing: the pair is in sync all the same.
    pub(super) fn report_failed(&mut self, refusal: Option<SystemRefusal>) -> Action {
        let print = self.intent.as_ref().and_then(|intent| intent.reported.clone());
        self.void();
        if let Some(refusal) = refusal {
            self.alarms.push(format!("the CRM refused the report on the record: {}", refusal.reason));
            self.state.reported = print;
        }
        self.end_or_read_back()
    }

    fn end_or_read_back(&mut self) -> Action {
        let wrote = self.crm_writes + self.partner_center_writes > 0;
        if self.start.rules.no_read_back || !wrote {
            return self.end();
        }
        self.stage = Stage::ReadBackReferral;
        Action::ReadReferral(self.referral_id())
    }
}
