//! Referrals: what is sent, and what each answer comes to.

use std::time::Duration;

use crosswalk_connectors::{
    Fault, Found,
    partner_center::{FindBy, ReferralQuery},
};
use crosswalk_engine::{
    pass::Seen,
    referral::Referral,
    value::{Fields, Value},
};
use jiff::Timestamp;
use serde_json::{Value as Json, json};

use crate::server::{Server, hanging_up, partner_center, partner_center_with, reply};

const ETAG: &str = "\"00006d10\"";

fn referral(id: &str, created: &str, external: &str) -> Json {
    json!({"id": id, "eTag": ETAG, "createdDateTime": created, "externalReferenceId": external,
        "updatedDateTime": created, "engagementId": "E1"})
}

fn ids(found: &[crosswalk_engine::pass::Versioned<Referral>]) -> Vec<&str> {
    found.iter().map(|referral| referral.value.0["id"].as_str().unwrap()).collect()
}

fn notes() -> Fields {
    [("/details/notes".to_owned(), Value::Text("new".into()))].into()
}

#[tokio::test]
async fn a_referral_is_read_with_its_etag_as_version() {
    let server = Server::answering(vec![reply(200, referral("r1", "2026-01-01T00:00:00Z", "x"))]).await;
    let pass = "3a5f4f34-2d40-4b84-a7c9-8b3a8a3c7d11";
    let Found::Here(found) = partner_center(&server.url).in_pass(pass).get("r1").await.unwrap() else {
        panic!("not found");
    };
    assert_eq!(found.version, ETAG);
    let asked = &server.asked()[0];
    assert_eq!(asked.line, "GET /v1.0/engagements/referrals/r1");
    assert_eq!(asked.header("authorization"), "Bearer sandbox");
    assert_eq!(asked.header("ms-correlationid"), pass);
    assert_eq!(asked.header("client-request-id").len(), 36);
}

#[tokio::test]
async fn digits_of_a_deal_value_survive_being_read() {
    let body = r#"{"id":"r1","eTag":"\"1\"","details":{"dealValue":10000.10000000000000001}}"#;
    let server = Server::answering(vec![reply(200, body)]).await;
    let Found::Here(found) = partner_center(&server.url).get("r1").await.unwrap() else {
        panic!("not found")
    };
    assert_eq!(found.value.0["details"]["dealValue"].to_string(), "10000.10000000000000001");
}

#[tokio::test]
async fn an_unknown_id_is_missing_but_a_proxys_404_is_a_fault() {
    let missing = json!({"error": {"code": "itemNotFound", "message": "no"}});
    let page = reply(404, "<html>nginx</html>").with("content-type", "text/html");
    let server = Server::answering(vec![reply(404, missing), page]).await;
    let client = partner_center(&server.url);
    assert_eq!(client.get("r1").await.unwrap(), Found::Missing);
    assert!(matches!(client.get("r1").await, Err(Fault::Reject { .. })));
}

#[tokio::test]
async fn a_referral_that_is_not_visible_is_told_from_a_role_that_was_taken_away() {
    let denied = json!({"error": {"code": "accessDenied", "message": "no"}});
    let empty = json!({"value": []});
    let server = Server::answering(vec![
        reply(403, &denied),
        reply(200, empty),
        reply(403, &denied),
        reply(403, &denied),
    ])
    .await;
    let client = partner_center(&server.url);
    assert_eq!(client.get("r1").await.unwrap(), Found::NotVisible);
    assert!(matches!(client.get("r1").await, Err(Fault::Unauthorised { .. })));
}

