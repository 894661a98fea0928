//! The referral, read: amounts as numbers, times as times, and the words that Partner Center's API uses.

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use rust_decimal::{Decimal, RoundingStrategy};

use crate::{
    Json, Refusal, Result,
    contract::{
        Details, Direction, Help, Member, NamedValue, Qualification, Referral, ReferralKind, Solution,
        Status, Substatus, Value,
    },
};

/// An amount in a currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Money {
    /// How much.
    pub amount: Decimal,
    /// ISO 4217, in capitals.
    pub currency: String,
}

impl Money {
    /// An amount in a currency.
    pub fn new(amount: impl Into<Decimal>, currency: &str) -> Self {
        Self { amount: amount.into(), currency: currency.to_ascii_uppercase() }
    }

    /// The amount in whole units of the currency's smallest coin (ISO 4217: two decimals, but none for the yen and
    /// three for the dinars), halves away from zero.
    #[must_use]
    pub fn rounded(&self) -> Self {
        self.rounded_within(3)
    }

    /// As [`Money::rounded`], for a CRM that keeps no more decimals than these.
    #[must_use]
    pub fn rounded_within(&self, most_decimals: u32) -> Self {
        let decimals: u32 = match self.currency.as_str() {
            "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "UYI"
            | "VND" | "VUV" | "XAF" | "XOF" | "XPF" => 0,
            "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
            _ => 2,
        };
        let decimals = decimals.min(most_decimals);
        let amount = self.amount.round_dp_with_strategy(decimals, RoundingStrategy::MidpointAwayFromZero);
        Self { amount, currency: self.currency.clone() }
    }
}

impl Details {
    /// The deal's value as a number.
    ///
    /// # Errors
    /// When it is no decimal number of at most 28 digits.
    pub fn deal_value(&self) -> Result<Option<Decimal>> {
        // The contract's decimals are written with 28 digits at most; `Decimal` could hold a little more.
        const DIGITS_MAX: usize = 28;
        let fits =
            |number: &Decimal| number.to_string().bytes().filter(u8::is_ascii_digit).count() <= DIGITS_MAX;
        let parse = |text: &String| {
            let number = Decimal::from_str_exact(text).or_else(|_| Decimal::from_scientific(text));
            let number = number.ok().filter(fits);
            number.ok_or_else(|| {
                Refusal::reject(format!(
                    "the deal value `{text}` is not a decimal number of at most 28 digits"
                ))
                .at("/details/dealValue")
            })
        };
        self.deal_value.as_ref().filter(|text| !text.is_empty()).map(parse).transpose()
    }

    /// The deal's value in its currency; none if either is missing.
    ///
    /// # Errors
    /// As [`Details::deal_value`].
    pub fn money(&self) -> Result<Option<Money>> {
        let currency = self.currency.as_deref().filter(|currency| !currency.is_empty());
        Ok(self.deal_value()?.zip(currency).map(|(amount, currency)| Money::new(amount, currency)))
    }

    /// The day on which the deal is expected to close, in UTC.
    ///
    /// # Errors
    /// When the time is no RFC 3339 time.
    pub fn closing_date(&self) -> Result<Option<Date>> {
        // The end of the calendar's last day is no moment, so that the host has it among what it knows no field for.
        let beyond = self.more.iter().find(|field| field.name == "/details/closingDateTime");
        if let Some(Value::Text(text)) = beyond.map(|field| &field.value)
            && let Some(day) = text.get(..10).and_then(|day| day.parse().ok())
        {
            return Ok(Some(day));
        }
        let moment = moment(self.closing_date.as_deref(), "/details/closingDateTime")?;
        Ok(moment.map(|moment| moment.to_zoned(TimeZone::UTC).date()))
    }
}

/// An RFC 3339 time, or a day without a time zone as its first moment in UTC.
fn moment(text: Option<&str>, field: &str) -> Result<Option<Timestamp>> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let parsed = text.parse::<Timestamp>().or_else(|_| format!("{text}T00:00:00Z").parse());
    parsed.map(Some).map_err(|_| Refusal::reject(format!("`{text}` is not an RFC 3339 time")).at(field))
}

