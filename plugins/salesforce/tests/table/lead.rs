//! Deals that begin as leads.

use super::*;

/// A referral of the marketplace, at this status.
fn marketplace(status: &str, substatus: &str) -> Referral {
    referral(json!({
        "type": "Independent", "qualification": "Direct", "status": status, "substatus": substatus,
    }))
}

fn lead(status: &str) -> Lead {
    Lead { status: status.into(), sync: true.into(), ..testing::empty() }
}

fn drafted(referral: &Referral, linked: Option<Lead>) -> Lead {
    match asked(referral, linked.map(Deal::from).as_ref()) {
        Outcome::Hold(Deal::Lead(draft)) => draft,
        other => panic!("no lead: {other:?}"),
    }
}

#[test]
fn a_new_deal_of_the_marketplace_becomes_a_lead() {
    let draft = drafted(&marketplace("New", "Pending"), None);
    assert_eq!(draft.status, "Open - Not Contacted".into());
    assert_eq!((draft.first_name.text(), draft.last_name.text()), ("Kim", "Abercrombie"));
    assert_eq!((draft.company.text(), draft.email.text()), ("Contoso Customer Inc", "kim@contoso.example"));
    assert_eq!((draft.street.text(), draft.country.text()), ("One Microsoft Way\n34", "US"));
    assert_eq!((draft.employees, draft.description), (10.into(), "Wants a pilot in spring".into()));
    assert_eq!(draft.sync, true.into());
    assert!(draft.referral_link.text().ends_with("?id=0f7cdb5b-3d2a-4cd6-8c2b-2d6f9d1c9a11"));
}

#[test]
fn a_lead_has_the_names_that_salesforce_demands() {
    let named = |json: serde_json::Value| {
        let mut whole = json;
        whole["status"] = "New".into();
        whole["qualification"] = "Direct".into();
        let draft = drafted(&testing::referral(whole), None);
        (draft.company.text().to_owned(), draft.last_name.text().to_owned())
    };
    let both = |one: &str, other: &str| (one.to_owned(), other.to_owned());
    let kim = json!([{ "lastName": "Kim" }]);
    assert_eq!(named(json!({ "customerProfile": { "name": "Contoso" } })), both("Contoso", "Contoso"));
    assert_eq!(named(json!({ "customerProfile": { "team": kim } })), both("Kim", "Kim"));
    assert_eq!(named(json!({ "name": "Solar park" })), both("Solar park", "Solar park"));
    assert_eq!(named(json!({})), both("Unknown", "Unknown"));
    let long = "x".repeat(100);
    let cut = format!("{}…", "x".repeat(79));
    assert_eq!(named(json!({ "customerProfile": { "name": long } })), both(&long, &cut));
    let bare = testing::referral(json!({ "status": "New", "qualification": "Direct" }));
    let draft = drafted(&bare, Some(lead("Working - Contacted")));
    assert!(draft.company.is_unset() && draft.last_name.is_unset(), "what is there stays");
}

#[test]
fn a_lead_that_is_worked_on_keeps_its_status() {
    let new = marketplace("New", "Received");
    assert!(drafted(&new, Some(lead("Working - Contacted"))).status.is_unset());
    let closed = marketplace("Closed", "Expired");
    assert_eq!(drafted(&closed, Some(lead("Working - Contacted"))).status, "Closed - Not Converted".into());
    let _settings = testing::settings(json!({ "lead_disqualified_statuses": ["Nurturing"] }));
    assert!(drafted(&closed, Some(lead("Nurturing"))).status.is_unset());
}

#[test]
fn an_accepted_lead_becomes_an_opportunity_whether_it_is_there_or_not() {
    let accepted = marketplace("Active", "Accepted");
    for linked in [None, Some(Deal::from(lead("Working - Contacted")))] {
        let Outcome::Hold(Deal::Opportunity(draft)) = asked(&accepted, linked.as_ref()) else {
            panic!("no opportunity of {linked:?}")
        };
        assert_eq!((draft.name.text(), draft.stage.text()), ("Test Cosell Invite_20", "Qualification"));
        assert!(matches!(draft.account.get(), Some(Ref::FindOrCreate { .. })), "as a new one");
    }
    let declined = drafted(&accepted, Some(lead("Closed - Not Converted")));
    assert!(declined.status.is_unset(), "a lead that was declined is not brought back");
    let won = asked(&marketplace("Closed", "Won"), Some(&lead("Open - Not Contacted").into()));
    assert!(matches!(won, Outcome::Hold(Deal::Opportunity(draft)) if draft.stage == "Closed Won".into()));
}

