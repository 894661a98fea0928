//! Won and Lost: both writes of a change set, or neither.

use crosswalk_engine::{
    pass::Seen,
    value::{Fields, Value},
};
use serde_json::json;

use crate::{
    dynamics::{ID, error, key},
    server::{Reply, Server, dynamics, reply},
    writes::VERSION,
};

fn closing(state: i32, status: i32) -> Fields {
    [
        ("name".to_owned(), Value::Text("New".into())),
        ("statecode".to_owned(), Value::Integer(state)),
        ("statuscode".to_owned(), Value::Integer(status)),
        ("cosell_stamp".to_owned(), Value::Text("s1".into())),
    ]
    .into()
}

/// As Dataverse writes it: nested, with CRLF.
pub(crate) fn all_done(parts: u8) -> Reply {
    let part = |id: u8| {
        format!(
            "--changesetresponse_2\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\
             Content-ID: {id}\r\n\r\nHTTP/1.1 204 No Content\r\nOData-Version: 4.0\r\n\r\n\r\n"
        )
    };
    let parts: String = (1..=parts).map(part).collect();
    let body = format!(
        "--batchresponse_1\r\nContent-Type: multipart/mixed; boundary=changesetresponse_2\r\n\r\n{parts}\
         --changesetresponse_2--\r\n--batchresponse_1--\r\n"
    );
    reply(200, body).with("content-type", "multipart/mixed; boundary=batchresponse_1")
}

pub(crate) fn failed(status: u16, code: &str, message: &str) -> Reply {
    let body = format!(
        "--batchresponse_1\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n\
         HTTP/1.1 {status} Failed\r\nContent-Type: application/json\r\nOData-Version: 4.0\r\n\r\n{}\r\n\
         --batchresponse_1--\r\n",
        error(code, message)
    );
    reply(status, body).with("content-type", "multipart/mixed; boundary=batchresponse_1")
}

fn row(version: &str) -> Reply {
    reply(200, json!({"@odata.etag": version, "opportunityid": ID}))
}

#[tokio::test]
async fn a_win_goes_with_all_other_fields_in_one_change_set() {
    let server = Server::answering(vec![all_done(2), row("W/\"9\"")]).await;
    let seen = dynamics(&server.url).update(&key(), &closing(1, 3), &[], VERSION).await.unwrap();
    assert_eq!(seen, Seen::Written { version: "W/\"9\"".into(), key: Some(key()) });
    let asked = &server.asked()[0];
    assert_eq!(asked.line, "POST /api/data/v9.2/$batch");
    let (_, boundary) = asked.header("content-type").split_once("boundary=").unwrap();
    assert!(asked.body.starts_with(&format!("--{boundary}\r\n")));
    assert!(asked.body.ends_with(&format!("--{boundary}--\r\n")));
    let patch = asked.body.find(&format!("PATCH /api/data/v9.2/opportunities({ID}) HTTP/1.1\r\n")).unwrap();
    let win = asked.body.find("POST /api/data/v9.2/WinOpportunity HTTP/1.1\r\n").unwrap();
    assert!(patch < win, "the version is looked at before anything is closed");
    let (first, second) = asked.body.split_at(win);
    assert!(first.contains("If-Match: W/\"7\"\r\n"));
    assert!(first.contains("\r\n\r\n{\"cosell_stamp\":\"s1\",\"name\":\"New\"}\r\n"), "{first}");
    assert!(second.contains("\"Status\":3"));
    assert!(second.contains(&format!("\"opportunityid@odata.bind\":\"/opportunities({ID})\"")));
}

#[tokio::test]
async fn a_loss_that_finds_the_opportunity_won_reopens_it_in_the_same_change_set() {
    let closed = failed(400, "0x80040515", "The opportunity has already been closed.");
    let server = Server::answering(vec![closed, all_done(2), row("W/\"9\"")]).await;
    let seen = dynamics(&server.url).update(&key(), &closing(2, 5), &[], VERSION).await.unwrap();
    assert!(matches!(seen, Seen::Written { .. }), "{seen:?}");
    let asked = server.asked();
    assert!(asked[1].body.contains("LoseOpportunity") && asked[1].body.contains("\"Status\":5"));
    assert!(!asked[0].body.contains("\"statecode\":0") && asked[1].body.contains("\"statecode\":0"));
    assert!(asked[1].body.contains("If-Match: W/\"7\"\r\n"));
}

#[tokio::test]
async fn a_stale_version_closes_nothing_and_a_refusal_is_told() {
    let server = Server::answering(vec![
        failed(412, "0x80060882", "The version of the existing record doesn't match"),
        failed(400, "0x80040265", "finance must approve 'statuscode'"),
        reply(200, "what?"),
    ])
    .await;
    let client = dynamics(&server.url);
    let update = async || client.update(&key(), &closing(1, 3), &[], VERSION).await.unwrap();
    assert_eq!(update().await, Seen::Stale);
    let Seen::Refused(refusal) = update().await else { panic!("not refused") };
    assert_eq!(refusal.fields, ["statuscode"]);
    assert!(matches!(update().await, Seen::Unknown(_)));
}

#[tokio::test]
async fn reopening_is_a_plain_patch() {
    let server = Server::answering(vec![row("W/\"8\"")]).await;
    let seen = dynamics(&server.url).update(&key(), &closing(0, 1), &[], VERSION).await.unwrap();
    assert!(matches!(seen, Seen::Written { .. }));
    let asked = &server.asked()[0];
    assert!(asked.line.starts_with("PATCH "));
    assert_eq!(asked.json()["statecode"], 0);
    assert_eq!(asked.json()["statuscode"], 1);
}

#[tokio::test]
async fn a_record_that_shall_be_closed_is_created_open_and_stamped_only_when_closed() {
    let created = reply(201, json!({"@odata.etag": "W/\"1\"", "opportunityid": ID}));
    let stale = || failed(412, "0x80060882", "changed");
    let server = Server::answering(vec![
        created.clone(),
        stale(),
        row("W/\"2\""),
        all_done(2),
        row("W/\"3\""),
        created,
        failed(400, "0x80040265", "no"),
    ])
    .await;
    let client = dynamics(&server.url);
    let create =
        async || client.create("opportunity", "cosell_referralid", "r1", &closing(1, 3), &[]).await.unwrap();
    assert_eq!(create().await, Seen::Written { version: "W/\"3\"".into(), key: Some(key()) });
    let asked = server.asked();
    assert_eq!(asked[0].json(), json!({"name": "New"}));
    assert!(asked[1].body.contains("cosell_stamp") && asked[1].body.contains("If-Match: W/\"1\""));
    assert!(asked[3].body.contains("cosell_stamp") && asked[3].body.contains("If-Match: W/\"2\""));
    let Seen::Refused(refusal) = create().await else { panic!("not refused") };
    assert!(refusal.reason.contains("was created open"), "{}", refusal.reason);
}
