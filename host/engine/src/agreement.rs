//! Agreement: whether a referral and a record say the same in the eyes of one release.
//!
//! With W what the referral asks of the record and V what the record asks of the referral, they agree if the record asks
//! for the same with W laid over it, and the referral asks for the same with V laid over it: whatever either still differs
//! in, the other side cannot see. A plan must end so, or the mapping breaks laws L1 and L2. Of a pair's *base* it tells how
//! a release that is not live yet would see what is settled: see [`standing`].

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    canon::Canon,
    link::Base,
    mapping::{Manifest, Mapper, Outcome, Refusal},
    opinions::{Halt, Memory, Opinions, Shape},
    referral::{self, Referral},
    value::{Fields, RecordKey, Reference, Value},
};

/// How often companions are put aside until a draft is whole: one may refer to another.
const COMPANION_ROUNDS_MAX: usize = 8;

/// How a pair stands in the eyes of a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It never agreed: there is no base to look at.
    Unknown,
    /// The release leaves it alone, or does not declare its entity.
    LeftAlone,
    /// The release asks for a record of this other entity.
    AsksFor(String),
    /// It is mapped.
    Mapped {
        /// The fields and paths on which both sides do not agree; empty if they do.
        restless: BTreeSet<String>,
        /// The fields that the record does not hold as the referral asks, be it that nobody could see that: what a new
        /// mapping writes only where something changes.
        unmet: BTreeSet<String>,
    },
}

/// Looks at a pair as it was when it last agreed. Which records companions are only the CRM knows: references to them are
/// taken to be what the record holds.
///
/// # Errors
/// When the plugin refuses to map it.
pub fn standing(
    key: &RecordKey,
    base: &Base,
    manifest: &Manifest,
    mapper: &mut dyn Mapper,
) -> Result<Standing, Refusal> {
    let (Some(referral), Some(fields)) = (&base.referral, &base.record) else { return Ok(Standing::Unknown) };
    let Some(entity) = manifest.primary(&key.entity) else { return Ok(Standing::LeftAlone) };
    let mut record = fields.clone();
    record.retain(|name, _| entity.stamp.as_ref() != Some(name));
    let shape = Shape::of_base(key, fields);
    let mut memory = Memory::default();
    let mut opinions = Opinions {
        mapper,
        memory: &mut memory,
        shape: &shape,
        entity,
        referral_id: referral.id().unwrap_or_default(),
    };
    let canon = Canon::of(referral);
    for _ in 0..COMPANION_ROUNDS_MAX {
        match look(&mut opinions, referral, &record, canon) {
            Ok(standing) => return Ok(standing),
            Err(Halt::Refused(refusal)) => return Err(refusal),
            Err(Halt::Convert(draft)) => return Ok(Standing::AsksFor(draft.entity)),
            Err(Halt::Companions(_)) => opinions.memory.found(&BTreeMap::new()),
        }
    }
    Ok(Standing::Unknown)
}

fn look(
    opinions: &mut Opinions<'_>,
    referral: &Referral,
    record: &Fields,
    canon: Canon,
) -> Result<Standing, Halt> {
    let Outcome::Hold(mut wish) = opinions.wish(referral, record)? else { return Ok(Standing::LeftAlone) };
    wish.retain(|_, value| !matches!(value, Value::Reference(Reference::Companion(_))));
    let Some(restless) = restless(opinions, referral, record, &wish, canon)? else {
        return Ok(Standing::LeftAlone);
    };
    let is_met = |field: &str| canon.same_field(field, &wish, record);
    let unmet = wish.keys().filter(|field| !is_met(field)).cloned().collect();
    Ok(Standing::Mapped { restless: restless.into_iter().collect(), unmet })
}

/// The paths and fields that would change again once each side has what the other asks of it, paths first; `None` if the
/// plugin leaves the pair alone on the way.
pub(crate) fn restless(
    opinions: &mut Opinions<'_>,
    referral: &Referral,
    record: &Fields,
    wish: &Fields,
    canon: Canon,
) -> Result<Option<Vec<String>>, Halt> {
    let Outcome::Hold(asks) = opinions.asks(record, referral)? else { return Ok(None) };
    let Outcome::Hold(again) = opinions.asks(&with(record, wish), referral)? else { return Ok(None) };
    let asked: Fields = asks.into_iter().filter(|(path, _)| referral::is_patchable(path)).collect();
    let Outcome::Hold(back) = opinions.supposed_wish(&referral.overlay(&asked), record)? else {
        return Ok(None);
    };
    let moves = |(path, one): &(&String, &Value)| {
        let held = |value: &Value| referral::as_held(path, value);
        again.get(*path).is_some_and(|two| !canon.same(&held(one), &held(two)))
    };
    let turns = |(field, one): &(&String, &Value)| back.get(*field).is_some_and(|two| !canon.same(one, two));
    let paths = asked.iter().filter(moves).map(|(path, _)| path.clone());
    Ok(Some(paths.chain(wish.iter().filter(turns).map(|(field, _)| field.clone())).collect()))
}

/// A record with fields laid over it.
pub(crate) fn with(record: &Fields, fields: &Fields) -> Fields {
    let mut over = record.clone();
    over.extend(fields.iter().map(|(name, value)| (name.clone(), value.clone())));
    over
}
