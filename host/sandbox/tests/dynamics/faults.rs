//! The core's switches, as a client of Dataverse meets them.

use crate::support::World;
use reqwest::Method;
use serde_json::{Value, json};

async fn control(world: &World, path: &str, body: Value) {
    let reply =
        world.http.post(format!("{}/_sandbox/{path}", world.origin)).json(&body).send().await.unwrap();
    assert!(reply.status().is_success(), "{}", reply.text().await.unwrap());
}

#[tokio::test]
async fn a_create_whose_answer_is_lost_has_happened_once() {
    let world = World::start().await;
    let fault = json!({ "kind": "commit-then-drop-connection", "match": { "method": "PATCH" } });
    control(&world, "faults", fault).await;
    let url = world.url("opportunities(msft_referralidentifier='r-1')");
    let send = || world.http.patch(&url).bearer_auth("sandbox").json(&json!({ "name": "x" })).send();
    assert!(send().await.is_err(), "the connection was closed without an answer");
    assert_eq!(world.get("opportunities/$count").await.text, "1");
    assert_eq!(send().await.unwrap().status(), 204);
    assert_eq!(world.get("opportunities/$count").await.text, "1");
}

#[tokio::test]
async fn a_failure_before_the_commit_has_written_nothing_and_is_worded_as_dataverse_does() {
    let world = World::start().await;
    control(&world, "faults", json!({ "kind": "fail-before-commit", "match": { "method": "POST" } })).await;
    world.post("opportunities", json!({ "name": "x" })).await.refused(500, "0x80040216");
    assert_eq!(world.get("opportunities/$count").await.text, "0");
}

#[tokio::test]
async fn after_a_reset_no_row_and_no_etag_of_before_comes_back() {
    let world = World::start().await;
    let version = |etag: &str| etag.trim_matches(['W', '/', '"']).parse::<u64>().unwrap();
    let etag_of = |id: String| {
        let world = &world;
        async move { world.get(&format!("opportunities({id})")).await.header("etag").unwrap().to_owned() }
    };
    let before = etag_of(world.opportunity("x").await).await;
    world.switch(json!({ "revenueSystemCalculated": false })).await;
    control(&world, "reset", json!({})).await;
    assert_eq!(world.get("opportunities/$count").await.text, "0");
    let after = etag_of(world.opportunity("x").await).await;
    assert!(version(&after) > version(&before), "{after} is not after {before}");
    let row = world.ask(Method::GET, "opportunities?$select=isrevenuesystemcalculated").send().await.json();
    assert_eq!(row["value"][0]["isrevenuesystemcalculated"], true);
}
