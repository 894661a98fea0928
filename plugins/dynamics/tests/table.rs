//! The default mapping's table, row by row, both ways.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests, outside of a test function")]

use crosswalk_dynamics::{
    Account, Contact, Currency, Dynamics, Opportunity, mapping,
    status::{State, StatusReason},
};
use crosswalk_sdk::{
    Settings,
    cosell::conflicts::Winner,
    prelude::*,
    testing::{self, json},
};

fn settings() -> Dynamics {
    Dynamics::read().unwrap()
}

fn documented() -> Referral {
    testing::referral(testing::documented_referral())
}

fn referral(json: serde_json::Value) -> Referral {
    let mut whole = testing::documented_referral();
    for (name, value) in json.as_object().unwrap() {
        whole[name] = value.clone();
    }
    testing::referral(whole)
}

fn held(referral: &Referral, linked: Option<&Opportunity>) -> Opportunity {
    match mapping::to_crm(referral, linked, &settings()).unwrap() {
        Outcome::Hold(draft) => draft,
        Outcome::Skip(reason) => panic!("skipped: {reason}"),
    }
}

fn sent(linked: &Opportunity, referral: Option<&Referral>) -> ReferralDraft {
    match mapping::to_referral(linked, referral, &context(), &settings()).unwrap() {
        Outcome::Hold(draft) => draft,
        Outcome::Skip(reason) => panic!("skipped: {reason}"),
    }
}

fn context() -> Context {
    testing::context().about(key("opportunity", "7c9e6679"))
}

fn key(entity: &str, id: &str) -> RecordKey {
    RecordKey { entity: entity.to_owned(), id: id.to_owned() }
}

fn existing<T>(entity: &str, record: T) -> Field<Ref<T>> {
    Ref::Existing { key: key(entity, "1"), record: Some(Box::new(record)) }.into()
}

/// An opportunity that is ready to be sent.
fn opportunity() -> Opportunity {
    Opportunity {
        name: "✔ Solar park".into(),
        description: "A big one".into(),
        value: Decimal::from(50_000).into(),
        currency: existing("transactioncurrency", Currency { code: "EUR".into() }),
        closes: jiff_date("2026-06-30").into(),
        state: State::Open.into(),
        status: StatusReason::InProgress.into(),
        account: existing(
            "account",
            Account {
                name: "Contoso".into(),
                line1: "Main Street 1".into(),
                city: "Berlin".into(),
                postal_code: "10115".into(),
                country: "DE".into(),
                ..testing::empty()
            },
        ),
        contact: existing(
            "contact",
            Contact {
                first_name: "Kim".into(),
                last_name: "Abercrombie".into(),
                email: "kim@contoso.example".into(),
                phone: "111".into(),
                ..testing::empty()
            },
        ),
        sync: true.into(),
        products: "SOL-15974-MQF, SOL-34104-EBB".into(),
        ..testing::empty()
    }
}

/// Settings with which a deal may be sent.
fn with_salesperson(mut settings: serde_json::Value) -> serde_json::Value {
    for (name, value) in
        [("first_name", "John"), ("last_name", "Doe"), ("email", "john@partner.example"), ("phone", "1")]
    {
        settings[format!("sales_contact_{name}")] = value.into();
    }
    settings["customers_consent"] = true.into();
    settings
}

fn jiff_date(text: &str) -> Date {
    text.parse().unwrap()
}

