//! A referral from Partner Center's JSON, as the host gives it to a plugin.
//!
//! A plugin must not depend on the host, so the host's rules are written here a second time; the end-to-end tests hold
//! that both read every referral alike. Nothing fails: whatever is there but unknown, or of another type than usual, is
//! in the nearest `more`, under its JSON pointer from the root.

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use rust_decimal::Decimal;
use serde_json::Map;

use crate::{
    Json,
    contract::{
        Address, Consent, Customer, CustomerId, Details, Direction, Help, Invitation, Member, NamedValue,
        Qualification, Referral, ReferralKind, Solution, Status, Substatus, Target, Tracking, Value,
    },
};

/// A referral from the JSON that Partner Center's API answers with. What is missing is empty; what the contract has
/// no field for is in the nearest `more`.
pub fn referral(json: Json) -> Referral {
    let mut root = Object::root(&json);
    Referral {
        id: root.text("id"),
        engagement_id: root.text("engagementId"),
        organization_id: root.text("organizationId"),
        organization_name: root.text("organizationName"),
        external_reference_id: root.text("externalReferenceId"),
        name: root.text("name"),
        referral_kind: ReferralKind::from_word(&root.word("type")),
        qualification: Qualification::from_word(&root.word("qualification")),
        direction: root.text("direction").map(|word| Direction::from_word(&word)),
        status: Status::from_word(&root.word("status")),
        substatus: Substatus::from_word(&root.word("substatus")),
        status_reason: root.text("statusReason"),
        created: root.instant("createdDateTime"),
        updated: root.instant("updatedDateTime"),
        expires: root.instant("expirationDateTime"),
        accepted: root.instant("acceptedDateTime"),
        closed: root.instant("closedDateTime"),
        customer: customer(root.object("customerProfile")),
        consent: consent(root.object("consent")),
        details: details(root.object("details")),
        team: root.list("team", member),
        targets: root.closed_list("target", target),
        invitation: root.optional("inviteContext").map(invitation),
        tracking: root.optional("trackingInfo").map(tracking),
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
        more: root.rest(),
    }
}

fn customer(mut json: Object<'_>) -> Customer {
    Customer {
        name: json.text("name"),
        address: json.optional("address").map(address),
        size: json.text("size"),
        team: json.list("team", member),
        ids: json
            .closed_list("ids", |id| CustomerId { profile_type: id.word("profileType"), id: id.word("id") }),
        more: json.rest(),
    }
}

fn address(mut json: Object<'_>) -> Address {
    Address {
        line1: json.text("addressLine1"),
        line2: json.text("addressLine2"),
        city: json.text("city"),
        state: json.text("state"),
        postal_code: json.text("postalCode"),
        country: json.text("country"),
        region: json.text("region"),
        more: json.rest(),
    }
}

fn member(mut json: Object<'_>) -> Member {
    Member {
        first_name: json.text("firstName"),
        last_name: json.text("lastName"),
        email: json.text("email"),
        phone_number: json.text("phoneNumber"),
        title: json.text("title"),
        more: json.rest(),
    }
}

fn consent(mut json: Object<'_>) -> Consent {
    Consent {
        contact: json.flag("consentToContact").unwrap_or(false),
        share_with_others: json.flag("consentToToShareInfoWithOthers").unwrap_or(false),
        share_with_microsoft_sellers: json
            .flag("consentToShareReferralWithMicrosoftSellers")
            .unwrap_or(false),
        more: json.rest(),
    }
}

fn details(mut json: Object<'_>) -> Details {
    let mut requirements = json.object("requirements");
    let mut details = Details {
        deal_value: json.amount("dealValue"),
        currency: json.text("currency"),
        closing_date: json.instant("closingDateTime"),
        notes: json.text("notes"),
        customer_action: json.text("customerAction"),
        customer_requested_contact: json.flag("customerRequestedContact"),
        incentive_level: json.text("incentiveLevel"),
        industries: requirements.names("industries", "id"),
        products: requirements.names("products", "id"),
        services: requirements.names("services", "id"),
        solutions: requirements.list("solutions", solution),
        more: json.rest(),
    };
    details.more.extend(requirements.rest());
    details
}

