//! Tokens: what the token endpoint issues and every simulated API checks.
//!
//! An access token is bound to one audience and expires. The literal token [`ALWAYS_ACCEPTED`] is good for every
//! audience, never expires and cannot be revoked, so that a first experiment needs no sign-in.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, header};
use jiff::Timestamp;
use serde_json::json;

use super::clock::{Clock, later};
use super::ids::Ids;
use super::lock;

/// The bearer token that every system takes, and the refresh token that every token endpoint takes.
pub const ALWAYS_ACCEPTED: &str = "sandbox";

/// How long an access token lives unless a test changes it, in seconds (Entra: about an hour).
pub const TOKEN_LIFETIME_SECONDS: u64 = 3599;

/// Refresh tokens that are good at the same time; the oldest is forgotten.
pub const REFRESH_TOKENS_MAX: usize = 1000;

/// Who is calling, as far as a token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The client (application) id, or `sandbox` for the token that is always accepted.
    pub client_id: String,
    /// Whether a person stands behind the token (App+User) or only an application.
    pub app_only: bool,
}

/// Why a request is not let in. All of them are a 401.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthFailure {
    /// No `Authorization: Bearer` header.
    #[error("the request carries no bearer token")]
    Missing,
    /// A token that this sandbox did not issue, or that was revoked.
    #[error("the access token is unknown or was revoked")]
    Unknown,
    /// The token's lifetime is over.
    #[error("the access token has expired")]
    Expired,
    /// Issued for another API.
    #[error("the access token was issued for the audience `{found}`, but this API needs `{wanted}`")]
    WrongAudience {
        /// The token's audience.
        found: String,
        /// What this API is called.
        wanted: String,
    },
}

struct Access {
    caller: Caller,
    audience: String,
    expires: Timestamp,
}

struct Refresh {
    token: String,
    client_id: String,
}

#[derive(Default)]
struct State {
    access: HashMap<String, Access>,
    /// Oldest first.
    refresh: VecDeque<Refresh>,
    audiences: Vec<String>,
    refused_clients: Vec<String>,
}

/// The tokens of one system.
pub struct Tokens {
    clock: Clock,
    ids: Ids,
    lifetime_seconds: AtomicU64,
    single_use_refresh: AtomicBool,
    state: Mutex<State>,
}

impl Tokens {
    /// Tokens for the given audiences (resource identifiers without `/.default` and without a slash at the end).
    #[must_use]
    pub fn new(audiences: Vec<String>, clock: Clock, ids: Ids) -> Self {
        Self {
            clock,
            ids,
            lifetime_seconds: AtomicU64::new(TOKEN_LIFETIME_SECONDS),
            single_use_refresh: AtomicBool::new(false),
            state: Mutex::new(State { audiences, ..State::default() }),
        }
    }

    /// Adds an audience that is known only later, such as an organisation's URL with the port that was bound.
    pub fn add_audience(&self, audience: &str) {
        let audience = audience.trim_end_matches('/').to_owned();
        let mut state = lock(&self.state);
        if !state.audiences.contains(&audience) {
            state.audiences.push(audience);
        }
    }

    /// The known audience that `resource` names (with or without a slash at the end), if there is one.
    #[must_use]
    pub fn audience(&self, resource: &str) -> Option<String> {
        let resource = resource.trim_end_matches('/');
        lock(&self.state).audiences.iter().find(|known| known.eq_ignore_ascii_case(resource)).cloned()
    }

    /// Lets the next tokens live for `seconds`.
    pub fn set_lifetime_seconds(&self, seconds: u64) {
        self.lifetime_seconds.store(seconds, Ordering::Relaxed);
    }

    /// How long a token lives, in seconds.
    #[must_use]
    pub fn lifetime_seconds(&self) -> u64 {
        self.lifetime_seconds.load(Ordering::Relaxed)
    }

    /// Whether a refresh token is gone once it was used. Entra lets it live on (the default here); the strict way
    /// shows whether a client keeps the new one.
    pub fn set_single_use_refresh(&self, single_use: bool) {
        self.single_use_refresh.store(single_use, Ordering::Relaxed);
    }

    /// Whether a refresh token is gone once it was used.
    #[must_use]
    pub fn single_use_refresh(&self) -> bool {
        self.single_use_refresh.load(Ordering::Relaxed)
    }

    /// Sets the clients whose secret the token endpoint refuses.
    pub fn set_refused_clients(&self, clients: Vec<String>) {
        lock(&self.state).refused_clients = clients;
    }

    /// Whether the token endpoint refuses this client.
    #[must_use]
    pub fn is_refused(&self, client_id: &str) -> bool {
        lock(&self.state).refused_clients.iter().any(|refused| refused == client_id)
    }

    /// Issues an access token. `audience` is stored as given; ask [`Tokens::audience`] first.
    pub fn issue(&self, audience: &str, caller: Caller) -> String {
        let now = self.clock.now();
        let expires = later(now, Duration::from_secs(self.lifetime_seconds()));
        let token = self.jwt_shaped(audience, &caller, now, expires);
        self.adopt(token.clone(), audience, caller);
        token
    }

