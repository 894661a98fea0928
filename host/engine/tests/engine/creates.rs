//! Creates, both ways: never two, whatever is retried.

use crosswalk_engine::pass::{Action, Subject, Verdict};

use super::world::{
    DEAL, Fault, ROW, World, deal,
    mapping::{Item, Plugin, REFERRAL_KEY, STAMP},
    row, row_key,
};

const NOTES: &str = "/details/notes";
const HELP: &str = "/inviteContext/assistanceRequestCode";

fn plugin() -> Plugin {
    let mut plugin = Plugin::new(&[Item::Same("n", NOTES), Item::Outward("help", HELP)]);
    plugin.reports_to = Some("audit");
    plugin
}

fn inbound() -> World {
    let mut world = World::new(plugin());
    let texts = [("/id", DEAL), ("/status", "Active"), ("/substatus", "Accepted"), (NOTES, "hello")];
    world.deals.insert(DEAL.into(), deal(&texts));
    world
}

fn outbound(help: &str) -> World {
    let mut world = World::new(plugin());
    let fields = [("n", "hello"), ("help", help), ("audit", ""), (REFERRAL_KEY, ""), (STAMP, "")];
    world.rows.insert(ROW.into(), row(&fields));
    world
}

fn of_referral() -> Subject {
    Subject::Referral(DEAL.into())
}

fn of_record() -> Subject {
    Subject::Record(row_key(ROW))
}

fn is_agreed(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Agreed { .. })
}

#[test]
fn a_new_referral_becomes_a_record_and_learns_its_id_in_the_same_pass() {
    let mut world = inbound();
    let verdict = world.pass_on(of_referral());
    assert!(
        matches!(verdict, Verdict::Applied { crm_writes: 1, partner_center_writes: 1, .. }),
        "{verdict:?}\n{}",
        world.trace.join("\n")
    );
    assert_eq!((world.field("n"), world.field(REFERRAL_KEY)), ("hello", DEAL));
    assert_eq!(world.field("audit"), "Partner Center Referral to CRM sync success.");
    assert_eq!(world.at("/externalReferenceId"), ROW);
    assert!(is_agreed(&world.pass_on(of_referral())));
}

#[test]
fn a_create_is_not_repeated_whatever_happens_to_it() {
    for at in 0..12 {
        for fault in [Fault::Crash, Fault::CrashAfter, Fault::ReplyLost, Fault::NeverSent] {
            let mut world = inbound();
            let mut step = 0;
            world.run(of_referral(), |_, _| {
                step += 1;
                (step == at + 1).then_some(fault)
            });
            for _ in 0..4 {
                world.pass_on(of_referral());
            }
            assert_eq!(world.rows.len(), 1, "{fault:?} at {at}: {}", world.trace.join("\n"));
            assert_eq!((world.field("n"), world.at("/externalReferenceId")), ("hello", ROW));
            assert!(is_agreed(&world.pass_on(of_referral())) && world.entries.is_empty());
        }
    }
}

#[test]
fn a_person_who_edits_the_new_record_before_the_crash_is_noticed_is_heard() {
    let mut world = inbound();
    world.run(of_referral(), |_, action| {
        matches!(action, Action::CreateRecord { .. }).then_some(Fault::ReplyLost)
    });
    world.edit_record("n", "mine");
    world.pass_on(of_referral());
    assert_eq!(world.at(NOTES), "mine");
    assert!(world.entries.is_empty(), "the stamp says that the create landed, so only the CRM changed");
}

#[test]
fn a_record_that_carries_the_referral_is_adopted() {
    let mut world = inbound();
    world.rows.insert(
        ROW.into(),
        row(&[("n", ""), ("help", ""), (REFERRAL_KEY, DEAL), ("audit", ""), (STAMP, "")]),
    );
    world.pass_on(of_referral());
    assert_eq!((world.rows.len(), world.field("n")), (1, "hello"));
}

#[test]
fn a_referral_that_names_a_record_goes_to_that_records_lane() {
    let mut world = inbound();
    world.rows.insert(ROW.into(), row(&[("n", ""), (REFERRAL_KEY, ""), (STAMP, "")]));
    world.deals.get_mut(DEAL).unwrap().texts.insert("/externalReferenceId".into(), ROW.into());
    let verdict = world.pass_on(of_referral());
    assert_eq!(verdict, Verdict::Moved { to: of_record() });
    assert!(world.state.is_none() && world.attempts.is_empty());
}

