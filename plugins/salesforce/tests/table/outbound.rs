//! From Salesforce to Partner Center.

use super::*;

#[test]
fn a_change_is_sent_without_what_cannot_be_changed() {
    let draft = sent(&opportunity(), Some(&documented()));
    assert_eq!((draft.deal_value, draft.currency), (Decimal::from(50_000).into(), "EUR".into()));
    assert_eq!(draft.closing_date, day("2026-06-30").into());
    assert_eq!(draft.notes, "A big one".into());
    assert_eq!(draft.external_reference_id, "006000000000001AAA".into());
    assert!(draft.name.is_unset() && draft.customer_name.is_unset() && draft.kind.is_unset());
    let ids: Vec<String> = draft.solutions.value().unwrap().into_iter().map(|solution| solution.id).collect();
    assert_eq!(ids, ["Dynamics365forFieldService", "SOL-15974-MQF", "SOL-34104-EBB"], "categories stay");
}

#[test]
fn sales_stage_and_campaign_are_told_where_settings_say_so() {
    let campaign = |name: &str| Campaign { code: name.into() };
    let linked = Opportunity { campaign: existing("Campaign", campaign("Spring")), ..opportunity() };
    let draft = sent(&linked, Some(&documented()));
    assert_eq!((draft.sales_stage, draft.campaign_id), (Field::Unset, "Spring".into()));
    let nameless = Opportunity { campaign: existing("Campaign", campaign("")), ..opportunity() };
    assert!(sent(&nameless, Some(&documented())).campaign_id.is_unset());
    let _settings = testing::settings(json!({
        "qualify_stages": ["Prospecting"], "propose_stages": ["Proposal", "Qualification"],
    }));
    assert_eq!(sent(&linked, Some(&documented())).sales_stage, "Propose".into());
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
        owner: existing("User", owner),
        contact: existing("Contact", contact),
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
fn help_is_a_picklists_value_and_a_word() {
    let asked = referral(json!({ "inviteContext": { "assistanceRequestCode": "ProofOfConceptOrDemo" } }));
    assert_eq!(held(&asked, None).help, "Proof of concept or demo".into());
    let new_word = referral(json!({ "inviteContext": { "assistanceRequestCode": "SomethingNew" } }));
    assert!(held(&new_word, None).help.is_unset());
    let own: Vec<String> = (1..=6).map(|at| format!("Help {at}")).collect();
    let _settings = testing::settings(with_salesperson(json!({ "help_values": own })));
    assert_eq!(held(&asked, None).help, "Help 3".into());
    for value in ["Help 6", "GeneralOrOther", "General or other"] {
        let draft = sent(&Opportunity { help: value.into(), ..opportunity() }, None);
        assert_eq!((draft.help, draft.kind), (Help::GeneralOrOther.into(), ReferralKind::Shared.into()));
    }
    let draft = sent(&Opportunity { help: "None".into(), ..opportunity() }, None);
    assert_eq!((draft.help, draft.kind), (Field::Unset, ReferralKind::Independent.into()));
}

#[test]
fn help_may_be_asked_for_after_the_deal_was_sent() {
    let _settings = testing::settings(with_salesperson(json!({})));
    let asking = Opportunity { help: "Quotes or licensing".into(), ..opportunity() };
    let alone = referral(json!({ "inviteContext": null }));
    assert_eq!(sent(&asking, Some(&alone)).help, Help::QuotesOrLicensing.into());
    let asked = referral(json!({ "inviteContext": { "assistanceRequestCode": "GeneralOrOther" } }));
    assert!(sent(&asking, Some(&asked)).help.is_unset(), "it is asked for already");
    let closed = referral(json!({ "inviteContext": null, "status": "Closed", "substatus": "Won" }));
    assert!(sent(&asking, Some(&closed)).help.is_unset());
    let unreachable = Opportunity { contact: Field::Empty, ..asking };
    let refusal = pushed(unreachable, Some(&alone)).unwrap_err();
    assert_eq!(refusal.field.as_deref(), Some("ContactId"));
}

#[test]
fn solutions_are_rows_or_a_text() {
    let mut details = testing::documented_referral()["details"].clone();
    details["requirements"]["solutions"] =
        json!([{ "id": "SOL-1", "type": "Name" }, { "id": "BigData", "type": "Category" }]);
    let known = referral(json!({ "details": details }));
    assert_eq!(held(&known, None).solutions, solutions(&["SOL-1"]));
    let same = Opportunity { solutions: solutions(&["SOL-1"]), ..opportunity() };
    assert_eq!(sent(&same, Some(&known)).solutions, known.details.solutions.clone().into());
    let manifest = (mapping::plugin().describe)();
    assert!(!manifest.entities[0].fields.iter().any(|field| field.name == "Products__c"));

    let _settings = testing::settings(json!({ "solutions_as_rows": false }));
    let draft = held(&known, None);
    assert_eq!((draft.products, draft.solutions), ("SOL-1".into(), Field::Unset));
    let listed = Opportunity { products: "SOL-1, SOL-2".into(), solutions: Field::Unset, ..opportunity() };
    let ids: Vec<String> =
        sent(&listed, Some(&known)).solutions.value().unwrap().into_iter().map(|one| one.id).collect();
    assert_eq!(ids, ["BigData", "SOL-1", "SOL-2"]);
    let manifest = (mapping::plugin().describe)();
    let names: Vec<&str> = manifest.entities[0].fields.iter().map(|field| field.name.as_str()).collect();
    assert!(names.contains(&"Products__c") && !names.contains(&"solutions"));
}

#[test]
fn only_what_is_open_and_not_on_hold_is_sent_for_the_first_time() {
    for linked in [at("Prospecting", false, false), at("Closed Won", true, true), at("Dead", true, false)] {
        let outcome = pushed(linked, None);
        assert!(matches!(outcome, Ok(Outcome::Skip(_))), "{outcome:?}");
    }
}

#[test]
fn a_new_referral_holds_all_that_partner_center_demands() {
    let _settings = testing::settings(with_salesperson(json!({})));
    let draft = sent(&Opportunity { help: "General or other".into(), ..opportunity() }, None);
    assert_eq!((draft.customer_name, draft.customer_size), ("Contoso".into(), "51to250employees".into()));
    assert_eq!(
        (draft.address.line1, draft.address.line2, draft.address.country),
        ("Main Street 1".into(), "Backyard".into(), "DE".into())
    );
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
    let _settings = testing::settings(with_salesperson(json!({})));
    let owner = User { first_name: "Ada".into(), last_name: "Berg".into(), ..testing::empty() };
    let linked = Opportunity { owner: existing("User", owner), ..opportunity() };
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
        Opportunity { account: existing("Account", account), ..opportunity() }
    };
    assert_eq!(field(Opportunity { name: "✖ ".into(), ..opportunity() }), "Name");
    assert_eq!(field(Opportunity { solutions: Field::Empty, ..opportunity() }), "solutions");
    assert_eq!(field(Opportunity { value: Decimal::ZERO.into(), ..opportunity() }), "Amount");
    assert_eq!(field(Opportunity { currency: Field::Empty, ..opportunity() }), "CurrencyIsoCode");
    assert_eq!(field(Opportunity { closes: Field::Empty, ..opportunity() }), "CloseDate");
    assert_eq!(field(Opportunity { account: Field::Empty, ..opportunity() }), "AccountId");
    assert_eq!(field(account(|account| account.country = "Germany".into())), "Account.BillingCountry");
    assert_eq!(field(account(|account| account.city = Field::Empty)), "Account.BillingCity");
    assert_eq!(field(account(|account| account.street = "\n".into())), "Account.BillingStreet");
    let helped = Opportunity { help: "General or other".into(), contact: Field::Empty, ..opportunity() };
    let refusal = refused(helped);
    assert_eq!(refusal.field.as_deref(), Some("ContactId"));
    assert!(refusal.help.unwrap().contains("How can Microsoft help?") && !refusal.retry);
    let refusal = refused(Opportunity { help: "General or other".into(), ..opportunity() });
    assert!(refusal.help.unwrap().contains("sales_contact_first_name"));
}