#[test]
fn who_converts_a_lead_accepts_the_deal_at_whatever_open_stage_it_begins() {
    let new = marketplace("New", "Pending");
    for stage in ["Prospecting", "Qualification", "Needs Analysis"] {
        let made = at(stage, false, false);
        let draft = sent(&made, Some(&new));
        assert_eq!((draft.status, draft.substatus), (Status::Active.into(), Substatus::Accepted.into()));
        assert!(held(&new, Some(&made)).stage.is_unset(), "{stage} is the seller's");
    }
    let active = marketplace("Active", "Accepted");
    assert_eq!(held(&active, Some(&at("Prospecting", false, false))).stage, "Qualification".into());
}

#[test]
fn a_setting_keeps_leads_out_of_salesforce() {
    let _settings = testing::settings(json!({ "opportunities_only": true }));
    for status in ["New", "Active"] {
        let outcome = asked(&marketplace(status, ""), None);
        assert!(matches!(outcome, Outcome::Skip(reason) if reason.contains("only opportunities")));
    }
    let co_sell = referral(json!({ "status": "New", "substatus": "Pending" }));
    assert!(matches!(asked(&co_sell, None), Outcome::Hold(Deal::Opportunity(_))));
    drafted(&marketplace("New", ""), Some(lead("Open - Not Contacted")));
}

#[test]
fn a_lead_that_was_closed_before_it_came_stays_away() {
    for substatus in ["Declined", "Expired"] {
        assert!(matches!(asked(&marketplace("Closed", substatus), None), Outcome::Skip(_)));
    }
}

#[test]
fn no_referral_is_made_of_a_lead() {
    let outcome = pushed(lead("Open - Not Contacted"), None);
    assert!(matches!(outcome, Ok(Outcome::Skip(reason)) if reason.contains("opportunities only")));
}

#[test]
fn a_lead_tells_where_it_is_and_that_it_was_declined() {
    let told = |status: &str, referral: &Referral| match pushed(lead(status), Some(referral)) {
        Ok(Outcome::Hold(draft)) => draft,
        other => panic!("{other:?}"),
    };
    let only_id = ReferralDraft { external_reference_id: "006000000000001AAA".into(), ..Default::default() };
    let new = marketplace("New", "Pending");
    assert_eq!(told("Open - Not Contacted", &new), only_id);
    assert_eq!(told("Working - Contacted", &new), only_id);
    let declined = told("Closed - Not Converted", &new);
    assert_eq!((declined.status, declined.substatus), (Status::Closed.into(), Substatus::Declined.into()));
    let lost = told("Closed - Not Converted", &marketplace("Active", "Accepted"));
    assert_eq!((lost.status, lost.substatus), (Status::Closed.into(), Substatus::Lost.into()));
    assert_eq!(told("Closed - Not Converted", &marketplace("Closed", "Expired")), only_id);
}

#[test]
fn a_lead_shows_the_audit_and_keeps_its_name() {
    let report = SyncReport { outcome: SyncOutcome::Synced, message: "agreed".into(), more: Vec::new() };
    let shown = mapping::report(&lead("New").into(), &report, &context(), &settings()).unwrap();
    let audit = "2026-01-31 12:00 - agreed".into();
    assert_eq!(shown, Deal::Lead(Lead { audit, ..Lead::default() }));
}

#[test]
fn the_deals_name_is_on_the_lead_where_a_field_is_named_for_it() {
    let fields = || {
        let manifest = (mapping::plugin().describe)();
        let lead = manifest.entities.iter().find(|entity| entity.entity == "Lead").unwrap();
        lead.fields.iter().map(|field| field.name.clone()).collect::<Vec<String>>()
    };
    assert!(fields().contains(&"Company".to_owned()) && !fields().contains(&"Topic__c".to_owned()));
    let _settings = testing::settings(json!({ "lead_topic_field": "Topic__c" }));
    assert!(fields().contains(&"Topic__c".to_owned()));
    assert_eq!(drafted(&marketplace("New", ""), None).topic, "Test Cosell Invite_20".into());
}

#[test]
fn a_status_that_the_organisation_lacks_is_not_written() {
    let asked = || mapping::to_crm(&marketplace("New", ""), None, &context(), &settings());
    let known = |name: &str, is_converted: bool| KnownLeadStatus {
        name: name.into(),
        is_converted: is_converted.into(),
    };
    for statuses in [vec![known("New", false)], vec![known("Open - Not Contacted", true)]] {
        let _statuses = testing::lookup(statuses);
        let refusal = asked().unwrap_err();
        assert!(refusal.help.unwrap().contains("`lead_open_status`"));
    }
    let _statuses = testing::lookup(vec![known("Open - Not Contacted", false)]);
    assert!(asked().is_ok());
}
