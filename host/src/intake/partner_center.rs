//! What a Partner Center webhook hints at.
//!
//! The body has five members. Only three are read: which event, which resource, when it changed. The resource's
//! address is documented on another host than the one that referrals are read from; only its last segment is used,
//! and only if it is a GUID. It is never fetched.

use crosswalk_engine::pass::Subject;
use jiff::Timestamp;
use serde_json::{Map, Value};
use url::Url;
use uuid::Uuid;

use super::refused::{Refused, quoted};

/// What a verified body says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A referral changed: store it.
    Hint(Hint),
    /// The test event of a registration: answer 200, there is nothing to do.
    Test,
    /// An event that is none of ours (subscriptions, invoices, …): answer 200, there is nothing to do.
    Ignored {
        /// The event's name, shortened and escaped.
        event: String,
    },
}

/// A referral to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// The referral's id: a GUID in lower case, with hyphens.
    pub referral_id: String,
    /// Whether the event was about a referral that is related to one of ours (Microsoft's copy). Whether the id is
    /// then ours or the other one's is not documented.
    pub related: bool,
    /// The event's name, in lower case: `referral-updated`.
    pub event: String,
    /// When the referral changed, if the body says so.
    pub changed: Option<Timestamp>,
    /// The same for every delivery of the same event; `None` if the body does not say enough to tell, and the event
    /// must not be taken for a duplicate.
    pub dedupe_key: Option<String>,
}

impl Hint {
    /// What the event is about.
    pub fn subject(&self) -> Subject {
        Subject::Referral(self.referral_id.clone())
    }
}

/// Reads a verified body. Member names are read without case: documentation and live answers differ there.
///
/// # Errors
///
/// [`Refused::BodyMalformed`].
pub fn parse(raw_body: &[u8]) -> Result<Notice, Refused> {
    let members: Map<String, Value> = serde_json::from_slice(raw_body)
        .map_err(|error| malformed(format!("it is no JSON object: {error}")))?;
    let event = text(&members, "EventName")?.ok_or_else(|| malformed("it has no EventName"))?.to_lowercase();
    let related = match event.as_str() {
        "referral-created" | "referral-updated" => false,
        "related-referral-created" | "related-referral-updated" => true,
        "test-created" => return Ok(Notice::Test),
        _ => return Ok(Notice::Ignored { event: quoted(&event) }),
    };
    let resource = text(&members, "ResourceUri")?.ok_or_else(|| malformed("it has no ResourceUri"))?;
    let referral_id = referral_id(resource)?;
    let changed: Option<Timestamp> =
        text(&members, "ResourceChangeUtcDate")?.and_then(|changed| changed.parse().ok());
    let dedupe_key = changed.map(|changed| format!("{event}/{referral_id}/{changed}"));
    Ok(Notice::Hint(Hint { referral_id, related, event, changed, dedupe_key }))
}

/// A member that is a text, or is missing, or is null.
fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, Refused> {
    let mut named = members.iter().filter(|(member, _)| member.eq_ignore_ascii_case(name));
    let Some((_, value)) = named.next() else { return Ok(None) };
    if named.next().is_some() {
        return Err(malformed(format!("it has more than one {name}")));
    }
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text)),
        _ => Err(malformed(format!("its {name} is not a text"))),
    }
}

fn referral_id(resource: &str) -> Result<String, Refused> {
    let url = Url::parse(resource)
        .map_err(|_| malformed(format!("its ResourceUri `{}` is no URI", quoted(resource))))?;
    let last = url.path_segments().and_then(|mut segments| segments.next_back()).unwrap_or_default();
    // Without the length, other spellings of a GUID (braces, a URN) would be read as well.
    const HYPHENATED: usize = 36;
    match Uuid::try_parse(last) {
        Ok(id) if last.len() == HYPHENATED => Ok(id.hyphenated().to_string()),
        _ => Err(malformed(format!("its ResourceUri `{}` does not end in a GUID", quoted(resource)))),
    }
}

