//! Certificates are fetched once, again when they may have changed, and never in a flood.

use bytes::Bytes;
use futures::future::join_all;
use jiff::SignedDuration;

use super::*;
use crate::intake::testing::{Leaf, Served, URL, now};

fn url(text: &str) -> Url {
    text.parse().unwrap()
}

fn later(seconds: i64) -> Timestamp {
    now() + SignedDuration::from_secs(seconds)
}

fn cache(served: &Arc<Served>) -> CertificateCache {
    CertificateCache::new(served.clone(), CacheLimits::default())
}

#[tokio::test]
async fn many_requests_at_once_cause_one_fetch() {
    let served = Served::new(Leaf::default().der());
    let cache = cache(&served);
    let certificate_url = url(URL);
    let all = join_all((0..50).map(|_| cache.get(&certificate_url, now()))).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(served.fetches(), 1);
}

#[tokio::test]
async fn a_fresh_certificate_is_not_fetched_again_and_an_old_one_is() {
    let served = Served::new(Leaf::default().der());
    let cache = cache(&served);
    for seconds in [0, 3_599] {
        cache.get(&url(URL), later(seconds)).await.unwrap();
    }
    assert_eq!(served.fetches(), 1);
    cache.get(&url(URL), later(3_600)).await.unwrap();
    assert_eq!(served.fetches(), 2);
}

#[tokio::test]
async fn a_failure_is_remembered_for_a_moment() {
    let served = Arc::new(Served::default());
    served.put(URL, Err(FetchError::Status(500)));
    let cache = cache(&served);
    for seconds in [0, 9] {
        cache.get(&url(URL), later(seconds)).await.unwrap_err();
    }
    assert_eq!(served.fetches(), 1);
    served.put(URL, Ok(Leaf::default().der().into()));
    cache.get(&url(URL), later(10)).await.unwrap();
}

#[tokio::test]
async fn an_old_certificate_serves_on_while_its_host_is_down() {
    let served = Served::new(Leaf::default().der());
    let cache = cache(&served);
    let first = cache.get(&url(URL), now()).await.unwrap();
    served.put(URL, Err(FetchError::Status(503)));
    assert_eq!(cache.get(&url(URL), later(4_000)).await.unwrap(), first);
    assert_eq!(cache.get(&url(URL), later(4_005)).await.unwrap(), first);
    assert_eq!(served.fetches(), 2, "the failure is remembered for a moment here too");
}

#[tokio::test]
async fn addresses_that_never_proved_a_signature_share_a_budget_a_minute() {
    let served = Arc::new(Served::default());
    let cache = cache(&served);
    for number in 0..100 {
        let made_up = url(&format!("https://certificates.example.com/{number}"));
        cache.get(&made_up, now()).await.unwrap_err();
    }
    assert_eq!(served.fetches(), 30);
    let refused = cache.get(&url("https://certificates.example.com/x"), now()).await.unwrap_err();
    assert!(matches!(refused, Refused::TooManyFetches { .. }), "{refused:?}");
    assert_eq!(refused.status(), http::StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn a_proved_address_is_kept_and_fetched_whatever_strangers_ask_for() {
    let served = Served::new(Leaf::default().der());
    let cache = cache(&served);
    cache.get(&url(URL), now()).await.unwrap();
    cache.prove(&url(URL));
    for number in 0..100 {
        let made_up = url(&format!("https://certificates.example.com/{number}"));
        cache.get(&made_up, later(1)).await.unwrap_err();
    }
    let before = served.fetches();
    cache.get(&url(URL), later(2)).await.unwrap();
    assert_eq!(served.fetches(), before, "it was not forgotten");
    served.put(URL, Ok(Bytes::from(Leaf { years: (2026, 2028), ..Leaf::default() }.der())));
    cache.get(&url(URL), later(3_700)).await.unwrap();
    assert_eq!(served.fetches(), before + 1, "its own fetches are not counted with the strangers'");
}

#[tokio::test]
async fn a_clock_that_jumped_back_does_not_make_old_news_fresh() {
    let served = Served::new(Leaf::default().der());
    let cache = cache(&served);
    cache.get(&url(URL), now()).await.unwrap();
    cache.get(&url(URL), later(-86_400)).await.unwrap();
    assert_eq!(served.fetches(), 2);
}
