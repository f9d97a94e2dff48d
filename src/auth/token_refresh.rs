//! Refreshes tokens. Before they expire, this runs in the background; afterwards, the request waits for it.

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;

use super::singleflight::Flight;
use super::{Authenticator, IdentifyError};
use crate::config::SessionMode;
use crate::ims::{RefreshedTokens, TokenRefreshError};
use crate::session::{EndReason, ExchangeError, LiveSession, RefreshError, Tokens};
use crate::telemetry::{RequestId, TokenRefresh};
use crate::unix_time::UnixTime;

/// The result of a token refresh.
#[derive(Clone, Debug)]
pub enum Refresh {
    /// The session with its new tokens.
    Done(Arc<LiveSession>),
    Ended,
    /// Not possible now; the session is unchanged.
    Later,
}

impl Authenticator {
    /// The session with tokens that this request can use; `None` when the session has ended. Call it when
    /// [`LiveSession::is_refresh_due`].
    pub(super) async fn refresh_before_use(
        self: &Arc<Self>,
        session: Arc<LiveSession>,
        now: UnixTime,
    ) -> Result<Option<Arc<LiveSession>>, IdentifyError> {
        let needs_token = self.instance.campaign.session == SessionMode::Bearer;
        if !session.has_access_token_expired(now) {
            // No other attempt until the pause is over or the token has expired.
            session.postpone_refresh(now.plus(PAUSE).min(session.data.tokens.access_expires));
            if !session.has_refresh_just_failed(now) {
                self.start_refresh(&session);
            }
            return Ok(Some(session));
        }
        let refresh = if session.has_refresh_just_failed(now) {
            Refresh::Later
        } else {
            let patience = if needs_token { PATIENCE } else { SHORT_PATIENCE };
            let done = tokio::time::timeout(patience, self.start_refresh(&session).result()).await;
            done.ok().flatten().unwrap_or(Refresh::Later)
        };
        match refresh {
            Refresh::Done(session) => Ok(Some(session)),
            Refresh::Ended => Ok(None),
            Refresh::Later if needs_token => Err(IdentifyError::TokenExpired(self.ims.pause())),
            // Campaign does not get the token. The group recheck decides how long IMS may be unavailable.
            Refresh::Later => {
                session.postpone_refresh(now.plus(PAUSE));
                Ok(Some(session))
            }
        }
    }

    /// Refreshes the tokens even if they have not expired.
    pub(super) async fn refresh_now(self: &Arc<Self>, session: &Arc<LiveSession>) -> Refresh {
        let done = tokio::time::timeout(PATIENCE, self.start_refresh(session).result()).await;
        done.ok().flatten().unwrap_or(Refresh::Later)
    }

    /// Joins the refresh of this session, or begins it. It continues even if no request waits for it.
    fn start_refresh(self: &Arc<Self>, session: &Arc<LiveSession>) -> Flight<Refresh> {
        let work = || refresh(self.clone(), session.clone());
        self.services.tasks.join(session.key(), work)
    }
}

async fn refresh(auth: Arc<Authenticator>, session: Arc<LiveSession>) -> Refresh {
    let (metrics, result) = (auth.metrics.clone(), exchange(auth, session).await);
    metrics.token_refresh(result.1);
    result.0
}

async fn exchange(auth: Arc<Authenticator>, session: Arc<LiveSession>) -> (Refresh, TokenRefresh) {
    let id = RequestId::random();
    let exchange = async |refresh: SecretString| {
        let identity = &session.data.identity;
        let refreshed = auth.ims.refresh_tokens(&refresh, &identity.user, identity.original.as_ref()).await;
        refreshed.map(tokens).map_err(|error| match error {
            TokenRefreshError::Final(error) => ExchangeError::Permanent(error.to_string()),
            TokenRefreshError::RefreshTokenOnly(next, error) => {
                ExchangeError::RefreshTokenOnly(next, error.to_string())
            }
            TokenRefreshError::Temporary(error) => {
                ExchangeError::Temporary(error.to_string(), error.retry_after())
            }
        })
    };
    // Boxed: the future is large.
    match Box::pin(auth.state.sessions.refresh(&session, exchange)).await {
        Ok(fresh) => {
            tracing::info!(request = %id, sid = session.sid, "tokens refreshed");
            (Refresh::Done(fresh), TokenRefresh::Refreshed)
        }
        Err(RefreshError::Unavailable(why, wait)) => {
            tracing::warn!(request = %id, sid = session.sid, why, "tokens not refreshed");
            let wait = wait.unwrap_or(SHORT_PAUSE).clamp(SHORT_PAUSE, LONGEST_PAUSE);
            session.note_failed_refresh(auth.services.clock.now().plus(wait));
            (Refresh::Later, TokenRefresh::Unavailable)
        }
        Err(RefreshError::Refused(why)) => {
            auth.end_session(id, &session, EndReason::TokensRefused, &why).await;
            (Refresh::Ended, TokenRefresh::Refused)
        }
        Err(RefreshError::Ended(late)) => {
            if let Some(tokens) = late {
                // In the background: requests that wait for the refresh need not wait for this.
                let to = auth.clone();
                auth.services.tasks.spawn(async move {
                    to.clean_up(id, &tokens, None).await;
                });
            }
            (Refresh::Ended, TokenRefresh::Ended)
        }
    }
}

fn tokens(refreshed: RefreshedTokens) -> Tokens {
    Tokens {
        access: refreshed.access_token,
        access_expires: refreshed.access_expires,
        refresh: refreshed.refresh_token,
    }
}

/// Between attempts while the token is still valid.
const PAUSE: Duration = Duration::from_secs(30);
/// Between attempts after the token has expired. Requests in between get the last result at once.
const SHORT_PAUSE: Duration = Duration::from_secs(5);
/// IMS may ask for a longer pause, up to this.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);
/// How long a request waits, if Campaign needs the token.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a request waits, if Campaign does not need the token.
const SHORT_PATIENCE: Duration = Duration::from_secs(3);
