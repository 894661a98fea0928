//! Four bad mappings, forced in: each parks its events, is rolled back by the host, and what it parked comes true.

#![expect(clippy::panic, reason = "a test ends where it finds something wrong")]

use crosswalk_tests::Unlawful;

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_bad_mappings_that_are_forced_in_as_canaries_are_dropped_by_the_host() {
    forced_in(&["--stage", "canary", "--share", "100"], "was dropped").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_bad_mappings_that_are_forced_in_live_are_taken_back_by_the_host() {
    forced_in(&["--stage", "live"], "was taken back").await;
}

async fn forced_in(how: &[&str], words: &str) {
    let (life, pairs) = Life::with_pairs(3, json!({})).await;
    let good = text(&life.status(), "/live/digest");
    for (round, bad) in Unlawful::ALL.into_iter().enumerate() {
        let component = tokio::task::block_in_place(|| bad.component().unwrap());
        let file = life.file(bad.name(), component);
        let args: Vec<&str> = ["deploy", path(&file), "--unchecked"].iter().chain(how).copied().collect();
        let digest = text(&life.plugin(&args), "/digest");
        let seat = if how.contains(&"canary") { "/candidate/release" } else { "/live/release" };
        let goes = format!("{} {words}", text(&life.status(), seat));
        provoked(&life, &pairs, bad, round).await;
        let books = Books::open(&life.stage).await;
        let reason = until(&format!("{} is rolled back", bad.name()), PATIENCE, || async {
            Ok(books.acts("the host").await.into_iter().rfind(|act| act.contains(&goes)))
        })
        .await;
        let reason = reason
            .unwrap_or_else(|complaint| panic!("{complaint}\n{:#}\n{}", life.status(), life.stage.log_end()));
        assert!(reason.contains(expected(bad)), "{}: {reason}", bad.name());
        let status = life.status();
        assert_eq!(
            (text(&status, "/live/digest"), &status["candidate"]),
            (good.clone(), &Value::Null),
            "{status:#}"
        );

        // What it parked is looked at again under the restored release, and comes true.
        until_agreed(life.scene(), &pairs, PATIENCE).await.unwrap();
        life.needs_nobody().await;
        let parked = books.parked_by(&digest).await;
        assert!(!parked.is_empty(), "{} parked nothing", bad.name());
        assert!(parked.iter().all(|reason| reason.contains(parks_with(bad))), "{}: {parked:?}", bad.name());
        let again = format!("that release {digest} parked");
        assert!(books.acts("the host").await.iter().any(|act| act.contains(&again)), "{}", bad.name());
        let alarms = books.alarms().await;
        assert!(
            alarms.iter().any(|alarm| alarm.contains("was rolled back") && alarm.contains(expected(bad))),
            "{alarms:?}"
        );
    }
    assert!(life.stage.log().contains("was rolled back at tenant"));
}

/// Edits that show what is wrong with it.
async fn provoked(life: &Life, pairs: &[Pair], bad: Unlawful, round: usize) {
    for (place, pair) in pairs.iter().enumerate() {
        match bad {
            Unlawful::NoContact => {
                let nobody =
                    json!({ "customerProfile": { "team": [] }, "details": { "dealValue": 70_000 + place } });
                life.scene().microsoft_edits(&pair.referral, nobody).await.unwrap();
            }
            // A seller's edit is an odd one; it is what this one answers with another.
            Unlawful::Oscillates => drop(life.edits(pair, 20 * round + 2 * place + 1).await),
            Unlawful::FollowsTheClock | Unlawful::Undeclared => {
                drop(life.edits(pair, 20 * round + 2 * place).await);
            }
        }
    }
}

/// What the reason of its rollback says.
fn expected(bad: Unlawful) -> &'static str {
    match bad {
        Unlawful::Oscillates => "3 alarms in",
        Unlawful::FollowsTheClock => "MAP080",
        Unlawful::Undeclared => "MAP010",
        Unlawful::NoContact => "MAP035",
    }
}

/// What the verdict of what it parked says.
fn parks_with(bad: Unlawful) -> &'static str {
    match bad {
        Unlawful::Oscillates => "settle",
        _ => "the plugin refused",
    }
}
