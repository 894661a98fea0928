//! What the compiler cannot check: who may know whom, how long a file may get, that every module says what it is
//! for, and that what partners were given stays as it was given.

#![expect(clippy::unwrap_used, reason = "a test ends where it finds something wrong")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Lines that a source file may have.
const FILE_LINES_MAX: usize = 600;

/// Each of our crates, and those of ours that it may depend on. `dev` marks what only its tests may use.
///
/// The reasons: the engine is pure; journal, runtime and connectors meet only in the host; the sandbox shares no code
/// with what is tested against it; plugins come into the host as bytes. The laws of a mapping hold no guest code: the SDK
/// and the host check the same ones.
const ARROWS: &[(&str, &[&str], &[&str])] = &[
    ("crosswalk-engine", &[], &[]),
    ("crosswalk-journal", &["crosswalk-engine"], &[]),
    ("crosswalk-runtime", &["crosswalk-engine"], &["crosswalk-builder"]),
    ("crosswalk-connectors", &["crosswalk-engine"], &["crosswalk-sandbox"]),
    ("crosswalk-sandbox", &[], &[]),
    ("crosswalk-builder", &[], &[]),
    ("crosswalk-laws", &[], &[]),
    ("crosswalk-sdk-macros", &[], &[]),
    ("crosswalk-sdk", &["crosswalk-laws", "crosswalk-sdk-macros"], &["crosswalk-builder"]),
    ("crosswalk-dynamics", &["crosswalk-sdk"], &[]),
    ("crosswalk-salesforce", &["crosswalk-sdk"], &[]),
    ("crosswalk-plugin-example", &["crosswalk-sdk", "crosswalk-dynamics"], &[]),
    (
        "crosswalk",
        &[
            "crosswalk-builder",
            "crosswalk-connectors",
            "crosswalk-engine",
            "crosswalk-journal",
            "crosswalk-laws",
            "crosswalk-runtime",
            "crosswalk-sandbox",
        ],
        &[],
    ),
];

/// What the engine may never reach for: anything that does IO or runs code.
const NOT_IN_THE_ENGINE: &[&str] =
    &["tokio", "sqlx", "reqwest", "wasmtime", "axum", "hyper", "rand", "uuid", "tracing"];

#[test]
fn the_root_has_its_seven_names_and_no_others() {
    let allowed: BTreeSet<&str> = [
        "Cargo.toml",
        "host",
        "wit",
        "plugins",
        "sdk",
        "tests",
        "README.md", // the seven
        "Cargo.lock",
        "LICENSE",
        "rust-toolchain.toml", // what tools look for at the root
        "target",
    ]
    .into();
    let found: Vec<String> = fs::read_dir(root())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with('.') && !allowed.contains(name.as_str()))
        .collect();
    assert!(found.is_empty(), "these do not belong at the root: {found:?}");
}

#[test]
fn crates_know_only_whom_they_may_know() {
    let arrows: BTreeMap<&str, (&[&str], &[&str])> =
        ARROWS.iter().map(|(name, normal, dev)| (*name, (*normal, *dev))).collect();
    for manifest in manifests() {
        let text = fs::read_to_string(&manifest).unwrap();
        let name = package_name(&text);
        if name == "crosswalk-tests" {
            continue; // the tests may know everybody; that nobody knows them is checked by the other arrows
        }
        let (normal, dev) = arrows.get(name.as_str()).unwrap_or_else(|| {
            panic!("{name} is new: say in ARROWS whom it may know, and why, in {}", file!())
        });
        for (section, dependency) in dependencies(&text) {
            if !dependency.starts_with("crosswalk") {
                continue;
            }
            let allowed = normal.contains(&dependency.as_str())
                || (section == "dev-dependencies" && dev.contains(&dependency.as_str()));
            assert!(allowed, "{name} must not know {dependency} ([{section}] of {})", manifest.display());
        }
    }
}

#[test]
fn the_engine_reaches_for_no_io() {
    let text = fs::read_to_string(root().join("host/engine/Cargo.toml")).unwrap();
    for (section, dependency) in dependencies(&text) {
        assert!(
            section != "dependencies" || !NOT_IN_THE_ENGINE.contains(&dependency.as_str()),
            "the engine is pure: {dependency} does not belong there"
        );
    }
}

