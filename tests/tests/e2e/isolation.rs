//! A tenant whose plugin computes until it is stopped, beside one whose plugin does not.

use std::{fs, path::Path, time::Instant};

use crosswalk::demo::{CrmKind, make_pairs};
use crosswalk_tests::Stage;
use serde_json::{Value, json};

use crate::{PATIENCE, program};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_that_computes_for_ever_delays_nobody_and_its_own_events_end() {
    let stage = Stage::start(program(), CrmKind::Dynamics).await.unwrap();
    let admin = Admin::new(&stage);
    // The same systems, so that whatever happens there is an event of both; the hog hears of it by looking.
    let mut document = stage.scene.tenant_document();
    document["name"] = json!("hog");
    document["settings"] = json!({});
    // It would be taken back, and this is about what happens if not.
    document["rollout"] = json!({ "watch_passes": 0, "watch_hours": 0, "traps_max": 1_000_000 });
    admin.replace_plugin("hog", &document, &hog()).await;

    let pairs = make_pairs(&stage.scene, 4, PATIENCE).await.unwrap();
    stage.scene.settled(PATIENCE).await.unwrap();
    assert!(stage.scene.events("parked").await.unwrap().is_empty());

    let began = Instant::now();
    loop {
        let (waiting, parked) = (admin.events("hog", "waiting").await, admin.events("hog", "parked").await);
        if waiting.is_empty() && parked.len() >= pairs.len() {
            assert!(parked.iter().all(|event| event.to_string().contains("MAP030")), "{parked:?}");
            break;
        }
        assert!(began.elapsed() < PATIENCE, "the hog's own events do not end: {waiting:?}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

fn hog() -> Vec<u8> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let target_dir = root.join("target/guests");
    let options = crosswalk_builder::Options { target_dir, offline: false, quiet: true };
    crosswalk_builder::build(&root.join("tests/guests/hog"), &options).unwrap().bytes
}

/// The admin API of a stage's host, bare.
pub(crate) struct Admin {
    url: String,
    token: String,
    client: reqwest::Client,
}

impl Admin {
    pub(crate) fn new(stage: &Stage) -> Self {
        let token = fs::read_to_string(stage.folder().join("state/admin.token")).unwrap();
        let url = format!("{}/api/v1", stage.admin_url());
        Self { url, token: token.trim().to_owned(), client: reqwest::Client::new() }
    }

    /// A tenant on this plugin, whatever the laws say of it. Its settings are the plugin's, not the default one's.
    pub(crate) async fn replace_plugin(&self, tenant: &str, document: &Value, component: &[u8]) {
        let mut without = document.clone();
        without["settings"] = json!({});
        self.ok(self.client.put(format!("{}/tenants/{tenant}", self.url)).json(&without)).await;
        let deploy = self.client.post(format!("{}/tenants/{tenant}/plugins?unchecked=true", self.url));
        self.ok(deploy.body(component.to_vec())).await;
        self.ok(self.client.put(format!("{}/tenants/{tenant}", self.url)).json(document)).await;
    }

    pub(crate) async fn events(&self, tenant: &str, state: &str) -> Vec<Value> {
        let url = format!("{}/events?tenant={tenant}&state={state}&limit=1000", self.url);
        self.ok(self.client.get(url)).await.as_array().unwrap().clone()
    }

    async fn ok(&self, request: reqwest::RequestBuilder) -> Value {
        let answer = request.bearer_auth(&self.token).send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{status}: {text}");
        serde_json::from_str(&text).unwrap()
    }
}
