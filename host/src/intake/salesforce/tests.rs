//! Outbound Messages: the documented one, and each way of being another.

use http::StatusCode;
use proptest::prelude::*;

use super::*;

const ORG: &str = "00D300000000Z7zEAE";
const SESSION: &str = "00D300000000Z7z!AQoAQGcanary";

/// The documented message, with one notification about an opportunity.
fn message_with(notifications: &str) -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsd="http://www.w3.org/2001/XMLSchema"
  xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
 <soapenv:Body>
  <notifications xmlns="http://soap.sforce.com/2005/09/outbound">
   <OrganizationId>{ORG}</OrganizationId>
   <ActionId>04k300000000AbCAAU</ActionId>
   <SessionId xsi:nil="true"/>
   <EnterpriseUrl>https://fabrikam.my.salesforce.com/services/Soap/c/62.0/00D300000000Z7z</EnterpriseUrl>
   <PartnerUrl>https://fabrikam.my.salesforce.com/services/Soap/u/62.0/00D300000000Z7z</PartnerUrl>
   {notifications}
  </notifications>
 </soapenv:Body>
</soapenv:Envelope>"#
    )
}

const OPPORTUNITY: &str = r#"<Notification>
    <Id>04l300000000AAAAA2</Id>
    <sObject xsi:type="sf:Opportunity" xmlns:sf="urn:sobject.enterprise.soap.sforce.com">
     <sf:Id>006300000000001AAA</sf:Id>
     <sf:AccountId>001300000000001</sf:AccountId>
     <sf:Name>Fish &amp; Chips &#x2714; &lt;b&gt;</sf:Name>
     <sf:StageName><![CDATA[Closed Won]]></sf:StageName>
    </sObject>
   </Notification>"#;

fn documented() -> String {
    message_with(OPPORTUNITY)
}

fn read(body: &str) -> Message {
    parse(body.as_bytes()).unwrap()
}

/// The documented message with one piece of text replaced, and why it is refused.
fn refused(from: &str, to: &str) -> String {
    let body = documented();
    assert!(body.contains(from), "{from}");
    refusal(&body.replace(from, to))
}

fn refusal(body: &str) -> String {
    match parse(body.as_bytes()) {
        Err(Refused::BodyMalformed { problem }) => problem,
        other => panic!("{other:?}"),
    }
}

fn id(text: &str) -> SalesforceId {
    SalesforceId::parse(text).unwrap()
}

#[test]
fn the_documented_message_is_a_hint_at_its_record() {
    let message = read(&documented());
    assert_eq!((message.organization_id.as_str(), message.action_id.as_str()), (ORG, "04k300000000AbCAAU"));
    let [notification] = message.notifications.as_slice() else { panic!("{message:?}") };
    assert_eq!(notification.id.as_str(), "04l300000000AAAAA2");
    let record = RecordKey { entity: "Opportunity".into(), id: "006300000000001AAA".into() };
    assert_eq!(notification.record, record);
    assert_eq!(notification.reference("AccountId"), Some(&id("001300000000001AAA")));
    assert_eq!(notification.reference("Name"), None);
}

#[test]
fn a_field_that_is_empty_is_not_in_the_message_and_refers_to_nothing() {
    let without = documented().replace("<sf:AccountId>001300000000001</sf:AccountId>", "");
    assert_eq!(read(&without).notifications[0].reference("AccountId"), None);
    for empty in [
        "<sf:AccountId/>",
        "<sf:AccountId xsi:nil=\"true\"></sf:AccountId>",
        "<sf:AccountId><sf:a/></sf:AccountId>",
    ] {
        let body = documented().replace("<sf:AccountId>001300000000001</sf:AccountId>", empty);
        assert_eq!(read(&body), read(&without), "{empty}");
    }
}

#[test]
fn both_forms_of_an_id_are_read_as_the_longer_one() {
    let short = documented().replace("006300000000001AAA", "006300000000001").replace(ORG, &ORG[..15]);
    assert_eq!(read(&short), read(&documented()));
}

