//! Tenant documents that are right, and each way of being wrong.

use secrecy::ExposeSecret as _;
use serde_json::json;

use super::{
    super::{SecretError, Secrets},
    *,
};

const CANARY: &str = "hunter2-canary";

fn file() -> &'static Path {
    Path::new("contoso.toml")
}

fn example() -> TenantDocument {
    TenantDocument::parse(EXAMPLE_TOML, file()).unwrap()
}

/// The example with one piece of text replaced, and what is said about it.
fn refused(from: &str, to: &str) -> String {
    assert!(EXAMPLE_TOML.contains(from), "{from}");
    TenantDocument::parse(&EXAMPLE_TOML.replace(from, to), file()).unwrap_err().to_string()
}

/// The same of the example for Salesforce.
fn salesforce_refused(from: &str, to: &str) -> String {
    assert!(EXAMPLE_SALESFORCE_TOML.contains(from), "{from}");
    let text = EXAMPLE_SALESFORCE_TOML.replace(from, to);
    TenantDocument::parse(&text, Path::new("fabrikam.toml")).unwrap_err().to_string()
}

fn salesforce(text: &str) -> SalesforceOrganization {
    TenantDocument::parse(text, Path::new("fabrikam.toml")).unwrap().salesforce.unwrap()
}

/// The example with the other way to sign in.
fn signed_in_with_a_token() -> String {
    let (rest, _) = EXAMPLE_SALESFORCE_TOML.split_once("[salesforce.sign_in.client-credentials]").unwrap();
    let (_, commented) = EXAMPLE_SALESFORCE_TOML.split_once("#[salesforce.sign_in.jwt-bearer]").unwrap();
    // A key is commented out without a space, an explanation has one.
    let uncommented: Vec<&str> = commented
        .lines()
        .map(|line| line.strip_prefix('#').filter(|key| !key.starts_with(' ')).unwrap_or(line))
        .collect();
    format!("{rest}[salesforce.sign_in.jwt-bearer]{}", uncommented.join("\n"))
}

fn sandbox() -> String {
    r#"
        name = "contoso"
        sandbox = true
        [partner_center]
        api_base = "http://127.0.0.1:7101/v1.0/engagements"
        webhook_base = "http://127.0.0.1:7101/webhooks/v1"
        token_url = "http://localhost:7101/common/oauth2/v2.0/token"
        client_id = "sandbox"
        refresh_token = { sandbox = "sandbox" }
        [dynamics]
        org_url = "http://127.0.0.1:7102"
        token_url = "http://[::1]:7102/common/oauth2/v2.0/token"
        client_id = "sandbox"
        client_secret = { sandbox = "sandbox" }
        webhook_key = { sandbox = "sandbox" }
    "#
    .to_owned()
}

#[test]
fn the_example_has_every_key_and_the_defaults_it_says() {
    let example = example();
    let minimal = TenantDocument::parse(&sandbox(), file()).unwrap();
    assert_eq!((example.plugin.clone(), &minimal.plugin), (Some(PluginChoice::DefaultDynamics), &None));
    assert_eq!(example.partner_center.api_audience, minimal.partner_center.api_audience);
    assert_eq!(example.partner_center.webhook_audience, minimal.partner_center.webhook_audience);
    assert_eq!(example.partner_center.token_form, minimal.partner_center.token_form);
    assert_eq!(
        example.dynamics.as_ref().unwrap().webhook_header,
        minimal.dynamics.as_ref().unwrap().webhook_header
    );
    assert_eq!(example.partner_center.api_base, defaults::api_base());
    assert_eq!(example.partner_center.webhook_base, defaults::webhook_base());
    let by_command = Rollout { promote_after_passes: None, promote_after_minutes: None, ..example.rollout };
    assert_eq!(by_command, Rollout::default());
    assert_eq!(minimal.rollout, Rollout::default());
    has_every_key(EXAMPLE_TOML);
}

#[test]
fn what_a_rollout_cannot_go_by_is_named() {
    for (from, to, key) in [
        ("parks_percent_max = 10", "parks_percent_max = 101", "`rollout.parks_percent_max` is 101"),
        ("judge_from_passes = 20", "judge_from_passes = 0", "`rollout.judge_from_passes` is 0"),
        ("promote_after_passes = 2000", "promote_after_passes = 0", "`rollout.promote_after_passes` is 0"),
        ("traps_max = 0", "trapz_max = 0", "trapz_max"),
    ] {
        let said = refused(from, to);
        assert!(said.contains(key) && said.contains("contoso.toml:"), "{said}");
    }
}

