//! The assertion: a short-lived ES256 JWT that proves to Campaign that the identity headers come from this gateway
//! (RFC 7519, RFC 7515). The public key is at `/ims/jwks.json` (RFC 7517).

use std::sync::Arc;
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderValue;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;
use serde_json::{Value, json};

use super::data::Identity;
use crate::crypto::sha256_text;
use crate::unix_time::UnixTime;

/// Signs assertions. The keys exist only in this process and rotate: the next key is published before it signs, and the last
/// key stays published while its assertions are valid.
pub struct Signer {
    issuer: String,
    keys: ArcSwap<SigningKeys>,
}

/// The current keys.
struct SigningKeys {
    signs: Arc<SigningKey>,
    next: Arc<SigningKey>,
    jwks: Value,
}

struct SigningKey {
    signing: EncodingKey,
    header: Header,
    jwk: Value,
}

/// No key pair could be generated.
#[derive(Debug, thiserror::Error)]
#[error("the system's generator gave no signing key")]
pub struct KeyError;

#[derive(Serialize)]
struct AssertionClaims<'a> {
    iss: &'a str,
    sub: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    org: &'a str,
    groups: &'a [String],
    aud: &'static str,
    sid: &'a str,
    iat: i64,
    exp: i64,
}

impl Signer {
    /// How long an assertion is reused.
    pub const REUSE: Duration = Duration::from_mins(1);
    /// How long an assertion is valid.
    pub const LIFETIME: Duration = Duration::from_mins(2);

    /// A signer with new keys; `issuer` is the origin of the callback server.
    pub fn new(issuer: String) -> Result<Self, KeyError> {
        let keys = SigningKeys::new(SigningKey::new()?, SigningKey::new()?, None);
        Ok(Self { issuer, keys: ArcSwap::from_pointee(keys) })
    }

    /// The origin of the callback server.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Signs with the next key from now on, and publishes a new next key.
    pub fn rotate(&self) -> Result<(), KeyError> {
        let keys = self.keys.load_full();
        self.keys.store(Arc::new(SigningKeys::new(keys.next.clone(), SigningKey::new()?, Some(&keys.signs))));
        Ok(())
    }

    /// The public keys as a JWK set: the current, the next and the last one.
    pub fn jwks(&self) -> Value {
        self.keys.load().jwks.clone()
    }

    /// Signs an identity. The value is empty when signing fails, which only a broken key could cause.
    pub fn sign(&self, identity: &Identity, sid: &str, now: UnixTime) -> HeaderValue {
        let claims = AssertionClaims {
            iss: &self.issuer,
            sub: &identity.user,
            email: identity.email.as_deref(),
            org: &identity.organization,
            groups: &identity.groups,
            aud: "campaign",
            sid,
            iat: now.0,
            exp: now.plus(Self::LIFETIME).0,
        };
        let signs = self.keys.load().signs.clone();
        let token = jsonwebtoken::encode(&signs.header, &claims, &signs.signing).unwrap_or_default();
        let mut value = HeaderValue::from_str(&token).unwrap_or_else(|_| HeaderValue::from_static(""));
        value.set_sensitive(true);
        value
    }
}

/// The last assertion of one caller.
#[derive(Debug, Default)]
pub struct CachedAssertion(ArcSwapOption<(UnixTime, HeaderValue)>);

impl CachedAssertion {
    /// `X-Ims-Assertion`, signed at most once in [`Signer::REUSE`].
    pub fn get(&self, signer: &Signer, identity: &Identity, sid: &str, now: UnixTime) -> HeaderValue {
        if let Some(cached) = self.0.load().as_deref()
            && now.since(cached.0) < Signer::REUSE
        {
            return cached.1.clone();
        }
        let fresh = signer.sign(identity, sid, now);
        self.0.store(Some(Arc::new((now, fresh.clone()))));
        fresh
    }
}

impl SigningKeys {
    fn new(signs: Arc<SigningKey>, next: Arc<SigningKey>, last: Option<&Arc<SigningKey>>) -> Self {
        let all: Vec<&Value> = [&signs, &next].into_iter().chain(last).map(|key| &key.jwk).collect();
        let jwks = json!({ "keys": all });
        Self { signs, next, jwks }
    }
}

impl SigningKey {
    fn new() -> Result<Arc<Self>, KeyError> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(|_| KeyError)?;
        let document = pair.to_pkcs8v1().map_err(|_| KeyError)?;
        // An uncompressed point: 0x04, then x and y, 32 bytes each (SEC 1 §2.3.3).
        let point = pair.public_key().as_ref();
        let (x, y) = point.get(1..).and_then(|xy| xy.split_at_checked(32)).ok_or(KeyError)?;
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        // The key id is the thumbprint (RFC 7638 §3).
        let kid = sha256_text(format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#).as_bytes());
        let jwk =
            json!({"kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": kid, "use": "sig", "alg": "ES256"});
        let header = Header { kid: Some(kid), ..Header::new(Algorithm::ES256) };
        Ok(Arc::new(Self { signing: EncodingKey::from_ec_der(document.as_ref()), header, jwk }))
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}
