//! Dataverse's webhooks: the hint, whom a row belongs to, and what is tolerated.

use http::StatusCode;

use super::*;

const RECORD: &str = "8bfee2bc-8a3c-4b5a-9c1d-aa0000000001";
const OPERATION: &str = "4af10637-4ea2-e711-8122-e0071b6af231";

fn body() -> String {
    format!(
        r#"{{"BusinessUnitId":"e2b9dd65-53a2-e711-811c-000000000001","CorrelationId":"b374239d-4233-41a9-8b17-a86cb4f737b5",
        "Depth":1,"InputParameters":[{{"key":"Target","value":{{"__type":"Entity:http:\/\/schemas.microsoft.com\/xrm\/2011\/Contracts",
        "Attributes":[{{"key":"estimatedvalue","value":{{"__type":"Money:http:\/\/x","Value":123.45}}}}],"Id":"{RECORD}"}}}}],
        "IsInTransaction":false,"MessageName":"Update","Mode":1,"OperationCreatedOn":"\/Date(1506409448000-0700)\/",
        "OperationId":"{OPERATION}","OrganizationId":"02d86d96-53a2-e711-811c-000000000002","OrganizationName":"contoso",
        "ParentContext":null,"PrimaryEntityId":"{}","PrimaryEntityName":"opportunity",
        "RequestId":"c0a9d4f0-8a3c-4b5a-9c1d-aa0000000003","Stage":40,"UserId":"75df116d-d9da-e711-a94b-000000000004"}}"#,
        RECORD.to_uppercase()
    )
}

fn hint(body: &str) -> Hint {
    match parse(body.as_bytes()) {
        Ok(Notice::Hint(hint)) => hint,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_updated_record_is_a_hint_at_its_id() {
    let hint = hint(&body());
    assert_eq!(hint.record, RecordKey { entity: "opportunity".into(), id: RECORD.into() });
    assert_eq!(hint.message, "Update");
    assert_eq!(hint.organization_id.as_deref(), Some("02d86d96-53a2-e711-811c-000000000002"));
    assert_eq!(hint.dedupe_key.unwrap(), format!("Update/opportunity/{RECORD}/{OPERATION}"));
}

#[test]
fn a_stripped_body_says_the_same() {
    let stripped = format!(
        r#"{{"MessageName":"Update","OperationId":"{OPERATION}","OrganizationId":"02d86d96-53a2-e711-811c-000000000002",
        "PrimaryEntityId":"{RECORD}","PrimaryEntityName":"opportunity"}}"#
    );
    assert_eq!(hint(&stripped), hint(&body()));
}

#[test]
fn a_synchronous_step_is_never_a_duplicate() {
    let synchronous = body().replace(OPERATION, "00000000-0000-0000-0000-000000000000");
    assert_eq!(hint(&synchronous).dedupe_key, None);
}

#[test]
fn another_job_has_another_key() {
    let other = body().replace(OPERATION, "4af10637-4ea2-e711-8122-e0071b6af232");
    assert_ne!(hint(&other).dedupe_key, hint(&body()).dedupe_key);
}

#[test]
fn members_of_unexpected_kinds_are_tolerated() {
    let odd = body().replace(&format!("\"{OPERATION}\""), r#"{"a":[1,2.5,{"b":null}]}"#);
    assert_eq!(hint(&odd).dedupe_key, None);
    for value in ["7", "-7", "2.5", "true", "null", "[[]]"] {
        let odd = body().replace(&format!("\"{OPERATION}\""), value);
        assert_eq!(hint(&odd).dedupe_key, None, "{value}");
    }
}

#[test]
fn a_context_without_a_record_is_ignored() {
    for (from, to) in [
        (RECORD.to_uppercase(), "00000000-0000-0000-0000-000000000000".to_owned()),
        (RECORD.to_uppercase(), "7".to_owned()),
        ("\"opportunity\"".to_owned(), "\"none\"".to_owned()),
        ("\"opportunity\"".to_owned(), "\"../accounts\"".to_owned()),
        ("\"opportunity\"".to_owned(), "null".to_owned()),
    ] {
        let ignored = parse(body().replace(&from, &to).as_bytes());
        assert_eq!(ignored, Ok(Notice::Ignored { message: "Update".into() }), "{to}");
    }
}

#[test]
fn what_is_not_a_context_is_refused() {
    for body in ["", "[]", "7", "{}", r#"{"MessageName":null}"#, r#"{"MessageName":"Update""#] {
        let refused = parse(body.as_bytes()).unwrap_err();
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST, "{body}");
    }
}

