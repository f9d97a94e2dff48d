//! New tokens for a session: one exchange among all instances, and its result saved before anybody uses it.
//!
//! A refresh token works once. So the exchange is made under a lease; who does not get the lease waits for what the winner
//! saves, and takes over when the winner has died. docs/sessions.md goes through every point where a crash can come.

use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::Instant;

use super::data::Tokens;
use super::lease::Lease;
use super::{AsOf, Auth, Sessions, StoreError};

/// Why IMS gave no tokens.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// It never will: the refresh token is worth nothing, or the answer was about somebody else.
    #[error("{0}")]
    Final(String),
    /// Not now; perhaps after the time that IMS named.
    #[error("{0}")]
    Passing(String, Option<Duration>),
    /// The response holds the next refresh token, and nothing else that can be used.
    #[error("{1}")]
    RefreshTokenOnly(SecretString, String),
}

/// Why a session has no new tokens.
#[derive(Debug, thiserror::Error)]
pub enum NotRenewed {
    /// IMS gives no more tokens for this session: it is to be ended.
    #[error("IMS gives no more tokens: {0}")]
    Refused(String),
    /// The session has ended meanwhile. Tokens that came too late are to be given back.
    #[error("the session has ended")]
    Ended(Option<Tokens>),
    /// Not now; the session is as it was. IMS may have named a time to wait.
    #[error("{0}")]
    Away(String, Option<Duration>),
}

impl From<StoreError> for NotRenewed {
    fn from(error: StoreError) -> Self {
        Self::Away(error.to_string(), None)
    }
}

impl Sessions {
    /// A session with other tokens than `auth` has: those that somebody else has saved meanwhile, or those that `exchange`
    /// gives for the refresh token, saved. One call for a session at a time in this process is the caller's duty.
    pub async fn renew<F>(
        &self,
        auth: &Arc<Auth>,
        exchange: impl FnOnce(SecretString) -> F + Send,
    ) -> Result<Arc<Auth>, NotRenewed>
    where
        F: Future<Output = Result<Tokens, ExchangeError>> + Send,
    {
        let lease = Lease::new("renew", auth.key);
        let begun = Instant::now();
        while !self.store.lease(&lease).await.map_err(StoreError::from)? {
            if let Some(renewed) = self.renewed_by_others(auth).await? {
                return Ok(renewed);
            }
            if begun.elapsed() > PATIENCE {
                return Err(NotRenewed::Away("another instance is at it for too long".to_owned(), None));
            }
            tokio::time::sleep(LOOK).await;
        }
        self.holding(&lease, self.exchange(auth, exchange)).await
    }

    /// The exchange, under the lease.
    async fn exchange<F>(
        &self,
        auth: &Arc<Auth>,
        exchange: impl FnOnce(SecretString) -> F + Send,
    ) -> Result<Arc<Auth>, NotRenewed>
    where
        F: Future<Output = Result<Tokens, ExchangeError>> + Send,
    {
        // The winner may have finished between our last look and our getting the lease.
        let current = self.ask(auth).await?.ok_or(NotRenewed::Ended(None))?;
        if !is_same(&current.data.tokens.access, &auth.data.tokens.access) {
            return Ok(current);
        }
        let Some(used) = current.data.tokens.refresh.clone() else {
            return Err(NotRenewed::Refused("there is no refresh token".to_owned()));
        };
        match exchange(used.clone()).await {
            Ok(tokens) => self.save(&current, &used, tokens).await,
            Err(ExchangeError::RefreshTokenOnly(next, why)) => {
                let tokens = Tokens { refresh: Some(next), ..current.data.tokens.clone() };
                let saved = self.save(&current, &used, tokens).await?;
                // The saved session is another value than the one whose refresh failed.
                saved.note_failed_renewal(self.clock.now().plus(PAUSE));
                Err(NotRenewed::Away(why, None))
            }
            Err(ExchangeError::Passing(why, wait)) => Err(NotRenewed::Away(why, wait)),
            Err(ExchangeError::Final(why)) => match self.second_look(&current).await? {
                Some(renewed) => Ok(renewed),
                None => Err(NotRenewed::Refused(why)),
            },
        }
    }

    /// Saves rotated tokens, whatever it takes: they cannot be had again. Meanwhile nobody gets an answer that rests on them.
    async fn save(
        &self,
        current: &Arc<Auth>,
        used: &SecretString,
        tokens: Tokens,
    ) -> Result<Arc<Auth>, NotRenewed> {
        let now = self.clock.now();
        // An answer without a refresh token means that the old one goes on (RFC 6749 §6).
        let refresh = tokens.refresh.clone().unwrap_or_else(|| used.clone());
        let tokens = Tokens { refresh: Some(refresh), ..tokens };
        loop {
            let saved = self.change(current, |data| {
                // When an instance that was thought dead has saved other ones, those stay: all instances know them.
                if data.tokens.refresh.as_ref().is_some_and(|kept| is_same(kept, used)) {
                    data.tokens = tokens.clone();
                    data.as_of = AsOf { tokens: now, ..data.as_of };
                }
            });
            match saved.await {
                Ok(Some(fresh)) => return Ok(fresh),
                Ok(None) => return Err(NotRenewed::Ended(Some(tokens))),
                Err(error) if self.clock.now() < current.data.ends => {
                    tracing::warn!(sid = %current.key, %error, "renewed tokens are not saved yet; trying again");
                    tokio::time::sleep(SAVE_PAUSE).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// IMS knows the refresh token no more. Before that is the end of the session: an instance that lost its lease may be
    /// about to save what it got for it.
    async fn second_look(&self, current: &Arc<Auth>) -> Result<Option<Arc<Auth>>, NotRenewed> {
        let begun = Instant::now();
        loop {
            if let Some(renewed) = self.renewed_by_others(current).await? {
                return Ok(Some(renewed));
            }
            if !self.store.is_shared() || begun.elapsed() > SECOND_LOOK {
                return Ok(None);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn renewed_by_others(&self, auth: &Arc<Auth>) -> Result<Option<Arc<Auth>>, NotRenewed> {
        let current = self.ask(auth).await?.ok_or(NotRenewed::Ended(None))?;
        Ok(Some(current).filter(|current| !is_same(&current.data.tokens.access, &auth.data.tokens.access)))
    }
}

fn is_same(one: &SecretString, other: &SecretString) -> bool {
    one.expose_secret() == other.expose_secret()
}

/// How often who waits looks whether it is done.
const LOOK: Duration = Duration::from_millis(100);
/// How long one waits for another instance: longer than a lease lives after its owner.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a refused refresh token may be one that another instance has just used.
const SECOND_LOOK: Duration = Duration::from_secs(2);
/// Before the next refresh, when a response held the refresh token alone.
const PAUSE: Duration = Duration::from_secs(5);
/// Between attempts to save.
const SAVE_PAUSE: Duration = Duration::from_millis(500);
