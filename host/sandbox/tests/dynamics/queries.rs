//! Reading many rows: filters, order, pages, counts, expansions, annotations.

use crate::support::World;
use reqwest::Method;
use serde_json::{Value, json};

/// The names that a query brings, in its order.
async fn names(world: &World, query: &str) -> Vec<String> {
    let reply = world.get(&format!("opportunities?$select=name&{query}")).await.expect(200).json();
    reply["value"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect()
}

/// Three opportunities: a (no probability), b (10) and c (20), the last two with an account.
async fn three(world: &World) -> String {
    let account = world.create("accounts", json!({ "name": "O'Hara & Sons", "revenue": 5 })).await;
    world.create("opportunities", json!({ "name": "a" })).await;
    for (name, probability, date) in [("b", 10, "2026-01-31"), ("c", 20, "2026-02-01")] {
        let body = json!({
            "name": name, "closeprobability": probability, "estimatedclosedate": date,
            "msft_syncwithpartnercenter": name == "c",
            "parentaccountid@odata.bind": format!("/accounts({account})"),
        });
        world.create("opportunities", body).await;
    }
    account
}

#[tokio::test]
async fn filters_bring_exactly_the_rows_that_they_describe() {
    let world = World::start().await;
    let account = three(&world).await;
    let lookup = format!("_parentaccountid_value eq {account}");
    let cases = [
        ("name eq 'B'", "b"),
        ("name ne 'b'", "ac"),
        ("closeprobability gt 10", "c"),
        ("closeprobability ge 10 and closeprobability lt 20", "b"),
        ("closeprobability eq null", "a"),
        ("closeprobability ne null", "bc"),
        ("not (name eq 'a')", "bc"),
        ("name eq 'a' or name eq 'b' and closeprobability eq 99", "a"),
        ("(name eq 'a' or name eq 'b') and closeprobability eq 10", "b"),
        ("estimatedclosedate le 2026-01-31", "b"),
        ("createdon gt 2020-01-01T00:00:00Z", "abc"),
        ("msft_syncwithpartnercenter eq true", "c"),
        (lookup.as_str(), "bc"),
        ("parentaccountid/name eq 'O''Hara %26 Sons'", "bc"),
        ("parentaccountid/revenue gt 4.5", "bc"),
        ("contains(parentaccountid/name,'hara')", "bc"),
        ("startswith(name,'B') or endswith(name,'c')", "bc"),
        ("contains(name,'a') eq false", "bc"),
        ("Microsoft.Dynamics.CRM.In(PropertyName='name',PropertyValues=['a','c'])", "ac"),
        ("name in ('a','b')", "ab"),
        ("statecode eq 0 and (statuscode eq 1)", "abc"),
    ];
    for (filter, expected) in cases {
        let found = names(&world, &format!("$orderby=name&$filter={filter}")).await;
        assert_eq!(found.concat(), expected, "{filter}");
    }
}

#[tokio::test]
async fn filters_that_make_no_sense_are_refused() {
    let world = World::start().await;
    let cases = [
        "nonsense eq 1",
        "name eqq 'x'",
        "name eq 'x",
        "name eq",
        "(name eq 'x'",
        "closeprobability eq 'x'",
        "name eq 5",
        "parentaccountid eq null",
        "Name eq 'x'",
        "closeprobability add 1 eq 2",
        "parentaccountid/nonsense eq 1",
    ];
    for filter in cases {
        world.get(&format!("opportunities?$filter={filter}")).await.refused(400, "0x80060888");
    }
    for filter in
        ["accounts/any(a:a/name eq 'x')", "Microsoft.Dynamics.CRM.Last7Days(PropertyName='createdon')"]
    {
        assert_eq!(world.get(&format!("opportunities?$filter={filter}")).await.status, 501, "{filter}");
    }
    let deep = format!("{}name eq 'x'{}", "(".repeat(500), ")".repeat(500));
    world.get(&format!("opportunities?$filter={deep}")).await.refused(400, "0x80060888");
}

#[tokio::test]
async fn rows_are_ordered_and_cut() {
    let world = World::start().await;
    three(&world).await;
    assert_eq!(names(&world, "$orderby=closeprobability desc").await.concat(), "cba");
    assert_eq!(names(&world, "$orderby=closeprobability asc,name desc&$top=2").await.concat(), "ab");
    assert_eq!(names(&world, "$orderby=parentaccountid/name desc,name desc").await.concat(), "cba");
}

#[tokio::test]
async fn pages_follow_each_other_through_opaque_links() {
    let world = World::start().await;
    for n in 0..5 {
        world.opportunity(&format!("n{n}")).await;
    }
    let first =
        "opportunities?$select=name&$orderby=name desc&$count=true&$filter=contains(name,'n')".to_owned();
    let (mut next, mut found, mut pages) = (Some(first), Vec::new(), 0);
    while let Some(url) = next {
        let reply = world.ask(Method::GET, &url).prefer("odata.maxpagesize=2").send().await.expect(200);
        assert_eq!(reply.header("preference-applied"), Some("odata.maxpagesize=2"));
        let page = reply.json();
        assert_eq!(page["@odata.count"], 5);
        found.extend(
            page["value"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap().to_owned()),
        );
        next = page["@odata.nextLink"].as_str().map(str::to_owned);
        pages += 1;
    }
    assert_eq!((found.join(" ").as_str(), pages), ("n4 n3 n2 n1 n0", 3));
}

#[tokio::test]
async fn a_link_that_a_client_decoded_once_too_often_is_refused() {
    let world = World::start().await;
    for n in 0..3 {
        world.opportunity(&format!("n{n}")).await;
    }
    let reply = world
        .ask(Method::GET, "opportunities?$select=name")
        .prefer("odata.maxpagesize=1")
        .send()
        .await
        .json();
    let link = reply["@odata.nextLink"].as_str().unwrap().replace("%25", "%");
    world.ask(Method::GET, &link).prefer("odata.maxpagesize=1").send().await.refused(400, "0x80060888");
}

#[tokio::test]
async fn a_row_deleted_between_two_pages_hides_no_other() {
    let world = World::start().await;
    let mut ids = Vec::new();
    for n in 0..4 {
        ids.push(world.opportunity(&format!("n{n}")).await);
    }
    let page = world
        .ask(Method::GET, "opportunities?$orderby=name")
        .prefer("odata.maxpagesize=2")
        .send()
        .await
        .json();
    world.ask(Method::DELETE, &format!("opportunities({})", ids[0])).send().await.expect(204);
    let link = page["@odata.nextLink"].as_str().unwrap();
    let page = world.ask(Method::GET, link).prefer("odata.maxpagesize=2").send().await.expect(200).json();
    assert_eq!(page["value"][0]["name"], "n2");
}

#[tokio::test]
async fn only_selected_columns_and_the_key_come_back() {
    let world = World::start().await;
    let id = world.opportunity("x").await;
    let row = world.get(&format!("opportunities({id})?$select=name,_ownerid_value")).await.expect(200).json();
    let mut members: Vec<&str> = row.as_object().unwrap().keys().map(String::as_str).collect();
    members.sort_unstable();
    assert_eq!(members, ["@odata.context", "@odata.etag", "_ownerid_value", "name", "opportunityid"]);
    let context = row["@odata.context"].as_str().unwrap();
    assert!(context.ends_with("$metadata#opportunities(name,_ownerid_value)/$entity"), "{context}");
    world.get("opportunities?$select=ownerid").await.refused(400, "0x80060888");
    world.get("opportunities?$select=NAME").await.refused(400, "0x80060888");
}

#[tokio::test]
async fn annotations_come_when_they_are_asked_for() {
    let world = World::start().await;
    let account = world.create("accounts", json!({ "name": "Contoso" })).await;
    let body = json!({
        "name": "x", "isrevenuesystemcalculated": false, "estimatedvalue": 1234.5,
        "customerid_account@odata.bind": format!("/accounts({account})"),
    });
    let id = world.create("opportunities", body).await;
    let path = format!("opportunities({id})");
    let asked =
        world.ask(Method::GET, &path).prefer("odata.include-annotations=\"*\"").send().await.expect(200);
    assert_eq!(asked.header("preference-applied"), Some("odata.include-annotations=\"*\""));
    let row = asked.json();
    let formatted = |column: &str| row[format!("{column}@OData.Community.Display.V1.FormattedValue")].clone();
    assert_eq!(formatted("statuscode"), "In Progress");
    assert_eq!(formatted("statecode"), "Open");
    assert_eq!(formatted("estimatedvalue"), "$1,234.50");
    assert_eq!(formatted("_customerid_value"), "Contoso");
    assert_eq!(formatted("isrevenuesystemcalculated"), "No");
    assert_eq!(row["_customerid_value@Microsoft.Dynamics.CRM.lookuplogicalname"], "account");
    assert_eq!(
        row["_customerid_value@Microsoft.Dynamics.CRM.associatednavigationproperty"],
        "customerid_account"
    );

    let plain = world.get(&path).await.json();
    assert!(plain.as_object().unwrap().keys().all(|name| !name.contains("FormattedValue")));
    let some = world
        .ask(Method::GET, &path)
        .prefer("odata.include-annotations=\"OData.Community.Display.V1.FormattedValue\"");
    let some = some.send().await.json();
    assert!(some.get("statecode@OData.Community.Display.V1.FormattedValue").is_some());
    assert!(some.get("_customerid_value@Microsoft.Dynamics.CRM.lookuplogicalname").is_none());
}

#[tokio::test]
async fn errors_carry_details_when_annotations_are_asked_for() {
    let world = World::start().await;
    let ask = world.ask(Method::GET, "opportunities?$select=x").prefer("odata.include-annotations=\"*\"");
    let error = ask.send().await.expect(400).json();
    assert!(error["error"]["@Microsoft.PowerApps.CDS.HelpLink"].is_string());
    assert_eq!(world.get("opportunities?$select=x").await.json()["error"].as_object().unwrap().len(), 2);
}

#[tokio::test]
async fn an_expanded_lookup_is_an_object_with_its_own_etag_or_null() {
    let world = World::start().await;
    three(&world).await;
    let query = "opportunities?$select=name&$orderby=name&$expand=parentaccountid($select=name)";
    let rows = world.get(query).await.expect(200).json();
    assert_eq!(rows["value"][0]["parentaccountid"], Value::Null);
    assert_eq!(rows["value"][1]["parentaccountid"]["name"], "O'Hara & Sons");
    assert!(rows["value"][1]["parentaccountid"]["@odata.etag"].is_string());
    world.get("opportunities?$expand=nonsense").await.refused(400, "0x80060888");
}

#[tokio::test]
async fn a_collection_is_read_by_its_own_url() {
    let world = World::start().await;
    let account = world.create("accounts", json!({ "name": "Contoso" })).await;
    let bind = format!("/accounts({account})");
    world.create("contacts", json!({ "lastname": "Lee", "parentcustomerid_account@odata.bind": bind })).await;
    world.create("contacts", json!({ "lastname": "Other" })).await;
    let path = format!("accounts({account})/contact_customer_accounts?$select=lastname");
    let rows = world.get(&path).await.expect(200).json();
    assert_eq!(rows["value"].as_array().unwrap().len(), 1);
    assert_eq!(rows["value"][0]["lastname"], "Lee");
}

#[tokio::test]
async fn what_is_not_there_and_what_is_not_simulated_are_told_apart() {
    let world = World::start().await;
    world.get("nonsenses").await.refused(404, "0x80060888");
    assert_eq!(world.patch("opportunities", json!({})).await.status, 405);
    assert_eq!(world.get("opportunities?fetchXml=%3Cfetch/%3E").await.status, 501);
    assert_eq!(
        world
            .post("leads(11111111-2222-4333-8444-555555555555)/Microsoft.Dynamics.CRM.Nonsense", json!({}))
            .await
            .status,
        501
    );
    world.get("opportunities(name='x')").await.refused(400, "0x80060888");
}

#[tokio::test]
async fn each_throttling_limit_is_answered_in_its_own_words() {
    let world = World::start().await;
    let cases = [("requests", "0x80072322"), ("executionTime", "0x80072321"), ("concurrency", "0x80072326")];
    for (limit, code) in cases {
        world.switch(json!({ "throttle": { "limit": limit, "count": 1, "retryAfterSeconds": 7 } })).await;
        let reply = world.post("opportunities", json!({ "name": "x" })).await;
        reply.refused(429, code);
        assert_eq!(reply.header("retry-after"), Some("7"));
        assert_eq!(world.get("opportunities/$count").await.text, "0");
    }
}
