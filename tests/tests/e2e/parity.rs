//! A mapping says the same natively and in the sandbox. A partner tests natively, through
//! `crosswalk_sdk::testing`; the host converts on its own. Wherever the two differ, a partner's tests lie.
#![expect(clippy::unwrap_used, reason = "helpers of tests, outside of a test function")]

use std::{
    path::{Path, PathBuf},
    sync::LazyLock,
};

use crosswalk_engine::{
    mapping::{Companion, CrmDraft, Disposition, Mapper, Outcome, Record, Refusal, Related},
    referral::Referral,
    value::{Fields, RecordKey, Reference, Value},
};
use crosswalk_runtime::{Code, Limits, PassContext, PassMapper, Plugin, Runtime};
use crosswalk_sdk::{
    contract::{self, CrmOutcome, CrmRecord, NamedValue, ReferralOutcome},
    testing::{self, documented_referral, json, random_record, random_referral},
};
use serde_json::Value as Json;

/// Referrals and records are made of the seeds below this one.
const SEEDS: u64 = 200;

/// Characters of a sentence that are compared. The host cuts what a plugin says after some 2,000 bytes.
const SENTENCE_CHARACTERS: usize = 500;

/// With these, the default mapping makes new referrals, and reads an opportunity's owner.
static SETTINGS: LazyLock<Json> =
    LazyLock::new(|| json!({ "customers_consent": true, "owner_field": "owninguser", "name_length": 100 }));

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Runtime::new(Limits { concurrent_calls_max: 4, ..Limits::default() }).unwrap());

static DYNAMICS: LazyLock<Plugin> = LazyLock::new(|| load("plugins/dynamics", &SETTINGS));

#[test]
fn a_plugin_is_given_the_whole_referral_that_its_native_test_is_given() {
    let echo = load("tests/guests/echo", &Json::Null);
    for referral in referrals().into_iter().chain(odd_referrals()) {
        let held = mapper(&echo).to_crm(&Referral(referral.clone()), None).unwrap();
        let Outcome::Hold(draft) = held else { panic!("the echo skips {referral}") };
        let Some(Value::Text(in_sandbox)) = draft.fields.get("description") else {
            panic!("no echo of {referral}")
        };
        let natively = format!("{:#?}", testing::referral(referral.clone()));
        if let Some((native, sandbox)) =
            natively.lines().zip(in_sandbox.lines()).find(|(one, other)| one != other)
        {
            panic!("natively:\n{native}\nin the sandbox:\n{sandbox}\nof {referral:#}");
        }
        assert_eq!(natively.len(), in_sandbox.len(), "one of them says more of {referral}");
    }
}

#[test]
fn a_draft_for_the_crm_is_the_same_natively_and_in_the_sandbox() {
    let _settings = testing::settings(SETTINGS.clone());
    let native = crosswalk_dynamics::mapping::plugin();
    let (mut held, mut kinds) = (0, std::collections::BTreeSet::new());
    for (seed, referral) in (0..).zip(referrals()) {
        for linked in [None, Some(record(seed)), written(&referral)] {
            let answer = (native.to_crm)(&testing::referral(referral.clone()), linked.as_ref(), &context());
            let natively = answer.map(crm_outcome).map_err(refusal);
            let engine_record = linked.as_ref().map(engine_record);
            let in_sandbox = mapper(&DYNAMICS).to_crm(&Referral(referral.clone()), engine_record.as_ref());
            let in_sandbox = in_sandbox.map_err(comparable);
            held += usize::from(matches!(in_sandbox, Ok(Outcome::Hold(_))));
            if let Ok(Outcome::Hold(draft)) = &in_sandbox {
                kinds.extend(
                    draft.fields.values().map(std::mem::discriminant).map(|kind| format!("{kind:?}")),
                );
            }
            assert_eq!(natively, in_sandbox, "of {referral:#}\nand {linked:#?}");
        }
    }
    assert!(
        held > 200 && kinds.len() >= 5,
        "{held} drafts with {} kinds of values prove little",
        kinds.len()
    );
}

