//! The feed of changes.

use crosswalk_connectors::{
    Fault,
    crm::{Changed, Changes, Crm, From},
};
use crosswalk_engine::value::RecordKey;
use serde_json::{Value as Json, json};

use super::{ID, errors, found, manifest, row, rows, salesforce, salesforce_with, soql};
use crate::server::{Reply, Server, reply};

const OTHER: &str = "0065g00000OtherAAB";
const GONE: &str = "0065g00000GonedAAB";
const NOW: &str = "Sat, 31 Jan 2026 10:10:30 GMT";

fn updated(ids: &[&str], covered: &str) -> Reply {
    reply(200, json!({"ids": ids, "latestDateCovered": covered})).with("date", NOW)
}

fn deleted(ids: &[&str], earliest: &str, covered: &str) -> Reply {
    let records: Vec<Json> = ids.iter().map(|id| json!({"id": id, "deletedDate": covered})).collect();
    let body =
        json!({"deletedRecords": records, "earliestDateAvailable": earliest, "latestDateCovered": covered});
    reply(200, body).with("date", NOW)
}

fn refusal(code: &str) -> Reply {
    reply(400, errors(code, "no", &[])).with("date", NOW)
}

fn versions() -> Reply {
    reply(200, json!([{"version": "60.0"}])).with("date", NOW)
}

fn time(text: &str) -> From {
    From::Time(text.parse().unwrap())
}

const LONG_AGO: &str = "2025-01-01T00:00:00.000+0000";
const COVERED: &str = "2026-01-31T10:09:00.000+0000";

#[tokio::test]
async fn a_page_tells_versions_and_deletions_and_goes_on_where_both_lists_are_whole() {
    let server = Server::answering(vec![
        versions(),
        updated(&[ID, OTHER], "2026-01-31T10:10:00.000+0000"),
        deleted(&[GONE, ID], LONG_AGO, COVERED),
        found(&[row()]),
        found(&[row()]),
    ])
    .await;
    let client = salesforce(&server.url);
    let page = client.changes("Opportunity", &time("2026-01-31T10:05:50Z")).await.unwrap();
    let Changes::Page { rows, next, more } = page else { panic!("lapsed") };
    let changed = |id: &str, version: Option<&str>, deleted| Changed {
        key: RecordKey { entity: "Opportunity".into(), id: id.into() },
        version: version.map(str::to_owned),
        deleted,
    };
    let version = client.read(&super::key()).await.unwrap().found().unwrap().version;
    let expected =
        [changed(ID, Some(&version), false), changed(GONE, None, true), changed(OTHER, None, false)];
    assert_eq!(rows, expected, "one was undeleted, one deleted, one is not there any more");
    // The older of both lists, less two minutes.
    assert_eq!((next.as_str(), more), ("2026-01-31T10:07:00Z", false));
    let lines = server.lines();
    assert_eq!(lines[0], "GET /services/data");
    let window = "?start=2026-01-31T10:03:00%2B00:00&end=2026-01-31T10:10:00%2B00:00";
    assert_eq!(lines[1], format!("GET /services/data/v60.0/sobjects/Opportunity/updated/{window}"));
    assert_eq!(lines[2], format!("GET /services/data/v60.0/sobjects/Opportunity/deleted/{window}"));
    assert!(soql(&lines[3]).ends_with(&format!("WHERE Id IN ('{ID}','{OTHER}')")));
}

#[tokio::test]
async fn a_row_that_changed_or_is_gone_is_a_change_of_its_parent() {
    let children = [("a015g00000000AAAAA", ID), ("a015g00000000ABAAA", ID)];
    let parents: Vec<Json> =
        children.iter().map(|(id, parent)| json!({"Id": id, "Deal__c": parent})).collect();
    let server = Server::answering(vec![
        versions(),
        updated(&[], COVERED),
        deleted(&[], LONG_AGO, COVERED),
        updated(&[children[0].0], COVERED),
        deleted(&[children[1].0], LONG_AGO, "2026-01-31T10:08:00.000+0000"),
        found(&parents),
        found(&[row()]),
        reply(200, rows(&[])),
    ])
    .await;
    let client = salesforce_with(&server.url, manifest(true), |_| ());
    let page = client.changes("Opportunity", &From::Cursor("2026-01-31T10:05:00Z".into())).await.unwrap();
    let Changes::Page { rows, next, .. } = page else { panic!("lapsed") };
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].key.id.as_str(), rows[0].deleted), (ID, false));
    assert_eq!(next, "2026-01-31T10:06:00Z");
    let lines = server.lines();
    assert!(lines[5].contains("/queryAll?q="), "the row's own parent, although the row is gone");
    assert!(soql(&lines[5]).starts_with("SELECT Id,Deal__c FROM Solution__c WHERE Id IN ("));
}

#[tokio::test]
async fn what_salesforce_has_forgotten_is_lapsed() {
    let server = Server::answering(vec![
        versions(),
        updated(&[], COVERED),
        deleted(&[], "2026-01-31T09:30:00.000+0000", COVERED),
        refusal("INVALID_REPLICATION_DATE"),
        refusal("INVALID_TYPE"),
    ])
    .await;
    let client = salesforce(&server.url);
    // More than 15 days: nothing is asked but the time.
    assert_eq!(client.changes("Opportunity", &time("2026-01-16T10:00:00Z")).await, Ok(Changes::Lapsed));
    assert_eq!(client.changes("Opportunity", &time("2026-01-31T09:00:00Z")).await, Ok(Changes::Lapsed));
    assert_eq!(client.changes("Opportunity", &time("2026-01-31T09:00:00Z")).await, Ok(Changes::Lapsed));
    let failed = client.changes("Opportunity", &time("2026-01-31T09:00:00Z")).await;
    assert!(matches!(failed, Err(Fault::Reject { .. })), "{failed:?}");
    let failed = client.changes("Opportunity", &From::Cursor("soon".into())).await;
    assert!(matches!(failed, Err(Fault::Reject { .. })), "{failed:?}");
}

#[tokio::test]
async fn a_backlog_is_told_in_windows_that_hold_few_enough() {
    let server = Server::answering(vec![
        versions(),
        updated(&[ID, OTHER], "2026-01-31T09:20:00.000+0000"),
        deleted(&[], LONG_AGO, "2026-01-31T09:20:00.000+0000"),
        refusal("EXCEEDED_ID_LIMIT"),
        updated(&[ID], "2026-01-31T09:05:00.000+0000"),
        deleted(&[], LONG_AGO, "2026-01-31T09:05:00.000+0000"),
        found(&[row()]),
    ])
    .await;
    let client = salesforce_with(&server.url, manifest(false), |config| {
        config.changes_window_ms = 20 * 60_000;
        config.changes_rows_max = 1;
    });
    let page = client.changes("Opportunity", &From::Cursor("2026-01-31T09:00:00Z".into())).await.unwrap();
    let Changes::Page { rows, next, more } = page else { panic!("lapsed") };
    assert_eq!(rows.len(), 1);
    assert_eq!((next.as_str(), more), ("2026-01-31T09:05:00Z", true));
    let ends: Vec<String> = server
        .lines()
        .iter()
        .filter(|line| line.contains("/updated/"))
        .map(|line| line.split_once("&end=").unwrap().1[11..16].to_owned())
        .collect();
    assert_eq!(ends, ["09:20", "09:10", "09:05"]);
}
