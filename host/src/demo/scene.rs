//! The two systems as people see them, and the host as its operator does: all of it over HTTP.

use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::{people::text, story::until};
use crate::{
    admin::types::Routed,
    cli::AdminClient,
    error::{Complaint, Fault},
};

/// The story's tenant.
pub const TENANT: &str = "contoso";

/// What Dataverse shows with each of its webhooks.
const HOOK_KEY: &str = "sandbox";

/// The partner's plugin that is deployed in the course of the story, as bytes.
const PARTNERS_PLUGIN: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/example.wasm"));

/// A sandbox and a host that run somewhere, and what people do to them.
pub struct Scene {
    http: reqwest::Client,
    /// Partner Center's address.
    pub partner_center: String,
    /// Dynamics' address.
    pub dynamics: String,
    admin: AdminClient,
}

impl Scene {
    /// A scene between systems that run already.
    pub fn new(partner_center: String, dynamics: String, admin: &str, token: SecretString) -> Self {
        Scene {
            http: reqwest::Client::new(),
            partner_center,
            dynamics,
            admin: AdminClient::new(admin, token),
        }
    }

    /// Applies the tenant and registers both webhooks at the host's public address.
    pub async fn set_up(&self, public: &str) -> Result<(), Complaint> {
        let document = self.tenant_document();
        let _: Value = self.admin.put_json(&format!("/api/v1/tenants/{TENANT}"), &document).await?;
        let hooks = format!("http://{public}/hooks/{TENANT}");
        let events =
            ["referral-created", "referral-updated", "related-referral-created", "related-referral-updated"];
        let registration =
            json!({ "WebhookUrl": format!("{hooks}/partner-center"), "WebhookEvents": events });
        self.call(
            Method::POST,
            &self.partner_center,
            "/webhooks/v1/registration",
            "sandbox",
            Some(registration),
        )
        .await?;
        self.register_dynamics(&format!("{hooks}/dynamics")).await
    }

    /// A tenant whose systems are all in the sandbox.
    pub fn tenant_document(&self) -> Value {
        let (partner_center, dynamics) = (&self.partner_center, &self.dynamics);
        let secret = json!({ "sandbox": "sandbox" });
        json!({
            "name": TENANT,
            "sandbox": true,
            "partner_center": {
                "api_base": format!("{partner_center}/v1.0/engagements"),
                "webhook_base": format!("{partner_center}/webhooks/v1"),
                "token_url": format!("{partner_center}/{TENANT}/oauth2/v2.0/token"),
                "client_id": "crosswalk",
                "client_secret": secret,
                "refresh_token": secret,
            },
            "dynamics": {
                "org_url": dynamics,
                "token_url": format!("{dynamics}/{TENANT}/oauth2/v2.0/token"),
                "client_id": "crosswalk",
                "client_secret": secret,
                "webhook_key": { "sandbox": HOOK_KEY },
            },
            // Whether customers agree is for the operator to know; nothing is shared with Microsoft without it. The
            // sandbox's users have no telephone, and Partner Center wants to know whom to call.
            "settings": {
                "customers_consent": true,
                "solutions_as_rows": false,
                "sales_contact_first_name": "Sam",
                "sales_contact_last_name": "Seller",
                "sales_contact_email": "sam@contoso.example",
                "sales_contact_phone": "+1 425 555 0100",
            },
        })
    }

    /// A service endpoint, and a step for each message: the three POSTs of Dataverse's documentation.
    async fn register_dynamics(&self, url: &str) -> Result<(), Complaint> {
        let endpoint =
            json!({ "name": "Crosswalk", "url": url, "contract": 8, "authtype": 4, "authvalue": HOOK_KEY });
        let endpoint = self.create("serviceendpoints", "serviceendpointid", endpoint).await?;
        for message in ["Create", "Update", "Win", "Lose"] {
            let filter = format!("sdkmessages?$select=sdkmessageid&$filter=name eq '{message}'");
            let message_id = self.first(&filter, "/sdkmessageid").await?;
            let filter = format!(
                "sdkmessagefilters?$select=sdkmessagefilterid&$filter=primaryobjecttypecode eq 'opportunity' and _sdkmessageid_value eq {message_id}"
            );
            let filter_id = self.first(&filter, "/sdkmessagefilterid").await?;
            let step = json!({
                "name": format!("Crosswalk: {message} of opportunity"), "mode": 1, "stage": 40, "rank": 1,
                "supporteddeployment": 0, "asyncautodelete": true,
                "eventhandler_serviceendpoint@odata.bind": format!("/serviceendpoints({endpoint})"),
                "sdkmessageid@odata.bind": format!("/sdkmessages({message_id})"),
                "sdkmessagefilterid@odata.bind": format!("/sdkmessagefilters({filter_id})"),
            });
            self.create("sdkmessageprocessingsteps", "sdkmessageprocessingstepid", step).await?;
        }
        Ok(())
    }

    // What Microsoft does

