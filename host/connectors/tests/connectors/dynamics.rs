//! Reads and searches of Dataverse.

use crosswalk_connectors::{Fault, crm::Reading};
use crosswalk_engine::{
    mapping::Companion,
    value::{Fields, RecordKey, Reference, Value},
};
use serde_json::json;

use crate::server::{Server, dynamics, reply};

pub(crate) const ID: &str = "8151925c-cde2-e411-80db-00155d2a68cd";
pub(crate) const ACCOUNT: &str = "00000000-0000-0000-0000-0000000000a1";
pub(crate) const CURRENCY: &str = "00000000-0000-0000-0000-0000000000c1";

pub(crate) fn key() -> RecordKey {
    RecordKey { entity: "opportunity".into(), id: ID.into() }
}

fn row() -> serde_json::Value {
    serde_json::from_str(&format!(
        r#"{{"@odata.etag": "W/\"7\"", "opportunityid": "{ID}", "name": "Deal", "estimatedvalue": 5000000.0000,
        "estimatedclosedate": "2026-01-31", "statecode": 0, "statuscode": 1, "cosell_sync": true,
        "_customerid_value": "{ACCOUNT}",
        "_customerid_value@Microsoft.Dynamics.CRM.lookuplogicalname": "account",
        "_transactioncurrencyid_value": null, "cosell_referralid": null, "cosell_stamp": "s1",
        "customerid_account": {{"accountid": "{ACCOUNT}", "name": "Contoso", "address1_postalcode": null}},
        "transactioncurrencyid": null}}"#
    ))
    .unwrap()
}

pub(crate) fn error(code: &str, message: &str) -> serde_json::Value {
    json!({"error": {"code": code, "message": message}})
}

#[tokio::test]
async fn a_record_is_read_as_declared_with_what_its_lookups_lead_to() {
    let server = Server::answering(vec![reply(200, row())]).await;
    let upper = RecordKey { entity: "opportunity".into(), id: format!("{{{}}}", ID.to_uppercase()) };
    let found = dynamics(&server.url).read(&upper).await.unwrap().found().unwrap();
    assert_eq!(found.version, "W/\"7\"");
    assert_eq!(found.value.key, key());
    let fields = &found.value.fields;
    assert_eq!(fields["estimatedvalue"], Value::Decimal("5000000.0000".parse().unwrap()));
    assert_eq!(fields["estimatedclosedate"], Value::Date("2026-01-31".parse().unwrap()));
    assert_eq!(fields["cosell_sync"], Value::Flag(true));
    assert_eq!(fields["cosell_referralid"], Value::Empty);
    assert_eq!(fields["transactioncurrencyid"], Value::Empty);
    let account = RecordKey { entity: "account".into(), id: ACCOUNT.into() };
    assert_eq!(fields["customerid"], Value::Reference(Reference::Existing(account.clone())));
    assert_eq!(found.value.related.len(), 1);
    assert_eq!(found.value.related[0].key, account);
    assert_eq!(found.value.related[0].fields["name"], Value::Text("Contoso".into()));

    let asked = &server.asked()[0];
    assert_eq!(
        asked.line,
        format!(
            "GET /api/data/v9.2/opportunities({ID})?$select=_customerid_value,_transactioncurrencyid_value,\
             cosell_referralid,cosell_stamp,cosell_sync,estimatedclosedate,estimatedvalue,name,statecode,statuscode\
             &$expand=customerid_account($select=address1_postalcode,name),\
             transactioncurrencyid($select=isocurrencycode)"
        )
    );
    assert_eq!(asked.header("if-none-match"), "null");
    assert_eq!(asked.header("odata-version"), "4.0");
    assert!(asked.header("prefer").contains("lookuplogicalname"));
}

#[tokio::test]
async fn a_customer_that_is_a_contact_is_told_from_an_account() {
    let mut contact = row();
    contact["_customerid_value@Microsoft.Dynamics.CRM.lookuplogicalname"] = json!("contact");
    contact["customerid_account"] = json!(null);
    let server = Server::answering(vec![reply(200, contact)]).await;
    let found = dynamics(&server.url).read(&key()).await.unwrap().found().unwrap().value;
    let contact = RecordKey { entity: "contact".into(), id: ACCOUNT.into() };
    assert_eq!(found.fields["customerid"], Value::Reference(Reference::Existing(contact)));
    assert!(found.related.is_empty());
}

