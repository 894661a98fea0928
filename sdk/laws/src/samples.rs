//! Referrals and records to ask about: the documented one, and odd but legal ones made of a seed.

use serde_json::json;

use crate::model::{EntityUse, FieldUse, Fields, Json, Key, Kind, Manifest, Record, Related, Value};

/// The referral of the API's own documentation, as it is read back after it was created.
pub fn documented_referral() -> Json {
    json!({
        "id": "0f7cdb5b-3d2a-4cd6-8c2b-2d6f9d1c9a11",
        "engagementId": "e46cdb5b-3d2a-4cd6-8c2b-2d6f9d1c9a22",
        "organizationId": "9a4cdb5b-3d2a-4cd6-8c2b-2d6f9d1c9a33",
        "organizationName": "Contoso",
        "externalReferenceId": null,
        "createdDateTime": "2018-10-14T02:05:23.2931817Z",
        "updatedDateTime": "2018-10-14T02:05:23.2931817Z",
        "expirationDateTime": null,
        "name": "Test Cosell Invite_20",
        "status": "Active",
        "substatus": "Accepted",
        "statusReason": "created by partner",
        "qualification": "SalesQualified",
        "type": "Shared",
        "eTag": "\"00006d10-0000-0000-0000-5c70aa630000\"",
        "target": [{ "type": "SolutionProfile", "id": "SOL-34104-EBB" }],
        "customerProfile": {
            "name": "Contoso Customer Inc",
            "address": {
                "addressLine1": "One Microsoft Way", "addressLine2": "34", "city": "Redmond", "state": "WA",
                "postalCode": "98052", "country": "US"
            },
            "size": "10to50employees",
            "team": [
                {
                    "firstName": "Kim", "lastName": "Abercrombie", "phoneNumber": "1112223333",
                    "email": "kim@contoso.example",
                    "contactPreference": { "locale": "en-us", "disableNotifications": false }
                },
                { "firstName": "Lee", "lastName": "Gu", "phoneNumber": "1112223344", "email": "lee@contoso.example" }
            ],
            "ids": []
        },
        "consent": { "consentToToShareInfoWithOthers": true, "consentToContact": true },
        "details": {
            "notes": "Wants a pilot in spring",
            "dealValue": 50000,
            "currency": "USD",
            "closingDateTime": "2018-11-14T00:00:00Z",
            "requirements": {
                "industries": [{ "id": "Manufacturing" }],
                "products": [{ "id": "Dynamics365Enterprise" }],
                "services": [{ "id": "DeploymentOrMigration" }],
                "solutions": [{
                    "id": "Dynamics365forFieldService", "name": "Dynamics 365 for Field Service", "type": "Category"
                }]
            }
        },
        "team": [{
            "firstName": "John", "lastName": "Doe", "phoneNumber": "1112223355", "email": "john@partner.example"
        }],
        "inviteContext": { "notes": "please help", "invitedBy": { "organizationId": "msft" } }
    })
}

/// The same seed, the same numbers (splitmix64): enough to pick with, and nothing to depend on.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound.max(1)
    }

    pub(crate) fn pick<'a, T>(&mut self, options: &'a [T]) -> Option<&'a T> {
        let at = self.below(options.len() as u64);
        usize::try_from(at).ok().and_then(|at| options.get(at))
    }

    fn word(&mut self, options: &[&str]) -> String {
        self.pick(options).copied().unwrap_or_default().to_owned()
    }

    /// A value, or nothing in one case of three.
    fn maybe(&mut self, value: impl FnOnce(&mut Self) -> Json) -> Json {
        if self.below(3) == 0 { Json::Null } else { value(self) }
    }

    fn text(&mut self) -> String {
        if self.below(8) == 0 {
            return "x".repeat(2100);
        }
        self.word(&["Solar park", "✔ Solar park", "two\nlines", "  spaces ", "Ünïcödé 🌞", "", "N/A"])
    }
}

/// An odd but legal referral, a lead's or an opportunity's: any field may be missing, texts may be long, amounts fine.
pub fn random_referral(seed: u64) -> Json {
    let dice = &mut Dice(seed);
    let (status, substatuses): (&str, &[&str]) = match dice.below(3) {
        0 => ("New", &["Pending", "Received"]),
        1 => ("Active", &["Accepted"]),
        _ => ("Closed", &["Won", "Lost", "Declined", "Expired", "Error"]),
    };
    let substatus = dice.word(substatuses);
    let qualification = dice.word(&["SalesQualified", "SalesQualified", "MarketingQualified", "Direct"]);
    json!({
        "id": format!("00000000-0000-0000-0000-{seed:012}"),
        "engagementId": format!("00000000-0000-0000-0001-{seed:012}"),
        "name": dice.maybe(|dice| dice.text().into()),
        "type": dice.word(&["Shared", "Independent"]),
        "qualification": qualification,
        "status": status,
        "substatus": substatus,
        "customerProfile": {
            "name": dice.maybe(|dice| dice.text().into()),
            "address": dice.maybe(|dice| json!({
                "addressLine1": dice.text(), "city": dice.text(),
                "postalCode": dice.word(&["98052", "", "10115"]), "country": dice.word(&["US", "DE", ""])
            })),
            "team": dice.maybe(|dice| json!([{ "firstName": dice.text(), "email": "kim@contoso.example" }])),
        },
        "consent": { "consentToShareReferralWithMicrosoftSellers": dice.below(2) == 0 },
        "details": random_details(dice),
        "inviteContext": dice.maybe(|dice| json!({
            "assistanceRequestCode": dice.word(&["ProofOfConceptOrDemo", "GeneralOrOther", "SomethingNew"]),
            "invitedBy": dice.maybe(|dice| json!({ "organizationId": dice.word(&["msft", "9a4cdb5b"]) })),
        })),
        "trackingInfo": dice.maybe(|_| json!({ "microsoftMsxId": "7-ABC" })),
    })
}

