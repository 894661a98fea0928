//! The same portfolio in Salesforce, which gives its records their ids itself.

use anyhow::{Context, Result, ensure};
use crosswalk::demo::{Pair, Record, text};
use crosswalk_tests::Stage;
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::send;

/// Records of one bulk request. docs: sObject Collections take 200.
const RECORDS_MAX: usize = 200;

/// Opportunities like the one of `first`, each with its solutions, and the referral that `referral_of` makes for a
/// record's number and id.
pub(super) async fn make(
    stage: &Stage,
    count: usize,
    first: &Pair,
    referral_of: impl Fn(usize, &str) -> Result<Value>,
) -> Result<Vec<Pair>> {
    let model =
        salesforce(stage, Method::GET, &format!("sobjects/Opportunity/{}", first.record.id), None).await?;
    let ids = bulk(stage, Method::POST, (0..count).map(|number| like(&model, number)).collect()).await?;
    let (mut pairs, mut links, mut solutions) = (Vec::new(), Vec::new(), Vec::new());
    for (number, id) in ids.into_iter().enumerate() {
        let referral = referral_of(number, &id)?;
        let known = text(&referral, "/id");
        let link = text(&model, "/Referral_Link__c").replace(&first.referral, &known);
        links.push(json!({
            "attributes": { "type": "Opportunity" }, "Id": id, "Referral_Identfier__c": known, "Referral_Link__c": link,
        }));
        for solution in referral
            .pointer("/details/requirements/solutions")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            solutions.push(json!({
                "attributes": { "type": "Microsoft_Solution__c" }, "Opportunity__c": id,
                "Solution_Identifier__c": text(solution, "/id"),
            }));
        }
        pairs.push(Pair { referral: known, record: Record { is_lead: false, id } });
    }
    bulk(stage, Method::PATCH, links).await?;
    bulk(stage, Method::POST, solutions).await?;
    Ok(pairs)
}

/// An opportunity like the model, which no referral belongs to yet.
fn like(model: &Value, number: usize) -> Value {
    let own = ["AccountId", "Amount", "CloseDate", "CurrencyIsoCode", "Description", "StageName"];
    let not_copied = ["Referral_Identfier__c", "Referral_Link__c"];
    let mut row = Map::new();
    for (name, value) in model.as_object().into_iter().flatten() {
        let is_deal = own.contains(&name.as_str()) || name.ends_with("__c");
        if is_deal && !value.is_null() && !not_copied.contains(&name.as_str()) {
            row.insert(name.clone(), value.clone());
        }
    }
    row.insert("attributes".to_owned(), json!({ "type": "Opportunity" }));
    row.insert("Name".to_owned(), json!(format!("✔ Deal {number}")));
    Value::Object(row)
}

/// The same change to many opportunities, as a seller's import would make it.
pub(super) async fn import(stage: &Stage, notes: Vec<(String, String)>) -> Result<()> {
    let change =
        |(id, notes)| json!({ "attributes": { "type": "Opportunity" }, "Id": id, "Description": notes });
    bulk(stage, Method::PATCH, notes.into_iter().map(change).collect()).await.map(drop)
}

/// Makes or changes records; their ids, in order.
async fn bulk(stage: &Stage, method: Method, rows: Vec<Value>) -> Result<Vec<String>> {
    let mut ids = Vec::new();
    for records in rows.chunks(RECORDS_MAX) {
        let body = json!({ "allOrNone": true, "records": records });
        let answer = salesforce(stage, method.clone(), "composite/sobjects", Some(body)).await?;
        for result in answer.as_array().context("no list of results")? {
            ensure!(result["success"] == json!(true), "{result}");
            ids.push(text(result, "/id"));
        }
    }
    Ok(ids)
}

/// A request to Salesforce as a seller.
async fn salesforce(stage: &Stage, method: Method, path: &str, body: Option<Value>) -> Result<Value> {
    send(stage, method, &format!("/services/data/v62.0/{path}"), body).await
}
