//! Leads: qualified, disqualified, merged.

use crate::support::World;
use serde_json::{Value, json};

const QUALIFY: &str = "Microsoft.Dynamics.CRM.QualifyLead";

async fn lead(world: &World) -> String {
    let body = json!({
        "subject": "Renewal", "firstname": "Ann", "lastname": "Lee", "companyname": "Contoso",
        "emailaddress1": "ann@contoso.example", "address1_postalcode": "98052", "estimatedamount": 5000,
        "estimatedclosedate": "2027-01-31", "description": "500 seats",
    });
    world.create("leads", body).await
}

fn told(account: bool, contact: bool) -> Value {
    json!({"CreateAccount": account, "CreateContact": contact, "CreateOpportunity": true, "Status": 3})
}

#[tokio::test]
async fn a_qualified_lead_becomes_an_opportunity_an_account_and_a_contact() {
    let world = World::start().await;
    let id = lead(&world).await;
    let made = world.post(&format!("leads({id})/{QUALIFY}"), told(true, true)).await.expect(200).json();
    let made = made["value"].as_array().unwrap();
    assert_eq!(made.len(), 3);
    assert_eq!(made[2]["@odata.type"], "#Microsoft.Dynamics.CRM.opportunity");
    let opportunity = made[2]["opportunityid"].as_str().unwrap();
    let row = world
        .get(&format!(
            "opportunities({opportunity})?$expand=customerid_account($select=name,address1_postalcode),\
                       parentcontactid($select=fullname,_parentcustomerid_value)"
        ))
        .await
        .expect(200)
        .json();
    assert_eq!((&row["name"], &row["description"]), (&json!("Renewal"), &json!("500 seats")));
    assert_eq!(row["estimatedvalue"].to_string(), "5000.00");
    assert_eq!(row["_originatingleadid_value"], id);
    assert_eq!(row["customerid_account"]["address1_postalcode"], "98052");
    assert_eq!(row["parentcontactid"]["fullname"], "Ann Lee");
    assert_eq!(row["parentcontactid"]["_parentcustomerid_value"], made[0]["accountid"]);
    let closed = world.get(&format!("leads({id})")).await.json();
    assert_eq!((&closed["statecode"], &closed["statuscode"]), (&json!(1), &json!(3)));
    assert_eq!(closed["_qualifyingopportunityid_value"], opportunity);
    world.post(&format!("leads({id})/{QUALIFY}"), told(true, true)).await.refused(400, "0x80040519");
}

#[tokio::test]
async fn a_lead_is_qualified_for_a_customer_that_is_there_already() {
    let world = World::start().await;
    let account = world.create("accounts", json!({"name": "Contoso"})).await;
    let id = lead(&world).await;
    let mut body = told(false, false);
    body["OpportunityCustomerId"] =
        json!({"@odata.type": "Microsoft.Dynamics.CRM.account", "accountid": account});
    body["OpportunityCurrencyId"] = json!({
        "@odata.type": "Microsoft.Dynamics.CRM.transactioncurrency",
        "transactioncurrencyid": "c0000000-0000-4000-8000-000000000978",
    });
    world.post(&format!("leads({id})/{QUALIFY}"), body).await.expect(200);
    let rows = world.get(&format!("opportunities?$filter=_originatingleadid_value eq {id}")).await.json();
    assert_eq!(rows["value"][0]["_customerid_value"], account);
    assert_eq!(rows["value"][0]["_transactioncurrencyid_value"], "c0000000-0000-4000-8000-000000000978");
    assert_eq!(world.get("accounts/$count").await.text, "1");
    assert_eq!(world.get("contacts/$count").await.text, "0");
}

#[tokio::test]
async fn a_refused_qualification_writes_nothing() {
    let world = World::start().await;
    let id = lead(&world).await;
    let path = format!("leads({id})/{QUALIFY}");
    let mut wrong = told(true, true);
    wrong["Status"] = json!(4);
    world.post(&path, wrong).await.refused(400, "0x80048408");
    world.post(&path, json!({"Status": 3})).await.refused(400, "0x80040203");
    for set in ["accounts", "contacts", "opportunities"] {
        assert_eq!(world.get(&format!("{set}/$count")).await.text, "0", "{set}");
    }
}

#[tokio::test]
async fn a_lead_is_disqualified_and_reopened_by_patch() {
    let world = World::start().await;
    let path = format!("leads({})", lead(&world).await);
    world.patch(&path, json!({"statecode": 2, "statuscode": 7})).await.expect(204);
    world.patch(&path, json!({"statuscode": 1})).await.refused(400, "0x80048408");
    world.patch(&path, json!({"statecode": 0, "statuscode": 2})).await.expect(204);
    assert_eq!(world.get(&path).await.json()["statuscode"], 2);
}

#[tokio::test]
async fn a_merged_record_says_so_and_what_led_to_it_leads_to_its_master() {
    let world = World::start().await;
    let master = world.create("accounts", json!({"name": "Contoso"})).await;
    let loser = world.create("accounts", json!({"name": "Contoso Ltd", "telephone1": "1"})).await;
    let bind = json!({"name": "x", "customerid_account@odata.bind": format!("/accounts({loser})")});
    let opportunity = world.create("opportunities", bind).await;
    let row = |id: &str| json!({"@odata.type": "Microsoft.Dynamics.CRM.account", "accountid": id});
    let mut content = row(&master);
    content["telephone1"] = json!("1");
    let body = json!({"Target": row(&master), "Subordinate": row(&loser), "UpdateContent": content,
        "PerformParentingChecks": false});
    world.post("Merge", body.clone()).await.expect(204);
    let retired = world.get(&format!("accounts({loser})")).await.json();
    assert_eq!((&retired["merged"], &retired["statecode"]), (&json!(true), &json!(1)));
    assert_eq!(retired["_masterid_value"], master);
    assert_eq!(world.get(&format!("accounts({master})")).await.json()["telephone1"], "1");
    let row = world.get(&format!("opportunities({opportunity})")).await.json();
    assert_eq!(row["_customerid_value"], master);
    world.post("Merge", body).await.refused(400, "0x80040203");
}
