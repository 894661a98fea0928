//! From Partner Center to Dynamics 365.

use crosswalk_sdk::{
    cosell::{self, Becomes, once_true, solutions, text},
    prelude::*,
};

use crate::{Currency, Deal, Dynamics, Opportunity, customer, help, lead, status};

pub(crate) fn to_crm(
    referral: &Referral,
    linked: Option<&Deal>,
    settings: &Dynamics,
) -> Result<Outcome<Deal>> {
    if linked.is_some_and(Deal::is_switched_off) {
        return Ok(Outcome::skip("the seller switched `Sync with Partner Center` off"));
    }
    let becomes = match linked {
        None => Becomes::of_new(referral, settings.opportunities_only),
        Some(Deal::Opportunity(_)) => Becomes::Opportunity,
        Some(Deal::Lead(lead)) => lead::becomes(referral, lead),
    };
    Ok(match becomes {
        Becomes::Nothing(reason) => Outcome::Skip(reason),
        Becomes::Lead => Outcome::Hold(lead::wanted(referral, linked.and_then(Deal::lead), settings)?.into()),
        Becomes::Opportunity => {
            Outcome::Hold(opportunity(referral, linked.and_then(Deal::opportunity), settings)?.into())
        }
    })
}

/// What an opportunity should hold.
fn opportunity(
    referral: &Referral,
    linked: Option<&Opportunity>,
    settings: &Dynamics,
) -> Result<Opportunity> {
    let (state, status) = status::wanted(referral, linked);
    let mut draft = Opportunity {
        name: topic(referral, linked.map(|linked| &linked.name), settings),
        description: described(referral, settings).into(),
        currency: currency(referral, linked.and_then(|linked| linked.currency.get())),
        closes: referral.details.closing_date()?.into(),
        state,
        status,
        lost_reason: status::lost_reason(referral, settings),
        sync: true.into(),
        referral_link: cosell::page(referral).into(),
        help: asked_help(referral, settings),
        visible_to_microsoft: once_true(referral.consent.share_with_microsoft_sellers),
        microsoft_crm_identifier: referral
            .tracking
            .as_ref()
            .and_then(|ids| ids.microsoft_msx_id.clone())
            .into(),
        referral_program: referral.referral_program.clone().into(),
        ..Opportunity::default()
    };
    if settings.solutions_as_rows {
        draft.solutions = solutions::rows(&referral.details.solutions).into();
    } else {
        draft.products = filled(solutions::text(&referral.details.solutions, settings.products_length));
    }
    if !settings.revenue_from_products {
        draft.value = value(referral)?;
        draft.value_is_calculated = false.into();
    }
    if linked.is_none() {
        let account = customer::account(referral);
        draft.contact = customer::contact(referral, account.as_ref()).map_or(Field::Unset, Field::Set);
        draft.account = account.map_or(Field::Unset, Field::Set);
    }
    Ok(draft)
}

/// The deal's name behind the check mark that the topic has; a deal without a name leaves the topic alone.
pub(crate) fn topic(referral: &Referral, held: Option<&Field<String>>, settings: &Dynamics) -> Field<String> {
    let Some(name) = referral.name.as_deref().filter(|name| !name.trim().is_empty()) else {
        return Field::Unset;
    };
    let mark = held.map_or("", |held| text::mark(held.text()));
    text::marked(mark, name, settings.name_length).into()
}

pub(crate) fn described(referral: &Referral, settings: &Dynamics) -> Option<String> {
    referral.details.notes.as_deref().map(|notes| text::fitted(notes, settings.description_length))
}

/// Rounded as the CRM would round it, so that its rounding is not taken for a seller's edit.
pub(crate) fn value(referral: &Referral) -> Result<Field<Decimal>> {
    let currency = referral.details.currency.as_deref().unwrap_or_default();
    let amount = referral.details.deal_value()?;
    Ok(amount.map(|amount| Money::new(amount, currency).rounded().amount).into())
}

/// The organisation's currency with this code. Dynamics demands one, so that none leaves it alone.
pub(crate) fn currency(referral: &Referral, held: Option<&Ref<Currency>>) -> Field<Ref<Currency>> {
    let Some(code) = referral.details.currency.as_deref().filter(|code| !code.is_empty()) else {
        return Field::Unset;
    };
    let same = |held: &&Ref<Currency>| held.record().is_some_and(|record| record.code.text() == code);
    match held.filter(same).and_then(Ref::key) {
        Some(key) => Ref::to(key.clone()).into(),
        None => Ref::find_or_create(Currency { code: code.into() }, Currency::default()).into(),
    }
}

/// Unset where the referral asks for none: a seller may have chosen a help that is still to be asked for.
fn asked_help(referral: &Referral, settings: &Dynamics) -> Field<i32> {
    let asked = referral.invitation.as_ref().and_then(|invitation| invitation.help.as_ref());
    asked.and_then(|asked| help::code(asked, settings.help_code_base)).map_or(Field::Unset, Field::Set)
}

/// Empty where the text is.
fn filled(text: String) -> Field<String> {
    if text.is_empty() { Field::Empty } else { text.into() }
}