    /// Makes a token good that the system itself has made up, for systems whose tokens are no JWTs.
    pub fn adopt(&self, token: String, audience: &str, caller: Caller) {
        let now = self.clock.now();
        let expires = later(now, Duration::from_secs(self.lifetime_seconds()));
        let access = Access { caller, audience: audience.to_owned(), expires };
        let mut state = lock(&self.state);
        state.access.retain(|_, access| access.expires > now);
        state.access.insert(token, access);
    }

    /// Issues a refresh token for a client that signed in with a person.
    pub fn issue_refresh(&self, client_id: &str) -> String {
        let token = format!("0.sandbox.{}", self.ids.hex(24));
        let mut state = lock(&self.state);
        if state.refresh.len() == REFRESH_TOKENS_MAX {
            state.refresh.pop_front();
        }
        state.refresh.push_back(Refresh { token: token.clone(), client_id: client_id.to_owned() });
        token
    }

    /// Whether a refresh token may be used by this client; used up if they are single-use.
    pub fn redeem_refresh(&self, token: &str, client_id: &str) -> bool {
        if token == ALWAYS_ACCEPTED {
            return true;
        }
        let mut state = lock(&self.state);
        let found =
            state.refresh.iter().position(|refresh| refresh.token == token && refresh.client_id == client_id);
        if let Some(at) = found.filter(|_| self.single_use_refresh.load(Ordering::Relaxed)) {
            state.refresh.remove(at);
        }
        found.is_some()
    }

    /// Who calls an API named `audience`.
    ///
    /// # Errors
    /// Why the request must be answered with 401.
    pub fn check(&self, headers: &HeaderMap, audience: &str) -> Result<Caller, AuthFailure> {
        self.check_token(bearer(headers).ok_or(AuthFailure::Missing)?, audience)
    }

    /// Who calls an API named `audience` with this token, for systems that take it from elsewhere than a header.
    ///
    /// # Errors
    /// Why the request must be answered with 401.
    pub fn check_token(&self, token: &str, audience: &str) -> Result<Caller, AuthFailure> {
        if token == ALWAYS_ACCEPTED {
            return Ok(Caller { client_id: ALWAYS_ACCEPTED.to_owned(), app_only: false });
        }
        let state = lock(&self.state);
        let access = state.access.get(token).ok_or(AuthFailure::Unknown)?;
        if access.expires <= self.clock.now() {
            return Err(AuthFailure::Expired);
        }
        let wanted = audience.trim_end_matches('/');
        if !access.audience.eq_ignore_ascii_case(wanted) {
            return Err(AuthFailure::WrongAudience {
                found: access.audience.clone(),
                wanted: wanted.to_owned(),
            });
        }
        Ok(access.caller.clone())
    }

    /// The caller's name for the trace: good for reading, not for letting anybody in.
    #[must_use]
    pub fn who(&self, headers: &HeaderMap) -> String {
        match bearer(headers) {
            Some(ALWAYS_ACCEPTED) => ALWAYS_ACCEPTED.to_owned(),
            Some(token) => lock(&self.state)
                .access
                .get(token)
                .map_or_else(|| "anonymous".to_owned(), |access| access.caller.client_id.clone()),
            None => "anonymous".to_owned(),
        }
    }

    /// Revokes one access or refresh token; false if there is no such token.
    pub fn revoke(&self, token: &str) -> bool {
        let mut state = lock(&self.state);
        let refresh_before = state.refresh.len();
        state.refresh.retain(|refresh| refresh.token != token);
        state.access.remove(token).is_some() || state.refresh.len() < refresh_before
    }

    /// Revokes all issued access tokens, and the refresh tokens too if told.
    pub fn revoke_all(&self, refresh: bool) {
        let mut state = lock(&self.state);
        state.access.clear();
        if refresh {
            state.refresh.clear();
        }
    }

    /// Back to the baseline: nothing issued, default lifetime, no client refused.
    pub fn reset(&self) {
        self.revoke_all(true);
        self.set_lifetime_seconds(TOKEN_LIFETIME_SECONDS);
        self.set_single_use_refresh(false);
        self.set_refused_clients(Vec::new());
    }

    /// A token in the shape of a JWT, because clients look into real ones. It is not signed: the last part is random,
    /// and only the sandbox's own list says whether a token is good.
    fn jwt_shaped(&self, audience: &str, caller: &Caller, now: Timestamp, expires: Timestamp) -> String {
        let header = json!({ "typ": "JWT", "alg": "none" });
        let methods: &[&str] = if caller.app_only { &[] } else { &["pwd", "mfa"] };
        let claims = json!({
            "aud": audience, "appid": caller.client_id, "amr": methods,
            "iat": now.as_second(), "nbf": now.as_second(), "exp": expires.as_second(),
        });
        let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.{}", part(header), part(claims), self.ids.hex(16))
    }
}

/// The bearer token of a request.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|token| !token.is_empty())
}
