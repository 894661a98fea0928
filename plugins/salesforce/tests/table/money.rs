//! The deal value and its currency.

use super::*;

#[test]
fn a_value_is_rounded_as_the_currency_and_the_field_are() {
    let of = |value: &str, currency: &str| {
        let referral = details(json!({ "dealValue": value, "currency": currency }));
        held(&referral, None).value.value().unwrap().to_string()
    };
    assert_eq!(of("1234.56789", "EUR"), "1234.57");
    assert_eq!(of("1234.5", "JPY"), "1235");
    assert_eq!(of("1234.5678", "KWD"), "1234.57", "Amount has two decimals");
}

#[test]
fn where_products_make_the_amount_it_is_sent_and_never_written() {
    let linked = Opportunity { has_products: true.into(), ..opportunity() };
    let draft = held(&documented(), Some(&linked));
    assert!(draft.value.is_unset() && draft.currency.is_unset());
    assert_eq!(sent(&linked, Some(&documented())).deal_value, Decimal::from(50_000).into());
}

#[test]
fn an_organisation_with_one_currency_tells_no_other() {
    let _settings = testing::settings(json!({
        "currency_field": "", "org_currency": "EUR", "customers_consent": true
    }));
    let manifest = (mapping::plugin().describe)();
    assert!(!manifest.entities[0].fields.iter().any(|field| field.name == "CurrencyIsoCode"));
    let linked = Opportunity { currency: Field::Unset, ..opportunity() };
    let in_euro = details(json!({ "dealValue": 70, "currency": "EUR" }));
    let draft = held(&in_euro, Some(&linked));
    assert_eq!((draft.value, draft.currency), (Decimal::from(70).into(), Field::Unset));
    let draft = sent(&linked, Some(&in_euro));
    assert_eq!((draft.deal_value, draft.currency), (Decimal::from(50_000).into(), "EUR".into()));
    let in_dollars = documented();
    assert!(held(&in_dollars, Some(&linked)).value.is_unset());
    let draft = sent(&linked, Some(&in_dollars));
    assert!(draft.deal_value.is_unset() && draft.currency.is_unset());
    assert_eq!(sent(&linked, None).currency, "EUR".into());
}
