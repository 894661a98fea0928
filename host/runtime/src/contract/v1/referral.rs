//! A referral, from Partner Center's JSON to the record that a plugin sees.
//!
//! Never fails: whatever is missing is `none` (or empty, or `false`), and whatever is there but unknown, or known but
//! of another type than usual, goes into the nearest `more` under its JSON pointer from the root. So nothing is
//! hidden from a plugin, and nothing that Partner Center adds or changes breaks one.

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use rust_decimal::Decimal;
use serde_json::{Map, Value as Json};

use super::{bindings::crosswalk::mapping::referral as wit, values::line_ends, wire_values};
use crosswalk_engine::referral::Referral;

/// The referral that a plugin sees.
pub(crate) fn referral(Referral(document): &Referral) -> wit::Referral {
    let mut root = Members::root(document);
    wit::Referral {
        id: root.text("id"),
        engagement_id: root.text("engagementId"),
        organization_id: root.text("organizationId"),
        organization_name: root.text("organizationName"),
        external_reference_id: root.text("externalReferenceId"),
        name: root.text("name"),
        referral_kind: referral_kind(root.text("type")),
        qualification: qualification(root.text("qualification")),
        direction: root.text("direction").map(direction),
        status: status(root.text("status")),
        substatus: substatus(root.text("substatus")),
        status_reason: root.text("statusReason"),
        created: root.instant("createdDateTime"),
        updated: root.instant("updatedDateTime"),
        expires: root.instant("expirationDateTime"),
        accepted: root.instant("acceptedDateTime"),
        closed: root.instant("closedDateTime"),
        customer: customer(root.child("customerProfile").unwrap_or_default()),
        consent: consent(root.child("consent").unwrap_or_default()),
        details: details(root.child("details").unwrap_or_default()),
        team: root.each("team", member),
        targets: root.each_closed("target", target),
        invitation: root.child("inviteContext").map(invitation),
        tracking: root.child("trackingInfo").map(tracking),
        sales_stage: root.text("salesStage"),
        campaign_id: root.text("campaignId"),
        referral_program: root.text("referralProgram"),
        referral_source: root.text("referralSource"),
        call_to_action: root.text("callToAction"),
        quality: root.text("quality"),
        mpn_id: root.text("mpnId"),
        registration_status: root.text("registrationStatus"),
        created_via: root.text("createdVia"),
        last_modified_via: root.text("lastModifiedVia"),
        favorite: root.flag("favorite"),
        spam: root.flag("isSpam"),
        tags: root.names("tags", "tag"),
        more: root.more(),
    }
}

fn customer(mut from: Members<'_>) -> wit::Customer {
    wit::Customer {
        name: from.text("name"),
        address: from.child("address").map(address),
        size: from.text("size"),
        team: from.each("team", member),
        ids: from.each_closed("ids", |id| wit::CustomerId {
            profile_type: id.text("profileType").unwrap_or_default(),
            id: id.text("id").unwrap_or_default(),
        }),
        more: from.more(),
    }
}

fn address(mut from: Members<'_>) -> wit::Address {
    wit::Address {
        line1: from.text("addressLine1"),
        line2: from.text("addressLine2"),
        city: from.text("city"),
        state: from.text("state"),
        postal_code: from.text("postalCode"),
        country: from.text("country"),
        region: from.text("region"),
        more: from.more(),
    }
}

fn member(mut from: Members<'_>) -> wit::Member {
    wit::Member {
        first_name: from.text("firstName"),
        last_name: from.text("lastName"),
        email: from.text("email"),
        phone_number: from.text("phoneNumber"),
        title: from.text("title"),
        more: from.more(),
    }
}

fn consent(mut from: Members<'_>) -> wit::Consent {
    wit::Consent {
        contact: from.flag("consentToContact").unwrap_or(false),
        // Spelled like this on the wire.
        share_with_others: from.flag("consentToToShareInfoWithOthers").unwrap_or(false),
        share_with_microsoft_sellers: from
            .flag("consentToShareReferralWithMicrosoftSellers")
            .unwrap_or(false),
        more: from.more(),
    }
}

fn details(mut from: Members<'_>) -> wit::Details {
    let mut requirements = from.child("requirements").unwrap_or_default();
    let mut details = wit::Details {
        deal_value: from.amount("dealValue"),
        currency: from.text("currency"),
        closing_date: from.instant("closingDateTime"),
        notes: from.text("notes"),
        customer_action: from.text("customerAction"),
        customer_requested_contact: from.flag("customerRequestedContact"),
        incentive_level: from.text("incentiveLevel"),
        industries: requirements.names("industries", "id"),
        products: requirements.names("products", "id"),
        services: requirements.names("services", "id"),
        solutions: requirements.each("solutions", solution),
        more: from.more(),
    };
    // The contract has no record of its own for requirements: what is unknown there belongs to the details.
    details.more.extend(requirements.more());
    details
}

