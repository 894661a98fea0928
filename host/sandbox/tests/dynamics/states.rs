//! States: what can be patched, and what only an action does.

use crate::support::World;
use serde_json::{Value, json};

fn close(id: &str, status: i64) -> Value {
    json!({
        "Status": status,
        "OpportunityClose": {
            "@odata.type": "Microsoft.Dynamics.CRM.opportunityclose",
            "subject": "closed", "actualrevenue": 100, "actualend": "2026-01-31",
            "opportunityid@odata.bind": format!("/opportunities({id})"),
        },
    })
}

#[tokio::test]
async fn closing_by_patch_is_refused() {
    let world = World::start().await;
    let id = world.opportunity("x").await;
    let path = format!("opportunities({id})");
    for (state, status) in [(1, 3), (2, 4)] {
        world
            .patch(&path, json!({ "statecode": state, "statuscode": status }))
            .await
            .refused(400, "0x80100005");
    }
    assert_eq!(world.get(&path).await.json()["statecode"], 0);
}

#[tokio::test]
async fn winning_writes_an_activity_and_closes_the_row() {
    let world = World::start().await;
    let id = world.opportunity("x").await;
    world.post("WinOpportunity", close(&id, 3)).await.expect(204);
    let row = world.get(&format!("opportunities({id})")).await.json();
    assert_eq!((row["statecode"].as_i64(), row["statuscode"].as_i64()), (Some(1), Some(3)));
    assert_eq!(row["actualvalue"].to_string(), "100.00");
    assert_eq!(row["actualclosedate"], "2026-01-31");
    let activities =
        world.get(&format!("opportunitycloses?$filter=_opportunityid_value eq {id}")).await.json();
    assert_eq!(activities["value"].as_array().unwrap().len(), 1);
    world.post("WinOpportunity", close(&id, 3)).await.refused(400, "0x80040515");
}

#[tokio::test]
async fn losing_takes_a_status_of_its_state_or_the_default() {
    let world = World::start().await;
    for (status, expected) in [(5, 5), (-1, 4)] {
        let id = world.opportunity("x").await;
        world.post("LoseOpportunity", close(&id, status)).await.expect(204);
        let row = world.get(&format!("opportunities({id})")).await.json();
        assert_eq!((row["statecode"].as_i64(), row["statuscode"].as_i64()), (Some(2), Some(expected)));
    }
    let id = world.opportunity("x").await;
    world.post("LoseOpportunity", close(&id, 3)).await.refused(400, "0x80048408");
    assert_eq!(world.get("opportunitycloses/$count").await.text, "2");
}

#[tokio::test]
async fn a_closed_row_is_reopened_by_patch() {
    let world = World::start().await;
    let id = world.opportunity("x").await;
    let path = format!("opportunities({id})");
    world.post("WinOpportunity", close(&id, 3)).await.expect(204);
    world.patch(&path, json!({ "statecode": 0, "statuscode": 2 })).await.expect(204);
    let row = world.get(&path).await.json();
    assert_eq!((row["statecode"].as_i64(), row["statuscode"].as_i64()), (Some(0), Some(2)));
    assert_eq!(row["actualclosedate"], Value::Null);
}

#[tokio::test]
async fn a_status_must_belong_to_the_state() {
    let world = World::start().await;
    let id = world.opportunity("x").await;
    let path = format!("opportunities({id})");
    world.patch(&path, json!({ "statuscode": 2 })).await.expect(204);
    assert_eq!(world.get(&path).await.json()["statuscode"], 2);
    world.patch(&path, json!({ "statuscode": 4 })).await.refused(400, "0x80048408");
    world.patch(&path, json!({ "statecode": 0 })).await.expect(204);
    assert_eq!(world.get(&path).await.json()["statuscode"], 1);
}

#[tokio::test]
async fn a_state_in_a_create_is_ignored() {
    let world = World::start().await;
    let id = world.create("opportunities", json!({ "name": "x", "statecode": 1 })).await;
    assert_eq!(world.get(&format!("opportunities({id})")).await.json()["statecode"], 0);
}

#[tokio::test]
async fn closed_rows_are_read_only_only_when_switched() {
    let world = World::start().await;
    let id = world.opportunity("x").await;
    let path = format!("opportunities({id})");
    world.post("WinOpportunity", close(&id, 3)).await.expect(204);
    world.patch(&path, json!({ "description": "late" })).await.expect(204);
    world.switch(json!({ "closedRowsReadOnly": true })).await;
    world.patch(&path, json!({ "description": "later" })).await.refused(400, "0x80040515");
    world
        .patch(&path, json!({ "statecode": 0, "statuscode": 1, "description": "reopened" }))
        .await
        .expect(204);
}

#[tokio::test]
async fn a_lead_is_disqualified_by_patch() {
    let world = World::start().await;
    let id = world.create("leads", json!({ "subject": "x", "lastname": "Lee" })).await;
    let path = format!("leads({id})");
    world.patch(&path, json!({ "statecode": 2, "statuscode": 3 })).await.refused(400, "0x80048408");
    world.patch(&path, json!({ "statecode": 2, "statuscode": 7 })).await.expect(204);
    assert_eq!(world.get(&path).await.json()["statuscode"], 7);
}
