//! A partner developer's path: a new plugin, built, checked, deployed, and rolled back, with the commands of the guide.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use crosswalk::demo::{CONTOSO, CrmKind, text};
use crosswalk_tests::{Stage, built};
use serde_json::Value;

use crate::{program, steps::Life};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_plugin_is_built_checked_deployed_and_rolled_back() {
    let stage = Stage::start(program(), CrmKind::Dynamics).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let made = run(&["plugin", "new", "first-mapping"], folder.path());
    assert!(made.status.success(), "{made:?}");

    let built = run(&["--json", "plugin", "build", "first-mapping", "--offline"], folder.path());
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let built: Value = serde_json::from_slice(&built.stdout).unwrap();
    let component = built["component"].as_str().unwrap();
    let imports = built["imports"].as_array().unwrap();
    assert!(
        imports.iter().all(|import| import.as_str().unwrap().starts_with("crosswalk:mapping/")),
        "{imports:?}"
    );

    let checked = run(&["plugin", "check", component], folder.path());
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    assert!(String::from_utf8_lossy(&checked.stdout).contains("is accepted"));

    let token = stage.folder().join("state/admin.token");
    let admin = |command: &[&str]| {
        let host = ["--host", &stage.admin_url(), "--token-file", token.to_str().unwrap()].map(str::to_owned);
        let words: Vec<String> = command.iter().map(|word| (*word).to_owned()).chain(host).collect();
        run(&words.iter().map(String::as_str).collect::<Vec<_>>(), folder.path())
    };
    let misfit = admin(&["plugin", "deploy", component, "--tenant", CONTOSO]);
    assert_eq!(misfit.status.code(), Some(5), "the tenant has settings that this plugin does not know");
    let said = String::from_utf8_lossy(&misfit.stderr).into_owned();
    assert!(
        said.contains("MAP060") && said.contains("customers_consent") && said.contains("was not stored"),
        "{said}"
    );

    fs::write(folder.path().join("fabrikam.toml"), document(&stage)).unwrap();
    let applied = admin(&["tenant", "apply", "-f", "fabrikam.toml"]);
    assert!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stderr));
    let deployed = admin(&["--json", "plugin", "deploy", component, "--tenant", "fabrikam"]);
    assert!(deployed.status.success(), "{}", String::from_utf8_lossy(&deployed.stderr));
    let deployed: Value = serde_json::from_slice(&deployed.stdout).unwrap();
    assert_eq!(deployed["generation"].to_string(), "2");
    let back = admin(&["--json", "plugin", "rollback", "--tenant", "fabrikam"]);
    assert!(back.status.success(), "{}", String::from_utf8_lossy(&back.stderr));
    let back: Value = serde_json::from_slice(&back.stdout).unwrap();
    assert_eq!(back["generation"].to_string(), "3");
    assert_ne!(back["digest"], deployed["digest"]);
    let listed = admin(&["--json", "plugin", "list", "--tenant", "fabrikam"]);
    assert_eq!(String::from_utf8_lossy(&listed.stdout).lines().count(), 2);

    let again = run(&["plugin", "new", "first-mapping"], folder.path());
    assert_eq!(again.status.code(), Some(5), "an existing folder is left alone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_that_starts_from_the_default_has_one_field_otherwise_in_dynamics() {
    let query = "/api/data/v9.2/opportunities?$select=msft_referralprogram";
    one_field_otherwise(CrmKind::Dynamics, "dynamics", query, "/value/0/msft_referralprogram").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_that_starts_from_the_default_has_one_field_otherwise_in_salesforce() {
    let query = "/services/data/v62.0/query?q=SELECT+Referral_Program__c+FROM+Opportunity";
    one_field_otherwise(CrmKind::Salesforce, "salesforce", query, "/records/0/Referral_Program__c").await;
}

/// The guide's path: the default mapping, one rule of one's own, deployed; and the field that it sets in a new deal.
async fn one_field_otherwise(crm: CrmKind, default: &str, query: &str, field: &str) {
    let life = Life::begins(crm).await;
    let folder = tempfile::tempdir().unwrap();
    let made = run(&["plugin", "new", "ours", "--from", default], folder.path());
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let plugin = folder.path().join("ours");
    let source = plugin.join("src/lib.rs");
    let changed = fs::read_to_string(&source).unwrap().replace("No program", "In no program at all");
    fs::write(&source, changed).unwrap();
    let tested = Command::new("cargo")
        .args(["test", "--offline", "--quiet"])
        .env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("plugins"))
        .current_dir(&plugin)
        .output()
        .unwrap();
    assert!(tested.status.success(), "{}", String::from_utf8_lossy(&tested.stderr));
    let component = folder.path().join("ours.wasm");
    fs::write(&component, built(plugin.to_str().unwrap()).unwrap()).unwrap();

    let (host, token) = (life.stage.admin_url(), life.stage.folder().join("state/admin.token"));
    let words = ["plugin", "deploy", "ours.wasm", "--tenant", life.scene().tenant, "--host", &host];
    let deployed =
        run(&[words.as_slice(), &["--token-file", token.to_str().unwrap()]].concat(), folder.path());
    assert!(deployed.status.success(), "{}", String::from_utf8_lossy(&deployed.stderr));

    life.microsoft_sends("co-sell").await;
    life.needs_nobody().await;
    let url = format!("{}{query}", life.scene().crm().url());
    let answer = reqwest::Client::new().get(url).bearer_auth("sandbox").send().await.unwrap();
    let held: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
    assert_eq!(text(&held, field), "In no program at all", "{held}");
}

/// A tenant without settings, in the sandbox.
pub(crate) fn document(stage: &Stage) -> String {
    let (partner_center, dynamics) =
        (stage.scene.center().url().to_owned(), stage.scene.crm().url().to_owned());
    format!(
        r#"
name = "fabrikam"
sandbox = true

[partner_center]
api_base = "{partner_center}/v1.0/engagements"
webhook_base = "{partner_center}/webhooks/v1"
token_url = "{partner_center}/fabrikam/oauth2/v2.0/token"
client_id = "crosswalk"
refresh_token = {{ sandbox = "sandbox" }}

[dynamics]
org_url = "{dynamics}"
token_url = "{dynamics}/fabrikam/oauth2/v2.0/token"
client_id = "crosswalk"
client_secret = {{ sandbox = "sandbox" }}
webhook_key = {{ sandbox = "sandbox" }}
"#
    )
}

fn run(args: &[&str], folder: &Path) -> Output {
    Command::new(program()).args(args).current_dir(folder).output().unwrap()
}
