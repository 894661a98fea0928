//! A linked pair, beyond the counterexamples: reports, mirrors, closed deals, consent, companions, echoes, costs.

use std::collections::BTreeMap;

use crosswalk_engine::{
    link::{Base, EntryKind, LinkState},
    mapping::{
        Companion, Conflict, CrmDraft, Disposition, Mapper, Outcome, Record, Refusal, Related, Report,
        Resolution,
    },
    pass::{Action, Pass, Seen, Side, Verdict, Versioned, is_echo},
    referral::Referral,
    value::{Fields, RecordKey, Reference, Value},
};
use serde_json::json;

use super::world::{
    Fault, World,
    mapping::{Item, Plugin, Policy},
    row_key,
};

const NOTES: &str = "/details/notes";

fn reporting() -> World {
    let mut plugin = Plugin::new(&[Item::Same("n", NOTES)]);
    plugin.reports_to = Some("audit");
    World::linked(plugin, &[], &[])
}

fn is_agreed(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Agreed { .. })
}

#[test]
fn a_report_travels_with_the_write_that_is_made_anyway() {
    let mut world = reporting();
    world.edit_referral(NOTES, "a");
    let verdict = world.pass();
    assert!(
        matches!(verdict, Verdict::Applied { crm_writes: 1, partner_center_writes: 0, .. }),
        "{verdict:?}"
    );
    assert_eq!(world.field("audit"), "Partner Center Referral to CRM sync success.");
}

#[test]
fn after_a_push_the_record_is_told_in_one_write_of_its_own() {
    let mut world = reporting();
    world.edit_record("n", "a");
    let verdict = world.pass();
    assert!(
        matches!(verdict, Verdict::Applied { crm_writes: 1, partner_center_writes: 1, .. }),
        "{verdict:?}"
    );
    assert_eq!(world.field("audit"), "CRM to Partner Center Referral sync success.");
    assert!(is_agreed(&world.pass()), "the echo of the report is no news");
}

#[test]
fn a_failure_is_told_once() {
    let mut world = reporting();
    world.refuses.insert(NOTES);
    world.edit_record("n", "a");
    world.pass();
    assert!(
        world.field("audit").contains("Partner Center refused it: not allowed"),
        "{}",
        world.field("audit")
    );
    let tried = world.attempts.clone();
    world.pass();
    world.pass();
    assert_eq!(world.attempts, tried);
}

#[test]
fn a_report_that_the_crm_refuses_spoils_nothing() {
    let mut world = reporting();
    world.refuses.insert("audit");
    world.edit_record("n", "a");
    world.pass();
    assert_eq!(world.at(NOTES), "a");
    world.edit_referral(NOTES, "b");
    world.pass();
    assert_eq!(world.field("n"), "b");
    assert!(is_agreed(&world.pass()));
}

/// A pair in which a seller emptied what the plugin cannot do without, while Microsoft changed the notes.
fn refusing() -> World {
    let mut plugin = Plugin::new(&[Item::Same("n", NOTES), Item::Outward("extra", "/campaignId")]);
    plugin.reports_to = Some("audit");
    plugin.dated = Some(0);
    plugin.needs_in_pair = Some("extra");
    let mut world = World::linked(plugin, &[("/campaignId", "spring")], &[("extra", "spring")]);
    world.edit_record("extra", "");
    world.edit_referral(NOTES, "new");
    world
}

