//! The rules of co-selling, each as a sentence.

use super::{
    Becomes, DealKind, conflicts, is_country_code, is_switched_off, is_with_microsoft, size, solutions, team,
    text,
};
use crate::{
    Field, Resolution,
    contract::{Conflict, Member, Solution, Value},
    testing::{self, json},
};

fn kind(kind: &str, qualification: &str, invited_by: Option<&str>) -> DealKind {
    DealKind::of(&testing::referral(json!({
        "type": kind, "qualification": qualification,
        "inviteContext": { "invitedBy": { "organizationId": invited_by } },
    })))
}

#[test]
fn a_direct_referral_is_a_marketplace_lead() {
    assert_eq!(kind("Independent", "Direct", None), DealKind::MarketplaceLead);
    assert_eq!(kind("Independent", "Direct", Some("msft")), DealKind::MarketplaceLead);
}

#[test]
fn what_microsoft_sends_on_to_the_partner_alone_is_a_qualified_lead() {
    assert_eq!(kind("Independent", "SalesQualified", Some("msft")), DealKind::QualifiedLead);
    assert_eq!(kind("Independent", "MarketingQualified", Some("msft")), DealKind::QualifiedLead);
    assert!(kind("Independent", "MarketingQualified", Some("msft")).is_lead());
}

#[test]
fn the_partners_own_deals_and_shared_ones_are_co_sell() {
    for (shared, qualification, by) in [
        ("Independent", "SalesQualified", None),
        ("Independent", "None", Some("9a4cdb5b")),
        ("Shared", "SalesQualified", Some("msft")),
        ("Shared", "None", Some("another partner")),
    ] {
        assert_eq!(kind(shared, qualification, by), DealKind::CoSell, "{shared} {qualification} {by:?}");
    }
}

fn at(status: &str, substatus: &str, qualification: &str) -> crate::Referral {
    testing::referral(json!({
        "type": "Independent", "qualification": qualification, "status": status, "substatus": substatus,
    }))
}

#[test]
fn a_lead_becomes_a_lead_until_it_is_accepted() {
    let new = |status, substatus| Becomes::of_new(&at(status, substatus, "Direct"), false);
    assert_eq!(new("New", "Pending"), Becomes::Lead);
    assert_eq!(new("Active", "Accepted"), Becomes::Opportunity);
    assert!(matches!(new("Closed", "Declined"), Becomes::Nothing(_)));
    let lead = |status, substatus| Becomes::of_lead(&at(status, substatus, "Direct"));
    assert_eq!(lead("New", "Received"), Becomes::Lead);
    assert_eq!(lead("Active", "Accepted"), Becomes::Opportunity, "it is converted");
    assert_eq!(lead("Closed", "Won"), Becomes::Opportunity, "it was accepted and won before anybody looked");
    assert_eq!(lead("Closed", "Expired"), Becomes::Lead);
}

#[test]
fn a_co_sell_deal_becomes_an_opportunity_at_once() {
    for (status, substatus) in [("New", "Pending"), ("Active", "Accepted"), ("Closed", "Lost")] {
        let deal = at(status, substatus, "SalesQualified");
        for opportunities_only in [false, true] {
            assert_eq!(Becomes::of_new(&deal, opportunities_only), Becomes::Opportunity);
        }
    }
    let odd = Becomes::of_new(&at("Dreaming", "", "SalesQualified"), false);
    assert!(matches!(odd, Becomes::Nothing(reason) if reason.contains("`Dreaming`")));
}

#[test]
fn a_setting_keeps_leads_out_of_the_crm() {
    for status in ["New", "Active", "Closed"] {
        let becomes = Becomes::of_new(&at(status, "", "MarketingQualified"), true);
        assert!(matches!(becomes, Becomes::Nothing(_)), "{becomes:?}");
    }
}

