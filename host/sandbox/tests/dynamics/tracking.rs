//! Change tracking.

use crate::support::{Reply, World};
use reqwest::Method;
use serde_json::{Value, json};

async fn track(world: &World, url: &str, page: Option<usize>) -> Reply {
    let size = page.map(|rows| format!("odata.maxpagesize={rows},")).unwrap_or_default();
    world.ask(Method::GET, url).prefer(&format!("{size}odata.track-changes")).send().await
}

fn link(reply: &Value) -> String {
    reply["@odata.deltaLink"].as_str().unwrap_or_else(|| panic!("no delta link: {reply}")).to_owned()
}

#[tokio::test]
async fn a_delta_brings_what_was_written_and_what_was_deleted() {
    let world = World::start().await;
    let kept = world.opportunity("kept").await;
    let changed = world.opportunity("changed").await;
    let deleted = world.opportunity("deleted").await;
    let first = track(&world, "opportunities?$select=name", None).await.expect(200).json();
    assert_eq!(first["value"].as_array().unwrap().len(), 3);
    let delta = link(&first);
    assert!(delta.contains("$select=name&$deltatoken="), "{delta}");

    world.patch(&format!("opportunities({changed})"), json!({ "name": "new name" })).await.expect(204);
    world.ask(Method::DELETE, &format!("opportunities({deleted})")).send().await.expect(204);
    let changes = world.get(&delta).await.expect(200).json();
    assert!(changes["@odata.context"].as_str().unwrap().ends_with("/$delta"));
    let rows = changes["value"].as_array().unwrap();
    assert_eq!(rows.len(), 2, "{changes}");
    assert_eq!(
        (rows[0]["opportunityid"].as_str(), rows[0]["name"].as_str()),
        (Some(changed.as_str()), Some("new name"))
    );
    assert_eq!(
        (rows[1]["id"].as_str(), rows[1]["reason"].as_str()),
        (Some(deleted.as_str()), Some("deleted"))
    );
    assert!(rows[1]["@odata.context"].as_str().unwrap().ends_with("#opportunities/$deletedEntity"));

    let nothing = world.get(&link(&changes)).await.expect(200).json();
    assert_eq!(nothing["value"], json!([]), "{kept} was not touched");
}

#[tokio::test]
async fn a_delta_in_pages_misses_nothing_that_changes_meanwhile() {
    let world = World::start().await;
    let mut ids = Vec::new();
    for n in 0..5 {
        ids.push(world.opportunity(&format!("n{n}")).await);
    }
    let mut seen = Vec::new();
    let mut url = "opportunities?$select=name".to_owned();
    let delta = loop {
        let page = track(&world, &url, Some(2)).await.expect(200).json();
        seen.extend(page["value"].as_array().unwrap().iter().map(|row| row["opportunityid"].clone()));
        if seen.len() == 2 {
            // The last row is written while the client reads the first page.
            world.patch(&format!("opportunities({})", ids[4]), json!({ "name": "moved" })).await.expect(204);
        }
        match page["@odata.nextLink"].as_str() {
            Some(next) => url = next.to_owned(),
            None => break link(&page),
        }
    };
    let changes = world.get(&delta).await.expect(200).json();
    seen.extend(changes["value"].as_array().unwrap().iter().map(|row| row["opportunityid"].clone()));
    assert!(ids.iter().all(|id| seen.contains(&json!(id))), "{seen:?}");
}

#[tokio::test]
async fn a_row_that_came_and_went_in_between_is_told_as_deleted() {
    let world = World::start().await;
    let delta = link(&track(&world, "opportunities", None).await.json());
    let id = world.opportunity("short").await;
    world.ask(Method::DELETE, &format!("opportunities({id})")).send().await.expect(204);
    let changes = world.get(&delta).await.json();
    assert_eq!(changes["value"][0]["reason"], "deleted");
    assert_eq!(changes["value"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_token_expires_by_time_and_by_switch() {
    let world = World::start().await;
    let delta = link(&track(&world, "opportunities", None).await.json());
    world.switch(json!({ "deltaTokensExpired": true })).await;
    world.get(&delta).await.refused(400, "0x80044352");
    world.switch(json!({ "deltaTokensExpired": false })).await;
    world.get(&delta).await.expect(200);
    let day = std::time::Duration::from_secs(86_400);
    world.sandbox.dynamics().core().clock.advance(day * 8);
    world.get(&delta).await.refused(400, "0x80044352");
}

#[tokio::test]
async fn tracking_refuses_what_it_cannot_combine_with() {
    let world = World::start().await;
    for option in ["$filter=name eq 'x'", "$orderby=name", "$expand=ownerid", "$top=1"] {
        let reply = track(&world, &format!("opportunities?{option}"), None).await.expect(400);
        let message = reply.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains("isn't supported when Change Tracking is enabled"), "{message}");
    }
    track(&world, "systemusers", None).await.refused(400, "0x80072491");
}
