//! A plugin that links opportunities and leads, and what it says of its columns for whoever makes them.
#![expect(clippy::unwrap_used, reason = "helpers of tests, outside of a test function")]

use crosswalk_sdk::{
    Json,
    contract::{CrmOutcome, CrmRecord, EntityUse, FieldUse, NamedValue, Value},
    prelude::*,
    record::Offered,
    testing::{self, json},
};

use super::{Account, Limits, value};

#[derive(Choice, Clone, Copy, Debug, PartialEq)]
enum Rating {
    #[choice(1)]
    VeryHot,
    #[choice(2, label = "Ice cold")]
    Cold,
    #[choice(other)]
    Other(i32),
}

fn in_regions() -> bool {
    Limits::read().is_ok_and(|limits| limits.gold_from > 10)
}

fn regions() -> Vec<Offered> {
    vec![Offered::text("north", "The North")]
}

#[derive(Record, Clone, Debug, Default, PartialEq)]
#[record(entity = "opportunity", key("msft_id", setting = "column_id"))]
struct Opportunity {
    name: Field<String>,
    #[field("msft_audit", label = "Audit", length = 2000, length_setting = "audit_length", owned)]
    audit: Field<String>,
    #[field("msft_region", label = "Region", choices = regions, when = in_regions)]
    region: Field<String>,
    #[field(rows(
        entity("child", setting = "solution_entity"),
        parent = "child_opportunity",
        column = "child_name"
    ))]
    solutions: Field<Vec<String>>,
    #[field("accountid")]
    account: Field<Ref<Account>>,
}

#[derive(Record, Clone, Debug, Default, PartialEq)]
#[record(entity = "lead", key = "msft_id")]
struct Lead {
    subject: Field<String>,
    rating: Field<Rating>,
    #[field("accountid")]
    account: Field<Ref<Customer>>,
}

/// What a lead sees of an account.
#[derive(Record, Clone, Debug, Default, PartialEq)]
#[record(entity = "account")]
struct Customer {
    name: Field<String>,
    websiteurl: Field<String>,
}

#[derive(Record, Clone, Debug, PartialEq)]
enum Deal {
    Opportunity(Opportunity),
    Lead(Lead),
}

#[mapping(crm = "dynamics", settings(Limits))]
mod both {
    use super::*;

    pub(super) fn to_crm(referral: &Referral, linked: Option<&Deal>) -> Result<Outcome<Deal>> {
        let name: Field<String> = referral.name.clone().into();
        Ok(Outcome::Hold(match linked {
            Some(Deal::Opportunity(_)) => Opportunity { name, ..Default::default() }.into(),
            _ if referral.status == Status::New => Lead { subject: name, ..Default::default() }.into(),
            _ => {
                let ids = referral.details.solutions.iter().map(|solution| solution.id.clone());
                let solutions = ids.collect::<Vec<String>>().into();
                Opportunity { name, solutions, ..Default::default() }.into()
            }
        }))
    }

    pub(super) fn report(linked: &Deal, report: &SyncReport) -> Result<Deal> {
        Ok(match linked {
            Deal::Opportunity(_) => {
                Opportunity { audit: report.message.as_str().into(), ..Default::default() }.into()
            }
            // A mistake, so that a test can see it refused.
            Deal::Lead(_) => Opportunity::default().into(),
        })
    }
}

fn entity<'a>(entities: &'a [EntityUse], name: &str) -> &'a EntityUse {
    entities.iter().find(|entity| entity.entity == name).unwrap()
}

fn field<'a>(entity: &'a EntityUse, name: &str) -> &'a FieldUse {
    entity.fields.iter().find(|field| field.name == name).unwrap()
}

fn record(entity: &str, fields: Vec<NamedValue>) -> CrmRecord {
    let key = RecordKey { entity: entity.to_owned(), id: "1".to_owned() };
    CrmRecord { key, fields, related: Vec::new(), more: Vec::new() }
}

#[test]
fn the_manifest_has_both_entities_and_what_they_share_once() {
    let manifest = (both::plugin().describe)();
    let named: Vec<(&str, Option<&str>)> =
        manifest.entities.iter().map(|entity| (entity.entity.as_str(), entity.via.as_deref())).collect();
    assert_eq!(named, [("opportunity", None), ("lead", None), ("account", Some("accountid"))]);
    let account = entity(&manifest.entities, "account");
    let columns: Vec<&str> = account.fields.iter().map(|field| field.name.as_str()).collect();
    assert_eq!(columns, ["name", "address1_postalcode", "websiteurl"], "the columns of both");
}

