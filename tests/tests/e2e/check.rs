//! `plugin check`, and the check before a deploy: what breaks a law is stopped, with the law and the smallest case.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use crosswalk::demo::{CONTOSO, CrmKind, text, until};
use crosswalk_tests::{Stage, Unlawful};
use serde_json::Value;

use crate::{PATIENCE, program};

/// Each of the four, the code of its law, and the field that shows it.
const FAULTS: [(Unlawful, &str, Option<&str>); 4] = [
    (Unlawful::Oscillates, "MAP073", Some("opportunity.description")),
    (Unlawful::FollowsTheClock, "MAP071", Some("opportunity.msft_referralprogram")),
    (Unlawful::Undeclared, "MAP072", None),
    (Unlawful::NoContact, "MAP070", None),
];

#[test]
fn each_of_the_four_unlawful_plugins_is_stopped_with_its_law_and_a_smallest_referral() {
    let folder = tempfile::tempdir().unwrap();
    for (plugin, code, field) in FAULTS {
        let component = stored(folder.path(), plugin);
        let checked = run(&["--json", "plugin", "check", component.to_str().unwrap()], folder.path());
        assert_eq!(checked.status.code(), Some(5), "{plugin:?}: {checked:?}");
        let report: Value = serde_json::from_slice(&checked.stdout).unwrap();
        let broken = report["laws"]["broken"].as_array().unwrap();
        let found = broken.iter().find(|finding| finding["code"] == code);
        let found = found.unwrap_or_else(|| panic!("{plugin:?} breaks no {code}, but {broken:#?}"));
        if let Some(field) = field {
            assert_eq!(found["field"], field, "{plugin:?}");
        }
        assert!(
            leaves(&found["example"]["referral"]) <= 3,
            "{plugin:?} could be shown by less than {found:#}"
        );
        assert!(found["example"]["record"].is_null(), "{plugin:?} needs no record: {found:#}");
        let complaint: Value = serde_json::from_slice(&checked.stderr).unwrap();
        assert!(text(&complaint, "/state").contains("nothing was stored"), "{complaint}");
    }
}

#[test]
fn a_finding_says_law_field_smallest_case_what_to_change_and_where_to_read() {
    let folder = tempfile::tempdir().unwrap();
    let component = stored(folder.path(), Unlawful::NoContact);
    let checked = run(&["plugin", "check", component.to_str().unwrap()], folder.path());
    assert_eq!(checked.status.code(), Some(5), "{checked:?}");
    let said = String::from_utf8_lossy(&checked.stdout).into_owned();
    for words in [
        "broken[MAP070]: total (L0), by to_crm",
        "no-contact/src/lib.rs:13",
        "change ",
        "host/errors/MAP070.md",
        "referral  {}",
    ] {
        assert!(said.contains(words), "`{words}` is missing in:\n{said}");
    }
    assert!(said.contains("most used   fuel "), "{said}");
}

#[test]
fn the_default_plugins_and_the_example_break_no_law() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for plugin in ["dynamics", "salesforce", "example"] {
        let options = crosswalk_builder::Options {
            target_dir: root.join("target/guests"),
            offline: false,
            quiet: true,
        };
        let component = crosswalk_builder::build(&root.join("plugins").join(plugin), &options).unwrap().path;
        let checked = run(&["--json", "plugin", "check", component.to_str().unwrap()], &root);
        assert!(checked.status.success(), "{plugin}: {}", String::from_utf8_lossy(&checked.stdout));
        let report: Value = serde_json::from_slice(&checked.stdout).unwrap();
        let answers = &report["laws"]["answers"];
        for function in ["to_crm", "to_referral", "resolve", "report"] {
            let held = answers[function]["held"].as_u64().unwrap();
            assert!(held > 50, "{plugin}: {held} answers of {function} prove little");
        }
        let memory = answers["worst"]["memory"].as_f64().unwrap();
        assert!(memory > 0.2 && memory < 0.9, "{plugin} uses {memory} of its memory");
    }
}