#[test]
fn a_draft_for_partner_center_is_the_same_natively_and_in_the_sandbox() {
    let _settings = testing::settings(SETTINGS.clone());
    let native = crosswalk_dynamics::mapping::plugin();
    let (mut changed, mut created, mut refused) = (0, 0, 0);
    for (seed, referral) in (0..).zip(referrals()) {
        for linked in [Some(record(seed)), written(&referral), ready(seed)].into_iter().flatten() {
            for known in [None, Some(&referral)] {
                let typed = known.cloned().map(testing::referral);
                let answer = (native.to_referral)(&linked, typed.as_ref(), &context());
                let natively = answer.map(referral_outcome).map_err(refusal);
                let known = known.cloned().map(Referral);
                let in_sandbox = mapper(&DYNAMICS).to_referral(&engine_record(&linked), known.as_ref());
                let in_sandbox = in_sandbox.map_err(comparable);
                match (&in_sandbox, &known) {
                    (Ok(Outcome::Hold(_)), Some(_)) => changed += 1,
                    (Ok(Outcome::Hold(_)), None) => created += 1,
                    (Ok(Outcome::Skip(_)), _) => {}
                    (Err(_), _) => refused += 1,
                }
                assert_eq!(natively, in_sandbox, "of {known:#?}\nand {linked:#?}");
            }
        }
    }
    assert!(
        changed > 100 && created > 50 && refused > 50,
        "{changed} changed, {created} created, {refused} refused: these prove little"
    );
}

#[test]
fn what_a_column_must_be_like_reaches_the_host() {
    let manifest = DYNAMICS.manifest();
    let opportunity = manifest.primary("opportunity").unwrap();
    let rows = opportunity.field("solutions").and_then(|field| field.rows.as_ref()).unwrap();
    assert_eq!(
        (rows.entity.as_str(), rows.column.as_str()),
        ("msft_microsoftsolution", "msft_solutionidentifier")
    );
    let help = opportunity.field("msft_howcanmicrosofthelp").unwrap();
    assert_eq!((help.label.as_deref(), help.choices.len()), (Some("How can Microsoft help?"), 6));
    let lead = manifest.primary("lead").unwrap();
    assert_eq!(lead.field("msft_audit").and_then(|field| field.length), Some(2000));
    assert!(manifest.entities.iter().filter(|used| used.entity == "transactioncurrency").count() == 1);
}