#[test]
fn microsofts_copy_of_a_deal_is_never_linked_and_its_events_go_to_the_partners_own() {
    let mut world = inbound();
    let texts = [("/id", DEAL), ("/engagementId", "shared"), (NOTES, "hello")];
    world.deals.insert(DEAL.into(), deal(&texts));
    let texts = [("/id", "copy"), ("/engagementId", "shared"), ("/organizationId", "msft"), (NOTES, "hello")];
    world.deals.insert("copy".into(), deal(&texts));
    let verdict = world.pass_on(Subject::Referral("copy".into()));
    assert_eq!(verdict, Verdict::Moved { to: of_referral() });
    assert!(world.rows.is_empty());

    world.deals.remove(DEAL);
    let verdict = world.pass_on(Subject::Referral("copy".into()));
    assert!(matches!(verdict, Verdict::Skipped { .. }), "{verdict:?}");
    assert!(world.rows.is_empty());
}

#[test]
fn a_record_that_carries_a_referral_goes_to_that_referrals_lane_or_is_parked() {
    let mut world = inbound();
    world.rows.insert(ROW.into(), row(&[("n", ""), (REFERRAL_KEY, DEAL), (STAMP, "")]));
    assert_eq!(world.pass_on(of_record()), Verdict::Moved { to: of_referral() });
    world.deals.clear();
    assert!(matches!(world.pass_on(of_record()), Verdict::Parked { .. }));
}

#[test]
fn a_refused_record_parks_with_the_systems_words_and_nothing_is_remembered_of_it() {
    let mut world = inbound();
    world.refuses.insert("n");
    let verdict = world.pass_on(of_referral());
    assert!(matches!(&verdict, Verdict::Parked { reason } if reason.contains("not allowed")), "{verdict:?}");
    assert!(world.rows.is_empty() && !world.is_in_doubt());
}

#[test]
fn a_record_without_help_is_posted_once_as_independent() {
    let mut world = outbound("");
    world.pass_on(of_record());
    assert_eq!(world.deals.len(), 1);
    assert_eq!(
        (world.at("/type"), world.at(NOTES), world.at("/externalReferenceId")),
        ("Independent", "hello", ROW)
    );
    assert_eq!(world.field(REFERRAL_KEY), DEAL);
    assert!(is_agreed(&world.pass_on(of_record())));
}

#[test]
fn a_record_that_asks_for_help_is_posted_twice_in_one_engagement() {
    let mut world = outbound("QuotesOrLicensing");
    let mut targets = vec![];
    world.run(of_record(), |_, action| {
        if let Action::PostReferral(document) = action {
            targets.push((document.engagement().map(str::to_owned), document.is_sent_to("msft")));
        }
        None
    });
    assert_eq!(targets, [(None, false), (Some("engagement-deal-1".to_owned()), true)]);
    assert_eq!((world.at("/type"), world.field(REFERRAL_KEY)), ("Shared", DEAL));
    assert_eq!(world.pair.engagement.as_deref(), Some("engagement-deal-1"));
    assert!(is_agreed(&world.pass_on(of_record())));
}

#[test]
fn a_post_is_never_repeated_though_the_list_lags() {
    for help in ["", "QuotesOrLicensing"] {
        for at in 0..20 {
            for fault in [Fault::CrashAfter, Fault::ReplyLost] {
                let mut world = outbound(help);
                world.list_lag = 3;
                let mut step = 0;
                world.run(of_record(), |_, _| {
                    step += 1;
                    (step == at + 1).then_some(fault)
                });
                let posted = if help.is_empty() { 1 } else { 2 };
                for _ in 0..12 {
                    world.pass_on(of_record());
                }
                let stuck_before_a_post = world.is_in_doubt() && world.deals.len() < posted;
                assert!(
                    world.deals.len() == posted || stuck_before_a_post,
                    "{help} {fault:?} at {at}: {} deals\n{}",
                    world.deals.len(),
                    world.trace.join("\n")
                );
                if stuck_before_a_post {
                    world.now += 900;
                    world.post_again = true;
                    world.pass_on(of_record());
                    world.post_again = false;
                    world.pass_on(of_record());
                    world.pass_on(of_record());
                }
                assert_eq!(world.deals.len(), posted, "{help} {fault:?} at {at}: {}", world.trace.join("\n"));
                assert_eq!(world.field(REFERRAL_KEY), DEAL);
                assert!(is_agreed(&world.pass_on(of_record())), "{}", world.trace.join("\n"));
            }
        }
    }
}

