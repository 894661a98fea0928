//! A portfolio that two systems have had for a while when the host first sees it, made in bulk.

use std::{path::Path, process::Output};

use anyhow::{Context, Result, ensure};
use crosswalk::demo::{CrmKind, Pair, Record, make_pairs, text};
use crosswalk_tests::Stage;
use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::{PATIENCE, program};

mod salesforce;

/// Rows of one bulk request.
const ROWS_MAX: usize = 1_000;

/// How long before the host the portfolio was made: longer than its first look reaches back.
const AGE_MS: i64 = 3 * 24 * 60 * 60 * 1_000;

/// Which sides know of each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Linked {
    /// The record carries the referral's id, and the referral the record's.
    Both,
    /// The record does not carry the referral's id.
    ByReferralOnly,
    /// The referral does not carry the record's id.
    ByRecordOnly,
}

/// Makes `count` pairs on both sides that say the same, as a first pair says it that the host made; `linked` says of each
/// which side knows of the other (in Salesforce, both do). No notification is sent of any of it, nor of anything after it.
pub(crate) async fn make(stage: &Stage, count: usize, linked: impl Fn(usize) -> Linked) -> Result<Vec<Pair>> {
    let scene = &stage.scene;
    let first = make_pairs(scene, 1, PATIENCE).await?.remove(0);
    scene.settled(PATIENCE).await?;
    scene.notifications(false).await?;
    let all = stage.sandbox.partner_center().referrals();
    let model = all.iter().find(|it| text(it, "/id") == first.referral).context("no first referral")?;
    let referral_of = |number: usize, record: Option<&str>| -> Result<Value> {
        let mut changes =
            json!({ "name": format!("Deal {number}"), "status": "Active", "substatus": "Accepted" });
        changes["details"] = model["details"].clone();
        if let Some(record) = record {
            changes["externalReferenceId"] = json!(record);
        }
        Ok(stage.sandbox.partner_center().create_sample("co-sell", &changes)?)
    };
    clocks(stage, -AGE_MS).await?;
    let mut pairs = match scene.seller.kind() {
        CrmKind::Dynamics => in_dynamics(stage, count, &first, linked, referral_of).await?,
        CrmKind::Salesforce => {
            salesforce::make(stage, count, &first, |number, record| referral_of(number, Some(record))).await?
        }
    };
    clocks(stage, 0).await?;
    pairs.push(first);
    Ok(pairs)
}

async fn in_dynamics(
    stage: &Stage,
    count: usize,
    first: &Pair,
    linked: impl Fn(usize) -> Linked,
    referral_of: impl Fn(usize, Option<&str>) -> Result<Value>,
) -> Result<Vec<Pair>> {
    let model = dynamics(stage, Method::GET, &format!("opportunities({})", first.record.id), None).await?;
    let mut pairs = Vec::new();
    let (mut rows, mut solutions) = (Vec::new(), Vec::new());
    for number in 0..count {
        let opportunity = format!("0c05e11a-0000-4000-8000-{number:012x}");
        let how = linked(number);
        let made = referral_of(number, (how != Linked::ByRecordOnly).then_some(opportunity.as_str()))?;
        let id = text(&made, "/id");
        rows.push(like(&model, &opportunity, number, (&first.referral, &id), how));
        for solution in
            made.pointer("/details/requirements/solutions").and_then(Value::as_array).into_iter().flatten()
        {
            solutions.push(json!({
                "@odata.type": "Microsoft.Dynamics.CRM.msft_microsoftsolution",
                "msft_name": text(solution, "/id"), "msft_solutionidentifier": text(solution, "/id"),
                "msft_OpportunityId@odata.bind": format!("/opportunities({opportunity})"),
            }));
        }
        pairs.push(Pair { referral: id, record: Record { is_lead: false, id: opportunity } });
    }
    bulk(stage, "opportunities", "CreateMultiple", rows).await?;
    bulk(stage, "msft_microsoftsolutions", "CreateMultiple", solutions).await?;
    Ok(pairs)
}

