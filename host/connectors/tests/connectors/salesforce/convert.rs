//! Leads that become opportunities.

use crosswalk_connectors::{Fault, crm::Crm};
use crosswalk_engine::{
    pass::Seen,
    value::{Fields, RecordKey, Reference, Value},
};
use serde_json::{Value as Json, json};

use super::{ACCOUNT, ID, LEAD, errors, found, key, row, salesforce};
use crate::server::{Reply, Server, reply};

fn lead() -> RecordKey {
    RecordKey { entity: "Lead".into(), id: LEAD.into() }
}

fn lead_row() -> Json {
    json!({"Id": LEAD, "IsDeleted": false, "IsConverted": false, "ConvertedOpportunityId": null,
        "ConvertedAccountId": null, "MasterRecordId": null, "SystemModstamp": "2026-01-31T10:00:00.000+0000",
        "Company": "Contoso", "Status": "Open", "Referral__c": "r1", "Stamp__c": null})
}

fn status() -> Reply {
    found(&[json!({"MasterLabel": "Closed - Converted"})])
}

fn xml(status: u16, body: &str) -> Reply {
    let envelope = format!(
        "<?xml version=\"1.0\"?><soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\">\
         <soapenv:Body>{body}</soapenv:Body></soapenv:Envelope>"
    );
    reply(status, envelope).with("content-type", "text/xml;charset=UTF-8")
}

fn result(inside: &str) -> Reply {
    xml(200, &format!("<convertLeadResponse><result>{inside}</result></convertLeadResponse>"))
}

fn fault(code: &str) -> Reply {
    let inside = format!("<faultcode>sf:{code}</faultcode><faultstring>{code}: no</faultstring>");
    xml(500, &format!("<soapenv:Fault>{inside}</soapenv:Fault>"))
}

fn draft() -> Fields {
    let account = RecordKey { entity: "Account".into(), id: ACCOUNT.into() };
    [
        ("Name".to_owned(), Value::Text("R&D <deal>".into())),
        ("AccountId".to_owned(), Value::Reference(Reference::Existing(account))),
        ("StageName".to_owned(), Value::Text("Qualification".into())),
    ]
    .into()
}

#[tokio::test]
async fn a_lead_is_converted_for_the_customer_that_the_draft_names() {
    let made = format!(
        "<accountId>{ACCOUNT}</accountId><contactId>003</contactId><leadId>{LEAD}</leadId>\
         <opportunityId>{ID}</opportunityId><success>true</success>"
    );
    let server =
        Server::answering(vec![found(&[lead_row()]), status(), result(&made), found(&[row()])]).await;
    let client = salesforce(&server.url);
    let version = client.read(&lead()).await.unwrap().found().unwrap().version;
    let seen = client.convert(&lead(), "Opportunity", &draft(), &[], &version).await.unwrap();
    let Seen::Written { version, key: Some(made) } = seen else { panic!("not converted: {seen:?}") };
    assert_eq!(made, key());
    assert!(version.starts_with("2026-01-31T10:00:00Z#"));
    let asked = &server.asked()[2];
    assert_eq!(asked.line, "POST /services/Soap/u/60.0");
    assert_eq!(asked.header("soapaction"), "\"\"");
    assert!(asked.body.contains("<p:sessionId>sandbox</p:sessionId>"));
    let expected = format!(
        "<p:convertLead><p:leadConverts><p:accountId>{ACCOUNT}</p:accountId>\
         <p:convertedStatus>Closed - Converted</p:convertedStatus>\
         <p:doNotCreateOpportunity>false</p:doNotCreateOpportunity><p:leadId>{LEAD}</p:leadId>\
         <p:opportunityName>R&amp;D &lt;deal&gt;</p:opportunityName>\
         <p:overwriteLeadSource>false</p:overwriteLeadSource>\
         <p:sendNotificationEmail>false</p:sendNotificationEmail></p:leadConverts></p:convertLead>"
    );
    assert!(asked.body.contains(&expected), "{}", asked.body);
}

