//! Every pass of the demo's story is replayed to what it did then; and what a tape answers where things are otherwise.

use std::{collections::HashMap, sync::Arc};

use crosswalk_engine::{
    mapping::{Companion, EntityUse, FieldUse, Manifest, Record},
    pass::{Action, Seen, SystemRefusal, Versioned},
    value::{Fields, Kind, RecordKey, Value},
};
use crosswalk_journal::ReleaseId;
use crosswalk_runtime::Plugin;
use crosswalk_sandbox::SandboxConfig;
use serde_json::json;

use super::{
    Missed, replay,
    tape::{Fate, Tape},
};
use crate::{
    app::App,
    cli::Output,
    config::Config,
    demo::{CONTOSO, FABRIKAM, World, tell},
    process,
    recording::{Asked, Recorded, Step},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_pass_of_the_whole_story_is_replayed_to_what_it_did() {
    let config =
        |folder: &std::path::Path| Config { limits: Config::default().limits, ..Config::for_testing(folder) };
    let world = World::start(SandboxConfig::on_free_ports(), config).await.unwrap();
    tell(&world.contoso, &world.fabrikam, &Output::new(true)).await.unwrap();
    let app = world.app().clone();
    for tenant in [CONTOSO, FABRIKAM] {
        let mut plugins = HashMap::new();
        let recordings = app.journal.recordings(tenant, None, 0).await.unwrap();
        assert!(recordings.len() > 20, "{tenant} has {} passes", recordings.len());
        let mut writing = 0;
        for recording in recordings {
            let recorded = Recorded::read(&recording.bytes).unwrap();
            let release = recorded.release.clone().unwrap();
            if !plugins.contains_key(&release.id) {
                plugins.insert(release.id.clone(), plugin(&app, &release.id).await);
            }
            let plugin = plugins[&release.id].clone();
            let limits = process::limits(&app);
            let (recorded, replayed) = tokio::task::spawn_blocking(move || {
                let replayed = replay(&recorded, &plugin, limits);
                (recorded, replayed)
            })
            .await
            .unwrap();
            assert_eq!(replayed.unanswered, Default::default(), "{} {}", tenant, recording.pass);
            let effects = recorded.effects.as_ref().unwrap();
            assert_eq!(&replayed.effects, effects, "{} {} {:#?}", tenant, recording.pass, recorded.steps);
            assert_eq!(replayed.usage, recorded.usage, "{} {}", tenant, recording.pass);
            writing += usize::from(effects.writes > 0);
        }
        assert!(writing > 5, "{tenant} has {writing} passes that write");
        assert_eq!(plugins.len(), if tenant == CONTOSO { 2 } else { 1 });
    }
    drop(app);
    world.stop().await;
}

/// A stored release's plugin.
async fn plugin(app: &Arc<App>, release: &str) -> Plugin {
    let id: ReleaseId = release.parse().unwrap();
    let release = app.journal.release(id).await.unwrap().unwrap();
    let bytes = app.journal.component(&release.digest).await.unwrap().unwrap();
    app.runtime.load(&bytes, &serde_json::from_str(&release.settings).unwrap()).unwrap()
}

fn manifest(fields: &[&str]) -> Manifest {
    let use_ = EntityUse {
        entity: "opportunity".to_owned(),
        via: None,
        fields: fields.iter().map(|name| FieldUse::new(*name, Kind::Text)).collect(),
        referral_key: None,
        stamp: Some("stamp".to_owned()),
    };
    Manifest {
        name: "test".to_owned(),
        version: "1".to_owned(),
        crm: "dynamics".to_owned(),
        entities: vec![use_],
        lookups: Vec::new(),
        settings_schema: String::new(),
    }
}

fn recorded(steps: Vec<(Asked, Seen)>) -> Recorded {
    let empty = json!({
        "form": 2,
        "start": {
            "id": "p1", "tenant": "contoso", "subject": { "referral": "r1" },
            "pair": { "referral": "r1", "engagement": null, "record": null }, "state": null,
            "now": "2026-01-02T03:04:05Z", "post_again": null,
        },
        "lookups": [], "usage": { "calls": 0, "fuel": 0 },
    });
    let mut recorded = Recorded::read(empty.to_string().as_bytes()).unwrap();
    recorded.steps = steps.into_iter().map(|(asked, seen)| Step { asked: Some(asked), seen }).collect();
    recorded
}

fn key() -> RecordKey {
    RecordKey { entity: "opportunity".to_owned(), id: "o1".to_owned() }
}

fn texts(fields: &[(&str, &str)]) -> Fields {
    fields.iter().map(|(name, value)| ((*name).to_owned(), Value::Text((*value).to_owned()))).collect()
}

fn read(version: &str, fields: &[(&str, &str)]) -> (Asked, Seen) {
    let value = Record { key: key(), fields: texts(fields), related: Vec::new() };
    (Asked::ReadRecord(key()), Seen::Record(Some(Versioned { value, version: version.to_owned() })))
}

fn write(version: &str, fields: &[(&str, &str)]) -> Action {
    let (fields, version) = (texts(fields), version.to_owned());
    Action::WriteRecord { key: key(), fields, companions: Vec::new(), version }
}

fn wrote(version: &str, fields: &[(&str, &str)], seen: Seen) -> (Asked, Seen) {
    (Asked::of(&write(version, fields)).unwrap(), seen)
}

fn landed() -> Seen {
    Seen::Written { version: "v2".to_owned(), key: None }
}

/// What a tape says of a read: the record's version.
fn version(tape: &mut Tape<'_>) -> Option<String> {
    match tape.look(&Action::ReadRecord(key()))? {
        Seen::Record(Some(record)) => Some(record.version),
        _ => None,
    }
}

fn names(missed: &Missed) -> Vec<String> {
    missed.names().into_iter().collect()
}

#[test]
fn the_same_write_ends_as_it_did_whatever_its_stamp_and_the_next_read_is_the_one_after_it() {
    let steps = vec![
        read("v1", &[("name", "a"), ("stamp", "")]),
        wrote("v1", &[("name", "b"), ("stamp", "p1-1")], landed()),
        read("v2", &[("name", "b"), ("stamp", "p1-1")]),
    ];
    let (recorded, manifest, missed) = (recorded(steps), manifest(&["name"]), Missed::default());
    let mut tape = Tape::new(&recorded, &manifest, missed.clone());
    assert_eq!(version(&mut tape).as_deref(), Some("v1"));
    // Asked again before the write, it is what it was.
    assert_eq!(version(&mut tape).as_deref(), Some("v1"));
    let fate = tape.fate(&write("v1", &[("name", "b"), ("stamp", "p1-7")]));
    assert!(matches!(fate, Fate::Recorded(seen) if seen == landed()));
    assert_eq!(version(&mut tape).as_deref(), Some("v2"));
    assert_eq!(names(&missed), Vec::<String>::new());
}

#[test]
fn after_another_write_than_then_what_was_read_is_not_passed_off_as_true() {
    let steps = vec![
        read("v1", &[("name", "a"), ("stamp", "")]),
        wrote("v1", &[("name", "b")], landed()),
        read("v2", &[("name", "b"), ("stamp", "")]),
    ];
    let (recorded, manifest, missed) = (recorded(steps), manifest(&["name"]), Missed::default());
    let mut tape = Tape::new(&recorded, &manifest, missed.clone());
    assert!(matches!(tape.fate(&write("v1", &[("name", "c")])), Fate::Staged));
    assert_eq!(version(&mut tape), None);
    assert_eq!(names(&missed), ["record of `opportunity`, after another write than then"]);
}

#[test]
fn a_stale_write_is_stale_whatever_it_sets_and_a_refused_value_is_refused_again() {
    let refusal = SystemRefusal { fields: vec!["name".to_owned()], reason: "too long".to_owned() };
    let steps = vec![
        wrote("v1", &[("name", "b")], Seen::Stale),
        wrote("v2", &[("name", "b"), ("city", "x")], Seen::Refused(refusal.clone())),
    ];
    let (recorded, manifest) = (recorded(steps), manifest(&["name", "city"]));
    let mut tape = Tape::new(&recorded, &manifest, Missed::default());
    assert!(matches!(tape.fate(&write("v1", &[("city", "y")])), Fate::Recorded(Seen::Stale)));
    assert!(matches!(tape.fate(&write("v2", &[("name", "short")])), Fate::Staged));
    let mut tape = Tape::new(&recorded, &manifest, Missed::default());
    let again = tape.fate(&write("v2", &[("name", "b")]));
    assert!(matches!(again, Fate::Recorded(Seen::Refused(known)) if known == refusal));
}

#[test]
fn of_a_write_that_may_have_landed_then_nobody_knows_whether_another_one_would_have() {
    let unknown = Seen::Unknown("no answer".to_owned());
    let steps = vec![wrote("v1", &[("name", "b")], unknown.clone())];
    let (recorded, manifest, missed) = (recorded(steps), manifest(&["name"]), Missed::default());
    let mut tape = Tape::new(&recorded, &manifest, missed.clone());
    assert!(matches!(tape.fate(&write("v1", &[("name", "c")])), Fate::NotKnown));
    assert_eq!(names(&missed), ["whether another write than then would have landed"]);
    assert!(matches!(tape.fate(&write("v1", &[("name", "b")])), Fate::Recorded(seen) if seen == unknown));
}

#[test]
fn a_field_that_was_not_read_then_is_named_and_one_that_is_not_declared_any_more_is_not_shown() {
    let steps = vec![read("v1", &[("name", "a"), ("city", "x"), ("stamp", "")])];
    let (recorded, manifest, missed) = (recorded(steps), manifest(&["name", "budget"]), Missed::default());
    let mut tape = Tape::new(&recorded, &manifest, missed.clone());
    let Some(Seen::Record(Some(record))) = tape.look(&Action::ReadRecord(key())) else { panic!("no record") };
    assert_eq!(record.value.fields, texts(&[("name", "a"), ("stamp", "")]));
    assert_eq!(names(&missed), ["opportunity.budget"]);
}

#[test]
fn a_companion_is_found_by_what_it_is_and_one_that_was_never_looked_for_is_named() {
    let companion = |alias: &str, name: &str| Companion {
        alias: alias.to_owned(),
        entity: "account".to_owned(),
        matching: texts(&[("name", name)]),
        fields: Fields::new(),
    };
    let account = RecordKey { entity: "account".to_owned(), id: "a1".to_owned() };
    let then = Asked::FindCompanions(vec![companion("customer", "Fabrikam"), companion("other", "Nobody")]);
    let steps = vec![(then, Seen::Companions([("customer".to_owned(), account.clone())].into()))];
    let (recorded, manifest, missed) = (recorded(steps), manifest(&["name"]), Missed::default());
    let mut tape = Tape::new(&recorded, &manifest, missed.clone());
    let both = vec![companion("theirs", "Fabrikam"), companion("none", "Nobody")];
    let found = tape.look(&Action::FindCompanions(both));
    assert_eq!(found, Some(Seen::Companions([("theirs".to_owned(), account)].into())));
    assert_eq!(tape.look(&Action::FindCompanions(vec![companion("customer", "Tailspin")])), None);
    assert_eq!(names(&missed), ["companion `account`"]);
}

#[test]
fn a_recording_of_the_first_form_answers_by_what_the_answer_itself_says() {
    let (_, seen) = read("v1", &[("name", "a"), ("stamp", "")]);
    let mut recorded = recorded(Vec::new());
    for seen in [seen, landed()] {
        recorded.steps.push(Step { asked: None, seen });
    }
    let (manifest, missed) = (manifest(&["name"]), Missed::default());
    let mut tape = Tape::new(&recorded, &manifest, missed.clone());
    let other = RecordKey { id: "o2".to_owned(), ..key() };
    assert_eq!(tape.look(&Action::ReadRecord(other)), None);
    assert_eq!(version(&mut tape).as_deref(), Some("v1"));
    assert!(matches!(tape.fate(&write("v1", &[("name", "b")])), Fate::Staged));
    assert_eq!(names(&missed), ["record of `opportunity`"]);
}