/// An opportunity like the model, for another referral.
fn like(model: &Value, id: &str, number: usize, (of, to): (&str, &str), linked: Linked) -> Value {
    let own = ["description", "estimatedvalue", "isrevenuesystemcalculated", "estimatedclosedate"];
    let bound = [
        ("parentaccountid", "accounts"),
        ("parentcontactid", "contacts"),
        ("transactioncurrencyid", "transactioncurrencies"),
    ];
    let mut row = Map::new();
    for (name, value) in model.as_object().into_iter().flatten() {
        let is_deal = own.contains(&name.as_str()) || (name.starts_with("msft_") && !name.contains('@'));
        if is_deal && !value.is_null() {
            let value = value.as_str().map_or_else(|| value.clone(), |it| json!(it.replace(of, to)));
            row.insert(name.clone(), value);
        }
    }
    for (column, set) in bound {
        let id = text(model, &format!("/_{column}_value"));
        if !id.is_empty() {
            row.insert(format!("{column}@odata.bind"), json!(format!("/{set}({id})")));
        }
    }
    row.insert("@odata.type".to_owned(), json!("Microsoft.Dynamics.CRM.opportunity"));
    row.insert("opportunityid".to_owned(), json!(id));
    row.insert("name".to_owned(), json!(format!("✔ Deal {number}")));
    if linked == Linked::ByReferralOnly {
        row.remove("msft_referralidentifier");
        row.remove("msft_referrallink");
    }
    Value::Object(row)
}

/// Other notes in many opportunities, as a seller's import would write them.
pub(crate) async fn import(stage: &Stage, notes: impl Iterator<Item = (String, String)>) -> Result<()> {
    if stage.scene.seller.kind() == CrmKind::Salesforce {
        return salesforce::import(stage, notes.collect()).await;
    }
    let rows = notes.map(|(id, notes)| {
        json!({
            "@odata.type": "Microsoft.Dynamics.CRM.opportunity", "opportunityid": id, "description": notes,
        })
    });
    bulk(stage, "opportunities", "UpdateMultiple", rows.collect()).await
}

async fn bulk(stage: &Stage, set: &str, action: &str, rows: Vec<Value>) -> Result<()> {
    for targets in rows.chunks(ROWS_MAX) {
        let path = format!("{set}/Microsoft.Dynamics.CRM.{action}");
        dynamics(stage, Method::POST, &path, Some(json!({ "Targets": targets }))).await?;
    }
    Ok(())
}

/// All opportunities with these columns, over all pages.
pub(crate) async fn opportunities(stage: &Stage, columns: &str) -> Result<Vec<Value>> {
    let mut path = format!("opportunities?$select={columns}");
    let mut all = Vec::new();
    loop {
        let mut page = dynamics(stage, Method::GET, &path, None).await?;
        all.append(page["value"].as_array_mut().context("no list of opportunities")?);
        let next = text(&page, "/@odata.nextLink");
        match next.split_once("/api/data/v9.2/") {
            Some((_, rest)) => path = rest.to_owned(),
            None => return Ok(all),
        }
    }
}

/// A request to Dynamics as a seller.
pub(crate) async fn dynamics(
    stage: &Stage,
    method: Method,
    path: &str,
    body: Option<Value>,
) -> Result<Value> {
    send(stage, method, &format!("/api/data/v9.2/{path}"), body).await
}

async fn send(stage: &Stage, method: Method, path: &str, body: Option<Value>) -> Result<Value> {
    let url = format!("{}{path}", stage.scene.crm().url());
    let mut request = reqwest::Client::new().request(method, url).bearer_auth("seller");
    if let Some(body) = body {
        request = request.json(&body);
    }
    let answer = request.send().await?;
    let status = answer.status();
    let body = answer.bytes().await?;
    ensure!(status.is_success(), "{path}: {status} {}", String::from_utf8_lossy(&body));
    Ok(if body.is_empty() { Value::Null } else { serde_json::from_slice(&body)? })
}

async fn clocks(stage: &Stage, offset_ms: i64) -> Result<()> {
    for system in [stage.scene.center(), stage.scene.crm()] {
        system.control(Method::POST, "/clock", Some(json!({ "offsetMs": offset_ms }))).await?;
    }
    Ok(())
}

/// Runs the program against the stage's host, and waits for its end.
pub(crate) fn crosswalk(stage: &Stage, args: &[&str]) -> Output {
    let host = stage.admin_url();
    let token = stage.folder().join("state/admin.token");
    let mut all: Vec<&str> = args.to_vec();
    all.extend(["--host", &host, "--token-file", token.to_str().unwrap_or_default()]);
    tokio::task::block_in_place(|| run(&all, stage.folder()))
}

/// As [`crosswalk`], for the stage's tenant.
pub(crate) fn crosswalk_for_tenant(stage: &Stage, args: &[&str]) -> Output {
    let mut all = args.to_vec();
    all.extend(["--tenant", stage.scene.tenant]);
    crosswalk(stage, &all)
}

fn run(args: &[&str], folder: &Path) -> Output {
    std::process::Command::new(program()).args(args).current_dir(folder).env_clear().output().unwrap()
}

/// What the program printed, line by line, as JSON.
pub(crate) fn lines(output: &Output) -> Vec<Value> {
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}
