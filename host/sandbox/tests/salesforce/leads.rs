//! SOAP: signing in the old way, converting leads, merging, undeleting.

use crate::support::{World, element};
use reqwest::Method;
use serde_json::{Value, json};

async fn lead(world: &World) -> String {
    let body = json!({
        "FirstName": "Ann", "LastName": "Lee", "Company": "Contoso & Sons", "Email": "ann@contoso.example",
        "Country": "Germany", "LeadSource": "Partner Referral", "Referral_Identfier__c": "r-1",
    });
    world.create("Lead", body).await
}

fn conversion(lead: &str, more: &str) -> String {
    format!(
        "<urn:convertLead><urn:leadConverts><urn:leadId>{lead}</urn:leadId>{more}\
         <urn:sendNotificationEmail>false</urn:sendNotificationEmail></urn:leadConverts></urn:convertLead>"
    )
}

const STATUS: &str = "<urn:convertedStatus>Closed - Converted</urn:convertedStatus>";

#[tokio::test]
async fn a_converted_lead_becomes_three_records_and_points_to_them() {
    let world = World::start().await;
    world.switch(json!({ "leadFieldMapping": { "Referral_Identfier__c": "Referral_Identfier__c" } })).await;
    let id = lead(&world).await;
    let (status, answer) = world.soap("u", &conversion(&id, STATUS)).await;
    assert_eq!((status, element(&answer, "success")), (200, Some("true")), "{answer}");
    assert!(answer.contains("<convertLeadResponse xmlns=\"urn:partner.soap.sforce.com\">"), "{answer}");
    assert_eq!(element(&answer, "leadId"), Some(id.as_str()));

    let (account, contact) = (element(&answer, "accountId").unwrap(), element(&answer, "contactId").unwrap());
    let opportunity = element(&answer, "opportunityId").unwrap();
    let read = world.get(&format!("sobjects/Lead/{id}")).await.expect(200).json();
    assert_eq!(read["IsConverted"], true);
    assert_eq!(read["ConvertedOpportunityId"], opportunity);
    assert_eq!(
        (&read["ConvertedAccountId"], &read["ConvertedContactId"]),
        (&json!(account), &json!(contact))
    );
    let deal = world.get(&format!("sobjects/Opportunity/{opportunity}")).await.json();
    assert_eq!((&deal["Name"], &deal["AccountId"]), (&json!("Contoso & Sons"), &json!(account)));
    assert_eq!(deal["Referral_Identfier__c"], "r-1");
    assert_eq!(deal["StageName"], "Prospecting");
    let person = world.get(&format!("sobjects/Contact/{contact}")).await.json();
    assert_eq!((&person["Name"], &person["MailingCountry"]), (&json!("Ann Lee"), &json!("Germany")));
    let roles = world.records("SELECT ContactId, IsPrimary FROM OpportunityContactRole").await;
    assert_eq!((&roles[0]["ContactId"], &roles[0]["IsPrimary"]), (&json!(contact), &json!(true)));

    let change = world.patch(&format!("sobjects/Lead/{id}"), json!({ "Title": "x" })).await;
    change.refused(400, "CANNOT_UPDATE_CONVERTED_LEAD");
    let (_, again) = world.soap("u", &conversion(&id, STATUS)).await;
    assert_eq!(element(&again, "statusCode"), Some("CANNOT_UPDATE_CONVERTED_LEAD"));
}

#[tokio::test]
async fn a_lead_is_converted_into_what_is_there_and_without_an_opportunity() {
    let world = World::start().await;
    let id = lead(&world).await;
    let account = world.create("Account", json!({ "Name": "Known" })).await;
    let more = format!(
        "<urn:accountId>{account}</urn:accountId>{STATUS}<urn:doNotCreateOpportunity>true</urn:doNotCreateOpportunity>"
    );
    let (_, answer) = world.soap("c", &conversion(&id, &more)).await;
    assert_eq!(element(&answer, "accountId"), Some(account.as_str()));
    assert!(answer.contains("<opportunityId xsi:nil=\"true\"/>"), "{answer}");
    assert_eq!(world.soql("SELECT COUNT() FROM Account").await.json()["totalSize"], 1);
}

#[tokio::test]
async fn a_conversion_that_cannot_be_leaves_nothing_behind() {
    let world = World::start().await;
    let id = lead(&world).await;
    let open = "<urn:convertedStatus>Open - Not Contacted</urn:convertedStatus>";
    let (status, answer) = world.soap("u", &conversion(&id, open)).await;
    assert_eq!((status, element(&answer, "statusCode")), (200, Some("INVALID_STATUS")));
    let rule = json!([{ "object": "Opportunity", "when": "Amount = null", "message": "No amount" }]);
    world.switch(json!({ "validationRules": rule })).await;
    let (_, answer) = world.soap("u", &conversion(&id, STATUS)).await;
    assert_eq!(element(&answer, "statusCode"), Some("FIELD_CUSTOM_VALIDATION_EXCEPTION"));
    assert_eq!(world.soql("SELECT COUNT() FROM Account").await.json()["totalSize"], 0);
    assert_eq!(world.get(&format!("sobjects/Lead/{id}")).await.json()["IsConverted"], false);
}

