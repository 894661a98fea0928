//! What is refused before it is routed to anybody, and in which words.

use crosswalk_engine::mapping::Mapper;
use crosswalk_runtime::{Code, Limits, LoadError, Plugin, Runtime};
use serde_json::{Value, json};

use crate::{HOSTILE, RUNTIME, draft, held, mapper, referral};

fn refused(bytes: &[u8], settings: &Value) -> LoadError {
    RUNTIME.load(bytes, settings).expect_err("it was loaded")
}

fn refused_text(component: &str) -> LoadError {
    refused(&wat::parse_str(component).unwrap(), &json!({}))
}

#[test]
fn a_plugin_says_what_it_is() {
    let plugin = RUNTIME.load(&HOSTILE, &Value::Null).unwrap();
    let manifest = plugin.manifest();
    assert_eq!((manifest.name.as_str(), manifest.crm.as_str()), ("hostile", "dynamics"));
    assert_eq!(manifest.primary("opportunity").unwrap().referral_key.as_deref(), Some("new_referralid"));
    assert_eq!(plugin.digest().len(), 64);
    assert_eq!(RUNTIME.inspect(&HOSTILE).unwrap(), *manifest);
    let words = format!("{plugin:?}");
    assert!(words.contains("hostile") && !words.contains("prefix"), "settings are not shown: {words}");
}

#[test]
fn a_core_module_is_refused_with_the_way_to_a_component() {
    let error = refused_text("(module (memory 1))");
    assert_eq!(error.code, Code::NotAComponent);
    assert_eq!(error.message, "this is a core WebAssembly module, not a component");
    assert!(error.help.contains("`crosswalk plugin build`"), "{}", error.help);
}

#[test]
fn what_is_no_wasm_at_all_is_refused() {
    for bytes in [&b""[..], b"hello", b"\0asm", b"\x7fELF\x02\x01\x01\0\0\0"] {
        assert_eq!(refused(bytes, &json!({})).code, Code::NotAComponent, "{bytes:?}");
    }
}

#[test]
fn native_code_is_refused() {
    let mut config = wasmtime::Config::new();
    config.concurrency_support(false);
    let engine = wasmtime::Engine::new(&config).unwrap();
    let native = engine.precompile_component(&wat::parse_str("(component)").unwrap()).unwrap();
    assert_eq!(refused(&native, &json!({})).code, Code::Precompiled);
}

#[test]
fn a_component_that_imports_wasi_is_refused_by_the_name_of_each_import() {
    let error = refused_text(
        r#"(component
            (import "wasi:cli/environment@0.2.6" (instance))
            (import "wasi:io/streams@0.2.6" (instance))
            (import "crosswalk:mapping/values@1.0.0" (instance))
            (import "crosswalk:mapping/clock@1.0.0" (instance)))"#,
    );
    assert_eq!(error.code, Code::ImportsNotOffered);
    let expected = [
        "imports `wasi:cli/environment@0.2.6`, which comes with a WASI target",
        "imports `wasi:io/streams@0.2.6`, which comes with a WASI target",
        "imports `crosswalk:mapping/clock@1.0.0`, which is not in a version served here",
    ];
    assert_eq!(error.problems, expected);
    assert!(error.help.contains("wasm32-unknown-unknown"), "{}", error.help);
}

#[test]
fn a_component_without_the_contract_is_refused() {
    let error =
        refused_text(r#"(component (instance $none) (export "acme:tools/run@1.0.0" (instance $none)))"#);
    assert_eq!(error.code, Code::WrongContract);
    assert!(error.message.contains("but `acme:tools/run@1.0.0`"), "{}", error.message);
    assert_eq!(refused_text("(component)").code, Code::WrongContract);
}

#[test]
fn a_later_contract_is_refused_with_both_versions() {
    let error = refused_text(
        r#"(component (instance $none) (export "crosswalk:mapping/mapping@2.1.0" (instance $none)))"#,
    );
    assert_eq!(error.code, Code::WrongContract);
    assert_eq!(
        error.message,
        "the component exports version 2.1.0 of `crosswalk:mapping/mapping`, and this host serves 1.0.0"
    );
}

#[test]
fn a_contract_with_other_types_is_refused() {
    let error = refused_text(
        r#"(component (instance $none) (export "crosswalk:mapping/mapping@1.0.0" (instance $none)))"#,
    );
    assert_eq!(error.code, Code::WrongTypes);
    assert!(error.message.contains("describe"), "{}", error.message);
}

#[test]
fn needs_beyond_the_limits_are_refused() {
    let memory = refused_text(
        r#"(component
            (core module $large (memory 1000))
            (core instance (instantiate $large))
            (instance $none) (export "crosswalk:mapping/mapping@1.0.0" (instance $none)))"#,
    );
    assert_eq!(memory.code, Code::ResourcesBeyondLimits, "{memory:?}");
    let memories = refused_text(
        r#"(component
            (core module $small (memory 1))
            (core instance (instantiate $small)) (core instance (instantiate $small)))"#,
    );
    assert_eq!(memories.code, Code::ResourcesBeyondLimits, "{memories:?}");
    let both = refused_text(
        "(component (core module $two (memory 1) (memory 1)) (core instance (instantiate $two)))",
    );
    assert_eq!(both.code, Code::ResourcesBeyondLimits, "{both:?}");
    let small = Limits { plugin_component_bytes_max: 1_000, ..Limits::for_testing() };
    let size = Runtime::new(small).unwrap().load(&HOSTILE, &json!({})).unwrap_err();
    assert_eq!(size.code, Code::ResourcesBeyondLimits, "{size:?}");
}

