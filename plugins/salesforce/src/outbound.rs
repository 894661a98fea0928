//! From Salesforce to Partner Center.

use crosswalk_sdk::{
    cosell::{self, once_true, solutions, team, text},
    prelude::*,
};

use crate::{
    Account, Contact, Deal, Opportunity, Salesforce,
    columns::lengths,
    customer, help, lead, money, salesperson,
    status::{self, Stage},
};

pub(crate) fn to_referral(
    linked: &Deal,
    referral: Option<&Referral>,
    cx: &Context,
    settings: &Salesforce,
) -> Result<Outcome<ReferralDraft>> {
    let off = || Ok(Outcome::skip("`Sync With Partner Center` is off"));
    match (linked, referral) {
        (linked, Some(_)) if linked.is_switched_off() => off(),
        (Deal::Lead(lead), referral) => Ok(lead::to_referral(lead, referral, cx, settings)),
        (Deal::Opportunity(linked), Some(referral)) => {
            changed(linked, referral, cx, settings).map(Outcome::Hold)
        }
        // Only a seller's own choice sends a deal for the first time.
        (Deal::Opportunity(linked), None) if linked.sync != Field::Set(true) => off(),
        (Deal::Opportunity(linked), None) => created(linked, cx, settings),
    }
}

/// What both a new and a known referral are told.
fn common(
    linked: &Opportunity,
    referral: Option<&Referral>,
    cx: &Context,
    settings: &Salesforce,
) -> ReferralDraft {
    let (deal_value, currency) = money::pushed(linked, referral, settings);
    ReferralDraft {
        external_reference_id: reference(cx),
        deal_value,
        currency,
        closing_date: linked.closes,
        sales_stage: sales_stage(linked, settings),
        campaign_id: campaign(linked),
        ..ReferralDraft::default()
    }
}

/// Partner Center's word for the stage, where a setting gives it one.
fn sales_stage(linked: &Opportunity, settings: &Salesforce) -> Field<String> {
    let words = [
        (&settings.qualify_stages, "Qualify"),
        (&settings.develop_stages, "Develop"),
        (&settings.propose_stages, "Propose"),
        (&settings.close_stages, "Close"),
    ];
    let told = words.into_iter().find(|(stages, _)| stages.iter().any(|stage| stage == linked.stage.text()));
    told.map_or(Field::Unset, |(_, word)| word.into())
}

fn campaign(linked: &Opportunity) -> Field<String> {
    let code = linked.campaign.get().and_then(Ref::record).map(|campaign| campaign.code.text());
    code.filter(|code| !code.is_empty()).map_or(Field::Unset, Field::from)
}

/// The record's id, by which Partner Center's referral is found again.
pub(crate) fn reference(cx: &Context) -> Field<String> {
    cx.record().map_or(Field::Unset, |record| record.id.clone().into())
}

/// A known referral. While it waits on both sides nothing is sent but the record's id: it is not the partner's yet.
fn changed(
    linked: &Opportunity,
    referral: &Referral,
    cx: &Context,
    settings: &Salesforce,
) -> Result<ReferralDraft> {
    if status::waits(linked, referral, settings) {
        return Ok(ReferralDraft { external_reference_id: reference(cx), ..ReferralDraft::default() });
    }
    let pushed = status::pushed(linked, referral, settings);
    Ok(ReferralDraft {
        notes: text::uncut(
            linked.description.clone(),
            referral.details.notes.as_deref(),
            lengths::DESCRIPTION,
        ),
        solutions: known_solutions(linked, &referral.details.solutions, settings),
        share_with_microsoft_sellers: once_true(linked.visible_to_microsoft == Field::Set(true)),
        status: pushed.status,
        substatus: pushed.substatus,
        status_reason: pushed.reason,
        customer_team: customers(linked, referral),
        team: sellers(linked, referral, settings),
        help: upgraded(linked, referral, settings)?,
        ..common(linked, Some(referral), cx, settings)
    })
}

