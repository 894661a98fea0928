//! The cases that a mapping is asked about: every member and field missing once, odd values, and pairs made of seeds.

use serde_json::json;

use crate::{
    model::{Conflict, EntityUse, FieldUse, Json, Kind, Manifest, Record, Value},
    overlay::put,
    samples::{Dice, documented_referral, full_record, random_record, random_referral, random_value},
};

/// A referral, a record or none, and where they come from.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    /// `the documented referral without /customerProfile`, `seed 7`, `pass 42`.
    pub origin: String,
    /// The referral, as Partner Center's API shows it.
    pub referral: Json,
    /// The record that it is linked with.
    pub record: Option<Record>,
    /// It is a tenant's own: nothing of it may be shown but the smallest case that breaks a law.
    pub in_confidence: bool,
}

impl Pair {
    /// A pair of one's own, from a file or a test.
    pub fn own(origin: impl Into<String>, referral: Json, record: Option<Record>) -> Self {
        Self::new(origin, referral, record)
    }

    /// A pair of a tenant's: nothing of it is shown but the smallest case that breaks a law.
    pub fn in_confidence(origin: impl Into<String>, referral: Json, record: Option<Record>) -> Self {
        Self { in_confidence: true, ..Self::new(origin, referral, record) }
    }

    fn new(origin: impl Into<String>, referral: Json, record: Option<Record>) -> Self {
        Self { origin: origin.into(), referral, record, in_confidence: false }
    }
}

/// A referral with nothing to it, and the whole one with each single thing missing or odd, without a record; records of
/// each entity with each single field empty or odd.
pub(crate) fn systematic(manifest: &Manifest) -> Vec<Pair> {
    let whole = whole_referral();
    let mut pairs = vec![
        Pair::new("the documented referral", documented_referral(), None),
        Pair::new("a referral with nothing in it", json!({}), None),
    ];
    for pointer in pointers(&whole) {
        let mut without = whole.clone();
        remove(&mut without, &pointer);
        pairs.push(Pair::new(format!("a whole referral without {pointer}"), without, None));
    }
    for (pointer, value) in odd_values() {
        let mut odd = whole.clone();
        put(&mut odd, pointer, value);
        pairs.push(Pair::new(format!("a whole referral with an odd {pointer}"), odd, None));
    }
    for (qualification, status, substatus) in STATES {
        let mut referral = whole.clone();
        put(&mut referral, "/qualification", json!(qualification));
        put(&mut referral, "/status", json!(status));
        put(&mut referral, "/substatus", json!(substatus));
        let origin = format!("a {qualification} referral that is {status}, {substatus}");
        pairs.push(Pair::new(origin.clone(), referral.clone(), None));
        for used in manifest.linked() {
            let record = full_record(manifest, used);
            pairs.push(Pair::new(origin.clone(), referral.clone(), Some(record)));
        }
    }
    for used in manifest.linked() {
        pairs.extend(records(manifest, used, &whole));
    }
    pairs
}

/// Records that have everything, nothing, and everything but one thing.
fn records(manifest: &Manifest, used: &EntityUse, whole: &Json) -> Vec<Pair> {
    let full = full_record(manifest, used);
    let pair = |what: &str, referral: &Json, record: Record| {
        Pair::new(format!("a `{}` {what}", used.entity), referral.clone(), Some(record))
    };
    let mut empty = full.clone();
    empty.fields.values_mut().for_each(|value| *value = Value::Empty);
    empty.related.clear();
    let mut pairs = vec![
        pair("with every field empty", whole, empty.clone()),
        pair("with every field empty, of a referral with nothing in it", &json!({}), empty),
        pair("with every field filled", whole, full.clone()),
    ];
    for field in used.fields.iter().filter(|field| field.reads) {
        let mut without = full.clone();
        without.fields.insert(field.name.clone(), Value::Empty);
        without.related.retain(|related| related.via != field.name);
        pairs.push(pair(&format!("with an empty `{}`", field.name), whole, without));
        for value in odd_field(field) {
            let mut odd = full.clone();
            odd.fields.insert(field.name.clone(), value);
            pairs.push(pair(&format!("with an odd `{}`", field.name), whole, odd));
        }
    }
    for (at, related) in full.related.iter().enumerate() {
        let mut without = full.clone();
        if let Some(related) = without.related.get_mut(at) {
            related.fields.values_mut().for_each(|value| *value = Value::Empty);
        }
        pairs.push(pair(&format!("whose `{}` has every field empty", related.via), whole, without));
    }
    pairs
}

