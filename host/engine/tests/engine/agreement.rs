//! How a pair stands in the eyes of a release that it did not agree under.

use std::collections::BTreeSet;

use crosswalk_engine::{
    agreement::{Standing, standing},
    link::Base,
    mapping::{
        Companion, CrmDraft, EntityUse, FieldUse, Mapper, Outcome, Record, Refusal, Report, Resolution,
    },
    mapping::{Conflict, Manifest},
    referral::Referral,
    value::{Fields, Kind, RecordKey, Reference, Value},
};
use serde_json::json;

use crate::world::mapping::{Item, Plugin, values};

const NOTES: &str = "/details/notes";

fn key() -> RecordKey {
    RecordKey { entity: "opportunity".into(), id: "o1".into() }
}

/// A pair that agreed with this in the notes and in field `f`, and says so of `e`.
fn base(notes: &str, fields: &[(&str, &str)]) -> Base {
    let document =
        json!({ "id": "r1", "status": "Active", "substatus": "Accepted", "details": { "notes": notes } });
    let texts = fields.iter().chain(&[("referral_id", "r1")]);
    let record = values(&texts.map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect());
    Base { referral: Some(Referral(document)), record: Some(record) }
}

fn under(items: &[Item], base: &Base) -> Standing {
    let mut plugin = Plugin::new(items);
    let manifest = plugin.manifest();
    standing(&key(), base, &manifest, &mut plugin).unwrap()
}

fn mapped(restless: &[&str], unmet: &[&str]) -> Standing {
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<String>>();
    Standing::Mapped { restless: set(restless), unmet: set(unmet) }
}

#[test]
fn what_both_sides_hold_agrees_under_the_release_that_wrote_it() {
    assert_eq!(under(&[Item::Same("f", NOTES)], &base("15", &[("f", "15")])), mapped(&[], &[]));
    // Rounded and cut: what the other side cannot see is no disagreement.
    assert_eq!(under(&[Item::Tens("f", NOTES)], &base("15", &[("f", "10")])), mapped(&[], &[]));
}

#[test]
fn a_mapping_that_reads_the_record_otherwise_does_not_agree_on_what_the_other_side_sees() {
    let settled = base("15", &[("f", "15")]);
    assert_eq!(under(&[Item::Grows("f", NOTES)], &settled), mapped(&["/details/notes", "f"], &["f"]));
    assert_eq!(under(&[Item::Cut("f", NOTES)], &base("abcd", &[("f", "abcd")])), mapped(&[NOTES], &["f"]));
}

#[test]
fn a_field_that_only_the_record_shows_is_unmet_and_agrees_all_the_same() {
    let settled = base("15", &[("f", "15"), ("e", "")]);
    let newly = [Item::Same("f", NOTES), Item::Inward("e", NOTES)];
    assert_eq!(under(&newly, &settled), mapped(&[], &["e"]));
    assert_eq!(under(&[Item::Prefix("f", NOTES)], &settled), mapped(&[], &["f"]));
}

#[test]
fn a_pair_that_is_left_alone_has_no_base_or_is_to_be_another_entity_is_told_apart() {
    let settled = base("15", &[("f", "15")]);
    assert_eq!(under(&[Item::Same("f", NOTES)], &Base::default()), Standing::Unknown);
    let mut off = Plugin { switch: Some("on"), ..Plugin::new(&[Item::Same("f", NOTES)]) };
    let manifest = off.manifest();
    assert_eq!(standing(&key(), &settled, &manifest, &mut off).unwrap(), Standing::LeftAlone);
    let lead = RecordKey { entity: "lead".into(), id: "l1".into() };
    assert_eq!(standing(&lead, &settled, &manifest, &mut off).unwrap(), Standing::LeftAlone);
    let mut leads = Plugin { leads: true, ..Plugin::new(&[Item::Same("f", NOTES)]) };
    let manifest = leads.manifest();
    assert_eq!(
        standing(&lead, &settled, &manifest, &mut leads).unwrap(),
        Standing::AsksFor("opportunity".into())
    );
}

/// Names an account by the referral's notes, and shows what the record's account is called.
struct Accounts;

impl Mapper for Accounts {
    fn to_crm(&mut self, referral: &Referral, _: Option<&Record>) -> Result<Outcome<CrmDraft>, Refusal> {
        let account = Companion {
            alias: "customer".into(),
            entity: "account".into(),
            matching: [("name".to_owned(), referral.get(NOTES))].into(),
            fields: Fields::new(),
        };
        let to = Value::Reference(Reference::Companion("customer".into()));
        let fields = [("parent".to_owned(), to)].into();
        Ok(Outcome::Hold(CrmDraft { entity: "opportunity".into(), fields, companions: vec![account] }))
    }

    fn to_referral(&mut self, linked: &Record, _: Option<&Referral>) -> Result<Outcome<Fields>, Refusal> {
        let name = linked.related.first().map(|account| account.fields["name"].clone());
        Ok(Outcome::Hold([(NOTES.to_owned(), name.unwrap_or(Value::Empty))].into()))
    }

    fn resolve(&mut self, _: &[Conflict]) -> Result<Vec<Resolution>, Refusal> {
        Ok(vec![])
    }

    fn report(&mut self, _: &Record, _: &Report) -> Result<Fields, Refusal> {
        Ok(Fields::new())
    }
}

#[test]
fn a_companion_is_taken_to_be_the_record_that_is_held_and_is_read_through_its_reference() {
    let account = RecordKey { entity: "account".into(), id: "a1".into() };
    let manifest = Manifest {
        name: "accounts".into(),
        version: "1.0.0".into(),
        crm: "dynamics".into(),
        entities: vec![EntityUse {
            entity: "opportunity".into(),
            via: None,
            fields: vec![FieldUse::new("parent", Kind::Reference("account".into()))],
            referral_key: None,
            stamp: None,
        }],
        lookups: vec![],
        settings_schema: String::new(),
    };
    let mut settled = base("Fabrikam", &[("parent/name", "Fabrikam")]);
    let parent = Value::Reference(Reference::Existing(account));
    settled.record.as_mut().unwrap().insert("parent".into(), parent);
    assert_eq!(standing(&key(), &settled, &manifest, &mut Accounts).unwrap(), mapped(&[], &[]));
}
