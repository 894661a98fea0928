//! What no event announced: sweeps, dry runs, verification, and feeds of changes that lapse.

use crosswalk::demo::{Card, CrmKind, Edit, NewDeal, Pair, Scene, make_pairs, text, until, until_agreed};
use crosswalk_tests::Stage;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    PATIENCE,
    portfolio::{self, Linked, crosswalk_for_tenant, import, lines},
    program,
};

/// Neither webhook nor poll: nothing but a sweep finds anything.
const NO_POLL: &[(&str, &str)] = &[("poll_ms", "3600000")];

/// Pairs of which half change; the others must cost nothing but their share of the lists.
const PAIRS: usize = 1_999;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_every_webhook_lost_a_sweep_brings_a_thousand_changed_dynamics_pairs_back_into_agreement() {
    a_sweep_repairs_a_thousand_pairs(CrmKind::Dynamics).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_every_webhook_lost_a_sweep_brings_a_thousand_changed_salesforce_pairs_back_into_agreement() {
    a_sweep_repairs_a_thousand_pairs(CrmKind::Salesforce).await;
}

async fn a_sweep_repairs_a_thousand_pairs(crm: CrmKind) {
    let stage = Stage::start_configured(program(), crm, NO_POLL).await.unwrap();
    let pairs = portfolio::make(&stage, PAIRS, |_| Linked::Both).await.unwrap();
    let backfilled = crosswalk_for_tenant(&stage, &["backfill", "--json"]);
    assert!(backfilled.status.success(), "{backfilled:?}\n{}", stage.log_end());

    // Half of what changes changes on each side, and nobody says so.
    let (theirs, ours): (Vec<_>, Vec<_>) =
        pairs.iter().enumerate().take(1_000).partition(|(number, _)| number % 2 == 0);
    for (number, pair) in theirs {
        change_value(&stage, pair, 70_000 + number);
    }
    let notes = ours.into_iter().map(|(number, pair)| (pair.record.id.clone(), format!("note {number}")));
    import(&stage, notes).await.unwrap();

    let swept = crosswalk_for_tenant(&stage, &["sweep", "--json"]);
    assert!(swept.status.success(), "{swept:?}\n{}", stage.log_end());
    let job = lines(&swept).pop().unwrap();
    assert_eq!(text(&job, "/found"), "1000", "{job}");
    let agreed = until_agreed(&stage.scene, &pairs[..1_000], PATIENCE).await;
    assert!(agreed.is_ok(), "{agreed:?}\n{}", stage.log_end());
    assert_eq!(stage.scene.events("parked").await.unwrap(), Vec::<Value>::new());

    an_unchanged_pair_costs_no_call_of_its_own(&stage).await;
}

async fn an_unchanged_pair_costs_no_call_of_its_own(stage: &Stage) {
    for system in [stage.scene.center(), stage.scene.crm()] {
        system.control(Method::DELETE, "/trace", None).await.unwrap();
    }
    let swept = crosswalk_for_tenant(stage, &["sweep", "--json"]);
    assert!(swept.status.success(), "{swept:?}");
    assert_eq!(text(&lines(&swept).pop().unwrap(), "/found"), "0");
    let pages = PAIRS.div_ceil(100) + 1;
    let calls = stage.scene.center().trace().await.unwrap().len();
    assert!(calls <= pages + 2, "{calls} calls of Partner Center for {pages} pages");
    let calls = stage.scene.crm().trace().await.unwrap().len();
    assert!(calls <= 30, "{calls} calls of the CRM for {PAIRS} unchanged records");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_solution_that_was_added_in_dynamics_unheard_is_found_by_a_sweep() {
    an_added_solution_is_found(CrmKind::Dynamics).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_solution_that_was_added_in_salesforce_unheard_is_found_by_a_sweep() {
    an_added_solution_is_found(CrmKind::Salesforce).await;
}

/// A row of its own, which changes nothing of the opportunity itself.
async fn an_added_solution_is_found(crm: CrmKind) {
    let stage = Stage::start_configured(program(), crm, NO_POLL).await.unwrap();
    let (scene, pairs) = silent_pairs(&stage, 2).await;
    scene.seller.adds_solution(&pairs[0].record, "SOL-77777").await.unwrap();
    let swept = crosswalk_for_tenant(&stage, &["sweep", "--json"]);
    assert!(swept.status.success(), "{swept:?}");
    assert_eq!(text(&lines(&swept).pop().unwrap(), "/found"), "1", "{swept:?}");
    let referral = scene.referral(&pairs[0].referral).await.unwrap();
    assert!(referral.to_string().contains("SOL-77777"), "{referral}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_shows_every_write_to_dynamics_field_by_field_and_makes_none_of_them() {
    a_dry_run_shows_and_makes_nothing(CrmKind::Dynamics, "estimatedvalue", "name").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_shows_every_write_to_salesforce_field_by_field_and_makes_none_of_them() {
    a_dry_run_shows_and_makes_nothing(CrmKind::Salesforce, "Amount", "Name").await;
}

async fn a_dry_run_shows_and_makes_nothing(crm: CrmKind, value: &str, name: &str) {
    let stage = Stage::start_configured(program(), crm, NO_POLL).await.unwrap();
    let (scene, pairs) = silent_pairs(&stage, 3).await;
    change_value(&stage, &pairs[0], 71_717);
    scene.seller.edits(&pairs[1].record, &[Edit::Notes("only the seller knows")]).await.unwrap();
    let shared = text(&scene.microsoft_shares_the_sample().await.unwrap(), "/id");
    let asked = scene.seller.creates(NewDeal::shared("Unheard of")).await.unwrap().id;

    let before = footprint(&stage).await;
    let shown = crosswalk_for_tenant(&stage, &["sweep", "--dry-run", "--json"]);
    assert!(shown.status.success(), "{shown:?}\n{}", stage.log_end());
    let found = lines(&shown);
    let about = |what: &str| {
        let about = found.iter().find(|finding| finding.to_string().contains(what));
        assert!(about.is_some(), "nothing is said about {what}: {found:?}");
        about.unwrap()
    };
    changes(about(&pairs[0].referral), "crm", value, "71717");
    changes(about(&pairs[1].record.id), "partner-center", "/details/notes", "only the seller knows");
    let created = about(&shared);
    assert!(text(created, "/outcome").contains("created in the CRM"), "{created}");
    changes(created, "crm", name, "Test Cosell Invite_20");
    let posted = about(&asked);
    assert!(text(posted, "/outcome").contains("created in Partner Center"), "{posted}");
    changes(posted, "partner-center", "/name", "Unheard of");
    assert!(!found.iter().any(|finding| finding.to_string().contains(&pairs[2].referral)), "{found:?}");
    assert_eq!(footprint(&stage).await, before, "something was written, or an event made");
}

/// That a finding says so of a field.
fn changes(finding: &Value, side: &str, field: &str, new: &str) {
    let fields = finding["fields"].as_array().unwrap();
    let shown = fields.iter().any(|change| {
        text(change, "/side") == side && text(change, "/field") == field && text(change, "/new").contains(new)
    });
    assert!(shown, "`{field}` of {side} would not become {new}: {finding}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn verify_names_each_field_that_differs_from_dynamics_writes_nothing_and_ends_with_1() {
    verify_names_what_differs(CrmKind::Dynamics, "estimatedvalue").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn verify_names_each_field_that_differs_from_salesforce_writes_nothing_and_ends_with_1() {
    verify_names_what_differs(CrmKind::Salesforce, "Amount").await;
}

async fn verify_names_what_differs(crm: CrmKind, value: &str) {
    let stage = Stage::start_configured(program(), crm, NO_POLL).await.unwrap();
    let (_, pairs) = silent_pairs(&stage, 3).await;
    let clean = crosswalk_for_tenant(&stage, &["verify"]);
    assert!(clean.status.success(), "{clean:?}");
    let said = String::from_utf8_lossy(&clean.stdout).into_owned();
    assert!(said.contains("3 compared, 0 differ"), "{said}");

    change_value(&stage, &pairs[1], 71_717);
    let before = footprint(&stage).await;
    let differs = crosswalk_for_tenant(&stage, &["verify"]);
    assert_eq!(differs.status.code(), Some(1), "{differs:?}");
    let said = String::from_utf8_lossy(&differs.stdout).into_owned();
    assert!(said.contains("3 compared, 1 differ"), "{said}");
    assert!(said.contains(&pairs[1].referral) && said.contains(&format!("{value}: 50000")), "{said}");
    assert!(!said.contains(&pairs[0].referral), "{said}");
    assert_eq!(footprint(&stage).await, before, "something was written, or an event made");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dynamics_record_that_was_deleted_unheard_is_found_by_a_sweep_and_not_made_again() {
    a_deleted_record_is_found_and_not_made_again(CrmKind::Dynamics).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_salesforce_record_that_was_deleted_unheard_is_found_by_a_sweep_and_not_made_again() {
    a_deleted_record_is_found_and_not_made_again(CrmKind::Salesforce).await;
}

async fn a_deleted_record_is_found_and_not_made_again(crm: CrmKind) {
    let stage = Stage::start_configured(program(), crm, NO_POLL).await.unwrap();
    let (scene, pairs) = silent_pairs(&stage, 2).await;
    scene.seller.deletes(&pairs[0].record).await.unwrap();
    let swept = crosswalk_for_tenant(&stage, &["sweep", "--json"]);
    assert!(swept.status.success(), "{swept:?}");
    let parked = scene.events("parked").await.unwrap();
    assert_eq!(parked.len(), 1, "{parked:?}");
    assert!(text(&parked[0], "/verdict").contains(&pairs[0].record.id), "{parked:?}");
    assert_eq!(scene.seller.opportunities().await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_dataverse_has_forgotten_what_changed_everything_is_compared() {
    let stage = Stage::start(program(), CrmKind::Dynamics).await.unwrap();
    let (scene, pairs) = silent_pairs(&stage, 2).await;
    // Every question with a token is refused, as after a week without one.
    let expired = |expired: bool| Some(json!({ "deltaTokensExpired": expired }));
    scene.crm().control(Method::POST, "/dynamics/switches", expired(true)).await.unwrap();
    scene.seller.edits(&pairs[0].record, &[Edit::Notes("in the gap")]).await.unwrap();
    until("a sweep is wanted", PATIENCE, || async {
        Ok(stage.log().contains("everything will be compared").then_some(()))
    })
    .await
    .unwrap();
    scene.crm().control(Method::POST, "/dynamics/switches", expired(false)).await.unwrap();
    until_agreed(scene, &pairs, PATIENCE).await.unwrap();
    let jobs = until("the sweep is done", PATIENCE, || async {
        let jobs = lines(&crosswalk_for_tenant(&stage, &["jobs", "list", "--json"]));
        Ok(jobs.iter().any(|job| text(job, "/state") == "done").then_some(jobs))
    })
    .await
    .unwrap();
    assert!(jobs.iter().all(|job| text(job, "/kind") == "sweep" && text(job, "/who") == "host"), "{jobs:?}");
}

/// Microsoft changes the value of a deal, and nobody is told.
fn change_value(stage: &Stage, pair: &Pair, value: usize) {
    let changes = json!({ "details": { "dealValue": value } });
    stage.sandbox.partner_center().edit(&pair.referral, &changes, true).unwrap();
}

/// Linked pairs, and from then on no notification.
async fn silent_pairs(stage: &Stage, count: usize) -> (&Scene, Vec<Pair>) {
    let scene = &stage.scene;
    let pairs = make_pairs(scene, count, PATIENCE).await.unwrap();
    scene.settled(PATIENCE).await.unwrap();
    scene.notifications(false).await.unwrap();
    (scene, pairs)
}

/// All that the host could have changed: what both systems hold, writes that leave nothing to see there, and events.
async fn footprint(stage: &Stage) -> (Vec<Value>, Vec<Card>, usize, usize) {
    let scene = &stage.scene;
    let mut cards = Vec::new();
    for card in scene.seller.opportunities().await.unwrap() {
        cards.extend(scene.seller.opens(&card.record()).await.unwrap());
    }
    let mut writes = 0;
    for system in [scene.center(), scene.crm()] {
        let wrote = |call: &&Value| {
            let (method, path) = (text(call, "/method"), text(call, "/path"));
            // Salesforce is asked several things at once with a POST, and told with one too: its cards tell those apart.
            let tells = !path.ends_with("/composite") && !path.ends_with("/token");
            method != "GET" && tells && !path.starts_with("/_sandbox")
        };
        writes += system.trace().await.unwrap().iter().filter(wrote).count();
    }
    let mut events = 0;
    for state in ["waiting", "settled", "parked", "superseded"] {
        events += scene.events(state).await.unwrap().len();
    }
    (stage.sandbox.partner_center().referrals(), cards, writes, events)
}