/// A partner's test compares as the engine does, or it finds faults that are none, or misses some.
#[test]
fn the_laws_compare_values_as_the_engine_does() {
    use crosswalk_laws::model::{Key, Value as Plain};
    let text = |text: &str| (Value::Text(text.to_owned()), Plain::Text(text.to_owned()));
    let decimal = |digits: &str| (Value::Decimal(digits.parse().unwrap()), Plain::Decimal(digits.to_owned()));
    let texts = |all: &[&str]| {
        let all: Vec<String> = all.iter().map(|text| (*text).to_owned()).collect();
        (Value::Texts(all.clone()), Plain::Texts(all))
    };
    let whole = |json: Json| (Value::Json(json.clone()), Plain::Json(json));
    let existing = |id: &str| {
        let (entity, id) = ("account".to_owned(), id.to_owned());
        let key = RecordKey { entity: entity.clone(), id: id.clone() };
        (Value::Reference(Reference::Existing(key)), Plain::Existing(Key { entity, id }))
    };
    let moment = |text: &str| (Value::Instant(text.parse().unwrap()), Plain::Instant(text.to_owned()));
    let day = |text: &str| (Value::Date(text.parse().unwrap()), Plain::Date(text.to_owned()));
    let values = [
        (Value::Empty, Plain::Empty),
        (Value::Flag(true), Plain::Flag(true)),
        (Value::Integer(12), Plain::Integer(12)),
        text(""),
        text("  "),
        text("a"),
        text("a \r\nb  "),
        text("a\nb"),
        text("12.005"),
        text("2026-01-31"),
        text("{8151925C-0000-0000-0000-00000000AB01}"),
        text("8151925c-0000-0000-0000-00000000ab01"),
        decimal("12"),
        decimal("12.0000"),
        decimal("12.005"),
        decimal("12.01"),
        decimal("12.4"),
        moment("2026-01-31T00:00:00Z"),
        moment("2026-01-31T23:59:59.4Z"),
        moment("2026-01-31T23:59:59Z"),
        day("2026-01-31"),
        day("2026-02-01"),
        texts(&[]),
        texts(&["a", "b"]),
        texts(&["b", "a"]),
        existing("8151925C-0000-0000-0000-00000000AB01"),
        existing("0015g00000XyZab"),
        existing("0015g00000XyZabAAB"),
        whole(json!(null)),
        whole(json!([])),
        whole(json!("a")),
        whole(json!(12.00)),
        whole(json!(["a", "b"])),
        whole(json!({ "a": null })),
        whole(json!({ "a": 1.0, "b": [] })),
        whole(json!({ "a": 1 })),
    ];
    let mut same = 0;
    for currency in ["USD", "JPY", "BHD", "CLF"] {
        let document = json!({ "details": { "currency": currency } });
        let engine = crosswalk_engine::canon::Canon::of(&Referral(document.clone()));
        let laws = crosswalk_laws::Canon::of(&document);
        for (one, plain) in &values {
            for (other, other_plain) in &values {
                let judged = engine.same(one, other);
                same += usize::from(judged && one != other);
                assert_eq!(judged, laws.same(plain, other_plain), "{one:?} and {other:?} in {currency}");
            }
        }
    }
    assert!(same > 100, "{same} different forms that are the same prove little");
}

/// The guide tells partners what a call of the default mapping costs; far more would make it wrong.
#[test]
fn a_call_of_the_default_mapping_burns_little_of_what_it_may() {
    let mut mapper = mapper(&DYNAMICS);
    let record = engine_record(&ready(7).unwrap());
    let referral = Referral(documented_referral());
    mapper.to_crm(&referral, Some(&record)).unwrap();
    mapper.to_referral(&record, Some(&referral)).unwrap();
    let usage = mapper.finish();
    assert!(usage.fuel / u64::from(usage.calls) < 1_000_000, "{usage:?}");
}

/// The documented referral, an empty one, and odd but legal ones.
fn referrals() -> Vec<Json> {
    [documented_referral(), json!({})].into_iter().chain((0..SEEDS).map(random_referral)).collect()
}