/// Pairs made of a seed: one without a record, and one with a record of each linked entity.
pub(crate) fn random(manifest: &Manifest, seed: u64) -> Vec<Pair> {
    let referral = random_referral(seed);
    let records = manifest.linked().map(|used| Some(random_record(manifest, used, seed)));
    std::iter::once(None)
        .chain(records)
        .map(|record| Pair::new(format!("seed {seed}"), referral.clone(), record))
        .collect()
}

/// Pairs from which single edits are followed: a deal that is worked on, one that waits, and a full record of each entity.
pub(crate) fn to_edit(manifest: &Manifest) -> Vec<Pair> {
    let state = |qualification: &str, status: &str, substatus: &str| {
        let mut referral = whole_referral();
        put(&mut referral, "/qualification", json!(qualification));
        put(&mut referral, "/status", json!(status));
        put(&mut referral, "/substatus", json!(substatus));
        referral
    };
    let active = state("SalesQualified", "Active", "Accepted");
    let waiting = state("MarketingQualified", "New", "Received");
    let new = [&active, &waiting].map(|referral| Pair::new("a whole referral", referral.clone(), None));
    let full = manifest.linked().map(|used| {
        Pair::new(format!("a full `{}`", used.entity), active.clone(), Some(full_record(manifest, used)))
    });
    new.into_iter().chain(full).collect()
}

/// What a seller may change in a record of this entity: each field to two values, and to nothing.
pub(crate) fn crm_edits(used: &EntityUse) -> Vec<(String, Value)> {
    let dice = &mut Dice::new(7);
    let edited = used.fields.iter().filter(|field| field.reads && !field.owned);
    let mut edits = Vec::new();
    for field in edited {
        for _ in 0..2 {
            edits.push((field.name.clone(), random_value(field, dice)));
        }
        edits.push((field.name.clone(), Value::Empty));
    }
    edits
}

/// What Microsoft, or the partner in the portal, may change in a referral.
pub(crate) fn referral_edits() -> Vec<(&'static str, Json)> {
    vec![
        ("/name", json!(format!("{}{}", "Wind park ", "x".repeat(300)))),
        ("/details/dealValue", json!(1234.56789)),
        ("/details/currency", json!("EUR")),
        ("/details/closingDateTime", json!("2026-05-31T17:30:00Z")),
        ("/details/notes", json!(format!("two\nlines {}", "x".repeat(2100)))),
        ("/details/notes", json!("")),
        (
            "/details/requirements/solutions",
            json!([{ "id": "SOL-7", "type": "Name" }, { "id": "SOL-8", "type": "Name" }]),
        ),
        ("/details/requirements/solutions", json!([])),
        (
            "/customerProfile/team",
            json!([{ "firstName": "Lee", "lastName": "Gu", "email": "lee@contoso.example" }]),
        ),
        ("/team", json!([{ "firstName": "Ada", "lastName": "Berg", "email": "ada@partner.example" }])),
        ("/campaignId", json!("spring")),
        ("/referralProgram", json!("co-sell")),
        ("/salesStage", json!("Propose")),
        ("/statusReason", json!("too dear")),
        ("/inviteContext/assistanceRequestCode", json!("QuotesOrLicensing")),
    ]
}

/// A conflict in each field that both sides may change, and in one that only the referral has.
pub(crate) fn conflicts(manifest: &Manifest) -> Vec<(Conflict, Kind)> {
    let dice = &mut Dice::new(11);
    let mut conflicts = Vec::new();
    for used in manifest.linked() {
        for field in used.fields.iter().filter(|field| field.reads && field.writes) {
            for base in [None, Some(Value::Empty), Some(random_value(field, dice))] {
                let (partner_center, crm) = (random_value(field, dice), random_value(field, dice));
                let conflict = Conflict { field: field.name.clone(), base, partner_center, crm };
                conflicts.push((conflict, field.kind.clone()));
            }
            let emptied =
                |partner_center, crm| Conflict { field: field.name.clone(), base: None, partner_center, crm };
            conflicts.push((emptied(Value::Empty, random_value(field, dice)), field.kind.clone()));
            conflicts.push((emptied(random_value(field, dice), Value::Empty), field.kind.clone()));
        }
    }
    let notes = Conflict {
        field: "/details/notes".to_owned(),
        base: None,
        partner_center: Value::Text("Microsoft's note".to_owned()),
        crm: Value::Text("the seller's note".to_owned()),
    };
    conflicts.push((notes, Kind::Text));
    conflicts
}

/// Where a deal may stand.
const STATES: [(&str, &str, &str); 9] = [
    ("SalesQualified", "New", "Pending"),
    ("SalesQualified", "Active", "Accepted"),
    ("SalesQualified", "Closed", "Won"),
    ("SalesQualified", "Closed", "Lost"),
    ("MarketingQualified", "New", "Received"),
    ("MarketingQualified", "Closed", "Declined"),
    ("Direct", "Active", "Accepted"),
    ("Direct", "Closed", "Expired"),
    ("Rumoured", "Dreaming", "Sideways"),
];

