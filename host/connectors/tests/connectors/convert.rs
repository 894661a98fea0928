//! A lead becomes an opportunity.

use crosswalk_connectors::{Fault, dynamics::Dynamics};
use crosswalk_engine::{
    mapping::{Companion, FieldUse},
    pass::Seen,
    value::{Fields, Kind, RecordKey, Reference, Value},
};
use serde_json::{Value as Json, json};

use crate::{
    close::{all_done, failed},
    dynamics::{ACCOUNT, CURRENCY},
    server::{Server, dynamics_with, reply},
    successors::{LEAD, lead, opportunity, with_leads},
    writes::VERSION,
};

fn client(server: &Server) -> Dynamics {
    let mut manifest = with_leads();
    manifest.entities[0].fields.push(FieldUse::new("parentcontactid", Kind::Reference("contact".into())));
    dynamics_with(&server.url, manifest)
}

fn draft() -> (Fields, [Companion; 1]) {
    let currency = RecordKey { entity: "transactioncurrency".into(), id: CURRENCY.into() };
    let fields = [
        ("name".to_owned(), Value::Text("Deal".into())),
        ("customerid".to_owned(), Value::Reference(Reference::Companion("customer".into()))),
        ("transactioncurrencyid".to_owned(), Value::Reference(Reference::Existing(currency))),
    ];
    let customer = Companion {
        alias: "customer".into(),
        entity: "account".into(),
        matching: [("name".to_owned(), Value::Text("Contoso".into()))].into(),
        fields: Fields::new(),
    };
    (fields.into(), [customer])
}

fn account() -> crate::server::Reply {
    reply(200, json!({"value": [{"@odata.etag": "W/\"1\"", "accountid": ACCOUNT}]}))
}

fn qualified() -> crate::server::Reply {
    reply(200, json!({"value": [{"@odata.etag": "W/\"2\"", "opportunityid": opportunity().id}]}))
}

/// The JSON of the last request of a change set.
fn action(batch: &str) -> Json {
    let start = batch.rfind("\r\n\r\n{").unwrap() + 4;
    let end = start + batch[start..].find("\r\n").unwrap();
    serde_json::from_str(&batch[start..end]).unwrap()
}

#[tokio::test]
async fn a_lead_is_qualified_at_its_version_for_the_customer_of_the_draft() {
    let server = Server::answering(vec![account(), all_done(2), qualified()]).await;
    let (fields, companions) = draft();
    let seen = client(&server).convert(&lead(), "opportunity", &fields, &companions, VERSION).await.unwrap();
    assert_eq!(seen, Seen::Written { version: "W/\"2\"".into(), key: Some(opportunity()) });
    let batch = &server.asked()[1].body;
    let guard =
        batch.find(&format!("PATCH /api/data/v9.2/leads({LEAD}) HTTP/1.1\r\nIf-Match: W/\"7\"\r\n")).unwrap();
    let act = batch
        .find(&format!("POST /api/data/v9.2/leads({LEAD})/Microsoft.Dynamics.CRM.QualifyLead HTTP/1.1"))
        .unwrap();
    assert!(guard < act, "the version is looked at before the lead is qualified");
    assert!(batch[guard..act].contains("\"cosell_stamp\":"), "{batch}");
    assert_eq!(
        action(batch),
        json!({
            "CreateAccount": false,
            "CreateContact": true,
            "CreateOpportunity": true,
            "Status": 3,
            "OpportunityCustomerId": {"@odata.type": "Microsoft.Dynamics.CRM.account", "accountid": ACCOUNT},
            "OpportunityCurrencyId":
                {"@odata.type": "Microsoft.Dynamics.CRM.transactioncurrency", "transactioncurrencyid": CURRENCY},
        })
    );
}

#[tokio::test]
async fn a_draft_without_a_customer_lets_dataverse_make_one() {
    let server = Server::answering(vec![all_done(2), qualified()]).await;
    let name: Fields = [("name".to_owned(), Value::Text("Deal".into()))].into();
    client(&server).convert(&lead(), "opportunity", &name, &[], VERSION).await.unwrap();
    let told = action(&server.asked()[0].body);
    assert_eq!((&told["CreateAccount"], &told["CreateContact"]), (&json!(true), &json!(true)));
    assert_eq!(told.get("OpportunityCustomerId"), None);
}