#[test]
fn referrals_of_ones_own_are_asked_about_too_and_a_file_that_cannot_be_used_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let component = stored(folder.path(), Unlawful::NoContact);
    let check = |file: &str, text: &str| {
        fs::write(folder.path().join(file), text).unwrap();
        run(
            &["--json", "plugin", "check", component.to_str().unwrap(), "--cases", "0", "--referrals", file],
            folder.path(),
        )
    };
    let own = r#"{ "name": "Solar park" }
        { "referral": { "name": "Wind park" }, "record": { "entity": "opportunity", "fields": { "name": "Wind park" } } }"#;
    let checked = check("deals.jsonl", own);
    let report: Value = serde_json::from_slice(&checked.stdout).unwrap();
    assert_eq!(report["laws"]["own_pairs"], 2);
    let wrong =
        check("wrong.json", r#"[{ "name": "a" }, { "referral": {}, "record": { "entity": "deal" } }]"#);
    assert_eq!(wrong.status.code(), Some(3), "{wrong:?}");
    let said = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(
        said.contains("wrong.json") && said.contains("pair 2") && said.contains("`opportunity`"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_breaks_a_law_is_not_deployed_and_a_tenants_own_pairs_are_asked_about_in_confidence() {
    let stage = Stage::start(program(), CrmKind::Dynamics).await.unwrap();
    let token = stage.folder().join("state/admin.token");
    let host = stage.admin_url();
    let admin = |words: &[&str]| {
        let with_host = [words, &["--host", &host, "--token-file", token.to_str().unwrap()]].concat();
        run(&with_host, stage.folder())
    };
    let before = admin(&["--json", "plugin", "list", "--tenant", CONTOSO]);
    for (plugin, code, _) in FAULTS {
        let component = stored(stage.folder(), plugin);
        let deployed = admin(&["plugin", "deploy", component.to_str().unwrap(), "--tenant", CONTOSO]);
        assert_eq!(deployed.status.code(), Some(5), "{plugin:?}: {deployed:?}");
        let said = String::from_utf8_lossy(&deployed.stderr).into_owned();
        assert!(said.contains(code) && said.contains("referral  {"), "{said}");
        assert!(said.contains("nothing was stored") && said.contains("--unchecked"), "{said}");
        let after = admin(&["--json", "plugin", "list", "--tenant", CONTOSO]);
        assert_eq!(after.stdout, before.stdout, "{plugin:?} left something behind");
    }

    let scene = &stage.scene;
    let referral = scene.microsoft_shares_the_sample().await.unwrap();
    let id = text(&referral, "/id");
    until("the deal arrives", PATIENCE, || scene.seller.finds(&id)).await.unwrap();
    scene.settled(PATIENCE).await.unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let lawful = root.join("target/guests/components/crosswalk_dynamics.wasm");
    let checked = admin(&["--json", "plugin", "check", lawful.to_str().unwrap(), "--tenant", CONTOSO]);
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    let said = String::from_utf8_lossy(&checked.stdout).into_owned();
    let report: Value = serde_json::from_str(&said).unwrap();
    assert!(report["laws"]["own_pairs"].as_u64().unwrap() > 0, "{said}");
    assert!(!said.contains(&id), "nothing of the tenant's leaves: {said}");

    let component = stored(stage.folder(), Unlawful::Undeclared);
    let forced =
        admin(&["plugin", "deploy", component.to_str().unwrap(), "--tenant", CONTOSO, "--unchecked"]);
    assert!(forced.status.success(), "{}", String::from_utf8_lossy(&forced.stderr));
}

/// The component as a file.
fn stored(folder: &Path, plugin: Unlawful) -> PathBuf {
    let file = folder.join(format!("{}.wasm", plugin.name()));
    fs::write(&file, plugin.component().unwrap()).unwrap();
    file
}

/// How many values a document has.
fn leaves(json: &Value) -> usize {
    match json {
        Value::Object(members) => members.values().map(leaves).sum(),
        Value::Array(items) => items.iter().map(leaves).sum(),
        Value::Null => 0,
        _ => 1,
    }
}

fn run(args: &[&str], folder: &Path) -> Output {
    Command::new(program()).args(args).current_dir(folder).output().unwrap()
}
