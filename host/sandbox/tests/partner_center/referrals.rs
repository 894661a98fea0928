//! The referrals API: create, list, read, patch, and what Microsoft does on its side.

use std::collections::BTreeSet;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::world::{REFERRALS, World, deal, id, json_of, replace, with};

async fn refused(world: &World, body: &Value) -> Value {
    json_of(world.post(REFERRALS, body).await, StatusCode::BAD_REQUEST).await["error"].clone()
}

/// The second POST of a co-sell: Microsoft is invited into the engagement.
async fn invite_microsoft(world: &World, own: &Value) -> Value {
    let mut invitation =
        with(deal("Invitation"), "/target", json!([{ "type": "BusinessProfileLocation", "id": "msft" }]));
    invitation["engagementId"] = own["engagementId"].clone();
    world.create(&invitation).await
}

#[tokio::test]
async fn an_own_deal_is_active_at_once_and_has_what_the_server_adds() {
    let world = World::start().await;
    let created = world.create(&deal("Own deal")).await;
    assert_eq!((&created["status"], &created["substatus"]), (&json!("Active"), &json!("Accepted")));
    assert_eq!((&created["direction"], &created["expirationDateTime"]), (&json!("Outgoing"), &Value::Null));
    let etag = created["eTag"].as_str().unwrap();
    assert!(etag.starts_with('"') && etag.ends_with('"'), "{etag}");
    let updated = created["updatedDateTime"].as_str().unwrap();
    assert_eq!(updated.split('.').nth(1).unwrap().len(), 8, "{updated}");

    let read = world.request(Method::GET, &format!("{REFERRALS}/{}", id(&created))).send().await.unwrap();
    assert_eq!(read.headers()["etag"], etag);
    assert!(read.headers().contains_key("request-id"));
    assert_eq!(json_of(read, StatusCode::OK).await, created);
}

#[tokio::test]
async fn a_create_that_lacks_something_is_told_everything_that_it_lacks() {
    let world = World::start().await;
    let error = refused(&world, &json!({ "name": "x" })).await;
    assert_eq!((&error["code"], &error["target"]), (&json!("invalidRequest"), &json!("type")));
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("Required field details missing;"), "{message}");

    let error = refused(&world, &with(deal("x"), "/details/requirements/solutions", json!([]))).await;
    assert_eq!(error["target"], "details.requirements.solutions.0");
    let error = refused(&world, &with(deal("x"), "/customerProfile/address/country", json!("USA"))).await;
    assert_eq!(error["target"], "customerProfile.address.country");
    let error = refused(&world, &with(deal("x"), "/consent/consentToContact", json!(false))).await;
    assert_eq!(error["target"], "consent.consentToContact");
    let error = refused(&world, &with(deal("x"), "/customerProfile/team", json!([]))).await;
    assert_eq!(error["target"], "customerProfile.team.0.firstName");

    // Without help no customer contact is needed.
    let alone = with(deal("x"), "/customerProfile/team", json!([]));
    world.create(&with(alone, "/inviteContext", json!({}))).await;
}

#[tokio::test]
async fn a_deal_value_keeps_its_digits_whether_sent_as_text_or_number() {
    let world = World::start().await;
    let created = world.create(&with(deal("x"), "/details/dealValue", json!("10000.10"))).await;
    assert_eq!(created["details"]["dealValue"].to_string(), "10000.10");
    let precise: Value = serde_json::from_str("123456789012345678.90").unwrap();
    let answer = world.patch(id(&created), &replace("/details/dealValue", precise.clone())).await;
    assert_eq!(json_of(answer, StatusCode::OK).await["details"]["dealValue"], precise);
}