/// Whatever the code writes that the example does not hold would be a key without an explanation.
fn has_every_key(example: &str) {
    let written: toml::Table = example.parse().unwrap();
    let known = toml::Table::try_from(TenantDocument::parse(example, file()).unwrap()).unwrap();
    assert_eq!(toml::Value::Table(written), toml::Value::Table(known));
}

#[test]
fn the_example_for_salesforce_has_every_key_and_the_defaults_it_says() {
    has_every_key(EXAMPLE_SALESFORCE_TOML);
    has_every_key(&signed_in_with_a_token());
    let mut minimal = EXAMPLE_SALESFORCE_TOML.to_owned();
    for key in ["api_version", "save_despite", "run_assignment", "daily_calls"] {
        let line = minimal.lines().find(|line| line.starts_with(key)).unwrap().to_owned();
        minimal = minimal.replace(&line, "");
    }
    assert_eq!(salesforce(&minimal), salesforce(EXAMPLE_SALESFORCE_TOML));
    let token = signed_in_with_a_token();
    let line = token.lines().find(|line| line.starts_with("audience")).unwrap();
    assert_eq!(salesforce(&token.replace(line, "")), salesforce(&token));
}

#[test]
fn a_document_reads_back_from_json_as_it_was_sent() {
    for text in [EXAMPLE_TOML, EXAMPLE_SALESFORCE_TOML, &sandbox(), &signed_in_with_a_token()] {
        let document = TenantDocument::parse(text, file()).unwrap();
        let json = serde_json::to_string(&document).unwrap();
        assert_eq!(serde_json::from_str::<TenantDocument>(&json).unwrap(), document);
    }
}

#[test]
fn a_sandbox_document_is_short_and_may_hold_its_secrets() {
    let document = TenantDocument::parse(&sandbox(), file()).unwrap();
    let keys = document.crm().unwrap().webhook_keys(&Secrets::default()).unwrap();
    assert_eq!(keys.current.expose_secret(), "sandbox");
    assert!(keys.previous.is_none());
}

#[test]
fn a_sandbox_document_reaches_nothing_but_this_machine() {
    for address in
        ["https://contoso.crm4.dynamics.com", "http://192.168.1.7:7102", "http://localhost.example"]
    {
        let text = sandbox().replace("http://127.0.0.1:7102", address);
        let error = TenantDocument::parse(&text, file()).unwrap_err().to_string();
        assert!(error.contains("`dynamics.org_url` is not on this machine"), "{error}");
    }
}

#[test]
fn a_real_tenant_is_reached_over_tls_alone() {
    let error = refused("https://contoso.crm4", "http://contoso.crm4");
    assert!(error.contains("`dynamics.org_url` is not https"), "{error}");
    let error = refused("https://contoso.crm4", "http://127.0.0.1");
    assert!(error.contains("`dynamics.org_url` is not https"), "{error}");
}

#[test]
fn an_address_with_a_password_is_refused_and_not_repeated() {
    let error = refused("https://contoso.crm4", &format!("https://user:{CANARY}@contoso.crm4"));
    assert!(error.contains("`dynamics.org_url` carries a user name") && !error.contains(CANARY), "{error}");
}

#[test]
fn a_secret_in_a_real_tenants_document_is_refused_and_not_repeated() {
    let reference = r#"{ env = "CROSSWALK_SECRET_CONTOSO_DYNAMICS" }"#;
    let error = refused(reference, &format!("{{ sandbox = \"{CANARY}\" }}"));
    assert!(
        error.contains("`dynamics.client_secret` holds the secret itself") && !error.contains(CANARY),
        "{error}"
    );
    for misplaced in [format!("\"{CANARY}\""), format!("{{ value = \"{CANARY}\" }}")] {
        let error = refused(reference, &misplaced);
        assert!(error.contains("`dynamics.client_secret`") && !error.contains(CANARY), "{error}");
    }
}

#[test]
fn a_missing_key_is_named() {
    let error = refused("client_id = \"00000000-0000-0000-0000-000000000002\"\n", "");
    assert!(error.contains("missing field `client_id`") && error.contains("contoso.toml:"), "{error}");
}

#[test]
fn a_name_that_cannot_stand_in_an_address_is_refused() {
    for name in ["", "Contoso", "con toso", "-contoso", "contoso-", "../contoso", "ö", &"x".repeat(64)] {
        let error = refused("\"contoso\"", &format!("{name:?}"));
        assert!(error.contains(": `name` must be 1 to 63"), "{error}");
    }
}

