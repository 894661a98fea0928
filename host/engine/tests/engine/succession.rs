//! A record that lives on as another one: leads that are converted by either side, records that are merged.

use crosswalk_engine::{
    link::EntryKind,
    pass::{Action, Subject, Verdict},
    value::RecordKey,
};

use super::world::{
    DEAL, Fault, ROW, Row, World, deal,
    mapping::{Item, Plugin, Policy, REFERRAL_KEY},
    row, row_key, shown,
};

const NOTES: &str = "/details/notes";
const CAMPAIGN: &str = "/campaignId";
const FAULTS: [Fault; 4] = [Fault::Crash, Fault::CrashAfter, Fault::ReplyLost, Fault::NeverSent];

fn plugin() -> Plugin {
    let mut plugin = Plugin::new(&[Item::Same("n", NOTES), Item::Same("m", CAMPAIGN), Item::Stage("stage")]);
    plugin.items.push(Item::OfDeals("date", "/salesStage"));
    plugin.leads = true;
    plugin.reports_to = Some("audit");
    plugin
}

/// A deal that Microsoft shared, and the lead that was made of it.
fn waiting() -> World {
    let mut world = World::new(plugin());
    let mut texts = vec![("/id", DEAL), ("/status", "New"), ("/substatus", "Received"), (NOTES, "hello")];
    texts.push(("/salesStage", "soon"));
    world.deals.insert(DEAL.into(), deal(&texts));
    world.pass_on(of_referral());
    assert_eq!((world.rows[ROW].entity, world.held("n")), ("lead", "hello"));
    assert!(is_agreed(&world.pass()));
    world
}

fn of_referral() -> Subject {
    Subject::Referral(DEAL.into())
}

fn of_row(entity: &str, id: &str) -> Subject {
    Subject::Record(RecordKey { entity: entity.into(), id: id.into() })
}

fn accept(world: &mut World) {
    world.edit_referral("/status", "Active");
    world.edit_referral("/substatus", "Accepted");
}

fn is_agreed(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Agreed { .. })
}

/// The lead lives on as one opportunity, which is linked and agrees with the deal.
#[track_caller]
fn is_converted_once(world: &mut World) {
    let trace = world.trace.join("\n");
    assert_eq!(world.rows.len(), 2, "{trace}");
    assert_eq!(world.pair.record, Some(row_key("row-2")), "{trace}");
    assert_eq!((world.held("stage"), world.held(REFERRAL_KEY)), ("open", DEAL), "{trace}");
    assert_eq!((world.at("/externalReferenceId"), world.at("/status")), ("row-2", "Active"), "{trace}");
    assert!(world.state.as_ref().unwrap().open.is_empty() && !world.is_in_doubt());
    assert!(is_agreed(&world.pass()));
}

#[test]
fn a_deal_that_is_accepted_in_partner_center_converts_its_lead_and_nobody_is_asked() {
    let mut world = waiting();
    accept(&mut world);
    world.edit_referral(CAMPAIGN, "spring");
    let verdict = world.pass();
    assert!(
        matches!(verdict, Verdict::Applied { crm_writes: 2, partner_center_writes: 1, .. }),
        "{verdict:?}"
    );
    assert_eq!((world.held("n"), world.held("m")), ("hello", "spring"));
    assert!(world.entries.is_empty(), "the stage that the CRM gave the new record is nobody's edit");
    assert!(world.audit.iter().any(|line| line.rule == "convert"));
    is_converted_once(&mut world);
}

#[test]
fn a_conversion_is_made_once_whatever_happens_to_it() {
    for at in 0..16 {
        for fault in FAULTS {
            let mut world = waiting();
            accept(&mut world);
            let mut step = 0;
            world.pass_with(|_, _| {
                step += 1;
                (step == at + 1).then_some(fault)
            });
            for _ in 0..4 {
                world.pass();
            }
            is_converted_once(&mut world);
            assert_eq!(world.held("n"), "hello", "{fault:?} at {at}");
        }
    }
}

