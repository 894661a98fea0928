//! The switches of this organisation, set over `/_sandbox/dynamics/switches`.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// What a person or a test may change about the organisation. Every field may be left out of a request; what is left
/// out keeps its value.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Switches {
    /// An organisation without the co-sell columns, keys and table, and whose sales tables are not tracked. Changing it
    /// empties the organisation.
    pub unprovisioned: bool,
    /// New opportunities calculate their revenue from products (and so hold 0) unless the client says otherwise.
    pub revenue_system_calculated: bool,
    /// Opportunities have products, quotes or orders, so that their currency cannot be changed any more.
    pub currency_locked: bool,
    /// A closed opportunity or lead refuses changes other than to its state. Not documented for the API, so off.
    pub closed_rows_read_only: bool,
    /// How often the keys of a table are looked at before a new alternate key is active.
    pub key_activation_looks: u32,
    /// Days that a delta token is good for (docs: 7 unless the organisation says otherwise).
    pub delta_token_days: u32,
    /// Every delta token given out so far has expired.
    pub delta_tokens_expired: bool,
    /// Clients that no application user was made for are refused with 403 instead of being given one.
    pub unknown_clients_refused: bool,
    /// Columns, `opportunity.msft_audit`, that column security hides: they read as null, and writes are refused.
    pub secured_columns: Vec<String>,
    /// Duplicate detection rules. They look at creates that ask for it (`MSCRM.SuppressDuplicateDetection: false`).
    pub duplicate_rules: Vec<DuplicateRule>,
    /// Throttling of the next requests.
    pub throttle: Option<Throttle>,
    /// The organisation's own automation.
    pub automation: Vec<Rule>,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            unprovisioned: false,
            revenue_system_calculated: true,
            currency_locked: false,
            closed_rows_read_only: false,
            key_activation_looks: 2,
            delta_token_days: 7,
            delta_tokens_expired: false,
            unknown_clients_refused: false,
            secured_columns: Vec::new(),
            duplicate_rules: Vec::new(),
            throttle: None,
            automation: Vec::new(),
        }
    }
}

/// Which of the three service protection limits the next requests run into.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Throttle {
    /// The limit.
    pub limit: Limit,
    /// How many requests it refuses.
    pub count: u32,
    /// The `Retry-After` header, in seconds.
    pub retry_after_seconds: u64,
}

/// The three service protection limits.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Limit {
    /// 6000 requests in 300 s.
    Requests,
    /// 1200 s of execution time in 300 s.
    ExecutionTime,
    /// 52 concurrent requests.
    Concurrency,
}

impl Limit {
    /// The code and message of the refusal (docs: "Service protection API limits").
    pub(crate) fn refusal(self) -> (&'static str, &'static str) {
        match self {
            Self::Requests => (
                "0x80072322",
                "Number of requests exceeded the limit of 6000 over time window of 300 seconds.",
            ),
            Self::ExecutionTime => (
                "0x80072321",
                "Combined execution time of incoming requests exceeded limit of 1,200,000 milliseconds over time \
                 window of 300 seconds. Decrease number of concurrent requests or reduce the duration of requests and \
                 try again later.",
            ),
            Self::Concurrency => ("0x80072326", "Number of concurrent requests exceeded the limit of 52."),
        }
    }
}

/// One duplicate detection rule: two rows of a table with the same values in these columns.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DuplicateRule {
    /// The table.
    pub table: String,
    /// The columns.
    pub columns: Vec<String>,
}

/// One rule of the organisation's automation: when a column is written, other columns are set or normalised, or the
/// write is refused.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rule {
    /// The table.
    pub table: String,
    /// The column whose writing starts the rule.
    pub when: String,
    /// Columns and the values that they get.
    #[serde(default)]
    pub set: BTreeMap<String, Value>,
    /// Text columns and what is done to them.
    #[serde(default)]
    pub normalise: BTreeMap<String, Transform>,
    /// The words with which the write is refused, as a plug-in refuses one.
    #[serde(default)]
    pub refuse: Option<String>,
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