#[test]
fn every_source_file_says_what_it_is_for_and_can_be_read_whole() {
    let mut wrong = Vec::new();
    for file in sources() {
        let text = fs::read_to_string(&file).unwrap();
        let shown = file.strip_prefix(root()).unwrap().display().to_string();
        let lines = text.lines().count();
        if lines > FILE_LINES_MAX {
            wrong.push(format!("{shown}: {lines} lines, {FILE_LINES_MAX} are allowed; split it by noun"));
        }
        if !text.lines().find(|line| !line.trim().is_empty()).is_some_and(says_what_it_is_for) {
            wrong.push(format!("{shown}: does not open with what it is for (`//!`)"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_test_that_the_operators_guide_names_exists() {
    let guide = fs::read_to_string(root().join("host/OPERATING.md")).unwrap();
    let (_, traps) = guide.split_once("## The 44 traps").unwrap();
    let code: String = sources().iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    let quoted = traps.split('`').skip(1).step_by(2);
    let named: Vec<&str> = quoted.filter(|name| name.contains('_')).collect();
    assert!(named.len() > 44, "the table of traps is gone");
    let missing: Vec<&&str> = named.iter().filter(|name| !code.contains(&format!("fn {name}("))).collect();
    assert!(missing.is_empty(), "no such tests: {missing:?}");
}

#[test]
fn every_error_code_has_a_page_and_every_page_a_code() {
    let code: String = sources().iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    let quoted = code.split('"').filter(|text| {
        text.len() == 6 && text.starts_with("MAP") && text[3..].bytes().all(|byte| byte.is_ascii_digit())
    });
    // What tests invent is not among what the product says.
    let invented = ["MAP999", "MAP000"];
    let codes: BTreeSet<String> =
        quoted.filter(|code| !invented.contains(code)).map(|code| format!("{code}.md")).collect();
    let pages: BTreeSet<String> = sorted(&root().join("host/errors"))
        .iter()
        .map(|page| page.file_name().unwrap().to_string_lossy().into_owned())
        .filter(|name| name.starts_with("MAP"))
        .collect();
    assert_eq!(codes, pages);
}

#[test]
fn what_partners_were_given_stays_as_it_was_given() {
    let released = root().join("wit/released");
    let mut digests = String::new();
    for version in sorted(&released) {
        for file in sorted(&version) {
            let text = fs::read_to_string(&file).unwrap();
            let name = file.strip_prefix(&released).unwrap().display().to_string();
            digests.push_str(&format!("{name} {:016x}\n", fnv1a(text.as_bytes())));
        }
    }
    let recorded = include_str!("released.digests");
    assert_eq!(
        digests, recorded,
        "a released contract never changes; add an interface in a new minor instead"
    );
}

#[test]
fn the_contract_in_use_is_the_one_that_was_released() {
    let current = root().join("wit");
    for file in sorted(&current.join("released/1.0.0")) {
        let name = file.file_name().unwrap();
        assert_eq!(
            fs::read_to_string(&file).unwrap(),
            fs::read_to_string(current.join(name)).unwrap(),
            "{} differs from its frozen copy: start the next version instead",
            name.display()
        );
    }
}

#[test]
fn no_test_is_switched_off_and_nothing_is_left_to_do() {
    // Spelled in two halves, so that this file does not find itself.
    let marks = [concat!("#[igno", "re"), concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X:")];
    let mut wrong = Vec::new();
    for file in sources() {
        let text = fs::read_to_string(&file).unwrap();
        for (number, line) in text.lines().enumerate() {
            if marks.iter().any(|mark| line.contains(mark)) {
                wrong.push(format!("{}:{}: {}", file.display(), number + 1, line.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn links_between_our_pages_lead_somewhere() {
    let mut wrong = Vec::new();
    for page in files(&root(), "md") {
        let text = fs::read_to_string(&page).unwrap();
        for target in links(&text) {
            let path = target.split('#').next().unwrap_or_default();
            if path.is_empty() || path.contains("://") || path.starts_with("mailto:") {
                continue;
            }
            if !page.parent().unwrap().join(path).exists() {
                wrong.push(format!("{}: {target}", page.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

fn says_what_it_is_for(line: &str) -> bool {
    // A crate whose documentation is its README opens with that instead.
    line.starts_with("//!") || line.starts_with("#![doc = include_str!")
}

fn manifests() -> Vec<PathBuf> {
    files(&root(), "toml")
        .into_iter()
        .filter(|path| path.file_name().is_some_and(|name| name == "Cargo.toml"))
        .filter(|path| path.parent() != Some(&root()))
        .filter(|path| {
            !path.starts_with(root().join("sdk/template")) && !path.starts_with(root().join("tests/guests"))
        })
        .collect()
}

fn sources() -> Vec<PathBuf> {
    files(&root(), "rs")
}

/// Files of ours with this ending, in a stable order; build output and hidden folders are passed over.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in sorted(folder) {
        let name = path.file_name().unwrap().to_string_lossy();
        if name.starts_with('.') || name == "target" || name == "node_modules" {
            continue;
        }
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.extension().is_some_and(|found| found == ending) {
            found.push(path);
        }
    }
    found
}

fn sorted(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn package_name(manifest: &str) -> String {
    let line = manifest.lines().find(|line| line.starts_with("name")).unwrap();
    line.split('"').nth(1).unwrap().to_owned()
}

/// (section, name) of every dependency in a manifest.
fn dependencies(manifest: &str) -> Vec<(String, String)> {
    let mut section = String::new();
    let mut found = Vec::new();
    for line in manifest.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']').to_owned();
        } else if section.ends_with("dependencies") && !line.trim().is_empty() && !line.starts_with('#') {
            let name = line.split(['.', '=', ' ']).next().unwrap();
            found.push((section.clone(), name.to_owned()));
        }
    }
    found
}

fn links(markdown: &str) -> Vec<String> {
    markdown
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .map(|target| target.trim().to_owned())
        .filter(|target| !target.contains(' ') && !target.contains('\n'))
        .collect()
}

/// FNV-1a, 64 bits: enough to notice a change, and needs no dependency.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
