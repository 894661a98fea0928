//! Same input, same fuel, same output.

use std::collections::BTreeSet;

use crosswalk_engine::mapping::Mapper;
use crosswalk_runtime::{Limits, Runtime};
use serde_json::json;

use crate::{HOSTILE, mapper, plugin, record, referral};

/// Fuel and answer of one fresh call.
fn once(plugin: &crosswalk_runtime::Plugin) -> (u64, String) {
    let mut mapper = mapper(plugin);
    let answer = format!("{:?}", mapper.to_crm(&referral(), Some(&record())));
    (mapper.finish().fuel, answer)
}

#[test]
fn fifty_fresh_calls_burn_the_same_fuel_and_give_the_same_answer() {
    // A hash map's order is the usual way in for randomness.
    for behaviour in ["good", "companion", "hash-order", "panic", "recursion", "echo"] {
        let plugin = plugin(behaviour);
        let seen: BTreeSet<(u64, String)> = (0..50).map(|_| once(&plugin)).collect();
        assert_eq!(seen.len(), 1, "{behaviour}: {seen:?}");
    }
}

#[test]
fn another_engine_agrees() {
    let other = Runtime::new(Limits { concurrent_calls_max: 1, ..Limits::for_testing() }).unwrap();
    let theirs = other.load(&HOSTILE, &json!({ "behaviour": "good" })).unwrap();
    assert_eq!(once(&plugin("good")), once(&theirs));
}

#[test]
fn an_endless_loop_ends_at_the_same_place() {
    let limits = Limits { plugin_fuel_per_call_max: 200_000, ..Limits::for_testing() };
    let plugin = Runtime::new(limits).unwrap().load(&HOSTILE, &json!({ "behaviour": "loop" })).unwrap();
    let seen: BTreeSet<(u64, String)> = (0..10).map(|_| once(&plugin)).collect();
    assert_eq!(seen.len(), 1, "{seen:?}");
}