#[test]
fn the_documented_referral_becomes_an_opportunity() {
    let draft = held(&documented(), None);
    assert_eq!(draft.name, "Test Cosell Invite_20".into());
    assert_eq!(draft.description, "Wants a pilot in spring".into());
    assert_eq!(draft.value, Decimal::from(50_000).into());
    assert_eq!(draft.value_is_calculated, false.into());
    assert_eq!(draft.closes, jiff_date("2018-11-14").into());
    assert_eq!((draft.state, draft.status), (State::Open.into(), StatusReason::InProgress.into()));
    assert_eq!(draft.sync, true.into());
    let page = "https://partner.microsoft.com/referrals/v2/inbox?id=0f7cdb5b-3d2a-4cd6-8c2b-2d6f9d1c9a11";
    assert_eq!(draft.referral_link, page.into());
    assert_eq!(draft.products, Field::Empty, "a category is no product");
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
fn each_status_has_its_stage() {
    let at = |status: &str, substatus: &str, linked: Option<&Opportunity>| {
        let draft = held(&referral(json!({ "status": status, "substatus": substatus })), linked);
        (draft.state.value(), draft.status.value())
    };
    let open = |status| Opportunity { status: Field::Set(status), ..opportunity() };
    let on_hold = (Some(State::Open), Some(StatusReason::OnHold));
    let in_progress = (Some(State::Open), Some(StatusReason::InProgress));
    let lost = (Some(State::Lost), Some(StatusReason::Canceled));
    assert_eq!(at("New", "Pending", None), on_hold);
    assert_eq!(at("New", "Received", None), on_hold);
    assert_eq!(at("Active", "Accepted", None), in_progress);
    assert_eq!(at("Active", "Accepted", Some(&open(StatusReason::OnHold))), in_progress);
    assert_eq!(at("Active", "Accepted", Some(&open(StatusReason::Other(7)))), (None, None));
    assert_eq!(at("Closed", "Won", None), (Some(State::Won), Some(StatusReason::Won)));
    for substatus in ["Lost", "Declined", "Expired", "Error"] {
        assert_eq!(at("Closed", substatus, None), lost);
    }
    let out_sold =
        Opportunity { state: State::Lost.into(), status: StatusReason::OutSold.into(), ..opportunity() };
    assert_eq!(at("Closed", "Lost", Some(&out_sold)), (None, None));
}

#[test]
fn each_stage_has_its_status() {
    let of = |state: State, status: StatusReason, now: &str| {
        let linked = Opportunity { state: state.into(), status: status.into(), ..opportunity() };
        let draft = sent(&linked, Some(&referral(json!({ "status": now, "substatus": "Pending" }))));
        (draft.status.value(), draft.substatus.value())
    };
    let accepted = (Some(Status::Active), Some(Substatus::Accepted));
    assert_eq!(of(State::Open, StatusReason::OnHold, "New"), (None, None));
    assert_eq!(of(State::Open, StatusReason::InProgress, "New"), accepted, "leaving On Hold accepts");
    assert_eq!(of(State::Open, StatusReason::Other(9), "Active"), accepted);
    assert_eq!(of(State::Open, StatusReason::OnHold, "Active"), (None, None));
    assert_eq!(of(State::Won, StatusReason::Won, "Active"), (Some(Status::Closed), Some(Substatus::Won)));
    assert_eq!(
        of(State::Lost, StatusReason::OutSold, "Active"),
        (Some(Status::Closed), Some(Substatus::Lost))
    );
    assert_eq!(
        of(State::Open, StatusReason::InProgress, "Closed"),
        (None, None),
        "what is closed stays closed"
    );
}

#[test]
fn nothing_is_sent_to_a_deal_that_waits() {
    let linked = Opportunity { status: StatusReason::OnHold.into(), ..opportunity() };
    let draft = sent(&linked, Some(&referral(json!({ "status": "New" }))));
    assert_eq!(draft, ReferralDraft { external_reference_id: "7c9e6679".into(), ..Default::default() });
}

#[test]
fn a_change_is_sent_without_what_cannot_be_changed() {
    let draft = sent(&opportunity(), Some(&documented()));
    assert_eq!(draft.deal_value, Decimal::from(50_000).into());
    assert_eq!(draft.currency, "EUR".into());
    assert_eq!(draft.closing_date, jiff_date("2026-06-30").into());
    assert_eq!(draft.notes, "A big one".into());
    assert_eq!(draft.external_reference_id, "7c9e6679".into());
    assert!(draft.name.is_unset() && draft.help.is_unset() && draft.customer_name.is_unset());
    let ids: Vec<String> = draft.solutions.value().unwrap().into_iter().map(|solution| solution.id).collect();
    assert_eq!(ids, ["Dynamics365forFieldService", "SOL-15974-MQF", "SOL-34104-EBB"], "categories stay");
}

#[test]
fn a_text_that_was_cut_does_not_flow_back() {
    let long = "n".repeat(2500);
    let mut details = testing::documented_referral()["details"].clone();
    details["notes"] = long.clone().into();
    let referral = referral(json!({ "name": "x".repeat(400), "details": details }));
    let draft = held(&referral, None);
    assert_eq!(draft.description.text().chars().count(), 2000);
    assert!(draft.name.text().chars().count() <= 298 && draft.name.text().ends_with('…'));
    let linked = Opportunity { description: draft.description, ..opportunity() };
    assert_eq!(sent(&linked, Some(&referral)).notes, long.into());
    let edited = Opportunity { description: "shorter".into(), ..opportunity() };
    assert_eq!(sent(&edited, Some(&referral)).notes, "shorter".into());
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
fn help_is_an_option_and_a_word() {
    let asked = referral(json!({ "inviteContext": { "assistanceRequestCode": "ProofOfConceptOrDemo" } }));
    assert_eq!(held(&asked, None).help, 100_000_002.into());
    let new_word = referral(json!({ "inviteContext": { "assistanceRequestCode": "SomethingNew" } }));
    assert!(held(&new_word, None).help.is_unset());
    let _settings = testing::settings(with_salesperson(json!({ "help_code_base": 10 })));
    let linked = Opportunity { help: 15.into(), ..opportunity() };
    let draft = sent(&linked, None);
    assert_eq!((draft.help, draft.kind), (Help::GeneralOrOther.into(), ReferralKind::Shared.into()));
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
fn leads_are_skipped_with_a_reason() {
    for qualification in ["Direct", "MarketingQualified"] {
        let outcome =
            mapping::to_crm(&referral(json!({ "qualification": qualification })), None, &settings());
        let Ok(Outcome::Skip(reason)) = outcome else { panic!("{outcome:?}") };
        assert!(reason.contains("only opportunities"), "{reason}");
    }
}

#[test]
fn the_sync_switch_stops_both_ways() {
    let off = Opportunity { sync: false.into(), ..opportunity() };
    assert!(matches!(mapping::to_crm(&documented(), Some(&off), &settings()), Ok(Outcome::Skip(_))));
    for referral in [None, Some(&documented())] {
        let outcome = mapping::to_referral(&off, referral, &context(), &settings());
        assert!(matches!(outcome, Ok(Outcome::Skip(_))), "{outcome:?}");
    }
}

#[test]
fn only_what_is_open_and_not_on_hold_is_sent_for_the_first_time() {
    for (state, status) in [(State::Open, StatusReason::OnHold), (State::Won, StatusReason::Won)] {
        let linked = Opportunity { state: state.into(), status: status.into(), ..opportunity() };
        let outcome = mapping::to_referral(&linked, None, &context(), &settings());
        assert!(matches!(outcome, Ok(Outcome::Skip(_))), "{outcome:?}");
    }
}

#[test]
fn the_check_mark_is_kept_and_never_sent() {
    let _settings = testing::settings(json!({ "customers_consent": true }));
    assert_eq!(held(&documented(), Some(&opportunity())).name, "✔ Test Cosell Invite_20".into());
    assert_eq!(sent(&opportunity(), None).name, "Solar park".into());
}

#[test]
fn a_pass_is_reported_in_the_audit_and_with_a_mark() {
    let report = |outcome: SyncOutcome, message: &str| {
        let report = SyncReport { outcome, message: message.into(), more: Vec::new() };
        mapping::report(&opportunity(), &report, &context(), &settings()).unwrap()
    };
    let synced = report(SyncOutcome::Synced, "both sides agree");
    assert_eq!(synced.audit, "2026-01-31 12:00 - both sides agree".into());
    assert_eq!(synced.name, "✔ Solar park".into());
    let failed = report(SyncOutcome::Failed("the country is missing".into()), "not sent:");
    assert_eq!(failed.audit, "2026-01-31 12:00 - not sent: the country is missing".into());
    assert_eq!(failed.name, "✖ Solar park".into());
    let _settings = testing::settings(json!({ "display_check_mark": false }));
    assert!(report(SyncOutcome::Synced, "both sides agree").name.is_unset());
}

#[test]
fn a_new_referral_holds_all_that_partner_center_demands() {
    let _settings = testing::settings(with_salesperson(json!({})));
    let draft = sent(&Opportunity { help: 100_000_000.into(), ..opportunity() }, None);
    assert_eq!(draft.customer_name, "Contoso".into());
    assert_eq!(draft.address.country, "DE".into());
    assert_eq!(draft.customer_team.get().unwrap()[0].email.as_deref(), Some("kim@contoso.example"));
    assert_eq!(draft.team.get().unwrap()[0].email.as_deref(), Some("john@partner.example"));
    assert_eq!(draft.solutions.get().unwrap().len(), 2);
    assert_eq!((draft.consent_to_contact, draft.consent_to_share), (true.into(), true.into()));
    assert_eq!(draft.share_with_microsoft_sellers, true.into(), "who asks for help shares the deal");
    assert_eq!(
        (draft.status, draft.qualification),
        (Status::New.into(), Qualification::SalesQualified.into())
    );
}

#[test]
fn the_owner_is_named_as_far_as_known_and_the_settings_fill_in() {
    let _settings = testing::settings(with_salesperson(json!({ "owner_field": "owninguser" })));
    let manifest = (mapping::plugin().describe)();
    assert!(manifest.entities.iter().any(|entity| entity.via.as_deref() == Some("owninguser")));
    let owner =
        crosswalk_dynamics::User { first_name: "Ada".into(), last_name: "Berg".into(), ..testing::empty() };
    let linked = Opportunity { owner: existing("systemuser", owner), ..opportunity() };
    let team = sent(&linked, None).team.value().unwrap();
    assert_eq!((team[0].first_name.as_deref(), team[0].phone_number.as_deref()), (Some("Ada"), Some("1")));
}

#[test]
fn what_is_missing_from_a_new_referral_is_named_with_the_fix() {
    let refused =
        |linked: Opportunity| mapping::to_referral(&linked, None, &context(), &settings()).unwrap_err();
    assert_eq!(refused(opportunity()).field.as_deref(), Some("consentToContact"));
    let _settings = testing::settings(json!({ "customers_consent": true }));
    let field = |linked: Opportunity| refused(linked).field.unwrap();
    let account = |change: fn(&mut Account)| {
        let mut account = opportunity().account.get().unwrap().record().unwrap().clone();
        change(&mut account);
        Opportunity { account: existing("account", account), ..opportunity() }
    };
    assert_eq!(field(Opportunity { name: "✖ ".into(), ..opportunity() }), "name");
    assert_eq!(field(Opportunity { products: Field::Empty, ..opportunity() }), "msft_products");
    assert_eq!(field(Opportunity { value: Decimal::ZERO.into(), ..opportunity() }), "estimatedvalue");
    assert_eq!(field(Opportunity { currency: Field::Empty, ..opportunity() }), "transactioncurrencyid");
    assert_eq!(field(Opportunity { closes: Field::Empty, ..opportunity() }), "estimatedclosedate");
    assert_eq!(field(Opportunity { account: Field::Empty, ..opportunity() }), "parentaccountid");
    assert_eq!(field(account(|account| account.country = "Germany".into())), "account.address1_country");
    assert_eq!(field(account(|account| account.city = Field::Empty)), "account.address1_city");
    let helped = Opportunity { help: 100_000_001.into(), contact: Field::Empty, ..opportunity() };
    let refusal = refused(helped);
    assert_eq!(refusal.field.as_deref(), Some("parentcontactid"));
    assert!(refusal.help.unwrap().contains("How can Microsoft help?") && !refusal.retry);
    let refusal = refused(Opportunity { help: 100_000_001.into(), ..opportunity() });
    assert!(refusal.help.unwrap().contains("sales_contact_first_name"));
}

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
    let _settings = testing::settings(json!({ "column_audit": "new_audit", "column_products": "" }));
    let manifest = (mapping::plugin().describe)();
    let names: Vec<&str> = manifest.entities[0].fields.iter().map(|field| field.name.as_str()).collect();
    assert!(
        names.contains(&"new_audit") && !names.contains(&"msft_audit") && !names.contains(&"msft_products")
    );
    assert!(manifest.settings_schema.contains("customer_country_field"));
}

#[test]
fn the_laws_hold() {
    testing::laws::hold(&mapping::plugin(), 0..500);
}
