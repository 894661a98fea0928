//! From Dynamics 365 to Partner Center.

use crosswalk_sdk::{
    cosell::{self, once_true, solutions, team, text},
    prelude::*,
};

use crate::{
    Account, Contact, Deal, Dynamics, Opportunity, customer, help, lead, salesperson,
    status::{self, SalesStage, Stage},
};

pub(crate) fn to_referral(
    linked: &Deal,
    referral: Option<&Referral>,
    cx: &Context,
    settings: &Dynamics,
) -> Result<Outcome<ReferralDraft>> {
    let off = || Ok(Outcome::skip("`Sync with Partner Center` is off"));
    match (linked, referral) {
        (linked, Some(_)) if linked.is_switched_off() => off(),
        (Deal::Lead(lead), referral) => Ok(lead::to_referral(lead, referral, cx)),
        (Deal::Opportunity(linked), Some(referral)) => {
            changed(linked, referral, cx, settings).map(Outcome::Hold)
        }
        // Only a seller's own choice sends a deal for the first time.
        (Deal::Opportunity(linked), None) if linked.sync != Field::Set(true) => off(),
        (Deal::Opportunity(linked), None) => created(linked, cx, settings),
    }
}

/// What both a new and a known referral are told.
fn common(linked: &Opportunity, referral: Option<&Referral>, cx: &Context) -> ReferralDraft {
    let code = code(linked);
    // Without a currency of its own the value counts in the referral's.
    let known = referral.and_then(|referral| referral.details.currency.clone());
    let currency = code.clone().or(known).unwrap_or_default();
    let stage = linked.sales_stage.get().copied().and_then(SalesStage::word);
    let campaign = linked.campaign.get().and_then(Ref::record).map(|campaign| campaign.code.text());
    let said = |text: Option<&str>| text.filter(|text| !text.is_empty()).map_or(Field::Unset, Field::from);
    ReferralDraft {
        external_reference_id: reference(cx),
        deal_value: linked.value.map(|amount| Money::new(amount, &currency).rounded().amount),
        currency: code.map_or(Field::Unset, Field::Set),
        closing_date: linked.closes,
        sales_stage: said(stage),
        campaign_id: said(campaign),
        ..ReferralDraft::default()
    }
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
    settings: &Dynamics,
) -> Result<ReferralDraft> {
    if referral.status == Status::New && status::stage(linked) == Some(Stage::OnHold) {
        return Ok(ReferralDraft { external_reference_id: reference(cx), ..ReferralDraft::default() });
    }
    let pushed = status::pushed(linked, referral);
    Ok(ReferralDraft {
        notes: text::uncut(
            linked.description.clone(),
            referral.details.notes.as_deref(),
            settings.description_length,
        ),
        solutions: known_solutions(linked, &referral.details.solutions, settings),
        share_with_microsoft_sellers: once_true(linked.visible_to_microsoft == Field::Set(true)),
        status: pushed.status,
        substatus: pushed.substatus,
        status_reason: pushed.reason,
        customer_team: customers(linked, referral),
        team: sellers(linked, referral, settings),
        help: upgraded(linked, referral, settings)?,
        ..common(linked, Some(referral), cx)
    })
}

/// The referral's solutions as the opportunity lists them.
fn known_solutions(linked: &Opportunity, known: &[Solution], settings: &Dynamics) -> Field<Vec<Solution>> {
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
fn sellers(linked: &Opportunity, referral: &Referral, settings: &Dynamics) -> Field<Vec<Member>> {
    let salesperson = salesperson::member(linked, settings);
    if salesperson::complete(&salesperson).is_err() {
        return Field::Unset;
    }
    team::joined(&referral.team, &salesperson).into()
}

/// The help that Microsoft is asked for.
fn wanted_help(linked: &Opportunity, settings: &Dynamics) -> Option<Help> {
    linked.help.get().and_then(|code| help::from_code(*code, settings.help_code_base))
}

/// Help that is asked for after the deal was sent without.
fn upgraded(linked: &Opportunity, referral: &Referral, settings: &Dynamics) -> Result<Field<Help>> {
    if cosell::is_with_microsoft(referral) || referral.status == Status::Closed {
        return Ok(Field::Unset);
    }
    let Some(help) = wanted_help(linked, settings) else { return Ok(Field::Unset) };
    reachable(linked.contact.get().and_then(Ref::record))?;
    salesperson::complete(&salesperson::member(linked, settings))?;
    Ok(help.into())
}

/// The currency's code.
fn code(linked: &Opportunity) -> Option<String> {
    linked.currency.get()?.record()?.code.clone().value().filter(|code| !code.is_empty())
}

/// A new referral, once all that Partner Center demands is there.
fn created(linked: &Opportunity, cx: &Context, settings: &Dynamics) -> Result<Outcome<ReferralDraft>> {
    match status::stage(linked) {
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
    ensure!(!name.trim().is_empty(), "name", "the opportunity has no topic"; help = "give it a topic");
    ensure!(
        settings.customers_consent, "consentToContact",
        "nobody has confirmed that customers agree to be contacted and to have their details shared";
        help = "if they do, set `customers_consent` to true in the plugin's settings"
    );
    let solutions = listed_solutions(linked, settings)?;
    worth(linked)?;
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
        ..common(linked, None, cx)
    }))
}

