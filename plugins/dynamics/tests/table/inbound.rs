//! From Partner Center to Dynamics 365.

use super::*;

#[test]
fn the_documented_referral_becomes_an_opportunity() {
    let draft = held(&documented(), None);
    assert_eq!(draft.name, "Test Cosell Invite_20".into());
    assert_eq!(draft.description, "Wants a pilot in spring".into());
    assert_eq!(draft.value, Decimal::from(50_000).into());
    assert_eq!(draft.value_is_calculated, false.into());
    assert_eq!(draft.closes, day("2018-11-14").into());
    assert_eq!((draft.state, draft.status), (State::Open.into(), StatusReason::InProgress.into()));
    assert_eq!(draft.sync, true.into());
    let page = "https://partner.microsoft.com/referrals/v2/inbox?id=0f7cdb5b-3d2a-4cd6-8c2b-2d6f9d1c9a11";
    assert_eq!(draft.referral_link, page.into());
    assert_eq!(draft.solutions, Field::Set(Vec::new()), "a category is no product");
    assert!(draft.products.is_unset());
    let Some(Ref::FindOrCreate { matching, .. }) = draft.currency.get() else { panic!("{draft:?}") };
    assert_eq!(matching.code, "USD".into());
    let Some(Ref::FindOrCreate { matching, extra }) = draft.account.get() else { panic!("{draft:?}") };
    assert_eq!((matching.name.text(), matching.postal_code.text()), ("Contoso Customer Inc", "98052"));
    assert_eq!(
        (extra.line1.text(), extra.city.text(), extra.country.text()),
        ("One Microsoft Way", "Redmond", "US")
    );
    let Some(Ref::FindOrCreate { matching, extra }) = draft.contact.get() else { panic!("{draft:?}") };
    assert_eq!((matching.email.text(), extra.last_name.text()), ("kim@contoso.example", "Abercrombie"));
}

#[test]
fn customer_and_contact_are_set_at_create_only() {
    let draft = held(&documented(), Some(&opportunity()));
    assert!(draft.account.is_unset() && draft.contact.is_unset());
}

#[test]
fn consent_goes_one_way() {
    let given =
        |yes: bool| referral(json!({ "consent": { "consentToShareReferralWithMicrosoftSellers": yes } }));
    assert_eq!(held(&given(true), None).visible_to_microsoft, true.into());
    assert!(held(&given(false), None).visible_to_microsoft.is_unset());
    let visible = |yes: bool| Opportunity { visible_to_microsoft: yes.into(), ..opportunity() };
    assert_eq!(sent(&visible(true), Some(&documented())).share_with_microsoft_sellers, true.into());
    assert!(sent(&visible(false), Some(&documented())).share_with_microsoft_sellers.is_unset());
}

#[test]
fn a_value_is_rounded_as_the_currency_is() {
    let of = |value: &str, currency: &str| {
        let details = json!({ "dealValue": value, "currency": currency });
        held(&referral(json!({ "details": details })), None).value.value().unwrap().to_string()
    };
    assert_eq!(of("1234.56789", "EUR"), "1234.57");
    assert_eq!(of("1234.5", "JPY"), "1235");
    let _settings = testing::settings(json!({ "revenue_from_products": true }));
    let draft = held(&documented(), None);
    assert!(draft.value.is_unset() && draft.value_is_calculated.is_unset());
}

#[test]
fn a_currency_that_is_held_already_is_kept() {
    let usd = Opportunity {
        currency: existing("transactioncurrency", Currency { code: "USD".into() }),
        ..opportunity()
    };
    let draft = held(&documented(), Some(&usd));
    assert_eq!(draft.currency.get().and_then(Ref::key), usd.currency.get().and_then(Ref::key));
}

#[test]
fn the_sync_switch_stops_both_ways() {
    let referral_link: Field<String> = "https://partner.microsoft.com".into();
    let opportunity =
        Opportunity { sync: false.into(), referral_link: referral_link.clone(), ..opportunity() };
    let lead = Lead { sync: false.into(), referral_link, ..testing::empty() };
    for off in [Deal::from(opportunity), lead.into()] {
        assert!(matches!(asked(&documented(), Some(&off)), Outcome::Skip(_)));
        for referral in [None, Some(&documented())] {
            let outcome = pushed(off.clone(), referral);
            assert!(matches!(outcome, Ok(Outcome::Skip(_))), "{outcome:?}");
        }
    }
}

#[test]
fn an_opportunity_that_a_conversion_just_made_is_switched_on() {
    let made = Opportunity { sync: false.into(), ..opportunity() };
    assert_eq!(held(&documented(), Some(&made)).sync, true.into());
    assert!(matches!(pushed(made.clone(), Some(&documented())), Ok(Outcome::Hold(_))));
    assert!(matches!(pushed(made, None), Ok(Outcome::Skip(_))), "nobody chose to send it");
}

#[test]
fn a_customer_that_does_not_fit_is_cut_and_half_an_address_is_none() {
    let long = |letter: &str| letter.repeat(300);
    let email = format!("{}@x.example", "k".repeat(100));
    let profile = json!({
        "name": long("n"), "address": { "city": long("c"), "postalCode": long("p") },
        "team": [{ "firstName": long("f"), "email": "kim@x.example" }],
    });
    let draft = held(&referral(json!({ "customerProfile": profile })), None);
    let Some(Ref::FindOrCreate { matching, extra }) = draft.account.get() else { panic!("{draft:?}") };
    let length = |text: &Field<String>| text.text().chars().count();
    assert_eq!((length(&matching.name), length(&matching.postal_code), length(&extra.city)), (160, 20, 80));
    let Some(Ref::FindOrCreate { extra, .. }) = draft.contact.get() else { panic!("{draft:?}") };
    assert_eq!(length(&extra.first_name), 50);
    let profile = json!({ "name": "X", "team": [{ "lastName": "Kim", "email": email }] });
    assert!(held(&referral(json!({ "customerProfile": profile })), None).contact.is_unset());
}

#[test]
fn a_referral_whose_status_is_not_known_is_skipped() {
    let odd = testing::referral(json!({ "status": "Dreaming" }));
    assert!(matches!(asked(&odd, None), Outcome::Skip(reason) if reason.contains("`Dreaming`")));
}
