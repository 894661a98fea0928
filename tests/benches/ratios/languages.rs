//! A plugin with an interpreter in it against one in Rust that maps about the same.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use crosswalk_engine::{
    mapping::{Mapper as _, Outcome},
    referral::Referral,
};
use crosswalk_runtime::{Limits, PassContext, Plugin, Runtime};
use serde_json::{Value, json};

use crate::{Effort, rounds::Rounds};

/// Calls of each in one round.
const CALLS: usize = 20;

/// `to_crm` of the two small mappings in `tests/guests`, where the tests have built them, against the frozen component.
/// How long loading took comes with each.
pub(crate) fn measure(effort: &Effort) -> Result<Vec<(Rounds, Duration)>> {
    let runtime = Runtime::new(Limits { large_concurrent_calls_max: 2, ..Limits::default() })?;
    let frozen = Path::new(env!("CARGO_MANIFEST_DIR")).join("guests/frozen/frozen-1.0.0.wasm");
    let (rust, _) = load(&runtime, &frozen)?;
    let mut measured = Vec::new();
    for (what, folder) in [("call of JavaScript", "javascript"), ("call of Python", "python")] {
        let component =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join("guests").join(folder).join("component.wasm");
        if !component.exists() {
            continue;
        }
        let (plugin, loading) = load(&runtime, &component)?;
        let mut rounds = Rounds::new(what, "call of Rust");
        for round in 0..=effort.of(50) {
            let (thing, floor) = (calls(&plugin)?, calls(&rust)?);
            if round > 0 {
                rounds.add(thing, floor, 1);
            }
        }
        measured.push((rounds, loading));
    }
    Ok(measured)
}

fn load(runtime: &Runtime, component: &Path) -> Result<(Plugin, Duration)> {
    let bytes = fs::read(component)?;
    let began = Instant::now();
    let plugin = runtime.load(&bytes, &Value::Null)?;
    Ok((plugin, began.elapsed()))
}

/// The call in the middle, by the runtime's own clock.
fn calls(plugin: &Plugin) -> Result<Duration> {
    let referral = Referral(json!({
        "id": "4b0c", "name": "Fabrikam fabric", "status": "Active", "substatus": "Accepted",
        "details": { "dealValue": 50000.50, "closingDateTime": "2026-03-31T00:00:00Z", "notes": "by the quay" },
        "customerProfile": { "name": "Fabrikam", "team": [{ "firstName": "Ada" }] },
    }));
    let mut took = Vec::with_capacity(CALLS);
    for _ in 0..CALLS {
        let now = "2026-01-31T10:00:00Z".parse()?;
        let mut mapper = plugin.mapper(PassContext { tenant: "contoso".to_owned(), now, lookups: None });
        let Outcome::Hold(_) = mapper.to_crm(&referral, None)? else { bail!("the plugin skips the deal") };
        took.push(mapper.finish().wall);
    }
    took.sort();
    Ok(took.get(CALLS / 2).copied().unwrap_or_default())
}
