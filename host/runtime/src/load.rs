//! Loading a plugin: everything that can be known to be wrong is found here, before it is routed to a tenant.
//!
//! In order: bytes, compilation, room, imports, exports, types, `describe`, settings, manifest. Each step names what is
//! wrong and how to build it right.

mod room;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError, Weak},
};

use crosswalk_engine::mapping::Manifest;
use wasmtime::{Engine, component::Component};

use crate::{
    cache::OurCode,
    call::{self, CallState, PassState, Setting, Settings},
    codes::{Code, clean},
    contract::{
        EXPORT, PACKAGE, SERVED,
        v1::{self, MapperPre},
    },
    engine::{Inner, Runtime, Sandbox},
    manifest,
    plugin::{Loaded, Plugin},
    settings::Schema,
};

/// Interfaces of the contract that a plugin may import. The first two hold types only.
const OFFERED: [&str; 5] = ["values", "referral", "log", "settings", "lookup"];

const BUILD_IT: &str = "build it with `crosswalk plugin build`, which compiles for wasm32-unknown-unknown";

/// Why a plugin was not loaded. Nothing has changed for anybody: whatever a tenant was on, it is still on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct LoadError {
    /// What kind of fault it is, with a page.
    pub code: Code,
    /// What happened, a lower-case fragment with names in backticks.
    pub message: String,
    /// Each single thing that is wrong, where there can be several: an import, a setting, a field.
    pub problems: Vec<String>,
    /// What to do next.
    pub help: String,
}

/// A compiled component that fits the contract, shared by all tenants that use it.
pub(crate) struct Prepared {
    /// Where there is room for it.
    pub(crate) sandbox: Arc<Sandbox>,
    pub(crate) pre: MapperPre<CallState>,
    pub(crate) digest: String,
}

/// Components that somebody still uses, by digest.
pub(crate) type PreparedByDigest = Mutex<HashMap<String, Weak<Prepared>>>;

impl Runtime {
    /// Loads a plugin with a tenant's settings (`null` or `{}` for none): checked, compiled, described and warm.
    ///
    /// Takes 0.1 to 0.3 seconds of one core where the component was never compiled before, and well under a
    /// millisecond where another tenant uses it already.
    ///
    /// # Errors
    /// Whatever is wrong with the component, its manifest or the settings.
    pub fn load(&self, bytes: &[u8], settings: &serde_json::Value) -> Result<Plugin, LoadError> {
        let prepared = self.prepare(bytes)?;
        // The schema comes from the plugin, so it is asked without settings first, and again once they are known to
        // be right. One that cannot describe itself without any is asked with what was given, right or wrong.
        let given = || values_of(&settings.as_object().cloned().unwrap_or_default());
        let first = self.describe_with(&prepared, &Settings::default());
        let first = first.or_else(|_| self.describe_with(&prepared, &given()))?;
        let schema = Schema::parse(&first.settings_schema).map_err(|why| bad_schema(&first, &why))?;
        let accepted = schema.accept(settings).map_err(|problems| bad_settings(&first, problems))?;
        let settings = values_of(&accepted);
        let manifest = self.described_again(&prepared, &settings, &first)?;
        let loaded = Loaded {
            runtime: self.clone(),
            prepared,
            manifest: Arc::new(sound(manifest)?),
            settings,
            settings_json: accepted,
        };
        Ok(Plugin { shared: Arc::new(loaded) })
    }

    /// What a component says it is, where there are no settings. For looking at a plugin that no tenant uses yet.
    ///
    /// # Errors
    /// Whatever is wrong with the component or its manifest.
    pub fn inspect(&self, bytes: &[u8]) -> Result<Manifest, LoadError> {
        let prepared = self.prepare(bytes)?;
        let manifest = self.describe_with(&prepared, &Settings::default())?;
        Schema::parse(&manifest.settings_schema).map_err(|why| bad_schema(&manifest, &why))?;
        sound(manifest)
    }

