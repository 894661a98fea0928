//! Plugins in other languages, made by their own tools, in the real sandbox and in a tenant.
//!
//! `tests/guests/javascript` and `tests/guests/python` are the same small mapping. Where a tool to build one is missing
//! the test says so and is not run, except in CI, where that is a failure.

use std::{fs, path::Path, process::Command, sync::LazyLock};

use crosswalk::demo::{CONTOSO, CrmKind};
use crosswalk_engine::{
    mapping::{Conflict, CrmDraft, Mapper, Outcome, Record, Report, Resolution},
    referral::Referral,
    value::{RecordKey, Value},
};
use crosswalk_runtime::{Code, Limits, PassContext, PassMapper, Plugin, Runtime};
use crosswalk_tests::Stage;
use serde_json::{Value as Json, json};

use crate::{
    PATIENCE, is_there, program,
    tools::{copied, npm_ci, pip_install, run},
};

/// The contract that they are built against.
const WIT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../wit");

static JAVASCRIPT: LazyLock<Option<Vec<u8>>> = LazyLock::new(|| {
    (is_there("npm", "--version") && is_there("node", "--version")).then(|| {
        let folder = copied("guests/javascript");
        npm_ci(&folder);
        run(Command::new("node").args(["build.mjs", WIT, "component.wasm"]).current_dir(&folder));
        fs::read(folder.join("component.wasm")).unwrap()
    })
});

static PYTHON: LazyLock<Option<Vec<u8>>> = LazyLock::new(|| {
    is_there("python3", "--version").then(|| {
        let folder = copied("guests/python");
        let programs = pip_install(&folder);
        run(Command::new(programs.join("componentize-py"))
            .args(["--quiet", "--wit-path", WIT, "--world", "mapper", "componentize", "--stub-wasi"])
            .args(["--python-path", ".", "mapping", "--output", "component.wasm"])
            .current_dir(&folder));
        fs::read(folder.join("component.wasm")).unwrap()
    })
});

/// A host whose operator allows two calls of large plugins at the same time.
fn with_room() -> Runtime {
    Runtime::new(Limits { large_concurrent_calls_max: 2, ..Limits::for_testing() }).unwrap()
}

#[test]
fn a_plugin_in_javascript_answers_all_questions() {
    if let Some(component) = &*JAVASCRIPT {
        answers_all_questions("javascript", component);
    }
}

#[test]
fn a_plugin_in_python_answers_all_questions() {
    if let Some(component) = &*PYTHON {
        answers_all_questions("python", component);
    }
}

#[test]
fn a_plugin_with_an_interpreter_is_refused_until_the_operator_makes_room() {
    let host = Runtime::new(Limits::for_testing()).unwrap();
    let refused = |component: &[u8]| host.load(component, &Json::Null).unwrap_err();
    if let Some(component) = &*JAVASCRIPT {
        let error = refused(component);
        assert_eq!(error.code, Code::ResourcesBeyondLimits);
        assert!(error.message.contains("which exceeds the configured maximum"), "{}", error.message);
        assert!(error.help.contains("`large_concurrent_calls_max` in `[limits]`"), "{}", error.help);
    }
    if let Some(component) = &*PYTHON {
        let error = refused(component);
        assert_eq!(error.code, Code::ResourcesBeyondLimits);
        let file = format!("a file of {} bytes, of at most 8388608", component.len());
        assert!(error.message.contains(&file), "{}", error.message);
        assert!(error.help.contains("`large_concurrent_calls_max` in `[limits]`"), "{}", error.help);
    }
}

#[test]
fn a_small_plugin_stays_small_where_large_ones_are_allowed() {
    let frozen = Path::new(env!("CARGO_MANIFEST_DIR")).join("guests/frozen/frozen-1.0.0.wasm");
    // Large plugins have no room here, so it can only have been taken for a small one.
    let limits = Limits { large_concurrent_calls_max: 1, large_memory_bytes_max: 1, ..Limits::for_testing() };
    Runtime::new(limits).unwrap().load(&fs::read(frozen).unwrap(), &Json::Null).unwrap();
}

