//! What the systems answered in a recorded pass, found again by what is asked.

use std::collections::BTreeMap;

use crosswalk_engine::{
    mapping::{Companion, Manifest, Record, Related},
    pass::{Action, Seen, Side, SystemRefusal, Versioned},
    value::{Fields, RecordKey, Reference, Value},
};

use super::Missed;
use crate::recording::{Asked, Recorded, Step};

/// The recorded answers, and how far each side is from what it was then.
pub(super) struct Tape<'a> {
    steps: Vec<Placed<'a>>,
    manifest: &'a Manifest,
    missed: Missed,
    partner_center: Written,
    crm: Written,
}

/// A recorded step, and how many writes had landed on its side before it.
struct Placed<'a> {
    step: &'a Step,
    after: u32,
    used: bool,
}

/// What was written to a side in this replay.
#[derive(Default)]
struct Written {
    /// Writes that landed in the recorded pass too.
    landed: u32,
    /// Something else was written: what was read after that time is not what would be read now.
    strayed: bool,
}

/// How a write ends.
pub(super) enum Fate {
    /// As it did in the recorded pass.
    Recorded(Seen),
    /// It was not made then, or it is no write: the stage answers.
    Staged,
    /// Whether it would have landed nobody can tell; the name of that was noted.
    NotKnown,
}

impl<'a> Tape<'a> {
    pub(super) fn new(recorded: &'a Recorded, manifest: &'a Manifest, missed: Missed) -> Self {
        let (mut partner_center, mut crm) = (0, 0);
        let mut steps = Vec::new();
        for step in &recorded.steps {
            let side = step.asked.as_ref().map_or_else(|| side_of(&step.seen), |asked| Some(side(asked)));
            let after = if side == Some(Side::PartnerCenter) { partner_center } else { crm };
            steps.push(Placed { step, after, used: false });
            if matches!(step.seen, Seen::Written { .. } | Seen::Posted(_)) {
                // A write of form 1 may have been to either side.
                partner_center += u32::from(side != Some(Side::Crm));
                crm += u32::from(side != Some(Side::PartnerCenter));
            }
        }
        Tape { steps, manifest, missed, partner_center: Written::default(), crm: Written::default() }
    }

    /// What was read then, in answer to an action that only looks; `None` and a name if it was not.
    pub(super) fn look(&mut self, action: &Action) -> Option<Seen> {
        let asked = Asked::of(action)?;
        let side = side(&asked);
        if self.written(side).strayed {
            self.missed.name(format!("{}, after another write than then", name(&asked)));
            return None;
        }
        if let Asked::FindCompanions(wanted) = &asked {
            return self.companions(wanted);
        }
        let landed = self.written(side).landed;
        let mut found = None;
        for placed in self.steps.iter_mut().filter(|placed| placed.after == landed) {
            if answers(placed.step, &asked) {
                found = Some(&placed.step.seen);
                // What was asked twice is answered in its order, and the last answer holds.
                if !std::mem::replace(&mut placed.used, true) {
                    break;
                }
            }
        }
        match found.cloned() {
            Some(Seen::Record(Some(record))) => Some(Seen::Record(Some(self.as_declared(record)))),
            None => {
                self.missed.name(name(&asked));
                None
            }
            seen => seen,
        }
    }

    /// Which of these companions existed: each may have been looked for at another time.
    fn companions(&self, wanted: &[Companion]) -> Option<Seen> {
        let looked = |companion: &Companion| {
            let mut steps = self.steps.iter().filter(|placed| placed.after == self.crm.landed);
            steps.find_map(|placed| existed(placed.step, companion))
        };
        let mut found = BTreeMap::new();
        for companion in wanted {
            match looked(companion) {
                Some(Some(key)) => drop(found.insert(companion.alias.clone(), key)),
                Some(None) => {}
                None => {
                    self.missed.name(format!("companion `{}`", companion.entity));
                    return None;
                }
            }
        }
        Some(Seen::Companions(found))
    }

    /// How a write ends that the recorded pass may have made too.
    pub(super) fn fate(&mut self, action: &Action) -> Fate {
        let Some(asked) = Asked::of(action).filter(is_write) else { return Fate::Staged };
        let mut in_doubt = false;
        let same = self.find(|step| self.is_same_write(step, &asked));
        let found = same.or_else(|| {
            self.find(|step| {
                let is_meant = step.asked.as_ref().is_some_and(|known| is_same_target(known, &asked));
                in_doubt |= is_meant && matches!(step.seen, Seen::Unknown(_));
                is_meant && would_end_so(step, &asked)
            })
        });
        let Some(placed) = found.and_then(|at| self.steps.get_mut(at)) else {
            if in_doubt {
                self.missed.name("whether another write than then would have landed".to_owned());
                return Fate::NotKnown;
            }
            self.written(side(&asked)).strayed = true;
            return Fate::Staged;
        };
        placed.used = true;
        let seen = placed.step.seen.clone();
        if matches!(seen, Seen::Written { .. } | Seen::Posted(_)) {
            self.written(side(&asked)).landed += 1;
        }
        Fate::Recorded(seen)
    }

