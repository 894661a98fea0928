//! Create, read, update, upsert, delete.

use crate::support::{SET, World};
use reqwest::Method;
use serde_json::{Value, json};

const GUID: &str = "11111111-2222-4333-8444-555555555555";

#[tokio::test]
async fn a_created_row_is_named_in_a_header_and_can_be_read() {
    let world = World::start().await;
    let reply = world.post(SET, json!({ "name": "Contoso renewal" })).await.expect(204);
    let url = reply.header("odata-entityid").unwrap().to_owned();
    assert!(url.starts_with(&world.url("opportunities(")), "{url}");
    assert!(reply.text.is_empty());

    let row = world.get(&url).await.expect(200);
    let etag = row.header("etag").unwrap().to_owned();
    let row = row.json();
    assert_eq!(row["name"], "Contoso renewal");
    assert_eq!(row["@odata.etag"], etag);
    assert!(etag.starts_with("W/\"") && etag.trim_matches(['W', '/', '"']).parse::<u64>().is_ok(), "{etag}");
    assert_eq!(row["statecode"], 0);
    assert_eq!(row["statuscode"], 1);
    assert_eq!(row["_modifiedby_value"], crosswalk_sandbox::dynamics::APPLICATION_USER_ID.to_string());
}

#[tokio::test]
async fn columns_without_a_value_are_null_and_never_absent() {
    let world = World::start().await;
    let id = world.opportunity("x").await;
    let row = world.get(&format!("opportunities({id})")).await.expect(200).json();
    for property in ["description", "estimatedclosedate", "_parentaccountid_value", "msft_referralidentifier"]
    {
        assert!(row.as_object().unwrap().contains_key(property), "{property} is absent");
        assert_eq!(row[property], Value::Null);
    }
}

#[tokio::test]
async fn the_representation_comes_with_201_and_without_the_url_header() {
    let world = World::start().await;
    let reply = world
        .ask(Method::POST, "opportunities?$select=name")
        .prefer("return=representation")
        .body(&json!({ "name": "x" }))
        .send()
        .await
        .expect(201);
    assert_eq!(reply.header("odata-entityid"), None);
    assert_eq!(reply.header("preference-applied"), Some("return=representation"));
    assert_eq!(reply.json()["name"], "x");
    assert!(reply.json().get("description").is_none());

    let id = reply.json()["opportunityid"].as_str().unwrap().to_owned();
    let updated = world
        .ask(Method::PATCH, &format!("opportunities({id})"))
        .prefer("return=representation")
        .body(&json!({ "name": "y" }))
        .send()
        .await
        .expect(200);
    assert_eq!(updated.json()["name"], "y");
}

#[tokio::test]
async fn a_client_may_choose_the_guid_once() {
    let world = World::start().await;
    assert_eq!(world.create(SET, json!({ "opportunityid": GUID, "name": "x" })).await, GUID);
    world.post(SET, json!({ "opportunityid": GUID, "name": "y" })).await.refused(412, "0x80040237");
}

#[tokio::test]
async fn an_upsert_by_key_creates_once_and_answers_with_the_key() {
    let world = World::start().await;
    let path = "opportunities(msft_referralidentifier='r-1')";
    let reply = world.patch(path, json!({ "name": "first" })).await.expect(204);
    assert_eq!(reply.header("odata-entityid"), Some(world.url(path).as_str()));
    let created = world.get(path).await.expect(200).json();
    assert_eq!(created["msft_referralidentifier"], "r-1");

    world.patch(path, json!({ "name": "second", "msft_referralidentifier": "other" })).await.expect(204);
    let updated = world.get(path).await.expect(200).json();
    assert_eq!(updated["opportunityid"], created["opportunityid"]);
    assert_eq!(
        (updated["name"].as_str(), updated["msft_referralidentifier"].as_str()),
        (Some("second"), Some("r-1"))
    );
}

#[tokio::test]
async fn a_differing_key_value_in_the_body_wins_when_an_upsert_creates() {
    let world = World::start().await;
    let path = "opportunities(msft_referralidentifier='url')";
    world.patch(path, json!({ "name": "x", "msft_referralidentifier": "body" })).await.expect(204);
    world.get(path).await.refused(404, "0x80060891");
    world.get("opportunities(msft_referralidentifier='body')").await.expect(200);
}