/// The referral's solutions as the opportunity lists them.
fn known_solutions(linked: &Opportunity, known: &[Solution], settings: &Salesforce) -> Field<Vec<Solution>> {
    if settings.solutions_as_rows {
        return match &linked.solutions {
            Field::Unset => Field::Unset,
            listed => solutions::of_rows(listed.get().map_or(&[], Vec::as_slice), known).into(),
        };
    }
    match &linked.products {
        Field::Unset => Field::Unset,
        listed => solutions::of_text(listed.text(), known, settings.products_length).into(),
    }
}

/// The customer's team with the opportunity's contact in it.
fn customers(linked: &Opportunity, referral: &Referral) -> Field<Vec<Member>> {
    let contact = linked.contact.get().and_then(Ref::record).map(customer::member);
    let contact = contact.filter(|contact| contact.email.is_some());
    contact.map_or(Field::Unset, |contact| team::joined(&referral.customer.team, &contact).into())
}

/// The partner's team with the opportunity's owner in it.
fn sellers(linked: &Opportunity, referral: &Referral, settings: &Salesforce) -> Field<Vec<Member>> {
    let salesperson = salesperson::member(linked, settings);
    if salesperson::complete(&salesperson).is_err() {
        return Field::Unset;
    }
    team::joined(&referral.team, &salesperson).into()
}

/// The help that Microsoft is asked for.
fn wanted_help(linked: &Opportunity, settings: &Salesforce) -> Option<Help> {
    linked.help.get().and_then(|value| help::from_value(value, &settings.help_values))
}

/// Help that is asked for after the deal was sent without.
fn upgraded(linked: &Opportunity, referral: &Referral, settings: &Salesforce) -> Result<Field<Help>> {
    if cosell::is_with_microsoft(referral) || referral.status == Status::Closed {
        return Ok(Field::Unset);
    }
    let Some(help) = wanted_help(linked, settings) else { return Ok(Field::Unset) };
    reachable(linked.contact.get().and_then(Ref::record))?;
    salesperson::complete(&salesperson::member(linked, settings))?;
    Ok(help.into())
}

/// A new referral, once all that Partner Center demands is there.
fn created(linked: &Opportunity, cx: &Context, settings: &Salesforce) -> Result<Outcome<ReferralDraft>> {
    match status::stage(linked, settings) {
        Some(Stage::Won | Stage::Lost) => {
            return Ok(Outcome::skip("the opportunity was closed before it was ever sent"));
        }
        Some(Stage::OnHold) => {
            return Ok(Outcome::skip("the opportunity is on hold: it is sent once it is not"));
        }
        Some(Stage::Open) | None => {}
    }
    let help = wanted_help(linked, settings);
    let name = text::unmarked(linked.name.text());
    ensure!(!name.trim().is_empty(), "Name", "the opportunity has no name"; help = "give it a name");
    ensure!(
        settings.customers_consent, "consentToContact",
        "nobody has confirmed that customers agree to be contacted and to have their details shared";
        help = "if they do, set `customers_consent` to true in the plugin's settings"
    );
    let solutions = listed_solutions(linked, settings)?;
    worth(linked, settings)?;
    let account = customer_account(linked)?;
    let contact = linked.contact.get().and_then(Ref::record);
    let salesperson = salesperson::member(linked, settings);
    if help.is_some() {
        reachable(contact)?;
        salesperson::complete(&salesperson)?;
    }
    Ok(Outcome::Hold(ReferralDraft {
        name: name.into(),
        notes: linked.description.clone().or_unset(),
        kind: if help.is_some() { ReferralKind::Shared } else { ReferralKind::Independent }.into(),
        qualification: Qualification::SalesQualified.into(),
        status: Status::New.into(),
        substatus: Substatus::Pending.into(),
        share_with_microsoft_sellers: (help.is_some() || linked.visible_to_microsoft == Field::Set(true))
            .into(),
        consent_to_contact: true.into(),
        consent_to_share: true.into(),
        customer_name: account.name.clone(),
        customer_size: customer::size(account),
        address: customer::address(account),
        customer_team: contact.map_or(Field::Unset, |contact| vec![customer::member(contact)].into()),
        team: if salesperson::complete(&salesperson).is_ok() {
            vec![salesperson].into()
        } else {
            Field::Unset
        },
        solutions: solutions.into(),
        help: help.map_or(Field::Unset, Field::Set),
        ..common(linked, None, cx, settings)
    }))
}

