//! Lists that both sides changed: what each put in and took out is an edit by itself.
//!
//! A list that the CRM keeps as rows is edited row by row, and so is a list in Partner Center. Where the two edits
//! touch different texts, both are carried out, and nothing is overwritten. Where they touch the same text, or where it
//! cannot be told what either side did, the list is one value like any other and the plugin decides.

use super::Work;
use crate::{
    link::Owed,
    mapping::Outcome,
    opinions::{Halt, Opinions},
    value::Value,
};

impl Work<'_> {
    /// The list that holds both sides' edits.
    pub(super) fn merged(&self, field: &str, opinions: &mut Opinions<'_>) -> Result<Option<Value>, Halt> {
        let is_plain = self.owes(field) == Owed::default() && !self.open.contains_key(field);
        let bases = (&self.sides.state.base.record, &self.wish_before);
        let (true, (Some(_), Some(wish_before))) = (is_plain, bases) else { return Ok(None) };
        let (Some(wish), Some(wished_before)) = (self.wish.get(field), wish_before.get(field)) else {
            return Ok(None);
        };
        let before = self.before(field);
        let lists = (list(&before), list(self.current(field)), list(wished_before), list(wish));
        let (Some(before), Some(current), Some(wished_before), Some(wish)) = lists else { return Ok(None) };
        let has = |list: &[String], text: &str| list.iter().any(|one| self.is_same_text(one, text));
        let all_once = [before, current, wished_before, wish]
            .iter()
            .all(|list| list.iter().enumerate().all(|(at, text)| !has(&list[..at], text)));
        let differs = |text: &&String| {
            let by_crm = has(before, text) != has(current, text);
            let by_partner_center = has(wished_before, text) != has(wish, text);
            by_crm && by_partner_center && has(current, text) != has(wish, text)
        };
        let mut texts = [before, current, wished_before, wish].into_iter().flatten();
        if !all_once || texts.any(|text| differs(&text)) || !self.shows_all(field, opinions)? {
            return Ok(None);
        }
        let stays = |text: &&String| !has(wished_before, text) || has(wish, text);
        let comes = |text: &&String| !has(wished_before, text) && !has(current, text);
        let merged = current.iter().filter(stays).chain(wish.iter().filter(comes));
        Ok(Some(Value::Texts(merged.cloned().collect())))
    }

    fn is_same_text(&self, one: &str, other: &str) -> bool {
        self.same(&Value::Text(one.to_owned()), &Value::Text(other.to_owned()))
    }

    /// Whether the wish shows all that Partner Center holds: what it does not show, a push of the list would take away.
    fn shows_all(&self, field: &str, opinions: &mut Opinions<'_>) -> Result<bool, Halt> {
        let Some(paths) = self.speaks.get(field) else { return Ok(true) };
        let mut as_wished = self.sides.record.clone();
        as_wished.extend(self.wish.get(field).map(|wish| (field.to_owned(), wish.clone())));
        let Outcome::Hold(asked) = opinions.asks(&as_wished, self.sides.referral)? else { return Ok(false) };
        Ok(paths.iter().all(|path| self.same(&self.at(&asked, path), &self.sides.referral.get(path))))
    }

    /// Both sides get the merged list; no value is lost by that, so there is no entry.
    pub(super) fn take_merged(&mut self, field: &str, list: Value) {
        let wish = self.wish.get(field).cloned().unwrap_or(Value::Empty);
        self.write(field, list, "merge");
        self.keep(field, wish);
        self.decided_paths.extend(self.speaks.get(field).cloned().unwrap_or_default());
    }
}

/// A list's texts; nothing is a list without any.
fn list(value: &Value) -> Option<&[String]> {
    match value {
        Value::Texts(texts) => Some(texts),
        Value::Empty => Some(&[]),
        _ => None,
    }
}
