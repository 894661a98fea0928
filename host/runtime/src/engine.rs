//! The engines of a process: wasmtime's configuration, the clock that ends calls, and the gate before both.
//!
//! One engine is for plugins of the usual size, with all room for them reserved in a pool. The other is there only where
//! the operator allows large plugins, and makes room for each call when it comes. Both compile to the same code.

use std::{path::Path, sync::Arc, time::Duration};

use wasmtime::{
    Config, Enabled, Engine, EngineWeak, InstanceAllocationStrategy, PoolingAllocationConfig,
    component::{HasSelf, Linker},
};

use crate::{
    cache::Cache, call::CallState, contract::v1::bindings, gate::Gate, limits::Limits, load::PreparedByDigest,
};

/// Loads plugins, and runs them within its limits. Cheap to clone; one a process.
#[derive(Clone)]
pub struct Runtime {
    pub(crate) inner: Arc<Inner>,
}

/// What all plugins of a process share.
pub(crate) struct Inner {
    /// Where a plugin runs if it fits.
    pub(crate) small: Arc<Sandbox>,
    /// Where it runs if not, if there is such a place.
    pub(crate) large: Option<Arc<Sandbox>>,
    pub(crate) gate: Gate,
    pub(crate) cache: Option<Cache>,
    pub(crate) prepared: PreparedByDigest,
}

/// An engine, and what a plugin may have there.
pub(crate) struct Sandbox {
    pub(crate) engine: Engine,
    /// What the host offers: the contract's own interfaces, and nothing else.
    pub(crate) linker: Linker<CallState>,
    pub(crate) limits: Limits,
    pub(crate) large: bool,
}

