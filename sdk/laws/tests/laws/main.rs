//! Each law on small mappings that break it, and a lawful one that loses what it may.

mod simple;

use crosswalk_laws::{Law, Pair, Plan, Report, check, check_pair, model::*};
use serde_json::json;

use simple::{Simple, at, hold, text};

fn checked(mut mapping: Simple) -> Report {
    check(&mut mapping, &Plan { seeds: 0..20, pairs: Vec::new() })
}

/// The laws that are broken, each once.
fn laws(report: &Report) -> Vec<Law> {
    let mut laws: Vec<Law> = report.broken.iter().map(|finding| finding.law).collect();
    laws.dedup();
    laws
}

/// Whether a mapping breaks this law in this field.
fn assert_breaks(mapping: Simple, law: Law, field: &str) {
    let report = checked(mapping);
    let breaks = report.broken.iter().any(|found| found.law == law && found.field.as_deref() == Some(field));
    assert!(breaks, "{law} holds in `{field}`: {:#?}", report.broken);
}

#[test]
fn cutting_rounding_days_and_many_to_one_are_lawful_and_reported_as_lossy() {
    let report = checked(Simple::lawful());
    assert_eq!(report.broken, []);
    let lossy: Vec<&str> = report.lossy.iter().map(|lossy| lossy.field.as_str()).collect();
    for field in ["/details/notes", "/details/dealValue", "/details/closingDateTime"] {
        assert!(lossy.contains(&field), "{field} is not among {lossy:?}");
    }
    let value = report.lossy.iter().find(|lossy| lossy.field == "/details/dealValue").unwrap();
    assert_eq!((value.entered.as_str(), value.comes_back.as_str()), ("1234.56789", "\"1235\""));
    assert!(report.pairs > 100 && report.edits > 50 && report.conflicts > 10, "{report}");
    assert!(report.answers.to_crm.held > 100 && report.answers.to_referral.held > 100, "{report}");
}

#[test]
fn the_same_plan_finds_the_same() {
    let growing = || Simple {
        to_crm: |referral, _, _| hold([("name", text(&format!("+{}", at(referral, "/details/notes"))))]),
        ..Simple::lawful()
    };
    assert_eq!(checked(growing()), checked(growing()));
}

#[test]
fn a_trap_is_shown_by_the_smallest_referral_and_the_smallest_record() {
    let by_referral = Simple {
        to_crm: |referral, _, _| match at(referral, "/details/dealValue").strip_prefix('-') {
            Some(_) => Err(Failure::Caught { law: Law::Total, field: None, message: "it overflowed".into() }),
            None => hold([]),
        },
        ..Simple::lawful()
    };
    let report = checked(by_referral);
    assert_eq!(laws(&report), [Law::Total]);
    assert_eq!(report.broken[0].example.referral, Some(json!({ "details": { "dealValue": -1 } })));
    assert_eq!(report.broken[0].example.record, None);

    let by_record = Simple {
        to_referral: |record, _| match record.fields.get("audit") {
            Some(Value::Text(_)) => {
                Err(Failure::Caught { law: Law::Total, field: None, message: "it is full".into() })
            }
            _ => Ok(Outcome::Hold(Vec::new())),
        },
        // A report that fills the field would show the same with an empty record.
        report: |_, _| Vec::new(),
        ..Simple::lawful()
    };
    let report = checked(by_record);
    let found = report.broken.iter().find(|finding| finding.function == "to_referral").unwrap();
    assert_eq!(found.example.referral, Some(json!({})));
    let record = found.example.record.as_ref().unwrap();
    assert_eq!((&record["entity"], &record["fields"]), (&json!("opportunity"), &json!({ "audit": "a" })));
}

#[test]
fn what_the_contract_forbids_is_not_total() {
    let wrong_kind = Simple { to_crm: |_, _, _| hold([("value", text("much"))]), ..Simple::lawful() };
    assert_breaks(wrong_kind, Law::Total, "opportunity.value");
    let no_decimal =
        Simple { to_crm: |_, _, _| hold([("value", Value::Decimal("1 000".into()))]), ..Simple::lawful() };
    assert_breaks(no_decimal, Law::Total, "opportunity.value");
    let no_pointer = Simple {
        to_referral: |_, _| Ok(Outcome::Hold(vec![("notes".into(), Value::Empty)])),
        ..Simple::lawful()
    };
    assert_breaks(no_pointer, Law::Total, "notes");
}

#[test]
fn a_draft_that_follows_the_clock_is_not_deterministic_and_a_report_that_shows_it_is() {
    let clock = Simple { to_crm: |_, _, now| hold([("name", text(&now.to_string()))]), ..Simple::lawful() };
    let report = checked(clock);
    let found = report.broken.iter().find(|finding| finding.law == Law::Deterministic).unwrap();
    assert_eq!(found.field.as_deref(), Some("opportunity.name"));
    assert!(found.message.contains("a second later"), "{found}");
    assert_eq!(found.example.referral, Some(json!({})));

    let shown =
        Simple { report: |_, now| vec![("audit".into(), text(&now.to_string()))], ..Simple::lawful() };
    assert_eq!(checked(shown).broken, []);
}

