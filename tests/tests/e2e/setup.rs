//! Set-up in one command each: who gets the webhooks, and what the CRM must have.

use crosswalk::demo::{CONTOSO, CrmKind, text};
use crosswalk_tests::Stage;
use serde_json::{Value, json};

use crate::{
    portfolio::{crosswalk_for_tenant, lines},
    program,
};

/// Another product of the same partner, whose address is a secret.
const OTHERS: &str = "https://flows.example/trigger?code=s3cret";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_that_belongs_to_another_product_is_taken_only_when_that_is_asked_for() {
    let stage = Stage::start(program(), CrmKind::Dynamics).await.unwrap();
    registers(&stage, OTHERS).await;
    let refused = crosswalk_for_tenant(&stage, &["webhook", "register"]);
    assert_eq!(refused.status.code(), Some(5), "{refused:?}");
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("https://flows.example/trigger") && said.contains("--overwrite"), "{said}");
    assert!(!said.contains("s3cret"), "a secret of another product was shown: {said}");
    assert_eq!(registered(&stage).await, OTHERS);

    let taken = crosswalk_for_tenant(&stage, &["webhook", "register", "--overwrite", "--json"]);
    assert!(taken.status.success(), "{taken:?}");
    let taken = lines(&taken).remove(0);
    assert_eq!(taken["ours"], json!(true), "{taken}");
    assert!(text(&taken, "/evicted").starts_with("https://flows.example/trigger"), "{taken}");
    let ours = format!("http://{}/hooks/{CONTOSO}/partner-center", stage.public_address());
    assert_eq!(registered(&stage).await, ours);
    // Who has it already takes it from nobody.
    let again = crosswalk_for_tenant(&stage, &["webhook", "register"]);
    assert!(again.status.success(), "{again:?}");
    let shown = lines(&crosswalk_for_tenant(&stage, &["webhook", "show", "--json"])).remove(0);
    assert_eq!((text(&shown, "/registered"), &shown["ours"]), (ours, &json!(true)), "{shown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_test_event_reports_each_delivery_and_says_whether_it_arrived() {
    let stage = Stage::start(program(), CrmKind::Dynamics).await.unwrap();
    assert!(crosswalk_for_tenant(&stage, &["webhook", "register"]).status.success());
    let tested = crosswalk_for_tenant(&stage, &["webhook", "test", "--json"]);
    assert!(tested.status.success(), "{tested:?}\n{}", stage.log_end());
    assert_eq!(text(&lines(&tested)[0], "/code"), "OK", "{tested:?}");

    // What is signed by nobody that is trusted is refused here, and that shows in the report.
    stage.scene.switch_notifications(json!({ "wrongSignature": 100 })).await.unwrap();
    let tested = crosswalk_for_tenant(&stage, &["webhook", "test", "--wait", "5", "--json"]);
    assert_eq!(tested.status.code(), Some(1), "{tested:?}");
    assert!(lines(&tested).iter().all(|delivery| text(delivery, "/code") != "OK"), "{tested:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_that_is_polling_only_never_registers() {
    let stage = Stage::start(program(), CrmKind::Dynamics).await.unwrap();
    registers(&stage, OTHERS).await;
    let mut document = stage.scene.tenant_document();
    document["sync"] = json!({ "polling_only": true });
    let file = stage.folder().join("contoso.toml");
    std::fs::write(&file, toml_of(&document)).unwrap();
    let applied = crate::portfolio::crosswalk(&stage, &["tenant", "apply", "-f", file.to_str().unwrap()]);
    assert!(applied.status.success(), "{applied:?}");
    for register in [&["webhook", "register"][..], &["webhook", "register", "--overwrite"]] {
        let refused = crosswalk_for_tenant(&stage, register);
        assert_eq!(refused.status.code(), Some(5), "{refused:?}");
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(said.contains("polling only") && said.contains("nothing was registered"), "{said}");
    }
    assert_eq!(registered(&stage).await, OTHERS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_crm_must_have_is_shown_made_and_found_again() {
    let stage = Stage::start(program(), CrmKind::Dynamics).await.unwrap();
    let states = |args: &[&str]| {
        let ran = crosswalk_for_tenant(&stage, args);
        assert!(ran.status.success(), "{ran:?}\n{}", stage.log_end());
        let steps = lines(&ran);
        assert!(!steps.is_empty(), "no step is named");
        steps.into_iter().map(|step| (text(&step, "/what"), step["state"].to_string())).collect::<Vec<_>>()
    };
    let dry = states(&["crm", "provision", "--dry-run", "--json"]);
    assert!(dry.iter().all(|(_, state)| state != "\"made\""), "a dry run made something: {dry:?}");
    states(&["crm", "provision", "--json"]);
    let again = states(&["crm", "provision", "--json"]);
    assert!(again.iter().all(|(_, state)| state != "\"made\"" && state != "\"missing\""), "{again:?}");
}

async fn registers(stage: &Stage, url: &str) {
    let body = json!({ "WebhookUrl": url, "WebhookEvents": ["referral-created", "invoice-ready"] });
    let put = reqwest::Client::new()
        .put(format!("{}/webhooks/v1/registration", stage.scene.center().url()))
        .bearer_auth("sandbox")
        .json(&body);
    assert!(put.send().await.unwrap().status().is_success());
}

async fn registered(stage: &Stage) -> String {
    let get = reqwest::Client::new()
        .get(format!("{}/webhooks/v1/registration", stage.scene.center().url()))
        .bearer_auth("sandbox");
    let shown: Value = serde_json::from_slice(&get.send().await.unwrap().bytes().await.unwrap()).unwrap();
    text(&shown, "/WebhookUrl")
}

/// A document of texts, flags and tables of them.
fn toml_of(document: &Value) -> String {
    fn table(out: &mut String, path: &str, members: &serde_json::Map<String, Value>) {
        let (tables, values): (Vec<_>, Vec<_>) = members.iter().partition(|(_, value)| value.is_object());
        for (name, value) in values {
            out.push_str(&format!("{name} = {value}\n"));
        }
        for (name, value) in tables {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            out.push_str(&format!("[{path}]\n"));
            if let Some(members) = value.as_object() {
                table(out, &path, members);
            }
        }
    }
    let mut out = String::new();
    if let Some(members) = document.as_object() {
        table(&mut out, "", members);
    }
    out
}
