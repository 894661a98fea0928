//! The feed of changes, and listings.

use crosswalk_connectors::{
    Fault,
    crm::{Changed, Changes, From, Listed},
    dynamics::Dynamics,
};
use crosswalk_engine::value::{Fields, RecordKey, Value};
use serde_json::{Value as Json, json};

use crate::{
    dynamics::{ID, error, key},
    rows::{metadata, with_solutions},
    server::{Reply, Server, dynamics, dynamics_with, reply},
};

const OTHER: &str = "00000000-0000-0000-0000-0000000000a2";

fn since() -> From {
    From::Time("2026-01-31T11:00:00Z".parse().unwrap())
}

fn row(id: &str, etag: &str, at: &str) -> Json {
    json!({"@odata.etag": etag, "opportunityid": id, "modifiedon": at})
}

fn gone(id: &str) -> Json {
    json!({"@odata.context": "…/$metadata#opportunities/$deletedEntity", "id": id, "reason": "deleted"})
}

fn page(server: &str, rows: &[Json], link: &str, token: &str) -> Reply {
    let url = format!("{server}api/data/v9.2/opportunities?{token}");
    reply(200, json!({"value": rows, format!("@odata.{link}"): url}))
}

async fn rows_of(client: &Dynamics, from: &From) -> (Vec<Changed>, From, bool) {
    match client.changes("opportunity", from).await.unwrap() {
        Changes::Page { rows, next, more } => (rows, From::Cursor(next), more),
        Changes::Lapsed => panic!("lapsed"),
    }
}

fn changed(id: &str, version: Option<&str>, deleted: bool) -> Changed {
    let key = RecordKey { entity: "opportunity".into(), id: id.into() };
    Changed { key, version: version.map(str::to_owned), deleted }
}

/// A server whose answers need to know where it is.
async fn serving(script: impl FnOnce(&str) -> Vec<Reply>) -> Server {
    let server = Server::answering(Vec::new()).await;
    let url = server.url.to_string();
    server.then(script(&url));
    server
}

#[tokio::test]
async fn a_feed_begins_with_the_whole_table_and_goes_on_from_the_links_it_is_given() {
    let server = serving(|url| {
        let (old, new) = ("2026-01-31T10:59:59Z", "2026-01-31T11:00:00Z");
        vec![
            page(
                url,
                &[row(ID, "W/\"1\"", old)],
                "nextLink",
                "$skiptoken=%3Ccookie%20pagingcookie=%22%253C%22/%3E",
            ),
            page(url, &[row(OTHER, "W/\"2\"", new)], "deltaLink", "$deltatoken=919042%2108%2F22%2F2017"),
            page(url, &[row(ID, "W/\"3\"", old), gone(OTHER)], "deltaLink", "$deltatoken=2"),
            page(url, &[], "deltaLink", "$deltatoken=3"),
        ]
    })
    .await;
    let client = dynamics(&server.url);
    let (rows, next, more) = rows_of(&client, &since()).await;
    assert_eq!((rows, more), (vec![], true), "what is older than asked for is not told");
    let (rows, next, more) = rows_of(&client, &next).await;
    assert_eq!((rows, more), (vec![changed(OTHER, Some("W/\"2\""), false)], false));
    let (rows, next, more) = rows_of(&client, &next).await;
    let both = vec![changed(ID, Some("W/\"3\""), false), changed(OTHER, None, true)];
    assert_eq!((rows, more), (both, false), "whatever its stamp says, it changed since the link was given");
    assert_eq!(rows_of(&client, &next).await.0, vec![]);

    let asked = server.asked();
    assert_eq!(asked[0].line, "GET /api/data/v9.2/opportunities?$select=modifiedon");
    assert!(
        asked[1].line.ends_with("?$skiptoken=%3Ccookie%20pagingcookie=%22%253C%22/%3E"),
        "{}",
        asked[1].line
    );
    assert!(asked[2].line.ends_with("?$deltatoken=919042%2108%2F22%2F2017"), "{}", asked[2].line);
    assert!(asked[3].line.ends_with("?$deltatoken=2"));
    for asked in &asked {
        assert_eq!(asked.header("prefer"), "odata.track-changes,odata.maxpagesize=1000");
    }
}

