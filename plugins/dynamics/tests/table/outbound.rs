//! From Dynamics 365 to Partner Center.

use super::*;

#[test]
fn a_change_is_sent_without_what_cannot_be_changed() {
    let draft = sent(&opportunity(), Some(&documented()));
    assert_eq!(draft.deal_value, Decimal::from(50_000).into());
    assert_eq!(draft.currency, "EUR".into());
    assert_eq!(draft.closing_date, day("2026-06-30").into());
    assert_eq!(draft.notes, "A big one".into());
    assert_eq!(draft.external_reference_id, "7c9e6679".into());
    assert!(draft.name.is_unset() && draft.help.is_unset() && draft.customer_name.is_unset());
    let ids: Vec<String> = draft.solutions.value().unwrap().into_iter().map(|solution| solution.id).collect();
    assert_eq!(ids, ["Dynamics365forFieldService", "SOL-15974-MQF", "SOL-34104-EBB"], "categories stay");
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
fn only_what_is_open_and_not_on_hold_is_sent_for_the_first_time() {
    for (state, status) in [(State::Open, StatusReason::OnHold), (State::Won, StatusReason::Won)] {
        let linked = Opportunity { state: state.into(), status: status.into(), ..opportunity() };
        let outcome = pushed(linked, None);
        assert!(matches!(outcome, Ok(Outcome::Skip(_))), "{outcome:?}");
    }
}

#[test]
fn a_new_referral_holds_all_that_partner_center_demands() {
    let _settings = testing::settings(with_salesperson(json!({})));
    let draft = sent(&Opportunity { help: 100_000_000.into(), ..opportunity() }, None);
    assert_eq!((draft.customer_name, draft.customer_size), ("Contoso".into(), "51to250employees".into()));
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
    let owner = User { first_name: "Ada".into(), last_name: "Berg".into(), ..testing::empty() };
    let linked = Opportunity { owner: existing("systemuser", owner), ..opportunity() };
    let team = sent(&linked, None).team.value().unwrap();
    assert_eq!((team[0].first_name.as_deref(), team[0].phone_number.as_deref()), (Some("Ada"), Some("1")));
}

#[test]
fn what_is_missing_from_a_new_referral_is_named_with_the_fix() {
    let refused = |linked: Opportunity| pushed(linked, None).unwrap_err();
    assert_eq!(refused(opportunity()).field.as_deref(), Some("consentToContact"));
    let _settings = testing::settings(json!({ "customers_consent": true }));
    let field = |linked: Opportunity| refused(linked).field.unwrap();
    let account = |change: fn(&mut Account)| {
        let mut account = opportunity().account.get().unwrap().record().unwrap().clone();
        change(&mut account);
        Opportunity { account: existing("account", account), ..opportunity() }
    };
    assert_eq!(field(Opportunity { name: "✖ ".into(), ..opportunity() }), "name");
    assert_eq!(field(Opportunity { solutions: Field::Empty, ..opportunity() }), "solutions");
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
fn a_deal_is_private_or_led_by_the_partner_or_worked_on_together() {
    let _settings = testing::settings(with_salesperson(json!({})));
    let variant = |help: Field<i32>, visible: Field<bool>| {
        let draft = sent(&Opportunity { help, visible_to_microsoft: visible, ..opportunity() }, None);
        (draft.kind.value().unwrap(), draft.share_with_microsoft_sellers == true.into(), draft.help.value())
    };
    let help = 100_000_003.into();
    let cases = [
        (Field::Empty, Field::Empty, ReferralKind::Independent, false, None),
        (Field::Empty, true.into(), ReferralKind::Independent, true, None),
        (help, Field::Empty, ReferralKind::Shared, true, Some(Help::QuotesOrLicensing)),
    ];
    for (asked, visible, kind, shared, spoken) in cases {
        assert_eq!(variant(asked, visible), (kind, shared, spoken));
    }
}

#[test]
fn help_may_be_asked_for_after_the_deal_was_sent() {
    let _settings = testing::settings(with_salesperson(json!({})));
    let asking = Opportunity { help: 100_000_003.into(), ..opportunity() };
    let alone = referral(json!({ "inviteContext": null }));
    assert_eq!(sent(&asking, Some(&alone)).help, Help::QuotesOrLicensing.into());
    let asked = referral(json!({ "inviteContext": { "assistanceRequestCode": "GeneralOrOther" } }));
    assert!(sent(&asking, Some(&asked)).help.is_unset(), "it is asked for already");
    let closed = referral(json!({ "inviteContext": null, "status": "Closed", "substatus": "Won" }));
    assert!(sent(&asking, Some(&closed)).help.is_unset());
    let unreachable = Opportunity { contact: Field::Empty, ..asking };
    let refusal = pushed(unreachable, Some(&alone)).unwrap_err();
    assert_eq!(refusal.field.as_deref(), Some("parentcontactid"));
}

#[test]
fn contact_and_owner_join_the_teams_and_nobody_leaves() {
    let owner = User {
        first_name: "Ada".into(),
        last_name: "Berg".into(),
        email: "ada@partner.example".into(),
        phone: "7".into(),
    };
    let contact = Contact { email: "new@contoso.example".into(), ..testing::empty() };
    let linked = Opportunity {
        owner: existing("systemuser", owner),
        contact: existing("contact", contact),
        ..opportunity()
    };
    let draft = sent(&linked, Some(&documented()));
    let addresses = |team: Field<Vec<Member>>| -> Vec<String> {
        team.value().unwrap().into_iter().filter_map(|member| member.email).collect()
    };
    assert_eq!(
        addresses(draft.customer_team),
        ["kim@contoso.example", "lee@contoso.example", "new@contoso.example"]
    );
    assert_eq!(addresses(draft.team), ["john@partner.example", "ada@partner.example"]);
    let nobody = Opportunity { contact: Field::Empty, ..opportunity() };
    let draft = sent(&nobody, Some(&documented()));
    assert!(draft.customer_team.is_unset() && draft.team.is_unset(), "an owner without a name is nobody");
}

#[test]
fn solutions_are_rows_or_a_text() {
    let requirements = json!({ "solutions": [
        { "id": "SOL-1", "type": "Name" }, { "id": "BigData", "type": "Category" },
    ] });
    let known = details(json!({ "requirements": requirements }));
    assert_eq!(held(&known, None).solutions, solutions(&["SOL-1"]));
    let same = Opportunity { solutions: solutions(&["SOL-1"]), ..opportunity() };
    assert_eq!(sent(&same, Some(&known)).solutions, known.details.solutions.clone().into());
    let columns = || {
        let manifest = (mapping::plugin().describe)();
        manifest.entities[0].fields.iter().map(|field| field.name.clone()).collect::<Vec<String>>()
    };
    assert!(columns().contains(&"solutions".to_owned()) && !columns().contains(&"msft_products".to_owned()));

    let _settings = testing::settings(json!({ "solutions_as_rows": false }));
    let draft = held(&known, None);
    assert_eq!((draft.products, draft.solutions), ("SOL-1".into(), Field::Unset));
    let listed = Opportunity { products: "SOL-1, SOL-2".into(), solutions: Field::Unset, ..opportunity() };
    let ids: Vec<String> =
        sent(&listed, Some(&known)).solutions.value().unwrap().into_iter().map(|one| one.id).collect();
    assert_eq!(ids, ["BigData", "SOL-1", "SOL-2"]);
    assert!(columns().contains(&"msft_products".to_owned()) && !columns().contains(&"solutions".to_owned()));
}

#[test]
fn sales_stage_and_campaign_are_told_where_settings_name_their_columns() {
    let campaign = Campaign { code: "CMP-1".into() };
    let linked = Opportunity {
        sales_stage: SalesStage::Propose.into(),
        campaign: existing("campaign", campaign),
        ..opportunity()
    };
    let draft = sent(&linked, Some(&documented()));
    assert_eq!((draft.sales_stage, draft.campaign_id), ("Propose".into(), "CMP-1".into()));
    let own = Opportunity { sales_stage: SalesStage::Other(9).into(), campaign: Field::Empty, ..linked };
    let draft = sent(&own, Some(&documented()));
    assert!(draft.sales_stage.is_unset() && draft.campaign_id.is_unset());
    let read = |settings| {
        let _settings = testing::settings(settings);
        let manifest = (mapping::plugin().describe)();
        let fields = &manifest.entities[0].fields;
        ["salesstage", "campaignid"]
            .map(|name| fields.iter().any(|field| field.name == name && !field.writes))
    };
    assert_eq!(read(json!({})), [false, false]);
    assert_eq!(
        read(json!({ "sales_stage_field": "salesstage", "campaign_field": "campaignid" })),
        [true, true]
    );
}