#[test]
fn other_prefixes_for_the_same_namespaces_are_the_same_message() {
    let other = documented()
        .replace("soapenv", "s")
        .replace("sf:", "x:")
        .replace("xmlns:sf", "xmlns:x")
        .replace("xsi", "i");
    assert_eq!(read(&other), read(&documented()));
}

#[test]
fn a_header_and_comments_and_a_byte_order_mark_are_passed_over() {
    let more = documented().replace(
        "<soapenv:Body>",
        "<soapenv:Header><a xmlns=\"b\"><c/>x</a></soapenv:Header><!-- x --><soapenv:Body>",
    );
    assert_eq!(read(&format!("\u{feff}{more}")), read(&documented()));
}

#[test]
fn one_to_a_hundred_notifications_are_read() {
    let hundred = message_with(&OPPORTUNITY.repeat(100));
    assert_eq!(read(&hundred).notifications.len(), 100);
    let more = message_with(&OPPORTUNITY.repeat(101));
    assert!(refusal(&more).contains("more than 100 notifications"));
    assert!(refusal(&message_with("")).contains("no notification"));
}

#[test]
fn a_copy_of_the_org_is_told_from_the_original() {
    let message = read(&documented());
    message.check_organization(&id("00D300000000Z7z")).unwrap();
    let refused = message.check_organization(&id("00D300000000Z7y")).unwrap_err();
    assert!(matches!(refused, Refused::Organization { .. }), "{refused:?}");
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
}

#[test]
fn a_users_session_is_not_kept() {
    let body =
        documented().replace("<SessionId xsi:nil=\"true\"/>", &format!("<SessionId>{SESSION}</SessionId>"));
    assert_eq!(read(&body), read(&documented()));
    assert!(!refusal(&body.replace("<ActionId>", "<ActionId>x")).contains("canary"));
}

#[test]
fn a_document_type_is_refused_with_all_that_it_could_declare() {
    let kinds = [
        "<!DOCTYPE x>",
        "<!DOCTYPE x SYSTEM \"http://169.254.169.254/latest/meta-data\">",
        "<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]>",
        "<!DOCTYPE x [<!ENTITY % p SYSTEM \"file:///etc/passwd\"> %p;]>",
    ];
    for kind in kinds {
        let problem = refused("<soapenv:Envelope", &format!("{kind}<soapenv:Envelope"));
        assert!(problem.contains("document type"), "{problem}");
    }
    assert!(refused("Fish &amp; Chips", "&fish;").contains("entity"));
    assert!(refused("<sf:StageName>", "<!ENTITY a \"b\"><sf:StageName>").contains("XML"));
}

#[test]
fn processing_instructions_and_other_encodings_are_refused() {
    assert!(refused("<soapenv:Body>", "<?php x?><soapenv:Body>").contains("processing instruction"));
    assert!(
        refused("<soapenv:Body>", "<?xml version=\"1.0\"?><soapenv:Body>").contains("processing instruction")
    );
    assert!(refused("\"UTF-8\"", "\"UTF-7\"").contains("not UTF-8"));
    assert!(matches!(parse(b"\xff\xfe<\0a\0/\0>\0"), Err(Refused::BodyMalformed { .. })));
}

#[test]
fn an_element_of_another_namespace_does_not_belong_here() {
    let cases = [
        (
            "http://schemas.xmlsoap.org/soap/envelope/",
            "http://www.w3.org/2003/05/soap-envelope",
            "its element",
        ),
        ("\"http://soap.sforce.com/2005/09/outbound\"", "\"urn:other\"", "its body"),
        ("<ActionId>", "<ActionId xmlns=\"urn:other\">", "its notifications"),
        ("<Id>", "<Id xmlns=\"\">", "its notification"),
        ("urn:sobject.enterprise.soap.sforce.com", "urn:other", "of which type"),
        ("<sf:StageName>", "<sf:StageName xmlns:sf=\"urn:other\">", "its sObject"),
        ("xsi:type", "type", "of which type"),
        ("xsi:type=\"sf:Opportunity\"", "xsi:type=\"other:Opportunity\"", "prefix"),
        ("<sf:Name>", "<other:Name>", "prefix"),
        ("<Notification>", "<Surprise/><Notification>", "`Surprise`"),
        ("</soapenv:Body>", "</soapenv:Body><soapenv:Body/>", "its envelope"),
        ("</notifications>", "</notifications><more/>", "its body"),
    ];
    for (from, to, expected) in cases {
        let problem = refused(from, to);
        assert!(problem.contains(expected), "{to}: {problem}");
    }
}