#[test]
fn a_pair_that_the_plugin_refuses_is_told_so_once_and_told_of_the_success_when_the_cause_is_gone() {
    let mut world = refusing();
    let verdict = world.pass();
    let told = "the plugin refused (`extra`): MAP001: a deal needs one; fill it in";
    assert_eq!(verdict, Verdict::Parked { reason: told.into() });
    let shown = "1 - Not in sync with Partner Center. `extra`: a deal needs one; fill it in";
    assert_eq!((world.field("audit"), world.field("n")), (shown, ""));

    let echo = world.pass();
    assert!(matches!(&echo, Verdict::Skipped { reason } if reason.contains("told so before")), "{echo:?}");
    world.edit_referral(NOTES, "newer");
    assert!(matches!(world.pass(), Verdict::Skipped { .. }), "one person is asked once");
    world.edit_record("n", "a seller's");
    assert!(matches!(world.pass(), Verdict::Parked { .. }), "somebody has changed the record");
    assert_eq!((world.field("audit"), world.attempts[&Side::Crm]), (shown, 1));

    world.edit_record("extra", "summer");
    world.pass();
    assert_eq!((world.at("/campaignId"), world.at(NOTES)), ("summer", "a seller's"));
    assert!(world.field("audit").ends_with("sync success."), "{}", world.field("audit"));
    assert!(world.entries_on("n").iter().any(|entry| super::world::shown(&entry.partner_center) == "newer"));
    assert!(is_agreed(&world.pass()));
}

#[test]
fn a_pair_that_the_plugin_refuses_for_now_is_not_told() {
    let mut world = refusing();
    world.plugin.refuses_with = Disposition::Retry;
    assert!(matches!(world.pass(), Verdict::Again { .. }));
    assert_eq!((world.field("audit"), world.attempts.len()), ("", 0));
}

#[test]
fn a_plugin_that_refuses_to_report_as_well_parks_the_pair_and_nothing_is_written() {
    let mut world = refusing();
    world.plugin.refuses_to_report = true;
    for _ in 0..2 {
        assert!(matches!(world.pass(), Verdict::Parked { .. }));
    }
    assert_eq!((world.attempts.len(), world.alarms.len()), (0, 1), "{:?}", world.alarms);
}

#[test]
fn a_refused_pair_whose_report_meets_an_interruption_is_told_in_the_end() {
    for stamp in [true, false] {
        for fault in [Fault::ReplyLost, Fault::NeverSent, Fault::Crash, Fault::CrashAfter] {
            let mut world = refusing();
            world.plugin.stamp = stamp;
            world.pass_with(|_, action| matches!(action, Action::WriteRecord { .. }).then_some(fault));
            for _ in 0..3 {
                world.pass();
            }
            let told = world.field("audit").to_owned();
            assert!(told.ends_with("a deal needs one; fill it in"), "{stamp} {fault:?}: {told:?}");
            assert!(!world.is_in_doubt());
            world.edit_record("extra", "spring");
            world.pass();
            assert_eq!((world.field("n"), world.at(NOTES)), ("new", "new"), "{stamp} {fault:?}");
            assert!(is_agreed(&world.pass()));
        }
    }
}

#[test]
fn an_edit_of_a_mirror_is_put_back_without_an_entry() {
    let mut plugin = Plugin::new(&[Item::Inward("id", "/trackingInfo/microsoftMsxId")]);
    plugin.owned = vec!["id"];
    let mut world = World::linked(plugin, &[("/trackingInfo/microsoftMsxId", "7-ABC")], &[]);
    world.edit_record("id", "mine");
    world.pass();
    assert_eq!(world.field("id"), "7-ABC");
    assert!(world.entries.is_empty());
    assert!(is_agreed(&world.pass()));
}

#[test]
fn the_external_reference_is_put_back_whoever_changed_it() {
    let mut world = reporting();
    world.edit_referral("/externalReferenceId", "someone-else");
    world.pass();
    assert_eq!(world.at("/externalReferenceId"), super::world::ROW);
}

#[test]
fn won_goes_with_its_substatus_in_one_write() {
    let mut world = World::linked(Plugin::new(&[Item::State("s")]), &[], &[]);
    world.edit_record("s", "won");
    world.pass();
    assert_eq!((world.at("/status"), world.at("/substatus")), ("Closed", "Won"));
    assert_eq!(world.attempts[&Side::PartnerCenter], 1);
    assert!(is_agreed(&world.pass()));
}

#[test]
fn nothing_is_sent_to_a_closed_deal_and_an_entry_says_why() {
    let mut world = World::linked(
        Plugin::new(&[Item::Same("n", NOTES), Item::State("s")]),
        &[("/status", "Closed"), ("/substatus", "Won")],
        &[],
    );
    world.edit_record("n", "too late");
    world.edit_record("s", "open");
    let verdict = world.pass();
    assert!(matches!(&verdict, Verdict::Parked { reason } if reason.contains("closed")), "{verdict:?}");
    assert!(world.attempts.is_empty());
    assert_eq!((world.entries_on("n").len(), world.entries_on("s").len()), (1, 1));
    assert!(is_agreed(&world.pass()));
}

