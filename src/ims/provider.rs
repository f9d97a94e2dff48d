//! The discovery document and the keys of IMS. Both are fetched at first use and cached. The keys are fetched again when a
//! token's signature does not match, at most once in each window.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use http::Request;
use openidconnect::core::{
    CoreAuthDisplay, CoreClaimName, CoreClaimType, CoreClientAuthMethod, CoreGrantType, CoreJsonWebKey,
    CoreJsonWebKeySet, CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm, CoreResponseMode,
    CoreResponseType, CoreSubjectIdentifierType,
};
use openidconnect::{AdditionalProviderMetadata, ProviderMetadata};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::Mutex;
use url::Url;

use super::client::ImsHttp;
use super::error::ImsError;
use crate::clock::Clock;
use crate::config::{self, Instance};
use crate::policy::issuer;
use crate::unix_time::UnixTime;
use crate::wire::loose_json;

/// IMS's discovery document (OpenID Connect Discovery §3), with fields of RFC 8414 and RFC 9207.
pub type Metadata = ProviderMetadata<
    ExtraMetadata,
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

/// Fields of the discovery document beyond OpenID Connect Discovery.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct ExtraMetadata {
    /// The revocation endpoint (RFC 7009, RFC 8414 §2).
    #[serde(default)]
    pub revocation_endpoint: Option<Url>,
    /// True when every authorization response carries `iss` (RFC 9207 §3).
    #[serde(default)]
    pub authorization_response_iss_parameter_supported: bool,
}

impl AdditionalProviderMetadata for ExtraMetadata {}

/// What caused a fetch of newer keys. Each cause has its own window. Anybody can send a logout token with a made-up key id;
/// this must not use up the fetch that a sign-in needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Budget {
    /// An `id_token` from the token endpoint.
    SignIn,
    Logout,
    /// An access token of a technical account.
    TechnicalAccount,
}

/// IMS's metadata and keys.
#[derive(Debug)]
pub struct Provider {
    instance: Arc<Instance>,
    http: Arc<ImsHttp>,
    clock: Clock,
    metadata: ArcSwapOption<Metadata>,
    keys: ArcSwapOption<CoreJsonWebKeySet>,
    /// Merges simultaneous loads into one. Holds the time and the error of the latest failure.
    loading: Mutex<Option<(Instant, ImsError)>>,
    /// When newer keys were last fetched, for each budget.
    refetched: [Mutex<Option<UnixTime>>; 3],
}

impl Provider {
    /// A provider that has loaded nothing yet.
    pub fn new(instance: Arc<Instance>, http: Arc<ImsHttp>, clock: Clock) -> Self {
        let (metadata, keys) = (ArcSwapOption::empty(), ArcSwapOption::empty());
        Self {
            instance,
            http,
            clock,
            metadata,
            keys,
            loading: Mutex::default(),
            refetched: Default::default(),
        }
    }

    /// True once both metadata and keys are loaded.
    pub fn is_loaded(&self) -> bool {
        self.metadata.load().is_some() && self.keys.load().is_some()
    }

    /// The metadata; fetches metadata and keys unless they are loaded.
    pub async fn metadata(&self) -> Result<Arc<Metadata>, ImsError> {
        if let (Some(metadata), Some(_)) = (self.metadata.load_full(), self.keys.load_full()) {
            return Ok(metadata);
        }
        let asked = Instant::now();
        let mut failed = self.loading.lock().await;
        if let (Some(metadata), Some(_)) = (self.metadata.load_full(), self.keys.load_full()) {
            return Ok(metadata);
        }
        // A call that waited during a failed load returns its error. A load for each waiting call would add up the deadlines.
        if let Some((_, error)) = failed.as_ref().filter(|(at, _)| *at > asked) {
            return Err(error.clone());
        }
        let loaded = self.load().await;
        *failed = loaded.as_ref().err().map(|error| (Instant::now(), error.clone()));
        loaded
    }

