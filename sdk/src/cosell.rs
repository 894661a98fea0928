//! The rules of co-selling that are the same in every CRM: what a referral becomes, how its solutions and its
//! people are listed, who wins a conflict, and texts that fit. The default mappings are made of these, and a partner's
//! own may be.

pub mod conflicts;
pub mod size;
pub mod solutions;
pub mod team;
#[cfg(test)]
mod tests;
pub mod text;

use crate::{
    Field,
    contract::{Help, Qualification, Referral, ReferralKind, Status, Substatus},
};

/// How Microsoft calls itself where a referral names organisations.
const MICROSOFT: &str = "msft";

/// Where a person sees a referral.
const REFERRAL_PAGE: &str = "https://partner.microsoft.com/referrals/v2/inbox?id=";

/// The ways in which Microsoft can help, in the order of Partner Center's own numbers.
pub const HELPS: [Help; 6] = [
    Help::WorkloadSpecificValueProposition,
    Help::CustomerTechnicalArchitecture,
    Help::ProofOfConceptOrDemo,
    Help::QuotesOrLicensing,
    Help::PostSalesCustomerSuccess,
    Help::GeneralOrOther,
];

/// What a referral is to the partner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DealKind {
    /// A customer asked for the partner in a marketplace.
    MarketplaceLead,
    /// Microsoft sent the customer on; the partner has not qualified the deal yet.
    QualifiedLead,
    /// A deal of the partner's own, or one that is worked on together.
    CoSell,
}

impl DealKind {
    /// By type, qualification and inviting organisation, as the introduction to the Referrals API classifies them. What
    /// it has no row for is a co-sell deal, unless it is not qualified for sales.
    pub fn of(referral: &Referral) -> Self {
        let inviting = referral.invitation.as_ref().and_then(|by| by.invited_by_organization_id.as_deref());
        match (&referral.qualification, &referral.referral_kind) {
            (Qualification::Direct, _) => Self::MarketplaceLead,
            (Qualification::MarketingQualified, _) => Self::QualifiedLead,
            (Qualification::SalesQualified, ReferralKind::Independent) if inviting == Some(MICROSOFT) => {
                Self::QualifiedLead
            }
            _ => Self::CoSell,
        }
    }

    /// Whether it begins as a lead.
    pub fn is_lead(self) -> bool {
        self != Self::CoSell
    }
}

/// What is to stand for a referral in the CRM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Becomes {
    /// An opportunity.
    Opportunity,
    /// A lead.
    Lead,
    /// Nothing, for a reason that the operator can read.
    Nothing(String),
}

impl Becomes {
    /// Where there is no record yet. A lead that was accepted is an opportunity at once, and one that was closed before
    /// it ever came here stays away.
    pub fn of_new(referral: &Referral, opportunities_only: bool) -> Self {
        match &referral.status {
            Status::Other(status) => {
                Self::Nothing(format!("this mapping does not know its status `{status}`"))
            }
            _ if !DealKind::of(referral).is_lead() => Self::Opportunity,
            _ if opportunities_only => Self::Nothing(
                "a lead, and `opportunities_only` is on: only opportunities are synchronised".into(),
            ),
            Status::New => Self::Lead,
            Status::Active => Self::Opportunity,
            Status::Closed => Self::Nothing("a lead that was closed before it came here".into()),
        }
    }

    /// Where there is a lead. What was accepted, or even won, is an opportunity: the lead is converted.
    pub fn of_lead(referral: &Referral) -> Self {
        match (&referral.status, &referral.substatus) {
            (Status::Active, _) | (Status::Closed, Substatus::Won) => Self::Opportunity,
            _ => Self::Lead,
        }
    }
}

/// Whether Microsoft is in the deal as far as the referral shows: it was asked for help, it sent the deal, or it keeps it
/// under an id of its own. Help that is asked for then changes nothing any more.
pub fn is_with_microsoft(referral: &Referral) -> bool {
    let invitation = referral.invitation.as_ref();
    let was_asked = invitation.is_some_and(|invitation| invitation.help.is_some());
    let sent_it = invitation
        .is_some_and(|invitation| invitation.invited_by_organization_id.as_deref() == Some(MICROSOFT));
    was_asked || sent_it || referral.tracking.as_ref().is_some_and(|ids| ids.microsoft_msx_id.is_some())
}

/// The page on which a person sees the referral; none before it has an id.
pub fn page(referral: &Referral) -> Option<String> {
    referral.id.as_deref().map(|id| format!("{REFERRAL_PAGE}{id}"))
}

/// Consent goes one way: what is not given yet is not taken back either.
pub fn once_true(flag: bool) -> Field<bool> {
    if flag { true.into() } else { Field::Unset }
}

/// Whether a seller switched a linked record off. In a record without a link to its referral nobody chose that: it was
/// made by converting a lead, and the switch of a new record is off. A record without a switch is on.
pub fn is_switched_off(switch: &Field<bool>, referral_link: &Field<String>) -> bool {
    !matches!(switch, Field::Unset | Field::Set(true)) && !referral_link.is_empty()
}

/// Whether it is a country code as Partner Center wants it: two capitals (ISO 3166 alpha-2).
pub fn is_country_code(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|letter| letter.is_ascii_uppercase())
}
