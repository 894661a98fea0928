//! A loaded plugin, and the mapper that it is in one pass.

use std::{sync::Arc, time::Duration};

use crosswalk_engine::{
    mapping::{Conflict, CrmDraft, Manifest, Mapper, Outcome, Record, Refusal, Report, Resolution},
    referral::Referral,
    value::Fields,
};
use wasmtime::Store;

use crate::{
    call::{self, CallState, LogLine, PassState, Setting, Settings},
    contract::v1::{self, drafts, wire},
    engine::Runtime,
    load::Prepared,
    lookup::{Lookup, LookupAnswer, PassLookups},
};

/// A plugin with its settings, ready to be called from any thread. Cheap to clone.
#[derive(Clone)]
pub struct Plugin {
    pub(crate) shared: Arc<Loaded>,
}

pub(crate) struct Loaded {
    pub(crate) runtime: Runtime,
    pub(crate) prepared: Arc<Prepared>,
    pub(crate) manifest: Arc<Manifest>,
    pub(crate) settings: Settings,
    pub(crate) settings_json: serde_json::Map<String, serde_json::Value>,
}

/// The pass that a mapper is made for.
pub struct PassContext {
    /// The tenant's name, as the plugin sees it.
    pub tenant: String,
    /// The time of the pass: the only clock that the plugin has.
    pub now: jiff::Timestamp,
    /// The tenant's CRM, or an earlier pass's answers; without it, lookups are unavailable.
    pub lookups: Option<Box<dyn Lookup>>,
}

/// A plugin in one pass: the engine's [`Mapper`], and a record of what the pass used.
pub struct PassMapper {
    plugin: Plugin,
    context: wire::Context,
    state: PassState,
    usage: PassUsage,
}

/// What a pass used of the sandbox, and what belongs to its record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PassUsage {
    /// Calls of the plugin, refused ones too.
    pub calls: u32,
    /// Fuel of all calls. Same plugin, settings, input and answers: same fuel.
    pub fuel: u64,
    /// Time of all calls; waiting for a slot and lookups are not counted.
    pub wall: Duration,
    /// Time that lookups took.
    pub lookup_time: Duration,
    /// What the plugin wrote to the log, in order.
    pub log: Vec<LogLine>,
    /// What it looked up, each question once, in order.
    pub lookups: Vec<LookupAnswer>,
}

impl Plugin {
    /// What the plugin is, and all that it will ever read and write.
    pub fn manifest(&self) -> &Manifest {
        &self.shared.manifest
    }

    /// The SHA-256 of the component, in lower-case hex.
    pub fn digest(&self) -> &str {
        &self.shared.prepared.digest
    }

    /// The tenant's settings, with the schema's defaults filled in.
    pub fn settings(&self) -> &serde_json::Map<String, serde_json::Value> {
        &self.shared.settings_json
    }

    /// The plugin as the mapper of one pass.
    pub fn mapper(&self, context: PassContext) -> PassMapper {
        PassMapper {
            plugin: self.clone(),
            context: v1::context(&context.tenant, context.now),
            state: PassState {
                lookups: PassLookups { source: context.lookups, answers: Vec::new() },
                log: Vec::new(),
            },
            usage: PassUsage::default(),
        }
    }
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Settings are the tenant's own and stay out.
        formatter
            .debug_struct("Plugin")
            .field("name", &self.manifest().name)
            .field("version", &self.manifest().version)
            .field("digest", &self.digest())
            .finish_non_exhaustive()
    }
}

impl PassMapper {
    /// What the pass used, and its record. The mapper is done.
    pub fn finish(self) -> PassUsage {
        PassUsage { log: self.state.log, lookups: self.state.lookups.answers, ..self.usage }
    }

    /// The plugin that decides this pass.
    pub fn plugin(&self) -> &Plugin {
        &self.plugin
    }

    fn call<Answer>(
        &mut self,
        function: &'static str,
        ask: impl FnOnce(
            &mut Store<CallState>,
            &wire::Guest,
            &wire::Context,
        ) -> wasmtime::Result<Result<Answer, wire::Refusal>>,
    ) -> Result<Answer, Refusal> {
        let loaded = &self.plugin.shared;
        let setting = Setting {
            function,
            settings: &loaded.settings,
            manifest: Some(&loaded.manifest),
            pass: std::mem::take(&mut self.state),
        };
        let context = &self.context;
        let ended = call::call(&loaded.runtime.inner, &loaded.prepared.pre, setting, |store, instance| {
            ask(store, instance.crosswalk_mapping_mapping(), context)
        });
        self.state = ended.pass;
        self.usage.calls += 1;
        self.usage.fuel += ended.fuel;
        self.usage.wall += ended.wall;
        self.usage.lookup_time += ended.lookup_time;
        ended.answer?.map_err(drafts::refusal)
    }

    fn manifest(&self) -> Arc<Manifest> {
        Arc::clone(&self.plugin.shared.manifest)
    }
}

impl Mapper for PassMapper {
    fn to_crm(&mut self, referral: &Referral, linked: Option<&Record>) -> Result<Outcome<CrmDraft>, Refusal> {
        let (referral, linked) = (v1::referral::referral(referral), linked.map(v1::record));
        let outcome = self.call("to-crm", |store, plugin, context| {
            plugin.call_to_crm(store, &referral, linked.as_ref(), context)
        })?;
        drafts::crm_outcome(&self.manifest(), outcome)
    }

    fn to_referral(
        &mut self,
        linked: &Record,
        referral: Option<&Referral>,
    ) -> Result<Outcome<Fields>, Refusal> {
        let (linked, referral) = (v1::record(linked), referral.map(v1::referral::referral));
        let outcome = self.call("to-referral", |store, plugin, context| {
            plugin.call_to_referral(store, &linked, referral.as_ref(), context)
        })?;
        drafts::referral_outcome(&self.manifest(), outcome)
    }

    fn resolve(&mut self, conflicts: &[Conflict]) -> Result<Vec<Resolution>, Refusal> {
        let asked: Vec<_> = conflicts.iter().map(v1::conflict).collect();
        let given =
            self.call("resolve", |store, plugin, context| plugin.call_resolve(store, &asked, context))?;
        drafts::resolutions(&self.manifest(), conflicts, given)
    }

    fn report(&mut self, linked: &Record, report: &Report) -> Result<Fields, Refusal> {
        let (record, sync) = (v1::record(linked), v1::report(report));
        let fields =
            self.call("report", |store, plugin, context| plugin.call_report(store, &record, &sync, context))?;
        drafts::report_fields(&self.manifest(), &linked.key.entity, &fields)
    }
}