#[tokio::test]
async fn a_lead_that_moved_on_is_not_converted() {
    let mut edited = lead_row();
    edited["Status"] = json!("Working");
    let mut gone = lead_row();
    gone["IsConverted"] = json!(true);
    gone["ConvertedOpportunityId"] = json!(ID);
    let server = Server::answering(vec![status(), found(&[edited]), status(), found(&[gone])]).await;
    let client = salesforce(&server.url);
    for _ in 0..2 {
        let version = "2026-01-31T10:00:00Z#0123456789abcdef";
        assert_eq!(client.convert(&lead(), "Opportunity", &draft(), &[], version).await, Ok(Seen::Stale));
    }
}

#[tokio::test]
async fn what_a_conversion_is_answered_with_is_told_apart() {
    let row = |code: &str| {
        let errors = format!(
            "<errors><message>you can&amp;#39;t</message><statusCode>{code}</statusCode></errors><success>false</success>"
        );
        result(&errors)
    };
    let answers = [
        row("CANNOT_UPDATE_CONVERTED_LEAD"),
        row("DUPLICATES_DETECTED"),
        row("UNABLE_TO_LOCK_ROW"),
        fault("UNABLE_TO_LOCK_ROW"),
        fault("INVALID_FIELD"),
        reply(502, "bad gateway"),
        result(&format!("<opportunityId>{ID}</opportunityId><success>true</success>")),
        fault("INVALID_SESSION_ID"),
    ];
    let mut script = Vec::new();
    for answer in answers {
        script.extend([found(&[lead_row()]), status(), answer]);
    }
    // The opportunity is there, but cannot be read.
    script.insert(21, reply(400, errors("INVALID_FIELD", "No such column 'Stamp__c'", &[])));
    let server = Server::answering(script).await;
    let client = salesforce(&server.url);
    let mut seen = Vec::new();
    for _ in 0..8 {
        let version = client.read(&lead()).await.unwrap().found().unwrap().version;
        seen.push(client.convert(&lead(), "Opportunity", &draft(), &[], &version).await);
    }
    assert_eq!(seen[0], Ok(Seen::Stale));
    let Ok(Seen::Refused(refusal)) = &seen[1] else { panic!("{:?}", seen[1]) };
    assert!(refusal.reason.contains("merge the duplicates"), "{}", refusal.reason);
    assert!(matches!(seen[2], Err(Fault::Retry { .. })), "{:?}", seen[2]);
    assert!(matches!(seen[3], Err(Fault::Retry { .. })), "{:?}", seen[3]);
    assert!(matches!(seen[4], Ok(Seen::Refused(_))), "{:?}", seen[4]);
    assert!(matches!(seen[5], Ok(Seen::Unknown(_))), "{:?}", seen[5]);
    let Ok(Seen::Unknown(reason)) = &seen[6] else { panic!("{:?}", seen[6]) };
    assert!(reason.contains("was converted, but its opportunity could not be read"), "{reason}");
    // A fixed token cannot be renewed.
    assert!(matches!(seen[7], Err(Fault::Unauthorised { .. })), "{:?}", seen[7]);
}

#[tokio::test]
async fn only_leads_are_converted_and_only_where_the_organisation_has_a_status_for_it() {
    let server = Server::answering(vec![found(&[])]).await;
    let client = salesforce(&server.url);
    let version = "2026-01-31T10:00:00Z#0123456789abcdef";
    let Err(Fault::Reject { reason }) = client.convert(&key(), "Lead", &draft(), &[], version).await else {
        panic!("converted")
    };
    assert!(reason.contains("turns leads into opportunities"), "{reason}");
    let Err(Fault::Reject { reason }) = client.convert(&lead(), "Opportunity", &draft(), &[], version).await
    else {
        panic!("converted")
    };
    assert!(reason.contains("no status for converted leads"), "{reason}");
}
