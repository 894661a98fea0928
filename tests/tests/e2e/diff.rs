//! What a candidate would have done otherwise, before anybody is routed to it; and what is kept for that, and how long.

use std::{collections::BTreeSet, path::PathBuf, process::Output};

use crosswalk::demo::{CrmKind, Pair, Scene, text, until};
use crosswalk_engine::pass::{Commit, Subject, Verdict};
use crosswalk_journal::{Journal as _, NewEvent, Source, SqliteJournal, SqliteOptions, Trail};
use crosswalk_tests::{Stage, built};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{Connection as _, SqliteConnection};

use crate::{
    PATIENCE,
    portfolio::{crosswalk_for_tenant, lines},
    program,
};

/// No poll asks the systems anything while something is compared.
const NO_POLL: &[(&str, &str)] = &[("poll_ms", "3600000")];

/// Deals that were made at the partner, and the components that their passes are compared with.
struct Compared {
    stage: Stage,
    folder: tempfile::TempDir,
}

impl Compared {
    async fn begins() -> Self {
        let stage = Stage::start_configured(program(), CrmKind::Dynamics, NO_POLL).await.unwrap();
        Compared { stage, folder: tempfile::tempdir().unwrap() }
    }

    /// A deal of this name, once it is linked and nothing is left to do.
    async fn deal(&self, name: &str) -> Pair {
        let scene = &self.stage.scene;
        let referral = text(&scene.partner_makes_a_new_deal(name).await.unwrap(), "/id");
        let card =
            until("a deal is an opportunity", PATIENCE, || scene.seller.finds(&referral)).await.unwrap();
        scene.settled(PATIENCE).await.unwrap();
        Pair { referral, record: card.record() }
    }

    /// A component's file, built from a crate of this checkout.
    fn component(&self, of: &str) -> PathBuf {
        let file = self.folder.path().join("component.wasm");
        std::fs::write(&file, built(of).unwrap()).unwrap();
        file
    }

    /// Compares with the component, and sees that neither system was asked anything, nor anything routed.
    async fn diff(&self, of: &str) -> Diff {
        let component = self.component(of);
        self.run(&["plugin", "diff", component.to_str().unwrap(), "--json"]).await
    }

    async fn run(&self, command: &[&str]) -> Diff {
        let scene = &self.stage.scene;
        let routed = crosswalk_for_tenant(&self.stage, &["plugin", "status", "--json"]).stdout;
        for system in [scene.center(), scene.crm()] {
            system.control(Method::DELETE, "/trace", None).await.unwrap();
        }
        let before = events(scene).await;
        let output = crosswalk_for_tenant(&self.stage, command);
        let code = output.status.code();
        assert!(matches!(code, Some(0 | 1)), "{output:?}\n{}", self.stage.log_end());
        for system in [scene.center(), scene.crm()] {
            let asked = system.trace().await.unwrap();
            assert_eq!(asked, Vec::<Value>::new(), "a comparison asks nobody");
        }
        assert_eq!(events(scene).await, before, "an event was made");
        let still = crosswalk_for_tenant(&self.stage, &["plugin", "status", "--json"]).stdout;
        assert_eq!(routed, still, "somebody was routed elsewhere");
        Diff::of(&output)
    }
}

/// What a comparison said.
struct Diff {
    code: Option<i32>,
    summary: Value,
    findings: Vec<Value>,
    shown: String,
}

impl Diff {
    fn of(output: &Output) -> Self {
        let mut findings = lines(output);
        let job = findings.pop().unwrap_or_default();
        let shown = String::from_utf8_lossy(&output.stdout).into_owned();
        Diff { code: output.status.code(), summary: job["summary"].clone(), findings, shown }
    }

    fn count(&self, of: &str) -> u64 {
        self.summary.pointer(of).map_or(0, |count| count.to_string().parse().unwrap())
    }