#[tokio::test]
async fn a_lead_that_moved_on_or_is_closed_is_stale_and_a_refusal_is_told() {
    let server = Server::answering(vec![
        failed(412, "0x80060882", "The version of the existing record doesn't match"),
        failed(400, "0x80040519", "The lead is already closed."),
        failed(404, "0x80040217", &format!("lead With Id = {LEAD} Does Not Exist")),
        failed(400, "0x80040265", "finance must approve"),
        reply(200, "what?"),
        all_done(2),
        reply(200, json!({"value": []})),
    ])
    .await;
    let client = client(&server);
    let convert =
        async || client.convert(&lead(), "opportunity", &Fields::new(), &[], VERSION).await.unwrap();
    for _ in 0..3 {
        assert_eq!(convert().await, Seen::Stale);
    }
    let Seen::Refused(refusal) = convert().await else { panic!("not refused") };
    assert!(refusal.reason.contains("finance must approve"), "{}", refusal.reason);
    assert!(matches!(convert().await, Seen::Unknown(_)));
    let Seen::Unknown(reason) = convert().await else { panic!("known") };
    assert!(reason.contains("no opportunity came of it"), "{reason}");
}

#[tokio::test]
async fn a_lead_without_a_stamp_is_looked_at_right_before() {
    let mut manifest = with_leads();
    manifest.entities.last_mut().unwrap().stamp = None;
    let at = |etag: &str| {
        reply(200, json!({"@odata.etag": etag, "leadid": LEAD, "statecode": 0, "merged": false}))
    };
    let server = Server::answering(vec![at("W/\"8\""), at("W/\"7\""), all_done(1), qualified()]).await;
    let client = dynamics_with(&server.url, manifest);
    let convert =
        async || client.convert(&lead(), "opportunity", &Fields::new(), &[], VERSION).await.unwrap();
    assert_eq!(convert().await, Seen::Stale);
    assert!(matches!(convert().await, Seen::Written { .. }));
}

#[tokio::test]
async fn only_leads_become_opportunities_and_only_declared_fields_are_used() {
    let server = Server::answering(vec![]).await;
    let client = client(&server);
    let refused = client.convert(&opportunity(), "lead", &Fields::new(), &[], VERSION).await;
    assert!(matches!(refused, Err(Fault::Reject { .. })), "{refused:?}");
    let owner: Fields = [("ownerid".to_owned(), Value::Text("x".into()))].into();
    let seen = client.convert(&lead(), "opportunity", &owner, &[], VERSION).await.unwrap();
    assert!(matches!(seen, Seen::Refused(_)), "{seen:?}");
    let seen = client.convert(&lead(), "opportunity", &Fields::new(), &[], "").await.unwrap();
    assert!(matches!(seen, Seen::Refused(_)), "a version is needed: {seen:?}");
}

#[tokio::test]
async fn a_lead_is_disqualified_and_reopened_by_a_plain_patch() {
    let row = || reply(200, json!({"@odata.etag": "W/\"8\"", "leadid": LEAD}));
    let server = Server::answering(vec![row(), row()]).await;
    let client = client(&server);
    for (state, status) in [(2, 7), (0, 1)] {
        let fields: Fields = [
            ("statecode".to_owned(), Value::Integer(state)),
            ("statuscode".to_owned(), Value::Integer(status)),
        ]
        .into();
        let seen = client.update(&lead(), &fields, &[], VERSION).await.unwrap();
        assert!(matches!(seen, Seen::Written { .. }), "{seen:?}");
    }
    let asked = server.asked();
    assert_eq!(asked[0].json(), json!({"statecode": 2, "statuscode": 7}));
    assert_eq!(asked[1].json(), json!({"statecode": 0, "statuscode": 1}));
    assert_eq!(asked[0].header("if-match"), VERSION);
}

#[tokio::test]
async fn a_lead_that_shall_be_disqualified_is_created_open_and_then_closed_with_the_stamp() {
    let row = |status, etag: &str| reply(status, json!({"@odata.etag": etag, "leadid": LEAD}));
    let server = Server::answering(vec![row(201, "W/\"1\""), row(200, "W/\"2\"")]).await;
    let fields: Fields = [
        ("subject".to_owned(), Value::Text("Deal".into())),
        ("statecode".to_owned(), Value::Integer(2)),
        ("statuscode".to_owned(), Value::Integer(7)),
        ("cosell_stamp".to_owned(), Value::Text("s1".into())),
    ]
    .into();
    let seen = client(&server).create("lead", "cosell_referralid", "r1", &fields, &[]).await.unwrap();
    assert_eq!(seen, Seen::Written { version: "W/\"2\"".into(), key: Some(lead()) });
    let asked = server.asked();
    assert_eq!(asked[0].json(), json!({"subject": "Deal"}));
    assert_eq!(asked[1].json(), json!({"statecode": 2, "statuscode": 7, "cosell_stamp": "s1"}));
    assert_eq!(asked[1].header("if-match"), "W/\"1\"");
}