fn solution(mut json: Object<'_>) -> Solution {
    Solution {
        id: json.word("id"),
        name: json.text("name"),
        solution_kind: json.text("type"),
        more: json.rest(),
    }
}

fn target(json: &mut Object<'_>) -> Target {
    Target { target_kind: json.word("type"), id: json.word("id") }
}

fn invitation(mut json: Object<'_>) -> Invitation {
    let mut by = json.object("invitedBy");
    let mut invitation = Invitation {
        notes: json.text("notes"),
        help: json.text("assistanceRequestCode").map(|word| Help::from_word(&word)),
        invited_by_organization_id: by.text("organizationId"),
        invited_by_organization_name: by.text("organizationName"),
        invited_mpn_id: json.text("invitedMpnId"),
        more: json.rest(),
    };
    invitation.more.extend(by.rest());
    invitation
}

fn tracking(mut json: Object<'_>) -> Tracking {
    Tracking { microsoft_msx_id: json.text("microsoftMsxId"), more: json.rest() }
}

/// The members of one object, and which of them nobody has asked for yet.
#[derive(Default)]
struct Object<'json> {
    /// Where the object is, from the root; empty for the root itself.
    pointer: String,
    members: Option<&'json Map<String, Json>>,
    /// Members that were taken over, or that hold nothing.
    known: Vec<&'static str>,
    /// Elements of lists that are of another type than usual.
    odd: Vec<NamedValue>,
}

impl<'json> Object<'json> {
    fn root(json: &'json Json) -> Self {
        let mut root = Self::at(String::new(), json);
        if root.members.is_none() && !json.is_null() {
            root.odd.push(named(String::new(), json));
        }
        root
    }

    fn at(pointer: String, json: &'json Json) -> Self {
        Self { pointer, members: json.as_object(), ..Self::default() }
    }