/// JSON that Partner Center does not send today, or not to everybody: other types, other shapes, unknown members.
fn odd_referrals() -> Vec<Json> {
    let members = [
        ("name", json!("two\r\nlines\rand a third")),
        ("name", json!(7)),
        ("name", json!(true)),
        ("name", json!({ "text": "x" })),
        ("id", json!("")),
        ("createdDateTime", json!("2026-01-31T10:00:00")),
        ("createdDateTime", json!("2026-01-31T10:00:00+02:00")),
        ("createdDateTime", json!("2026-01-31T10:00:00.1230000Z")),
        ("createdDateTime", json!("yesterday")),
        ("favorite", json!("True")),
        ("favorite", json!("perhaps")),
        ("favorite", json!(1)),
        ("status", json!("Dormant")),
        ("status", json!(null)),
        ("direction", json!("Sideways")),
        ("tags", json!([{ "tag": "a", "colour": "red" }, "b", "", 3, null, {}, { "tag": "" }])),
        ("tags", json!("a")),
        ("team", json!([{ "firstName": "Kim", "age": 7 }, "Lee", null])),
        ("team", json!({ "firstName": "Kim" })),
        ("target", json!([{ "type": "SolutionProfile", "id": 7, "weight": 1.50 }, "msft", []])),
        (
            "customerProfile",
            json!({ "ids": [{ "profileType": "Duns", "id": "1", "since": 2020 }, 5], "size": 10 }),
        ),
        ("customerProfile", json!({ "address": "One Microsoft Way", "team": [{ "email": 1 }] })),
        ("customerProfile", json!("Contoso")),
        (
            "consent",
            json!({ "consentToContact": "true", "consentToToShareInfoWithOthers": "no", "more": [] }),
        ),
        (
            "details",
            json!({ "dealValue": 1e5, "requirements": { "industries": ["a", { "id": 7 }], "odd": { "b": 1 } } }),
        ),
        ("details", json!({ "dealValue": "1 000", "currency": 5, "requirements": [] })),
        ("details", json!({ "dealValue": " 12.50 ", "closingDateTime": "2026-01-31" })),
        ("details", json!({ "dealValue": "123456789012345678901234567890123", "zebra": 1, "ant": 2 })),
        (
            "details",
            json!({ "requirements": { "solutions": [{ "id": 5, "type": null }, {}, "SOL-1"], "ant": 1 }, "bee": 2 }),
        ),
        (
            "inviteContext",
            json!({ "invitedBy": { "organizationId": "msft", "ant": 1 }, "assistanceRequestCode": "New" }),
        ),
        ("inviteContext", json!({ "invitedBy": "msft", "zebra": [1, "a"] })),
        ("inviteContext", json!({})),
        ("trackingInfo", json!({ "microsoftMsxId": 12, "other": ["a", "b\r\n"] })),
        ("a/b~c", json!({ "d": [1.50, 2, 9_999_999_999_i64] })),
        ("unknown", json!([])),
        ("unknown", json!(1e300)),
        ("unknown", json!("line\r\nends")),
        ("unknown", json!(-2_147_483_649_i64)),
    ];
    let laid_over = members.into_iter().map(|(name, value)| {
        let mut whole = documented_referral();
        whole[name] = value;
        whole
    });
    laid_over.chain([json!(null), json!([]), json!("a referral"), json!({ "": 1 })]).collect()
}

/// An odd but legal opportunity, or lead.
fn record(seed: u64) -> CrmRecord {
    let manifest = (crosswalk_dynamics::mapping::plugin().describe)();
    let linked: Vec<_> = manifest.entities.iter().filter(|entity| entity.via.is_none()).collect();
    let at = usize::try_from(seed).unwrap() % linked.len();
    random_record(linked[at], &manifest.entities, seed)
}

/// The record that a referral has become, if it becomes one.
fn written(referral: &Json) -> Option<CrmRecord> {
    let native = crosswalk_dynamics::mapping::plugin();
    let outcome = (native.to_crm)(&testing::referral(referral.clone()), None, &context()).ok()?;
    testing::draft(outcome).map(|draft| testing::written(None, &draft))
}

/// An opportunity that is almost or wholly ready to be sent: the documented one, with something else missing each time.
fn ready(seed: u64) -> Option<CrmRecord> {
    let mut record = written(&documented_referral())?;
    let mut put = |name: &str, value: contract::Value| match record
        .fields
        .iter_mut()
        .find(|field| field.name == name)
    {
        Some(field) => field.value = value,
        None => record.fields.push(NamedValue { name: name.to_owned(), value }),
    };
    let solutions = ["SOL-15974-MQF", "SOL-34104-EBB"].map(str::to_owned);
    put("solutions", contract::Value::Texts(solutions.into()));
    match seed % 8 {
        0 => put("solutions", contract::Value::Empty),
        1 => put("estimatedvalue", contract::Value::Decimal("1234.5679".to_owned())),
        2 => put("name", contract::Value::Text("✔ ".to_owned())),
        3 => put("parentaccountid", contract::Value::Empty),
        4 => put("msft_howcanmicrosofthelp", contract::Value::Integer(100_000_002)),
        5 => put("description", contract::Value::Text("two\nlines".to_owned())),
        _ => {}
    }
    Some(record)
}