impl Referral {
    /// When the referral was last changed, if it says so.
    ///
    /// # Errors
    /// When the time is no RFC 3339 time.
    pub fn updated(&self) -> Result<Option<Timestamp>> {
        moment(self.updated.as_deref(), "/updatedDateTime")
    }

    /// The customer's country (ISO 3166 alpha-2), if it has one.
    pub fn country(&self) -> Option<&str> {
        self.customer.address.as_ref()?.country.as_deref().filter(|country| !country.is_empty())
    }

    /// Something that the contract has no field for, by its JSON pointer from the referral's root.
    pub fn other(&self, pointer: &str) -> Option<&Value> {
        self.more.iter().find(|field| field.name == pointer).map(|field| &field.value)
    }
}

impl Member {
    /// As the API has it.
    pub fn to_json(&self) -> Json {
        let known = [
            ("firstName", &self.first_name),
            ("lastName", &self.last_name),
            ("phoneNumber", &self.phone_number),
            ("email", &self.email),
            ("title", &self.title),
        ];
        let known =
            known.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text.clone()?.into())));
        Json::Object(known.chain(others(&self.more)).collect())
    }
}

impl Solution {
    /// A co-sell-ready solution by its `SOL-…` id.
    pub fn by_id(id: impl Into<String>) -> Self {
        Self { id: id.into(), name: None, solution_kind: Some("Name".to_owned()), more: Vec::new() }
    }

    /// As the API has it.
    pub fn to_json(&self) -> Json {
        let known =
            [("id", Some(&self.id)), ("name", self.name.as_ref()), ("type", self.solution_kind.as_ref())];
        let known =
            known.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text?.clone().into())));
        Json::Object(known.chain(others(&self.more)).collect())
    }
}

/// What the contract has no field for goes back as it came; a pointer's last part is the member's name.
fn others(more: &[NamedValue]) -> impl Iterator<Item = (String, Json)> + '_ {
    more.iter().map(|field| {
        let name = field.name.rsplit('/').next().unwrap_or(&field.name).replace("~1", "/").replace("~0", "~");
        (name, json(&field.value))
    })
}

/// A value as JSON.
pub(crate) fn json(value: &Value) -> Json {
    match value {
        Value::Empty | Value::Reference(_) => Json::Null,
        Value::Text(text) | Value::Date(text) | Value::Instant(text) => text.as_str().into(),
        Value::Flag(flag) => (*flag).into(),
        Value::Integer(number) => (*number).into(),
        Value::Decimal(text) => serde_json::from_str(text).unwrap_or_else(|_| text.as_str().into()),
        Value::Texts(texts) => texts.as_slice().into(),
        Value::Other(text) => serde_json::from_str(text).unwrap_or(Json::Null),
    }
}

/// The API's words for the cases of an enum, both ways. A word that is not known is kept.
macro_rules! words {
    ($($name:ident { $($case:ident = $word:literal),* $(,)? })*) => { $(
        impl $name {
            /// The API's word.
            pub fn word(&self) -> &str {
                match self {
                    $(Self::$case => $word,)*
                    Self::Other(word) => word,
                }
            }

            /// From the API's word.
            pub fn from_word(word: &str) -> Self {
                match word {
                    $($word => Self::$case,)*
                    other => Self::Other(other.to_owned()),
                }
            }
        }
    )* };
}

words! {
    Status { New = "New", Active = "Active", Closed = "Closed" }
    Substatus {
        Pending = "Pending", Received = "Received", Accepted = "Accepted", Won = "Won", Lost = "Lost",
        Declined = "Declined", Expired = "Expired", Error = "Error",
    }
    Qualification {
        Direct = "Direct", MarketingQualified = "MarketingQualified", SalesQualified = "SalesQualified",
    }
    ReferralKind { Independent = "Independent", Shared = "Shared" }
    Direction { Incoming = "Incoming", Outgoing = "Outgoing" }
    Help {
        WorkloadSpecificValueProposition = "WorkloadSpecificValueProposition",
        CustomerTechnicalArchitecture = "CustomerTechnicalArchitecture",
        ProofOfConceptOrDemo = "ProofOfConceptOrDemo",
        QuotesOrLicensing = "QuotesOrLicensing",
        PostSalesCustomerSuccess = "PostSalesCustomerSuccess",
        GeneralOrOther = "GeneralOrOther",
    }
}
