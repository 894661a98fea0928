//! Salesforce: read records as the plugin declares them, write them only at the version that was read.
//!
//! The plugin's manifest decides what is asked for: the fields, their kinds, which references are followed and which
//! lists are kept as child rows. Fields that the manifest does not name are never read and never written. Entities and
//! fields go by their API names (`Opportunity`, `StageName`, `Referral_Link__c`).
//!
//! How a write is kept from overwriting what somebody else did in the same second, which Salesforce itself cannot tell,
//! is written in `salesforce/version.rs`.

mod answer;
mod budget;
mod changes;
mod clock;
mod companions;
mod composite;
mod convert;
mod crm;
mod id;
mod provision;
mod query;
mod read;
mod shape;
mod soap;
mod soql;
mod value;
mod version;
mod write;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use crosswalk_engine::{
    mapping::Manifest,
    value::{Kind, RecordKey},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use jiff::Timestamp;
use serde_json::Value as Json;
use tokio::{sync::Mutex, time::Instant};
use url::Url;

use self::{budget::Budget, clock::Clock, version::Memory};
use crate::{
    crm::Identity,
    fault::{ConfigError, Fault, secure},
    session::{ApiError, Failure, Limits, Session},
    token::TokenSource,
    transport::{Request, Response, Transport},
};

/// How to reach one organisation.
#[derive(Clone, Debug)]
pub struct SalesforceConfig {
    /// The organisation's My Domain, `https://{name}.my.salesforce.com`, or the sandbox.
    pub org_url: Url,
    /// The version of the API, `60.0`.
    pub api_version: String,
    /// How our calls name themselves (`Sforce-Call-Options`); change events carry it as their origin.
    pub client_name: String,
    /// Whether the organisation's assignment rules may give a new lead to another owner (`Sforce-Auto-Assign`).
    pub run_assignment_rules: bool,
    /// Whether a record is saved although a duplicate rule warns of it (`Sforce-Duplicate-Rule-Header`). A rule that
    /// blocks cannot be overruled.
    pub save_despite_duplicate_alerts: bool,
    /// The relationship of a reference: by `{entity}.{field}` or `{field}`, the first that is there. Without one
    /// `AccountId` leads through `Account`, and `Country__c` through `Country__r`.
    pub relationships: BTreeMap<String, String>,
    /// The status of a converted lead; `None` takes the first one that the organisation has for that.
    pub converted_status: Option<String>,
    /// How much of the organisation's daily calls may be used before we stop, in percent. It is shared with all that the
    /// customer runs.
    pub daily_calls_percent_max: u8,
    /// How long we stop when that share is used, before one call asks again, in milliseconds.
    pub budget_pause_ms: u64,
    /// How long we stop when the organisation refuses a call because its limit is spent, in milliseconds. Salesforce
    /// gives no hint.
    pub limit_pause_ms: u64,
    /// How far back a look for changes begins before the last one ended, in milliseconds.
    pub changes_overlap_ms: u64,
    /// How far back changes can be asked for, in milliseconds: Salesforce forgets what was deleted after 15 days.
    pub changes_back_max_ms: u64,
    /// How much time one page of changes covers at most, in milliseconds.
    pub changes_window_ms: u64,
    /// How many records one page of changes should hold at most.
    pub changes_rows_max: usize,
    /// The permission set that `crm provision` keeps.
    pub permission_set: String,
    /// Limits of the connection.
    pub limits: Limits,
}

impl SalesforceConfig {
    /// The defaults for this organisation.
    pub fn new(org_url: Url) -> Self {
        SalesforceConfig {
            org_url,
            api_version: "60.0".to_owned(),
            client_name: "Crosswalk".to_owned(),
            run_assignment_rules: false,
            save_despite_duplicate_alerts: false,
            relationships: BTreeMap::new(),
            converted_status: None,
            daily_calls_percent_max: 80,
            budget_pause_ms: 300_000,
            limit_pause_ms: 60_000,
            changes_overlap_ms: 120_000,
            changes_back_max_ms: 15 * 24 * 3_600_000,
            changes_window_ms: 24 * 3_600_000,
            changes_rows_max: 2_000,
            permission_set: "Crosswalk".to_owned(),
            // Long calls are counted apiece in a pool of 25 for the whole organisation.
            limits: Limits { concurrent_requests_max: 8, ..Limits::default() },
        }
    }
}

/// One organisation, seen through one plugin's manifest. Cloning is cheap; clones share token, limits, connections and
/// what was learnt of the organisation.
#[derive(Clone)]
pub struct Salesforce {
    shared: Arc<Shared>,
    manifest: Arc<Manifest>,
}

struct Shared {
    config: SalesforceConfig,
    headers: Headers,
    session: Session,
    tokens: Arc<dyn TokenSource>,
    budget: Budget,
    clock: Clock,
    memory: Memory,
    /// Held while a companion is looked for and created, so that two passes do not both create it.
    creating: Mutex<()>,
    /// Unique fields that the organisation was seen to have, as `{entity}.{field}`.
    unique: Mutex<Vec<String>>,
}

/// Headers of all calls, and of writes.
struct Headers {
    call_options: HeaderValue,
    /// Those of a write, also inside a composite request.
    write: Vec<(&'static str, HeaderValue)>,
}

impl Salesforce {
    /// A client; it asks for nothing yet.
    ///
    /// # Errors
    /// [`ConfigError`] if the address is neither https nor on loopback, a setting cannot be sent, or the manifest has a
    /// name that no field can have.
    pub fn new(
        config: SalesforceConfig,
        transport: Arc<dyn Transport>,
        tokens: Arc<dyn TokenSource>,
        manifest: Arc<Manifest>,
    ) -> Result<Self, ConfigError> {
        secure("org_url", &config.org_url)?;
        shape::check(&manifest)?;
        let is_version = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !config
            .api_version
            .split_once('.')
            .is_some_and(|(major, minor)| is_version(major) && is_version(minor))
        {
            let problem = format!("`{}` is not a version, like `60.0`", config.api_version);
            return Err(ConfigError::Invalid { setting: "api_version", problem });
        }
        let headers = Headers::new(&config)?;
        let session = Session::new("Salesforce", transport, Arc::clone(&tokens), config.limits.clone())
            .with_later(answer::LATER);
        let budget = Budget::new(&config);
        let shared = Shared {
            config,
            headers,
            session,
            tokens,
            budget,
            clock: Clock::default(),
            memory: Memory::default(),
            creating: Mutex::default(),
            unique: Mutex::default(),
        };
        Ok(Salesforce { shared: Arc::new(shared), manifest })
    }

