//! A server that answers from a script and remembers what it was asked. One that is dropped with answers left over
//! fails its test.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    response::Response,
};
use crosswalk_connectors::{
    Limits,
    dynamics::{Dynamics, DynamicsConfig},
    partner_center::{PartnerCenter, PartnerCenterConfig},
    token::StaticToken,
    transport::{HttpConfig, HttpTransport, Transport},
};
use crosswalk_engine::{
    mapping::{EntityUse, FieldUse, Manifest},
    value::Kind,
};
use serde_json::Value as Json;
use url::Url;

/// One answer.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
    delay_ms: u64,
}

pub(crate) fn reply(status: u16, body: impl ToString) -> Reply {
    let headers = vec![("content-type", "application/json".into())];
    Reply { status, headers, body: body.to_string(), delay_ms: 0 }
}

impl Reply {
    pub(crate) fn after_ms(self, delay_ms: u64) -> Self {
        Reply { delay_ms, ..self }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.retain(|(own, _)| *own != name);
        self.headers.push((name, value.to_string()));
        self
    }
}

/// One request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) line: String,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: String,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    pub(crate) fn json(&self) -> Json {
        serde_json::from_str(&self.body).unwrap()
    }
}

#[derive(Default)]
struct Script {
    replies: VecDeque<Reply>,
    asked: Vec<Asked>,
}

pub(crate) struct Server {
    pub(crate) url: Url,
    script: Arc<Mutex<Script>>,
}

impl Server {
    pub(crate) async fn answering(replies: Vec<Reply>) -> Server {
        let script = Arc::new(Mutex::new(Script { replies: replies.into(), asked: Vec::new() }));
        let router = Router::new().fallback(answer).with_state(Arc::clone(&script));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Server { url, script }
    }

    /// More answers, for those that must know where the server is.
    pub(crate) fn then(&self, replies: Vec<Reply>) {
        self.script.lock().unwrap().replies.extend(replies);
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.script.lock().unwrap().asked.clone()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.line).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let left = self.script.lock().unwrap().replies.len();
            assert_eq!(left, 0, "answers that nobody asked for");
        }
    }
}

async fn answer(State(script): State<Arc<Mutex<Script>>>, request: Request) -> Response {
    let line = format!("{} {}", request.method(), request.uri());
    let headers = request.headers().clone();
    let body = String::from_utf8(to_bytes(request.into_body(), 1 << 20).await.unwrap().to_vec()).unwrap();
    let reply = {
        let mut script = script.lock().unwrap();
        script.asked.push(Asked { line, headers, body });
        script.replies.pop_front().unwrap_or_else(|| reply(418, "the script has ended"))
    };
    tokio::time::sleep(std::time::Duration::from_millis(reply.delay_ms)).await;
    let mut response = Response::builder().status(reply.status);
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    response.body(Body::from(reply.body)).unwrap()
}

/// A server that reads one request after another and hangs up without an answer; it counts them.
pub(crate) async fn hanging_up() -> (Url, Arc<Mutex<u32>>) {
    use tokio::io::AsyncReadExt;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    let count = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let mut bytes = [0; 16 * 1024];
            if connection.read(&mut bytes).await.unwrap_or(0) > 0 {
                *counted.lock().unwrap() += 1;
            }
        }
    });
    (url, count)
}

pub(crate) fn transport() -> Arc<dyn Transport> {
    Arc::new(HttpTransport::new(HttpConfig::default()).unwrap())
}

pub(crate) fn limits() -> Limits {
    Limits { read_backoff_ms: 1, ..Limits::default() }
}

pub(crate) fn partner_center(url: &Url) -> PartnerCenter {
    partner_center_with(url, |_| ())
}

pub(crate) fn partner_center_with(url: &Url, set: impl FnOnce(&mut PartnerCenterConfig)) -> PartnerCenter {
    let mut config = PartnerCenterConfig::new(url.join("v1.0/engagements").unwrap());
    config.limits = limits();
    set(&mut config);
    PartnerCenter::new(config, transport(), Arc::new(StaticToken::new("sandbox".into()))).unwrap()
}

pub(crate) fn dynamics(url: &Url) -> Dynamics {
    dynamics_with(url, manifest())
}

pub(crate) fn dynamics_with(url: &Url, manifest: Manifest) -> Dynamics {
    let mut config = DynamicsConfig::new(url.clone());
    config.limits = limits();
    config.navigation.insert("cosell_country".into(), "cosell_Country".into());
    let tokens = Arc::new(StaticToken::new("sandbox".into()));
    Dynamics::new(config, transport(), tokens, Arc::new(manifest)).unwrap()
}

fn field(name: &str, kind: Kind) -> FieldUse {
    FieldUse::new(name, kind)
}

pub(crate) fn manifest() -> Manifest {
    let reference = |to: &str| Kind::Reference(to.into());
    let entity = |entity: &str, via: Option<&str>, fields| EntityUse {
        entity: entity.into(),
        via: via.map(str::to_owned),
        fields,
        referral_key: via.is_none().then(|| "cosell_referralid".into()),
        stamp: via.is_none().then(|| "cosell_stamp".into()),
    };
    let opportunity = vec![
        field("name", Kind::Text),
        field("estimatedvalue", Kind::Decimal),
        field("estimatedclosedate", Kind::Date),
        field("statecode", Kind::Integer),
        field("statuscode", Kind::Integer),
        field("cosell_sync", Kind::Flag),
        field("customerid", reference("account")),
        field("transactioncurrencyid", reference("transactioncurrency")),
    ];
    let account = vec![field("name", Kind::Text), field("address1_postalcode", Kind::Text)];
    Manifest {
        name: "test".into(),
        version: "1.0.0".into(),
        crm: "dynamics".into(),
        entities: vec![
            entity("opportunity", None, opportunity),
            entity("account", Some("customerid"), account),
            entity(
                "transactioncurrency",
                Some("transactioncurrencyid"),
                vec![field("isocurrencycode", Kind::Text)],
            ),
        ],
        lookups: vec![entity("cosell_country", Some("none"), vec![field("cosell_code", Kind::Text)])],
        settings_schema: String::new(),
    }
}
