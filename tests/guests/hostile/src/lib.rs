//! A plugin that does whatever its setting `behaviour` says: each thing that a sandbox must survive, and `good`.
//!
//! Written against the bare contract, without the SDK, because the SDK would not let most of this happen.

wit_bindgen::generate!({ path: "../../../wit", world: "mapper" });

mod odd_drafts;

use crosswalk::mapping::{
    log::{self, Level},
    lookup, settings,
    values::{Field, Kind, RecordKey, Value},
};
use exports::crosswalk::mapping::mapping::{
    Conflict, Context, Crm, CrmDraft, CrmOutcome, CrmRecord, EntityUse, FieldUse, Guest, Manifest, Problem,
    ReferralDraft, ReferralOutcome, Refusal, Resolution, SyncReport,
};

const SCHEMA: &str = r#"{
    "type": "object",
    "properties": {
        "behaviour": { "type": "string", "default": "good", "pattern": "^[a-z0-9-]+$" },
        "prefix": { "type": "string", "default": "Deal: " },
        "discount": { "type": "number", "minimum": 0 }
    }
}"#;

struct Hostile;

export!(Hostile);

impl Guest for Hostile {
    fn describe() -> Manifest {
        match behaviour().as_str() {
            "describe-loop" => spin(),
            "describe-without-key" => Manifest { entities: vec![opportunity(None)], ..manifest(SCHEMA) },
            "describe-unknown-kind" => {
                let mut manifest = manifest(SCHEMA);
                manifest.entities[0].fields.push(field_use("colour", Kind::Other("colour".into())));
                manifest
            }
            "describe-changing-schema" if settings::get("prefix").is_some() => manifest("{}"),
            "describe-needs-discount" => match settings::get("discount") {
                Some(Value::Decimal(discount)) => Manifest { version: discount, ..manifest(SCHEMA) },
                other => panic!("a discount is needed, not {other:?}"),
            },
            "describe-broken-schema" => manifest("{ \"type\": 7 }"),
            _ => manifest(SCHEMA),
        }
    }

    fn to_crm(
        referral: crosswalk::mapping::referral::Referral,
        linked: Option<CrmRecord>,
        context: Context,
    ) -> Result<CrmOutcome, Refusal> {
        std::panic::set_hook(Box::new(|panic| log::write(Level::Error, &panic.to_string())));
        match behaviour().as_str() {
            "good" => Ok(CrmOutcome::Hold(good(&referral, &context))),
            "loop" => spin(),
            "memory" => eat_memory(),
            "recursion" => Ok(CrmOutcome::Skip(deeper(0).to_string())),
            "panic" => panic!("the account manager is missing"),
            "silent-trap" => core::arch::wasm32::unreachable(),
            "log-flood" => {
                (0..10_000).for_each(|line| log::write(Level::Info, &format!("line {line}")));
                log::write(Level::Error, &"x".repeat(10_000));
                Ok(CrmOutcome::Hold(good(&referral, &context)))
            }
            "log-too-large" => {
                log::write(Level::Info, &"x".repeat(4 << 20));
                Ok(CrmOutcome::Skip("logged".into()))
            }
            "skip-with-control-characters" => {
                Ok(CrmOutcome::Skip("done\r\u{1b}[2J\u{202e}level=error".into()))
            }
            "reject" => Err(Refusal::Reject(problem("the deal has no owner", "set an owner"))),
            "retry" => Err(Refusal::Retry(problem("the price list is closed", "wait"))),
            "lookup" => Ok(CrmOutcome::Hold(looked_up("account", "name"))),
            "lookup-undeclared-entity" => Ok(CrmOutcome::Hold(looked_up("systemuser", "name"))),
            "lookup-undeclared-field" => Ok(CrmOutcome::Hold(looked_up("account", "creditlimit"))),
            "lookup-without-end" => {
                let failures =
                    (0..1_000).filter(|number| find("account", "name", &number.to_string()).is_err());
                Ok(CrmOutcome::Skip(format!("{} refused", failures.count())))
            }
            "hash-order" => {
                let names: std::collections::HashMap<u32, u32> =
                    (0..100).map(|number| (number, number)).collect();
                Ok(CrmOutcome::Skip(format!("{:?}", names.keys().collect::<Vec<_>>())))
            }
            "remember" => {
                static CALLS: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
                let before = CALLS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                Ok(CrmOutcome::Skip(format!("{before} calls before this one")))
            }
            "echo" => Ok(CrmOutcome::Skip(format!("{referral:?} {linked:?} {context:?}"))),
            odd => Ok(CrmOutcome::Hold(odd_drafts::draft(odd, good(&referral, &context)))),
        }
    }

    fn to_referral(
        linked: CrmRecord,
        _referral: Option<crosswalk::mapping::referral::Referral>,
        _context: Context,
    ) -> Result<ReferralOutcome, Refusal> {
        let value =
            linked.fields.into_iter().find(|field| field.name == "estimatedvalue").map(|field| field.value);
        let good = Field { name: "/details/dealValue".into(), value: value.unwrap_or(Value::Empty) };
        Ok(ReferralOutcome::Hold(ReferralDraft {
            fields: odd_drafts::pointers(&behaviour(), good),
            more: vec![],
        }))
    }

