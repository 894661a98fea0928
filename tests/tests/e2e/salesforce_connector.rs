//! The Salesforce connector against the sandbox: the same story that its own tests tell from a script.
#![expect(clippy::panic, reason = "helpers of tests may fail their test")]

use std::{sync::Arc, time::Duration};

use crosswalk_connectors::{
    Fault,
    crm::{Changes, Crm, From, Reading, StepState},
    salesforce::{Salesforce, SalesforceConfig},
    token::{SalesforceGrant, SalesforceSignIn, SalesforceSignInConfig, TokenSource as _},
    transport::{HttpConfig, HttpTransport, Transport},
};
use crosswalk_engine::{
    mapping::{Companion, EntityUse, FieldUse, Manifest, Rows},
    pass::Seen,
    value::{Fields, Kind, RecordKey, Reference, Value},
};
use crosswalk_sandbox::{Sandbox, SandboxConfig};
use serde_json::{Value as Json, json};

const KEY: &str = "Referral_Identfier__c";
const STAMP: &str = "Crosswalk_Stamp__c";
const API: &str = "services/data/v60.0";

struct World {
    sandbox: Sandbox,
    http: reqwest::Client,
    tokens: Arc<SalesforceSignIn>,
    crm: Salesforce,
}

impl World {
    async fn start() -> World {
        let sandbox = Sandbox::start(SandboxConfig::on_free_ports()).await.unwrap();
        let origin: reqwest::Url = sandbox.salesforce_url().parse().unwrap();
        let transport: Arc<dyn Transport> = Arc::new(HttpTransport::new(HttpConfig::default()).unwrap());
        let token_url = origin.join("services/oauth2/token").unwrap();
        let grant =
            SalesforceGrant::ClientCredentials { client_secret: "a secret of the app".into(), basic: true };
        let sign_in = SalesforceSignInConfig::new(origin.clone(), token_url, "app".into(), grant);
        let tokens = Arc::new(SalesforceSignIn::new(sign_in, Arc::clone(&transport)).unwrap());
        let config = SalesforceConfig::new(origin);
        let crm = Salesforce::new(config, transport, Arc::clone(&tokens) as _, Arc::new(manifest())).unwrap();
        World { sandbox, http: reqwest::Client::new(), tokens, crm }
    }

    async fn ask(&self, method: reqwest::Method, path: &str, body: Json) -> Json {
        let url = format!("{}/{path}", self.sandbox.salesforce_url());
        let reply = self.http.request(method, url).bearer_auth("sandbox").json(&body).send().await.unwrap();
        let (status, text) = (reply.status(), reply.text().await.unwrap());
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or(Json::Null)
    }

    /// What a person does.
    async fn edit(&self, key: &RecordKey, body: Json) {
        self.ask(reqwest::Method::PATCH, &format!("{API}/sobjects/{}/{}", key.entity, key.id), body).await;
    }

    async fn switch(&self, switches: Json) {
        self.ask(reqwest::Method::POST, "_sandbox/salesforce/switches", switches).await;
    }

    async fn advance(&self, by: Duration) {
        let body = json!({ "advanceMs": u64::try_from(by.as_millis()).unwrap() });
        self.ask(reqwest::Method::POST, "_sandbox/clock", body).await;
    }

    async fn deal(&self, referral: &str) -> RecordKey {
        let seen = self.crm.create("Opportunity", KEY, referral, &deal(&["SOL-1"]), &[]).await.unwrap();
        let Seen::Written { key: Some(key), .. } = seen else { panic!("not created: {seen:?}") };
        key
    }

    async fn version(&self, key: &RecordKey) -> String {
        self.crm.read(key).await.unwrap().found().unwrap().version
    }
}

