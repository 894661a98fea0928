//! Dataverse as a whole: the client against the simulated organisation, from provisioning to a deal's whole life.

use crosswalk_connectors::{
    crm::{Changed, Changes, From, Hook, Reading, Step, StepState},
    dynamics::{Dynamics, DynamicsConfig, Provisioning},
    token::StaticToken,
};
use crosswalk_engine::{
    mapping::{Choice, Companion, EntityUse, FieldUse, Manifest, Record, Rows},
    pass::{Seen, Versioned},
    value::{Fields, Kind, RecordKey, Reference, Value},
};
use crosswalk_sandbox::{Sandbox, SandboxConfig, dynamics::SELLER_TOKEN};
use serde_json::{Value as Json, json};
use std::sync::Arc;

use crate::server::{limits, transport};

const REFERRAL: &str = "3a5f4f34-2d40-4b84-a7c9-8b3a8a3c7d11";

struct World {
    sandbox: Sandbox,
    crm: Dynamics,
    http: reqwest::Client,
}

impl World {
    async fn start(switches: Json) -> World {
        let sandbox = Sandbox::start(SandboxConfig::on_free_ports()).await.unwrap();
        let mut config = DynamicsConfig::new(sandbox.dynamics_url().parse().unwrap());
        config.limits = limits();
        config.provisioning = Provisioning { key_poll_ms: 1, key_wait_ms: 50, ..Provisioning::default() };
        let tokens = Arc::new(StaticToken::new("sandbox".into()));
        let crm = Dynamics::new(config, transport(), tokens, Arc::new(manifest())).unwrap();
        let world = World { sandbox, crm, http: reqwest::Client::new() };
        world.post("/_sandbox/dynamics/switches", &switches).await;
        world
    }

    async fn post(&self, path: &str, body: &Json) -> Json {
        self.send(reqwest::Method::POST, path, body).await
    }

