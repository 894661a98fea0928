//! Fetching a certificate: bounded, never redirected, never inside.

use axum::{Router, body::Body, response::Redirect, routing::get};
use futures::stream;
use tokio::net::TcpListener;

use super::*;

const LIMITS: FetchLimits = FetchLimits { bytes_max: 100, timeout_ms: 300, allow_loopback: true };

async fn serving(router: Router) -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}/cert").parse().unwrap()
}

async fn fetched(router: Router) -> Result<Bytes, FetchError> {
    HttpFetcher::new(LIMITS).unwrap().fetch(&serving(router).await).await
}

#[tokio::test]
async fn what_is_served_is_fetched() {
    assert_eq!(fetched(Router::new().route("/cert", get("bytes"))).await.unwrap(), "bytes");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let router = Router::new()
        .route("/cert", get(Redirect::temporary("/elsewhere")))
        .route("/elsewhere", get("bytes"));
    assert_eq!(fetched(router).await, Err(FetchError::Redirect(307)));
}

#[tokio::test]
async fn an_answer_other_than_200_is_a_failure() {
    assert_eq!(fetched(Router::new()).await, Err(FetchError::Status(404)));
}

#[tokio::test]
async fn an_answer_that_announces_too_much_is_not_read() {
    let router = Router::new().route("/cert", get(|| async { "x".repeat(101) }));
    assert_eq!(fetched(router).await, Err(FetchError::TooLarge { max_bytes: 100 }));
}

#[tokio::test]
async fn an_answer_without_a_length_is_cut_off_at_the_limit() {
    let endless =
        || async { Body::from_stream(stream::repeat_with(|| Ok::<_, std::io::Error>("0123456789"))) };
    let router = Router::new().route("/cert", get(endless));
    assert_eq!(fetched(router).await, Err(FetchError::TooLarge { max_bytes: 100 }));
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_given_up() {
    let router = Router::new().route("/cert", get(std::future::pending::<()>));
    assert_eq!(fetched(router).await, Err(FetchError::TimedOut { max_ms: 300 }));
}

#[tokio::test]
async fn an_answer_that_trickles_is_given_up() {
    let trickle = || async {
        let slow = stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            Some((Ok::<_, std::io::Error>("x"), ()))
        });
        Body::from_stream(slow)
    };
    let router = Router::new().route("/cert", get(trickle));
    assert_eq!(fetched(router).await, Err(FetchError::TimedOut { max_ms: 300 }));
}

#[tokio::test]
async fn nobody_listening_is_unreachable() {
    let url = "http://127.0.0.1:1/cert".parse().unwrap();
    let failed = HttpFetcher::new(LIMITS).unwrap().fetch(&url).await.unwrap_err();
    assert!(matches!(failed, FetchError::Unreachable(_)), "{failed:?}");
}

#[tokio::test]
async fn a_name_that_leads_to_this_machine_is_refused_unless_allowed() {
    let mut url = serving(Router::new().route("/cert", get("bytes"))).await;
    url.set_host(Some("localhost")).unwrap();
    let strict = HttpFetcher::new(FetchLimits { allow_loopback: false, ..LIMITS }).unwrap();
    assert_eq!(strict.fetch(&url).await, Err(FetchError::NotPublic { host: "localhost".into() }));
    assert_eq!(HttpFetcher::new(LIMITS).unwrap().fetch(&url).await.unwrap(), "bytes");
}

#[test]
fn special_addresses_are_not_public() {
    let special = [
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "127.0.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "192.0.0.1",
        "192.0.2.1",
        "192.168.1.1",
        "198.18.0.1",
        "203.0.113.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:a00:1::",
        "3fff::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "ff02::1",
    ];
    for address in special {
        assert!(!is_public(address.parse().unwrap()), "{address}");
    }
    for address in
        ["20.60.1.1", "100.128.0.1", "172.32.0.1", "2603:1030::1", "64:ff9b::143c:101", "::ffff:20.60.1.1"]
    {
        assert!(is_public(address.parse().unwrap()), "{address}");
    }
}
