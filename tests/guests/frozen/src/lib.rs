//! A small mapping that uses all of contract 1.0.0: every function, every import, and most kinds of values.
//!
//! It was built once, and what came of it is `frozen-1.0.0.wasm` beside this. This file is kept to be read, not to be
//! changed: see the README.

wit_bindgen::generate!({ path: "../../../wit/released/1.0.0", world: "mapper" });

use crosswalk::mapping::{
    log::{self, Level},
    lookup,
    referral::{Referral, Status},
    settings,
    values::{Field, Kind, Reference, Value},
};
use exports::crosswalk::mapping::mapping::{
    Companion, Conflict, Context, Crm, CrmDraft, CrmOutcome, CrmRecord, EntityUse, FieldUse, Guest, Manifest,
    Problem, ReferralDraft, ReferralOutcome, Refusal, Resolution, SyncOutcome, SyncReport,
};

struct Frozen;

export!(Frozen);

impl Guest for Frozen {
    fn describe() -> Manifest {
        let opportunity = EntityUse {
            referral_key: Some("new_referralid".into()),
            stamp: Some("new_stamp".into()),
            ..entity(
                "opportunity",
                vec![
                    field_use("name", Kind::Text),
                    field_use("estimatedvalue", Kind::Decimal),
                    field_use("estimatedclosedate", Kind::Date),
                    field_use("new_syncedon", Kind::Instant),
                    field_use("new_mayshare", Kind::Flag),
                    field_use("new_people", Kind::Integer),
                    field_use("new_products", Kind::Texts),
                    field_use("new_more", Kind::Other("json".into())),
                    field_use("new_report", Kind::Text),
                    field_use("parentaccountid", Kind::Reference("account".into())),
                    field_use("transactioncurrencyid", Kind::Reference("transactioncurrency".into())),
                ],
            )
        };
        let account = EntityUse {
            via: Some("parentaccountid".into()),
            ..entity("account", vec![field_use("name", Kind::Text), field_use("address1_city", Kind::Text)])
        };
        Manifest {
            name: "frozen".into(),
            version: "1.0.0".into(),
            crm: Crm::Dynamics,
            entities: vec![opportunity, account],
            lookups: vec![entity("transactioncurrency", vec![field_use("isocurrencycode", Kind::Text)])],
            settings_schema: r#"{ "type": "object", "properties": { "prefix": { "type": "string", "default": "Deal: " } } }"#
                .into(),
            more: vec![text("built-against", "1.0.0")],
        }
    }

    fn to_crm(
        referral: Referral,
        linked: Option<CrmRecord>,
        context: Context,
    ) -> Result<CrmOutcome, Refusal> {
        if let (Status::Closed, None) = (&referral.status, &linked) {
            return Ok(CrmOutcome::Skip("the deal was over before anybody linked it".into()));
        }
        let Some(name) = &referral.name else {
            return Err(Refusal::Reject(problem(
                "/name",
                "the deal has no name",
                "name it in Partner Center",
            )));
        };
        log::write(Level::Info, &format!("mapping {name} for {}", context.tenant));
        let details = &referral.details;
        let mut fields = vec![
            text("name", &format!("{}{name}", prefix())),
            field("estimatedvalue", details.deal_value.clone().map(Value::Decimal)),
            field("estimatedclosedate", details.closing_date.as_deref().map(day)),
            field("new_syncedon", Some(Value::Instant(context.now))),
            field("new_mayshare", Some(Value::Flag(referral.consent.share_with_others))),
            field("new_people", Some(Value::Integer(referral.customer.team.len() as i32))),
            field("new_products", Some(Value::Texts(details.products.clone()))),
            field("new_more", Some(Value::Other(more(&referral.more)))),
            field("parentaccountid", Some(Value::Reference(Reference::Companion("customer".into())))),
        ];
        if let Some(currency) = &details.currency {
            fields.push(currency_of(currency)?);
        }
        let customer = Companion {
            alias: "customer".into(),
            entity: "account".into(),
            match_: vec![field("name", referral.customer.name.clone().map(Value::Text))],
            fields: vec![field(
                "address1_city",
                referral.customer.address.and_then(|address| address.city).map(Value::Text),
            )],
            more: vec![],
        };
        Ok(CrmOutcome::Hold(CrmDraft {
            entity: "opportunity".into(),
            fields,
            companions: vec![customer],
            more: vec![],
        }))
    }