#[test]
fn a_header_that_is_none_is_refused() {
    let error = refused("x-crosswalk-key", "x crosswalk");
    assert!(error.contains("`dynamics.webhook_header` is not a header's name"), "{error}");
}

#[test]
fn an_empty_client_id_is_refused() {
    let error = refused("00000000-0000-0000-0000-000000000001", " ");
    assert!(error.contains("`partner_center.client_id` is empty"), "{error}");
}

#[test]
fn a_plugin_is_the_default_or_a_file_beside_the_document() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("contoso.toml");
    let text = EXAMPLE_TOML.replace("\"default-dynamics\"\n", "{ path = \"contoso.wasm\" }\n");
    fs::write(&path, text).unwrap();
    let document = TenantDocument::load(&path).unwrap();
    assert_eq!(document.plugin, Some(PluginChoice::Path(dir.path().join("contoso.wasm"))));
}

#[test]
fn a_plugin_policy_names_public_keys_and_a_mistaken_one_is_not_repeated() {
    let key = "RWS0YzWN3iBJgPUKofztzSqlbghskOnDGlQgcO604sMsHRhyXOhCIgZb";
    for (from, to) in [
        (key, CANARY),
        (key, ""),
        // A secret key of minisign begins the same way, and is longer.
        (key, &format!("RWRTY0Iy{}", "A".repeat(204))),
        (key, &key[..55]),
    ] {
        let error = refused(from, to);
        assert!(
            error.contains("plugin_policy.signed_by.build-2026") && error.contains("minisign.pub"),
            "{error}"
        );
        assert!(!error.contains(CANARY) && !error.contains("RWRTY0Iy"), "{error}");
    }
    let table = EXAMPLE_TOML.split_once("[plugin_policy.signed_by]").unwrap().1.split_once("\n\n").unwrap().0;
    let error = refused(table, "");
    assert!(error.contains("names no key"), "{error}");
    let error = refused("build-2027 =", "\"\" =");
    assert!(error.contains("whose name"), "{error}");
}

#[test]
fn the_default_plugin_of_the_other_crm_is_refused() {
    let error = refused("\"default-dynamics\"", "\"default-salesforce\"");
    assert!(error.contains("`plugin` is for Salesforce, and the tenant has Dynamics"), "{error}");
    let error = salesforce_refused("\"default-salesforce\"", "\"default-dynamics\"");
    assert!(error.contains("`plugin` is for Dynamics, and the tenant has Salesforce"), "{error}");
}

#[test]
fn a_tenant_has_one_crm() {
    let (without, _) = EXAMPLE_SALESFORCE_TOML.split_once("[salesforce]").unwrap();
    let error = TenantDocument::parse(without, file()).unwrap_err().to_string();
    assert!(error.contains("`dynamics` is missing, and so is `salesforce`"), "{error}");
    let (_, section) =
        sandbox().split_once("[dynamics]").map(|(one, two)| (one.to_owned(), two.to_owned())).unwrap();
    let error = salesforce_refused("[settings]", &format!("[dynamics]{section}\n[settings]"));
    let line = EXAMPLE_SALESFORCE_TOML.lines().position(|line| line == "[salesforce]").unwrap() + 1;
    let expected =
        format!("fabrikam.toml:{line}: `salesforce` stands beside `dynamics`, and a tenant has one CRM");
    assert_eq!(error, expected);
}

#[test]
fn each_way_to_sign_in_to_salesforce_needs_what_it_needs_and_there_is_one() {
    let secret = "client_secret = { env = \"CROSSWALK_SECRET_FABRIKAM_SALESFORCE\" }";
    let error = salesforce_refused(secret, "");
    assert!(error.contains("missing field `client_secret`"), "{error}");
    let error = salesforce_refused(secret, "username = \"crosswalk\"");
    assert!(error.contains("username"), "{error}");
    let error = salesforce_refused("sign_in.client-credentials", "sign_in.password");
    assert!(error.contains("`password`") && error.contains("jwt-bearer"), "{error}");
    let both = salesforce_refused("#[salesforce.sign_in.jwt-bearer]", "[salesforce.sign_in.jwt-bearer]");
    assert!(both.contains("salesforce.sign_in"), "{both}");
    let nobody = signed_in_with_a_token().replace("crosswalk@fabrikam.example", " ");
    let error = TenantDocument::parse(&nobody, file()).unwrap_err().to_string();
    assert!(error.contains("`salesforce.sign_in.jwt-bearer.username` is empty"), "{error}");
}

