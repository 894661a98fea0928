//! Salesforce's outbound messages at the door: what is let in, what is not, and what the sender is told.

use crosswalk::demo::{CrmKind, NewDeal, text};
use reqwest::{Response, header::CONTENT_TYPE};
use serde_json::json;

use crate::steps::Life;

const ORGANIZATION: &str = "00D5e0000000001EAA";

/// An outbound message about one record; `fields` is XML.
fn message(organization: &str, notification: &str, object: &str, id: &str, fields: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><soapenv:Body>\
         <notifications xmlns=\"http://soap.sforce.com/2005/09/outbound\"><OrganizationId>{organization}</OrganizationId>\
         <ActionId>04k5e000000ABCDAA4</ActionId><SessionId xsi:nil=\"true\"/><EnterpriseUrl>https://x.example</EnterpriseUrl>\
         <PartnerUrl>https://x.example</PartnerUrl><Notification><Id>{notification}</Id><sObject xsi:type=\"sf:{object}\" \
         xmlns:sf=\"urn:sobject.enterprise.soap.sforce.com\"><sf:Id>{id}</sf:Id>{fields}</sObject></Notification>\
         </notifications></soapenv:Body></soapenv:Envelope>"
    )
}

async fn post(life: &Life, query: &str, body: String) -> Response {
    let hook =
        format!("http://{}/hooks/{}/salesforce{query}", life.stage.public_address(), life.scene().tenant);
    let request = reqwest::Client::new().post(hook).header("content-type", "text/xml; charset=utf-8");
    request.header("soapaction", "\"\"").body(body).send().await.unwrap()
}

async fn stored(life: &Life) -> usize {
    life.rests().await;
    let mut all = 0;
    for state in ["settled", "parked", "superseded"] {
        all += life.scene().events(state).await.unwrap().len();
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outbound_message_is_acknowledged_once_it_is_stored_and_a_repetition_stores_nothing() {
    let life = Life::begins(CrmKind::Salesforce).await;
    let deal = life.seller_shares(NewDeal::private("At the door")).await;
    let before = stored(&life).await;
    let body = message(ORGANIZATION, "04lZZ0000000001", "Opportunity", &deal.record.id, "");
    for _ in 0..2 {
        let answer = post(&life, "?key=sandbox", body.clone()).await;
        assert_eq!(answer.status().as_u16(), 200);
        assert!(answer.headers()[CONTENT_TYPE].to_str().unwrap().starts_with("text/xml"));
        assert!(answer.text().await.unwrap().contains("<Ack>true</Ack>"));
    }
    assert_eq!(stored(&life).await, before + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_solutions_row_is_a_hint_at_its_opportunity_and_other_objects_are_acknowledged_and_ignored() {
    let life = Life::begins(CrmKind::Salesforce).await;
    let deal = life.seller_shares(NewDeal::private("Rows")).await;
    let before = stored(&life).await;
    let parent = format!("<sf:Opportunity__c>{}</sf:Opportunity__c>", deal.record.id);
    let row = message(ORGANIZATION, "04lZZ0000000001", "Microsoft_Solution__c", "a005e0000000009", &parent);
    assert!(post(&life, "?key=sandbox", row).await.text().await.unwrap().contains("<Ack>true</Ack>"));
    life.rests().await;
    let settled = life.scene().events("settled").await.unwrap();
    assert!(text(&settled[0], "/subject").contains(&deal.record.id), "{:?}", settled[0]);
    assert_eq!(stored(&life).await, before + 1);

    let orphan = message(ORGANIZATION, "04lZZ0000000002", "Microsoft_Solution__c", "a005e0000000009", "");
    let stranger = message(ORGANIZATION, "04lZZ0000000003", "Campaign", "7015e0000000009", "");
    for body in [orphan, stranger] {
        assert!(post(&life, "?key=sandbox", body).await.text().await.unwrap().contains("<Ack>true</Ack>"));
    }
    assert_eq!(stored(&life).await, before + 1);
    assert!(life.stage.log().contains("does not say which record it belongs to"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_is_not_to_be_believed_is_refused_in_the_senders_own_form_and_stores_nothing() {
    let life = Life::begins(CrmKind::Salesforce).await;
    let before = stored(&life).await;
    let good = || message(ORGANIZATION, "04lZZ0000000001", "Opportunity", "0065e0000000009", "");
    let typed = good().replace(
        "<soapenv:Envelope",
        "<!DOCTYPE x [<!ENTITY a SYSTEM \"file:///etc/passwd\">]><soapenv:Envelope",
    );
    let cases = [
        ("no key", "", good(), 401),
        ("a wrong key", "?key=sandbok", good(), 401),
        ("Dataverse's parameter", "?code=sandbox", good(), 401),
        ("another org", "?key=sandbox", good().replace(ORGANIZATION, "00D5e0000000002EAA"), 401),
        ("a document type", "?key=sandbox", typed, 400),
        ("an id that is none", "?key=sandbox", good().replace("0065e0000000009", "'; DROP"), 400),
        ("no XML", "?key=sandbox", "{}".to_owned(), 400),
        ("nothing", "?key=sandbox", String::new(), 400),
        ("too much", "?key=sandbox", good() + &" ".repeat(600_000), 413),
    ];
    for (what, query, body, status) in cases {
        let answer = post(&life, query, body).await;
        assert_eq!(answer.status().as_u16(), status, "{what}");
        let said = answer.text().await.unwrap();
        assert!(said.contains("soapenv:Fault") && !said.contains("<Ack>"), "{what}: {said}");
        assert!(!said.contains("passwd") && !said.contains("00D5e"), "{what}: {said}");
    }
    assert_eq!(stored(&life).await, before);
    let log = life.stage.log();
    assert!(
        log.contains("a copy of an organisation goes on sending") && log.contains("document type"),
        "{log}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hook_of_the_crm_that_a_tenant_does_not_have_is_not_there() {
    let life = Life::begins(CrmKind::Salesforce).await;
    let at = |crm: &str| {
        format!("http://{}/hooks/fabrikam/{crm}?code=sandbox&key=sandbox", life.stage.public_address())
    };
    let answer = reqwest::Client::new().post(at("dynamics")).body("{}").send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 404);
    let answer = reqwest::Client::new().get(at("salesforce")).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 405, "a hook is only ever posted to");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_keeps_the_crm_that_it_began_with_and_takes_no_plugin_of_another() {
    let life = Life::begins(CrmKind::Salesforce).await;
    let scene = life.scene();
    let mut document = scene.tenant_document();
    let section = document.as_object_mut().unwrap().remove("salesforce").unwrap();
    document["dynamics"] = json!({
        "org_url": section["org_url"], "token_url": section["token_url"], "client_id": "crosswalk",
        "client_secret": { "sandbox": "sandbox" }, "webhook_key": { "sandbox": "sandbox" },
    });
    let refused = scene.apply(&document).await.unwrap_err().to_string();
    assert!(refused.contains("[salesforce]") && refused.contains("nothing was changed"), "{refused}");
    document["salesforce"] = section;
    let refused = scene.apply(&document).await.unwrap_err().to_string();
    assert!(refused.contains("a tenant has one CRM"), "{refused}");
    let refused = scene.deploy_partners_plugin().await.unwrap_err().to_string();
    assert!(refused.contains("is for `dynamics`") && refused.contains("was not stored"), "{refused}");
}
