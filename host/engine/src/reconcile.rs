//! Reconcile: what must be written so that a referral and a record say the same again.
//!
//! In one sentence: *fold Partner Center's changes under the CRM's, push what is left, and let the base be only what
//! was read or sent.* [`reconcile`] is the function to read first; it has three steps.
//!
//! 1. **Ask.** `wish`: what the referral asks of the CRM now. `wish_before`: what the *base's* referral asks of it,
//!    by the same release and against the same record, so that nothing but the referral differs between the two.
//!    `asks`: what the record asks of the referral.
//! 2. **Fold** ([`fold`]). For each CRM field: did the CRM change it, did Partner Center? The answer goes into two
//!    records: `after`, what the CRM will hold, and `baseline`, what it would hold if Partner Center had edited
//!    first and the CRM not at all.
//! 3. **Push** ([`push`]). Whatever `after` asks of the referral and `baseline` does not is a person's edit in the
//!    CRM. Fields of the record that follow from the push are written too, for a few rounds at most.
//!
//! In the letters of the paper that this comes from: R and C are `referral` and `record`, R0 and C0 the base, W and
//! W0 `wish` and `wish_before`, V `asks`, B `baseline`, C1 `after`, M `held`, X the record write and Y the referral
//! write of the [`Plan`], R1 the referral in its last base, D the fields that [`push`] follows.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::{
    canon::Canon,
    link::{Base, Entry, EntryKind, LinkState, Owed, Provenance, Restore},
    mapping::{EntityUse, Outcome, Resolution},
    opinions::{Halt, Opinions},
    referral::{self, Referral},
    rules::Rules,
    value::{Fields, Value},
};

mod fold;
mod lists;
mod push;
pub(crate) mod restore;

/// Both sides as they were read, and what is remembered of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sides<'a> {
    pub(crate) state: &'a LinkState,
    pub(crate) referral: &'a Referral,
    /// The record, laid out flat.
    pub(crate) record: &'a Fields,
    pub(crate) entity: &'a EntityUse,
    /// Fields of a write whose fate is not known.
    pub(crate) doubted: &'a BTreeSet<String>,
    /// What Partner Center has refused in this pass: path and words.
    pub(crate) refused_paths: &'a BTreeMap<String, String>,
    /// What the CRM has refused in this pass: field and words.
    pub(crate) refused_fields: &'a BTreeMap<String, String>,
    pub(crate) pass: &'a str,
    pub(crate) now: Timestamp,
    pub(crate) rounds_max: u32,
    pub(crate) rules: Rules,
}

/// What a pair is to become.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Reconciled {
    /// Write this, then remember that.
    Plan(Box<Plan>),
    /// The plugin leaves the pair alone.
    Skip(String),
    /// The mapping chases its own tail: these fields still changed after the last round.
    Unsettled(Vec<String>),
}

/// The writes, and what is true once each of them has landed.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Plan {
    /// Fields of the record to write.
    pub(crate) record_write: Fields,
    /// Paths of the referral to write.
    pub(crate) referral_write: Fields,
    /// The rule behind each field of either write.
    pub(crate) rules: BTreeMap<String, &'static str>,
    /// What is remembered once the record is written and the referral is not.
    pub(crate) midway: Remembered,
    /// What is remembered at the end.
    pub(crate) end: Remembered,
    /// Entries for values that the record write overwrites.
    pub(crate) with_record: Vec<Entry>,
    /// Entries for values that the referral write overwrites.
    pub(crate) with_referral: Vec<Entry>,
    /// How open entries ended, by id.
    pub(crate) endings: BTreeMap<String, String>,
    /// Help is asked of Microsoft in a deal that was posted without: what the record says of the referral.
    pub(crate) invites: Option<Fields>,
    /// Once the referral is written, it asks for a record of another entity.
    pub(crate) asks_for_another_entity: bool,
    /// The CRM fields (or paths) behind the referral write, in doubt if its fate is not known.
    pub(crate) behind_push: BTreeSet<String>,
    /// What a release wrote and cannot or must not be taken back.
    pub(crate) left: Vec<restore::Left>,
    /// What a release wrote and is what this plan wants too.
    pub(crate) stays: Vec<restore::Left>,
    /// Laws that this plan shows to be broken.
    pub(crate) alarms: Vec<String>,
}

impl Plan {
    /// The rules behind a write, for its intent.
    pub(crate) fn rules_of(&self, write: &Fields) -> Provenance {
        let rule = |name: &String| Some((name.clone(), (*self.rules.get(name)?).to_owned()));
        Provenance { release: None, rules: write.keys().filter_map(rule).collect() }
    }
}

/// The part of a link's state that a plan decides.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Remembered {
    pub(crate) base: Base,
    pub(crate) owed: BTreeMap<String, Owed>,
    pub(crate) open: BTreeMap<String, Entry>,
    pub(crate) restore: Vec<Restore>,
}

