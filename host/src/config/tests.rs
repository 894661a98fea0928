//! The default file and the code are equal, and a wrong file is named with line and key.

use std::collections::BTreeSet;

use toml::{Table, Value};

use super::*;

fn file() -> &'static Path {
    Path::new("crosswalk.toml")
}

fn refused(text: &str) -> String {
    Config::parse(text, file()).unwrap_err().to_string()
}

/// Every dotted key of a table.
fn keys(table: &Table, prefix: &str) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for (name, value) in table {
        let key = format!("{prefix}{name}");
        match value {
            Value::Table(inner) => all.extend(keys(inner, &format!("{key}."))),
            _ => {
                all.insert(key);
            }
        }
    }
    all
}

#[test]
fn the_default_file_is_the_default_configuration() {
    assert_eq!(Config::parse(DEFAULT_TOML, file()).unwrap(), Config::default());
}

#[test]
fn every_key_of_the_configuration_stands_in_the_default_file() {
    let written: Table = DEFAULT_TOML.parse().unwrap();
    let known = Table::try_from(Config::default()).unwrap();
    assert_eq!(keys(&written, ""), keys(&known, ""));
}

#[test]
fn every_key_of_the_default_file_is_explained() {
    let mut explained = false;
    for line in DEFAULT_TOML.lines() {
        match line.chars().next() {
            None | Some('[') => explained = false,
            Some('#') => explained = true,
            // One comment may explain a few keys that follow each other.
            Some(_) => assert!(explained, "{line}"),
        }
    }
}

#[test]
fn an_empty_file_is_the_default() {
    assert_eq!(Config::parse("", file()).unwrap(), Config::default());
}

#[test]
fn a_misspelled_key_is_refused_with_its_line() {
    let error = refused("[limits]\nworkers = 2\nworker = 3\n");
    assert!(error.starts_with("crosswalk.toml:3: `limits.worker` cannot be used: unknown field"), "{error}");
}

#[test]
fn a_value_of_the_wrong_kind_is_refused_with_its_line_and_key() {
    let error = refused("[limits]\n\nworkers = \"many\"\n");
    assert!(error.starts_with("crosswalk.toml:3: `limits.workers` cannot be used: invalid type"), "{error}");
}

#[test]
fn text_that_is_not_toml_is_refused_with_its_line() {
    let error = refused("[limits]\nworkers = = 2\n");
    assert!(error.starts_with("crosswalk.toml:2: "), "{error}");
}

#[test]
fn a_value_out_of_bounds_is_refused_with_its_line_and_the_bound() {
    assert_eq!(
        refused("# a comment\n[limits]\nworkers = 0\n"),
        "crosswalk.toml:3: `limits.workers` is 0, and must be at least 1"
    );
    assert_eq!(
        refused("[limits]\nlease_ms = 1000\n"),
        "crosswalk.toml:2: `limits.lease_ms` is 1000, and must be larger than `limits.pass_deadline_ms`, which is 60000"
    );
}

#[test]
fn values_that_cannot_work_are_refused() {
    for (text, key) in [
        ("listen.admin = '127.0.0.1:7110'", "listen.admin"),
        ("secrets.env_prefix = ''", "secrets.env_prefix"),
        ("catchup.poll_ms = 0", "catchup.poll_ms"),
        ("log.filter = 'crosswalk=loud'", "log.filter"),
        ("webhooks.partner_center.certificate_subjects = []", "webhooks.partner_center.certificate_subjects"),
        ("webhooks.partner_center.certificate_hosts = []", "webhooks.partner_center.certificate_hosts"),
        (
            "webhooks.partner_center.certificate_hosts = ['*.com']",
            "webhooks.partner_center.certificate_hosts",
        ),
        ("webhooks.partner_center.fetch_timeout_ms = 0", "webhooks.partner_center.fetch_timeout_ms"),
        ("limits.backoff_max_ms = 1", "limits.backoff_max_ms"),
        ("limits.tenant_concurrent_calls_max = 0", "limits.tenant_concurrent_calls_max"),
        ("limits.tenant_passes_max = 0", "limits.tenant_passes_max"),
        ("limits.tenant_cpu_percent_max = 0", "limits.tenant_cpu_percent_max"),
        ("limits.tenant_cpu_percent_max = 101", "limits.tenant_cpu_percent_max"),
    ] {
        let error = refused(text);
        assert!(error.contains(&format!("1: `{key}` ")), "{error}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let error = Config::load(Path::new("/nowhere/crosswalk.toml")).unwrap_err().to_string();
    assert!(error.starts_with("/nowhere/crosswalk.toml: it cannot be read"), "{error}");
}

#[test]
fn relative_paths_are_taken_from_the_files_directory() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("crosswalk.toml");
    let text = "[webhooks.partner_center]\nroot_files = ['roots.pem', '/etc/other.pem']\n";
    fs::write(&file, text).unwrap();
    let config = Config::load(&file).unwrap();
    assert_eq!(config.state.dir, dir.path().join("crosswalk-state"));
    assert_eq!(
        config.webhooks.partner_center.root_files,
        [dir.path().join("roots.pem"), PathBuf::from("/etc/other.pem")]
    );
}

#[test]
fn a_testing_configuration_is_valid_and_keeps_to_its_directory() {
    let config = Config::for_testing(Path::new("/tmp/somewhere"));
    config.validate().unwrap();
    assert_eq!(config.journal.path, Path::new("/tmp/somewhere/crosswalk-state/journal.sqlite"));
    assert_eq!(config.listen.public.port(), 0);
}

#[test]
fn a_configuration_reads_back_as_it_was_written() {
    let config = Config::for_testing(Path::new("/tmp/somewhere"));
    let text = toml::to_string(&config).unwrap();
    assert_eq!(Config::parse(&text, file()).unwrap(), config);
}

#[test]
fn the_limits_reach_the_runtime() {
    let limits = Limits { plugin_fuel_per_call_max: 7, concurrent_calls_max: 3, ..Limits::default() };
    let runtime = limits.runtime();
    assert_eq!((runtime.plugin_fuel_per_call_max, runtime.concurrent_calls_max), (7, 3));
    assert_eq!(runtime.plugin_memory_bytes_max, limits.plugin_memory_bytes_max);
    assert_eq!(runtime.tenant_concurrent_calls_max, limits.tenant_concurrent_calls_max);
    assert_eq!(runtime.tenant_cpu_percent_max, limits.tenant_cpu_percent_max);
    assert_eq!(runtime.large_concurrent_calls_max, 0, "large plugins are for the operator to allow");
    assert_eq!(runtime.large_memory_bytes_max, limits.large_memory_bytes_max);
}

#[test]
fn no_tenant_has_the_last_worker_unless_there_is_only_one() {
    let passes = |workers, tenant_passes_max| {
        Limits { workers, tenant_passes_max, ..Limits::default() }.tenant_passes()
    };
    assert_eq!([passes(16, 12), passes(8, 12), passes(2, 12), passes(1, 12)], [12, 7, 1, 1]);
}
