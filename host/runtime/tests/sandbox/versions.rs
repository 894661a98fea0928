//! A component that was built against contract 1.0.0, and never again since, on the host of today.
//!
//! `trial.rs` runs the same component on a host for the next minor version, and `shape.rs` holds the rules by which a
//! contract may grow.

use crosswalk_engine::{
    mapping::{Conflict, Mapper, Outcome, Report, Resolution},
    value::{Reference, Value},
};
use crosswalk_runtime::Plugin;
use serde_json::json;

use crate::{Crm, RUNTIME, held, mapper, mapper_with, record, referral};

/// Built once: see `tests/guests/frozen/README.md`.
pub(crate) const FROZEN: &[u8] = include_bytes!("../../../../tests/guests/frozen/frozen-1.0.0.wasm");

const README: &str = include_str!("../../../../tests/guests/frozen/README.md");

fn frozen() -> Plugin {
    RUNTIME.load(FROZEN, &json!({ "prefix": "Old: " })).unwrap()
}

#[test]
fn the_frozen_component_is_the_one_that_was_frozen() {
    assert!(README.contains(frozen().digest()), "it was built again: {}", frozen().digest());
}

#[test]
fn a_component_of_the_first_contract_says_what_it_is() {
    let plugin = frozen();
    let manifest = plugin.manifest();
    assert_eq!((manifest.name.as_str(), manifest.version.as_str()), ("frozen", "1.0.0"));
    assert_eq!(manifest.primary("opportunity").unwrap().fields.len(), 11);
    assert_eq!(plugin.settings()["prefix"], "Old: ");
}

#[test]
fn a_component_of_the_first_contract_maps_as_it_did() {
    let usd = (
        crosswalk_engine::value::RecordKey { entity: "transactioncurrency".into(), id: "usd".into() },
        Default::default(),
    );
    let crm = Crm { found: vec![usd.clone()], ..Crm::default() };
    let mut mapper = mapper_with(&frozen(), Some(Box::new(crm)));
    let draft = held(mapper.to_crm(&referral(), None));
    let shown = |name: &str| draft.fields[name].clone();
    assert_eq!(shown("name"), Value::Text("Old: Fabrikam fabric".into()));
    assert_eq!(shown("estimatedvalue"), Value::Decimal("50000.50".parse().unwrap()));
    assert_eq!(shown("new_syncedon"), Value::Instant("2026-01-31T10:00:00Z".parse().unwrap()));
    assert_eq!(shown("new_people"), Value::Integer(1));
    assert_eq!(shown("new_mayshare"), Value::Flag(false));
    assert_eq!(shown("estimatedclosedate"), Value::Empty);
    assert_eq!(shown("transactioncurrencyid"), Value::Reference(Reference::Existing(usd.0)));
    assert_eq!(shown("parentaccountid"), Value::Reference(Reference::Companion("customer".into())));
    assert_eq!(draft.companions[0].matching["name"], Value::Text("Fabrikam".into()));
    assert_eq!(mapper.finish().log[0].message, "mapping Fabrikam fabric for contoso");
}

#[test]
fn a_component_of_the_first_contract_answers_the_other_questions() {
    let mut mapper = mapper(&frozen());
    let Outcome::Hold(back) = mapper.to_referral(&record(), None).unwrap() else { panic!("it skips") };
    assert_eq!(back["/name"], Value::Text("Fabrikam fabric".into()));
    assert_eq!(back["/details/dealValue"], Value::Decimal("50000.50".parse().unwrap()));
    let conflict = |field: &str| Conflict {
        field: field.into(),
        base: None,
        partner_center: Value::Empty,
        crm: Value::Text("theirs".into()),
        partner_center_changed: None,
        crm_changed: None,
    };
    let resolved =
        mapper.resolve(&[conflict("name"), conflict("estimatedvalue"), conflict("ownerid")]).unwrap();
    assert_eq!(resolved[0], Resolution::Value(Value::Text("theirs".into())));
    assert_eq!(resolved[1], Resolution::PartnerCenter);
    assert_eq!(resolved[2], Resolution::Park("a person decides".into()));
    let report = Report { failed: None, message: "All is well.".into() };
    let shown = mapper.report(&record(), &report).unwrap();
    assert_eq!(shown["new_report"], Value::Text("2026-01-31T10:00:00Z: in agreement. All is well.".into()));
}
