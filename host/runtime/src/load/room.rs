//! Whether there is room for a component, and where.
//!
//! The small sandbox has room for what a compiled language makes. An interpreter with a plugin in it is another matter:
//! QuickJS comes as several modules with a memory each, Python with hundreds of MiB and tables of thousands of functions.
//! Whether those get room is for the operator to say.

use std::sync::Arc;

use wasmtime::component::Component;

use super::{LoadError, does_not_compile};
use crate::{
    cache::OurCode,
    codes::{Code, clean},
    engine::{Inner, Sandbox},
    limits::Limits,
};

const PAGE_BYTES: u64 = 65_536;

/// Refuses a file that is too large before anything is compiled.
pub(super) fn is_there(inner: &Inner, bytes: usize) -> Result<(), LoadError> {
    let limits = &inner.large.as_ref().unwrap_or(&inner.small).limits;
    file_fits(limits, bytes).map_err(|what| refused(inner, &what))
}

/// The component in the first sandbox that has room for it. `bytes` is the size of its file.
pub(super) fn place(
    inner: &Inner,
    code: &OurCode,
    bytes: usize,
) -> Result<(Component, Arc<Sandbox>), LoadError> {
    let mut sandboxes = vec![&inner.small];
    sandboxes.extend(&inner.large);
    let mut too_much = String::new();
    for sandbox in sandboxes {
        match fits(sandbox, code, bytes) {
            Ok(component) => return Ok((component, sandbox.clone())),
            Err(Misfit::TooMuch(what)) => too_much = what,
            Err(Misfit::Broken(error)) => return Err(error),
        }
    }
    Err(refused(inner, &too_much))
}

/// Why a component is not in a sandbox.
enum Misfit {
    /// It needs this, which is more than there is.
    TooMuch(String),
    /// It would run nowhere.
    Broken(LoadError),
}

fn fits(sandbox: &Sandbox, code: &OurCode, bytes: usize) -> Result<Component, Misfit> {
    file_fits(&sandbox.limits, bytes).map_err(Misfit::TooMuch)?;
    let component = code.load(&sandbox.engine).map_err(|error| {
        // Wasmtime keeps this error's type to itself; a test holds the words.
        let words = clean(&format!("{error:#}"), 1_024);
        if words.contains("pooling allocator") || words.contains("exceeds the") {
            Misfit::TooMuch(format!("more than there is room for ({words})"))
        } else {
            Misfit::Broken(does_not_compile(&error))
        }
    })?;
    needs_fit(&sandbox.limits, &component).map_err(Misfit::TooMuch)?;
    Ok(component)
}

fn file_fits(limits: &Limits, bytes: usize) -> Result<(), String> {
    let most = limits.plugin_component_bytes_max;
    if bytes <= most { Ok(()) } else { Err(format!("a file of {bytes} bytes, of at most {most}")) }
}

fn needs_fit(limits: &Limits, component: &Component) -> Result<(), String> {
    let Some(needs) = component.resources_required() else {
        return Err("core modules from outside, so what it needs is not known".to_owned());
    };
    let memory_bytes = needs.max_initial_memory_size.unwrap_or(0).saturating_mul(PAGE_BYTES);
    let most = limits.plugin_memory_bytes_max;
    if memory_bytes > most as u64 {
        return Err(format!("{memory_bytes} bytes of memory to begin with, of at most {most}"));
    }
    let (memories, tables) = (limits.plugin_memories_max, limits.plugin_tables_max);
    if needs.num_memories > memories || needs.num_tables > tables {
        return Err(format!(
            "{} memories and {} tables, of at most {memories} and {tables}",
            needs.num_memories, needs.num_tables
        ));
    }
    Ok(())
}

fn refused(inner: &Inner, what: &str) -> LoadError {
    let help = if inner.large.is_some() {
        "the operator can raise `large_component_bytes_max` and `large_memory_bytes_max` in `[limits]`, if it needs so \
         much for good reason"
    } else {
        "a plugin in Rust needs less, stripped (`strip = true`); for one with an interpreter in it, such as a JavaScript \
         or a Python plugin, the operator can make room: `large_concurrent_calls_max` in `[limits]`"
    };
    LoadError {
        code: Code::ResourcesBeyondLimits,
        message: format!("the component needs {what}"),
        problems: Vec::new(),
        help: help.to_owned(),
    }
}