    /// The documented sample referral, shared by Microsoft.
    pub async fn microsoft_shares_the_sample(&self) -> Result<Value, Complaint> {
        let body = json!({ "sample": "co-sell" });
        self.call(
            Method::POST,
            &self.partner_center,
            "/_sandbox/partner-center/referrals",
            "sandbox",
            Some(body),
        )
        .await
    }

    /// A change in Partner Center's portal, as a merge patch.
    pub async fn microsoft_edits(&self, referral: &str, changes: Value) -> Result<(), Complaint> {
        let path = format!("/_sandbox/partner-center/referrals/{referral}");
        self.call(Method::PATCH, &self.partner_center, &path, "sandbox", Some(changes)).await?;
        Ok(())
    }

    /// Whether notifications of both systems go out.
    pub async fn notifications(&self, on: bool) -> Result<(), Complaint> {
        self.switch_notifications(json!({ "drop": if on { 0 } else { 1_000_000 } })).await
    }

    /// Sets the notification switches of both systems.
    pub async fn switch_notifications(&self, switches: Value) -> Result<(), Complaint> {
        for base in [&self.partner_center, &self.dynamics] {
            self.call(Method::POST, base, "/_sandbox/notifications", "sandbox", Some(switches.clone()))
                .await?;
        }
        Ok(())
    }

    /// Arms a fault switch of one system.
    pub async fn arm(&self, system: &str, fault: Value) -> Result<(), Complaint> {
        self.call(Method::POST, system, "/_sandbox/faults", "sandbox", Some(fault)).await?;
        Ok(())
    }

    /// Disarms all fault switches of one system.
    pub async fn disarm(&self, system: &str) -> Result<(), Complaint> {
        self.call(Method::DELETE, system, "/_sandbox/faults", "sandbox", None).await?;
        Ok(())
    }

    /// The last requests that one system was sent.
    pub async fn trace(&self, system: &str) -> Result<Vec<Value>, Complaint> {
        let calls = self.call(Method::GET, system, "/_sandbox/trace", "sandbox", None).await?;
        Ok(calls.as_array().cloned().unwrap_or_default())
    }

    // What a seller does

    /// An opportunity with *Sync with Partner Center*, help, products, and a customer with a contact.
    pub async fn seller_creates_opportunity(&self, name: &str) -> Result<String, Complaint> {
        let account = json!({
            "name": "Tailspin Toys", "address1_line1": "1 Market Street", "address1_city": "Seattle",
            "address1_postalcode": "98101", "address1_country": "US",
        });
        let account = self.create_as("accounts", "accountid", account, "seller").await?;
        let contact = json!({
            "firstname": "Ada", "lastname": "Berg", "emailaddress1": "ada@tailspin.example", "telephone1": "+1 206 555 0100",
            "parentcustomerid_account@odata.bind": format!("/accounts({account})"),
        });
        let contact = self.create_as("contacts", "contactid", contact, "seller").await?;
        let opportunity = json!({
            "name": name, "estimatedvalue": 75000, "isrevenuesystemcalculated": false,
            "estimatedclosedate": "2027-02-28", "description": "wants to move its data platform",
            "customerid_account@odata.bind": format!("/accounts({account})"),
            "parentaccountid@odata.bind": format!("/accounts({account})"),
            "parentcontactid@odata.bind": format!("/contacts({contact})"),
            "msft_syncwithpartnercenter": true, "msft_howcanmicrosofthelp": 100_000_000,
            "msft_products": "SOL-15974-MQF",
        });
        self.create_as("opportunities", "opportunityid", opportunity, "seller").await
    }

    /// A change in Dynamics.
    pub async fn seller_edits(&self, opportunity: &str, changes: Value) -> Result<(), Complaint> {
        let path = format!("/api/data/v9.2/opportunities({opportunity})");
        self.call(Method::PATCH, &self.dynamics, &path, "seller", Some(changes)).await?;
        Ok(())
    }

    // What either side shows

    /// A referral as the API shows it.
    pub async fn referral(&self, id: &str) -> Result<Value, Complaint> {
        self.call(
            Method::GET,
            &self.partner_center,
            &format!("/v1.0/engagements/referrals/{id}"),
            "sandbox",
            None,
        )
        .await
    }

    /// All referrals of an engagement, of every organisation.
    pub async fn engagement(&self, id: &str) -> Result<Vec<Value>, Complaint> {
        let all = self.all_referrals().await?;
        Ok(all.into_iter().filter(|referral| text(referral, "/engagementId") == id).collect())
    }

    async fn all_referrals(&self) -> Result<Vec<Value>, Complaint> {
        let path = "/_sandbox/partner-center/referrals";
        let all = self.call(Method::GET, &self.partner_center, path, "sandbox", None).await?;
        Ok(all.as_array().cloned().unwrap_or_default())
    }

    /// An opportunity as the API shows it, with account and contact.
    pub async fn opportunity(&self, id: &str) -> Result<Value, Complaint> {
        let path = format!("/api/data/v9.2/opportunities({id})?{EXPAND}");
        self.call(Method::GET, &self.dynamics, &path, "seller", None).await
    }