#[tokio::test]
async fn inviting_microsoft_makes_its_copy_which_the_partner_reads_but_does_not_write() {
    let world = World::start().await;
    let own = world.create(&deal("Own")).await;
    let theirs = invite_microsoft(&world, &own).await;
    assert_eq!(theirs["organizationId"], "msft");
    assert_eq!((&theirs["status"], &theirs["substatus"]), (&json!("New"), &json!("Pending")));
    assert_eq!(theirs["inviteContext"]["invitedBy"]["organizationId"], own["organizationId"]);

    world.get(&format!("{REFERRALS}/{}", id(&theirs))).await;
    let answer = world.patch(id(&theirs), &replace("/details/notes", json!("mine now"))).await;
    assert_eq!(json_of(answer, StatusCode::FORBIDDEN).await["error"]["code"], "accessDenied");

    let all = world.get(REFERRALS).await;
    assert_eq!(all["@odata.count"], 1);
    let engagement = own["engagementId"].as_str().unwrap();
    let both = world.get(&format!("{REFERRALS}?$filter=engagementId eq {engagement}")).await;
    assert_eq!(both["@odata.count"], 2);
}

#[tokio::test]
async fn microsoft_is_only_invited_into_an_own_engagement() {
    let world = World::start().await;
    let invitation = with(deal("x"), "/target", json!([{ "type": "BusinessProfileLocation", "id": "msft" }]));
    assert_eq!(refused(&world, &invitation).await["target"], "engagementId");
    let mut strange = invitation;
    strange["engagementId"] = json!("3b2f60ce-1c5a-4f0d-9a5d-2d5f1b6d2a11");
    assert_eq!(refused(&world, &strange).await["target"], "engagementId");
}

#[tokio::test]
async fn accepting_gives_both_copies_the_microsoft_crm_identifier() {
    let world = World::start().await;
    let own = world.create(&deal("Own")).await;
    let theirs = invite_microsoft(&world, &own).await;
    let accepted =
        world.control(&format!("partner-center/referrals/{}/accept", id(&theirs)), &json!({})).await;
    assert_eq!(accepted["status"], "Active");
    let msx = accepted["trackingInfo"]["microsoftMsxId"].as_str().unwrap();
    let own = world.get(&format!("{REFERRALS}/{}", id(&own))).await;
    assert_eq!(own["trackingInfo"]["microsoftMsxId"], msx);
}

#[tokio::test]
async fn a_deal_ends_as_it_is_told_to() {
    let world = World::start().await;
    let endings = [("win", "Won"), ("lose", "Lost"), ("fail", "Error"), ("decline", "Declined")];
    for (answer, substatus) in endings {
        let inbound = world.sandbox.partner_center().create_sample("co-sell", &json!({})).unwrap();
        let path = format!("/_sandbox/partner-center/referrals/{}/{answer}", id(&inbound));
        assert!(world.post(&path, &json!({})).await.status().is_success());
        let closed = world.get(&format!("{REFERRALS}/{}", id(&inbound))).await;
        assert_eq!((&closed["status"], &closed["substatus"]), (&json!("Closed"), &json!(substatus)));
        assert!(closed["closedDateTime"].is_string());
    }
}

#[tokio::test]
async fn an_unanswered_referral_expires_after_fourteen_days() {
    let world = World::start().await;
    let inbound = world.control("partner-center/referrals", &json!({ "sample": "co-sell" })).await;
    assert_eq!(inbound["status"], "New");
    world.control("clock", &json!({ "advanceMs": 13 * 86_400_000_u64 })).await;
    assert_eq!(world.get(&format!("{REFERRALS}/{}", id(&inbound))).await["status"], "New");
    world.control("clock", &json!({ "advanceMs": 86_400_000 + 60_000 })).await;
    let expired = world.get(&format!("{REFERRALS}/{}", id(&inbound))).await;
    assert_eq!((&expired["status"], &expired["substatus"]), (&json!("Closed"), &json!("Expired")));
}

#[tokio::test]
async fn a_patch_answers_204_or_the_referral_if_preferred() {
    let world = World::start().await;
    let created = world.create(&deal("x")).await;
    let member = json!({ "email": "e@x.example", "firstName": "E", "lastName": "X", "phoneNumber": "3" });
    let document = json!([{ "op": "replace", "path": "/details/dealValue", "value": "10000" },
                          { "op": "add", "path": "/team/-", "value": member }]);
    let path = format!("{REFERRALS}/{}", id(&created));
    let answer = world.request(Method::PATCH, &path).json(&document).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    assert!(answer.headers().contains_key("request-id"));
    assert_eq!(answer.text().await.unwrap(), "");

    let read = world.get(&path).await;
    assert_eq!(read["team"].as_array().unwrap().len(), 2);
    assert_ne!(read["eTag"], created["eTag"]);
    assert!(read["updatedDateTime"].as_str() > created["updatedDateTime"].as_str());
}