/// The solutions of a new referral, at least one.
fn listed_solutions(linked: &Opportunity, settings: &Salesforce) -> Result<Vec<Solution>> {
    let (field, label, ids) = if settings.solutions_as_rows {
        ("solutions", "Microsoft Solutions", linked.solutions.clone().value().unwrap_or_default())
    } else {
        ("Products__c", "Products", solutions::ids(linked.products.text()))
    };
    let ids: Vec<String> = ids.into_iter().filter(|id| !id.trim().is_empty()).collect();
    ensure!(
        !ids.is_empty(), field, "Partner Center wants at least one solution";
        help = "enter its id in `{}`, for example `SOL-15974-MQF`", label
    );
    Ok(ids.into_iter().map(Solution::by_id).collect())
}

/// A deal has a value, a currency and a day.
fn worth(linked: &Opportunity, settings: &Salesforce) -> Result<()> {
    let (value, currency) = money::pushed(linked, None, settings);
    ensure!(
        value.get().is_some_and(|value| *value > Decimal::ZERO), "Amount", "the deal has no value";
        help = "enter the `Amount`, or add products that have a price"
    );
    ensure!(
        currency.get().is_some(), "CurrencyIsoCode", "the deal has no currency";
        help = "choose the `Opportunity Currency`"
    );
    ensure!(
        linked.closes.get().is_some(), "CloseDate", "the deal has no closing date";
        help = "enter the `Close Date`"
    );
    Ok(())
}

/// The customer has a name, a street, a city and a country that Partner Center knows.
fn customer_account(linked: &Opportunity) -> Result<&Account> {
    let Some(account) = linked.account.get().and_then(Ref::record) else {
        refuse!("AccountId", "the opportunity has no account"; help = "choose the customer in `Account Name`");
    };
    let name = account.name.text();
    ensure!(!name.is_empty(), "Account.Name", "the account has no name"; help = "name it");
    ensure!(
        !account.street.text().trim().is_empty(), "Account.BillingStreet", "the account `{}` has no street", name;
        help = "enter the street of its billing address"
    );
    ensure!(
        !account.city.text().trim().is_empty(), "Account.BillingCity", "the account `{}` has no city", name;
        help = "enter the city of its billing address"
    );
    let country = account.country.text();
    ensure!(
        cosell::is_country_code(country), "Account.BillingCountry",
        "the country `{}` of the account `{}` is not a two-letter code", country, name;
        help = "enter the ISO 3166 code, for example `US`; where countries are picked from a list, \
                set `customer_country_field` to `BillingCountryCode`"
    );
    Ok(account)
}

/// Whoever asks Microsoft for help names a person whom Microsoft can reach.
fn reachable(contact: Option<&Contact>) -> Result<()> {
    let Some(contact) = contact else {
        refuse!(
            "ContactId", "Microsoft's help is asked for, and the opportunity has no primary contact";
            help = "make the customer's contact the primary `Contact Role`, or clear `How can Microsoft help?`"
        );
    };
    let needed = [
        ("Contact.FirstName", &contact.first_name, "first name"),
        ("Contact.LastName", &contact.last_name, "last name"),
        ("Contact.Email", &contact.email, "e-mail address"),
        ("Contact.Phone", &contact.phone, "business phone"),
    ];
    for (field, text, label) in needed {
        ensure!(
            !text.text().trim().is_empty(), field,
            "Microsoft's help is asked for, and the contact has no {}", label; help = "enter the contact's {}", label
        );
    }
    Ok(())
}