#[test]
fn a_bottomless_body_is_skipped_or_refused_but_never_overflows() {
    let deep = body().replacen("[{", &format!("{}[{{", "[".repeat(200_000)), 1);
    parse(deep.as_bytes()).unwrap_err();
    let closed = body().replace(
        "\"ParentContext\":null",
        &format!("\"ParentContext\":{}{}", "[".repeat(100), "]".repeat(100)),
    );
    assert_eq!(hint(&closed), hint(&body()));
}

#[test]
fn a_body_cut_off_anywhere_is_refused() {
    let whole = body();
    for length in 0..whole.len() {
        let refused = parse(&whole.as_bytes()[..length]).unwrap_err();
        assert!(matches!(refused, Refused::BodyMalformed { .. }), "{length}: {refused:?}");
    }
}

#[test]
fn a_copy_of_the_organisation_is_told_from_the_original() {
    let given = "02d86d96-53a2-e711-811c-000000000002";
    hint(&body()).check_organization(None).unwrap();
    hint(&body()).check_organization(Some(&given.to_uppercase())).unwrap();
    let expected = "12d86d96-53a2-e711-811c-000000000002";
    let refused = hint(&body()).check_organization(Some(expected)).unwrap_err();
    assert_eq!(refused, Refused::Organization { given: given.into(), expected: expected.into() });
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
}

const PARENT: &str = "8bfee2bc-8a3c-4b5a-9c1d-aa00000000aa";
const PARENT_BEFORE: &str = "8bfee2bc-8a3c-4b5a-9c1d-aa00000000bb";

/// A solution's row: what was written, and an image of how it was before.
fn row(target: &str, image: &str) -> String {
    format!(
        r#"{{"MessageName":"Update","PrimaryEntityName":"msft_microsoftsolution","PrimaryEntityId":"{RECORD}",
        "InputParameters":[{{"key":"Target","value":{target}}},{{"key":"ConcurrencyBehavior","value":0}}],
        "PreEntityImages":[{{"key":"before","value":{image}}}],"PostEntityImages":[]}}"#
    )
}

fn refers_to(id: &str) -> String {
    format!(
        r#"{{"Attributes":[{{"key":"msft_name","value":"x"}},{{"key":"msft_opportunityid","value":{{
        "__type":"EntityReference:http:\/\/schemas.microsoft.com\/xrm\/2011\/Contracts","Id":"{id}","LogicalName":"opportunity"}}}}]}}"#
    )
}

fn parents(body: &str) -> Vec<String> {
    references(body.as_bytes(), "msft_opportunityid").unwrap()
}

#[test]
fn a_row_that_was_moved_names_both_of_its_parents_and_each_once() {
    let moved = row(&refers_to(&PARENT.to_uppercase()), &refers_to(PARENT_BEFORE));
    assert_eq!(parents(&moved), [PARENT, PARENT_BEFORE]);
    assert_eq!(parents(&row(&refers_to(PARENT), &refers_to(PARENT))), [PARENT]);
}

#[test]
fn a_deleted_row_names_its_parent_by_its_image_alone() {
    let target = format!(r#"{{"Id":"{RECORD}","LogicalName":"msft_microsoftsolution"}}"#);
    assert_eq!(parents(&row(&target, &refers_to(PARENT))), [PARENT]);
    assert_eq!(parents(&row(&target, "null")), Vec::<String>::new());
}

#[test]
fn a_row_of_unexpected_shape_names_nobody() {
    for target in
        ["7", "null", "[]", r#"{"Attributes":7}"#, r#"{"Attributes":[7,{"key":"msft_opportunityid"}]}"#]
    {
        assert_eq!(parents(&row(target, "{}")), Vec::<String>::new(), "{target}");
    }
    assert_eq!(parents(&row(&refers_to("nobody"), "{}")), Vec::<String>::new());
    assert!(references(b"7", "msft_opportunityid").is_err());
}