fn solution(mut from: Members<'_>) -> wit::Solution {
    wit::Solution {
        id: from.text("id").unwrap_or_default(),
        name: from.text("name"),
        solution_kind: from.text("type"),
        more: from.more(),
    }
}

fn target(from: &mut Members<'_>) -> wit::Target {
    wit::Target {
        target_kind: from.text("type").unwrap_or_default(),
        id: from.text("id").unwrap_or_default(),
    }
}

fn invitation(mut from: Members<'_>) -> wit::Invitation {
    let mut invited_by = from.child("invitedBy").unwrap_or_default();
    let mut invitation = wit::Invitation {
        notes: from.text("notes"),
        help: from.text("assistanceRequestCode").map(help),
        invited_by_organization_id: invited_by.text("organizationId"),
        invited_by_organization_name: invited_by.text("organizationName"),
        invited_mpn_id: from.text("invitedMpnId"),
        more: from.more(),
    };
    invitation.more.extend(invited_by.more());
    invitation
}

fn tracking(mut from: Members<'_>) -> wit::Tracking {
    wit::Tracking { microsoft_msx_id: from.text("microsoftMsxId"), more: from.more() }
}

/// One of Partner Center's value lists. A missing value is `other("")`: the contract has no case for it.
macro_rules! choice {
    ($name:ident($text:ident: $from:ty) -> $to:ident { $($word:literal => $case:ident),* $(,)? }) => {
        fn $name($text: $from) -> wit::$to {
            let $text: String = Option::<String>::from($text).unwrap_or_default();
            match $text.as_str() {
                $($word => wit::$to::$case,)*
                _ => wit::$to::Other($text),
            }
        }
    };
}

choice! { status(text: Option<String>) -> Status { "New" => New, "Active" => Active, "Closed" => Closed } }
choice! { substatus(text: Option<String>) -> Substatus {
    "Pending" => Pending, "Received" => Received, "Accepted" => Accepted, "Won" => Won, "Lost" => Lost,
    "Declined" => Declined, "Expired" => Expired, "Error" => Error,
} }
choice! { qualification(text: Option<String>) -> Qualification {
    "Direct" => Direct, "MarketingQualified" => MarketingQualified, "SalesQualified" => SalesQualified,
} }
choice! { referral_kind(text: Option<String>) -> ReferralKind { "Independent" => Independent, "Shared" => Shared } }
choice! { direction(text: String) -> Direction { "Incoming" => Incoming, "Outgoing" => Outgoing } }
choice! { help(text: String) -> Help {
    "WorkloadSpecificValueProposition" => WorkloadSpecificValueProposition,
    "CustomerTechnicalArchitecture" => CustomerTechnicalArchitecture,
    "ProofOfConceptOrDemo" => ProofOfConceptOrDemo,
    "QuotesOrLicensing" => QuotesOrLicensing,
    "PostSalesCustomerSuccess" => PostSalesCustomerSuccess,
    "GeneralOrOther" => GeneralOrOther,
} }

/// The members of one object, and which of them nobody has asked for yet.
#[derive(Default)]
struct Members<'json> {
    /// Where the object is, from the root; empty for the root itself.
    pointer: String,
    members: Option<&'json Map<String, Json>>,
    /// Members that were taken over, or that hold nothing.
    known: Vec<&'static str>,
    /// Elements of lists that are of another type than usual.
    odd: Vec<wire_values::Field>,
}

impl<'json> Members<'json> {
    fn root(document: &'json Json) -> Self {
        let mut root = Self::of(String::new(), document);
        if root.members.is_none() && !document.is_null() {
            root.odd.push(field(String::new(), document));
        }
        root
    }

    fn of(pointer: String, object: &'json Json) -> Self {
        Self { pointer, members: object.as_object(), ..Self::default() }
    }

