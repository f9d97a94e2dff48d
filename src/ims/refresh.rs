//! New tokens for a refresh token (RFC 6749 §6, OIDC Core §12).

use std::time::Duration;

use oauth2::{RefreshToken, RequestTokenError, TokenResponse as _};
use openidconnect::core::CoreErrorResponseType;
use secrecy::{ExposeSecret as _, SecretString};

use super::Ims;
use super::code::{DEFAULT_LIFETIME, OauthHttp, TokenError, refresh_token, token_error};
use super::error::ImsError;
use super::token_limit::Share;
use crate::policy::refreshed::Original;
use crate::unix_time::UnixTime;

/// Renewed tokens.
#[derive(Debug)]
pub struct Renewed {
    /// For Campaign and for IMS's own endpoints.
    pub access_token: SecretString,
    /// When the access token ends.
    pub access_expires: UnixTime,
    /// The next refresh token; `None` when the one that was used goes on.
    pub refresh_token: Option<SecretString>,
}

/// Why there are no renewed tokens.
#[derive(Debug, thiserror::Error)]
pub enum RenewError {
    /// The refresh token is worth nothing any more, or the answer is not about this person.
    #[error(transparent)]
    Final(ImsError),
    /// IMS does not answer, or has something against this client: the refresh token may be good another time.
    #[error(transparent)]
    Passing(ImsError),
    /// The response holds the next refresh token, to be saved, and nothing else that can be used.
    #[error("{1}")]
    RefreshTokenOnly(SecretString, ImsError),
}

impl Ims {
    /// Uses a refresh token of this person up. IMS gives a new one with every answer, so what this returns has to be kept.
    /// `original` is what the `id_token` of the sign-in said. An `id_token` is not needed here; one that is there must be valid.
    pub async fn renew(
        &self,
        refresh: &SecretString,
        subject: &str,
        original: Option<&Original>,
    ) -> Result<Renewed, RenewError> {
        let client = self.client().await.map_err(RenewError::Passing)?;
        let refresh = RefreshToken::new(refresh.expose_secret().to_owned());
        let http = OauthHttp::new(self, Share::Refresh);
        let answer = client.exchange_refresh_token(&refresh).request_async(&http).await;
        let answer = answer.map_err(|error| {
            let is_over = is_over(&error);
            let error = token_error(error);
            if is_over { RenewError::Final(error) } else { unusable(http.take().refresh_token, error) }
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
            // Whoever they are for, nobody will use them.
            for token in refresh_token.iter().chain([&access_token]) {
                if let Err(error) = self.revoke(token).await {
                    tracing::info!(%error, "an unused token could not be revoked");
                }
            }
            return Err(RenewError::Final(error));
        }
        // One that is said to be over at once is kept all the same, for the refresh token beside it.
        let lifetime = answer.expires_in().unwrap_or(DEFAULT_LIFETIME).clamp(SHORTEST, DEFAULT_LIFETIME);
        Ok(Renewed { access_token, access_expires: self.clock.now().plus(lifetime), refresh_token })
    }
}

/// A response that cannot be used: what it has of a refresh token is to be saved.
fn unusable(next: Option<SecretString>, error: ImsError) -> RenewError {
    match next {
        Some(next) => RenewError::RefreshTokenOnly(next, error),
        None => RenewError::Passing(error),
    }
}

/// Over at the next look.
const SHORTEST: Duration = Duration::from_secs(1);

/// RFC 6749 §5.2: invalid, expired or revoked. Every other code is about the client, and the operator's affair; so is a
/// redirect, whatever its address says.
fn is_over(error: &TokenError) -> bool {
    matches!(error, RequestTokenError::ServerResponse(refusal) if *refusal.error() == CoreErrorResponseType::InvalidGrant)
}
