//! Referrals and records to test on: the documented one, and odd but legal ones made of a seed.

use super::json;
use crate::{
    Json,
    contract::{CrmRecord, EntityUse, Kind, NamedValue, RecordKey, Reference, RelatedRecord, Value},
};

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
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound.max(1)
    }

    fn pick<'a>(&mut self, options: &[&'a str]) -> &'a str {
        let at = self.below(options.len() as u64);
        usize::try_from(at).ok().and_then(|at| options.get(at)).copied().unwrap_or_default()
    }

    /// A value, or nothing in one case of three.
    fn maybe(&mut self, value: impl FnOnce(&mut Self) -> Json) -> Json {
        if self.below(3) == 0 { Json::Null } else { value(self) }
    }

    fn text(&mut self) -> String {
        let long = "x".repeat(2100);
        self.pick(&["Solar park", "✔ Solar park", "two\nlines", "  spaces ", "Ünïcödé 🌞", "", "N/A", &long])
            .to_owned()
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
    let substatus = dice.pick(substatuses);
    let solutions: Vec<Json> =
        (0..dice.below(3)).map(|at| json!({ "id": format!("SOL-{at}"), "type": "Name" })).collect();
    let help = ["ProofOfConceptOrDemo", "GeneralOrOther", "SomethingNew"];
    json!({
        "id": format!("00000000-0000-0000-0000-{seed:012}"),
        "engagementId": format!("00000000-0000-0000-0001-{seed:012}"),
        "name": dice.maybe(|dice| dice.text().into()),
        "type": dice.pick(&["Shared", "Independent"]),
        "qualification": dice.pick(&["SalesQualified", "SalesQualified", "MarketingQualified", "Direct"]),
        "status": status,
        "substatus": substatus,
        "customerProfile": {
            "name": dice.maybe(|dice| dice.text().into()),
            "address": dice.maybe(|dice| json!({
                "addressLine1": dice.text(), "city": dice.text(),
                "postalCode": dice.pick(&["98052", "", "10115"]), "country": dice.pick(&["US", "DE", ""])
            })),
            "team": dice.maybe(|dice| json!([{ "firstName": dice.text(), "email": "kim@contoso.example" }])),
        },
        "consent": { "consentToShareReferralWithMicrosoftSellers": dice.below(2) == 0 },
        "details": {
            "notes": dice.maybe(|dice| dice.text().into()),
            "dealValue": dice.maybe(|dice| match dice.below(4) {
                0 => json!(50000),
                1 => json!(0),
                2 => json!("1234.56789"),
                _ => json!(0.1),
            }),
            "currency": dice.maybe(|dice| dice.pick(&["USD", "EUR", "JPY"]).into()),
            "closingDateTime": dice.maybe(|dice| {
                dice.pick(&["2026-01-31T00:00:00Z", "2026-01-31T23:59:59.1234567Z", "1999-12-31T12:00:00Z"]).into()
            }),
            "requirements": { "solutions": solutions },
        },
        "inviteContext": dice.maybe(|dice| json!({
            "assistanceRequestCode": dice.pick(&help),
            "invitedBy": dice.maybe(|dice| json!({ "organizationId": dice.pick(&["msft", "9a4cdb5b"]) })),
        })),
        "trackingInfo": dice.maybe(|_| json!({ "microsoftMsxId": "7-ABC" })),
    })
}

/// An odd but legal record of this entity: any field may be empty, and options may be ones that nobody listed.
pub fn random_record(entity: &EntityUse, all: &[EntityUse], seed: u64) -> CrmRecord {
    let dice = &mut Dice(seed ^ 0xC0FF_EE00);
    let key = RecordKey { entity: entity.entity.clone(), id: format!("00000000-0000-0000-0002-{seed:012}") };
    let mut record =
        CrmRecord { key, fields: random_fields(entity, dice), related: Vec::new(), more: Vec::new() };
    for related in all {
        let Some(via) = &related.via else { continue };
        let held = record.fields.iter().find(|field| field.name == *via).map(|field| &field.value);
        if let Some(Value::Reference(Reference::Existing(key))) = held {
            let fields = random_fields(related, dice);
            record.related.push(RelatedRecord {
                via: via.clone(),
                key: key.clone(),
                fields,
                more: Vec::new(),
            });
        }
    }
    record
}

fn random_fields(entity: &EntityUse, dice: &mut Dice) -> Vec<NamedValue> {
    let fields = entity.fields.iter().filter(|field| field.reads);
    fields
        .map(|field| NamedValue { name: field.name.clone(), value: random_value(&field.kind, dice) })
        .collect()
}

fn random_value(kind: &Kind, dice: &mut Dice) -> Value {
    if dice.below(3) == 0 {
        return Value::Empty;
    }
    match kind {
        Kind::Text => Value::Text(dice.text()),
        Kind::Flag => Value::Flag(dice.below(2) == 0),
        Kind::Integer => Value::Integer(i32::try_from(dice.below(6)).unwrap_or_default()),
        Kind::Decimal => Value::Decimal(dice.pick(&["50000.0000", "0", "-12.5", "1234.5679"]).to_owned()),
        Kind::Date => Value::Date(dice.pick(&["2026-01-31", "1999-12-31"]).to_owned()),
        Kind::Instant => {
            Value::Instant(dice.pick(&["2026-01-31T10:00:00Z", "1999-12-31T23:59:59Z"]).to_owned())
        }
        Kind::Texts => Value::Texts(vec![dice.text()]),
        Kind::Reference(entity) => {
            let id = format!("{entity}-{}", dice.below(3));
            Value::Reference(Reference::Existing(RecordKey { entity: entity.clone(), id }))
        }
        Kind::Other(_) => Value::Other("{\"odd\":1}".to_owned()),
    }
}
