//! Leads: deals that Microsoft or a marketplace sent, until somebody accepts them.
//!
//! | Partner Center | | Salesforce |
//! |---|---|---|
//! | New | → | a lead at `lead_open_status`, which is then the seller's |
//! | Active | → | the lead is converted to an opportunity, unless it was declined |
//! | Closed, Won | → | likewise, and the opportunity is won |
//! | Closed, anything else | → | `lead_disqualified_status`; one that is declined in other words stays so |
//! | Closed, Declined | ← | declined while the referral is New |
//! | Closed, Lost | ← | declined although somebody accepted it in Partner Center |
//! | Active, Accepted | ← | the seller converted the lead: the opportunity says so |
//!
//! A lead that nobody sent is the partner's own business: referrals are made of opportunities.

use crosswalk_sdk::{
    contract::Address,
    cosell::{self, Becomes},
    prelude::*,
};

use crate::{
    KnownLeadStatus, Lead, Salesforce,
    columns::lengths,
    customer::{email, employees, last_name, part, street, whole},
    inbound::described,
    outbound::reference,
};

/// Stands for a name that nobody knows and Salesforce demands.
const UNKNOWN: &str = "Unknown";

/// What is to stand for a referral that has a lead. One that was declined is not brought back.
pub(crate) fn becomes(referral: &Referral, lead: &Lead, settings: &Salesforce) -> Becomes {
    if is_disqualified(lead, settings) { Becomes::Lead } else { Becomes::of_lead(referral) }
}

/// What a lead should hold.
///
/// # Errors
/// When the organisation is known not to have the status that it should be at.
pub(crate) fn wanted(referral: &Referral, linked: Option<&Lead>, settings: &Salesforce) -> Result<Lead> {
    let address = referral.customer.address.as_ref();
    let of = |of: fn(&Address) -> &Option<String>, characters| {
        part(address.and_then(|address| of(address).as_deref()), characters)
    };
    let draft = Lead {
        status: status(referral, linked, settings)?,
        company: part(referral.customer.name.as_deref(), lengths::COMPANY),
        street: part(address.and_then(street).as_deref(), lengths::STREET),
        city: of(|address| &address.city, lengths::CITY),
        state: of(|address| &address.state, lengths::STATE),
        postal_code: whole(address.and_then(|address| address.postal_code.as_deref()), lengths::POSTAL_CODE),
        country: of(|address| &address.country, lengths::STATE),
        employees: employees(referral),
        description: described(referral),
        topic: part(referral.name.as_deref(), lengths::TOPIC),
        sync: true.into(),
        referral_link: cosell::page(referral).into(),
        referral_program: referral.referral_program.clone().into(),
        ..person(referral.customer.team.first())
    };
    Ok(if linked.is_some() { draft } else { named(draft, referral) })
}

/// The customer's first contact.
fn person(member: Option<&Member>) -> Lead {
    let Some(member) = member else { return Lead::default() };
    Lead {
        first_name: part(member.first_name.as_deref(), lengths::FIRST_NAME),
        last_name: last_name(member).map_or(Field::Unset, Field::Set),
        title: part(member.title.as_deref(), lengths::TITLE),
        email: email(member).map_or(Field::Unset, Field::from),
        phone: whole(member.phone_number.as_deref(), lengths::PHONE),
        ..Lead::default()
    }
}

/// Salesforce makes no lead without a last name and a company: each stands in for the other, or the deal's name does.
fn named(draft: Lead, referral: &Referral) -> Lead {
    let known = [draft.company.get().cloned(), draft.last_name.get().cloned(), referral.name.clone()];
    let known = known.into_iter().flatten().find(|name| !name.trim().is_empty());
    let known = known.as_deref().unwrap_or(UNKNOWN);
    let or_known = |name: Field<String>, characters| match name {
        Field::Set(name) => Field::Set(name),
        _ => part(Some(known), characters),
    };
    Lead {
        company: or_known(draft.company, lengths::COMPANY),
        last_name: or_known(draft.last_name, lengths::LAST_NAME),
        ..draft
    }
}

/// Whether the seller declined the lead.
fn is_disqualified(lead: &Lead, settings: &Salesforce) -> bool {
    lead.status.get().is_some_and(|status| settings.is_disqualified(status))
}

impl Salesforce {
    /// Whether a lead's status means that the deal was declined.
    pub fn is_disqualified(&self, status: &str) -> bool {
        status == self.lead_disqualified_status
            || self.lead_disqualified_statuses.iter().any(|listed| listed == status)
    }
}

/// The status that a referral asks for; unset where the lead stays as it is.
fn status(referral: &Referral, linked: Option<&Lead>, settings: &Salesforce) -> Result<Field<String>> {
    let declined = linked.is_some_and(|lead| is_disqualified(lead, settings));
    let (name, setting) = match (&referral.status, linked) {
        (Status::Closed, _) if !declined => (&settings.lead_disqualified_status, "lead_disqualified_status"),
        (_, None) => (&settings.lead_open_status, "lead_open_status"),
        (_, Some(_)) => return Ok(Field::Unset),
    };
    exists(name, setting)?;
    Ok(name.as_str().into())
}

/// A status that the organisation does not have is not written, nor one that means that the lead was converted. Where
/// they cannot be looked up, the name is trusted.
fn exists(name: &str, setting: &str) -> Result<()> {
    let matching = KnownLeadStatus { name: name.into(), ..KnownLeadStatus::default() };
    let Ok(found) = lookup::find(matching, 5) else { return Ok(()) };
    ensure!(
        found.iter().any(|found| found.record.is_converted != Field::Set(true)), "Status",
        "the organisation has no status `{}` of leads that are not converted", name;
        help = "set `{}` in the plugin's settings to the API name of such a status", setting
    );
    Ok(())
}

/// What a referral is told of its lead: where it is, and whether it was declined.
pub(crate) fn to_referral(
    lead: &Lead,
    referral: Option<&Referral>,
    cx: &Context,
    settings: &Salesforce,
) -> Outcome<ReferralDraft> {
    let Some(referral) = referral else {
        return Outcome::skip("a lead of Salesforce's own: referrals are made of opportunities only");
    };
    let (status, substatus) = match &referral.status {
        _ if !is_disqualified(lead, settings) => (Field::Unset, Field::Unset),
        Status::New => (Status::Closed.into(), Substatus::Declined.into()),
        Status::Active => (Status::Closed.into(), Substatus::Lost.into()),
        Status::Closed | Status::Other(_) => (Field::Unset, Field::Unset),
    };
    Outcome::Hold(ReferralDraft {
        external_reference_id: reference(cx),
        status,
        substatus,
        ..ReferralDraft::default()
    })
}