    /// A request of the person who works in the CRM.
    async fn send(&self, method: reqwest::Method, path: &str, body: &Json) -> Json {
        let url = format!("{}{path}", self.sandbox.dynamics_url());
        let request = self.http.request(method, url).bearer_auth(SELLER_TOKEN).json(body);
        let response = request.header("prefer", "return=representation").send().await.unwrap();
        let (status, text) = (response.status(), response.text().await.unwrap());
        assert!(status.is_success(), "{status} {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    async fn solution(&self, opportunity: &RecordKey, text: &str) -> String {
        let bind = format!("/opportunities({})", opportunity.id);
        let body = json!({"msft_solutionidentifier": text, "msft_OpportunityId@odata.bind": bind});
        let row = self.post("/api/data/v9.2/msft_microsoftsolutions", &body).await;
        row["msft_microsoftsolutionid"].as_str().unwrap().to_owned()
    }

    async fn found(&self, key: &RecordKey) -> Versioned<Record> {
        self.crm.read(key).await.unwrap().found().unwrap()
    }

    /// How many requests there were that may change something.
    fn writes(&self) -> usize {
        let calls = self.sandbox.dynamics().core().trace.calls();
        calls.iter().filter(|call| call.method != "GET").count()
    }

    /// Follows a feed to its present end.
    async fn follow(&self, mut from: From) -> (Vec<Changed>, From) {
        let mut told = Vec::new();
        loop {
            let Changes::Page { rows, next, more } = self.crm.changes("opportunity", &from).await.unwrap()
            else {
                panic!("lapsed")
            };
            told.extend(rows);
            from = From::Cursor(next);
            if !more {
                return (told, from);
            }
        }
    }
}

fn manifest() -> Manifest {
    let labelled = |name: &str, kind, label: &str, length: Option<u32>| FieldUse {
        label: Some(label.into()),
        length,
        ..FieldUse::new(name, kind)
    };
    let rows = Rows {
        entity: "msft_microsoftsolution".into(),
        parent: "msft_opportunityid".into(),
        column: "msft_solutionidentifier".into(),
    };
    let choice = |value, label: &str| Choice { value: Value::Integer(value), label: label.into() };
    let help = FieldUse {
        choices: vec![choice(100_000_000, "Technical help"), choice(100_000_001, "Quotes")],
        ..labelled("msft_howcanmicrosofthelp", Kind::Integer, "How can Microsoft help?", None)
    };
    let solutions =
        FieldUse { rows: Some(rows), ..labelled("solutions", Kind::Texts, "Microsoft Solution", None) };
    let state = ["statecode", "statuscode"].map(|name| FieldUse::new(name, Kind::Integer));
    let opportunity = [
        FieldUse::new("name", Kind::Text),
        FieldUse::new("customerid", Kind::Reference("account".into())),
        labelled("msft_syncwithpartnercenter", Kind::Flag, "Sync with Partner Center", None),
        labelled("msft_audit", Kind::Text, "Audit", Some(10_000)),
        help,
        solutions,
    ];
    let lead = [FieldUse::new("subject", Kind::Text), FieldUse::new("lastname", Kind::Text)];
    let entity = |entity: &str, fields: Vec<FieldUse>| EntityUse {
        entity: entity.into(),
        via: None,
        fields,
        referral_key: Some("msft_referralidentifier".into()),
        stamp: Some("crosswalk_stamp".into()),
    };
    let account = EntityUse {
        via: Some("customerid".into()),
        referral_key: None,
        stamp: None,
        ..entity("account", vec![FieldUse::new("name", Kind::Text)])
    };
    Manifest {
        name: "test".into(),
        version: "1.0.0".into(),
        crm: "dynamics".into(),
        entities: vec![
            entity("opportunity", opportunity.into_iter().chain(state.clone()).collect()),
            entity("lead", lead.into_iter().chain(state).collect()),
            account,
        ],
        lookups: Vec::new(),
        settings_schema: String::new(),
    }
}

fn hook() -> Hook {
    Hook {
        url: "https://crosswalk.example/hooks/contoso/dynamics".into(),
        key: Some("a long secret key".into()),
    }
}

fn fields(texts: &[&str]) -> Fields {
    let texts = texts.iter().map(|text| (*text).to_owned()).collect();
    [
        ("name".to_owned(), Value::Text("Deal".into())),
        ("solutions".to_owned(), Value::Texts(texts)),
        ("crosswalk_stamp".to_owned(), Value::Text("s1".into())),
    ]
    .into()
}

fn key_of(seen: Seen) -> RecordKey {
    match seen {
        Seen::Written { key: Some(key), .. } => key,
        other => panic!("not written: {other:?}"),
    }
}

async fn deal(world: &World, texts: &[&str]) -> RecordKey {
    let key = "msft_referralidentifier";
    key_of(world.crm.create("opportunity", key, REFERRAL, &fields(texts), &[]).await.unwrap())
}

/// The steps that are in none of these states.
fn other_than<'a>(steps: &'a [Step], states: &[StepState]) -> Vec<&'a Step> {
    steps.iter().filter(|step| !states.contains(&step.state)).collect()
}

#[tokio::test]
async fn an_organisation_is_provisioned_once_and_then_holds_a_deal() {
    let world = World::start(json!({"unprovisioned": true})).await;
    let before = world.writes();
    let hook = hook();
    let wanted = world.crm.provision(Some(&hook), true).await.unwrap();
    assert_eq!(world.writes(), before, "a dry run writes nothing");
    let missing =
        |what: &str| wanted.iter().any(|step| step.what == what && step.state == StepState::Missing);
    for what in [
        "column msft_audit of opportunity (text, 10000)",
        "column msft_howcanmicrosofthelp of opportunity (choice, 2 options)",
        "column msft_referralidentifier of lead (text, 100)",
        "table msft_microsoftsolution",
        "column msft_opportunityid of msft_microsoftsolution (lookup to opportunity)",
        "key on msft_referralidentifier of opportunity",
        "change tracking of opportunity",
        "service endpoint for https://crosswalk.example/hooks/contoso/dynamics",
        "notification of Delete of msft_microsoftsolution",
    ] {
        assert!(missing(what), "`{what}` is not among {wanted:#?}");
    }

    let made = world.crm.provision(Some(&hook), false).await.unwrap();
    let by_hand: Vec<&Step> = made.iter().filter(|step| matches!(step.state, StepState::ByHand(_))).collect();
    assert_eq!(by_hand.len(), 4, "the form of each table, and the rights on the new one: {by_hand:#?}");
    let odd = other_than(&made, &[StepState::Present, StepState::Made]);
    assert_eq!(odd, by_hand, "all else is there now");

    let before = world.writes();
    let again = world.crm.provision(Some(&hook), false).await.unwrap();
    assert_eq!(other_than(&again, &[StepState::Present]), Vec::<&Step>::new());
    assert_eq!(world.writes(), before, "what is there is left alone");

    let key = deal(&world, &["SOL-1", "SOL-2"]).await;
    let found = world.found(&key).await;
    assert_eq!(found.value.fields["solutions"], Value::Texts(vec!["SOL-1".into(), "SOL-2".into()]));
}

