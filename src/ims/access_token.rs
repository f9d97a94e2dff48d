//! Verification of the access token of a technical account. This file checks the signature; `policy::access_token` checks the claims.

use bytes::Bytes;
use http::{Request, header};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::Value;
use url::form_urlencoded::Serializer;

use super::ImsClient;
use super::error::ImsError;
use super::jws::{Jws, SignatureCheck};
use super::provider::Budget;
use crate::policy::access_token::{self, AccessToken, InvalidAccessToken};
use crate::wire::loose_json;

/// Why an access token is not accepted.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AccessTokenError {
    /// Header, claims or signature are not those of a token of a technical account.
    #[error(transparent)]
    Invalid(#[from] InvalidAccessToken),
    /// IMS's keys, or its answer about the token, are unavailable; the token may be valid.
    #[error(transparent)]
    Ims(#[from] ImsError),
}

impl ImsClient {
    /// Verifies an access token that IMS issued to a client for which `is_listed` is true. The claims are read first: a token of another
    /// client costs neither a signature check nor a fetch of keys.
    ///
    /// # Errors
    /// When the token is refused, or cannot be checked now.
    pub async fn access_token(
        &self,
        token: &str,
        is_listed: impl FnOnce(&str) -> bool,
    ) -> Result<AccessToken, AccessTokenError> {
        let jws = Jws::parse(token).ok_or(InvalidAccessToken::Malformed)?;
        let kid = access_token::key_id(&jws.header)?;
        let (now, skew) = (self.clock.now(), self.instance.ims.clock_skew);
        let claims = access_token::read(&jws.claims, is_listed, now, skew)?;
        match jws.verify(&self.provider, Some(&kid), Budget::TechnicalAccount).await? {
            SignatureCheck::Valid => Ok(claims),
            _ => Err(InvalidAccessToken::Signature.into()),
        }
    }

    /// Asks IMS whether an access token is still valid (`/ims/validate_token/v1`).
    ///
    /// # Errors
    /// When IMS says that it is not, or does not answer.
    pub async fn validate_access_token(
        &self,
        token: &SecretString,
        client_id: &str,
    ) -> Result<(), AccessTokenError> {
        const ENDPOINT: &str = "validate_token";
        let fields = [("type", "access_token"), ("client_id", client_id), ("token", token.expose_secret())];
        let form = Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = Request::post(self.endpoint("ims/validate_token/v1"))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::ACCEPT, "application/json")
            .body(Bytes::from(form));
        let body = self.http.send(ENDPOINT, request).await?;
        let answer: ValidationAnswer =
            serde_json::from_slice(&body).map_err(|error| ImsError::json(ENDPOINT, &error))?;
        match loose_json::boolean(&answer.valid) {
            Some(true) => Ok(()),
            Some(false) => Err(InvalidAccessToken::Revoked.into()),
            None => {
                Err(ImsError::Answer { endpoint: ENDPOINT, reason: "`valid` is missing".to_owned() }.into())
            }
        }
    }
}

#[derive(Deserialize)]
struct ValidationAnswer {
    #[serde(default)]
    valid: Value,
}
