//! Runs a recorded pass again, through any release: the same engine, over what was read then. Nothing is asked of anybody
//! and nothing is written, so that it is the same whenever it is done.
//!
//! - Reads are answered by what they ask, not by their place: see [`tape`]. What was read is true for as long as the same
//!   was written to that side before it.
//! - A write that the recorded pass made too is answered as it was then. Any other one is answered by the
//!   [`Stage`](crate::process::Stage), as in a rehearsal.
//! - What was not recorded is never guessed. A field that the recording does not hold is not known to the plugin and is
//!   named; where a whole answer is missing the replay ends, and says which.

mod tape;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use crosswalk_engine::{
    mapping::Manifest,
    pass::{Limits, Pass, Start},
    value::{Fields, RecordKey},
};
use crosswalk_runtime::{Lookup, LookupAnswer, LookupFailure, PassContext, Plugin, RecordedLookups};

use self::tape::{Fate, Tape};
use crate::{
    process::{Answer, Effects, Stage},
    recording::{Recorded, Used},
};

/// What a release does with a recorded pass.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Replayed {
    /// What it would do. Without a verdict the replay ended before the pass does: something would be made of which only
    /// its making tells what comes next, or an answer is missing.
    pub(crate) effects: Effects,
    /// What it asked for that was not recorded: `opportunity.budgetamount`, `lookup of product`, …
    pub(crate) unanswered: BTreeSet<String>,
    /// What the plugin used.
    pub(crate) usage: Used,
}

/// Runs a recorded pass through a plugin. Takes as long as the plugin does: not for a thread that serves others.
pub(crate) fn replay(recorded: &Recorded, plugin: &Plugin, limits: Limits) -> Replayed {
    let begun = &recorded.start;
    let manifest = plugin.manifest();
    let missed = Missed::default();
    let lookups = Lookups {
        recorded: RecordedLookups { answers: recorded.lookups.clone() },
        manifest: manifest.clone(),
        missed: missed.clone(),
    };
    let mut mapper = plugin.mapper(PassContext {
        tenant: begun.tenant.clone(),
        now: begun.now,
        lookups: Some(Box::new(lookups)),
    });
    let mut tape = Tape::new(recorded, manifest, missed.clone());
    let mut stage = Stage::new(begun.pair.clone(), begun.state.as_ref());
    let (mut pass, mut action) = Pass::begin(Start {
        id: begun.id.clone(),
        subject: begun.subject.clone(),
        pair: begun.pair.clone(),
        state: begun.state.clone(),
        manifest: manifest.clone(),
        release: recorded.release.as_ref().map(|release| release.digest.clone()),
        now: begun.now,
        limits,
        post_again: begun.post_again,
        rules: Default::default(),
    });
    loop {
        let seen = match tape.fate(&action) {
            Fate::Recorded(seen) => {
                stage.effects.note(&action);
                seen
            }
            Fate::NotKnown => break,
            Fate::Staged => match stage.answer(action) {
                Answer::Seen(seen) => seen,
                Answer::Over => break,
                Answer::Look(look) => match tape.look(&look) {
                    Some(seen) => seen,
                    None => break,
                },
            },
        };
        match pass.next(seen, &mut mapper) {
            Ok(next) => action = next,
            Err(lost) => {
                missed.name(format!("what the engine asked for at `{}`", lost.waiting_for));
                break;
            }
        }
    }
    let used = mapper.finish();
    Replayed {
        effects: Effects { refusal: pass.refusal().cloned(), ..stage.effects },
        unanswered: missed.names(),
        usage: Used { calls: used.calls, fuel: used.fuel },
    }
}

/// The names of what was asked for and is not recorded.
#[derive(Clone, Default)]
struct Missed(Arc<Mutex<BTreeSet<String>>>);

impl Missed {
    fn name(&self, what: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(what);
    }

    fn names(&self) -> BTreeSet<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The recorded pass's lookups, for a plugin that may ask for others.
struct Lookups {
    recorded: RecordedLookups,
    manifest: Manifest,
    missed: Missed,
}

impl Lookup for Lookups {
    fn find(
        &mut self,
        entity: &str,
        matching: &Fields,
        limit: u32,
    ) -> Result<Vec<(RecordKey, Fields)>, LookupFailure> {
        let asked = |known: &&LookupAnswer| {
            known.entity == entity && known.limit == limit && known.matching == *matching
        };
        if !self.recorded.answers.iter().any(|known| asked(&known)) {
            self.missed.name(format!("lookup of `{entity}`"));
        }
        let found = self.recorded.find(entity, matching, limit)?;
        let declared = self.manifest.lookups.iter().filter(|used| used.entity == entity);
        let reads = declared.flat_map(|used| &used.fields).filter(|field| field.reads);
        for field in reads.filter(|field| found.iter().any(|(_, fields)| !fields.contains_key(&field.name))) {
            self.missed.name(format!("{entity}.{} of a lookup", field.name));
        }
        Ok(found)
    }
}