#[test]
fn what_must_be_there_once_is_there_once() {
    let cases = [
        (format!("<OrganizationId>{ORG}</OrganizationId>"), "OrganizationId"),
        ("<ActionId>04k300000000AbCAAU</ActionId>".to_owned(), "ActionId"),
        ("<Id>04l300000000AAAAA2</Id>".to_owned(), "Id"),
        ("<sf:Id>006300000000001AAA</sf:Id>".to_owned(), "Id"),
    ];
    for (part, name) in cases {
        let problem = refused(&part, "");
        assert!(problem.contains("no ") && problem.contains(name), "{problem}");
        let problem = refused(&part, &part.repeat(2));
        assert!(problem.contains("more than one") && problem.contains(name), "{problem}");
    }
    assert!(
        refusal(&message_with("<Notification><Id>04l300000000AAAAA2</Id></Notification>"))
            .contains("no sObject")
    );
}

#[test]
fn an_id_of_another_kind_or_of_none_is_refused() {
    for (from, to) in [
        (ORG, "006300000000001AAA"),
        (ORG, "../../etc/passwd"),
        ("04k300000000AbCAAU", "04l300000000AbCAAU"),
        ("04l300000000AAAAA2", "04l3"),
        ("006300000000001AAA", "006300000000001AAB"),
        ("006300000000001AAA", ""),
    ] {
        let problem = refused(from, to);
        assert!(problem.contains("is no id"), "{to}: {problem}");
    }
}

#[test]
fn the_type_of_a_record_is_a_name_and_nothing_else() {
    for name in ["../x", "", &"x".repeat(81), "Öpportunity"] {
        let problem = refused("sf:Opportunity", &format!("sf:{name}"));
        assert!(problem.contains("of which type"), "{name}: {problem}");
    }
    let custom = documented().replace("sf:Opportunity", "sf:Microsoft_Solution__c");
    assert_eq!(read(&custom).notifications[0].record.entity, "Microsoft_Solution__c");
}

#[test]
fn what_is_no_envelope_is_refused() {
    for body in ["", " ", "{}", "<a/>", "<?xml version=\"1.0\"?>", "<a", "text", "]]>", "&amp;"] {
        assert!(matches!(parse(body.as_bytes()), Err(Refused::BodyMalformed { .. })), "{body}");
    }
    assert!(refusal(&format!("{}<x/>", documented())).contains("follows its end"));
    assert!(refused("<Notification>", "words<Notification>").contains("text between"));
}

#[test]
fn a_bottomless_message_is_refused_or_passed_over_but_never_overflows() {
    let deep = "<d>".repeat(60_000);
    assert!(matches!(parse(deep.as_bytes()), Err(Refused::BodyMalformed { .. })));
    let open = documented().replace("<SessionId", &format!("<SessionId>{deep}</SessionId><SessionId"));
    assert!(matches!(parse(open.as_bytes()), Err(Refused::BodyMalformed { .. })));
    let closed = format!("<SessionId>{}{}</SessionId>", "<d>".repeat(10_000), "</d>".repeat(10_000));
    let body = documented().replace("<SessionId xsi:nil=\"true\"/>", &closed);
    assert_eq!(read(&body), read(&documented()));
}

#[test]
fn a_message_cut_off_anywhere_is_refused() {
    let whole = documented();
    for length in 0..whole.len() {
        let refused = parse(&whole.as_bytes()[..length]).unwrap_err();
        assert!(matches!(refused, Refused::BodyMalformed { .. }), "{length}: {refused:?}");
    }
}

