//! The laws by name, what each says, and what to change where one is broken.

use serde::{Deserialize, Serialize};

/// A law of a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Law {
    /// Every field may be empty or odd.
    Total,
    /// Same arguments, same answer.
    Deterministic,
    /// Only what the manifest declares is written.
    Declared,
    /// L1.
    SettlingInTheCrm,
    /// L2.
    SettlingInPartnerCenter,
    /// L3.
    OnceIsEnough,
    /// L4.
    OneEditSettles,
    /// One resolution for each conflict.
    Resolving,
    /// What is reported is not carried over.
    ReportIsNoEdit,
    /// No call uses more than it may.
    Bounded,
}

impl Law {
    /// All of them, in the order in which they are worth mending.
    pub const ALL: [Self; 10] = [
        Self::Total,
        Self::Deterministic,
        Self::Declared,
        Self::SettlingInTheCrm,
        Self::SettlingInPartnerCenter,
        Self::OnceIsEnough,
        Self::OneEditSettles,
        Self::Resolving,
        Self::ReportIsNoEdit,
        Self::Bounded,
    ];

    /// A stable code, with a page in `host/errors/`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Total => "MAP070",
            Self::Deterministic => "MAP071",
            Self::Declared => "MAP072",
            Self::SettlingInTheCrm => "MAP073",
            Self::SettlingInPartnerCenter => "MAP074",
            Self::OnceIsEnough => "MAP075",
            Self::OneEditSettles => "MAP076",
            Self::Resolving => "MAP077",
            Self::ReportIsNoEdit => "MAP078",
            Self::Bounded => "MAP079",
        }
    }

    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Total => "total (L0)",
            Self::Deterministic => "deterministic",
            Self::Declared => "declared",
            Self::SettlingInTheCrm => "settling in the CRM (L1)",
            Self::SettlingInPartnerCenter => "settling in Partner Center (L2)",
            Self::OnceIsEnough => "once is enough (L3)",
            Self::OneEditSettles => "one edit settles (L4)",
            Self::Resolving => "resolving",
            Self::ReportIsNoEdit => "a report is no edit",
            Self::Bounded => "bounded",
        }
    }

    /// What to change.
    pub fn help(self) -> &'static str {
        match self {
            Self::Total => {
                "cope with every legal referral and record: `get()`, `first()` and a default instead of `unwrap()`, \
                 `[0]` and plain arithmetic; where there is nothing sensible to say, `refuse!` with the field and the fix"
            }
            Self::Deterministic => {
                "decide by the arguments alone: let no draft depend on `cx.now()`, on the order of a `HashMap`, or on \
                 something that is remembered between calls"
            }
            Self::Declared => {
                "add the field to the struct with `#[derive(Record)]` and let the derive write it, so that the manifest \
                 has it; a column that is `read` only is never written"
            }
            Self::SettlingInTheCrm => {
                "let `to_referral` take back exactly what `to_crm` added (a prefix, a default, a sum), or send that column \
                 back not at all"
            }
            Self::SettlingInPartnerCenter => {
                "let `to_crm` take back exactly what `to_referral` added, or leave that column as it is where it already \
                 says the same"
            }
            Self::OnceIsEnough => {
                "a draft must not read a field that it writes in order to change it: make the value from the other side, \
                 not from what the field holds already"
            }
            Self::OneEditSettles => {
                "break the circle: each of these columns is made of another that is sent back; send one of them back not \
                 at all, or make it of one field only"
            }
            Self::Resolving => "answer each conflict, in order, with a value of the field's own kind",
            Self::ReportIsNoEdit => {
                "show the result of a pass in columns that `to_referral` does not carry over to a referral that exists"
            }
            Self::Bounded => {
                "look for a loop or a text that grows with its input; if the work is real, the operator can raise the limit"
            }
        }
    }
}

impl std::fmt::Display for Law {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_law_has_a_code_of_its_own_and_a_page_that_explains_it() {
        let pages = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../host/errors");
        let mut codes: Vec<&str> = Law::ALL.map(Law::code).to_vec();
        for code in &codes {
            let page = std::fs::read_to_string(pages.join(format!("{code}.md"))).unwrap();
            assert!(page.starts_with(&format!("# {code}: ")), "{code}");
        }
        codes.dedup();
        assert_eq!(codes.len(), Law::ALL.len());
    }
}
