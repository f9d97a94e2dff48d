//! New tokens for a refresh token (RFC 6749 §6, OIDC Core §12).

use std::time::Duration;

use oauth2::{RefreshToken, RequestTokenError, TokenResponse as _};
use openidconnect::core::CoreErrorResponseType;
use secrecy::{ExposeSecret as _, SecretString};

use super::ImsClient;
use super::code::{DEFAULT_LIFETIME, OauthHttp, TokenError, refresh_token, token_error};
use super::error::ImsError;
use super::token_limit::Share;
use crate::policy::refreshed::Original;
use crate::unix_time::UnixTime;

/// The result of a successful refresh.
#[derive(Debug)]
pub struct RefreshedTokens {
    /// Valid for Campaign and for the IMS endpoints.
    pub access_token: SecretString,
    pub access_expires: UnixTime,
    /// The next refresh token; `None` when the used one stays valid.
    pub refresh_token: Option<SecretString>,
}

/// Why a refresh gave no usable tokens.
#[derive(Debug, thiserror::Error)]
pub enum TokenRefreshError {
    /// The refresh token is no longer valid, or the response is about another person.
    #[error(transparent)]
    Final(ImsError),
    /// IMS does not answer, or refuses this client. A later attempt with the same refresh token may succeed.
    #[error(transparent)]
    Temporary(ImsError),
    /// Only the next refresh token of the response is usable. The caller must save it.
    #[error("{1}")]
    RefreshTokenOnly(SecretString, ImsError),
}

impl ImsClient {
    /// Exchanges a refresh token of `subject` for new tokens. IMS rotates refresh tokens: the caller must save the new one.
    /// `original` holds claims of the sign-in's `id_token`. The response may lack an `id_token`; a present one must be valid.
    pub async fn refresh_tokens(
        &self,
        refresh: &SecretString,
        subject: &str,
        original: Option<&Original>,
    ) -> Result<RefreshedTokens, TokenRefreshError> {
        let client = self.client().await.map_err(TokenRefreshError::Temporary)?;
        let refresh = RefreshToken::new(refresh.expose_secret().to_owned());
        let http = OauthHttp::new(self, Share::Refresh);
        let answer = client.exchange_refresh_token(&refresh).request_async(&http).await;
        let answer = answer.map_err(|error| {
            let is_invalid_grant = is_invalid_grant(&error);
            let error = token_error(error);
            if is_invalid_grant {
                TokenRefreshError::Final(error)
            } else {
                unusable(http.take().refresh_token, error)
            }
        })?;
        let access_token = SecretString::from(answer.access_token().secret().as_str());
        let refresh_token = refresh_token(&answer);
        if let Some(id_token) = http.take().id_token
            && let Err(error) = self
                .check_refreshed_id_token(&id_token, access_token.expose_secret(), subject, original)
                .await
        {
            if matches!(error, ImsError::Answer { .. }) {
                return Err(unusable(refresh_token, error));
            }
            // The new tokens are not used: revoke them.
            for token in refresh_token.iter().chain([&access_token]) {
                if let Err(error) = self.revoke(token).await {
                    tracing::info!(%error, "an unused token could not be revoked");
                }
            }
            return Err(TokenRefreshError::Final(error));
        }
        // An access token that expires at once is accepted too: the refresh token beside it is valid.
        let lifetime = answer.expires_in().unwrap_or(DEFAULT_LIFETIME).clamp(SHORTEST, DEFAULT_LIFETIME);
        Ok(RefreshedTokens { access_token, access_expires: self.clock.now().plus(lifetime), refresh_token })
    }
}

/// The error for an unusable response, with the next refresh token if the response has one.
fn unusable(next: Option<SecretString>, error: ImsError) -> TokenRefreshError {
    match next {
        Some(next) => TokenRefreshError::RefreshTokenOnly(next, error),
        None => TokenRefreshError::Temporary(error),
    }
}

/// The least lifetime: such a token is refreshed at its next use.
const SHORTEST: Duration = Duration::from_secs(1);

/// True when the refresh token is invalid, expired or revoked (RFC 6749 §5.2). All other error codes, and redirects, concern
/// the client registration, which the operator must correct.
fn is_invalid_grant(error: &TokenError) -> bool {
    matches!(error, RequestTokenError::ServerResponse(refusal) if *refusal.error() == CoreErrorResponseType::InvalidGrant)
}