#[test]
fn a_draft_is_of_its_variants_entity() {
    let ask = |status: &str, linked: Option<&CrmRecord>| {
        let referral = testing::referral(json!({ "name": "Solar park", "status": status }));
        match (both::plugin().to_crm)(&referral, linked, &testing::contract_context()).unwrap() {
            CrmOutcome::Hold(draft) => draft,
            CrmOutcome::Skip(reason) => panic!("skipped: {reason}"),
        }
    };
    let lead = ask("New", None);
    assert_eq!(lead.entity, "lead");
    assert_eq!(value(&lead.fields, "subject"), Some(Value::Text("Solar park".into())));
    let linked = record("lead", lead.fields);
    let converted = ask("Active", Some(&linked));
    assert_eq!(converted.entity, "opportunity", "the lead is to be converted");
    let after = testing::written(Some(&linked), &converted);
    assert_eq!(
        (after.key.entity.as_str(), value(&after.fields, "subject")),
        ("opportunity", None),
        "a new record"
    );
}

#[test]
fn a_record_of_another_entity_is_refused_with_those_that_are_mapped() {
    let refusal = crosswalk_sdk::plugin::record::<Deal>(&record("incident", Vec::new())).unwrap_err();
    assert!(refusal.message.contains("`incident`") && refusal.message.contains("`opportunity`, `lead`"));
}

#[test]
fn a_report_shows_something_on_the_record_that_it_is_about() {
    let report = SyncReport { outcome: SyncOutcome::Synced, message: "done".into(), more: Vec::new() };
    let ask = |entity: &str| {
        (both::plugin().report)(&record(entity, Vec::new()), &report, &testing::contract_context())
    };
    assert_eq!(value(&ask("opportunity").unwrap(), "msft_audit"), Some(Value::Text("done".into())));
    let refusal = ask("lead").unwrap_err();
    assert!(format!("{refusal:?}").contains("answered with a `opportunity`"), "{refusal:?}");
}

#[test]
fn a_column_says_what_it_must_be_like() {
    let manifest = (both::plugin().describe)();
    let more =
        |entity_name: &str, name: &str| field(entity(&manifest.entities, entity_name), name).more.clone();
    let audit = more("opportunity", "msft_audit");
    assert_eq!(value(&audit, "label"), Some(Value::Text("Audit".into())));
    assert_eq!(value(&audit, "length"), Some(Value::Integer(2000)));
    let region = more("opportunity", "msft_region");
    let offered = json!([{ "value": "north", "label": "The North" }]).to_string();
    assert_eq!(value(&region, "choices"), Some(Value::Other(offered)));
    let rating = more("lead", "rating");
    let offered =
        json!([{ "value": 1, "label": "Very hot" }, { "value": 2, "label": "Ice cold" }]).to_string();
    assert_eq!(value(&rating, "choices"), Some(Value::Other(offered)));
    assert!(more("lead", "subject").is_empty());
}

#[test]
fn a_list_may_be_rows_whose_names_are_settings() {
    let rows = |entity_name: &str| {
        let _settings = testing::settings(json!({ "solution_entity": entity_name }));
        let manifest = (both::plugin().describe)();
        let more = field(entity(&manifest.entities, "opportunity"), "solutions").more.clone();
        ["rows-entity", "rows-parent", "rows-column"].map(|name| value(&more, name))
    };
    let text = |text: &str| Some(Value::Text(text.to_owned()));
    assert_eq!(
        rows("contoso_solution"),
        [text("contoso_solution"), text("child_opportunity"), text("child_name")]
    );
    let schema: Json = serde_json::from_str(&(both::plugin().describe)().settings_schema).unwrap();
    assert_eq!(schema["properties"]["solution_entity"]["default"], "child");
    assert!(schema["properties"]["column_id"]["description"].as_str().unwrap().contains("there must be one"));
}

#[test]
fn settings_decide_whether_there_is_a_column_and_how_much_it_holds() {
    let _settings = testing::settings(json!({ "gold_from": 5, "audit_length": 100 }));
    let manifest = (both::plugin().describe)();
    let opportunity = entity(&manifest.entities, "opportunity");
    assert!(!opportunity.fields.iter().any(|field| field.name == "msft_region"));
    assert_eq!(value(&field(opportunity, "msft_audit").more, "length"), Some(Value::Integer(100)));
    let read = crosswalk_sdk::plugin::record::<Deal>(&record("opportunity", Vec::new())).unwrap();
    assert!(matches!(read, Deal::Opportunity(opportunity) if opportunity.region.is_unset()));
}

#[test]
fn the_laws_hold_for_records_of_both_entities() {
    testing::laws::hold(&both::plugin(), 0..200);
}

/// A mapping that turns each record into one of the other entity.
mod unlawful {
    use super::*;

    #[mapping(crm = "dynamics")]
    pub(super) mod restless {
        use super::*;

        fn to_crm(linked: Option<&Deal>) -> Result<Deal> {
            Ok(match linked {
                Some(Deal::Lead(_)) => Opportunity::default().into(),
                _ => Lead::default().into(),
            })
        }
    }
}

#[test]
fn a_record_that_is_never_of_the_right_entity_breaks_a_law() {
    let plugin = unlawful::restless::plugin();
    let broken = testing::laws::broken(&plugin, &testing::documented_referral(), None);
    assert!(broken.iter().any(|law| law.contains("to be a `lead`, then a `opportunity`")), "{broken:?}");
}
