//! Adobe IMS as an OpenID provider: the relying party's side of the protocol.
//!
//! `provider` knows where IMS is and its keys, `code` runs the authorization code flow, `token` validates the
//! `id_token` (`jws` its signature), `refresh` renews tokens, `logout_token` reads what IMS says past the browser, `person` asks who somebody is and
//! where they belong, `farewell` revokes and logs out.

mod client;
mod code;
mod error;
mod farewell;
mod jws;
mod logout_token;
mod person;
mod provider;
mod refresh;
mod token;
mod token_limit;

use std::sync::Arc;
use std::time::Duration;

pub use code::Tokens;
pub use error::ImsError;
pub use logout_token::LogoutTokenError;
pub use person::{Profile, read_membership};
pub use refresh::{RenewError, Renewed};

use crate::clock::Clock;
use crate::config::Instance;
use crate::http_client::HttpClient;
use crate::telemetry::ImsUsage;
use client::ImsClient;
use provider::Provider;

/// The relying party of one Campaign instance.
#[derive(Debug)]
pub struct Ims {
    instance: Arc<Instance>,
    http: Arc<ImsClient>,
    clock: Clock,
    provider: Provider,
}

impl Ims {
    /// A relying party; asks nothing yet.
    pub fn new(instance: Arc<Instance>, http: HttpClient, clock: Clock) -> Self {
        let http = Arc::new(ImsClient::new(http, clock.clone(), instance.ims.token_calls));
        let provider = Provider::new(instance.clone(), http.clone(), clock.clone());
        Self { instance, http, clock, provider }
    }

    /// What the client of IMS counts.
    pub fn usage(&self) -> ImsUsage {
        self.http.usage()
    }

    /// How long IMS has asked every call to wait, from now.
    pub fn pause(&self) -> Option<Duration> {
        self.http.pause()
    }

    /// True once the discovery document and the keys are there.
    pub fn is_ready(&self) -> bool {
        self.provider.is_loaded()
    }

    /// Loads the discovery document and the keys when they are not there yet.
    pub async fn prepare(&self) -> Result<(), ImsError> {
        self.provider.metadata().await.map(drop)
    }

    /// Loads the discovery document and the keys anew.
    pub async fn refresh(&self) -> Result<(), ImsError> {
        self.provider.load().await.map(drop)
    }

    /// Whether `iss` of an authorization response is right (RFC 9207 §2.4): that of the discovery document, exact, and there when
    /// the document promises it.
    ///
    /// # Errors
    /// When the document cannot be had.
    pub async fn is_response_issuer(&self, issuer: Option<&str>) -> Result<bool, ImsError> {
        let metadata = self.provider.metadata().await?;
        Ok(match issuer {
            Some(issuer) => issuer == metadata.issuer().as_str(),
            None => !metadata.additional_metadata().authorization_response_iss_parameter_supported,
        })
    }

    /// The issuer values that an `id_token` may carry.
    pub async fn accepted_issuers(&self) -> Result<Vec<String>, ImsError> {
        let metadata = self.provider.metadata().await?;
        let configured = &self.instance.ims.id_token_issuers;
        Ok(if configured.is_empty() { vec![metadata.issuer().to_string()] } else { configured.clone() })
    }
}

/// The token endpoint, in errors and logs.
const TOKEN: &str = "token";
