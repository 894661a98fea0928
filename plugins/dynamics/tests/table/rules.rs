//! Who wins a conflict, names that are settings, what columns must be like, and the laws.

use super::*;

#[test]
fn the_crm_wins_what_sellers_work_on_unless_a_setting_says_otherwise() {
    use crosswalk_sdk::contract::Value;
    let conflict = |field: &str, partner_center: Value, crm: Value| Conflict {
        field: field.into(),
        base: None,
        partner_center,
        crm,
        partner_center_changed: None,
        crm_changed: None,
        more: Vec::new(),
    };
    let resolved = |conflict: &Conflict| mapping::resolve(conflict, &settings()).unwrap();
    let value = conflict("estimatedvalue", Value::Decimal("1".into()), Value::Decimal("2".into()));
    assert_eq!(resolved(&value), Resolution::Crm);
    for (winner, expected) in [("partner-center", Some(Resolution::PartnerCenter)), ("park", None)] {
        let _settings = testing::settings(json!({ "conflict_winner": winner }));
        match expected {
            Some(expected) => assert_eq!(resolved(&value), expected),
            None => assert!(matches!(resolved(&value), Resolution::Park(_))),
        }
    }
    let state = |partner_center: i32, crm: i32| {
        resolved(&conflict("statecode", Value::Integer(partner_center), Value::Integer(crm)))
    };
    assert_eq!(state(1, 0), Resolution::PartnerCenter);
    assert_eq!(state(0, 2), Resolution::Crm);
    assert_eq!(state(1, 2), Resolution::PartnerCenter, "Partner Center cannot be changed once it is closed");
    assert!(matches!(state(0, 0), Resolution::Park(_)));
    let code = |field: &str| resolved(&conflict(field, Value::Text("USD".into()), Value::Text("EUR".into())));
    assert_eq!(code("transactioncurrencyid/isocurrencycode"), Resolution::Crm);
    assert_eq!(code("/details/currency"), Resolution::Crm);
    assert!(matches!(code("/somethingNew"), Resolution::Park(_)));
    let substatus = conflict("/substatus", Value::Text("Declined".into()), Value::Text("Accepted".into()));
    assert_eq!(resolved(&substatus), Resolution::PartnerCenter);
    assert_eq!(settings().conflict_winner, Winner::Crm);
}

#[test]
fn a_column_may_have_another_name_or_be_missing() {
    let _settings = testing::settings(json!({ "column_audit": "new_audit", "column_referral_program": "" }));
    let manifest = (mapping::plugin().describe)();
    let names: Vec<&str> = manifest.entities[0].fields.iter().map(|field| field.name.as_str()).collect();
    assert!(names.contains(&"new_audit") && !names.contains(&"msft_audit"));
    assert!(!names.contains(&"msft_referralprogram"));
    assert!(manifest.settings_schema.contains("customer_country_field"));
}

#[test]
fn the_laws_hold() {
    testing::laws::hold(&mapping::plugin(), 0..500);
}

#[test]
fn the_laws_hold_with_products_in_a_text_reasons_stages_and_owners() {
    let _settings = testing::settings(json!({
        "solutions_as_rows": false, "lost_reason_field": "new_lostreason", "lost_reason_length": 8,
        "sales_stage_field": "salesstage", "campaign_field": "campaignid", "owner_field": "owninguser",
        "sales_contact_first_name": "Ada", "sales_contact_last_name": "Berg", "sales_contact_email": "a@b.example",
        "sales_contact_phone": "7", "opportunities_only": true,
    }));
    testing::laws::hold(&mapping::plugin(), 0..500);
}

#[test]
fn provisioning_learns_what_each_column_of_ours_must_be_like() {
    let manifest = (mapping::plugin().describe)();
    for entity in manifest.entities.iter().filter(|entity| entity.via.is_none()) {
        for field in entity.fields.iter().filter(|field| field.name.starts_with("msft_")) {
            let more = |name: &str| field.more.iter().find(|said| said.name == name).map(|said| &said.value);
            assert!(matches!(more("label"), Some(Value::Text(_))), "{}.{}", entity.entity, field.name);
            let is_text = field.kind == crosswalk_sdk::contract::Kind::Text;
            assert_eq!(more("length").is_some(), is_text, "{}.{}", entity.entity, field.name);
        }
    }
    let choices = |settings: serde_json::Value, entity: usize, name: &str| {
        let _settings = testing::settings(settings);
        let manifest = (mapping::plugin().describe)();
        let field = manifest.entities[entity].fields.iter().find(|field| field.name == name).unwrap();
        match &field.more.iter().find(|said| said.name == "choices").unwrap().value {
            Value::Other(json) => serde_json::from_str::<serde_json::Value>(json).unwrap(),
            other => panic!("{other:?}"),
        }
    };
    let help = "msft_howcanmicrosofthelp";
    let demo = json!({ "value": 100_000_002, "label": "Proof of concept/demo" });
    assert_eq!(choices(json!({}), 0, help)[2], demo);
    assert_eq!(choices(json!({ "help_code_base": 10 }), 0, help)[5]["value"], 15);
    let reasons = choices(json!({}), 0, "statuscode");
    assert_eq!(reasons.as_array().unwrap().len(), 4, "what is only read need not be there: {reasons}");
    assert_eq!(choices(json!({}), 1, "statuscode"), json!([{ "value": 7, "label": "Canceled" }]));
}
