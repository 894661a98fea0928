//! Step 3: what a person changed in the CRM goes to Partner Center, and what follows from that comes back.

use std::collections::{BTreeMap, BTreeSet};

use super::{Plan, Remembered, Work, changed_at, decision, restore};
use crate::{
    agreement::{restless, with},
    link::{Base, Entry, EntryKind, Owed, Restore},
    mapping::{Conflict, Outcome, Resolution},
    opinions::{Halt, Opinions, forget_related},
    referral::{self, EXTERNAL_REFERENCE, HELP, Referral, STATUS, SUBSTATUS},
    value::{Fields, Reference, Value},
};

/// What one round would send, and what it leaves behind.
#[derive(Default)]
pub(super) struct Push {
    writes: Fields,
    rules: BTreeMap<String, &'static str>,
    /// Entries that hold a field or path from now on.
    holding: Vec<(Entry, Owed)>,
    /// Entries for values of Partner Center's that are overwritten.
    overwritten: Vec<Entry>,
    /// Paths that an open entry goes on holding.
    still_held: BTreeSet<String>,
    /// Paths whose entry ends, and how.
    endings: BTreeMap<String, &'static str>,
    /// Fields whose path nobody may patch: the edit stays owed, so that it is not overwritten unseen.
    unsendable: BTreeSet<String>,
    /// Microsoft is to be asked in.
    invites: bool,
}

impl Push {
    fn holds(&self, name: &str) -> bool {
        self.holding.iter().any(|(entry, _)| entry.field == name)
    }
}