/// Plans what makes both sides agree. Asks the plugin, reads nothing, writes nothing. What a release wrote and is to be
/// taken back is looked at as if it had not been written (see [`restore`]).
pub(crate) fn reconcile(read: &Sides<'_>, opinions: &mut Opinions<'_>) -> Result<Reconciled, Halt> {
    match restore::undone(read, opinions)? {
        None => compare(read, read, restore::Back::default(), opinions),
        Some(undone) => {
            let as_if =
                Sides { state: &undone.state, referral: &undone.referral, record: &undone.record, ..*read };
            compare(&as_if, read, undone.back.clone(), opinions)
        }
    }
}

fn compare(
    sides: &Sides<'_>,
    read: &Sides<'_>,
    back: restore::Back,
    opinions: &mut Opinions<'_>,
) -> Result<Reconciled, Halt> {
    let wish = match opinions.wish(sides.referral, sides.record) {
        Ok(Outcome::Hold(fields)) => fields,
        Ok(Outcome::Skip(reason)) => return Ok(Reconciled::Skip(reason)),
        Err(Halt::Convert(draft)) => {
            return match opinions.asks(sides.record, sides.referral)? {
                Outcome::Hold(_) => Err(Halt::Convert(draft)),
                Outcome::Skip(reason) => Ok(Reconciled::Skip(reason)),
            };
        }
        Err(halt) => return Err(halt),
    };
    let asks = match opinions.asks(sides.record, sides.referral)? {
        Outcome::Hold(fields) => fields,
        Outcome::Skip(reason) => return Ok(Reconciled::Skip(reason)),
    };
    let wish_before = match &sides.state.base.referral {
        Some(before) => match opinions.supposed_wish(before, sides.record)? {
            Outcome::Hold(fields) => Some(fields),
            Outcome::Skip(_) => None,
        },
        None => None,
    };
    let mut work = Work::new(*sides, *read, back, (wish, wish_before, asks));
    work.fold(opinions)?;
    for _ in 0..sides.rounds_max {
        let push = work.push(opinions)?;
        let follows = work.follow(&push, opinions)?;
        if follows.is_empty() {
            let plan = work.finish(push, opinions)?;
            return Ok(Reconciled::Plan(Box::new(plan)));
        }
        work.take_over(follows);
    }
    Ok(Reconciled::Unsettled(work.followed.iter().cloned().collect()))
}

/// A plan in the making.
pub(crate) struct Work<'a> {
    /// Both sides as they are compared.
    sides: Sides<'a>,
    /// Both sides as they were read.
    read: Sides<'a>,
    /// Where the two differ, because a release's writes are taken back.
    back: restore::Back,
    canon: Canon,
    wish: Fields,
    /// `None` if the base's referral asks for nothing: it was never seen, or the plugin left it alone.
    wish_before: Option<Fields>,
    asks: Fields,
    /// What the CRM would hold if Partner Center had edited first and the CRM not at all.
    baseline: Fields,
    /// What the CRM will hold.
    after: Fields,
    /// Fields whose value in the CRM stays, to be pushed.
    kept: BTreeSet<String>,
    /// Held fields, and what Partner Center sees in their place.
    held: Fields,
    /// Fields that followed from the push.
    followed: BTreeSet<String>,
    /// For each field that the CRM changed, the paths that the change speaks to.
    speaks: BTreeMap<String, BTreeSet<String>>,
    /// Paths that a conflict between fields has decided already.
    decided_paths: BTreeSet<String>,
    /// Fields where the CRM's value won: judged again should the push not land.
    won_by_crm: BTreeSet<String>,
    /// Paths with a conflict of their own: judged again should the push not land.
    won_paths: BTreeSet<String>,
    owed: BTreeMap<String, Owed>,
    open: BTreeMap<String, Entry>,
    plan: Plan,
}

impl<'a> Work<'a> {
    fn new(
        sides: Sides<'a>,
        read: Sides<'a>,
        back: restore::Back,
        (wish, wish_before, asks): (Fields, Option<Fields>, Fields),
    ) -> Self {
        Work {
            read,
            back,
            canon: Canon::of(sides.referral),
            wish,
            wish_before,
            asks,
            baseline: sides.record.clone(),
            after: sides.record.clone(),
            kept: BTreeSet::new(),
            held: Fields::new(),
            followed: BTreeSet::new(),
            speaks: BTreeMap::new(),
            decided_paths: BTreeSet::new(),
            won_by_crm: BTreeSet::new(),
            won_paths: BTreeSet::new(),
            owed: BTreeMap::new(),
            open: sides.state.open.clone(),
            plan: Plan::default(),
            sides,
        }
    }

