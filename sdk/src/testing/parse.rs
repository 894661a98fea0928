//! A referral from Partner Center's JSON, as the host gives it to a plugin.

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
    let mut root = Object::new(json, "");
    let mut details = root.object("details");
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
        created: root.text("createdDateTime"),
        updated: root.text("updatedDateTime"),
        expires: root.text("expirationDateTime"),
        accepted: root.text("acceptedDateTime"),
        closed: root.text("closedDateTime"),
        customer: customer(root.object("customerProfile")),
        consent: consent(root.object("consent")),
        details: self::details(&mut details),
        team: root.list("team").into_iter().map(member).collect(),
        targets: root.list("target").into_iter().map(target).collect(),
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
        tags: root.list("tags").into_iter().filter_map(|mut tag| tag.text("tag")).collect(),
        more: root.rest(),
    }
}

fn customer(mut json: Object) -> Customer {
    let ids = json.list("ids").into_iter();
    let id = |mut id: Object| CustomerId { profile_type: id.word("profileType"), id: id.word("id") };
    Customer {
        name: json.text("name"),
        address: json.optional("address").map(address),
        size: json.text("size"),
        team: json.list("team").into_iter().map(member).collect(),
        ids: ids.map(id).collect(),
        more: json.rest(),
    }
}

fn address(mut json: Object) -> Address {
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

fn member(mut json: Object) -> Member {
    Member {
        first_name: json.text("firstName"),
        last_name: json.text("lastName"),
        email: json.text("email"),
        phone_number: json.text("phoneNumber"),
        title: json.text("title"),
        more: json.rest(),
    }
}

fn consent(mut json: Object) -> Consent {
    Consent {
        contact: json.flag("consentToContact").unwrap_or(false),
        share_with_others: json.flag("consentToToShareInfoWithOthers").unwrap_or(false),
        share_with_microsoft_sellers: json
            .flag("consentToShareReferralWithMicrosoftSellers")
            .unwrap_or(false),
        more: json.rest(),
    }
}

fn details(json: &mut Object) -> Details {
    let mut requirements = json.object("requirements");
    let mut ids = |name: &str| requirements.list(name).into_iter().map(|mut item| item.word("id")).collect();
    let (industries, products, services) = (ids("industries"), ids("products"), ids("services"));
    let solutions = requirements.list("solutions").into_iter().map(solution).collect();
    let mut more = requirements.rest();
    let mut details = Details {
        deal_value: json.number("dealValue"),
        currency: json.text("currency"),
        closing_date: json.text("closingDateTime"),
        notes: json.text("notes"),
        customer_action: json.text("customerAction"),
        customer_requested_contact: json.flag("customerRequestedContact"),
        incentive_level: json.text("incentiveLevel"),
        industries,
        products,
        services,
        solutions,
        more: Vec::new(),
    };
    more.extend(json.drain());
    details.more = more;
    details
}

fn solution(mut json: Object) -> Solution {
    Solution {
        id: json.word("id"),
        name: json.text("name"),
        solution_kind: json.text("type"),
        more: json.rest(),
    }
}

fn target(mut json: Object) -> Target {
    Target { target_kind: json.word("type"), id: json.word("id") }
}

fn invitation(mut json: Object) -> Invitation {
    let mut by = json.object("invitedBy");
    Invitation {
        notes: json.text("notes"),
        help: json.text("assistanceRequestCode").map(|word| Help::from_word(&word)),
        invited_by_organization_id: by.text("organizationId"),
        invited_by_organization_name: by.text("organizationName"),
        invited_mpn_id: json.text("invitedMpnId"),
        more: json.rest(),
    }
}

fn tracking(mut json: Object) -> Tracking {
    Tracking { microsoft_msx_id: json.text("microsoftMsxId"), more: json.rest() }
}

/// A JSON object of which members are taken one by one; what nobody takes is the rest.
struct Object {
    pointer: String,
    members: Map<String, Json>,
}

impl Object {
    fn new(json: Json, pointer: &str) -> Self {
        let members = if let Json::Object(members) = json { members } else { Map::new() };
        Self { pointer: pointer.to_owned(), members }
    }

    fn take(&mut self, name: &str) -> Option<Json> {
        self.members.remove(name).filter(|json| !json.is_null())
    }

    fn text(&mut self, name: &str) -> Option<String> {
        let text = match self.take(name)? {
            Json::String(text) => text,
            other => other.to_string(),
        };
        if text.is_empty() { None } else { Some(text) }
    }

    fn word(&mut self, name: &str) -> String {
        self.text(name).unwrap_or_default()
    }

    fn number(&mut self, name: &str) -> Option<String> {
        self.text(name)
    }

    fn flag(&mut self, name: &str) -> Option<bool> {
        self.take(name)?.as_bool()
    }

    fn optional(&mut self, name: &str) -> Option<Object> {
        let pointer = format!("{}/{name}", self.pointer);
        self.take(name).filter(Json::is_object).map(|json| Object::new(json, &pointer))
    }

    fn object(&mut self, name: &str) -> Object {
        let pointer = format!("{}/{name}", self.pointer);
        self.optional(name).unwrap_or(Object { pointer, members: Map::new() })
    }

    fn list(&mut self, name: &str) -> Vec<Object> {
        let pointer = format!("{}/{name}", self.pointer);
        let items = if let Some(Json::Array(items)) = self.take(name) { items } else { Vec::new() };
        items
            .into_iter()
            .enumerate()
            .map(|(at, item)| Object::new(item, &format!("{pointer}/{at}")))
            .collect()
    }

    /// What nobody took, by pointer.
    fn drain(&mut self) -> Vec<NamedValue> {
        let rest = std::mem::take(&mut self.members);
        let named = |(name, json): (String, Json)| NamedValue {
            name: format!("{}/{}", self.pointer, name.replace('~', "~0").replace('/', "~1")),
            value: value(&json),
        };
        rest.into_iter().map(named).collect()
    }

    fn rest(mut self) -> Vec<NamedValue> {
        self.drain()
    }
}

fn value(json: &Json) -> Value {
    match json {
        Json::Null => Value::Empty,
        Json::Bool(flag) => Value::Flag(*flag),
        Json::String(text) => Value::Text(text.clone()),
        Json::Number(number) => match number.as_i64().and_then(|number| i32::try_from(number).ok()) {
            Some(number) => Value::Integer(number),
            None => Value::Decimal(number.to_string()),
        },
        other => Value::Other(other.to_string()),
    }
}
