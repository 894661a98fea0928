//! The deal value and its currency, in organisations with one currency and with several.
//!
//! Where the organisation has one currency (`currency_field = ""`), every Amount counts in `org_currency`. A deal in
//! another currency then keeps its value to itself on both sides: nothing is converted.

use crosswalk_sdk::prelude::*;

use crate::{Opportunity, OpportunityField, Salesforce};

/// Decimals of a currency field of Salesforce, whatever the currency.
const DECIMALS: u32 = 2;

/// Whether opportunities have a currency of their own.
fn several_currencies() -> bool {
    let columns = Opportunity::columns().into_iter();
    columns
        .filter(|(name, _)| *name == OpportunityField::Currency)
        .any(|(_, column)| column.name.resolve().is_some())
}

/// The referral's currency, if it names one.
fn named(referral: &Referral) -> Option<&str> {
    referral.details.currency.as_deref().filter(|code| !code.is_empty())
}

/// As Salesforce holds it: rounded as the currency is, so that Salesforce's rounding is not taken for a seller's edit.
fn rounded(amount: Decimal, currency: &str) -> Decimal {
    Money::new(amount, currency).rounded_within(DECIMALS).amount
}

/// Whether the deal's value can be told in the organisation's only currency.
fn in_our_currency(referral: Option<&Referral>, settings: &Salesforce) -> bool {
    referral.and_then(named).is_none_or(|code| code.eq_ignore_ascii_case(&settings.org_currency))
}

/// Amount and currency that a referral asks for. Both stay as they are where products make the Amount.
///
/// # Errors
/// When the deal value is no decimal number.
pub fn wanted(
    referral: &Referral,
    linked: Option<&Opportunity>,
    settings: &Salesforce,
) -> Result<(Field<Decimal>, Field<String>)> {
    let has_products = linked.is_some_and(|linked| linked.has_products == Field::Set(true));
    let several = several_currencies();
    if has_products || !several && !in_our_currency(Some(referral), settings) {
        return Ok((Field::Unset, Field::Unset));
    }
    let code = if several { named(referral).unwrap_or_default() } else { settings.org_currency.as_str() };
    let value = referral.details.deal_value()?.map(|amount| rounded(amount, code));
    let currency = if several && !code.is_empty() { code.into() } else { Field::Unset };
    Ok((value.into(), currency))
}

/// Deal value and currency that an opportunity asks for.
pub fn pushed(
    linked: &Opportunity,
    referral: Option<&Referral>,
    settings: &Salesforce,
) -> (Field<Decimal>, Field<String>) {
    if !several_currencies() {
        if !in_our_currency(referral, settings) {
            return (Field::Unset, Field::Unset);
        }
        let code = settings.org_currency.as_str();
        return (linked.value.map(|amount| rounded(amount, code)), code.into());
    }
    let own = Some(linked.currency.text()).filter(|code| !code.is_empty());
    // Without a currency of its own the value counts in the referral's.
    let code = own.or_else(|| referral.and_then(named)).unwrap_or_default();
    (linked.value.map(|amount| rounded(amount, code)), own.map_or(Field::Unset, Field::from))
}