#[tokio::test]
async fn a_record_that_is_gone_is_missing_and_a_wrong_address_is_a_fault() {
    let server = Server::answering(vec![
        reply(404, error("0x80040217", "opportunity With Id = x Does Not Exist")),
        reply(404, error("0x80060888", "Resource not found for the segment 'opportunitys'.")),
        reply(404, "<html>").with("content-type", "text/html"),
        reply(400, error("0x80060888", "Could not find a property named 'cosell_sync' on type")),
    ])
    .await;
    let client = dynamics(&server.url);
    assert_eq!(client.read(&key()).await.unwrap(), Reading::Missing);
    assert!(matches!(client.read(&key()).await, Err(Fault::Reject { .. })));
    let Err(Fault::Reject { reason }) = client.read(&key()).await else { panic!("not a fault") };
    assert!(reason.contains("org_url"), "{reason}");
    let Err(Fault::Reject { reason }) = client.read(&key()).await else { panic!("not a fault") };
    assert!(reason.contains("cosell_sync"), "{reason}");
}

#[tokio::test]
async fn a_column_of_another_kind_is_named() {
    let mut wrong = row();
    wrong["estimatedclosedate"] = json!("2026-01-31T23:00:00Z");
    let server = Server::answering(vec![reply(200, wrong)]).await;
    let Err(Fault::Reject { reason }) = dynamics(&server.url).read(&key()).await else {
        panic!("not a fault")
    };
    assert!(reason.contains("`opportunity.estimatedclosedate` is declared as a date"), "{reason}");
}

#[tokio::test]
async fn a_record_is_found_by_its_key_and_an_awkward_value_is_searched_for() {
    let server = Server::answering(vec![
        reply(200, row()),
        reply(404, error("0x80060891", "A record with the specified key values does not exist")),
        reply(200, json!({"value": [row()]})),
        reply(200, json!({"value": [row(), row()]})),
    ])
    .await;
    let client = dynamics(&server.url);
    let find = async |value: &str| client.find_by_key("opportunity", "cosell_referralid", value).await;
    assert_eq!(find("r-1").await.unwrap().unwrap().value.key, key());
    assert_eq!(find("o'x").await.unwrap(), None);
    assert_eq!(find("a/b").await.unwrap().unwrap().value.key, key());
    assert!(matches!(find("a/b").await, Err(Fault::Reject { .. })));
    let lines = server.lines();
    assert!(lines[0].starts_with("GET /api/data/v9.2/opportunities(cosell_referralid='r-1')?$select="));
    assert!(lines[1].starts_with("GET /api/data/v9.2/opportunities(cosell_referralid='o''x')?"));
    assert!(lines[2].contains("$filter=cosell_referralid%20eq%20%27a/b%27&$top=2"), "{}", lines[2]);
}

#[tokio::test]
async fn a_search_is_by_exact_values_the_oldest_first() {
    let found = json!({"value": [{"@odata.etag": "W/\"1\"", "accountid": ACCOUNT, "name": "O'Neil & Co"}]});
    let server = Server::answering(vec![reply(200, found)]).await;
    let matching: Fields = [
        ("name".to_owned(), Value::Text("O'Neil & Co".into())),
        ("address1_postalcode".to_owned(), Value::Empty),
    ]
    .into();
    let found = dynamics(&server.url).find("account", &matching, &["name".into()], 5).await.unwrap();
    assert_eq!(found[0].value.fields["name"], Value::Text("O'Neil & Co".into()));
    assert_eq!(
        server.lines()[0],
        "GET /api/data/v9.2/accounts?$select=name&$filter=address1_postalcode%20eq%20null%20and%20name%20eq%20\
         %27O%27%27Neil%20%26%20Co%27&$orderby=createdon%20asc,accountid%20asc&$top=5"
    );
}

