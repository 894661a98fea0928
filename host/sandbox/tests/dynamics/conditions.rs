//! ETags and the conditions that use them.

use crate::support::World;
use reqwest::Method;
use serde_json::json;

const GUID: &str = "11111111-2222-4333-8444-555555555555";

#[tokio::test]
async fn the_literal_null_counts_as_no_condition() {
    let world = World::start().await;
    let id = world.opportunity("x").await;
    let path = format!("opportunities({id})");
    world.ask(Method::GET, &path).header("if-none-match", "null").send().await.expect(200);
    let patch = world.ask(Method::PATCH, &path).header("if-none-match", "null");
    patch.body(&json!({ "name": "y" })).send().await.expect(204);
}

#[tokio::test]
async fn an_unchanged_row_is_304_unless_annotations_or_expansions_are_asked_for() {
    let world = World::start().await;
    let id = world.opportunity("x").await;
    let path = format!("opportunities({id})");
    let etag = world.get(&path).await.header("etag").unwrap().to_owned();
    let unchanged = world.ask(Method::GET, &path).header("if-none-match", &etag).send().await.expect(304);
    assert!(unchanged.text.is_empty());
    let annotated = world.ask(Method::GET, &path).header("if-none-match", &etag);
    annotated.prefer("odata.include-annotations=\"*\"").send().await.expect(200);
    let expanded = format!("{path}?$expand=ownerid($select=fullname)");
    world.ask(Method::GET, &expanded).header("if-none-match", &etag).send().await.expect(200);

    world.patch(&path, json!({ "name": "y" })).await.expect(204);
    let changed = world.ask(Method::GET, &path).header("if-none-match", &etag).send().await.expect(200);
    assert_ne!(changed.header("etag"), Some(etag.as_str()));
}

#[tokio::test]
async fn a_write_with_an_old_etag_changes_nothing() {
    let world = World::start().await;
    let id = world.opportunity("x").await;
    let path = format!("opportunities({id})");
    let old = world.get(&path).await.header("etag").unwrap().to_owned();
    let first = world.ask(Method::PATCH, &path).header("if-match", &old).body(&json!({ "name": "y" }));
    first.send().await.expect(204);
    let second = world.ask(Method::PATCH, &path).header("if-match", &old).body(&json!({ "name": "z" }));
    second.send().await.refused(412, "0x80060882");
    let delete = world.ask(Method::DELETE, &path).header("if-match", &old).send().await;
    delete.refused(412, "0x80060882");
    let put = world.ask(Method::PUT, &format!("{path}/name")).header("if-match", &old);
    put.body(&json!({ "value": "z" })).send().await.refused(412, "0x80060882");
    assert_eq!(world.get(&path).await.json()["name"], "y");
}

#[tokio::test]
async fn if_match_star_never_creates() {
    let world = World::start().await;
    let path = format!("opportunities({GUID})");
    let reply = world.ask(Method::PATCH, &path).header("if-match", "*").body(&json!({ "name": "x" }));
    reply.send().await.refused(404, "0x80040217");
    let keyed =
        world.ask(Method::PATCH, "opportunities(msft_referralidentifier='r')").header("if-match", "*");
    keyed.body(&json!({ "name": "x" })).send().await.refused(404, "0x80060891");
    let tagged = world.ask(Method::PATCH, &path).header("if-match", "W/\"5\"").body(&json!({ "name": "x" }));
    tagged.send().await.refused(404, "0x80040217");
}

#[tokio::test]
async fn if_none_match_star_never_updates() {
    let world = World::start().await;
    let path = "opportunities(msft_referralidentifier='r')";
    let create = || world.ask(Method::PATCH, path).header("if-none-match", "*").body(&json!({ "name": "x" }));
    create().send().await.expect(204);
    let again = create().send().await.expect(412);
    assert_eq!(again.json()["error"]["message"], "A record with matching key values already exists.");
}

#[tokio::test]
async fn an_upsert_by_guid_creates_the_row_with_that_guid() {
    let world = World::start().await;
    let path = format!("opportunities({GUID})");
    let reply = world.ask(Method::PATCH, &path).prefer("return=representation").body(&json!({ "name": "x" }));
    assert_eq!(reply.send().await.expect(201).json()["opportunityid"], GUID);
}
