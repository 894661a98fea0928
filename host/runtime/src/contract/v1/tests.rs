//! The conversions: nothing legal fails inwards, nothing illegal passes outwards.

use crosswalk_engine::{
    referral::Referral,
    value::{RecordKey, Reference, Value},
};
use serde_json::{Value as Json, json};

use super::{bindings::crosswalk::mapping::referral as wit, referral::referral, values, wire_values};
use crate::codes::Code;

fn seen(document: Json) -> wit::Referral {
    referral(&Referral(document))
}

/// All that is in `more`, anywhere, as `name = value`.
fn more(referral: &wit::Referral) -> Vec<String> {
    let mut all: Vec<&wire_values::Field> = referral.more.iter().collect();
    all.extend(&referral.customer.more);
    all.extend(referral.customer.address.iter().flat_map(|address| &address.more));
    all.extend(referral.customer.team.iter().chain(&referral.team).flat_map(|member| &member.more));
    all.extend(&referral.consent.more);
    all.extend(&referral.details.more);
    all.extend(referral.details.solutions.iter().flat_map(|solution| &solution.more));
    all.extend(referral.invitation.iter().flat_map(|invitation| &invitation.more));
    all.extend(referral.tracking.iter().flat_map(|tracking| &tracking.more));
    all.iter().map(|field| format!("{} = {:?}", field.name, field.value)).collect()
}

#[test]
fn every_documented_field_has_its_place() {
    let seen = seen(full());
    assert_eq!(seen.id.as_deref(), Some("r1"));
    assert_eq!(seen.engagement_id.as_deref(), Some("e1"));
    assert_eq!(seen.organization_id.as_deref(), Some("o1"));
    assert_eq!(seen.external_reference_id.as_deref(), Some("x1"));
    assert_eq!(seen.created.as_deref(), Some("2019-02-23T02:05:23.2931817Z"));
    assert_eq!(seen.expires, None);
    assert!(matches!(seen.status, wit::Status::Active));
    assert!(matches!(seen.substatus, wit::Substatus::Accepted));
    assert!(matches!(seen.qualification, wit::Qualification::SalesQualified));
    assert!(matches!(seen.referral_kind, wit::ReferralKind::Shared));
    assert!(matches!(seen.direction, Some(wit::Direction::Incoming)));
    assert_eq!((seen.favorite, seen.spam), (Some(true), Some(false)));
    assert_eq!(seen.tags, ["hot"]);
    assert_eq!(
        (seen.targets[0].target_kind.as_str(), seen.targets[0].id.as_str()),
        ("SolutionProfile", "SOL-1")
    );
    assert_eq!(seen.mpn_id.as_deref(), Some("4567"));
    assert_eq!(seen.customer.name.as_deref(), Some("Contoso"));
    assert_eq!(seen.customer.ids[0].id, "12-345");
    assert_eq!(seen.customer.team[0].email.as_deref(), Some("ada@contoso.example"));
    let address = seen.customer.address.as_ref().unwrap();
    assert_eq!((address.line1.as_deref(), address.postal_code.as_deref()), (Some("One Way"), Some("98052")));
    assert!(
        seen.consent.contact && seen.consent.share_with_others && !seen.consent.share_with_microsoft_sellers
    );
    assert_eq!(seen.details.deal_value.as_deref(), Some("50000.50"));
    assert_eq!(seen.details.closing_date.as_deref(), Some("2026-11-14T00:00:00Z"));
    assert_eq!(seen.details.notes.as_deref(), Some("one\ntwo"));
    assert_eq!(seen.details.industries, ["Manufacturing"]);
    assert_eq!(seen.details.solutions[0].solution_kind.as_deref(), Some("Category"));
    assert_eq!(seen.team[0].last_name.as_deref(), Some("Doe"));
    let invitation = seen.invitation.as_ref().unwrap();
    assert!(matches!(invitation.help, Some(wit::Help::GeneralOrOther)));
    assert_eq!(invitation.invited_by_organization_id.as_deref(), Some("msft"));
    assert_eq!(seen.tracking.as_ref().unwrap().microsoft_msx_id.as_deref(), Some("7-ABC"));
}

