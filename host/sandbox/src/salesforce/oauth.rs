//! Sign-in: the token endpoint with its three grants, and what tells a client whom a token stands for.
//!
//! There is no `expires_in` and no refresh token where Salesforce gives none: a client learns from a 401.

use super::{
    Salesforce,
    baseline::{INTEGRATION_USER, ORGANIZATION, SELLER},
    jwt,
    org::Org,
    record_id::RecordId,
    store::Row,
};
use crate::core::{
    auth::{ALWAYS_ACCEPTED, Caller},
    lock,
};
use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, header};
use serde_json::{Value, json};
use std::{collections::HashMap, sync::Arc};

/// What tokens of this system are for.
pub(crate) const AUDIENCE: &str = "salesforce";
/// The grant of a signed assertion.
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// A refusal in the form of OAuth.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}: {description}")]
pub(crate) struct Refused {
    /// The code.
    pub(crate) error: &'static str,
    /// The words.
    pub(crate) description: &'static str,
}

/// Makes a refusal.
pub(crate) const fn refused(error: &'static str, description: &'static str) -> Refused {
    Refused { error, description }
}

/// `POST /services/oauth2/token`
pub(crate) fn token(
    salesforce: &Salesforce,
    headers: &HeaderMap,
    body: &[u8],
    origin: &str,
) -> Result<Value, Refused> {
    let mut form: HashMap<String, String> = url::form_urlencoded::parse(body).into_owned().collect();
    add_basic_credentials(headers, &mut form);
    let field = |name: &str| form.get(name).map(String::as_str).filter(|value| !value.is_empty());
    let (client, username) = match field("grant_type") {
        Some("client_credentials") => {
            (known_client(salesforce, field("client_id"), field("client_secret"))?, None)
        }
        Some("refresh_token") => {
            let client = known_client(salesforce, field("client_id"), Some(""))?;
            let refresh = field("refresh_token").unwrap_or_default();
            if !salesforce.core.tokens.redeem_refresh(refresh, client) {
                return Err(refused("invalid_grant", "expired access/refresh token"));
            }
            (client, None)
        }
        Some(JWT_BEARER) => {
            let assertion = field("assertion").ok_or(refused("invalid_grant", "invalid assertion"))?;
            let signed = jwt::verified(salesforce, assertion, origin)?;
            if salesforce.core.tokens.is_refused(&signed.issuer) {
                return Err(refused("invalid_client_id", "client identifier invalid"));
            }
            return Ok(granted(salesforce, origin, &signed.username, signed.user, ""));
        }
        Some("password" | "authorization_code") | None => {
            return Err(refused("unsupported_grant_type", "grant type not supported"));
        }
        Some(_) => return Err(refused("unsupported_grant_type", "grant type not supported")),
    };
    let secret = field("client_secret").unwrap_or_default();
    let mut answer = granted(salesforce, origin, username.unwrap_or(client), INTEGRATION_USER, secret);
    if field("grant_type") == Some("refresh_token") && salesforce.core.tokens.single_use_refresh() {
        answer["refresh_token"] = json!(salesforce.core.tokens.issue_refresh(client));
    }
    Ok(answer)
}

/// The client, if the organisation lets it in.
fn known_client<'a>(
    salesforce: &Salesforce,
    client: Option<&'a str>,
    secret: Option<&str>,
) -> Result<&'a str, Refused> {
    let client = client.ok_or(refused("invalid_client_id", "client identifier invalid"))?;
    if secret.is_none() || salesforce.core.tokens.is_refused(client) {
        return Err(refused("invalid_client", "invalid client credentials"));
    }
    Ok(client)
}

/// The body of a sign-in that worked.
fn granted(salesforce: &Salesforce, origin: &str, client: &str, user: RecordId, secret: &str) -> Value {
    let id = identity_url(origin, user);
    let issued_at = salesforce.core.clock.now().as_millisecond().to_string();
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let signature = hmac::sign(&key, format!("{id}{issued_at}").as_bytes());
    json!({
        "access_token": session(salesforce, client), "instance_url": origin, "id": id, "token_type": "Bearer",
        "issued_at": issued_at, "signature": STANDARD.encode(signature.as_ref()), "scope": "api id",
    })
}

/// A new session for a client or a user, in the form of a session id: `00D…!…`.
pub(crate) fn session(salesforce: &Salesforce, client: &str) -> String {
    let organization = ORGANIZATION.to_string();
    let short = organization.get(..15).unwrap_or_default();
    let token = format!("{short}!AQ{}", salesforce.core.ids.hex(40));
    let caller = Caller { client_id: client.to_owned(), app_only: true };
    salesforce.core.tokens.adopt(token.clone(), AUDIENCE, caller);
    token
}

