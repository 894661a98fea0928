//! A mapping is changed while people work: shadow, canary, live and back, by command, by rule, and by the host itself.

mod books;
mod unlawful;

use std::{collections::BTreeSet, path::PathBuf, process::Output, time::Duration};

use crosswalk::demo::{CrmKind, Edit, Pair, make_pairs, text, until, until_agreed};
use crosswalk_tests::built;
use serde_json::{Value, json};

use self::books::{Books, Write};
use crate::{
    PATIENCE,
    portfolio::{crosswalk_for_tenant, lines},
    steps::Life,
};

/// Edits of both sides while releases are swapped, at a thousand a minute.
const EDITS: usize = 1_000;

/// The time between two of them.
const EDIT_EVERY: Duration = Duration::from_millis(60);

/// How often the tenant is routed otherwise meanwhile.
const SWAPS: usize = 50;

/// Pairs that the edits are spread over.
const PAIRS: usize = 24;

impl Life {
    /// A partner with pairs that both sides edit. The audit on the record tells the minute, which would be a write more
    /// now and then; it is off.
    async fn with_pairs(count: usize, rollout: Value) -> (Self, Vec<Pair>) {
        let life = Life::begins(CrmKind::Dynamics).await;
        life.rolls_out_by(rollout).await;
        let pairs = make_pairs(life.scene(), count, PATIENCE).await.unwrap();
        life.rests().await;
        (life, pairs)
    }

    /// The tenant document with this `[rollout]`.
    async fn rolls_out_by(&self, rollout: Value) {
        let mut document = self.scene().tenant_document();
        document["settings"]["column_audit"] = json!("");
        document["rollout"] = rollout;
        self.scene().apply(&document).await.unwrap();
    }

    /// A command about the tenant's plugin, which succeeds.
    fn plugin(&self, args: &[&str]) -> Value {
        let ended = self.tries(args);
        assert!(ended.status.success(), "{args:?}: {}\n{}", said(&ended), self.stage.log_end());
        lines(&ended).pop().unwrap()
    }

    fn tries(&self, args: &[&str]) -> Output {
        let args: Vec<&str> = ["--json", "plugin"].iter().chain(args).copied().collect();
        crosswalk_for_tenant(&self.stage, &args)
    }

    fn status(&self) -> Value {
        self.plugin(&["status"])
    }

    /// A component that does the same as the default mapping and is another one: a section that nobody reads says so.
    async fn variant(&self, name: &str) -> PathBuf {
        let mut bytes = Books::open(&self.stage).await.first_component().await;
        let name = format!("variant {name}");
        let length = u8::try_from(name.len() + 1).unwrap();
        bytes.extend([0, length, length - 1]);
        bytes.extend(name.bytes());
        self.file(&name.replace(' ', "-"), bytes)
    }

    fn file(&self, name: &str, bytes: Vec<u8>) -> PathBuf {
        let file = self.stage.folder().join(format!("{name}.wasm"));
        std::fs::write(&file, bytes).unwrap();
        file
    }

    /// One edit, of Microsoft's for an even number and of a seller's for an odd one; and what it writes on the other side.
    async fn edits(&self, pair: &Pair, number: usize) -> Write {
        if number.is_multiple_of(2) {
            let value = 10_000 + number;
            let changes = json!({ "details": { "dealValue": value } });
            self.scene().microsoft_edits(&pair.referral, changes).await.unwrap();
            Write { side: "crm".to_owned(), value: value.to_string() }
        } else {
            let note = format!("note {number}");
            self.scene().seller.edits(&pair.record, &[Edit::Notes(&note)]).await.unwrap();
            Write { side: "partner-center".to_owned(), value: note }
        }
    }
}

fn said(ended: &Output) -> String {
    String::from_utf8_lossy(&ended.stderr).into_owned()
}

