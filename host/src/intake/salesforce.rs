//! A Salesforce Outbound Message: what it hints at, and the answer that Salesforce waits for.
//!
//! An Outbound Message is a SOAP call with up to 100 notifications, each about one record. Nobody signs it: its
//! address carries a secret ([`super::WebhookKeys`]), and it says from which org it comes. Salesforce sends the whole
//! message again, for a day, until it is answered with `Ack` true; so that is said only once every notification is on
//! disk. It also sends notifications again that were acknowledged, out of order, and not more than once for several
//! changes of a record: each is a hint to look, made recognisable by its id.

use crosswalk_engine::value::RecordKey;

use super::refused::{Class, Refused, quoted};

mod id;
mod xml;

pub use id::SalesforceId;
use xml::{Element, Xml};

const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const OUTBOUND: &str = "http://soap.sforce.com/2005/09/outbound";
const OBJECT: &str = "urn:sobject.enterprise.soap.sforce.com";

/// As many notifications as Salesforce puts into one message.
const NOTIFICATIONS_MAX: usize = 100;

/// What an authenticated body says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The org that it says it comes from.
    pub organization_id: SalesforceId,
    /// Which outbound message of the org this is.
    pub action_id: SalesforceId,
    /// One to a hundred of them.
    pub notifications: Vec<Notification>,
}

/// A record to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// The same for every delivery of this notification.
    pub id: SalesforceId,
    /// The record.
    pub record: RecordKey,
    /// Of its fields those that hold an id, by name. A field that is empty is not in the message at all.
    pub references: Vec<(String, SalesforceId)>,
}

impl Message {
    /// Whether it comes from this org.
    ///
    /// # Errors
    ///
    /// [`Refused::Organization`].
    pub fn check_organization(&self, expected: &SalesforceId) -> Result<(), Refused> {
        if self.organization_id == *expected {
            return Ok(());
        }
        Err(Refused::Organization { given: self.organization_id.to_string(), expected: expected.to_string() })
    }
}

impl Notification {
    /// The record that a field refers to.
    pub fn reference(&self, field: &str) -> Option<&SalesforceId> {
        self.references.iter().find(|(name, _)| name == field).map(|(_, id)| id)
    }
}

/// Reads an authenticated body.
///
/// # Errors
///
/// [`Refused::BodyMalformed`]: then nothing of it may be stored, because a sender that is misunderstood once may be
/// misunderstood twice.
pub fn parse(raw_body: &[u8]) -> Result<Message, Refused> {
    message(raw_body).map_err(|problem| Refused::BodyMalformed { problem })
}

fn message(raw_body: &[u8]) -> Result<Message, String> {
    let mut xml = Xml::new(raw_body)?;
    let envelope = xml.child()?.ok_or("it has no envelope")?;
    if !envelope.is(SOAP, "Envelope") {
        return Err(unexpected("its element", &envelope));
    }
    let mut message = None;
    while let Some(part) = xml.child()? {
        if part.is(SOAP, "Header") && message.is_none() {
            xml.skip()?;
        } else if part.is(SOAP, "Body") && message.is_none() {
            message = Some(body(&mut xml)?);
        } else {
            return Err(unexpected("its envelope", &part));
        }
    }
    xml.finish()?;
    message.ok_or_else(|| "it has no body".to_owned())
}

fn body(xml: &mut Xml<'_>) -> Result<Message, String> {
    let call = xml.child()?.ok_or("its body is empty")?;
    if !call.is(OUTBOUND, "notifications") {
        return Err(unexpected("its body", &call));
    }
    let message = notifications(xml)?;
    match xml.child()? {
        None => Ok(message),
        Some(second) => Err(unexpected("its body", &second)),
    }
}

fn notifications(xml: &mut Xml<'_>) -> Result<Message, String> {
    let (mut organization_id, mut action_id, mut notifications) = (None, None, Vec::new());
    while let Some(part) = xml.child()? {
        match part.name.as_str() {
            _ if part.namespace != OUTBOUND => return Err(unexpected("its notifications", &part)),
            "OrganizationId" => {
                once(&mut organization_id, id(xml, "OrganizationId", "00D")?, "OrganizationId")?
            }
            "ActionId" => once(&mut action_id, id(xml, "ActionId", "04k")?, "ActionId")?,
            // The session of a user, if somebody ticked that box, and addresses: none of them is ever used.
            "SessionId" | "EnterpriseUrl" | "PartnerUrl" => xml.skip()?,
            "Notification" if notifications.len() < NOTIFICATIONS_MAX => {
                notifications.push(notification(xml)?)
            }
            "Notification" => return Err(format!("it has more than {NOTIFICATIONS_MAX} notifications")),
            _ => return Err(unexpected("its notifications", &part)),
        }
    }
    if notifications.is_empty() {
        return Err("it has no notification".to_owned());
    }
    Ok(Message {
        organization_id: organization_id.ok_or("it has no OrganizationId")?,
        action_id: action_id.ok_or("it has no ActionId")?,
        notifications,
    })
}