#[test]
fn what_a_seller_typed_into_the_lead_up_to_its_conversion_is_carried_over() {
    for in_the_last_moment in [true, false] {
        let mut world = waiting();
        if !in_the_last_moment {
            world.edit_record("n", "typed");
            assert!(is_agreed(&world.pass()), "a lead says nothing of it to Partner Center");
        }
        accept(&mut world);
        let mut done = !in_the_last_moment;
        world.pass_with(|world, action| {
            if matches!(action, Action::ConvertRecord { .. }) && !done {
                done = true;
                world.edit_record("n", "typed");
            }
            None
        });
        assert_eq!((world.at(NOTES), world.held("n")), ("typed", "typed"));
        assert!(world.entries.is_empty(), "{:?}", world.entries);
        is_converted_once(&mut world);
    }
}

#[test]
fn what_is_typed_into_the_new_record_before_it_is_known_may_be_a_default_and_is_kept_in_an_entry() {
    for crash in [false, true] {
        let mut world = waiting();
        accept(&mut world);
        let mut done = false;
        world.pass_with(|world, action| {
            let is_new = matches!(action, Action::ReadRecord(key) if *key == row_key("row-2"));
            if is_new && !done {
                done = true;
                world.edit_row("row-2", "n", "typed");
                return crash.then_some(Fault::Crash);
            }
            None
        });
        world.pass();
        assert_eq!((world.at(NOTES), world.held("n")), ("hello", "hello"));
        assert_eq!(shown(&world.entries_on("n")[0].crm), "typed");
        is_converted_once(&mut world);
    }
}

#[test]
fn what_is_typed_into_the_new_record_while_it_is_written_is_no_default_any_more() {
    let mut world = waiting();
    accept(&mut world);
    let mut done = false;
    world.pass_with(|world, action| {
        if matches!(action, Action::WriteRecord { .. }) && !done {
            done = true;
            world.edit_row("row-2", "date", "typed");
            return Some(Fault::Crash);
        }
        None
    });
    world.pass();
    assert_eq!((world.at("/salesStage"), world.held("date")), ("soon", "soon"));
    assert_eq!(shown(&world.entries_on("date")[0].crm), "typed");
    is_converted_once(&mut world);
}

#[test]
fn a_default_that_the_crm_puts_into_the_new_record_does_not_reach_partner_center() {
    let mut world = waiting();
    accept(&mut world);
    world.pass();
    assert_eq!((world.at("/salesStage"), world.held("date")), ("soon", "soon"));
    assert!(world.entries.is_empty(), "{:?}", world.entries);
    is_converted_once(&mut world);
}

#[test]
fn a_conversion_that_the_crm_refuses_is_told_once_and_made_when_the_crm_lets_it() {
    let mut world = waiting();
    world.refuses.insert("convert to opportunity");
    accept(&mut world);
    world.pass();
    assert_eq!(world.entries_on("lead")[0].kind, EntryKind::Undelivered);
    assert!(world.held("audit").contains("refused to convert"), "{}", world.held("audit"));
    assert!(is_agreed(&world.pass()) && is_agreed(&world.pass()));
    assert_eq!(world.entries.len(), 1);
    world.refuses.clear();
    world.pass();
    is_converted_once(&mut world);
}

#[test]
fn a_refused_conversion_that_is_not_asked_for_any_more_needs_nobody() {
    let mut world = waiting();
    world.refuses.insert("convert to opportunity");
    accept(&mut world);
    world.pass();
    world.edit_referral("/status", "New");
    world.edit_referral("/substatus", "Received");
    world.pass();
    assert!(world.state.as_ref().unwrap().open.is_empty(), "{:?}", world.entries);
}

#[test]
fn a_pair_that_is_switched_off_is_not_converted() {
    let mut world = waiting();
    world.plugin.switch = Some("sync");
    accept(&mut world);
    assert!(matches!(world.pass(), Verdict::Skipped { .. }));
    assert_eq!(world.rows.len(), 1);
    world.edit_record("sync", "yes");
    world.pass();
    is_converted_once(&mut world);
}

#[test]
fn a_lead_that_its_seller_accepts_is_converted_in_the_same_pass() {
    let mut world = waiting();
    world.edit_record("stage", "open");
    world.pass();
    is_converted_once(&mut world);
}

