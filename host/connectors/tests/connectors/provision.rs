//! What provisioning says to Dataverse, and what it makes of refusals.

use crosswalk_connectors::{
    crm::{Hook, StepState},
    dynamics::{Dynamics, DynamicsConfig},
    token::StaticToken,
};
use crosswalk_engine::{
    mapping::{EntityUse, FieldUse, Manifest},
    value::Kind,
};
use serde_json::json;
use std::sync::Arc;

use crate::{
    dynamics::error,
    server::{Reply, Server, limits, reply, transport},
};

const SECRET: &str = "a secret that is long enough to be told";

/// One table without a key, so that few questions are asked.
fn client(server: &Server) -> Dynamics {
    let mut config = DynamicsConfig::new(server.url.clone());
    config.limits = limits();
    config.provisioning.solution = Some("contoso".into());
    config.provisioning.language_code = 1031;
    let audit = FieldUse {
        label: Some("Audit".into()),
        length: Some(5_000),
        ..FieldUse::new("msft_audit", Kind::Text)
    };
    let opportunity = EntityUse {
        entity: "opportunity".into(),
        via: None,
        fields: vec![FieldUse::new("name", Kind::Text), audit],
        referral_key: None,
        stamp: None,
    };
    let manifest = Manifest {
        name: "test".into(),
        version: "1.0.0".into(),
        crm: "dynamics".into(),
        entities: vec![opportunity],
        lookups: Vec::new(),
        settings_schema: String::new(),
    };
    let tokens = Arc::new(StaticToken::new("sandbox".into()));
    Dynamics::new(config, transport(), tokens, Arc::new(manifest)).unwrap()
}

/// The table, and its one column.
fn table() -> Vec<Reply> {
    let name = json!({"LogicalName": "name", "AttributeType": "String", "IsSecured": false, "IsValidForUpdate": true});
    vec![reply(200, json!({"LogicalName": "opportunity"})), reply(200, json!({"value": [name]}))]
}

fn tracked() -> Reply {
    reply(200, json!({"LogicalName": "opportunity", "ChangeTrackingEnabled": true}))
}

#[tokio::test]
async fn a_column_is_made_in_the_solution_and_language_and_then_published() {
    let mut script = table();
    script.extend([reply(204, ""), tracked(), reply(204, "")]);
    let server = Server::answering(script).await;
    let steps = client(&server).provision(None, false).await.unwrap();
    let states: Vec<&StepState> = steps.iter().map(|step| &step.state).collect();
    assert_eq!(states[..4], [&StepState::Present, &StepState::Made, &StepState::Present, &StepState::Made]);
    assert!(
        matches!(states[4], StepState::ByHand(help) if help.contains("make.powerapps.com")),
        "{states:?}"
    );

    let asked = server.asked();
    let made = &asked[2];
    assert_eq!(made.line, "POST /api/data/v9.2/EntityDefinitions(LogicalName='opportunity')/Attributes");
    assert_eq!(made.header("mscrm.solutionuniquename"), "contoso");
    let body = made.json();
    assert_eq!(body["@odata.type"], "Microsoft.Dynamics.CRM.MemoAttributeMetadata", "too long for one line");
    assert_eq!((&body["SchemaName"], &body["MaxLength"]), (&json!("msft_audit"), &json!(5_000)));
    let label = &body["DisplayName"]["LocalizedLabels"][0];
    assert_eq!((&label["Label"], &label["LanguageCode"]), (&json!("Audit"), &json!(1031)));
    assert_eq!(asked[4].line, "POST /api/data/v9.2/PublishXml");
    assert!(asked[4].body.contains("<entity>opportunity</entity>"));
}

#[tokio::test]
async fn what_is_refused_is_told_and_the_rest_goes_on() {
    let mut script = table();
    script.push(reply(403, error("0x80040220", "Principal user is missing prvCreateAttribute privilege")));
    script.push(reply(200, json!({"LogicalName": "opportunity", "ChangeTrackingEnabled": false})));
    script.extend([reply(204, ""), reply(204, "")]);
    let server = Server::answering(script).await;
    let steps = client(&server).provision(None, false).await.unwrap();
    let StepState::Failed(reason) = &steps[1].state else { panic!("{steps:?}") };
    assert!(reason.contains("prvCreateAttribute"), "{reason}");
    assert_eq!(steps[2].state, StepState::Made, "{steps:?}");
    let put = &server.asked()[4];
    assert_eq!(put.line, "PUT /api/data/v9.2/EntityDefinitions(LogicalName='opportunity')");
    assert_eq!(put.json()["ChangeTrackingEnabled"], true);
    assert_eq!(put.header("mscrm.mergelabels"), "true");
}

#[tokio::test]
async fn a_secret_that_a_refusal_repeats_is_not_told() {
    let none = || reply(200, json!({"value": []}));
    let mut script = table();
    script.extend([reply(204, ""), tracked(), reply(204, ""), none()]);
    script.push(reply(400, error("0x80040203", &format!("authvalue {SECRET} is not allowed"))));
    script.extend([none(), none()]);
    let server = Server::answering(script).await;
    let hook =
        Hook { url: "https://crosswalk.example/hooks/contoso/dynamics".into(), key: Some(SECRET.into()) };
    let steps = client(&server).provision(Some(&hook), false).await.unwrap();
    let step = steps.iter().find(|step| step.what.starts_with("service endpoint")).unwrap();
    assert!(matches!(&step.state, StepState::Failed(reason) if reason.contains("0x80040203")), "{step:?}");
    assert!(!format!("{steps:?}").contains(SECRET), "{steps:?}");
    let asked = &server.asked()[6];
    assert_eq!(asked.json()["authtype"], 4);
    assert_eq!(asked.json()["authvalue"], SECRET);
}

#[tokio::test]
async fn a_tenant_without_a_key_gets_no_endpoint() {
    let none = || reply(200, json!({"value": []}));
    let mut script = table();
    script.extend([reply(204, ""), tracked(), reply(204, ""), none(), none(), none()]);
    let server = Server::answering(script).await;
    let hook = Hook { url: "https://crosswalk.example/hooks/contoso/dynamics".into(), key: None };
    let steps = client(&server).provision(Some(&hook), false).await.unwrap();
    let step = steps.iter().find(|step| step.what.starts_with("service endpoint")).unwrap();
    assert!(matches!(&step.state, StepState::Failed(reason) if reason.contains("a key")), "{step:?}");
}

#[tokio::test]
async fn a_table_that_is_not_there_is_told_and_nothing_is_made_in_it() {
    let gone = || reply(404, error("0x80060888", "Could not find an entity with the specified entity name"));
    let server = Server::answering(vec![gone(), gone()]).await;
    let steps = client(&server).provision(None, false).await.unwrap();
    assert_eq!(steps.len(), 1);
    assert!(
        matches!(&steps[0].state, StepState::Failed(reason) if reason.contains("no such table")),
        "{steps:?}"
    );
}
