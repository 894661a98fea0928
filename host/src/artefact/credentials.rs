//! Who one is to a registry: from the environment, or from where `docker login` keeps it. Never shown, never logged.

use std::env;

use docker_credential::{CredentialRetrievalError, DockerCredential};
use oci_client::secrets::RegistryAuth;

use crate::error::{Complaint, Fault};

/// The environment's names for them. They are meant for the registry that the command names.
pub(super) const USERNAME: &str = "CROSSWALK_REGISTRY_USERNAME";
pub(super) const PASSWORD: &str = "CROSSWALK_REGISTRY_PASSWORD";

/// What `docker login` calls Docker Hub.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";

/// The credentials for a registry; anonymous if there are none.
pub(super) fn find(registry: &str) -> Result<RegistryAuth, Complaint> {
    if let (Ok(username), Ok(password)) = (env::var(USERNAME), env::var(PASSWORD)) {
        return Ok(RegistryAuth::Basic(username, password));
    }
    let server = if registry == "index.docker.io" { DOCKER_HUB } else { registry };
    match docker_credential::get_credential(server) {
        Ok(DockerCredential::UsernamePassword(username, password)) => {
            Ok(RegistryAuth::Basic(username, password))
        }
        Ok(DockerCredential::IdentityToken(_)) => Err(unusable(registry, "is an identity token")),
        Err(
            CredentialRetrievalError::NoCredentialConfigured
            | CredentialRetrievalError::ConfigNotFound
            | CredentialRetrievalError::ConfigReadError,
        ) => Ok(RegistryAuth::Anonymous),
        // What a helper printed is not repeated: it deals in secrets.
        Err(_) => Err(unusable(registry, "could not be had from Docker's configuration or its helper")),
    }
}

fn unusable(registry: &str, problem: &str) -> Complaint {
    Complaint::new(
        Fault::Configuration,
        format!("the credential for the registry `{registry}` {problem}"),
        "nothing was called, stored or sent",
        format!(
            "set {USERNAME} and {PASSWORD} for this command; many registries give out a token as password"
        ),
    )
}
