//! What a plugin answers, checked: only declared fields, of the declared kinds, well formed.
//!
//! The first thing that is wrong refuses the whole answer, with a code of its own and words that name plugin, field
//! and cure. Nothing is mended silently.

use std::collections::BTreeSet;

use crosswalk_engine::{
    mapping::{
        Companion, Conflict, CrmDraft, Disposition, EntityUse, FieldUse, Manifest, Outcome, Refusal,
        Resolution,
    },
    value::{Fields, Kind, Reference, Value},
};

use super::{
    values::{self, fits, kind_name, value_name},
    wire, wire_values as wit,
};
use crate::codes::{Code, clean};

/// Bytes of a plugin's reason, message or help that are kept.
const WORDS_BYTES_MAX: usize = 2_048;

/// What the CRM should hold.
pub(crate) fn crm_outcome(
    manifest: &Manifest,
    outcome: wire::CrmOutcome,
) -> Result<Outcome<CrmDraft>, Refusal> {
    match outcome {
        wire::CrmOutcome::Hold(draft) => crm_draft(manifest, draft).map(Outcome::Hold),
        wire::CrmOutcome::Skip(reason) => Ok(Outcome::Skip(clean(&reason, WORDS_BYTES_MAX))),
    }
}

/// What Partner Center should hold, by JSON pointer.
pub(crate) fn referral_outcome(
    manifest: &Manifest,
    outcome: wire::ReferralOutcome,
) -> Result<Outcome<Fields>, Refusal> {
    match outcome {
        wire::ReferralOutcome::Hold(draft) => referral_fields(manifest, &draft.fields).map(Outcome::Hold),
        wire::ReferralOutcome::Skip(reason) => Ok(Outcome::Skip(clean(&reason, WORDS_BYTES_MAX))),
    }
}

/// What the record should show of a pass: fields of the primary record `entity`, by the rules of a draft.
pub(crate) fn report_fields(
    manifest: &Manifest,
    entity: &str,
    fields: &[wit::Field],
) -> Result<Fields, Refusal> {
    let uses = [primary(manifest, entity)?];
    declared_fields(manifest, entity, &uses, fields, &BTreeSet::new(), &[])
}

/// One resolution for each conflict, in the same order.
pub(crate) fn resolutions(
    manifest: &Manifest,
    conflicts: &[Conflict],
    given: Vec<wire::Resolution>,
) -> Result<Vec<Resolution>, Refusal> {
    if given.len() != conflicts.len() {
        return Err(Code::ResolutionsMissing.reject(
            None,
            format!("`{}` gave {} resolutions for {} conflicts", manifest.name, given.len(), conflicts.len()),
            "return one resolution for each conflict, in the same order",
        ));
    }
    let resolve = |(conflict, resolution): (&Conflict, wire::Resolution)| match resolution {
        wire::Resolution::PartnerCenter => Ok(Resolution::PartnerCenter),
        wire::Resolution::Crm => Ok(Resolution::Crm),
        wire::Resolution::UseValue(value) => {
            third_value(manifest, &conflict.field, &value).map(Resolution::Value)
        }
        wire::Resolution::Park(reason) => Ok(Resolution::Park(clean(&reason, WORDS_BYTES_MAX))),
    };
    conflicts.iter().zip(given).map(resolve).collect()
}

/// A plugin's own refusal, in its own words.
pub(crate) fn refusal(refusal: wire::Refusal) -> Refusal {
    let (code, disposition, problem) = match refusal {
        wire::Refusal::Reject(problem) => (Code::Rejected, Disposition::Reject, problem),
        wire::Refusal::Retry(problem) => (Code::RetryAsked, Disposition::Retry, problem),
    };
    Refusal {
        code: code.as_str().to_owned(),
        disposition,
        field: problem.field.map(|field| clean(&field, WORDS_BYTES_MAX)),
        message: clean(&problem.message, WORDS_BYTES_MAX),
        help: problem.help.map(|help| clean(&help, WORDS_BYTES_MAX)),
    }
}

fn crm_draft(manifest: &Manifest, draft: wire::CrmDraft) -> Result<CrmDraft, Refusal> {
    let uses = [primary(manifest, &draft.entity)?];
    let aliases = aliases(manifest, &draft.companions)?;
    let fields = declared_fields(manifest, &draft.entity, &uses, &draft.fields, &aliases, &draft.companions)?;
    let companions: Vec<Companion> = draft
        .companions
        .iter()
        .map(|companion| checked_companion(manifest, companion, &aliases, &draft.companions))
        .collect::<Result<_, _>>()?;
    needs_nobody_that_needs_it(manifest, &companions)?;
    Ok(CrmDraft { entity: draft.entity, fields, companions })
}

fn primary<'manifest>(manifest: &'manifest Manifest, entity: &str) -> Result<&'manifest EntityUse, Refusal> {
    manifest.primary(entity).ok_or_else(|| {
        Code::EntityNotDeclared.reject(
            None,
            format!(
                "`{}` drafted a record of `{}`, which its manifest does not declare as linked with referrals",
                manifest.name,
                clean(entity, 64)
            ),
            "declare the entity in `describe`, without `via`, or draft one of those that are declared",
        )
    })
}

