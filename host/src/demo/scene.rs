//! Partner Center and a CRM as people see them, and the host as its operator does: all of it over HTTP.

use std::time::Duration;

use reqwest::Method;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::{
    http::Http,
    people::text,
    seller::{Card, CrmKind, DynamicsSeller, Record, SalesforceSeller, Seller},
    story::until,
};
use crate::{cli::AdminClient, error::Complaint};

/// The partner that has Dynamics.
pub const CONTOSO: &str = "contoso";

/// The partner that has Salesforce.
pub const FABRIKAM: &str = "fabrikam";

/// The partner's plugin that is deployed in the course of the story, as bytes.
const PARTNERS_PLUGIN: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/example.wasm"));

/// One partner: its Partner Center, its CRM, a host that runs somewhere, and what people do to them.
pub struct Scene {
    /// What it is called at the host.
    pub tenant: &'static str,
    /// The person who works in its CRM.
    pub seller: Box<dyn Seller>,
    center: Http,
    crm: Http,
    admin: AdminClient,
}

impl Scene {
    /// A scene between systems that run already: a partner's Partner Center, its CRM, and the host's admin API.
    pub fn new(
        crm: CrmKind,
        partner_center: String,
        crm_url: String,
        admin: &str,
        token: SecretString,
    ) -> Self {
        let at = Http::new(crm_url);
        let (tenant, seller): (_, Box<dyn Seller>) = match crm {
            CrmKind::Dynamics => (CONTOSO, Box::new(DynamicsSeller::new(at.clone(), CONTOSO))),
            CrmKind::Salesforce => (FABRIKAM, Box::new(SalesforceSeller::new(at.clone()))),
        };
        let (center, admin) = (Http::new(partner_center), AdminClient::new(admin, token));
        Scene { tenant, seller, center, crm: at, admin }
    }

    /// Applies the tenant and registers both webhooks at the host's public address.
    pub async fn set_up(&self, public: &str) -> Result<(), Complaint> {
        self.apply(&self.tenant_document()).await?;
        let hooks = format!("http://{public}/hooks/{}", self.tenant);
        let events =
            ["referral-created", "referral-updated", "related-referral-created", "related-referral-updated"];
        let registration =
            json!({ "WebhookUrl": format!("{hooks}/partner-center"), "WebhookEvents": events });
        self.center.call("sandbox", Method::POST, "/webhooks/v1/registration", Some(registration)).await?;
        self.seller.register(&hooks).await
    }

    /// Applies a document for this partner, as the operator would.
    pub async fn apply(&self, document: &Value) -> Result<Value, Complaint> {
        self.admin.put_json(&format!("/api/v1/tenants/{}", self.tenant), document).await
    }

    /// A tenant whose systems are all in the sandbox.
    pub fn tenant_document(&self) -> Value {
        let partner_center = &self.center.base;
        let secret = json!({ "sandbox": "sandbox" });
        let (crm, section) = self.seller.document();
        // Whether customers agree is for the operator to know; nothing is shared with Microsoft without it. The
        // sandbox's users have no telephone, and Partner Center wants to know whom to call.
        let mut settings = json!({
            "customers_consent": true,
            "sales_contact_first_name": "Sam",
            "sales_contact_last_name": "Seller",
            "sales_contact_email": "sam@contoso.example",
            "sales_contact_phone": "+1 425 555 0100",
        });
        merge(&mut settings, self.seller.settings());
        json!({
            "name": self.tenant,
            "sandbox": true,
            "partner_center": {
                "api_base": format!("{partner_center}/v1.0/engagements"),
                "webhook_base": format!("{partner_center}/webhooks/v1"),
                "token_url": format!("{partner_center}/{}/oauth2/v2.0/token", self.tenant),
                "client_id": "crosswalk",
                "client_secret": secret,
                "refresh_token": secret,
            },
            crm: section,
            "settings": settings,
        })
    }

