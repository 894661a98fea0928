//! What the contract forbids in an answer. The host's runtime refuses the same; natively there is nobody else to see it.

use jiff::{Timestamp, civil::Date};
use rust_decimal::Decimal;

use crate::{
    law::Law,
    model::{Companion, Draft, EntityUse, Key, Kind, Manifest, Value},
};

/// Something that no plugin may answer with.
pub(crate) struct Wrong {
    pub(crate) law: Law,
    pub(crate) field: String,
    pub(crate) message: String,
}

/// What is wrong with a draft for the CRM.
pub(crate) fn draft(manifest: &Manifest, draft: &Draft) -> Vec<Wrong> {
    let Some(primary) = manifest.primary(&draft.entity) else {
        let message = format!("a draft is for `{}`, which the manifest does not link", draft.entity);
        return vec![Wrong { law: Law::Declared, field: draft.entity.clone(), message }];
    };
    let mut wrong = Vec::new();
    fields(&[primary], &draft.entity, &draft.fields, &draft.companions, &mut wrong);
    for (at, companion) in draft.companions.iter().enumerate() {
        let used: Vec<&EntityUse> = manifest
            .entities
            .iter()
            .filter(|used| used.via.is_some() && used.entity == companion.entity)
            .collect();
        if used.is_empty() {
            let message = format!(
                "the companion `{}` is of `{}`, which is not declared",
                companion.alias, companion.entity
            );
            wrong.push(Wrong { law: Law::Declared, field: companion.entity.clone(), message });
            continue;
        }
        let earlier = draft.companions.get(..at).unwrap_or_default();
        if companion.matching.is_empty() || earlier.iter().any(|other| other.alias == companion.alias) {
            let message = format!(
                "the companion `{}` has nothing to be found by, or an alias that is taken",
                companion.alias
            );
            wrong.push(Wrong { law: Law::Total, field: companion.alias.clone(), message });
        }
        fields(&used, &companion.entity, &companion.matching, earlier, &mut wrong);
        fields(&used, &companion.entity, &companion.fields, earlier, &mut wrong);
    }
    wrong
}

/// What is wrong with fields to report.
pub(crate) fn report(manifest: &Manifest, entity: &str, reported: &[(String, Value)]) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    if let Some(primary) = manifest.primary(entity) {
        fields(&[primary], entity, reported, &[], &mut wrong);
    }
    wrong
}

/// What is wrong with fields for Partner Center.
pub(crate) fn pointers(fields: &[(String, Value)]) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    for (at, (name, value)) in fields.iter().enumerate() {
        let twice = fields.get(..at).is_some_and(|earlier| earlier.iter().any(|(other, _)| other == name));
        let problem = if !name.starts_with('/') {
            Some("is no JSON pointer".to_owned())
        } else if twice {
            Some("is given twice".to_owned())
        } else {
            ill_formed(value).map(|what| format!("is {what}"))
        };
        if let Some(problem) = problem {
            wrong.push(Wrong {
                law: Law::Total,
                field: name.clone(),
                message: format!("`{name}` {problem}"),
            });
        }
    }
    wrong
}

fn fields(
    used: &[&EntityUse],
    entity: &str,
    given: &[(String, Value)],
    companions: &[Companion],
    wrong: &mut Vec<Wrong>,
) {
    for (at, (name, value)) in given.iter().enumerate() {
        let field = format!("{entity}.{name}");
        let declared = used.iter().filter_map(|used| used.field(name)).find(|field| field.writes);
        let Some(declared) = declared else {
            let message = format!("`{field}` is drafted, and the manifest does not say that it is written");
            wrong.push(Wrong { law: Law::Declared, field, message });
            continue;
        };
        let twice = given.get(..at).is_some_and(|earlier| earlier.iter().any(|(other, _)| other == name));
        let problem = if twice {
            Some("is given twice".to_owned())
        } else if !is_of_kind(value, &declared.kind) {
            Some(format!("is {value:?}, and declared as {:?}", declared.kind))
        } else if let Value::Companion(alias) = value {
            let known = companions.iter().any(|companion| companion.alias == *alias);
            (!known).then(|| format!("refers to the companion `{alias}`, which is not there"))
        } else {
            ill_formed(value).map(|what| format!("is {what}"))
        };
        if let Some(problem) = problem {
            let message = format!("`{field}` {problem}");
            wrong.push(Wrong { law: Law::Total, field, message });
        }
    }
}

/// Whether a value may be in a field of this kind.
pub(crate) fn is_of_kind(value: &Value, kind: &Kind) -> bool {
    match (value, kind) {
        (Value::Empty, _)
        | (Value::Text(_), Kind::Text)
        | (Value::Flag(_), Kind::Flag)
        | (Value::Integer(_), Kind::Integer)
        | (Value::Decimal(_), Kind::Decimal)
        | (Value::Date(_), Kind::Date)
        | (Value::Instant(_), Kind::Instant)
        | (Value::Texts(_), Kind::Texts)
        | (Value::Companion(_), Kind::Reference(_))
        | (Value::Json(_), Kind::Json) => true,
        (Value::Existing(Key { entity, .. }), Kind::Reference(declared)) => entity == declared,
        _ => false,
    }
}

fn ill_formed(value: &Value) -> Option<String> {
    let (text, is_well, what) = match value {
        Value::Decimal(text) => (text, is_decimal(text), "decimal number of at most 28 digits"),
        Value::Date(text) => (text, text.parse::<Date>().is_ok(), "date"),
        Value::Instant(text) => (text, text.parse::<Timestamp>().is_ok(), "moment"),
        _ => return None,
    };
    (!is_well).then(|| format!("`{text}`, which is no {what}"))
}

/// Plain digits, at most 28 of them.
fn is_decimal(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    digits <= 28 && Decimal::from_str_exact(text).is_ok()
}
