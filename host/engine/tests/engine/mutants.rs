//! Each rule of the algorithm, switched off: the simulation must notice within a bounded number of seeds.
//!
//! The rule that waits out the second of a Salesforce record's last change belongs to the connector, and so does its
//! mutant.

use crosswalk_engine::rules::Rules;

use super::simulation::{Family, RACES, run};

/// Seeds within which a mutant must be caught.
const SEEDS: u64 = 4_000;

#[track_caller]
fn is_caught(family: Family, rules: Rules) {
    assert_ne!(rules, Rules::default());
    let caught = (0..SEEDS).find(|seed| {
        let trial = std::panic::catch_unwind(|| run(*seed, family, rules));
        !matches!(trial, Ok(Ok(())))
    });
    let Some(seed) = caught else { panic!("no seed below {SEEDS} notices that {rules:?}") };
    assert_eq!(run(seed, family, Rules::default()), Ok(()), "the rule itself is what seed {seed} misses");
}

#[test]
fn measuring_the_push_against_the_wish_is_noticed() {
    is_caught(RACES, Rules { folded_baseline: false, ..Rules::default() });
}

#[test]
fn not_following_a_push_is_noticed() {
    is_caught(RACES, Rules { second_order: false, ..Rules::default() });
}

#[test]
fn not_looking_for_conflicts_in_the_referral_is_noticed() {
    is_caught(RACES, Rules { referral_conflicts: false, ..Rules::default() });
}

#[test]
fn writing_without_an_intent_is_noticed() {
    is_caught(RACES, Rules { intents: false, ..Rules::default() });
}

#[test]
fn settling_once_instead_of_after_each_write_is_noticed() {
    is_caught(RACES, Rules { settle_each: false, ..Rules::default() });
}

#[test]
fn reading_back_into_the_base_is_noticed() {
    is_caught(RACES, Rules { no_read_back: false, ..Rules::default() });
}

#[test]
fn storing_an_entry_after_the_write_is_noticed() {
    is_caught(RACES, Rules { entry_first: false, ..Rules::default() });
}

#[test]
fn trying_a_refused_field_again_and_again_is_noticed() {
    is_caught(Family { refuses: true, ..RACES }, Rules { hold_refused: false, ..Rules::default() });
}

#[test]
fn forgetting_a_refused_field_is_noticed() {
    is_caught(Family { refuses: true, ..RACES }, Rules { keep_refused: false, ..Rules::default() });
}
