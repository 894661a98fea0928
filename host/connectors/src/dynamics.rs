//! Dataverse (Dynamics 365): read records as the plugin declares them, write them only at the version that was read.
//!
//! The plugin's manifest decides what is asked for: the columns, their kinds, and which lookups are followed. Columns
//! that the manifest does not name are never read and never written.

mod answer;
mod batch;
mod changes;
mod companions;
mod convert;
mod crm;
mod list;
mod provision;
mod read;
mod rows;
mod schema;
mod state;
mod successor;
mod value;
mod write;

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use crosswalk_engine::{
    mapping::Manifest,
    value::{RecordKey, Value},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use serde::{Deserialize, Serialize};
use url::Url;

use self::schema::Schema;
pub use self::{provision::Provisioning, read::Modified};
use crate::{
    fault::{ConfigError, Fault, secure},
    session::{Limits, Session},
    token::TokenSource,
    transport::{Request, Response, Transport},
};

/// How to reach one organisation.
#[derive(Clone, Debug)]
pub struct DynamicsConfig {
    /// `https://{org}.{region}.dynamics.com`, or the sandbox.
    pub org_url: Url,
    /// The path of the Web API below it.
    pub api_path: String,
    /// Entity to entity set, `account` to `accounts`. The ids of these are `{entity}id`. Any other entity is looked
    /// up in the organisation's metadata, once.
    pub entity_sets: BTreeMap<String, String>,
    /// The navigation property of a lookup: by `{entity}.{field}.{target}`, `{entity}.{field}` or `{field}`, the
    /// first that is there. Without one it is the lookup's logical name; that of a custom lookup (its name has an
    /// underscore) is looked up in the organisation's metadata, once.
    pub navigation: BTreeMap<String, String>,
    /// The subject of the activity that Dataverse keeps when an opportunity is closed.
    pub close_subject: String,
    /// The status reason of a lead that was qualified.
    pub qualified_status: i32,
    /// How the organisation is provisioned.
    pub provisioning: Provisioning,
    /// Limits of the connection.
    pub limits: Limits,
}

impl DynamicsConfig {
    /// The defaults for this organisation.
    pub fn new(org_url: Url) -> Self {
        let sets = [
            ("account", "accounts"),
            ("contact", "contacts"),
            ("lead", "leads"),
            ("opportunity", "opportunities"),
            ("transactioncurrency", "transactioncurrencies"),
        ];
        DynamicsConfig {
            org_url,
            api_path: "/api/data/v9.2/".to_owned(),
            entity_sets: sets.map(|(entity, set)| (entity.to_owned(), set.to_owned())).into(),
            navigation: BTreeMap::new(),
            close_subject: "Closed in step with Partner Center".to_owned(),
            qualified_status: 3,
            provisioning: Provisioning::default(),
            limits: Limits::default(),
        }
    }
}

/// Who the organisation takes us for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhoAmI {
    /// The application user: the `modifiedby` of all that we write.
    #[serde(rename = "UserId")]
    pub user_id: String,
    /// Its business unit.
    #[serde(rename = "BusinessUnitId")]
    pub business_unit_id: String,
    /// The organisation.
    #[serde(rename = "OrganizationId")]
    pub organization_id: String,
}

/// One organisation, seen through one plugin's manifest. Cloning is cheap; clones share token, limits, connections
/// and what was learnt of the metadata.
#[derive(Clone)]
pub struct Dynamics {
    session: Arc<Session>,
    schema: Arc<Schema>,
    manifest: Arc<Manifest>,
    base: Url,
    close_subject: Arc<str>,
    qualified_status: i32,
    provisioning: Arc<Provisioning>,
    pass: Option<HeaderValue>,
}

impl Dynamics {
    /// A client; it asks for nothing yet.
    ///
    /// # Errors
    /// [`ConfigError`] if the address is neither https nor on loopback, or the manifest has a name that no column can
    /// have.
    pub fn new(
        config: DynamicsConfig,
        transport: Arc<dyn Transport>,
        tokens: Arc<dyn TokenSource>,
        manifest: Arc<Manifest>,
    ) -> Result<Self, ConfigError> {
        secure("org_url", &config.org_url)?;
        schema::check(&manifest)?;
        let path = format!("/{}/", config.api_path.trim_matches('/'));
        let base = config.org_url.join(&path).map_err(|error| ConfigError::Invalid {
            setting: "api_path",
            problem: format!("`{path}` is not a path: {error}"),
        })?;
        Ok(Dynamics {
            session: Arc::new(Session::new("Dataverse", transport, tokens, config.limits)),
            schema: Arc::new(Schema::new(config.entity_sets, config.navigation)),
            manifest,
            base,
            close_subject: config.close_subject.into(),
            qualified_status: config.qualified_status,
            provisioning: Arc::new(config.provisioning),
            pass: None,
        })
    }

