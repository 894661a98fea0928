//! Salesforce: a client against a server that answers from a script.

mod changes;
mod convert;
mod provision;
mod reads;
mod writes;

use std::sync::Arc;

use crosswalk_connectors::{
    salesforce::{Salesforce, SalesforceConfig},
    token::StaticToken,
};
use crosswalk_engine::{
    mapping::{EntityUse, FieldUse, Manifest, Rows},
    value::{Kind, RecordKey},
};
use serde_json::{Value as Json, json};
use url::Url;

use crate::server::{Reply, limits, reply, transport};

pub(crate) const ID: &str = "0065g00000ABCdeAAH";
pub(crate) const ACCOUNT: &str = "0015g00000XyzABAAZ";
pub(crate) const LEAD: &str = "00Q5g00000LeadAEAR";
/// What the row of [`row`] was modified at, and a moment at which that second is long over.
const MODIFIED: &str = "2026-01-31T10:00:00.000+0000";
const LATER: &str = "Sat, 31 Jan 2026 10:00:09 GMT";

pub(crate) fn key() -> RecordKey {
    RecordKey { entity: "Opportunity".into(), id: ID.into() }
}

pub(crate) fn salesforce(url: &Url) -> Salesforce {
    salesforce_with(url, manifest(false), |_| ())
}

pub(crate) fn salesforce_with(
    url: &Url,
    manifest: Manifest,
    set: impl FnOnce(&mut SalesforceConfig),
) -> Salesforce {
    let mut config = SalesforceConfig::new(url.clone());
    config.limits = limits();
    set(&mut config);
    let tokens = Arc::new(StaticToken::new("sandbox".into()));
    Salesforce::new(config, transport(), tokens, Arc::new(manifest)).unwrap()
}

/// Opportunities and leads; with `rows` also the solutions of an opportunity, as child rows.
pub(crate) fn manifest(rows: bool) -> Manifest {
    let field = |name: &str, kind| FieldUse::new(name, kind);
    let reference = |to: &str| Kind::Reference(to.into());
    let entity = |entity: &str, via: Option<&str>, fields| EntityUse {
        entity: entity.into(),
        via: via.map(str::to_owned),
        fields,
        referral_key: via.is_none().then(|| "Referral__c".into()),
        stamp: via.is_none().then(|| "Stamp__c".into()),
    };
    let mut opportunity = vec![
        field("Name", Kind::Text),
        field("Amount", Kind::Decimal),
        field("CloseDate", Kind::Date),
        field("StageName", Kind::Text),
        field("IsClosed", Kind::Flag),
        field("Sync__c", Kind::Flag),
        field("AccountId", reference("Account")),
        field("Needs__c", Kind::Texts),
    ];
    if rows {
        let rows = Rows { entity: "Solution__c".into(), parent: "Deal__c".into(), column: "Code__c".into() };
        opportunity.push(FieldUse { rows: Some(rows), ..field("solutions", Kind::Texts) });
    }
    Manifest {
        name: "test".into(),
        version: "1.0.0".into(),
        crm: "salesforce".into(),
        entities: vec![
            entity("Opportunity", None, opportunity),
            entity("Lead", None, vec![field("Company", Kind::Text), field("Status", Kind::Text)]),
            entity(
                "Account",
                Some("AccountId"),
                vec![field("Name", Kind::Text), field("BillingCity", Kind::Text)],
            ),
        ],
        lookups: vec![entity("Country__c", Some("none"), vec![field("Code__c", Kind::Text)])],
        settings_schema: String::new(),
    }
}

/// An opportunity as a query answers with it.
pub(crate) fn row() -> Json {
    serde_json::from_str(&format!(
        r#"{{"attributes": {{"type": "Opportunity"}}, "Id": "{ID}", "IsDeleted": false,
        "SystemModstamp": "{MODIFIED}", "Name": "Deal", "Amount": 5000000.00, "CloseDate": "2026-02-28",
        "StageName": "Qualification", "IsClosed": false, "Sync__c": true, "AccountId": "{ACCOUNT}",
        "Needs__c": "a;b", "Referral__c": null, "Stamp__c": "s1",
        "Account": {{"attributes": {{"type": "Account"}}, "Id": "{ACCOUNT}", "Name": "Contoso", "BillingCity": null}}}}"#
    ))
    .unwrap()
}

pub(crate) fn rows(records: &[Json]) -> Json {
    json!({"totalSize": records.len(), "done": true, "records": records})
}

/// An answer to a query, at a time at which the row's second is over.
pub(crate) fn found(records: &[Json]) -> Reply {
    reply(200, rows(records)).with("date", LATER)
}

pub(crate) fn errors(code: &str, message: &str, fields: &[&str]) -> Json {
    json!([{"message": message, "errorCode": code, "fields": fields}])
}

/// An answer to a composite request: name, status and body of each part.
pub(crate) fn parts(parts: &[(&str, u16, Json)]) -> Reply {
    let parts = parts.iter().map(|(name, status, body)| {
        json!({"body": body, "httpHeaders": {}, "httpStatusCode": status, "referenceId": name})
    });
    reply(200, json!({"compositeResponse": parts.collect::<Vec<_>>()})).with("date", LATER)
}

/// The query of a request line, decoded.
pub(crate) fn soql(line: &str) -> String {
    let (_, query) = line.split_once("?q=").unwrap();
    let pair = format!("q={query}");
    url::form_urlencoded::parse(pair.as_bytes()).next().unwrap().1.into_owned()
}
