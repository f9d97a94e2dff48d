//! Where IMS is, and its keys: fetched when first needed, kept, and fetched again when a token names a key we do not
//! know, at most once per window.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use http::{Request, StatusCode};
use openidconnect::core::{
    CoreAuthDisplay, CoreClaimName, CoreClaimType, CoreClientAuthMethod, CoreGrantType, CoreJsonWebKey,
    CoreJsonWebKeySet, CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm, CoreResponseMode,
    CoreResponseType, CoreSubjectIdentifierType,
};
use openidconnect::{AdditionalProviderMetadata, ProviderMetadata};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use url::Url;

use super::client::ImsClient;
use super::error::ImsError;
use crate::clock::{Clock, UnixTime};
use crate::config::Instance;

/// IMS's discovery document (OpenID Connect Discovery §3), with the revocation endpoint of RFC 8414 §2.
pub type Metadata = ProviderMetadata<
    Revocation,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

/// What RFC 8414 adds to the discovery document.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Revocation {
    /// RFC 7009 endpoint.
    #[serde(default)]
    pub revocation_endpoint: Option<Url>,
}

impl AdditionalProviderMetadata for Revocation {}

/// IMS's metadata and keys.
#[derive(Debug)]
pub struct Provider {
    instance: Arc<Instance>,
    http: Arc<ImsClient>,
    clock: Clock,
    metadata: ArcSwapOption<Metadata>,
    keys: ArcSwapOption<CoreJsonWebKeySet>,
    /// Makes one load of many wishes; holds when and how the latest one failed.
    loading: Mutex<Option<(Instant, ImsError)>>,
    /// When the keys were last asked for because of an unknown key id.
    refetched: Mutex<Option<UnixTime>>,
}

impl Provider {
    /// Knows nothing yet.
    pub fn new(instance: Arc<Instance>, http: Arc<ImsClient>, clock: Clock) -> Self {
        let (metadata, keys) = (ArcSwapOption::empty(), ArcSwapOption::empty());
        Self { instance, http, clock, metadata, keys, loading: Mutex::default(), refetched: Mutex::default() }
    }

    /// True once both metadata and keys are there.
    pub fn is_loaded(&self) -> bool {
        self.metadata.load().is_some() && self.keys.load().is_some()
    }

    /// The metadata, fetched when not there yet.
    pub async fn metadata(&self) -> Result<Arc<Metadata>, ImsError> {
        if let (Some(metadata), Some(_)) = (self.metadata.load_full(), self.keys.load_full()) {
            return Ok(metadata);
        }
        let asked = Instant::now();
        let mut failed = self.loading.lock().await;
        if let (Some(metadata), Some(_)) = (self.metadata.load_full(), self.keys.load_full()) {
            return Ok(metadata);
        }
        // Who waited while it failed has their answer: one deadline after the other would be a queue.
        if let Some((_, error)) = failed.as_ref().filter(|(at, _)| *at > asked) {
            return Err(error.clone());
        }
        let loaded = self.load().await;
        *failed = loaded.as_ref().err().map(|error| (Instant::now(), error.clone()));
        loaded
    }

    /// Fetches metadata and keys anew; what is known stays when that fails. A key that IMS withdrew is trusted no longer.
    pub async fn load(&self) -> Result<Arc<Metadata>, ImsError> {
        let metadata: Metadata = self.json("discovery", self.instance.ims.discovery_url.as_str()).await?;
        check(&metadata)?;
        let keys = self.fetch_keys(&metadata).await?;
        self.keys.store(Some(Arc::new(keys)));
        let metadata = Arc::new(metadata);
        self.metadata.store(Some(metadata.clone()));
        Ok(metadata)
    }

    /// The keys known now.
    pub async fn keys(&self) -> Result<Arc<CoreJsonWebKeySet>, ImsError> {
        self.metadata().await?;
        self.keys
            .load_full()
            .ok_or_else(|| ImsError::Answer { endpoint: "keys", reason: "no keys".to_owned() })
    }

    /// The keys after a token named one that `known` lacks. Fetches at most once per [`KEYS_WINDOW`], however many
    /// tokens with made-up key ids come in; the first load does not count, so a rotation right after it is seen.
    pub async fn newer_keys(
        &self,
        known: &Arc<CoreJsonWebKeySet>,
    ) -> Result<Arc<CoreJsonWebKeySet>, ImsError> {
        let metadata = self.metadata().await?;
        let mut refetched = self.refetched.lock().await;
        let current = self.keys().await?;
        let now = self.clock.now();
        if !Arc::ptr_eq(&current, known) || refetched.is_some_and(|then| now.since(then) < KEYS_WINDOW) {
            return Ok(current);
        }
        *refetched = Some(now);
        let fresh = Arc::new(self.fetch_keys(&metadata).await?);
        self.keys.store(Some(fresh.clone()));
        Ok(fresh)
    }

    async fn fetch_keys(&self, metadata: &Metadata) -> Result<CoreJsonWebKeySet, ImsError> {
        self.json("keys", metadata.jwks_uri().as_str()).await
    }

    async fn json<T: serde::de::DeserializeOwned>(
        &self,
        endpoint: &'static str,
        url: &str,
    ) -> Result<T, ImsError> {
        let request = Request::get(url)
            .header(http::header::ACCEPT, "application/json")
            .body(Bytes::new())
            .map_err(|e| ImsError::Answer { endpoint, reason: format!("{url}: {e}") })?;
        let answer = self.http.send(endpoint, request).await?;
        if answer.status() != StatusCode::OK {
            return Err(ImsError::status(endpoint, &answer, self.clock.now()));
        }
        serde_json::from_slice(answer.body())
            .map_err(|e| ImsError::Answer { endpoint, reason: format!("{url}: {e}") })
    }
}

/// Every address in the document must be https, or http on this machine (RFC 9700 §2.6).
fn check(metadata: &Metadata) -> Result<(), ImsError> {
    let token = metadata.token_endpoint().map(oauth2::TokenUrl::url);
    let user_info = metadata.userinfo_endpoint().map(openidconnect::UserInfoUrl::url);
    let revocation = metadata.additional_metadata().revocation_endpoint.as_ref();
    let unusable = |reason: String| ImsError::Answer { endpoint: "discovery", reason };
    if token.is_none() {
        return Err(unusable("no token_endpoint".to_owned()));
    }
    let all = [
        Some(metadata.authorization_endpoint().url()),
        Some(metadata.jwks_uri().url()),
        token,
        user_info,
        revocation,
    ];
    match all.into_iter().flatten().find(|url| !is_safe(url)) {
        Some(url) => Err(unusable(format!("`{url}` is neither https nor on this machine"))),
        None => Ok(()),
    }
}

fn is_safe(url: &Url) -> bool {
    let loopback = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && loopback)
}

/// How long made-up key ids cannot cause another fetch.
pub const KEYS_WINDOW: Duration = Duration::from_mins(1);
