//! Every limit of the sandbox, with its unit in its name.

use crate::gate::Rules;

/// What a plugin may use, and how many calls run at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Size of a component file. A Rust plugin has 0.1 to 0.3 MiB.
    pub plugin_component_bytes_max: usize,
    /// Linear memory of one call, all its memories together.
    pub plugin_memory_bytes_max: usize,
    /// Linear memories of one component.
    pub plugin_memories_max: u32,
    /// Tables of one component.
    pub plugin_tables_max: u32,
    /// Elements of one table.
    pub plugin_table_elements_max: usize,
    /// Core instances of one component; a Rust plugin has three.
    pub plugin_instances_max: u32,
    /// Stack of compiled code in one call.
    pub plugin_stack_bytes_max: usize,
    /// Fuel of one call: about one unit an instruction. Mapping 49 fields takes about 100,000.
    pub plugin_fuel_per_call_max: u64,
    /// Time of one call, lookups not counted. Only a backstop: fuel ends an endless loop first, and always at the
    /// same place.
    pub plugin_call_ms_max: u64,
    /// Bytes that one answer, or the arguments of one import, may have once they are in the host.
    pub plugin_output_bytes_max: usize,
    /// Calls that run at the same time; others wait. Each reserves address space (not memory) of about 4 GiB.
    pub concurrent_calls_max: u32,
    /// Calls of one tenant that run at the same time; its others wait. So a tenant has at most this many times
    /// `plugin_memory_bytes_max` of memory.
    pub tenant_concurrent_calls_max: u32,
    /// How much of this machine's processors the plugin of one tenant may use while those of others are called, in
    /// percent.
    pub tenant_cpu_percent_max: u32,
    /// Calls at the same time of large plugins: those that need more than the limits above let them have. 0 refuses such
    /// plugins. What they may have instead are the two limits that follow, and a few that any interpreter needs.
    pub large_concurrent_calls_max: u32,
    /// Size of a large plugin's component file. Python has 18 MiB.
    pub large_component_bytes_max: usize,
    /// Linear memory of one call of a large plugin.
    pub large_memory_bytes_max: usize,
    /// Bytes of one log line; the rest is cut.
    pub log_line_bytes_max: usize,
    /// Log lines of one call that are kept.
    pub log_lines_max: usize,
    /// Lookups of one call.
    pub lookups_per_call_max: u32,
    /// Records that one lookup answers with.
    pub lookup_records_max: u32,
    /// Bytes of all files of the compile cache; the oldest go first.
    pub compile_cache_bytes_max: u64,
    /// How often the clock behind `plugin_call_ms_max` ticks.
    pub epoch_tick_ms: u64,
}

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

impl Default for Limits {
    fn default() -> Self {
        Self {
            plugin_component_bytes_max: 8 * MIB,
            plugin_memory_bytes_max: 16 * MIB,
            plugin_memories_max: 1,
            plugin_tables_max: 4,
            plugin_table_elements_max: 10_000,
            plugin_instances_max: 8,
            plugin_stack_bytes_max: 512 * KIB,
            plugin_fuel_per_call_max: 50_000_000,
            plugin_call_ms_max: 1_000,
            plugin_output_bytes_max: MIB,
            concurrent_calls_max: 256,
            tenant_concurrent_calls_max: 8,
            tenant_cpu_percent_max: 25,
            large_concurrent_calls_max: 0,
            large_component_bytes_max: 32 * MIB,
            large_memory_bytes_max: 256 * MIB,
            log_line_bytes_max: 2 * KIB,
            log_lines_max: 64,
            lookups_per_call_max: 32,
            lookup_records_max: 50,
            compile_cache_bytes_max: 1 << 30,
            epoch_tick_ms: 10,
        }
    }
}

impl Limits {
    /// What the gate lets in, on a machine with so many processors.
    pub(crate) fn rules(&self, processors: u32) -> Rules {
        let percent = self.tenant_cpu_percent_max.clamp(1, 100);
        Rules {
            slots: self.concurrent_calls_max,
            large_slots: self.large_concurrent_calls_max,
            tenant_slots: self.tenant_concurrent_calls_max.max(1),
            tenant_processors: f64::from(processors) * f64::from(percent) / 100.0,
            alone: processors.saturating_sub(1).max(1),
        }
    }

    /// As [`Limits::default`], with few slots and a patient clock, so that a busy test machine fails no test.
    pub fn for_testing() -> Self {
        Self { concurrent_calls_max: 8, plugin_call_ms_max: 30_000, ..Self::default() }
    }

    /// The same for large plugins, where the operator allows them. An interpreter comes as several modules, which
    /// share memories and have tables of thousands of functions, and it calls itself deeper than compiled code does.
    pub(crate) fn large(&self) -> Option<Self> {
        (self.large_concurrent_calls_max > 0).then(|| Self {
            plugin_component_bytes_max: self.large_component_bytes_max,
            plugin_memory_bytes_max: self.large_memory_bytes_max,
            plugin_memories_max: 8,
            plugin_tables_max: 64,
            plugin_table_elements_max: 100_000,
            plugin_instances_max: 128,
            plugin_stack_bytes_max: MIB,
            ..self.clone()
        })
    }

    /// `plugin_call_ms_max` in ticks of the epoch clock, rounded up; one more, because the first may come at once.
    pub(crate) fn call_ticks_max(&self) -> u64 {
        self.ticks(self.plugin_call_ms_max) + 1
    }

    /// This many milliseconds in ticks of the epoch clock, rounded up.
    pub(crate) fn ticks(&self, milliseconds: u64) -> u64 {
        milliseconds.div_ceil(self.epoch_tick_ms.max(1))
    }
}