impl Work<'_> {
    /// Everything that `after` asks of the referral and `baseline` does not.
    pub(super) fn push(&mut self, opinions: &mut Opinions<'_>) -> Result<Push, Halt> {
        let after = with(&self.after, &self.held);
        let wanted = match opinions.asks(&after, self.sides.referral)? {
            Outcome::Hold(fields) => fields,
            Outcome::Skip(_) => Fields::new(),
        };
        let before = self.asked_by_baseline(&after, &wanted, opinions)?;
        let mut push = Push::default();
        let mut disputed = Vec::new();
        let paths: BTreeSet<&String> = wanted.keys().chain(before.keys()).collect();
        for path in paths {
            let value = self.at(&wanted, path);
            if !self.is_to_be_pushed(path, &value, &self.at(&before, path), &mut push) {
                continue;
            }
            if path == HELP {
                self.ask_for_help(&value, &mut push, opinions);
            } else if !referral::is_patchable(path) {
                push.unsendable.extend(self.speakers(path));
            } else if self.is_disputed(path) {
                disputed.push((path.clone(), value));
            } else {
                self.send(path, value, "push", &mut push);
            }
        }
        self.decide_paths(disputed, &mut push, opinions)?;
        self.send_identity(opinions, &mut push);
        self.pair_statuses(&wanted, &mut push);
        self.sift(&mut push, opinions);
        self.plan.invites = push.invites.then_some(wanted);
        Ok(push)
    }

    /// Help cannot be patched in. Asked for the first time it takes a second referral, which is sent to Microsoft; that
    /// stays owed until it is posted.
    fn ask_for_help(&self, help: &Value, push: &mut Push, opinions: &mut Opinions<'_>) {
        let referral = self.sides.referral;
        push.unsendable.extend(self.speakers(HELP));
        if matches!(self.open.get(HELP).and_then(decision), Some(Resolution::PartnerCenter)) {
            push.endings.insert(HELP.to_owned(), "Microsoft is not asked");
        } else if help.is_empty() || self.sides.state.microsoft_asked || !referral.get(HELP).is_empty() {
            // Microsoft was asked already; what kind of help was asked for stays as it was.
        } else if referral.is_closed() {
            let reason = self.refusal(HELP, help, None).unwrap_or_default();
            self.hold_path(HELP, help, &reason, push, opinions);
        } else {
            push.invites = referral.engagement().is_some();
        }
    }

    /// What the CRM would have asked for had Partner Center edited first. Where the baseline is left alone by the
    /// plugin, a field that switches the pair on has changed; the others are measured with that field as it is now.
    fn asked_by_baseline(
        &self,
        after: &Fields,
        wanted: &Fields,
        opinions: &mut Opinions<'_>,
    ) -> Result<Fields, Halt> {
        let baseline = match self.sides.rules.folded_baseline {
            true => with(&self.baseline, &self.held),
            false => with(self.sides.record, &self.wish),
        };
        if let Outcome::Hold(fields) = opinions.asks(&baseline, self.sides.referral)? {
            return Ok(fields);
        }
        for field in &self.kept {
            let switched = with(
                &baseline,
                &after.get_key_value(field).map(|(k, v)| (k.clone(), v.clone())).into_iter().collect(),
            );
            if let Outcome::Hold(fields) = opinions.asks(&switched, self.sides.referral)? {
                return Ok(fields);
            }
        }
        Ok(if self.kept.is_empty() { wanted.clone() } else { Fields::new() })
    }

    /// Whether a path is an edit that Partner Center does not have yet, and that no entry holds.
    fn is_to_be_pushed(&self, path: &str, value: &Value, before: &Value, push: &mut Push) -> bool {
        let current = self.sides.referral.get(path);
        if self.same(value, &current) {
            push.endings.insert(path.to_owned(), "both sides agree again");
            return false;
        }
        if let Some(entry) = self.undecided(path) {
            let retried = entry.kind == EntryKind::Undelivered && !self.sides.rules.hold_refused;
            if self.same(&entry.partner_center, &current) && self.same(&entry.crm, value) && !retried {
                push.still_held.insert(path.to_owned());
                return false;
            }
        }
        let decided = self.open.get(path).is_some_and(|entry| decision(entry).is_some());
        let is_new = self.back.asked_before.get(path).is_some_and(|before| !self.same(value, before));
        decided || is_new || self.is_owed(path) || !self.same(value, before)
    }

    /// Whether the record's view of a path is owed to Partner Center. Where nobody was refused and nothing is in doubt, an
    /// operator asked for that, and an edit in Partner Center goes first.
    fn is_owed(&self, path: &str) -> bool {
        let owed = self.owes(path);
        let has_changed = !self.same(&self.sides.referral.get(path), &self.path_before(path));
        owed.crm && (!has_changed || owed.partner_center || self.open.contains_key(path))
    }

    /// Whether Partner Center changed the path too, and no conflict between fields has settled that.
    fn is_disputed(&self, path: &str) -> bool {
        if self.open.get(path).is_some_and(|entry| decision(entry).is_some()) {
            return true;
        }
        let changed = !self.same(&self.sides.referral.get(path), &self.path_before(path));
        self.sides.rules.referral_conflicts
            && (changed || self.owes(path).partner_center)
            && !self.decided_paths.contains(path)
    }

    fn send(&self, path: &str, value: Value, rule: &'static str, push: &mut Push) {
        push.endings.insert(path.to_owned(), "delivered");
        push.rules.insert(path.to_owned(), rule);
        push.writes.insert(path.to_owned(), value);
    }

    fn decide_paths(
        &self,
        disputed: Vec<(String, Value)>,
        push: &mut Push,
        opinions: &mut Opinions<'_>,
    ) -> Result<(), Halt> {
        let of_person = |path: &str| self.open.get(path).and_then(decision).cloned();
        let asked = disputed.iter().filter(|(path, _)| of_person(path).is_none());
        let conflicts: Vec<Conflict> = asked.map(|(path, value)| self.path_conflict(path, value)).collect();
        let mut answers = opinions.resolve(&conflicts)?.into_iter();
        for (path, value) in disputed {
            let decided = of_person(&path);
            let by_person = decided.is_some();
            let Some(resolution) = decided.or_else(|| answers.next()) else { continue };
            self.settle_path(&path, value, resolution, by_person, push, opinions);
        }
        Ok(())
    }

    fn path_conflict(&self, path: &str, value: &Value) -> Conflict {
        Conflict {
            field: path.to_owned(),
            base: self.sides.state.base.referral.as_ref().map(|before| before.get(path)),
            partner_center: self.sides.referral.get(path),
            crm: value.clone(),
            partner_center_changed: self.sides.referral.updated().map(str::to_owned),
            crm_changed: changed_at(self.sides.record),
        }
    }

    fn settle_path(
        &self,
        path: &str,
        value: Value,
        resolution: Resolution,
        by_person: bool,
        push: &mut Push,
        opinions: &mut Opinions<'_>,
    ) {
        let rule = if by_person { "decision" } else { "conflict" };
        let reason = |winner: &str| format!("both sides changed; the plugin gave it to {winner}");
        let mut overwritten = |kind, winner| {
            if !by_person {
                push.overwritten.push(self.path_entry(opinions, path, &value, kind, reason(winner)));
            }
        };
        match resolution {
            Resolution::PartnerCenter => {
                overwritten(EntryKind::OverwrittenCrm, "Partner Center");
                push.endings.insert(path.to_owned(), "Partner Center keeps its own");
            }
            Resolution::Crm => {
                overwritten(EntryKind::OverwrittenPartnerCenter, "the CRM");
                self.send(path, value, rule, push);
            }
            Resolution::Value(third) => {
                overwritten(EntryKind::OverwrittenBoth, "a third value");
                self.send(path, third, if by_person { "set" } else { rule }, push);
            }
            Resolution::Park(why) => {
                let entry = self.path_entry(opinions, path, &value, EntryKind::Parked, why);
                push.holding.push((entry, Owed { partner_center: true, crm: true }));
            }
        }
    }

    fn path_entry(
        &self,
        opinions: &mut Opinions<'_>,
        path: &str,
        value: &Value,
        kind: EntryKind,
        reason: String,
    ) -> Entry {
        let mut entry = self.entry(opinions, path, kind, reason);
        entry.partner_center = self.sides.referral.get(path);
        entry.crm = value.clone();
        entry.base = self.sides.state.base.referral.as_ref().map(|before| before.get(path));
        entry.path = Some(path.to_owned());
        entry
    }

    /// The referral carries the record's id, whatever the plugin says and whoever changed it.
    fn send_identity(&self, opinions: &Opinions<'_>, push: &mut Push) {
        let id = Value::Text(crate::opinions::record_id(opinions.shape).to_owned());
        let unsent = !self.same(&self.sides.referral.get(EXTERNAL_REFERENCE), &id);
        let held = self.undecided(EXTERNAL_REFERENCE).is_some_and(|entry| self.same(&entry.crm, &id));
        match (unsent, held) {
            (true, true) => drop(push.still_held.insert(EXTERNAL_REFERENCE.to_owned())),
            (true, false) if !self.sides.referral.is_closed() => {
                self.send(EXTERNAL_REFERENCE, id, "identity", push)
            }
            _ => drop(push.endings.insert(EXTERNAL_REFERENCE.to_owned(), "both sides agree again")),
        }
    }

    /// Partner Center takes status and substatus together or not at all.
    fn pair_statuses(&self, wanted: &Fields, push: &mut Push) {
        for (one, other) in [(STATUS, SUBSTATUS), (SUBSTATUS, STATUS)] {
            if push.writes.contains_key(one) && !push.writes.contains_key(other) && !push.holds(other) {
                let rule = push.rules.get(one).copied().unwrap_or("push");
                let value = self.at(wanted, other);
                push.rules.insert(other.to_owned(), rule);
                push.writes.insert(other.to_owned(), value);
            }
        }
    }

    /// Takes out what Partner Center will not take, before it is sent: each such edit gets an entry.
    fn sift(&self, push: &mut Push, opinions: &mut Opinions<'_>) {
        let illegal = self.illegal_status(push);
        for (path, value) in std::mem::take(&mut push.writes) {
            match self.refusal(&path, &value, illegal.as_deref()) {
                None => drop(push.writes.insert(path, value)),
                Some(reason) if self.sides.rules.keep_refused => {
                    self.hold_path(&path, &value, &reason, push, opinions)
                }
                Some(_) => {}
            }
        }
    }

    /// Why Partner Center will not take a value, if that is known without asking.
    fn refusal(&self, path: &str, value: &Value, illegal_status: Option<&str>) -> Option<String> {
        let referral = self.sides.referral;
        if let Some(reason) = self.sides.refused_paths.get(path) {
            return Some(reason.clone());
        }
        if referral.is_closed() {
            let how = referral.substatus().unwrap_or("closed");
            return Some(format!(
                "the referral is closed (`{how}`), and Partner Center lets nobody change a closed one"
            ));
        }
        if referral::is_one_way(path)
            && referral.get(path) == Value::Flag(true)
            && *value != Value::Flag(true)
        {
            return Some(
                "consent to share with Microsoft's sellers is given once and cannot be taken back".to_owned(),
            );
        }
        illegal_status.filter(|_| path == STATUS || path == SUBSTATUS).map(str::to_owned)
    }

    fn illegal_status(&self, push: &Push) -> Option<String> {
        let text = |path: &str| match push.writes.get(path) {
            Some(Value::Text(text)) => Some(text.clone()),
            _ => None,
        };
        if !push.writes.contains_key(STATUS) && !push.writes.contains_key(SUBSTATUS) {
            return None;
        }
        let (status, substatus) = (text(STATUS).unwrap_or_default(), text(SUBSTATUS).unwrap_or_default());
        let from = self.sides.referral.status().unwrap_or_default();
        (!referral::is_transition(from, &status, &substatus)).then(|| {
            format!("Partner Center lets no referral go from `{from}` to `{status}` with `{substatus}`")
        })
    }

    /// The CRM fields whose change speaks to a path.
    fn speakers(&self, path: &str) -> BTreeSet<String> {
        let speaks = |field: &&String| self.speaks.get(*field).is_some_and(|paths| paths.contains(path));
        self.kept.iter().filter(speaks).cloned().collect()
    }

    fn hold_path(
        &self,
        path: &str,
        value: &Value,
        reason: &str,
        push: &mut Push,
        opinions: &mut Opinions<'_>,
    ) {
        push.overwritten.retain(|entry| entry.field != path);
        let owed = Owed { partner_center: false, crm: true };
        let speakers = self.speakers(path);
        for field in &speakers {
            if !push.holds(field) {
                let entry = self.undelivered(opinions, field, path, reason.to_owned());
                push.holding.push((entry, owed));
            }
        }
        // Status and substatus are one edit: one entry is enough.
        let is_status = |path: &str| path == SUBSTATUS || path == STATUS;
        let is_about_it = |(entry, _): &(Entry, Owed)| entry.path.as_deref().is_some_and(is_status);
        let is_told = is_status(path) && push.holding.iter().any(is_about_it);
        let is_asked_for = !self.same(value, &self.sides.referral.get(path));
        if speakers.is_empty() && is_asked_for && !is_told {
            let entry = self.path_entry(opinions, path, value, EntryKind::Undelivered, reason.to_owned());
            push.holding.push((entry, owed));
        }
    }

    /// Fields of the record that follow from the push: what the referral asks for once it has landed.
    pub(super) fn follow(&self, push: &Push, opinions: &mut Opinions<'_>) -> Result<Fields, Halt> {
        if push.writes.is_empty() || !self.sides.rules.second_order {
            return Ok(Fields::new());
        }
        let sent = self.sides.referral.overlay(&push.writes);
        let (Outcome::Hold(then), Outcome::Hold(now)) = (
            opinions.supposed_wish(&sent, &self.after)?,
            opinions.supposed_wish(self.sides.referral, &self.after)?,
        ) else {
            return Ok(Fields::new());
        };
        let follows = |(field, value): &(&String, &Value)| {
            let field = field.as_str();
            let current = self.after.get(field).unwrap_or(&Value::Empty);
            let free = !self.kept.contains(field) && !self.held.contains_key(field) && !push.holds(field);
            free && self.refusal_to_hold(field).is_none()
                && !self.same(value, now.get(field).unwrap_or(current))
                && !self.same(value, current)
        };
        Ok(then.iter().filter(follows).map(|(field, value)| (field.clone(), value.clone())).collect())
    }

    /// The plan, once nothing follows any more.
    pub(super) fn finish(mut self, mut push: Push, opinions: &mut Opinions<'_>) -> Result<Plan, Halt> {
        let sent = self.sides.referral.overlay(&push.writes);
        self.take_back(&mut push, opinions);
        for (path, ending) in &push.endings {
            if !push.still_held.contains(path) {
                self.release(path, ending);
            }
        }
        for path in &push.still_held {
            self.owed.insert(path.clone(), self.owes(path));
        }
        for (entry, owed) in push.holding {
            let name = entry.field.clone();
            self.won_by_crm.remove(&name);
            self.plan.with_referral.retain(|other| other.field != name);
            self.release(&name, "a newer entry stands for it");
            self.owed.insert(name.clone(), owed);
            self.open.insert(name, entry);
        }
        if push.invites {
            self.owed.entry(HELP.to_owned()).or_default().crm = true;
        }
        for field in push.unsendable.iter().filter(|field| self.wish.contains_key(*field)) {
            self.owed.entry(field.clone()).or_default().crm = true;
        }
        self.won_paths.extend(push.overwritten.iter().map(|entry| entry.field.clone()));
        self.plan.with_referral.extend(push.overwritten);
        self.plan.rules.extend(push.rules);
        let behind =
            self.speaks.iter().filter(|(_, paths)| paths.iter().any(|path| push.writes.contains_key(path)));
        self.plan.behind_push = behind.map(|(field, _)| field.clone()).collect();
        let unspoken =
            push.writes.keys().filter(|path| !self.speaks.values().any(|paths| paths.contains(*path)));
        self.plan.behind_push.extend(unspoken.cloned().collect::<Vec<_>>());
        self.plan.referral_write = push.writes;
        self.remember(sent);
        if let (false, Some(sent)) = (self.plan.referral_write.is_empty(), &self.plan.end.base.referral) {
            let wish = opinions.wish(sent, &self.after);
            self.plan.asks_for_another_entity = matches!(wish, Err(Halt::Convert(_)));
        }
        self.check_agreement(opinions)?;
        Ok(self.plan)
    }

    /// What a release wrote and nothing of this plan replaces gives way to the old value, and what is written is measured
    /// against what both sides really hold.
    fn take_back(&mut self, push: &mut Push, opinions: &mut Opinions<'_>) {
        let reason =
            "it was there before the release that is undone, and the other side asks for another value";
        for name in self.back.guessed.clone() {
            if !restore::is_path(&name) {
                let entry = self.entry(opinions, &name, EntryKind::OverwrittenCrm, reason.to_owned());
                self.plan.with_record.push(entry);
            } else if let Some(value) = push.writes.get(&name) {
                let kind = EntryKind::OverwrittenPartnerCenter;
                let entry = self.path_entry(opinions, &name, value, kind, reason.to_owned());
                push.overwritten.push(entry);
            }
        }
        for name in self.back.names.iter().filter(|name| restore::is_path(name)) {
            let old = || self.sides.referral.get(name);
            push.writes.entry(name.clone()).or_insert_with(old);
            push.rules.insert(name.clone(), "undo");
        }
        let fields = self.back.names.iter().filter(|name| !restore::is_path(name));
        self.plan.rules.extend(fields.map(|name| (name.clone(), "undo")));
        let read = self.read.referral;
        push.writes.retain(|path, value| {
            !self.back.names.contains(path) || !self.same(&referral::as_held(path, value), &read.get(path))
        });
        self.plan.left = std::mem::take(&mut self.back.left);
    }

    fn remember(&mut self, sent: Referral) {
        let held = |field: &String| self.read.record.get(field).unwrap_or(&Value::Empty);
        let changed = |(field, value): &(&String, &Value)| !self.same(value, held(field));
        self.plan.record_write =
            self.after.iter().filter(changed).map(|(k, v)| (k.clone(), v.clone())).collect();
        self.plan.stays = self.what_stays();
        for (field, value) in &self.plan.record_write {
            if matches!(value, Value::Reference(Reference::Existing(_) | Reference::Companion(_))) {
                forget_related(&mut self.baseline, field);
                forget_related(&mut self.after, field);
            }
        }
        let base =
            |referral: Referral, record: Fields| Base { referral: Some(referral), record: Some(record) };
        let mut midway = self.owed.clone();
        for field in &self.followed {
            midway.entry(field.clone()).or_default().partner_center = true;
        }
        for field in &self.kept {
            midway.entry(field.clone()).or_default().crm |= self.owes(field).crm;
        }
        for field in &self.won_by_crm {
            midway.insert(field.clone(), Owed { partner_center: true, crm: true });
        }
        for path in &self.won_paths {
            midway.entry(path.clone()).or_default().partner_center = true;
        }
        for path in self.plan.referral_write.keys().filter(|path| !self.back.names.contains(*path)) {
            midway.entry(path.clone()).or_default().crm |= self.owes(path).crm;
        }
        midway.retain(|_, owed| *owed != Owed::default());
        let mut open = self.open.clone();
        for (field, entry) in &self.sides.state.open {
            if self.kept.contains(field) || field.starts_with('/') {
                open.entry(field.clone()).or_insert_with(|| entry.clone());
            }
        }
        let end = base(sent, self.after.clone());
        self.plan.end =
            Remembered { base: end, owed: self.owed.clone(), open: self.open.clone(), restore: Vec::new() };
        let (seen, restore) =
            (base(self.read.referral.clone(), self.baseline.clone()), self.still_to_restore());
        self.plan.midway = Remembered { base: seen, owed: midway, open, restore };
    }

    /// What needs no write to be as it should, though a release wrote it.
    fn what_stays(&self) -> Vec<restore::Left> {
        let is_written = |name: &String| {
            self.plan.record_write.contains_key(name) || self.plan.referral_write.contains_key(name)
        };
        let all = self.read.state.restore.iter().flat_map(|part| &part.writes);
        let stays = all.filter(|(name, _)| self.back.names.contains(*name) && !is_written(name));
        stays.map(|(name, write)| restore::Left::asked_for(name, write)).collect()
    }

    /// What is taken back once the record is written, and what that is judged by.
    fn still_to_restore(&self) -> Vec<Restore> {
        let mut parts = self.read.state.restore.clone();
        for part in &mut parts {
            part.writes.retain(|name, _| {
                self.back.names.contains(name) && !self.plan.record_write.contains_key(name)
            });
        }
        parts.retain(|part| !part.writes.is_empty());
        parts
    }

    /// Raises an alarm if the plan leaves both sides asking for more: the mapping breaks law L1 or L2.
    fn check_agreement(&mut self, opinions: &mut Opinions<'_>) -> Result<(), Halt> {
        let plan = &self.plan;
        let writes = !plan.record_write.is_empty() || !plan.referral_write.is_empty();
        let Some(sent) = plan.end.base.referral.clone().filter(|sent| writes && !sent.is_closed()) else {
            return Ok(());
        };
        if !plan.end.open.is_empty() || !plan.end.owed.is_empty() {
            return Ok(());
        }
        let Outcome::Hold(wish) = opinions.supposed_wish(&sent, &self.after)? else { return Ok(()) };
        let Some(broken) = restless(opinions, &sent, &self.after, &wish, self.canon)? else { return Ok(()) };
        if !broken.is_empty() {
            let names = broken.join("`, `");
            let alarm = format!(
                "the mapping does not settle on `{names}`: mapping back and forth changes more (laws L1, L2)"
            );
            self.plan.alarms.push(alarm);
        }
        Ok(())
    }
}
