//! What Partner Center should hold.

use jiff::{civil::Date, tz::TimeZone};
use rust_decimal::Decimal;

use crate::{
    Field, Json,
    contract::{
        self, Help, Member, NamedValue, Qualification, ReferralKind, Solution, Status, Substatus, Value,
    },
};

/// What Partner Center should hold: only what the plugin has an opinion on.
///
/// The host knows which of these Partner Center lets anyone write, and when; the names are those of its API. The ones
/// marked *at create* cannot be changed afterwards, so a mapping speaks of them only while there is no referral.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReferralDraft {
    /// The deal's name. *At create.*
    pub name: Field<String>,
    /// The record's id in the CRM, by which the pair is found again.
    pub external_reference_id: Field<String>,
    /// New, active or closed.
    pub status: Field<Status>,
    /// Pending, accepted, won, lost, …
    pub substatus: Field<Substatus>,
    /// Why it was lost, in words.
    pub status_reason: Field<String>,
    /// What the deal is worth.
    pub deal_value: Field<Decimal>,
    /// ISO 4217.
    pub currency: Field<String>,
    /// When it is expected to close; sent as midnight in UTC.
    pub closing_date: Field<Date>,
    /// Notes on the deal.
    pub notes: Field<String>,
    /// The solutions, all of them.
    pub solutions: Field<Vec<Solution>>,
    /// Whether Microsoft's sellers may see it. Once true it stays true.
    pub share_with_microsoft_sellers: Field<bool>,
    /// The customer agreed to be contacted. *At create.*
    pub consent_to_contact: Field<bool>,
    /// The customer agreed that its details are shared. *At create.*
    pub consent_to_share: Field<bool>,
    /// The customer's contacts, all of them.
    pub customer_team: Field<Vec<Member>>,
    /// The partner's sales team, all of it.
    pub team: Field<Vec<Member>>,
    /// The customer's name. *At create.*
    pub customer_name: Field<String>,
    /// Partner Center's word for the customer's size, `10to50employees`. *At create.*
    pub customer_size: Field<String>,
    /// The customer's address. *At create.*
    pub address: DraftAddress,
    /// How Microsoft is asked to help. Of a referral that nobody has asked Microsoft for yet, this may be spoken of later
    /// too: the host then asks Microsoft in.
    pub help: Field<Help>,
    /// Notes to Microsoft. *At create.*
    pub invitation_notes: Field<String>,
    /// Independent or shared. *At create.*
    pub kind: Field<ReferralKind>,
    /// How far the deal is qualified. *At create.*
    pub qualification: Field<Qualification>,
    /// The marketing campaign.
    pub campaign_id: Field<String>,
    /// Partner Center's word for the sales stage.
    pub sales_stage: Field<String>,
    /// The referral program.
    pub referral_program: Field<String>,
    /// Anything else, by JSON pointer into the referral: `("/details/customerAction".into(), Field::Set(json!("…")))`.
    pub others: Vec<(String, Field<Json>)>,
}

/// The address in a [`ReferralDraft`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DraftAddress {
    /// First line.
    pub line1: Field<String>,
    /// Second line.
    pub line2: Field<String>,
    /// City.
    pub city: Field<String>,
    /// State or province.
    pub state: Field<String>,
    /// Postal code.
    pub postal_code: Field<String>,
    /// ISO 3166 alpha-2.
    pub country: Field<String>,
}

impl ReferralDraft {
    pub(crate) fn into_contract(self) -> contract::ReferralDraft {
        let text = Value::Text;
        let list = |items: Vec<Json>| Value::Other(Json::Array(items).to_string());
        let members = |members: Vec<Member>| list(members.iter().map(Member::to_json).collect());
        let solutions = |solutions: Vec<Solution>| list(solutions.iter().map(Solution::to_json).collect());
        // The last day of the calendar has no midnight that an instant can hold; a day alone means the same there.
        let midnight = |date: Date| match date.to_zoned(TimeZone::UTC) {
            Ok(midnight) => Value::Instant(midnight.timestamp().to_string()),
            Err(_) => Value::Date(date.to_string()),
        };
        let mut fields = Vec::new();
        let mut say = |pointer: &str, value: Field<Value>| match value {
            Field::Unset => {}
            Field::Empty => fields.push(NamedValue { name: pointer.to_owned(), value: Value::Empty }),
            Field::Set(value) => fields.push(NamedValue { name: pointer.to_owned(), value }),
        };
        say("/name", self.name.map(text));
        say("/externalReferenceId", self.external_reference_id.map(text));
        say("/type", self.kind.map(|kind| text(kind.word().to_owned())));
        say("/qualification", self.qualification.map(|level| text(level.word().to_owned())));
        say("/status", self.status.map(|status| text(status.word().to_owned())));
        say("/substatus", self.substatus.map(|substatus| text(substatus.word().to_owned())));
        say("/statusReason", self.status_reason.map(text));
        say(
            "/details/dealValue",
            self.deal_value.map(|amount| Value::Decimal(amount.normalize().to_string())),
        );
        say("/details/currency", self.currency.map(text));
        say("/details/closingDateTime", self.closing_date.map(midnight));
        say("/details/notes", self.notes.map(text));
        say("/details/requirements/solutions", self.solutions.map(solutions));
        say(
            "/consent/consentToShareReferralWithMicrosoftSellers",
            self.share_with_microsoft_sellers.map(Value::Flag),
        );
        say("/consent/consentToContact", self.consent_to_contact.map(Value::Flag));
        // The API spells it so.
        say("/consent/consentToToShareInfoWithOthers", self.consent_to_share.map(Value::Flag));
        say("/customerProfile/name", self.customer_name.map(text));
        say("/customerProfile/size", self.customer_size.map(text));
        say("/customerProfile/team", self.customer_team.map(members));
        say("/customerProfile/address/addressLine1", self.address.line1.map(text));
        say("/customerProfile/address/addressLine2", self.address.line2.map(text));
        say("/customerProfile/address/city", self.address.city.map(text));
        say("/customerProfile/address/state", self.address.state.map(text));
        say("/customerProfile/address/postalCode", self.address.postal_code.map(text));
        say("/customerProfile/address/country", self.address.country.map(text));
        say("/team", self.team.map(members));
        say("/inviteContext/assistanceRequestCode", self.help.map(|help| text(help.word().to_owned())));
        say("/inviteContext/notes", self.invitation_notes.map(text));
        say("/campaignId", self.campaign_id.map(text));
        say("/salesStage", self.sales_stage.map(text));
        say("/referralProgram", self.referral_program.map(text));
        for (pointer, value) in self.others {
            say(&pointer, value.map(|json| Value::Other(json.to_string())));
        }
        contract::ReferralDraft { fields, more: Vec::new() }
    }
}