fn manifest() -> Manifest {
    let field = |name: &str, kind| FieldUse::new(name, kind);
    let rows = Rows {
        entity: "Microsoft_Solution__c".into(),
        parent: "Opportunity__c".into(),
        column: "Solution_Identifier__c".into(),
    };
    let opportunity = vec![
        field("Name", Kind::Text),
        field("StageName", Kind::Text),
        field("IsClosed", Kind::Flag),
        field("CloseDate", Kind::Date),
        field("Amount", Kind::Decimal),
        field("Description", Kind::Text),
        field("Sync_With_Partner_Center__c", Kind::Flag),
        field("AccountId", Kind::Reference("Account".into())),
        FieldUse { rows: Some(rows), ..field("solutions", Kind::Texts) },
    ];
    let lead = vec![field("LastName", Kind::Text), field("Company", Kind::Text), field("Status", Kind::Text)];
    let account = vec![field("Name", Kind::Text), field("BillingCity", Kind::Text)];
    let entity = |entity: &str, via: Option<&str>, fields| EntityUse {
        entity: entity.into(),
        via: via.map(str::to_owned),
        fields,
        referral_key: via.is_none().then(|| KEY.into()),
        stamp: via.is_none().then(|| STAMP.into()),
    };
    Manifest {
        name: "test".into(),
        version: "1.0.0".into(),
        crm: "salesforce".into(),
        entities: vec![
            entity("Opportunity", None, opportunity),
            entity("Lead", None, lead),
            entity("Account", Some("AccountId"), account),
        ],
        lookups: vec![],
        settings_schema: String::new(),
    }
}

