//! What people see, around a host in a process of its own.

use std::time::Duration;

use crosswalk::demo::{Pair, Scene, accept, make_pairs, text, until, until_agreed};
use crosswalk_tests::Stage;
use serde_json::{Value, json};

use crate::program;

const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn own_writes_come_back_as_webhooks_and_cost_no_write() {
    let stage = Stage::start(program()).await.unwrap();
    let scene = &stage.scene;
    let pairs = make_pairs(scene, 1, PATIENCE).await.unwrap();
    scene.settled(PATIENCE).await.unwrap();

    let before = writes(scene).await;
    scene.microsoft_edits(&pairs[0].referral, json!({ "details": { "dealValue": 12345 } })).await.unwrap();
    until_agreed(scene, &pairs, PATIENCE).await.unwrap();
    scene.settled(PATIENCE).await.unwrap();
    // The seller's edit goes the other way, and its audit comes back once more.
    scene.seller_edits(&pairs[0].opportunity, json!({ "description": "a note" })).await.unwrap();
    until_agreed(scene, &pairs, PATIENCE).await.unwrap();
    scene.settled(PATIENCE).await.unwrap();
    let after = writes(scene).await;

    assert!(after.dynamics - before.dynamics <= 2, "each outside edit costs Dynamics one write at the most");
    assert_eq!(
        after.partner_center - before.partner_center,
        1,
        "only the seller's edit is a write to Partner Center"
    );
    let verdicts: Vec<String> =
        scene.events("settled").await.unwrap().iter().map(|event| text(event, "/verdict")).collect();
    assert!(
        verdicts.iter().any(|verdict| verdict.starts_with("agreed")),
        "no echo was looked at: {verdicts:?}"
    );

    tokio::time::sleep(Duration::from_millis(1_500)).await;
    scene.settled(PATIENCE).await.unwrap();
    let later = writes(scene).await;
    assert_eq!(
        (later.dynamics, later.partner_center),
        (after.dynamics, after.partner_center),
        "the exchange goes on"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn webhooks_that_were_lost_while_the_host_was_down_are_caught_up_with() {
    let mut stage = Stage::start(program()).await.unwrap();
    let pairs = make_pairs(&stage.scene, 2, PATIENCE).await.unwrap();
    stage.scene.settled(PATIENCE).await.unwrap();

    let status = stage.terminate(Duration::from_secs(20)).await.unwrap();
    assert!(status.success(), "a host that is told to stop ends with exit code 0");
    stage.scene.notifications(false).await.unwrap();
    stage
        .scene
        .microsoft_edits(&pairs[0].referral, json!({ "details": { "dealValue": 777 } }))
        .await
        .unwrap();
    stage
        .scene
        .seller_edits(&pairs[1].opportunity, json!({ "description": "while you were out" }))
        .await
        .unwrap();
    stage.start_host().await.unwrap();

    until_agreed(&stage.scene, &pairs, PATIENCE).await.unwrap();
    let row = stage.scene.opportunity(&pairs[0].opportunity).await.unwrap();
    assert!(text(&row, "/estimatedvalue").starts_with("777"), "{row}");
    let referral = stage.scene.referral(&pairs[1].referral).await.unwrap();
    assert_eq!(text(&referral, "/details/notes"), "while you were out");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_seller_types_while_a_deal_is_on_hold_is_sent_with_the_acceptance() {
    let stage = Stage::start(program()).await.unwrap();
    let scene = &stage.scene;
    let referral = text(&scene.microsoft_shares_the_sample().await.unwrap(), "/id");
    let opportunity = until("the deal is an opportunity", PATIENCE, || async {
        Ok(scene.opportunity_of(&referral).await?.map(|row| text(&row, "/opportunityid")))
    })
    .await
    .unwrap();
    let pair = Pair { referral, opportunity };
    scene.settled(PATIENCE).await.unwrap();
    scene.seller_edits(&pair.opportunity, json!({ "description": "typed on hold" })).await.unwrap();
    scene.settled(PATIENCE).await.unwrap();
    let on_hold = scene.referral(&pair.referral).await.unwrap();
    assert_ne!(
        text(&on_hold, "/details/notes"),
        "typed on hold",
        "nothing is sent from an opportunity on hold"
    );

    accept(scene, &pair, PATIENCE).await.unwrap();
    until_agreed(scene, &[pair], PATIENCE).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_doubled_webhook_is_one_event_and_no_more_writes() {
    let stage = Stage::start(program()).await.unwrap();
    let scene = &stage.scene;
    let pairs = make_pairs(scene, 1, PATIENCE).await.unwrap();
    scene.settled(PATIENCE).await.unwrap();
    scene.switch_notifications(json!({ "duplicate": 1_000 })).await.unwrap();
    let before = writes(scene).await;

    scene.microsoft_edits(&pairs[0].referral, json!({ "details": { "dealValue": 4711 } })).await.unwrap();
    until_agreed(scene, &pairs, PATIENCE).await.unwrap();
    scene.settled(PATIENCE).await.unwrap();

    let after = writes(scene).await;
    assert_eq!(after.dynamics - before.dynamics, 1);
    assert_eq!(after.partner_center - before.partner_center, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_reaches_the_log_or_the_journal_in_the_clear() {
    let stage = Stage::start(program()).await.unwrap();
    let pairs = make_pairs(&stage.scene, 1, PATIENCE).await.unwrap();
    until_agreed(&stage.scene, &pairs, PATIENCE).await.unwrap();
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
    let referral = stage.scene.referral(&pairs[0].referral).await.unwrap();
    assert!(!text(&referral, "/customerProfile/team/0/email").is_empty());
}

/// Who the host is to the sandbox: the client id of the tenant document.
const HOST: &str = "crosswalk";

struct Writes {
    partner_center: usize,
    dynamics: usize,
}

/// Calls of the host that could have changed something, by system.
async fn writes(scene: &Scene) -> Writes {
    let count = |calls: Vec<Value>| {
        calls
            .iter()
            .filter(|call| {
                let (method, path) = (text(call, "/method"), text(call, "/path"));
                matches!(method.as_str(), "POST" | "PATCH" | "PUT" | "DELETE")
                    && !path.starts_with("/_sandbox")
                    && text(call, "/who") == HOST
            })
            .count()
    };
    Writes {
        partner_center: count(scene.trace(&scene.partner_center).await.unwrap()),
        dynamics: count(scene.trace(&scene.dynamics).await.unwrap()),
    }
}
