//! The same edits of one tenant alone, and beside a tenant whose plugin spends all its fuel on every call.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use crosswalk::{
    Host,
    config::Config,
    demo::{CrmKind, Pair, Scene, make_pairs},
};
use crosswalk_sandbox::{Sandbox, SandboxConfig, core::outbound::Switches};
use futures::future::try_join_all;
use reqwest::{Client, RequestBuilder};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use crate::{Effort, rounds::Rounds};

/// How long one step may take before the benchmark gives up.
const PATIENCE: Duration = Duration::from_secs(120);

/// Pairs of the tenant that is measured: so many of its passes are in hand at the same time.
const PAIRS: usize = 6;

/// Edits of each pair in a round, one after the other.
const EDITS: usize = 60;

/// Deals of the other tenant, each an event that is tried and parked in every round.
const DEALS_OF_THE_HOG: usize = 60;

/// Alone and beside take turns. The hog's events that are left when a round ends are waited for, so that none is worked
/// on while the other is measured alone.
pub(crate) async fn measure(effort: &Effort) -> Result<Rounds> {
    let stage = Stage::start().await?;
    let mut rounds = Rounds::new("edits beside a hog", "the same edits alone");
    // The first round fills caches and does not count.
    for round in 0..=effort.of(12) {
        let alone = stage.edit(10_000 + EDITS * round).await?;
        let waiting = stage.hog.wake().await?;
        let beside = stage.edit(20_000 + EDITS * round).await?;
        let left = stage.hog.events("waiting").await?.len();
        ensure!(
            left > 0,
            "the hog was done with its {waiting} events before the edits were: a longer queue is needed"
        );
        stage.hog.rest().await?;
        if round > 0 {
            rounds.add(beside, alone, PAIRS * EDITS);
        }
    }
    stage.stop().await;
    Ok(rounds)
}

/// One host, two tenants with systems of their own.
struct Stage {
    sandboxes: [Sandbox; 2],
    host: Host,
    scene: Scene,
    pairs: Vec<Pair>,
    hog: Hog,
    /// The host's journal and keys; gone with the stage.
    _folder: tempfile::TempDir,
}

impl Stage {
    async fn start() -> Result<Self> {
        // On the disk of the build, because a temporary directory may be in memory.
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        let sandboxes = [
            Sandbox::start(SandboxConfig::on_free_ports()).await?,
            Sandbox::start(SandboxConfig::on_free_ports()).await?,
        ];
        let host = Host::start(configuration(folder.path(), &sandboxes)?).await?;
        let addresses = host.addresses();
        let (admin, public) = (format!("http://{}", addresses.admin), addresses.public.to_string());
        let scene = |sandbox: &Sandbox| {
            let (center, crm) = (sandbox.partner_center_url(), sandbox.dynamics_url());
            Scene::new(CrmKind::Dynamics, center, crm, &admin, host.admin_token())
        };
        let [calm, other] = &sandboxes;
        let (calm_scene, mut hogs_scene) = (scene(calm), scene(other));
        calm_scene.set_up(&public).await?;
        hogs_scene.tenant = "hog";
        let hog = Hog { scene: hogs_scene, admin, token: host.admin_token(), client: Client::new() };
        hog.set_up(&public).await?;
        let pairs = make_pairs(&calm_scene, PAIRS, PATIENCE).await?;
        calm_scene.settled(PATIENCE).await?;
        // Dynamics does not announce writes, so an edit is one pass and not also the echo of that pass.
        calm.dynamics().core().outbound.set_switches(Switches { drop: u32::MAX, ..Switches::default() });
        hog.rest().await?;
        Ok(Stage { sandboxes, host, scene: calm_scene, pairs, hog, _folder: folder })
    }

    async fn stop(self) {
        self.host.stop().await;
        for sandbox in self.sandboxes {
            sandbox.stop().await;
        }
    }

    /// Edits all pairs at the same time, each a few times, every edit carried to the CRM before the next; how long it
    /// took until all was settled.
    async fn edit(&self, value: usize) -> Result<Duration> {
        let began = Instant::now();
        try_join_all(self.pairs.iter().map(|pair| async move {
            for edit in 0..EDITS {
                let deal = json!({ "details": { "dealValue": value + edit } });
                self.scene.microsoft_edits(&pair.referral, deal).await?;
                while !self.shows(pair, value + edit).await? {
                    ensure!(began.elapsed() < PATIENCE, "an edit was not written in time");
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            }
            Ok(())
        }))
        .await?;
        self.scene.settled(PATIENCE).await?;
        Ok(began.elapsed())
    }

    async fn shows(&self, pair: &Pair, value: usize) -> Result<bool> {
        let card = self.scene.card(&pair.record).await?;
        Ok(crosswalk::demo::is_amount(&card.value, &value.to_string()))
    }
}

/// The tenant that computes, and its operator.
struct Hog {
    scene: Scene,
    admin: String,
    token: SecretString,
    client: Client,
}

impl Hog {
    async fn set_up(&self, public: &str) -> Result<()> {
        self.scene.set_up(public).await?;
        let mut document = self.scene.tenant_document();
        document["settings"] = json!({});
        // It would be taken back, and this is about what happens if not.
        document["rollout"] = json!({ "watch_passes": 0, "watch_hours": 0, "traps_max": 1_000_000 });
        self.scene.apply(&document).await?;
        let url = format!("{}/api/v1/tenants/hog/plugins?unchecked=true", self.admin);
        self.ask(self.client.post(url).body(component()?)).await?;
        for _ in 0..DEALS_OF_THE_HOG {
            self.scene.microsoft_shares_the_sample().await?;
        }
        Ok(())
    }

    /// All that was parked is tried again; how many events that is.
    async fn wake(&self) -> Result<usize> {
        let parked = self.events("parked").await?;
        for event in &parked {
            self.scene.retries(&event["id"].to_string().replace('"', "")).await?;
        }
        Ok(parked.len())
    }

    /// Waits until nothing of it waits.
    async fn rest(&self) -> Result<()> {
        Ok(self.scene.settled(PATIENCE).await?)
    }

    async fn events(&self, state: &str) -> Result<Vec<Value>> {
        Ok(self.scene.events(state).await?)
    }

    async fn ask(&self, request: RequestBuilder) -> Result<()> {
        let answer = request.bearer_auth(self.token.expose_secret()).send().await?;
        ensure!(answer.status().is_success(), "{}", answer.text().await?);
        Ok(())
    }
}

fn component() -> Result<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let options =
        crosswalk_builder::Options { target_dir: root.join("target/guests"), offline: false, quiet: true };
    Ok(crosswalk_builder::build(&root.join("tests/guests/hog"), &options)?.bytes)
}

/// A host that is limited as any is, but never polls, and never thinks that so many edits of one pair are two systems in
/// a loop.
fn configuration(folder: &Path, sandboxes: &[Sandbox; 2]) -> Result<Config> {
    let mut config = Config::for_testing(folder);
    for (number, sandbox) in sandboxes.iter().enumerate() {
        let root = folder.join(format!("root-{number}.pem"));
        std::fs::write(&root, sandbox.ca_pem())?;
        config.webhooks.partner_center.root_files.push(root);
    }
    config.catchup.poll_ms = 3_600_000;
    let defaults = Config::default().limits;
    config.limits.workers = defaults.workers;
    config.limits.concurrent_calls_max = 32;
    config.limits.writes_per_link_per_hour_max = 1_000_000;
    Ok(config)
}
