//! What a plugin does to the host: each thing ends within its limit, with a code of its own, and hurts nobody else.

use std::time::{Duration, Instant};

use crosswalk_engine::mapping::{Disposition, Mapper};
use crosswalk_runtime::{Level, Limits, Runtime};
use serde_json::json;

use crate::{HOSTILE, draft, mapper, plugin, referral, refusal, skipped, to_crm};

#[test]
fn an_endless_loop_ends_when_its_fuel_is_spent() {
    let refusal = refusal("loop");
    assert_eq!((refusal.code.as_str(), refusal.disposition), ("MAP030", Disposition::Reject));
    assert_eq!(refusal.message, "`hostile` burned all of its 50000000 units of fuel in `to-crm`");
}

#[test]
fn an_endless_loop_with_fuel_left_ends_when_its_time_is_up() {
    let limits =
        Limits { plugin_call_ms_max: 50, plugin_fuel_per_call_max: u64::MAX >> 1, ..Limits::for_testing() };
    let runtime = Runtime::new(limits).unwrap();
    let plugin = runtime.load(&HOSTILE, &json!({ "behaviour": "loop" })).unwrap();
    let started = Instant::now();
    let refusal = mapper(&plugin).to_crm(&referral(), None).unwrap_err();
    // The host may be slow, so this is tried again; the test machine may be too.
    assert_eq!((refusal.code.as_str(), refusal.disposition), ("MAP031", Disposition::Retry));
    assert!(started.elapsed() > Duration::from_millis(50));
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[test]
fn memory_without_end_ends_at_the_limit() {
    let refusal = refusal("memory");
    assert_eq!(refusal.code, "MAP032");
    assert!(refusal.message.contains("of at most 16777216"), "{}", refusal.message);
}

#[test]
fn recursion_without_end_ends_at_the_stack() {
    assert_eq!(refusal("recursion").code, "MAP033");
}

#[test]
fn a_text_of_four_mebibytes_is_not_taken_over() {
    let refusal = refusal("large-text");
    assert_eq!(refusal.code, "MAP034");
    assert!(refusal.message.contains("more than 1048576 bytes at once in `to-crm`"), "{}", refusal.message);
}

#[test]
fn a_log_line_of_four_mebibytes_is_not_taken_over() {
    assert_eq!(refusal("log-too-large").code, "MAP034");
}

#[test]
fn four_hundred_thousand_fields_end_at_the_memory_limit_or_the_output_limit() {
    let code = refusal("many-fields").code;
    assert!(code == "MAP032" || code == "MAP034", "{code}");
}

#[test]
fn a_panic_is_refused_with_its_message_and_line() {
    let refusal = refusal("panic");
    assert_eq!(refusal.code, "MAP035");
    assert!(refusal.message.contains("the account manager is missing"), "{}", refusal.message);
    assert!(refusal.message.contains("src/lib.rs:"), "{}", refusal.message);
}

#[test]
fn a_trap_without_words_says_so() {
    assert_eq!(refusal("silent-trap").message, "`hostile` panicked in `to-crm` and left no message");
}

#[test]
fn a_flood_of_log_lines_is_cut_and_said_to_be() {
    let mut mapper = mapper(&plugin("log-flood"));
    mapper.to_crm(&referral(), None).unwrap();
    mapper.to_crm(&referral(), None).unwrap();
    let usage = mapper.finish();
    // 64 lines and one that says what was cut, for each of two calls.
    assert_eq!(usage.log.len(), 130);
    assert_eq!(usage.log[0].message, "line 0");
    assert_eq!(usage.log[64].message, "(9937 more lines of this call were cut)");
    assert_eq!((usage.log[64].level, usage.log[64].call.as_str()), (Level::Warn, "to-crm"));
    assert_eq!(usage.log[65].message, "line 0");
}

#[test]
fn control_characters_reach_no_log_and_no_page() {
    assert_eq!(skipped(to_crm("skip-with-control-characters")), "done\u{fffd}\u{fffd}[2J\u{fffd}level=error");
}

#[test]
fn a_plugins_own_refusal_keeps_its_words() {
    let refusal = refusal("reject");
    assert_eq!((refusal.code.as_str(), refusal.disposition), ("MAP001", Disposition::Reject));
    assert_eq!(refusal.field.as_deref(), Some("ownerid"));
    assert_eq!(
        (refusal.message.as_str(), refusal.help.as_deref()),
        ("the deal has no owner", Some("set an owner"))
    );
}

#[test]
fn a_plugin_that_asks_to_be_called_again_is() {
    let refusal = refusal("retry");
    assert_eq!((refusal.code.as_str(), refusal.disposition), ("MAP002", Disposition::Retry));
}

#[test]
fn nothing_is_remembered_from_call_to_call() {
    let mut mapper = mapper(&plugin("remember"));
    for _ in 0..3 {
        assert_eq!(skipped(mapper.to_crm(&referral(), None)), "0 calls before this one");
    }
}

#[test]
fn a_trap_leaves_the_mapper_fit_for_the_next_call() {
    let mut mapper = mapper(&plugin("panic"));
    assert_eq!(mapper.to_crm(&referral(), None).unwrap_err().code, "MAP035");
    mapper.to_referral(&crate::record(), None).unwrap();
    assert_eq!(mapper.finish().calls, 2);
}

#[test]
fn a_good_plugin_is_not_hurt_by_bad_ones_beside_it() {
    // More threads than slots, so that everybody also waits at the gate.
    let expected = draft("good");
    let bad = ["loop", "memory", "recursion", "panic", "large-text", "undeclared-field"];
    std::thread::scope(|scope| {
        for behaviour in bad.iter().chain(&bad) {
            scope.spawn(move || (0..3).for_each(|_| drop(refusal(behaviour))));
        }
        for _ in 0..4 {
            scope.spawn(|| (0..25).for_each(|_| assert_eq!(draft("good"), expected)));
        }
    });
}