#[tokio::test]
async fn a_stale_if_match_is_refused_and_the_current_one_taken() {
    let world = World::start().await;
    let created = world.create(&deal("x")).await;
    let path = format!("{REFERRALS}/{}", id(&created));
    let send = |etag: String| {
        let request = world.request(Method::PATCH, &path).header("If-Match", etag);
        request.json(&replace("/details/notes", json!("n"))).send()
    };
    let etag = created["eTag"].as_str().unwrap().to_owned();
    assert_eq!(send(etag.clone()).await.unwrap().status(), StatusCode::NO_CONTENT);
    let error = json_of(send(etag).await.unwrap(), StatusCode::PRECONDITION_FAILED).await;
    assert_eq!(error["error"]["code"], "preconditionFailed");
    assert_eq!(error["error"]["innerError"]["code"], "resourceModified");
    assert_eq!(send("*".to_owned()).await.unwrap().status(), StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_closed_referral_is_locked_and_the_refusal_is_a_setting() {
    let world = World::start().await;
    let created = world.create(&deal("x")).await;
    let won = json!([{ "op": "replace", "path": "/status", "value": "Closed" },
                     { "op": "replace", "path": "/substatus", "value": "Won" }]);
    let closed = json_of(world.patch(id(&created), &won).await, StatusCode::OK).await;
    assert!(closed["closedDateTime"].is_string());
    let late = replace("/details/notes", json!("late"));
    assert_eq!(world.patch(id(&created), &late).await.status(), StatusCode::BAD_REQUEST);
    world.control("partner-center/settings", &json!({ "terminalEditStatus": 409 })).await;
    assert_eq!(world.patch(id(&created), &late).await.status(), StatusCode::CONFLICT);
}

#[tokio::test]
async fn a_list_is_paged_with_the_documented_next_link() {
    let world = World::start().await;
    for number in 0..205 {
        world.create(&deal(&format!("Deal {number}"))).await;
    }
    let mut path = format!("{REFERRALS}?$orderby=createdDateTime desc&$filter=status eq 'Active'");
    let mut names = Vec::new();
    let mut pages = 0;
    loop {
        let page = world.get(&path).await;
        assert_eq!(page["@odata.count"], 205);
        names.extend(
            page["value"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap().to_owned()),
        );
        pages += 1;
        let Some(next) = page["@odata.nextLink"].as_str() else { break };
        assert!(
            next.starts_with("http://") && next.contains("/v1.0/referrals?") && next.contains("$skiptoken=")
        );
        // As a careful client does: only the query is taken.
        path = format!("{REFERRALS}?{}", next.split_once('?').unwrap().1);
    }
    assert_eq!((pages, names.len(), names[0].as_str()), (3, 205, "Deal 204"));
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), 205);

    let top =
        world.get(&format!("{REFERRALS}?$top=120&$skip=3&$select=name,details/currency&$count=false")).await;
    assert_eq!(top["value"][0], json!({ "name": "Deal 3", "details": { "currency": "USD" } }));
    let next = top["@odata.nextLink"].as_str().unwrap();
    let rest = world.http.get(next).bearer_auth("sandbox").send().await.unwrap();
    let rest = json_of(rest, StatusCode::OK).await;
    assert_eq!(
        (rest["value"].as_array().unwrap().len(), &rest["value"][19]["name"]),
        (20, &json!("Deal 122"))
    );
    assert!(rest.get("@odata.nextLink").is_none() && rest.get("@odata.count").is_none());
}

#[tokio::test]
async fn polling_by_time_of_change_finds_what_changed() {
    let world = World::start().await;
    let first = world.create(&deal("First")).await;
    let second = world.create(&deal("Second")).await;
    let since = second["updatedDateTime"].as_str().unwrap();
    world.patch(id(&first), &replace("/details/notes", json!("changed"))).await;
    let filter = format!("$filter=updatedDateTime gt {since}&$orderby=updatedDateTime asc");
    let changed = world.get(&format!("{REFERRALS}?{filter}")).await;
    assert_eq!((&changed["@odata.count"], &changed["value"][0]["id"]), (&json!(1), &first["id"]));
}