#[tokio::test]
async fn a_merged_record_points_to_the_one_that_stayed() {
    let world = World::start().await;
    let (master, loser) = (
        world.create("Account", json!({ "Name": "a" })).await,
        world.create("Account", json!({ "Name": "b" })).await,
    );
    let contact = world.create("Contact", json!({ "LastName": "Lee", "AccountId": loser })).await;
    let merge = format!(
        "<urn:merge><urn:request><urn:masterRecord xsi:type=\"urn:Account\"><urn:Id>{master}</urn:Id>\
         </urn:masterRecord><urn:recordToMergeIds>{loser}</urn:recordToMergeIds></urn:request></urn:merge>"
    );
    let (_, answer) = world.soap("u", &merge).await;
    assert_eq!(element(&answer, "success"), Some("true"), "{answer}");
    assert_eq!(element(&answer, "updatedRelatedIds"), Some(contact.as_str()));
    world.get(&format!("sobjects/Account/{loser}")).await.refused(404, "ENTITY_IS_DELETED");
    let query = format!("SELECT+MasterRecordId,IsDeleted+FROM+Account+WHERE+Id='{loser}'");
    let gone = world.get(&format!("queryAll?q={query}")).await.json()["records"][0].clone();
    assert_eq!((&gone["MasterRecordId"], &gone["IsDeleted"]), (&json!(master), &json!(true)));
    assert_eq!(world.get(&format!("sobjects/Contact/{contact}")).await.json()["AccountId"], master);

    // The request as jsforce names it.
    let other = world.create("Account", json!({ "Name": "d" })).await;
    let merge = merge.replace("urn:request", "urn:mergeRequests").replace(&loser, &other);
    assert_eq!(element(&world.soap("c", &merge).await.1, "mergedRecordIds"), Some(other.as_str()));

    let third = world.create("Account", json!({ "Name": "c" })).await;
    world.control("salesforce/merge", json!({ "master": master, "duplicates": [third] })).await;
    world.get(&format!("sobjects/Account/{third}")).await.refused(404, "ENTITY_IS_DELETED");
}

#[tokio::test]
async fn a_deleted_record_comes_back_or_is_gone_for_good() {
    let world = World::start().await;
    let id = lead(&world).await;
    let path = format!("sobjects/Lead/{id}");
    world.delete(&path).await.expect(204);
    let (_, answer) = world.soap("u", &format!("<urn:undelete><urn:ids>{id}</urn:ids></urn:undelete>")).await;
    assert_eq!(element(&answer, "success"), Some("true"));
    world.get(&path).await.expect(200);
    world.delete(&path).await.expect(204);
    world.control("salesforce/empty-recycle-bin", json!({})).await;
    world.get(&path).await.refused(404, "NOT_FOUND");
}

#[tokio::test]
async fn soap_login_gives_a_session_until_it_is_switched_off() {
    let world = World::start().await;
    let login = |user: &str| {
        format!(
            "<n1:login xmlns:n1=\"urn:partner.soap.sforce.com\"><n1:username>{user}</n1:username>\
             <n1:password>any</n1:password></n1:login>"
        )
    };
    let (status, answer) = world.soap("u", &login("seller@sandbox.example")).await;
    assert_eq!(status, 200, "{answer}");
    assert!(
        element(&answer, "serverUrl")
            .unwrap()
            .starts_with(&format!("{}/services/Soap/u/60.0/00D", world.origin))
    );
    let session = element(&answer, "sessionId").unwrap();
    let made =
        world.ask_as(session, Method::POST, "sobjects/Account").body(&json!({ "Name": "x" })).send().await;
    let id = made.expect(201).json()["id"].as_str().unwrap().to_owned();
    let read = world.get(&format!("sobjects/Account/{id}")).await.json();
    assert_eq!(read["CreatedById"], crosswalk_sandbox::salesforce::SELLER_ID);

    let (status, answer) = world.soap("u", &login("nobody@x")).await;
    assert_eq!((status, element(&answer, "sf:exceptionCode")), (500, Some("INVALID_LOGIN")));
    let retired = world.http.post(world.url("/services/Soap/u/65.0")).body(login("seller@sandbox.example"));
    assert_eq!(retired.send().await.unwrap().status(), 500);
    world.switch(json!({ "soapLogin": false })).await;
    let (status, answer) = world.soap("u", &login("seller@sandbox.example")).await;
    assert_eq!((status, element(&answer, "sf:exceptionCode")), (500, Some("INVALID_OPERATION")));
}

#[tokio::test]
async fn other_soap_calls_and_bad_envelopes_are_faults() {
    let world = World::start().await;
    let (status, answer) = world.soap("u", "<urn:describeGlobal/>").await;
    assert_eq!((status, element(&answer, "sf:exceptionCode")), (500, Some("NOT_SIMULATED")));
    let url = world.url("/services/Soap/u/60.0");
    let broken = world.http.post(&url).body("<a>").send().await.unwrap();
    assert_eq!(broken.status(), 500);
    let stranger = "<E><Header><SessionHeader><sessionId>x</sessionId></SessionHeader></Header>\
                    <Body><merge/></Body></E>";
    let text = world.http.post(&url).body(stranger).send().await.unwrap().text().await.unwrap();
    assert_eq!(element(&text, "sf:exceptionCode"), Some("INVALID_SESSION_ID"));
    let _: Value = world.get("limits").await.expect(200).json();
}
