//! Writes of Dataverse records, and what each kind of failure comes to.

use crosswalk_connectors::Fault;
use crosswalk_engine::{
    mapping::Companion,
    pass::Seen,
    value::{Fields, RecordKey, Reference, Value},
};
use serde_json::json;

use crate::{
    dynamics::{ACCOUNT, CURRENCY, ID, error, key},
    server::{Server, dynamics, hanging_up, reply},
};

pub(crate) const VERSION: &str = "W/\"7\"";

fn name() -> Fields {
    [("name".to_owned(), Value::Text("New".into()))].into()
}

fn refused(seen: Seen) -> crosswalk_engine::pass::SystemRefusal {
    let Seen::Refused(refusal) = seen else { panic!("not refused: {seen:?}") };
    refusal
}

#[tokio::test]
async fn an_update_carries_the_version_and_brings_the_new_one_back() {
    let server =
        Server::answering(vec![reply(200, json!({"@odata.etag": "W/\"8\"", "opportunityid": ID}))]).await;
    let currency = RecordKey { entity: "transactioncurrency".into(), id: CURRENCY.to_uppercase() };
    let fields: Fields = [
        ("name".to_owned(), Value::Text("New".into())),
        ("estimatedvalue".to_owned(), Value::Decimal("10000.10".parse().unwrap())),
        ("estimatedclosedate".to_owned(), Value::Date("2026-01-31".parse().unwrap())),
        ("statuscode".to_owned(), Value::Integer(2)),
        ("customerid".to_owned(), Value::Empty),
        ("transactioncurrencyid".to_owned(), Value::Reference(Reference::Existing(currency))),
        ("cosell_stamp".to_owned(), Value::Text("s2".into())),
    ]
    .into();
    let written = dynamics(&server.url).update(&key(), &fields, &[], VERSION).await.unwrap();
    assert_eq!(written, Seen::Written { version: "W/\"8\"".into(), key: Some(key()) });
    let asked = &server.asked()[0];
    assert_eq!(asked.line, format!("PATCH /api/data/v9.2/opportunities({ID})?$select=opportunityid"));
    assert_eq!(asked.header("if-match"), VERSION);
    assert_eq!(asked.header("prefer"), "return=representation");
    assert!(asked.body.contains(r#""estimatedvalue":10000.10"#), "{}", asked.body);
    let body = asked.json();
    assert_eq!(body["estimatedclosedate"], "2026-01-31");
    assert_eq!(body["statuscode"], 2);
    assert_eq!(body["customerid_account@odata.bind"], json!(null));
    assert!(body.as_object().unwrap().contains_key("customerid_account@odata.bind"));
    assert_eq!(body["transactioncurrencyid@odata.bind"], format!("/transactioncurrencies({CURRENCY})"));
}

#[tokio::test]
async fn a_field_that_is_not_declared_is_not_written() {
    let server = Server::answering(vec![]).await;
    let fields: Fields = [("ownerid".to_owned(), Value::Text("x".into()))].into();
    let seen = dynamics(&server.url).update(&key(), &fields, &[], VERSION).await.unwrap();
    assert_eq!(refused(seen).fields, ["ownerid"]);
    let (fields, companion) = customer();
    let seen = dynamics(&server.url).update(&key(), &fields, &[companion], "").await.unwrap();
    assert!(refused(seen).reason.contains("version is not known"));
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn the_four_kinds_of_412_are_told_apart() {
    let codes = ["0x80060882", "0x80060892", "0x80040237", "0x80040333", ""];
    let answers = |codes: &[&str]| codes.iter().map(|code| reply(412, error(code, "no"))).collect::<Vec<_>>();
    let server = Server::answering([answers(&codes), answers(&codes)].concat()).await;
    let client = dynamics(&server.url);
    let mut updates = Vec::new();
    for _ in codes {
        updates.push(client.update(&key(), &name(), &[], VERSION).await.unwrap() == Seen::Stale);
    }
    assert_eq!(updates, [true, false, false, false, true]);
    let mut creates = Vec::new();
    for _ in codes {
        let seen = client.create("opportunity", "cosell_referralid", "r1", &name(), &[]).await.unwrap();
        creates.push(seen == Seen::Stale);
    }
    assert_eq!(creates, [true, true, true, false, true]);
}

#[tokio::test]
async fn refusals_name_their_field_and_say_who_must_act() {
    let too_long = "A validation error occurred. The length of the 'name' attribute of the 'opportunity' entity \
                    exceeded the maximum allowed length of '300'.";
    let unknown = "Invalid property 'cosell_sync' was found in entity 'Microsoft.Dynamics.CRM.opportunity'.";
    let bind =
        "An undeclared property 'customerid_account' which only has property annotations in the payload";
    let server = Server::answering(vec![
        reply(400, error("0x80044331", too_long)),
        reply(400, error("0x80048d19", unknown)),
        reply(400, error("0x80048d19", bind)),
        reply(403, error("0x80040220", "Principal user lacks prvWriteOpportunity")),
        reply(403, error("0x80072560", "The user is not a member of the organization.")),
        reply(400, error("0x80040265", &"x".repeat(5000))),
        reply(400, error("0x80048408", "99 is not a valid status code for state code 0")),
    ])
    .await;
    let client = dynamics(&server.url);
    let mut fields = name();
    fields.insert("statuscode".into(), Value::Integer(99));
    fields.insert("cosell_sync".into(), Value::Flag(true));
    fields.insert("customerid".into(), Value::Empty);
    let update = async || client.update(&key(), &fields, &[], VERSION).await;
    let refusal = refused(update().await.unwrap());
    assert_eq!(refusal.fields, ["name"]);
    assert!(refusal.reason.contains("0x80044331: A validation error"), "{}", refusal.reason);
    assert_eq!(refused(update().await.unwrap()).fields, ["cosell_sync"]);
    assert_eq!(refused(update().await.unwrap()).fields, ["customerid"]);
    assert!(refused(update().await.unwrap()).reason.contains("application user"));
    assert!(matches!(update().await, Err(Fault::Unauthorised { .. })));
    assert!(refused(update().await.unwrap()).reason.len() <= 1024);
    assert_eq!(refused(update().await.unwrap()).fields, ["statuscode"]);
}

#[tokio::test]
async fn a_record_that_is_gone_is_stale_but_a_lookup_to_nothing_is_refused() {
    let gone = format!("opportunity With Id = {ID} Does Not Exist");
    let lookup = format!("account With Id = {ACCOUNT} Does Not Exist");
    let server = Server::answering(vec![
        reply(404, error("0x80040217", &gone)),
        reply(404, error("0x80040217", &lookup)),
    ])
    .await;
    let client = dynamics(&server.url);
    let account = RecordKey { entity: "account".into(), id: ACCOUNT.into() };
    let mut fields = name();
    fields.insert("customerid".into(), Value::Reference(Reference::Existing(account)));
    assert_eq!(client.update(&key(), &fields, &[], VERSION).await.unwrap(), Seen::Stale);
    let refusal = refused(client.update(&key(), &fields, &[], VERSION).await.unwrap());
    assert_eq!(refusal.fields, ["customerid"]);
}

#[tokio::test]
async fn a_write_whose_connection_is_dropped_is_unknown_and_not_repeated() {
    let (url, count) = hanging_up().await;
    let client = dynamics(&url);
    let seen = client.update(&key(), &name(), &[], VERSION).await.unwrap();
    assert!(matches!(seen, Seen::Unknown(_)), "{seen:?}");
    let seen = client.create("opportunity", "cosell_referralid", "r1", &name(), &[]).await.unwrap();
    assert!(matches!(seen, Seen::Unknown(_)), "{seen:?}");
    assert_eq!(*count.lock().unwrap(), 2);
}

#[tokio::test]
async fn a_create_is_an_upsert_that_only_creates_without_the_key_in_its_body() {
    let server =
        Server::answering(vec![reply(201, json!({"@odata.etag": "W/\"1\"", "opportunityid": ID}))]).await;
    let mut fields = name();
    fields.insert("cosell_referralid".into(), Value::Text("r1".into()));
    fields.insert("statecode".into(), Value::Integer(0));
    fields.insert("statuscode".into(), Value::Integer(2));
    fields.insert("cosell_stamp".into(), Value::Text("s1".into()));
    let client = dynamics(&server.url);
    let seen = client.create("opportunity", "cosell_referralid", "r1", &fields, &[]).await.unwrap();
    assert_eq!(seen, Seen::Written { version: "W/\"1\"".into(), key: Some(key()) });
    let asked = &server.asked()[0];
    assert!(asked.line.starts_with("PATCH /api/data/v9.2/opportunities(cosell_referralid='r1')?"));
    assert_eq!(asked.header("if-none-match"), "*");
    assert_eq!(asked.headers.get_all("if-none-match").iter().count(), 1);
    assert_eq!(asked.json(), json!({"name": "New", "statuscode": 2, "cosell_stamp": "s1"}));
}

#[tokio::test]
async fn a_create_that_answers_without_a_body_is_looked_up() {
    let row = json!({"@odata.etag": "W/\"1\"", "opportunityid": ID});
    let server = Server::answering(vec![reply(204, ""), reply(200, row)]).await;
    let client = dynamics(&server.url);
    let seen = client.create("opportunity", "cosell_referralid", "r1", &name(), &[]).await.unwrap();
    assert_eq!(seen, Seen::Written { version: "W/\"1\"".into(), key: Some(key()) });
}

fn customer() -> (Fields, Companion) {
    let fields: Fields =
        [("customerid".to_owned(), Value::Reference(Reference::Companion("customer".into())))].into();
    let companion = Companion {
        alias: "customer".into(),
        entity: "account".into(),
        matching: [("name".to_owned(), Value::Text("Contoso".into()))].into(),
        fields: [("address1_postalcode".to_owned(), Value::Text("98052".into()))].into(),
    };
    (fields, companion)
}

#[tokio::test]
async fn a_missing_companion_is_created_under_an_id_that_a_repetition_finds_again() {
    let none = || reply(200, json!({"value": []}));
    let written = || reply(200, json!({"@odata.etag": "W/\"8\""}));
    let server = Server::answering(vec![
        none(),
        reply(204, ""),
        written(),
        none(),
        reply(412, error("0x80040237", "Cannot insert duplicate key")),
        written(),
    ])
    .await;
    let (fields, companion) = customer();
    let client = dynamics(&server.url);
    for _ in 0..2 {
        let seen = client.update(&key(), &fields, std::slice::from_ref(&companion), VERSION).await.unwrap();
        assert!(matches!(seen, Seen::Written { .. }), "{seen:?}");
    }
    let asked = server.asked();
    assert_eq!(asked[1].line, "POST /api/data/v9.2/accounts");
    let body = asked[1].json();
    assert_eq!(body["name"], "Contoso");
    assert_eq!(body["address1_postalcode"], "98052");
    let id = body["accountid"].as_str().unwrap();
    assert_eq!(asked[4].json(), body, "the same companion has the same id");
    for write in [&asked[2], &asked[5]] {
        assert_eq!(write.json()["customerid_account@odata.bind"], format!("/accounts({id})"));
    }
}

#[tokio::test]
async fn a_companion_that_is_refused_refuses_the_fields_that_refer_to_it() {
    let none = reply(200, json!({"value": []}));
    let server = Server::answering(vec![
        none.clone(),
        reply(400, error("0x80040265", "no new accounts")),
        none,
        reply(500, ""),
    ])
    .await;
    let (fields, companion) = customer();
    let client = dynamics(&server.url);
    let update = async || client.update(&key(), &fields, std::slice::from_ref(&companion), VERSION).await;
    let refusal = refused(update().await.unwrap());
    assert_eq!(refusal.fields, ["customerid"]);
    assert!(refusal.reason.contains("no new accounts"), "{}", refusal.reason);
    // In doubt about the companion, nothing of the record was written.
    assert!(matches!(update().await, Err(Fault::Retry { .. })));
    let (fields, mut nothing) = customer();
    nothing.matching = [("name".to_owned(), Value::Text(String::new()))].into();
    let seen = client.update(&key(), &fields, &[nothing], VERSION).await.unwrap();
    assert!(refused(seen).reason.contains("nothing to be found by"));
    let seen = client.update(&key(), &fields, &[], VERSION).await.unwrap();
    assert!(refused(seen).reason.contains("the draft does not have it"));
}
