//! What every simulated system stands on: clock, ids, tokens, trace, fault switches, outbound notifications.
//!
//! A system is built in four steps. It makes an `Arc<Core>` with its own [`Dialect`] (how it words an error), an
//! `axum::Router` over its own state, and hands both to [`assemble`], which adds the token endpoint, the
//! `/_sandbox` control routes, the fault layer and the 501 for everything that is not simulated. The [`server`]
//! puts the result on a socket; a simulation may call it as a tower service instead.
//!
//! Every system has the same outside: `new(options: CoreOptions, config) -> Arc<Self>`, `router(self: &Arc<Self>) ->
//! Router` (assembled already), `core(&self) -> &Arc<Core>`, and `set_base_url(&self, &str)` for what it can only know
//! once its port is bound. `Sandbox::start` calls them in this order: new, bind, `set_base_url`, router, serve.
//!
//! Inside a handler:
//! - `core.clock.now()` and `core.ids` are the only sources of time and identity, so that a seed decides both;
//! - `core.tokens.check(headers, audience)` says who is calling or why they may not;
//! - `core.outbound.enqueue(delivery)` sends a notification through the notification switches;
//! - [`not_simulated`] is the answer to what is left out.

pub mod auth;
pub mod clock;
pub mod control;
pub mod faults;
pub mod ids;
pub mod layer;
pub mod outbound;
pub mod server;
pub mod token_endpoint;
pub mod trace;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::{Value, json};

use auth::Tokens;
use clock::Clock;
use faults::Faults;
use ids::Ids;
use outbound::{HttpTransport, Outbound, Transport};
use trace::Trace;

/// Largest request body that a system reads, in bytes; more is answered with 413.
pub const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// How one system words the errors that the core has to answer for it.
pub trait Dialect: Send + Sync + 'static {
    /// The JSON body of an error `status` on `path`, saying `message`. `retry_after_seconds` is given with 429 and
    /// 503, because some systems repeat it in their text.
    fn error_body(
        &self,
        path: &str,
        status: StatusCode,
        message: &str,
        retry_after_seconds: Option<u64>,
    ) -> Value;
}

/// What all handlers of one system share.
pub struct Core {
    /// The system's name in `/_sandbox` answers and in 501 bodies, for example `partner-center`.
    pub system: &'static str,
    /// The time as this system sees it.
    pub clock: Clock,
    /// Where ids, etags and secrets come from.
    pub ids: Ids,
    /// Access and refresh tokens.
    pub tokens: Tokens,
    /// The last requests.
    pub trace: Trace,
    /// Armed fault switches.
    pub faults: Faults,
    /// The sender of notifications.
    pub outbound: Outbound,
    /// How this system words errors.
    pub dialect: Box<dyn Dialect>,
}

/// What a [`Core`] is made from.
pub struct CoreParts {
    /// See [`Core::system`].
    pub system: &'static str,
    /// The audiences that this system's token endpoint issues tokens for; see [`Tokens::new`].
    pub audiences: Vec<String>,
    /// See [`Core::dialect`].
    pub dialect: Box<dyn Dialect>,
    /// Options shared by all systems.
    pub options: CoreOptions,
}

/// Options that all systems of one sandbox share.
#[derive(Clone)]
pub struct CoreOptions {
    /// The clock; clones share offset and skew.
    pub clock: Clock,
    /// Seed of ids and secrets; none draws them from the operating system.
    pub seed: Option<u64>,
    /// How notifications leave. The default posts over HTTP.
    pub transport: Arc<dyn Transport>,
}

impl Default for CoreOptions {
    fn default() -> Self {
        Self { clock: Clock::system(), seed: None, transport: Arc::new(HttpTransport::default()) }
    }
}

impl Core {
    /// Makes the core of one system.
    #[must_use]
    pub fn new(parts: CoreParts) -> Arc<Self> {
        let CoreParts { system, audiences, dialect, options } = parts;
        let ids = Ids::new(options.seed.map(|seed| seed_of(system, seed)));
        Arc::new(Self {
            system,
            tokens: Tokens::new(audiences, options.clock.clone(), ids.clone()),
            trace: Trace::default(),
            faults: Faults::default(),
            outbound: Outbound::new(options.transport, options.clock.clone(), ids.clone()),
            clock: options.clock,
            ids,
            dialect,
        })
    }

    /// An error of this system with its own body shape.
    #[must_use]
    pub fn error(&self, path: &str, status: StatusCode, message: &str) -> Response {
        (status, axum::Json(self.dialect.error_body(path, status, message, None))).into_response()
    }
}

/// A seed of its own for each system (FNV-1a over the name), so that two systems never give out the same ids.
fn seed_of(system: &str, seed: u64) -> u64 {
    let hash = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    system.bytes().fold(0xcbf2_9ce4_8422_2325 ^ seed, hash)
}

/// Wraps a system's own routes with everything that the core serves.
///
/// Adds `/{tenant}/oauth2/token`, `/{tenant}/oauth2/v2.0/token` and the OpenID configuration, `/_sandbox/*`, the
/// trace and fault layer, and a 501 fallback. `reset` puts the system's own state back to its baseline; the core
/// resets its own parts before it calls it.
pub fn assemble(core: &Arc<Core>, system: Router, reset: impl Fn() + Send + Sync + 'static) -> Router {
    let refuse = {
        let core = Arc::clone(core);
        move |request: axum::extract::Request| async move {
            not_simulated(core.system, &format!("{} {}", request.method(), request.uri().path()))
        }
    };
    let simulated = system
        .merge(token_endpoint::router(core))
        .method_not_allowed_fallback(refuse.clone())
        .fallback(refuse)
        .layer(axum::middleware::from_fn_with_state(Arc::clone(core), layer::observe));
    // The control routes are outside of the layer: a fault must never lock its own switch away.
    Router::new().merge(control::router(core, Arc::new(reset))).fallback_service(simulated)
}

/// The answer to anything that a system has in reality and the sandbox leaves out: 501, naming it.
#[must_use]
pub fn not_simulated(system: &str, what: &str) -> Response {
    let body = json!({
        "error": {
            "code": "notSimulated",
            "message": format!("the {system} sandbox does not simulate `{what}`; nothing was read or written"),
            "target": what,
        }
    });
    (StatusCode::NOT_IMPLEMENTED, axum::Json(body)).into_response()
}

/// Locks `mutex`, also after a handler panicked while it held it: the state of a sandbox is still readable then.
pub fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
