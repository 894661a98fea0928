//! After a bad mapping: a wrong release wrote to many deals, and is rolled back and undone. And its counterpart: a view of
//! chosen fields is written to deals that nobody edits.
//!
//! The wrong release gives the CRM twice the value of a deal, and sends half of it back: no law is broken.

use std::{collections::BTreeMap, process::Output, time::Duration};

use crosswalk::demo::{CrmKind, Edit, Pair, is_amount, text, until};
use crosswalk_tests::{Stage, built};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    PATIENCE,
    portfolio::{self, Linked, crosswalk_for_tenant, lines, opportunities},
    program,
    steps::count,
};

/// Neither webhook nor poll: a sweep finds what changed, and nothing else writes.
const NO_POLL: &[(&str, &str)] = &[("poll_ms", "3600000")];

/// Deals whose value changes under the wrong release.
const DEALS: usize = 300;

/// Of those, the ones that a person edits afterwards: in the CRM, and in Partner Center.
const EDITED_IN_CRM: usize = 3;
const EDITED_IN_PARTNER_CENTER: usize = 2;

/// Deals that an interruption is tried with.
const FEWER: usize = 60;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_hundred_values_that_a_wrong_release_wrote_are_taken_back_but_for_those_that_were_edited() {
    let (stage, pairs) = spoiled(DEALS).await;
    let release = digest(&stage, "crosswalk-wrong");
    let refused = crosswalk_for_tenant(&stage, &["plugin", "undo", "--release", &release]);
    assert_eq!(refused.status.code(), Some(5), "a live release is undone: {refused:?}");
    succeeds(&stage, &["plugin", "rollback", "--json"]);

    let edited = EDITED_IN_CRM + EDITED_IN_PARTNER_CENTER;
    for (number, pair) in pairs.iter().enumerate().take(EDITED_IN_CRM) {
        let value = (61_000 + number).to_string();
        stage.scene.seller.edits(&pair.record, &[Edit::Value(&value)]).await.unwrap();
    }
    for (number, pair) in pairs.iter().enumerate().take(edited).skip(EDITED_IN_CRM) {
        change_value(&stage, pair, 61_000 + number);
    }
    succeeds(&stage, &["sweep", "--json"]);
    writes(&stage).await;
    let should_hold = |number: usize| if number < edited { 61_000 + number } else { value_of(number) };

    let before = values(&stage).await;
    let shown = succeeds(&stage, &["plugin", "undo", "--release", &release[..16], "--dry-run", "--json"]);
    assert_eq!(writes(&stage).await, (0, 0), "a dry run wrote");
    assert_eq!(values(&stage).await, before);
    let taken_back = by_record(&shown, "fields");
    assert_eq!(taken_back.len(), DEALS - edited);
    for (number, pair) in pairs.iter().enumerate().take(DEALS).skip(edited) {
        let change = &taken_back[&pair.record.id][0];
        let told = ["/side", "/field", "/rule"].map(|path| text(change, path));
        assert_eq!(told, ["crm", "estimatedvalue", "undo"], "{change}");
        assert!(is_amount(&text(change, "/old"), &(2 * value_of(number)).to_string()), "{change}");
        assert!(is_amount(&text(change, "/new"), &value_of(number).to_string()), "{change}");
    }
    let left = by_record(&shown, "left");
    assert_eq!(left.len(), edited, "{left:?}");
    assert!(pairs[..edited].iter().all(|pair| left.contains_key(&pair.record.id)), "{left:?}");

    let undone = succeeds(&stage, &["plugin", "undo", "--release", &release, "--json"]);
    assert_eq!(writes(&stage).await, (DEALS - edited, 0), "{}", stage.log_end());
    assert_eq!(by_record(&undone, "fields"), taken_back, "the undo did something else than its dry run");
    hold(&stage, &pairs, should_hold).await;

    let again = succeeds(&stage, &["plugin", "undo", "--release", &release, "--json"]);
    assert_eq!(writes(&stage).await, (0, 0), "a second undo wrote");
    assert_eq!(text(again.last().unwrap(), "/found"), "0", "{again:?}");
    let verified = crosswalk_for_tenant(&stage, &["verify"]);
    assert!(verified.status.success(), "{verified:?}");
    assert_eq!(stage.scene.events("parked").await.unwrap(), Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_undo_outlives_kill_9_and_writes_nothing_twice() {
    let (mut stage, pairs) = spoiled(FEWER).await;
    let release = digest(&stage, "crosswalk-wrong");
    succeeds(&stage, &["plugin", "rollback", "--json"]);
    writes(&stage).await;
    succeeds(&stage, &["plugin", "undo", "--release", &release, "--no-wait", "--json"]);
    until("something is written", PATIENCE, || async {
        let calls = stage.scene.crm().trace().await?;
        Ok((count(&calls) > 0).then_some(()))
    })
    .await
    .unwrap();
    stage.kill().unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    stage.start_host().await.unwrap();
    until("the undo is done", PATIENCE, || async {
        let jobs = lines(&crosswalk_for_tenant(&stage, &["jobs", "list", "--json"]));
        let is_done = |job: &Value| text(job, "/kind") == "undo" && text(job, "/state") == "done";
        Ok(jobs.iter().any(is_done).then_some(()))
    })
    .await
    .unwrap();
    stage.scene.settled(PATIENCE).await.unwrap();
    hold(&stage, &pairs, value_of).await;
    assert_eq!(writes(&stage).await, (FEWER, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_view_of_chosen_fields_is_shown_then_written_to_deals_that_nobody_edits_and_then_stays() {
    let stage = Stage::start_configured(program(), CrmKind::Dynamics, NO_POLL).await.unwrap();
    let pairs = portfolio::make(&stage, FEWER, |_| Linked::Both).await.unwrap();
    succeeds(&stage, &["backfill", "--json"]);
    deploy_the_wrong_one(&stage);
    succeeds(&stage, &["sweep", "--json"]);
    writes(&stage).await;

    let unknown = crosswalk_for_tenant(&stage, &["plugin", "project", "--fields", "estimatedvalue,nmae"]);
    let said = String::from_utf8_lossy(&unknown.stderr).into_owned();
    assert_eq!(unknown.status.code(), Some(5), "{unknown:?}");
    assert!(
        said.contains("`nmae`") && said.contains("`estimatedvalue`") && said.contains("nothing was written"),
        "{said}"
    );

    let before = values(&stage).await;
    let order = ["plugin", "project", "--fields", "estimatedvalue", "--entity", "opportunity", "--json"];
    let dry: Vec<&str> = order.into_iter().chain(["--dry-run"]).collect();
    let shown = by_record(&succeeds(&stage, &dry), "fields");
    assert_eq!((shown.len(), writes(&stage).await), (pairs.len(), (0, 0)), "{shown:?}");
    assert_eq!(values(&stage).await, before);
    for pair in &pairs {
        let change = &shown[&pair.record.id][0];
        let old: f64 = before[&pair.record.id].parse().unwrap();
        assert!(is_amount(&text(change, "/new"), &(2.0 * old).to_string()), "{change}");
    }

    for expected in [pairs.len(), 0] {
        let projected = by_record(&succeeds(&stage, &order), "fields");
        assert_eq!((projected.len(), writes(&stage).await), (expected, (expected, 0)), "{projected:?}");
    }
    let doubled = values(&stage).await;
    assert!(pairs.iter().all(|pair| {
        let old: f64 = before[&pair.record.id].parse().unwrap();
        is_amount(&doubled[&pair.record.id], &(2.0 * old).to_string())
    }));
    assert_eq!(stage.scene.events("parked").await.unwrap(), Vec::<Value>::new());
}

/// What Microsoft says that a deal is worth.
fn value_of(number: usize) -> usize {
    70_000 + number
}

/// Deals whose value Microsoft changed while the wrong release was live, which doubled it in the CRM.
async fn spoiled(deals: usize) -> (Stage, Vec<Pair>) {
    let stage = Stage::start_configured(program(), CrmKind::Dynamics, NO_POLL).await.unwrap();
    let pairs = portfolio::make(&stage, deals, |_| Linked::Both).await.unwrap();
    succeeds(&stage, &["backfill", "--json"]);
    deploy_the_wrong_one(&stage);
    for (number, pair) in pairs.iter().enumerate().take(deals) {
        change_value(&stage, pair, value_of(number));
    }
    succeeds(&stage, &["sweep", "--json"]);
    let pairs = pairs[..deals].to_vec();
    hold(&stage, &pairs, |number| 2 * value_of(number)).await;
    (stage, pairs)
}

fn deploy_the_wrong_one(stage: &Stage) {
    let file = stage.folder().join("wrong.wasm");
    std::fs::write(&file, built("tests/guests/wrong").unwrap()).unwrap();
    succeeds(stage, &["plugin", "deploy", file.to_str().unwrap(), "--unchecked", "--json"]);
}

/// Runs a command that must succeed, and returns what it printed.
#[track_caller]
fn succeeds(stage: &Stage, args: &[&str]) -> Vec<Value> {
    let ended: Output = crosswalk_for_tenant(stage, args);
    assert!(ended.status.success(), "{args:?}: {ended:?}\n{}", stage.log_end());
    lines(&ended)
}

fn digest(stage: &Stage, plugin: &str) -> String {
    let releases = succeeds(stage, &["plugin", "list", "--json"]);
    let release = releases.iter().find(|release| text(release, "/plugin").starts_with(plugin));
    text(release.unwrap(), "/digest")
}

fn change_value(stage: &Stage, pair: &Pair, value: usize) {
    let changes = json!({ "details": { "dealValue": value } });
    stage.sandbox.partner_center().edit(&pair.referral, &changes, true).unwrap();
}

/// What each opportunity is worth.
async fn values(stage: &Stage) -> BTreeMap<String, String> {
    let all = opportunities(stage, "opportunityid,estimatedvalue").await.unwrap();
    all.iter().map(|row| (text(row, "/opportunityid"), text(row, "/estimatedvalue"))).collect()
}

/// That each of these deals is worth so much in the CRM.
async fn hold(stage: &Stage, pairs: &[Pair], expected: impl Fn(usize) -> usize) {
    let values = values(stage).await;
    for (number, pair) in pairs.iter().enumerate() {
        let value = values.get(&pair.record.id).map_or("none", String::as_str);
        assert!(
            is_amount(value, &expected(number).to_string()),
            "deal {number}: {value}\n{}",
            stage.log_end()
        );
    }
}

/// Writes of the host since it was last asked: to the CRM, and to Partner Center.
async fn writes(stage: &Stage) -> (usize, usize) {
    let mut counts = [0, 0];
    for (at, system) in [stage.scene.crm(), stage.scene.center()].into_iter().enumerate() {
        counts[at] = count(&system.trace().await.unwrap());
        system.control(Method::DELETE, "/trace", None).await.unwrap();
    }
    (counts[0], counts[1])
}

/// What the findings say in this list, by the record's id.
fn by_record(found: &[Value], list: &str) -> BTreeMap<String, Vec<Value>> {
    let told = found.iter().filter_map(|finding| {
        let record = text(finding, "/record").split_once(' ')?.1.to_owned();
        let told = finding.get(list)?.as_array()?.clone();
        (!told.is_empty()).then_some((record, told))
    });
    told.collect()
}
