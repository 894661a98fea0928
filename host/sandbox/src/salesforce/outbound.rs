//! Outbound messages: SOAP notifications that the organisation sends when records are saved.
//!
//! A message holds up to 100 notifications of one rule, and is sent with the data as they are when it is sent. Only an
//! answer with `Ack` true settles it; anything else brings the whole message again, with growing pauses of up to two
//! hours, for a day. Messages are tried independently of each other, so that they arrive in any order.

use super::{
    Salesforce,
    baseline::ORGANIZATION,
    cell::Cell,
    changes::{Change, ChangeKind},
    errors::{Outcome, Refusal},
    oauth,
    org::Org,
    record_id::RecordId,
    schema::{Field, Kind},
    values,
    xml::{self, escaped},
};
use crate::core::{
    lock,
    outbound::{Accepts, Content, Delivery, Policy, Reply, RetryOn},
};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::{
    fmt::Write,
    sync::{Arc, Weak},
};

/// Notifications in one message.
const NOTIFICATIONS_MAX: usize = 100;
/// Time that a receiver has, in milliseconds.
const RECEIVER_TIMEOUT_MS: u64 = 60_000;
/// Pause before the second attempt, in milliseconds; it doubles with every further one. Not documented.
const RETRY_FIRST_MS: u64 = 5_000;
/// The longest pause, in milliseconds: two hours.
const RETRY_MAX_MS: u64 = 2 * 60 * 60 * 1000;
/// When a message is given up, in milliseconds: a day.
const GIVE_UP_AFTER_MS: u64 = 24 * 60 * 60 * 1000;
/// The prefix of a rule's id, which a message calls its action.
const ACTION: [u8; 3] = *b"04k";
/// The prefix of a notification's id.
const NOTIFICATION: [u8; 3] = *b"04l";
/// The API version in the URLs of a message.
const VERSION: u16 = super::api::VERSION_MAX;
/// What the wrong-signature switch puts in the place of the organisation's id: nothing in a message is signed.
const OTHER_ORGANIZATION: RecordId = RecordId::new(b"00D", 666);

/// Which records a message is sent about, what it says, and where it goes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Rule {
    /// The rule's id; given by the organisation.
    #[serde(default)]
    pub(crate) id: String,
    /// The object.
    pub(crate) object: String,
    /// The fields that a message holds beside the id.
    #[serde(default)]
    pub(crate) fields: Vec<String>,
    /// Where it goes.
    pub(crate) endpoint_url: String,
    /// Whether it carries a session for its receiver.
    #[serde(default)]
    pub(crate) include_session_id: bool,
}

/// The rules, and the notifications that are held back.
#[derive(Debug, Default)]
pub(crate) struct Messages {
    /// The rules, oldest first.
    pub(crate) rules: Vec<Rule>,
    held: Vec<(String, Notification)>,
}

/// One notification.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Notification {
    id: RecordId,
    record: RecordId,
}

/// Notifications that go together.
#[derive(Debug)]
pub(crate) struct Message {
    rule: Rule,
    notifications: Vec<Notification>,
}

/// Adds a rule, checked.
pub(crate) fn add_rule(org: &mut Org, mut rule: Rule) -> Outcome<Rule> {
    let object = org.object(&rule.object)?.clone();
    object.name.clone_into(&mut rule.object);
    for name in &mut rule.fields {
        let field = object.field(name).ok_or_else(|| super::errors::no_such_column(&object.name, name))?;
        field.name.clone_into(name);
    }
    if url::Url::parse(&rule.endpoint_url).is_err() {
        return Err(Refusal::new(400, "INVALID_URL", "endpointUrl is no URL"));
    }
    rule.id = org.next_id(ACTION).to_string();
    org.messages.rules.push(rule.clone());
    Ok(rule)
}

/// The messages that committed changes become. While the switch holds them back, nothing does.
pub(crate) fn messages(org: &mut Org, changes: &[Change]) -> Vec<Message> {
    let saved = changes.iter().filter(|change| change.kind != ChangeKind::Deleted);
    let pairs: Vec<(String, RecordId)> = saved
        .flat_map(|change| {
            let rules = org.messages.rules.iter().filter(|rule| rule.object == change.object);
            rules.map(|rule| (rule.id.clone(), change.id))
        })
        .collect();
    for (rule, record) in pairs {
        let id = org.next_id(NOTIFICATION);
        org.messages.held.push((rule, Notification { id, record }));
    }
    if org.switches.hold_outbound_messages { Vec::new() } else { flushed(org) }
}

/// Everything that was held back, in messages.
pub(crate) fn flushed(org: &mut Org) -> Vec<Message> {
    let held = std::mem::take(&mut org.messages.held);
    let mut messages = Vec::new();
    for rule in &org.messages.rules {
        let own = held.iter().filter(|(id, _)| *id == rule.id).map(|(_, notification)| *notification);
        let own: Vec<Notification> = own.collect();
        for notifications in own.chunks(NOTIFICATIONS_MAX) {
            messages.push(Message { rule: rule.clone(), notifications: notifications.to_vec() });
        }
    }
    messages
}

/// Sends messages.
pub(crate) fn send(salesforce: &Arc<Salesforce>, messages: Vec<Message>) {
    for message in messages {
        let delivery = delivery(salesforce, message);
        salesforce.core.outbound.enqueue(delivery);
    }
}

