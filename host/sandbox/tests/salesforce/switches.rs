//! Switches: what an administrator has set up, and what goes wrong on demand.

use crate::support::World;
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn a_validation_rule_refuses_with_its_own_words() {
    let world = World::start().await;
    let rule = json!([{
        "object": "Opportunity", "when": "Amount > 1000 AND NextStep = null", "message": "Say what's next",
        "field": "NextStep",
    }]);
    world.switch(json!({ "validationRules": rule })).await;
    let id = world.opportunity("x").await;
    let path = format!("sobjects/Opportunity/{id}");
    let refused = world.patch(&path, json!({ "Amount": 1001 })).await;
    assert_eq!(refused.refused(400, "FIELD_CUSTOM_VALIDATION_EXCEPTION"), "Say what&#39;s next");
    assert_eq!(refused.json()[0]["fields"], json!(["NextStep"]));
    world.patch(&path, json!({ "Amount": 1001, "NextStep": "Call" })).await.expect(204);
}

#[tokio::test]
async fn a_duplicate_rule_blocks_or_only_warns() {
    let world = World::start().await;
    let rule = |action: &str| json!({ "duplicateRules": [{ "object": "Lead", "fields": ["Email"], "action": action }] });
    let lead = json!({ "LastName": "Lee", "Company": "x", "Email": "lee@x.example" });
    let save = async |allow: &str| {
        let ask = world.ask(Method::POST, "sobjects/Lead").header("Sforce-Duplicate-Rule-Header", allow);
        ask.body(&lead).send().await
    };
    world.switch(rule("alert")).await;
    save("").await.expect(201);
    save("").await.refused(400, "DUPLICATES_DETECTED");
    save("allowSave=true; includeRecordDetails=true; runAsCurrentUser=true").await.expect(201);
    world.switch(rule("block")).await;
    save("allowSave=true").await.refused(400, "DUPLICATES_DETECTED");
}

#[tokio::test]
async fn a_locked_record_cannot_be_written_nor_referred_to_for_a_while() {
    let world = World::start().await;
    let account = world.create("Account", json!({ "Name": "x" })).await;
    let lock = |record: Value| json!({ "recordLocks": [{ "record": record, "count": 2, "status": 500 }] });
    world.switch(lock(json!(account))).await;
    let deal = json!({ "Name": "x", "StageName": "x", "CloseDate": "2027-01-31", "AccountId": account });
    let message = world.post("sobjects/Opportunity", deal.clone()).await.refused(500, "UNABLE_TO_LOCK_ROW");
    assert!(message.ends_with(&format!("1 records: {account}")), "{message}");
    world
        .patch(&format!("sobjects/Account/{account}"), json!({ "Name": "y" }))
        .await
        .refused(500, "UNABLE_TO_LOCK_ROW");
    world.post("sobjects/Opportunity", deal).await.expect(201);
    let id = world.opportunity("x").await;
    world.switch(json!({ "approvalLocks": [id] })).await;
    world
        .patch(&format!("sobjects/Opportunity/{id}"), json!({ "Name": "y" }))
        .await
        .refused(400, "ENTITY_IS_LOCKED");
}

#[tokio::test]
async fn a_hidden_field_is_as_if_it_were_not_there() {
    let world = World::start().await;
    let id = world.opportunity("x").await;
    world.switch(json!({ "hiddenFields": ["Opportunity.Amount"] })).await;
    let path = format!("sobjects/Opportunity/{id}");
    assert!(world.get(&path).await.json().get("Amount").is_none());
    let message = world.patch(&path, json!({ "Amount": 5 })).await.refused(400, "INVALID_FIELD");
    assert_eq!(message, "No such column &#39;Amount&#39; on sobject of type Opportunity");
    world.soql("SELECT Amount FROM Opportunity").await.refused(400, "INVALID_FIELD");
    world.soql("SELECT Id FROM Opportunity WHERE Amount = 5").await.refused(400, "INVALID_FIELD");
}

