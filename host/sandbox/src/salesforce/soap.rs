//! The SOAP API, where REST has no way: `login`, `convertLead`, `merge`, `undelete`, and from the Metadata API
//! `createMetadata` and `upsertMetadata` of fields and objects.
//!
//! Partner (`u`), enterprise (`c`) and metadata (`m`) differ in namespaces only, as far as they are simulated.

use super::{
    Salesforce,
    baseline::ORGANIZATION,
    errors::{Outcome, Refusal, not_simulated},
    lead::{self, Conversion},
    limits, merge, metadata, oauth,
    org::Org,
    record_id::RecordId,
    write::{self, Author},
    xml::{self, Element, escaped},
};
use crate::core::lock;
use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode, header};
use jiff::Timestamp;
use std::{fmt::Write, sync::Arc};

/// From this version on there is no `login`.
const LOGIN_ENDS: u16 = 65;

/// Which of the SOAP APIs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Api {
    Partner,
    Enterprise,
    Metadata,
}

impl Api {
    fn namespace(self) -> &'static str {
        match self {
            Self::Partner => "urn:partner.soap.sforce.com",
            Self::Enterprise => "urn:enterprise.soap.sforce.com",
            Self::Metadata => "http://soap.sforce.com/2006/04/metadata",
        }
    }

    fn fault_namespace(self) -> &'static str {
        match self {
            Self::Partner => "urn:fault.partner.soap.sforce.com",
            Self::Enterprise => "urn:fault.enterprise.soap.sforce.com",
            Self::Metadata => "http://soap.sforce.com/2006/04/metadata",
        }
    }
}

/// `POST /services/Soap/{api}/{version}[/{organisation}]`
pub(crate) fn answer(salesforce: &Arc<Salesforce>, path: &str, body: &[u8], origin: &str) -> Response {
    let mut segments = path.split('/').filter(|segment| !segment.is_empty());
    let api = match segments.next() {
        Some("u") => Api::Partner,
        Some("c") => Api::Enterprise,
        Some("m") => Api::Metadata,
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    let version =
        segments.next().and_then(|version| version.split('.').next()?.parse().ok()).unwrap_or_default();
    let outcome = xml::read(body)
        .ok_or_else(|| Refusal::new(500, "MALFORMED_MESSAGE", "the envelope cannot be read"))
        .and_then(|envelope| run(salesforce, api, version, &envelope, origin));
    match outcome {
        Ok((operation, result)) => {
            let namespace = api.namespace();
            respond(
                StatusCode::OK,
                &format!("<{operation}Response xmlns=\"{namespace}\">{result}</{operation}Response>"),
            )
        }
        Err(refusal) => respond(StatusCode::INTERNAL_SERVER_ERROR, &fault(api, &refusal)),
    }
}

fn respond(status: StatusCode, body: &str) -> Response {
    let envelope = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><soapenv:Envelope \
         xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><soapenv:Body>{body}</soapenv:Body></soapenv:Envelope>"
    );
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, http::HeaderValue::from_static("text/xml;charset=UTF-8"));
    (status, headers, Body::from(envelope)).into_response()
}

fn fault(api: Api, refusal: &Refusal) -> String {
    let (code, message) = (refusal.code, escaped(&refusal.message));
    let kind = if code == "INVALID_LOGIN" { "LoginFault" } else { "UnexpectedErrorFault" };
    format!(
        "<soapenv:Fault xmlns:sf=\"{}\"><faultcode>sf:{code}</faultcode><faultstring>{code}: {message}</faultstring>\
         <detail><sf:{kind} xsi:type=\"sf:{kind}\"><sf:exceptionCode>{code}</sf:exceptionCode>\
         <sf:exceptionMessage>{message}</sf:exceptionMessage></sf:{kind}></detail></soapenv:Fault>",
        api.fault_namespace()
    )
}

