//! Who wins a conflict, names that are settings, and the laws.

use super::*;

#[test]
fn the_crm_wins_what_sellers_work_on_unless_a_setting_says_otherwise() {
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
    let value = conflict("Amount", Value::Decimal("1".into()), Value::Decimal("2".into()));
    assert_eq!(resolved(&value), Resolution::Crm);
    for (winner, expected) in [("partner-center", Some(Resolution::PartnerCenter)), ("park", None)] {
        let _settings = testing::settings(json!({ "conflict_winner": winner }));
        match expected {
            Some(expected) => assert_eq!(resolved(&value), expected),
            None => assert!(matches!(resolved(&value), Resolution::Park(_))),
        }
    }
    let text = |field: &str, partner_center: &str, crm: &str| {
        resolved(&conflict(field, Value::Text(partner_center.into()), Value::Text(crm.into())))
    };
    assert_eq!(text("StageName", "Closed Won", "Qualification"), Resolution::PartnerCenter);
    assert_eq!(text("StageName", "Qualification", "Closed Lost"), Resolution::Crm);
    assert_eq!(
        text("StageName", "Closed Won", "Closed Lost"),
        Resolution::PartnerCenter,
        "Partner Center cannot be changed once it is closed"
    );
    assert!(matches!(text("StageName", "Qualification", "Proposal"), Resolution::Park(_)));
    assert_eq!(text("CurrencyIsoCode", "USD", "EUR"), Resolution::Crm);
    assert_eq!(text("/details/currency", "USD", "EUR"), Resolution::Crm);
    assert_eq!(text("Name", "one", "other"), Resolution::PartnerCenter);
    assert_eq!(text("Status", "Open", "Closed - Not Converted"), Resolution::Crm, "of a lead");
    assert_eq!(text("Company", "Contoso", "Contoso Ltd"), Resolution::Crm);
    assert!(matches!(text("/somethingNew", "USD", "EUR"), Resolution::Park(_)));
    assert_eq!(text("/substatus", "Declined", "Accepted"), Resolution::PartnerCenter);
    assert_eq!(settings().conflict_winner, Winner::Crm);
}

#[test]
fn a_field_may_have_another_name_or_be_missing() {
    let _settings =
        testing::settings(json!({ "column_audit": "New_Audit__c", "column_referral_program": "" }));
    let manifest = (mapping::plugin().describe)();
    let names: Vec<&str> = manifest.entities[0].fields.iter().map(|field| field.name.as_str()).collect();
    assert!(names.contains(&"New_Audit__c") && !names.contains(&"Audit__c"));
    assert!(!names.contains(&"Referral_Program__c"));
    assert!(manifest.settings_schema.contains("customer_country_field"));
}

#[test]
fn the_laws_hold() {
    testing::laws::hold(&mapping::plugin(), 0..250);
}

#[test]
fn the_laws_hold_with_one_currency_products_in_a_text_and_reasons() {
    let _settings = testing::settings(json!({
        "currency_field": "", "solutions_as_rows": false, "lost_reason_field": "Loss_Reason__c",
        "active_stage_name": "Solar park", "on_hold_stage_name": "N/A", "lead_topic_field": "Topic__c",
        "lead_disqualified_status": "Solar park", "campaign_field": "CampaignId", "close_stages": ["Solar park"],
    }));
    testing::laws::hold(&mapping::plugin(), 0..250);
}
