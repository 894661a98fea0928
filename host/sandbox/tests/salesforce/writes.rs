//! Conditions, upserts, and requests for many records.

use crate::support::{API, World};
use reqwest::Method;
use serde_json::{Value, json};

const KEY: &str = "sobjects/Opportunity/Referral_Identfier__c";

fn deal(name: &str) -> Value {
    json!({ "Name": name, "StageName": "Prospecting", "CloseDate": "2027-01-31" })
}

/// A request as one of several; the URL is below the version.
fn sub(method: &str, path: &str, reference: &str, body: Value) -> Value {
    json!({ "method": method, "url": format!("{API}/{path}"), "referenceId": reference, "body": body })
}

#[tokio::test]
async fn an_upsert_creates_then_changes_and_says_which() {
    let world = World::start().await;
    let created = world.patch(&format!("{KEY}/r-1"), deal("x")).await.expect(201).json();
    assert_eq!(created["created"], true);
    let changed = world.patch(&format!("{KEY}/R-1"), json!({ "Name": "y" })).await.expect(200).json();
    assert_eq!(changed, json!({ "id": created["id"], "success": true, "errors": [], "created": false }));
    let old = "/services/data/v45.0/sobjects/Opportunity/Referral_Identfier__c/r-1";
    assert_eq!(world.patch(old, json!({ "Name": "z" })).await.expect(204).text, "");
    let read = world.get(&format!("{KEY}/r-1")).await.expect(200).json();
    assert_eq!((&read["Id"], &read["Name"]), (&created["id"], &json!("z")));
    assert_eq!(read["Referral_Identfier__c"], "r-1");
    world.get(&format!("{KEY}/r-2")).await.refused(404, "NOT_FOUND");
    world.delete(&format!("{KEY}/r-1")).await.expect(204);
}

#[tokio::test]
async fn an_upsert_keeps_its_rules() {
    let world = World::start().await;
    world.patch(&format!("{KEY}/r-1?updateOnly=true"), deal("x")).await.refused(404, "NOT_FOUND");
    let mut named_again = deal("x");
    named_again["Referral_Identfier__c"] = json!("r-1");
    world.patch(&format!("{KEY}/r-1"), named_again.clone()).await.refused(400, "INVALID_FIELD");
    world.patch("sobjects/Opportunity/Name/x", deal("x")).await.refused(404, "NOT_FOUND");
    world.patch(&format!("{KEY}/a/b"), deal("x")).await.refused(404, "NOT_FOUND");
    world.patch(&format!("{KEY}/a%2Fb%20c"), deal("x")).await.expect(201);
    world.get(&format!("{KEY}/a%2Fb%20c")).await.expect(200);
    world.post("sobjects/Opportunity/Id", named_again.clone()).await.expect(201);
    let twice = world.post("sobjects/Opportunity", named_again).await;
    let message = twice.refused(400, "DUPLICATE_VALUE");
    assert!(
        message.starts_with(
            "duplicate value found: Referral_Identfier__c duplicates value on record with id: 006"
        )
    );
}

#[tokio::test]
async fn several_records_with_one_external_id_are_answered_with_300() {
    let world = World::start().await;
    let field = json!({
        "FullName": "Account.Legacy__c",
        "Metadata": { "label": "Legacy", "type": "Text", "length": 20, "externalId": true, "unique": false },
    });
    world.post("tooling/sobjects/CustomField", field).await.expect(201);
    world.grant("Account.Legacy__c").await;
    for name in ["a", "b"] {
        world.create("Account", json!({ "Name": name, "Legacy__c": "7" })).await;
    }
    let reply = world.get("sobjects/Account/Legacy__c/7").await.expect(300).json();
    assert_eq!(reply.as_array().unwrap().len(), 2);
    assert!(reply[0].as_str().unwrap().starts_with(&format!("{API}/sobjects/Account/001")));
    world.patch("sobjects/Account/Legacy__c/7", json!({ "Name": "c" })).await.expect(300);
}

