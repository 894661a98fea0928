//! What the host does by itself where a person would be refused. The signatures are by the real minisign.

use serde_json::json;

use super::super::{Order, deploy, promote_by_rule, roll_back};
use crate::{
    admin::types::Stage,
    config::{Config, tenant::TenantDocument},
    serve::Host,
    signing::Offered,
    tenant,
};

const TENANT: &str = "contoso";

/// A component that is never built again, and the same with a section at its end that nobody reads.
const FIRST: &[u8] = include_bytes!("../../../../tests/guests/frozen/frozen-1.0.0.wasm");
const FIRST_BY_2026: &str = include_str!("../../signing/made/frozen.minisig");
const SECOND_END: &[u8] = b"\0\x04\x03odd";
const SECOND_BY_2027: &str = include_str!("../../signing/made/frozen-odd.minisig");

const BUILD_2026: &str = "RWS0YzWN3iBJgPUKofztzSqlbghskOnDGlQgcO604sMsHRhyXOhCIgZb";
const BUILD_2027: &str = "RWRxldzW7bwG5EnpqVGD0xlQOKdEQHxNmCheGMvyeA/TvUndWeMfEq7J";

fn first() -> Offered {
    Offered::uploaded(FIRST.to_vec(), "first.wasm", vec![FIRST_BY_2026.to_owned()])
}

fn second() -> Offered {
    Offered::uploaded([FIRST, SECOND_END].concat(), "second.wasm", vec![SECOND_BY_2027.to_owned()])
}

/// A tenant whose systems do not answer, which takes what these keys have signed.
fn document(keys: &[&str]) -> TenantDocument {
    let secret = json!({ "sandbox": "sandbox" });
    let nowhere = "http://127.0.0.1:9";
    let named: serde_json::Map<String, serde_json::Value> =
        keys.iter().map(|key| ((*key).to_owned(), json!(key))).collect();
    let document = json!({
        "name": TENANT,
        "sandbox": true,
        "partner_center": {
            "api_base": nowhere, "webhook_base": nowhere, "token_url": nowhere,
            "client_id": "crosswalk", "refresh_token": secret,
        },
        "dynamics": {
            "org_url": nowhere, "token_url": nowhere,
            "client_id": "crosswalk", "client_secret": secret, "webhook_key": secret,
        },
        "plugin_policy": { "signed_by": named },
    });
    serde_json::from_value(document).unwrap()
}

/// A host whose tenant has taken these, each with its keys and its stage; the last keys count from then on.
async fn host(folder: &std::path::Path, taken: &[(Offered, Stage)], keys: &[&str]) -> Host {
    let host = Host::start(Config::for_testing(folder)).await.unwrap();
    tenant::apply(host.app(), document(&[BUILD_2026, BUILD_2027]), "test").await.unwrap();
    for (offered, stage) in taken {
        let order =
            Order { stage: Some(*stage), who: "test".to_owned(), unchecked: true, ..Order::default() };
        deploy(host.app(), TENANT, offered.clone(), &order).await.unwrap();
    }
    tenant::apply(host.app(), document(keys), "test").await.unwrap();
    host
}

#[tokio::test(flavor = "multi_thread")]
async fn the_host_leaves_a_failing_release_rather_than_go_back_to_one_that_is_not_trusted_and_raises_an_alarm()
 {
    let folder = tempfile::tempdir().unwrap();
    let host = host(folder.path(), &[(first(), Stage::Live), (second(), Stage::Live)], &[BUILD_2027]).await;
    let app = host.app();
    let before = app.journal.routed(TENANT).await.unwrap().unwrap();
    let live = before.live.to_string();
    roll_back(app, TENANT, before.generation, &live, "9 of 10 passes trapped").await.unwrap();

    let after = app.journal.routed(TENANT).await.unwrap().unwrap();
    assert_eq!((after.generation, after.live), (before.generation, before.live));
    let alarms = app.journal.alarms(TENANT, 10).await.unwrap();
    assert_eq!(alarms.len(), 1);
    for words in [live.as_str(), "9 of 10 passes trapped", "stays", "MAP085", "804920DE8D3563B4"] {
        assert!(alarms[0].text.contains(words), "`{words}` is missing in: {}", alarms[0].text);
    }

    // Once the key is named again, the same move is made.
    tenant::apply(app, document(&[BUILD_2026, BUILD_2027]), "test").await.unwrap();
    roll_back(app, TENANT, before.generation, &live, "9 of 10 passes trapped").await.unwrap();
    assert_ne!(app.journal.routed(TENANT).await.unwrap().unwrap().live, before.live);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_host_promotes_no_candidate_whose_key_was_taken_off_and_raises_an_alarm() {
    let folder = tempfile::tempdir().unwrap();
    let taken = [(first(), Stage::Live), (second(), Stage::Canary)];
    let host = host(folder.path(), &taken, &[BUILD_2026]).await;
    let app = host.app();
    let before = app.journal.routed(TENANT).await.unwrap().unwrap();
    promote_by_rule(app, TENANT, before.generation, "200 passes went well").await.unwrap();
    assert_eq!(app.journal.routed(TENANT).await.unwrap().unwrap(), before);
    let alarms = app.journal.alarms(TENANT, 10).await.unwrap();
    assert_eq!(alarms.len(), 1);
    assert!(alarms[0].text.contains("would be promoted") && alarms[0].text.contains("E406BCEDD6DC9571"));
    host.stop().await;
}
