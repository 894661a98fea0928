//! Salesforce's ids, which have two spellings.
//!
//! The 15-character form tells records apart by upper and lower case; the 18-character form adds three characters that
//! say which of them are upper case, so that it survives programs that do not care. Both name the same thing, and
//! everything of ours keeps the longer one.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

/// An id in its 18-character form.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct SalesforceId(String);

const SHORT: usize = 15;
const LONG: usize = 18;

impl SalesforceId {
    /// Reads either form; `None` for what is neither, and for a long form whose last three characters do not belong
    /// to the others.
    pub fn parse(text: &str) -> Option<Self> {
        if !text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return None;
        }
        let (short, given) = match text.len() {
            SHORT => (text, None),
            LONG => (text.get(..SHORT)?, text.get(SHORT..)),
            _ => return None,
        };
        let suffix = suffix(short);
        let fits = given.is_none_or(|given| given.eq_ignore_ascii_case(&suffix));
        fits.then(|| SalesforceId(format!("{short}{suffix}")))
    }

    /// The 18 characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is an id of that kind: `006` are opportunities, `00D` orgs.
    pub fn has_prefix(&self, prefix: &str) -> bool {
        self.0.starts_with(prefix)
    }
}

/// One character for each five, whose bits say which of the five are upper case, the first being the lowest bit.
fn suffix(short: &str) -> String {
    const DIGITS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";
    let bits = |five: &[u8]| {
        five.iter()
            .enumerate()
            .filter(|(_, byte)| byte.is_ascii_uppercase())
            .map(|(place, _)| 1 << place)
            .sum()
    };
    let digit = |five: &[u8]| DIGITS.get::<usize>(bits(five)).map_or('?', |digit| char::from(*digit));
    short.as_bytes().chunks(5).map(digit).collect()
}

impl fmt::Display for SalesforceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for SalesforceId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("expected a Salesforce id of 15 or 18 characters"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_documented_pair_is_one_id() {
        let long = SalesforceId::parse("00D300000000Z7zEAE").unwrap();
        assert_eq!(SalesforceId::parse("00D300000000Z7z"), Some(long.clone()));
        assert_eq!(long.as_str(), "00D300000000Z7zEAE");
        assert!(long.has_prefix("00D") && !long.has_prefix("006"));
    }

    #[test]
    fn what_is_no_id_is_none() {
        for text in [
            "",
            "0013000000Dsp4",
            "0013000000Dsp4-",
            "0013000000Dsp42AAA0",
            "0013000000Dsp42ZZZ",
            "ÄÄÄÄÄÄÄaa",
        ] {
            assert_eq!(SalesforceId::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn both_forms_are_the_same_id_and_case_tells_ids_apart(short in "[0-9A-Za-z]{15}") {
            let id = SalesforceId::parse(&short).unwrap();
            prop_assert_eq!(SalesforceId::parse(id.as_str()), Some(id.clone()));
            let swapped: String = short.chars().map(|c| if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() }).collect();
            if swapped != short {
                let other = SalesforceId::parse(&swapped).unwrap();
                prop_assert_ne!(other.as_str().to_ascii_lowercase(), id.as_str().to_ascii_lowercase());
            }
        }
    }
}
