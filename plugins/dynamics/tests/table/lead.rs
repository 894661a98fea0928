//! Deals that begin as leads.

use super::*;

/// A referral of the marketplace, at this status.
fn marketplace(status: &str, substatus: &str) -> Referral {
    referral(json!({
        "type": "Independent", "qualification": "Direct", "status": status, "substatus": substatus,
    }))
}

fn lead(state: LeadState, status: LeadStatusReason) -> Lead {
    Lead { state: state.into(), status: status.into(), sync: true.into(), ..testing::empty() }
}

fn open() -> Lead {
    lead(LeadState::Open, LeadStatusReason::Contacted)
}

fn drafted(referral: &Referral, linked: Option<Lead>) -> Lead {
    match asked(referral, linked.map(Deal::from).as_ref()) {
        Outcome::Hold(Deal::Lead(draft)) => draft,
        other => panic!("no lead: {other:?}"),
    }
}

fn told(lead: Lead, referral: &Referral) -> ReferralDraft {
    match pushed(lead, Some(referral)) {
        Ok(Outcome::Hold(draft)) => draft,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_deal_is_a_lead_or_an_opportunity_by_type_qualification_and_who_invited() {
    let is_lead = |kind: &str, qualification: &str, inviting: Option<&str>| {
        let referral = referral(json!({
            "type": kind, "qualification": qualification, "status": "New", "substatus": "Pending",
            "inviteContext": inviting.map(|id| json!({ "invitedBy": { "organizationId": id } })),
        }));
        matches!(asked(&referral, None), Outcome::Hold(Deal::Lead(_)))
    };
    let own = Some("9a4cdb5b-3d2a-4cd6-8c2b-2d6f9d1c9a33");
    assert!(is_lead("Independent", "Direct", Some("msft")) && is_lead("Independent", "Direct", None));
    assert!(is_lead("Independent", "SalesQualified", Some("msft")));
    assert!(is_lead("Independent", "MarketingQualified", Some("msft")));
    assert!(!is_lead("Independent", "SalesQualified", own) && !is_lead("Shared", "SalesQualified", own));
    assert!(!is_lead("Independent", "None", own) && !is_lead("Shared", "SalesQualified", Some("msft")));
}

#[test]
fn a_new_deal_of_the_marketplace_becomes_a_lead() {
    let draft = drafted(&marketplace("New", "Pending"), None);
    assert_eq!(
        (draft.name.text(), draft.description.text()),
        ("Test Cosell Invite_20", "Wants a pilot in spring")
    );
    assert_eq!((draft.first_name.text(), draft.last_name.text()), ("Kim", "Abercrombie"));
    assert_eq!((draft.company.text(), draft.email.text()), ("Contoso Customer Inc", "kim@contoso.example"));
    assert_eq!(
        (draft.line1.text(), draft.city.text(), draft.country.text()),
        ("One Microsoft Way", "Redmond", "US")
    );
    assert_eq!((draft.value, draft.closes), (Decimal::from(50_000).into(), day("2018-11-14").into()));
    assert!(
        matches!(draft.currency.get(), Some(Ref::FindOrCreate { matching, .. }) if matching.code == "USD".into())
    );
    assert_eq!((draft.employees, draft.sync), (10.into(), true.into()));
    assert!(draft.referral_link.text().ends_with("?id=0f7cdb5b-3d2a-4cd6-8c2b-2d6f9d1c9a11"));
    assert!(draft.state.is_unset() && draft.status.is_unset(), "a new lead is open");
}

#[test]
fn a_lead_that_is_worked_on_stays_as_it_is_until_the_deal_is_closed() {
    let new = drafted(&marketplace("New", "Received"), Some(open()));
    assert!(new.state.is_unset() && new.status.is_unset());
    let state = |lead: Lead| {
        let draft = drafted(&marketplace("Closed", "Expired"), Some(lead));
        (draft.state.value(), draft.status.value())
    };
    let disqualified = (Some(LeadState::Disqualified), Some(LeadStatusReason::Canceled));
    assert_eq!(state(open()), disqualified);
    assert_eq!(state(lead(LeadState::Disqualified, LeadStatusReason::CannotContact)), (None, None));
    assert_eq!(state(lead(LeadState::Qualified, LeadStatusReason::Qualified)), (None, None));
}

#[test]
fn an_accepted_lead_becomes_an_opportunity_whether_it_is_there_or_not() {
    for linked in [None, Some(Deal::from(open()))] {
        let Outcome::Hold(Deal::Opportunity(draft)) =
            asked(&marketplace("Active", "Accepted"), linked.as_ref())
        else {
            panic!("no opportunity of {linked:?}")
        };
        assert_eq!((draft.state, draft.status), (State::Open.into(), StatusReason::InProgress.into()));
        assert!(matches!(draft.account.get(), Some(Ref::FindOrCreate { .. })), "as a new one");
    }
    let won = asked(&marketplace("Closed", "Won"), Some(&open().into()));
    assert!(matches!(won, Outcome::Hold(Deal::Opportunity(draft)) if draft.state == State::Won.into()));
}

#[test]
fn a_setting_keeps_leads_out_of_dynamics() {
    let _settings = testing::settings(json!({ "opportunities_only": true }));
    for status in ["New", "Active"] {
        let outcome = asked(&marketplace(status, ""), None);
        assert!(matches!(outcome, Outcome::Skip(reason) if reason.contains("only opportunities")));
    }
    let co_sell = referral(json!({ "status": "New", "substatus": "Pending" }));
    assert!(matches!(asked(&co_sell, None), Outcome::Hold(Deal::Opportunity(_))));
    drafted(&marketplace("New", ""), Some(open()));
}

#[test]
fn a_lead_that_was_closed_before_it_came_stays_away() {
    for substatus in ["Declined", "Expired", "Lost"] {
        assert!(matches!(asked(&marketplace("Closed", substatus), None), Outcome::Skip(_)));
    }
}

#[test]
fn no_referral_is_made_of_a_lead() {
    let outcome = pushed(open(), None);
    assert!(matches!(outcome, Ok(Outcome::Skip(reason)) if reason.contains("opportunities only")));
}

#[test]
fn a_lead_tells_where_it_is_and_what_became_of_it() {
    let only_id = ReferralDraft { external_reference_id: "7c9e6679".into(), ..Default::default() };
    assert_eq!(told(open(), &marketplace("New", "Pending")), only_id);
    assert_eq!(told(open(), &marketplace("Active", "Accepted")), only_id);
    let disqualified = || lead(LeadState::Disqualified, LeadStatusReason::NoLongerInterested);
    let declined = told(disqualified(), &marketplace("New", "Pending"));
    assert_eq!((declined.status, declined.substatus), (Status::Closed.into(), Substatus::Declined.into()));
    assert_eq!(declined.status_reason, "No longer interested".into());
    let lost = told(disqualified(), &marketplace("Active", "Accepted"));
    assert_eq!((lost.status, lost.substatus), (Status::Closed.into(), Substatus::Lost.into()));
    assert_eq!(told(disqualified(), &marketplace("Closed", "Expired")), only_id);
    let own =
        told(lead(LeadState::Disqualified, LeadStatusReason::Other(100_000_007)), &marketplace("New", ""));
    assert!(own.status_reason.is_unset(), "an organisation's own words are not known");
    let qualified = told(lead(LeadState::Qualified, LeadStatusReason::Qualified), &marketplace("New", ""));
    assert_eq!((qualified.status, qualified.substatus), (Status::Active.into(), Substatus::Accepted.into()));
}

#[test]
fn a_lead_that_was_disqualified_or_qualified_is_not_converted() {
    for closed in [
        lead(LeadState::Disqualified, LeadStatusReason::Lost),
        lead(LeadState::Qualified, LeadStatusReason::Qualified),
    ] {
        let draft = drafted(&marketplace("Active", "Accepted"), Some(closed));
        assert!(draft.state.is_unset() && draft.status.is_unset());
    }
}

#[test]
fn a_lead_shows_the_audit_and_the_mark() {
    let linked = Lead { name: "Solar park".into(), ..open() };
    let report = SyncReport { outcome: SyncOutcome::Synced, message: "agreed".into(), more: Vec::new() };
    let shown = mapping::report(&linked.into(), &report, &context(), &settings()).unwrap();
    let expected =
        Lead { name: "✔ Solar park".into(), audit: "2026-01-31 12:00 - agreed".into(), ..Lead::default() };
    assert_eq!(shown, Deal::Lead(expected));
}

#[test]
fn a_conflict_about_a_lead_has_the_opportunitys_rules_where_both_have_the_column() {
    let resolved = |field: &str, partner_center: Value, crm: Value| {
        let conflict = Conflict {
            field: field.into(),
            base: None,
            partner_center,
            crm,
            partner_center_changed: None,
            crm_changed: None,
            more: Vec::new(),
        };
        mapping::resolve(&conflict, &settings()).unwrap()
    };
    let text = |field: &str| resolved(field, Value::Text("a".into()), Value::Text("b".into()));
    assert_eq!(text("subject"), Resolution::PartnerCenter);
    assert_eq!(text("lastname"), Resolution::Crm);
    assert_eq!(text("budgetamount"), Resolution::Crm, "`conflict_winner`");
    let code = |field: &str, partner_center: i32, crm: i32| {
        resolved(field, Value::Integer(partner_center), Value::Integer(crm))
    };
    // Disqualified, Canceled against Contacted; Contacted against No Longer Interested.
    assert_eq!(
        (code("statecode", 2, 0), code("statuscode", 7, 2)),
        (Resolution::PartnerCenter, Resolution::PartnerCenter)
    );
    assert_eq!((code("statecode", 0, 2), code("statuscode", 2, 6)), (Resolution::Crm, Resolution::Crm));
}