fn delivery(salesforce: &Arc<Salesforce>, message: Message) -> Delivery {
    let session = message.rule.include_session_id.then(|| oauth::session(salesforce, "outbound-message"));
    let (label, target) =
        (format!("outbound-message {}", message.rule.object), message.rule.endpoint_url.clone());
    let message = Arc::new(message);
    let content = |organization: RecordId| {
        let (salesforce, message, session) =
            (Arc::downgrade(salesforce), Arc::clone(&message), session.clone());
        Content::Rendered(Arc::new(move || rendered(&salesforce, &message, organization, session.as_deref())))
    };
    Delivery {
        label,
        target,
        headers: vec![
            ("content-type".to_owned(), "text/xml; charset=utf-8".to_owned()),
            ("soapaction".to_owned(), "\"\"".to_owned()),
        ],
        falsified_headers: None,
        body: content(ORGANIZATION),
        falsified_body: Some(content(OTHER_ORGANIZATION)),
        policy: Policy {
            attempts_max: u32::MAX,
            attempt_timeout_ms: RECEIVER_TIMEOUT_MS,
            retry_first_ms: RETRY_FIRST_MS,
            retry_max_ms: RETRY_MAX_MS,
            retry_on: RetryOn::AnyFailure,
            accepts: Accepts::Only(is_acknowledged),
            give_up_after_ms: Some(GIVE_UP_AFTER_MS),
        },
    }
}

/// Whether an answer is 200 with `Ack` true.
fn is_acknowledged(reply: &Reply) -> bool {
    let acknowledged = || {
        let envelope = xml::read(&reply.body)?;
        envelope.find("notificationsResponse")?.text_of("Ack").map(|ack| ack == "true")
    };
    reply.status == 200 && acknowledged() == Some(true)
}

fn rendered(
    salesforce: &Weak<Salesforce>,
    message: &Message,
    organization: RecordId,
    session: Option<&str>,
) -> Bytes {
    let Some(salesforce) = salesforce.upgrade() else { return Bytes::new() };
    let base = salesforce.base_url();
    let org = lock(&salesforce.org);
    envelope(&org, &base, message, organization, session).unwrap_or_default().into()
}

/// The SOAP envelope, with the records as they are now. A value that is null is left out.
fn envelope(
    org: &Org,
    base: &str,
    message: &Message,
    organization: RecordId,
    session: Option<&str>,
) -> Result<String, std::fmt::Error> {
    let Message { rule, notifications } = message;
    let mut out = String::from(concat!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n",
        "<soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" ",
        "xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\n",
        " <soapenv:Body>\n  <notifications xmlns=\"http://soap.sforce.com/2005/09/outbound\">\n",
    ));
    writeln!(out, "   <OrganizationId>{organization}</OrganizationId>")?;
    writeln!(out, "   <ActionId>{}</ActionId>", escaped(&rule.id))?;
    match session {
        Some(session) => writeln!(out, "   <SessionId>{}</SessionId>", escaped(session))?,
        None => writeln!(out, "   <SessionId xsi:nil=\"true\"/>")?,
    }
    for (name, letter) in [("EnterpriseUrl", 'c'), ("PartnerUrl", 'u')] {
        let url = format!("{base}/services/Soap/{letter}/{VERSION}.0/{ORGANIZATION}");
        writeln!(out, "   <{name}>{}</{name}>", escaped(&url))?;
    }
    for notification in notifications {
        writeln!(out, "   <Notification>\n    <Id>{}</Id>", notification.id)?;
        writeln!(
            out,
            "    <sObject xsi:type=\"sf:{}\" xmlns:sf=\"urn:sobject.enterprise.soap.sforce.com\">",
            rule.object
        )?;
        writeln!(out, "     <sf:Id>{}</sf:Id>", notification.record)?;
        write_fields(&mut out, org, rule, notification.record)?;
        out.push_str("    </sObject>\n   </Notification>\n");
    }
    out.push_str("  </notifications>\n </soapenv:Body>\n</soapenv:Envelope>\n");
    Ok(out)
}

fn write_fields(out: &mut String, org: &Org, rule: &Rule, record: RecordId) -> std::fmt::Result {
    let Some(object) = org.find_object(&rule.object) else { return Ok(()) };
    let Some(row) = org.store.row(&object.name, record) else { return Ok(()) };
    for name in rule.fields.iter().filter(|name| *name != "Id") {
        let text = object.field(name).and_then(|field| text(field, &row.get(&field.name)));
        if let Some(text) = text {
            writeln!(out, "     <sf:{name}>{}</sf:{name}>", escaped(&text))?;
        }
    }
    Ok(())
}

/// A value as XML Schema writes it.
fn text(field: &Field, cell: &Cell) -> Option<String> {
    Some(match cell {
        Cell::Null if field.kind == Kind::Flag => "false".to_owned(),
        Cell::Null => return None,
        Cell::Text(text) => text.clone(),
        Cell::Number(number) => values::number_text(field.kind == Kind::Integer, *number),
        Cell::Flag(flag) => flag.to_string(),
        Cell::Id(id) => id.to_string(),
        Cell::Date(date) => date.to_string(),
        Cell::Instant(at) => at.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string(),
    })
}
