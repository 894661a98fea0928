//! What an organisation must have, and what is made of it.

use crosswalk_connectors::crm::{Crm, Hook, Step, StepState};
use crosswalk_engine::{
    mapping::{Choice, EntityUse, FieldUse, Manifest, Rows},
    value::{Kind, Value},
};
use serde_json::{Value as Json, json};

use super::{errors, rows, salesforce_with};
use crate::server::{Reply, Server, reply};

const SET: &str = "0PS5g00000SetABAAZ";

/// One entity with a field of each sort.
fn manifest() -> Manifest {
    let rows = Rows { entity: "Solution__c".into(), parent: "Deal__c".into(), column: "Code__c".into() };
    let help = Choice { value: Value::Text("General".into()), label: "General or other".into() };
    let stage = Choice { value: Value::Text("Qualification".into()), label: "Qualification".into() };
    let fields = vec![
        FieldUse { choices: vec![stage], ..FieldUse::new("StageName", Kind::Text) },
        FieldUse { label: Some("Audit".into()), length: Some(2000), ..FieldUse::new("Audit__c", Kind::Text) },
        FieldUse::new("Sync__c", Kind::Flag),
        FieldUse { choices: vec![help], ..FieldUse::new("Help__c", Kind::Text) },
        FieldUse { rows: Some(rows), ..FieldUse::new("solutions", Kind::Texts) },
    ];
    Manifest {
        name: "test".into(),
        version: "1.0.0".into(),
        crm: "salesforce".into(),
        entities: vec![EntityUse {
            entity: "Opportunity".into(),
            via: None,
            fields,
            referral_key: Some("Referral__c".into()),
            stamp: None,
        }],
        lookups: vec![],
        settings_schema: String::new(),
    }
}

fn root() -> Reply {
    reply(200, json!({"identity": "https://login.salesforce.com/id/00D5g000000OrgAEAS/0055g000000UserAAA"}))
}

fn stage() -> Json {
    json!({"name": "StageName", "type": "picklist", "picklistValues": [{"value": "Qualification", "active": true}]})
}

fn described(fields: &[Json]) -> Reply {
    reply(200, json!({"fields": fields}))
}

fn query(records: &[Json]) -> Reply {
    reply(200, rows(records))
}

fn missing() -> Reply {
    reply(404, errors("NOT_FOUND", "The requested resource does not exist", &[]))
}

fn states(steps: &[Step]) -> Vec<(&str, &StepState)> {
    steps.iter().map(|step| (step.what.as_str(), &step.state)).collect()
}

#[tokio::test]
async fn a_dry_run_names_what_is_missing_and_makes_nothing() {
    let server = Server::answering(vec![
        root(),
        described(&[stage()]),
        query(&[json!({"DeveloperName": "Sync"})]),
        missing(),
        query(&[]),
    ])
    .await;
    let client = salesforce_with(&server.url, manifest(), |_| ());
    let steps = client.provision(None, true).await.unwrap();
    let missing = [
        "field Opportunity.Audit__c (LongTextArea 2000)",
        "field Opportunity.Help__c (Picklist)",
        "field Opportunity.Referral__c (Text 100, unique external id)",
        "object Solution__c",
        "field Solution__c.Deal__c (MasterDetail to Opportunity)",
        "field Solution__c.Code__c (Text 255)",
        "permission set Crosswalk",
        "access to Opportunity",
        "access to Solution__c",
        "access to Opportunity.Audit__c",
        "access to Opportunity.Help__c",
        "access to Opportunity.Referral__c",
        "access to Opportunity.Sync__c",
        "access to Solution__c.Code__c",
        "permission set Crosswalk for the integration user",
    ];
    let told: Vec<_> =
        steps.iter().filter(|step| step.state == StepState::Missing).map(|step| step.what.as_str()).collect();
    assert_eq!(told, missing);
    // It is there, only hidden from us.
    assert!(states(&steps).contains(&("field Opportunity.Sync__c (Checkbox)", &StepState::Present)));
    assert!(server.lines().iter().all(|line| line.starts_with("GET ")));
}

