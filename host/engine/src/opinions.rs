//! What the plugin thinks, asked once: the same question in one pass is answered from memory.
//!
//! Three things are done here so that reconcile may compare fields and nothing else: a record and the records that
//! its references lead to are laid out flat (`primarycontactid/emailaddress1`), companions are replaced by the
//! records that they turn out to be, and what the host itself says of a pair (the referral's id on the record) is
//! added to what the plugin says.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    mapping::{
        Companion, Conflict, CrmDraft, EntityUse, Mapper, Outcome, Record, Refusal, Related, Resolution,
    },
    referral::{EXTERNAL_REFERENCE, Referral},
    value::{Fields, RecordKey, Reference, Value},
};

/// Why planning stopped before it had a plan.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Halt {
    /// The plugin refused.
    Refused(Refusal),
    /// These companions must be looked up first; then the plan is made again.
    Companions(Vec<Companion>),
    /// The referral asks for a record of another entity.
    Convert(Box<CrmDraft>),
}

/// A draft in terms of fields, or the reason to leave the pair alone.
pub(crate) type Wish = Outcome<Fields>;

/// The record as it was read: which one it is and where its references lead, without the fields.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    key: RecordKey,
    related: Vec<(String, RecordKey)>,
}

impl Shape {
    /// The shape of a record that is known only as it was laid out: its references say where they led.
    pub(crate) fn of_base(key: &RecordKey, fields: &Fields) -> Shape {
        let vias: BTreeSet<&str> =
            fields.keys().filter_map(|name| name.split_once(VIA)).map(|(via, _)| via).collect();
        let leads = |via: &str| match fields.get(via) {
            Some(Value::Reference(Reference::Existing(key))) => Some((via.to_owned(), key.clone())),
            _ => None,
        };
        Shape { key: key.clone(), related: vias.into_iter().filter_map(leads).collect() }
    }
}

/// Separates a reference field from a field of the record that it leads to.
const VIA: char = '/';

/// Lays a record out flat, without the stamp: that one is the host's, and no opinion may depend on it.
pub(crate) fn flatten(record: &Record, entity: &EntityUse) -> (Shape, Fields) {
    let mut fields = record.fields.clone();
    if let Some(stamp) = &entity.stamp {
        fields.remove(stamp);
    }
    for related in &record.related {
        for (name, value) in &related.fields {
            fields.insert(format!("{}{VIA}{name}", related.via), value.clone());
        }
    }
    let related = record.related.iter().map(|one| (one.via.clone(), one.key.clone())).collect();
    (Shape { key: record.key.clone(), related }, fields)
}

/// Forgets the fields of records that `via` led to: it leads elsewhere now.
pub(crate) fn forget_related(fields: &mut Fields, via: &str) {
    fields.retain(|name, _| name.split_once(VIA).is_none_or(|(before, _)| before != via));
}

fn unflatten(shape: &Shape, fields: &Fields) -> Record {
    let mut own = Fields::new();
    let mut reached: BTreeMap<&str, Fields> = BTreeMap::new();
    for (name, value) in fields {
        match name.split_once(VIA) {
            None => drop(own.insert(name.clone(), value.clone())),
            Some((via, field)) => {
                drop(reached.entry(via).or_default().insert(field.to_owned(), value.clone()))
            }
        }
    }
    let related = |(via, key): &(String, RecordKey)| Related {
        via: via.clone(),
        key: key.clone(),
        fields: reached.remove(via.as_str()).unwrap_or_default(),
    };
    Record { key: shape.key.clone(), fields: own, related: shape.related.iter().map(related).collect() }
}

/// A companion that a draft named, and the record that it turned out to be.
#[derive(Clone, Debug)]
struct Known {
    companion: Companion,
    /// `None` until it was looked up; then the record, if there is one.
    found: Option<Option<RecordKey>>,
}

/// What was asked and answered in this pass.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory {
    to_crm: Vec<(Referral, Fields, Wish)>,
    to_referral: Vec<(Fields, Referral, Wish)>,
    resolutions: Vec<(Conflict, Resolution)>,
    companions: Vec<Known>,
    /// A new record's companions, from its draft until it is created.
    pub(crate) drafted: Vec<Companion>,
    ids: u64,
}