#[tokio::test]
async fn key_values_are_unquoted_decoded_and_compared_without_case() {
    let world = World::start().await;
    world.create(SET, json!({ "name": "x", "msft_referralidentifier": "O'Hara Ltd" })).await;
    world.get("opportunities(msft_referralidentifier='o%27%27hara%20LTD')").await.expect(200);
    assert_eq!(world.get("opportunities(msft_referralidentifier='a%3Ab')").await.status, 400);
}

#[tokio::test]
async fn a_second_row_with_the_same_key_is_refused() {
    let world = World::start().await;
    world.create(SET, json!({ "name": "x", "msft_referralidentifier": "r-1" })).await;
    world
        .post(SET, json!({ "name": "y", "msft_referralidentifier": "R-1" }))
        .await
        .refused(412, "0x80060892");
    let other = world.opportunity("z").await;
    let path = format!("opportunities({other})");
    world.patch(&path, json!({ "msft_referralidentifier": "r-1" })).await.refused(412, "0x80060892");
    assert_eq!(world.get(&path).await.json()["msft_referralidentifier"], Value::Null);
}

#[tokio::test]
async fn concurrent_upserts_of_one_key_leave_one_row() {
    let world = World::start().await;
    let path = "opportunities(msft_referralidentifier='race')";
    let all = (0..8).map(|n| world.patch(path, json!({ "name": format!("n{n}") })));
    for reply in futures::future::join_all(all).await {
        reply.expect(204);
    }
    let count = world.get("opportunities/$count?$filter=msft_referralidentifier eq 'race'").await;
    assert_eq!(count.text, "1");
}

#[tokio::test]
async fn lookups_are_bound_in_every_form_and_cleared_with_null() {
    let world = World::start().await;
    let account = world.create("accounts", json!({ "name": "Contoso" })).await;
    let id = world.opportunity("x").await;
    let path = format!("opportunities({id})");
    let absolute = world.url(&format!("accounts({account})"));
    for bind in [format!("/accounts({account})"), format!("accounts({account})"), absolute] {
        world.patch(&path, json!({ "customerid_account@odata.bind": bind })).await.expect(204);
        assert_eq!(world.get(&path).await.json()["_customerid_value"], account);
        world.patch(&path, json!({ "customerid_account@odata.bind": null })).await.expect(204);
        assert_eq!(world.get(&path).await.json()["_customerid_value"], Value::Null);
    }
    world.create(SET, json!({ "name": "keyed", "msft_referralidentifier": "k" })).await;
    let unknown = world.patch(&path, json!({ "customerId_Account@odata.bind": "/accounts(x)" })).await;
    unknown.refused(400, "0x80048d19");
    let missing =
        world.patch(&path, json!({ "parentaccountid@odata.bind": format!("/accounts({GUID})") })).await;
    missing.refused(404, "0x80040217");
    let wrong =
        world.patch(&path, json!({ "parentaccountid@odata.bind": format!("/opportunities({id})") })).await;
    wrong.refused(400, "0x80048d19");
}

#[tokio::test]
async fn a_lookup_is_cleared_by_deleting_its_reference() {
    let world = World::start().await;
    let account = world.create("accounts", json!({ "name": "Contoso" })).await;
    let body = json!({ "name": "x", "parentaccountid@odata.bind": format!("/accounts({account})") });
    let id = world.create(SET, body).await;
    let path = format!("opportunities({id})");
    assert_eq!(
        world.get(&format!("{path}/parentaccountid?$select=name")).await.expect(200).json()["name"],
        "Contoso"
    );
    assert_eq!(world.ask(Method::DELETE, &format!("{path}/parentaccountid")).send().await.status, 405);
    world.ask(Method::DELETE, &format!("{path}/parentaccountid/$ref")).send().await.expect(204);
    assert_eq!(world.get(&path).await.json()["_parentaccountid_value"], Value::Null);
}

