//! Reads, searches and listings.

use crosswalk_connectors::{
    Fault,
    crm::{Crm, Reading},
};
use crosswalk_engine::{
    mapping::Companion,
    value::{Fields, RecordKey, Reference, Value},
};
use serde_json::json;

use super::{
    ACCOUNT, ID, LEAD, errors, found, key, manifest, parts, row, rows, salesforce, salesforce_with, soql,
};
use crate::server::{Server, reply};

#[tokio::test]
async fn a_record_is_read_as_declared_with_what_its_references_lead_to() {
    let server = Server::answering(vec![found(&[row()])]).await;
    let short = RecordKey { entity: "Opportunity".into(), id: ID[..15].into() };
    let read = salesforce(&server.url).read(&short).await.unwrap().found().unwrap();
    assert_eq!(read.value.key, key());
    assert!(read.version.starts_with("2026-01-31T10:00:00Z#"), "{}", read.version);
    let fields = &read.value.fields;
    assert_eq!(fields["Amount"], Value::Decimal("5000000.00".parse().unwrap()));
    assert_eq!(fields["CloseDate"], Value::Date("2026-02-28".parse().unwrap()));
    assert_eq!(fields["Needs__c"], Value::Texts(vec!["a".into(), "b".into()]));
    assert_eq!(fields["Referral__c"], Value::Empty);
    let account = RecordKey { entity: "Account".into(), id: ACCOUNT.into() };
    assert_eq!(fields["AccountId"], Value::Reference(Reference::Existing(account.clone())));
    assert_eq!(read.value.related.len(), 1);
    assert_eq!(read.value.related[0].key, account);
    assert_eq!(read.value.related[0].fields["BillingCity"], Value::Empty);

    let asked = &server.asked()[0];
    assert!(asked.line.starts_with("GET /services/data/v60.0/queryAll?q=SELECT%20"), "{}", asked.line);
    assert_eq!(
        soql(&asked.line),
        format!(
            "SELECT Account.BillingCity,Account.Id,Account.Name,AccountId,Amount,CloseDate,Id,IsClosed,IsDeleted,Name,\
             Needs__c,Referral__c,StageName,Stamp__c,Sync__c,SystemModstamp FROM Opportunity WHERE Id = '{ID}'"
        )
    );
    assert_eq!(asked.header("sforce-call-options"), "client=Crosswalk");
    assert_eq!(asked.header("authorization"), "Bearer sandbox");
}

#[tokio::test]
async fn child_rows_are_read_in_the_same_call() {
    let children = rows(&[
        json!({"Id": "a015g00000000AAAAA", "Deal__c": ID, "Code__c": "SOL-2"}),
        json!({"Id": "a015g00000000ABAAA", "Deal__c": ID, "Code__c": "SOL-1"}),
        json!({"Id": "a015g00000000ACAAA", "Deal__c": ID, "Code__c": null}),
    ]);
    let answer = parts(&[("query0", 200, rows(&[row()])), ("query1", 200, children)]);
    let without = parts(&[("query0", 200, rows(&[row()])), ("query1", 200, rows(&[]))]);
    let server = Server::answering(vec![answer, without]).await;
    let client = salesforce_with(&server.url, manifest(true), |_| ());
    let read = client.read(&key()).await.unwrap().found().unwrap();
    assert_eq!(read.value.fields["solutions"], Value::Texts(vec!["SOL-2".into(), "SOL-1".into()]));
    let body = server.asked()[0].json();
    assert_eq!(body["collateSubrequests"], false);
    let children = body["compositeRequest"][1]["url"].as_str().unwrap();
    assert_eq!(
        soql(children),
        format!(
            "SELECT Id,Deal__c,Code__c FROM Solution__c WHERE Deal__c IN ('{ID}') ORDER BY CreatedDate,Id"
        )
    );
    let later = client.read(&key()).await.unwrap().found().unwrap();
    assert_ne!(
        later.version, read.version,
        "a row that is gone changes the version, though not the parent's time"
    );
}

#[tokio::test]
async fn a_lead_that_was_converted_and_a_record_that_was_merged_live_on() {
    let lead = json!({"Id": LEAD, "IsDeleted": false, "IsConverted": true, "ConvertedOpportunityId": ID,
        "ConvertedAccountId": ACCOUNT, "MasterRecordId": null});
    let without = json!({"Id": LEAD, "IsDeleted": false, "IsConverted": true, "ConvertedOpportunityId": null,
        "ConvertedAccountId": ACCOUNT, "MasterRecordId": null});
    let merged =
        json!({"Id": LEAD, "IsDeleted": true, "IsConverted": false, "MasterRecordId": "00Q5g00000LeadB"});
    let deleted = json!({"Id": LEAD, "IsDeleted": true, "IsConverted": false, "MasterRecordId": null});
    let answers = [vec![lead], vec![without], vec![merged], vec![deleted], vec![]];
    let server = Server::answering(answers.iter().map(|rows| found(rows)).collect()).await;
    let client = salesforce(&server.url);
    let lead = RecordKey { entity: "Lead".into(), id: LEAD.into() };
    let mut readings = Vec::new();
    for _ in 0..5 {
        readings.push(client.read(&lead).await.unwrap());
    }
    let of = |entity: &str, id: &str| Reading::Succeeded(RecordKey { entity: entity.into(), id: id.into() });
    let expected = [
        of("Opportunity", ID),
        of("Account", ACCOUNT),
        of("Lead", "00Q5g00000LeadBEAR"),
        Reading::Missing,
        Reading::Missing,
    ];
    assert_eq!(readings, expected);
}