impl Memory {
    /// The next number of this pass; ids are made of it.
    pub(crate) fn next_id(&mut self, pass: &str) -> String {
        self.ids += 1;
        format!("{pass}-{}", self.ids)
    }

    /// Takes the answer to a look-up of companions, and forgets the drafts that waited for it.
    pub(crate) fn found(&mut self, found: &BTreeMap<String, RecordKey>) {
        for known in self.companions.iter_mut().filter(|known| known.found.is_none()) {
            known.found = Some(found.get(&known.companion.alias).cloned());
        }
    }

    /// The pair has another record: nothing that was asked about the old one holds. Ids go on.
    pub(crate) fn forget(&mut self) {
        *self = Memory { ids: self.ids, ..Memory::default() };
    }

    /// A record was written: companions that were missing may exist now, so they are looked up again.
    pub(crate) fn written(&mut self) {
        self.companions.clear();
        self.to_crm.clear();
    }

    /// The companions that must be created before `fields` can be written, those they refer to included.
    pub(crate) fn companions_of(&self, fields: &Fields) -> Vec<Companion> {
        let mut wanted: Vec<&str> = fields.values().filter_map(alias).collect();
        let mut at = 0;
        while at < wanted.len() {
            let inner = self.companions.iter().find(|known| known.companion.alias == wanted[at]);
            let names = inner
                .into_iter()
                .flat_map(|known| known.companion.matching.values().chain(known.companion.fields.values()));
            let more: Vec<&str> = names.filter_map(alias).filter(|name| !wanted.contains(name)).collect();
            wanted.extend(more);
            at += 1;
        }
        let is_wanted = |known: &&Known| wanted.contains(&known.companion.alias.as_str());
        self.companions.iter().filter(is_wanted).map(|known| known.companion.clone()).collect()
    }

    /// Replaces references to companions by the records that they are, or by an alias that is unique in this pass.
    fn resolve(&mut self, mut fields: Fields, companions: Vec<Companion>) -> Fields {
        let mut names: BTreeMap<String, Reference> = BTreeMap::new();
        for mut companion in companions {
            substitute(&mut companion.matching, &names);
            substitute(&mut companion.fields, &names);
            let local = companion.alias.clone();
            names.insert(local, self.reference(companion));
        }
        substitute(&mut fields, &names);
        fields
    }

    fn reference(&mut self, mut companion: Companion) -> Reference {
        let is_it = |known: &&Known| {
            known.companion.entity == companion.entity && known.companion.matching == companion.matching
        };
        if let Some(known) = self.companions.iter().find(is_it) {
            return match &known.found {
                Some(Some(key)) => Reference::Existing(key.clone()),
                _ => Reference::Companion(known.companion.alias.clone()),
            };
        }
        if self.companions.iter().any(|known| known.companion.alias == companion.alias) {
            companion.alias = format!("{}~{}", companion.alias, self.companions.len());
        }
        let alias = companion.alias.clone();
        self.companions.push(Known { companion, found: None });
        Reference::Companion(alias)
    }

    fn unasked(&self) -> Vec<Companion> {
        self.companions
            .iter()
            .filter(|known| known.found.is_none())
            .map(|known| known.companion.clone())
            .collect()
    }
}

fn alias(value: &Value) -> Option<&str> {
    match value {
        Value::Reference(Reference::Companion(alias)) => Some(alias),
        _ => None,
    }
}

fn substitute(fields: &mut Fields, names: &BTreeMap<String, Reference>) {
    for value in fields.values_mut() {
        if let Some(reference) = alias(value).and_then(|name| names.get(name)) {
            *value = Value::Reference(reference.clone());
        }
    }
}

/// The plugin, for one pair.
pub(crate) struct Opinions<'a> {
    pub(crate) mapper: &'a mut dyn Mapper,
    pub(crate) memory: &'a mut Memory,
    pub(crate) shape: &'a Shape,
    pub(crate) entity: &'a EntityUse,
    /// The referral's id, for the record's key field.
    pub(crate) referral_id: &'a str,
}