/// The solutions of a new referral, at least one.
fn listed_solutions(linked: &Opportunity, settings: &Dynamics) -> Result<Vec<Solution>> {
    let (field, label, ids) = if settings.solutions_as_rows {
        ("solutions", "Microsoft Solutions", linked.solutions.clone().value().unwrap_or_default())
    } else {
        ("msft_products", "Products", solutions::ids(linked.products.text()))
    };
    let ids: Vec<String> = ids.into_iter().filter(|id| !id.trim().is_empty()).collect();
    ensure!(
        !ids.is_empty(), field, "Partner Center wants at least one solution";
        help = "enter its id in `{}`, for example `SOL-15974-MQF`", label
    );
    Ok(ids.into_iter().map(Solution::by_id).collect())
}

/// A deal has a value, a currency and a day.
fn worth(linked: &Opportunity) -> Result<()> {
    let value = linked.value.get().copied().unwrap_or_default();
    ensure!(
        value > Decimal::ZERO, "estimatedvalue", "the deal has no value";
        help = "enter `Est. Revenue`; if Dynamics calculates it, add products that have a price"
    );
    ensure!(
        code(linked).is_some(), "transactioncurrencyid", "the deal has no currency";
        help = "choose the opportunity's `Currency`"
    );
    ensure!(
        linked.closes.get().is_some(), "estimatedclosedate", "the deal has no closing date";
        help = "enter `Est. Close Date`"
    );
    Ok(())
}

/// The customer has a name, a street, a city and a country that Partner Center knows.
fn customer_account(linked: &Opportunity) -> Result<&Account> {
    let Some(account) = linked.account.get().and_then(Ref::record) else {
        refuse!("parentaccountid", "the opportunity has no account"; help = "choose the customer in `Account`");
    };
    ensure!(!account.name.text().is_empty(), "account.name", "the account has no name"; help = "name it");
    ensure!(
        !account.line1.text().is_empty(), "account.address1_line1", "the account `{}` has no street", account.name.text();
        help = "enter the first line of its address"
    );
    ensure!(
        !account.city.text().is_empty(), "account.address1_city", "the account `{}` has no city", account.name.text();
        help = "enter the city of its address"
    );
    let country = account.country.text();
    ensure!(
        cosell::is_country_code(country), "account.address1_country",
        "the country `{}` of the account `{}` is not a two-letter code", country, account.name.text();
        help = "enter the ISO 3166 code, for example `US`; if it is in another column, set `customer_country_field`"
    );
    Ok(account)
}

/// Whoever asks Microsoft for help names a person whom Microsoft can reach.
fn reachable(contact: Option<&Contact>) -> Result<()> {
    let Some(contact) = contact else {
        refuse!(
            "parentcontactid", "Microsoft's help is asked for, and the opportunity has no contact";
            help = "choose the customer's `Contact`, or clear `How can Microsoft help?`"
        );
    };
    let needed = [
        ("contact.firstname", &contact.first_name, "first name"),
        ("contact.lastname", &contact.last_name, "last name"),
        ("contact.emailaddress1", &contact.email, "e-mail address"),
        ("contact.telephone1", &contact.phone, "business phone"),
    ];
    for (field, text, label) in needed {
        ensure!(
            !text.text().trim().is_empty(), field,
            "Microsoft's help is asked for, and the contact has no {}", label; help = "enter the contact's {}", label
        );
    }
    Ok(())
}
