//! From Partner Center to Salesforce.

use super::*;

#[test]
fn the_documented_referral_becomes_an_opportunity() {
    let draft = held(&documented(), None);
    assert_eq!(draft.name, "Test Cosell Invite_20".into());
    assert_eq!(draft.description, "Wants a pilot in spring".into());
    assert_eq!((draft.value, draft.currency.text()), (Decimal::from(50_000).into(), "USD"));
    assert_eq!(draft.closes, day("2018-11-14").into());
    assert_eq!(draft.stage, "Qualification".into());
    assert_eq!(draft.sync, true.into());
    let page = "https://partner.microsoft.com/referrals/v2/inbox?id=0f7cdb5b-3d2a-4cd6-8c2b-2d6f9d1c9a11";
    assert_eq!(draft.referral_link, page.into());
    assert_eq!(draft.solutions, Field::Set(Vec::new()), "a category is no product");
    assert!(draft.products.is_unset());
    let Some(Ref::FindOrCreate { matching, extra }) = draft.account.get() else { panic!("{draft:?}") };
    assert_eq!((matching.name.text(), matching.postal_code.text()), ("Contoso Customer Inc", "98052"));
    assert_eq!(
        (extra.street.text(), extra.city.text(), extra.country.text()),
        ("One Microsoft Way\n34", "Redmond", "US")
    );
    assert_eq!(extra.employees, 10.into());
    let Some(Ref::FindOrCreate { matching, extra }) = draft.contact.get() else { panic!("{draft:?}") };
    assert_eq!((matching.email.text(), extra.last_name.text()), ("kim@contoso.example", "Abercrombie"));
    assert!(matches!(extra.works_for.get(), Some(Ref::FindOrCreate { .. })));
}

#[test]
fn customer_and_contact_are_set_at_create_only() {
    let draft = held(&documented(), Some(&opportunity()));
    assert!(draft.account.is_unset() && draft.contact.is_unset());
}

#[test]
fn a_new_opportunity_has_all_that_salesforce_demands() {
    let bare = testing::referral(json!({ "id": "r-1", "status": "New", "substatus": "Pending" }));
    let draft = held(&bare, None);
    assert_eq!(draft.name, "Partner Center referral r-1".into());
    assert_eq!(draft.stage, "Prospecting".into());
    assert_eq!(draft.closes, day("2026-03-02").into(), "30 days after the pass");
    let _settings = testing::settings(json!({ "close_date_days": 1 }));
    assert_eq!(held(&bare, None).closes, day("2026-02-01").into());
    assert!(held(&bare, Some(&opportunity())).closes.is_unset(), "what is there keeps its day");
    let named = testing::referral(json!({ "status": "New", "customerProfile": { "name": " Contoso " } }));
    assert_eq!(held(&named, None).name, "Contoso".into());
    let odd = testing::referral(json!({ "status": "Dreaming" }));
    assert!(matches!(asked(&odd, None), Outcome::Skip(reason) if reason.contains("`Dreaming`")));
}

#[test]
fn a_contact_without_a_last_name_gets_another_of_its_names() {
    let contact = |member: serde_json::Value| {
        let draft = held(&referral(json!({ "customerProfile": { "name": "X", "team": [member] } })), None);
        match draft.contact.value() {
            Some(Ref::FindOrCreate { extra, .. }) => Some(extra.last_name.text().to_owned()),
            _ => None,
        }
    };
    assert_eq!(contact(json!({ "firstName": "Kim", "email": "k@x.example" })).as_deref(), Some("Kim"));
    assert_eq!(contact(json!({ "email": "k@x.example" })).as_deref(), Some("k@x.example"));
    assert_eq!(contact(json!({ "lastName": "Kim" })), None, "two people may have one name");
}

#[test]
fn the_contact_is_the_first_person_whose_address_salesforce_takes() {
    let found = |team: serde_json::Value| {
        let draft = held(&referral(json!({ "customerProfile": { "name": "X", "team": team } })), None);
        match draft.contact.value() {
            Some(Ref::FindOrCreate { matching, extra }) => {
                Some((matching.email.text().to_owned(), extra.phone.value()))
            }
            _ => None,
        }
    };
    let long = format!("{}@x.example", "k".repeat(80));
    for email in ["kim", "kim@", "@x.example", "kim@x", "kim abercrombie@x.example", long.as_str()] {
        assert_eq!(found(json!([{ "lastName": "Kim", "email": email }])), None, "{email}");
    }
    let phone = "1".repeat(41);
    let team = json!([{ "lastName": "Kim" }, { "email": " lee@x.example ", "phoneNumber": phone }]);
    assert_eq!(found(team), Some(("lee@x.example".to_owned(), None)), "half a phone number is none");
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