#[test]
fn a_lead_that_its_seller_qualifies_accepts_the_deal_and_the_pair_goes_on_with_the_opportunity() {
    let mut world = waiting();
    world.edit_record("n", "typed into the lead");
    world.qualify(ROW, "open");
    world.rows.get_mut("row-2").unwrap().fields.insert("m".into(), String::new());
    world.pass();
    assert_eq!((world.at("/status"), world.at("/substatus")), ("Active", "Accepted"));
    assert_eq!(world.at(NOTES), "typed into the lead");
    assert!(world.entries.is_empty(), "{:?}", world.entries);
    assert!(world.audit.iter().any(|line| line.rule == "succeed"));
    is_converted_once(&mut world);
}

#[test]
fn an_opportunity_that_is_heard_of_before_its_lead_is_not_posted_again() {
    let mut world = waiting();
    let opportunity = world.qualify(ROW, "open");
    // A lane of its own: nothing is known of it.
    let link = (std::mem::take(&mut world.pair), world.state.take());
    let verdict = world.pass_on(Subject::Record(opportunity));
    assert_eq!(verdict, Verdict::Moved { to: of_row("lead", ROW) });
    (world.pair, world.state) = link;
    world.pass();
    is_converted_once(&mut world);
    assert_eq!(world.deals.len(), 1, "{}", world.trace.join("\n"));
}

#[test]
fn what_the_new_record_left_empty_the_referral_fills_and_what_both_changed_is_a_conflict() {
    let mut world = waiting();
    world.plugin.policy = Policy::Crm;
    world.edit_referral(CAMPAIGN, "spring");
    world.pass();
    world.qualify(ROW, "open");
    let fields = &mut world.rows.get_mut("row-2").unwrap().fields;
    fields.insert("m".into(), String::new());
    fields.insert("n".into(), "mine".into());
    world.edit_referral(NOTES, "theirs");
    world.pass();
    assert_eq!((world.held("m"), world.at(CAMPAIGN)), ("spring", "spring"));
    let kept: Vec<String> = world.entries_on("n").iter().map(|entry| shown(&entry.partner_center)).collect();
    assert_eq!((world.at(NOTES), kept), ("mine", vec!["theirs".to_owned()]));
    is_converted_once(&mut world);
}

#[test]
fn a_relink_is_safe_at_every_step() {
    for at in 0..12 {
        for fault in FAULTS {
            let mut world = waiting();
            world.qualify(ROW, "open");
            world.rows.get_mut("row-2").unwrap().fields.insert("n".into(), String::new());
            let mut step = 0;
            world.pass_with(|_, _| {
                step += 1;
                (step == at + 1).then_some(fault)
            });
            for _ in 0..4 {
                world.pass();
            }
            assert_eq!(world.held("n"), "hello", "{fault:?} at {at}\n{}", world.trace.join("\n"));
            is_converted_once(&mut world);
        }
    }
}

#[test]
fn a_push_of_unknown_fate_is_settled_though_the_record_has_been_converted_since() {
    for fault in [Fault::ReplyLost, Fault::NeverSent] {
        let mut world = waiting();
        world.edit_record("n", "mine");
        world.edit_record("stage", "lost");
        world.pass_with(|_, action| matches!(action, Action::WriteReferral { .. }).then_some(fault));
        world.qualify(ROW, "open");
        for _ in 0..3 {
            world.pass();
        }
        assert_eq!(world.pair.record, Some(row_key("row-2")));
        assert!(!world.is_in_doubt());
        let is_declined = fault == Fault::ReplyLost;
        assert_eq!(world.at("/status"), if is_declined { "Closed" } else { "Active" });
        assert!(is_agreed(&world.pass()), "{}", world.trace.join("\n"));
    }
}

#[test]
fn a_push_in_doubt_is_a_conflict_in_the_record_that_took_the_old_ones_place() {
    let mut world = merged();
    world.rows.get_mut(ROW).unwrap().successor = None;
    world.plugin.policy = Policy::PartnerCenter;
    world.edit_record("n", "pushed");
    world.pass_with(|world, action| {
        let is_push = matches!(action, Action::WriteReferral { .. });
        if is_push {
            world.edit_referral(CAMPAIGN, "theirs");
        }
        is_push.then_some(Fault::ReplyLost)
    });
    world.succeed(ROW, &row_key("master"));
    world.pass();
    assert_eq!((world.at(NOTES), world.held("n")), ("a", "a"), "either side, but both the same");
    assert_eq!(shown(&world.entries_on("n")[0].crm), "of the master");
    assert!(is_agreed(&world.pass()), "{}", world.trace.join("\n"));
}