#[test]
fn an_illegal_transition_is_not_sent() {
    let mut world = World::linked(Plugin::new(&[Item::Same("s", "/status")]), &[], &[]);
    world.edit_record("s", "New");
    world.pass();
    assert!(world.attempts.is_empty());
    assert!(world.entries_on("s")[0].reason.contains("from `Active` to `New`"), "{:?}", world.entries);
}

#[test]
fn consent_once_given_is_not_taken_back() {
    let path = "/consent/consentToShareReferralWithMicrosoftSellers";
    let referral = json!({"id": "deal-1", "externalReferenceId": "row-1", "status": "Active", path: null,
        "consent": {"consentToShareReferralWithMicrosoftSellers": true}});
    let mut case = Case::new(Referral(referral), &[("share", Value::Flag(true))]);
    case.asks = |record| {
        [("/consent/consentToShareReferralWithMicrosoftSellers".to_owned(), record["share"].clone())].into()
    };
    case.record.insert("share".into(), Value::Flag(false));
    let (actions, verdict) = case.run();
    assert!(!actions.iter().any(|action| matches!(action, Action::WriteReferral { .. })));
    assert!(
        matches!(&verdict, Verdict::Parked { reason } if reason.contains("cannot be taken back")),
        "{verdict:?}"
    );
}

#[test]
fn a_flag_that_nobody_chose_in_a_new_record_the_referral_fills() {
    let referral = json!({"id": "deal-1", "externalReferenceId": "row-1", "status": "Active"});
    let written = |succeeded: bool| {
        let mut case = Case::new(Referral(referral.clone()), &[("sync", Value::Flag(false))]);
        case.wish = [("sync".to_owned(), Value::Flag(true))].into();
        case.succeeded = succeeded;
        let (actions, _) = case.run();
        actions.into_iter().find_map(|action| match action {
            Action::WriteRecord { fields, .. } => fields.get("sync").cloned(),
            _ => None,
        })
    };
    assert_eq!(written(true), Some(Value::Flag(true)), "off is what a new record begins with");
    assert_eq!(written(false), None, "of a record that is known, off is what it agreed on");
}

#[test]
fn consent_that_was_not_given_yet_can_be_given() {
    let path = "/consent/consentToShareReferralWithMicrosoftSellers";
    let referral = json!({"id": "deal-1", "externalReferenceId": "row-1", "status": "Active",
        "consent": {"consentToShareReferralWithMicrosoftSellers": false}});
    let mut case = Case::new(Referral(referral), &[("share", Value::Flag(false))]);
    case.asks = |record| {
        [("/consent/consentToShareReferralWithMicrosoftSellers".to_owned(), record["share"].clone())].into()
    };
    case.record.insert("share".into(), Value::Flag(true));
    let (actions, _) = case.run();
    let sent = actions.iter().find_map(|action| match action {
        Action::WriteReferral { fields, .. } => fields.get(path).cloned(),
        _ => None,
    });
    assert_eq!(sent, Some(Value::Flag(true)));
}

#[test]
fn switching_the_pair_on_pushes_only_what_changed_in_the_crm() {
    let mut plugin = Plugin::new(&[Item::Same("n", NOTES), Item::Same("m", "/campaignId")]);
    plugin.switch = Some("sync");
    let mut world = World::linked(plugin, &[], &[("sync", "no")]);
    world.edit_referral("/campaignId", "theirs");
    assert!(matches!(world.pass(), Verdict::Skipped { .. }));
    world.edit_record("sync", "yes");
    world.edit_record("n", "mine");
    world.pass();
    assert_eq!((world.at(NOTES), world.field("m"), world.at("/campaignId")), ("mine", "theirs", "theirs"));
    assert!(world.entries.is_empty());
}