    /// The findings about a referral.
    fn about<'a>(&'a self, pair: &Pair) -> Vec<&'a Value> {
        let about: Vec<&Value> =
            self.findings.iter().filter(|finding| text(finding, "/referral") == pair.referral).collect();
        assert!(!about.is_empty(), "nothing is said about {}: {:#?}", pair.referral, self.findings);
        about
    }
}

async fn events(scene: &Scene) -> usize {
    let mut events = 0;
    for state in ["waiting", "settled", "parked", "superseded"] {
        events += scene.events(state).await.unwrap().len();
    }
    events
}

/// The fields of a finding: kind, field, what each release writes.
fn fields(finding: &Value) -> Vec<(String, String, String, String)> {
    let fields = finding["fields"].as_array().unwrap();
    let shown = |field: &Value, name: &str| text(field, &format!("/{name}"));
    fields
        .iter()
        .map(|field| {
            assert_eq!(shown(field, "side"), "crm", "{finding}");
            (shown(field, "kind"), shown(field, "field"), shown(field, "current"), shown(field, "candidate"))
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_candidate_with_one_field_otherwise_shows_that_field_on_the_records_that_it_concerns() {
    let world = Compared::begins().await;
    let scene = &world.stage.scene;
    let long = world.deal("A deal with notes").await;
    let edited = world.deal("A deal whose notes become short").await;
    let refused = world.deal("Refused by the candidate").await;
    let panics = world.deal("Panics in the candidate").await;
    scene.microsoft_edits(&edited.referral, json!({ "details": { "notes": "short" } })).await.unwrap();
    until("the short notes are in Dynamics", PATIENCE, || async {
        Ok(Some(scene.card(&edited.record).await?).filter(|card| card.notes == "short"))
    })
    .await
    .unwrap();
    scene.settled(PATIENCE).await.unwrap();

    let same = world.diff("plugins/dynamics").await;
    assert_eq!(
        (same.code, same.count("/differ"), same.findings.len()),
        (Some(0), 0, 0),
        "{:#?}",
        same.findings
    );
    assert!(same.count("/passes") >= 5 && same.count("/same") == same.count("/passes"), "{}", same.summary);
    assert_eq!(
        (same.count("/links/compared"), same.count("/links/stop_agreeing")),
        (4, 0),
        "{}",
        same.summary
    );

    let diff = world.diff("tests/guests/candidate").await;
    assert_eq!(diff.code, Some(1));
    let cut = |current: &str, candidate: &str| {
        vec![("other-value".into(), "description".into(), current.to_owned(), candidate.to_owned())]
    };
    // Made once, by one pass; every other pass over them does the same under both.
    for pair in [&long, &edited] {
        let about = diff.about(pair);
        assert_eq!(about.len(), 1, "{about:#?}");
        assert_eq!(fields(about[0]), cut("made in the portal", "made in the "));
        assert_eq!(about[0]["ending"], Value::Null);
    }
    for (pair, ending) in
        [(&refused, json!({ "refuses": "MAP001" })), (&panics, json!({ "traps": "MAP035" }))]
    {
        for finding in diff.about(pair) {
            assert_eq!(finding["ending"], ending, "{finding}");
        }
    }
    let pairs = [&long, &edited, &refused, &panics];
    let known = |finding: &Value| pairs.iter().any(|pair| text(finding, "/referral") == pair.referral);
    assert!(diff.findings.iter().all(known), "{:#?}", diff.findings);
    assert_eq!(diff.count("/other_value"), 2, "{}", diff.summary);
    let counted = json!({ "crm description": { "other_value": 2, "only_current_writes": 0, "only_candidate_writes": 0 } });
    assert_eq!(diff.summary["fields"], counted);
    assert_eq!(diff.count("/unanswered"), 0, "{}", diff.summary);
    assert!(diff.count("/refuses/MAP001") >= 1 && diff.count("/traps/MAP035") >= 1, "{}", diff.summary);

    // What is settled: the long notes would be cut and sent back, the short ones are as they are.
    let links = &diff.summary["links"];
    assert_eq!((diff.count("/links/compared"), diff.count("/links/stop_agreeing")), (4, 3), "{links}");
    for name in ["/details/notes", "(refuses, MAP001)", "(refuses, MAP035)"] {
        assert_eq!(links["fields"][name].to_string(), "1", "{name}: {links}");
    }

    let component = world.component("tests/guests/candidate");
    let told = world.run(&["plugin", "diff", component.to_str().unwrap(), "--show", "1"]).await;
    assert_eq!(told.code, Some(1));
    for words in
        ["crm description", "another value 2", "4 looked at: 3 would stop agreeing", "refuses, MAP001"]
    {
        assert!(told.shown.contains(words), "`{words}` is not said:\n{}", told.shown);
    }
    let passes = told.shown.lines().filter(|line| line.contains("  pass_")).count();
    assert_eq!(passes, 1, "one pass is shown:\n{}", told.shown);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_field_that_was_never_read_is_named_and_not_guessed() {
    let world = Compared::begins().await;
    let pair = world.deal("A deal before the region").await;
    let scene = &world.stage.scene;
    scene.microsoft_edits(&pair.referral, json!({ "details": { "dealValue": 4711 } })).await.unwrap();
    scene.settled(PATIENCE).await.unwrap();

    let diff = world.diff("tests/guests/region").await;
    assert_eq!(diff.code, Some(1));
    let about = diff.about(&pair);
    let made: Vec<_> = about.iter().filter(|finding| !fields(finding).is_empty()).collect();
    assert!(made.iter().any(|finding| {
        let region = ("only-candidate-writes".into(), "contoso_region".into(), String::new(), "US".into());
        fields(finding) == [region]
    }));
    let name = "opportunity.contoso_region";
    assert!(about.iter().any(|finding| finding["unanswered"] == json!([name])), "{about:#?}");
    assert!(
        diff.count("/unanswered") >= 1 && !diff.summary["unanswered_names"][name].is_null(),
        "{}",
        diff.summary
    );
    assert_eq!(diff.summary["links"]["rewritten"]["contoso_region"].to_string(), "1", "{}", diff.summary);
    assert_eq!(diff.count("/links/stop_agreeing"), 0, "{}", diff.summary);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenants_candidate_is_compared_without_uploading_it_again() {
    let world = Compared::begins().await;
    world.deal("A deal with notes").await;
    let none = crosswalk_for_tenant(&world.stage, &["plugin", "diff", "--candidate"]);
    assert_eq!(none.status.code(), Some(6), "{none:?}");
    let component = world.component("tests/guests/candidate");
    let deploy = ["plugin", "deploy", component.to_str().unwrap(), "--stage", "shadow", "--unchecked"];
    let deployed = crosswalk_for_tenant(&world.stage, &deploy);
    assert!(deployed.status.success(), "{deployed:?}");
    let diff = world.run(&["plugin", "diff", "--candidate", "--json"]).await;
    assert_eq!(
        (diff.code, diff.count("/fields/crm description/other_value")),
        (Some(1), 1),
        "{}",
        diff.summary
    );
    assert_eq!(text(&diff.summary, "/candidate/plugin"), "crosswalk-candidate 0.1.0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recordings_are_dropped_after_their_time_and_their_passes_stay() {
    let keys = [("recordings_ms", "1"), ("prune_every_ms", "100"), ("poll_ms", "3600000")];
    let stage = Stage::start_configured(program(), CrmKind::Dynamics, &keys).await.unwrap();
    crosswalk::demo::make_pairs(&stage.scene, 1, PATIENCE).await.unwrap();
    stage.scene.settled(PATIENCE).await.unwrap();
    let journal = format!("sqlite://{}", stage.folder().join("state/journal.sqlite").display());
    let mut journal = SqliteConnection::connect(&journal).await.unwrap();
    let rows: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM passes").fetch_one(&mut journal).await.unwrap();
    assert!(rows > 0, "no pass was made, so this test would prove nothing");
    let began = std::time::Instant::now();
    loop {
        let left: i64 =
            sqlx::query_scalar("SELECT COUNT(*) FROM recordings").fetch_one(&mut journal).await.unwrap();
        if left == 0 {
            break;
        }
        assert!(began.elapsed() < PATIENCE, "{left} recordings are still there\n{}", stage.log_end());
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let still: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM passes").fetch_one(&mut journal).await.unwrap();
    assert!(still >= rows, "{still} of {rows} passes are left");
}

/// How many recorded passes are compared at once.
const MANY: usize = 10_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_recorded_passes_are_compared_each_once_and_a_page_at_a_time() {
    let mut world = Compared::begins().await;
    for name in ["A deal with notes", "Another one", "Refused by the candidate"] {
        world.deal(name).await;
    }
    let few = world.diff("tests/guests/candidate").await;
    let passes = usize::try_from(few.count("/passes")).unwrap();
    assert!(few.count("/differ") > 0 && few.count("/same") > 0, "{}", few.summary);

    // The same passes again and again, as a journal has them after some weeks.
    world.stage.terminate(PATIENCE).await.unwrap();
    record_again(&world.stage, passes, MANY / passes * passes).await;
    world.stage.start_host().await.unwrap();

    let component = world.component("tests/guests/candidate");
    let began = std::time::Instant::now();
    let command = ["plugin", "diff", component.to_str().unwrap(), "--passes", "1000000", "--json"];
    let many = Diff::of(&crosswalk_for_tenant(&world.stage, &command));
    let took = began.elapsed();
    let times = u64::try_from(MANY / passes + 1).unwrap();
    // The host's first look after its start may have made passes of its own, over pairs that agree.
    assert!(many.count("/passes") >= few.count("/passes") * times, "{}", many.summary);
    assert_eq!(many.count("/passes"), many.count("/same") + many.count("/differ"), "{}", many.summary);
    assert_eq!(many.count("/other_value"), few.count("/other_value") * times, "{}", many.summary);
    let passes: BTreeSet<String> = many.findings.iter().map(|finding| text(finding, "/pass")).collect();
    assert_eq!((passes.len(), many.findings.len() as u64), (many.findings.len(), many.count("/differ")));
    println!("{} passes, {} links in {took:?}", many.count("/passes"), many.count("/links/compared"));
}

/// Stores what the last passes were recorded as once more, under passes of their own, `times` in all.
async fn record_again(stage: &Stage, last: usize, times: usize) {
    let key = std::fs::read_to_string(stage.folder().join("state/journal.key")).unwrap();
    let byte = |at: usize| u8::from_str_radix(&key[2 * at..2 * at + 2], 16).unwrap();
    let key = std::array::from_fn(byte);
    let path = stage.folder().join("state/journal.sqlite");
    let journal = SqliteJournal::open(&path, &key, SqliteOptions::default()).await.unwrap();
    let tenant = stage.scene.tenant;
    let recordings = journal.recordings(tenant, None, u32::try_from(last).unwrap()).await.unwrap();
    assert_eq!(recordings.len(), last);
    for (number, recording) in recordings.iter().cycle().take(times).enumerate() {
        let at = jiff::Timestamp::now();
        let event = NewEvent {
            tenant: tenant.to_owned(),
            subject: Subject::Referral(format!("again-{number}")),
            source: Source::Poll,
            dedupe: None,
            note: None,
            received: at,
        };
        journal.accept(event).await.unwrap();
        let taken = journal.take("test", at, 60_000, &[]).await.unwrap().unwrap();
        let verdict = Verdict::Agreed { reason: "again".to_owned() };
        let trail = Trail { at, release: None };
        journal
            .finish(taken.lease, &Commit::default(), &verdict, &trail, Some(&recording.bytes))
            .await
            .unwrap();
    }
    journal.close().await.unwrap();
}