fn path(file: &std::path::Path) -> &str {
    file.to_str().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_swaps_under_a_thousand_events_a_minute_lose_fail_and_double_nothing() {
    let (life, pairs) = Life::with_pairs(PAIRS, json!({})).await;
    let other = life.variant("b").await;
    let books = Books::open(&life.stage).await;
    let (from, began) = (books.last_pass().await, life.status()["generation"].as_u64().unwrap());

    let edits = async {
        let mut ticks = tokio::time::interval(EDIT_EVERY);
        let mut written = Vec::new();
        for (number, pair) in (0..EDITS).zip(pairs.iter().cycle()) {
            ticks.tick().await;
            // An edit that finds the one before it not delivered yet is delivered together with it: one write less.
            until_agreed(life.scene(), std::slice::from_ref(pair), PATIENCE).await.unwrap();
            written.push(life.edits(pair, number).await);
        }
        written
    };
    let swaps = async {
        for number in 0..SWAPS {
            swap(&life, path(&other), number).await;
        }
    };
    let (mut asked, ()) = tokio::join!(edits, swaps);
    until_agreed(life.scene(), &pairs, PATIENCE).await.unwrap();
    life.needs_nobody().await;

    let passes = books.passes_after(from).await;
    assert!(passes.len() >= EDITS, "{} passes for {EDITS} edits", passes.len());
    books.every_pass_names_one_release_that_was_routed(&passes).await;
    let parked: Vec<_> = passes.iter().filter(|pass| pass.outcome.contains("parked")).collect();
    assert!(parked.is_empty(), "{parked:?}");
    let mut written = books.writes_after(from).await;
    asked.sort();
    written.sort();
    assert_eq!(written, asked, "each edit is written once, and nothing else is");
    let used: BTreeSet<&str> = passes.iter().filter_map(|pass| pass.release.as_deref()).collect();
    assert_eq!(used.len(), 2, "both releases decided passes: {used:?}");
    assert_eq!(life.status()["generation"].as_u64(), Some(began + SWAPS as u64));
}

/// The swaps in turn: each of the ways in which a tenant comes to be routed otherwise.
async fn swap(life: &Life, other: &str, number: usize) {
    let args: &[&str] = match number % 10 {
        0 => &["deploy", other, "--unchecked", "--stage", "shadow"],
        1 => &["promote", "--share", "30"],
        2 => &["promote", "--share", "70"],
        3 => &["promote", "--to", "live"],
        4 | 7 | 9 => &["rollback"],
        5 => &["deploy", other, "--unchecked", "--stage", "canary", "--share", "50"],
        6 => &["promote"],
        _ => &["deploy", other, "--unchecked"],
    };
    life.plugin(args);
    tokio::time::sleep(Duration::from_secs(1)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_canary_keeps_its_lanes_through_a_larger_share_other_settings_and_a_restart() {
    let (mut life, pairs) = Life::with_pairs(16, json!({})).await;
    let other = life.variant("b").await;
    life.plugin(&["deploy", path(&other), "--unchecked", "--stage", "canary", "--share", "40"]);
    let first = decided(&life, &pairs, 0).await;
    assert!((1..16).contains(&first.len()), "{first:?} of 16 pairs at 40 %");
    assert_eq!(decided(&life, &pairs, 100).await, first, "the same lanes again");

    let routed = life.plugin(&["promote", "--share", "80"]);
    assert_eq!((&routed["stage"], &routed["share"]), (&json!("canary"), &json!(80)));
    let larger = decided(&life, &pairs, 200).await;
    assert!(larger.is_superset(&first), "{first:?} are not all in {larger:?}");

    let counted = life.status()["candidate"]["passes"].as_u64().unwrap();
    assert!(counted > 0);
    // Counts are stored every two seconds.
    until("the counts are stored", PATIENCE, || async {
        Ok(Books::open(&life.stage).await.stored_passes().await.filter(|passes| *passes >= counted))
    })
    .await
    .unwrap();
    life.stage.kill().unwrap();
    life.stage.start_host().await.unwrap();
    let status = life.status();
    assert_eq!(
        (&status["candidate"]["stage"], &status["candidate"]["share"]),
        (&json!("canary"), &json!(80))
    );
    assert!(status["candidate"]["passes"].as_u64().unwrap() >= counted, "{status}");
    assert_eq!(decided(&life, &pairs, 300).await, larger, "the same lanes after a restart");

    // Other settings are for both of them.
    let mut document = life.scene().tenant_document();
    document["settings"]["column_audit"] = json!("");
    document["settings"]["sales_contact_first_name"] = json!("Pat");
    life.scene().apply(&document).await.unwrap();
    let changed = life.status();
    assert_eq!(
        (&changed["candidate"]["stage"], &changed["candidate"]["share"]),
        (&json!("canary"), &json!(80))
    );
    for which in ["live", "candidate"] {
        assert_eq!(changed[which]["digest"], status[which]["digest"]);
        assert_ne!(changed[which]["release"], status[which]["release"], "{which} has the new settings");
    }
    assert_eq!(decided(&life, &pairs, 400).await, larger, "the same lanes with other settings");
    life.needs_nobody().await;
}

/// The pairs that the candidate decides when Microsoft edits all of them.
async fn decided(life: &Life, pairs: &[Pair], number: usize) -> BTreeSet<String> {
    let books = Books::open(&life.stage).await;
    let from = books.last_pass().await;
    for (place, pair) in pairs.iter().enumerate() {
        life.edits(pair, number + 2 * place).await;
    }
    until_agreed(life.scene(), pairs, PATIENCE).await.unwrap();
    life.rests().await;
    let candidate = text(&life.status(), "/candidate/digest");
    let (ours, others) = books.referrals_by_release(from, &candidate).await;
    assert!(ours.is_disjoint(&others), "a pair was decided by both: {ours:?} {others:?}");
    assert_eq!(ours.len() + others.len(), pairs.len());
    ours
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_operators_at_once_one_wins_and_the_other_is_told() {
    let life = Life::begins(CrmKind::Dynamics).await;
    let (b, c) = (life.variant("b").await, life.variant("c").await);
    let (b, c) = (path(&b), path(&c));
    let contests: [[&[&str]; 2]; 4] = [
        [
            &["deploy", b, "--unchecked", "--stage", "shadow"],
            &["deploy", c, "--unchecked", "--stage", "shadow"],
        ],
        [&["promote"], &["rollback"]],
        [
            &["deploy", b, "--unchecked", "--stage", "canary"],
            &["deploy", c, "--unchecked", "--stage", "canary"],
        ],
        [&["promote", "--to", "live"], &["promote", "--share", "50"]],
    ];
    for contest in contests {
        // What the second one looked at may have been rolled back by the first; then there is nothing to contest.
        let generation = life.status()["generation"].to_string();
        let run = |args: &[&str]| {
            let args: Vec<&str> = args.iter().copied().chain(["--generation", &generation]).collect();
            life.tries(&args)
        };
        let ended = std::thread::scope(|scope| {
            let both = contest.map(|args| scope.spawn(move || run(args)));
            both.map(|one| one.join().unwrap())
        });
        let mut codes = ended.iter().map(|ended| ended.status.code().unwrap()).collect::<Vec<_>>();
        codes.sort_unstable();
        assert_eq!(codes, [0, 7], "{contest:?}: {ended:?}");
        let told: String = ended.iter().map(said).collect();
        assert!(told.contains("somebody else routed") && told.contains("changed nothing"), "{told}");
        let now = life.status()["generation"].to_string();
        assert_eq!(now.parse::<u64>().unwrap(), generation.parse::<u64>().unwrap() + 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rollback_goes_back_step_by_step_and_never_forwards() {
    let life = Life::begins(CrmKind::Dynamics).await;
    let first = text(&life.status(), "/live/digest");
    let (b, c) = (life.variant("b").await, life.variant("c").await);
    let second = text(&life.plugin(&["deploy", path(&b), "--unchecked"]), "/digest");
    life.plugin(&["deploy", path(&c), "--unchecked"]);
    life.plugin(&["deploy", path(&b), "--unchecked", "--stage", "canary"]);
    let refused = life.tries(&["deploy", path(&b), "--unchecked", "--stage", "live", "--generation", "1"]);
    assert_eq!(refused.status.code(), Some(7), "{}", said(&refused));
    let third = text(&life.plugin(&["rollback"]), "/digest");
    assert!(third != second && third != first, "the candidate is dropped, and what is live stays");
    assert_eq!(text(&life.plugin(&["rollback"]), "/digest"), second);
    assert_eq!(text(&life.plugin(&["rollback"]), "/digest"), first);
    let refused = life.tries(&["rollback"]);
    assert_eq!(refused.status.code(), Some(5));
    assert!(said(&refused).contains("no release before this one"), "{}", said(&refused));
    let refused = life.tries(&["promote"]);
    assert!(said(&refused).contains("no candidate to promote"), "{}", said(&refused));
    let listed = lines(&life.tries(&["list"]));
    assert_eq!(listed.len(), 3);
    assert_eq!(listed.iter().filter(|release| release["stage"] == json!("live")).count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shadow_writes_nothing_and_counts_its_differences_and_a_canary_goes_live_by_rule() {
    let (life, pairs) = Life::with_pairs(2, json!({ "promote_after_passes": 3 })).await;
    let books = Books::open(&life.stage).await;
    // It gives the CRM twice the value of a deal.
    let wrong = life.file("wrong", built("tests/guests/wrong").unwrap());
    life.plugin(&["deploy", path(&wrong), "--stage", "shadow", "--share", "100"]);
    let from = books.last_pass().await;
    for number in 0..4 {
        life.edits(&pairs[number % 2], 2 * number).await;
        until_agreed(life.scene(), &pairs, PATIENCE).await.unwrap();
    }
    let status = until("the shadow has been asked about every pass", PATIENCE, || async {
        let status = life.status();
        let asked = status["candidate"]["passes"].as_u64().unwrap_or(0);
        Ok((asked >= 4).then_some(status))
    })
    .await
    .unwrap();
    let shadow = &status["candidate"]["shadow"];
    assert!(shadow["differing"].as_u64().unwrap() > 0, "{status:#}");
    assert!(
        !shadow["kinds"].as_object().unwrap().is_empty()
            && !shadow["examples"].as_array().unwrap().is_empty()
    );
    assert!(text(&status, "/candidate/waits_for").contains("a person to judge"), "{status:#}");
    let live = text(&status, "/live/digest");
    let passes = books.passes_after(from).await;
    assert!(passes.iter().all(|pass| pass.release.as_deref() == Some(live.as_str())), "{passes:?}");
    until_agreed(life.scene(), &pairs, PATIENCE).await.unwrap();

    life.plugin(&["rollback"]);
    let variant = life.variant("b").await;
    life.plugin(&["deploy", path(&variant), "--stage", "shadow", "--share", "100"]);
    life.plugin(&["promote"]);
    for number in 4..10 {
        life.edits(&pairs[number % 2], 2 * number).await;
        until_agreed(life.scene(), &pairs, PATIENCE).await.unwrap();
    }
    let status = until("the canary is promoted by rule", PATIENCE, || async {
        let status = life.status();
        Ok((text(&status, "/live/digest") != live).then_some(status))
    })
    .await
    .unwrap();
    assert_eq!(text(&status, "/who"), "the host");
    assert!(text(&status, "/why").contains("was promoted to live by rule: 3 passes"), "{status:#}");
    assert_eq!(status["live"]["on_watch"], json!(true));
    life.needs_nobody().await;
}