#[test]
fn what_has_no_place_is_in_more_by_its_pointer() {
    let expected = [
        "/eTag = Value::Text(\"\\\"1\\\"\")",
        "/new~1odd~0name = Value::Integer(7)",
        "/customerProfile/isMatchingComplete = Value::Flag(true)",
        "/customerProfile/address/county = Value::Text(\"King\")",
        "/customerProfile/team/0/contactPreference = Value::Other(\"{\\\"locale\\\":\\\"en-us\\\"}\")",
        "/details/requirements/offers = Value::Texts([\"a\", \"b\"])",
        "/details/requirements/solutions/0/price = Value::Decimal(\"9.5\")",
        "/trackingInfo/migratedPSCDealId = Value::Text(\"m\")",
    ];
    assert_eq!(more(&seen(full())), expected);
}

#[test]
fn known_members_of_other_types_are_in_more_and_fail_nothing() {
    let seen = seen(json!({
        "name": { "en": "x" }, "mpnId": 4567, "favorite": "true", "isSpam": 3, "status": "Frozen", "tags": "hot",
        "customerProfile": [1], "team": [{ "firstName": "Ada" }, "Grace", null],
        "details": {
            "dealValue": "ten", "closingDateTime": "soon",
            "requirements": { "industries": ["Retail", { "id": "Education", "name": "E" }, 5] },
        },
        "target": [{ "type": "None", "id": "msft", "name": "Microsoft" }],
    }));
    assert_eq!(seen.name, None);
    assert_eq!((seen.mpn_id.as_deref(), seen.favorite, seen.spam), (Some("4567"), Some(true), None));
    assert!(matches!(&seen.status, wit::Status::Other(status) if status == "Frozen"));
    assert!(matches!(&seen.substatus, wit::Substatus::Other(substatus) if substatus.is_empty()));
    assert_eq!(seen.team.len(), 1);
    assert_eq!(seen.details.deal_value, None);
    assert_eq!(seen.details.industries, ["Retail", "Education"]);
    assert_eq!(seen.targets.len(), 1);
    let expected = [
        "/customerProfile = Value::Other(\"[1]\")",
        "/isSpam = Value::Integer(3)",
        "/name = Value::Other(\"{\\\"en\\\":\\\"x\\\"}\")",
        "/tags = Value::Text(\"hot\")",
        "/target/0/name = Value::Text(\"Microsoft\")",
        "/team/1 = Value::Text(\"Grace\")",
        "/details/closingDateTime = Value::Text(\"soon\")",
        "/details/dealValue = Value::Text(\"ten\")",
        "/details/requirements/industries/1/name = Value::Text(\"E\")",
        "/details/requirements/industries/2 = Value::Integer(5)",
    ];
    assert_eq!(more(&seen), expected);
}

#[test]
fn any_legal_json_is_a_referral() {
    for document in [json!(null), json!([]), json!("x"), json!(1e300), json!({}), json!({ "details": null })]
    {
        let seen = seen(document.clone());
        assert_eq!(seen.details.deal_value, None, "{document}");
    }
    assert_eq!(more(&seen(json!([1]))), [" = Value::Other(\"[1]\")"]);
}

#[test]
fn amounts_keep_the_digits_that_were_written() {
    let amount = |text: &str| {
        let document: Json =
            serde_json::from_str(&format!("{{\"details\":{{\"dealValue\":{text}}}}}")).unwrap();
        seen(document).details.deal_value
    };
    for (written, seen) in [
        ("50000", "50000"),
        ("0.1", "0.1"),
        ("12345678901234567890.12", "12345678901234567890.12"),
        ("\"10000\"", "10000"),
        ("-7.50", "-7.50"),
        ("1E+5", "100000"),
    ] {
        assert_eq!(amount(written).as_deref(), Some(seen), "{written}");
    }
    assert_eq!(amount("0.12345678901234567890123456789012345"), None, "nothing is rounded");
}

#[test]
fn times_are_in_utc_whatever_zone_they_came_in() {
    let created = |text: &str| seen(json!({ "createdDateTime": text })).created;
    assert_eq!(created("2026-01-31T12:00:00+02:00").as_deref(), Some("2026-01-31T10:00:00Z"));
    assert_eq!(created("2026-01-31T10:00:00").as_deref(), Some("2026-01-31T10:00:00Z"));
    assert_eq!(created("0001-01-01T00:00:00").as_deref(), Some("0001-01-01T00:00:00Z"));
    assert_eq!(created("yesterday"), None);
}