impl Opinions<'_> {
    /// What the CRM should hold, by this referral and this record.
    pub(crate) fn wish(&mut self, referral: &Referral, record: &Fields) -> Result<Wish, Halt> {
        let known = self.memory.to_crm.iter().find(|(asked, with, _)| asked == referral && with == record);
        if let Some((_, _, wish)) = known {
            return Ok(wish.clone());
        }
        let linked = unflatten(self.shape, record);
        let wish = match self.mapper.to_crm(referral, Some(&linked)).map_err(Halt::Refused)? {
            Outcome::Skip(reason) => Outcome::Skip(reason),
            Outcome::Hold(draft) if draft.entity != self.entity.entity => {
                return Err(Halt::Convert(Box::new(draft)));
            }
            Outcome::Hold(draft) => {
                let mut fields = self.memory.resolve(draft.fields, draft.companions);
                let unasked = self.memory.unasked();
                if !unasked.is_empty() {
                    return Err(Halt::Companions(unasked));
                }
                self.add_own(&mut fields);
                Outcome::Hold(fields)
            }
        };
        self.memory.to_crm.push((referral.clone(), record.clone(), wish.clone()));
        Ok(wish)
    }

    /// As [`Opinions::wish`], for a referral that is not there (yet, or any more): one that asks for a record of another
    /// entity asks for nothing of this one.
    pub(crate) fn supposed_wish(&mut self, referral: &Referral, record: &Fields) -> Result<Wish, Halt> {
        match self.wish(referral, record) {
            Err(Halt::Convert(draft)) => Ok(Outcome::Skip(format!("a `{}` is asked for", draft.entity))),
            answer => answer,
        }
    }

    /// What Partner Center should hold, by this record and this referral.
    pub(crate) fn asks(&mut self, record: &Fields, referral: &Referral) -> Result<Wish, Halt> {
        // The record first: a pass asks of few referrals with many records, and a referral is long.
        let known =
            self.memory.to_referral.iter().find(|(with, asked, _)| with == record && asked == referral);
        if let Some((_, _, wish)) = known {
            return Ok(wish.clone());
        }
        let linked = unflatten(self.shape, record);
        let mut wish = self.mapper.to_referral(&linked, Some(referral)).map_err(Halt::Refused)?;
        if let Outcome::Hold(fields) = &mut wish {
            fields.remove(EXTERNAL_REFERENCE);
        }
        self.memory.to_referral.push((record.clone(), referral.clone(), wish.clone()));
        Ok(wish)
    }

    /// Who wins these conflicts; one that the plugin gives no answer for is parked.
    pub(crate) fn resolve(&mut self, conflicts: &[Conflict]) -> Result<Vec<Resolution>, Halt> {
        let memory = &mut *self.memory;
        let is_new = |conflict: &&Conflict| !memory.resolutions.iter().any(|(known, _)| known == *conflict);
        let new: Vec<Conflict> = conflicts.iter().filter(is_new).cloned().collect();
        if !new.is_empty() {
            let mut answers = self.mapper.resolve(&new).map_err(Halt::Refused)?.into_iter();
            for conflict in new {
                let silent = || Resolution::Park("the plugin gave no answer for this conflict".to_owned());
                let answer = answers.next().unwrap_or_else(silent);
                memory.resolutions.push((conflict, answer));
            }
        }
        let answer = |conflict: &Conflict| {
            memory.resolutions.iter().find(|(known, _)| known == conflict).map(|(_, it)| it.clone())
        };
        Ok(conflicts.iter().filter_map(answer).collect())
    }

    /// The record carries the referral's id whatever the plugin says; the stamp is nobody's to map.
    fn add_own(&self, fields: &mut Fields) {
        if let Some(stamp) = &self.entity.stamp {
            fields.remove(stamp);
        }
        if let Some(key) = &self.entity.referral_key {
            fields.insert(key.clone(), Value::Text(self.referral_id.to_owned()));
        }
    }
}

/// The record that plugin functions are given, from its flat form.
pub(crate) fn as_record(shape: &Shape, fields: &Fields) -> Record {
    unflatten(shape, fields)
}

/// The id of the record.
pub(crate) fn record_id(shape: &Shape) -> &str {
    &shape.key.id
}