#[test]
fn a_pass_with_nothing_to_do_asks_the_plugin_at_most_four_times() {
    let mut world = reporting();
    world.edit_referral("/unmapped", "x");
    world.plugin.calls.clear();
    assert!(is_agreed(&world.pass()));
    assert!(
        world.plugin.calls["to_crm"] <= 2 && world.plugin.calls["to_referral"] <= 2,
        "{:?}",
        world.plugin.calls
    );
    assert_eq!(world.plugin.calls.len(), 2, "neither resolve nor report is asked");
}

#[test]
fn an_event_at_the_version_that_our_write_returned_is_an_echo() {
    let mut world = reporting();
    world.edit_record("n", "a");
    world.pass();
    let state = world.state.clone().unwrap();
    assert!(is_echo(&state, Side::PartnerCenter, &world.deals[super::world::DEAL].version.to_string()));
    assert!(is_echo(&state, Side::Crm, &world.rows[super::world::ROW].version.to_string()));
    assert!(!is_echo(&state, Side::Crm, "1") && !is_echo(&LinkState::default(), Side::Crm, "1"));
    let with_rows = LinkState { record_version: Some("7 3f2a".into()), ..LinkState::default() };
    assert!(is_echo(&with_rows, Side::Crm, "7") && !is_echo(&with_rows, Side::Crm, "3f2a"));
}

#[test]
fn the_versions_that_a_pass_left_are_the_ones_that_both_sides_have_then() {
    let mut world = reporting();
    world.edit_record("n", "a");
    world.pass();
    let state = world.state.clone().unwrap();
    let settled = state.settled.unwrap();
    assert_eq!(Some(&settled.referral), state.referral_version.as_ref());
    assert_eq!(Some(&settled.record), state.record_version.as_ref(), "the report was the last write");

    world.pass();
    assert_eq!(world.state.as_ref().unwrap().settled.as_ref(), Some(&settled));
    world.edit_referral(NOTES, "b");
    world.refuses.insert("n");
    world.pass();
    let after = world.state.clone().unwrap().settled.unwrap();
    assert_ne!(after.referral, settled.referral, "what waits for a person was looked at too");
}

#[test]
fn a_side_that_is_gone_parks_the_pair_and_writes_nothing() {
    let mut world = reporting();
    world.edit_referral(NOTES, "a");
    world.rows.clear();
    let verdict = world.pass();
    assert!(
        matches!(&verdict, Verdict::Parked { reason } if reason.contains("nothing was written")),
        "{verdict:?}"
    );
    let mut world = reporting();
    world.edit_record("n", "a");
    world.deals.clear();
    assert!(matches!(world.pass(), Verdict::Parked { .. }));
    assert!(world.attempts.is_empty());
}

#[test]
fn a_pair_that_always_moves_gives_way_and_comes_back() {
    let mut world = reporting();
    world.edit_record("n", "a");
    let mut turn = 0;
    let verdict = world.pass_with(|world, action| {
        if matches!(action, Action::WriteReferral { .. }) {
            turn += 1;
            world.edit_referral("/campaignId", &turn.to_string());
        }
        None::<Fault>
    });
    assert!(matches!(verdict, Some(Verdict::Again { .. })), "{verdict:?}");
    assert_eq!(turn, 5, "four retries");
}

#[test]
fn doubt_without_a_stamp_becomes_an_entry() {
    let mut plugin = Plugin::new(&[Item::Same("n", NOTES)]);
    plugin.stamp = false;
    plugin.policy = Policy::Crm;
    let mut world = World::linked(plugin, &[], &[]);
    world.edit_referral(NOTES, "theirs");
    world.pass_with(|_, action| matches!(action, Action::WriteRecord { .. }).then_some(Fault::ReplyLost));
    world.edit_record("n", "mine");
    world.pass();
    assert_eq!(world.entries_on("n")[0].kind, EntryKind::Doubt);
    assert_eq!(world.at(NOTES), "mine");
}

