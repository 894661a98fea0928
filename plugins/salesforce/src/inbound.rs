//! From Partner Center to Salesforce.

use crosswalk_sdk::{
    cosell::{self, Becomes, once_true, solutions, text},
    prelude::*,
};

use crate::{Deal, Opportunity, Salesforce, columns::lengths, customer, help, lead, money, status};

pub(crate) fn to_crm(
    referral: &Referral,
    linked: Option<&Deal>,
    cx: &Context,
    settings: &Salesforce,
) -> Result<Outcome<Deal>> {
    if linked.is_some_and(Deal::is_switched_off) {
        return Ok(Outcome::skip("the seller switched `Sync With Partner Center` off"));
    }
    let (becomes, opportunity, lead) = match linked {
        Some(Deal::Opportunity(linked)) => (Becomes::Opportunity, Some(linked), None),
        Some(Deal::Lead(linked)) => (lead::becomes(referral, linked, settings), None, Some(linked)),
        None => (Becomes::of_new(referral, settings.opportunities_only), None, None),
    };
    Ok(match becomes {
        Becomes::Opportunity => Outcome::Hold(wanted(referral, opportunity, cx, settings)?.into()),
        Becomes::Lead => Outcome::Hold(lead::wanted(referral, lead, settings)?.into()),
        Becomes::Nothing(reason) => Outcome::Skip(reason),
    })
}

/// What an opportunity should hold: a linked one, or a new one, which may be made of a lead.
///
/// # Errors
/// When the referral holds an amount or a time that is none, or asks for a stage that the organisation lacks.
pub fn wanted(
    referral: &Referral,
    linked: Option<&Opportunity>,
    cx: &Context,
    settings: &Salesforce,
) -> Result<Opportunity> {
    let (value, currency) = money::wanted(referral, linked, settings)?;
    let mut draft = Opportunity {
        name: name(referral, linked),
        description: described(referral),
        value,
        currency,
        closes: closes(referral, linked, cx, settings)?,
        stage: status::wanted(referral, linked, settings)?,
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
    if linked.is_none() {
        let account = customer::account(referral);
        draft.contact = customer::contact(referral, account.as_ref()).map_or(Field::Unset, Field::Set);
        draft.account = account.map_or(Field::Unset, Field::Set);
    }
    Ok(draft)
}

/// The deal's name behind the check mark that the opportunity has. A deal without a name leaves it alone; a new
/// opportunity, which must have one, is then called after its customer.
fn name(referral: &Referral, linked: Option<&Opportunity>) -> Field<String> {
    let said =
        |text: Option<&String>| text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let own = referral.name.clone().filter(|name| !name.trim().is_empty());
    let name = match linked {
        Some(_) => own,
        None => own
            .or_else(|| said(referral.customer.name.as_ref()))
            .or_else(|| referral.id.as_deref().map(|id| format!("Partner Center referral {id}"))),
    };
    let mark = linked.map_or("", |linked| text::mark(linked.name.text()));
    name.map_or(Field::Unset, |name| text::marked(mark, &name, lengths::NAME).into())
}

pub(crate) fn described(referral: &Referral) -> Field<String> {
    referral.details.notes.as_deref().map(|notes| text::fitted(notes, lengths::DESCRIPTION)).into()
}

/// The day of the referral. Salesforce makes no opportunity without one, and lets nobody clear it: a new one gets a day
/// in the future, and one that is there keeps its own.
fn closes(
    referral: &Referral,
    linked: Option<&Opportunity>,
    cx: &Context,
    settings: &Salesforce,
) -> Result<Field<Date>> {
    if let Some(day) = referral.details.closing_date()? {
        return Ok(day.into());
    }
    if linked.is_some() {
        return Ok(Field::Unset);
    }
    Ok(cx.in_days(settings.close_date_days).into())
}

/// Unset where the referral asks for none: a seller may have chosen a help that is still to be asked for.
fn asked_help(referral: &Referral, settings: &Salesforce) -> Field<String> {
    let asked = referral.invitation.as_ref().and_then(|invitation| invitation.help.as_ref());
    asked.and_then(|asked| help::value(asked, &settings.help_values)).map_or(Field::Unset, Field::Set)
}

/// Empty where the text is.
fn filled(text: String) -> Field<String> {
    if text.is_empty() { Field::Empty } else { text.into() }
}
