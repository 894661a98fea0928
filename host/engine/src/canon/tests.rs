//! The traps that concern comparison, numbered as in the list of traps of CRM APIs.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn same(one: Value, other: Value) -> bool {
    let canon = Canon::of_currency(Some("USD"));
    assert_eq!(canon.same(&one, &other), canon.same(&other, &one), "equality is symmetric");
    canon.same(&one, &other)
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn decimal(text: &str) -> Value {
    Value::Decimal(text.parse().unwrap())
}

fn instant(text: &str) -> Value {
    Value::Instant(text.parse().unwrap())
}

#[test]
fn a_truncated_text_is_not_the_same_as_the_whole_one() {
    assert!(!same(text(&"a".repeat(300)), text(&"a".repeat(120))), "trap 22: only the mapping may say so");
}

#[test]
fn amounts_are_compared_to_the_currency_precision() {
    let yen = Canon::of_currency(Some("JPY"));
    let dinar = Canon::of_currency(Some("kwd"));
    assert!(yen.same(&decimal("100.4"), &decimal("100")), "trap 23");
    assert!(!dinar.same(&decimal("1.001"), &decimal("1.002")));
    assert!(dinar.same(&decimal("1.0014"), &decimal("1.001")));
    assert!(same(decimal("1.001"), decimal("1.002")) && !same(decimal("1.01"), decimal("1.02")));
}

#[test]
fn a_reformatted_number_is_no_change() {
    assert!(same(decimal("5000000.0000"), Value::Integer(5_000_000)), "trap 24");
    assert!(same(decimal("5000000"), text("5000000.0")));
    assert!(same(Value::Json(json!(12.50)), decimal("12.5")));
    assert!(!same(text("01"), text("1")), "two texts are texts");
}

#[test]
fn a_day_never_crosses_a_time_zone() {
    let day = Value::Date("2026-01-31".parse().unwrap());
    assert!(same(day.clone(), instant("2026-01-31T00:00:00Z")), "trap 25");
    assert!(same(day.clone(), instant("2026-01-31T23:59:59Z")));
    assert!(!same(day.clone(), instant("2026-02-01T00:00:00Z")));
    assert!(same(day, text("2026-01-31")));
}

#[test]
fn moments_are_the_same_to_the_second_in_any_notation() {
    assert!(same(instant("2026-01-31T10:00:00.9999999Z"), instant("2026-01-31T10:00:00Z")), "trap 26");
    assert!(same(instant("2026-01-31T12:00:00+02:00"), instant("2026-01-31T10:00:00Z")));
    assert!(same(instant("2026-01-31T10:00:00Z"), text("2026-01-31T10:00:00.000+00:00")));
    assert!(!same(instant("2026-01-31T10:00:01Z"), instant("2026-01-31T10:00:00Z")));
}

#[test]
fn null_empty_text_and_empty_list_are_the_same_but_no_is_not() {
    for nothing in
        [text(""), text("  \r\n"), Value::Texts(vec![]), Value::Json(json!([])), Value::Json(json!({}))]
    {
        assert!(same(nothing, Value::Empty), "traps 27 and 28");
    }
    assert!(!same(Value::Flag(false), Value::Empty));
    assert!(!same(Value::Integer(0), Value::Empty));
}

#[test]
fn line_ends_and_trailing_blanks_do_not_count() {
    assert!(same(text("a\r\nb  \r\n"), text("a\nb")), "trap 29");
    assert!(!same(text("a\nb"), text("a b")) && !same(text(" a"), text("a")));
}

#[test]
fn escaped_text_is_another_text() {
    assert!(!same(text("a &amp; b"), text("a & b")), "trap 30: stored data is never unescaped");
}

#[test]
fn ids_have_one_form() {
    let upper = text("{8151925C-1234-4F00-9ABC-00000000000A}");
    assert!(same(upper, text("8151925c-1234-4f00-9abc-00000000000a")), "trap 31");
    let key = |id: &str| {
        Value::Reference(Reference::Existing(RecordKey { entity: "Account".into(), id: id.into() }))
    };
    assert!(same(key("0015g00000AbCdE"), key("0015g00000AbCdEAAV")));
    assert!(!same(key("0015g00000AbCdE"), key("0015g00000aBcDe")), "the first 15 are case-sensitive");
    assert!(same(key("0015g00000AbCdE"), text("0015g00000AbCdEAAV")));
}

#[test]
fn lists_are_values_whatever_their_notation() {
    let one = json!([{"firstName": "Ann", "email": null, "price": 10.0}]);
    let other = json!([{"price": 10, "firstName": "Ann\r\n"}]);
    assert!(same(Value::Json(one), Value::Json(other)));
    assert!(same(Value::Texts(vec!["b".into(), "a".into()]), Value::Texts(vec!["a".into(), "b".into()])));
    assert!(!same(Value::Json(json!([{"id": "a"}])), Value::Json(json!([{"id": "b"}]))));
}

/// Values that are close enough to each other to be the same now and then.
fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Empty),
        "[ab \\r\\n]{0,3}".prop_map(Value::Text),
        "-?[0-9]{1,2}(\\.[0-9]{1,3})?".prop_map(Value::Text),
        (-20i32..20).prop_map(Value::Integer),
        (-2000i64..2000, 0u32..4).prop_map(|(digits, scale)| Value::Decimal(Decimal::new(digits, scale))),
        (0i64..200_000).prop_map(|second| Value::Instant(Timestamp::from_second(second).unwrap())),
        any::<bool>().prop_map(Value::Flag),
        proptest::collection::vec("[ab]?", 0..3).prop_map(Value::Texts),
        proptest::collection::vec("[ab]?", 0..3).prop_map(|texts| Value::Json(json!(texts))),
    ]
}

proptest! {
    #[test]
    fn every_value_is_the_same_as_itself_and_sameness_is_mutual(one in any_value(), other in any_value()) {
        let canon = Canon::of_currency(Some("EUR"));
        prop_assert!(canon.same(&one, &one));
        prop_assert_eq!(canon.same(&one, &other), canon.same(&other, &one));
    }

    #[test]
    fn whatever_is_empty_is_the_same_as_null(value in any_value()) {
        let canon = Canon::of_currency(None);
        prop_assert!(!value.is_empty() || canon.same(&value, &Value::Empty));
    }
}