fn malformed(problem: impl Into<String>) -> Refused {
    Refused::BodyMalformed { problem: problem.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intake::testing::SAMPLE;

    const ID: &str = "3e0ec4ea-2a1b-4c0d-9f2e-0a1b2c3d4e5f";

    fn body(event: &str, resource: &str) -> String {
        format!(
            r#"{{"EventName":"{event}","ResourceUri":"{resource}","ResourceName":"referral","AuditUri":null,
                "ResourceChangeUtcDate":"2018-02-17T00:05:39.5485487+00:00"}}"#
        )
    }

    fn updated(resource: &str) -> Result<Notice, Refused> {
        parse(body("referral-updated", resource).as_bytes())
    }

    fn hint(notice: Result<Notice, Refused>) -> Hint {
        match notice {
            Ok(Notice::Hint(hint)) => hint,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_documented_sample_is_a_test() {
        assert_eq!(parse(SAMPLE.as_bytes()), Ok(Notice::Test));
    }

    #[test]
    fn an_updated_referral_is_a_hint_at_its_id() {
        let uri =
            format!("https://api.partnercenter.microsoft.com/engagements/v1/referrals/{}", ID.to_uppercase());
        let hint = hint(updated(&uri));
        assert_eq!(hint.subject(), Subject::Referral(ID.to_owned()));
        assert!(!hint.related);
        assert_eq!(hint.changed, Some("2018-02-17T00:05:39.5485487Z".parse().unwrap()));
        assert_eq!(hint.dedupe_key.unwrap(), format!("referral-updated/{ID}/2018-02-17T00:05:39.5485487Z"));
    }

    #[test]
    fn both_related_events_are_marked_as_such() {
        for event in ["related-referral-created", "Related-Referral-Updated"] {
            assert!(hint(parse(body(event, &format!("https://x.example/{ID}")).as_bytes())).related);
        }
    }

    #[test]
    fn member_names_are_read_without_case_and_whichever_audit_name_is_there() {
        let camel = format!(
            r#"{{"eventName":"referral-created","resourceUri":"https://x.example/r/{ID}","auditUrl":"https://y.example",
                "resourceChangeUtcDate":"2018-02-17T00:05:39Z","new":{{"deep":[1]}}}}"#
        );
        assert_eq!(hint(parse(camel.as_bytes())).referral_id, ID);
    }

    #[test]
    fn the_same_delivery_has_the_same_key_and_another_change_has_not() {
        let first = body("referral-updated", &format!("https://x.example/{ID}"));
        let key = |body: &str| hint(parse(body.as_bytes())).dedupe_key;
        assert_eq!(key(&first), key(&first.replace("+00:00", "Z")));
        assert_ne!(key(&first), key(&first.replace(".5485487", ".5485488")));
        assert_ne!(key(&first), key(&first.replace("referral-updated", "referral-created")));
    }

    #[test]
    fn without_a_readable_time_of_change_nothing_is_a_duplicate() {
        let body = body("referral-updated", &format!("https://x.example/{ID}")).replace("2018", "once");
        let hint = hint(parse(body.as_bytes()));
        assert_eq!((hint.changed, hint.dedupe_key), (None, None));
    }

    #[test]
    fn events_of_others_are_ignored_whatever_their_resource_is() {
        let ignored = parse(body("subscription-updated", "no uri").as_bytes());
        assert_eq!(ignored, Ok(Notice::Ignored { event: "subscription-updated".into() }));
    }

    #[test]
    fn the_id_is_the_last_segment_and_must_be_a_guid() {
        assert_eq!(hint(updated(&format!("http://169.254.169.254/x/{ID}?y={ID}"))).referral_id, ID);
        for resource in [
            format!("https://x.example/{ID}/"),
            format!("https://x.example/{ID}/children"),
            format!("https://x.example/?id={ID}"),
            format!("https://x.example/{{{ID}}}"),
            format!("https://x.example/urn:uuid:{ID}"),
            format!("/engagements/v1/referrals/{ID}"),
            "https://x.example/..%2f..%2f".to_owned(),
            String::new(),
        ] {
            let refused = updated(&resource).unwrap_err();
            assert_eq!(refused.status(), http::StatusCode::BAD_REQUEST, "{resource}");
        }
    }

    #[test]
    fn a_body_cut_off_or_changed_anywhere_is_read_or_refused_as_malformed() {
        let whole = body("referral-updated", &format!("https://x.example/{ID}"));
        for position in 0..whole.len() {
            assert!(matches!(parse(&whole.as_bytes()[..position]), Err(Refused::BodyMalformed { .. })));
            for flip in [1, 0x20, 0x80] {
                let mut changed = whole.clone().into_bytes();
                changed[position] ^= flip;
                assert!(matches!(parse(&changed), Ok(_) | Err(Refused::BodyMalformed { .. })));
            }
        }
    }

    #[test]
    fn a_body_that_says_a_thing_twice_is_refused() {
        let twice = body("referral-updated", &format!("https://x.example/{ID}"))
            .replace("{", r#"{"resourceuri":"https://x.example/","#);
        assert!(matches!(parse(twice.as_bytes()), Err(Refused::BodyMalformed { .. })));
    }

    #[test]
    fn what_is_not_an_object_with_an_event_is_refused() {
        let deep = "[".repeat(100_000);
        for body in ["", "[]", "null", "{}", r#"{"EventName":7}"#, "{\"EventName\":\"\u{0}", &deep] {
            assert!(matches!(parse(body.as_bytes()), Err(Refused::BodyMalformed { .. })), "{body:.40}");
        }
        assert!(parse(&[0xff, 0xfe]).is_err());
    }
}