#[tokio::test]
async fn an_organisation_with_one_currency_has_no_currency_field() {
    let world = World::start().await;
    world.switch(json!({ "multiCurrency": false })).await;
    world.soql("SELECT CurrencyIsoCode FROM Opportunity").await.refused(400, "INVALID_FIELD");
    world.soql("SELECT IsoCode FROM CurrencyType").await.refused(400, "INVALID_TYPE");
    let id = world.opportunity("x").await;
    assert!(world.get(&format!("sobjects/Opportunity/{id}")).await.json().get("CurrencyIsoCode").is_none());
    world.switch(json!({ "multiCurrency": true })).await;
    let query = "SELECT IsoCode, ConversionRate, DecimalPlaces FROM CurrencyType WHERE IsoCode = 'JPY'";
    assert_eq!(world.records(query).await[0]["DecimalPlaces"], 0);
    let id = world.opportunity("x").await;
    assert_eq!(world.get(&format!("sobjects/Opportunity/{id}")).await.json()["CurrencyIsoCode"], "USD");
}

#[tokio::test]
async fn automation_rewrites_what_was_saved() {
    let world = World::start().await;
    let rules = json!([{
        "object": "Opportunity", "when": "Name", "set": { "NextStep": "Check the name" },
        "normalise": { "Name": "upper" },
    }]);
    world.switch(json!({ "automation": rules })).await;
    let id = world.opportunity("quiet").await;
    let path = format!("sobjects/Opportunity/{id}");
    let read = world.get(&path).await.json();
    assert_eq!((&read["Name"], &read["NextStep"]), (&json!("QUIET"), &json!("Check the name")));
    world.patch(&path, json!({ "NextStep": "mine" })).await.expect(204);
    assert_eq!(world.get(&path).await.json()["NextStep"], "mine");
}

#[tokio::test]
async fn a_new_lead_is_assigned_unless_the_client_says_otherwise() {
    let world = World::start().await;
    world.switch(json!({ "leadAssignee": crosswalk_sandbox::salesforce::SELLER_ID })).await;
    let lead = json!({ "LastName": "Lee", "Company": "x" });
    let owner = async |assign: &str| {
        let ask = world.ask(Method::POST, "sobjects/Lead").header("Sforce-Auto-Assign", assign);
        let id = ask.body(&lead).send().await.expect(201).json()["id"].as_str().unwrap().to_owned();
        world.get(&format!("sobjects/Lead/{id}")).await.json()["OwnerId"].as_str().unwrap().to_owned()
    };
    assert_eq!(owner("TRUE").await, crosswalk_sandbox::salesforce::SELLER_ID);
    assert_eq!(owner("FALSE").await, crosswalk_sandbox::salesforce::INTEGRATION_USER_ID);
}

#[tokio::test]
async fn a_create_whose_answer_is_lost_has_happened_once() {
    let world = World::start().await;
    let fault = json!({ "kind": "commit-then-drop-connection", "match": { "method": "PATCH" } });
    world.control("faults", fault).await;
    let url = world.url("sobjects/Opportunity/Referral_Identfier__c/r-1");
    let body = json!({ "Name": "x", "StageName": "x", "CloseDate": "2027-01-31" });
    let send = || world.http.patch(&url).bearer_auth("sandbox").json(&body).send();
    assert!(send().await.is_err(), "the connection was closed without an answer");
    assert_eq!(send().await.unwrap().status(), 200);
    assert_eq!(world.soql("SELECT COUNT() FROM Opportunity").await.json()["totalSize"], 1);
}

#[tokio::test]
async fn faults_are_worded_as_salesforce_words_them() {
    let world = World::start().await;
    world.control("faults", json!({ "kind": "fail-before-commit", "match": { "method": "POST" } })).await;
    world.post("sobjects/Account", json!({ "Name": "x" })).await.refused(500, "UNKNOWN_EXCEPTION");
    world.control("faults", json!({ "kind": "status", "status": 503 })).await;
    world.get("limits").await.refused(503, "SERVER_UNAVAILABLE");
    assert_eq!(world.soql("SELECT COUNT() FROM Account").await.json()["totalSize"], 0);
}

#[tokio::test]
async fn a_reset_brings_the_baseline_back_but_no_etag_of_before() {
    let world = World::start().await;
    let etag = async || {
        let id = world.create("Account", json!({ "Name": "x" })).await;
        (id.clone(), world.get(&format!("sobjects/Account/{id}")).await.header("etag").unwrap().to_owned())
    };
    let before = etag().await;
    world.switch(json!({ "multiCurrency": false })).await;
    world.control("reset", json!({})).await;
    assert_eq!(world.soql("SELECT COUNT() FROM Account").await.json()["totalSize"], 0);
    assert!(world.sandbox.salesforce().switches().multi_currency);
    let after = etag().await;
    assert_eq!(before.0, after.0, "ids begin again");
    assert_ne!(before.1, after.1);
}
