//! Help that is asked of Microsoft later: a second referral in the same engagement, once.

use crosswalk_engine::{
    link::EntryKind,
    mapping::Resolution,
    pass::{Action, Subject, Verdict},
    referral::Referral,
};

use super::world::{
    DEAL, Fault, ROW, World, deal,
    mapping::{Item, Plugin, REFERRAL_KEY, STAMP, leaves},
    row, row_key,
};

const NOTES: &str = "/details/notes";
const HELP: &str = "/inviteContext/assistanceRequestCode";
const WANTED: &str = "QuotesOrLicensing";

/// A deal that was posted without help, and its record.
fn sent() -> World {
    let mut plugin = Plugin::new(&[Item::Same("n", NOTES), Item::Outward("help", HELP), Item::State("s")]);
    plugin.reports_to = Some("audit");
    let mut world = World::new(plugin);
    let fields =
        [("n", "hello"), ("help", ""), ("s", "open"), ("audit", ""), (REFERRAL_KEY, ""), (STAMP, "")];
    world.rows.insert(ROW.into(), row(&fields));
    world.pass_on(Subject::Record(row_key(ROW)));
    assert_eq!((world.deals.len(), world.at("/type")), (1, "Independent"));
    assert!(is_agreed(&world.pass()));
    world.attempts.clear();
    world
}

fn is_agreed(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Agreed { .. })
}

/// A pass, and the documents that it posted.
fn posted(world: &mut World) -> Vec<Referral> {
    let mut documents = vec![];
    world.pass_with(|_, action| {
        if let Action::PostReferral(document) = action {
            documents.push(document.clone());
        }
        None
    });
    documents
}

#[test]
fn help_that_is_asked_later_is_posted_to_microsoft_in_the_same_engagement_after_what_else_changed() {
    let mut world = sent();
    world.edit_record("help", WANTED);
    world.edit_record("n", "please quote");
    let documents = posted(&mut world);
    assert_eq!(documents.len(), 1);
    let said = leaves(&documents[0].0);
    let says = |path: &str| said.get(path).map_or("", String::as_str);
    assert_eq!((says(NOTES), says(HELP), says("/externalReferenceId")), ("please quote", WANTED, ROW));
    assert_eq!((says("/status"), says("/substatus"), says("/type")), ("New", "Pending", "Shared"));
    assert_eq!(says("/engagementId"), "engagement-deal-1");
    assert_eq!((says("/id"), documents[0].is_sent_to("msft")), ("", true));
    assert_eq!((world.at(NOTES), world.at(HELP)), ("please quote", ""), "nobody may patch the help in");
    assert!(world.state.as_ref().unwrap().microsoft_asked);
    assert_eq!(world.field("audit"), "CRM to Partner Center Referral sync success.");
    assert!(is_agreed(&world.pass()) && world.entries.is_empty());
}

#[test]
fn microsoft_is_asked_once_whatever_happens() {
    for at in 0..16 {
        for fault in [Fault::Crash, Fault::CrashAfter, Fault::ReplyLost, Fault::NeverSent] {
            let mut world = sent();
            world.list_lag = 2;
            world.edit_record("help", WANTED);
            world.edit_record("n", "more");
            let mut step = 0;
            world.pass_with(|_, _| {
                step += 1;
                (step == at + 1).then_some(fault)
            });
            for _ in 0..6 {
                world.pass();
            }
            if world.is_in_doubt() {
                world.now += 900;
                assert!(matches!(world.pass(), Verdict::Parked { .. }));
                world.post_again = true;
                world.pass();
                world.post_again = false;
                world.pass();
            }
            assert_eq!(world.deals.len(), 2, "{fault:?} at {at}: {}", world.trace.join("\n"));
            assert_eq!(world.deals["deal-2"].texts[NOTES], "more");
            assert!(is_agreed(&world.pass()) && !world.is_in_doubt(), "{}", world.trace.join("\n"));
        }
    }
}