#[tokio::test]
async fn a_token_that_expired_lapses_and_a_cursor_of_another_plugin_too() {
    let expired = || reply(400, error("0x80044352", "Version stamp associated with the client has expired."));
    let server = serving(|url| vec![page(url, &[], "deltaLink", "$deltatoken=1"), expired()]).await;
    let client = dynamics(&server.url);
    let (_, next, _) = rows_of(&client, &since()).await;
    assert_eq!(client.changes("opportunity", &next).await.unwrap(), Changes::Lapsed);
    let with_rows = dynamics_with(&server.url, with_solutions());
    assert_eq!(with_rows.changes("opportunity", &next).await.unwrap(), Changes::Lapsed);
    let nonsense = From::Cursor("2026-01-31T11:00:00Z".into());
    assert_eq!(client.changes("opportunity", &nonsense).await.unwrap(), Changes::Lapsed);
}

#[tokio::test]
async fn a_link_that_leads_elsewhere_is_not_followed() {
    for stranger in ["https://evil.example/api/data/v9.2/", "http://127.0.0.1:1/api/data/v9.2/"] {
        let link = format!("{stranger}opportunities?$deltatoken=1");
        let server =
            Server::answering(vec![reply(200, json!({"value": [], "@odata.deltaLink": link}))]).await;
        let client = dynamics(&server.url);
        let (_, next, _) = rows_of(&client, &since()).await;
        let Err(Fault::Reject { reason }) = client.changes("opportunity", &next).await else {
            panic!("followed")
        };
        assert!(reason.contains("not followed") && !reason.contains("evil"), "{reason}");
    }
}

#[tokio::test]
async fn a_table_that_is_not_tracked_is_polled_with_an_overlap() {
    let untracked = reply(400, error("0x80072491", "Entity opportunity isn't enabled for change tracking."));
    let server = serving(|url| {
        vec![
            untracked,
            page(url, &[row(ID, "W/\"1\"", "2026-01-31T12:00:00Z")], "nextLink", "$skiptoken=1"),
            reply(200, json!({"value": [row(OTHER, "W/\"2\"", "2026-01-31T12:10:00Z")]})),
            reply(200, json!({"value": []})),
        ]
    })
    .await;
    let client = dynamics(&server.url);
    let (rows, next, more) = rows_of(&client, &since()).await;
    assert_eq!((rows, more), (vec![changed(ID, Some("W/\"1\""), false)], true));
    let (rows, next, more) = rows_of(&client, &next).await;
    assert_eq!((rows, more), (vec![changed(OTHER, Some("W/\"2\""), false)], false));
    rows_of(&client, &next).await;
    let lines = server.lines();
    let first = "GET /api/data/v9.2/opportunities?$select=modifiedon&$filter=modifiedon%20ge%202026-01-31T11:00:00Z\
                 &$orderby=modifiedon%20asc,opportunityid%20asc";
    assert_eq!(lines[1], first);
    assert!(lines[2].ends_with("?$skiptoken=1"));
    assert!(lines[3].contains("ge%202026-01-31T12:08:00Z"), "{}", lines[3]);
    assert_eq!(server.asked()[1].header("prefer"), "odata.maxpagesize=1000");
}