#[test]
fn a_lost_post_is_looked_for_with_patience_then_parked_and_posted_again_only_on_demand() {
    let mut world = outbound("");
    world.run(of_record(), |_, action| matches!(action, Action::PostReferral(_)).then_some(Fault::NeverSent));
    assert!(matches!(world.pass_on(of_record()), Verdict::Again { after_ms: 15_000, .. }));
    world.now += 900;
    let verdict = world.pass_on(of_record());
    assert!(matches!(&verdict, Verdict::Parked { reason } if reason.contains("post again")), "{verdict:?}");
    assert!(world.deals.is_empty());
    world.post_again = true;
    world.pass_on(of_record());
    assert_eq!((world.deals.len(), world.field(REFERRAL_KEY)), (1, DEAL));
}

#[test]
fn a_post_that_was_given_up_and_is_not_wanted_any_more_is_forgotten() {
    let mut world = outbound("");
    world.plugin.sends = Some("n");
    world.edit_record("n", "yes");
    world.run(of_record(), |_, action| matches!(action, Action::PostReferral(_)).then_some(Fault::NeverSent));
    world.now += 900;
    assert!(matches!(world.pass_on(of_record()), Verdict::Parked { .. }));
    world.edit_record("n", "no");
    world.post_again = true;
    assert!(matches!(world.pass_on(of_record()), Verdict::Skipped { .. }));
    assert!(!world.is_in_doubt() && world.deals.is_empty());
}

#[test]
fn a_retry_before_a_lost_post_is_given_up_does_not_post_again() {
    for help in ["", "QuotesOrLicensing"] {
        let mut world = outbound(help);
        world.list_lag = 5;
        let mut posts = 0;
        world.run(of_record(), |_, action| {
            posts += usize::from(matches!(action, Action::PostReferral(_)));
            let is_last = posts == if help.is_empty() { 1 } else { 2 };
            (is_last && matches!(action, Action::PostReferral(_))).then_some(Fault::ReplyLost)
        });
        let posted = world.deals.len();
        world.post_again = true;
        assert!(matches!(world.pass_on(of_record()), Verdict::Again { .. }), "the list does not show it yet");
        for _ in 0..8 {
            world.pass_on(of_record());
        }
        assert_eq!(world.deals.len(), posted, "{help}: {}", world.trace.join("\n"));
        assert_eq!(world.field(REFERRAL_KEY), DEAL);
    }
}

#[test]
fn a_referral_that_names_the_record_already_is_adopted_instead_of_a_post() {
    let mut world = outbound("");
    let texts = [
        ("/id", DEAL),
        ("/externalReferenceId", ROW),
        ("/status", "Active"),
        ("/substatus", "Accepted"),
        (NOTES, "theirs"),
    ];
    world.deals.insert(DEAL.into(), deal(&texts));
    world.pass_on(of_record());
    assert_eq!((world.deals.len(), world.field(REFERRAL_KEY)), (1, DEAL));
    assert_eq!(world.entries_on("n").len(), 1, "both sides hold something else, so it is asked");
}

#[test]
fn when_microsoft_cannot_be_asked_in_the_pair_is_linked_all_the_same_and_an_entry_says_so() {
    let mut world = outbound("QuotesOrLicensing");
    world.refuses.insert("/engagementId");
    let verdict = world.pass_on(of_record());
    assert!(
        matches!(&verdict, Verdict::Applied { reason, .. } if reason.contains("Microsoft")),
        "{verdict:?}"
    );
    assert_eq!((world.deals.len(), world.field(REFERRAL_KEY)), (1, DEAL));
    assert!(world.state.as_ref().unwrap().open.contains_key("/target"));
    assert!(world.field("audit").contains("refused to ask Microsoft in"));
    assert!(is_agreed(&world.pass_on(of_record())));
}