#[tokio::test]
async fn an_id_that_would_change_the_address_is_not_sent() {
    let server = Server::answering(vec![]).await;
    for id in ["", "..", "a/b", "a?b", "a%2fb"] {
        assert!(partner_center(&server.url).get(id).await.is_err(), "{id}");
    }
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn paging_takes_only_the_query_of_a_hostile_link() {
    let (evil, evil_count) = hanging_up().await;
    let link = format!("{evil}steal?$skiptoken=abc%20d&$top=2#x");
    let server = Server::answering(vec![
        reply(200, json!({"value": [referral("r1", "2026-01-02T00:00:00Z", "x")], "@odata.nextLink": link})),
        reply(200, json!({"value": [referral("r2", "2026-01-01T00:00:00Z", "x")]})),
    ])
    .await;
    let found = partner_center(&server.url).list(&ReferralQuery::default()).await.unwrap();
    assert_eq!(ids(&found), ["r1", "r2"]);
    assert_eq!(
        server.lines(),
        ["GET /v1.0/engagements/referrals", "GET /v1.0/engagements/referrals?$skiptoken=abc%20d&$top=2"]
    );
    assert_eq!(*evil_count.lock().unwrap(), 0);
}

#[tokio::test]
async fn a_list_that_leads_back_to_itself_ends_in_a_fault() {
    let page = json!({"value": [], "@odata.nextLink": "http://x/?$skiptoken=1"});
    let server = Server::answering(vec![reply(200, &page), reply(200, &page)]).await;
    let answer = partner_center(&server.url).list(&ReferralQuery::default()).await;
    assert!(matches!(answer, Err(Fault::Reject { .. })));
}

#[tokio::test]
async fn a_scan_that_is_too_long_is_a_fault_and_never_a_shorter_list() {
    let page =
        json!({"value": [referral("r1", "2026-01-02T00:00:00Z", "x")], "@odata.nextLink": "?$skiptoken=1"});
    let server = Server::answering(vec![reply(200, page)]).await;
    let client = partner_center_with(&server.url, |config| config.pages_max = 1);
    let answer = client.find_by_external_reference("x", Timestamp::UNIX_EPOCH).await;
    assert!(matches!(answer, Err(Fault::Reject { .. })));
}

fn updated(id: &str, updated: &str, external: &str) -> Json {
    json!({"id": id, "eTag": ETAG, "updatedDateTime": updated, "externalReferenceId": external})
}

#[tokio::test]
async fn whoever_asks_again_costs_what_was_updated_since_and_is_told_what_is_there_now() {
    let old = updated("r1", "2026-01-01T00:00:00Z", "own");
    let all = json!({"value": [updated("r2", "2026-01-03T00:00:00Z", "other"), &old]});
    let since = json!({"value": [
        updated("r3", "2026-01-04T00:00:00Z", "OTHER"), updated("r2", "2026-01-03T00:00:00Z", "other"), &old],
        "@odata.nextLink": "?$skiptoken=1"});
    let server = Server::answering(vec![
        reply(200, all),
        reply(200, &old),
        reply(200, since),
        reply(200, updated("r2", "2026-01-04T00:00:01Z", "taken away")),
        reply(200, updated("r3", "2026-01-04T00:00:00Z", "OTHER")),
    ])
    .await;
    let client = partner_center(&server.url);
    let found = client.find_by_external_reference("OWN", Timestamp::UNIX_EPOCH).await.unwrap();
    assert_eq!(ids(&found), ["r1"]);
    let found = client.clone().find_by_external_reference("other", Timestamp::UNIX_EPOCH).await.unwrap();
    assert_eq!(ids(&found), ["r3"]);
    assert_eq!(server.lines().len(), 5, "the second page of what is known is not read again");
}

#[tokio::test]
async fn a_look_whose_asker_gave_up_goes_on_and_is_the_next_ones() {
    let first = json!({"value": [updated("r2", "2026-01-03T00:00:00Z", "other")], "@odata.nextLink": "?$skiptoken=1"});
    let second = json!({"value": [updated("r1", "2026-01-01T00:00:00Z", "own")]});
    let since = json!({"value": [updated("r2", "2026-01-03T00:00:00Z", "other"), updated("r1", "2026-01-01T00:00:00Z", "own")]});
    let server = Server::answering(vec![
        reply(200, first),
        reply(200, second).after_ms(200),
        reply(200, since),
        reply(200, updated("r1", "2026-01-01T00:00:00Z", "own")),
    ])
    .await;
    let client = partner_center(&server.url);
    let hasty = client.find_by_external_reference("own", Timestamp::UNIX_EPOCH);
    tokio::time::timeout(Duration::from_millis(100), hasty).await.unwrap_err();
    let found = client.find_by_external_reference("own", Timestamp::UNIX_EPOCH).await.unwrap();
    assert_eq!(ids(&found), ["r1"], "what the first page did not show is not forgotten");
}

#[tokio::test]
async fn those_who_ask_at_the_same_time_share_one_look() {
    let page = json!({"value": [updated("r1", "2026-01-01T00:00:00Z", "own")]});
    let server = Server::answering(vec![reply(200, &page)]).await;
    let client = partner_center(&server.url);
    let ask = || client.find_by_external_reference("nobody's", Timestamp::UNIX_EPOCH);
    let (first, second, third) = tokio::join!(ask(), ask(), ask());
    for found in [first, second, third] {
        assert_eq!(found.unwrap(), []);
    }
    assert_eq!(server.lines().len(), 1);
}

#[tokio::test]
async fn all_referrals_are_listed_page_by_page_and_a_page_can_be_asked_for_again() {
    let first = json!({"@odata.count": 2, "value": [updated("r1", "2026-01-01T00:00:00Z", "x")],
        "@odata.nextLink": "http://elsewhere/referrals?$orderby=createdDateTime%20asc&$skiptoken=1"});
    let second = json!({"value": [updated("r2", "2026-01-02T00:00:00Z", "x")]});
    let server = Server::answering(vec![reply(200, first), reply(200, &second), reply(200, &second)]).await;
    let client = partner_center(&server.url);
    let page = client.page(None).await.unwrap();
    assert_eq!((ids(&page.rows), page.total), (vec!["r1"], Some(2)));
    for _ in 0..2 {
        let last = client.page(page.next.as_deref()).await.unwrap();
        assert_eq!((ids(&last.rows), last.next), (vec!["r2"], None));
    }
    let query = "$orderby=createdDateTime%20asc";
    let asked = "GET /v1.0/engagements/referrals?";
    assert_eq!(server.lines()[..2], [format!("{asked}{query}"), format!("{asked}{query}&$skiptoken=1")]);
}

#[tokio::test]
async fn a_page_that_leads_to_itself_is_a_fault() {
    let page = json!({"value": [], "@odata.nextLink": "?$skiptoken=1"});
    let server = Server::answering(vec![reply(200, &page)]).await;
    let answer = partner_center(&server.url).page(Some("$skiptoken=1")).await;
    assert!(matches!(answer, Err(Fault::Reject { .. })), "{answer:?}");
}

#[tokio::test]
async fn a_search_by_external_reference_scans_back_to_its_time_and_no_further() {
    let first = json!({"value": [
        referral("r3", "2026-01-03T00:00:00.1234567Z", "OTHER"), referral("r2", "2026-01-02T00:00:00Z", "Own")],
        "@odata.nextLink": "?$skiptoken=1"});
    let second = json!({"value": [
        referral("r1", "2026-01-01T23:58:00Z", "own"), referral("r0", "2025-01-01T00:00:00Z", "own")],
        "@odata.nextLink": "?$skiptoken=2"});
    let server = Server::answering(vec![reply(200, first), reply(200, second)]).await;
    let since = "2026-01-02T00:00:00Z".parse().unwrap();
    let found = partner_center(&server.url).find_by_external_reference("OWN", since).await.unwrap();
    // r1 is older by less than the clocks may differ.
    assert_eq!(ids(&found), ["r2", "r1"]);
    assert_eq!(server.lines()[0], "GET /v1.0/engagements/referrals?$orderby=createdDateTime%20desc");
}

#[tokio::test]
async fn a_scan_of_a_list_in_no_order_reads_it_all() {
    let first = json!({"value": [
        referral("r0", "2025-01-01T00:00:00Z", "x"), referral("r3", "2026-01-03T00:00:00Z", "x"),
        referral("r4", "2025-01-01T00:00:00Z", "x")], "@odata.nextLink": "?$skiptoken=1"});
    let second = json!({"value": [referral("r2", "2026-01-02T00:00:00Z", "x")]});
    let server = Server::answering(vec![reply(200, first), reply(200, second)]).await;
    let since = "2026-01-01T00:00:00Z".parse().unwrap();
    let found = partner_center(&server.url).find_by_external_reference("x", since).await.unwrap();
    assert_eq!(ids(&found), ["r3", "r2"]);
}

#[tokio::test]
async fn filters_quote_what_they_are_given() {
    let found = json!({"value": [referral("r1", "2026-01-01T00:00:00Z", "o'x")]});
    let server = Server::answering(vec![reply(200, found), reply(200, json!({"value": []}))]).await;
    let client = partner_center_with(&server.url, |config| config.find_by = FindBy::Filter);
    let found = client.find_by_external_reference("o'x", Timestamp::UNIX_EPOCH).await.unwrap();
    assert_eq!(ids(&found), ["r1"]);
    client.find_by_engagement("E1").await.unwrap();
    let lines = server.lines();
    assert!(lines[0].ends_with("?$filter=externalReferenceId%20eq%20%27o%27%27x%27"), "{}", lines[0]);
    assert!(lines[1].ends_with("?$filter=engagementId%20eq%20%27E1%27"), "{}", lines[1]);
}

#[tokio::test]
async fn referrals_updated_since_come_once_and_the_longest_ago_first() {
    let first = json!({"value": [referral("r2", "2026-01-03T00:00:00Z", ""), referral("r1", "2026-01-02T00:00:00Z", "")],
        "@odata.nextLink": "?$skiptoken=1"});
    let second = json!({"value": [referral("r1", "2026-01-02T00:00:00Z", ""), referral("r0", "2025-01-01T00:00:00Z", "")]});
    let server = Server::answering(vec![reply(200, first), reply(200, second)]).await;
    let since = "2026-01-01T00:00:00Z".parse().unwrap();
    let found = partner_center(&server.url).updated_since(since).await.unwrap();
    assert_eq!(ids(&found), ["r1", "r2"]);
}

#[tokio::test]
async fn a_patch_carries_the_version_the_digits_and_only_replaces() {
    let server =
        Server::answering(vec![reply(200, json!({"id": "r1", "eTag": "\"2\""})), reply(204, "")]).await;
    let client = partner_center(&server.url);
    let fields: Fields = [
        ("/details/dealValue".to_owned(), Value::Decimal("10000.10".parse().unwrap())),
        ("/team".to_owned(), Value::Json(json!([{"email": "a@b"}]))),
    ]
    .into();
    let written = client.patch("r1", &fields, ETAG).await.unwrap();
    assert_eq!(written, Seen::Written { version: "\"2\"".into(), key: None });
    // A bare version is put in quotes; without an answer's body the new one is not known.
    let written = client.patch("r1", &notes(), "77").await.unwrap();
    assert_eq!(written, Seen::Written { version: String::new(), key: None });
    let asked = server.asked();
    assert_eq!(asked[0].line, "PATCH /v1.0/engagements/referrals/r1");
    assert_eq!(asked[0].header("if-match"), ETAG);
    assert_eq!(asked[0].header("prefer"), "return=representation");
    assert!(asked[0].body.contains(r#""value":10000.10}"#), "{}", asked[0].body);
    assert_eq!(asked[0].json()[1]["op"], "replace");
    assert_eq!(asked[1].header("if-match"), "\"77\"");
}

#[tokio::test]
async fn a_path_that_cannot_be_patched_is_refused_and_nothing_is_sent() {
    let server = Server::answering(vec![]).await;
    let fields: Fields = [("/name".to_owned(), Value::Text("x".into()))].into();
    let Seen::Refused(refusal) = partner_center(&server.url).patch("r1", &fields, ETAG).await.unwrap() else {
        panic!("not refused");
    };
    assert_eq!(refusal.fields, ["/name"]);
    let answer = partner_center(&server.url).patch("r1", &notes(), "").await.unwrap();
    assert!(matches!(answer, Seen::Refused(_)), "a PATCH without a version must not be sent");
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn answers_to_a_patch_are_told_apart_by_their_codes() {
    let error = |code: &str, message: &str| json!({"error": {"code": code, "message": message, "innerError": {"code": "inner", "message": "x"}}});
    let server = Server::answering(vec![
        reply(412, error("preconditionFailed", "")),
        reply(409, error("resourceModified", "")),
        reply(404, error("itemNotFound", "")),
        reply(400, error("invalidRequest", "the notes are too long")),
        reply(403, error("accessDenied", "")),
        reply(500, error("generalException", "")),
        reply(429, json!({"statusCode": 429, "message": "Try again"})).with("retry-after", 57),
    ])
    .await;
    let client = partner_center(&server.url);
    let patch = async || client.patch("r1", &notes(), ETAG).await;
    assert_eq!(patch().await, Ok(Seen::Stale));
    assert_eq!(patch().await, Ok(Seen::Stale));
    assert_eq!(patch().await, Ok(Seen::Stale));
    let Ok(Seen::Refused(refusal)) = patch().await else { panic!("not refused") };
    assert_eq!(refusal.fields, ["/details/notes"]);
    assert!(
        refusal.reason.contains("400 invalidRequest/inner: the notes are too long"),
        "{}",
        refusal.reason
    );
    assert!(matches!(patch().await, Ok(Seen::Refused(_))));
    assert!(matches!(patch().await, Ok(Seen::Unknown(_))));
    let Err(Fault::Retry { after, .. }) = patch().await else { panic!("not later") };
    assert_eq!(after, Some(Duration::from_secs(57)));
    // The next call is not even sent.
    let Err(Fault::Retry { after: Some(after), .. }) = patch().await else { panic!("not later") };
    assert!(after > Duration::from_secs(50));
    assert_eq!(server.asked().len(), 7);
}

#[tokio::test]
async fn a_post_whose_connection_is_dropped_is_unknown_and_not_repeated() {
    let (url, count) = hanging_up().await;
    let answer = partner_center(&url).create(&Referral(json!({"name": "x"}))).await.unwrap();
    assert!(matches!(answer, Seen::Unknown(_)), "{answer:?}");
    assert_eq!(*count.lock().unwrap(), 1);
}

#[tokio::test]
async fn a_post_that_never_left_is_a_fault() {
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let url = format!("http://{free}/").parse().unwrap();
    let answer = partner_center(&url).create(&Referral(json!({}))).await;
    assert!(matches!(answer, Err(Fault::Retry { .. })), "{answer:?}");
}

#[tokio::test]
async fn a_posted_referral_comes_back_and_a_server_error_leaves_doubt() {
    let server = Server::answering(vec![
        reply(201, referral("r1", "2026-01-01T00:00:00Z", "x")),
        reply(200, "{}"),
        reply(502, "bad gateway"),
        reply(503, "upstream connect error"),
        reply(
            400,
            json!({"error": {"code": "invalidRequest", "message": "Required field Solution 1 missing"}}),
        ),
    ])
    .await;
    let client = partner_center(&server.url);
    let post = async || client.create(&Referral(json!({"details": {"dealValue": 1}}))).await.unwrap();
    let Seen::Posted(posted) = post().await else { panic!("not posted") };
    assert_eq!(posted.version, ETAG);
    assert!(matches!(post().await, Seen::Unknown(_)), "created, but not named");
    assert!(matches!(post().await, Seen::Unknown(_)));
    assert!(matches!(post().await, Seen::Unknown(_)), "a 503 of a gateway may come after the write");
    assert!(matches!(post().await, Seen::Refused(_)));
    assert_eq!(server.asked().len(), 5);
}

#[tokio::test]
async fn a_read_is_tried_again_a_few_times_and_then_given_back() {
    let busy = || reply(500, "{}");
    let good = reply(200, referral("r1", "2026-01-01T00:00:00Z", "x"));
    let server = Server::answering(vec![busy(), busy(), good, busy(), busy(), busy()]).await;
    let client = partner_center(&server.url);
    assert!(matches!(client.get("r1").await, Ok(Found::Here(_))));
    assert!(matches!(client.get("r1").await, Err(Fault::Retry { .. })));
    assert_eq!(server.asked().len(), 6);
}

#[tokio::test]
async fn a_short_retry_after_is_waited_for_and_a_date_is_understood() {
    let date = "Sat, 21 Nov 2026 02:00:00 GMT";
    let later = "Sat, 21 Nov 2026 02:01:30 GMT";
    let server = Server::answering(vec![
        reply(429, "{}").with("retry-after", 1),
        reply(200, referral("r1", "2026-01-01T00:00:00Z", "x")),
        reply(503, "{}").with("retry-after", later).with("date", date),
    ])
    .await;
    let client = partner_center(&server.url);
    let began = std::time::Instant::now();
    assert!(matches!(client.get("r1").await, Ok(Found::Here(_))));
    assert!(began.elapsed() >= Duration::from_secs(1));
    let Err(Fault::Retry { after, .. }) = client.get("r1").await else { panic!("not later") };
    assert_eq!(after, Some(Duration::from_secs(90)));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (evil, evil_count) = hanging_up().await;
    let server = Server::answering(vec![reply(302, "").with("location", &evil)]).await;
    assert!(matches!(partner_center(&server.url).get("r1").await, Err(Fault::Reject { .. })));
    assert_eq!(*evil_count.lock().unwrap(), 0);
}