/// Why the sandbox cannot be set up on this machine.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Wasmtime refuses the configuration, or the machine the address space.
    #[error(
        "the sandbox for plugins cannot be set up ({reason}); it reserves about {reserved_gib} GiB of address space \
         (not memory): lower `concurrent_calls_max` or raise the limit on virtual memory (`ulimit -v`)"
    )]
    Engine {
        /// Wasmtime's own words.
        reason: String,
        /// What the pool reserves.
        reserved_gib: u64,
    },
    /// The thread that ends calls that take too long cannot be started.
    #[error("the thread that ends plugin calls after `plugin_call_ms_max` cannot be started")]
    Ticker(#[source] std::io::Error),
    /// The folder of the compile cache cannot be used.
    #[error("the compile cache at `{folder}` cannot be used: make the folder writable for this user alone")]
    Cache {
        /// Where it is.
        folder: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
}

/// Opens the compile cache, once there is an engine whose configuration it depends on.
type OpenCache<'folder> = dyn Fn(&Engine, &Limits) -> Result<Cache, StartError> + 'folder;

impl Runtime {
    /// A sandbox that compiles each plugin whenever it is loaded.
    ///
    /// # Errors
    /// When the machine does not have the address space.
    pub fn new(limits: Limits) -> Result<Self, StartError> {
        Self::build(limits, None)
    }

    /// A sandbox that keeps compiled code in `folder`, which must belong to this host alone.
    ///
    /// # Errors
    /// When the machine does not have the address space, or the folder cannot be used.
    pub fn with_cache(limits: Limits, folder: &Path) -> Result<Self, StartError> {
        let cache = |engine: &Engine, limits: &Limits| {
            Cache::open(folder, fingerprint(engine), limits.compile_cache_bytes_max)
                .map_err(|source| StartError::Cache { folder: folder.display().to_string(), source })
        };
        Self::build(limits, Some(&cache))
    }

    /// The limits that plugins run within.
    pub fn limits(&self) -> &Limits {
        &self.inner.small.limits
    }

    /// Tenants whose plugin has used more than its share of the processors while others were called, each with how long
    /// that will be so as far as can be known. No pass of theirs should begin meanwhile; one that has begun goes on,
    /// its calls slowed down. `in_hand` says how many passes of a tenant are under way.
    pub fn over_share(&self, in_hand: impl Fn(&str) -> u32) -> Vec<(String, Duration)> {
        self.inner.gate.over_share(in_hand)
    }

    fn build(limits: Limits, cache: Option<&OpenCache<'_>>) -> Result<Self, StartError> {
        let refused = |error: wasmtime::Error| StartError::Engine {
            reason: format!("{error:#}"),
            reserved_gib: 4 * u64::from(limits.concurrent_calls_max) * u64::from(limits.plugin_memories_max),
        };
        let pooled = |scan| InstanceAllocationStrategy::Pooling(pool(&limits, scan));
        let engine = Engine::new(&config(&limits, pooled(Enabled::Yes)))
            .or_else(|_| Engine::new(&config(&limits, pooled(Enabled::No))))
            .map_err(refused)?;
        let small = Sandbox::new(engine, limits.clone(), false).map_err(refused)?;
        let large = limits.large().map(|limits| {
            let engine = Engine::new(&config(&limits, InstanceAllocationStrategy::OnDemand))?;
            Sandbox::new(engine, limits, true)
        });
        let large = large.transpose().map_err(refused)?;
        let engines = [Some(&small), large.as_ref()].into_iter().flatten().map(|at| at.engine.weak());
        start_ticker(engines.collect(), Duration::from_millis(limits.epoch_tick_ms.max(1)))
            .map_err(StartError::Ticker)?;
        let cache = cache.map(|open| open(&small.engine, &limits)).transpose()?;
        // One processor is what there is for certain.
        let processors = std::thread::available_parallelism().map_or(1, |number| number.get());
        let gate = Gate::new(limits.rules(u32::try_from(processors).unwrap_or(u32::MAX)));
        Ok(Self {
            inner: Arc::new(Inner {
                small: Arc::new(small),
                large: large.map(Arc::new),
                gate,
                cache,
                prepared: PreparedByDigest::default(),
            }),
        })
    }
}

impl Sandbox {
    fn new(engine: Engine, limits: Limits, large: bool) -> wasmtime::Result<Self> {
        let mut linker = Linker::new(&engine);
        bindings::Mapper::add_to_linker::<CallState, HasSelf<CallState>>(&mut linker, |state| state)?;
        Ok(Self { engine, linker, limits, large })
    }
}

/// Wasmtime, narrowed: what is deterministic, limited and measured to be fast, and nothing that a plugin has no use
/// for.
fn config(limits: &Limits, allocation: InstanceAllocationStrategy) -> Config {
    let mut config = Config::new();
    config
        // Fuel ends a call always at the same place, the epoch after a time whatever it does.
        .consume_fuel(true)
        .epoch_interruption(true)
        // Same input, same output: the bits of a NaN are the only thing in core wasm that a processor may choose.
        .cranelift_nan_canonicalization(true)
        .wasm_relaxed_simd(false)
        // Proposals that widen what compiled code can do, and that no plugin needs.
        .wasm_threads(false)
        .wasm_memory64(false)
        .wasm_tail_call(false)
        .wasm_gc(false)
        .wasm_function_references(false)
        .wasm_exceptions(false)
        // On, because what wasmtime puts between the modules of a component reaches into the memories of both; how many
        // memories a plugin has is limited all the same.
        .wasm_multi_memory(true)
        // Component async off: it would more than double the cost of a call.
        .concurrency_support(false)
        // A plugin is stripped, so a backtrace names nothing, and a recursion's has hundreds of frames.
        .wasm_backtrace_max_frames(None)
        .max_wasm_stack(limits.plugin_stack_bytes_max)
        .memory_init_cow(true)
        // Compiling is rare and may take a moment; the other cores are serving.
        .parallel_compilation(false)
        .allocation_strategy(allocation);
    config
}

/// Room for all calls at once, kept.
///
/// `pagemap_scan` is Linux's way (since 6.7) to say which pages a call has touched; an engine that asks for it where
/// the kernel has none is refused.
fn pool(limits: &Limits, pagemap_scan: Enabled) -> PoolingAllocationConfig {
    let calls = limits.concurrent_calls_max;
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(calls)
        .total_core_instances(calls.saturating_mul(limits.plugin_instances_max))
        .total_memories(calls.saturating_mul(limits.plugin_memories_max))
        .total_tables(calls.saturating_mul(limits.plugin_tables_max))
        .total_stacks(0)
        .max_memory_size(limits.plugin_memory_bytes_max)
        .max_memories_per_component(limits.plugin_memories_max)
        .max_memories_per_module(limits.plugin_memories_max)
        .max_tables_per_component(limits.plugin_tables_max)
        .max_tables_per_module(limits.plugin_tables_max)
        .table_elements(limits.plugin_table_elements_max)
        .max_core_instances_per_component(limits.plugin_instances_max)
        .max_component_instance_size(1 << 20)
        .max_core_instance_size(1 << 20)
        .pagemap_scan(pagemap_scan);
    // Keeping memory mapped between calls pays only where touched pages are known; else every call clears all of it.
    if pagemap_scan == Enabled::Yes {
        pool.linear_memory_keep_resident(2 << 20).table_keep_resident(64 << 10);
    } else {
        pool.linear_memory_keep_resident(128 << 10);
    }
    pool
}

/// What compiled code depends on. Wasmtime's own hash leaves out NaN canonicalisation (code compiled without it would
/// be accepted), so what [`config`] sets is named here too; a change there is a change here.
fn fingerprint(engine: &Engine) -> [u8; 32] {
    use std::hash::Hash;
    let mut hasher = Sha256Hasher(aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256));
    "crosswalk-runtime 2: fuel, epoch, nan canonicalised, opt speed".hash(&mut hasher);
    engine.precompile_compatibility_hash().hash(&mut hasher);
    let mut fingerprint = [0; 32];
    fingerprint.copy_from_slice(hasher.0.finish().as_ref());
    fingerprint
}

/// A [`std::hash::Hasher`] that keeps all 256 bits.
struct Sha256Hasher(aws_lc_rs::digest::Context);

impl std::hash::Hasher for Sha256Hasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let digest = self.0.clone().finish();
        digest.as_ref().iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
    }
}

/// Moves the epochs on until the engines are gone. The thread holds them weakly, so it does not keep them alive.
fn start_ticker(mut engines: Vec<EngineWeak>, tick: Duration) -> std::io::Result<()> {
    let run = move || {
        while !engines.is_empty() {
            std::thread::sleep(tick);
            engines.retain(|engine| engine.upgrade().inspect(Engine::increment_epoch).is_some());
        }
    };
    std::thread::Builder::new().name("crosswalk-epoch".to_owned()).spawn(run).map(drop)
}
