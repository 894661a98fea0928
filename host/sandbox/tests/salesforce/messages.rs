//! Outbound messages: what arrives, when it is sent again, and when it is given up.

use crate::support::{World, element};
use axum::{Router, body::Bytes, extract::State, http::HeaderMap, routing::post};
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

/// A receiver that answers with the given texts, last first, and then acknowledges.
#[derive(Clone, Default)]
struct Receiver {
    arrived: Arc<Mutex<Vec<(HeaderMap, String)>>>,
    answers: Arc<Mutex<Vec<(u16, String)>>>,
    came: Arc<Notify>,
}

fn acknowledgement(ack: &str) -> String {
    format!(
        "<soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\"><soapenv:Body>\
         <notificationsResponse xmlns=\"http://soap.sforce.com/2005/09/outbound\"><Ack>{ack}</Ack>\
         </notificationsResponse></soapenv:Body></soapenv:Envelope>"
    )
}

impl Receiver {
    async fn start(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let app = Router::new().route("/hook", post(receive)).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        url
    }

    /// Answers the next messages with these.
    fn answer(&self, answers: &[(u16, String)]) {
        *self.answers.lock().unwrap() = answers.iter().rev().cloned().collect();
    }

    /// Returns once `count` messages have arrived.
    async fn messages(&self, count: usize) -> Vec<String> {
        loop {
            let came = self.came.notified();
            let arrived: Vec<String> =
                self.arrived.lock().unwrap().iter().map(|(_, body)| body.clone()).collect();
            if arrived.len() >= count {
                return arrived;
            }
            came.await;
        }
    }
}

