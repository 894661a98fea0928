//! Which fields of which links a projection asks for, and what it leaves to a person.

use crosswalk_engine::{
    link::{Entry, EntryKind, LinkState},
    mapping::FieldUse,
    pass::Pair,
    value::{Kind, RecordKey, Value},
};
use jiff::Timestamp;

use super::*;

/// Opportunities with a name and a value; leads have a name alone. Nobody writes when a record was modified.
fn manifest() -> Manifest {
    let field = |name: &str| FieldUse::new(name, Kind::Text);
    let read_only = FieldUse { writes: false, ..field("modifiedon") };
    let entity = |entity: &str, fields: &[&str]| EntityUse {
        entity: entity.to_owned(),
        via: None,
        fields: fields
            .iter()
            .map(|name| field(name))
            .chain([read_only.clone(), field("key"), field("stamp")])
            .collect(),
        referral_key: Some("key".to_owned()),
        stamp: Some("stamp".to_owned()),
    };
    Manifest {
        name: "contoso".to_owned(),
        version: "1.0.0".to_owned(),
        crm: "dynamics".to_owned(),
        entities: vec![entity("opportunity", &["name", "value"]), entity("lead", &["name"])],
        lookups: Vec::new(),
        settings_schema: String::new(),
    }
}

fn plan(fields: &[&str], entity: Option<&str>) -> Plan {
    let fields = fields.iter().map(|field| (*field).to_owned()).collect();
    Plan { fields, entity: entity.map(str::to_owned) }
}

fn link(entity: &str, open: Option<Entry>) -> Link {
    let mut state = LinkState::default();
    state.open.extend(open.map(|entry| (entry.field.clone(), entry)));
    let record = RecordKey { entity: entity.to_owned(), id: "o1".to_owned() };
    Link {
        id: "link_1".parse().unwrap(),
        tenant: "contoso".to_owned(),
        lane: "lane_1".parse().unwrap(),
        pair: Pair { referral: Some("r1".to_owned()), engagement: None, record: Some(record) },
        state,
        created: Timestamp::UNIX_EPOCH,
        updated: Timestamp::UNIX_EPOCH,
    }
}

#[test]
fn a_field_that_the_plugin_does_not_write_is_refused_with_those_that_it_does() {
    for (field, entity) in [("nmae", None), ("modifiedon", None), ("key", None), ("value", Some("lead"))] {
        let complaint = plan(&["name", field], entity).check(&manifest()).unwrap_err();
        assert!(
            complaint.message.contains(&format!("`{field}`")) && complaint.help.contains("`name`"),
            "{complaint:?}"
        );
        assert!(!complaint.help.contains("stamp"), "{complaint:?}");
    }
    plan(&["name", "value"], None).check(&manifest()).unwrap();
}

#[test]
fn an_entity_that_is_not_linked_and_an_empty_list_are_refused() {
    let complaint = plan(&["name"], Some("account")).check(&manifest()).unwrap_err();
    assert!(complaint.help.contains("`opportunity`, `lead`"), "{complaint:?}");
    assert!(plan(&[], None).check(&manifest()).is_err());
}

#[test]
fn a_path_is_one_that_partner_center_takes_changes_of_and_that_is_not_the_hosts() {
    plan(&["/details/notes"], None).check(&manifest()).unwrap();
    for path in ["/name", "/externalReferenceId", "/team/-", "/"] {
        assert!(plan(&[path], None).check(&manifest()).is_err(), "{path}");
    }
}

#[test]
fn a_link_is_asked_for_what_its_entity_has_each_from_the_side_that_it_is_not_of() {
    let of_crm = Owed { partner_center: true, crm: false };
    let of_partner_center = Owed { partner_center: false, crm: true };
    let plan = plan(&["name", "value", "/details/notes"], None);
    let of_lead = plan.ask_of(&link("lead", None), &manifest()).asked.owed;
    assert_eq!(
        of_lead,
        [("/details/notes".to_owned(), of_partner_center), ("name".to_owned(), of_crm)].into()
    );
    assert_eq!(plan.ask_of(&link("opportunity", None), &manifest()).asked.owed.len(), 3);
    assert_eq!(plan.ask_of(&link("contact", None), &manifest()), Planned::default());
}

#[test]
fn what_an_open_entry_holds_is_left_to_the_person_who_decides_it() {
    let entry = Entry {
        id: "e1".to_owned(),
        field: "name".to_owned(),
        path: Some("/details/notes".to_owned()),
        kind: EntryKind::Undelivered,
        partner_center: Value::Text("theirs".to_owned()),
        crm: Value::Text("ours".to_owned()),
        base: None,
        reason: String::new(),
        decision: None,
        since: Timestamp::UNIX_EPOCH,
    };
    let planned = plan(&["name", "value", "/details/notes"], None)
        .ask_of(&link("opportunity", Some(entry)), &manifest());
    assert_eq!(planned.asked.owed.keys().collect::<Vec<_>>(), ["value"]);
    let left: Vec<_> = planned.left.iter().map(|(field, held, _)| (field.as_str(), held.clone())).collect();
    let expected = [("name", "ours"), ("/details/notes", "theirs")];
    assert_eq!(left, expected.map(|(field, held)| (field, Value::Text(held.to_owned()))));
}