#[tokio::test]
async fn what_differs_in_an_organisation_is_told_and_left_alone() {
    let world = World::start(json!({"securedColumns": ["opportunity.msft_audit"]})).await;
    let mut manifest = manifest();
    let opportunity = &mut manifest.entities[0].fields;
    opportunity.push(FieldUse { length: Some(1_000), ..FieldUse::new("msft_referrallink", Kind::Text) });
    opportunity.push(FieldUse::new("msft_products", Kind::Flag));
    opportunity.push(FieldUse { writes: false, ..FieldUse::new("createdon", Kind::Date) });
    opportunity.push(FieldUse::new("nosuchcolumn", Kind::Text));
    if let Some(help) = opportunity.iter_mut().find(|field| field.name == "msft_howcanmicrosofthelp") {
        help.choices.push(Choice { value: Value::Integer(7), label: "More".into() });
    }
    let before = world.writes();
    let crm = world.crm.with_manifest(Arc::new(manifest)).unwrap();
    let steps = crm.provision(None, false).await.unwrap();
    let told = |column: &str| {
        let step =
            steps.iter().find(|step| step.what.starts_with(&format!("column {column} of opportunity")));
        match &step.unwrap().state {
            StepState::Differs(words) | StepState::Failed(words) => words.clone(),
            other => panic!("{column}: {other:?}"),
        }
    };
    assert!(told("msft_audit").contains("column security"), "{}", told("msft_audit"));
    assert!(told("msft_referrallink").contains("255") && told("msft_referrallink").contains("1000"));
    assert!(told("msft_products").contains("type String"), "{}", told("msft_products"));
    assert!(told("msft_howcanmicrosofthelp").contains("7 More"), "{}", told("msft_howcanmicrosofthelp"));
    assert!(told("createdon").contains("time"), "{}", told("createdon"));
    assert!(told("nosuchcolumn").contains("no such column"), "{}", told("nosuchcolumn"));
    assert_eq!(world.writes(), before);
}

#[tokio::test]
async fn a_key_whose_values_are_not_single_is_told_with_what_to_do() {
    let world = World::start(json!({"unprovisioned": true})).await;
    let column = json!({
        "@odata.type": "Microsoft.Dynamics.CRM.StringAttributeMetadata", "SchemaName": "msft_ReferralIdentifier",
        "MaxLength": 100, "RequiredLevel": {"Value": "None"},
    });
    world.post("/api/data/v9.2/EntityDefinitions(LogicalName='opportunity')/Attributes", &column).await;
    for _ in 0..2 {
        let twin = json!({"name": "Deal", "msft_referralidentifier": REFERRAL});
        world.post("/api/data/v9.2/opportunities", &twin).await;
    }
    let steps = world.crm.provision(None, false).await.unwrap();
    let step =
        steps.iter().find(|step| step.what == "key on msft_referralidentifier of opportunity").unwrap();
    let StepState::Failed(words) = &step.state else { panic!("{step:?}") };
    assert!(words.contains("same value") && words.contains("Reactivate"), "{words}");
}