#[test]
fn a_draft_that_changes_with_the_count_of_calls_is_not_deterministic() {
    use std::sync::atomic::{AtomicU32, Ordering};
    static CALLS: AtomicU32 = AtomicU32::new(0);
    let counting = Simple {
        to_crm: |_, _, _| hold([("name", text(&CALLS.fetch_add(1, Ordering::Relaxed).to_string()))]),
        ..Simple::lawful()
    };
    let report = checked(counting);
    let found = report.broken.iter().find(|finding| finding.law == Law::Deterministic).unwrap();
    assert!(found.message.contains("asked again"), "{found}");
}

#[test]
fn an_undeclared_field_and_an_undeclared_entity_break_declared() {
    let field = Simple { to_crm: |_, _, _| hold([("margin", Value::Integer(7))]), ..Simple::lawful() };
    assert_breaks(field, Law::Declared, "opportunity.margin");
    let entity = Simple {
        to_crm: |_, _, _| {
            let draft = Draft { entity: "contract".into(), fields: Vec::new(), companions: Vec::new() };
            Ok(Outcome::Hold(draft))
        },
        ..Simple::lawful()
    };
    assert_breaks(entity, Law::Declared, "contract");
    let read_only = Simple { report: |_, _| vec![simple::own(("modified", text("x")))], ..Simple::lawful() };
    assert_breaks(read_only, Law::Declared, "opportunity.modified");
}

#[test]
fn a_prefix_that_is_not_taken_off_and_a_flag_that_is_turned_round_do_not_settle_in_the_crm() {
    let grow = Simple {
        to_crm: |referral, _, _| hold([("name", text(&format!("+{}", at(referral, "/details/notes"))))]),
        to_referral: |record, _| simple::said([("/details/notes", record.fields["name"].clone())]),
        ..Simple::lawful()
    };
    assert_breaks(grow, Law::SettlingInTheCrm, "opportunity.name");
    let not = Simple {
        to_crm: |referral, _, _| {
            let favourite = referral["favorite"].as_bool().unwrap_or(false);
            hold([("visible", Value::Flag(!favourite))])
        },
        to_referral: |record, _| simple::said([("/favorite", record.fields["visible"].clone())]),
        ..Simple::lawful()
    };
    assert_breaks(not, Law::SettlingInTheCrm, "opportunity.visible");
    let cross = Simple {
        to_crm: |referral, _, _| {
            let texts = ["/name", "/details/notes"].map(|pointer| text(at(referral, pointer).trim()));
            let [name, notes] = texts;
            hold([("name", name), ("audit", notes)])
        },
        to_referral: |record, _| {
            let field = |name: &str| record.fields[name].clone();
            simple::said([("/name", field("audit")), ("/details/notes", field("name"))])
        },
        ..Simple::lawful()
    };
    assert_breaks(cross, Law::SettlingInTheCrm, "opportunity.name");
}

#[test]
fn a_default_that_is_not_taken_back_does_not_settle_in_partner_center() {
    let default = Simple {
        to_crm: |referral, _, _| {
            let notes = at(referral, "/details/notes");
            hold([("name", text(if notes.trim().is_empty() { "TBD" } else { &notes }))])
        },
        to_referral: |record, _| simple::said([("/details/notes", record.fields["name"].clone())]),
        ..Simple::lawful()
    };
    assert_breaks(default, Law::SettlingInPartnerCenter, "/details/notes");
}

#[test]
fn a_draft_that_reads_what_it_writes_in_order_to_change_it_is_not_enough_once() {
    let append = Simple {
        to_crm: |_, record, _| {
            let held = record.map(|record| record.fields["name"].clone());
            let Some(Value::Text(held)) = held else { return hold([("name", text("!"))]) };
            hold([("name", text(&format!("{held}!")))])
        },
        ..Simple::lawful()
    };
    assert_breaks(append, Law::OnceIsEnough, "opportunity.name");
    let back = Simple {
        to_referral: |_, referral| {
            let notes = referral.map(|referral| at(referral, "/details/notes")).unwrap_or_default();
            simple::said([("/details/notes", text(&format!("{notes}.")))])
        },
        ..Simple::lawful()
    };
    assert_breaks(back, Law::OnceIsEnough, "/details/notes");
}

