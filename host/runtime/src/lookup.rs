//! Lookups: what a plugin may ask the tenant's own CRM in the middle of a call.
//!
//! Only what the manifest declares is asked, each question once a pass, and every answer is kept with the pass: a
//! replay answers from there ([`RecordedLookups`]) and sees the same.

use crosswalk_engine::{
    mapping::{EntityUse, Manifest},
    value::{Fields, RecordKey},
};
use serde::{Deserialize, Serialize};

use crate::limits::Limits;

/// Finds records in one tenant's CRM. Synchronous: it is called in the middle of a plugin call, which waits.
pub trait Lookup: Send {
    /// Records of `entity` whose fields equal all of `matching`, oldest first, at most `limit`, with their declared
    /// fields. `entity` and the names in `matching` are declared by the manifest.
    ///
    /// # Errors
    /// When there is no answer. That no record matches is an answer.
    fn find(
        &mut self,
        entity: &str,
        matching: &Fields,
        limit: u32,
    ) -> Result<Vec<(RecordKey, Fields)>, LookupFailure>;
}

/// Why nothing could be looked up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LookupFailure {
    /// The CRM did not answer; the plugin should refuse with `retry`.
    #[error("the CRM did not answer: {0}")]
    Unavailable(String),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

/// One question and its answer, as kept with the pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookupAnswer {
    /// The entity that was asked for.
    pub entity: String,
    /// The fields that had to be equal.
    pub matching: Fields,
    /// How many records were asked for.
    pub limit: u32,
    /// What was found, oldest first.
    pub answer: Result<Vec<(RecordKey, Fields)>, LookupFailure>,
}

/// The answers of an earlier pass, for replaying it. What was not asked then is unavailable.
#[derive(Clone, Debug, Default)]
pub struct RecordedLookups {
    /// The answers.
    pub answers: Vec<LookupAnswer>,
}

impl Lookup for RecordedLookups {
    fn find(
        &mut self,
        entity: &str,
        matching: &Fields,
        limit: u32,
    ) -> Result<Vec<(RecordKey, Fields)>, LookupFailure> {
        recorded(&self.answers, entity, matching, limit).unwrap_or_else(|| {
            Err(LookupFailure::Unavailable(format!("the recorded pass never looked for this `{entity}`")))
        })
    }
}

/// The lookups of one pass: where they go, and what they have answered.
#[derive(Default)]
pub(crate) struct PassLookups {
    pub(crate) source: Option<Box<dyn Lookup>>,
    pub(crate) answers: Vec<LookupAnswer>,
}

impl PassLookups {
    /// The answer to a question that is declared: the pass's own, if it was asked before.
    pub(crate) fn find(
        &mut self,
        use_: &EntityUse,
        matching: Fields,
        limit: u32,
    ) -> Result<Vec<(RecordKey, Fields)>, LookupFailure> {
        if let Some(answer) = recorded(&self.answers, &use_.entity, &matching, limit) {
            return answer;
        }
        let mut answer = match &mut self.source {
            Some(source) => source.find(&use_.entity, &matching, limit),
            None => Err(LookupFailure::Unavailable("this call has no CRM to look in".to_owned())),
        };
        if let Ok(found) = &mut answer {
            found.truncate(limit as usize);
            for (_, fields) in found {
                fields.retain(|name, _| use_.field(name).is_some_and(|field| field.reads));
            }
        }
        let entity = use_.entity.clone();
        self.answers.push(LookupAnswer { entity, matching, limit, answer: answer.clone() });
        answer
    }
}

/// The declaration that allows this question, or the name of what is not declared.
pub(crate) fn declared<'manifest, 'name>(
    manifest: &'manifest Manifest,
    entity: &'name str,
    names: impl Iterator<Item = &'name str>,
) -> Result<&'manifest EntityUse, String> {
    let use_ = manifest.lookups.iter().find(|use_| use_.entity == entity).ok_or_else(|| entity.to_owned())?;
    for name in names {
        use_.field(name).ok_or_else(|| format!("{entity}.{name}"))?;
    }
    Ok(use_)
}

/// How many records to ask for.
pub(crate) fn bounded(limit: u32, limits: &Limits) -> u32 {
    limit.min(limits.lookup_records_max)
}

fn recorded(
    answers: &[LookupAnswer],
    entity: &str,
    matching: &Fields,
    limit: u32,
) -> Option<Result<Vec<(RecordKey, Fields)>, LookupFailure>> {
    let same =
        |known: &&LookupAnswer| known.entity == entity && known.limit == limit && known.matching == *matching;
    answers.iter().find(same).map(|known| known.answer.clone())
}
