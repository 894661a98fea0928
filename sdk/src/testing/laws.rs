//! The laws that every mapping must keep, so that both sides come to agree and stay so.
//!
//! With π = `to_crm`, ρ = `to_referral`, ⊕ = overlay and ≡ = the same value, on the fields that both sides of ≡ speak
//! of:
//!
//! - *total and deterministic*: every field may be empty; asked twice, the answer is the same;
//! - *declared*: a draft names only fields that the manifest says are written;
//! - *settling on the CRM's side*: with C' = C ⊕ π(R, C), π(R ⊕ ρ(C', R), C') ≡ π(R, C');
//! - *settling on Partner Center's side*: with R' = R ⊕ ρ(C, R), ρ(C ⊕ π(R', C), R') ≡ ρ(C, R');
//! - *once is enough*: π(R, C ⊕ π(R, C)) ≡ π(R, C), and likewise ρ.
//!
//! A draft that turns the record into one of another entity (a lead into an opportunity) makes a new pair: the laws are
//! those of the pair that comes of it.
//!
//! "There and back changes nothing" is no law: truncation, rounding, days without a time and many-to-one status are
//! legal.

use rust_decimal::Decimal;

use super::{contract_context, overlaid, parse::referral, random_record, random_referral, written};
use crate::{
    Json, Plugin,
    contract::{CrmOutcome, CrmRecord, EntityUse, NamedValue, ReferralOutcome, Value},
};

/// Checks the laws on one pair. Answers with a sentence for each one that is broken.
pub fn broken(plugin: &Plugin, referral: &Json, record: Option<&CrmRecord>) -> Vec<String> {
    let pair = Pair { plugin, referral, record };
    let mut broken = Vec::new();
    pair.deterministic(&mut broken);
    pair.declared(&mut broken);
    pair.settling(&mut broken);
    broken
}

/// Checks the laws on pairs made of `seeds`, with a record of each linked entity; panics with all that is broken. For a
/// plugin's own test: `laws::hold(&plugin::plugin(), 0..200)`.
///
/// # Panics
/// When a law is broken, with the seed of each pair.
#[expect(clippy::panic, reason = "this is an assertion for tests")]
pub fn hold(plugin: &Plugin, seeds: std::ops::Range<u64>) {
    let manifest = (plugin.describe)();
    let mut broken_laws = Vec::new();
    for seed in seeds {
        let referral = random_referral(seed);
        let linked = manifest.entities.iter().filter(|entity| entity.via.is_none());
        let records = linked.map(|entity| Some(random_record(entity, &manifest.entities, seed)));
        for record in std::iter::once(None).chain(records) {
            let broken = broken(plugin, &referral, record.as_ref());
            broken_laws.extend(broken.into_iter().map(|law| format!("seed {seed}: {law}")));
        }
    }
    if !broken_laws.is_empty() {
        let shown: Vec<&str> = broken_laws.iter().take(10).map(String::as_str).collect();
        panic!("{} laws broken:\n{}", broken_laws.len(), shown.join("\n"));
    }
}

struct Pair<'a> {
    plugin: &'a Plugin,
    referral: &'a Json,
    record: Option<&'a CrmRecord>,
}

