//! What changed since: updated and deleted records, stamps that come late.

use crate::support::{World, url_encoded};
use serde_json::{Value, json};

/// A moment so many seconds from the sandbox's now, as a client writes it into a URL.
async fn at(world: &World, seconds: i64) -> String {
    let now = world.sandbox.salesforce().core().clock.now();
    let at = now + jiff::SignedDuration::from_secs(seconds);
    url_encoded(&at.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string())
}

async fn changes(world: &World, resource: &str, from: i64, to: i64) -> Value {
    let (start, end) = (at(world, from).await, at(world, to).await);
    let path = format!("sobjects/Opportunity/{resource}/?start={start}&end={end}");
    world.get(&path).await.expect(200).json()
}

#[tokio::test]
async fn changed_and_deleted_records_are_listed_by_the_minute() {
    let world = World::start().await;
    let (kept, gone) = (world.opportunity("kept").await, world.opportunity("gone").await);
    world.delete(&format!("sobjects/Opportunity/{gone}")).await.expect(204);
    world.control("clock", json!({ "advanceMs": 120_000 })).await;
    let updated = changes(&world, "updated", -600, 0).await;
    assert_eq!(updated["ids"], json!([kept]));
    let covered = updated["latestDateCovered"].as_str().unwrap();
    assert!(covered.ends_with(":00.000+0000"), "{covered}");
    let deleted = changes(&world, "deleted", -600, 0).await;
    assert_eq!(deleted["deletedRecords"][0]["id"], gone);
    assert_eq!(deleted["deletedRecords"].as_array().unwrap().len(), 1);
    assert!(deleted["earliestDateAvailable"].is_string());
    let later = changes(&world, "updated", 3600, 7200).await;
    assert_eq!(later["ids"], json!([]));
}

#[tokio::test]
async fn a_window_that_makes_no_sense_is_refused() {
    let world = World::start().await;
    for (from, to) in [(0, -600), (0, 0), (-31 * 24 * 3600, 0)] {
        let (start, end) = (at(&world, from).await, at(&world, to).await);
        let path = format!("sobjects/Opportunity/updated?start={start}&end={end}");
        world.get(&path).await.refused(400, "INVALID_REPLICATION_DATE");
    }
    world
        .get("sobjects/Opportunity/updated?start=now&end=then")
        .await
        .refused(400, "INVALID_REPLICATION_DATE");
    let (start, end) = (at(&world, -16 * 24 * 3600).await, at(&world, 0).await);
    let path = format!("sobjects/Opportunity/deleted?start={start}&end={end}");
    world.get(&path).await.refused(400, "INVALID_REPLICATION_DATE");
}

#[tokio::test]
async fn a_late_commit_carries_an_early_stamp_and_holds_the_safe_cursor_back() {
    let world = World::start().await;
    world.switch(json!({ "commitLagMs": 300_000 })).await;
    let before = world.sandbox.salesforce().core().clock.now() - jiff::SignedDuration::from_secs(60);
    let id = world.opportunity("late").await;
    let since = before.strftime("%Y-%m-%dT%H:%M:%SZ");
    let missed = world.records(&format!("SELECT Id FROM Opportunity WHERE SystemModstamp >= {since}")).await;
    assert!(missed.is_empty(), "the stamp lies before the cursor");
    let updated = changes(&world, "updated", -900, 0).await;
    assert_eq!(updated["ids"], json!([id]));
    let covered: jiff::Timestamp =
        updated["latestDateCovered"].as_str().unwrap().replace("+0000", "Z").parse().unwrap();
    assert!(covered <= before - jiff::SignedDuration::from_secs(200), "{covered}");
}

#[tokio::test]
async fn every_change_says_who_made_it_and_what_the_client_calls_itself() {
    let world = World::start().await;
    let id = world.opportunity("x").await;
    let path = format!("sobjects/Opportunity/{id}");
    let ask = world
        .ask_as("seller", reqwest::Method::PATCH, &path)
        .header("Sforce-Call-Options", "client=CoSellSync");
    ask.body(&json!({ "Amount": 7 })).send().await.expect(204);
    let log = world.http.get(world.url("/_sandbox/salesforce/changes")).send().await.unwrap();
    let log: Value = log.json().await.unwrap();
    assert_eq!((&log[0]["changeType"], &log[0]["client"]), (&json!("CREATE"), &Value::Null));
    let change = &log[1];
    assert_eq!((&change["changeType"], &change["client"]), (&json!("UPDATE"), &json!("CoSellSync")));
    assert_eq!(change["commitUser"], "0055e0000000002AAA");
    let fields: Vec<&str> =
        change["changedFields"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(
        fields.contains(&"Amount") && fields.contains(&"LastModifiedById") && !fields.contains(&"Name"),
        "{fields:?}"
    );
}