#[test]
fn a_private_key_in_the_document_is_refused_and_not_repeated() {
    let reference = "{ file = \"fabrikam/salesforce.pem\" }";
    for misplaced in [format!("\"{CANARY}\""), format!("{{ sandbox = \"{CANARY}\" }}")] {
        let text = signed_in_with_a_token().replace(reference, &misplaced);
        let error = TenantDocument::parse(&text, file()).unwrap_err().to_string();
        assert!(error.contains("salesforce.sign_in") && !error.contains(CANARY), "{error}");
    }
}

#[test]
fn what_salesforce_could_not_understand_is_named() {
    for version in ["v62.0", "62", "59.0", "+62.0", "062.0", ""] {
        let error = salesforce_refused("\"62.0\"", &format!("{version:?}"));
        assert!(error.contains("`salesforce.api_version` must be a version from 60.0 on"), "{error}");
    }
    for share in ["0", "101"] {
        let error =
            salesforce_refused("daily_calls_percent_max = 80", &format!("daily_calls_percent_max = {share}"));
        assert!(error.contains(&format!("`salesforce.daily_calls_percent_max` is {share}")), "{error}");
    }
    for id in ["00D300000000Z7zAAA", "00D3", "hello"] {
        let error = salesforce_refused("00D300000000Z7zEAE", id);
        assert!(
            error.contains("organization_id") && error.contains("a Salesforce id of 15 or 18"),
            "{error}"
        );
    }
    let error = salesforce_refused("00D300000000Z7zEAE", "006300000000Z7z");
    assert!(error.contains("`salesforce.organization_id` is not the id of an org"), "{error}");
    let error = salesforce_refused("3MVG9.consumer.key", "");
    assert!(error.contains("`salesforce.client_id` is empty"), "{error}");
    let error =
        salesforce_refused("https://fabrikam.my.salesforce.com/\"", "http://fabrikam.my.salesforce.com/\"");
    assert!(error.contains("`salesforce.org_url` is not https"), "{error}");
}

#[test]
fn an_organisation_id_has_two_spellings_in_salesforce() {
    let short = EXAMPLE_SALESFORCE_TOML.replace("00D300000000Z7zEAE", "00D300000000Z7z");
    assert_eq!(salesforce(&short), salesforce(EXAMPLE_SALESFORCE_TOML));
}

#[test]
fn settings_become_json() {
    let text = EXAMPLE_TOML.replace(
        "[settings]\n",
        "[settings]\nsince = 2026-01-01T00:00:00Z\nrate = 1.5\ncount = 3\non = true\nlist = [\"a\"]\n",
    );
    let document = TenantDocument::parse(&text, file()).unwrap();
    assert_eq!(
        document.settings_json(),
        json!({
            "deal_value_field": "estimatedvalue", "since": "2026-01-01T00:00:00Z", "rate": 1.5, "count": 3,
            "on": true, "list": ["a"],
        })
    );
}

#[test]
fn a_setting_that_json_has_no_word_for_is_refused() {
    let error = refused("[settings]\n", "[settings]\nrate = inf\n");
    assert!(error.contains("the setting `rate` holds nothing, or no finite number"), "{error}");
}

#[test]
fn a_webhook_key_must_be_long_and_plain() {
    let dir = tempfile::tempdir().unwrap();
    let secrets = Secrets { dir: dir.path().into(), ..Secrets::default() };
    let keyed = |key: &str| {
        fs::write(dir.path().join("key"), key).unwrap();
        let key = SecretRef::File("key".into());
        let example = example().dynamics.unwrap();
        let org = DynamicsOrganization { webhook_key: key, webhook_key_previous: None, ..example };
        CrmOrganization::Dynamics(&org).webhook_keys(&secrets)
    };
    keyed("0123456789abcdeF").unwrap();
    for weak in ["0123456789abcde", "0123456789abcde+", "0123456789 abcdef"] {
        let error = keyed(weak).unwrap_err();
        assert!(matches!(error, SecretError::WeakKey { .. }), "{error:?}");
        assert!(!format!("{error} {error:?}").contains(weak));
    }
}

#[test]
fn no_secret_shows_in_debug_output() {
    let text = sandbox().replace("{ sandbox = \"sandbox\" }", &format!("{{ sandbox = \"{CANARY}\" }}"));
    let document = TenantDocument::parse(&text, file()).unwrap();
    assert!(!format!("{document:?}").contains(CANARY));
}