/// Built once a run, or not at all where the host's build has just done it.
fn load(crate_dir: &str, settings: &Json) -> Plugin {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let target_dir: PathBuf = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../guests");
    let options = crosswalk_builder::Options { target_dir, offline: false, quiet: true };
    let built = crosswalk_builder::build(&root.join(crate_dir), &options).unwrap();
    RUNTIME.load(&built.bytes, settings).unwrap()
}

fn mapper(plugin: &Plugin) -> PassMapper {
    let context = context();
    plugin.mapper(PassContext { tenant: context.tenant, now: context.now.parse().unwrap(), lookups: None })
}

fn context() -> contract::Context {
    testing::contract_context()
}

fn crm_outcome(outcome: CrmOutcome) -> Outcome<CrmDraft> {
    let draft = match outcome {
        CrmOutcome::Skip(reason) => return Outcome::Skip(reason),
        CrmOutcome::Hold(draft) => draft,
    };
    let companions = draft.companions.iter().map(|companion| Companion {
        alias: companion.alias.clone(),
        entity: companion.entity.clone(),
        matching: fields(&companion.match_),
        fields: fields(&companion.fields),
    });
    Outcome::Hold(CrmDraft {
        entity: draft.entity.clone(),
        fields: fields(&draft.fields),
        companions: companions.collect(),
    })
}

fn referral_outcome(outcome: ReferralOutcome) -> Outcome<Fields> {
    match outcome {
        ReferralOutcome::Skip(reason) => Outcome::Skip(reason),
        ReferralOutcome::Hold(draft) => Outcome::Hold(fields(&draft.fields)),
    }
}

fn refusal(refusal: contract::Refusal) -> Refusal {
    let (code, disposition, problem) = match refusal {
        contract::Refusal::Reject(problem) => (Code::Rejected, Disposition::Reject, problem),
        contract::Refusal::Retry(problem) => (Code::RetryAsked, Disposition::Retry, problem),
    };
    comparable(Refusal {
        code: code.as_str().to_owned(),
        disposition,
        field: problem.field,
        message: problem.message,
        help: problem.help,
    })
}

fn comparable(refusal: Refusal) -> Refusal {
    Refusal { message: refusal.message.chars().take(SENTENCE_CHARACTERS).collect(), ..refusal }
}

fn engine_record(record: &CrmRecord) -> Record {
    let related = record.related.iter().map(|related| Related {
        via: related.via.clone(),
        key: key(&related.key),
        fields: fields(&related.fields),
    });
    Record { key: key(&record.key), fields: fields(&record.fields), related: related.collect() }
}

fn key(key: &contract::RecordKey) -> RecordKey {
    RecordKey { entity: key.entity.clone(), id: key.id.clone() }
}

fn fields(fields: &[NamedValue]) -> Fields {
    fields.iter().map(|field| (field.name.clone(), value(&field.value))).collect()
}

/// As the host reads a plugin's values; what it would not take must not come up.
fn value(value: &contract::Value) -> Value {
    match value {
        contract::Value::Empty => Value::Empty,
        contract::Value::Text(text) if text.is_empty() => Value::Empty,
        contract::Value::Text(text) => Value::Text(text.clone()),
        contract::Value::Flag(flag) => Value::Flag(*flag),
        contract::Value::Integer(integer) => Value::Integer(*integer),
        contract::Value::Decimal(text) => Value::Decimal(text.parse().unwrap()),
        contract::Value::Date(text) => Value::Date(text.parse().unwrap()),
        contract::Value::Instant(text) => Value::Instant(text.parse().unwrap()),
        contract::Value::Texts(texts) => Value::Texts(texts.clone()),
        contract::Value::Reference(contract::Reference::Existing(existing)) => {
            Value::Reference(Reference::Existing(key(existing)))
        }
        contract::Value::Reference(contract::Reference::Companion(alias)) => {
            Value::Reference(Reference::Companion(alias.clone()))
        }
        contract::Value::Other(text) => Value::Json(serde_json::from_str(text).unwrap()),
    }
}