#[tokio::test]
async fn a_stale_write_is_refused_with_412_by_the_second() {
    let world = World::start().await;
    let id = world.opportunity("x").await;
    let path = format!("sobjects/Opportunity/{id}");
    let read = world.get(&path).await;
    let seen = read.header("last-modified").unwrap().to_owned();
    assert!(seen.ends_with(" GMT"), "{seen}");
    assert_eq!(read.header("etag"), None, "only accounts have one");

    let change = async |name: &str, since: &str| {
        let body = json!({ "Name": name });
        world.ask(Method::PATCH, &path).header("If-Unmodified-Since", since).body(&body).send().await
    };
    change("same second", &seen).await.expect(204);
    world.control("clock", json!({ "advanceMs": 1000 })).await;
    world.ask_as("seller", Method::PATCH, &path).body(&json!({ "Name": "other" })).send().await.expect(204);
    assert_eq!(change("stale", &seen).await.status.as_u16(), 412);
    assert_eq!(world.get(&path).await.json()["Name"], "other");
    change("x", "yesterday").await.expect(400);

    let again = world.get(&path).await.header("last-modified").unwrap().to_owned();
    let unmodified = world.ask(Method::GET, &path).header("If-Modified-Since", &again).send().await;
    assert_eq!(unmodified.expect(304).text, "");
    world.ask(Method::GET, &path).header("If-Modified-Since", &seen).send().await.expect(200);
}

#[tokio::test]
async fn an_account_has_an_etag() {
    let world = World::start().await;
    let id = world.create("Account", json!({ "Name": "x" })).await;
    let path = format!("sobjects/Account/{id}");
    let tag = world.get(&path).await.header("etag").unwrap().to_owned();
    assert!(tag.ends_with("-gzip\""), "{tag}");
    let ask = async |method: Method, header: &str, value: &str| {
        world
            .ask(method, &path)
            .header(header, value)
            .body(&json!({ "Name": "y" }))
            .send()
            .await
            .status
            .as_u16()
    };
    assert_eq!(ask(Method::GET, "If-None-Match", &tag).await, 304);
    assert_eq!(ask(Method::PATCH, "If-None-Match", &tag).await, 412);
    assert_eq!(ask(Method::PATCH, "If-Match", &tag).await, 204);
    assert_eq!(ask(Method::PATCH, "If-Match", &tag).await, 412);
    assert_eq!(ask(Method::PATCH, "If-Match", "no tag").await, 400);
}

#[tokio::test]
async fn rows_of_a_collection_succeed_or_fail_by_themselves() {
    let world = World::start().await;
    let record = |kind: &str, mut body: Value| {
        body["attributes"] = json!({ "type": kind });
        body
    };
    let records = json!([
        record("Opportunity", deal("a")),
        record("Opportunity", json!({ "Name": "b" })),
        record("Account", json!({ "Name": "c" })),
        json!({ "Name": "no type" }),
    ]);
    let body = json!({ "allOrNone": false, "records": records });
    let rows = world.post("composite/sobjects", body).await.expect(200).json();
    assert_eq!(rows[0]["success"], true);
    assert_eq!(rows[1]["errors"][0]["statusCode"], "REQUIRED_FIELD_MISSING");
    assert_eq!(rows[1]["errors"][0]["fields"], json!(["StageName", "CloseDate"]));
    assert_eq!(rows[2]["success"], true);
    assert_eq!(rows[3]["errors"][0]["statusCode"], "INVALID_TYPE");

    let (deal_id, account) = (rows[0]["id"].as_str().unwrap(), rows[2]["id"].as_str().unwrap());
    let changes = json!([
        record("Opportunity", json!({ "id": deal_id, "Amount": 7 })),
        record("Account", json!({ "Id": account, "Nonsense": 7 })),
    ]);
    let body = json!({ "allOrNone": true, "records": changes });
    let rows = world.patch("composite/sobjects", body).await.expect(200).json();
    assert_eq!(rows[0]["errors"][0]["statusCode"], "ALL_OR_NONE_OPERATION_ROLLED_BACK");
    assert_eq!(rows[1]["errors"][0]["statusCode"], "INVALID_FIELD");
    let path = format!("composite/sobjects/Opportunity?ids={deal_id},0065e0000000009AAA&fields=Amount");
    let read = world.get(&path).await.expect(200).json();
    assert_eq!((&read[0]["Amount"], &read[1]), (&Value::Null, &Value::Null), "all was taken back");

    let body = json!({ "ids": [deal_id], "fields": ["Name"] });
    assert_eq!(world.post("composite/sobjects/Opportunity", body).await.json()[0]["Name"], "a");
    let path = format!("composite/sobjects?ids={deal_id},{deal_id}&allOrNone=false");
    let rows = world.delete(&path).await.expect(200).json();
    assert_eq!(
        (&rows[0]["success"], &rows[1]["errors"][0]["statusCode"]),
        (&json!(true), &json!("ENTITY_IS_DELETED"))
    );
}

