//! Webhooks: registration, what arrives, and what becomes of failures.

use crate::support::World;
use axum::{Router, body::Bytes, extract::State, http::HeaderMap, routing::post};
use reqwest::{Method, StatusCode, Url};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

/// One notification as it arrived.
#[derive(Debug, Clone)]
struct Arrived {
    query: String,
    headers: HeaderMap,
    raw: String,
    body: Value,
}

/// A receiver that answers with the given statuses, then 200.
#[derive(Clone, Default)]
struct Receiver {
    arrived: Arc<Mutex<Vec<Arrived>>>,
    answers: Arc<Mutex<Vec<u16>>>,
}

impl Receiver {
    async fn start(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let app = Router::new().route("/hook", post(receive)).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        url
    }

    fn arrived(&self) -> Vec<Arrived> {
        self.arrived.lock().unwrap().clone()
    }
}

async fn receive(
    State(receiver): State<Receiver>,
    uri: axum::http::Uri,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let raw = String::from_utf8(body.to_vec()).unwrap();
    let arrived = Arrived {
        query: uri.query().unwrap_or_default().to_owned(),
        headers,
        body: serde_json::from_str(&raw).unwrap(),
        raw,
    };
    receiver.arrived.lock().unwrap().push(arrived);
    let status = receiver.answers.lock().unwrap().pop().unwrap_or(200);
    StatusCode::from_u16(status).unwrap()
}

/// Registers a step the documented way: an endpoint, the message, its filter, the step. Returns the step's GUID.
async fn register(
    world: &World,
    url: &str,
    auth: (i64, &str),
    message: &str,
    attributes: Option<&str>,
) -> String {
    register_for(world, url, auth, ("opportunity", message), attributes).await
}

/// The same for another table.
async fn register_for(
    world: &World,
    url: &str,
    auth: (i64, &str),
    (table, message): (&str, &str),
    attributes: Option<&str>,
) -> String {
    let endpoint =
        json!({ "name": "hook", "url": url, "contract": 8, "authtype": auth.0, "authvalue": auth.1 });
    let endpoint = world.create("serviceendpoints", endpoint).await;
    let first = |reply: Value, id: &str| reply["value"][0][id].as_str().unwrap().to_owned();
    let found =
        world.get(&format!("sdkmessages?$filter=name eq '{message}'&$select=sdkmessageid")).await.json();
    let sdk_message = first(found, "sdkmessageid");
    let query = format!(
        "sdkmessagefilters?$filter=primaryobjecttypecode eq '{table}' and _sdkmessageid_value eq {sdk_message}"
    );
    let filter = first(world.get(&query).await.json(), "sdkmessagefilterid");
    let step = json!({
        "name": "step", "mode": 1, "stage": 40, "rank": 1, "supporteddeployment": 0, "asyncautodelete": true,
        "filteringattributes": attributes,
        "eventhandler_serviceendpoint@odata.bind": format!("/serviceendpoints({endpoint})"),
        "sdkmessageid@odata.bind": format!("/sdkmessages({sdk_message})"),
        "sdkmessagefilterid@odata.bind": format!("/sdkmessagefilters({filter})"),
    });
    world.create("sdkmessageprocessingsteps", step).await
}

async fn idle(world: &World) {
    world.sandbox.dynamics().core().outbound.idle().await;
}

fn target(arrived: &Arrived) -> &Value {
    let inputs = arrived.body["InputParameters"].as_array().unwrap();
    &inputs.iter().find(|pair| pair["key"] == "Target").unwrap()["value"]
}

fn attribute<'a>(arrived: &'a Arrived, name: &str) -> Option<&'a Value> {
    let attributes = target(arrived)["Attributes"].as_array().unwrap();
    attributes.iter().find(|pair| pair["key"] == name).map(|pair| &pair["value"])
}