#[tokio::test]
async fn what_is_missing_is_made_and_shown_to_the_integration_user() {
    let made = || reply(201, json!({"id": "00N5g00000FieldEAF", "success": true, "errors": []}));
    let object = "<s:Envelope xmlns:s=\"x\"><s:Body><createMetadataResponse><result><fullName>Solution__c</fullName>\
                  <success>true</success></result></createMetadataResponse></s:Body></s:Envelope>";
    let mut script = vec![root(), described(&[stage()]), query(&[])];
    script.extend([made(), made(), reply(400, errors("DUPLICATE_DEVELOPER_NAME", "taken", &[])), made()]);
    script.extend([missing(), reply(200, object).with("content-type", "text/xml"), made(), made()]);
    script.extend([query(&[]), made(), query(&[json!({"Id": SET})])]);
    script.push(query(&[json!({"Id": "1105g00000ObjAAAAZ", "SobjectType": "Opportunity",
        "PermissionsRead": true, "PermissionsCreate": false, "PermissionsEdit": true})]));
    script.extend([reply(204, ""), made(), query(&[])]);
    script.extend((0..5).map(|_| made()));
    script.extend([query(&[]), made()]);
    let server = Server::answering(script).await;
    let client = salesforce_with(&server.url, manifest(), |_| ());
    let hook =
        Hook { url: "https://sync.example/hooks/contoso/salesforce".parse().unwrap(), key: Some("k".into()) };
    let steps = client.provision(Some(&hook), false).await.unwrap();
    let failed: Vec<_> = steps.iter().filter(|step| matches!(step.state, StepState::Failed(_))).collect();
    assert!(failed.is_empty(), "{failed:?}");
    let asked = server.asked();
    let fields: Vec<Json> = asked
        .iter()
        .filter(|asked| asked.line.contains("/tooling/sobjects/"))
        .map(|asked| asked.json())
        .collect();
    assert_eq!(
        fields[0],
        json!({"FullName": "Opportunity.Audit__c",
            "Metadata": {"label": "Audit", "type": "LongTextArea", "length": 2000, "visibleLines": 5}})
    );
    assert_eq!(fields[1]["Metadata"], json!({"label": "Sync", "type": "Checkbox", "defaultValue": "false"}));
    assert_eq!(
        fields[2]["Metadata"]["valueSet"]["valueSetDefinition"]["value"],
        json!([{"fullName": "General", "label": "General or other", "default": false}])
    );
    assert_eq!(
        fields[3]["Metadata"],
        json!({"label": "Referral Identifier", "type": "Text", "length": 100, "externalId": true, "unique": true,
            "caseSensitive": false})
    );
    assert_eq!(fields[4]["Metadata"]["referenceTo"], "Opportunity");
    assert_eq!(fields[4]["Metadata"]["relationshipName"], "Solutions");
    let soap = asked.iter().find(|asked| asked.line == "POST /services/Soap/m/60.0").unwrap();
    assert!(soap.body.contains("<p:fullName>Solution__c</p:fullName>"), "{}", soap.body);
    let patch = asked.iter().find(|asked| asked.line.starts_with("PATCH ")).unwrap();
    assert!(patch.line.contains("/sobjects/ObjectPermissions/"), "{}", patch.line);
    let given: Vec<Json> = asked
        .iter()
        .filter(|asked| asked.line == "POST /services/data/v60.0/sobjects/FieldPermissions")
        .map(|asked| asked.json())
        .collect();
    assert_eq!(
        given[0],
        json!({"ParentId": SET, "SobjectType": "Opportunity", "Field": "Opportunity.Audit__c",
            "PermissionsRead": true, "PermissionsEdit": true})
    );
    assert_eq!(
        asked.last().unwrap().json(),
        json!({"PermissionSetId": SET, "AssigneeId": "0055g000000UserAAA"})
    );
    let by_hand: Vec<&String> = steps
        .iter()
        .filter_map(|step| match &step.state {
            StepState::ByHand(help) => Some(help),
            _ => None,
        })
        .collect();
    let message = by_hand.iter().find(|help| help.contains("Outbound Messages")).unwrap();
    assert!(
        message.contains("`https://sync.example/hooks/contoso/salesforce?key=<webhook_key>`"),
        "{message}"
    );
}

#[tokio::test]
async fn what_is_there_is_left_alone_and_what_differs_is_told() {
    let field = |name: &str, kind: &str, length: u32| json!({"name": name, "type": kind, "length": length});
    let key =
        json!({"name": "Referral__c", "type": "string", "length": 100, "unique": false, "externalId": true});
    let stage = json!({"name": "StageName", "type": "picklist", "picklistValues": [{"value": "Won", "active": true}]});
    let held = [
        stage,
        field("Audit__c", "textarea", 1000),
        field("Sync__c", "string", 10),
        field("Help__c", "string", 255),
        key,
    ];
    let children = [field("Deal__c", "reference", 18), field("Code__c", "string", 255)];
    let all = json!({"Id": "1105g00000ObjAAAAZ", "PermissionsRead": true, "PermissionsCreate": true, "PermissionsEdit": true,
        "PermissionsDelete": true});
    let with = |pairs: &[(&str, &str)]| {
        let mut row = all.clone();
        for (name, value) in pairs {
            row[*name] = json!(value);
        }
        row
    };
    let of = |field: &str| {
        let (object, _) = field.split_once('.').unwrap();
        with(&[("SobjectType", object), ("Field", field)])
    };
    let given = [
        "Opportunity.Audit__c",
        "Opportunity.Help__c",
        "Opportunity.Referral__c",
        "Opportunity.Sync__c",
        "Solution__c.Code__c",
    ];
    let server = Server::answering(vec![
        root(),
        described(&held),
        query(&[]),
        described(&children),
        query(&[]),
        query(&[json!({"Id": SET})]),
        query(&[with(&[("SobjectType", "Opportunity")]), with(&[("SobjectType", "Solution__c")])]),
        query(&given.map(of)),
        query(&[json!({"Id": "0Pa5g00000AssAAAAZ", "AssigneeId": "0055g000000UserAAA"})]),
    ])
    .await;
    let steps = salesforce_with(&server.url, manifest(), |_| ()).provision(None, false).await.unwrap();
    let differs: Vec<(&str, &str)> = steps
        .iter()
        .filter_map(|step| match &step.state {
            StepState::Differs(how) => Some((step.what.as_str(), how.as_str())),
            _ => None,
        })
        .collect();
    let words = ["does not offer `Qualification`", "holds 1000 characters", "of type `string`", "set Unique"];
    assert_eq!(differs.len(), words.len(), "{differs:?}");
    for ((_, how), words) in differs.iter().zip(words) {
        assert!(how.contains(words), "{how}");
    }
    let others =
        steps.iter().filter(|step| !matches!(step.state, StepState::Differs(_) | StepState::ByHand(_)));
    assert!(others.clone().count() > 8);
    assert!(others.clone().all(|step| step.state == StepState::Present), "{steps:?}");
}