#[test]
fn a_crash_between_the_writes_does_not_make_the_new_record_look_as_if_it_had_been_empty() {
    let mut world = merged();
    world.pass_with(|_, action| matches!(action, Action::WriteReferral { .. }).then_some(Fault::Crash));
    world.edit_row("master", "n", "");
    world.pass();
    assert_eq!((world.at(NOTES), world.held("n")), ("", ""), "emptying it is an edit");
    assert!(is_agreed(&world.pass()));
}

#[test]
fn entries_about_the_old_record_end_with_it_and_stay_readable() {
    let mut world = waiting();
    world.plugin.policy = Policy::Park;
    world.edit_referral(NOTES, "theirs");
    world.edit_record("stage", "open");
    world.refuses.insert("/status");
    world.pass();
    assert_eq!(world.state.as_ref().unwrap().open.len(), 1);
    world.refuses.clear();
    world.qualify(ROW, "open");
    world.pass();
    let (_, ending) = world.entries.values().next().unwrap();
    assert!(ending.as_ref().is_some_and(|ending| ending.contains("row-2")), "{ending:?}");
}

fn merged() -> World {
    let mut plugin = Plugin::new(&[Item::Same("n", NOTES), Item::Same("m", CAMPAIGN)]);
    plugin.reports_to = Some("audit");
    let mut world = World::linked(plugin, &[(NOTES, "a"), (CAMPAIGN, "b")], &[]);
    let master = row(&[("n", "of the master"), ("m", ""), (REFERRAL_KEY, ""), ("audit", "")]);
    world.rows.insert("master".into(), master);
    world.succeed(ROW, &row_key("master"));
    world
}

#[test]
fn a_record_that_was_merged_into_another_hands_its_pair_to_that_one() {
    let mut world = merged();
    world.pass();
    assert_eq!(world.pair.record, Some(row_key("master")));
    assert_eq!((world.at(NOTES), world.held("m")), ("of the master", "b"));
    assert_eq!((world.at("/externalReferenceId"), world.held(REFERRAL_KEY)), ("master", DEAL));
    assert!(world.entries.is_empty() && is_agreed(&world.pass()));
}

#[test]
fn a_record_that_was_merged_into_one_with_another_referral_is_left_to_a_person() {
    let mut world = merged();
    world.rows.get_mut("master").unwrap().fields.insert(REFERRAL_KEY.into(), "deal-9".into());
    let verdict = world.pass();
    assert!(matches!(&verdict, Verdict::Parked { reason } if reason.contains("deal-9")), "{verdict:?}");
    assert!(matches!(world.pass(), Verdict::Skipped { .. }));
    assert_eq!((world.pair.record.clone(), world.attempts.len()), (Some(row_key(ROW)), 0));
    world.rows.get_mut("master").unwrap().fields.insert(REFERRAL_KEY.into(), String::new());
    world.pass();
    assert_eq!(world.pair.record, Some(row_key("master")));
    assert!(world.state.as_ref().unwrap().open.is_empty());
}

#[test]
fn a_successor_that_nobody_declares_or_that_is_gone_or_that_goes_round_is_left_to_a_person() {
    let contact = RecordKey { entity: "contact".into(), id: "c1".into() };
    let circle: [(RecordKey, &str); 3] = [
        (contact, "does not declare"),
        (row_key("nowhere"), "does not have"),
        (row_key(ROW), "without an end"),
    ];
    for (successor, words) in circle {
        let mut world = merged();
        world.succeed(ROW, &successor);
        let verdict = world.pass();
        assert!(matches!(&verdict, Verdict::Parked { reason } if reason.contains(words)), "{verdict:?}");
        assert!(matches!(world.pass(), Verdict::Skipped { .. }));
        assert!(world.attempts.is_empty() && world.pair.record == Some(row_key(ROW)));
    }
}

#[test]
fn a_record_that_was_merged_twice_hands_its_pair_to_the_last_one() {
    let mut world = merged();
    world.rows.insert("last".into(), row(&[("n", "z"), (REFERRAL_KEY, "")]));
    world.succeed("master", &row_key("last"));
    world.pass();
    assert_eq!((world.pair.record.clone(), world.at(NOTES)), (Some(row_key("last")), "z"));
}

