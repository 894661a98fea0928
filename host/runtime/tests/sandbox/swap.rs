//! Releases: passes in flight end on what they began with, and a canary has its lanes.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

use crosswalk_engine::mapping::Mapper;
use crosswalk_runtime::{Candidate, Generation, Plugin, Registry, Release, Routing};
use serde_json::json;

use crate::{HOSTILE, RUNTIME, held, mapper, plugin, referral};

fn release(name: &str, plugin: Plugin) -> Arc<Release> {
    Arc::new(Release { id: name.to_owned(), digest: plugin.digest().to_owned(), plugin })
}

fn live(generation: u64, plugin: Plugin) -> Routing {
    Routing {
        generation: Generation(generation),
        live: release(&format!("release-{generation}"), plugin),
        candidate: None,
    }
}

fn canary(canary_percent: Option<u8>) -> Routing {
    let candidate = Candidate { release: release("new", plugin("good")), canary_percent };
    Routing { candidate: Some(candidate), ..live(2, plugin("good")) }
}

/// The buckets that the candidate decides.
fn decided(routing: &Routing) -> Vec<u16> {
    (0..10_000).filter(|bucket| routing.release_for(*bucket).id == "new").collect()
}

#[test]
fn of_two_generations_the_later_one_stays_in_whichever_order_they_come() {
    let (registry, plugin) = (Registry::new(), plugin("good"));
    assert!(registry.route("contoso", live(1, plugin.clone())));
    std::thread::scope(|scope| {
        for number in 2..10 {
            let (registry, plugin) = (&registry, plugin.clone());
            scope.spawn(move || registry.route("contoso", live(number, plugin)));
        }
    });
    assert!(!registry.route("contoso", live(4, plugin.clone())));
    assert!(!registry.route("contoso", live(9, plugin)));
    assert_eq!(registry.routing("contoso").unwrap().generation, Generation(9));
    assert_eq!(registry.current("contoso").unwrap().id, "release-9");
    assert!(registry.current("fabrikam").is_none());
    assert_eq!(registry.tenants(), ["contoso"]);
}

#[test]
fn a_canary_decides_its_share_of_the_lanes_and_a_larger_share_keeps_them() {
    let mut earlier = Vec::new();
    for share in [1, 10, 50, 100] {
        let lanes = decided(&canary(Some(share)));
        assert_eq!(lanes.len(), usize::from(share) * 100);
        assert!(earlier.iter().all(|bucket| lanes.contains(bucket)), "{share} %");
        earlier = lanes;
    }
}

#[test]
fn a_shadow_decides_nothing_and_a_canary_is_no_shadow() {
    let shadow = canary(None);
    assert!(decided(&shadow).is_empty());
    assert_eq!(shadow.shadow().unwrap().id, "new");
    assert!(canary(Some(100)).shadow().is_none());
    assert!(live(1, plugin("good")).shadow().is_none());
    assert!(shadow.has(&release("new", plugin("good"))) && shadow.has(&release("release-2", plugin("good"))));
    assert!(!shadow.has(&release("release-1", plugin("good"))));
}

#[test]
fn a_pass_in_flight_ends_on_its_release_and_a_removed_tenant_has_none() {
    let registry = Registry::new();
    let named = |prefix: &str| RUNTIME.load(&HOSTILE, &json!({ "prefix": prefix })).unwrap();
    registry.route("contoso", live(1, named("old ")));
    let mut in_flight = mapper(&registry.current("contoso").unwrap().plugin);
    registry.route("contoso", live(2, named("new ")));
    let name = |mapper: &mut crosswalk_runtime::PassMapper| {
        format!("{:?}", held(mapper.to_crm(&referral(), None)).fields["name"])
    };
    assert_eq!(name(&mut in_flight), "Text(\"old Fabrikam fabric\")");
    let mut next = mapper(&registry.current("contoso").unwrap().plugin);
    assert_eq!(name(&mut next), "Text(\"new Fabrikam fabric\")");
    registry.remove("contoso");
    assert!(registry.current("contoso").is_none());
    assert_eq!(name(&mut in_flight), "Text(\"old Fabrikam fabric\")");
}

#[test]
fn no_call_fails_while_releases_are_swapped_under_load() {
    let registry = Registry::new();
    let plugins: Vec<Plugin> = ["a ", "b "]
        .iter()
        .map(|prefix| RUNTIME.load(&HOSTILE, &json!({ "prefix": prefix })).unwrap())
        .collect();
    registry.route("contoso", live(1, plugins[0].clone()));
    let stop = AtomicBool::new(false);
    let calls = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !stop.load(Ordering::SeqCst) {
                    let release = registry.current("contoso").unwrap();
                    let draft = held(mapper(&release.plugin).to_crm(&referral(), None));
                    let prefix = release.plugin.settings()["prefix"].as_str().unwrap().to_owned();
                    assert!(format!("{:?}", draft.fields["name"]).contains(&format!("{prefix}Fabrikam")));
                    calls.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        for generation in 2..=200_u64 {
            let plugin = plugins[usize::from(generation % 2 == 0)].clone();
            assert!(registry.route("contoso", live(generation, plugin)));
            std::thread::yield_now();
        }
        while calls.load(Ordering::SeqCst) < 100 {
            std::thread::yield_now();
        }
        stop.store(true, Ordering::SeqCst);
    });
    assert_eq!(registry.routing("contoso").unwrap().generation, Generation(200));
}
