//! One call of a plugin: a fresh store and instance, within all limits, and what its end means.
//!
//! A store that trapped is dropped like any other; nothing of it is used again.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use crosswalk_engine::{
    mapping::{Manifest, Refusal},
    value::Fields,
};
use serde::{Deserialize, Serialize};
use wasmtime::{PoolConcurrencyLimitError, ResourceLimiter, Store, Trap, UpdateDeadline};

use crate::{
    codes::{Code, clean},
    contract::v1::{
        self, Mapper, MapperIndices, log, lookup as wit_lookup, settings as wit_settings, values, wire_values,
    },
    engine::Inner,
    gate::Caller,
    limits::Limits,
    load::Prepared,
    lookup::{LookupFailure, PassLookups, bounded, declared},
};

/// How much a log line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// For the plugin's developer.
    Debug,
    /// Worth knowing.
    Info,
    /// Odd, but mapped.
    Warn,
    /// Something went wrong; a panic's message comes as this.
    Error,
}

/// A line that a plugin wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// The function that was called, `to-crm`.
    pub call: String,
    /// How much it matters.
    pub level: Level,
    /// What it says, without control characters.
    pub message: String,
}

/// Settings, ready to be asked for.
pub(crate) type Settings = Arc<BTreeMap<String, wire_values::Value>>;

/// What outlives a call: it belongs to the pass.
#[derive(Default)]
pub(crate) struct PassState {
    pub(crate) lookups: PassLookups,
    pub(crate) log: Vec<LogLine>,
}

/// The host's side of one call.
pub(crate) struct CallState {
    function: &'static str,
    limits: Limits,
    settings: Settings,
    /// `None` while the plugin is describing itself.
    manifest: Option<Arc<Manifest>>,
    pass: PassState,
    lines: usize,
    lookups: u32,
    /// Time that the host spent in lookups, all of it and what the epoch deadline has not been moved by yet.
    lookup_time: Duration,
    lookup_time_owed: Duration,
    last_error: Option<String>,
    /// Bytes of all its linear memories, which only grow.
    memory_bytes: usize,
    /// Set when a limit stopped the call: the size that was wanted.
    memory_wanted: Option<usize>,
    table_wanted: Option<usize>,
}

/// How a call ended, and what it used.
pub(crate) struct Ended<Answer> {
    pub(crate) answer: Result<Answer, Refusal>,
    pub(crate) pass: PassState,
    pub(crate) fuel: u64,
    pub(crate) memory_bytes: usize,
    /// From instantiation to the answer, lookups not counted, nor waiting for a slot.
    pub(crate) wall: Duration,
    pub(crate) lookup_time: Duration,
}

/// What a call is made with.
pub(crate) struct Setting<'plugin> {
    pub(crate) function: &'static str,
    /// Whose call it is; `None` for the host's own, before the plugin belongs to anybody.
    pub(crate) tenant: Option<&'plugin str>,
    pub(crate) settings: &'plugin Settings,
    pub(crate) manifest: Option<&'plugin Arc<Manifest>>,
    pub(crate) pass: PassState,
}

/// Calls a function of the plugin in a fresh instance.
pub(crate) fn call<Answer>(
    inner: &Inner,
    plugin: &Prepared,
    setting: Setting<'_>,
    ask: impl FnOnce(&mut Store<CallState>, &Mapper) -> wasmtime::Result<Answer>,
) -> Ended<Answer> {
    let sandbox = &plugin.sandbox;
    let limits = &sandbox.limits;
    let name =
        setting.manifest.map_or_else(|| "the plugin".to_owned(), |manifest| format!("`{}`", manifest.name));
    let slot = inner.gate.enter(Caller { tenant: setting.tenant, large: sandbox.large });
    let started = Instant::now();
    let mut store = Store::new(&sandbox.engine, CallState::new(limits.clone(), setting));
    let answer = limited(&mut store, limits).and_then(|()| {
        let instance = plugin.pre.instantiate(&mut store)?;
        ask(&mut store, &instance)
    });
    let left = store.get_fuel().unwrap_or(0);
    let state = store.into_data();
    match answer {
        Ok(_) => drop(slot),
        Err(_) => slot.wasted(),
    }
    Ended {
        answer: answer.map_err(|error| state.refusal(&name, &error)),
        fuel: limits.plugin_fuel_per_call_max.saturating_sub(left),
        memory_bytes: state.memory_bytes,
        wall: started.elapsed().saturating_sub(state.lookup_time),
        lookup_time: state.lookup_time,
        pass: state.pass,
    }
}