/// A pair with values of any kind, for what the family of texts cannot say.
struct Case {
    referral: Referral,
    record: Fields,
    base: Fields,
    wish: Fields,
    asks: fn(&Fields) -> Fields,
    companions: Vec<Companion>,
    exists: BTreeMap<String, RecordKey>,
    refusal: Option<Refusal>,
    /// The pair was never seen together.
    adopted: bool,
    /// The record took another one's place.
    succeeded: bool,
    /// The e-mail address of the contact that the record leads to; the mapping puts it into the notes.
    contact: Option<&'static str>,
    reads_contact: bool,
}

impl Case {
    fn new(referral: Referral, record: &[(&str, Value)]) -> Case {
        let record: Fields = record.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let mut base = record.clone();
        base.insert("referral_id".into(), Value::Text("deal-1".into()));
        Case {
            referral,
            record: base.clone(),
            base,
            wish: Fields::new(),
            asks: |_| Fields::new(),
            companions: vec![],
            exists: BTreeMap::new(),
            refusal: None,
            adopted: false,
            succeeded: false,
            contact: None,
            reads_contact: false,
        }
    }

    fn run(&mut self) -> (Vec<Action>, Verdict) {
        let names: Vec<&'static str> = vec![];
        let mut manifest = Plugin { owned: names, ..Plugin::new(&[]) }.manifest();
        manifest.entities[0].stamp = None;
        let record = (!self.succeeded).then(|| self.base.clone());
        let base = Base { referral: Some(self.referral.clone()), record };
        let state = LinkState { base, reported: Some("synced".into()), ..LinkState::default() };
        let world = World::linked(Plugin::new(&[]), &[], &[]);
        let (mut pass, mut action) = Pass::begin(crosswalk_engine::pass::Start {
            release: None,
            id: "p".into(),
            subject: crosswalk_engine::pass::Subject::Record(row_key("row-1")),
            pair: world.pair,
            state: (!self.adopted).then_some(state),
            manifest,
            now: "2026-01-01T00:00:00Z".parse().unwrap(),
            limits: Default::default(),
            post_again: None,
            rules: Default::default(),
        });
        let mut seen_actions = vec![];
        loop {
            seen_actions.push(action.clone());
            let seen = match action {
                Action::ReadReferral(_) => {
                    Seen::Referral(Some(Versioned { value: self.referral.clone(), version: "1".into() }))
                }
                Action::ReadRecord(key) => {
                    let related = self.contact.map(contact).into_iter().collect();
                    let value = Record { key, fields: self.record.clone(), related };
                    Seen::Record(Some(Versioned { value, version: "1".into() }))
                }
                Action::FindCompanions(_) => Seen::Companions(self.exists.clone()),
                Action::Store(_) => Seen::Stored,
                Action::WriteRecord { .. } | Action::WriteReferral { .. } => {
                    Seen::Written { version: "2".into(), key: None }
                }
                Action::Finish { verdict, .. } => return (seen_actions, verdict),
                other => panic!("not expected: {other:?}"),
            };
            action = pass.next(seen, self).unwrap();
        }
    }
}

impl Mapper for Case {
    fn to_crm(&mut self, _: &Referral, _: Option<&Record>) -> Result<Outcome<CrmDraft>, Refusal> {
        if let Some(refusal) = &self.refusal {
            return Err(refusal.clone());
        }
        let companions = self.companions.clone();
        Ok(Outcome::Hold(CrmDraft { entity: "opportunity".into(), fields: self.wish.clone(), companions }))
    }

    fn to_referral(&mut self, linked: &Record, _: Option<&Referral>) -> Result<Outcome<Fields>, Refusal> {
        if self.reads_contact {
            return Ok(Outcome::Hold([(NOTES.to_owned(), linked.related[0].fields["email"].clone())].into()));
        }
        Ok(Outcome::Hold((self.asks)(&linked.fields)))
    }

    fn resolve(&mut self, conflicts: &[Conflict]) -> Result<Vec<Resolution>, Refusal> {
        Ok(vec![Resolution::Crm; conflicts.len()])
    }

    fn report(&mut self, _: &Record, _: &Report) -> Result<Fields, Refusal> {
        Ok(Fields::new())
    }
}

