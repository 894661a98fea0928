//! Records that live on as others.

use crosswalk_connectors::{crm::Reading, dynamics::Dynamics};
use crosswalk_engine::{
    mapping::{FieldUse, Manifest},
    pass::Seen,
    value::{Fields, Kind, RecordKey, Value},
};
use serde_json::{Value as Json, json};

use crate::{
    dynamics::ID,
    server::{Server, dynamics_with, manifest, reply},
};

pub(crate) const LEAD: &str = "00000000-0000-0000-0000-0000000001ea";
const MASTER: &str = "00000000-0000-0000-0000-0000000003a5";

/// Links opportunities and leads.
pub(crate) fn with_leads() -> Manifest {
    let mut manifest = manifest();
    let mut lead = manifest.entities[0].clone();
    lead.entity = "lead".into();
    lead.fields = ["subject", "companyname"].map(|name| FieldUse::new(name, Kind::Text)).into();
    lead.fields.extend(["statecode", "statuscode"].map(|name| FieldUse::new(name, Kind::Integer)));
    manifest.entities.push(lead);
    manifest
}

pub(crate) fn lead() -> RecordKey {
    RecordKey { entity: "lead".into(), id: LEAD.into() }
}

pub(crate) fn opportunity() -> RecordKey {
    RecordKey { entity: "opportunity".into(), id: ID.into() }
}

fn client(server: &Server) -> Dynamics {
    dynamics_with(&server.url, with_leads())
}

fn row(changes: Json) -> Json {
    let mut row =
        json!({"@odata.etag": "W/\"7\"", "leadid": LEAD, "subject": "Deal", "statecode": 0, "merged": false});
    row.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    row
}

#[tokio::test]
async fn a_qualified_lead_lives_on_as_its_opportunity() {
    let named = row(json!({"statecode": 1, "_qualifyingopportunityid_value": ID.to_uppercase()}));
    let unnamed = row(json!({"statecode": 1, "_qualifyingopportunityid_value": null}));
    let found = json!({"value": [{"@odata.etag": "W/\"2\"", "opportunityid": ID}]});
    let server = Server::answering(vec![
        reply(200, named),
        reply(200, &unnamed),
        reply(200, found),
        reply(200, &unnamed),
        reply(200, json!({"value": []})),
    ])
    .await;
    let client = client(&server);
    assert_eq!(client.read(&lead()).await.unwrap(), Reading::Succeeded(opportunity()));
    assert_eq!(client.read(&lead()).await.unwrap(), Reading::Succeeded(opportunity()));
    let itself = client.read(&lead()).await.unwrap().found().unwrap();
    assert_eq!(itself.value.key, lead(), "qualified without an opportunity");
    let lines = server.lines();
    assert_eq!(
        lines[0],
        format!(
            "GET /api/data/v9.2/leads({LEAD})?$select=_masterid_value,_qualifyingopportunityid_value,companyname,\
             cosell_referralid,cosell_stamp,merged,statecode,statuscode,subject"
        )
    );
    assert_eq!(
        lines[2],
        format!(
            "GET /api/data/v9.2/opportunities?$select=opportunityid&$filter=_originatingleadid_value%20eq%20{LEAD}\
             &$orderby=createdon%20asc,opportunityid%20asc&$top=1"
        )
    );
}

#[tokio::test]
async fn a_merged_record_lives_on_as_its_master() {
    let merged = row(json!({"merged": true, "_masterid_value": MASTER, "statecode": 2}));
    let untouched = row(json!({"merged": false, "_masterid_value": null}));
    let server = Server::answering(vec![reply(200, merged), reply(200, untouched)]).await;
    let client = client(&server);
    let master = RecordKey { entity: "lead".into(), id: MASTER.into() };
    assert_eq!(client.read(&lead()).await.unwrap(), Reading::Succeeded(master));
    assert!(client.read(&lead()).await.unwrap().found().is_some());
}

/// Dataverse's answer to a key that another record holds.
fn violated() -> Json {
    let message =
        "Entity Key cosell_Key violated. A record with the same value for cosell_referralid already exists.";
    json!({"error": {"code": "0x80060892", "message": message}})
}

fn holder(merged_into: &str) -> Json {
    json!({"@odata.etag": "W/\"9\"", "leadid": LEAD, "merged": true, "_masterid_value": merged_into})
}

async fn writes_the_key(server: &Server) -> Seen {
    let master = RecordKey { entity: "lead".into(), id: MASTER.into() };
    let fields = Fields::from([("cosell_referralid".to_owned(), Value::Text("r-1".to_owned()))]);
    client(server).update(&master, &fields, &[], "W/\"3\"").await.unwrap()
}

#[tokio::test]
async fn a_master_gets_the_key_that_the_record_merged_into_it_still_holds() {
    let written = json!({"@odata.etag": "W/\"4\"", "leadid": MASTER});
    let server = Server::answering(vec![
        reply(412, violated()),
        reply(200, holder(MASTER)),
        reply(204, ""),
        reply(200, written),
    ])
    .await;
    let seen = writes_the_key(&server).await;
    assert!(matches!(&seen, Seen::Written { version, .. } if version == "W/\"4\""), "{seen:?}");
    let asked = server.asked();
    assert_eq!(
        server.lines()[1],
        "GET /api/data/v9.2/leads(cosell_referralid='r-1')?$select=leadid,merged,_masterid_value"
    );
    assert_eq!(server.lines()[2], format!("PATCH /api/data/v9.2/leads({LEAD})"));
    assert_eq!(
        (asked[2].header("if-match"), asked[2].json()),
        ("W/\"9\"", json!({"cosell_referralid": null}))
    );
    assert_eq!(server.lines()[3], server.lines()[0]);
}

#[tokio::test]
async fn a_key_that_a_stranger_holds_stays_the_strangers() {
    let other = "00000000-0000-0000-0000-0000000003a6";
    let server = Server::answering(vec![reply(412, violated()), reply(200, holder(other))]).await;
    let seen = writes_the_key(&server).await;
    assert!(matches!(&seen, Seen::Refused(refusal) if refusal.reason.contains("another record")), "{seen:?}");
    assert_eq!(server.lines().len(), 2);
}
