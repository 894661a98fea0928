//! How a contract may grow: what the next version would have to be for plugins that exist to go on working, and that
//! anything else is noticed here and refused by the host.

use std::{fs, path::Path};

use crosswalk_runtime::{Code, PACKAGE};
use serde_json::json;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata, semver_check};
use wit_parser::{ManglingAndAbi, PackageId, Resolve, SourceMap};

use crate::RUNTIME;

const WIT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit");
const TRIAL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/guests/trial/wit");

/// Text in the contract that is there once, what would stand there instead, and what the host says of a plugin that
/// was built so; none where such a plugin would run.
const BREAKING: [(&str, &str, Option<&str>); 6] = [
    // A record gets a field.
    (
        "owned: bool,",
        "owned: bool,\n    unit: option<string>,",
        Some("expected record of 6 fields, found 7 fields"),
    ),
    // A variant gets a case.
    (
        "variant crm { dynamics,",
        "variant crm { dynamics, hubspot,",
        Some("expected variant of 3 cases, found 4 cases"),
    ),
    // A field gets another type.
    ("integer(s32),", "integer(s64),", Some("expected `s32` found `s64`")),
    // A function gets an argument.
    ("describe: func()", "describe: func(language: string)", Some("expected 0-tuple, found 1-tuple")),
    // A function that plugins may call is gone.
    ("write: func(level", "print: func(level", None),
    // Plugins have to answer one more question.
    ("describe: func()", "summary: func() -> string;\n  describe: func()", None),
];

#[test]
fn every_released_contract_fits_the_one_in_use() {
    let released = fs::read_dir(Path::new(WIT).join("released")).unwrap();
    for version in released.map(|entry| entry.unwrap().path()) {
        grows(&version, Path::new(WIT), |text| text).unwrap_or_else(|error| {
            panic!("a plugin that was built against {} would no longer run: {error:#}", version.display())
        });
    }
}

#[test]
fn the_trial_of_the_next_minor_version_fits_too() {
    grows(&Path::new(WIT).join("released/1.0.0"), Path::new(TRIAL), |text| text).unwrap();
}

#[test]
fn a_change_of_what_was_released_does_not_fit() {
    for (stands, instead, _) in BREAKING {
        let fits = grows(&Path::new(WIT).join("released/1.0.0"), Path::new(TRIAL), |text| {
            text.replace(stands, instead)
        });
        assert!(fits.is_err(), "`{instead}` instead of `{stands}` was not noticed");
    }
}

#[test]
fn a_plugin_that_was_built_against_a_changed_contract_is_refused() {
    for (stands, instead, why) in BREAKING {
        let Some(why) = why else { continue };
        let changed = component(Path::new(WIT), "mapper", |text| text.replace(stands, instead));
        let error = RUNTIME.load(&changed, &json!({})).unwrap_err();
        assert_eq!(error.code, Code::WrongTypes, "{instead}: {error:?}");
        assert!(error.message.contains(why), "{instead}: {}", error.message);
    }
}

#[test]
fn a_plugin_that_needs_an_interface_of_a_later_version_is_told_so() {
    let error = RUNTIME.load(&component(Path::new(TRIAL), "mapper", |text| text), &json!({})).unwrap_err();
    assert_eq!(error.code, Code::ImportsNotOffered);
    assert_eq!(
        error.problems,
        ["imports `crosswalk:mapping/rates@1.1.0`, which is not in a version served here"]
    );
}

/// Whether a component that was built against the contract in `old` runs on a host of the one in `new`, as changed.
fn grows(old: &Path, new: &Path, change: impl Fn(String) -> String) -> anyhow::Result<()> {
    let mut resolve = Resolve::default();
    let old = parse(&mut resolve, old, |text| text);
    // Two packages of one name and version cannot be compared.
    let later =
        |text: String| text.replacen(&format!("package {PACKAGE}@1."), &format!("package {PACKAGE}@1.99"), 1);
    let new = parse(&mut resolve, new, |text| change(later(text)));
    let old = resolve.select_world(&[old], Some("mapper")).unwrap();
    let new = resolve.select_world(&[new], Some("mapper")).unwrap();
    semver_check(resolve, old, new)
}

/// A component with exactly the types of a world, and nothing behind them.
pub(crate) fn component(wit: &Path, world: &str, change: impl Fn(String) -> String) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let package = parse(&mut resolve, wit, change);
    let world = resolve.select_world(&[package], Some(world)).unwrap();
    let mut module = wit_component::dummy_module(&resolve, world, ManglingAndAbi::Standard32);
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().module(&module).unwrap().encode().unwrap()
}

fn parse(resolve: &mut Resolve, folder: &Path, change: impl Fn(String) -> String) -> PackageId {
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|ending| ending == "wit"));
    files.sort();
    let mut sources = SourceMap::default();
    for file in files {
        sources.push(&file, change(fs::read_to_string(&file).unwrap()));
    }
    let group = sources.parse().unwrap_or_else(|(_, error)| panic!("{}: {error}", folder.display()));
    resolve.push_group(group).unwrap()
}