async fn receive(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> (StatusCode, String) {
    let text = String::from_utf8(body.to_vec()).unwrap();
    receiver.arrived.lock().unwrap().push((headers, text));
    let (status, answer) =
        receiver.answers.lock().unwrap().pop().unwrap_or_else(|| (200, acknowledgement("true")));
    receiver.came.notify_waiters();
    (StatusCode::from_u16(status).unwrap(), answer)
}

/// A rule about opportunities that leads to the receiver.
async fn rule(world: &World, receiver: &Receiver, more: Value) -> Value {
    let mut rule = json!({
        "object": "Opportunity", "fields": ["Name", "Amount", "CloseDate", "IsClosed", "NextStep", "LastModifiedDate"],
        "endpointUrl": receiver.start().await,
    });
    rule.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    world.control("salesforce/outbound-messages", rule).await
}

/// Returns once the delivery has been tried so often, or is over.
async fn deliveries(world: &World) -> Value {
    let reply = world.http.get(world.url("/_sandbox/notifications")).send().await.unwrap();
    reply.json::<Value>().await.unwrap()["deliveries"].clone()
}

#[tokio::test]
async fn a_save_is_told_in_the_documented_envelope() {
    let world = World::start().await;
    let receiver = Receiver::default();
    let rule = rule(&world, &receiver, json!({})).await;
    let deal = json!({
        "Name": "Fish & <Chips>", "StageName": "x", "CloseDate": "2027-01-31", "Amount": 5000,
    });
    let id = world.create("Opportunity", deal).await;
    let message = receiver.messages(1).await.remove(0);
    let (headers, _) = receiver.arrived.lock().unwrap()[0].clone();
    assert_eq!(headers["content-type"], "text/xml; charset=utf-8");
    assert_eq!(headers["soapaction"], "\"\"");

    let mut at = 0;
    let order = [
        "<soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\"",
        "<notifications xmlns=\"http://soap.sforce.com/2005/09/outbound\">",
        "<OrganizationId>00D5e0000000001EAA</OrganizationId>",
        "<ActionId>04k",
        "<SessionId xsi:nil=\"true\"/>",
        "<EnterpriseUrl>",
        "<PartnerUrl>",
        "<Notification>",
        "<Id>04l",
        "<sObject xsi:type=\"sf:Opportunity\" xmlns:sf=\"urn:sobject.enterprise.soap.sforce.com\">",
        &format!("<sf:Id>{id}</sf:Id>"),
        "<sf:Name>Fish &amp; &lt;Chips&gt;</sf:Name>",
        "<sf:Amount>5000.0</sf:Amount>",
        "<sf:CloseDate>2027-01-31</sf:CloseDate>",
        "<sf:IsClosed>false</sf:IsClosed>",
        "<sf:LastModifiedDate>",
    ];
    for part in order {
        let found =
            message[at..].find(part).unwrap_or_else(|| panic!("{part} is missing or early in {message}"));
        at += found;
    }
    assert!(!message.contains("sf:NextStep"), "null is left out");
    assert_eq!(element(&message, "ActionId"), rule["id"].as_str());
    world.sandbox.salesforce().core().outbound.idle().await;
    assert_eq!(deliveries(&world).await[0]["outcome"], "delivered");
}

#[tokio::test]
async fn what_is_not_acknowledged_comes_again_as_it_is_by_then() {
    let world = World::start().await;
    let receiver = Receiver::default();
    rule(&world, &receiver, json!({})).await;
    let id = world.opportunity("first").await;
    receiver.messages(1).await;
    world.sandbox.salesforce().core().outbound.idle().await;
    let refusals = [
        (200, acknowledgement("false")),
        (500, acknowledgement("true")),
        (200, "<broken".to_owned()),
        (200, String::new()),
    ];
    receiver.answer(&refusals);
    world.patch(&format!("sobjects/Opportunity/{id}"), json!({ "Name": "second" })).await.expect(204);
    receiver.messages(2).await;
    for attempt in 3..=6 {
        if attempt == 4 {
            let body = json!({ "Name": "third" });
            world.switch(json!({ "holdOutboundMessages": true })).await;
            world.patch(&format!("sobjects/Opportunity/{id}"), body).await.expect(204);
        }
        world.tried(2, attempt - 2).await;
        world.control("clock", json!({ "advanceMs": 2 * 60 * 60 * 1000 })).await;
        receiver.messages(attempt).await;
    }
    let messages = receiver.messages(6).await;
    assert!(messages[2].contains("<sf:Name>second</sf:Name>"), "{}", messages[2]);
    assert!(messages[5].contains("<sf:Name>third</sf:Name>"), "the latest data are sent");
    let notification = |message: &str| element(message, "Id").unwrap().to_owned();
    assert_eq!(notification(&messages[1]), notification(&messages[5]), "it is the same notification");
    assert_ne!(notification(&messages[0]), notification(&messages[1]));
    world.sandbox.salesforce().core().outbound.idle().await;
    assert_eq!(deliveries(&world).await[1]["outcome"], "delivered");
}

impl World {
    /// Returns once a delivery (the first is 1) has that many attempts on record.
    async fn tried(&self, delivery: usize, attempts: usize) {
        loop {
            let records = self.sandbox.salesforce().core().outbound.records();
            if records.get(delivery - 1).is_some_and(|record| record.attempts.len() >= attempts) {
                return;
            }
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn a_message_is_given_up_after_a_day() {
    let world = World::start().await;
    let receiver = Receiver::default();
    let refusals: Vec<(u16, String)> = (0..100).map(|_| (503, String::new())).collect();
    receiver.answer(&refusals);
    rule(&world, &receiver, json!({})).await;
    world.opportunity("x").await;
    for attempt in 1..=12 {
        world.tried(1, attempt).await;
        assert_eq!(deliveries(&world).await[0]["outcome"], "pending", "attempt {attempt}");
        world.control("clock", json!({ "advanceMs": 2 * 60 * 60 * 1000 + 1 })).await;
    }
    world.sandbox.salesforce().core().outbound.idle().await;
    let delivery = deliveries(&world).await[0].clone();
    assert_eq!(delivery["outcome"], "failed");
    assert_eq!(delivery["attempts"].as_array().unwrap().len(), 12, "one every two hours for a day");
}

#[tokio::test]
async fn several_notifications_share_a_message() {
    let world = World::start().await;
    let receiver = Receiver::default();
    rule(&world, &receiver, json!({ "fields": ["Name"] })).await;
    let record = |at: usize| {
        json!({
            "attributes": { "type": "Opportunity" }, "Name": format!("n{at}"), "StageName": "x",
            "CloseDate": "2027-01-31",
        })
    };
    let records: Vec<Value> = (0..101).map(record).collect();
    world.post("composite/sobjects", json!({ "records": records })).await.expect(200);
    let messages = receiver.messages(2).await;
    let mut counts: Vec<usize> =
        messages.iter().map(|message| message.matches("<Notification>").count()).collect();
    counts.sort_unstable();
    assert_eq!(counts, [1, 100]);

    world.switch(json!({ "holdOutboundMessages": true })).await;
    for name in ["a", "b"] {
        world.opportunity(name).await;
    }
    world.control("salesforce/outbound-messages/flush", json!({})).await;
    let held = receiver.messages(3).await.remove(2);
    assert_eq!(held.matches("<Notification>").count(), 2);
}

#[tokio::test]
async fn a_session_comes_only_if_the_rule_asks_for_it_and_works() {
    let world = World::start().await;
    let receiver = Receiver::default();
    rule(&world, &receiver, json!({ "includeSessionId": true })).await;
    world.opportunity("x").await;
    let message = receiver.messages(1).await.remove(0);
    let session = element(&message, "SessionId").unwrap();
    world.ask_as(session, reqwest::Method::GET, "limits").send().await.expect(200);
}

#[tokio::test]
async fn deletions_and_other_objects_are_not_told() {
    let world = World::start().await;
    let receiver = Receiver::default();
    let rule = rule(&world, &receiver, json!({})).await;
    let id = world.opportunity("x").await;
    receiver.messages(1).await;
    world.create("Account", json!({ "Name": "x" })).await;
    world.delete(&format!("sobjects/Opportunity/{id}")).await.expect(204);
    let path = format!("/_sandbox/salesforce/outbound-messages/{}", rule["id"].as_str().unwrap());
    assert_eq!(world.http.delete(world.url(&path)).send().await.unwrap().status(), 204);
    world.opportunity("y").await;
    world.sandbox.salesforce().core().outbound.idle().await;
    assert_eq!(deliveries(&world).await.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn notifications_are_duplicated_lost_and_falsified_on_demand() {
    let world = World::start().await;
    let receiver = Receiver::default();
    rule(&world, &receiver, json!({})).await;
    world.control("notifications", json!({ "duplicate": 1 })).await;
    world.opportunity("twice").await;
    let twice = receiver.messages(2).await;
    assert_eq!(element(&twice[0], "Id"), element(&twice[1], "Id"));
    world.control("notifications", json!({ "drop": 1 })).await;
    world.opportunity("lost").await;
    world.control("notifications", json!({ "wrongSignature": 1 })).await;
    world.opportunity("forged").await;
    let forged = receiver.messages(3).await.remove(2);
    assert!(forged.contains("<sf:Name>forged</sf:Name>"), "{forged}");
    assert_ne!(element(&forged, "OrganizationId"), Some(crosswalk_sandbox::salesforce::ORGANIZATION_ID));
}

#[tokio::test]
async fn a_rule_that_names_nothing_is_refused() {
    let world = World::start().await;
    let url = world.url("/_sandbox/salesforce/outbound-messages");
    for rule in [
        json!({ "object": "Nonsense", "endpointUrl": "http://x/" }),
        json!({ "object": "Lead", "fields": ["Nonsense"], "endpointUrl": "http://x/" }),
        json!({ "object": "Lead", "endpointUrl": "x" }),
    ] {
        let reply = world.http.post(&url).json(&rule).send().await.unwrap();
        assert_eq!(reply.status(), StatusCode::BAD_REQUEST);
    }
}
