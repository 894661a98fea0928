//! `$batch`: formats, change sets, references, rollback.

use crate::support::{Reply, World};
use reqwest::Method;
use serde_json::json;

/// Sends a batch whose lines end in CRLF or in LF.
async fn send(world: &World, body: &str, crlf: bool, prefer: Option<&str>) -> Reply {
    let body = if crlf { body.replace('\n', "\r\n") } else { body.to_owned() };
    let mut ask = world.ask(Method::POST, "$batch");
    if let Some(prefer) = prefer {
        ask = ask.prefer(prefer);
    }
    ask.text("multipart/mixed;boundary=b_1", body).send().await
}

fn part(request: &str, body: &str) -> String {
    let head = "--b_1\nContent-Type: application/http\nContent-Transfer-Encoding: binary\n\n";
    format!("{head}{request} HTTP/1.1\nContent-Type: application/json\n\n{body}\n\n")
}

/// A change set of requests with Content-IDs 1, 2, …
fn change_set(requests: &[(&str, &str)]) -> String {
    let mut out = String::from("--b_1\nContent-Type: multipart/mixed;boundary=\"c_1\"\n\n");
    for (index, (request, body)) in requests.iter().enumerate() {
        let id = index + 1;
        let head = "Content-Type: application/http\nContent-Transfer-Encoding: binary";
        out += &format!(
            "--c_1\n{head}\nContent-ID: {id}\n\n{request} HTTP/1.1\nContent-Type: application/json\n\n{body}\n\n"
        );
    }
    out + "--c_1--\n\n"
}

#[tokio::test]
async fn requests_run_one_after_the_other_whatever_ends_their_lines() {
    let world = World::start().await;
    let absolute = format!("GET {}", world.url("opportunities/$count"));
    let body =
        part("POST /api/data/v9.2/opportunities", r#"{"name":"x"}"#) + &part(&absolute, "") + "--b_1--\n";
    for (crlf, count) in [(true, "1"), (false, "2")] {
        let reply = send(&world, &body, crlf, None).await.expect(200);
        let content_type = reply.header("content-type").unwrap();
        let boundary = content_type.strip_prefix("multipart/mixed; boundary=").unwrap();
        assert!(boundary.starts_with("batchresponse_"));
        assert_eq!(reply.text.matches(&format!("--{boundary}\r\n")).count(), 2);
        assert!(reply.text.ends_with(&format!("--{boundary}--\r\n")));
        assert!(reply.text.contains("HTTP/1.1 204 No Content\r\n"));
        assert!(reply.text.contains("OData-EntityId: http"));
        assert!(reply.text.contains(&format!("\r\n\r\n{count}\r\n")), "{}", reply.text);
    }
}

#[tokio::test]
async fn parts_of_a_change_set_refer_to_earlier_ones() {
    let world = World::start().await;
    let body = change_set(&[
        ("POST /api/data/v9.2/accounts", r#"{"name":"Contoso"}"#),
        ("POST opportunities", r#"{"name":"deal","customerid_account@odata.bind":"$1"}"#),
        ("PUT $2/description", r#"{"value":"from a reference"}"#),
    ]) + "--b_1--\n";
    let reply = send(&world, &body, true, None).await.expect(200);
    assert!(
        reply.text.contains("Content-Type: multipart/mixed; boundary=changesetresponse_"),
        "{}",
        reply.text
    );
    for id in 1..=3 {
        assert!(reply.text.contains(&format!("Content-ID: {id}\r\n")));
    }
    let rows = world
        .get("opportunities?$select=name,description&$expand=customerid_account($select=name)")
        .await
        .json();
    assert_eq!(rows["value"][0]["description"], "from a reference");
    assert_eq!(rows["value"][0]["customerid_account"]["name"], "Contoso");
}

#[tokio::test]
async fn a_change_set_with_one_refusal_writes_nothing() {
    let world = World::start().await;
    let body = change_set(&[
        ("POST accounts", r#"{"name":"Contoso"}"#),
        ("POST opportunities", r#"{"nonsense":1}"#),
    ]);
    let reply = send(&world, &(body + "--b_1--\n"), true, None).await.expect(400);
    assert!(reply.text.starts_with("--batchresponse_"), "{}", reply.text);
    assert!(reply.text.contains("0x80048d19"));
    assert_eq!(world.get("accounts/$count").await.text, "0");
}

#[tokio::test]
async fn a_reference_before_its_declaration_is_refused() {
    let world = World::start().await;
    let body =
        change_set(&[("POST opportunities", r#"{"customerid_account@odata.bind":"$2"}"#)]) + "--b_1--\n";
    let reply = send(&world, &body, true, None).await.expect(400);
    assert!(
        reply.text.contains("Content-ID Reference: '$2' does not exist in the batch context."),
        "{}",
        reply.text
    );
}

#[tokio::test]
async fn an_error_stops_the_batch_unless_told_otherwise() {
    let world = World::start().await;
    let body = part("GET nonsenses", "") + &part("POST opportunities", r#"{"name":"x"}"#) + "--b_1--\n";
    let stopped = send(&world, &body, true, None).await.expect(404);
    assert!(stopped.text.contains("HTTP/1.1 404 Not Found"));
    assert_eq!(world.get("opportunities/$count").await.text, "0");
    let went_on = send(&world, &body, true, Some("odata.continue-on-error")).await.expect(200);
    assert!(
        went_on.text.contains("HTTP/1.1 404 Not Found") && went_on.text.contains("HTTP/1.1 204 No Content")
    );
    assert_eq!(world.get("opportunities/$count").await.text, "1");
}

#[tokio::test]
async fn a_change_set_takes_no_get_and_a_batch_no_batch() {
    let world = World::start().await;
    let get = change_set(&[("GET opportunities", "")]) + "--b_1--\n";
    send(&world, &get, true, None).await.expect(400);
    let nested = part("POST $batch", "") + "--b_1--\n";
    send(&world, &nested, true, None).await.refused(400, "0x80060888");
    let plain = world.post("$batch", json!({})).await;
    plain.refused(400, "0x80060888");
}