    /// What the CRM holds now, as it is compared.
    fn current(&self, field: &str) -> &'a Value {
        self.sides.record.get(field).unwrap_or(&Value::Empty)
    }

    /// What the CRM held at the base. A field that the base does not know was not declared then: no edit of it is
    /// known, so it is as it was.
    fn before(&self, field: &str) -> Value {
        let Some(base) = &self.sides.state.base.record else { return Value::Empty };
        match base.get(field) {
            None => self.current(field).clone(),
            // It was sent by name; which record that is, only the same wish knows now.
            Some(Value::Reference(crate::value::Reference::Companion(_))) => self
                .wish_before
                .as_ref()
                .and_then(|wish| wish.get(field))
                .unwrap_or(self.current(field))
                .clone(),
            Some(value) => value.clone(),
        }
    }

    /// Whether the record took another one's place: the referral's base is known, its own is not. What it left empty
    /// the referral fills.
    fn is_successor(&self) -> bool {
        self.sides.state.base.record.is_none() && self.sides.state.base.referral.is_some()
    }

    /// Whether a record that took another one's place holds nothing there. A flag is never empty in a CRM: one that nobody
    /// has chosen yet is off.
    fn is_left_empty(&self, value: &Value) -> bool {
        self.is_successor() && (self.same(value, &Value::Empty) || *value == Value::Flag(false))
    }

    /// Whether the record is the CRM's answer to our own conversion: where Partner Center has changed something, or the
    /// CRM has put a default of its own, the referral says what it is to hold.
    fn is_converted(&self) -> bool {
        self.is_successor() && self.sides.state.converted
    }

    /// What the base's referral asked for. A field that it does not speak of stays as it is.
    fn wished_before(&self, field: &str) -> Value {
        match &self.wish_before {
            None => Value::Empty,
            Some(wish) => wish.get(field).unwrap_or(self.current(field)).clone(),
        }
    }

    /// What the referral held at a path at the base.
    fn path_before(&self, path: &str) -> Value {
        self.sides.state.base.referral.as_ref().map_or(Value::Empty, |before| before.get(path))
    }

    /// What a draft wants at a path. One that does not speak of it leaves it as it is.
    fn at(&self, draft: &Fields, path: &str) -> Value {
        match draft.get(path) {
            Some(value) => referral::as_held(path, value),
            None => self.sides.referral.get(path),
        }
    }

    fn owes(&self, name: &str) -> Owed {
        self.sides.state.owed.get(name).copied().unwrap_or_default()
    }

    fn same(&self, one: &Value, other: &Value) -> bool {
        self.canon.same(one, other)
    }

    /// The open entry on a field that nobody has decided yet.
    fn undecided(&self, name: &str) -> Option<&Entry> {
        self.open.get(name).filter(|entry| decision(entry).is_none())
    }

    fn entry(&self, opinions: &mut Opinions<'_>, field: &str, kind: EntryKind, reason: String) -> Entry {
        let doubt =
            self.sides.doubted.contains(field) && !matches!(kind, EntryKind::Parked | EntryKind::Undelivered);
        let base = self.sides.state.base.record.as_ref().map(|_| self.before(field));
        let reason = if doubt {
            format!("after an interruption it is not known whether our own write landed; {reason}")
        } else {
            reason
        };
        Entry {
            id: opinions.memory.next_id(self.sides.pass),
            field: field.to_owned(),
            path: None,
            kind: if doubt { EntryKind::Doubt } else { kind },
            partner_center: self.wish.get(field).cloned().unwrap_or(Value::Empty),
            crm: self.current(field).clone(),
            base,
            reason,
            decision: None,
            since: self.sides.now,
        }
    }

    /// An edit of the CRM that Partner Center does not take: its entry holds the field until a side moves.
    fn undelivered(&self, opinions: &mut Opinions<'_>, field: &str, path: &str, reason: String) -> Entry {
        let mut entry = self.entry(opinions, field, EntryKind::Undelivered, reason);
        entry.path = Some(path.to_owned());
        if !self.wish.contains_key(field) {
            entry.partner_center = self.sides.referral.get(path);
        }
        entry.crm = self.after.get(field).cloned().unwrap_or(Value::Empty);
        entry
    }
}

/// What a person decided about an entry; parking it once more decides nothing.
pub(crate) fn decision(entry: &Entry) -> Option<&Resolution> {
    entry.decision.as_ref().filter(|decision| !matches!(decision, Resolution::Park(_)))
}

/// When a record says that it last changed, in the words of either CRM.
pub(crate) fn changed_at(record: &Fields) -> Option<String> {
    ["modifiedon", "SystemModstamp", "LastModifiedDate"].iter().find_map(|name| match record.get(*name) {
        Some(Value::Instant(instant)) => Some(instant.to_string()),
        _ => None,
    })
}
