//! Pairs that Microsoft's connector linked: the record carries the referral's id, and nobody remembers a base.

use crosswalk_engine::pass::{Subject, Verdict};

use super::world::{
    DEAL, ROW, World, deal,
    mapping::{Item, Plugin, Policy, REFERRAL_KEY, STAMP},
    row, row_key, shown,
};

const NOTES: &str = "/details/notes";
const CAMPAIGN: &str = "/campaignId";
const STAGE: &str = "/salesStage";

/// A deal and a record; which of the two names the other?
fn world(record_names_deal: bool, deal_names_record: bool) -> World {
    let mut plugin =
        Plugin::new(&[Item::Same("n", NOTES), Item::Same("m", CAMPAIGN), Item::Same("o", STAGE)]);
    plugin.reports_to = Some("audit");
    let mut world = World::new(plugin);
    let reference = if deal_names_record { ROW } else { "" };
    let texts = [
        ("/id", DEAL),
        ("/status", "Active"),
        ("/substatus", "Accepted"),
        ("/externalReferenceId", reference),
        (NOTES, "theirs"),
        (CAMPAIGN, ""),
        (STAGE, "same"),
    ];
    world.deals.insert(DEAL.into(), deal(&texts));
    let key = if record_names_deal { DEAL } else { "" };
    let fields = [("n", ""), ("m", "mine"), ("o", "same"), (REFERRAL_KEY, key), (STAMP, ""), ("audit", "")];
    world.rows.insert(ROW.into(), row(&fields));
    world
}

fn of_referral() -> Subject {
    Subject::Referral(DEAL.into())
}

fn of_record() -> Subject {
    Subject::Record(row_key(ROW))
}

/// Both sides are one pair, each has what only the other had, and nobody was asked.
#[track_caller]
fn is_adopted(world: &mut World) {
    let trace = world.trace.join("\n");
    assert_eq!((world.deals.len(), world.rows.len()), (1, 1), "{trace}");
    assert_eq!((world.field("n"), world.at(NOTES)), ("theirs", "theirs"), "{trace}");
    assert_eq!((world.field("m"), world.at(CAMPAIGN)), ("mine", "mine"), "{trace}");
    assert_eq!((world.field(REFERRAL_KEY), world.at("/externalReferenceId")), (DEAL, ROW), "{trace}");
    assert!(world.entries.is_empty(), "filling an empty field is no conflict: {:?}", world.entries);
    assert!(matches!(world.pass(), Verdict::Agreed { .. }), "{}", world.trace.join("\n"));
}

#[test]
fn a_pair_that_the_record_names_is_adopted_from_either_side_and_empty_fields_are_filled_both_ways() {
    for deal_names_record in [true, false] {
        let mut world = world(true, deal_names_record);
        assert_eq!(world.pass_on(of_record()), Verdict::Moved { to: of_referral() });
        world.pass_on(of_referral());
        is_adopted(&mut world);
    }
}

#[test]
fn a_deal_that_names_a_record_is_adopted_though_the_record_does_not_name_it() {
    let mut seen_first = world(false, true);
    assert_eq!(seen_first.pass_on(of_referral()), Verdict::Moved { to: of_record() });
    seen_first.pass_on(of_record());
    is_adopted(&mut seen_first);

    let mut seen_first = world(false, true);
    seen_first.pass_on(of_record());
    is_adopted(&mut seen_first);
}

#[test]
fn what_both_sides_hold_otherwise_is_asked_once_and_the_loser_is_kept() {
    for (policy, winner) in [(Policy::PartnerCenter, "theirs"), (Policy::Crm, "typed")] {
        let mut world = world(true, true);
        world.plugin.policy = policy;
        world.rows.get_mut(ROW).unwrap().fields.insert("n".into(), "typed".into());
        world.pass_on(of_referral());
        assert_eq!((world.field("n"), world.at(NOTES)), (winner, winner));
        let entries = world.entries_on("n");
        let both = (shown(&entries[0].partner_center), shown(&entries[0].crm));
        assert_eq!((entries.len(), both), (1, ("theirs".to_owned(), "typed".to_owned())));
        assert_eq!(world.entries.len(), 1, "the fields that one side left empty are not among them");
        assert!(matches!(world.pass(), Verdict::Agreed { .. }));
    }
}

#[test]
fn a_closed_deal_is_adopted_without_a_write_to_it() {
    let mut world = world(true, false);
    let texts = &mut world.deals.get_mut(DEAL).unwrap().texts;
    texts.insert("/status".into(), "Closed".into());
    texts.insert("/substatus".into(), "Won".into());
    world.pass_on(of_referral());
    assert_eq!((world.field("n"), world.at(CAMPAIGN)), ("theirs", ""));
    assert!(world.entries_on("m")[0].reason.contains("closed"), "{:?}", world.entries);
    assert!(matches!(world.pass(), Verdict::Agreed { .. }));
}
