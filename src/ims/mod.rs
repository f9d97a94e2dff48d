//! Adobe IMS as an OpenID provider: the relying party's side of the protocol.
//!
//! * `client` sends every request, limits calls (`token_limit`) and pauses after a 429.
//! * `provider` loads the discovery document and the keys.
//! * `code` runs the authorization code flow; `refresh` refreshes tokens.
//! * `token` validates an `id_token`, `logout_token` a logout token, `access_token` the token of a technical account, and `jws` their
//!   signatures.
//! * `profile` asks for a person's profile and organisations.
//! * `revocation` revokes tokens and builds the logout address.

mod access_token;
mod client;
mod client_credentials;
mod code;
mod error;
mod jws;
mod logout_token;
mod profile;
mod provider;
mod refresh;
mod revocation;
mod token;
mod token_limit;

use std::sync::Arc;
use std::time::Duration;

pub use access_token::AccessTokenError;
pub use code::ImsTokens;
pub use error::ImsError;
pub use logout_token::LogoutTokenError;
pub use profile::{Profile, read_membership};
pub use refresh::{RefreshedTokens, TokenRefreshError};

use crate::clock::Clock;
use crate::config::Instance;
use crate::http_client::HttpClient;
use crate::telemetry::{ImsUsage, InstanceMetrics};
use client::ImsHttp;
use provider::Provider;

/// The relying party of one Campaign instance.
#[derive(Debug)]
pub struct ImsClient {
    instance: Arc<Instance>,
    http: Arc<ImsHttp>,
    clock: Clock,
    provider: Arc<Provider>,
}

impl ImsClient {
    /// A client that has sent no request yet.
    pub fn new(instance: Arc<Instance>, http: HttpClient, clock: Clock, metrics: InstanceMetrics) -> Self {
        let http = Arc::new(ImsHttp::new(http, clock.clone(), instance.ims.token_calls, metrics));
        let provider = Arc::new(Provider::new(instance.clone(), http.clone(), clock.clone()));
        Self { instance, http, clock, provider }
    }

    /// The same connections, metadata and keys for another configuration of this instance, which reaches IMS in the same way.
    #[must_use]
    pub fn for_instance(&self, instance: Arc<Instance>) -> Self {
        let Self { http, clock, provider, .. } = self;
        Self { instance, http: http.clone(), clock: clock.clone(), provider: provider.clone() }
    }

    /// Counters of the calls to IMS.
    pub fn usage(&self) -> ImsUsage {
        self.http.usage()
    }

    /// How long all calls still wait because IMS answered 429.
    pub fn pause(&self) -> Option<Duration> {
        self.http.pause()
    }

    /// True once the discovery document and the keys are loaded.
    pub fn is_ready(&self) -> bool {
        self.provider.is_loaded()
    }

    /// Loads the discovery document and the keys, unless they are loaded already.
    pub async fn prepare(&self) -> Result<(), ImsError> {
        self.provider.metadata().await.map(drop)
    }

    /// Loads the discovery document and the keys again.
    pub async fn reload(&self) -> Result<(), ImsError> {
        self.provider.load().await.map(drop)
    }

    /// The number of usable keys that IMS publishes.
    pub async fn key_count(&self) -> Result<usize, ImsError> {
        Ok(self.provider.keys().await?.keys().len())
    }

    /// Checks `iss` of an authorization response (RFC 9207 §2.4). A present `iss` must equal the issuer of the discovery document.
    /// An absent `iss` is accepted unless the document promises it.
    ///
    /// # Errors
    /// When the discovery document cannot be loaded.
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

/// The name of the token endpoint in errors and logs.
const TOKEN: &str = "token";
