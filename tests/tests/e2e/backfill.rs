//! A portfolio that exists already is taken over, however often the host dies meanwhile.

use std::{collections::BTreeSet, time::Duration};

use crosswalk::demo::{CrmKind, text, until};
use crosswalk_tests::Stage;
use serde_json::Value;

use crate::{
    PATIENCE,
    portfolio::{self, Linked, crosswalk, crosswalk_for_tenant, lines},
    program,
};

/// Pairs that exist already.
const PAIRS: usize = 10_000;

/// After how many pairs the host is killed, each time.
const KILLED_AT: [u64; 2] = [2_500, 6_000];

/// How long the whole backfill may take, on a machine that does other things too.
const BACKFILL_PATIENCE: Duration = Duration::from_secs(600);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_pairs_are_taken_over_without_a_duplicate_although_the_host_is_killed_twice() {
    // The poll would find what the backfill writes, which is nothing new to anybody.
    let mut stage =
        Stage::start_configured(program(), CrmKind::Dynamics, &[("poll_ms", "3600000")]).await.unwrap();
    let pairs = portfolio::make(&stage, PAIRS, linked).await.unwrap();

    let began = std::time::Instant::now();
    let begun = crosswalk_for_tenant(&stage, &["backfill", "--no-wait", "--json"]);
    assert!(begun.status.success(), "{begun:?}");
    let id = text(&lines(&begun)[0], "/id");
    let other = crosswalk_for_tenant(&stage, &["verify"]);
    assert_eq!(other.status.code(), Some(7), "two jobs at a time: {other:?}");
    for kill in KILLED_AT {
        let compared = until("the backfill comes so far", BACKFILL_PATIENCE, || async {
            let compared = job(&stage, &id)["compared"].as_u64().unwrap();
            Ok((compared >= kill).then_some(compared))
        })
        .await
        .unwrap();
        stage.kill().unwrap();
        stage.start_host().await.unwrap();
        let resumed = job(&stage, &id);
        assert!(resumed["compared"].as_u64().unwrap() >= compared, "it began again: {resumed}");
    }
    // The same command joins the job that goes on.
    let followed = crosswalk_for_tenant(&stage, &["backfill", "--json"]);
    assert!(followed.status.success(), "{followed:?}\n{}", stage.log_end());
    assert_eq!(text(lines(&followed).last().unwrap(), "/id"), id);
    println!("{PAIRS} pairs in {:.1} s", began.elapsed().as_secs_f64());

    stage.scene.settled(PATIENCE).await.unwrap();
    assert_eq!(stage.scene.events("parked").await.unwrap(), Vec::<Value>::new());
    every_pair_is_linked_once(&stage, pairs.len()).await;
    let swept = crosswalk_for_tenant(&stage, &["sweep", "--dry-run", "--json"]);
    assert_eq!(text(&lines(&swept).pop().unwrap(), "/found"), "0", "{swept:?}");
}

/// Most know of each other, some of one side only.
fn linked(number: usize) -> Linked {
    match number % 20 {
        7 => Linked::ByReferralOnly,
        13 => Linked::ByRecordOnly,
        _ => Linked::Both,
    }
}

/// How far the job is, now.
fn job(stage: &Stage, id: &str) -> Value {
    let listed = crosswalk_for_tenant(stage, &["jobs", "list", "--json"]);
    let job = lines(&listed).into_iter().find(|job| text(job, "/id") == id);
    assert!(job.is_some(), "the job is not listed: {listed:?}");
    job.unwrap()
}

async fn every_pair_is_linked_once(stage: &Stage, count: usize) {
    let rows = portfolio::opportunities(stage, "msft_referralidentifier").await.unwrap();
    let carried: BTreeSet<String> = rows.iter().map(|row| text(row, "/msft_referralidentifier")).collect();
    assert_eq!(
        (rows.len(), carried.len()),
        (count, count),
        "a record was made, or carries another's referral"
    );

    let referrals = stage.sandbox.partner_center().referrals();
    let own: Vec<&Value> = referrals.iter().filter(|it| text(it, "/organizationId") != "msft").collect();
    let named: BTreeSet<String> = own.iter().map(|it| text(it, "/externalReferenceId")).collect();
    assert_eq!((own.len(), named.len()), (count, count), "a referral was made, or names another's record");
    assert!(!carried.contains("") && !named.contains(""), "a side was left alone");

    let shown = crosswalk(stage, &["tenant", "list", "--json"]);
    assert_eq!(text(&lines(&shown)[0], "/links"), count.to_string(), "{shown:?}");
}