#[tokio::test]
async fn a_query_that_is_wrong_is_told_from_one_that_is_left_out() {
    let world = World::start().await;
    for (query, wanted) in [
        ("$filter=status is 'New'", 400),
        ("$orderby=name", 400),
        ("$top=many", 400),
        ("$skiptoken=zzz", 400),
        ("$filter=status eq 'a' or status eq 'b'", 501),
        ("$expand=team", 501),
    ] {
        let answer = world.request(Method::GET, &format!("{REFERRALS}?{query}")).send().await.unwrap();
        assert_eq!(answer.status(), wanted, "{query}");
    }
}

#[tokio::test]
async fn a_lagging_list_hides_what_can_be_read_already() {
    let world = World::start().await;
    world.control("partner-center/settings", &json!({ "createLagMs": 60_000 })).await;
    let created = world.create(&deal("Lagging")).await;
    world.get(&format!("{REFERRALS}/{}", id(&created))).await;
    assert_eq!(world.get(REFERRALS).await["@odata.count"], 0);
    world.control("clock", &json!({ "advanceMs": 61_000 })).await;
    assert_eq!(world.get(REFERRALS).await["@odata.count"], 1);
}

#[tokio::test]
async fn roles_and_mfa_decide_what_a_caller_sees() {
    let world = World::start().await;
    let created = world.create(&deal("Not mine")).await;
    world.control("partner-center/settings", &json!({ "role": "user" })).await;
    assert_eq!(world.get(REFERRALS).await["@odata.count"], 0);
    let answer = world.request(Method::GET, &format!("{REFERRALS}/{}", id(&created))).send().await.unwrap();
    assert_eq!(json_of(answer, StatusCode::NOT_FOUND).await["error"]["code"], "itemNotFound");
    world.control("partner-center/settings", &json!({ "userEmail": "JOHN@partner.example" })).await;
    assert_eq!(world.get(REFERRALS).await["@odata.count"], 1);

    world.control("partner-center/settings", &json!({ "role": "none" })).await;
    assert_eq!(world.request(Method::GET, REFERRALS).send().await.unwrap().status(), StatusCode::FORBIDDEN);
    world.control("partner-center/settings", &json!({ "role": "admin", "mfa": false })).await;
    let answer = world.request(Method::GET, REFERRALS).send().await.unwrap();
    assert!(answer.headers()["www-authenticate"].to_str().unwrap().contains("insufficient_claims"));
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn the_documented_sample_arrives_complete_and_the_portal_edits_anything() {
    let world = World::start().await;
    let changes = json!({ "name": "Renamed sample", "customerProfile": { "address": { "country": "DE" } } });
    let inbound =
        world.control("partner-center/referrals", &json!({ "sample": "co-sell", "changes": changes })).await;
    assert_eq!((&inbound["name"], &inbound["direction"]), (&json!("Renamed sample"), &json!("Incoming")));
    assert_eq!(inbound["customerProfile"]["address"]["country"], "DE");
    assert_eq!(inbound["customerProfile"]["team"].as_array().unwrap().len(), 2);
    assert_eq!(inbound["inviteContext"]["invitedBy"]["organizationId"], "msft");

    let path = format!("{}/_sandbox/partner-center/referrals/{}", world.url, id(&inbound));
    let edited =
        world.http.patch(path).json(&json!({ "name": "By hand", "details": { "dealValue": 7 } })).send();
    let edited = json_of(edited.await.unwrap(), StatusCode::OK).await;
    assert_eq!((&edited["name"], &edited["details"]["currency"]), (&json!("By hand"), &json!("USD")));
    assert_ne!(edited["eTag"], inbound["eTag"]);
}

#[tokio::test]
async fn a_deal_registration_is_not_simulated_and_says_so() {
    let world = World::start().await;
    let created = world.create(&deal("x")).await;
    let document = json!([{ "op": "add", "path": "/registrations/-", "value": { "type": "AzureIPCoSell" } }]);
    let error = json_of(world.patch(id(&created), &document).await, StatusCode::NOT_IMPLEMENTED).await;
    assert_eq!(error["error"]["code"], "notSimulated");
}