    /// A member that `read` understands. One that it does not understand stays for `more`.
    fn take<T>(&mut self, name: &'static str, read: impl FnOnce(&'json Json) -> Option<T>) -> Option<T> {
        let member = self.members?.get(name)?;
        let taken = read(member);
        if taken.is_some() || says_nothing(member) {
            self.known.push(name);
        }
        taken
    }

    /// Text. Numbers are text too (ids are sent as either); an empty text is none.
    fn text(&mut self, name: &'static str) -> Option<String> {
        self.take(name, |member| match member {
            Json::String(text) if !text.is_empty() => Some(line_ends(text)),
            Json::Number(number) => Some(number.to_string()),
            _ => None,
        })
    }

    fn flag(&mut self, name: &'static str) -> Option<bool> {
        self.take(name, |member| match member {
            Json::Bool(flag) => Some(*flag),
            Json::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
            Json::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
            _ => None,
        })
    }

    /// A decimal, whether it was sent as a number or as text.
    fn amount(&mut self, name: &'static str) -> Option<String> {
        self.take(name, |member| match member {
            Json::Number(number) => decimal(&number.to_string()),
            Json::String(text) => decimal(text.trim()),
            _ => None,
        })
    }

    /// A moment in UTC. One without a zone is taken for UTC, which is what Partner Center means by it (assumed).
    fn instant(&mut self, name: &'static str) -> Option<String> {
        self.take(name, |member| {
            let text = member.as_str()?;
            let zoned = text.parse::<Timestamp>().ok();
            let naive =
                || text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp());
            zoned.or_else(naive).map(|at| at.to_string())
        })
    }

    fn child(&mut self, name: &'static str) -> Option<Members<'json>> {
        let pointer = self.member(name);
        self.take(name, |member| member.is_object().then(|| Members::of(pointer, member)))
    }

    /// The objects of a list.
    fn each<T>(&mut self, name: &'static str, read: impl Fn(Members<'json>) -> T) -> Vec<T> {
        self.elements(name, |pointer, element, _| {
            element.is_object().then(|| read(Members::of(pointer.to_owned(), element)))
        })
    }

    /// The objects of a list whose record has no `more` of its own: what is left of them goes into this one's.
    fn each_closed<T>(&mut self, name: &'static str, read: impl Fn(&mut Members<'json>) -> T) -> Vec<T> {
        self.elements(name, |pointer, element, odd| {
            let mut members = Members::of(pointer.to_owned(), element);
            members.members?;
            let taken = read(&mut members);
            odd.extend(members.more());
            Some(taken)
        })
    }

    /// The texts of a list of `{"<key>": "text"}`, or of plain texts.
    fn names(&mut self, name: &'static str, key: &'static str) -> Vec<String> {
        self.elements(name, |pointer, element, odd| {
            let mut members = Members::of(pointer.to_owned(), element);
            let named = members.text(key);
            odd.extend(members.more());
            named.or_else(|| element.as_str().filter(|text| !text.is_empty()).map(line_ends))
        })
    }

    /// The elements of a list; `read` may add to what is odd. One that is not understood, and of which nothing is
    /// known to be odd, is odd as a whole.
    fn elements<T>(
        &mut self,
        name: &'static str,
        read: impl Fn(&str, &'json Json, &mut Vec<wire_values::Field>) -> Option<T>,
    ) -> Vec<T> {
        let list = self.take(name, Json::as_array).map(Vec::as_slice).unwrap_or_default();
        let pointer = self.member(name);
        let mut taken = Vec::with_capacity(list.len());
        for (index, element) in list.iter().enumerate() {
            let pointer = format!("{pointer}/{index}");
            let before = self.odd.len();
            match read(&pointer, element, &mut self.odd) {
                Some(element) => taken.push(element),
                None if says_nothing(element) || self.odd.len() > before => {}
                None => self.odd.push(field(pointer, element)),
            }
        }
        taken
    }

    /// Whatever was not taken over, by JSON pointer from the root, in the order of the names.
    fn more(self) -> Vec<wire_values::Field> {
        let unknown = self.members.into_iter().flatten();
        let unknown = unknown.filter(|(name, _)| !self.known.contains(&name.as_str()));
        let mut more: Vec<_> = unknown.map(|(name, member)| field(self.member(name), member)).collect();
        more.extend(self.odd);
        more.sort_by(|one, other| one.name.cmp(&other.name));
        more
    }

    fn member(&self, name: &str) -> String {
        format!("{}/{}", self.pointer, name.replace('~', "~0").replace('/', "~1"))
    }
}

fn says_nothing(json: &Json) -> bool {
    json.is_null() || json.as_str() == Some("")
}

fn decimal(text: &str) -> Option<String> {
    // Only with an exponent, because it rounds what has too many digits.
    let scientific = || if text.contains(['e', 'E']) { Decimal::from_scientific(text).ok() } else { None };
    Decimal::from_str_exact(text).ok().or_else(scientific).map(|decimal| decimal.to_string())
}

fn field(name: String, json: &Json) -> wire_values::Field {
    wire_values::Field { name, value: value(json) }
}

/// JSON as a value, by the rule that the contract states for settings.
pub(crate) fn value(json: &Json) -> wire_values::Value {
    use wire_values::Value;
    match json {
        Json::Null => Value::Empty,
        Json::String(text) => Value::Text(line_ends(text)),
        Json::Bool(flag) => Value::Flag(*flag),
        Json::Number(number) => match number.as_i64().map(i32::try_from) {
            Some(Ok(integer)) => Value::Integer(integer),
            _ => decimal(&number.to_string()).map_or_else(|| Value::Other(json.to_string()), Value::Decimal),
        },
        Json::Array(elements) => {
            let texts: Option<Vec<_>> =
                elements.iter().map(|element| element.as_str().map(line_ends)).collect();
            texts.map_or_else(|| Value::Other(json.to_string()), Value::Texts)
        }
        Json::Object(_) => Value::Other(json.to_string()),
    }
}