fn fields(pairs: &[(&str, Value)]) -> Fields {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

fn texts(texts: &[&str]) -> Value {
    Value::Texts(texts.iter().map(|text| (*text).to_owned()).collect())
}

fn deal(solutions: &[&str]) -> Fields {
    fields(&[
        ("Name", text("Deal")),
        ("StageName", text("Qualification")),
        ("CloseDate", Value::Date("2027-01-31".parse().unwrap())),
        ("Amount", Value::Decimal("1000.50".parse().unwrap())),
        ("solutions", texts(solutions)),
        (STAMP, text("s1")),
    ])
}

fn customer() -> Companion {
    Companion {
        alias: "customer".into(),
        entity: "Account".into(),
        matching: fields(&[("Name", text("Fabrikam O'Neil & Sons"))]),
        fields: fields(&[("BillingCity", text("Oslo"))]),
    }
}

#[tokio::test]
async fn a_deal_is_created_once_and_written_at_the_version_that_was_read() {
    let world = World::start().await;
    let us = world.crm.check().await.unwrap();
    assert!(us.organization.starts_with("00D") && us.user.starts_with("005"), "{us:?}");
    assert_eq!(
        world.tokens.instance().unwrap().as_str().trim_end_matches('/'),
        world.sandbox.salesforce_url()
    );
    let key = world.deal("r-1").await;
    let twice = world.crm.create("Opportunity", KEY, "r-1", &deal(&[]), &[]).await;
    assert_eq!(twice, Ok(Seen::Stale), "the record that has the key is not touched");

    let read = world.crm.find_by_key("Opportunity", KEY, "r-1").await.unwrap().unwrap();
    assert_eq!(read.value.key, key);
    assert_eq!(read.value.fields["Amount"], Value::Decimal("1000.50".parse().unwrap()));
    assert_eq!(read.value.fields["solutions"], texts(&["SOL-1"]));
    let reference = Value::Reference(Reference::Companion("customer".into()));
    let wanted = fields(&[
        ("Name", text(" A better deal ")),
        ("AccountId", reference),
        ("solutions", texts(&["SOL-2", "SOL-3"])),
        ("Description", text("two\nlines")),
        (STAMP, text("s2")),
    ]);
    let seen = world.crm.update(&key, &wanted, &[customer()], &read.version).await.unwrap();
    let Seen::Written { version, .. } = seen else { panic!("not written: {seen:?}") };
    let now = world.crm.read(&key).await.unwrap().found().unwrap();
    assert_eq!(now.version, version, "the echo of this write is known by its version");
    assert_eq!(now.value.fields["solutions"], texts(&["SOL-2", "SOL-3"]));
    assert_eq!(now.value.related[0].fields["BillingCity"], text("Oslo"));
    let found = world.crm.find_companions(&[customer()]).await.unwrap();
    assert_eq!(found["customer"], now.value.related[0].key);
    assert_eq!(
        world.crm.update(&key, &wanted, &[customer()], &read.version).await,
        Ok(Seen::Stale),
        "it has another version now"
    );
    let listed = world.crm.list("Opportunity", &Fields::new(), None, 100).await.unwrap();
    let listed = listed.iter().find(|listed| listed.key == key).unwrap();
    assert_eq!((listed.version.as_str(), listed.referral.as_deref()), (version.as_str(), Some("r-1")));
}

#[tokio::test]
async fn an_edit_in_the_second_of_the_last_one_is_never_overwritten() {
    let world = World::start().await;
    let key = world.deal("r-1").await;
    // All of this happens within a second or two of the creation: only a version that is waited out can tell.
    for round in 0..3 {
        let version = world.version(&key).await;
        world.edit(&key, json!({ "Description": format!("a person's words {round}") })).await;
        let ours = fields(&[("Description", text("ours"))]);
        assert_eq!(world.crm.update(&key, &ours, &[], &version).await, Ok(Seen::Stale));
    }
    let version = world.version(&key).await;
    let ours = fields(&[("Name", text("ours"))]);
    let seen = world.crm.update(&key, &ours, &[], &version).await.unwrap();
    assert!(matches!(seen, Seen::Written { .. }), "{seen:?}");
    let now = world.crm.read(&key).await.unwrap().found().unwrap();
    assert_eq!(now.value.fields["Description"], text("a person's words 2"));
}

#[tokio::test]
async fn what_automation_makes_of_a_write_is_not_taken_for_our_echo() {
    let world = World::start().await;
    let key = world.deal("r-1").await;
    let rule = json!({ "object": "Opportunity", "when": "Name", "set": { "Description": "set by a flow" } });
    world.switch(json!({ "automation": [rule] })).await;
    let version = world.version(&key).await;
    let seen = world.crm.update(&key, &fields(&[("Name", text("New"))]), &[], &version).await.unwrap();
    let Seen::Written { version, .. } = seen else { panic!("not written: {seen:?}") };
    assert_ne!(world.version(&key).await, version);
}

#[tokio::test]
async fn what_the_organisation_objects_to_is_told_apart() {
    let world = World::start().await;
    let key = world.deal("r-1").await;
    let rule = json!({ "object": "Opportunity", "when": "Amount > 1000000", "message": "Too \"much\"", "field": "Amount" });
    let lock = json!({ "record": key.id, "count": 1, "status": 500 });
    world.switch(json!({ "validationRules": [rule], "recordLocks": [lock] })).await;
    let write = async |amount: &str| {
        let version = world.version(&key).await;
        let wanted =
            fields(&[("Amount", Value::Decimal(amount.parse().unwrap())), ("solutions", texts(&[]))]);
        world.crm.update(&key, &wanted, &[], &version).await
    };
    assert!(matches!(write("5").await, Err(Fault::Retry { .. })), "the lock");
    let Ok(Seen::Refused(refusal)) = write("1000000.01").await else { panic!("not refused") };
    assert_eq!(refusal.fields, ["Amount"]);
    assert!(refusal.reason.contains("Too \"much\""), "{}", refusal.reason);
    let rows = world.crm.read(&key).await.unwrap().found().unwrap().value.fields["solutions"].clone();
    assert_eq!(rows, texts(&["SOL-1"]), "nothing of a refused write is carried out");
    world.switch(json!({ "hiddenFields": ["Opportunity.Amount"] })).await;
    let Err(Fault::Reject { reason }) = world.crm.read(&key).await else { panic!("read all the same") };
    assert!(reason.contains("Amount") && reason.contains("crm provision"), "{reason}");
    world.switch(json!({ "dailyApiRequests": 1, "hiddenFields": [] })).await;
    let Err(Fault::Retry { after: Some(_), .. }) = world.crm.read(&key).await else { panic!("not later") };
}

#[tokio::test]
async fn a_lead_becomes_an_opportunity_and_a_merged_one_lives_on() {
    let world = World::start().await;
    let lead = async |referral: &str| {
        let draft = fields(&[("LastName", text("Berg")), ("Company", text("Fabrikam"))]);
        let seen = world.crm.create("Lead", KEY, referral, &draft, &[]).await.unwrap();
        let Seen::Written { key: Some(key), .. } = seen else { panic!("not created: {seen:?}") };
        key
    };
    let first = lead("r-1").await;
    let wanted = fields(&[
        ("Name", text("From a lead")),
        ("AccountId", Value::Reference(Reference::Companion("customer".into()))),
    ]);
    let version = world.version(&first).await;
    let seen = world.crm.convert(&first, "Opportunity", &wanted, &[customer()], &version).await.unwrap();
    let Seen::Written { version, key: Some(made) } = seen else { panic!("not converted: {seen:?}") };
    assert_eq!(made.entity, "Opportunity");
    let read = world.crm.read(&made).await.unwrap().found().unwrap();
    assert_eq!(read.version, version);
    assert_eq!(read.value.fields["Name"], text("From a lead"));
    assert_eq!(read.value.related[0].fields["Name"], text("Fabrikam O'Neil & Sons"));
    assert_eq!(world.crm.read(&first).await, Ok(Reading::Succeeded(made)));
    let again = world.crm.convert(&first, "Opportunity", &wanted, &[customer()], &version).await;
    assert_eq!(again, Ok(Seen::Stale), "the next read says what became of it");

    let (winner, loser) = (lead("r-2").await, lead("r-3").await);
    let body = json!({ "master": winner.id, "duplicates": [loser.id] });
    world.ask(reqwest::Method::POST, "_sandbox/salesforce/merge", body).await;
    assert_eq!(world.crm.read(&loser).await, Ok(Reading::Succeeded(winner)));
}

#[tokio::test]
async fn changes_are_told_once_their_minute_is_over_and_deletions_too() {
    let world = World::start().await;
    let (kept, gone) = (world.deal("r-1").await, world.deal("r-2").await);
    world.advance(Duration::from_secs(300)).await;
    let page = async |from: &From| {
        let Changes::Page { rows, next, more } = world.crm.changes("Opportunity", from).await.unwrap() else {
            panic!("lapsed")
        };
        assert!(!more);
        (rows, From::Cursor(next))
    };
    // The connector sees the clock at its next call.
    let version = world.version(&kept).await;
    let (rows, next) = page(&From::Time(jiff::Timestamp::now())).await;
    let told = rows.iter().find(|row| row.key == kept).unwrap();
    assert_eq!((told.version.as_deref(), told.deleted), (Some(version.as_str()), false));

    world.advance(Duration::from_secs(300)).await;
    let path = format!("{API}/sobjects/Opportunity/{}", gone.id);
    world.ask(reqwest::Method::DELETE, &path, Json::Null).await;
    let solution = json!({ "Opportunity__c": kept.id, "Solution_Identifier__c": "SOL-9" });
    world.ask(reqwest::Method::POST, &format!("{API}/sobjects/Microsoft_Solution__c"), solution).await;
    world.advance(Duration::from_secs(120)).await;
    let version = world.version(&kept).await;
    let (rows, next) = page(&next).await;
    let told = |key: &RecordKey| rows.iter().find(|row| row.key == *key).unwrap();
    assert_eq!(told(&kept).version.as_deref(), Some(version.as_str()), "by its child row alone");
    assert!(told(&gone).deleted);
    assert_eq!(world.crm.read(&gone).await, Ok(Reading::Missing));

    world.advance(Duration::from_secs(16 * 24 * 3600)).await;
    assert!(world.crm.read(&gone).await.is_ok());
    assert_eq!(world.crm.changes("Opportunity", &next).await, Ok(Changes::Lapsed));
}

#[tokio::test]
async fn an_organisation_without_the_package_is_provisioned_once() {
    let world = World::start().await;
    world.switch(json!({ "provisioned": false })).await;
    let count = |steps: &[crosswalk_connectors::crm::Step], state: &StepState| {
        steps.iter().filter(|step| step.state == *state).count()
    };
    let dry = world.crm.provision(None, true).await.unwrap();
    let missing = count(&dry, &StepState::Missing);
    assert!(missing > 5, "{dry:?}");
    let made = world.crm.provision(None, false).await.unwrap();
    let failed: Vec<_> = made.iter().filter(|step| matches!(step.state, StepState::Failed(_))).collect();
    assert!(failed.is_empty(), "{failed:?}");
    assert_eq!(count(&made, &StepState::Made), missing, "{made:?}");
    let again = world.crm.provision(None, false).await.unwrap();
    assert_eq!(count(&again, &StepState::Made), 0, "{again:?}");
    let key = world.deal("r-1").await;
    let read = world.crm.read(&key).await.unwrap().found().unwrap();
    assert_eq!(read.value.fields["solutions"], texts(&["SOL-1"]));
}
