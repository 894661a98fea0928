//! Reading a webhook's body: bounded in bytes and in time, and never decompressed.

use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use http::{
    HeaderMap,
    header::{CONTENT_ENCODING, CONTENT_LENGTH},
};

use super::refused::{Refused, quoted};

/// How much of a body is put up with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyLimits {
    /// The largest body, in bytes.
    pub bytes_max: usize,
    /// The time from the first look to the last byte, in milliseconds.
    pub ms_max: u64,
}

/// Reads a body whole, as the bytes that were sent: signatures are over them.
///
/// # Errors
///
/// [`Refused::BodyEncoding`] before a byte is read, [`Refused::BodyTooLarge`] as soon as it is known,
/// [`Refused::BodyTooSlow`] and [`Refused::BodyBroken`].
pub async fn read_body(headers: &HeaderMap, body: Body, limits: BodyLimits) -> Result<Bytes, Refused> {
    refuse_encoded(headers)?;
    let too_large = Refused::BodyTooLarge { max_bytes: limits.bytes_max };
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    // A header that lies low is caught below; one that tells the truth saves the reading.
    if announced.is_some_and(|bytes| bytes > limits.bytes_max as u64) {
        return Err(too_large);
    }
    let read = async {
        let mut whole = BytesMut::new();
        let mut chunks = body.into_data_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|_| Refused::BodyBroken)?;
            if whole.len() + chunk.len() > limits.bytes_max {
                return Err(too_large);
            }
            whole.extend_from_slice(&chunk);
        }
        Ok(whole.freeze())
    };
    tokio::time::timeout(Duration::from_millis(limits.ms_max), read)
        .await
        .unwrap_or(Err(Refused::BodyTooSlow { max_ms: limits.ms_max }))
}

/// No sender of ours compresses; a compressed body is a mistake or a bomb.
fn refuse_encoded(headers: &HeaderMap) -> Result<(), Refused> {
    for value in headers.get_all(CONTENT_ENCODING) {
        if !value.as_bytes().eq_ignore_ascii_case(b"identity") {
            return Err(Refused::BodyEncoding { given: quoted(&String::from_utf8_lossy(value.as_bytes())) });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use futures::stream;

    use super::*;

    const LIMITS: BodyLimits = BodyLimits { bytes_max: 10, ms_max: 50 };

    fn headers(name: http::HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, http::HeaderValue::from_static(value))])
    }

    #[tokio::test]
    async fn a_body_at_the_limit_is_read_as_it_was_sent() {
        let read = read_body(&HeaderMap::new(), Body::from("0123456789"), LIMITS).await;
        assert_eq!(read.unwrap(), "0123456789");
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_refused_even_if_it_does_not_say_its_length() {
        let chunks = stream::iter(["012345", "67890"].map(Ok::<_, std::io::Error>));
        let read = read_body(&HeaderMap::new(), Body::from_stream(chunks), LIMITS).await;
        assert_eq!(read, Err(Refused::BodyTooLarge { max_bytes: 10 }));
    }

    #[tokio::test]
    async fn a_body_that_announces_too_much_is_not_even_read() {
        let body = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        let read = read_body(&headers(CONTENT_LENGTH, "11"), body, LIMITS).await;
        assert_eq!(read, Err(Refused::BodyTooLarge { max_bytes: 10 }));
    }

    #[tokio::test]
    async fn a_body_that_never_ends_is_given_up() {
        let body = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        let read = read_body(&HeaderMap::new(), body, LIMITS).await;
        assert_eq!(read, Err(Refused::BodyTooSlow { max_ms: 50 }));
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_is_refused() {
        let chunks = stream::iter([Ok("012"), Err(std::io::Error::other("gone"))]);
        let read = read_body(&HeaderMap::new(), Body::from_stream(chunks), LIMITS).await;
        assert_eq!(read, Err(Refused::BodyBroken));
    }

    #[tokio::test]
    async fn a_compressed_body_is_refused_and_an_identity_one_is_not() {
        let gzip = read_body(&headers(CONTENT_ENCODING, "gzip"), Body::from("x"), LIMITS).await;
        assert_eq!(gzip, Err(Refused::BodyEncoding { given: "gzip".into() }));
        assert_eq!(gzip.unwrap_err().status(), http::StatusCode::UNSUPPORTED_MEDIA_TYPE);
        let identity = read_body(&headers(CONTENT_ENCODING, "Identity"), Body::from("x"), LIMITS).await;
        assert_eq!(identity.unwrap(), "x");
    }
}
