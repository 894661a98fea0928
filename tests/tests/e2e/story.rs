//! What it costs and what is lost: echoes, doubled webhooks, webhooks that never came, and secrets that stay secret.

use std::time::Duration;

use crosswalk::demo::{CrmKind, Edit, is_amount, make_pairs, text, until_agreed};
use serde_json::json;

use crate::steps::{Life, PATIENCE};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn own_writes_come_back_as_webhooks_and_cost_no_write() {
    let life = Life::begins(CrmKind::Dynamics).await;
    let scene = life.scene();
    let pairs = make_pairs(scene, 1, PATIENCE).await.unwrap();
    life.rests().await;

    let before = life.writes().await;
    scene.microsoft_edits(&pairs[0].referral, json!({ "details": { "dealValue": 12345 } })).await.unwrap();
    until_agreed(scene, &pairs, PATIENCE).await.unwrap();
    life.rests().await;
    // The seller's edit goes the other way, and its audit comes back once more.
    scene.seller.edits(&pairs[0].record, &[Edit::Notes("a note")]).await.unwrap();
    until_agreed(scene, &pairs, PATIENCE).await.unwrap();
    life.rests().await;
    let after = life.writes().await;

    let cost = after - before;
    assert!(cost.crm <= 2, "each outside edit costs the CRM one write at the most");
    assert_eq!(cost.partner_center, 1, "only the seller's edit is a write to Partner Center");
    let verdicts: Vec<String> =
        scene.events("settled").await.unwrap().iter().map(|event| text(event, "/verdict")).collect();
    assert!(
        verdicts.iter().any(|verdict| verdict.starts_with("agreed")),
        "no echo was looked at: {verdicts:?}"
    );

    // Longer than the poll's interval: what it finds is known already.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    life.rests().await;
    assert_eq!(life.writes().await, after, "the exchange goes on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn webhooks_that_were_lost_while_the_host_was_down_are_caught_up_with_in_dynamics() {
    webhooks_that_were_lost_while_the_host_was_down(CrmKind::Dynamics).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn webhooks_that_were_lost_while_the_host_was_down_are_caught_up_with_in_salesforce() {
    webhooks_that_were_lost_while_the_host_was_down(CrmKind::Salesforce).await;
}

async fn webhooks_that_were_lost_while_the_host_was_down(crm: CrmKind) {
    let mut life = Life::begins(crm).await;
    let pairs = make_pairs(life.scene(), 2, PATIENCE).await.unwrap();
    life.rests().await;

    let status = life.stage.terminate(Duration::from_secs(20)).await.unwrap();
    assert!(status.success(), "a host that is told to stop ends with exit code 0");
    let scene = life.scene();
    scene.notifications(false).await.unwrap();
    scene.microsoft_edits(&pairs[0].referral, json!({ "details": { "dealValue": 777 } })).await.unwrap();
    scene.seller.edits(&pairs[1].record, &[Edit::Notes("while you were out")]).await.unwrap();
    life.stage.start_host().await.unwrap();

    let scene = life.scene();
    until_agreed(scene, &pairs, PATIENCE).await.unwrap();
    let card = scene.card(&pairs[0].record).await.unwrap();
    assert!(is_amount(&card.value, "777"), "{card:?}");
    let referral = scene.referral(&pairs[1].referral).await.unwrap();
    assert_eq!(text(&referral, "/details/notes"), "while you were out");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_reaches_the_log_or_the_journal_in_the_clear() {
    let life = Life::begins(CrmKind::Dynamics).await;
    let pairs = make_pairs(life.scene(), 1, PATIENCE).await.unwrap();
    until_agreed(life.scene(), &pairs, PATIENCE).await.unwrap();
    let stage = &life.stage;
    let token = std::fs::read_to_string(stage.folder().join("state/admin.token")).unwrap();
    let key = std::fs::read_to_string(stage.folder().join("state/journal.key")).unwrap();
    let log = stage.log();
    assert!(log.contains("settled"), "the log is empty, so this test would prove nothing");
    for secret in [token.trim(), key.trim()] {
        assert!(!log.contains(secret));
    }
    let journal = std::fs::read(stage.folder().join("state/journal.sqlite")).unwrap();
    let found = |needle: &[u8]| journal.windows(needle.len()).any(|window| window == needle);
    assert!(!found(key.trim().as_bytes()));
    // Recordings hold whole referrals; a customer's telephone number stands for them.
    let referral = life.scene().referral(&pairs[0].referral).await.unwrap();
    assert!(!text(&referral, "/customerProfile/team/0/email").is_empty());
}