#[tokio::test]
async fn a_sweep_asks_for_what_was_modified_the_longest_ago_first() {
    let modified =
        json!({"@odata.etag": "W/\"1\"", "opportunityid": ID, "modifiedon": "2026-01-31T12:00:00Z"});
    let server = Server::answering(vec![reply(200, json!({"value": [modified]}))]).await;
    let matching: Fields = [("cosell_sync".to_owned(), Value::Flag(true))].into();
    let since = "2026-01-31T11:00:00Z".parse().unwrap();
    let found = dynamics(&server.url).modified_since("opportunity", since, &matching, 100).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].key, key());
    assert_eq!(found[0].version, "W/\"1\"");
    assert_eq!(found[0].at.to_string(), "2026-01-31T12:00:00Z");
    assert_eq!(
        server.lines()[0],
        "GET /api/data/v9.2/opportunities?$select=modifiedon&$filter=modifiedon%20ge%202026-01-31T11:00:00Z%20and%20\
         cosell_sync%20eq%20true&$orderby=modifiedon%20asc,opportunityid%20asc&$top=100"
    );
}

#[tokio::test]
async fn only_declared_fields_are_searched_out_and_names_cannot_smuggle() {
    let server = Server::answering(vec![]).await;
    let client = dynamics(&server.url);
    let any: Fields = [("name".to_owned(), Value::Text("x".into()))].into();
    assert!(client.find("account", &any, &["revenue".into()], 1).await.is_err());
    let bad: Fields = [("name eq 'x' or name".to_owned(), Value::Text("x".into()))].into();
    assert!(client.find("account", &bad, &[], 1).await.is_err());
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn an_entity_set_that_is_not_configured_is_looked_up_once() {
    let definition = json!({"value": [{"LogicalName": "cosell_country", "EntitySetName": "cosell_countries",
        "PrimaryIdAttribute": "cosell_countryid"}]});
    let none = json!({"value": []});
    let server = Server::answering(vec![
        reply(200, definition),
        reply(200, &none),
        reply(200, &none),
        reply(200, &none),
    ])
    .await;
    let client = dynamics(&server.url);
    let matching: Fields = [("cosell_code".to_owned(), Value::Text("DE".into()))].into();
    for _ in 0..2 {
        assert!(client.find("cosell_country", &matching, &[], 1).await.unwrap().is_empty());
    }
    let Err(Fault::Reject { reason }) = client.find("nosuch", &matching, &[], 1).await else {
        panic!("found")
    };
    assert!(reason.contains("no table `nosuch`"), "{reason}");
    let lines = server.lines();
    assert!(
        lines[0].contains("EntityDefinitions?$select=LogicalName,EntitySetName,PrimaryIdAttribute&$filter=")
    );
    assert!(lines[1].starts_with("GET /api/data/v9.2/cosell_countries?$select=cosell_countryid&"));
    assert!(lines[2].starts_with("GET /api/data/v9.2/cosell_countries?"));
}

#[tokio::test]
async fn companions_are_looked_up_and_none_is_created() {
    let account = json!({"value": [{"accountid": ACCOUNT}]});
    let server = Server::answering(vec![reply(200, account), reply(200, json!({"value": []}))]).await;
    let companion = |alias: &str, matching: Fields| Companion {
        alias: alias.into(),
        entity: "account".into(),
        matching,
        fields: Fields::new(),
    };
    let name: Fields = [("name".to_owned(), Value::Text("Contoso".into()))].into();
    let parent = Value::Reference(Reference::Companion("b".into()));
    let of_b: Fields = [("parentaccountid".to_owned(), parent)].into();
    let wanted = [companion("c", of_b), companion("a", name.clone()), companion("b", name)];
    let found = dynamics(&server.url).find_companions(&wanted).await.unwrap();
    assert_eq!(found.into_keys().collect::<Vec<_>>(), ["a"]);
    assert!(server.lines().iter().all(|line| line.starts_with("GET ")));
}

#[tokio::test]
async fn an_application_that_is_no_user_is_told_to_the_operator() {
    let server = Server::answering(vec![
        reply(403, error("0x80072560", "The user is not a member of the organization.")),
        reply(403, error("0x80042f09", "The user has no roles")),
        reply(429, error("0x80072322", "Number of requests exceeded the limit")).with("retry-after", 300),
    ])
    .await;
    let client = dynamics(&server.url);
    let Err(Fault::Unauthorised { reason }) = client.who_am_i().await else { panic!("accepted") };
    assert!(reason.contains("application user") && reason.contains("0x80072560"), "{reason}");
    assert!(matches!(client.who_am_i().await, Err(Fault::Unauthorised { .. })));
    let Err(Fault::Retry { after, .. }) = client.who_am_i().await else { panic!("accepted") };
    assert_eq!(after.unwrap().as_secs(), 300);
}
