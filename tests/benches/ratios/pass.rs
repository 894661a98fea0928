//! A pass, from an edit in Partner Center to its settled event, against the HTTP calls that it made, made bare.

use std::{
    fmt,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use crosswalk::{
    Host,
    config::Config,
    demo::{CrmKind, Pair, Scene, is_amount, make_pairs},
};
use crosswalk_sandbox::{
    Sandbox, SandboxConfig,
    core::{Core, outbound::Switches, trace::Call},
};
use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::{Effort, rounds::Rounds};

/// How long one step may take before the benchmark gives up.
const PATIENCE: Duration = Duration::from_secs(30);

/// Edits before the first that counts: connections are open then, tokens fetched, caches filled.
const WARM_UP: usize = 3;

/// What was measured, and the calls of the last pass.
pub(crate) struct Passes {
    pub(crate) rounds: Rounds,
    calls: Vec<String>,
}

impl fmt::Display for Passes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "pass: after the edit it made {} calls: {}",
            self.calls.len(),
            self.calls.join(", ")
        )
    }
}

/// Two pairs: edits of the first go through the host, the floor edits its twin, of which the host hears nothing.
///
/// Dynamics does not announce writes meanwhile, so an edit is one pass and not also the echo of that pass.
pub(crate) async fn measure(effort: &Effort) -> Result<Passes> {
    let stage = Stage::start().await?;
    let mut passes =
        Passes { rounds: Rounds::new("edit to settled event", "its HTTP calls, bare"), calls: Vec::new() };
    for round in 0..WARM_UP + effort.of(50) {
        let value = 20_000 + round;
        let (pass, calls) = stage.edit(value).await?;
        let floor = stage.replay(value, &calls).await?;
        if round >= WARM_UP {
            passes.rounds.add(pass, floor, 1);
        }
        passes.calls = calls.iter().map(|call| format!("{} {}", call.method, kind(&call.path))).collect();
    }
    stage.stop().await;
    Ok(passes)
}

/// The name in a path that says what is called, without the version before it and the id behind it.
fn kind(path: &str) -> &str {
    let path =
        path.strip_prefix("/v1.0/engagements/").or(path.strip_prefix("/api/data/v9.2/")).unwrap_or(path);
    path.split(['/', '(']).next().unwrap_or(path)
}

/// Sandbox and host in this process, and the bare client.
struct Stage {
    sandbox: Sandbox,
    host: Host,
    scene: Scene,
    pair: Pair,
    twin: Pair,
    bare: Client,
    /// The host's journal and keys; gone with the stage.
    _folder: tempfile::TempDir,
}

impl Stage {
    async fn start() -> Result<Self> {
        // On the disk of the build, because a temporary directory may be in memory.
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        let sandbox = Sandbox::start(SandboxConfig::on_free_ports()).await?;
        let root = folder.path().join("root.pem");
        std::fs::write(&root, sandbox.ca_pem())?;
        let host = Host::start(configuration(folder.path(), &root)).await?;
        let addresses = host.addresses();
        let admin = format!("http://{}", addresses.admin);
        let (center, crm) = (sandbox.partner_center_url(), sandbox.dynamics_url());
        let scene = Scene::new(CrmKind::Dynamics, center, crm, &admin, host.admin_token());
        scene.set_up(&addresses.public.to_string()).await?;
        let pairs = make_pairs(&scene, 2, PATIENCE).await?;
        let [pair, twin] = <[Pair; 2]>::try_from(pairs).ok().context("two pairs were asked for")?;
        scene.settled(PATIENCE).await?;
        sandbox.dynamics().core().outbound.set_switches(lose(u32::MAX));
        Ok(Stage { sandbox, host, scene, pair, twin, bare: Client::new(), _folder: folder })
    }

    async fn stop(self) {
        self.host.stop().await;
        self.sandbox.stop().await;
    }

