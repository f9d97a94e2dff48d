//! Token refresh: one exchange among all instances, whose result is saved before anybody uses it.
//!
//! A refresh token works once, so the exchange needs a lease. An instance without the lease waits for the tokens that the
//! owner saves, and takes over when the owner has died. docs/sessions.md discusses a crash at each step.

use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::Instant;

use super::data::Tokens;
use super::lease::SessionLease;
use super::{AsOf, LiveSession, Sessions, StoreError};

/// Why IMS gave no tokens.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// Refused for good: the refresh token is not valid, or the response is about another person.
    #[error("{0}")]
    Permanent(String),
    /// Not now. IMS may have said when to try again.
    #[error("{0}")]
    Temporary(String, Option<Duration>),
    /// Only the refresh token of the response can be used.
    #[error("{1}")]
    RefreshTokenOnly(SecretString, String),
}

/// Why a token refresh failed.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// IMS gives no more tokens for this session. The caller ends it.
    #[error("IMS gives no more tokens: {0}")]
    Refused(String),
    /// The session has ended meanwhile. The caller revokes tokens that came too late.
    #[error("the session has ended")]
    Ended(Option<Tokens>),
    /// Not now; the session has not changed. IMS may have said when to try again.
    #[error("{0}")]
    Unavailable(String, Option<Duration>),
}

impl From<StoreError> for RefreshError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.to_string(), None)
    }
}

impl Sessions {
    /// Replaces the tokens of `session`: by those that another instance has saved meanwhile, or by those that `exchange` gives
    /// for the refresh token. The result is saved. The caller makes one call at a time for each session in this process.
    pub async fn refresh<F>(
        &self,
        session: &Arc<LiveSession>,
        exchange: impl FnOnce(SecretString) -> F + Send,
    ) -> Result<Arc<LiveSession>, RefreshError>
    where
        F: Future<Output = Result<Tokens, ExchangeError>> + Send,
    {
        let lease = SessionLease::new("renew", session.key);
        let begun = Instant::now();
        while !self.store().lease(&lease).await.map_err(StoreError::from)? {
            if let Some(fresh) = self.refreshed_by_others(session).await? {
                return Ok(fresh);
            }
            if begun.elapsed() > MAX_WAIT {
                return Err(RefreshError::Unavailable(
                    "another instance has been refreshing for too long".to_owned(),
                    None,
                ));
            }
            tokio::time::sleep(POLL).await;
        }
        self.under_lease(&lease, self.exchange(session, exchange)).await
    }

    /// The exchange, under the lease.
    async fn exchange<F>(
        &self,
        session: &Arc<LiveSession>,
        exchange: impl FnOnce(SecretString) -> F + Send,
    ) -> Result<Arc<LiveSession>, RefreshError>
    where
        F: Future<Output = Result<Tokens, ExchangeError>> + Send,
    {
        // Another instance may have finished just before this one got the lease.
        let current = self.latest(session).await?.ok_or(RefreshError::Ended(None))?;
        if !is_same(&current.data.tokens.access, &session.data.tokens.access) {
            return Ok(current);
        }
        let Some(used) = current.data.tokens.refresh.clone() else {
            return Err(RefreshError::Refused("there is no refresh token".to_owned()));
        };
        match exchange(used.clone()).await {
            Ok(tokens) => self.save(&current, &used, tokens).await,
            Err(ExchangeError::RefreshTokenOnly(next, why)) => {
                let tokens = Tokens { refresh: Some(next), ..current.data.tokens.clone() };
                let saved = self.save(&current, &used, tokens).await?;
                // The caller records the failure in its own value of the session, which `saved` replaces.
                saved.note_failed_refresh(self.clock.now().plus(RETRY_PAUSE));
                Err(RefreshError::Unavailable(why, None))
            }
            Err(ExchangeError::Temporary(why, wait)) => Err(RefreshError::Unavailable(why, wait)),
            Err(ExchangeError::Permanent(why)) => match self.await_others(&current).await? {
                Some(fresh) => Ok(fresh),
                None => Err(RefreshError::Refused(why)),
            },
        }
    }

    /// Saves new tokens, and tries again until the session ends: IMS gives them only once. Nobody uses them before they are
    /// saved.
    async fn save(
        &self,
        current: &Arc<LiveSession>,
        used: &SecretString,
        tokens: Tokens,
    ) -> Result<Arc<LiveSession>, RefreshError> {
        let now = self.clock.now();
        // Without a new refresh token the old one stays valid (RFC 6749 §6).
        let refresh = tokens.refresh.clone().unwrap_or_else(|| used.clone());
        let tokens = Tokens { refresh: Some(refresh), ..tokens };
        loop {
            let saved = self.change(current, |data| {
                // Tokens of an instance that lost its lease stay: the other instances use them already.
                if data.tokens.refresh.as_ref().is_some_and(|held| is_same(held, used)) {
                    data.tokens = tokens.clone();
                    data.as_of = AsOf { tokens: now, ..data.as_of };
                }
            });
            match saved.await {
                Ok(Some(fresh)) => return Ok(fresh),
                Ok(None) => return Err(RefreshError::Ended(Some(tokens))),
                Err(error) if self.clock.now() < current.data.ends => {
                    tracing::warn!(sid = %current.key, %error, "new tokens are not saved yet; trying again");
                    tokio::time::sleep(SAVE_PAUSE).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Waits for tokens of another instance after IMS refused the refresh token: an instance that lost its lease may have used the token
    /// and not yet saved the result.
    async fn await_others(
        &self,
        current: &Arc<LiveSession>,
    ) -> Result<Option<Arc<LiveSession>>, RefreshError> {
        let begun = Instant::now();
        loop {
            if let Some(fresh) = self.refreshed_by_others(current).await? {
                return Ok(Some(fresh));
            }
            if !self.store().is_shared() || begun.elapsed() > OTHERS_SAVE_WITHIN {
                return Ok(None);
            }
            tokio::time::sleep(POLL).await;
        }
    }

    async fn refreshed_by_others(
        &self,
        session: &Arc<LiveSession>,
    ) -> Result<Option<Arc<LiveSession>>, RefreshError> {
        let current = self.latest(session).await?.ok_or(RefreshError::Ended(None))?;
        Ok(Some(current).filter(|current| !is_same(&current.data.tokens.access, &session.data.tokens.access)))
    }
}

fn is_same(one: &SecretString, other: &SecretString) -> bool {
    one.expose_secret() == other.expose_secret()
}

/// Pause between checks whether another instance has finished.
const POLL: Duration = Duration::from_millis(100);
/// The longest wait for another instance. A lease whose owner died expires earlier.
const MAX_WAIT: Duration = Duration::from_secs(30);
/// How long another instance may take to save the tokens for a refresh token that IMS refused here.
const OTHERS_SAVE_WITHIN: Duration = Duration::from_secs(2);
/// Pause before the next refresh, after a response of which only the refresh token can be used.
const RETRY_PAUSE: Duration = Duration::from_secs(5);
/// Pause between attempts to save tokens.
const SAVE_PAUSE: Duration = Duration::from_millis(500);
