//! What the record is told when its referral could not be made, or when the plugin refuses a pair for good, so that the
//! seller sees the reason where they work.
//!
//! The words that the record was told last are remembered, and the version that telling them gave it. The same words are
//! written once, whatever a plugin puts around them (the time, say), and an event at that version is our own report coming
//! back. Nothing else is kept: of a pair the base takes the report alone, and where there is no pair yet it stays empty, so
//! a create or an adoption that follows begins as if nothing had failed, and then tells the record that it went well.

use super::{Action, Pass, Side, SystemRefusal, Verdict, drive::Stage, report};
use crate::{
    canon::Canon,
    link::{Base, IntendedWrite, Intent},
    mapping::{Disposition, Mapper, Refusal, Report},
    opinions::flatten,
    value::{RecordKey, Value},
};

/// What the record shows before the reason while it has no referral.
const NOT_SENT: &str = "Not sent to Partner Center.";

/// What it shows when it has one.
const NOT_IN_SYNC: &str = "Not in sync with Partner Center.";

impl Pass {
    /// Partner Center does not take the partner's own referral: the record is told, and a person corrects it.
    pub(super) fn own_post_refused(&mut self, refusal: &SystemRefusal, mapper: &mut dyn Mapper) -> Action {
        let RecordKey { entity, id } = self.record_key();
        let fields = if refusal.fields.is_empty() {
            String::new()
        } else {
            format!(" (`{}`)", refusal.fields.join("`, `"))
        };
        let reason = format!(
            "Partner Center refused the referral for record `{entity}` `{id}`{fields}: {}; no referral was made. \
             Correct the record, then it is tried again",
            refusal.reason
        );
        self.tell_and_park(format!("Partner Center refused it{fields}: {}", refusal.reason), reason, mapper)
    }

    /// The plugin gives no draft of a new referral, or refuses a pair. What cannot be sent for good, the record is told.
    pub(super) fn draft_refused(&mut self, refusal: Refusal, mapper: &mut dyn Mapper) -> Action {
        let field = refusal.field.as_ref().map(|field| format!("`{field}`: ")).unwrap_or_default();
        let help = refusal.help.as_ref().map(|help| format!("; {help}")).unwrap_or_default();
        let words = format!("{field}{}{help}", refusal.message);
        let disposition = refusal.disposition;
        match (disposition, self.verdict_on(refusal)) {
            (Disposition::Reject, Verdict::Parked { reason }) => self.tell_and_park(words, reason, mapper),
            (_, verdict) => self.finish(verdict),
        }
    }

    /// Parks with `reason`, after the record was told `words`, unless it was told the same before. The echo of that report
    /// asks nobody again.
    fn tell_and_park(&mut self, words: String, reason: String, mapper: &mut dyn Mapper) -> Action {
        let intro = if self.referral.is_some() { NOT_IN_SYNC } else { NOT_SENT };
        let report = Report { message: format!("{intro} {words}"), failed: Some(words) };
        let print = report::fingerprint(&report);
        let is_told = self.state.reported.as_ref() == Some(&print);
        if is_told && self.is_unsent_echo() {
            return self
                .finish(Verdict::Skipped { reason: format!("{reason}; the record was told so before") });
        }
        // A POST of unknown fate is worth more than a report: its intent must not be replaced.
        let is_free = self.state.intent.is_none() && self.attempts < self.start.limits.writes_max;
        let (Some(record), false, true) = (self.record.clone(), is_told, is_free) else {
            return self.park(reason);
        };
        let Some(entity) = self.entity_use(&record.value.key.entity) else { return self.park(reason) };
        let (shape, held) = flatten(&record.value, &entity);
        let canon = self.referral.as_ref().map_or(Canon::of_currency(None), |seen| Canon::of(&seen.value));
        let shown = self.shown(&report, (&shape, &held), &entity, &canon, mapper);
        let fields = shown.unwrap_or_default();
        if fields.is_empty() {
            self.state.reported = Some(print);
            return self.park(reason);
        }
        self.parting = reason;
        let Base { referral, record: known } = self.state.base.clone();
        let told = known.map(|known| known.into_iter().chain(fields.clone()).collect());
        let intent = Intent {
            id: self.next_id(),
            concerns: fields.keys().cloned().collect(),
            write: IntendedWrite::Record(fields),
            base: Base { referral, record: told },
            owed: self.state.owed.clone(),
            open: self.state.open.clone(),
            version: Some(record.version),
            reported: Some(print),
            entries: Default::default(),
            since: self.start.now,
            by: Default::default(),
        };
        self.store_intent(intent, Stage::UnsentIntent)
    }

    pub(super) fn unsent_told(&mut self, version: String) -> Action {
        if let Some(Intent { write: IntendedWrite::Record(fields), base, reported, by, .. }) =
            self.intent.take()
        {
            let before = self.record.as_ref().map(|record| record.value.fields.clone()).unwrap_or_default();
            let old = |field: &str| before.get(field).cloned().unwrap_or(Value::Empty);
            self.note_write(Side::Crm, &fields, old, &by, "report");
            self.state.reported = reported;
            self.state.base = base;
        }
        self.crm_writes += 1;
        self.state.record_version = Some(version);
        self.state.intent = None;
        self.part()
    }

    /// A record that could not be told is parked with the same words. If it only changed meanwhile, the pass on that
    /// change tells it; one that is refused is not tried again with the same words.
    pub(super) fn unsent_not_told(&mut self, refusal: Option<SystemRefusal>) -> Action {
        let print = self.intent.as_ref().and_then(|intent| intent.reported.clone());
        self.void();
        if let Some(refusal) = refusal {
            self.alarms.push(format!("the CRM refused the report on the record: {}", refusal.reason));
            self.state.reported = print;
        }
        self.part()
    }

    /// It is not known whether the record was told: the intent stays open, and the next pass looks.
    pub(super) fn unsent_in_doubt(&mut self) -> Action {
        self.stage = Stage::Finished;
        let reason = std::mem::take(&mut self.parting);
        Action::Finish { commit: self.notes(), verdict: Verdict::Parked { reason } }
    }

    fn part(&mut self) -> Action {
        let reason = std::mem::take(&mut self.parting);
        self.park(reason)
    }

    /// Was the record told, by a report whose fate was not known? Once more is the worst that a mistake here costs.
    pub(super) fn settle_unsent(&mut self) {
        let Some(Intent { id, write: IntendedWrite::Record(sent), version, reported, .. }) =
            &self.state.intent
        else {
            return;
        };
        let landed = self.record.as_ref().is_some_and(|record| {
            let held = &record.value.fields;
            match self.entity_use(&record.value.key.entity).and_then(|use_| use_.stamp) {
                Some(stamp) => held.get(&stamp) == Some(&Value::Text(id.clone())),
                None => {
                    let canon = Canon::of_currency(None);
                    version.as_ref() != Some(&record.version)
                        && sent.keys().all(|field| canon.same_field(field, sent, held))
                }
            }
        });
        if landed {
            self.state.reported = reported.clone();
        }
        self.state.intent = None;
    }

    /// Whether the record is as our own report left it, so that sending it would fail as before.
    pub(super) fn is_unsent_echo(&self) -> bool {
        let version = self.record.as_ref().map(|record| &record.version);
        self.start.post_again.is_none()
            && self.state.intent.is_none()
            && version.is_some()
            && self.state.record_version.as_ref() == version
    }
}