/// Runs the operation of an envelope; its name and the inside of its answer.
fn run(
    salesforce: &Arc<Salesforce>,
    api: Api,
    version: u16,
    envelope: &Element,
    origin: &str,
) -> Outcome<(String, String)> {
    let operation = envelope.child("Body").and_then(|body| body.children.first());
    let operation = operation.ok_or_else(|| Refusal::new(500, "MALFORMED_MESSAGE", "the body is empty"))?;
    let name = operation.name.clone();
    if name == "login" {
        return Ok((name, login(salesforce, version, operation, origin)?));
    }
    let session =
        envelope.find("SessionHeader").and_then(|header| header.text_of("sessionId")).unwrap_or_default();
    let now = salesforce.core.clock.now();
    let user = {
        let mut org = lock(&salesforce.org);
        let user = oauth::user(salesforce, &org, session).ok_or_else(|| {
            Refusal::new(
                500,
                "INVALID_SESSION_ID",
                "Invalid Session ID found in SessionHeader: Illegal Session",
            )
        })?;
        limits::admit(&mut org, now)?;
        user
    };
    let author = author(envelope, user, now);
    let result = salesforce.in_transaction(|org| match (api, name.as_str()) {
        (Api::Metadata, "createMetadata") => Ok(metadata_results(org, now, operation, false)),
        (Api::Metadata, "upsertMetadata") => Ok(metadata_results(org, now, operation, true)),
        (Api::Metadata, _) => Err(not_simulated(format!("the Metadata call {name}"))),
        (_, "convertLead") => {
            Ok(each(org, operation.all("leadConverts"), |org, item| convert(org, &author, item)))
        }
        // The schema calls each item `request`, jsforce `mergeRequests`.
        (_, "merge") => Ok(each(org, operation.children.iter(), |org, item| merged(org, &author, item))),
        (_, "undelete") => Ok(each(org, operation.all("ids"), |org, item| undeleted(org, &author, item))),
        _ => Err(not_simulated(format!("the SOAP call {name}"))),
    })?;
    Ok((name, result))
}

fn author(envelope: &Element, user: RecordId, now: Timestamp) -> Author {
    let is_true = |header: &str, name: &str| {
        envelope.find(header).and_then(|header| header.text_of(name)).is_some_and(|text| text == "true")
    };
    let client = envelope.find("CallOptions").and_then(|options| options.text_of("client"));
    Author {
        user,
        client: client.map(str::to_owned),
        auto_assign: is_true("AssignmentRuleHeader", "useDefaultRule"),
        allow_duplicates: is_true("DuplicateRuleHeader", "allowSave"),
        now,
    }
}

fn login(salesforce: &Arc<Salesforce>, version: u16, operation: &Element, origin: &str) -> Outcome<String> {
    if version >= LOGIN_ENDS {
        let message = format!("login() is not available from API version {LOGIN_ENDS}.0 on");
        return Err(Refusal::new(500, "UNSUPPORTED_API_VERSION", message));
    }
    if !salesforce.switches().soap_login {
        let message = "SOAP API login() is disabled by default in this org.";
        return Err(Refusal::new(500, "INVALID_OPERATION", message));
    }
    let username = operation.text_of("username").unwrap_or_default();
    let is_refused = operation.text_of("password").is_none() || salesforce.core.tokens.is_refused(username);
    let found = {
        let org = lock(&salesforce.org);
        let user = oauth::user_named(&org, username).filter(|user| user.get("IsActive").is_true());
        user.map(|user| (user.id, user.text("Name").unwrap_or_default().to_owned()))
    };
    let Some((user, full_name)) = found.filter(|_| !is_refused) else {
        let message = "Invalid username, password, security token; or user locked out.";
        return Err(Refusal::new(500, "INVALID_LOGIN", message));
    };
    let url = |letter: char| format!("{origin}/services/Soap/{letter}/{version}.0/{ORGANIZATION}");
    let lifetime = salesforce.core.tokens.lifetime_seconds();
    Ok(format!(
        "<result><metadataServerUrl>{}</metadataServerUrl><passwordExpired>false</passwordExpired>\
         <sandbox>true</sandbox><serverUrl>{}</serverUrl><sessionId>{}</sessionId><userId>{user}</userId><userInfo>\
         <organizationId>{ORGANIZATION}</organizationId><organizationName>Crosswalk sandbox</organizationName>\
         <sessionSecondsValid>{lifetime}</sessionSecondsValid><userFullName>{}</userFullName><userId>{user}</userId>\
         <userName>{}</userName></userInfo></result>",
        escaped(&url('m')),
        escaped(&url('u')),
        oauth::session(salesforce, username),
        escaped(&full_name),
        escaped(username),
    ))
}

/// Runs an operation for each item; what fails is taken back by itself and says so in its result.
fn each<'a>(
    org: &mut Org,
    items: impl Iterator<Item = &'a Element>,
    mut act: impl FnMut(&mut Org, &Element) -> Outcome<String>,
) -> String {
    let mut results = String::new();
    for item in items {
        let (before, changes) = (org.store.savepoint(), org.changes.pending());
        let inside = act(org, item).unwrap_or_else(|refusal| {
            org.store.roll_back(before);
            org.changes.roll_back(changes);
            failure(&refusal)
        });
        let _ = write!(results, "<result>{inside}</result>");
    }
    results
}

