//! A record that cannot be sent for the first time: the seller is told why, once, and it is sent when it is corrected.

use crosswalk_engine::{
    link::IntendedWrite,
    mapping::Disposition,
    pass::{Action, Side, Subject, Verdict},
};

use super::world::{
    DEAL, Fault, ROW, World, deal,
    mapping::{Item, Plugin, REFERRAL_KEY, STAMP},
    row, row_key,
};

const NOTES: &str = "/details/notes";
const SUCCESS: &str = "sync success.";

/// Reports carry the number of the pass, so that no two of them are the same text.
fn unsent() -> World {
    let mut plugin = Plugin::new(&[Item::Same("n", NOTES), Item::Outward("extra", "/campaignId")]);
    plugin.reports_to = Some("audit");
    plugin.dated = Some(0);
    let mut world = World::new(plugin);
    let fields = [("n", "hello"), ("extra", ""), ("audit", ""), (REFERRAL_KEY, ""), (STAMP, "")];
    world.rows.insert(ROW.into(), row(&fields));
    world
}

/// Partner Center takes no deal with notes.
fn refused() -> World {
    let mut world = unsent();
    world.refuses.insert(NOTES);
    world
}

/// The plugin wants a campaign.
fn rejected() -> World {
    let mut world = unsent();
    world.plugin.needs = Some("extra");
    world
}

fn of_record() -> Subject {
    Subject::Record(row_key(ROW))
}

fn tries(world: &World, side: Side) -> usize {
    world.attempts.get(&side).copied().unwrap_or_default()
}

fn parks(world: &mut World) -> String {
    match world.pass_on(of_record()) {
        Verdict::Parked { reason } => reason,
        other => panic!("{other:?}: {}", world.trace.join("\n")),
    }
}

/// A pass in which the report meets this fault.
fn parks_though(world: &mut World, fault: Fault) -> Option<Verdict> {
    world.run(of_record(), |_, action| matches!(action, Action::WriteRecord { .. }).then_some(fault))
}

#[test]
fn a_refused_create_is_told_once_and_its_echo_costs_no_call() {
    let mut world = refused();
    let reason = parks(&mut world);
    assert!(reason.contains("Partner Center refused") && reason.contains("not allowed"), "{reason}");
    let told = world.field("audit").to_owned();
    assert_eq!(
        told,
        "1 - Not sent to Partner Center. Partner Center refused it (`/details/notes`): not allowed"
    );
    assert_eq!(world.audit.iter().filter(|line| line.rule == "report").count(), 1);

    let echo = world.pass_on(of_record());
    assert!(matches!(echo, Verdict::Skipped { .. }), "the event that is parked must stay so: {echo:?}");
    assert_eq!((tries(&world, Side::Crm), tries(&world, Side::PartnerCenter)), (1, 1));
    assert_eq!(world.field("audit"), told);
    assert!(world.deals.is_empty() && !world.is_in_doubt());
}

#[test]
fn the_same_words_are_not_told_again_whatever_else_changes() {
    let mut world = refused();
    parks(&mut world);
    world.edit_record("n", "still there");
    let reason = parks(&mut world);
    assert!(reason.contains("not allowed"), "{reason}");
    world.post_again = true;
    parks(&mut world);
    assert_eq!((tries(&world, Side::Crm), tries(&world, Side::PartnerCenter)), (1, 3));
    assert!(world.field("audit").starts_with("1 - "));
}

#[test]
fn a_record_that_is_retried_is_sent_though_only_our_report_changed_it() {
    let mut world = refused();
    parks(&mut world);
    world.refuses.clear();
    assert!(matches!(world.pass_on(of_record()), Verdict::Skipped { .. }));
    world.post_again = true;
    world.pass_on(of_record());
    assert_eq!((world.deals.len(), world.field(REFERRAL_KEY)), (1, DEAL));
    assert!(world.field("audit").ends_with(SUCCESS), "{}", world.field("audit"));
}

#[test]
fn other_words_are_told_as_well() {
    let mut world = refused();
    parks(&mut world);
    world.refuses.insert("/campaignId");
    world.edit_record("extra", "spring");
    parks(&mut world);
    assert_eq!(
        world.field("audit"),
        "2 - Not sent to Partner Center. Partner Center refused it (`/campaignId`, `/details/notes`): not allowed"
    );
    assert_eq!(tries(&world, Side::Crm), 2);
}

#[test]
fn a_record_that_is_corrected_is_sent_and_told_of_the_success() {
    let mut world = refused();
    parks(&mut world);
    world.edit_record("n", "");
    let verdict = world.pass_on(of_record());
    assert!(matches!(verdict, Verdict::Applied { partner_center_writes: 1, .. }), "{verdict:?}");
    assert_eq!((world.deals.len(), world.field(REFERRAL_KEY)), (1, DEAL));
    assert!(world.field("audit").ends_with(SUCCESS), "{}", world.field("audit"));
    assert!(world.entries.is_empty());
    assert!(matches!(world.pass_on(of_record()), Verdict::Agreed { .. }));
}