#[tokio::test]
async fn a_table_that_is_polled_is_asked_now_and_then_whether_it_is_tracked_by_now() {
    let server = serving(|url| {
        let mut script = vec![reply(400, error("0x80072491", "not tracked"))];
        script.extend((0..20).map(|_| reply(200, json!({"value": []}))));
        script.push(page(url, &[], "deltaLink", "$deltatoken=1"));
        script
    })
    .await;
    let client = dynamics(&server.url);
    let (_, mut next, _) = rows_of(&client, &since()).await;
    for _ in 0..20 {
        (_, next, _) = rows_of(&client, &next).await;
    }
    let last = server.asked().pop().unwrap();
    assert_eq!(last.header("prefer"), "odata.track-changes,odata.maxpagesize=1000");
    assert_eq!(last.line, "GET /api/data/v9.2/opportunities?$select=modifiedon");
}

#[tokio::test]
async fn a_change_of_a_child_row_is_told_as_its_records() {
    let child = |parent: Option<&str>| {
        json!({"@odata.etag": "W/\"9\"", "cosell_solutionid_pk": OTHER, "modifiedon": "2026-01-31T12:00:00Z",
            "_cosell_opportunityid_value": parent})
    };
    let children = [child(Some(ID)), child(Some(ID)), child(None), gone(OTHER)];
    let server = serving(|url| {
        let mut script = vec![page(url, &[], "deltaLink", "$deltatoken=1"), metadata().remove(1)];
        script.push(page(url, &children, "deltaLink", "$deltatoken=c1"));
        script.push(page(url, &[row(ID, "W/\"3\"", "2026-01-31T12:00:00Z")], "deltaLink", "$deltatoken=2"));
        script.push(page(url, &[], "deltaLink", "$deltatoken=c2"));
        script
    })
    .await;
    let client = dynamics_with(&server.url, with_solutions());
    let (rows, next, more) = rows_of(&client, &since()).await;
    assert_eq!((rows, more), (vec![], true), "the child table is still to be asked");
    let (rows, next, more) = rows_of(&client, &next).await;
    assert_eq!((rows, more), (vec![changed(ID, None, false)], false));
    let (rows, next, more) = rows_of(&client, &next).await;
    assert_eq!((rows, more), (vec![changed(ID, Some("W/\"3\""), false)], true));
    rows_of(&client, &next).await;
    let lines = server.lines();
    assert_eq!(
        lines[2],
        "GET /api/data/v9.2/cosell_solutions?$select=_cosell_opportunityid_value,modifiedon"
    );
    assert!(lines[3].ends_with("deltatoken=1") && lines[4].ends_with("deltatoken=c1"), "{lines:?}");
}

#[tokio::test]
async fn a_listing_goes_by_id_and_says_which_referral_a_record_carries() {
    let listed = |id: &str, referral: Json| json!({"@odata.etag": "W/\"1\"", "opportunityid": id, "cosell_referralid": referral});
    let server = Server::answering(vec![
        reply(200, json!({"value": [listed(ID, json!("r-1")), listed(OTHER, Json::Null)]})),
        reply(200, json!({"value": []})),
    ])
    .await;
    let client = dynamics(&server.url);
    let wanted: Fields = [("cosell_sync".to_owned(), Value::Flag(true))].into();
    let found = client.list("opportunity", &wanted, None, 2).await.unwrap();
    let first = Listed { key: key(), version: "W/\"1\"".into(), referral: Some("r-1".into()) };
    assert_eq!(found[0], first);
    assert_eq!(found[1].referral, None);
    let after = found[1].key.id.as_str();
    assert_eq!(client.list("opportunity", &Fields::new(), Some(after), 2).await.unwrap(), vec![]);
    assert!(client.list("opportunity", &Fields::new(), Some("' or 1 eq 1"), 2).await.is_err());
    assert_eq!(
        server.lines(),
        [
            "GET /api/data/v9.2/opportunities?$select=opportunityid,cosell_referralid&$filter=cosell_sync%20eq%20true\
             &$orderby=opportunityid%20asc&$top=2"
                .to_owned(),
            format!(
                "GET /api/data/v9.2/opportunities?$select=opportunityid,cosell_referralid\
                 &$filter=opportunityid%20gt%20{OTHER}&$orderby=opportunityid%20asc&$top=2"
            ),
        ]
    );
}