fn failure(refusal: &Refusal) -> String {
    let fields: String =
        refusal.fields.iter().flatten().map(|field| format!("<fields>{field}</fields>")).collect();
    format!(
        "<errors>{fields}<message>{}</message><statusCode>{}</statusCode></errors><success>false</success>",
        escaped(&refusal.message),
        refusal.code
    )
}

fn convert(org: &mut Org, author: &Author, item: &Element) -> Outcome<String> {
    let id = |name: &str| item.text_of(name).map(parsed).transpose();
    let is_true = |name: &str| item.text_of(name) == Some("true");
    let wanted = Conversion {
        lead: id("leadId")?,
        account: id("accountId")?,
        contact: id("contactId")?,
        status: item.text_of("convertedStatus").unwrap_or_default().to_owned(),
        without_opportunity: is_true("doNotCreateOpportunity"),
        opportunity_name: item.text_of("opportunityName").map(str::to_owned),
        overwrite_source: is_true("overwriteLeadSource"),
        owner: id("ownerId")?,
    };
    let converted = lead::convert(org, author, &wanted)?;
    let opportunity = match converted.opportunity {
        Some(id) => format!("<opportunityId>{id}</opportunityId>"),
        None => "<opportunityId xsi:nil=\"true\"/>".to_owned(),
    };
    Ok(format!(
        "<accountId>{}</accountId><contactId>{}</contactId><leadId>{}</leadId>{opportunity}<success>true</success>",
        converted.account, converted.contact, converted.lead
    ))
}

fn merged(org: &mut Org, author: &Author, item: &Element) -> Outcome<String> {
    let master = item.child("masterRecord");
    let master = master.and_then(|record| record.text_of("Id").or_else(|| record.text_of("id")));
    let master = parsed(master.unwrap_or_default())?;
    let losers = item.all("recordToMergeIds").filter_map(Element::text).map(parsed);
    let losers = losers.collect::<Outcome<Vec<_>>>()?;
    let moved = merge::merge(org, author, master, &losers)?;
    let list = |name: &str, ids: &[RecordId]| -> String {
        ids.iter().map(|id| format!("<{name}>{id}</{name}>")).collect()
    };
    Ok(format!(
        "<id>{master}</id>{}<success>true</success>{}",
        list("mergedRecordIds", &losers),
        list("updatedRelatedIds", &moved)
    ))
}

fn undeleted(org: &mut Org, author: &Author, item: &Element) -> Outcome<String> {
    let id = parsed(item.text().unwrap_or_default())?;
    let object = org.object_of(id).map(|object| object.name.clone()).unwrap_or_default();
    write::undelete(org, author, &object, id)?;
    Ok(format!("<id>{id}</id><success>true</success>"))
}

fn parsed(text: &str) -> Outcome<RecordId> {
    RecordId::parse(text)
        .ok_or_else(|| Refusal::new(400, "MALFORMED_ID", format!("malformed id {text}")).on([]))
}

/// Creates, or creates and changes, what the definitions describe.
fn metadata_results(org: &mut Org, now: Timestamp, operation: &Element, upsert: bool) -> String {
    let mut results = String::new();
    for item in operation.all("metadata") {
        let full_name = item.text_of("fullName").unwrap_or_default();
        let definition = item.to_json().as_object().cloned().unwrap_or_default();
        let outcome = match item.kind.as_deref() {
            Some("CustomField") => match metadata::add_field(org, now, full_name, &definition) {
                Err(refusal) if upsert && refusal.code == "DUPLICATE_DEVELOPER_NAME" => {
                    metadata::change_field(org, full_name, &definition).map(|()| false)
                }
                outcome => outcome.map(|_| true),
            },
            Some("CustomObject") => match metadata::add_object(org, now, full_name, &definition) {
                Err(refusal) if upsert && refusal.code == "DUPLICATE_DEVELOPER_NAME" => Ok(false),
                outcome => outcome.map(|_| true),
            },
            kind => Err(not_simulated(format!("metadata of the type {}", kind.unwrap_or("(none)")))),
        };
        let result = match outcome {
            Ok(created) => {
                let created = if upsert { format!("<created>{created}</created>") } else { String::new() };
                format!("{created}<success>true</success>")
            }
            Err(refusal) => failure(&refusal),
        };
        let _ = write!(results, "<result>{result}<fullName>{}</fullName></result>", escaped(full_name));
    }
    results
}