#[tokio::test]
async fn a_key_that_is_never_finished_is_not_waited_for_without_end() {
    let world = World::start(json!({"unprovisioned": true, "keyActivationLooks": 1_000_000})).await;
    let steps = world.crm.provision(None, false).await.unwrap();
    let step =
        steps.iter().find(|step| step.what == "key on msft_referralidentifier of opportunity").unwrap();
    assert!(
        matches!(&step.state, StepState::Differs(words) if words.contains("still being built")),
        "{step:?}"
    );
}

#[tokio::test]
async fn a_release_that_reads_more_widens_the_steps() {
    let world = World::start(json!({})).await;
    let hook = hook();
    world.crm.provision(Some(&hook), false).await.unwrap();
    let mut wider = manifest();
    wider.entities[0].fields.push(FieldUse::new("description", Kind::Text));
    let crm = world.crm.with_manifest(Arc::new(wider)).unwrap();
    let steps = crm.provision(Some(&hook), false).await.unwrap();
    let made: Vec<&str> =
        steps.iter().filter(|step| step.state == StepState::Made).map(|step| step.what.as_str()).collect();
    assert_eq!(made, ["notification of Update of opportunity: more columns"]);
    let narrower = world.crm.provision(Some(&hook), false).await.unwrap();
    assert_eq!(other_than(&narrower, &[StepState::Present]), Vec::<&Step>::new(), "nothing is taken back");
}

#[tokio::test]
async fn solutions_are_kept_as_rows_and_a_sellers_are_seen() {
    let world = World::start(json!({})).await;
    let key = deal(&world, &["SOL-1", "SOL-2"]).await;
    let read = world.found(&key).await;
    let stays = world.solution(&key, "SOL-3").await;
    let wanted = fields(&["SOL-2", "SOL-3", "SOL-4"]);
    assert_eq!(world.crm.update(&key, &wanted, &[], &read.version).await.unwrap(), Seen::Stale);
    let now = world.found(&key).await;
    let Seen::Written { version, .. } = world.crm.update(&key, &wanted, &[], &now.version).await.unwrap()
    else {
        panic!("not written")
    };
    let after = world.found(&key).await;
    assert_eq!(after.version, version, "the version that was told is the one that is read");
    let Value::Texts(mut texts) = after.value.fields["solutions"].clone() else { panic!("no list") };
    texts.sort();
    assert_eq!(texts, ["SOL-2", "SOL-3", "SOL-4"]);
    let row = world
        .send(reqwest::Method::GET, &format!("/api/data/v9.2/msft_microsoftsolutions({stays})"), &json!({}))
        .await;
    assert_eq!(row["msft_solutionidentifier"], "SOL-3", "a row that stays is not made anew");
}

#[tokio::test]
async fn an_opportunity_is_lost_together_with_its_last_solutions_and_reopened() {
    let world = World::start(json!({})).await;
    let key = deal(&world, &["SOL-1"]).await;
    let mut lost = fields(&["SOL-1", "SOL-2"]);
    lost.insert("statecode".into(), Value::Integer(2));
    lost.insert("statuscode".into(), Value::Integer(5));
    let version = world.found(&key).await.version;
    world.crm.update(&key, &lost, &[], &version).await.unwrap();
    let now = world.found(&key).await;
    assert_eq!(now.value.fields["statuscode"], Value::Integer(5));
    assert_eq!(now.value.fields["solutions"], Value::Texts(vec!["SOL-1".into(), "SOL-2".into()]));
    let open: Fields = [("statecode", 0), ("statuscode", 1)]
        .map(|(name, value)| (name.to_owned(), Value::Integer(value)))
        .into();
    world.crm.update(&key, &open, &[], &now.version).await.unwrap();
    assert_eq!(world.found(&key).await.value.fields["statecode"], Value::Integer(0));
}

