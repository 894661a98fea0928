//! Leads: deals that Microsoft or a marketplace sent, until somebody accepts them.
//!
//! | Partner Center | | Dynamics 365 |
//! |---|---|---|
//! | New | → | an open lead; one that is being worked on keeps its Status Reason |
//! | Active | → | the lead is qualified: an opportunity comes of it |
//! | Closed, Won | → | likewise, and the opportunity is won |
//! | Closed, anything else | → | Disqualified, Canceled; one that is disqualified for another reason stays so |
//! | Closed, Declined | ← | disqualified while the referral is New; the Status Reason says why |
//! | Closed, Lost | ← | disqualified although somebody accepted it in Partner Center |
//! | Active, Accepted | ← | qualified: the opportunity says so, or the lead where none was made |
//!
//! A lead that nobody sent is the partner's own business: referrals are made of opportunities.

use crosswalk_sdk::{
    contract::Address,
    cosell::{self, Becomes},
    prelude::*,
    record::Offered,
};

use crate::{
    Dynamics, Lead,
    columns::lengths,
    customer::{email, employees, part},
    inbound::{currency, described, topic, value},
    outbound::reference,
    status::offered,
};

/// `statecode` of a lead (the platform's defaults).
#[derive(Choice, Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeadState {
    /// Open.
    #[choice(0)]
    Open,
    /// Qualified.
    #[choice(1)]
    Qualified,
    /// Disqualified.
    #[choice(2)]
    Disqualified,
    /// One that the platform does not have today.
    #[choice(other)]
    Other(i32),
}

/// `statuscode` of a lead (the platform's defaults; organisations add their own).
#[derive(Choice, Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeadStatusReason {
    /// Open, New.
    #[choice(1)]
    New,
    /// Open, Contacted.
    #[choice(2)]
    Contacted,
    /// Qualified.
    #[choice(3)]
    Qualified,
    /// Disqualified, Lost.
    #[choice(4)]
    Lost,
    /// Disqualified, Cannot Contact.
    #[choice(5, label = "Cannot Contact")]
    CannotContact,
    /// Disqualified, No Longer Interested.
    #[choice(6, label = "No Longer Interested")]
    NoLongerInterested,
    /// Disqualified, Canceled.
    #[choice(7)]
    Canceled,
    /// One of the organisation's own.
    #[choice(other)]
    Other(i32),
}

/// The status reason that this mapping writes: the organisation must have it.
pub(crate) fn written() -> Vec<Offered> {
    offered::<LeadStatusReason>(&[LeadStatusReason::Canceled.code()])
}

impl LeadStatusReason {
    /// What a referral is told of why the lead was disqualified; none where only the organisation knows.
    fn words(self) -> Option<&'static str> {
        match self {
            Self::Lost => Some("Lost"),
            Self::CannotContact => Some("Cannot contact"),
            Self::NoLongerInterested => Some("No longer interested"),
            Self::Canceled => Some("Canceled"),
            Self::New | Self::Contacted | Self::Qualified | Self::Other(_) => None,
        }
    }
}

/// What is to stand for a referral that has a lead. Only an open lead can become an opportunity.
pub(crate) fn becomes(referral: &Referral, lead: &Lead) -> Becomes {
    match lead.state.get() {
        Some(LeadState::Qualified | LeadState::Disqualified) => Becomes::Lead,
        _ => Becomes::of_lead(referral),
    }
}

/// What a lead should hold.
///
/// # Errors
/// When the referral holds an amount or a time that is none.
pub(crate) fn wanted(referral: &Referral, linked: Option<&Lead>, settings: &Dynamics) -> Result<Lead> {
    let address = referral.customer.address.as_ref();
    let of = |of: fn(&Address) -> &Option<String>, characters| {
        part(address.and_then(|address| of(address).as_deref()), characters)
    };
    let (state, status) = state(referral, linked);
    Ok(Lead {
        name: topic(referral, linked.map(|linked| &linked.name), settings),
        description: described(referral, settings).into(),
        value: value(referral)?,
        currency: currency(referral, linked.and_then(|linked| linked.currency.get())),
        closes: referral.details.closing_date()?.into(),
        state,
        status,
        company: part(referral.customer.name.as_deref(), lengths::COMPANY),
        line1: of(|address| &address.line1, lengths::LINE),
        line2: of(|address| &address.line2, lengths::LINE),
        city: of(|address| &address.city, lengths::CITY),
        province: of(|address| &address.state, lengths::STATE),
        postal_code: of(|address| &address.postal_code, lengths::POSTAL_CODE),
        country: of(|address| &address.country, lengths::CITY),
        employees: employees(referral),
        sync: true.into(),
        referral_link: cosell::page(referral).into(),
        referral_program: referral.referral_program.clone().into(),
        ..person(referral.customer.team.first())
    })
}

/// The customer's first contact.
fn person(member: Option<&Member>) -> Lead {
    let Some(member) = member else { return Lead::default() };
    Lead {
        first_name: part(member.first_name.as_deref(), lengths::PERSON),
        last_name: part(member.last_name.as_deref(), lengths::PERSON),
        title: part(member.title.as_deref(), lengths::TITLE),
        email: email(member).map_or(Field::Unset, Field::from),
        phone: part(member.phone_number.as_deref(), lengths::PHONE),
        ..Lead::default()
    }
}

/// Status and Status Reason that a referral asks for; unset where the lead stays as it is.
fn state(referral: &Referral, linked: Option<&Lead>) -> (Field<LeadState>, Field<LeadStatusReason>) {
    let now = linked.and_then(|lead| lead.state.get());
    match (&referral.status, now) {
        (Status::Closed, Some(LeadState::Open) | None) => {
            (LeadState::Disqualified.into(), LeadStatusReason::Canceled.into())
        }
        _ => (Field::Unset, Field::Unset),
    }
}

/// What a referral is told of its lead: where it is, and whether it was qualified or disqualified.
pub(crate) fn to_referral(lead: &Lead, referral: Option<&Referral>, cx: &Context) -> Outcome<ReferralDraft> {
    let Some(referral) = referral else {
        return Outcome::skip("a lead of Dynamics' own: referrals are made of opportunities only");
    };
    let mut draft = ReferralDraft { external_reference_id: reference(cx), ..ReferralDraft::default() };
    let (status, substatus) = match (lead.state.get(), &referral.status) {
        (_, Status::Closed) => return Outcome::Hold(draft),
        (Some(LeadState::Qualified), _) => (Status::Active, Substatus::Accepted),
        (Some(LeadState::Disqualified), Status::New) => (Status::Closed, Substatus::Declined),
        (Some(LeadState::Disqualified), _) => (Status::Closed, Substatus::Lost),
        _ => return Outcome::Hold(draft),
    };
    if status == Status::Closed {
        let reason = lead.status.get().and_then(|reason| reason.words());
        draft.status_reason = reason.map_or(Field::Unset, Field::from);
    }
    draft.status = status.into();
    draft.substatus = substatus.into();
    Outcome::Hold(draft)
}