    /// The opportunity that carries a referral's id.
    pub async fn opportunity_of(&self, referral: &str) -> Result<Option<Value>, Complaint> {
        let path =
            format!("/api/data/v9.2/opportunities?{EXPAND}&$filter=msft_referralidentifier eq '{referral}'");
        let found = self.call(Method::GET, &self.dynamics, &path, "seller", None).await?;
        Ok(found.pointer("/value/0").cloned())
    }

    /// All opportunities.
    pub async fn opportunities(&self) -> Result<Vec<Value>, Complaint> {
        let path = "/api/data/v9.2/opportunities?$select=name,msft_referralidentifier";
        let found = self.call(Method::GET, &self.dynamics, path, "seller", None).await?;
        Ok(found.pointer("/value").and_then(Value::as_array).cloned().unwrap_or_default())
    }

    /// The partner's own referrals, without Microsoft's copies of them.
    pub async fn own_referrals(&self) -> Result<Vec<Value>, Complaint> {
        let all = self.all_referrals().await?;
        Ok(all.into_iter().filter(|referral| text(referral, "/organizationId") != "msft").collect())
    }

    // What the operator does and sees

    /// Deploys the partner's plugin, and says when it is live.
    pub(crate) async fn deploy_partners_plugin(&self) -> Result<Routed, Complaint> {
        self.admin.post_bytes(&format!("/api/v1/tenants/{TENANT}/plugins"), PARTNERS_PLUGIN.to_vec()).await
    }

    /// The tenant's newest events in this state, a thousand at the most.
    pub async fn events(&self, state: &str) -> Result<Vec<Value>, Complaint> {
        self.admin.get(&format!("/api/v1/events?tenant={TENANT}&state={state}&limit=1000")).await
    }

    /// The tenant's open entries.
    pub async fn entries(&self) -> Result<Vec<Value>, Complaint> {
        self.admin.get(&format!("/api/v1/tenants/{TENANT}/entries")).await
    }

    /// Waits until no notification is under way and no event waits.
    pub async fn settled(&self, patience: Duration) -> Result<(), Complaint> {
        until("every event has its verdict", patience, || async {
            for base in [&self.partner_center, &self.dynamics] {
                let summary = self.call(Method::GET, base, "/_sandbox", "sandbox", None).await?;
                if text(&summary, "/notificationsPending") != "0" {
                    return Ok(None);
                }
            }
            Ok(self.events("waiting").await?.is_empty().then_some(()))
        })
        .await
    }

    async fn create(&self, set: &str, id: &str, row: Value) -> Result<String, Complaint> {
        self.create_as(set, id, row, "sandbox").await
    }

    async fn create_as(&self, set: &str, id: &str, row: Value, who: &str) -> Result<String, Complaint> {
        let request = self
            .request(Method::POST, &self.dynamics, &format!("/api/data/v9.2/{set}"), who)
            .header("prefer", "return=representation")
            .json(&row);
        Ok(text(&self.send(request).await?, &format!("/{id}")))
    }

    async fn first(&self, query: &str, pointer: &str) -> Result<String, Complaint> {
        let found = self
            .call(Method::GET, &self.dynamics, &format!("/api/data/v9.2/{query}"), "sandbox", None)
            .await?;
        Ok(text(&found, &format!("/value/0{pointer}")))
    }

    async fn call(
        &self,
        method: Method,
        base: &str,
        path: &str,
        who: &str,
        body: Option<Value>,
    ) -> Result<Value, Complaint> {
        let request = self.request(method, base, path, who);
        self.send(match body {
            Some(body) => request.json(&body),
            None => request,
        })
        .await
    }

    fn request(&self, method: Method, base: &str, path: &str, who: &str) -> RequestBuilder {
        self.http.request(method, format!("{base}{path}")).bearer_auth(who).timeout(Duration::from_secs(10))
    }

    async fn send(&self, request: RequestBuilder) -> Result<Value, Complaint> {
        let unreachable = |error: reqwest::Error| {
            Complaint::new(
                Fault::Unreachable,
                "the sandbox did not answer the people of the story",
                "the story stops here",
                "this is a defect, or a machine that is very slow",
            )
            .because(&error)
        };
        let response = request.send().await.map_err(unreachable)?;
        let (url, status) = (response.url().clone(), response.status());
        let body = response.bytes().await.map_err(unreachable)?;
        if status.is_success() {
            return Ok(serde_json::from_slice(&body).unwrap_or(Value::Null));
        }
        Err(Complaint::new(
            Fault::Failed,
            format!("the sandbox answered `{}` with {status}", url.path()),
            format!("the story stops here; the answer: {}", String::from_utf8_lossy(&body)),
            "this is a defect of the sandbox or of the story",
        ))
    }
}

/// What the story looks at beside the opportunity itself.
const EXPAND: &str = "$expand=parentaccountid($select=name),parentcontactid($select=emailaddress1)";