#[test]
fn microsoft_is_in_a_deal_that_it_was_asked_into_sent_or_keeps() {
    let is_with = |json| is_with_microsoft(&testing::referral(json));
    assert!(is_with(json!({ "inviteContext": { "assistanceRequestCode": "SomethingNew" } })));
    assert!(is_with(json!({ "inviteContext": { "invitedBy": { "organizationId": "msft" } } })));
    assert!(is_with(json!({ "trackingInfo": { "microsoftMsxId": "7-ABC" } })));
    assert!(!is_with(json!({ "inviteContext": { "invitedBy": { "organizationId": "9a4c" } } })));
    assert!(!is_with(json!({})));
}

#[test]
fn a_switch_that_nobody_touched_is_not_off() {
    let off = |switch: Field<bool>, link: Field<String>| is_switched_off(&switch, &link);
    assert!(off(false.into(), "https://".into()));
    assert!(off(Field::Empty, "https://".into()));
    assert!(!off(true.into(), "https://".into()));
    assert!(!off(false.into(), Field::Empty), "a record that a conversion just made");
    assert!(off(false.into(), Field::Unset), "a tenant that has no such link");
    assert!(!off(Field::Unset, "https://".into()), "a tenant that has no such switch");
}

#[test]
fn a_country_is_two_capitals() {
    assert!(is_country_code("DE"));
    for other in ["de", "D", "DEU", "Germany", "", "D1"] {
        assert!(!is_country_code(other), "{other}");
    }
}

#[test]
fn every_word_for_a_size_comes_back_from_its_number() {
    for employees in [1, 9, 10, 50, 51, 250, 251, 1_000, 5_000, 10_000, 20_000, 20_001, i32::MAX] {
        let word = size::word(employees).unwrap();
        let fewest = size::employees(word).unwrap();
        assert!(fewest <= employees, "{employees} is {word}");
        assert_eq!(size::word(fewest), Some(word));
    }
    assert_eq!((size::word(0), size::word(-5)), (None, None));
    assert_eq!(size::word(60), Some("51to250employees"));
    assert_eq!(size::employees("Morethan500employees"), Some(501));
    assert_eq!(size::employees("gigantic"), None);
}

fn person(first: &str, email: Option<&str>) -> Member {
    Member {
        first_name: Some(first.to_owned()),
        last_name: None,
        email: email.map(str::to_owned),
        phone_number: None,
        title: None,
        more: Vec::new(),
    }
}

#[test]
fn a_person_joins_a_team_and_nobody_leaves_it() {
    let known = [person("Kim", Some("kim@contoso.example"))];
    let joined = team::joined(&known, &person("Lee", Some("lee@contoso.example")));
    let names: Vec<_> = joined.iter().filter_map(|member| member.first_name.as_deref()).collect();
    assert_eq!(names, ["Kim", "Lee"]);
    assert_eq!(team::joined(&joined, &person("Lee", Some("lee@contoso.example"))), joined, "only once");
    assert_eq!(team::joined(&known, &person("Ghost", None)), known);
}

#[test]
fn who_is_known_by_e_mail_address_gets_what_is_new_and_keeps_the_rest() {
    let known = [Member {
        phone_number: Some("111".to_owned()),
        more: vec![crate::contract::NamedValue { name: "/x".to_owned(), value: Value::Flag(true) }],
        ..person("Kim", Some("kim@contoso.example"))
    }];
    let joined = team::joined(&known, &person("Kimberly", Some("KIM@contoso.example")));
    assert_eq!(joined.len(), 1);
    assert_eq!(joined[0].first_name.as_deref(), Some("Kimberly"));
    assert_eq!(joined[0].phone_number.as_deref(), Some("111"));
    assert_eq!(joined[0].more.len(), 1);
}

fn known_solutions() -> Vec<Solution> {
    let category = Solution { solution_kind: Some("Category".to_owned()), ..Solution::by_id("BigData") };
    vec![Solution::by_id("SOL-1"), category, Solution::by_id("SOL-2"), Solution::by_id("SOL-1")]
}

