//! Companions: records to find, or to create, before the primary record is written. What both CRMs do alike.

use std::collections::BTreeMap;

use async_trait::async_trait;
use crosswalk_engine::{
    mapping::Companion,
    pass::SystemRefusal,
    value::{Fields, RecordKey, Reference, Value},
};

use crate::{fault::Fault, text::cut};

/// Why a draft's companions are not all there.
pub(crate) enum Stopped {
    /// Later, or never; nothing of the primary record was written.
    Fault(Fault),
    /// This companion cannot be had.
    Refused { alias: String, reason: String },
}

impl From<Fault> for Stopped {
    fn from(fault: Fault) -> Self {
        Stopped::Fault(fault)
    }
}

/// Finds one companion, or creates it.
#[async_trait]
pub(crate) trait FindOne: Sync {
    /// The companion that holds `matching`; if there is none it is created with `fields` too, where `create` says so.
    async fn find_one(
        &self,
        companion: &Companion,
        matching: Fields,
        fields: Fields,
        create: bool,
    ) -> Result<Option<RecordKey>, Stopped>;
}

/// The companions that exist, by alias. None is created.
///
/// # Errors
/// Any [`Fault`]; [`Fault::Reject`] where a companion cannot be searched for.
pub(crate) async fn existing(
    crm: &impl FindOne,
    companions: &[Companion],
) -> Result<BTreeMap<String, RecordKey>, Fault> {
    find_all(crm, companions, false).await.map_err(|stopped| match stopped {
        Stopped::Fault(fault) => fault,
        Stopped::Refused { alias, reason } => Fault::reject(format!("companion `{alias}`: {reason}")),
    })
}

/// The fields with references to companions replaced by those that are found or created for them, or the refusal of a
/// write for which one cannot be had.
///
/// # Errors
/// Any [`Fault`]; companions may have been created all the same.
pub(crate) async fn replaced(
    crm: &impl FindOne,
    fields: &Fields,
    companions: &[Companion],
) -> Result<Result<Fields, SystemRefusal>, Fault> {
    let found = match find_all(crm, companions, true).await {
        Ok(found) => found,
        Err(Stopped::Fault(fault)) => return Err(fault),
        Err(Stopped::Refused { alias, reason }) => return Ok(Err(refusal(fields, &alias, &reason))),
    };
    Ok(substituted(fields, &found).map_err(|alias| refusal(fields, &alias, "the draft does not have it")))
}

/// Finds companions, and creates those that are missing if told to, in an order in which each comes after those that it
/// refers to. One that refers to a companion that does not exist does not exist either.
async fn find_all(
    crm: &impl FindOne,
    companions: &[Companion],
    create: bool,
) -> Result<BTreeMap<String, RecordKey>, Stopped> {
    let mut found = BTreeMap::new();
    let mut waiting: Vec<&Companion> = companions.iter().collect();
    loop {
        let before = waiting.len();
        let mut still_waiting = Vec::new();
        for companion in waiting {
            let matching = substituted(&companion.matching, &found);
            // Only what it is found by is needed to look; all of it is, to create.
            let fields = substituted(&companion.fields, &found);
            let (Ok(matching), true) = (matching, fields.is_ok() || !create) else {
                still_waiting.push(companion);
                continue;
            };
            let refused =
                |reason: &str| Stopped::Refused { alias: companion.alias.clone(), reason: reason.to_owned() };
            if matching.values().all(Value::is_empty) {
                // It would be found in every record of its entity.
                return Err(refused("it has nothing to be found by"));
            }
            if let Some(key) = crm.find_one(companion, matching, fields.unwrap_or_default(), create).await? {
                found.insert(companion.alias.clone(), key);
            }
        }
        if still_waiting.is_empty() || (!create && still_waiting.len() == before) {
            return Ok(found);
        }
        if still_waiting.len() == before {
            let alias = still_waiting.first().map(|companion| companion.alias.clone()).unwrap_or_default();
            let reason = "it refers to a companion that the draft does not have, or to itself".to_owned();
            return Err(Stopped::Refused { alias, reason });
        }
        waiting = still_waiting;
    }
}

/// The refusal of a write whose companion cannot be had: it names the fields that refer to it.
fn refusal(fields: &Fields, alias: &str, reason: &str) -> SystemRefusal {
    let refers = |value: &Value| matches!(value, Value::Reference(Reference::Companion(to)) if to == alias);
    let fields = fields.iter().filter(|(_, value)| refers(value)).map(|(name, _)| name.clone()).collect();
    SystemRefusal { fields, reason: cut(&format!("companion `{alias}`: {reason}")) }
}

/// The fields with each reference to a companion replaced by the companion's key; an error is an alias that is not
/// known (yet).
fn substituted(fields: &Fields, found: &BTreeMap<String, RecordKey>) -> Result<Fields, String> {
    let replaced = fields.iter().map(|(name, value)| {
        let value = match value {
            Value::Reference(Reference::Companion(alias)) => match found.get(alias) {
                Some(key) => Value::Reference(Reference::Existing(key.clone())),
                None => return Err(alias.clone()),
            },
            other => other.clone(),
        };
        Ok((name.clone(), value))
    });
    replaced.collect()
}