#[tokio::test]
async fn a_collection_is_upserted_by_external_id() {
    let world = World::start().await;
    let record = |key: &str, body: Value| {
        let mut body = body;
        body["attributes"] = json!({ "type": "Opportunity" });
        body["Referral_Identfier__c"] = json!(key);
        body
    };
    let path = "composite/sobjects/Opportunity/Referral_Identfier__c";
    let body = json!({ "records": [record("r-1", deal("a")), record("r-1", json!({ "Name": "b" }))] });
    let rows = world.patch(path, body).await.expect(200).json();
    assert_eq!((&rows[0]["created"], &rows[1]["created"]), (&json!(true), &json!(false)));
    assert_eq!(rows[0]["id"], rows[1]["id"]);
    let body = json!({ "allOrNone": true, "records": [record("r-2", deal("c")), record("r-3", json!({}))] });
    let rows = world.patch(path, body).await.expect(200).json();
    assert_eq!((&rows[0]["success"], &rows[0]["created"]), (&json!(false), &json!(true)));
    assert_eq!(world.soql("SELECT COUNT() FROM Opportunity").await.json()["totalSize"], 1);
    let many: Vec<Value> = (0..201).map(|at| record(&at.to_string(), deal("x"))).collect();
    world.patch(path, json!({ "records": many })).await.refused(400, "EXCEEDED_ID_LIMIT");
}