#[test]
fn values_survive_the_way_to_the_plugin_and_back() {
    let originals = [
        Value::Empty,
        Value::Text("ä\nb".to_owned()),
        Value::Flag(true),
        Value::Integer(-7),
        Value::Decimal("12.50".parse().unwrap()),
        Value::Date("2026-01-31".parse().unwrap()),
        Value::Instant("2026-01-31T10:00:00.25Z".parse().unwrap()),
        Value::Texts(vec!["a".to_owned(), String::new()]),
        Value::Reference(Reference::Companion("customer".to_owned())),
        Value::Reference(Reference::Existing(RecordKey { entity: "account".to_owned(), id: "1".to_owned() })),
        Value::Json(json!({ "a": [1, "2"] })),
    ];
    for original in originals {
        assert_eq!(values::read(&values::value(&original)), Ok(original.clone()));
    }
    assert_eq!(values::read(&wire_values::Value::Text(String::new())), Ok(Value::Empty));
    let text = values::read(&wire_values::Value::Text("a\r\nb\rc".to_owned()));
    assert_eq!(text, Ok(Value::Text("a\nb\nc".to_owned())));
}

#[test]
fn numbers_days_and_moments_that_are_none_are_flaws() {
    let code = |value: wire_values::Value| values::read(&value).map_err(|flaw| flaw.code);
    for text in ["", "-", "1e5", "+1", "1,000", "1_000", " 1", "1.", ".5", "NaN", "0x1", "1.2.3", "١"] {
        assert_eq!(code(wire_values::Value::Decimal(text.to_owned())), Err(Code::BadDecimal), "{text}");
    }
    let digits = |count| wire_values::Value::Decimal("7".repeat(count));
    assert!(code(digits(28)).is_ok());
    assert_eq!(code(digits(29)), Err(Code::BadDecimal));
    for text in ["", "2026-02-30", "2026-1-1", "20260131", "2026-01-31T00:00:00Z", "31.01.2026"] {
        assert_eq!(code(wire_values::Value::Date(text.to_owned())), Err(Code::BadDate), "{text}");
    }
    for text in ["", "2026-01-31", "2026-01-31T10:00:00", "2026-01-31 10:00:00Z", "2026-01-31T10:00:00+02:00"]
    {
        assert_eq!(code(wire_values::Value::Instant(text.to_owned())), Err(Code::BadInstant), "{text}");
    }
}

#[test]
fn pointers_are_checked() {
    for name in ["/details/dealValue", "/team", "/a~0b~1c", "/"] {
        assert_eq!(values::pointer(name), Ok(()), "{name}");
    }
    for name in ["", "details", "/a~", "/a~2", "/team/-"] {
        assert!(values::pointer(name).is_err(), "{name}");
    }
}

/// A referral with every documented field, and some that are not.
fn full() -> Json {
    json!({
        "id": "r1", "engagementId": "e1", "organizationId": "o1", "organizationName": "Partner", "name": "Deal",
        "externalReferenceId": "x1", "createdDateTime": "2019-02-23T02:05:23.2931817Z", "expirationDateTime": null,
        "status": "Active", "substatus": "Accepted", "statusReason": "", "qualification": "SalesQualified",
        "type": "Shared", "direction": "Incoming", "eTag": "\"1\"", "favorite": true, "isSpam": false, "mpnId": "4567",
        "tags": [{ "tag": "hot" }], "target": [{ "type": "SolutionProfile", "id": "SOL-1" }],
        "customerProfile": {
            "name": "Contoso", "size": "10to50employees", "isMatchingComplete": true,
            "address": { "addressLine1": "One Way", "postalCode": "98052", "country": "US", "county": "King" },
            "team": [{ "firstName": "Ada", "email": "ada@contoso.example", "contactPreference": { "locale": "en-us" } }],
            "ids": [{ "profileType": "Duns", "id": "12-345" }],
        },
        "consent": { "consentToContact": true, "consentToToShareInfoWithOthers": true,
                     "consentToShareReferralWithMicrosoftSellers": false },
        "details": {
            "notes": "one\r\ntwo", "currency": "USD", "closingDateTime": "2026-11-14T00:00:00Z",
            "dealValue": serde_json::from_str::<Json>("50000.50").unwrap(),
            "requirements": {
                "industries": [{ "id": "Manufacturing" }], "offers": ["a", "b"],
                "solutions": [{ "id": "S", "name": "Field Service", "type": "Category", "price": 9.5 }],
            },
        },
        "team": [{ "firstName": "John", "lastName": "Doe" }],
        "inviteContext": { "assistanceRequestCode": "GeneralOrOther", "invitedBy": { "organizationId": "msft" } },
        "trackingInfo": { "microsoftMsxId": "7-ABC", "migratedPSCDealId": "m" },
        "new/odd~name": 7,
    })
}