/// Whether a component's functions have the types of the contract. What else can be wrong with an instance shows when the
/// plugin is asked what it is.
pub(crate) fn types_fit(inner: &Inner, plugin: &Prepared) -> wasmtime::Result<()> {
    let sandbox = &plugin.sandbox;
    let settings = Settings::default();
    let pass = PassState::default();
    let setting = Setting { function: "describe", tenant: None, settings: &settings, manifest: None, pass };
    let _slot = inner.gate.enter(Caller { tenant: None, large: sandbox.large });
    let mut store = Store::new(&sandbox.engine, CallState::new(sandbox.limits.clone(), setting));
    limited(&mut store, &sandbox.limits)?;
    let pre = plugin.pre.instance_pre();
    match pre.instantiate(&mut store) {
        Ok(instance) => MapperIndices::new(pre)?.load(&mut store, &instance).map(drop),
        Err(_) => Ok(()),
    }
}

/// Puts all limits of a call on its store. Instantiation counts, so this comes before it.
fn limited(store: &mut Store<CallState>, limits: &Limits) -> wasmtime::Result<()> {
    store.limiter(|state| state as &mut dyn ResourceLimiter);
    store.set_hostcall_fuel(limits.plugin_output_bytes_max);
    store.set_fuel(limits.plugin_fuel_per_call_max)?;
    store.set_epoch_deadline(limits.call_ticks_max());
    // The CRM's time is not the plugin's: what lookups took is given back when the deadline comes.
    store.epoch_deadline_callback(|mut store| {
        let state = store.data_mut();
        let owed = std::mem::take(&mut state.lookup_time_owed);
        let milliseconds = u64::try_from(owed.as_millis()).unwrap_or(u64::MAX);
        Ok(match state.limits.ticks(milliseconds) {
            0 => UpdateDeadline::Interrupt,
            ticks => UpdateDeadline::Continue(ticks),
        })
    });
    Ok(())
}

impl CallState {
    fn new(limits: Limits, setting: Setting<'_>) -> Self {
        Self {
            function: setting.function,
            limits,
            settings: Arc::clone(setting.settings),
            manifest: setting.manifest.cloned(),
            pass: setting.pass,
            lines: 0,
            lookups: 0,
            lookup_time: Duration::ZERO,
            lookup_time_owed: Duration::ZERO,
            last_error: None,
            memory_bytes: 0,
            memory_wanted: None,
            table_wanted: None,
        }
    }

    /// What the end of a call means to people.
    fn refusal(&self, plugin: &str, error: &wasmtime::Error) -> Refusal {
        let (function, limits) = (self.function, &self.limits);
        if let Some(bytes) = self.memory_wanted {
            return Code::MemorySpent.reject(
                None,
                format!(
                    "{plugin} wanted {bytes} bytes of memory in `{function}`, of at most {}",
                    limits.plugin_memory_bytes_max
                ),
                "look for a list or text that grows without end; the operator can raise `plugin_memory_bytes_max` \
                 (`large_memory_bytes_max` for a large plugin)",
            );
        }
        if let Some(elements) = self.table_wanted {
            return Code::TableSpent.reject(
                None,
                format!(
                    "{plugin} wanted a table of {elements} elements in `{function}`, of at most {}",
                    limits.plugin_table_elements_max
                ),
                "no mapping needs that; check what the plugin was built from",
            );
        }
        match error.downcast_ref::<Trap>() {
            Some(trap) => self.trapped(plugin, *trap),
            None => self.failed(plugin, error),
        }
    }

    fn trapped(&self, plugin: &str, trap: Trap) -> Refusal {
        let (function, limits) = (self.function, &self.limits);
        match trap {
            Trap::OutOfFuel => Code::FuelSpent.reject(
                None,
                format!(
                    "{plugin} burned all of its {} units of fuel in `{function}`",
                    limits.plugin_fuel_per_call_max
                ),
                "look for a loop that does not end; if the work is real, the operator can raise \
                 `plugin_fuel_per_call_max`",
            ),
            Trap::Interrupt => Code::TimeSpent.retry(
                format!("{plugin} took longer than {} ms in `{function}`", limits.plugin_call_ms_max),
                "if the host is not overloaded, look for a loop that does not end, or raise `plugin_call_ms_max`",
            ),
            Trap::StackOverflow | Trap::MemoryOutOfBounds => Code::StackSpent.reject(
                None,
                format!("{plugin} used up its stack in `{function}`, or touched memory that is not its own"),
                "look for a function that calls itself without end, or for very large local values",
            ),
            Trap::UnreachableCodeReached => Code::Panicked.reject(
                None,
                match &self.last_error {
                    Some(message) => format!("{plugin} panicked in `{function}`: {message}"),
                    None => format!("{plugin} panicked in `{function}` and left no message"),
                },
                "a mapping must cope with every legal referral and record: refuse with a message instead of panicking",
            ),
            other => Code::Trapped.reject(
                None,
                format!("{plugin} trapped in `{function}` ({other})"),
                "run the plugin's own tests on the input of this pass",
            ),
        }
    }