#[test]
fn a_record_without_a_link_that_lives_on_moves_its_events_to_the_new_ones_lane() {
    let mut world = World::new(plugin());
    world.rows.insert(ROW.into(), Row { entity: "lead", ..row(&[("n", "x"), (REFERRAL_KEY, "")]) });
    let new = world.qualify(ROW, "hold");
    assert_eq!(world.pass_on(of_row("lead", ROW)), Verdict::Moved { to: Subject::Record(new) });
    world.succeed(ROW, &RecordKey { entity: "contact".into(), id: "c1".into() });
    assert!(matches!(world.pass_on(of_row("lead", ROW)), Verdict::Skipped { .. }));
}

#[test]
fn a_referral_posted_for_a_record_that_was_merged_since_is_found_and_linked_with_the_master() {
    let mut world = World::new(Plugin::new(&[Item::Same("n", NOTES)]));
    world.rows.insert(ROW.into(), row(&[("n", "hello"), (REFERRAL_KEY, "")]));
    let of_record = || of_row("opportunity", ROW);
    world.run(of_record(), |_, action| matches!(action, Action::PostReferral(_)).then_some(Fault::ReplyLost));
    world.rows.insert("master".into(), row(&[("n", "hello"), (REFERRAL_KEY, "")]));
    world.succeed(ROW, &row_key("master"));
    world.pass_on(of_record());
    assert_eq!((world.deals.len(), world.pair.record.clone()), (1, Some(row_key("master"))));
    assert_eq!((world.at("/externalReferenceId"), world.held(REFERRAL_KEY)), ("master", DEAL));
}

#[test]
fn a_post_that_never_landed_is_given_up_before_the_new_record_is_sent() {
    let mut world = World::new(Plugin::new(&[Item::Same("n", NOTES)]));
    world.rows.insert(ROW.into(), row(&[("n", "hello"), (REFERRAL_KEY, "")]));
    let of_record = || of_row("opportunity", ROW);
    world.run(of_record(), |_, action| matches!(action, Action::PostReferral(_)).then_some(Fault::NeverSent));
    world.rows.insert("master".into(), row(&[("n", "hello"), (REFERRAL_KEY, "")]));
    world.succeed(ROW, &row_key("master"));
    assert!(matches!(world.pass_on(of_record()), Verdict::Again { .. }));
    world.now += 900;
    world.post_again = true;
    assert_eq!(world.pass_on(of_record()), Verdict::Moved { to: of_row("opportunity", "master") });
    assert!(world.deals.is_empty() && !world.is_in_doubt());
}

#[test]
fn a_referral_that_names_a_converted_lead_is_linked_with_its_opportunity() {
    for by_key in [true, false] {
        let mut world = World::new(plugin());
        let texts = [("/id", DEAL), ("/status", "Active"), ("/substatus", "Accepted"), (NOTES, "hello")];
        world.deals.insert(DEAL.into(), deal(&texts));
        let key = if by_key { DEAL } else { "" };
        let lead = row(&[("n", "hello"), ("m", ""), ("stage", "open"), (REFERRAL_KEY, key)]);
        world.rows.insert(ROW.into(), Row { entity: "lead", ..lead });
        if !by_key {
            world.deals.get_mut(DEAL).unwrap().texts.insert("/externalReferenceId".into(), ROW.into());
        }
        world.qualify(ROW, "open");
        world.pass_on(of_referral());
        assert_eq!(world.deals.len(), 1);
        is_converted_once(&mut world);
    }
}

#[test]
fn a_referral_that_names_a_record_merged_into_another_deals_record_is_parked() {
    let mut world = World::new(Plugin::new(&[Item::Same("n", NOTES)]));
    let texts = [("/id", DEAL), ("/status", "Active"), ("/externalReferenceId", ROW)];
    world.deals.insert(DEAL.into(), deal(&texts));
    world.rows.insert(ROW.into(), row(&[("n", ""), (REFERRAL_KEY, "")]));
    world.rows.insert("master".into(), row(&[("n", ""), (REFERRAL_KEY, "deal-9")]));
    world.succeed(ROW, &row_key("master"));
    let verdict = world.pass_on(of_referral());
    assert!(matches!(&verdict, Verdict::Parked { reason } if reason.contains("deal-9")), "{verdict:?}");
    assert!(world.attempts.is_empty());
}