#[test]
fn help_that_is_taken_back_and_asked_again_asks_nobody_twice() {
    let mut world = sent();
    for help in [WANTED, "", "ProofOfConceptOrDemo"] {
        world.edit_record("help", help);
        world.pass();
    }
    assert_eq!(world.deals.len(), 2);
    assert_eq!(world.deals["deal-2"].texts[HELP], WANTED);
    assert!(is_agreed(&world.pass()));
}

#[test]
fn a_deal_that_microsoft_shared_is_not_sent_back_to_it() {
    let mut world = sent();
    let texts = [("/id", "copy"), ("/engagementId", "engagement-deal-1"), ("/organizationId", "msft")];
    world.deals.insert("copy".into(), deal(&texts));
    world.edit_record("help", WANTED);
    assert!(posted(&mut world).is_empty());
    assert!(world.state.as_ref().unwrap().microsoft_asked && world.state.as_ref().unwrap().owed.is_empty());
    assert!(is_agreed(&world.pass()));
}

#[test]
fn another_partners_copy_in_the_engagement_is_not_microsofts() {
    let mut world = sent();
    let texts = [("/id", "copy"), ("/engagementId", "engagement-deal-1"), ("/organizationId", "adatum")];
    world.deals.insert("copy".into(), deal(&texts));
    world.edit_record("help", WANTED);
    assert_eq!(posted(&mut world).len(), 1);
}

#[test]
fn help_that_partner_center_refuses_is_kept_in_an_entry_until_it_is_asked_for_otherwise() {
    let mut world = sent();
    world.refuses.insert("/engagementId");
    world.edit_record("help", WANTED);
    world.pass();
    assert_eq!(world.entries_on(HELP)[0].kind, EntryKind::Undelivered);
    assert!(world.field("audit").contains("refused to ask Microsoft in"), "{}", world.field("audit"));
    let tried = world.attempts.clone();
    assert!(is_agreed(&world.pass()) && is_agreed(&world.pass()));
    assert_eq!(world.attempts, tried);
    world.refuses.clear();
    world.edit_record("help", "ProofOfConceptOrDemo");
    world.pass();
    assert_eq!(world.deals.len(), 2);
    assert!(world.state.as_ref().unwrap().open.is_empty() && is_agreed(&world.pass()));
}

#[test]
fn a_person_decides_whether_refused_help_is_asked_again() {
    for (decision, deals) in [(Resolution::Crm, 2), (Resolution::PartnerCenter, 1)] {
        let mut world = sent();
        world.refuses.insert("/engagementId");
        world.edit_record("help", WANTED);
        world.pass();
        world.refuses.clear();
        world.decide(HELP, decision);
        world.pass();
        assert_eq!(world.deals.len(), deals, "{}", world.trace.join("\n"));
        assert!(world.state.as_ref().unwrap().open.is_empty() && is_agreed(&world.pass()));
        assert_eq!(world.deals.len(), deals);
    }
}

#[test]
fn nobody_asks_for_help_in_a_closed_deal_and_an_entry_says_why() {
    let mut world = sent();
    world.edit_referral("/substatus", "Lost");
    world.edit_referral("/status", "Closed");
    world.pass();
    world.edit_record("help", WANTED);
    let verdict = world.pass();
    assert!(matches!(verdict, Verdict::Applied { partner_center_writes: 0, .. }), "{verdict:?}");
    assert_eq!(world.deals.len(), 1);
    assert!(world.entries_on("help")[0].reason.contains("nobody change a closed"), "{:?}", world.entries);
    assert!(is_agreed(&world.pass()));
}

#[test]
fn a_deal_without_an_engagement_has_nothing_to_ask_microsoft_into() {
    let mut world = sent();
    world.deals.get_mut(DEAL).unwrap().texts.remove("/engagementId");
    world.edit_record("help", WANTED);
    assert!(posted(&mut world).is_empty());
    assert!(is_agreed(&world.pass()));
}

#[test]
fn a_deal_that_was_posted_with_help_is_not_asked_again() {
    let mut world = sent();
    world.deals.get_mut(DEAL).unwrap().texts.insert(HELP.into(), WANTED.into());
    world.edit_record("help", "ProofOfConceptOrDemo");
    assert!(posted(&mut world).is_empty());
    assert_eq!(world.deals.len(), 1);
}