    /// Edits the pair's referral; how long it took until the event was settled, and the host's calls.
    async fn edit(&self, value: usize) -> Result<(Duration, Vec<Call>)> {
        for core in self.cores() {
            core.trace.clear();
        }
        let began = Instant::now();
        self.scene.microsoft_edits(&self.pair.referral, deal_value(value)).await?;
        // Looking into the sandbox from within costs the host nothing.
        while !self.calls().iter().any(|call| call.method == "PATCH" && call.status < 300) {
            ensure!(began.elapsed() < PATIENCE, "the edit was not written to Dynamics in time");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        while !self.scene.events("waiting").await?.is_empty() {
            ensure!(began.elapsed() < PATIENCE, "the edit's event was not settled in time");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let took = began.elapsed();
        let calls = self.calls();
        let card = self.scene.card(&self.pair.record).await?;
        ensure!(
            is_amount(&card.value, &value.to_string()),
            "the opportunity does not show the edit: {card:?}"
        );
        Ok((took, calls))
    }

    /// Makes the same edit and the same calls on the twin, one after the other; how long it took.
    async fn replay(&self, value: usize, calls: &[Call]) -> Result<Duration> {
        let notifications = &self.sandbox.partner_center().core().outbound;
        notifications.set_switches(lose(u32::MAX));
        let began = Instant::now();
        self.scene.microsoft_edits(&self.twin.referral, deal_value(value)).await?;
        let mut version = String::new();
        for call in calls {
            let answer = self.replay_one(value, call, &version).await?;
            if let Some(read) = answer.get("@odata.etag").and_then(Value::as_str) {
                version = read.to_owned();
            }
        }
        let took = began.elapsed();
        notifications.set_switches(Switches::default());
        Ok(took)
    }

    async fn replay_one(&self, value: usize, call: &Call, version: &str) -> Result<Value> {
        let base = if call.path.starts_with("/api/data") {
            self.scene.crm().url()
        } else {
            self.scene.center().url()
        };
        let query = call.query.as_deref().map(|query| format!("?{query}")).unwrap_or_default();
        let path = format!("{}{query}", call.path)
            .replace(&self.pair.referral, &self.twin.referral)
            .replace(&self.pair.record.id, &self.twin.record.id);
        let method = Method::from_bytes(call.method.as_bytes())?;
        let mut request = self.bare.request(method, format!("{base}{path}")).bearer_auth("sandbox");
        match call.method.as_str() {
            "GET" => {}
            "PATCH" => {
                // As large a body as the host's, with the field that the edit is about.
                let note = "-".repeat(call.request_bytes.saturating_sub(40));
                let body = json!({ "estimatedvalue": value, "msft_audit": note });
                request =
                    request.header("if-match", version).header("prefer", "return=representation").json(&body);
            }
            other => bail!("the pass made a call that this benchmark cannot make again: {other} {path}"),
        }
        let response = request.send().await?.error_for_status()?;
        Ok(serde_json::from_slice(&response.bytes().await?)?)
    }

    /// The host's calls since the trace was cleared, in order.
    fn calls(&self) -> Vec<Call> {
        let all = self.cores().into_iter().flat_map(|core| core.trace.calls());
        let mut calls: Vec<Call> = all.filter(|call| !call.path.starts_with("/_sandbox")).collect();
        calls.sort_by(|one, other| one.at.cmp(&other.at));
        calls
    }

    fn cores(&self) -> [&Arc<Core>; 2] {
        [self.sandbox.partner_center().core(), self.sandbox.dynamics().core()]
    }
}

/// A host that never polls, and never thinks that this many edits of one pair are two systems in a loop.
fn configuration(folder: &Path, root: &Path) -> Config {
    let mut config = Config::for_testing(folder);
    config.webhooks.partner_center.root_files = vec![root.to_owned()];
    config.catchup.poll_ms = 3_600_000;
    config.limits.writes_per_link_per_hour_max = 1_000_000;
    config
}

fn deal_value(value: usize) -> Value {
    json!({ "details": { "dealValue": value } })
}

/// So many of the next notifications are lost.
fn lose(count: u32) -> Switches {
    Switches { drop: count, ..Switches::default() }
}