    /// Fetches metadata and keys again. On failure the old ones stay. On success, keys that IMS withdrew are no longer trusted.
    pub async fn load(&self) -> Result<Arc<Metadata>, ImsError> {
        let document = self.json("discovery", self.instance.ims.discovery_url.as_str()).await?;
        let unusable = |reason: String| ImsError::Answer { endpoint: "discovery", reason };
        let metadata: Metadata =
            serde_json::from_value(used_fields(&document)).map_err(|e| unusable(e.to_string()))?;
        check(&metadata)?;
        let ims = &self.instance.ims;
        let servers = [&ims.server, &ims.discovery_url];
        issuer::check(metadata.issuer(), servers, &ims.id_token_issuers)
            .map_err(|e| unusable(e.to_string()))?;
        let keys = self.fetch_keys(&metadata).await?;
        self.keys.store(Some(Arc::new(keys)));
        let metadata = Arc::new(metadata);
        self.metadata.store(Some(metadata.clone()));
        Ok(metadata)
    }

    pub async fn keys(&self) -> Result<Arc<CoreJsonWebKeySet>, ImsError> {
        self.metadata().await?;
        self.keys
            .load_full()
            .ok_or_else(|| ImsError::Answer { endpoint: "keys", reason: "no keys".to_owned() })
    }

    /// The keys to try after `known` did not match a signature: IMS may use a new key, even under a known key id. Fetches at
    /// most once in each [`KEYS_WINDOW`] and budget, so tokens with made-up key ids cause few fetches. The first load does not
    /// count, so a key rotation soon after it is seen.
    pub async fn newer_keys(
        &self,
        known: &Arc<CoreJsonWebKeySet>,
        budget: Budget,
    ) -> Result<Arc<CoreJsonWebKeySet>, ImsError> {
        let metadata = self.metadata().await?;
        let mut refetched = self.refetched[budget as usize].lock().await;
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
        let document = self.json("keys", metadata.jwks_uri().as_str()).await?;
        serde_json::from_value(used_keys(&document))
            .map_err(|e| ImsError::Answer { endpoint: "keys", reason: e.to_string() })
    }

    async fn json(&self, endpoint: &'static str, url: &str) -> Result<Value, ImsError> {
        let request = Request::get(url).header(http::header::ACCEPT, "application/json").body(Bytes::new());
        serde_json::from_slice(&self.http.send(endpoint, request).await?)
            .map_err(|e| ImsError::Answer { endpoint, reason: format!("{url}: {e}") })
    }
}

/// The used fields of the discovery document, and the fields that the parser requires. Other fields may have any type.
fn used_fields(document: &Value) -> Value {
    let mut used = json!({
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    });
    for name in ["issuer", "authorization_endpoint", "token_endpoint", "jwks_uri"] {
        if let Some(value) = document.get(name) {
            used[name] = value.clone();
        }
    }
    for name in ["userinfo_endpoint", "revocation_endpoint"] {
        if let Some(url) = document[name].as_str().filter(|text| Url::parse(text).is_ok()) {
            used[name] = url.into();
        }
    }
    used[ISS_SUPPORTED] = loose_json::boolean(&document[ISS_SUPPORTED]).unwrap_or_default().into();
    used
}

/// The RS256 keys, with only their used members.
fn used_keys(document: &Value) -> Value {
    let is_absent_or = |value: &Value, expected: &str| value.is_null() || value == expected;
    let keys = document["keys"].as_array().map(Vec::as_slice).unwrap_or_default().iter();
    let fitting = keys.filter(|key| {
        key["kty"] == "RSA" && is_absent_or(&key["use"], "sig") && is_absent_or(&key["alg"], "RS256")
    });
    let used = fitting.map(|key| {
        let mut used = json!({"kty": "RSA", "use": "sig", "n": key["n"], "e": key["e"]});
        if let Some(kid) = loose_json::text(&key["kid"]) {
            used["kid"] = kid.into();
        }
        used
    });
    json!({"keys": used.collect::<Vec<_>>()})
}

/// Checks that every address in the document is https, or http on this machine (RFC 9700 §2.6).
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
        Some(url) => Err(unusable(format!("`{url}` is neither an https address nor on this machine"))),
        None => Ok(()),
    }
}

fn is_safe(url: &Url) -> bool {
    url.scheme() == "https" || (url.scheme() == "http" && config::is_loopback(url))
}

const ISS_SUPPORTED: &str = "authorization_response_iss_parameter_supported";
/// The least time between two fetches of newer keys for one budget.
pub const KEYS_WINDOW: Duration = Duration::from_mins(1);