    fn failed(&self, plugin: &str, error: &wasmtime::Error) -> Refusal {
        let function = self.function;
        if error.is::<PoolConcurrencyLimitError>() {
            return Code::HostCannotRun.retry(
                format!("{plugin} could not be started for `{function}`: all instances are in use"),
                "the host tries again by itself; the operator can raise `concurrent_calls_max`",
            );
        }
        let words = clean(&format!("{error:#}"), 512);
        // Wasmtime keeps this error's type to itself; a test holds the words.
        if words.contains("fuel allocated for hostcalls has been exhausted") {
            return Code::OutputTooLarge.reject(
                None,
                format!(
                    "{plugin} handed over more than {} bytes at once in `{function}`",
                    self.limits.plugin_output_bytes_max
                ),
                "write less: no CRM field holds so much; the operator can raise `plugin_output_bytes_max`",
            );
        }
        Code::Trapped.reject(
            None,
            format!("{plugin} broke off in `{function}` ({words})"),
            "rebuild the plugin with `crosswalk plugin build`, and run its own tests on the input of this pass",
        )
    }
}

impl ResourceLimiter for CallState {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let all = self.memory_bytes.saturating_sub(current).saturating_add(desired);
        if all <= self.limits.plugin_memory_bytes_max {
            self.memory_bytes = all;
            return Ok(true);
        }
        // Ending the call here says why; a refused growth would end it as some other trap.
        self.memory_wanted = Some(all);
        Err(wasmtime::Error::msg("memory limit"))
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if desired <= self.limits.plugin_table_elements_max {
            return Ok(true);
        }
        self.table_wanted = Some(desired);
        Err(wasmtime::Error::msg("table limit"))
    }

    fn instances(&self) -> usize {
        self.limits.plugin_instances_max as usize
    }

    fn memories(&self) -> usize {
        self.limits.plugin_memories_max as usize
    }

    fn tables(&self) -> usize {
        self.limits.plugin_tables_max as usize
    }
}

impl log::Host for CallState {
    fn write(&mut self, level: log::Level, message: String) {
        let level = match level {
            log::Level::Debug => Level::Debug,
            log::Level::Info => Level::Info,
            log::Level::Warn => Level::Warn,
            log::Level::Error => Level::Error,
        };
        self.lines += 1;
        let call = self.function.to_owned();
        let kept = self.lines <= self.limits.log_lines_max;
        // A panic's message is kept for the refusal even where the log is full.
        if kept || level == Level::Error {
            let message = clean(&message, self.limits.log_line_bytes_max);
            if level == Level::Error {
                self.last_error = Some(message.clone());
            }
            if kept {
                self.pass.log.push(LogLine { call, level, message });
                return;
            }
        }
        let cut = self.lines - self.limits.log_lines_max;
        let message = format!("({cut} more lines of this call were cut)");
        match self.pass.log.last_mut() {
            Some(last) if cut > 1 => last.message = message,
            _ => self.pass.log.push(LogLine { call, level: Level::Warn, message }),
        }
    }
}

impl wit_settings::Host for CallState {
    fn get(&mut self, name: String) -> Option<wire_values::Value> {
        self.settings.get(&name).cloned()
    }
}

impl wit_lookup::Host for CallState {
    fn find(
        &mut self,
        entity: String,
        matching: Vec<wire_values::Field>,
        limit: u32,
    ) -> Result<Vec<wit_lookup::Found>, wit_lookup::Failure> {
        let manifest = self.manifest.clone().ok_or_else(|| {
            wit_lookup::Failure::NotDeclared(
                "nothing can be looked up while the plugin describes itself".to_owned(),
            )
        })?;
        self.lookups += 1;
        if self.lookups > self.limits.lookups_per_call_max {
            let most = self.limits.lookups_per_call_max;
            return Err(wit_lookup::Failure::Other(format!("a call may look up {most} times at most")));
        }
        let names = matching.iter().map(|field| field.name.as_str());
        let use_ = declared(&manifest, &entity, names).map_err(wit_lookup::Failure::NotDeclared)?;
        let mut wanted = Fields::new();
        for field in &matching {
            let value = values::read(&field.value)
                .map_err(|flaw| wit_lookup::Failure::Other(format!("`{}` is {}", field.name, flaw.what)))?;
            wanted.insert(field.name.clone(), value);
        }
        let started = Instant::now();
        let found = self.pass.lookups.find(use_, wanted, bounded(limit, &self.limits));
        let took = started.elapsed();
        self.lookup_time += took;
        self.lookup_time_owed += took;
        found.map(|found| found.iter().map(v1::found).collect()).map_err(|failure| match failure {
            LookupFailure::Unavailable(why) => wit_lookup::Failure::Unavailable(why),
            LookupFailure::Other(why) => wit_lookup::Failure::Other(why),
        })
    }
}

impl wire_values::Host for CallState {}
impl v1::bindings::crosswalk::mapping::referral::Host for CallState {}