#[tokio::test]
async fn an_update_tells_only_what_was_submitted_and_who_did_it() {
    let world = World::start().await;
    let receiver = Receiver::default();
    let step = register(&world, &receiver.start().await, (4, "s3 cret&"), "Update", None).await;
    let id = world.opportunity("x").await;
    let body = json!({
        "name": "y", "isrevenuesystemcalculated": false, "estimatedvalue": 12.5, "budgetstatus": 1,
        "description": null, "estimatedclosedate": "2026-01-31",
    });
    let path = format!("opportunities({id})?tag=mine");
    world.ask_as("seller", Method::PATCH, &path).body(&body).send().await.expect(204);
    idle(&world).await;

    let arrived = receiver.arrived();
    let [update] = arrived.as_slice() else { panic!("one notification expected: {arrived:?}") };
    let pairs: Vec<_> =
        Url::parse(&format!("http://x/?{}", update.query)).unwrap().query_pairs().into_owned().collect();
    assert_eq!(pairs, [("code".to_owned(), "s3 cret&".to_owned())]);
    assert_eq!(update.headers["x-ms-dynamics-entity-name"], "opportunity");
    assert_eq!(update.headers["x-ms-dynamics-request-name"], "Update");
    assert!(update.headers.contains_key("x-ms-dynamics-organization"));
    let context = &update.body;
    assert_eq!(context["PrimaryEntityId"], id);
    assert_eq!(context["PrimaryEntityName"], "opportunity");
    assert_eq!(context["OrganizationId"], crosswalk_sandbox::dynamics::ORGANIZATION_ID.to_string());
    assert_eq!(context["InitiatingUserId"], crosswalk_sandbox::dynamics::SELLER_ID.to_string());
    assert_eq!(context["OwningExtension"]["Id"], step);
    assert_eq!((&context["Stage"], &context["Mode"], &context["Depth"]), (&json!(40), &json!(1), &json!(1)));
    assert_eq!(context["SharedVariables"], json!([{ "key": "tag", "value": "mine" }]));
    assert_eq!(attribute(update, "name"), Some(&json!("y")));
    assert_eq!(attribute(update, "description"), Some(&Value::Null));
    assert_eq!(attribute(update, "estimatedvalue").unwrap()["Value"].to_string(), "12.50");
    assert_eq!(attribute(update, "budgetstatus").unwrap()["Value"], 1);
    assert_eq!(attribute(update, "estimatedclosedate"), Some(&json!("/Date(1769817600000)/")));
    assert_eq!(
        attribute(update, "modifiedby").unwrap()["Id"],
        crosswalk_sandbox::dynamics::SELLER_ID.to_string()
    );
    assert_eq!(attribute(update, "stepname"), None);
    assert!(update.raw.contains(r#""\/Date(1769817600000)\/""#), "slashes are escaped on the wire");
}

#[tokio::test]
async fn creates_deletes_and_own_writes_are_told_too() {
    let world = World::start().await;
    let receiver = Receiver::default();
    let url = receiver.start().await;
    register(&world, &url, (4, "k"), "Create", None).await;
    register(&world, &url, (4, "k"), "Delete", None).await;
    register(&world, &url, (4, "k"), "Win", None).await;
    let id = world.opportunity("x").await;
    let close = json!({ "Status": 3, "OpportunityClose": { "opportunityid@odata.bind": format!("/opportunities({id})") } });
    world.post("WinOpportunity", close).await.expect(204);
    world.ask(Method::DELETE, &format!("opportunities({id})")).send().await.expect(204);
    idle(&world).await;
    let arrived = receiver.arrived();
    let of = |message: &str| arrived.iter().find(|one| one.body["MessageName"] == message).unwrap();
    assert_eq!(arrived.len(), 3);
    assert_eq!(of("Create").body["OutputParameters"], json!([{ "key": "id", "value": id }]));
    assert_eq!(attribute(of("Create"), "statecode").unwrap()["Value"], 0);
    assert!(target(of("Delete"))["__type"].as_str().unwrap().starts_with("EntityReference:"));
    assert_eq!(target(of("Delete"))["Id"], id);
    assert_eq!(of("Win").body["PrimaryEntityId"], id);
}

#[tokio::test]
async fn a_step_with_filtering_attributes_hears_of_those_only() {
    let world = World::start().await;
    let receiver = Receiver::default();
    register(&world, &receiver.start().await, (4, "k"), "Update", Some("name, estimatedvalue")).await;
    let id = world.opportunity("x").await;
    let path = format!("opportunities({id})");
    world.patch(&path, json!({ "description": "quiet" })).await.expect(204);
    world.patch(&path, json!({ "name": "x" })).await.expect(204);
    idle(&world).await;
    assert_eq!(receiver.arrived().len(), 1, "an unchanged value that was submitted counts");
}

#[tokio::test]
async fn nothing_is_told_of_what_was_rolled_back_or_bypassed() {
    let world = World::start().await;
    let receiver = Receiver::default();
    register(&world, &receiver.start().await, (4, "k"), "Update", None).await;
    let id = world.opportunity("x").await;
    let path = format!("opportunities({id})");
    world.patch(&path, json!({ "name": "n".repeat(301) })).await.expect(400);
    let bypassed = world
        .ask(Method::PATCH, &path)
        .header("MSCRM.BypassBusinessLogicExecution", "CustomSync,CustomAsync");
    bypassed.body(&json!({ "name": "y" })).send().await.expect(204);
    idle(&world).await;
    assert!(receiver.arrived().is_empty());
}

#[tokio::test]
async fn secrets_travel_in_headers_or_query_and_never_read_back() {
    let world = World::start().await;
    let receiver = Receiver::default();
    let url = receiver.start().await;
    let xml = r#"<settings><setting name="x-secret" value="a&amp;b" /></settings>"#;
    register(&world, &url, (5, xml), "Update", None).await;
    register(&world, &url, (6, xml), "Update", None).await;
    let id = world.opportunity("x").await;
    world.patch(&format!("opportunities({id})"), json!({ "name": "y" })).await.expect(204);
    idle(&world).await;
    let arrived = receiver.arrived();
    assert!(arrived.iter().any(|one| one.headers.get("x-secret").is_some_and(|value| value == "a&b")));
    assert!(arrived.iter().any(|one| one.query == "x-secret=a%26b"));
    let endpoints = world.get("serviceendpoints?$filter=contract eq 8").await.expect(200);
    assert!(!endpoints.text.contains("x-secret"), "{}", endpoints.text);
    assert_eq!(endpoints.json()["value"][0]["isauthvalueset"], true);
    let chosen = world.get("serviceendpoints?$select=authvalue").await;
    assert!(!chosen.text.contains("x-secret"));
}

#[tokio::test]
async fn only_a_gateway_error_is_tried_again_and_a_failure_leaves_a_job() {
    let world = World::start().await;
    let receiver = Receiver::default();
    let step = register(&world, &receiver.start().await, (4, "k"), "Update", None).await;
    let id = world.opportunity("x").await;
    let path = format!("opportunities({id})");
    for (answers, attempts, failed) in [(vec![503], 2, 0), (vec![500], 1, 1), (vec![502, 502, 502], 2, 2)] {
        receiver.arrived.lock().unwrap().clear();
        *receiver.answers.lock().unwrap() = answers.clone();
        world.patch(&path, json!({ "name": "y" })).await.expect(204);
        idle(&world).await;
        assert_eq!(receiver.arrived().len(), attempts, "{answers:?}");
        let query =
            format!("asyncoperations?$filter=statuscode eq 31 and _owningextensionid_value eq {step}");
        let jobs = world.get(&query).await.expect(200).json();
        assert_eq!(jobs["value"].as_array().unwrap().len(), failed, "{answers:?}");
    }
}

#[tokio::test]
async fn a_payload_over_the_limit_loses_its_parameters() {
    let world = World::start().await;
    let receiver = Receiver::default();
    register(&world, &receiver.start().await, (4, "k"), "Update", None).await;
    let id = world.opportunity("x").await;
    // Each of the 100,000 characters takes three bytes in UTF-8.
    world
        .patch(&format!("opportunities({id})"), json!({ "msft_audit": "語".repeat(100_000) }))
        .await
        .expect(204);
    idle(&world).await;
    let arrived = receiver.arrived();
    assert!(arrived[0].headers.contains_key("x-ms-dynamics-msg-size-exceeded"));
    assert!(arrived[0].body.get("InputParameters").is_none());
    assert_eq!(arrived[0].body["PrimaryEntityId"], id);
}

#[tokio::test]
async fn disabled_steps_are_silent_and_synchronous_ones_are_not_simulated() {
    let world = World::start().await;
    let receiver = Receiver::default();
    let step = register(&world, &receiver.start().await, (4, "k"), "Update", None).await;
    let path = format!("sdkmessageprocessingsteps({step})");
    assert_eq!(world.patch(&path, json!({ "mode": 0 })).await.status, 501);
    world.patch(&path, json!({ "statecode": 1, "statuscode": 2 })).await.expect(204);
    let id = world.opportunity("x").await;
    world.patch(&format!("opportunities({id})"), json!({ "name": "y" })).await.expect(204);
    idle(&world).await;
    assert!(receiver.arrived().is_empty());
    let endpoint = world.get(&format!("{path}?$select=_eventhandler_value")).await.json();
    let endpoint = endpoint["_eventhandler_value"].as_str().unwrap();
    let steps = world
        .get(&format!("serviceendpoints({endpoint})/serviceendpoint_sdkmessageprocessingstep"))
        .await
        .json();
    assert_eq!(steps["value"][0]["sdkmessageprocessingstepid"], step);
}

#[tokio::test]
async fn a_step_for_a_child_table_tells_with_an_image_whose_row_was_deleted() {
    let world = World::start().await;
    let receiver = Receiver::default();
    let url = receiver.start().await;
    let about = ("msft_microsoftsolution", "Delete");
    let step = register_for(&world, &url, (4, "secret"), about, None).await;
    let image = json!({
        "name": "before", "entityalias": "before", "imagetype": 0, "messagepropertyname": "Target",
        "attributes": "msft_opportunityid",
        "sdkmessageprocessingstepid@odata.bind": format!("/sdkmessageprocessingsteps({step})"),
    });
    world.create("sdkmessageprocessingstepimages", image).await;
    let opportunity = world.opportunity("x").await;
    let body =
        json!({"msft_OpportunityId@odata.bind": format!("/opportunities({opportunity})"), "msft_name": "n"});
    let child = world.create("msft_microsoftsolutions", body).await;
    world.ask(Method::DELETE, &format!("msft_microsoftsolutions({child})")).send().await.expect(204);
    idle(&world).await;
    let arrived = receiver.arrived();
    assert_eq!(arrived.len(), 1);
    assert_eq!(arrived[0].body["PrimaryEntityName"], "msft_microsoftsolution");
    let image = &arrived[0].body["PreEntityImages"][0];
    assert_eq!(image["key"], "before");
    let attributes = image["value"]["Attributes"].as_array().unwrap();
    assert_eq!(attributes.len(), 1, "only the columns of the image");
    assert_eq!(attributes[0]["value"]["Id"], opportunity);
}

/// Sets the switches of notifications.
async fn notifications(world: &World, switches: Value) {
    let url = format!("{}/_sandbox/notifications", world.origin);
    assert!(world.http.post(url).json(&switches).send().await.unwrap().status().is_success());
}

#[tokio::test]
async fn notifications_can_be_off_and_can_come_twice_and_in_no_order() {
    let world = World::start().await;
    let receiver = Receiver::default();
    register(&world, &receiver.start().await, (4, "secret"), "Create", None).await;
    notifications(&world, json!({"off": true})).await;
    for _ in 0..3 {
        world.opportunity("lost").await;
    }
    idle(&world).await;
    assert!(receiver.arrived().is_empty());
    notifications(&world, json!({"scramble": true})).await;
    let mut created = Vec::new();
    for _ in 0..10 {
        created.push(world.opportunity("told").await);
    }
    idle(&world).await;
    let arrived: Vec<String> = receiver
        .arrived()
        .iter()
        .map(|arrived| arrived.body["PrimaryEntityId"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(arrived.len(), 20);
    for id in &created {
        assert_eq!(arrived.iter().filter(|own| *own == id).count(), 2);
    }
    let mut first: Vec<&String> = Vec::new();
    for id in &arrived {
        if !first.contains(&id) {
            first.push(id);
        }
    }
    assert_ne!(first, created.iter().collect::<Vec<_>>());
}