#[tokio::test]
async fn a_lead_becomes_an_opportunity_for_the_customer_of_the_draft_and_reads_as_it() {
    let world = World::start(json!({})).await;
    let subject: Fields = [("subject", "Renewal"), ("lastname", "Lee")]
        .map(|(name, text)| (name.to_owned(), Value::Text(text.into())))
        .into();
    let lead = world.crm.create("lead", "msft_referralidentifier", REFERRAL, &subject, &[]).await.unwrap();
    let lead = key_of(lead);
    let version = world.found(&lead).await.version;
    let customer = Companion {
        alias: "customer".into(),
        entity: "account".into(),
        matching: [("name".to_owned(), Value::Text("Contoso".into()))].into(),
        fields: Fields::new(),
    };
    let draft: Fields =
        [("customerid".to_owned(), Value::Reference(Reference::Companion("customer".into())))].into();
    let moved: Fields = [("subject".to_owned(), Value::Text("Moved".into()))].into();
    world.crm.update(&lead, &moved, &[], &version).await.unwrap();
    let convert = async |version: &str| {
        world
            .crm
            .convert(&lead, "opportunity", &draft, std::slice::from_ref(&customer), version)
            .await
            .unwrap()
    };
    assert_eq!(convert(&version).await, Seen::Stale);
    let converted = convert(&world.found(&lead).await.version).await;
    let opportunity = key_of(converted.clone());
    let version = world.found(&opportunity).await.version;
    assert_eq!(
        converted,
        Seen::Written { version, key: Some(opportunity.clone()) },
        "nobody has touched it since"
    );
    assert_eq!(world.crm.read(&lead).await.unwrap(), Reading::Succeeded(opportunity.clone()));
    let made = world.found(&opportunity).await.value;
    assert_eq!(made.fields["name"], Value::Text("Moved".into()));
    assert_eq!(made.related[0].fields["name"], Value::Text("Contoso".into()));
    let accounts = world.send(reqwest::Method::GET, "/api/data/v9.2/accounts?$select=name", &json!({})).await;
    assert_eq!(accounts["value"].as_array().unwrap().len(), 1, "none is made twice");
}

#[tokio::test]
async fn a_merged_lead_reads_as_its_master() {
    let world = World::start(json!({})).await;
    let mut leads = Vec::new();
    for name in ["Lee", "Leigh"] {
        let row = world.post("/api/data/v9.2/leads", &json!({"subject": "x", "lastname": name})).await;
        leads.push(row["leadid"].as_str().unwrap().to_owned());
    }
    let row = |id: &str| json!({"@odata.type": "Microsoft.Dynamics.CRM.lead", "leadid": id});
    let merge =
        json!({"Target": row(&leads[0]), "Subordinate": row(&leads[1]), "PerformParentingChecks": false});
    world.post("/api/data/v9.2/Merge", &merge).await;
    let key = |id: &str| RecordKey { entity: "lead".into(), id: id.into() };
    assert_eq!(world.crm.read(&key(&leads[1])).await.unwrap(), Reading::Succeeded(key(&leads[0])));
    assert!(world.crm.read(&key(&leads[0])).await.unwrap().found().is_some());
}

#[tokio::test]
async fn the_referral_of_a_merged_lead_is_handed_to_its_master_and_no_other_record_gives_its_own_away() {
    let world = World::start(json!({})).await;
    let subject: Fields = [("lastname".to_owned(), Value::Text("Lee".into()))].into();
    let made = world.crm.create("lead", "msft_referralidentifier", REFERRAL, &subject, &[]).await.unwrap();
    let loser = key_of(made);
    let master = world.post("/api/data/v9.2/leads", &json!({"subject": "x", "lastname": "Leigh"})).await;
    let master = RecordKey { entity: "lead".into(), id: master["leadid"].as_str().unwrap().into() };
    let carry: Fields = [("msft_referralidentifier".to_owned(), Value::Text(REFERRAL.into()))].into();
    let update = async || {
        let version = world.found(&master).await.version;
        world.crm.update(&master, &carry, &[], &version).await.unwrap()
    };
    let Seen::Refused(refusal) = update().await else { panic!("taken from a record that is alive") };
    assert_eq!(refusal.fields, ["msft_referralidentifier"]);
    let row = |key: &RecordKey| json!({"@odata.type": "Microsoft.Dynamics.CRM.lead", "leadid": key.id});
    let merge = json!({"Target": row(&master), "Subordinate": row(&loser), "PerformParentingChecks": false});
    world.post("/api/data/v9.2/Merge", &merge).await;
    assert!(matches!(update().await, Seen::Written { .. }));
    let found = world.crm.find_by_key("lead", "msft_referralidentifier", REFERRAL).await.unwrap();
    assert_eq!(found.unwrap().value.key, master);
}

