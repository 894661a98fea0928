//! Records that live on as others.

use crosswalk_connectors::{crm::Reading, dynamics::Dynamics};
use crosswalk_engine::{
    mapping::{FieldUse, Manifest},
    value::{Kind, RecordKey},
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
