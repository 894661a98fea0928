//! Writes, and what each kind of failure comes to.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use crosswalk_connectors::{
    Fault,
    crm::Crm,
    salesforce::{Salesforce, SalesforceConfig},
    token::StaticToken,
    transport::{Request, Response, Transport, TransportError},
};
use crosswalk_engine::{
    mapping::Companion,
    pass::{Seen, SystemRefusal},
    value::{Fields, RecordKey, Reference, Value},
};
use serde_json::{Value as Json, json};

use super::{ACCOUNT, ID, errors, found, key, manifest, parts, row, rows, salesforce, salesforce_with};
use crate::server::{Server, hanging_up, reply};

/// What the server says of the second of a write.
const WRITTEN: &str = "2026-01-31T10:00:20.000+0000";

fn fields(pairs: &[(&str, Value)]) -> Fields {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

fn texts(texts: &[&str]) -> Value {
    Value::Texts(texts.iter().map(|text| (*text).to_owned()).collect())
}

fn refused(seen: Seen) -> SystemRefusal {
    let Seen::Refused(refusal) = seen else { panic!("not refused: {seen:?}") };
    refusal
}

fn after() -> Json {
    json!({"Id": ID, "SystemModstamp": WRITTEN})
}

/// A composite answer in which the record failed, and with it all the rest.
fn failed(status: u16, body: &Json) -> crate::server::Reply {
    let halted = errors("PROCESSING_HALTED", "The transaction was rolled back", &[]);
    parts(&[("record", status, body.clone()), ("after", 400, halted)])
}

/// Reads the record and writes to it at the version that was read.
async fn write(client: &Salesforce, fields: &Fields) -> Result<Seen, Fault> {
    let version = client.read(&key()).await.unwrap().found().unwrap().version;
    client.update(&key(), fields, &[], &version).await
}

#[tokio::test]
async fn an_update_is_one_call_that_holds_only_while_the_record_is_unmodified() {
    let landed = parts(&[("record", 204, Json::Null), ("after", 200, after())]);
    let mut changed = row();
    changed["SystemModstamp"] = json!(WRITTEN);
    changed["Amount"] = serde_json::from_str("10000.100").unwrap();
    changed["Name"] = json!("New");
    changed["Needs__c"] = json!("b;c");
    changed["Sync__c"] = json!(false);
    changed["Stamp__c"] = json!("s2");
    let server = Server::answering(vec![found(&[row()]), landed, found(&[changed])]).await;
    let client = salesforce(&server.url);
    let written = fields(&[
        ("Name", text(" New ")),
        ("Amount", Value::Decimal("10000.10".parse().unwrap())),
        ("CloseDate", Value::Date("2026-02-28".parse().unwrap())),
        ("Sync__c", Value::Empty),
        ("Needs__c", texts(&["c", "b"])),
        (
            "AccountId",
            Value::Reference(Reference::Existing(RecordKey {
                entity: "Account".into(),
                id: ACCOUNT[..15].into(),
            })),
        ),
        ("Referral__c", Value::Empty),
        ("Stamp__c", text("s2")),
    ]);
    let Seen::Written { version, key: Some(written_key) } = write(&client, &written).await.unwrap() else {
        panic!("not written")
    };
    assert_eq!(written_key, key());
    let now = client.read(&key()).await.unwrap().found().unwrap();
    assert_eq!(version, now.version, "an echo of this write is known by its version");

    let asked = &server.asked()[1];
    assert_eq!(asked.line, "POST /services/data/v60.0/composite");
    assert!(asked.body.contains(r#""Amount":10000.10"#), "{}", asked.body);
    let body = asked.json();
    assert_eq!((&body["allOrNone"], &body["collateSubrequests"]), (&json!(true), &json!(false)));
    let record = &body["compositeRequest"][0];
    assert_eq!(record["method"], "PATCH");
    assert_eq!(record["url"], format!("/services/data/v60.0/sobjects/Opportunity/{ID}"));
    assert_eq!(record["httpHeaders"]["If-Unmodified-Since"], "Sat, 31 Jan 2026 10:00:00 GMT");
    assert_eq!(record["httpHeaders"]["sforce-auto-assign"], "FALSE");
    assert_eq!(
        record["body"],
        serde_json::from_str::<Json>(&format!(
            r#"{{"Name": " New ", "Amount": 10000.10, "CloseDate": "2026-02-28", "Sync__c": false, "Needs__c": "c;b",
            "AccountId": "{ACCOUNT}", "Referral__c": null, "Stamp__c": "s2"}}"#
        ))
        .unwrap()
    );
    let after = &body["compositeRequest"][1];
    assert_eq!(
        after["url"],
        format!("/services/data/v60.0/sobjects/Opportunity/{ID}?fields=Id,SystemModstamp")
    );
}

#[tokio::test]
async fn somebody_elses_edit_in_the_second_of_our_write_is_not_hidden_by_its_version() {
    let landed = parts(&[("record", 204, Json::Null), ("after", 200, after())]);
    let mut theirs = row();
    theirs["SystemModstamp"] = json!(WRITTEN);
    theirs["Name"] = json!("New");
    theirs["StageName"] = json!("Negotiation");
    let over = "Sat, 31 Jan 2026 10:00:29 GMT";
    let server = Server::answering(vec![found(&[row()]), landed, found(&[theirs]).with("date", over)]).await;
    let client = salesforce(&server.url);
    let ours = fields(&[("Name", text("New"))]);
    let Seen::Written { version, .. } = write(&client, &ours).await.unwrap() else { panic!("not written") };
    assert!(version.starts_with("2026-01-31T10:00:20Z#"));
    // The same second, but not the same record: a further write at our version is refused without being sent.
    assert_eq!(client.update(&key(), &ours, &[], &version).await.unwrap(), Seen::Stale);
}

#[tokio::test]
async fn rows_are_changed_by_what_was_read_of_them() {
    let children = rows(&[
        json!({"Id": "a015g00000000AAAAA", "Deal__c": ID, "Code__c": "SOL-1"}),
        json!({"Id": "a015g00000000ABAAA", "Deal__c": ID, "Code__c": "SOL-2"}),
    ]);
    let read = parts(&[("query0", 200, rows(&[row()])), ("query1", 200, children)]);
    let gone = json!([{"id": "a015g00000000AAAAA", "success": true, "errors": []}]);
    let made = json!([{"id": "a015g00000000ADAAA", "success": true, "errors": []}]);
    let landed = parts(&[
        ("record", 204, Json::Null),
        ("delete_solutions", 200, gone),
        ("insert_solutions", 200, made),
        ("after", 200, after()),
    ]);
    let refusal = json!([
        {"success": false, "errors": [{"statusCode": "ALL_OR_NONE_OPERATION_ROLLED_BACK", "message": "", "fields": []}]},
        {"success": false, "errors": [{"statusCode": "STRING_TOO_LONG", "message": "Code: data value too large",
            "fields": ["Code__c"]}]},
    ]);
    let halted = || errors("PROCESSING_HALTED", "rolled back", &[]);
    let refused_row = parts(&[
        ("record", 400, halted()),
        ("delete_solutions", 400, halted()),
        ("insert_solutions", 200, refusal),
        ("after", 400, halted()),
    ]);
    let missing = parts(&[
        ("record", 400, halted()),
        ("delete_solutions", 404, errors("ENTITY_IS_DELETED", "entity is deleted", &[])),
        ("insert_solutions", 400, halted()),
        ("after", 400, halted()),
    ]);
    let server =
        Server::answering(vec![read.clone(), landed, read.clone(), refused_row, read, missing]).await;
    let client = salesforce_with(&server.url, manifest(true), |_| ());
    let wanted = fields(&[("solutions", texts(&["SOL-3", "SOL-2", "SOL-3"])), ("Stamp__c", text("s2"))]);
    assert!(matches!(write(&client, &wanted).await.unwrap(), Seen::Written { .. }));
    let body = server.asked()[1].json();
    let sent = body["compositeRequest"].as_array().unwrap();
    assert_eq!(sent[1]["method"], "DELETE");
    assert_eq!(
        sent[1]["url"],
        "/services/data/v60.0/composite/sobjects?ids=a015g00000000AAAAA&allOrNone=true"
    );
    assert_eq!(
        sent[2]["body"]["records"],
        json!([{"attributes": {"type": "Solution__c"}, "Deal__c": ID, "Code__c": "SOL-3"}])
    );
    let refusal = refused(write(&client, &wanted).await.unwrap());
    assert_eq!(refusal.fields, ["solutions"]);
    assert!(refusal.reason.contains("longer than the field"), "{}", refusal.reason);
    assert_eq!(write(&client, &wanted).await.unwrap(), Seen::Stale, "a row that somebody deleted");
}

#[tokio::test]
async fn a_create_is_a_post_that_the_unique_key_refuses_to_make_twice() {
    let described = json!({"fields": [{"name": "Referral__c", "unique": true, "externalId": true}]});
    let made = json!({"id": ID, "success": true, "errors": []});
    let landed = parts(&[
        ("record", 201, made),
        ("insert_solutions", 200, json!([{"id": "a015g00000000AAAAA", "success": true, "errors": []}])),
        ("after", 200, after()),
    ]);
    let duplicate = "duplicate value found: Referral__c duplicates value on record with id: 0065g00000ABCde";
    let halted = || errors("PROCESSING_HALTED", "rolled back", &[]);
    let fails = |body: Json| {
        parts(&[("record", 400, body), ("insert_solutions", 400, halted()), ("after", 400, halted())])
    };
    let server = Server::answering(vec![
        reply(200, described),
        landed,
        fails(errors("DUPLICATE_VALUE", duplicate, &[])),
        fails(errors("DUPLICATE_VALUE", "duplicate value found: Name duplicates value", &[])),
    ])
    .await;
    let client = salesforce_with(&server.url, manifest(true), |_| ());
    let draft = fields(&[("Name", text("Deal")), ("Amount", Value::Empty), ("solutions", texts(&["SOL-1"]))]);
    let create = async || client.create("Opportunity", "Referral__c", "r1", &draft, &[]).await.unwrap();
    let Seen::Written { version, key: Some(made) } = create().await else { panic!("not created") };
    assert_eq!(made, key());
    assert!(version.starts_with("2026-01-31T10:00:20Z#"));
    let body = server.asked()[1].json();
    let sent = body["compositeRequest"].as_array().unwrap();
    assert_eq!(
        (sent[0]["method"].as_str(), sent[0]["url"].as_str()),
        (Some("POST"), Some("/services/data/v60.0/sobjects/Opportunity"))
    );
    assert_eq!(sent[0]["body"], json!({"Name": "Deal", "Referral__c": "r1"}));
    assert_eq!(sent[1]["body"]["records"][0]["Deal__c"], "@{record.id}");
    assert_eq!(
        sent[2]["url"],
        "/services/data/v60.0/sobjects/Opportunity/@{record.id}?fields=Id,SystemModstamp"
    );
    assert_eq!(create().await, Seen::Stale);
    assert_eq!(refused(create().await).fields, ["Name"]);
}

#[tokio::test]
async fn nothing_is_created_under_a_key_that_is_not_unique() {
    let described = json!({"fields": [{"name": "Referral__c", "unique": false, "externalId": true}]});
    let server = Server::answering(vec![reply(200, described), reply(200, json!({"fields": []}))]).await;
    let client = salesforce(&server.url);
    for words in ["not a unique external id", "has no field `Opportunity.Referral__c`"] {
        let Err(Fault::Reject { reason }) =
            client.create("Opportunity", "Referral__c", "r1", &fields(&[("Name", text("D"))]), &[]).await
        else {
            panic!("created")
        };
        assert!(reason.contains(words), "{reason}");
    }
}

#[tokio::test]
async fn what_a_write_is_answered_with_is_told_apart_by_its_code() {
    let rule = "You can&#39;t close this deal";
    let cases = [
        (412, json!([]), Ok("stale")),
        (404, errors("ENTITY_IS_DELETED", "entity is deleted", &[]), Ok("stale")),
        (400, errors("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead", &[]), Ok("stale")),
        (400, errors("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access", &[]), Err("retry")),
        (500, errors("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access", &[]), Err("retry")),
        (403, errors("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", &[]), Err("retry")),
        (500, errors("UNKNOWN_EXCEPTION", "An unexpected error occurred", &[]), Err("retry")),
        (400, errors("FIELD_CUSTOM_VALIDATION_EXCEPTION", rule, &["StageName"]), Ok("StageName")),
        (
            400,
            errors("STRING_TOO_LONG", "Name: data value too large: x (max length=120)", &["Name"]),
            Ok("Name"),
        ),
        (400, errors("DUPLICATES_DETECTED", "Use one of these records?", &[]), Ok("")),
        (
            400,
            errors("INVALID_FIELD", "No such column 'Stamp__c' on sobject of type Opportunity", &[]),
            Ok("Stamp__c"),
        ),
        (400, errors("INACTIVE_OWNER_OR_USER", "inactive user", &["OwnerId"]), Ok("")),
        (400, errors("ENTITY_IS_LOCKED", "the entity is locked for editing", &[]), Ok("")),
    ];
    let mut script = Vec::new();
    for (status, body, _) in &cases {
        script.extend([found(&[row()]), failed(*status, body)]);
    }
    let server = Server::answering(script).await;
    let client = salesforce(&server.url);
    let sent = fields(&[("Name", text("x")), ("StageName", text("Closed Won")), ("Stamp__c", text("s2"))]);
    for (_, body, expected) in cases {
        let seen = write(&client, &sent).await;
        match (expected, seen) {
            (Ok("stale"), Ok(Seen::Stale)) | (Err("retry"), Err(Fault::Retry { .. })) => {}
            (Ok(field), Ok(Seen::Refused(refusal))) => {
                assert_eq!(refusal.fields.join(","), field, "{body}");
                assert!(!refusal.reason.contains("&#39;"), "{}", refusal.reason);
            }
            (expected, seen) => panic!("{body}: {seen:?} is not {expected:?}"),
        }
    }
}

#[tokio::test]
async fn what_was_perhaps_written_is_unknown_and_not_sent_again() {
    let half = parts(&[
        ("record", 204, Json::Null),
        ("after", 404, errors("NOT_FOUND", "The requested resource does not exist", &[])),
    ]);
    let server = Server::answering(vec![
        found(&[row()]),
        half,
        found(&[row()]),
        reply(500, errors("UNKNOWN_EXCEPTION", "?", &[])),
        found(&[row()]),
        reply(500, errors("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access", &[])),
    ])
    .await;
    let client = salesforce(&server.url);
    let sent = fields(&[("Name", text("x"))]);
    assert!(matches!(write(&client, &sent).await, Ok(Seen::Unknown(_))));
    assert!(matches!(write(&client, &sent).await, Ok(Seen::Unknown(_))));
    assert!(matches!(write(&client, &sent).await, Err(Fault::Retry { .. })));
    let (url, count) = hanging_up().await;
    let companion = Companion {
        alias: "customer".into(),
        entity: "Account".into(),
        matching: fields(&[("Name", text("Contoso"))]),
        fields: Fields::new(),
    };
    let seen = salesforce(&url).update(&key(), &sent, &[companion], "2026-01-31T10:00:00Z#00").await;
    assert!(matches!(seen, Err(Fault::Retry { .. })), "{seen:?}");
    assert_eq!(*count.lock().unwrap(), 3, "only the search for the companion");
}

#[tokio::test]
async fn a_field_that_is_not_declared_and_a_version_that_is_none_are_not_sent() {
    let server = Server::answering(vec![]).await;
    let client = salesforce(&server.url);
    let version = "2026-01-31T10:00:00Z#00";
    let seen = client.update(&key(), &fields(&[("OwnerId", text("x"))]), &[], version).await.unwrap();
    assert_eq!(refused(seen).fields, ["OwnerId"]);
    let seen = client.update(&key(), &fields(&[("Name", text("x"))]), &[], "W/\"7\"").await.unwrap();
    assert!(refused(seen).reason.contains("its version is not known"));
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn a_companion_that_is_missing_is_created_once_and_referred_to() {
    let landed = parts(&[("record", 204, Json::Null), ("after", 200, after())]);
    let server = Server::answering(vec![
        found(&[row()]),
        found(&[]),
        found(&[]),
        reply(201, json!({"id": ACCOUNT, "success": true, "errors": []})),
        landed,
        found(&[row()]),
        found(&[]),
        found(&[]),
        reply(400, errors("DUPLICATES_DETECTED", "Use one of these records?", &[])),
    ])
    .await;
    let client = salesforce_with(&server.url, manifest(false), |config| {
        config.save_despite_duplicate_alerts = true;
    });
    let companion = Companion {
        alias: "customer".into(),
        entity: "Account".into(),
        matching: fields(&[("Name", text("Contoso"))]),
        fields: fields(&[("BillingCity", text("Oslo"))]),
    };
    let sent = fields(&[("AccountId", Value::Reference(Reference::Companion("customer".into())))]);
    let write = async || {
        let version = client.read(&key()).await.unwrap().found().unwrap().version;
        client.update(&key(), &sent, std::slice::from_ref(&companion), &version).await.unwrap()
    };
    assert!(matches!(write().await, Seen::Written { .. }));
    let asked = server.asked();
    assert_eq!(asked[3].line, "POST /services/data/v60.0/sobjects/Account");
    assert_eq!(asked[3].json(), json!({"Name": "Contoso", "BillingCity": "Oslo"}));
    assert_eq!(asked[3].header("sforce-duplicate-rule-header"), "allowSave=true");
    assert_eq!(asked[4].json()["compositeRequest"][0]["body"]["AccountId"], ACCOUNT);
    let refusal = refused(write().await);
    assert_eq!(refusal.fields, ["AccountId"]);
    assert!(refusal.reason.contains("merge the duplicates"), "{}", refusal.reason);
}

/// A server without a network, for tests in which time is moved by the runtime.
#[derive(Default)]
struct Scripted {
    replies: Mutex<VecDeque<(&'static str, Json)>>,
    asked: Mutex<Vec<String>>,
}

#[async_trait]
impl Transport for Scripted {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        self.asked.lock().unwrap().push(request.url.path().to_owned());
        let (date, body) = self.replies.lock().unwrap().pop_front().unwrap();
        let mut headers = http::HeaderMap::new();
        headers.insert(http::header::DATE, date.parse().unwrap());
        Ok(Response { status: http::StatusCode::OK, headers, body: body.to_string().into() })
    }
}

fn scripted(replies: Vec<(&'static str, Json)>) -> (Arc<Scripted>, Salesforce) {
    let transport = Arc::new(Scripted { replies: Mutex::new(replies.into()), ..Scripted::default() });
    let config = SalesforceConfig::new("http://localhost/".parse().unwrap());
    let tokens = Arc::new(StaticToken::new("sandbox".into()));
    let client =
        Salesforce::new(config, Arc::clone(&transport) as _, tokens, Arc::new(manifest(false))).unwrap();
    (transport, client)
}

fn landed() -> Json {
    json!({"compositeResponse": [
        {"httpStatusCode": 204, "referenceId": "record", "body": null},
        {"httpStatusCode": 200, "referenceId": "after", "body": after()},
    ]})
}

#[tokio::test(start_paused = true)]
async fn the_second_of_the_last_modification_is_waited_out_before_a_write() {
    let second = "Sat, 31 Jan 2026 10:00:00 GMT";
    let next = "Sat, 31 Jan 2026 10:00:01 GMT";
    let (server, client) = scripted(vec![(second, rows(&[row()])), (next, rows(&[row()])), (next, landed())]);
    let began = tokio::time::Instant::now();
    assert!(matches!(write(&client, &fields(&[("Name", text("x"))])).await, Ok(Seen::Written { .. })));
    assert_eq!(began.elapsed(), Duration::from_millis(1_000));
    assert_eq!(server.asked.lock().unwrap().len(), 3, "read, read again, write");
}

#[tokio::test(start_paused = true)]
async fn an_edit_in_that_second_makes_the_write_stale_although_its_time_is_the_same() {
    let second = "Sat, 31 Jan 2026 10:00:00 GMT";
    let mut edited = row();
    edited["StageName"] = json!("Negotiation");
    let (server, client) =
        scripted(vec![(second, rows(&[row()])), ("Sat, 31 Jan 2026 10:00:01 GMT", rows(&[edited]))]);
    assert_eq!(write(&client, &fields(&[("Name", text("x"))])).await, Ok(Seen::Stale));
    assert_eq!(server.asked.lock().unwrap().len(), 2, "nothing was written");
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_stands_still_ends_in_words_and_without_a_write() {
    let second = "Sat, 31 Jan 2026 09:59:00 GMT";
    let (server, client) = scripted(vec![(second, rows(&[row()])); 4]);
    let Err(Fault::Retry { reason, .. }) = write(&client, &fields(&[("Name", text("x"))])).await else {
        panic!("written")
    };
    assert!(reason.contains("has not left that second; nothing was written"), "{reason}");
    assert_eq!(server.asked.lock().unwrap().len(), 4);
}
