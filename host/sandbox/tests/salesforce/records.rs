//! Records by id: create, read, change, delete, and what is refused.

use crate::support::{API, World};
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn a_record_is_created_read_changed_and_deleted() {
    let world = World::start().await;
    let body =
        json!({ "Name": "Contoso", "StageName": "Prospecting", "CloseDate": "2027-01-31", "Amount": 5000 });
    let reply = world.post("sobjects/Opportunity/", body).await.expect(201);
    let created = reply.json();
    let id = created["id"].as_str().unwrap().to_owned();
    assert_eq!(created, json!({ "id": id, "success": true, "errors": [] }));
    assert_eq!(reply.header("location"), Some(format!("{API}/sobjects/Opportunity/{id}").as_str()));
    assert_eq!(id.len(), 18);

    let path = format!("sobjects/Opportunity/{id}");
    let read = world.get(&path).await.expect(200).json();
    assert_eq!(read["attributes"], json!({ "type": "Opportunity", "url": format!("{API}/{path}") }));
    assert_eq!(read["Amount"].to_string(), "5000.0");
    assert_eq!(read["NextStep"], Value::Null, "nulls are there");
    assert_eq!(read["IsClosed"], false);
    assert!(read["CreatedDate"].as_str().unwrap().ends_with(".000+0000"));

    assert_eq!(world.patch(&path, json!({ "Amount": null, "NextStep": "" })).await.expect(204).text, "");
    let read = world.get(&format!("{path}?fields=Amount,NextStep,Name")).await.json();
    assert_eq!((&read["Amount"], &read["NextStep"]), (&Value::Null, &Value::Null));
    assert_eq!(read["Name"], "Contoso", "what is left out stays");
    assert!(read.get("StageName").is_none());

    world.delete(&path).await.expect(204);
    world.get(&path).await.refused(404, "ENTITY_IS_DELETED");
    world.patch(&path, json!({ "Name": "x" })).await.refused(404, "ENTITY_IS_DELETED");
    world.delete(&path).await.refused(404, "ENTITY_IS_DELETED");
}

#[tokio::test]
async fn both_forms_of_an_id_lead_to_the_record() {
    let world = World::start().await;
    let id = world.opportunity("x").await;
    for form in [&id[..15], &id, &id.to_lowercase()] {
        let read = world.get(&format!("sobjects/opportunity/{form}")).await.expect(200).json();
        assert_eq!(read["Id"], id, "the API answers 18 characters");
    }
    world.get("sobjects/Opportunity/0065e0000000009").await.refused(404, "NOT_FOUND");
    world.get("sobjects/Opportunity/0015e0000000001").await.refused(404, "NOT_FOUND");
    world.get("sobjects/Opportunity/nonsense").await.refused(404, "NOT_FOUND");
    world.get("sobjects/Nonsense/0015e0000000001").await.refused(404, "NOT_FOUND");
}

