//! Taking back what a release wrote: the pair is compared as if that release had not written it.
//!
//! Wherever a field still holds what the release wrote last, both sides are looked at with the old value in its place, and
//! against what the base said of it before the release's first write. Then reconcile decides as always. What either side
//! has changed since that base is an edit that the release carried over wrongly: the present mapping carries it over
//! again. Where neither has, the old value comes back. An edit that the release overwrote is judged as an edit once more.
//! At the end the plan is measured against what the two sides really hold, so that only what differs is written.
//!
//! - What holds something else by now was edited since, and is left alone. So is what an open entry holds.
//! - Where the base before the release is not known, nobody can say whether the other side has changed. If the present
//!   mapping asks for what the release wrote, that stays. If it asks for another value than the old one, the two would not
//!   agree: the other side's value is taken, and the old one kept in an entry.
//! - What Partner Center lets nobody take back (a status, a consent, anything in a closed deal), or what a side has just
//!   refused, stays as it is and the other side's value is owed to it: then an entry says why the two differ.

use std::collections::{BTreeMap, BTreeSet};

use super::Sides;
use crate::{
    canon::Canon,
    link::{Base, LinkState, Overwritten, Restore},
    mapping::Outcome,
    opinions::{Halt, Opinions, forget_related},
    referral::{self, Referral, SUBSTATUS},
    value::{Fields, Reference, Value},
};

/// What is taken back, and what is not.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Back {
    /// CRM fields and JSON pointers that are compared with their old value.
    pub(crate) names: BTreeSet<String>,
    /// Those of them where the other side's value wins, if it is another one, without anybody knowing whether it changed.
    pub(crate) guessed: BTreeSet<String>,
    /// What the record before the release asks for at each path of them.
    pub(crate) asked_before: Fields,
    /// What stays as it is.
    pub(crate) left: Vec<Left>,
}

/// Something that a release wrote and that is left alone.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Left {
    /// The CRM field or JSON pointer.
    pub(crate) name: String,
    /// What the release wrote there.
    pub(crate) written: Value,
    /// What is there now.
    pub(crate) held: Value,
    /// Why.
    pub(crate) why: &'static str,
}

/// The pair as it would be, had the release not written what is taken back.
pub(super) struct Undone<'a> {
    read: &'a Sides<'a>,
    canon: Canon,
    pub(super) state: LinkState,
    pub(super) referral: Referral,
    pub(super) record: Fields,
    pub(super) back: Back,
}

impl Left {
    /// The present mapping asks for what the release wrote.
    pub(super) fn asked_for(name: &str, write: &Overwritten) -> Left {
        let written = write.written.clone();
        let why = "the present mapping asks for the same";
        Left { name: name.to_owned(), held: written.clone(), written, why }
    }
}

/// What either side asks of the other.
struct Views {
    wish: Fields,
    asks: Fields,
}

/// The same at the base before the release, as far as it is known.
struct Before {
    base: Base,
    wish: Option<Fields>,
    asks: Option<Fields>,
}

/// The pair without what is to be taken back; `None` if nothing is.
pub(super) fn undone<'a>(
    read: &'a Sides<'a>,
    opinions: &mut Opinions<'_>,
) -> Result<Option<Undone<'a>>, Halt> {
    if read.state.restore.is_empty() {
        return Ok(None);
    }
    let mut undone = Undone {
        read,
        canon: Canon::of(read.referral),
        state: read.state.clone(),
        referral: read.referral.clone(),
        record: read.record.clone(),
        back: Back::default(),
    };
    for (name, write) in read.state.restore.iter().flat_map(|part| &part.writes) {
        undone.take_back(name, write);
    }
    undone.judge(opinions)?;
    Ok(Some(undone))
}

pub(crate) fn is_path(name: &str) -> bool {
    name.starts_with('/')
}