#[test]
fn parts_of_wasm_that_are_switched_off_do_not_compile() {
    let features = [
        ("(core module (memory 1 1 shared))", "threads must be enabled"),
        ("(core module (memory i64 1))", "memory64 must be enabled"),
        ("(core module (func $f return_call $f))", "tail calls support is not enabled"),
        ("(core module (type (struct (field i32))))", "without the gc feature"),
        (
            "(core module (func (param v128 v128) (result v128) local.get 0 local.get 1 i8x16.relaxed_swizzle))",
            "relaxed SIMD support is not enabled",
        ),
        ("(core module (func (try_table)))", "exceptions support is not enabled"),
        ("(core module $m) (type $t (stream u8))", "requires the component model async feature"),
    ];
    for (feature, why) in features {
        let error = refused_text(&format!("(component {feature})"));
        assert_eq!(error.code, Code::DoesNotCompile, "{feature}: {error:?}");
        assert!(error.message.contains(why), "{feature}: {}", error.message);
    }
}

#[test]
fn compiled_code_is_kept_for_the_next_start_and_gives_the_same_answers() {
    let folder = tempfile::tempdir().unwrap();
    let start = || Runtime::with_cache(Limits::for_testing(), folder.path()).unwrap();
    let settings = json!({ "behaviour": "good" });
    let compiled = start().load(&HOSTILE, &settings).unwrap();
    let kept = || {
        let names = std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name());
        names.filter(|name| name.to_string_lossy().ends_with(".cwasm")).count()
    };
    assert_eq!(kept(), 1);
    let loaded = start().load(&HOSTILE, &settings).unwrap();
    assert_eq!(kept(), 1);
    let answer = |plugin: &Plugin| {
        let mut mapper = mapper(plugin);
        let answer = held(mapper.to_crm(&referral(), None));
        (answer, mapper.finish().fuel)
    };
    assert_eq!(answer(&loaded), answer(&compiled));
}

#[test]
fn the_limits_that_a_host_starts_with_fit_this_machine() {
    let runtime = Runtime::new(Limits::default()).unwrap();
    let plugin = runtime.load(&HOSTILE, &Value::Null).unwrap();
    held(mapper(&plugin).to_crm(&referral(), None));
}

#[test]
fn a_damaged_component_is_refused() {
    let damaged = &HOSTILE[..HOSTILE.len() / 2];
    assert_eq!(refused(damaged, &json!({})).code, Code::DoesNotCompile);
}

#[test]
fn describe_runs_within_the_limits_too() {
    let error = refused(&HOSTILE, &json!({ "behaviour": "describe-loop" }));
    assert_eq!(error.code, Code::DescribeFailed);
    assert!(error.message.contains("MAP030"), "{}", error.message);
}

#[test]
fn a_manifest_that_cannot_work_is_refused() {
    let error = refused(&HOSTILE, &json!({ "behaviour": "describe-without-key" }));
    assert_eq!(error.code, Code::BadManifest);
    assert!(error.problems[0].contains("`opportunity` has no `referral-key`"), "{:?}", error.problems);
    let error = refused(&HOSTILE, &json!({ "behaviour": "describe-unknown-kind" }));
    assert_eq!(error.code, Code::BadManifest);
    assert!(error.problems[0].contains("opportunity.colour"), "{:?}", error.problems);
}

#[test]
fn a_schema_that_is_none_or_changes_is_refused() {
    for behaviour in ["describe-broken-schema", "describe-changing-schema"] {
        let error = refused(&HOSTILE, &json!({ "behaviour": behaviour }));
        assert_eq!(error.code, Code::BadSettingsSchema, "{behaviour}: {error:?}");
    }
}

#[test]
fn wrong_settings_are_told_to_the_operator_even_where_the_plugin_would_panic_over_them() {
    let error = refused(&HOSTILE, &json!({ "behaviour": "describe-needs-discount", "discount": "ten" }));
    assert_eq!(error.code, Code::BadSettings, "{error:?}");
    let error = refused(&HOSTILE, &json!({ "behaviour": "describe-needs-discount" }));
    assert_eq!(error.code, Code::DescribeFailed, "{error:?}");
    let plugin =
        RUNTIME.load(&HOSTILE, &json!({ "behaviour": "describe-needs-discount", "discount": 2.5 })).unwrap();
    assert_eq!(plugin.manifest().version, "2.5");
}

#[test]
fn wrong_settings_are_refused_by_name_and_without_their_values() {
    let settings = json!({ "behaviour": 7, "discount": -1, "prefixx": "secret-value" });
    let error = refused(&HOSTILE, &settings);
    assert_eq!(error.code, Code::BadSettings);
    let words = error.problems.join("\n");
    for name in ["setting `behaviour`", "setting `discount`", "setting `prefixx` does not exist"] {
        assert!(words.contains(name), "{name} in {words}");
    }
    assert!(!words.contains("secret-value"), "{words}");
}

#[test]
fn defaults_of_the_schema_are_filled_in_before_the_plugin_sees_its_settings() {
    let plugin = RUNTIME.load(&HOSTILE, &Value::Null).unwrap();
    assert_eq!(plugin.settings()["prefix"], "Deal: ");
    assert!(!plugin.settings().contains_key("discount"));
    assert!(format!("{:?}", draft("good").fields["name"]).contains("Deal: "));
}