#[tokio::test]
async fn a_composite_request_refers_to_its_own_answers_and_counts_as_one_call() {
    let world = World::start().await;
    let before = world.get("limits").await.json()["DailyApiRequests"]["Remaining"].as_u64().unwrap();
    let mut with_account = deal("x");
    with_account["AccountId"] = json!("@{account.id}");
    let requests = json!([
        sub("POST", "sobjects/Account", "account", json!({ "Name": "Contoso" })),
        sub("POST", "sobjects/Opportunity", "deal", with_account),
        sub("GET", "sobjects/Opportunity/@{deal.id}?fields=Name,AccountId", "read", Value::Null),
        sub("GET", "query?q=SELECT+Name+FROM+Account+WHERE+Id='@{read.AccountId}'", "found", Value::Null),
        sub("PATCH", "sobjects/Account/@{found.records[0].attributes.url}", "wrong", json!({})),
        sub(
            "PATCH",
            "sobjects/Opportunity/@{deal.id}",
            "named",
            json!({ "NextStep": "Call @{found.records[0].Name}" })
        ),
        sub("GET", "sobjects/Opportunity/@{wrong.id}", "orphan", Value::Null),
    ]);
    let reply = world.post("composite", json!({ "compositeRequest": requests })).await.expect(200).json();
    let answers = reply["compositeResponse"].as_array().unwrap();
    let statuses: Vec<u64> =
        answers.iter().map(|answer| answer["httpStatusCode"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [201, 201, 200, 200, 404, 204, 400]);
    assert!(answers[0]["httpHeaders"]["Location"].as_str().unwrap().contains("/sobjects/Account/001"));
    assert_eq!(answers[6]["body"][0]["errorCode"], "PROCESSING_HALTED");
    let deal = answers[1]["body"]["id"].as_str().unwrap();
    assert_eq!(world.get(&format!("sobjects/Opportunity/{deal}")).await.json()["NextStep"], "Call Contoso");
    let after = world.get("limits").await.json()["DailyApiRequests"]["Remaining"].as_u64().unwrap();
    assert_eq!(before - after, 3, "the composite, the read and the limits");
}

#[tokio::test]
async fn a_composite_request_of_all_or_none_takes_everything_back() {
    let world = World::start().await;
    let requests = json!([
        sub("POST", "sobjects/Account", "a", json!({ "Name": "Contoso" })),
        sub("POST", "sobjects/Account", "b", json!({})),
        sub("POST", "sobjects/Account", "c", json!({ "Name": "Fabrikam" })),
    ]);
    let body = json!({ "allOrNone": true, "compositeRequest": requests });
    let reply = world.post("composite/", body).await.expect(200).json();
    let codes: Vec<&str> =
        (0..3).map(|at| reply["compositeResponse"][at]["body"][0]["errorCode"].as_str().unwrap()).collect();
    assert_eq!(codes, ["PROCESSING_HALTED", "REQUIRED_FIELD_MISSING", "PROCESSING_HALTED"]);
    assert_eq!(world.soql("SELECT COUNT() FROM Account").await.json()["totalSize"], 0);
}

#[tokio::test]
async fn a_subrequest_may_be_conditional_but_brings_no_headers_of_its_sender() {
    let world = World::start().await;
    let id = world.opportunity("x").await;
    let request = |name: &str, value: &str| {
        let mut request = sub("PATCH", &format!("sobjects/Opportunity/{id}"), "a", json!({ "Name": "y" }));
        request["httpHeaders"] = json!({ name: value });
        json!({ "compositeRequest": [request] })
    };
    let stale =
        world.post("composite", request("If-Unmodified-Since", "Wed, 01 Jan 2020 00:00:00 GMT")).await;
    assert_eq!(stale.expect(200).json()["compositeResponse"][0]["httpStatusCode"], 412);
    for forbidden in ["Accept", "authorization", "Content-Type"] {
        world.post("composite", request(forbidden, "x")).await.refused(400, "INVALID_INPUT");
    }
    let many: Vec<Value> = (0..26).map(|at| sub("GET", "limits", &format!("r{at}"), Value::Null)).collect();
    world.post("composite", json!({ "compositeRequest": many })).await.refused(400, "LIMIT_EXCEEDED");
    let twice = json!([sub("GET", "limits", "a", Value::Null), sub("GET", "limits", "a", Value::Null)]);
    world.post("composite", json!({ "compositeRequest": twice })).await.refused(400, "INVALID_INPUT");
}

#[tokio::test]
async fn a_batch_halts_if_it_is_told_to() {
    let world = World::start().await;
    let requests = json!([
        { "method": "POST", "url": "v60.0/sobjects/Account", "richInput": { "Name": "x" } },
        { "method": "GET", "url": "v60.0/sobjects/Nonsense" },
        { "method": "GET", "url": "v60.0/limits" },
    ]);
    for (halt, statuses) in [(false, [201, 404, 200]), (true, [201, 404, 412])] {
        let body = json!({ "haltOnError": halt, "batchRequests": requests });
        let reply = world.post("composite/batch", body).await.expect(200).json();
        assert_eq!(reply["hasErrors"], true);
        let found: Vec<u64> = (0..3).map(|at| reply["results"][at]["statusCode"].as_u64().unwrap()).collect();
        assert_eq!(found, statuses);
    }
}

#[tokio::test]
async fn a_tree_is_planted_completely_or_not_at_all() {
    let world = World::start().await;
    let tree = |name: Value| {
        json!({ "records": [{
            "attributes": { "type": "Account", "referenceId": "account" }, "Name": "Contoso",
            "Contacts": { "records": [
                { "attributes": { "type": "Contact", "referenceId": "contact" }, "LastName": name },
            ] },
        }] })
    };
    let bad = world.post("composite/tree/Account", tree(Value::Null)).await.expect(400).json();
    assert_eq!(bad["results"][0]["referenceId"], "contact");
    assert_eq!(bad["results"][0]["errors"][0]["statusCode"], "REQUIRED_FIELD_MISSING");
    assert_eq!(world.soql("SELECT COUNT() FROM Account").await.json()["totalSize"], 0);
    let good = world.post("composite/tree/Account/", tree(json!("Lee"))).await.expect(201).json();
    assert_eq!(good["hasErrors"], false);
    assert_eq!(
        world.column("Name", "SELECT Name FROM Contact WHERE Account.Name = 'Contoso'").await,
        ["Lee"]
    );
}
