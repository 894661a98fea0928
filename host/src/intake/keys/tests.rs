//! A CRM's webhook key: where it may stand, and that nothing else opens.

use http::{HeaderValue, StatusCode};

use super::*;

fn keys(previous: Option<&str>) -> WebhookKeys {
    WebhookKeys {
        current: "correct-horse-battery".into(),
        previous: previous.map(Into::into),
        parameter: "code",
        header: Some(HeaderName::from_static("x-crosswalk-key")),
    }
}

#[test]
fn the_key_is_accepted_in_the_address_or_in_the_header() {
    let none = HeaderMap::new();
    keys(None).check(&none, Some("a=b&code=correct-horse-battery")).unwrap();
    let mut headers = HeaderMap::new();
    headers.insert("X-Crosswalk-Key", HeaderValue::from_static("correct-horse-battery"));
    keys(None).check(&headers, None).unwrap();
}

#[test]
fn a_wrong_key_is_refused() {
    let none = HeaderMap::new();
    for code in ["", "correct-horse-batterz", "correct-horse-battery2", "correct-horse"] {
        let refused = keys(None).check(&none, Some(&format!("code={code}"))).unwrap_err();
        assert_eq!(refused, Refused::WrongKey);
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    }
}

#[test]
fn a_wrong_key_in_the_header_is_not_cured_by_the_right_one_in_the_address() {
    let mut headers = HeaderMap::new();
    headers.insert("x-crosswalk-key", HeaderValue::from_static("wrong"));
    assert_eq!(keys(None).check(&headers, Some("code=correct-horse-battery")), Err(Refused::WrongKey));
}

#[test]
fn a_request_without_a_key_is_refused() {
    let refused = keys(None).check(&HeaderMap::new(), Some("key=correct-horse-battery")).unwrap_err();
    assert_eq!(
        refused,
        Refused::MissingKey { places: "neither as `?code=` nor as `x-crosswalk-key`".into() }
    );
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(keys(None).check(&HeaderMap::new(), None), Err(refused));
}

#[test]
fn while_a_key_is_changed_the_one_before_is_accepted_too() {
    let none = HeaderMap::new();
    let both = keys(Some("the-one-before"));
    both.check(&none, Some("code=the-one-before")).unwrap();
    both.check(&none, Some("code=correct-horse-battery")).unwrap();
    assert_eq!(keys(None).check(&none, Some("code=the-one-before")), Err(Refused::WrongKey));
}

#[test]
fn no_key_shows_in_debug_output() {
    let shown = format!("{:?}", keys(Some("the-one-before")));
    assert!(!shown.contains("correct") && !shown.contains("before"), "{shown}");
}

#[test]
fn where_no_header_can_be_sent_none_is_looked_at() {
    let mut headers = HeaderMap::new();
    headers.insert("x-crosswalk-key", HeaderValue::from_static("correct-horse-battery"));
    let keys = WebhookKeys { parameter: "key", header: None, ..keys(None) };
    let refused = keys.check(&headers, Some("code=correct-horse-battery")).unwrap_err();
    assert_eq!(refused, Refused::MissingKey { places: "which its address must carry as `?key=`".into() });
    keys.check(&headers, Some("key=correct-horse-battery&key=other")).unwrap();
}
