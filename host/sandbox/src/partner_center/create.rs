//! POST: what a new referral must hold, and what it looks like once it is stored.
//!
//! Documented as required: `type`, `customerProfile`, `consent`, `details`. What the portal and the CSV upload demand
//! on top is assumed for the API too and can be switched off (`strictCreate`). The texts of the server's validation
//! messages are not documented; these follow the CSV upload's "Required field … missing", joined by `;`.

use serde_json::{Map, Value, json};

use super::patch::{LIST_LEN_MAX, deal_value, is_currency, is_time};
use super::problem::Problem;
use super::status;

const TYPES: &[&str] = &["Independent", "Shared"];
const QUALIFICATIONS: &[&str] = &["None", "Direct", "MarketingQualified", "SalesQualified"];
const STATUSES: &[&str] = &["None", "New", "Active", "Closed"];
const SUBSTATUSES: &[&str] =
    &["None", "Pending", "Received", "Accepted", "Won", "Lost", "Declined", "Expired"];
const TARGET_TYPES: &[&str] = &["None", "BusinessProfileLocation", "SolutionProfile"];
const SOLUTION_TYPES: &[&str] = &["None", "Category", "Name"];
const SIZES: &[&str] = &[
    "1to9employees",
    "10to50employees",
    "51to250employees",
    "251to1000employees",
    "1001to5000employees",
    "5001to10000employees",
    "10001to20000employees",
    "Morethan20000employees",
    "1to50employees",
    "51to500employees",
    "Morethan500employees",
];
const HELP_CODES: &[&str] = &[
    "Unknown",
    "GeneralOrOther",
    "CustomerTechnicalArchitecture",
    "ProofOfConceptOrDemo",
    "QuotesOrLicensing",
    "PostSalesCustomerSuccess",
    "WorkloadSpecificValueProposition",
];

/// Members that the server owns: whatever a client sends for them is forgotten.
const SERVER_OWNED: &[&str] = &[
    "id",
    "organizationId",
    "organizationName",
    "createdDateTime",
    "updatedDateTime",
    "expirationDateTime",
    "acceptedDateTime",
    "closedDateTime",
    "eTag",
    "direction",
    "quality",
    "isSpam",
    "registrationStatus",
    "registrations",
    "tags",
    "links",
    "trackingInfo",
    "createdVia",
    "lastModifiedVia",
    "lastRunId",
    "callToAction",
    "referralSource",
];

/// Whether the body invites Microsoft: a target with the id `msft`.
pub(super) fn invites_microsoft(body: &Value) -> bool {
    let targets = body.get("target").and_then(Value::as_array);
    targets.is_some_and(|targets| {
        targets.iter().any(|target| target.get("id").and_then(Value::as_str) == Some("msft"))
    })
}

/// Reads the body of a POST and checks it.
pub(super) fn parse(body: &[u8], strict: bool) -> Result<Value, Problem> {
    let body: Value = serde_json::from_slice(body)
        .map_err(|error| Problem::invalid("referral", format!("The body is not JSON: {error}")))?;
    if !body.is_object() {
        return Err(Problem::invalid("referral", "The body must be a referral object."));
    }
    let mut checks = Checks { body: &body, targets: Vec::new(), messages: Vec::new() };
    checks.documented();
    if strict {
        checks.portal();
    }
    match checks.targets.first() {
        None => Ok(body),
        Some(target) => Err(Problem::invalid(target.clone(), checks.messages.join(";"))),
    }
}

struct Checks<'a> {
    body: &'a Value,
    targets: Vec<String>,
    messages: Vec<String>,
}

impl<'a> Checks<'a> {
    fn fail(&mut self, path: &str, message: String) {
        self.targets.push(path.trim_start_matches('/').replace('/', "."));
        self.messages.push(message);
    }