/// The documented referral with what it leaves empty.
fn whole_referral() -> Json {
    let mut whole = documented_referral();
    for (pointer, value) in [
        ("/externalReferenceId", json!("00000000-0000-0000-0002-000000000001")),
        ("/expirationDateTime", json!("2026-12-31T00:00:00Z")),
        ("/consent/consentToShareReferralWithMicrosoftSellers", json!(true)),
        ("/inviteContext/assistanceRequestCode", json!("ProofOfConceptOrDemo")),
        ("/trackingInfo", json!({ "microsoftMsxId": "7-ABC" })),
        ("/referralProgram", json!("co-sell")),
        ("/salesStage", json!("Develop")),
        ("/campaignId", json!("autumn")),
    ] {
        put(&mut whole, pointer, value);
    }
    whole
}

/// Values that are legal, and that nobody expects.
fn odd_values() -> Vec<(&'static str, Json)> {
    let long = || json!("Ünïcödé 🌞 \u{202e}\u{7}\r\n".repeat(900));
    let mut odd = vec![
        ("/name", json!("   ")),
        ("/type", json!("Unheard")),
        ("/customerProfile/team", json!([{}])),
        ("/customerProfile/address", json!({})),
        ("/customerProfile/address/country", json!("Atlantis")),
        ("/customerProfile/size", json!("many")),
        ("/team", json!([{}, {}])),
        ("/details/currency", json!("XTS")),
        ("/details/requirements/solutions", json!([{}])),
        ("/inviteContext/assistanceRequestCode", json!("SomethingNew")),
    ];
    odd.extend(
        ["/name", "/details/notes", "/customerProfile/name", "/statusReason"].map(|text| (text, long())),
    );
    let amounts = [
        "0",
        "-1",
        "-0.001",
        "0.005",
        "9999999999999999999999999999",
        "79228162514264337593543950335",
        "1e28",
        "1e-28",
    ];
    let amounts = amounts.iter().filter_map(|text| serde_json::from_str(text).ok());
    odd.extend(amounts.map(|amount| ("/details/dealValue", amount)));
    odd.push(("/details/dealValue", json!("1 000,50")));
    let days = ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.9999999Z", "2024-02-29T23:59:60Z", "soon", ""];
    odd.extend(days.map(|day| ("/details/closingDateTime", json!(day))));
    odd
}

/// Values of a field that are legal, and that nobody expects.
fn odd_field(field: &FieldUse) -> Vec<Value> {
    let longest = field.length.map_or(2000, |length| usize::try_from(length).unwrap_or(2000));
    match &field.kind {
        _ if !field.choices.is_empty() => match &field.kind {
            Kind::Text => vec![Value::Text("nobody listed this".to_owned())],
            _ => vec![Value::Integer(999_999_999)],
        },
        Kind::Text => vec![Value::Text("✔ \u{202e}".repeat(longest / 3))],
        Kind::Integer => vec![Value::Integer(i32::MIN), Value::Integer(i32::MAX)],
        Kind::Decimal => ["-0.01", "9999999999999999999999999999", "0.0000000001"]
            .map(|text| Value::Decimal(text.to_owned()))
            .into(),
        Kind::Date => ["0001-01-01", "9999-12-31"].map(|text| Value::Date(text.to_owned())).into(),
        Kind::Instant => ["0001-01-01T00:00:00Z", "9999-12-30T22:00:00Z"]
            .map(|text| Value::Instant(text.to_owned()))
            .into(),
        Kind::Texts => vec![Value::Texts(vec![String::new(), "x".repeat(400)])],
        Kind::Flag | Kind::Reference(_) | Kind::Json => Vec::new(),
    }
}

/// Every member of a document, lists whole, deepest last.
pub(crate) fn pointers(document: &Json) -> Vec<String> {
    let mut found = Vec::new();
    let mut left = vec![(String::new(), document)];
    while let Some((at, json)) = left.pop() {
        let Json::Object(members) = json else { continue };
        for (name, member) in members {
            let pointer = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
            left.push((pointer.clone(), member));
            found.push(pointer);
        }
    }
    found
}

/// Takes out the member at a pointer.
pub(crate) fn remove(document: &mut Json, pointer: &str) {
    let Some((parent, name)) = pointer.rsplit_once('/') else { return };
    if let Some(Json::Object(members)) = document.pointer_mut(parent) {
        members.remove(&name.replace("~1", "/").replace("~0", "~"));
    }
}