impl Undone<'_> {
    /// Puts the old value in the place of what the release wrote, if that is still there and may be taken back.
    fn take_back(&mut self, name: &str, write: &Overwritten) {
        let is_mirror = self.read.entity.referral_key.as_deref() == Some(name)
            || self.read.entity.field(name).is_some_and(|use_| use_.owned);
        if is_mirror {
            return;
        }
        match self.reason_to_leave(name, write) {
            Some(why) => self.leave(name, write, why),
            None => {
                self.back.names.insert(name.to_owned());
                self.lay(name, &write.old);
            }
        }
    }

    fn reason_to_leave(&mut self, name: &str, write: &Overwritten) -> Option<&'static str> {
        let base = &self.read.state.base;
        let is_about = |path: &Option<String>| path.as_deref() == Some(name);
        let mut open = self.read.state.open.iter();
        if open.any(|(held, entry)| held == name || is_about(&entry.path)) {
            return Some("an open entry holds it, and a person decides");
        }
        if base.referral.is_none() || base.record.is_none() {
            return Some("the pair has another record since");
        }
        if !is_path(name) && !self.read.entity.field(name).is_some_and(|use_| use_.writes) {
            return Some("the present release does not write it");
        }
        let is_named = |value| matches!(value, &Value::Reference(Reference::Companion(_)));
        if is_named(&write.old) || is_named(&write.written) {
            return Some(
                "it was written by the name of a new record, and nobody knows whether it still leads there",
            );
        }
        if !self.canon.same(&self.held(name), &as_held(name, &write.written)) {
            return Some("it was edited since");
        }
        self.is_barred(name)
    }

    /// What cannot be taken back is given the other side's value instead, or an entry that says why it is not.
    fn is_barred(&mut self, name: &str) -> Option<&'static str> {
        let is_final = is_path(name)
            && (self.read.referral.is_closed()
                || referral::is_one_way(name)
                || !referral::is_patchable(name)
                || [referral::STATUS, SUBSTATUS].contains(&name));
        if is_final || self.read.refused_paths.contains_key(name) {
            self.state.owed.entry(name.to_owned()).or_default().crm = true;
            return Some("Partner Center lets nobody take it back");
        }
        if self.read.refused_fields.contains_key(name) {
            self.state.owed.entry(name.to_owned()).or_default().partner_center = true;
            return Some("the CRM refused it");
        }
        None
    }

    fn leave(&mut self, name: &str, write: &Overwritten, why: &'static str) {
        let (name, written, held) = (name.to_owned(), write.written.clone(), self.held(name));
        self.back.left.push(Left { name, written, held, why });
    }

    /// What a side really holds.
    fn held(&self, name: &str) -> Value {
        match is_path(name) {
            true => self.read.referral.get(name),
            false => self.read.record.get(name).cloned().unwrap_or(Value::Empty),
        }
    }

    fn lay(&mut self, name: &str, value: &Value) {
        if is_path(name) {
            self.referral = self.referral.overlay(&one(name, value));
            return;
        }
        if matches!(value, Value::Reference(Reference::Existing(_))) {
            forget_related(&mut self.record, name);
        }
        self.record.insert(name.to_owned(), value.clone());
    }

    /// Finds out what either side has changed since the release's first write.
    fn judge(&mut self, opinions: &mut Opinions<'_>) -> Result<(), Halt> {
        let Some(mut now) = self.views(opinions)? else { return Ok(()) };
        if self.keep_what_is_asked_for(&now) {
            match self.views(opinions)? {
                Some(views) => now = views,
                None => return Ok(()),
            }
        }
        for part in &self.read.state.restore {
            let before = self.before(part, opinions)?;
            for (name, write) in &part.writes {
                match (self.back.names.contains(name), is_path(name)) {
                    (false, _) => {}
                    (true, true) => self.judge_path(name, write, &now, &before, opinions)?,
                    (true, false) => self.judge_field(name, write, &now, &before, opinions)?,
                }
            }
        }
        Ok(())
    }

    /// What either side asks of the other, as the pair would be.
    fn views(&self, opinions: &mut Opinions<'_>) -> Result<Option<Views>, Halt> {
        let wish = held(opinions.supposed_wish(&self.referral, &self.record)?);
        let asks = held(opinions.asks(&self.record, &self.referral)?);
        Ok(wish.zip(asks).map(|(wish, asks)| Views { wish, asks }))
    }

    /// What each side of the base before the release asks of the other side as it would be.
    fn before(&self, part: &Restore, opinions: &mut Opinions<'_>) -> Result<Before, Halt> {
        let base = part.before.clone().unwrap_or_default();
        let wish = match &base.referral {
            Some(referral) => held(opinions.supposed_wish(referral, &self.record)?),
            None => None,
        };
        let asks = match &base.record {
            Some(record) => held(opinions.asks(&self.with_known(record), &self.referral)?),
            None => None,
        };
        Ok(Before { base, wish, asks })
    }

    /// Without a base before the release, what the present mapping asks for as well stays as it is.
    fn keep_what_is_asked_for(&mut self, now: &Views) -> bool {
        let mut stays = Vec::new();
        for part in &self.read.state.restore {
            let base = part.before.clone().unwrap_or_default();
            for (name, write) in part.writes.iter().filter(|(name, _)| self.back.names.contains(*name)) {
                let (known, asked) = match is_path(name) {
                    true => (base.record.is_some(), now.asks.get(name)),
                    false => (base.referral.is_some(), now.wish.get(name)),
                };
                let is_written =
                    |asked: &Value| self.canon.same(&as_held(name, asked), &as_held(name, &write.written));
                if !known && asked.is_some_and(is_written) {
                    stays.push((name, write));
                }
            }
        }
        for (name, write) in &stays {
            self.back.names.remove(*name);
            self.lay(name, &self.held(name));
            self.back.left.push(Left::asked_for(name, write));
        }
        !stays.is_empty()
    }

    fn judge_field(
        &mut self,
        field: &str,
        write: &Overwritten,
        now: &Views,
        before: &Before,
        opinions: &mut Opinions<'_>,
    ) -> Result<(), Halt> {
        let known = before.base.record.as_ref().filter(|_| before.wish.is_some());
        let base = known.and_then(|record| record.get(field)).unwrap_or(&write.old);
        self.state.base.record.get_or_insert_default().insert(field.to_owned(), base.clone());
        let changed = match (now.wish.get(field), &before.wish) {
            (None, _) => false,
            (Some(wish), Some(before)) => !self.canon.same(wish, before.get(field).unwrap_or(&write.old)),
            (Some(wish), None) => {
                !self.canon.same(wish, &write.old) && !self.is_invisible(field, wish, write, now, opinions)?
            }
        };
        self.state.owed.remove(field);
        if changed {
            self.state.owed.entry(field.to_owned()).or_default().partner_center = true;
        }
        if changed && before.wish.is_none() {
            self.back.guessed.insert(field.to_owned());
        }
        Ok(())
    }

    /// Whether Partner Center could not tell the old value from what it asks for.
    fn is_invisible(
        &self,
        field: &str,
        wish: &Value,
        write: &Overwritten,
        now: &Views,
        opinions: &mut Opinions<'_>,
    ) -> Result<bool, Halt> {
        let mut asked_with = |value: &Value| {
            let mut record = self.record.clone();
            record.insert(field.to_owned(), value.clone());
            Ok::<_, Halt>(held(opinions.asks(&record, &self.referral)?).unwrap_or_default())
        };
        let (as_wished, as_written) = (asked_with(wish)?, asked_with(&write.written)?);
        Ok(self.ask_the_same(&as_wished, &now.asks) && !self.ask_the_same(&as_written, &now.asks))
    }

    fn judge_path(
        &mut self,
        path: &str,
        write: &Overwritten,
        now: &Views,
        before: &Before,
        opinions: &mut Opinions<'_>,
    ) -> Result<(), Halt> {
        let base = before.base.referral.as_ref().map_or_else(|| write.old.clone(), |it| it.get(path));
        let seen = self.state.base.referral.take();
        self.state.base.referral = seen.map(|seen| seen.overlay(&one(path, &base)));
        let asked = self.at(&now.asks, path);
        let was_asked = before.asks.as_ref().map_or_else(|| write.old.clone(), |it| self.at(it, path));
        let has_changed = !self.canon.same(&asked, &was_asked);
        self.back.asked_before.insert(path.to_owned(), was_asked);
        self.state.owed.remove(path);
        match (&before.asks, &before.base.record) {
            (Some(_), Some(record)) if has_changed && !self.canon.same(&base, &write.old) => {
                self.reopen(path, &asked, record, opinions)?;
            }
            (Some(_), _) => {}
            (None, _) => drop(self.back.guessed.insert(path.to_owned())),
        }
        Ok(())
    }

    /// The release pushed over an edit of Partner Center's: the CRM's edits that speak to the path are edits once more, so
    /// that the two are judged as a conflict.
    fn reopen(
        &mut self,
        path: &str,
        asked: &Value,
        before: &Fields,
        opinions: &mut Opinions<'_>,
    ) -> Result<(), Halt> {
        let moved = |(field, value): &(&String, &Value)| {
            !self.back.names.contains(*field) && !self.canon.same(value, before.get(*field).unwrap_or(value))
        };
        let moved: Vec<String> = self.record.iter().filter(moved).map(|(field, _)| field.clone()).collect();
        for field in moved {
            let Some(value) = before.get(&field) else { continue };
            let mut record = self.record.clone();
            record.insert(field.clone(), value.clone());
            let Some(then) = held(opinions.asks(&record, &self.referral)?) else { continue };
            if !self.canon.same(&self.at(&then, path), asked) {
                self.state.base.record.get_or_insert_default().insert(field, value.clone());
            }
        }
        Ok(())
    }

    /// What a draft wants at a path. One that does not speak of it leaves it as it is.
    fn at(&self, draft: &Fields, path: &str) -> Value {
        draft.get(path).map_or_else(|| self.referral.get(path), |value| as_held(path, value))
    }

    fn ask_the_same(&self, one: &Fields, other: &Fields) -> bool {
        let mut paths = one.keys().chain(other.keys());
        paths.all(|path| self.canon.same(&self.at(one, path), &self.at(other, path)))
    }

    /// The record with all that is known of it from before.
    fn with_known(&self, before: &Fields) -> Fields {
        let known =
            |(name, value): (&String, &Value)| (name.clone(), before.get(name).unwrap_or(value).clone());
        self.record.iter().map(known).collect()
    }
}

fn held(outcome: Outcome<Fields>) -> Option<Fields> {
    match outcome {
        Outcome::Hold(fields) => Some(fields),
        Outcome::Skip(_) => None,
    }
}

fn one(name: &str, value: &Value) -> Fields {
    BTreeMap::from([(name.to_owned(), value.clone())])
}

/// A value as it would be read back from a path; that of a CRM field as it is.
fn as_held(name: &str, value: &Value) -> Value {
    if is_path(name) { referral::as_held(name, value) } else { value.clone() }
}