    /// The same organisation through another release's manifest.
    ///
    /// # Errors
    /// [`ConfigError`] if the manifest has a name that no field can have.
    pub fn with_manifest(&self, manifest: Arc<Manifest>) -> Result<Self, ConfigError> {
        shape::check(&manifest)?;
        Ok(Salesforce { manifest, ..self.clone() })
    }

    /// Who we are: the versioned root names the user by an address that ends in organisation and user; `userinfo`, which
    /// wants a scope of its own, says the same.
    async fn identity(&self) -> Result<Identity, Fault> {
        let root = self.about_us(&self.path("")).await?;
        let address = root.get("identity").and_then(Json::as_str).unwrap_or_default();
        let mut ids = address.rsplit('/').map(id::canonical);
        if let (Some(Some(user)), Some(Some(organization))) = (ids.next(), ids.next()) {
            return Ok(Identity { user, organization });
        }
        let us = self.about_us("/services/oauth2/userinfo").await?;
        let id = |name: &str| id::canonical(us.get(name)?.as_str()?);
        match (id("user_id"), id("organization_id")) {
            (Some(user), Some(organization)) => Ok(Identity { user, organization }),
            _ => Err(Fault::reject("`org_url` is not a Salesforce organisation: it does not say who we are")),
        }
    }

    async fn about_us(&self, path: &str) -> Result<Json, Fault> {
        let response = self.ask(self.get(path)?).await?;
        if response.status.is_success() {
            return json(&response);
        }
        Err(self.fault(&ApiError::of(&response), "the question who we are"))
    }

    /// A read: repeated where that may help, within the daily budget.
    async fn ask(&self, request: Request) -> Result<Response, Fault> {
        Ok(self.ask_at(request).await?.0)
    }

    /// A read, and a time that the server had reached when it began.
    async fn ask_at(&self, request: Request) -> Result<(Response, Option<Timestamp>), Fault> {
        self.shared.budget.allow()?;
        let (before, began) = (self.shared.clock.now(), Instant::now());
        let response = self.shared.session.read(request).await?;
        let begun = clock::begun(&response.headers, began.elapsed(), before);
        self.learn(&response);
        Ok((response, begun))
    }