#[test]
fn an_edit_that_goes_round_in_a_circle_does_not_settle() {
    let circle = Simple {
        to_crm: |referral, _, _| {
            let (notes, value) = (at(referral, "/details/notes"), at(referral, "/details/dealValue"));
            hold([("name", text(&notes)), ("value", simple::rounded(&value))])
        },
        to_referral: |record, _| {
            let (name, value) = (&record.fields["name"], record.fields["value"].clone());
            let notes = format!("{} {}", simple::shown(name), simple::shown(&value));
            simple::said([("/details/notes", text(&notes)), ("/details/dealValue", value)])
        },
        ..Simple::lawful()
    };
    let report = checked(circle);
    let found = report.broken.iter().find(|finding| finding.law == Law::OneEditSettles).unwrap();
    assert_eq!(found.field.as_deref(), Some("opportunity.name"));
    let (edited, _) = found.example.edit.as_ref().unwrap();
    assert_eq!(edited, "value", "{found}");
}

#[test]
fn too_few_resolutions_and_values_of_another_kind_break_resolving() {
    let few = Simple { resolve: |_| Vec::new(), ..Simple::lawful() };
    let report = checked(few);
    assert_eq!(laws(&report), [Law::Resolving]);
    assert_eq!(report.broken[0].example.conflicts.len(), 1, "one conflict shows it");
    let odd = Simple {
        resolve: |conflicts| conflicts.iter().map(|_| Resolution::Value(Value::Flag(true))).collect(),
        ..Simple::lawful()
    };
    assert_breaks(odd, Law::Resolving, "value");
}

#[test]
fn a_report_that_to_referral_carries_over_is_an_edit() {
    let shown = Simple { report: |_, _| vec![simple::own(("name", text("in sync")))], ..Simple::lawful() };
    assert_breaks(shown, Law::ReportIsNoEdit, "/details/notes");
}

#[test]
fn a_limit_that_is_reached_is_named_and_the_worst_use_is_kept() {
    let greedy = Simple {
        to_crm: |referral, _, _| match at(referral, "/details/notes").len() {
            10_000.. => {
                Err(Failure::Caught { law: Law::Bounded, field: None, message: "out of fuel".into() })
            }
            _ => hold([]),
        },
        fuel: 0.25,
        ..Simple::lawful()
    };
    let report = checked(greedy);
    assert_eq!(laws(&report), [Law::Bounded]);
    let notes =
        report.broken[0].example.referral.as_ref().unwrap()["details"]["notes"].as_str().unwrap().len();
    assert!((10_000..15_000).contains(&notes), "{notes} bytes are not the smallest text");
    assert_eq!(report.answers.worst.unwrap().fuel, 0.25);
}

#[test]
fn a_mapping_that_refuses_everything_breaks_nothing_and_is_said_to_be_unchecked() {
    let refusing = Simple {
        to_crm: |_, _, _| Err(Failure::Refused { field: Some("name".into()), message: "not today".into() }),
        ..Simple::lawful()
    };
    let report = checked(refusing);
    assert_eq!(report.broken, []);
    assert!(
        report.to_string().contains("nothing was checked, for it refuses: `name`: not today"),
        "{report}"
    );
}

#[test]
fn of_a_tenants_pair_nothing_is_shown_but_the_smallest_case_that_breaks_a_law() {
    let secretive = || Simple {
        to_crm: |referral, _, _| match at(referral, "/name") {
            name if name.contains("Fabrikam") => {
                Err(Failure::Refused { field: None, message: format!("no deals with {name}") })
            }
            _ => hold([]),
        },
        ..Simple::lawful()
    };
    let referral = json!({ "name": "Fabrikam's secret", "details": { "notes": "Fabrikam's plan" } });
    let pairs = vec![Pair::in_confidence("recorded pass 7", referral.clone(), None)];
    let report = check(&mut secretive(), &Plan { seeds: 0..0, pairs });
    assert_eq!((report.own_pairs, report.answers.to_crm.refused), (1, 1));
    assert!(!serde_json::to_string(&report).unwrap().contains("Fabrikam"), "{report}");

    let shown = check_pair(&mut secretive(), &Pair::own("mine", referral, None));
    assert!(shown.answers.to_crm.first_refusal.unwrap().contains("Fabrikam"));
}

#[test]
fn a_record_comes_back_from_its_json() {
    let mapping = Simple::lawful();
    let json = json!({
        "entity": "opportunity", "id": "7",
        "fields": { "name": "Solar park", "value": "12.50", "stage": 1, "closes": "2026-01-31", "visible": true },
    });
    let record = Record::from_json(mapping.manifest(), &json).unwrap();
    assert_eq!(record.fields["value"], Value::Decimal("12.50".into()));
    assert_eq!(record.fields["modified"], Value::Empty, "what is not named is empty");
    assert_eq!(record.to_json(), json);
    let refused = Record::from_json(mapping.manifest(), &json!({ "entity": "deal" })).unwrap_err();
    assert!(refused.contains("`deal`") && refused.contains("`opportunity`"), "{refused}");
}
