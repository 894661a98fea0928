//! The switches of this organisation, set over `/_sandbox/salesforce/switches`.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// API calls in 24 hours that a fresh organisation may make (Enterprise: 100,000 and more).
const DAILY_API_REQUESTS: u64 = 100_000;

/// What a person or a test may change about the organisation. Every field may be left out of a request; what is left
/// out keeps its value.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Switches {
    /// The co-sell package is installed: its fields on opportunities and leads, and `Microsoft_Solution__c`.
    pub provisioned: bool,
    /// The organisation has several currencies: `CurrencyIsoCode` and `CurrencyType` are there.
    pub multi_currency: bool,
    /// API calls allowed in 24 hours; from then on 403 `REQUEST_LIMIT_EXCEEDED`.
    pub daily_api_requests: u64,
    /// The next n calls are refused because too many long ones are running.
    pub long_requests_refused: u32,
    /// How long a transaction is under way before others see it, in milliseconds: its stamps are that much older.
    pub commit_lag_ms: u64,
    /// Texts lose white space at both ends when they are stored.
    pub trim_text: bool,
    /// Records that another transaction holds.
    pub record_locks: Vec<RecordLock>,
    /// Ids of records that wait for an approval and take no change.
    pub approval_locks: Vec<String>,
    /// The organisation's validation rules.
    pub validation_rules: Vec<ValidationRule>,
    /// The organisation's duplicate rules.
    pub duplicate_rules: Vec<DuplicateRule>,
    /// The organisation's own automation.
    pub automation: Vec<Rule>,
    /// Fields hidden by field-level security, as `Opportunity.Amount`; names that do not exist are ignored.
    pub hidden_fields: Vec<String>,
    /// Picklists that refuse other values, as `Opportunity.StageName`.
    pub restricted_picklists: Vec<String>,
    /// The user who gets new leads, unless the client sends `Sforce-Auto-Assign: FALSE`.
    pub lead_assignee: Option<String>,
    /// What a conversion carries into custom fields: fields of the lead, and those of the opportunity that get them.
    pub lead_field_mapping: BTreeMap<String, String>,
    /// SOAP `login()` works. Salesforce switches it off in new organisations.
    pub soap_login: bool,
    /// A JWT of a client without a key in `jwtKeys` is taken unchecked.
    pub accept_any_jwt: bool,
    /// The public key (PEM) of each client that signs in with a JWT.
    pub jwt_keys: BTreeMap<String, String>,
    /// Every query locator given out so far has expired.
    pub query_locators_expired: bool,
    /// Outbound messages wait until `POST …/outbound-messages/flush`, so that several notifications share one.
    pub hold_outbound_messages: bool,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            provisioned: true,
            multi_currency: true,
            daily_api_requests: DAILY_API_REQUESTS,
            long_requests_refused: 0,
            commit_lag_ms: 0,
            trim_text: true,
            record_locks: Vec::new(),
            approval_locks: Vec::new(),
            validation_rules: Vec::new(),
            duplicate_rules: Vec::new(),
            automation: Vec::new(),
            hidden_fields: Vec::new(),
            restricted_picklists: Vec::new(),
            lead_assignee: None,
            lead_field_mapping: BTreeMap::new(),
            soap_login: true,
            accept_any_jwt: true,
            jwt_keys: BTreeMap::new(),
            query_locators_expired: false,
            hold_outbound_messages: false,
        }
    }
}

/// A lock that a write runs into: `UNABLE_TO_LOCK_ROW`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RecordLock {
    /// The locked record; writes to it and to records that refer to it fail. Left out: every record.
    #[serde(default)]
    pub record: Option<String>,
    /// How many writes fail before the lock is gone.
    #[serde(default = "one")]
    pub count: u32,
    /// The HTTP status; most reports say 400, some 500.
    #[serde(default = "bad_request")]
    pub status: u16,
}

/// A condition under which a record is not saved.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ValidationRule {
    /// The object.
    pub object: String,
    /// The condition of a bad record, as it would stand in a WHERE: `Amount > 1000000`.
    pub when: String,
    /// What the person reads.
    pub message: String,
    /// The field beside which they read it; left out: above the record.
    #[serde(default)]
    pub field: Option<String>,
}

/// Records that look the same.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DuplicateRule {
    /// The object.
    pub object: String,
    /// The fields that make two records the same when they are equal and filled.
    pub fields: Vec<String>,
    /// Whether a client may save nevertheless (`Sforce-Duplicate-Rule-Header: allowSave=true`).
    #[serde(default)]
    pub action: DuplicateAction,
}

/// What a duplicate rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DuplicateAction {
    /// Refuses the record, whatever the client says.
    #[default]
    Block,
    /// Refuses it unless the client says that it may be saved.
    Alert,
}

/// One rule of the organisation's automation: when a field is written, other fields are set or normalised.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rule {
    /// The object.
    pub object: String,
    /// The field whose writing starts the rule.
    pub when: String,
    /// Fields and the values that they get.
    #[serde(default)]
    pub set: BTreeMap<String, Value>,
    /// Text fields and what is done to them.
    #[serde(default)]
    pub normalise: BTreeMap<String, Transform>,
}

/// What a rule does to a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Transform {
    /// White space at both ends is cut off.
    Trim,
    /// Upper case.
    Upper,
    /// Lower case.
    Lower,
    /// Line ends become carriage return and line feed.
    CarriageReturns,
    /// Runs of white space become one space.
    CollapseSpaces,
}

impl Transform {
    /// The text after the transformation.
    pub(crate) fn of(self, text: &str) -> String {
        match self {
            Self::Trim => text.trim().to_owned(),
            Self::Upper => text.to_uppercase(),
            Self::Lower => text.to_lowercase(),
            Self::CarriageReturns => text.replace("\r\n", "\n").replace('\n', "\r\n"),
            Self::CollapseSpaces => text.split_whitespace().collect::<Vec<_>>().join(" "),
        }
    }
}

fn one() -> u32 {
    1
}

fn bad_request() -> u16 {
    400
}