fn ids_of(solutions: &[Solution]) -> Vec<&str> {
    solutions.iter().map(|solution| solution.id.as_str()).collect()
}

#[test]
fn a_category_stays_out_of_the_crm_and_in_the_referral() {
    let known = known_solutions();
    assert_eq!(solutions::rows(&known), ["SOL-1", "SOL-2"]);
    let rows = ["SOL-3".to_owned(), "SOL-1".to_owned()];
    assert_eq!(ids_of(&solutions::of_rows(&rows, &known)), ["BigData", "SOL-3", "SOL-1"]);
    assert_eq!(ids_of(&solutions::of_text("SOL-2", &known, 255)), ["BigData", "SOL-2"]);
}

#[test]
fn rows_in_another_order_change_nothing() {
    let rows = ["SOL-2".to_owned(), "SOL-1".to_owned()];
    assert_eq!(solutions::of_rows(&rows, &known_solutions()), known_solutions());
}

#[test]
fn a_column_that_had_no_room_for_a_solution_does_not_remove_it() {
    let known = known_solutions();
    assert_eq!(solutions::text(&known, 10), "SOL-1");
    assert_eq!(solutions::of_text("SOL-1", &known, 10), known);
    assert_eq!(
        ids_of(&solutions::of_text("SOL-1;SOL-9", &known, 10)),
        ["BigData", "SOL-1", "SOL-9", "SOL-2"]
    );
    assert_eq!(solutions::text(&known, 11), "SOL-1,SOL-2");
}

#[test]
fn a_mark_never_cuts_a_name() {
    let name = text::marked("", &"x".repeat(120), 120);
    assert_eq!(name.chars().count(), 118);
    assert_eq!(text::marked(text::FAILED, &name, 120).chars().count(), 120);
    assert_eq!(text::unmarked(&text::marked(text::SYNCED, "Solar park", 120)), "Solar park");
    assert_eq!(text::mark("✖Solar"), text::FAILED);
}

#[test]
fn a_cut_text_is_the_original_to_partner_center() {
    let long = "n".repeat(50);
    let cut = text::fitted(&long, 10);
    assert_eq!(text::uncut(Field::Set(cut), Some(&long), 10), long.as_str().into());
    assert_eq!(text::uncut("edited".into(), Some(&long), 10), "edited".into());
}

#[test]
fn a_closed_deal_stays_closed_and_an_open_one_is_where_it_was_moved_to() {
    let conflict = |partner_center: &str, crm: &str, base: Option<&str>| Conflict {
        field: "/status".to_owned(),
        base: base.map(|base| Value::Text(base.to_owned())),
        partner_center: Value::Text(partner_center.to_owned()),
        crm: Value::Text(crm.to_owned()),
        partner_center_changed: None,
        crm_changed: None,
        more: Vec::new(),
    };
    let resolved_after = |partner_center, crm, base| {
        let conflict = conflict(partner_center, crm, base);
        conflicts::beyond_the_record(&conflict, conflicts::Winner::Crm).unwrap()
    };
    let resolved = |partner_center, crm| resolved_after(partner_center, crm, None);
    assert_eq!(resolved("Closed", "Active"), Resolution::PartnerCenter);
    assert_eq!(resolved("Active", "Closed"), Resolution::Crm);
    assert_eq!(resolved("Closed", "Closed"), Resolution::PartnerCenter);
    assert!(matches!(resolved("Active", "New"), Resolution::Park(_)));
    assert_eq!(resolved_after("New", "Active", Some("New")), Resolution::Crm, "only the CRM moved it");
    assert_eq!(resolved_after("Active", "New", Some("New")), Resolution::PartnerCenter);
    assert!(matches!(resolved_after("Active", "Paused", Some("New")), Resolution::Park(_)));
    assert_eq!(resolved_after("Closed", "Active", Some("Closed")), Resolution::PartnerCenter, "for good");
}
