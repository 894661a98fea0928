//! A plugin call against the same mapping called natively.

use std::{
    collections::BTreeSet,
    hint::black_box,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use crosswalk_engine::{
    mapping::{Mapper as _, Outcome},
    referral::Referral,
};
use crosswalk_runtime::{Limits, PassContext, Plugin, Runtime};
use crosswalk_sdk::{contract, testing};
use serde_json::Value;

use crate::{Effort, rounds::Rounds};

/// The referral of the API's documentation, as the sandbox shares it.
const SAMPLE: &str = include_str!("../../../host/sandbox/src/partner_center/samples/co-sell.json");

/// Calls of either kind in one round.
const CALLS: usize = 50;

/// The default Dynamics mapping, `to_crm` on the documented sample: in the sandbox with every limit on and a fresh
/// instance for each call, and natively through the SDK.
///
/// The first comparison is the call alone, typed in and typed out, as the runtime's own clock sees it: store, limits,
/// instance, arguments in, mapping, answer out, all dropped. The second is the whole that the host does, from the
/// referral's JSON to the checked draft, against the native call with the SDK's reading of the same JSON.
pub(crate) fn measure(effort: &Effort) -> Result<[Rounds; 2]> {
    let sample: Value = serde_json::from_str(SAMPLE)?;
    let plugin = load()?;
    // What the schema filled in for the plugin, so that both read the same settings.
    let _settings = testing::settings(Value::Object(plugin.settings().clone()));
    same_answer(&plugin, &sample)?;
    let mut call = Rounds::new("plugin call", "native call");
    let mut whole = Rounds::new("plugin call, whole", "native call, whole");
    // The first round warms the pool's slots up and does not count.
    for round in 0..=effort.of(200) {
        let (in_plugin, from_json) = plugin_calls(&plugin, &sample)?;
        let (native, native_from_json) = native_calls(&sample)?;
        if round > 0 {
            call.add(in_plugin, native, 1);
            whole.add(from_json, native_from_json, 1);
        }
    }
    Ok([call, whole])
}

fn load() -> Result<Plugin> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let options = crosswalk_builder::Options {
        // Where the host's build script has built the same component a moment ago.
        target_dir: Path::new(env!("CARGO_TARGET_TMPDIR")).join("../guests"),
        offline: false,
        quiet: true,
    };
    let built = crosswalk_builder::build(&repository.join("plugins/dynamics"), &options)?;
    Ok(Runtime::new(Limits::default())?.load(&built.bytes, &Value::Null)?)
}

/// One mapper a call, as a pass has one; how long a call takes by the runtime's clock, and by the host's.
fn plugin_calls(plugin: &Plugin, sample: &Value) -> Result<(Duration, Duration)> {
    let referral = Referral(sample.clone());
    let context = testing::contract_context();
    let (mut inside, mut whole) = (Vec::with_capacity(CALLS), Vec::with_capacity(CALLS));
    for _ in 0..CALLS {
        let now = context.now.parse()?;
        let began = Instant::now();
        let pass = PassContext { tenant: context.tenant.clone(), now, lookups: None };
        let mut mapper = plugin.mapper(pass);
        drop(black_box(mapper.to_crm(black_box(&referral), None)?));
        inside.push(mapper.finish().wall);
        whole.push(began.elapsed());
    }
    Ok((median(inside), median(whole)))
}

/// How long a call alone takes, and with reading the referral from its JSON.
fn native_calls(sample: &Value) -> Result<(Duration, Duration)> {
    let plugin = crosswalk_dynamics::mapping::plugin();
    let context = testing::contract_context();
    let (mut inside, mut whole) = (Vec::with_capacity(CALLS), Vec::with_capacity(CALLS));
    for _ in 0..CALLS {
        let began = Instant::now();
        let referral = testing::referral(black_box(sample).clone());
        let called = Instant::now();
        drop(black_box((plugin.to_crm)(black_box(&referral), None, &context).map_err(refused)?));
        inside.push(called.elapsed());
        drop(referral);
        whole.push(began.elapsed());
    }
    Ok((median(inside), median(whole)))
}

/// The call in the middle. A sum would count the moments in which another program had the processor, and those meet
/// the longer calls more often.
fn median(mut calls: Vec<Duration>) -> Duration {
    calls.sort();
    calls.get(calls.len() / 2).copied().unwrap_or_default()
}

/// A comparison of two mappings would be none.
fn same_answer(plugin: &Plugin, sample: &Value) -> Result<()> {
    let context = testing::contract_context();
    let now = context.now.parse()?;
    let mut mapper = plugin.mapper(PassContext { tenant: context.tenant.clone(), now, lookups: None });
    let Outcome::Hold(in_plugin) = mapper.to_crm(&Referral(sample.clone()), None)? else {
        bail!("the plugin skips the sample");
    };
    let native = crosswalk_dynamics::mapping::plugin();
    let native = (native.to_crm)(&testing::referral(sample.clone()), None, &context).map_err(refused)?;
    let native = testing::draft(native).context("the native mapping skips the sample")?;
    let names: BTreeSet<&String> = native.fields.iter().map(|field| &field.name).collect();
    ensure!(names == in_plugin.fields.keys().collect(), "plugin and native mapping write different fields");
    ensure!(
        native.companions.len() == in_plugin.companions.len(),
        "plugin and native mapping differ in companions"
    );
    Ok(())
}

fn refused(refusal: contract::Refusal) -> anyhow::Error {
    anyhow::anyhow!("the native mapping refuses the sample: {refusal:?}")
}
