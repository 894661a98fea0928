//! What goes wrong, as the person meets it: what happened, whose fault, what was not done, what to do.

use std::{
    fs,
    process::{Command, Output},
    time::Duration,
};

use crosswalk::demo::{CONTOSO, CrmKind, text, until};
use crosswalk_tests::Stage;
use serde_json::json;

use crate::program;

const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn a_wrong_configuration_names_file_line_and_key_and_starts_nothing() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("wrong.toml"), "[limits]\nworkers = 4\nworkesr = 5\n").unwrap();
    let ended = run(&["serve", "--config", "wrong.toml"], folder.path());
    assert_eq!(ended.status.code(), Some(3), "{ended:?}");
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    for word in ["wrong.toml", ":3", "workesr", "nothing was started"] {
        assert!(said.contains(word), "`{word}` is missing in:\n{said}");
    }
    assert!(!folder.path().join("crosswalk-state").exists());
}

#[test]
fn a_host_that_does_not_answer_is_named_with_what_to_check() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("token"), "0").unwrap();
    let ended =
        run(&["tenant", "list", "--host", "http://127.0.0.1:9", "--token-file", "token"], folder.path());
    assert_eq!(ended.status.code(), Some(4), "{ended:?}");
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(said.contains("http://127.0.0.1:9") && said.contains("crosswalk serve"), "{said}");
}

#[test]
fn a_file_that_is_no_component_is_refused_before_it_is_sent_anywhere() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("plugin.wasm"), b"\0asm\x01\0\0\0").unwrap();
    let ended = run(&["plugin", "check", "plugin.wasm"], folder.path());
    assert_eq!(ended.status.code(), Some(5), "{ended:?}");
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(said.contains("crosswalk plugin build") && said.contains("nothing was stored"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_host_on_the_same_journal_is_refused() {
    let stage = Stage::start(program(), CrmKind::Dynamics).await.unwrap();
    let ended = run(&["serve", "--config", "crosswalk.toml"], stage.folder());
    assert_eq!(ended.status.code(), Some(3), "{ended:?}");
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(said.contains("another host has the journal") && said.contains("nothing was started"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_that_nobody_signed_is_refused_and_stores_nothing() {
    let stage = Stage::start(program(), CrmKind::Dynamics).await.unwrap();
    stage.scene.settled(PATIENCE).await.unwrap();
    let before = stage.scene.events("settled").await.unwrap().len();
    let body = r#"{"EventName":"referral-updated","ResourceUri":"https://api.partnercenter.microsoft.com/engagements/v1/referrals/6f2cd2f5-5b1c-4a38-9b39-6b1f1b9a7a11","ResourceName":"referral","AuditUri":null,"ResourceChangeUtcDate":"2026-01-31T10:00:00+00:00"}"#;
    let answer = reqwest::Client::new()
        .post(format!("http://{}/hooks/{CONTOSO}/partner-center", stage.public_address()))
        .header("content-type", "application/json")
        .body(body)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status().as_u16(), 401);
    assert_eq!(stage.scene.events("waiting").await.unwrap().len(), 0);
    assert_eq!(stage.scene.events("settled").await.unwrap().len(), before);
    assert!(stage.log().contains("a webhook was refused; nothing was stored"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_dynamics_does_not_answer_events_wait_with_the_reason_and_are_settled_afterwards() {
    let stage = Stage::start(program(), CrmKind::Dynamics).await.unwrap();
    let scene = &stage.scene;
    let outage = json!({ "match": { "path": "/api/data" }, "kind": "status", "status": 503, "count": 1_000_000, "retryAfterSeconds": 1 });
    scene.crm().arm(outage).await.unwrap();
    let referral = text(&scene.microsoft_shares_the_sample().await.unwrap(), "/id");
    // Microsoft's copy of the deal has an event of its own in the same lane.
    until("the event waits, with the reason", PATIENCE, || async {
        let waiting = scene.events("waiting").await?;
        let ours = waiting.into_iter().find(|event| text(event, "/subject").contains(&referral));
        // While one call's pause lasts the next one is not even sent: the status may come later than the first wait.
        Ok(ours.filter(|_| ["tried again later", "503"].iter().all(|words| stage.log().contains(words))))
    })
    .await
    .unwrap();

    scene.crm().disarm().await.unwrap();
    until("the deal arrives", PATIENCE, || scene.seller.finds(&referral)).await.unwrap();
    scene.settled(PATIENCE).await.unwrap();
    assert!(scene.events("parked").await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_get_better_is_parked_at_once_and_looked_at_again_when_a_person_asks() {
    let stage = Stage::start(program(), CrmKind::Dynamics).await.unwrap();
    let scene = &stage.scene;
    let refusal = json!({
        "match": { "path": "/api/data" }, "kind": "fail-before-commit", "status": 400, "count": 1_000_000,
    });
    scene.crm().arm(refusal).await.unwrap();
    let referral = text(&scene.microsoft_shares_the_sample().await.unwrap(), "/id");
    // Far sooner than the attempts that a fault would be given are used up.
    let parked = until("the event is parked", Duration::from_secs(10), || async {
        Ok(scene.events("parked").await?.first().cloned())
    })
    .await
    .unwrap();
    assert!(text(&parked, "/verdict").contains("400"), "{parked}");

    scene.crm().disarm().await.unwrap();
    let token = stage.folder().join("state/admin.token");
    let id = text(&parked, "/id");
    let host = stage.admin_url();
    let retried = run(
        &["events", "retry", &id, "--host", &host, "--token-file", token.to_str().unwrap()],
        stage.folder(),
    );
    assert!(retried.status.success(), "{retried:?}");
    until("the deal arrives", PATIENCE, || scene.seller.finds(&referral)).await.unwrap();
}

fn run(args: &[&str], folder: &std::path::Path) -> Output {
    Command::new(program()).args(args).current_dir(folder).env_clear().output().unwrap()
}