    /// A member that `read` understands. One that it does not understand stays for the rest.
    fn take<T>(&mut self, name: &'static str, read: impl FnOnce(&'json Json) -> Option<T>) -> Option<T> {
        let member = self.members?.get(name)?;
        let taken = read(member);
        if taken.is_some() || says_nothing(member) {
            self.known.push(name);
        }
        taken
    }

    /// Text; a number is text too, and an empty text is none.
    fn text(&mut self, name: &'static str) -> Option<String> {
        self.take(name, |member| match member {
            Json::String(text) if !text.is_empty() => Some(line_ends(text)),
            Json::Number(number) => Some(number.to_string()),
            _ => None,
        })
    }

    fn word(&mut self, name: &'static str) -> String {
        self.text(name).unwrap_or_default()
    }

    /// A decimal, whether it was sent as a number or as text.
    fn amount(&mut self, name: &'static str) -> Option<String> {
        self.take(name, |member| match member {
            Json::Number(number) => decimal(&number.to_string()),
            Json::String(text) => decimal(text.trim()),
            _ => None,
        })
    }

    /// A moment in UTC; one without a zone is taken for UTC.
    fn instant(&mut self, name: &'static str) -> Option<String> {
        self.take(name, |member| {
            let text = member.as_str()?;
            let zoned = text.parse::<Timestamp>().ok();
            let naive =
                || text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp());
            zoned.or_else(naive).map(|at| at.to_string())
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

    fn optional(&mut self, name: &'static str) -> Option<Object<'json>> {
        let pointer = self.member(name);
        self.take(name, |member| member.is_object().then(|| Object::at(pointer, member)))
    }

    fn object(&mut self, name: &'static str) -> Object<'json> {
        self.optional(name).unwrap_or_default()
    }

    /// The objects of a list.
    fn list<T>(&mut self, name: &'static str, read: impl Fn(Object<'json>) -> T) -> Vec<T> {
        self.elements(name, |object, element, _| element.is_object().then(|| read(object)))
    }

    /// The objects of a list whose type has no `more` of its own: what is left of them is this object's.
    fn closed_list<T>(&mut self, name: &'static str, read: impl Fn(&mut Object<'json>) -> T) -> Vec<T> {
        self.elements(name, |mut object, _, odd| {
            object.members?;
            let taken = read(&mut object);
            odd.extend(object.rest());
            Some(taken)
        })
    }

    /// The texts of a list of `{"<key>": "text"}`, or of plain texts.
    fn names(&mut self, name: &'static str, key: &'static str) -> Vec<String> {
        self.elements(name, |mut object, element, odd| {
            let named = object.text(key);
            odd.extend(object.rest());
            named.or_else(|| element.as_str().filter(|text| !text.is_empty()).map(line_ends))
        })
    }

    /// The elements of a list. One that `read` does not understand, and of which it keeps nothing as odd, is odd.
    fn elements<T>(
        &mut self,
        name: &'static str,
        read: impl Fn(Object<'json>, &'json Json, &mut Vec<NamedValue>) -> Option<T>,
    ) -> Vec<T> {
        let list = self.take(name, Json::as_array).map(Vec::as_slice).unwrap_or_default();
        let pointer = self.member(name);
        let mut taken = Vec::with_capacity(list.len());
        for (at, element) in list.iter().enumerate() {
            let pointer = format!("{pointer}/{at}");
            let before = self.odd.len();
            match read(Object::at(pointer.clone(), element), element, &mut self.odd) {
                Some(element) => taken.push(element),
                None if says_nothing(element) || self.odd.len() > before => {}
                None => self.odd.push(named(pointer, element)),
            }
        }
        taken
    }

    /// What nobody took, by pointer from the root, in the order of the names.
    fn rest(self) -> Vec<NamedValue> {
        let left =
            self.members.into_iter().flatten().filter(|(name, _)| !self.known.contains(&name.as_str()));
        let mut rest: Vec<_> = left.map(|(name, member)| named(self.member(name), member)).collect();
        rest.extend(self.odd);
        rest.sort_by(|one, other| one.name.cmp(&other.name));
        rest
    }

    fn member(&self, name: &str) -> String {
        format!("{}/{}", self.pointer, name.replace('~', "~0").replace('/', "~1"))
    }
}

fn says_nothing(json: &Json) -> bool {
    json.is_null() || json.as_str() == Some("")
}

fn line_ends(text: &str) -> String {
    if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n") } else { text.to_owned() }
}

fn decimal(text: &str) -> Option<String> {
    let scientific = || if text.contains(['e', 'E']) { Decimal::from_scientific(text).ok() } else { None };
    Decimal::from_str_exact(text).ok().or_else(scientific).map(|decimal| decimal.to_string())
}

fn named(name: String, json: &Json) -> NamedValue {
    NamedValue { name, value: value(json) }
}

/// JSON as a value, by the rule that the contract states for settings and for `more`.
pub(super) fn value(json: &Json) -> Value {
    match json {
        Json::Null => Value::Empty,
        Json::Bool(flag) => Value::Flag(*flag),
        Json::String(text) => Value::Text(line_ends(text)),
        Json::Number(number) => match number.as_i64().map(i32::try_from) {
            Some(Ok(number)) => Value::Integer(number),
            _ => decimal(&number.to_string()).map_or_else(|| Value::Other(json.to_string()), Value::Decimal),
        },
        Json::Array(items) => {
            let texts: Option<Vec<_>> = items.iter().map(|item| item.as_str().map(line_ends)).collect();
            texts.map_or_else(|| Value::Other(json.to_string()), Value::Texts)
        }
        Json::Object(_) => Value::Other(json.to_string()),
    }
}