    /// The same organisation through another release's manifest.
    ///
    /// # Errors
    /// [`ConfigError`] if the manifest has a name that no column can have.
    pub fn with_manifest(&self, manifest: Arc<Manifest>) -> Result<Self, ConfigError> {
        schema::check(&manifest)?;
        Ok(Dynamics { manifest, ..self.clone() })
    }

    /// The same client, whose calls carry the pass's id (if it is a UUID) as `x-ms-client-session-id`; assumed, and
    /// harmless where it is not known.
    #[must_use]
    pub fn in_pass(&self, pass: &str) -> Self {
        let id = uuid::Uuid::try_parse(pass).ok();
        let pass = id.and_then(|id| HeaderValue::from_str(&id.to_string()).ok());
        Dynamics { pass, ..self.clone() }
    }

    /// Asks who we are: the check at start-up that address, token and application user are right.
    ///
    /// # Errors
    /// Any [`Fault`], with what the operator must do.
    pub async fn who_am_i(&self) -> Result<WhoAmI, Fault> {
        let response = self.session.read(self.get(&self.at("WhoAmI()", &[])?)).await?;
        if !response.status.is_success() {
            return Err(answer::fault(&response, "`WhoAmI`"));
        }
        serde_json::from_slice(&response.body).map_err(|error| {
            Fault::reject(format!(
                "`org_url` is not a Dataverse organisation: {error} in the answer to `WhoAmI`"
            ))
        })
    }

    /// An address below the Web API's; `path` must be encoded already.
    fn at(&self, path: &str, options: &[(&str, String)]) -> Result<Url, Fault> {
        let mut url = self
            .base
            .join(path)
            .map_err(|error| Fault::reject(format!("`{path}` is not an address: {error}")))?;
        if !options.is_empty() {
            url.set_query(Some(&crate::text::query(options)));
        }
        Ok(url)
    }

    fn get(&self, url: &Url) -> Request {
        let mut request = self.request(Method::GET, url.clone());
        // The entity that a polymorphic lookup leads to is told by an annotation only.
        request.headers.insert(
            HeaderName::from_static("prefer"),
            HeaderValue::from_static(
                "odata.include-annotations=\"Microsoft.Dynamics.CRM.lookuplogicalname\"",
            ),
        );
        request
    }

    fn request(&self, method: Method, url: Url) -> Request {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(HeaderName::from_static("odata-maxversion"), HeaderValue::from_static("4.0"));
        headers.insert(HeaderName::from_static("odata-version"), HeaderValue::from_static("4.0"));
        // docs: this literal on every request keeps caches on the way from answering.
        headers.insert(header::IF_NONE_MATCH, HeaderValue::from_static("null"));
        if method != Method::GET {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
        }
        if let Some(pass) = &self.pass {
            headers.insert(HeaderName::from_static("x-ms-client-session-id"), pass.clone());
        }
        Request { method, url, headers, body: Bytes::new() }
    }
}

/// A record's id as Dataverse's addresses want it: a GUID in lower case, without braces.
fn guid(id: &str) -> Option<String> {
    uuid::Uuid::try_parse(id.trim()).ok().map(|id| id.to_string())
}

/// The key with its id in canonical form.
fn canonical(key: &RecordKey) -> Result<RecordKey, Fault> {
    let id = guid(&key.id).ok_or_else(|| {
        Fault::reject(format!("`{}` is not the id of a Dataverse record; nothing was sent", key.id))
    })?;
    Ok(RecordKey { entity: key.entity.clone(), id })
}

/// The body as JSON.
fn json(response: &Response) -> Result<serde_json::Value, Fault> {
    serde_json::from_slice(&response.body)
        .map_err(|error| Fault::retry(format!("Dataverse answered with something that is not JSON: {error}")))
}

/// The version that a body, or else the header, tells.
fn version(response: &Response, body: Option<&serde_json::Value>) -> Option<String> {
    let from_body = body.and_then(|body| body.get("@odata.etag")).and_then(|etag| etag.as_str());
    let from_header = response.headers.get(header::ETAG).and_then(|value| value.to_str().ok());
    from_body.or(from_header).map(str::to_owned)
}

/// A whole number, if that is what the value is.
fn integer(value: Option<&Value>) -> Option<i32> {
    match value {
        Some(Value::Integer(number)) => Some(*number),
        _ => None,
    }
}