#[tokio::test]
async fn a_field_that_is_hidden_misspelt_or_of_another_kind_is_named() {
    let message = "\nSELECT Sync__c FROM Opportunity\nERROR at Row:1:Column:8\nNo such column &#39;Sync__c&#39; on entity";
    let mut kind = row();
    kind["CloseDate"] = json!("2026-02-28T00:00:00.000+0000");
    let mut spelt = row();
    spelt.as_object_mut().unwrap().remove("Sync__c");
    let server = Server::answering(vec![
        reply(400, errors("INVALID_FIELD", message, &[])),
        found(&[kind]),
        found(&[spelt]),
    ])
    .await;
    let client = salesforce(&server.url);
    let mut reasons = Vec::new();
    for _ in 0..3 {
        let Err(Fault::Reject { reason }) = client.read(&key()).await else { panic!("no fault") };
        reasons.push(reason);
    }
    assert!(reasons[0].contains("hides it") && reasons[0].contains("column 'Sync__c'"), "{}", reasons[0]);
    assert!(reasons[1].contains("`Opportunity.CloseDate` is declared as a date"), "{}", reasons[1]);
    assert!(reasons[2].contains("`Opportunity.Sync__c`; correct the spelling"), "{}", reasons[2]);
}

#[tokio::test]
async fn a_record_is_found_by_its_key_unless_several_hold_it() {
    let server = Server::answering(vec![found(&[row()]), found(&[]), found(&[row(), row()])]).await;
    let client = salesforce(&server.url);
    let by = async || client.find_by_key("Opportunity", "Referral__c", "r'1").await;
    assert_eq!(by().await.unwrap().unwrap().value.key, key());
    assert_eq!(by().await.unwrap(), None);
    let Err(Fault::Reject { reason }) = by().await else { panic!("two are one") };
    assert!(reason.contains("several records of `Opportunity` hold `r'1` in `Referral__c`"), "{reason}");
    assert!(server.lines()[0].starts_with("GET /services/data/v60.0/query?q="));
    assert!(soql(&server.lines()[0]).ends_with(r"FROM Opportunity WHERE Referral__c = 'r\'1' LIMIT 2"));
}

#[tokio::test]
async fn a_search_selects_only_what_is_declared() {
    let country = json!({"Id": "a025g00000000AAAAA", "Code__c": "NO"});
    let server = Server::answering(vec![found(&[country])]).await;
    let client = salesforce(&server.url);
    let matching: Fields = [("Code__c".to_owned(), Value::Text("NO".into()))].into();
    let found = client.find("Country__c", &matching, &["Code__c".into()], 5).await.unwrap();
    assert_eq!(found[0].value.fields["Code__c"], Value::Text("NO".into()));
    assert_eq!(
        soql(&server.lines()[0]),
        "SELECT Code__c,Id FROM Country__c WHERE Code__c = 'NO' ORDER BY CreatedDate, Id LIMIT 5"
    );
    assert!(client.find("Country__c", &matching, &["Secret__c".into()], 5).await.is_err());
    let odd: Fields = [("Code__c = '' OR Id".to_owned(), Value::Text("x".into()))].into();
    assert!(client.find("Country__c", &odd, &[], 5).await.is_err());
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn companions_are_looked_up_in_the_order_of_their_references() {
    let account = json!({"Id": ACCOUNT});
    let server = Server::answering(vec![found(&[account]), found(&[])]).await;
    let companion = |alias: &str, entity: &str, matching: &[(&str, Value)]| Companion {
        alias: alias.into(),
        entity: entity.into(),
        matching: matching.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
        fields: Fields::new(),
    };
    let customer = Value::Reference(Reference::Companion("customer".into()));
    let found = salesforce(&server.url)
        .find_companions(&[
            companion(
                "contact",
                "Contact",
                &[("Email", Value::Text("a@b.no".into())), ("AccountId", customer)],
            ),
            companion("customer", "Account", &[("Name", Value::Text("Contoso".into()))]),
        ])
        .await
        .unwrap();
    assert_eq!(found.keys().collect::<Vec<_>>(), ["customer"]);
    assert!(soql(&server.lines()[1]).contains(&format!("AccountId = '{ACCOUNT}' AND Email = 'a@b.no'")));
}

#[tokio::test]
async fn a_long_query_goes_into_a_body_and_its_pages_are_followed() {
    let long = "x".repeat(20_000);
    let next = "/services/data/v60.0/query/01g5g00000-200";
    let first = json!({"totalSize": 2, "done": false, "nextRecordsUrl": next, "records": [row()]});
    let server = Server::answering(vec![parts(&[("query0", 200, first)]), found(&[row()])]).await;
    let matching: Fields = [("Name".to_owned(), Value::Text(long))].into();
    let found = salesforce(&server.url).find("Opportunity", &matching, &["Name".into()], 5).await.unwrap();
    assert_eq!(found.len(), 2);
    assert_eq!(server.lines(), ["POST /services/data/v60.0/composite", &format!("GET {next}")]);
}

#[tokio::test]
async fn a_listing_goes_on_after_the_last_id_and_tells_the_same_version_as_a_read() {
    let mut carrying = row();
    carrying["Referral__c"] = json!("r1");
    let server = Server::answering(vec![found(std::slice::from_ref(&carrying)), found(&[carrying])]).await;
    let client = salesforce(&server.url);
    let matching: Fields = [("Sync__c".to_owned(), Value::Flag(true))].into();
    let listed = client.list("Opportunity", &matching, Some(ACCOUNT), 50).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].referral.as_deref(), Some("r1"));
    assert_eq!(listed[0].version, client.read(&key()).await.unwrap().found().unwrap().version);
    let expected = format!("WHERE Sync__c = true AND Id > '{ACCOUNT}' ORDER BY Id LIMIT 50");
    assert!(soql(&server.lines()[0]).ends_with(&expected), "{}", soql(&server.lines()[0]));
}

