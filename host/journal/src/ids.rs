//! Typed ids. Each is a number that is given once and never again; people see it with a prefix, `evt_42`.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($name:ident, $prefix:literal, $doc:literal) => {
        #[doc = $doc]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(into = "String", try_from = "String")]
        pub struct $name(pub(crate) i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                let digits = text.strip_prefix($prefix).unwrap_or("");
                let canonical = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
                match digits.parse() {
                    Ok(number) if canonical => Ok($name(number)),
                    _ => Err(NotAnId { text: text.to_owned(), example: concat!($prefix, "42") }),
                }
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.to_string()
            }
        }

        impl TryFrom<String> for $name {
            type Error = NotAnId;

            fn try_from(text: String) -> Result<Self, NotAnId> {
                text.parse()
            }
        }
    };
}

id!(EventId, "evt_", "An event. Later events have larger ids.");
id!(
    LaneId,
    "lane_",
    "A lane. A lane without a link ends when nothing waits in it; its id is not given again."
);
id!(LinkId, "link_", "A link.");
id!(ReleaseId, "rel_", "A release of one tenant: a plugin at a digest, with its settings.");
id!(JobId, "job_", "A job. Later jobs have larger ids.");
id!(PassId, "pass_", "A pass, and at the same time the fence of its lease: later passes have larger ids.");

/// A lane in a worker's hands. The fence grows with each taking, and names the pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Lease {
    /// The lane.
    pub lane: LaneId,
    /// The pass; it fences off every earlier holder of the lane.
    pub pass: PassId,
}

/// A text that is no id of the expected kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no id of this kind; one looks like `{example}`")]
pub struct NotAnId {
    text: String,
    example: &'static str,
}

#[cfg(test)]
mod tests;