#[tokio::test]
async fn what_cannot_be_saved_is_refused_by_its_code() {
    let world = World::start().await;
    let opportunity = |changes: Value| {
        let mut body = json!({ "Name": "x", "StageName": "Prospecting", "CloseDate": "2027-01-31" });
        body.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        body
    };
    let missing = world.post("sobjects/Opportunity", json!({ "Name": "x" })).await;
    let message = missing.refused(400, "REQUIRED_FIELD_MISSING");
    assert_eq!(message, "Required fields are missing: [StageName, CloseDate]");
    assert_eq!(missing.json()[0]["fields"], json!(["StageName", "CloseDate"]));
    let cases = [
        (json!({ "Nonsense": 1 }), "INVALID_FIELD"),
        (json!({ "IsWon": true }), "INVALID_FIELD_FOR_INSERT_UPDATE"),
        (json!({ "Id": "0065e0000000001" }), "INVALID_FIELD_FOR_INSERT_UPDATE"),
        (json!({ "Name": "x".repeat(121) }), "STRING_TOO_LONG"),
        (json!({ "Amount": "a lot" }), "JSON_PARSER_ERROR"),
        (json!({ "Amount": 1e17 }), "NUMBER_OUTSIDE_VALID_RANGE"),
        (json!({ "CloseDate": "31.1.2027" }), "JSON_PARSER_ERROR"),
        (json!({ "AccountId": "0015e" }), "MALFORMED_ID"),
        (json!({ "AccountId": "0035e0000000001" }), "MALFORMED_ID"),
        (json!({ "AccountId": "0015e0000000009" }), "INVALID_CROSS_REFERENCE_KEY"),
        (json!({ "OwnerId": "0055e0000000003" }), "INACTIVE_OWNER_OR_USER"),
        (json!({ "CurrencyIsoCode": "XXX" }), "INVALID_CURRENCY_ISO"),
    ];
    for (changes, code) in cases {
        world.post("sobjects/Opportunity", opportunity(changes)).await.refused(400, code);
    }
    let text = world.http.post(world.url("sobjects/Account")).bearer_auth("sandbox").body("{\"Name\": ");
    assert_eq!(text.send().await.unwrap().status(), 400);
    world
        .post("sobjects/Organization", json!({ "Name": "x" }))
        .await
        .refused(400, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY");
    assert_eq!(world.soql("SELECT COUNT() FROM Opportunity").await.json()["totalSize"], 0);
}

#[tokio::test]
async fn messages_are_escaped_and_data_is_not() {
    let world = World::start().await;
    world.switch(json!({ "restrictedPicklists": ["Opportunity.Type"] })).await;
    let body = json!({ "Name": "a < b & 'c'", "StageName": "x", "CloseDate": "2027-01-31" });
    let id = world.create("Opportunity", body).await;
    let path = format!("sobjects/Opportunity/{id}");
    assert_eq!(world.get(&path).await.json()["Name"], "a < b & 'c'");
    let refused = world.patch(&path, json!({ "Type": "Bachelor's <Degree>" })).await;
    let message = refused.refused(400, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST");
    assert!(message.ends_with("Bachelor&#39;s &lt;Degree&gt;"), "{message}");
}

#[tokio::test]
async fn a_stage_decides_probability_and_whether_a_deal_is_closed() {
    let world = World::start().await;
    let id = world.opportunity("x").await;
    let path = format!("sobjects/Opportunity/{id}");
    let read = async |world: &World| {
        let row = world.get(&path).await.json();
        (
            row["Probability"].to_string(),
            row["IsClosed"].as_bool().unwrap(),
            row["IsWon"].as_bool().unwrap(),
            row["ForecastCategoryName"].as_str().unwrap().to_owned(),
        )
    };
    assert_eq!(read(&world).await, ("10.0".into(), false, false, "Pipeline".into()));
    world.patch(&path, json!({ "StageName": "Closed Won", "Amount": 200 })).await.expect(204);
    assert_eq!(read(&world).await, ("100.0".into(), true, true, "Closed".into()));
    assert_eq!(world.get(&path).await.json()["ExpectedRevenue"].to_string(), "200.0");
    world.patch(&path, json!({ "StageName": "Closed Lost" })).await.expect(204);
    assert_eq!(read(&world).await, ("0.0".into(), true, false, "Omitted".into()));
    world.patch(&path, json!({ "StageName": "Value Proposition", "Probability": 33 })).await.expect(204);
    assert_eq!(read(&world).await, ("33.0".into(), false, false, "Pipeline".into()));
    world.patch(&path, json!({ "StageName": "Made up" })).await.expect(204);
    assert!(!read(&world).await.1, "an unknown stage is taken, and is an open one");
}

#[tokio::test]
async fn a_parent_may_be_named_by_an_external_id() {
    let world = World::start().await;
    let deal = json!({
        "Name": "x", "StageName": "Prospecting", "CloseDate": "2027-01-31", "Referral_Identfier__c": "r-1",
    });
    let id = world.create("Opportunity", deal).await;
    let solution =
        json!({ "Opportunity__r": { "Referral_Identfier__c": "r-1" }, "Solution_Identifier__c": "SOL-1" });
    let solution = world.create("Microsoft_Solution__c", solution).await;
    let read = world.get(&format!("sobjects/Microsoft_Solution__c/{solution}")).await.json();
    assert_eq!(read["Opportunity__c"], id);
    assert_eq!(read["Name"], "MS-00001");
    let lost = json!({ "Opportunity__r": { "Referral_Identfier__c": "r-2" } });
    world.post("sobjects/Microsoft_Solution__c", lost).await.refused(400, "INVALID_FIELD");
}

#[tokio::test]
async fn deleting_a_parent_deletes_what_belongs_to_it() {
    let world = World::start().await;
    let account = world.create("Account", json!({ "Name": "Contoso" })).await;
    let deal = json!({ "Name": "x", "StageName": "x", "CloseDate": "2027-01-31", "AccountId": account });
    let deal = world.create("Opportunity", deal).await;
    let child = json!({ "Opportunity__c": deal, "Solution_Identifier__c": "SOL-1" });
    let child = world.create("Microsoft_Solution__c", child).await;
    world.delete(&format!("sobjects/Account/{account}")).await.expect(204);
    world.get(&format!("sobjects/Opportunity/{deal}")).await.refused(404, "ENTITY_IS_DELETED");
    world.get(&format!("sobjects/Microsoft_Solution__c/{child}")).await.refused(404, "ENTITY_IS_DELETED");
}

#[tokio::test]
async fn a_method_that_is_not_there_and_a_resource_that_is_not_simulated_say_so() {
    let world = World::start().await;
    world.ask(Method::PUT, "sobjects/Account").send().await.refused(405, "METHOD_NOT_ALLOWED");
    world.post("limits", json!({})).await.refused(405, "METHOD_NOT_ALLOWED");
    world.get("search/?q=x").await.refused(501, "NOT_SIMULATED");
    world.get("nonsense").await.refused(404, "NOT_FOUND");
}

#[tokio::test]
async fn a_uri_that_is_too_long_is_refused() {
    let world = World::start().await;
    let reply = world.get(&format!("query?q={}", "x".repeat(16_384))).await;
    assert_eq!(reply.status.as_u16(), 414);
}

#[tokio::test]
async fn calls_are_counted_and_refused_above_the_daily_limit() {
    let world = World::start().await;
    let usage = world.get("limits/").await;
    assert_eq!(usage.header("sforce-limit-info"), Some("api-usage=1/100000"));
    assert_eq!(usage.json()["DailyApiRequests"], json!({ "Max": 100_000, "Remaining": 99_999 }));
    world.switch(json!({ "dailyApiRequests": 2 })).await;
    world.get("limits").await.expect(200);
    let refused = world.get("limits").await;
    assert_eq!(refused.refused(403, "REQUEST_LIMIT_EXCEEDED"), "TotalRequests Limit exceeded.");
    assert_eq!(refused.header("retry-after"), None);
    world.control("clock", json!({ "advanceMs": 25 * 60 * 60 * 1000 })).await;
    world.get("limits").await.expect(200);
    world.switch(json!({ "longRequestsRefused": 1 })).await;
    world.get("limits").await.refused(403, "REQUEST_LIMIT_EXCEEDED");
}

#[tokio::test]
async fn a_description_tells_what_a_mapper_needs() {
    let world = World::start().await;
    let described = world.get("sobjects/Opportunity/describe/").await.expect(200).json();
    let field = |name: &str| {
        let fields = described["fields"].as_array().unwrap();
        fields.iter().find(|field| field["name"] == name).unwrap_or(&Value::Null).clone()
    };
    assert_eq!(
        (field("Name")["length"].as_i64(), field("Name")["nillable"].as_bool()),
        (Some(120), Some(false))
    );
    assert_eq!(field("StageName")["picklistValues"][1]["value"], "Qualification");
    assert_eq!(field("AccountId")["referenceTo"], json!(["Account"]));
    assert_eq!(field("IsWon")["createable"], false);
    assert_eq!(field("Description")["filterable"], false);
    let key = field("Referral_Identfier__c");
    assert_eq!(
        (&key["externalId"], &key["unique"], &key["custom"]),
        (&json!(true), &json!(true), &json!(true))
    );
    assert_eq!(described["keyPrefix"], "006");
    let children = described["childRelationships"].as_array().unwrap();
    assert!(children.iter().any(|child| child["relationshipName"] == "Microsoft_Solutions__r"));
    let all = world.get("sobjects").await.json();
    assert!(
        all["sobjects"].as_array().unwrap().iter().any(|object| object["name"] == "Microsoft_Solution__c")
    );
    let id = world.opportunity("mine").await;
    let basic = world.get("sobjects/Opportunity").await.json();
    assert_eq!(basic["recentItems"][0]["Id"], id);
    assert_eq!(world.get("recent?limit=1").await.json()[0]["Name"], "mine");
}

#[tokio::test]
async fn the_contact_of_an_opportunity_is_that_of_its_primary_role() {
    let world = World::start().await;
    let contact = async |name: &str| {
        let reply = world.post("sobjects/Contact", json!({ "LastName": name })).await.expect(201);
        reply.json()["id"].as_str().unwrap().to_owned()
    };
    let (kim, lee) = (contact("Kim").await, contact("Lee").await);
    let body = json!({
        "Name": "x", "StageName": "Prospecting", "CloseDate": "2027-01-31", "ContactId": kim
    });
    let id = world.post("sobjects/Opportunity", body).await.expect(201).json()["id"].clone();
    let path = format!("sobjects/Opportunity/{}", id.as_str().unwrap());
    let shown = async || world.get(&path).await.expect(200).json();
    let before = shown().await;
    assert_eq!(before["ContactId"], kim.as_str());
    world.patch(&path, json!({ "ContactId": lee })).await.refused(400, "INVALID_FIELD_FOR_INSERT_UPDATE");

    let role = json!({ "OpportunityId": id, "ContactId": lee, "IsPrimary": true });
    let role = world.post("sobjects/OpportunityContactRole", role).await.expect(201).json()["id"].clone();
    let after = shown().await;
    assert_eq!(after["ContactId"], lee.as_str());
    assert_eq!(after["SystemModstamp"], before["SystemModstamp"], "it is not modified");
    world.delete(&format!("sobjects/OpportunityContactRole/{}", role.as_str().unwrap())).await.expect(204);
    assert_eq!(shown().await["ContactId"], Value::Null, "there was one primary role");
}