    fn prepare(&self, bytes: &[u8]) -> Result<Arc<Prepared>, LoadError> {
        room::is_there(&self.inner, bytes.len())?;
        is_a_component(bytes)?;
        let digest = hex::encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes));
        let known = || self.inner.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(prepared) = known().get(&digest).and_then(Weak::upgrade) {
            return Ok(prepared);
        }
        let code = compile(&self.inner, &digest, bytes)?;
        let (component, sandbox) = room::place(&self.inner, &code, bytes.len())?;
        imports_are_offered(&sandbox.engine, &component)?;
        contract_is_exported(&sandbox.engine, &component)?;
        let pre = sandbox.linker.instantiate_pre(&component).and_then(MapperPre::new).map_err(wrong_types)?;
        // Done now rather than in the first call.
        component.initialize_copy_on_write_image().map_err(|error| does_not_compile(&error))?;
        let prepared = Arc::new(Prepared { sandbox, pre, digest: digest.clone() });
        call::types_fit(&self.inner, &prepared).map_err(wrong_types)?;
        let mut known = known();
        known.retain(|_, prepared| prepared.strong_count() > 0);
        known.insert(digest, Arc::downgrade(&prepared));
        Ok(prepared)
    }

    fn describe_with(&self, prepared: &Prepared, settings: &Settings) -> Result<Manifest, LoadError> {
        let pass = PassState::default();
        let setting = Setting { function: "describe", tenant: None, settings, manifest: None, pass };
        let ended = call::call(&self.inner, prepared, setting, |store, instance| {
            instance.crosswalk_mapping_mapping().call_describe(store)
        });
        let manifest = ended.answer.map_err(|refusal| LoadError {
            code: Code::DescribeFailed,
            message: format!("the plugin does not say what it is ({refusal})"),
            problems: Vec::new(),
            help: refusal.help.unwrap_or_default(),
        })?;
        v1::manifest::read(manifest).map_err(bad_manifest)
    }

    fn described_again(
        &self,
        prepared: &Prepared,
        settings: &Settings,
        first: &Manifest,
    ) -> Result<Manifest, LoadError> {
        let again = self.describe_with(prepared, settings)?;
        if again.settings_schema == first.settings_schema {
            return Ok(again);
        }
        Err(bad_schema(first, "it depends on the settings"))
    }
}

/// Settings as the contract has them.
fn values_of(settings: &serde_json::Map<String, serde_json::Value>) -> Settings {
    let values = settings.iter().map(|(name, value)| (name.clone(), v1::referral::value(value)));
    Arc::new(values.collect::<BTreeMap<_, _>>())
}

/// By the first bytes: a component, and neither native code nor a core module. Both begin with `\0asm`; the layer
/// tells them apart.
fn is_a_component(bytes: &[u8]) -> Result<(), LoadError> {
    let refuse = |code, message: &str| {
        Err(LoadError { code, message: message.to_owned(), problems: Vec::new(), help: BUILD_IT.to_owned() })
    };
    if Engine::detect_precompiled(bytes).is_some() {
        return refuse(
            Code::Precompiled,
            "this is code compiled for a processor, which is never loaded from outside",
        );
    }
    match (bytes.get(..4), bytes.get(6..8)) {
        (Some(b"\0asm"), Some([1, 0])) => Ok(()),
        (Some(b"\0asm"), Some([0, 0])) => {
            refuse(Code::NotAComponent, "this is a core WebAssembly module, not a component")
        }
        _ => refuse(Code::NotAComponent, "this is not a WebAssembly component"),
    }
}

fn compile(inner: &Inner, digest: &str, bytes: &[u8]) -> Result<OurCode, LoadError> {
    let compile = || OurCode::compile(&inner.small.engine, bytes);
    let code = match &inner.cache {
        Some(cache) => cache.get_or_compile(digest, compile),
        None => compile(),
    };
    code.map_err(|error| does_not_compile(&error))
}

fn does_not_compile(error: &wasmtime::Error) -> LoadError {
    let help = "build it with `crosswalk plugin build`; plugins use neither threads, 64-bit memories, tail calls, \
                garbage collection nor asynchronous functions";
    LoadError {
        code: Code::DoesNotCompile,
        message: format!("the component does not compile ({})", clean(&format!("{error:#}"), 1_024)),
        problems: Vec::new(),
        help: help.to_owned(),
    }
}