/// Client id and secret may come as HTTP Basic instead of in the form.
fn add_basic_credentials(headers: &HeaderMap, form: &mut HashMap<String, String>) {
    let basic = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Basic "))
        .and_then(|value| STANDARD.decode(value).ok())
        .and_then(|value| String::from_utf8(value).ok());
    if let Some((id, secret)) = basic.as_deref().and_then(|pair| pair.split_once(':')) {
        form.entry("client_id".into()).or_insert_with(|| id.to_owned());
        form.entry("client_secret".into()).or_insert_with(|| secret.to_owned());
    }
}

/// The token of a request: `Bearer` or, as older clients say, `OAuth`.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let is_known = scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("oauth");
    is_known.then(|| token.trim()).filter(|token| !token.is_empty())
}

/// The user that a token stands for; none if the session has ended or never was.
pub(crate) fn user(salesforce: &Salesforce, org: &Org, token: &str) -> Option<RecordId> {
    match token {
        ALWAYS_ACCEPTED => return Some(INTEGRATION_USER),
        super::SELLER_TOKEN => return Some(SELLER),
        _ => {}
    }
    let caller = salesforce.core.tokens.check_token(token, AUDIENCE).ok()?;
    Some(user_named(org, &caller.client_id).map_or(INTEGRATION_USER, |user| user.id))
}

/// The user with this name.
pub(crate) fn user_named<'a>(org: &'a Org, username: &str) -> Option<&'a Arc<Row>> {
    org.store
        .rows("User")
        .find(|row| row.text("Username").is_some_and(|known| known.eq_ignore_ascii_case(username)))
}

/// The URL that stands for a user.
pub(crate) fn identity_url(origin: &str, user: RecordId) -> String {
    format!("{origin}/id/{ORGANIZATION}/{user}")
}

/// `/services/oauth2/introspect`
pub(crate) fn introspect(salesforce: &Salesforce, body: &[u8], origin: &str) -> Value {
    let form: HashMap<String, String> = url::form_urlencoded::parse(body).into_owned().collect();
    let token = form.get("token").map(String::as_str).unwrap_or_default();
    let org = lock(&salesforce.org);
    let Some(user) = user(salesforce, &org, token) else { return json!({ "active": false }) };
    let username = org.store.row("User", user).and_then(|row| row.text("Username").map(str::to_owned));
    let now = salesforce.core.clock.now().as_second();
    json!({
        "active": true, "scope": "api id", "client_id": form.get("client_id"), "username": username,
        "sub": identity_url(origin, user), "token_type": "access_token", "iat": now, "nbf": now,
        "exp": now.saturating_add_unsigned(salesforce.core.tokens.lifetime_seconds()),
    })
}

/// `/id/{organisation}/{user}`
pub(crate) fn identity(org: &Org, user: RecordId, origin: &str) -> Value {
    let row = org.store.row("User", user);
    let text = |field: &str| row.and_then(|row| row.text(field)).unwrap_or_default();
    json!({
        "id": identity_url(origin, user), "asserted_user": true, "user_id": user.to_string(),
        "organization_id": ORGANIZATION.to_string(), "username": text("Username"), "nick_name": text("Alias"),
        "display_name": text("Name"), "email": text("Email"), "email_verified": true,
        "first_name": text("FirstName"), "last_name": text("LastName"), "timezone": text("TimeZoneSidKey"),
        "active": row.is_some_and(|row| row.get("IsActive").is_true()), "user_type": "STANDARD",
        "language": "en_US", "locale": "en_US", "utcOffset": 0, "is_app_installed": true, "urls": urls(origin),
    })
}

/// `/services/oauth2/userinfo`
pub(crate) fn userinfo(org: &Org, user: RecordId, origin: &str) -> Value {
    let row = org.store.row("User", user);
    let text = |field: &str| row.and_then(|row| row.text(field)).unwrap_or_default();
    json!({
        "sub": identity_url(origin, user), "user_id": user.to_string(),
        "organization_id": ORGANIZATION.to_string(), "preferred_username": text("Username"),
        "nickname": text("Alias"), "name": text("Name"), "email": text("Email"), "email_verified": true,
        "given_name": text("FirstName"), "family_name": text("LastName"), "zoneinfo": text("TimeZoneSidKey"),
        "active": row.is_some_and(|row| row.get("IsActive").is_true()), "user_type": "STANDARD",
        "language": "en_US", "locale": "en_US", "utcOffset": 0, "is_app_installed": true, "urls": urls(origin),
    })
}

fn urls(origin: &str) -> Value {
    let rest = format!("{origin}/services/data/v{{version}}/");
    json!({
        "enterprise": format!("{origin}/services/Soap/c/{{version}}/{ORGANIZATION}"),
        "partner": format!("{origin}/services/Soap/u/{{version}}/{ORGANIZATION}"),
        "metadata": format!("{origin}/services/Soap/m/{{version}}/{ORGANIZATION}"),
        "rest": rest, "sobjects": format!("{rest}sobjects/"), "query": format!("{rest}query/"),
        "recent": format!("{rest}recent/"), "tooling_rest": format!("{rest}tooling/"),
        "custom_domain": origin,
    })
}