#[test]
fn a_refusal_repeats_no_more_of_a_stranger_than_a_line() {
    let problem = refused("<Notification>", &format!("<{}/><Notification>", "x".repeat(5_000)));
    assert!(problem.len() < 500, "{problem}");
}

#[test]
fn an_answer_says_whether_all_is_stored_and_a_fault_says_no_more_than_the_class() {
    let yes = acknowledgement(true);
    let mut xml = Xml::new(yes.as_bytes()).unwrap();
    assert!(xml.child().unwrap().unwrap().is(SOAP, "Envelope"));
    assert!(xml.child().unwrap().unwrap().is(SOAP, "Body"));
    assert!(xml.child().unwrap().unwrap().is(OUTBOUND, "notificationsResponse"));
    assert!(xml.child().unwrap().unwrap().is(OUTBOUND, "Ack"));
    assert_eq!(xml.text().unwrap().as_deref(), Some("true"));
    assert!(acknowledgement(false).contains("<Ack>false</Ack>"));
    let refused = Refused::Organization { given: "a".into(), expected: "b".into() };
    assert_eq!(
        fault(refused.class()),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\">\
         <soapenv:Body><soapenv:Fault><faultcode>soapenv:Client</faultcode><faultstring>the sender could not be verified\
         </faultstring></soapenv:Fault></soapenv:Body></soapenv:Envelope>"
    );
    assert!(fault(Class::TryAgain).contains("soapenv:Server"));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused_as_malformed(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let read = matches!(parse(&bytes), Ok(_) | Err(Refused::BodyMalformed { .. }));
        prop_assert!(read);
    }

    #[test]
    fn a_message_that_was_tampered_with_is_read_or_refused_as_malformed(
        edits in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(PIECES)), 1..6)
    ) {
        let mut body = documented();
        for (place, piece) in edits {
            let mut at = place.index(body.len());
            while !body.is_char_boundary(at) {
                at -= 1;
            }
            body.insert_str(at, piece);
        }
        match parse(body.as_bytes()) {
            Ok(message) => prop_assert!((1..=100).contains(&message.notifications.len())),
            Err(Refused::BodyMalformed { .. }) => {}
            Err(other) => return Err(TestCaseError::fail(format!("{other:?}"))),
        }
    }

    #[test]
    fn what_is_read_is_what_was_written(records in prop::collection::vec(("[0-9A-Za-z]{12}", "[A-Z][a-z]{1,20}(__c)?", ".{0,40}"), 1..20)) {
        let notifications: String = records.iter().enumerate().map(|(number, (record, entity, text))| {
            let text = quick_xml::escape::escape(text.as_str());
            format!(
                "<Notification><Id>04l{number:012}</Id><sObject xsi:type=\"sf:{entity}\" xmlns:sf=\"{OBJECT}\">\
                 <sf:Id>006{record}</sf:Id><sf:Name>{text}</sf:Name></sObject></Notification>"
            )
        }).collect();
        let message = read(&message_with(&notifications));
        let found: Vec<_> = message.notifications.iter().map(|one| (one.record.entity.clone(), one.record.id[3..15].to_owned())).collect();
        let written: Vec<_> = records.iter().map(|(record, entity, _)| (entity.clone(), record.clone())).collect();
        prop_assert_eq!(found, written);
    }
}

/// What a parser stumbles over.
const PIECES: &[&str] = &[
    "<",
    ">",
    "/>",
    "</",
    "&",
    "&amp;",
    "&#0;",
    "&#x110000;",
    "&x;",
    "<!--",
    "-->",
    "<![CDATA[",
    "]]>",
    "<!DOCTYPE a>",
    "<?a?>",
    "\"",
    "'",
    "=",
    "xmlns=\"\"",
    "xmlns:sf=\"a\"",
    "<sf:Id>",
    "</soapenv:Body>",
    "<Notification>",
    "\u{0}",
    "\u{feff}",
    "ä",
];