    fn to_referral(
        linked: CrmRecord,
        referral: Option<Referral>,
        _context: Context,
    ) -> Result<ReferralOutcome, Refusal> {
        let held =
            |name: &str| linked.fields.iter().find(|field| field.name == name).map(|field| &field.value);
        let mut fields = vec![field("/details/dealValue", held("estimatedvalue").cloned())];
        if let (None, Some(Value::Text(name))) = (&referral, held("name")) {
            fields.push(text("/name", name.strip_prefix(&prefix()).unwrap_or(name)));
        }
        Ok(ReferralOutcome::Hold(ReferralDraft { fields, more: vec![] }))
    }

    fn resolve(conflicts: Vec<Conflict>, _context: Context) -> Result<Vec<Resolution>, Refusal> {
        let decide = |conflict: Conflict| match conflict.field.as_str() {
            "name" => Resolution::UseValue(conflict.crm),
            "estimatedvalue" => Resolution::PartnerCenter,
            "estimatedclosedate" => Resolution::Crm,
            _ => Resolution::Park("a person decides".into()),
        };
        Ok(conflicts.into_iter().map(decide).collect())
    }

    fn report(_linked: CrmRecord, report: SyncReport, context: Context) -> Result<Vec<Field>, Refusal> {
        let outcome = match report.outcome {
            SyncOutcome::Synced => "in agreement".into(),
            SyncOutcome::Failed(what) | SyncOutcome::Other(what) => what,
        };
        Ok(vec![text("new_report", &format!("{}: {outcome}. {}", context.now, report.message))])
    }
}

fn prefix() -> String {
    match settings::get("prefix") {
        Some(Value::Text(prefix)) => prefix,
        _ => String::new(),
    }
}

fn currency_of(code: &str) -> Result<Field, Refusal> {
    let found = lookup::find("transactioncurrency", &[text("isocurrencycode", code)], 1);
    match found {
        Ok(found) => {
            let key = found.into_iter().next().map(|found| found.key);
            Ok(field("transactioncurrencyid", key.map(|key| Value::Reference(Reference::Existing(key)))))
        }
        Err(_) => Err(Refusal::Retry(problem("/details/currency", "no currency could be looked up", "wait"))),
    }
}

/// The day of an instant.
fn day(instant: &str) -> Value {
    instant.get(..10).map_or(Value::Empty, |day| Value::Date(day.into()))
}

/// What came later, by name: a plugin of 1.0.0 sees it here or not at all.
fn more(fields: &[Field]) -> String {
    let names: Vec<String> = fields.iter().map(|field| format!("\"{}\"", field.name)).collect();
    format!("[{}]", names.join(","))
}

fn entity(name: &str, fields: Vec<FieldUse>) -> EntityUse {
    EntityUse { entity: name.into(), via: None, fields, referral_key: None, stamp: None, more: vec![] }
}

fn field_use(name: &str, kind: Kind) -> FieldUse {
    FieldUse { name: name.into(), kind, reads: true, writes: true, owned: false, more: vec![] }
}

fn text(name: &str, value: &str) -> Field {
    Field { name: name.into(), value: Value::Text(value.into()) }
}

fn field(name: &str, value: Option<Value>) -> Field {
    Field { name: name.into(), value: value.unwrap_or(Value::Empty) }
}

fn problem(field: &str, message: &str, help: &str) -> Problem {
    Problem { field: Some(field.into()), message: message.into(), help: Some(help.into()), more: vec![] }
}
