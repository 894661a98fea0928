//! A loaded plugin, and the mapper that it is in one pass.

use std::{sync::Arc, time::Duration};

use crosswalk_engine::{
    mapping::{
        Conflict, CrmDraft, Disposition, Manifest, Mapper, Outcome, Record, Refusal, Report, Resolution,
    },
    referral::Referral,
    value::Fields,
};
use wasmtime::Store;

use crate::{
    call::{self, CallState, LogLine, PassState, Setting, Settings},
    codes::Code,
    contract::v1::{self, drafts, wire},
    engine::Runtime,
    limits::Limits,
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
    /// The same pass a moment later, if each question is to be asked twice.
    later: Option<wire::Context>,
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
    /// The most linear memory that a call had, in bytes.
    pub memory_bytes: usize,
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

    /// What each of its calls may use.
    pub fn limits(&self) -> &Limits {
        &self.shared.prepared.sandbox.limits
    }

    /// The plugin as the mapper of one pass.
    pub fn mapper(&self, context: PassContext) -> PassMapper {
        PassMapper {
            plugin: self.clone(),
            context: v1::context(&context.tenant, context.now),
            later: None,
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
    /// Has each question asked twice, the second time as of a moment later, and refuses where the answers differ. The
    /// second time is in nobody's usage and log: the pass is recorded as if it had not been.
    pub fn asked_twice(mut self, tenant: &str, now: jiff::Timestamp) -> Self {
        self.later = Some(v1::context(tenant, a_moment_later(now)));
        self
    }

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
        let context = &self.context;
        let setting = Setting {
            function,
            tenant: Some(&context.tenant),
            settings: &loaded.settings,
            manifest: Some(&loaded.manifest),
            pass: std::mem::take(&mut self.state),
        };
        let ended = call::call(&loaded.runtime.inner, &loaded.prepared, setting, |store, instance| {
            ask(store, instance.crosswalk_mapping_mapping(), context)
        });
        self.state = ended.pass;
        self.usage.calls += 1;
        self.usage.fuel += ended.fuel;
        self.usage.memory_bytes = self.usage.memory_bytes.max(ended.memory_bytes);
        self.usage.wall += ended.wall;
        self.usage.lookup_time += ended.lookup_time;
        ended.answer?.map_err(drafts::refusal)
    }

    fn manifest(&self) -> Arc<Manifest> {
        Arc::clone(&self.plugin.shared.manifest)
    }

    /// Asks once, or twice if that was wanted; `fields` names what of an answer is worth comparing field by field.
    fn settled<Answer: PartialEq>(
        &mut self,
        function: &'static str,
        ask: impl Fn(&mut Self) -> Result<Answer, Refusal>,
        fields: impl Fn(&Answer) -> Option<&Fields>,
    ) -> Result<Answer, Refusal> {
        let first = ask(self);
        let Some(later) = self.later.clone() else { return first };
        let again = |answer: &Result<Answer, Refusal>| {
            answer.as_ref().is_err_and(|refusal| refusal.disposition == Disposition::Retry)
        };
        if again(&first) {
            return first;
        }
        let (lines, lookups) = (self.state.log.len(), self.state.lookups.answers.len());
        let (context, usage) = (std::mem::replace(&mut self.context, later), self.usage.clone());
        let second = ask(self);
        (self.context, self.usage) = (context, usage);
        self.state.log.truncate(lines);
        self.state.lookups.answers.truncate(lookups);
        // That a host or a CRM is too slow the second time says nothing about the plugin.
        if first == second || again(&second) {
            return first;
        }
        let held = |answer: &Result<Answer, Refusal>| answer.as_ref().ok().and_then(&fields).cloned();
        let field = held(&first).zip(held(&second)).and_then(|(first, second)| differing(&first, &second));
        let name = &self.plugin.manifest().name;
        let what = field.as_ref().map_or_else(|| "its answer".to_owned(), |field| format!("`{field}`"));
        Err(Code::TwoAnswers.reject(
            field.as_deref(),
            format!("`{name}` gave two answers to one question in `{function}`: {what} was another a second later"),
            "a draft must not follow the clock: take the time of the pass out of it, only `report` may use it",
        ))
    }

    fn draft_record(
        &mut self,
        referral: &Referral,
        linked: Option<&Record>,
    ) -> Result<Outcome<CrmDraft>, Refusal> {
        let (referral, linked) = (v1::referral::referral(referral), linked.map(v1::record));
        let outcome = self.call("to-crm", |store, plugin, context| {
            plugin.call_to_crm(store, &referral, linked.as_ref(), context)
        })?;
        drafts::crm_outcome(&self.manifest(), outcome)
    }

    fn draft_referral(
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

    fn decide(&mut self, conflicts: &[Conflict]) -> Result<Vec<Resolution>, Refusal> {
        let asked: Vec<_> = conflicts.iter().map(v1::conflict).collect();
        let given =
            self.call("resolve", |store, plugin, context| plugin.call_resolve(store, &asked, context))?;
        drafts::resolutions(&self.manifest(), conflicts, given)
    }
}

/// A second later, unless another hour begins: a mapping may go by the day.
fn a_moment_later(now: jiff::Timestamp) -> jiff::Timestamp {
    const HOUR_S: i64 = 3_600;
    match now.checked_add(jiff::SignedDuration::from_secs(1)) {
        Ok(later) if later.as_second().div_euclid(HOUR_S) == now.as_second().div_euclid(HOUR_S) => later,
        _ => now,
    }
}

/// The first field that two drafts do not have in common.
fn differing(first: &Fields, second: &Fields) -> Option<String> {
    let names = first.keys().chain(second.keys());
    names.filter(|name| first.get(*name) != second.get(*name)).min().cloned()
}

impl Mapper for PassMapper {
    fn to_crm(&mut self, referral: &Referral, linked: Option<&Record>) -> Result<Outcome<CrmDraft>, Refusal> {
        let ask = |mapper: &mut Self| mapper.draft_record(referral, linked);
        self.settled("to-crm", ask, |outcome| match outcome {
            Outcome::Hold(draft) => Some(&draft.fields),
            _ => None,
        })
    }

    fn to_referral(
        &mut self,
        linked: &Record,
        referral: Option<&Referral>,
    ) -> Result<Outcome<Fields>, Refusal> {
        let ask = |mapper: &mut Self| mapper.draft_referral(linked, referral);
        self.settled("to-referral", ask, |outcome| match outcome {
            Outcome::Hold(fields) => Some(fields),
            _ => None,
        })
    }

    fn resolve(&mut self, conflicts: &[Conflict]) -> Result<Vec<Resolution>, Refusal> {
        self.settled("resolve", |mapper| mapper.decide(conflicts), |_| None)
    }

    /// Asked once: a report may say when it was made.
    fn report(&mut self, linked: &Record, report: &Report) -> Result<Fields, Refusal> {
        let (record, sync) = (v1::record(linked), v1::report(report));
        let fields =
            self.call("report", |store, plugin, context| plugin.call_report(store, &record, &sync, context))?;
        drafts::report_fields(&self.manifest(), &linked.key.entity, &fields)
    }
}
