//! Releases: one compare-and-swap, and passes in flight end on what they began with.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use crosswalk_engine::mapping::Mapper;
use crosswalk_runtime::{Generation, Moved, Plugin, Registry, Release};
use serde_json::json;

use crate::{HOSTILE, RUNTIME, held, mapper, plugin, referral};

fn release(generation: u64, plugin: Plugin) -> Release {
    Release {
        id: format!("release-{generation}"),
        digest: plugin.digest().to_owned(),
        plugin,
        settings_version: 1,
        generation: Generation(generation),
    }
}

#[test]
fn only_one_of_two_who_route_at_once_succeeds() {
    let (registry, plugin) = (Registry::new(), plugin("good"));
    assert_eq!(registry.route("contoso", Generation::NONE, release(1, plugin.clone())), Ok(Generation(1)));
    let succeeded = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for number in 0..8 {
            let (registry, plugin, succeeded) = (&registry, plugin.clone(), &succeeded);
            scope.spawn(move || {
                if registry.route("contoso", Generation(1), release(2 + number, plugin)).is_ok() {
                    succeeded.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
    });
    assert_eq!(succeeded.into_inner(), 1);
}

#[test]
fn a_route_from_the_wrong_place_changes_nothing() {
    let (registry, plugin) = (Registry::new(), plugin("good"));
    registry.route("contoso", Generation::NONE, release(7, plugin.clone())).unwrap();
    let late = registry.route("contoso", Generation(6), release(8, plugin.clone()));
    assert_eq!(late, Err(Moved { current: Generation(7), expected: Generation(6) }));
    let backwards = registry.route("contoso", Generation(7), release(7, plugin));
    assert_eq!(backwards, Err(Moved { current: Generation(7), expected: Generation(7) }));
    assert_eq!(registry.current("contoso").unwrap().id, "release-7");
    assert!(registry.current("fabrikam").is_none());
    assert_eq!(registry.tenants(), ["contoso"]);
}

#[test]
fn a_pass_in_flight_ends_on_its_release_and_a_removed_tenant_has_none() {
    let registry = Registry::new();
    let named = |prefix: &str| RUNTIME.load(&HOSTILE, &json!({ "prefix": prefix })).unwrap();
    registry.route("contoso", Generation::NONE, release(1, named("old "))).unwrap();
    let mut in_flight = mapper(&registry.current("contoso").unwrap().plugin);
    registry.route("contoso", Generation(1), release(2, named("new "))).unwrap();
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
    registry.route("contoso", Generation::NONE, release(1, plugins[0].clone())).unwrap();
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
        for generation in 1..200_u64 {
            let plugin = plugins[usize::from(generation % 2 == 1)].clone();
            registry.route("contoso", Generation(generation), release(generation + 1, plugin)).unwrap();
            std::thread::yield_now();
        }
        while calls.load(Ordering::SeqCst) < 100 {
            std::thread::yield_now();
        }
        stop.store(true, Ordering::SeqCst);
    });
    assert_eq!(registry.current("contoso").unwrap().generation, Generation(200));
}