#[tokio::test]
async fn a_deep_insert_creates_all_rows_or_none() {
    let world = World::start().await;
    let body = json!({
        "name": "deal",
        "parentaccountid": { "name": "Contoso", "primarycontactid": { "lastname": "Lee", "firstname": "Kim" } },
        "Opportunity_OpportunityClose": [{ "subject": "note" }],
    });
    let id = world.create(SET, body).await;
    let path = format!(
        "opportunities({id})?$expand=parentaccountid($select=name;$expand=primarycontactid($select=fullname))"
    );
    let row = world.get(&path).await.expect(200).json();
    assert_eq!(row["parentaccountid"]["primarycontactid"]["fullname"], "Kim Lee");
    let closes =
        world.get(&format!("opportunities({id})/Opportunity_OpportunityClose")).await.expect(200).json();
    assert_eq!(closes["value"][0]["subject"], "note");

    let bad = json!({ "name": "x", "nonsense": 1, "parentaccountid": { "name": "Orphan" } });
    world.post(SET, bad).await.refused(400, "0x80048d19");
    assert_eq!(world.get("accounts/$count?$filter=name eq 'Orphan'").await.text, "0");
}

#[tokio::test]
async fn one_column_is_read_written_and_cleared_by_its_own_url() {
    let world = World::start().await;
    let id = world.opportunity("x").await;
    let path = format!("opportunities({id})/description");
    assert_eq!(world.get(&path).await.status, 204);
    world.ask(Method::PUT, &path).body(&json!({ "value": "hello" })).send().await.expect(204);
    assert_eq!(world.get(&path).await.expect(200).json()["value"], "hello");
    assert_eq!(world.get(&format!("{path}/$value")).await.text, "hello");
    world.ask(Method::DELETE, &path).send().await.expect(204);
    assert_eq!(world.get(&path).await.status, 204);
}

#[tokio::test]
async fn a_deleted_row_is_gone_and_lookups_to_it_are_cleared() {
    let world = World::start().await;
    let account = world.create("accounts", json!({ "name": "Contoso" })).await;
    let body = json!({ "name": "x", "parentaccountid@odata.bind": format!("/accounts({account})") });
    let id = world.create(SET, body).await;
    let path = format!("accounts({account})");
    world.ask(Method::DELETE, &path).send().await.expect(204);
    world.get(&path).await.refused(404, "0x80040217");
    world.ask(Method::DELETE, &path).send().await.refused(404, "0x80040217");
    assert_eq!(
        world.get(&format!("opportunities({id})")).await.json()["_parentaccountid_value"],
        Value::Null
    );
}

#[tokio::test]
async fn values_that_do_not_fit_their_column_are_refused() {
    let world = World::start().await;
    let cases = [
        (json!({ "name": "n".repeat(301) }), "0x80044331"),
        (json!({ "budgetstatus": 99 }), "0x8004431a"),
        (json!({ "msft_howcanmicrosofthelp": 1 }), "0x8004431a"),
        (json!({ "closeprobability": 101 }), "0x80044330"),
        (json!({ "budgetamount": 1_000_000_000_001_i64 }), "0x80044330"),
        (json!({ "budgetamount": "12" }), "0x80048d19"),
        (json!({ "estimatedclosedate": "2026-01-31T00:00:00Z" }), "0x80048d19"),
        (json!({ "estimatedclosedate": "2026-02-30" }), "0x80048d19"),
        (json!({ "name": 5 }), "0x80048d19"),
        (json!({ "nonsense": 5 }), "0x80048d19"),
        (json!({ "_parentaccountid_value": GUID }), "0x80048d19"),
        (json!({ "statuscode": 3 }), "0x80048408"),
    ];
    for (body, code) in cases {
        world.post(SET, body).await.refused(400, code);
    }
    world.create(SET, json!({ "name": "é".repeat(300) })).await;
}

#[tokio::test]
async fn an_empty_text_is_stored_as_null() {
    let world = World::start().await;
    let id = world.create(SET, json!({ "name": "x", "description": "" })).await;
    assert_eq!(world.get(&format!("opportunities({id})")).await.json()["description"], Value::Null);
}