fn notification(xml: &mut Xml<'_>) -> Result<Notification, String> {
    let (mut notification_id, mut record) = (None, None);
    while let Some(part) = xml.child()? {
        if part.is(OUTBOUND, "Id") {
            once(&mut notification_id, id(xml, "Notification's Id", "04l")?, "Id in a Notification")?;
        } else if part.is(OUTBOUND, "sObject") {
            once(&mut record, object(xml, &part)?, "sObject in a Notification")?;
        } else {
            return Err(unexpected("its notification", &part));
        }
    }
    let (record, references) = record.ok_or("a Notification has no sObject")?;
    Ok(Notification { id: notification_id.ok_or("a Notification has no Id")?, record, references })
}

/// The record, and its fields that hold ids.
fn object(xml: &mut Xml<'_>, tag: &Element) -> Result<(RecordKey, Vec<(String, SalesforceId)>), String> {
    let entity = match &tag.kind {
        Some((namespace, name)) if namespace == OBJECT && is_api_name(name) => name.clone(),
        _ => return Err("an sObject does not say of which type it is".to_owned()),
    };
    let mut record_id = None;
    let mut references = Vec::new();
    while let Some(field) = xml.child()? {
        if field.namespace != OBJECT {
            return Err(unexpected("its sObject", &field));
        }
        let held = xml.text()?.and_then(|text| SalesforceId::parse(&text));
        if field.name == "Id" {
            once(&mut record_id, held.ok_or("an sObject's Id is no id")?, "Id in an sObject")?;
        } else if let Some(reference) = held {
            references.push((field.name, reference));
        }
    }
    let record_id = record_id.ok_or("an sObject has no Id")?;
    Ok((RecordKey { entity, id: record_id.as_str().to_owned() }, references))
}

/// The id that an element holds, of the kind that its prefix says.
fn id(xml: &mut Xml<'_>, what: &str, prefix: &str) -> Result<SalesforceId, String> {
    let text = xml.text()?;
    let id = text.as_deref().and_then(SalesforceId::parse).filter(|id| id.has_prefix(prefix));
    id.ok_or_else(|| format!("its {what} is no id of that kind"))
}

/// Keeps a value that may be there once.
fn once<T>(place: &mut Option<T>, value: T, what: &str) -> Result<(), String> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(format!("it has more than one {what}")),
    }
}

/// The API name of an object: `Opportunity`, `Microsoft_Solution__c`.
fn is_api_name(name: &str) -> bool {
    const NAME_BYTES_MAX: usize = 80;
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    plain && (1..=NAME_BYTES_MAX).contains(&name.len())
}

fn unexpected(place: &str, element: &Element) -> String {
    format!(
        "{place} has `{}` of `{}`, which does not belong there",
        quoted(&element.name),
        quoted(&element.namespace)
    )
}

/// The content type of an answer.
pub const CONTENT_TYPE: &str = "text/xml; charset=utf-8";

/// What a message is answered with: `true` when all of it is on disk, `false` to have it sent again.
pub fn acknowledgement(stored: bool) -> String {
    envelope(&format!(
        "<notificationsResponse xmlns=\"{OUTBOUND}\"><Ack>{stored}</Ack></notificationsResponse>"
    ))
}

/// What a message that was refused is answered with: the class alone, as any sender is told.
pub fn fault(class: Class) -> String {
    let whose = match class {
        Class::TryAgain => "Server",
        _ => "Client",
    };
    envelope(&format!(
        "<soapenv:Fault><faultcode>soapenv:{whose}</faultcode><faultstring>{}</faultstring></soapenv:Fault>",
        class.message()
    ))
}

fn envelope(body: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
         <soapenv:Envelope xmlns:soapenv=\"{SOAP}\"><soapenv:Body>{body}</soapenv:Body></soapenv:Envelope>"
    )
}

#[cfg(test)]
mod tests;