#[test]
fn compiled_code_of_a_large_plugin_is_kept_too() {
    let Some(component) = &*JAVASCRIPT else { return };
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits { large_concurrent_calls_max: 1, ..Limits::for_testing() };
    let draft = || {
        let host = Runtime::with_cache(limits.clone(), folder.path()).unwrap();
        to_crm(&host.load(component, &Json::Null).unwrap())
    };
    assert_eq!(draft(), draft());
    let kept = fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name());
    assert_eq!(kept.filter(|name| name.to_string_lossy().ends_with(".cwasm")).count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_runs_on_a_plugin_in_javascript() {
    let Some(component) = &*JAVASCRIPT else { return };
    let keys = [("large_concurrent_calls_max", "2")];
    let stage = Stage::start_configured(program(), CrmKind::Dynamics, &keys).await.unwrap();
    stage.scene.notifications(false).await.unwrap();
    let mut document = stage.scene.tenant_document();
    document["settings"] = json!({ "prefix": "JS: " });
    let admin = crate::isolation::Admin::new(&stage);
    admin.replace_plugin(CONTOSO, &document, component).await;
    stage.scene.notifications(true).await.unwrap();

    let deal = stage.scene.microsoft_shares_the_sample().await.unwrap();
    let (id, name) = (deal["id"].as_str().unwrap(), deal["name"].as_str().unwrap());
    stage.scene.settled(PATIENCE).await.unwrap();
    let card = stage.scene.seller.finds(id).await.unwrap().expect("the deal has an opportunity");
    assert_eq!(card.name, format!("JS: {name}"));
    let parked = stage.scene.events("parked").await.unwrap();
    assert!(parked.is_empty(), "{parked:?}");
}

fn answers_all_questions(name: &str, component: &[u8]) {
    let host = with_room();
    let plugin = host.load(component, &json!({ "prefix": "Deal: " })).unwrap();
    assert_eq!(plugin.manifest().name, name);
    assert_eq!(plugin.manifest().primary("opportunity").unwrap().fields.len(), 5);

    let draft = to_crm(&plugin);
    assert_eq!(draft.fields["name"], Value::Text("Deal: Fabrikam fabric ½".into()));
    assert_eq!(draft.fields["estimatedvalue"], Value::Decimal("50000.50".parse().unwrap()));
    assert_eq!(draft.fields["estimatedclosedate"], Value::Date("2026-03-31".parse().unwrap()));
    assert_eq!(draft.fields["description"], Value::Empty);

    let mut asked = mapper(&plugin);
    let back = held(asked.to_referral(&record(), Some(&referral())).unwrap()).unwrap();
    assert_eq!(back["/details/dealValue"], Value::Decimal("7".parse().unwrap()));
    assert_eq!(back["/details/closingDateTime"], Value::Instant("2026-05-01T00:00:00Z".parse().unwrap()));
    assert_eq!(back["/details/notes"], Value::Empty);
    let skipped = asked.to_referral(&record(), None).unwrap();
    assert!(matches!(skipped, Outcome::Skip(_)), "{skipped:?}");
    let resolved = asked.resolve(&[conflict("estimatedvalue"), conflict("name")]).unwrap();
    assert_eq!(resolved, [Resolution::Crm, Resolution::Park("both sides changed it".into())]);
    let report = Report { failed: None, message: "All is well.".into() };
    let shown = asked.report(&record(), &report).unwrap();
    assert_eq!(shown["msft_audit"], Value::Text("All is well.".into()));

    let refusal = asked.to_crm(&Referral(json!({ "details": {} })), None).unwrap_err();
    assert_eq!((refusal.code.as_str(), refusal.field.as_deref()), ("MAP001", Some("/name")));
    assert_eq!(refusal.message, "the deal has no name");
    assert_eq!(asked.finish().log.len(), 0, "only a mapped deal is logged");
    asks_alike(&plugin);
}

/// Same input, same answer, same fuel: what an interpreter knew of chance and time was frozen when it was built.
fn asks_alike(plugin: &Plugin) {
    let asked = || {
        let mut mapper = mapper(plugin);
        let answer = mapper.to_crm(&referral(), None);
        (answer, mapper.finish())
    };
    let ((first, first_use), (second, second_use)) = (asked(), asked());
    assert_eq!(first, second);
    assert_eq!((first_use.fuel, &first_use.log), (second_use.fuel, &second_use.log));
    assert_eq!(first_use.log[0].message, "mapping Fabrikam fabric ½ for contoso");
}

fn to_crm(plugin: &Plugin) -> CrmDraft {
    held(mapper(plugin).to_crm(&referral(), None).unwrap()).unwrap()
}

/// The draft, if the plugin does not skip.
fn held<T>(outcome: Outcome<T>) -> Option<T> {
    match outcome {
        Outcome::Hold(draft) => Some(draft),
        Outcome::Skip(_) => None,
    }
}

fn mapper(plugin: &Plugin) -> PassMapper {
    let now = "2026-01-31T10:00:00Z".parse().unwrap();
    plugin.mapper(PassContext { tenant: "contoso".to_owned(), now, lookups: None })
}

fn referral() -> Referral {
    Referral(json!({
        "id": "4b0c", "name": "Fabrikam fabric ½", "status": "Active", "substatus": "Accepted",
        "details": { "dealValue": 50000.50, "currency": "USD", "closingDateTime": "2026-03-31T00:00:00Z" },
        "customerProfile": { "name": "Fabrikam", "team": [{ "firstName": "Ada" }] },
    }))
}

fn record() -> Record {
    let fields = [
        ("name".to_owned(), Value::Text("Deal: Fabrikam fabric".to_owned())),
        ("estimatedvalue".to_owned(), Value::Decimal("7".parse().unwrap())),
        ("estimatedclosedate".to_owned(), Value::Date("2026-05-01".parse().unwrap())),
    ];
    let key = RecordKey { entity: "opportunity".to_owned(), id: "1".to_owned() };
    Record { key, fields: fields.into(), related: Vec::new() }
}

fn conflict(field: &str) -> Conflict {
    Conflict {
        field: field.to_owned(),
        base: None,
        partner_center: Value::Empty,
        crm: Value::Text("theirs".to_owned()),
        partner_center_changed: None,
        crm_changed: None,
    }
}