#[tokio::test]
async fn a_feed_tells_of_records_their_rows_and_deletions_and_lapses_with_its_token() {
    let world = World::start(json!({})).await;
    let old = deal(&world, &["SOL-1"]).await;
    let tomorrow = From::Time("2099-01-01T00:00:00Z".parse().unwrap());
    let (told, from) = world.follow(tomorrow).await;
    assert_eq!(told, vec![], "nothing is that new");
    let fresh = world.post("/api/data/v9.2/opportunities", &json!({"name": "New"})).await;
    let child = world.solution(&old, "SOL-2").await;
    let (told, from) = world.follow(from).await;
    let ids: Vec<&str> = told.iter().map(|changed| changed.key.id.as_str()).collect();
    assert_eq!(ids, [fresh["opportunityid"].as_str().unwrap(), &old.id]);
    assert_eq!(told[0].version.as_deref(), fresh["@odata.etag"].as_str());
    assert_eq!(told[1].version, None, "only a row of it changed");
    for path in [format!("msft_microsoftsolutions({child})"), format!("opportunities({})", ids[0])] {
        world.send(reqwest::Method::DELETE, &format!("/api/data/v9.2/{path}"), &json!({})).await;
    }
    let (told, from) = world.follow(from).await;
    assert_eq!(told.len(), 1, "a deleted row does not say whose it was: {told:?}");
    assert!(told[0].deleted);
    world.post("/_sandbox/dynamics/switches", &json!({"deltaTokensExpired": true})).await;
    assert_eq!(world.crm.changes("opportunity", &from).await.unwrap(), Changes::Lapsed);
}

#[tokio::test]
async fn an_organisation_without_change_tracking_is_polled() {
    let world = World::start(json!({"unprovisioned": true})).await;
    let mut plain = manifest();
    plain.entities.truncate(1);
    plain.entities[0].fields.truncate(1);
    let crm = world.crm.with_manifest(Arc::new(plain)).unwrap();
    let row = world.post("/api/data/v9.2/opportunities", &json!({"name": "x"})).await;
    let from = From::Time("2020-01-01T00:00:00Z".parse().unwrap());
    let Changes::Page { rows, more, .. } = crm.changes("opportunity", &from).await.unwrap() else {
        panic!("lapsed")
    };
    assert_eq!((rows.len(), more), (1, false));
    assert_eq!(rows[0].key.id, row["opportunityid"].as_str().unwrap());
}

#[tokio::test]
async fn a_listing_pages_through_all_records_once() {
    let world = World::start(json!({})).await;
    for number in 0..7 {
        world.post("/api/data/v9.2/opportunities", &json!({"name": format!("x{number}")})).await;
    }
    deal(&world, &[]).await;
    let (mut after, mut all) = (None::<String>, Vec::new());
    loop {
        let page = world.crm.list("opportunity", &Fields::new(), after.as_deref(), 3).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.key.id.clone());
        all.extend(page);
    }
    assert_eq!(all.len(), 8);
    assert_eq!(all.iter().filter(|listed| listed.referral.as_deref() == Some(REFERRAL)).count(), 1);
}

#[tokio::test]
async fn a_listing_tells_the_version_that_a_read_does_and_another_when_only_a_child_row_was_added() {
    let world = World::start(json!({})).await;
    let key = deal(&world, &["SOL-1"]).await;
    world.post("/api/data/v9.2/opportunities", &json!({"name": "without rows"})).await;
    let version = || async {
        let listed = world.crm.list("opportunity", &Fields::new(), None, 10).await.unwrap();
        listed.into_iter().find(|listed| listed.key == key).unwrap().version
    };
    let before = version().await;
    assert_eq!(before, world.found(&key).await.version);
    world.solution(&key, "SOL-2").await;
    let after = version().await;
    assert_ne!(after, before);
    assert_eq!(after, world.found(&key).await.version);
}