fn random_details(dice: &mut Dice) -> Json {
    let solutions: Vec<Json> =
        (0..dice.below(3)).map(|at| json!({ "id": format!("SOL-{at}"), "type": "Name" })).collect();
    let amounts = [json!(50000), json!(0), json!("1234.56789"), json!(0.1), json!(-12.5)];
    let days = ["2026-01-31T00:00:00Z", "2026-01-31T23:59:59.1234567Z", "1999-12-31T12:00:00Z"];
    json!({
        "notes": dice.maybe(|dice| dice.text().into()),
        "dealValue": dice.maybe(|dice| dice.pick(&amounts).cloned().unwrap_or_default()),
        "currency": dice.maybe(|dice| dice.word(&["USD", "EUR", "JPY"]).into()),
        "closingDateTime": dice.maybe(|dice| dice.word(&days).into()),
        "requirements": { "solutions": solutions },
    })
}

/// An odd but legal record of this entity: any field may be empty, and options may be ones that nobody listed.
pub fn random_record(manifest: &Manifest, used: &EntityUse, seed: u64) -> Record {
    let dice = &mut Dice(seed ^ 0xC0FF_EE00);
    record(
        manifest,
        used,
        seed,
        |field| {
            if dice.below(3) == 0 { Value::Empty } else { random_value(field, dice) }
        },
    )
}

/// A record of this entity that has a value in every field.
pub(crate) fn full_record(manifest: &Manifest, used: &EntityUse) -> Record {
    let dice = &mut Dice(1);
    record(manifest, used, 1, |field| match &field.kind {
        Kind::Text if field.choices.is_empty() => Value::Text(format!("the {}", field.name)),
        Kind::Texts => Value::Texts(vec!["SOL-1".to_owned()]),
        // Many a mapping leaves a record alone whose switch is off.
        Kind::Flag => Value::Flag(true),
        _ => random_value(field, dice),
    })
}

fn record(
    manifest: &Manifest,
    used: &EntityUse,
    seed: u64,
    mut value: impl FnMut(&FieldUse) -> Value,
) -> Record {
    let mut fields = |used: &EntityUse| -> Fields {
        let read = used.fields.iter().filter(|field| field.reads);
        read.map(|field| (field.name.clone(), value(field))).collect()
    };
    let key = Key { entity: used.entity.clone(), id: format!("00000000-0000-0000-0002-{seed:012}") };
    let mut record = Record { key, fields: fields(used), related: Vec::new() };
    for reached in &manifest.entities {
        let Some(via) = &reached.via else { continue };
        let Some(Value::Existing(key)) = record.fields.get(via) else { continue };
        if key.entity == reached.entity {
            record.related.push(Related { via: via.clone(), key: key.clone(), fields: fields(reached) });
        }
    }
    record
}

/// A value that a field may hold, not empty in most cases.
pub(crate) fn random_value(field: &FieldUse, dice: &mut Dice) -> Value {
    if !field.choices.is_empty() && dice.below(4) > 0 {
        return dice.pick(&field.choices).cloned().unwrap_or(Value::Empty);
    }
    match &field.kind {
        Kind::Text => {
            let longest = field.length.and_then(|length| usize::try_from(length).ok()).unwrap_or(usize::MAX);
            Value::Text(dice.text().chars().take(longest).collect())
        }
        Kind::Flag => Value::Flag(dice.below(2) == 0),
        Kind::Integer => Value::Integer(i32::try_from(dice.below(6)).unwrap_or_default()),
        Kind::Decimal => Value::Decimal(dice.word(&["50000.0000", "0", "-12.5", "1234.5679"])),
        Kind::Date => Value::Date(dice.word(&["2026-01-31", "1999-12-31"])),
        Kind::Instant => Value::Instant(dice.word(&["2026-01-31T10:00:00Z", "1999-12-31T23:59:59Z"])),
        Kind::Texts => Value::Texts(vec![dice.text()]),
        Kind::Reference(entity) => {
            Value::Existing(Key { entity: entity.clone(), id: format!("{entity}-{}", dice.below(3)) })
        }
        Kind::Json => Value::Json(json!({ "odd": 1 })),
    }
}

/// What a lookup finds in a CRM that is made up: none, one or a few records with what was asked for. The same question
/// has the same answer.
pub fn found(used: &EntityUse, matching: &Fields, limit: u32) -> Vec<(Key, Fields)> {
    let question = format!("{}{matching:?}", used.entity);
    let seed = question.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let dice = &mut Dice(seed);
    let records = (0..dice.below(4).min(u64::from(limit))).map(|at| {
        let read = used.fields.iter().filter(|field| field.reads);
        let value = |field: &FieldUse, dice: &mut Dice| {
            matching.get(&field.name).cloned().unwrap_or_else(|| random_value(field, dice))
        };
        let fields = read.map(|field| (field.name.clone(), value(field, dice))).collect();
        (Key { entity: used.entity.clone(), id: format!("{}-{}", used.entity, at + 1) }, fields)
    });
    records.collect()
}