    fn at(&self, path: &str) -> Option<&'a Value> {
        self.body.pointer(path).filter(|value| !value.is_null() && value.as_str() != Some(""))
    }

    fn require(&mut self, path: &str) {
        if self.at(path).is_none() {
            self.fail(path, format!("Required field {} missing", path.trim_start_matches('/')));
        }
    }

    /// What is present must be one of a list.
    fn one_of(&mut self, path: &str, allowed: &[&str]) {
        let Some(value) = self.at(path) else { return };
        if !value.as_str().is_some_and(|value| allowed.contains(&value)) {
            self.fail(path, format!("The value {value} of {} is not known", path.trim_start_matches('/')));
        }
    }

    fn valid(&mut self, path: &str, what: &str, is_valid: impl FnOnce(&Value) -> bool) {
        if self.at(path).is_some_and(|value| !is_valid(value)) {
            self.fail(path, format!("{} is not {what}", path.trim_start_matches('/')));
        }
    }

    /// What the page on creating a referral says, and the forms of what is present.
    fn documented(&mut self) {
        for path in ["/type", "/customerProfile", "/consent", "/details"] {
            self.require(path);
        }
        self.one_of("/type", TYPES);
        self.one_of("/qualification", QUALIFICATIONS);
        self.one_of("/status", STATUSES);
        self.one_of("/substatus", SUBSTATUSES);
        let word = |name: &str| self.body.get(name).and_then(Value::as_str).unwrap_or_default();
        let (status, substatus) = (word("status"), word("substatus"));
        if status == "Closed" && !status::is_pair(status, substatus, false) {
            self.fail("/substatus", format!("substatus {substatus} is not allowed in the status Closed"));
        }
        self.one_of("/customerProfile/size", SIZES);
        self.one_of("/inviteContext/assistanceRequestCode", HELP_CODES);
        self.valid("/details/dealValue", "an amount", |value| deal_value(value).is_some());
        self.valid("/details/currency", "an ISO 4217 code", is_currency);
        self.valid("/details/closingDateTime", "a time in ISO 8601", is_time);
        self.valid("/engagementId", "a GUID", |id| {
            id.as_str().is_some_and(|id| uuid::Uuid::try_parse(id).is_ok())
        });
        self.valid("/customerProfile/address/country", "an ISO 3166 alpha-2 code", |code| {
            code.as_str()
                .is_some_and(|code| code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase()))
        });
        self.list("/target", "type", TARGET_TYPES);
        self.list("/details/requirements/solutions", "type", SOLUTION_TYPES);
        if invites_microsoft(self.body) && self.at("/engagementId").is_none() {
            let message = "engagementId is required to invite Microsoft: create the own referral first";
            self.fail("/engagementId", message.to_owned());
        }
    }

    /// A list of objects with ids, whose `member` is one of the allowed words if it is present.
    fn list(&mut self, path: &str, member: &str, allowed: &[&str]) {
        let Some(value) = self.at(path) else { return };
        let Some(elements) = value.as_array() else {
            return self.fail(path, format!("{} is not a list", path.trim_start_matches('/')));
        };
        if elements.len() > LIST_LEN_MAX {
            self.fail(
                path,
                format!("{} has more than {LIST_LEN_MAX} elements", path.trim_start_matches('/')),
            );
        }
        for index in 0..elements.len().min(LIST_LEN_MAX) {
            self.require(&format!("{path}/{index}/id"));
            self.one_of(&format!("{path}/{index}/{member}"), allowed);
        }
    }

    /// What the portal and the CSV upload demand (docs: bulk operations, manage co-sell opportunities).
    fn portal(&mut self) {
        for path in ["/name", "/customerProfile/name", "/customerProfile/address/country"] {
            self.require(path);
        }
        for consent in ["/consent/consentToToShareInfoWithOthers", "/consent/consentToContact"] {
            if self.body.pointer(consent) != Some(&Value::Bool(true)) {
                self.fail(consent, format!("{} must be true", consent.trim_start_matches('/')));
            }
        }
        if self.body.get("type").and_then(Value::as_str) != Some("Shared") {
            return;
        }
        for path in [
            "/customerProfile/address/addressLine1",
            "/customerProfile/address/city",
            "/details/dealValue",
            "/details/currency",
            "/details/closingDateTime",
            "/details/requirements/solutions/0",
        ] {
            self.require(path);
        }
        self.member("/team/0");
        let help = self.at("/inviteContext/assistanceRequestCode").and_then(Value::as_str);
        if help.is_some_and(|help| help != "Unknown") {
            self.member("/customerProfile/team/0");
        }
    }

    /// A person with name, phone and address.
    fn member(&mut self, path: &str) {
        for part in ["firstName", "lastName", "phoneNumber", "email"] {
            self.require(&format!("{path}/{part}"));
        }
    }
}

/// The members that a stored referral has whatever the client sent, before stamps and ids are added.
pub(super) fn stored_form(body: Value) -> Map<String, Value> {
    let mut referral = match body {
        Value::Object(members) => members,
        _ => Map::new(),
    };
    for name in SERVER_OWNED {
        referral.remove(*name);
    }
    let amount = referral.get("details").and_then(|details| details.get("dealValue")).and_then(deal_value);
    if let (Some(amount), Some(details)) =
        (amount, referral.get_mut("details").and_then(Value::as_object_mut))
    {
        details.insert("dealValue".into(), Value::Number(amount));
    }
    for (name, value) in [
        ("externalReferenceId", Value::Null),
        ("expirationDateTime", Value::Null),
        ("statusReason", Value::Null),
        ("campaignId", Value::Null),
        ("salesStage", Value::Null),
        ("referralProgram", Value::Null),
        ("qualification", json!("SalesQualified")),
        ("quality", json!("Unknown")),
        ("isSpam", json!(false)),
        ("registrationStatus", json!("None")),
        ("team", json!([])),
        ("tags", json!([])),
        ("trackingInfo", json!({})),
        ("target", json!([])),
    ] {
        referral.entry(name).or_insert(value);
    }
    if let Some(Value::Object(consent)) = referral.get_mut("consent") {
        consent.entry("consentToShareReferralWithMicrosoftSellers").or_insert(Value::Bool(false));
    }
    referral
}