fn imports_are_offered(engine: &Engine, component: &Component) -> Result<(), LoadError> {
    let kind = component.component_type();
    let offered = |name: &str| {
        let (interface, version) = name.split_once('@').unwrap_or((name, ""));
        let ours = interface.strip_prefix(PACKAGE).and_then(|rest| rest.strip_prefix('/'));
        ours.is_some_and(|interface| OFFERED.contains(&interface)) && served(version)
    };
    let problems: Vec<String> = kind
        .imports(engine)
        .filter(|(name, _)| !offered(name))
        .map(|(name, _)| match name {
            name if name.starts_with("wasi:") => format!("imports `{name}`, which comes with a WASI target"),
            name if name.starts_with(PACKAGE) => {
                format!("imports `{name}`, which is not in a version served here")
            }
            name => format!("imports `{name}`"),
        })
        .collect();
    if problems.is_empty() {
        return Ok(());
    }
    Err(LoadError {
        code: Code::ImportsNotOffered,
        message: format!(
            "the component imports what this host does not offer; it offers {} and nothing else",
            OFFERED[2..].iter().map(|name| format!("`{PACKAGE}/{name}`")).collect::<Vec<_>>().join(", ")
        ),
        problems,
        help: format!(
            "{BUILD_IT} and so imports no WASI; a plugin has no clock, network, files or randomness"
        ),
    })
}

fn contract_is_exported(engine: &Engine, component: &Component) -> Result<(), LoadError> {
    let kind = component.component_type();
    let exports: Vec<&str> = kind.exports(engine).map(|(name, _)| name).collect();
    let versions: Vec<&str> =
        exports.iter().filter_map(|name| name.strip_prefix(EXPORT)?.strip_prefix('@')).collect();
    if versions.iter().any(|version| served(version)) {
        return Ok(());
    }
    let serves = SERVED.join(", ");
    let (message, help) = if versions.is_empty() {
        let found =
            if exports.is_empty() { "nothing".to_owned() } else { format!("`{}`", exports.join("`, `")) };
        (
            format!(
                "the component does not export `{EXPORT}` (this host serves {serves}), but {}",
                clean(&found, 512)
            ),
            format!("a plugin is a crate with crosswalk-sdk: {BUILD_IT}"),
        )
    } else {
        (
            format!(
                "the component exports version {} of `{EXPORT}`, and this host serves {serves}",
                versions.join(", ")
            ),
            "build it with the crosswalk-sdk of this host's version, or update the host first".to_owned(),
        )
    };
    Err(LoadError { code: Code::WrongContract, message, problems: Vec::new(), help })
}

/// Whether a version of the contract is one that this host serves: same major version as one of [`SERVED`].
fn served(version: &str) -> bool {
    let major =
        |version: &str| version.split('.').next().map(str::to_owned).filter(|major| !major.is_empty());
    major(version).is_some() && SERVED.iter().any(|served| major(served) == major(version))
}

fn wrong_types(error: wasmtime::Error) -> LoadError {
    LoadError {
        code: Code::WrongTypes,
        message: format!(
            "the component's types are not those of the contract ({})",
            clean(&format!("{error:#}"), 1_024)
        ),
        problems: Vec::new(),
        help: "build it with an unchanged copy of the contract, or with crosswalk-sdk".to_owned(),
    }
}

fn sound(manifest: Manifest) -> Result<Manifest, LoadError> {
    let problems = manifest::problems(&manifest);
    if problems.is_empty() { Ok(manifest) } else { Err(bad_manifest(problems)) }
}

fn bad_manifest(problems: Vec<String>) -> LoadError {
    LoadError {
        code: Code::BadManifest,
        message: "the plugin's manifest cannot be used".to_owned(),
        problems: problems.iter().map(|problem| clean(problem, 512)).collect(),
        help: "correct what `describe` returns; with crosswalk-sdk, the fields of the plugin's own structs"
            .to_owned(),
    }
}

fn bad_schema(manifest: &Manifest, why: &str) -> LoadError {
    LoadError {
        code: Code::BadSettingsSchema,
        message: format!(
            "the settings schema of `{}` cannot be used: {}",
            clean(&manifest.name, 128),
            clean(why, 512)
        ),
        problems: Vec::new(),
        help: "return one JSON Schema (2020-12) object as text, the same for all settings, or an empty text"
            .to_owned(),
    }
}

fn bad_settings(manifest: &Manifest, problems: Vec<String>) -> LoadError {
    LoadError {
        code: Code::BadSettings,
        message: format!("the settings are not what `{}` asks for", clean(&manifest.name, 128)),
        problems: problems.iter().map(|problem| clean(problem, 512)).collect(),
        help: "correct the settings of the tenant; `crosswalk plugin check` shows the plugin's schema"
            .to_owned(),
    }
}