/// The aliases of all companions, each given once.
fn aliases<'draft>(
    manifest: &Manifest,
    companions: &'draft [wire::Companion],
) -> Result<BTreeSet<&'draft str>, Refusal> {
    let mut aliases = BTreeSet::new();
    for companion in companions {
        if companion.alias.is_empty() || !aliases.insert(companion.alias.as_str()) {
            return Err(Code::BadCompanion.reject(
                None,
                format!(
                    "`{}` gave a companion of `{}` the alias `{}`, which is empty or taken by another",
                    manifest.name,
                    clean(&companion.entity, 64),
                    clean(&companion.alias, 64)
                ),
                "give each companion of a draft an alias of its own",
            ));
        }
    }
    Ok(aliases)
}

fn checked_companion(
    manifest: &Manifest,
    companion: &wire::Companion,
    aliases: &BTreeSet<&str>,
    all: &[wire::Companion],
) -> Result<Companion, Refusal> {
    let reached = |use_: &&EntityUse| use_.via.is_some() && use_.entity == companion.entity;
    let uses: Vec<&EntityUse> = manifest.entities.iter().filter(reached).collect();
    if uses.is_empty() {
        return Err(Code::EntityNotDeclared.reject(
            None,
            format!(
                "`{}` drafted a companion of `{}`, which its manifest does not declare as reached by a reference",
                manifest.name,
                clean(&companion.entity, 64)
            ),
            "declare the entity in `describe`, with the reference field that leads to it in `via`",
        ));
    }
    let checked = |fields| declared_fields(manifest, &companion.entity, &uses, fields, aliases, all);
    let (matching, fields) = (checked(&companion.match_)?, checked(&companion.fields)?);
    if let Some(twice) = fields.keys().find(|name| matching.contains_key(*name)) {
        return Err(field_twice(manifest, &companion.entity, twice));
    }
    if matching.values().all(Value::is_empty) {
        return Err(Code::BadCompanion.reject(
            None,
            format!(
                "`{}` gave the companion `{}` nothing to be found by, so any `{}` would do",
                manifest.name,
                clean(&companion.alias, 64),
                companion.entity
            ),
            "leave the companion out where the referral says too little to find or create it",
        ));
    }
    Ok(Companion { alias: companion.alias.clone(), entity: companion.entity.clone(), matching, fields })
}

/// Companions can be created one after the other: none needs, over whatever detour, itself.
fn needs_nobody_that_needs_it(manifest: &Manifest, companions: &[Companion]) -> Result<(), Refusal> {
    let needs = |companion: &Companion| -> BTreeSet<String> {
        let values = companion.matching.values().chain(companion.fields.values());
        values
            .filter_map(|value| match value {
                Value::Reference(Reference::Companion(alias)) => Some(alias.clone()),
                _ => None,
            })
            .collect()
    };
    let mut waiting: Vec<(&str, BTreeSet<String>)> =
        companions.iter().map(|companion| (companion.alias.as_str(), needs(companion))).collect();
    loop {
        let before = waiting.len();
        let unmade: BTreeSet<String> = waiting.iter().map(|(alias, _)| (*alias).to_owned()).collect();
        waiting.retain(|(_, needs)| !needs.is_disjoint(&unmade));
        match waiting.first() {
            None => return Ok(()),
            Some((alias, _)) if waiting.len() == before => {
                return Err(Code::UnknownCompanion.reject(
                    None,
                    format!(
                        "`{}` drafted the companion `{alias}`, which needs itself before it exists",
                        manifest.name
                    ),
                    "let companions refer to one another in one direction only",
                ));
            }
            Some(_) => {}
        }
    }
}

/// Fields of one entity, each declared as written in one of `uses`.
fn declared_fields(
    manifest: &Manifest,
    entity: &str,
    uses: &[&EntityUse],
    fields: &[wit::Field],
    aliases: &BTreeSet<&str>,
    companions: &[wire::Companion],
) -> Result<Fields, Refusal> {
    let mut checked = Fields::new();
    for field in fields {
        let declared =
            uses.iter().filter_map(|use_| use_.field(&field.name)).find(|declared| declared.writes);
        let Some(declared) = declared else {
            return Err(not_declared(manifest, entity, uses, &field.name));
        };
        let value = checked_value(manifest, entity, declared, &field.value)?;
        if let (Value::Reference(Reference::Companion(alias)), Kind::Reference(wanted)) =
            (&value, &declared.kind)
        {
            leads_to_companion(manifest, entity, &field.name, alias, wanted, aliases, companions)?;
        }
        if checked.insert(field.name.clone(), value).is_some() {
            return Err(field_twice(manifest, entity, &field.name));
        }
    }
    Ok(checked)
}

