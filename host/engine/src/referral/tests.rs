//! What the API lets anyone do to each path, and JSON that comes back as it went.

use super::*;

fn sample() -> Referral {
    let text = r#"{"id":"r1","eTag":"\"1\"","status":"Active","details":{"dealValue":5000000.0000,"currency":"USD",
        "closingDateTime":"2026-01-31T00:00:00.1234567Z","requirements":{"products":[{"id":"Azure"},{"id":"SQL"}]}},
        "unknown":{"digits":12345678901234567890.123456789}}"#;
    Referral(serde_json::from_str(text).unwrap())
}

#[test]
fn the_tables_are_sorted_and_the_patch_list_is_complete() {
    assert!(SHAPES.windows(2).all(|two| two[0].0 < two[1].0), "binary search needs order");
    assert_eq!(PATCHABLE.len(), 18);
}

#[test]
fn money_never_goes_through_a_float() {
    let deal = sample();
    assert_eq!(deal.get("/details/dealValue"), Value::Decimal("5000000.0000".parse().unwrap()));
    let raised =
        deal.overlay(&[("/details/dealValue".into(), Value::Decimal("0.1".parse().unwrap()))].into());
    assert!(raised.0.to_string().contains(r#""dealValue":0.1,"#), "{}", raised.0);
    assert!(raised.0.to_string().contains("12345678901234567890.123456789"), "the rest keeps its digits");
}

#[test]
fn a_deal_value_in_a_string_is_a_number_too() {
    let deal = Referral(json!({"details": {"dealValue": "10000"}}));
    assert_eq!(deal.get("/details/dealValue"), Value::Decimal(10000.into()));
}

#[test]
fn lists_of_ids_are_texts_and_go_back_as_objects() {
    let deal = sample();
    let products = Value::Texts(vec!["Azure".into(), "SQL".into()]);
    assert_eq!(deal.get("/details/requirements/products"), products);
    assert_eq!(deal.overlay(&[("/details/requirements/products".into(), products)].into()).0, deal.0);
}

#[test]
fn a_day_becomes_the_midnight_of_that_day_in_utc() {
    let day = Value::Date("2026-02-01".parse().unwrap());
    let moved = sample().overlay(&[("/details/closingDateTime".into(), day)].into());
    assert_eq!(moved.0.pointer("/details/closingDateTime"), Some(&json!("2026-02-01T00:00:00Z")));
}

#[test]
fn objects_on_the_way_are_made() {
    let deal = Referral(json!({})).overlay(&[(HELP.into(), Value::Text("QuotesOrLicensing".into()))].into());
    assert_eq!(deal.get(HELP), Value::Text("QuotesOrLicensing".into()));
}

#[test]
fn the_status_machine_is_that_of_the_docs() {
    assert!(is_transition("New", "Active", "Accepted"));
    assert!(is_transition("Active", "Closed", "Won"));
    assert!(!is_transition("Active", "New", "Pending"));
    assert!(!is_transition("Closed", "Active", "Accepted"));
    assert!(!is_transition("Active", "Closed", "Accepted"));
}

#[test]
fn a_create_leaves_out_what_the_server_owns() {
    assert!(is_settable_at_create("/name") && is_settable_at_create("/customerProfile/address/city"));
    assert!(!is_settable_at_create("/id") && !is_settable_at_create("/trackingInfo/microsoftMsxId"));
    assert!(is_settable_at_create("/quality2"), "only whole names are owned");
}