#[test]
fn a_rejection_by_the_plugin_is_told_once_and_the_corrected_record_is_sent() {
    let mut world = rejected();
    let reason = parks(&mut world);
    assert!(reason.contains("the plugin refused") && reason.contains("a deal needs one"), "{reason}");
    assert_eq!(world.field("audit"), "1 - Not sent to Partner Center. `extra`: a deal needs one; fill it in");
    assert!(matches!(world.pass_on(of_record()), Verdict::Skipped { .. }));
    world.edit_record("n", "another");
    parks(&mut world);
    assert_eq!((tries(&world, Side::Crm), tries(&world, Side::PartnerCenter)), (1, 0));

    world.edit_record("extra", "spring");
    world.pass_on(of_record());
    assert_eq!((world.at("/campaignId"), world.field(REFERRAL_KEY)), ("spring", DEAL));
    assert!(world.field("audit").ends_with(SUCCESS), "{}", world.field("audit"));
}

#[test]
fn what_the_plugin_may_answer_later_is_not_told() {
    let mut world = rejected();
    world.plugin.refuses_with = Disposition::Retry;
    assert!(matches!(world.pass_on(of_record()), Verdict::Again { .. }));
    assert_eq!((world.field("audit"), tries(&world, Side::Crm)), ("", 0));
}

#[test]
fn a_refused_record_that_is_given_a_referral_by_hand_is_adopted() {
    let mut world = refused();
    parks(&mut world);
    let texts = [("/id", DEAL), ("/externalReferenceId", ROW), ("/status", "Active"), (NOTES, "hello")];
    world.deals.insert(DEAL.into(), deal(&texts));
    world.edit_record("n", "hello!");
    world.refuses.clear();
    world.pass_on(of_record());
    assert_eq!((world.deals.len(), world.field(REFERRAL_KEY)), (1, DEAL));
    assert!(world.field("audit").contains("sync"), "{}", world.field("audit"));
}

#[test]
fn a_record_that_changes_before_it_is_told_is_told_by_the_pass_on_that_change() {
    let mut world = refused();
    let mut edited = false;
    world.run(of_record(), |world, action| {
        if matches!(action, Action::WriteRecord { .. }) && !std::mem::replace(&mut edited, true) {
            world.edit_record("n", "meanwhile");
        }
        None
    });
    assert_eq!((world.field("n"), world.field("audit")), ("meanwhile", ""));
    assert!(!world.is_in_doubt());
    let reason = parks(&mut world);
    assert!(reason.contains("not allowed"), "{reason}");
    assert!(world.field("audit").starts_with("2 - "));
}

#[test]
fn a_record_that_takes_no_report_is_parked_with_the_same_words() {
    let mut world = refused();
    world.refuses.insert("audit");
    let reason = parks(&mut world);
    assert!(reason.contains("Partner Center refused"), "{reason}");
    assert!(world.alarms[0].contains("refused the report"), "{:?}", world.alarms);
    parks(&mut world);
    assert_eq!((tries(&world, Side::Crm), world.alarms.len()), (1, 1));
}

#[test]
fn a_report_of_unknown_fate_parks_with_the_same_words_and_is_told_once_in_the_end() {
    for stamp in [true, false] {
        for fault in [Fault::ReplyLost, Fault::NeverSent, Fault::Crash, Fault::CrashAfter] {
            let mut world = refused();
            world.plugin.stamp = stamp;
            let verdict = parks_though(&mut world, fault);
            assert!(verdict.is_none_or(
                |it| matches!(it, Verdict::Parked { reason } if reason.contains("Partner Center refused"))
            ));
            let intended = world.state.as_ref().unwrap().intent.clone().unwrap().write;
            assert!(matches!(intended, IntendedWrite::Record(_)), "the POST is settled before the report");
            for _ in 0..3 {
                world.pass_on(of_record());
            }
            let landed = matches!(fault, Fault::ReplyLost | Fault::CrashAfter);
            let first = if landed { "1 - " } else { "2 - " };
            assert!(world.field("audit").starts_with(first), "{stamp} {fault:?}: {}", world.field("audit"));
            assert!(!world.is_in_doubt());

            world.edit_record("n", "");
            world.pass_on(of_record());
            assert_eq!((world.deals.len(), world.field(REFERRAL_KEY)), (1, DEAL));
            assert!(world.field("audit").ends_with(SUCCESS) && world.entries.is_empty());
        }
    }
}

#[test]
fn a_report_of_unknown_fate_is_settled_though_the_record_is_left_alone_afterwards() {
    let mut world = refused();
    parks_though(&mut world, Fault::ReplyLost);
    world.deals.insert(DEAL.into(), deal(&[("/id", DEAL), (NOTES, "hello")]));
    world.edit_record(REFERRAL_KEY, DEAL);
    assert_eq!(world.pass_on(of_record()), Verdict::Moved { to: Subject::Referral(DEAL.into()) });
    assert!(!world.is_in_doubt());
}

#[test]
fn a_post_of_unknown_fate_is_never_given_up_for_a_report() {
    let mut world = unsent();
    world.run(of_record(), |_, action| matches!(action, Action::PostReferral(_)).then_some(Fault::NeverSent));
    world.now += 900;
    world.plugin.needs = Some("extra");
    world.post_again = true;
    let reason = parks(&mut world);
    assert!(reason.contains("a deal needs one"), "{reason}");
    assert!(world.is_in_doubt() && tries(&world, Side::Crm) == 0);
}