    fn resolve(conflicts: Vec<Conflict>, _context: Context) -> Result<Vec<Resolution>, Refusal> {
        Ok(match behaviour().as_str() {
            "resolve-too-few" => vec![],
            "resolve-wrong-kind" => {
                conflicts.iter().map(|_| Resolution::UseValue(Value::Flag(true))).collect()
            }
            _ => conflicts
                .into_iter()
                .map(|conflict| match conflict.field.as_str() {
                    "name" => Resolution::UseValue(conflict.crm),
                    "estimatedvalue" => Resolution::PartnerCenter,
                    _ => Resolution::Park("a person decides".into()),
                })
                .collect(),
        })
    }

    fn report(_linked: CrmRecord, report: SyncReport, _context: Context) -> Result<Vec<Field>, Refusal> {
        Ok(match behaviour().as_str() {
            "report-undeclared" => vec![text("new_secret", "x")],
            _ => vec![text("new_audit", &format!("{:?}: {}", report.outcome, report.message))],
        })
    }
}

fn behaviour() -> String {
    match settings::get("behaviour") {
        Some(Value::Text(behaviour)) => behaviour,
        _ => "good".into(),
    }
}

fn manifest(schema: &str) -> Manifest {
    Manifest {
        name: "hostile".into(),
        version: "1.0.0".into(),
        crm: Crm::Dynamics,
        entities: vec![
            opportunity(Some("new_referralid".into())),
            EntityUse {
                via: Some("parentaccountid".into()),
                referral_key: None,
                stamp: None,
                ..entity(
                    "account",
                    vec![field_use("name", Kind::Text), field_use("address1_city", Kind::Text)],
                )
            },
        ],
        lookups: vec![entity("account", vec![field_use("name", Kind::Text)])],
        settings_schema: schema.into(),
        more: vec![],
    }
}

fn opportunity(referral_key: Option<String>) -> EntityUse {
    let fields = vec![
        field_use("name", Kind::Text),
        field_use("description", Kind::Text),
        field_use("estimatedvalue", Kind::Decimal),
        field_use("estimatedclosedate", Kind::Date),
        field_use("new_syncedon", Kind::Instant),
        field_use("new_help", Kind::Integer),
        field_use("new_products", Kind::Other("json".into())),
        field_use("parentaccountid", Kind::Reference("account".into())),
        field_use("new_audit", Kind::Text),
        FieldUse { writes: false, ..field_use("ownerid", Kind::Text) },
    ];
    EntityUse { referral_key, stamp: Some("new_stamp".into()), ..entity("opportunity", fields) }
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

fn problem(message: &str, help: &str) -> Problem {
    Problem { field: Some("ownerid".into()), message: message.into(), help: Some(help.into()), more: vec![] }
}

/// What a decent mapping would say.
fn good(referral: &crosswalk::mapping::referral::Referral, context: &Context) -> CrmDraft {
    let prefix = match settings::get("prefix") {
        Some(Value::Text(prefix)) => prefix,
        _ => String::new(),
    };
    let name = referral.name.clone().unwrap_or_default();
    let amount = referral.details.deal_value.clone().map_or(Value::Empty, Value::Decimal);
    CrmDraft {
        entity: "opportunity".into(),
        fields: vec![
            text("name", &format!("{prefix}{name}")),
            Field { name: "estimatedvalue".into(), value: amount },
            Field { name: "new_syncedon".into(), value: Value::Instant(context.now.clone()) },
        ],
        companions: vec![],
        more: vec![],
    }
}

fn looked_up(entity: &str, field: &str) -> CrmDraft {
    let said = match find(entity, field, "Fabrikam") {
        Ok(found) => found.iter().map(|found| found.key.id.clone()).collect::<Vec<_>>().join(" "),
        Err(lookup::Failure::NotDeclared(what)) => format!("not declared: {what}"),
        Err(lookup::Failure::Unavailable(why)) => format!("unavailable: {why}"),
        Err(lookup::Failure::Other(why)) => format!("other: {why}"),
    };
    CrmDraft {
        entity: "opportunity".into(),
        fields: vec![text("name", &said)],
        companions: vec![],
        more: vec![],
    }
}

fn find(entity: &str, field: &str, value: &str) -> Result<Vec<lookup::Found>, lookup::Failure> {
    lookup::find(entity, &[text(field, value)], 2)
}

fn spin<T>() -> T {
    let mut number = 0_u64;
    loop {
        number = std::hint::black_box(number.wrapping_add(1));
    }
}

fn eat_memory<T>() -> T {
    let mut eaten = Vec::new();
    loop {
        eaten.push(vec![1_u8; 1 << 20]);
        std::hint::black_box(&eaten);
    }
}

/// Calls itself without end, in a way that no compiler can turn into a loop.
#[expect(unconditional_recursion, reason = "that is the point")]
fn deeper(depth: u64) -> u64 {
    let room = std::hint::black_box([depth; 64]);
    deeper(depth + 1) + room[(depth % 64) as usize]
}

/// A reference to a record of any entity.
fn existing(entity: &str) -> Value {
    let key = RecordKey { entity: entity.into(), id: "1".into() };
    Value::Reference(crosswalk::mapping::values::Reference::Existing(key))
}