    fn find(&self, mut is_it: impl FnMut(&Step) -> bool) -> Option<usize> {
        self.steps.iter().position(|placed| !placed.used && is_it(placed.step))
    }

    fn written(&mut self, side: Side) -> &mut Written {
        match side {
            Side::PartnerCenter => &mut self.partner_center,
            Side::Crm => &mut self.crm,
        }
    }

    /// Whether a step is this very write. Its stamp is the host's and does not count.
    fn is_same_write(&self, step: &Step, asked: &Asked) -> bool {
        let Some(known) = &step.asked else { return false };
        is_same_target(known, asked)
            && companions(known) == companions(asked)
            && match (fields(known), fields(asked)) {
                (Some(one), Some(other)) => self.unstamped(known, one).eq(self.unstamped(asked, other)),
                _ => known == asked,
            }
    }

    fn unstamped<'f>(
        &'f self,
        asked: &Asked,
        fields: &'f Fields,
    ) -> impl Iterator<Item = (&'f String, &'f Value)> {
        let entity = match asked {
            Asked::WriteRecord { key, .. } => Some(&key.entity),
            Asked::CreateRecord { entity, .. } => Some(entity),
            _ => None,
        };
        let stamp =
            entity.and_then(|entity| self.manifest.primary(entity)).and_then(|use_| use_.stamp.as_deref());
        fields.iter().filter(move |(name, _)| Some(name.as_str()) != stamp)
    }

    /// A record as this release would have read it: what it declares of what was read, and the rest by name.
    fn as_declared(&self, mut record: Versioned<Record>) -> Versioned<Record> {
        let Record { key, fields, related } = &mut record.value;
        let Some(use_) = self.manifest.primary(&key.entity) else { return record };
        let own = [&use_.referral_key, &use_.stamp].into_iter().flatten();
        let names = use_.fields.iter().map(|field| &field.name).chain(own);
        self.keep(fields, names, |name| format!("{}.{name}", key.entity));
        let mut read = std::mem::take(related);
        for use_ in &self.manifest.entities {
            let Some(via) = &use_.via else { continue };
            let Some(Value::Reference(Reference::Existing(to))) = fields.get(via) else { continue };
            if to.entity != use_.entity {
                continue;
            }
            let known = read.iter().position(|one| one.via == *via).map(|at| read.swap_remove(at));
            let mut one =
                known.unwrap_or_else(|| Related { via: via.clone(), key: to.clone(), fields: Fields::new() });
            let names = use_.fields.iter().filter(|field| field.reads).map(|field| &field.name);
            self.keep(&mut one.fields, names, |name| format!("{}.{via}/{name}", key.entity));
            related.push(one);
        }
        record
    }

    fn keep<'n>(
        &self,
        fields: &mut Fields,
        names: impl Iterator<Item = &'n String> + Clone,
        missing: impl Fn(&str) -> String,
    ) {
        for name in names.clone().filter(|name| !fields.contains_key(*name)) {
            self.missed.name(missing(name));
        }
        fields.retain(|known, _| names.clone().any(|name| name == known));
    }
}

/// Which system is asked.
fn side(asked: &Asked) -> Side {
    match asked {
        Asked::ReadReferral(_)
        | Asked::FindReferrals { .. }
        | Asked::WriteReferral { .. }
        | Asked::PostReferral(_) => Side::PartnerCenter,
        Asked::ReadRecord(_)
        | Asked::FindRecord { .. }
        | Asked::FindPredecessor(_)
        | Asked::FindCompanions(_)
        | Asked::WriteRecord { .. }
        | Asked::CreateRecord { .. }
        | Asked::ConvertRecord { .. } => Side::Crm,
    }
}

/// Which system answered, where only the answer is known.
fn side_of(seen: &Seen) -> Option<Side> {
    match seen {
        Seen::Referral(_) | Seen::Referrals(_) | Seen::Posted(_) => Some(Side::PartnerCenter),
        Seen::Record(_) | Seen::Succeeded(_) | Seen::Predecessor(_) | Seen::Companions(_) => Some(Side::Crm),
        Seen::Stored | Seen::Written { .. } | Seen::Stale | Seen::Refused(_) | Seen::Unknown(_) => None,
    }
}

