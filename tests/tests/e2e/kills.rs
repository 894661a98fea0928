//! A host that is killed at any moment loses nothing, writes nothing twice, and needs nobody to clean up after it.

use std::{collections::BTreeSet, time::Duration};

use crosswalk::demo::{CrmKind, Edit, NewDeal, Pair, Record, Scene, make_pairs, text, until, until_agreed};
use crosswalk_tests::Stage;
use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};
use serde_json::json;

use crate::program;

/// Edits that people make while the host is being killed.
const EDITS: usize = 500;

/// How often the host is killed meanwhile.
const KILLS: usize = 20;

/// Pairs that the edits are spread over, besides those that the edits make.
const PAIRS: usize = 12;

/// Every so many edits, somebody makes a new deal instead, so that kills hit creates too.
const CREATE_EVERY: usize = 25;

const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_at_any_moment_of_500_edits_ends_in_agreement_with_one_record_a_referral() {
    let seed = std::env::var("CROSSWALK_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0x0C05_5A1C);
    println!("seed {seed} (set CROSSWALK_SEED to repeat another one)");
    let mut stage = Stage::start(program(), CrmKind::Dynamics).await.unwrap();
    let mut pairs = make_pairs(&stage.scene, PAIRS, PATIENCE).await.unwrap();
    let mut random = StdRng::seed_from_u64(seed);

    let mut shared = Vec::new();
    let mut asked = Vec::new();
    for kill in 0..KILLS {
        for number in 0..EDITS / KILLS {
            edit(&stage.scene, &pairs, kill * (EDITS / KILLS) + number, &mut random, &mut shared, &mut asked)
                .await;
        }
        tokio::time::sleep(Duration::from_millis(random.random_range(0..150))).await;
        stage.kill().unwrap();
        tokio::time::sleep(Duration::from_millis(random.random_range(0..100))).await;
        stage.start_host().await.unwrap();
    }

    pairs.extend(linked(&stage.scene, &shared, &asked).await);
    if let Err(complaint) = until_agreed(&stage.scene, &pairs, PATIENCE).await {
        panic!("{complaint}\n{}", stage.log_end());
    }
    stage.scene.settled(PATIENCE).await.unwrap();
    every_acknowledged_event_has_a_verdict(&stage.scene).await;
    one_record_a_referral(&stage.scene, &pairs).await;
}

/// One edit by somebody: a value by Microsoft, a note by a seller, now and then a new deal on either side.
async fn edit(
    scene: &Scene,
    pairs: &[Pair],
    number: usize,
    random: &mut impl Rng,
    shared: &mut Vec<String>,
    asked: &mut Vec<Record>,
) {
    if number.is_multiple_of(CREATE_EVERY) {
        if number.is_multiple_of(2 * CREATE_EVERY) {
            shared.push(text(&scene.microsoft_shares_the_sample().await.unwrap(), "/id"));
        } else {
            asked.push(scene.seller.creates(NewDeal::shared(&format!("Deal {number}"))).await.unwrap());
        }
        return;
    }
    let pair = &pairs[random.random_range(0..pairs.len())];
    if random.random_bool(0.5) {
        let value = 20_000 + number;
        scene.microsoft_edits(&pair.referral, json!({ "details": { "dealValue": value } })).await.unwrap();
    } else {
        scene.seller.edits(&pair.record, &[Edit::Notes(&format!("note {number}"))]).await.unwrap();
    }
}

/// The pairs that new deals have become.
async fn linked(scene: &Scene, shared: &[String], asked: &[Record]) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for referral in shared {
        let card = until("a shared deal becomes an opportunity", PATIENCE, || scene.seller.finds(referral));
        pairs.push(Pair { referral: referral.clone(), record: card.await.unwrap().record() });
    }
    for record in asked {
        let referral = until("an opportunity becomes a referral", PATIENCE, || async {
            let id = scene.card(record).await?.referral;
            Ok((!id.is_empty()).then_some(id))
        })
        .await
        .unwrap();
        pairs.push(Pair { referral, record: record.clone() });
    }
    pairs
}

async fn every_acknowledged_event_has_a_verdict(scene: &Scene) {
    assert_eq!(scene.events("waiting").await.unwrap(), Vec::<serde_json::Value>::new());
    assert_eq!(scene.events("parked").await.unwrap(), Vec::<serde_json::Value>::new());
    assert!(!scene.events("settled").await.unwrap().is_empty());
}

async fn one_record_a_referral(scene: &Scene, pairs: &[Pair]) {
    let rows = scene.seller.opportunities().await.unwrap();
    let carried: Vec<String> =
        rows.iter().map(|card| card.referral.clone()).filter(|id| !id.is_empty()).collect();
    let distinct: BTreeSet<&String> = carried.iter().collect();
    assert_eq!(carried.len(), distinct.len(), "two records carry the same referral");
    assert_eq!(rows.len(), pairs.len(), "a record was made that nobody asked for");

    let referrals = scene.own_referrals().await.unwrap();
    let referenced: Vec<String> =
        referrals.iter().map(|referral| text(referral, "/externalReferenceId")).collect();
    let distinct: BTreeSet<&String> = referenced.iter().collect();
    assert_eq!(referenced.len(), distinct.len(), "two referrals name the same record");
    assert_eq!(referrals.len(), pairs.len(), "a referral was made that nobody asked for");
}