    /// A write: sent once, within the daily budget.
    async fn tell(&self, request: Request) -> Result<Response, Failure> {
        self.shared.budget.allow().map_err(Failure::Fault)?;
        let response = self.shared.session.write(request).await?;
        self.learn(&response);
        Ok(response)
    }

    fn learn(&self, response: &Response) {
        self.shared.budget.learn(&response.headers);
        if response.status == StatusCode::FORBIDDEN && ApiError::of(response).is(answer::LIMIT_SPENT) {
            self.shared.budget.rest(self.limit_pause());
        }
        self.shared.clock.learn(&response.headers);
    }

    /// A path below the API's version, `/services/data/v60.0/…`; `path` must be encoded already.
    fn path(&self, path: &str) -> String {
        format!("/services/data/v{}/{path}", self.shared.config.api_version)
    }

    /// The address of a path of this organisation, which begins with `/`.
    fn at(&self, path: &str) -> Result<Url, Fault> {
        let base = self.shared.tokens.instance().unwrap_or_else(|| self.shared.config.org_url.clone());
        let url = base.join(path).ok().filter(|url| path.starts_with('/') && url.origin() == base.origin());
        url.ok_or_else(|| Fault::reject(format!("`{path}` is not a path of this organisation")))
    }

    fn get(&self, path: &str) -> Result<Request, Fault> {
        Ok(self.request(Method::GET, self.at(path)?))
    }

    fn send(&self, method: Method, path: &str, body: &Json) -> Result<Request, Fault> {
        let mut request = self.request(method, self.at(path)?);
        request.body = Bytes::from(body.to_string());
        Ok(request)
    }

    fn request(&self, method: Method, url: Url) -> Request {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        headers
            .insert(HeaderName::from_static("sforce-call-options"), self.shared.headers.call_options.clone());
        if method != Method::GET {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
            for (name, value) in &self.shared.headers.write {
                headers.insert(HeaderName::from_static(name), value.clone());
            }
        }
        Request { method, url, headers, body: Bytes::new() }
    }

    /// The pause after a call that was refused because a limit is spent.
    fn limit_pause(&self) -> Duration {
        Duration::from_millis(self.shared.config.limit_pause_ms)
    }

    /// A fault for a read that was refused.
    fn fault(&self, error: &ApiError, subject: &str) -> Fault {
        answer::fault(error, subject, self.limit_pause())
    }

    /// The kind that the manifest declares for a field of an entity, however the entity is used.
    fn kind(&self, entity: &str, field: &str) -> Option<&Kind> {
        let uses = self.manifest.entities.iter().chain(&self.manifest.lookups);
        let mut fields = uses.filter(|use_| use_.entity == entity).filter_map(|use_| use_.field(field));
        fields.next().map(|field| &field.kind)
    }
}

impl Headers {
    fn new(config: &SalesforceConfig) -> Result<Headers, ConfigError> {
        let assign = if config.run_assignment_rules { "TRUE" } else { "FALSE" };
        let mut write = vec![("sforce-auto-assign", HeaderValue::from_static(assign))];
        if config.save_despite_duplicate_alerts {
            write.push(("sforce-duplicate-rule-header", HeaderValue::from_static("allowSave=true")));
        }
        let call_options =
            HeaderValue::from_str(&format!("client={}", config.client_name)).map_err(|_| {
                ConfigError::Invalid {
                    setting: "client_name",
                    problem: format!("`{}` cannot be sent as a header", config.client_name),
                }
            })?;
        Ok(Headers { call_options, write })
    }
}

/// The key with its id in canonical form.
fn canonical(key: &RecordKey) -> Result<RecordKey, Fault> {
    let id = id::canonical(&key.id).ok_or_else(|| {
        Fault::reject(format!("`{}` is not the id of a Salesforce record; nothing was sent", key.id))
    })?;
    Ok(RecordKey { entity: key.entity.clone(), id })
}

/// The body as JSON.
fn json(response: &Response) -> Result<Json, Fault> {
    serde_json::from_slice(&response.body).map_err(|error| {
        Fault::retry(format!("Salesforce answered with something that is not JSON: {error}"))
    })
}