    /// The same tenant with other settings beside those it needs.
    pub async fn apply_settings(&self, settings: Value) -> Result<(), Complaint> {
        let mut document = self.tenant_document();
        if let Some(held) = document.get_mut("settings") {
            merge(held, settings);
        }
        self.apply(&document).await.map(drop)
    }

    // What Microsoft does

    /// A documented sample referral, sent by Microsoft: `co-sell`, `qualified-lead` or `marketplace-lead`.
    pub async fn microsoft_sends(&self, sample: &str) -> Result<Value, Complaint> {
        let body = json!({ "sample": sample });
        self.center.control(Method::POST, "/partner-center/referrals", Some(body)).await
    }

    /// The documented co-sell referral, shared by Microsoft.
    pub async fn microsoft_shares_the_sample(&self) -> Result<Value, Complaint> {
        self.microsoft_sends("co-sell").await
    }

    /// *New deal* in Partner Center's portal: the partner's own co-sell deal, which needs nobody's acceptance.
    pub async fn partner_makes_a_new_deal(&self, name: &str) -> Result<Value, Complaint> {
        let contact = json!({
            "firstName": "Wide", "lastName": "World", "email": "wide@worldwide.example", "phoneNumber": "+1 206 555 0111",
        });
        let deal = json!({
            "name": name, "type": "Independent", "qualification": "SalesQualified",
            "customerProfile": {
                "name": "Wide World Importers", "team": [contact],
                "address": { "addressLine1": "7 Dock Road", "city": "Tacoma", "state": "WA", "postalCode": "98402", "country": "US" },
            },
            "consent": { "consentToToShareInfoWithOthers": true, "consentToContact": true },
            "details": {
                "notes": "made in the portal", "dealValue": 42000, "currency": "USD", "closingDateTime": "2027-05-31T00:00:00Z",
                "requirements": { "solutions": [{ "id": "SOL-15974-MQF", "type": "Name", "name": "Data platform" }] },
            },
            "team": [contact],
        });
        self.center.call("sandbox", Method::POST, "/v1.0/engagements/referrals", Some(deal)).await
    }

    /// A change in Partner Center's portal, as a merge patch.
    pub async fn microsoft_edits(&self, referral: &str, changes: Value) -> Result<(), Complaint> {
        let path = format!("/partner-center/referrals/{referral}");
        self.center.control(Method::PATCH, &path, Some(changes)).await?;
        Ok(())
    }

    /// What becomes of a referral in Partner Center's portal: `accept`, `decline` or `expire`.
    pub async fn portal_answers(&self, referral: &str, answer: &str) -> Result<(), Complaint> {
        let path = format!("/partner-center/referrals/{referral}/{answer}");
        self.center.control(Method::POST, &path, None).await?;
        Ok(())
    }

    /// Microsoft's own copy of a deal that was shared with it.
    pub async fn microsofts_copy(&self, referral: &str) -> Result<Option<Value>, Complaint> {
        let engagement = text(&self.referral(referral).await?, "/engagementId");
        let copies = self.engagement(&engagement).await?;
        Ok(copies.into_iter().find(|copy| text(copy, "/organizationId") == "msft"))
    }

    // The sandbox's switches

    /// Whether notifications of both systems go out.
    pub async fn notifications(&self, on: bool) -> Result<(), Complaint> {
        self.switch_notifications(json!({ "drop": if on { 0 } else { 1_000_000 } })).await
    }

    /// Sets the notification switches of both systems.
    pub async fn switch_notifications(&self, switches: Value) -> Result<(), Complaint> {
        for system in self.systems() {
            system.control(Method::POST, "/notifications", Some(switches.clone())).await?;
        }
        Ok(())
    }

