//! Step 2: fold Partner Center's changes of each CRM field under the CRM's own.

use std::collections::BTreeSet;

use super::{Work, changed_at, decision};
use crate::{
    link::{EntryKind, Owed},
    mapping::{Conflict, Outcome, Resolution},
    opinions::{Halt, Opinions},
    value::{Fields, Value},
};

/// Which sides changed a field since the base.
struct Change {
    crm: bool,
    partner_center: bool,
    /// What the CRM held before its change.
    before: Value,
}

impl Work<'_> {
    /// Judges every field of the record, then asks about the conflicts among them.
    pub(super) fn fold(&mut self, opinions: &mut Opinions<'_>) -> Result<(), Halt> {
        let record = self.sides.record.keys();
        let names: BTreeSet<String> = record.chain(self.wish.keys()).cloned().collect();
        let mut disputed = Vec::new();
        for field in names {
            if self.is_owned(&field) {
                self.mirror(&field, opinions);
            } else if !self.is_held(&field) && self.judge(&field, opinions)? {
                disputed.push(field);
            }
        }
        self.decide(&disputed, opinions)
    }

    fn is_owned(&self, field: &str) -> bool {
        self.sides.entity.referral_key.as_deref() == Some(field)
            || self.sides.entity.field(field).is_some_and(|use_| use_.owned)
    }

    /// A mirror of Partner Center: whatever the CRM made of it is put back.
    fn mirror(&mut self, field: &str, opinions: &mut Opinions<'_>) {
        let Some(wish) = self.wish.get(field) else { return };
        if self.same(wish, self.current(field)) {
            self.release(field, "both sides agree");
        } else if let Some(reason) = self.refusal_to_hold(field) {
            self.hold_refused(field, reason, opinions);
        } else {
            self.write(field, wish.clone(), "mirror");
        }
    }

    /// Whether an open entry holds the field. It lets go when both sides agree, or when one of them has moved.
    fn is_held(&mut self, field: &str) -> bool {
        let Some(entry) = self.undecided(field).cloned() else { return false };
        let asked = match (self.wish.get(field), &entry.path) {
            (Some(wish), _) => wish.clone(),
            (None, Some(path)) => self.sides.referral.get(path),
            (None, None) => Value::Empty,
        };
        let agreed = match (self.wish.get(field), &entry.path) {
            (Some(wish), _) => self.same(wish, self.current(field)),
            (None, Some(path)) => self.same(&self.at(&self.asks, path), &asked),
            (None, None) => false,
        };
        if agreed {
            self.release(field, "both sides agree again");
            return true;
        }
        let retried = entry.kind == EntryKind::Undelivered && !self.sides.rules.hold_refused;
        let moved = !self.same(&entry.partner_center, &asked) || !self.same(&entry.crm, self.current(field));
        if moved || retried {
            return false;
        }
        self.hold(field);
        self.owed.insert(field.to_owned(), self.owes(field));
        true
    }

    /// Finds out who changed a field and settles what needs no decision. Says whether it is disputed.
    fn judge(&mut self, field: &str, opinions: &mut Opinions<'_>) -> Result<bool, Halt> {
        let change = self.changes(field, opinions)?;
        let decided = self.open.get(field).is_some_and(|entry| decision(entry).is_some());
        let agreed = self.wish.get(field).is_some_and(|wish| self.same(wish, self.current(field)));
        if decided && !agreed {
            return Ok(true);
        }
        match (change.partner_center, change.crm) {
            (false, false) => self.release(field, "both sides agree"),
            (true, false) => self.take_wish(field, "fold", opinions),
            (false, true) if self.is_delivered(field) => self.release(field, "Partner Center says the same"),
            (false, true) => self.keep(field, change.before),
            (true, true) if self.is_converted() && !agreed => self.overrule(field, opinions),
            (true, true) if agreed || self.is_invisible(field, opinions)? => {
                self.release(field, "Partner Center says the same");
            }
            (true, true) => match self.merged(field, opinions)? {
                Some(list) => self.take_merged(field, list),
                None => return Ok(true),
            },
        }
        Ok(false)
    }

    /// Partner Center wins over what a conversion left in the field, which may have been a person's after all.
    fn overrule(&mut self, field: &str, opinions: &mut Opinions<'_>) {
        let owed = self.owes(field);
        let is_default = owed.partner_center && !owed.crm;
        let is_old = !owed.crm && self.same(self.current(field), &self.wished_before(field));
        self.take_wish(field, "convert", opinions);
        if !is_default && !is_old && !self.open.contains_key(field) {
            let reason =
                "the record was converted for Partner Center, whose value this one was in the way of";
            let entry = self.entry(opinions, field, EntryKind::OverwrittenCrm, reason.to_owned());
            self.plan.with_record.push(entry);
        }
    }

    fn changes(&mut self, field: &str, opinions: &mut Opinions<'_>) -> Result<Change, Halt> {
        let owed = self.owes(field);
        let current = self.current(field).clone();
        let wish = self.wish.get(field).cloned();
        let left_empty = self.is_left_empty(&current);
        let base = match &wish {
            // Had nobody edited it, a record that took another one's place would hold what the referral asks for.
            Some(wish) if self.is_successor() => wish.clone(),
            _ => self.before(field),
        };
        let crm = owed.crm || !left_empty && !self.same(&current, &base);
        let before = match (owed.crm, &wish) {
            (true, Some(wish)) => wish.clone(),
            (true, None) => self.before_undelivered(field, base),
            (false, _) => base,
        };
        let speaks = if crm { self.spoken(field, &before, opinions)? } else { BTreeSet::new() };
        let partner_center = wish.is_some_and(|wish| {
            owed.partner_center
                || left_empty
                || !self.same(&wish, &self.wished_before(field))
                || (self.sides.rules.referral_conflicts && speaks.iter().any(|path| self.is_overrun(path)))
        });
        if crm {
            self.speaks.insert(field.to_owned(), speaks);
        }
        Ok(Change { crm, partner_center, before })
    }

    /// What an owed field that Partner Center does not ask for held before its edit: any other value than now will do.
    fn before_undelivered(&self, field: &str, base: Value) -> Value {
        let of_entry = self.open.get(field).and_then(|entry| entry.base.clone());
        let differs = |value: &Value| !self.same(value, self.current(field));
        [Some(base), of_entry].into_iter().flatten().find(differs).unwrap_or(Value::Empty)
    }

    /// The paths that change if the field does: what the CRM's edit of it speaks to.
    fn spoken(
        &self,
        field: &str,
        before: &Value,
        opinions: &mut Opinions<'_>,
    ) -> Result<BTreeSet<String>, Halt> {
        let mut as_before = self.sides.record.clone();
        as_before.insert(field.to_owned(), before.clone());
        // A field that switches the pair on or off speaks to nothing by itself.
        let Outcome::Hold(asked) = opinions.asks(&as_before, self.sides.referral)? else {
            return Ok(BTreeSet::new());
        };
        let paths = asked.keys().chain(self.asks.keys());
        Ok(paths
            .filter(|path| !self.same(&self.at(&asked, path), &self.at(&self.asks, path)))
            .cloned()
            .collect())
    }

    /// Whether Partner Center changed a path itself, to something else than the CRM asks for.
    fn is_overrun(&self, path: &str) -> bool {
        let current = self.sides.referral.get(path);
        let changed = self.owes(path).partner_center || !self.same(&current, &self.path_before(path));
        changed && !self.same(&self.at(&self.asks, path), &current)
    }

    /// Whether Partner Center holds already what the CRM's edit asks of it.
    fn is_delivered(&self, field: &str) -> bool {
        let holds = |path: &String| self.same(&self.at(&self.asks, path), &self.sides.referral.get(path));
        self.speaks.get(field).is_some_and(|paths| !paths.is_empty() && paths.iter().all(holds))
    }

    /// Whether Partner Center could not tell the CRM's value from its own.
    fn is_invisible(&self, field: &str, opinions: &mut Opinions<'_>) -> Result<bool, Halt> {
        let Some(wish) = self.wish.get(field) else { return Ok(false) };
        if self.speaks.get(field).is_none_or(BTreeSet::is_empty) {
            return Ok(false);
        }
        let mut as_wished = self.sides.record.clone();
        as_wished.insert(field.to_owned(), wish.clone());
        let Outcome::Hold(asked) = opinions.asks(&as_wished, self.sides.referral)? else {
            return Ok(false);
        };
        let mut paths = asked.keys().chain(self.asks.keys());
        Ok(paths.all(|path| self.same(&self.at(&asked, path), &self.at(&self.asks, path))))
    }

    /// Settles the disputed fields: by a person's decision where there is one, else as the plugin says.
    fn decide(&mut self, disputed: &[String], opinions: &mut Opinions<'_>) -> Result<(), Halt> {
        let of_person = |field: &String| self.open.get(field).and_then(decision).cloned();
        let asked: Vec<&String> = disputed.iter().filter(|field| of_person(field).is_none()).collect();
        let conflicts: Vec<Conflict> = asked.iter().map(|field| self.conflict(field)).collect();
        let answers = opinions.resolve(&conflicts)?;
        let decided: Vec<(String, Resolution)> =
            disputed.iter().filter_map(|field| Some((field.clone(), of_person(field)?))).collect();
        for (field, resolution) in decided {
            self.settle(&field, resolution, true, opinions);
        }
        for (field, resolution) in asked.into_iter().zip(answers) {
            self.settle(field, resolution, false, opinions);
        }
        Ok(())
    }

    fn conflict(&self, field: &str) -> Conflict {
        Conflict {
            field: field.to_owned(),
            base: self.sides.state.base.record.as_ref().map(|_| self.before(field)),
            partner_center: self.wish.get(field).cloned().unwrap_or(Value::Empty),
            crm: self.current(field).clone(),
            partner_center_changed: self.sides.referral.updated().map(str::to_owned),
            crm_changed: changed_at(self.sides.record),
        }
    }

    fn settle(&mut self, field: &str, resolution: Resolution, by_person: bool, opinions: &mut Opinions<'_>) {
        let rule = if by_person { "decision" } else { "conflict" };
        let wish = self.wish.get(field).cloned();
        let current = self.current(field).clone();
        if !matches!(resolution, Resolution::Park(_)) {
            self.release(field, if by_person { "decided, and delivered" } else { "judged again" });
        }
        match resolution {
            Resolution::PartnerCenter => {
                self.take_wish(field, rule, opinions);
                if !by_person && wish.is_some() && !self.open.contains_key(field) {
                    let reason = "both sides changed; the plugin gave it to Partner Center".to_owned();
                    let entry = self.entry(opinions, field, EntryKind::OverwrittenCrm, reason);
                    self.plan.with_record.push(entry);
                }
            }
            Resolution::Crm => self.win_for_crm(field, rule, by_person, opinions),
            Resolution::Value(value) if wish.as_ref().is_some_and(|wish| self.same(wish, &value)) => {
                self.settle(field, Resolution::PartnerCenter, by_person, opinions);
            }
            Resolution::Value(value) if self.same(&value, &current) => {
                self.win_for_crm(field, rule, by_person, opinions)
            }
            Resolution::Value(value) => {
                if !by_person {
                    let reason = "both sides changed; the plugin gave both a third value".to_owned();
                    let entry = self.entry(opinions, field, EntryKind::OverwrittenBoth, reason);
                    self.plan.with_record.push(entry);
                }
                self.write(field, value, if by_person { "set" } else { rule });
                self.keep(field, wish.unwrap_or(Value::Empty));
                self.decided_paths.extend(self.speaks.get(field).cloned().unwrap_or_default());
            }
            Resolution::Park(why) => {
                let entry = self.entry(opinions, field, EntryKind::Parked, why);
                self.replace_entry(field, entry);
                self.hold(field);
                self.owed.insert(field.to_owned(), Owed { partner_center: true, crm: true });
            }
        }
    }

    fn win_for_crm(&mut self, field: &str, rule: &'static str, by_person: bool, opinions: &mut Opinions<'_>) {
        if !by_person && self.wish.contains_key(field) {
            let reason = "both sides changed; the plugin gave it to the CRM".to_owned();
            let entry = self.entry(opinions, field, EntryKind::OverwrittenPartnerCenter, reason);
            self.plan.with_referral.push(entry);
        }
        self.keep(field, self.wish.get(field).cloned().unwrap_or(Value::Empty));
        self.won_by_crm.insert(field.to_owned());
        self.decided_paths.extend(self.speaks.get(field).cloned().unwrap_or_default());
        self.plan.rules.insert(field.to_owned(), rule);
    }

    /// The CRM takes what Partner Center asks for, unless it has just refused to.
    fn take_wish(&mut self, field: &str, rule: &'static str, opinions: &mut Opinions<'_>) {
        let Some(wish) = self.wish.get(field).cloned() else {
            return self.release(field, "Partner Center keeps its own");
        };
        if let Some(reason) = self.refusal_to_hold(field) {
            return self.hold_refused(field, reason, opinions);
        }
        self.release(field, "the CRM takes Partner Center's");
        self.baseline.insert(field.to_owned(), wish.clone());
        self.write(field, wish, rule);
    }

    /// Keeps the CRM's value, and remembers what Partner Center would find in its place.
    pub(super) fn keep(&mut self, field: &str, before: Value) {
        self.release(field, "the CRM's is pushed");
        self.baseline.insert(field.to_owned(), before);
        self.kept.insert(field.to_owned());
    }

    /// Plans a value for the CRM; the baseline takes it too, unless a person's edit is kept over it.
    pub(super) fn write(&mut self, field: &str, value: Value, rule: &'static str) {
        self.after.insert(field.to_owned(), value.clone());
        self.baseline.insert(field.to_owned(), value);
        self.plan.rules.insert(field.to_owned(), rule);
    }

    /// Takes over what followed from the push, so that the next round starts from it.
    pub(super) fn take_over(&mut self, follows: Fields) {
        for (field, value) in follows {
            self.followed.insert(field.clone());
            self.write(&field, value, "follow");
        }
    }

    /// An entry holds the field: both sides keep theirs, and nothing of the dispute reaches the other fields.
    fn hold(&mut self, field: &str) {
        if let Some(wish) = self.wish.get(field) {
            self.held.insert(field.to_owned(), wish.clone());
        }
    }

    pub(super) fn refusal_to_hold(&self, field: &str) -> Option<String> {
        self.sides.refused_fields.get(field).cloned()
    }

    /// The CRM refused what Partner Center asks for: an entry holds the field until a side moves.
    fn hold_refused(&mut self, field: &str, reason: String, opinions: &mut Opinions<'_>) {
        let entry = self.entry(opinions, field, EntryKind::Undelivered, reason);
        self.replace_entry(field, entry);
        self.hold(field);
        self.owed.insert(field.to_owned(), Owed { partner_center: true, crm: false });
    }

    fn replace_entry(&mut self, field: &str, entry: crate::link::Entry) {
        self.release(field, "a newer entry stands for it");
        self.open.insert(field.to_owned(), entry);
    }

    /// No entry holds the field (any more).
    pub(super) fn release(&mut self, field: &str, ending: &str) {
        if let Some(entry) = self.open.remove(field) {
            self.plan.endings.insert(entry.id, ending.to_owned());
        }
    }
}
