//! Talks to a running host over its admin API, and turns every failure into a complaint.

use std::{path::PathBuf, time::Duration};

use reqwest::{Method, RequestBuilder, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::{Serialize, de::DeserializeOwned};

use crate::error::{Complaint, Fault};

/// How long one admin call may take. Deploying compiles a component, which is the slowest of them.
const CALL_TIMEOUT: Duration = Duration::from_secs(120);

/// Where the host is, and what to show it.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct HostArgs {
    /// The admin address of the host.
    #[arg(long, env = "CROSSWALK_HOST", default_value = "http://127.0.0.1:7100", global = true)]
    host: String,
    /// The file with the admin token; the host makes one in its state directory at its first start.
    #[arg(
        long,
        env = "CROSSWALK_ADMIN_TOKEN_FILE",
        default_value = "crosswalk-state/admin.token",
        global = true
    )]
    token_file: PathBuf,
}

/// A connection to the admin API.
pub(crate) struct AdminClient {
    base: String,
    token: SecretString,
    http: reqwest::Client,
}

impl AdminClient {
    /// Reads the token. Nothing is sent yet.
    pub(crate) fn open(args: &HostArgs) -> Result<Self, Complaint> {
        let token = std::fs::read_to_string(&args.token_file).map_err(|error| {
            Complaint::new(
                Fault::Configuration,
                format!("the admin token could not be read from `{}`", args.token_file.display()),
                "nothing was sent",
                "name the file with `--token-file`; the host writes `admin.token` into its state directory",
            )
            .because(&error)
        })?;
        Ok(Self::new(&args.host, token.trim().into()))
    }

    /// A client for a host whose token is known.
    pub(crate) fn new(base: &str, token: SecretString) -> Self {
        AdminClient { base: base.trim_end_matches('/').to_owned(), token, http: reqwest::Client::new() }
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Complaint> {
        self.send(self.request(Method::GET, path)).await
    }

    pub(crate) async fn post<T: DeserializeOwned>(&self, path: &str) -> Result<T, Complaint> {
        self.send(self.request(Method::POST, path)).await
    }

    pub(crate) async fn put<T: DeserializeOwned>(&self, path: &str) -> Result<T, Complaint> {
        self.send(self.request(Method::PUT, path)).await
    }

    pub(crate) async fn post_bytes<T: DeserializeOwned>(
        &self,
        path: &str,
        body: Vec<u8>,
    ) -> Result<T, Complaint> {
        self.send(self.request(Method::POST, path).header("content-type", "application/wasm").body(body))
            .await
    }

    pub(crate) async fn post_json<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Complaint> {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    pub(crate) async fn put_json<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Complaint> {
        self.send(self.request(Method::PUT, path).json(body)).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http
            .request(method, format!("{}{path}", self.base))
            .bearer_auth(self.token.expose_secret())
            .timeout(CALL_TIMEOUT)
    }

    async fn send<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Complaint> {
        let unreachable = |error: reqwest::Error| {
            Complaint::new(
                Fault::Unreachable,
                format!("the host at `{}` did not answer", self.base),
                "it is not known whether the host carried anything out if the connection broke half way",
                "is `crosswalk serve` running, and is `--host` its admin address?",
            )
            .because(&error.without_url())
        };
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let body = response.bytes().await.map_err(unreachable)?;
        if status.is_success() {
            return serde_json::from_slice(&body).map_err(|error| {
                Complaint::new(
                    Fault::Internal,
                    "the host's answer is not what this version of the command line expects",
                    "the host carried out what was asked",
                    "use the command line of the same version as the host",
                )
                .because(&error)
            });
        }
        Err(serde_json::from_slice(&body).unwrap_or_else(|_| unexpected(status)))
    }
}

fn unexpected(status: StatusCode) -> Complaint {
    Complaint::new(
        Fault::Refused,
        format!("the host answered {status} without saying why"),
        "nothing is known to have been changed",
        "is something else listening at this address, or standing in between?",
    )
}