#[tokio::test]
async fn we_are_who_the_root_says() {
    let root = json!({"sobjects": "/services/data/v60.0/sobjects",
        "identity": "https://login.salesforce.com/id/00D5g000000OrgAEAS/0055g000000UserAAA"});
    let server = Server::answering(vec![
        reply(200, root),
        reply(200, "{}"),
        reply(200, json!({"user_id": "0055g000000User", "organization_id": "00D5g000000OrgAEAS"})),
        reply(200, "{}"),
        reply(200, "{}"),
        reply(403, errors("API_DISABLED_FOR_ORG", "no", &[])),
    ])
    .await;
    let client = salesforce(&server.url);
    for user in ["0055g000000UserAAA", "0055g000000UserAAC"] {
        let us = client.check().await.unwrap();
        assert_eq!((us.user.as_str(), us.organization.as_str()), (user, "00D5g000000OrgAEAS"));
    }
    assert!(matches!(client.check().await, Err(Fault::Reject { .. })));
    let Err(Fault::Unauthorised { reason }) = client.check().await else { panic!("not refused") };
    assert!(reason.contains("API Enabled"), "{reason}");
    assert_eq!(server.lines()[1..3], ["GET /services/data/v60.0/", "GET /services/oauth2/userinfo"]);
}

#[tokio::test]
async fn calls_stop_before_the_daily_pool_is_spent() {
    let used = |text: &str| found(&[row()]).with("sforce-limit-info", text);
    let server =
        Server::answering(vec![used("api-usage=80/100"), used("api-usage=79/100"), used("api-usage=5/100")])
            .await;
    let client = salesforce_with(&server.url, manifest(false), |config| {
        config.daily_calls_percent_max = 80;
        config.budget_pause_ms = 60;
    });
    assert_eq!(client.usage(), None);
    client.read(&key()).await.unwrap();
    let Err(Fault::Retry { after: Some(after), reason }) = client.read(&key()).await else {
        panic!("went on")
    };
    assert!(reason.contains("80 of the Salesforce organisation's 100 daily API calls"), "{reason}");
    assert_eq!(server.asked().len(), 1, "nothing was sent");
    // One call asks again after the pause.
    tokio::time::sleep(after).await;
    client.read(&key()).await.unwrap();
    client.read(&key()).await.unwrap();
    assert_eq!(client.usage().unwrap().used, 5);
}

#[tokio::test]
async fn a_spent_limit_and_a_locked_row_are_for_later() {
    let server = Server::answering(vec![
        reply(403, errors("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", &[])),
        reply(400, errors("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access", &[])),
    ])
    .await;
    let client = salesforce(&server.url);
    let Err(Fault::Retry { after, .. }) = client.read(&key()).await else { panic!("not later") };
    assert_eq!(after.map(|after| after.as_secs()), Some(60));
    let Err(Fault::Retry { reason, .. }) = client.read(&key()).await else { panic!("not later") };
    assert!(reason.contains("nothing was sent"), "{reason}");
    assert_eq!(server.asked().len(), 1);
    let other = salesforce(&server.url);
    assert!(matches!(other.read(&key()).await, Err(Fault::Retry { after: None, .. })));
}