/// Whether a step answers a question. Of form 1 only the answer is known: it says whose it is, and *nothing* fits every
/// question of its kind.
fn answers(step: &Step, asked: &Asked) -> bool {
    if let Some(known) = &step.asked {
        return known == asked;
    }
    match (asked, &step.seen) {
        (Asked::ReadReferral(id), Seen::Referral(Some(read))) => read.value.id() == Some(id),
        (Asked::ReadRecord(key), Seen::Record(Some(read))) => read.value.key == *key,
        (Asked::FindRecord { entity, .. }, Seen::Record(Some(read))) => read.value.key.entity == *entity,
        (Asked::ReadReferral(_), Seen::Referral(None))
        | (Asked::ReadRecord(_), Seen::Record(None) | Seen::Succeeded(_))
        | (Asked::FindRecord { .. }, Seen::Record(None))
        | (Asked::FindReferrals { .. }, Seen::Referrals(_)) => true,
        _ => false,
    }
}

/// The record that a companion turned out to be in this step (`Some(None)`: there was none); `None` if it was not
/// looked for.
fn existed(step: &Step, companion: &Companion) -> Option<Option<RecordKey>> {
    let Seen::Companions(found) = &step.seen else { return None };
    let alias = match &step.asked {
        Some(Asked::FindCompanions(asked)) => {
            let is_it =
                |known: &&Companion| known.entity == companion.entity && known.matching == companion.matching;
            &asked.iter().find(is_it)?.alias
        }
        // Form 1 names those that existed.
        None if found.contains_key(&companion.alias) => &companion.alias,
        _ => return None,
    };
    Some(found.get(alias).cloned())
}

fn is_write(asked: &Asked) -> bool {
    fields(asked).is_some() || matches!(asked, Asked::PostReferral(_))
}

/// What a write sets.
fn fields(asked: &Asked) -> Option<&Fields> {
    match asked {
        Asked::WriteRecord { fields, .. }
        | Asked::CreateRecord { fields, .. }
        | Asked::ConvertRecord { fields, .. }
        | Asked::WriteReferral { fields, .. } => Some(fields),
        _ => None,
    }
}

/// What a write finds or creates first.
fn companions(asked: &Asked) -> &[Companion] {
    match asked {
        Asked::WriteRecord { companions, .. }
        | Asked::CreateRecord { companions, .. }
        | Asked::ConvertRecord { companions, .. } => companions,
        _ => &[],
    }
}

/// Whether two writes are to the same thing, as it was at the same version.
fn is_same_target(one: &Asked, other: &Asked) -> bool {
    match (one, other) {
        (Asked::WriteRecord { key, version, .. }, Asked::WriteRecord { key: other, version: at, .. }) => {
            (key, version) == (other, at)
        }
        (
            Asked::CreateRecord { entity, referral, .. },
            Asked::CreateRecord { entity: other, referral: of, .. },
        ) => (entity, referral) == (other, of),
        (
            Asked::ConvertRecord { key, to, version, .. },
            Asked::ConvertRecord { key: other, to: into, version: at, .. },
        ) => (key, to, version) == (other, into, at),
        (Asked::WriteReferral { id, version, .. }, Asked::WriteReferral { id: other, version: at, .. }) => {
            (id, version) == (other, at)
        }
        (Asked::PostReferral(one), Asked::PostReferral(other)) => one.engagement() == other.engagement(),
        _ => false,
    }
}

/// Whether a write to the same target ends as that one did, whatever else it sets: nobody looks at what a stale write
/// brings, and what was refused is refused again.
fn would_end_so(step: &Step, asked: &Asked) -> bool {
    match &step.seen {
        Seen::Stale => true,
        Seen::Refused(refusal) => {
            let (Some(then), Some(now)) = (step.asked.as_ref().and_then(fields), fields(asked)) else {
                return false;
            };
            refused(refusal, then).all(|name| then.get(name) == now.get(name))
        }
        _ => false,
    }
}

/// The fields that a refusal is about; all that were sent if it names none of them.
fn refused<'a>(refusal: &'a SystemRefusal, sent: &'a Fields) -> impl Iterator<Item = &'a String> {
    let names_any = refusal.fields.iter().any(|name| sent.contains_key(name));
    sent.keys().filter(move |name| !names_any || refusal.fields.contains(name))
}

/// What is missing, for a person.
fn name(asked: &Asked) -> String {
    match asked {
        Asked::ReadRecord(key) => format!("record of `{}`", key.entity),
        Asked::FindRecord { entity, .. } => format!("record of `{entity}` by its referral"),
        Asked::FindPredecessor(key) => format!("what `{}` was made of", key.entity),
        Asked::FindReferrals { engagement: Some(_), .. } => "referrals of the engagement".to_owned(),
        Asked::FindReferrals { .. } => "referrals by their external reference".to_owned(),
        _ => "the referral".to_owned(),
    }
}
