//! The real transport: deadlines, limits, and which addresses it may be given at all.

use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use crosswalk_connectors::{
    ConfigError,
    partner_center::{PartnerCenter, PartnerCenterConfig},
    token::StaticToken,
    transport::{HttpConfig, HttpTransport, Request, Transport, TransportError},
};
use http::{HeaderMap, Method};
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