impl Pair<'_> {
    /// π: the draft's fields, or none if it skips or refuses.
    fn pi(&self, json: &Json, record: Option<&CrmRecord>) -> Option<crate::contract::CrmDraft> {
        match (self.plugin.to_crm)(&referral(json.clone()), record, &contract_context()) {
            Ok(CrmOutcome::Hold(draft)) => Some(draft),
            _ => None,
        }
    }

    /// ρ: the draft's fields, or none if it skips or refuses.
    fn rho(&self, record: &CrmRecord, json: &Json) -> Option<Vec<NamedValue>> {
        match (self.plugin.to_referral)(record, Some(&referral(json.clone())), &contract_context()) {
            Ok(ReferralOutcome::Hold(draft)) => Some(draft.fields),
            _ => None,
        }
    }

    fn deterministic(&self, broken: &mut Vec<String>) {
        let typed = referral(self.referral.clone());
        let ask = || (self.plugin.to_crm)(&typed, self.record, &contract_context());
        if ask() != ask() {
            broken.push("`to_crm` answered differently when asked again".to_owned());
        }
        if let Some(record) = self.record {
            let ask = || (self.plugin.to_referral)(record, Some(&typed), &contract_context());
            if ask() != ask() {
                broken.push("`to_referral` answered differently when asked again".to_owned());
            }
        }
    }

    fn declared(&self, broken: &mut Vec<String>) {
        let manifest = (self.plugin.describe)();
        let Some(draft) = self.pi(self.referral, self.record) else { return };
        let primary = manifest.entities.iter().find(|used| used.via.is_none() && used.entity == draft.entity);
        let Some(primary) = primary else {
            broken.push(format!("`to_crm` drafts a `{}`, which the manifest does not declare", draft.entity));
            return;
        };
        undeclared(&draft.fields, &[primary], broken);
        for companion in &draft.companions {
            let used: Vec<&EntityUse> = manifest
                .entities
                .iter()
                .filter(|used| used.via.is_some() && used.entity == companion.entity)
                .collect();
            if used.is_empty() {
                broken.push(format!("the companion `{}` is of an undeclared entity", companion.alias));
                continue;
            }
            undeclared(&companion.match_, &used, broken);
            undeclared(&companion.fields, &used, broken);
        }
    }

    fn settling(&self, broken: &mut Vec<String>) {
        let Some(first) = self.pi(self.referral, self.record) else { return };
        let after = written(self.record, &first);
        let Some(second) = self.pi(self.referral, Some(&after)) else { return };
        if second.entity != first.entity {
            let (one, other) = (first.entity, second.entity);
            broken.push(format!("once is enough (to_crm): the record is to be a `{one}`, then a `{other}`"));
            return;
        }
        if self.record.is_some_and(|record| record.key.entity != after.key.entity) {
            return Pair { record: Some(&after), ..*self }.settling(broken);
        }
        differs("once is enough (to_crm)", &first.fields, &second.fields, broken);

        if let Some(pushed) = self.rho(&after, self.referral) {
            let referral = overlaid(self.referral, &pushed);
            if let Some(third) = self.pi(&referral, Some(&after)) {
                differs("settling on the CRM's side", &second.fields, &third.fields, broken);
            }
            if let Some(again) = self.rho(&after, &referral) {
                differs("once is enough (to_referral)", &pushed, &again, broken);
            }
        }

        let Some(record) = self.record else { return };
        let Some(pushed) = self.rho(record, self.referral) else { return };
        let referral = overlaid(self.referral, &pushed);
        let (Some(wanted), Some(folded)) = (self.rho(record, &referral), self.pi(&referral, Some(record)))
        else {
            return;
        };
        // A record of another entity is another pair, with its own id for one.
        if folded.entity != record.key.entity {
            return;
        }
        if let Some(again) = self.rho(&written(Some(record), &folded), &referral) {
            differs("settling on Partner Center's side", &wanted, &again, broken);
        }
    }
}

fn undeclared(fields: &[NamedValue], used: &[&EntityUse], broken: &mut Vec<String>) {
    let declared = |name: &str| {
        used.iter().any(|used| used.fields.iter().any(|known| known.name == name && known.writes))
    };
    let entity = used.first().map_or("", |used| used.entity.as_str());
    for field in fields.iter().filter(|field| !declared(&field.name)) {
        broken.push(format!("`{entity}.{}` is drafted, and not declared as written", field.name));
    }
}

/// Fields that both speak of, and not alike.
fn differs(law: &str, before: &[NamedValue], after: &[NamedValue], broken: &mut Vec<String>) {
    for field in before {
        let other = after.iter().find(|other| other.name == field.name);
        let changed = other.filter(|other| canonical(&other.value) != canonical(&field.value));
        if let Some(other) = changed.filter(|other| !same_companion(&field.value, &other.value)) {
            broken.push(format!("{law}: `{}` is {:?}, then {:?}", field.name, field.value, other.value));
        }
    }
}

/// A companion that has been made since is a record that exists.
fn same_companion(before: &Value, after: &Value) -> bool {
    matches!(
        (before, after),
        (Value::Reference(crate::contract::Reference::Companion(_)), Value::Reference(_))
    )
}

/// One form for values that mean the same.
fn canonical(value: &Value) -> Value {
    if crate::value::is_empty(value) {
        return Value::Empty;
    }
    match value {
        Value::Text(text) => Value::Text(text.replace("\r\n", "\n")),
        Value::Decimal(text) => {
            let number = Decimal::from_str_exact(text).map(|number| number.normalize().to_string());
            Value::Decimal(number.unwrap_or_else(|_| text.clone()))
        }
        Value::Other(text) => {
            Value::Other(serde_json::from_str::<Json>(text).unwrap_or_default().to_string())
        }
        other => other.clone(),
    }
}
