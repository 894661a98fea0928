//! Named referrals that Microsoft may send: the documented sample, and the two kinds of lead.

use serde_json::Value;

/// The names that can be asked for.
pub const NAMES: [&str; 3] = ["co-sell", "marketplace-lead", "qualified-lead"];

/// The body of a sample.
#[must_use]
pub(super) fn named(name: &str) -> Option<Value> {
    let text = match name {
        // The sample body of the documentation's page on creating a referral, complete.
        "co-sell" => include_str!("samples/co-sell.json"),
        // Independent, Direct: a customer asked for contact on a marketplace.
        "marketplace-lead" => include_str!("samples/marketplace-lead.json"),
        // Independent, MarketingQualified: Microsoft passes a lead on.
        "qualified-lead" => include_str!("samples/qualified-lead.json"),
        _ => return None,
    };
    serde_json::from_str(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_named_sample_can_be_read() {
        for name in NAMES {
            assert!(named(name).unwrap().is_object(), "{name}");
        }
        assert!(named("unknown").is_none());
    }
}
