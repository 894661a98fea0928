//! What a plugin answers: taken over if it keeps to the manifest, refused with a code of its own if not.

use crosswalk_engine::{
    mapping::{Conflict, Mapper, Outcome, Report, Resolution},
    value::{Reference, Value},
};

use crate::{draft, mapper, plugin, record, referral, refusal};

#[test]
fn a_good_draft_is_taken_over_as_it_is() {
    let draft = draft("good");
    assert_eq!(draft.entity, "opportunity");
    assert_eq!(draft.fields["name"], Value::Text("Deal: Fabrikam fabric".to_owned()));
    assert_eq!(draft.fields["estimatedvalue"], Value::Decimal("50000.50".parse().unwrap()));
    assert_eq!(draft.fields["new_syncedon"], Value::Instant("2026-01-31T10:00:00Z".parse().unwrap()));
}

#[test]
fn a_companion_is_taken_over_with_the_reference_to_it() {
    let draft = draft("companion");
    assert_eq!(
        draft.fields["parentaccountid"],
        Value::Reference(Reference::Companion("customer".to_owned()))
    );
    assert_eq!(draft.companions[0].matching["name"], Value::Text("Fabrikam".to_owned()));
}

#[test]
fn each_broken_rule_has_its_code_and_names_the_field() {
    let cases = [
        ("undeclared-field", "MAP010", Some("new_secret")),
        ("read-only-field", "MAP010", Some("ownerid")),
        ("companion-undeclared-field", "MAP010", Some("creditlimit")),
        ("undeclared-entity", "MAP011", None),
        ("companion-undeclared-entity", "MAP011", None),
        ("wrong-kind", "MAP012", Some("estimatedvalue")),
        ("wrong-entity-of-reference", "MAP012", Some("parentaccountid")),
        ("bad-decimal", "MAP013", Some("estimatedvalue")),
        ("bad-date", "MAP014", Some("estimatedclosedate")),
        ("bad-instant", "MAP015", Some("new_syncedon")),
        ("bad-json", "MAP016", Some("new_products")),
        ("unknown-companion", "MAP018", Some("parentaccountid")),
        ("companion-without-match", "MAP019", None),
        ("companion-twice", "MAP019", None),
        ("companion-without-alias", "MAP019", None),
        ("field-twice", "MAP020", Some("name")),
        ("companion-field-twice", "MAP020", Some("name")),
    ];
    for (behaviour, code, field) in cases {
        let refusal = refusal(behaviour);
        assert_eq!(
            (refusal.code.as_str(), refusal.field.as_deref()),
            (code, field),
            "{behaviour}: {refusal:?}"
        );
        assert!(refusal.message.contains("`hostile`"), "{behaviour} names the plugin: {}", refusal.message);
        assert!(refusal.help.is_some_and(|help| !help.is_empty()), "{behaviour} says what to do");
    }
}

#[test]
fn a_refusal_reads_as_a_sentence_about_plugin_field_and_cure() {
    let refusal = refusal("wrong-kind");
    assert_eq!(
        refusal.message,
        "`hostile` gave text for `opportunity.estimatedvalue`, which it declares as decimal"
    );
    assert_eq!(
        refusal.help.as_deref(),
        Some("return a value of kind decimal, or correct the declaration of the field")
    );
}

#[test]
fn fields_of_a_referral_are_named_by_pointer() {
    let outcome = mapper(&plugin("good")).to_referral(&record(), Some(&referral())).unwrap();
    let Outcome::Hold(fields) = outcome else { panic!("skipped") };
    assert_eq!(fields["/details/dealValue"], Value::Decimal("50000.50".parse().unwrap()));
    let cases = [
        ("pointer-without-slash", "MAP017"),
        ("pointer-bad-escape", "MAP017"),
        ("pointer-append", "MAP017"),
        ("pointer-twice", "MAP020"),
        ("pointer-reference", "MAP012"),
    ];
    for (behaviour, code) in cases {
        let refusal = mapper(&plugin(behaviour)).to_referral(&record(), None).unwrap_err();
        assert_eq!(refusal.code, code, "{behaviour}: {refusal:?}");
    }
}

#[test]
fn each_conflict_gets_one_resolution() {
    let conflict = |field: &str| Conflict {
        field: field.to_owned(),
        base: None,
        partner_center: Value::Empty,
        crm: Value::Text("theirs".to_owned()),
        partner_center_changed: None,
        crm_changed: Some("2026-01-31T10:00:00Z".to_owned()),
    };
    let conflicts = [conflict("name"), conflict("estimatedvalue"), conflict("description")];
    let resolved = mapper(&plugin("good")).resolve(&conflicts).unwrap();
    let expected = [
        Resolution::Value(Value::Text("theirs".to_owned())),
        Resolution::PartnerCenter,
        Resolution::Park("a person decides".to_owned()),
    ];
    assert_eq!(resolved, expected);
    assert_eq!(mapper(&plugin("resolve-too-few")).resolve(&conflicts).unwrap_err().code, "MAP021");
    assert_eq!(mapper(&plugin("resolve-wrong-kind")).resolve(&conflicts).unwrap_err().code, "MAP012");
}

#[test]
fn a_report_writes_only_declared_fields() {
    let report = Report { failed: Some("the contact".to_owned()), message: "no email".to_owned() };
    let fields = mapper(&plugin("good")).report(&record(), &report).unwrap();
    assert_eq!(fields["new_audit"], Value::Text("SyncOutcome::Failed(\"the contact\"): no email".to_owned()));
    assert_eq!(mapper(&plugin("report-undeclared")).report(&record(), &report).unwrap_err().code, "MAP010");
}
