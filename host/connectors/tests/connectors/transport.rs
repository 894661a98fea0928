//! The real transport: deadlines, limits, and which addresses it may be given at all.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use crosswalk_connectors::{
    ConfigError,
    partner_center::{PartnerCenter, PartnerCenterConfig},
    token::StaticToken,
    transport::{HttpConfig, HttpTransport, Request, Response, Transport, TransportError},
};
use http::{HeaderMap, Method, StatusCode};
use url::Url;

use crate::server::{Server, hanging_up, reply};

fn get(url: &Url) -> Request {
    Request { method: Method::GET, url: url.clone(), headers: HeaderMap::new(), body: Bytes::new() }
}

#[tokio::test]
async fn an_answer_that_does_not_come_in_time_leaves_doubt() {
    // It accepts connections (the system does) and never answers.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    let config = HttpConfig { overall_timeout_ms: 200, ..HttpConfig::default() };
    let began = Instant::now();
    let answer = HttpTransport::new(config).unwrap().send(get(&url)).await;
    assert!(matches!(answer, Err(TransportError::Unknown { .. })), "{answer:?}");
    assert!(began.elapsed().as_millis() < 5_000);
}

#[tokio::test]
async fn a_connection_that_is_refused_was_not_sent_and_one_that_breaks_may_have_been() {
    let transport = HttpTransport::new(HttpConfig::default()).unwrap();
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let answer = transport.send(get(&format!("http://{free}/").parse().unwrap())).await;
    assert!(matches!(answer, Err(TransportError::NotSent { .. })), "{answer:?}");
    let (url, _) = hanging_up().await;
    let answer = transport.send(get(&url)).await;
    assert!(matches!(answer, Err(TransportError::Unknown { .. })), "{answer:?}");
}

#[tokio::test]
async fn an_answer_that_is_too_long_is_not_kept() {
    let server = Server::answering(vec![reply(200, "x".repeat(2000)), reply(200, "x".repeat(1000))]).await;
    let config = HttpConfig { response_bytes_max: 1000, ..HttpConfig::default() };
    let transport = HttpTransport::new(config).unwrap();
    let answer = transport.send(get(&server.url)).await;
    assert!(
        matches!(&answer, Err(TransportError::Unknown { reason }) if reason.contains("response_bytes_max"))
    );
    assert_eq!(transport.send(get(&server.url)).await.unwrap().body.len(), 1000);
}

/// A hundred thousand zeros, compressed.
const BOMB: &[&str] = &[
    "1f8b0800000000000203edc13101000000c2a04aeb9fce1a1e4001000000000000000000000000000000000000",
    "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000",
    "000000000000000000000000000000000000000000000000000000000000000000af0685c24dc5a0860100",
];

#[tokio::test]
async fn an_answer_that_is_small_only_while_compressed_is_too_long() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let hex = BOMB.concat();
    let bomb: Vec<u8> =
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url: Url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            assert!(connection.read(&mut [0; 4096]).await.unwrap() > 0);
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                bomb.len()
            );
            connection.write_all(head.as_bytes()).await.unwrap();
            connection.write_all(&bomb).await.unwrap();
        }
    });
    let limited = |response_bytes_max| {
        HttpTransport::new(HttpConfig { response_bytes_max, ..HttpConfig::default() }).unwrap()
    };
    let answer = limited(10_000).send(get(&url)).await;
    assert!(
        matches!(&answer, Err(TransportError::Unknown { reason }) if reason.contains("response_bytes_max"))
    );
    assert_eq!(limited(100_000).send(get(&url)).await.unwrap().body.len(), 100_000);
}

/// Answers late, and remembers how many requests it had at once.
#[derive(Default)]
struct Slow {
    now: AtomicUsize,
    most: AtomicUsize,
}

#[async_trait::async_trait]
impl Transport for Slow {
    async fn send(&self, _request: Request) -> Result<Response, TransportError> {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(5)).await;
        self.now.fetch_sub(1, Ordering::SeqCst);
        let body = Bytes::from_static(br#"{"id": "r1", "eTag": "1"}"#);
        Ok(Response { status: StatusCode::OK, headers: HeaderMap::new(), body })
    }
}

#[tokio::test]
async fn no_more_requests_are_in_flight_than_allowed() {
    let transport = Arc::new(Slow::default());
    let mut config = PartnerCenterConfig::new("http://127.0.0.1/".parse().unwrap());
    config.limits.concurrent_requests_max = 3;
    let tokens = Arc::new(StaticToken::new("sandbox".into()));
    let client = PartnerCenter::new(config, Arc::clone(&transport) as _, tokens).unwrap();
    let calls: Vec<_> = (0..12)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.get("r1").await.unwrap() })
        })
        .collect();
    for call in calls {
        call.await.unwrap();
    }
    assert_eq!(transport.most.load(Ordering::SeqCst), 3);
}

#[test]
fn tokens_do_not_travel_in_the_clear() {
    let refused = |url: &str| {
        let transport = Arc::new(HttpTransport::new(HttpConfig::default()).unwrap());
        let tokens = Arc::new(StaticToken::new("sandbox".into()));
        PartnerCenter::new(PartnerCenterConfig::new(url.parse().unwrap()), transport, tokens).err()
    };
    assert!(matches!(refused("http://api.partner.microsoft.com/"), Some(ConfigError::Insecure { .. })));
    assert!(matches!(refused("http://127.0.0.1.example.com/"), Some(ConfigError::Insecure { .. })));
    let secret = refused("https://user:canary-password@api.partner.microsoft.com/").unwrap();
    assert!(!format!("{secret} {secret:?}").contains("canary"));
    assert_eq!(refused("https://api.partner.microsoft.com/"), None);
    assert_eq!(refused("http://[::1]:7101/"), None);
}
