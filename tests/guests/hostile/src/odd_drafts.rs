//! Drafts that break one rule each.

use crate::{
    crosswalk::mapping::values::{Field, Reference, Value},
    existing,
    exports::crosswalk::mapping::mapping::{Companion, CrmDraft},
    text,
};

/// A good draft, made to break the rule that `behaviour` names.
pub(crate) fn draft(behaviour: &str, good: CrmDraft) -> CrmDraft {
    let with = |name: &str, value: Value| CrmDraft {
        fields: vec![Field { name: name.into(), value }],
        ..good.clone()
    };
    let account = companion("customer", "account", vec![text("name", "Fabrikam")], vec![]);
    let with_companion = |companion: Companion| CrmDraft { companions: vec![companion], ..good.clone() };
    match behaviour {
        "large-text" => with("name", Value::Text("x".repeat(4 << 20))),
        "many-fields" => CrmDraft {
            fields: (0..400_000).map(|number| text(&number.to_string(), "x")).collect(),
            ..good.clone()
        },
        "undeclared-field" => with("new_secret", Value::Text("x".into())),
        "read-only-field" => with("ownerid", Value::Text("x".into())),
        "undeclared-entity" => CrmDraft { entity: "lead".into(), ..good },
        "wrong-kind" => with("estimatedvalue", Value::Text("12,000".into())),
        "wrong-entity-of-reference" => with("parentaccountid", existing("contact")),
        "bad-decimal" => with("estimatedvalue", Value::Decimal("1e5".into())),
        "bad-date" => with("estimatedclosedate", Value::Date("2026-02-30".into())),
        "bad-instant" => with("new_syncedon", Value::Instant("2026-01-31 10:00".into())),
        "bad-json" => with("new_products", Value::Other("{".into())),
        "field-twice" => CrmDraft { fields: vec![text("name", "a"), text("name", "b")], ..good },
        "unknown-companion" => with("parentaccountid", to("nobody")),
        "companion" => CrmDraft { companions: vec![account], ..with("parentaccountid", to("customer")) },
        "companion-undeclared-field" => {
            with_companion(Companion { fields: vec![text("creditlimit", "9")], ..account })
        }
        "companion-undeclared-entity" => with_companion(Companion { entity: "contact".into(), ..account }),
        "companion-without-match" => with_companion(Companion { match_: vec![text("name", "")], ..account }),
        "companion-twice" => CrmDraft { companions: vec![account.clone(), account], ..good },
        "companion-without-alias" => with_companion(Companion { alias: String::new(), ..account }),
        "companion-field-twice" => with_companion(Companion { fields: vec![text("name", "x")], ..account }),
        other => panic!("no behaviour is called {other}"),
    }
}

/// A good field of a referral, and what `behaviour` adds to it.
pub(crate) fn pointers(behaviour: &str, good: Field) -> Vec<Field> {
    match behaviour {
        "pointer-without-slash" => vec![text("details", "x")],
        "pointer-bad-escape" => vec![text("/details/a~2", "x")],
        "pointer-append" => vec![text("/team/-", "x")],
        "pointer-twice" => vec![good.clone(), good],
        "pointer-reference" => vec![Field { name: "/name".into(), value: existing("account") }],
        _ => vec![good],
    }
}

fn companion(alias: &str, entity: &str, matching: Vec<Field>, fields: Vec<Field>) -> Companion {
    Companion { alias: alias.into(), entity: entity.into(), match_: matching, fields, more: vec![] }
}

fn to(alias: &str) -> Value {
    Value::Reference(Reference::Companion(alias.into()))
}
