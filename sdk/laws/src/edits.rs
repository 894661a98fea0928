//! One edit of one field, from a pair that agrees: how many rounds it takes (L4), and what of it comes back changed.

use crate::{
    asker::Asker,
    json::of_value,
    law::Law,
    model::{Draft, Json, Record, Value},
    overlay::{overlaid, written},
    pair::named,
    same::Canon,
    words::{cut, shown},
};

/// Planning rounds that the engine takes before it writes nothing and calls a person.
const ROUNDS_MAX: usize = 3;

/// A pair that agrees, made of one that need not.
pub(crate) struct Agreed {
    pub(crate) referral: Json,
    pub(crate) record: Record,
    /// What each side asks for: what the other holds.
    wanted: Draft,
    pushed: Vec<(String, Value)>,
}

/// A field whose edit comes back changed: legal, and worth knowing.
pub(crate) struct Loss {
    pub(crate) field: String,
    pub(crate) before: String,
    pub(crate) after: String,
}

impl Asker<'_> {
    /// The pair once each side holds what the other asks for; none if the plugin leaves it alone.
    pub(crate) fn agreed(&mut self, referral: &Json, record: Option<&Record>) -> Option<Agreed> {
        let mut record = record.cloned();
        // Twice, because a lead may become an opportunity on the way.
        for _ in 0..2 {
            let draft = self.pi(referral, record.as_ref())?;
            record = Some(written(&self.manifest, record.as_ref(), &draft));
        }
        let record = record?;
        let pushed = self.rho(&record, Some(referral))?;
        let referral = overlaid(referral, named(&pushed));
        let wanted = self.pi(&referral, Some(&record))?;
        let pushed = self.rho(&record, Some(&referral))?;
        Some(Agreed { referral, record, wanted, pushed })
    }

    /// A person changes `field` of the record to `value`: L4, and what becomes of the value.
    pub(crate) fn edited_in_the_crm(&mut self, agreed: &Agreed, field: &str, value: &Value) -> Option<Loss> {
        let canon = Canon::of(&agreed.referral);
        let mut record = agreed.record.clone();
        let held = record.fields.insert(field.to_owned(), value.clone());
        if held.is_some_and(|held| canon.same(&held, value)) {
            return None;
        }
        let mut before = agreed.pushed.clone();
        for _ in 0..ROUNDS_MAX {
            let told = self.told(agreed, &before, &record)??;
            let follows = self.follows(agreed, &told, &record, field)?;
            if follows.is_empty() {
                return self.lost_of(&told, &record, field, value);
            }
            // What follows is written as if Partner Center had asked for it, so that it is no edit.
            let mut base = agreed.record.clone();
            for (name, value) in follows {
                base.fields.insert(name.clone(), value.clone());
                record.fields.insert(name, value);
            }
            before = self.rho(&base, Some(&agreed.referral))?;
        }
        let told = self.told(agreed, &before, &record)??;
        let follows = self.follows(agreed, &told, &record, field)?;
        if let Some((name, next)) = follows.first() {
            let held = record.fields.get(name).unwrap_or(&Value::Empty);
            let entity = &record.key.entity;
            let message = format!(
                "after an edit of `{entity}.{field}`, `{name}` is {} in the third round, and is to be {} then",
                shown(held),
                shown(next)
            );
            self.breaks(Law::OneEditSettles, "to_crm and to_referral", format!("{entity}.{name}"), message);
        }
        None
    }

    /// The referral with what the record asks for and did not `before`; nothing if there is no such thing.
    fn told(&mut self, agreed: &Agreed, before: &[(String, Value)], record: &Record) -> Option<Option<Json>> {
        let canon = Canon::of(&agreed.referral);
        let mut after = self.rho(record, Some(&agreed.referral))?;
        after.retain(|(name, value)| {
            let old = before.iter().find(|(known, _)| known == name);
            !old.is_some_and(|(_, old)| canon.same(old, value))
        });
        let told = (!after.is_empty()).then(|| overlaid(&agreed.referral, named(&after)));
        Some(told)
    }

    /// Fields that the referral's change asks for, besides the one that a person has just decided.
    fn follows(
        &mut self,
        agreed: &Agreed,
        told: &Json,
        record: &Record,
        decided: &str,
    ) -> Option<Vec<(String, Value)>> {
        let canon = Canon::of(told);
        let before = self.pi(&agreed.referral, Some(record))?;
        let mut after = self.pi(told, Some(record))?;
        if before.entity != record.key.entity || after.entity != record.key.entity {
            return None;
        }
        after.fields.retain(|(name, value)| {
            let old = before.fields.iter().find(|(known, _)| known == name);
            let held = record.fields.get(name);
            name != decided
                && !matches!(value, Value::Companion(_))
                && !old.is_some_and(|(_, old)| canon.same(old, value))
                && held.is_some_and(|held| !canon.same(held, value))
        });
        Some(after.fields)
    }

    /// What Partner Center would make of a value that it was told.
    fn lost_of(&mut self, told: &Json, record: &Record, field: &str, value: &Value) -> Option<Loss> {
        let asked = self.pi(told, Some(record))?;
        let (_, back) = asked.fields.iter().find(|(name, _)| name == field)?;
        if Canon::of(told).same(back, value) || matches!(back, Value::Companion(_)) {
            return None;
        }
        let field = format!("{}.{field}", record.key.entity);
        Some(Loss { field, before: shown(value), after: shown(back) })
    }

    /// Somebody has changed the referral at `pointer` to `value`: what would be sent back of it?
    pub(crate) fn edited_in_partner_center(
        &mut self,
        agreed: &Agreed,
        referral: &Json,
        pointer: &str,
        value: &Json,
    ) -> Option<Loss> {
        let canon = Canon::of(referral);
        let after = self.pi(referral, Some(&agreed.record))?;
        let carried = Draft {
            fields: after
                .fields
                .iter()
                .filter(|(name, value)| {
                    let old = agreed.wanted.fields.iter().find(|(known, _)| known == name);
                    !old.is_some_and(|(_, old)| canon.same(old, value))
                })
                .cloned()
                .collect(),
            ..after
        };
        if carried.fields.is_empty() || carried.entity != agreed.record.key.entity {
            return None;
        }
        let record = written(&self.manifest, Some(&agreed.record), &carried);
        let back = self.rho(&record, Some(referral))?;
        let (_, back) = back.iter().find(|(name, _)| name == pointer)?;
        if canon.same(back, &Value::Json(value.clone())) {
            return None;
        }
        Some(Loss {
            field: pointer.to_owned(),
            before: cut(&value.to_string()),
            after: cut(&of_value(back).to_string()),
        })
    }
}
