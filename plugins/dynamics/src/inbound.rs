//! From Partner Center to Dynamics 365.

use crosswalk_sdk::{
    cosell::{self, once_true, solutions, text},
    prelude::*,
};

use crate::{Currency, Dynamics, Opportunity, customer, help, status};

pub(crate) fn to_crm(
    referral: &Referral,
    linked: Option<&Opportunity>,
    settings: &Dynamics,
) -> Result<Outcome<Opportunity>> {
    if let Some(reason) = skipped(referral, linked) {
        return Ok(Outcome::skip(reason));
    }
    let (state, status) = status::wanted(referral, linked);
    let mut draft = Opportunity {
        name: name(referral, linked, settings),
        description: described(referral, settings).into(),
        currency: currency(referral, linked),
        closes: referral.details.closing_date()?.into(),
        state,
        status,
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
        products: filled(solutions::text(&referral.details.solutions, settings.products_length)),
        ..Opportunity::default()
    };
    if !settings.revenue_from_products {
        draft.value = value(referral)?;
        draft.value_is_calculated = false.into();
    }
    if linked.is_none() {
        let account = customer::account(referral);
        draft.contact = customer::contact(referral, account.as_ref()).map_or(Field::Unset, Field::Set);
        draft.account = account.map_or(Field::Unset, Field::Set);
    }
    Ok(Outcome::Hold(draft))
}

/// Why this pair is left alone, if it is.
fn skipped(referral: &Referral, linked: Option<&Opportunity>) -> Option<&'static str> {
    match referral.qualification {
        Qualification::Direct => {
            return Some("a lead from the marketplace: only opportunities are synchronised");
        }
        Qualification::MarketingQualified => {
            return Some("a lead that is not sales qualified: only opportunities are synchronised");
        }
        Qualification::SalesQualified | Qualification::Other(_) => {}
    }
    let switched_off = linked.is_some_and(|linked| linked.sync != Field::Set(true));
    switched_off.then_some("the seller switched `Sync with Partner Center` off")
}

/// The deal's name behind the check mark that the topic has; a deal without a name leaves the topic alone.
fn name(referral: &Referral, linked: Option<&Opportunity>, settings: &Dynamics) -> Field<String> {
    let Some(name) = referral.name.as_deref().filter(|name| !name.trim().is_empty()) else {
        return Field::Unset;
    };
    let mark = linked.map_or("", |linked| text::mark(linked.name.text()));
    text::marked(mark, name, settings.name_length).into()
}

fn described(referral: &Referral, settings: &Dynamics) -> Option<String> {
    referral.details.notes.as_deref().map(|notes| text::fitted(notes, settings.description_length))
}

/// Rounded as the CRM would round it, so that its rounding is not taken for a seller's edit.
fn value(referral: &Referral) -> Result<Field<Decimal>> {
    let currency = referral.details.currency.as_deref().unwrap_or_default();
    let amount = referral.details.deal_value()?;
    Ok(amount.map(|amount| Money::new(amount, currency).rounded().amount).into())
}

/// The organisation's currency with this code. Dynamics demands one, so that none leaves it alone.
fn currency(referral: &Referral, linked: Option<&Opportunity>) -> Field<Ref<Currency>> {
    let Some(code) = referral.details.currency.as_deref().filter(|code| !code.is_empty()) else {
        return Field::Unset;
    };
    let held = linked.and_then(|linked| linked.currency.get());
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
