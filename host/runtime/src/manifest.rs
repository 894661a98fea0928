//! Whether a manifest makes sense, before anything is built on it.

use std::collections::BTreeSet;

use crosswalk_engine::{
    mapping::{EntityUse, FieldUse, Manifest},
    value::{Kind, Value},
};

/// Everything that is wrong with a manifest, each in a sentence that names the entity and field.
pub(crate) fn problems(manifest: &Manifest) -> Vec<String> {
    let mut problems = Vec::new();
    for (what, text) in [("name", &manifest.name), ("version", &manifest.version), ("crm", &manifest.crm)] {
        if text.is_empty() || text.len() > 128 || text.chars().any(char::is_control) {
            problems.push(format!("its {what} is empty, longer than 128 bytes or not plain text"));
        }
    }
    if !manifest.entities.iter().any(|use_| use_.via.is_none()) {
        problems.push("it declares no entity that is linked with referrals (one without `via`)".to_owned());
    }
    let mut seen = BTreeSet::new();
    for use_ in &manifest.entities {
        if !seen.insert((&use_.entity, &use_.via)) {
            problems.push(format!("`{}` is declared twice", place(use_)));
        }
        fields(use_, &mut problems);
        match &use_.via {
            None => linked(use_, &mut problems),
            Some(via) => reached(manifest, use_, via, &mut problems),
        }
    }
    let mut seen = BTreeSet::new();
    for use_ in &manifest.lookups {
        if !seen.insert(&use_.entity) {
            problems.push(format!("the lookup of `{}` is declared twice", use_.entity));
        }
        fields(use_, &mut problems);
    }
    problems
}

/// Names are there and unique, and each field is used.
fn fields(use_: &EntityUse, problems: &mut Vec<String>) {
    if use_.entity.is_empty() {
        problems.push("an entity has no name".to_owned());
    }
    let mut seen = BTreeSet::new();
    for field in &use_.fields {
        let place = format!("{}.{}", use_.entity, field.name);
        if field.name.is_empty() {
            problems.push(format!("a field of `{}` has no name", use_.entity));
        } else if !seen.insert(&field.name) {
            problems.push(format!("`{place}` is declared twice"));
        }
        if field.owned && !field.writes {
            problems.push(format!("`{place}` is declared as owned but not as written: nobody would fill it"));
        }
        if field.kind == Kind::Reference(String::new()) {
            problems.push(format!("`{place}` is a reference to no entity"));
        }
        shape(field, &place, problems);
        if field.rows.is_some() && use_.via.is_some() {
            problems.push(format!("`{place}` is kept as rows, which only a linked entity's lists may be"));
        }
    }
}

/// What a field is said to be like fits its kind.
fn shape(field: &FieldUse, place: &str, problems: &mut Vec<String>) {
    let FieldUse { kind, label, length, choices, rows, .. } = field;
    if label.as_ref().is_some_and(|label| label.chars().count() > 100 || label.chars().any(char::is_control))
    {
        problems.push(format!("`{place}` has a label that is longer than 100 characters or not plain text"));
    }
    if length.is_some() && *kind != Kind::Text {
        problems.push(format!("`{place}` has a length and is no text"));
    }
    let fits = |value: &Value| match value {
        Value::Text(_) => *kind == Kind::Text,
        Value::Integer(_) => *kind == Kind::Integer,
        _ => false,
    };
    let mut seen: Vec<&Value> = Vec::new();
    for choice in choices {
        if !fits(&choice.value) {
            problems.push(format!("`{place}` offers `{}`, which is not of its kind", choice.label));
        } else if seen.contains(&&choice.value) {
            problems.push(format!("`{place}` offers the value of `{}` twice", choice.label));
        }
        seen.push(&choice.value);
    }
    if rows.is_some() && *kind != Kind::Texts {
        problems.push(format!("`{place}` is kept as rows and is no list of texts"));
    }
}

/// A linked entity can be found again by its referral, and the host's own fields are the host's.
fn linked(use_: &EntityUse, problems: &mut Vec<String>) {
    let entity = &use_.entity;
    match use_.referral_key.as_deref() {
        None | Some("") => problems.push(format!(
            "`{entity}` has no `referral-key`: without the field that holds the referral's id, a record could be made \
             twice"
        )),
        Some(key) => host_field(use_, key, "referral-key", problems),
    }
    if let Some(stamp) = use_.stamp.as_deref() {
        host_field(use_, stamp, "stamp", problems);
        if use_.referral_key.as_deref() == Some(stamp) {
            problems.push(format!("`{entity}.{stamp}` is both the referral key and the stamp"));
        }
        if stamp.is_empty() || use_.field(stamp).is_some_and(|field| field.writes) {
            problems.push(format!("`{entity}.{stamp}`, the stamp, is written by the host alone"));
        }
    }
}

fn host_field(use_: &EntityUse, name: &str, what: &str, problems: &mut Vec<String>) {
    if use_.field(name).is_some_and(|field| field.kind != Kind::Text) {
        problems.push(format!("`{}.{name}`, the {what}, is not declared as text", use_.entity));
    }
}

/// An entity that is reached has no key of its own, and the way to it leads there.
fn reached(manifest: &Manifest, use_: &EntityUse, via: &str, problems: &mut Vec<String>) {
    if via.is_empty() {
        problems.push(format!("`{}` is reached through a field without a name", use_.entity));
    }
    if use_.referral_key.is_some() || use_.stamp.is_some() {
        problems.push(format!(
            "`{}` has a referral key or a stamp, which only linked entities have",
            place(use_)
        ));
    }
    let ways = manifest.entities.iter().filter(|linked| linked.via.is_none());
    for (linked, way) in ways.filter_map(|linked| linked.field(via).map(|way| (linked, way))) {
        if way.kind != Kind::Reference(use_.entity.clone()) {
            problems.push(format!(
                "`{}` is reached through `{}.{via}`, which is not declared as a reference to it",
                use_.entity, linked.entity
            ));
        }
    }
}

fn place(use_: &EntityUse) -> String {
    match &use_.via {
        None => use_.entity.clone(),
        Some(via) => format!("{} via {via}", use_.entity),
    }
}

#[cfg(test)]
mod tests;