fn checked_value(
    manifest: &Manifest,
    entity: &str,
    declared: &FieldUse,
    value: &wit::Value,
) -> Result<Value, Refusal> {
    let place = format!("{entity}.{}", declared.name);
    let value = well_formed(manifest, &place, &declared.name, value)?;
    if fits(&value, &declared.kind) {
        return Ok(value);
    }
    let kind = kind_name(&declared.kind);
    Err(Code::WrongKind.reject(
        Some(&declared.name),
        format!("`{}` gave {} for `{place}`, which it declares as {kind}", manifest.name, value_name(&value)),
        &format!("return a value of kind {kind}, or correct the declaration of the field"),
    ))
}

fn well_formed(manifest: &Manifest, place: &str, field: &str, value: &wit::Value) -> Result<Value, Refusal> {
    values::read(value).map_err(|flaw| {
        flaw.code.reject(
            Some(field),
            format!("`{}` gave for `{place}` {}", manifest.name, flaw.what),
            flaw.help,
        )
    })
}

fn leads_to_companion(
    manifest: &Manifest,
    entity: &str,
    field: &str,
    alias: &str,
    wanted: &str,
    aliases: &BTreeSet<&str>,
    companions: &[wire::Companion],
) -> Result<(), Refusal> {
    if !aliases.contains(alias) {
        return Err(Code::UnknownCompanion.reject(
            Some(field),
            format!(
                "`{}` let `{entity}.{field}` refer to the companion `{}`, which its draft does not have",
                manifest.name,
                clean(alias, 64)
            ),
            "refer to a companion of the same draft by its alias, or to a record that exists by its key",
        ));
    }
    match companions.iter().find(|companion| companion.alias == alias) {
        Some(companion) if companion.entity != wanted => Err(Code::WrongKind.reject(
            Some(field),
            format!(
                "`{}` let `{entity}.{field}` refer to the companion `{alias}` of `{}`, which it declares as reference \
                 to `{wanted}`",
                manifest.name, companion.entity
            ),
            "refer to a companion of the declared entity",
        )),
        _ => Ok(()),
    }
}

fn not_declared(manifest: &Manifest, entity: &str, uses: &[&EntityUse], name: &str) -> Refusal {
    let only_read = uses.iter().any(|use_| use_.field(name).is_some());
    let name = clean(name, 128);
    let why = if only_read { "only as read" } else { "not at all" };
    Code::FieldNotDeclared.reject(
        Some(&name),
        format!("`{}` writes `{entity}.{name}`, which its manifest declares {why}", manifest.name),
        "declare the field as written in `describe`, or leave it out of the draft",
    )
}

fn field_twice(manifest: &Manifest, entity: &str, name: &str) -> Refusal {
    let name = clean(name, 128);
    Code::FieldTwice.reject(
        Some(&name),
        format!("`{}` gives `{entity}.{name}` twice in one draft", manifest.name),
        "give each field once; a companion's `match` and `fields` count together",
    )
}

fn referral_fields(manifest: &Manifest, fields: &[wit::Field]) -> Result<Fields, Refusal> {
    let mut checked = Fields::new();
    for field in fields {
        let name = clean(&field.name, 128);
        if let Err(why) = values::pointer(&field.name) {
            return Err(Code::BadPointer.reject(
                Some(&name),
                format!("`{}` drafted the referral's `{name}`, {why}", manifest.name),
                "name a place in the referral by JSON pointer, such as `/details/dealValue`, and give a list as a whole",
            ));
        }
        let value = well_formed(manifest, &field.name, &name, &field.value)?;
        if matches!(value, Value::Reference(_)) {
            return Err(reference_in_referral(manifest, &field.name));
        }
        if checked.insert(field.name.clone(), value).is_some() {
            return Err(field_twice(manifest, "referral", &field.name));
        }
    }
    Ok(checked)
}

/// The value that both sides take: of the kind of the conflict's field, which may be one of several entities'.
fn third_value(manifest: &Manifest, field: &str, value: &wit::Value) -> Result<Value, Refusal> {
    let checked = well_formed(manifest, field, field, value)?;
    let companion = matches!(checked, Value::Reference(Reference::Companion(_)));
    let declared: Vec<&FieldUse> = manifest.entities.iter().filter_map(|use_| use_.field(field)).collect();
    if companion || (field.starts_with('/') && matches!(checked, Value::Reference(_))) {
        return Err(reference_in_referral(manifest, field));
    }
    match declared.first() {
        Some(first) if !declared.iter().any(|declared| fits(&checked, &declared.kind)) => {
            Err(Code::WrongKind.reject(
                Some(field),
                format!(
                    "`{}` resolved `{field}` with {}, which it declares as {}",
                    manifest.name,
                    value_name(&checked),
                    kind_name(&first.kind)
                ),
                "resolve with a value of the declared kind, or choose a side",
            ))
        }
        _ => Ok(checked),
    }
}

fn reference_in_referral(manifest: &Manifest, field: &str) -> Refusal {
    let field = clean(field, 128);
    Code::WrongKind.reject(
        Some(&field),
        format!("`{}` gave a reference for `{field}`, where none can stand", manifest.name),
        "give what the other side can hold, such as the name of the record",
    )
}