    /// Partner Center.
    pub fn center(&self) -> System<'_> {
        System(&self.center)
    }

    /// The CRM.
    pub fn crm(&self) -> System<'_> {
        System(&self.crm)
    }

    // What either side shows

    /// A referral as the API shows it.
    pub async fn referral(&self, id: &str) -> Result<Value, Complaint> {
        self.center.call("sandbox", Method::GET, &format!("/v1.0/engagements/referrals/{id}"), None).await
    }

    /// All referrals of an engagement, of every organisation.
    pub async fn engagement(&self, id: &str) -> Result<Vec<Value>, Complaint> {
        let all = self.all_referrals().await?;
        Ok(all.into_iter().filter(|referral| text(referral, "/engagementId") == id).collect())
    }

    async fn all_referrals(&self) -> Result<Vec<Value>, Complaint> {
        let all = self.center.control(Method::GET, "/partner-center/referrals", None).await?;
        Ok(all.as_array().cloned().unwrap_or_default())
    }

    /// The partner's own referrals, without Microsoft's copies of them.
    pub async fn own_referrals(&self) -> Result<Vec<Value>, Complaint> {
        let all = self.all_referrals().await?;
        Ok(all.into_iter().filter(|referral| text(referral, "/organizationId") != "msft").collect())
    }

    /// A record as the seller sees it, which must be there.
    pub async fn card(&self, record: &Record) -> Result<Card, Complaint> {
        Ok(self.seller.opens(record).await?.unwrap_or_default())
    }

    // What the operator does and sees

    /// Deploys the partner's plugin, and says when it is live.
    pub async fn deploy_partners_plugin(&self) -> Result<Value, Complaint> {
        let path = format!("/api/v1/tenants/{}/plugins", self.tenant);
        self.admin.post_bytes(&path, PARTNERS_PLUGIN.to_vec()).await
    }

    /// The tenant's newest events in this state, a thousand at the most.
    pub async fn events(&self, state: &str) -> Result<Vec<Value>, Complaint> {
        self.admin.get(&format!("/api/v1/events?tenant={}&state={state}&limit=1000", self.tenant)).await
    }

    /// The tenant's open entries.
    pub async fn entries(&self) -> Result<Vec<Value>, Complaint> {
        self.admin.get(&format!("/api/v1/tenants/{}/entries", self.tenant)).await
    }

    /// Asks for an event to be looked at again.
    pub async fn retries(&self, event: &str) -> Result<(), Complaint> {
        self.admin.post::<Value>(&format!("/api/v1/events/{event}/retry")).await.map(drop)
    }

    /// Waits until no notification is under way and no event waits.
    pub async fn settled(&self, patience: Duration) -> Result<(), Complaint> {
        until("every event has its verdict", patience, || async {
            for system in self.systems() {
                let summary = system.control(Method::GET, "", None).await?;
                if text(&summary, "/notificationsPending") != "0" {
                    return Ok(None);
                }
            }
            Ok(self.events("waiting").await?.is_empty().then_some(()))
        })
        .await
    }

    fn systems(&self) -> [&Http; 2] {
        [&self.center, &self.crm]
    }
}

/// One system's switches and traces.
#[derive(Clone, Copy)]
pub struct System<'a>(&'a Http);

impl<'a> System<'a> {
    /// Its address, without a slash at the end.
    pub fn url(self) -> &'a str {
        &self.0.base
    }

    /// Arms a fault switch.
    pub async fn arm(&self, fault: Value) -> Result<(), Complaint> {
        self.0.control(Method::POST, "/faults", Some(fault)).await.map(drop)
    }

    /// Disarms all fault switches.
    pub async fn disarm(&self) -> Result<(), Complaint> {
        self.0.control(Method::DELETE, "/faults", None).await.map(drop)
    }

    /// The last requests that it was sent.
    pub async fn trace(&self) -> Result<Vec<Value>, Complaint> {
        let calls = self.0.control(Method::GET, "/trace", None).await?;
        Ok(calls.as_array().cloned().unwrap_or_default())
    }

    /// Another of the sandbox's control routes, below `/_sandbox`.
    pub async fn control(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value, Complaint> {
        self.0.control(method, path, body).await
    }
}

/// Lays the members of one object over another's.
fn merge(held: &mut Value, over: Value) {
    if let (Some(held), Value::Object(over)) = (held.as_object_mut(), over) {
        held.extend(over);
    }
}