fn contact(email: &str) -> Related {
    let key = RecordKey { entity: "contact".into(), id: "c1".into() };
    Related { via: "contact".into(), key, fields: [("email".to_owned(), Value::Text(email.into()))].into() }
}

fn account(exists: bool) -> Case {
    let referral = Referral(json!({"id": "deal-1", "externalReferenceId": "row-1", "status": "Active"}));
    let id = RecordKey { entity: "account".into(), id: "a1".into() };
    let mut case = Case::new(referral, &[("account", Value::Reference(Reference::Existing(id.clone())))]);
    case.wish.insert("account".into(), Value::Reference(Reference::Companion("customer".into())));
    let matching = [("name".to_owned(), Value::Text("Contoso".into()))].into();
    case.companions = vec![Companion {
        alias: "customer".into(),
        entity: "account".into(),
        matching,
        fields: Fields::new(),
    }];
    if exists {
        case.exists.insert("customer".into(), id);
    }
    case
}

#[test]
fn a_companion_that_exists_is_compared_by_its_id() {
    let (actions, verdict) = account(true).run();
    assert!(is_agreed(&verdict), "{verdict:?}");
    assert_eq!(actions.iter().filter(|action| matches!(action, Action::FindCompanions(_))).count(), 1);
}

#[test]
fn a_companion_that_is_missing_is_a_difference_and_is_created_with_the_write() {
    let mut case = account(false);
    case.adopted = true;
    case.record.insert("account".into(), Value::Empty);
    let (actions, _) = case.run();
    let write = actions.iter().find_map(|action| match action {
        Action::WriteRecord { fields, companions, .. } => {
            Some((fields["account"].clone(), companions.clone()))
        }
        _ => None,
    });
    let reference = Value::Reference(Reference::Companion("customer".into()));
    assert_eq!(write, Some((reference, case.companions.clone())));
}

#[test]
fn a_companion_that_was_created_with_our_write_is_no_edit_when_it_comes_back_as_an_id() {
    let mut case = account(true);
    case.base.insert("account".into(), Value::Reference(Reference::Companion("customer".into())));
    case.asks = |record| match &record["account"] {
        Value::Reference(Reference::Existing(key)) => {
            [(NOTES.to_owned(), Value::Text(key.id.clone()))].into()
        }
        _ => [(NOTES.to_owned(), Value::Empty)].into(),
    };
    let (actions, verdict) = case.run();
    assert!(is_agreed(&verdict), "{verdict:?}");
    assert!(!actions.iter().any(|action| matches!(action, Action::WriteReferral { .. })));
}

#[test]
fn an_edit_of_a_record_that_a_reference_leads_to_is_pushed() {
    let referral = Referral(
        json!({"id": "deal-1", "externalReferenceId": "row-1", "status": "Active", "details": {"notes": "ann@old"}}),
    );
    let mut case = Case::new(referral, &[]);
    case.base.insert("contact/email".into(), Value::Text("ann@old".into()));
    case.contact = Some("ann@new");
    case.reads_contact = true;
    let (actions, _) = case.run();
    let sent = actions.iter().find_map(|action| match action {
        Action::WriteReferral { fields, .. } => Some(fields[NOTES].clone()),
        _ => None,
    });
    assert_eq!(sent, Some(Value::Text("ann@new".into())));
}

#[test]
fn a_refusal_by_the_plugin_ends_the_pass_in_its_words() {
    let mut case = account(true);
    let refusal = |disposition| Refusal {
        code: "MAP001".into(),
        disposition,
        field: Some("amount".into()),
        message: "`12,000` is no number".into(),
        help: Some("leave the comma out".into()),
    };
    case.refusal = Some(refusal(Disposition::Reject));
    let (actions, verdict) = case.run();
    assert!(
        matches!(&verdict, Verdict::Parked { reason } if reason.contains("12,000") && reason.contains("comma")),
        "{verdict:?}"
    );
    assert_eq!(actions.len(), 3, "two reads and the end: nothing is written, not even a report");
    case.refusal = Some(refusal(Disposition::Retry));
    assert!(matches!(case.run().1, Verdict::Again { .. }));
}