#[tokio::test]
async fn money_is_rounded_to_its_currency_and_shown_with_all_digits() {
    let world = World::start().await;
    let jpy = "/transactioncurrencies(c0000000-0000-4000-8000-000000000392)";
    let eur = "/transactioncurrencies(c0000000-0000-4000-8000-000000000978)";
    let text = r#"{"name":"usd","isrevenuesystemcalculated":false,"estimatedvalue":250000.505}"#;
    let reply = world
        .ask(Method::POST, SET)
        .prefer("return=representation")
        .text("application/json", text.to_owned())
        .send()
        .await
        .expect(201);
    assert!(reply.text.contains(r#""estimatedvalue":250000.51,"#), "{}", reply.text);
    assert!(reply.text.contains(r#""estimatedvalue_base":250000.5100,"#), "{}", reply.text);
    for (bind, value, base) in [(jpy, "1000", "6.6667"), (eur, "1000.20", "1087.1739")] {
        let body = json!({
            "name": "x", "isrevenuesystemcalculated": false, "estimatedvalue": 1000.2,
            "transactioncurrencyid@odata.bind": bind,
        });
        let id = world.create(SET, body).await;
        let row = world
            .get(&format!("opportunities({id})?$select=estimatedvalue,estimatedvalue_base"))
            .await
            .json();
        assert_eq!(row["estimatedvalue"].to_string(), value);
        assert_eq!(row["estimatedvalue_base"].to_string(), base);
        assert!(row["_transactioncurrencyid_value"].is_string());
    }
}

#[tokio::test]
async fn a_deal_value_is_lost_unless_the_revenue_is_user_provided() {
    let world = World::start().await;
    let id = world.create(SET, json!({ "name": "x", "estimatedvalue": 500 })).await;
    let path = format!("opportunities({id})");
    assert_eq!(world.get(&path).await.json()["estimatedvalue"].to_string(), "0.00");
    world
        .patch(&path, json!({ "isrevenuesystemcalculated": false, "estimatedvalue": 500 }))
        .await
        .expect(204);
    assert_eq!(world.get(&path).await.json()["estimatedvalue"].to_string(), "500.00");
}

#[tokio::test]
async fn dates_keep_their_day_and_moments_are_utc_seconds() {
    let world = World::start().await;
    let body = json!({ "name": "x", "estimatedclosedate": "2026-01-31", "overriddencreatedon": "2020-02-29T23:59:59.9+02:00" });
    let id = world.create(SET, body).await;
    let row = world.get(&format!("opportunities({id})")).await.json();
    assert_eq!(row["estimatedclosedate"], "2026-01-31");
    assert_eq!(row["createdon"], "2020-02-29T21:59:59Z");
}

#[tokio::test]
async fn writes_are_attributed_to_the_caller_or_to_whom_they_act_for() {
    let world = World::start().await;
    let id = world.opportunity("x").await;
    let path = format!("opportunities({id})");
    let seller = crosswalk_sandbox::dynamics::SELLER_ID.to_string();
    world.ask_as("seller", Method::PATCH, &path).body(&json!({ "name": "y" })).send().await.expect(204);
    assert_eq!(world.get(&path).await.json()["_modifiedby_value"], seller);

    world.patch(&path, json!({ "name": "z" })).await.expect(204);
    assert_ne!(world.get(&path).await.json()["_modifiedby_value"], seller);
    let acting = world.ask(Method::PATCH, &path).header("MSCRMCallerID", &seller);
    acting.body(&json!({ "name": "a" })).send().await.expect(204);
    let row = world.get(&path).await.json();
    assert_eq!(row["_modifiedby_value"], seller);
    assert_eq!(
        row["_modifiedonbehalfby_value"],
        crosswalk_sandbox::dynamics::APPLICATION_USER_ID.to_string()
    );
}

#[tokio::test]
async fn who_am_i_names_the_user_of_the_token() {
    let world = World::start().await;
    let me = world.get("WhoAmI()").await.expect(200).json();
    assert_eq!(me["UserId"], crosswalk_sandbox::dynamics::APPLICATION_USER_ID.to_string());
    world.get("WhoAmI").await.expect(200);

    let token_url = format!("{}/contoso/oauth2/v2.0/token", world.origin);
    let scope = format!("{}/.default", world.origin);
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", "app-1"),
        ("client_secret", "s"),
        ("scope", &scope),
    ];
    let token: Value = world.http.post(token_url).form(&form).send().await.unwrap().json().await.unwrap();
    let token = token["access_token"].as_str().unwrap_or_else(|| panic!("{token}")).to_owned();
    let other = world.ask_as(&token, Method::GET, "WhoAmI()").send().await.expect(200).json();
    assert_ne!(other["UserId"], me["UserId"]);
    let user =
        world.get(&format!("systemusers({})", other["UserId"].as_str().unwrap())).await.expect(200).json();
    assert_eq!(user["fullname"], "# app-1");
}

#[tokio::test]
async fn a_request_without_a_good_token_is_challenged() {
    let world = World::start().await;
    let reply = world.ask_as("forged", Method::GET, "WhoAmI()").send().await.expect(401);
    assert!(reply.header("www-authenticate").unwrap().contains("authorization_uri="));
}

#[tokio::test]
async fn automation_changes_a_row_in_the_same_write() {
    let world = World::start().await;
    world
        .switch(json!({ "automation": [{
            "table": "opportunity", "when": "name",
            "set": { "contoso_region": "EMEA" }, "normalise": { "name": "trim" },
        }] }))
        .await;
    let id = world.opportunity("  padded ").await;
    let row = world.get(&format!("opportunities({id})")).await.json();
    assert_eq!((row["name"].as_str(), row["contoso_region"].as_str()), (Some("padded"), Some("EMEA")));
}

#[tokio::test]
async fn many_rows_are_written_at_once_or_not_at_all() {
    let world = World::start().await;
    let row = |name: &str| json!({ "@odata.type": "Microsoft.Dynamics.CRM.opportunity", "name": name });
    let create = "opportunities/Microsoft.Dynamics.CRM.CreateMultiple";
    let made = world.post(create, json!({ "Targets": [row("a"), row("b")] })).await.expect(200).json();
    assert_eq!(made["Ids"].as_array().unwrap().len(), 2);
    let mut bad = row("d");
    bad["nonsense"] = json!(1);
    world.post(create, json!({ "Targets": [row("c"), bad] })).await.refused(400, "0x80048d19");
    assert_eq!(world.get("opportunities/$count").await.text, "2");

    let mut change = row("changed");
    change["opportunityid"] = made["Ids"][0].clone();
    let update = "opportunities/Microsoft.Dynamics.CRM.UpdateMultiple";
    world.post(update, json!({ "Targets": [change] })).await.expect(204);
    let mut missing = row("x");
    missing["opportunityid"] = json!(GUID);
    world.post(update, json!({ "Targets": [missing] })).await.refused(404, "0x80040217");

    let mut keyed = row("keyed");
    keyed["@odata.id"] = json!("opportunities(msft_referralidentifier='r-1')");
    let upsert = "opportunities/Microsoft.Dynamics.CRM.UpsertMultiple";
    for _ in 0..2 {
        world.post(upsert, json!({ "Targets": [keyed.clone()] })).await.expect(204);
    }
    let rows = world.get("opportunities?$select=name&$orderby=name").await.json();
    let names: Vec<&str> =
        rows["value"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["b", "changed", "keyed"]);
}

#[tokio::test]
async fn the_currency_of_an_opportunity_with_products_is_locked() {
    let world = World::start().await;
    let path = format!("opportunities({})", world.opportunity("x").await);
    let bind =
        |id: &str| json!({"transactioncurrencyid@odata.bind": format!("/transactioncurrencies({id})")});
    let (usd, eur) = ("c0000000-0000-4000-8000-000000000840", "c0000000-0000-4000-8000-000000000978");
    world.switch(json!({"currencyLocked": true})).await;
    world.patch(&path, bind(usd)).await.expect(204);
    world.patch(&path, bind(eur)).await.refused(400, "0x80048479");
    world.switch(json!({"currencyLocked": false})).await;
    world.patch(&path, bind(eur)).await.expect(204);
}
