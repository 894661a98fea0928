//! The accept loop of one system: HTTP/1.1 on a socket, plain or over TLS, with connections that can be closed without
//! an answer.
//!
//! `axum::serve` demands a service that cannot fail. A simulated network can: when the fault layer marked an answer
//! with [`ConnectionDropped`], the service returns an error, and hyper closes the socket with nothing written.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, Request, header};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use super::layer::ConnectionDropped;

/// Time that open connections get to finish their request when the server stops, in milliseconds.
pub const STOP_TIMEOUT_MS: u64 = 2000;

/// Pause after a failed accept (out of file descriptors, mostly), in milliseconds.
const ACCEPT_PAUSE_MS: u64 = 50;

/// Says with which scheme a request came, as a proxy in front of a server says it.
const SCHEME: &str = "x-forwarded-proto";

/// Scheme and host as the client sees them, so that links lead back the way it came. `None` without a host.
#[must_use]
pub fn origin(headers: &HeaderMap) -> Option<String> {
    let host = headers.get(header::HOST)?.to_str().ok()?;
    let scheme =
        headers.get(SCHEME).filter(|scheme| scheme.as_bytes() == b"https").map_or("http", |_| "https");
    Some(format!("{scheme}://{host}"))
}

/// One listening system. Dropping it stops it at once; [`Server::stop`] lets requests finish.
pub struct Server {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Server {
    /// Starts to serve `router` on a socket that is bound already, over TLS if there is an acceptor for it.
    ///
    /// # Errors
    /// When the listener has no local address any more.
    pub fn start(listener: TcpListener, router: Router, tls: Option<TlsAcceptor>) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let (stop, stopping) = watch::channel(false);
        let task = tokio::spawn(accept(listener, router, tls, stopping));
        Ok(Self { address, stop, task })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops accepting, lets open requests finish for [`STOP_TIMEOUT_MS`], then closes what is left.
    pub async fn stop(mut self) {
        let _ = self.stop.send(true);
        // The task ends by itself; a panic in it has nothing left to say here.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(
    listener: TcpListener,
    router: Router,
    tls: Option<TlsAcceptor>,
    stopping: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    let mut stop_signal = stopping.clone();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(greet(stream, router.clone(), tls.clone(), stopping.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "the sandbox could not accept a connection");
                    tokio::time::sleep(Duration::from_millis(ACCEPT_PAUSE_MS)).await;
                }
            },
            Some(_) = connections.join_next() => {}
            () = told_to_stop(&mut stop_signal) => break,
        }
    }
    drop(listener);
    let all_done = async { while connections.join_next().await.is_some() {} };
    // Whoever is still connected after the time-out is cut off when the set is dropped.
    let _ = tokio::time::timeout(Duration::from_millis(STOP_TIMEOUT_MS), all_done).await;
}

/// Shakes hands if the connection is to be a secure one.
async fn greet(
    stream: TcpStream,
    router: Router,
    tls: Option<TlsAcceptor>,
    mut stopping: watch::Receiver<bool>,
) {
    let _ = stream.set_nodelay(true);
    let Some(tls) = tls else { return connection(stream, router, "http", stopping).await };
    let greeted = tokio::select! {
        greeted = tls.accept(stream) => greeted,
        () = told_to_stop(&mut stopping) => return,
    };
    match greeted {
        Ok(stream) => connection(stream, router, "https", stopping).await,
        Err(error) => tracing::trace!(%error, "a client of the sandbox gave up on its certificate"),
    }
}

async fn connection(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    router: Router,
    scheme: &'static str,
    mut stopping: watch::Receiver<bool>,
) {
    let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
        request.headers_mut().insert(SCHEME, HeaderValue::from_static(scheme));
        answer(router.clone(), request)
    });
    let connection =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    tokio::select! {
        result = connection.as_mut() => {
            if let Err(error) = result {
                tracing::trace!(%error, "a connection to the sandbox ended early");
            }
            return;
        }
        () = told_to_stop(&mut stopping) => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

/// Returns when the server is told to stop or is gone.
async fn told_to_stop(stopping: &mut watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stop| *stop).await;
}

/// The request's answer, or the error that makes hyper close the connection.
async fn answer(router: Router, request: Request<Incoming>) -> Result<Response, Dropped> {
    let response = match router.oneshot(request.map(Body::new)).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    if response.extensions().get::<ConnectionDropped>().is_some() { Err(Dropped) } else { Ok(response) }
}

#[derive(Debug, thiserror::Error)]
#[error("a fault switch closed the connection")]
struct Dropped;
