//! New tokens in time: before the old ones end off the request's path, after that before the request goes on.

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::rejection::Rejection;
use super::shared::Shared;
use super::{ending, farewell};
use crate::clock::UnixTime;
use crate::config::SessionMode;
use crate::ims::{RenewError, Renewed};
use crate::session::{Auth, EndReason, ExchangeError, Flight, RefreshError, Singleflight, Tokens};
use crate::telemetry::RequestId;

/// Renewals in progress, one for each session at most.
#[derive(Clone, Debug)]
pub struct Renewals(Singleflight<Renewal>);

/// What came of a renewal.
#[derive(Clone, Debug)]
pub enum Renewal {
    /// The session with its new tokens.
    Fresh(Arc<Auth>),
    /// The session has ended.
    Over,
    /// Not now: the session is as it was.
    Away,
}

impl Renewals {
    /// None in progress; they run on the runtime behind `control`.
    pub fn new(control: Handle) -> Self {
        Self(Singleflight::new(control))
    }

    /// Does something that must not stop halfway because its client goes away: tokens and sessions of others hang on it.
    /// `None` when the process stops first.
    pub async fn through<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let (tell, told) = oneshot::channel();
        self.0.spawn(async move { drop(tell.send(work.await)) });
        told.await.ok()
    }

    /// Waits for what is in progress: a token that IMS has given out and that is not saved is a session lost.
    pub async fn settle(&self) {
        self.0.settle(SETTLING).await;
    }
}

/// The session of a request, with tokens good enough for it; `None` when the session is over. To be called when
/// [`Auth::is_refresh_due`] says so.
pub async fn before_use(
    shared: &Arc<Shared>,
    auth: Arc<Auth>,
    now: UnixTime,
) -> Result<Option<Arc<Auth>>, Rejection> {
    let campaign_wants_it = shared.instance.campaign.session == SessionMode::Bearer;
    if !auth.has_expired(now) {
        // The next requests need not come here, too, until it is over or worth another try.
        auth.postpone_refresh(now.plus(PAUSE).min(auth.data.tokens.access_expires));
        if !auth.has_just_failed(now) {
            start(shared, &auth);
        }
        return Ok(Some(auth));
    }
    let renewal = if auth.has_just_failed(now) {
        Renewal::Away
    } else {
        let patience = if campaign_wants_it { PATIENCE } else { SHORT_PATIENCE };
        let landed = tokio::time::timeout(patience, start(shared, &auth).result()).await;
        landed.ok().flatten().unwrap_or(Renewal::Away)
    };
    match renewal {
        Renewal::Fresh(auth) => Ok(Some(auth)),
        Renewal::Over => Ok(None),
        Renewal::Away if campaign_wants_it => Err(Rejection::TokenExpired(shared.ims.pause())),
        // Campaign never sees the token. For how long IMS may be silent is decided where groups are asked again.
        Renewal::Away => {
            auth.postpone_refresh(now.plus(PAUSE));
            Ok(Some(auth))
        }
    }
}

/// Other tokens than `auth` has, whether these are over or not.
pub async fn at_once(shared: &Arc<Shared>, auth: &Arc<Auth>) -> Renewal {
    let landed = tokio::time::timeout(PATIENCE, start(shared, auth).result()).await;
    landed.ok().flatten().unwrap_or(Renewal::Away)
}

/// Joins the renewal of this session, or begins it. It goes on also when nobody waits for it.
fn start(shared: &Arc<Shared>, auth: &Arc<Auth>) -> Flight<Renewal> {
    shared.renewals.0.join(auth.key(), || renew(shared.clone(), auth.clone()))
}

async fn renew(shared: Arc<Shared>, auth: Arc<Auth>) -> Renewal {
    let id = RequestId::random();
    let exchange = async |refresh: SecretString| {
        let identity = &auth.data.identity;
        let renewed = shared.ims.renew(&refresh, &identity.user, identity.original.as_ref()).await;
        renewed.map(tokens).map_err(|error| match error {
            RenewError::Final(error) => ExchangeError::Permanent(error.to_string()),
            RenewError::RefreshTokenOnly(next, error) => {
                ExchangeError::RefreshTokenOnly(next, error.to_string())
            }
            RenewError::Passing(error) => ExchangeError::Temporary(error.to_string(), error.retry_after()),
        })
    };
    // Boxed: an exchange with IMS and all that may come of it.
    match Box::pin(shared.sessions.refresh(&auth, exchange)).await {
        Ok(fresh) => {
            tracing::info!(request = %id, sid = auth.sid, "tokens renewed");
            Renewal::Fresh(fresh)
        }
        Err(RefreshError::Unavailable(why, wait)) => {
            tracing::warn!(request = %id, sid = auth.sid, why, "tokens not renewed");
            let wait = wait.unwrap_or(SHORT_PAUSE).clamp(SHORT_PAUSE, LONGEST_PAUSE);
            auth.note_failed_refresh(shared.clock.now().plus(wait));
            Renewal::Away
        }
        Err(RefreshError::Refused(why)) => {
            ending::end(&shared, id, &auth, EndReason::TokensRefused, &why).await;
            Renewal::Over
        }
        Err(RefreshError::Ended(late)) => {
            if let Some(tokens) = late {
                // Who waits for the renewal need not wait for this.
                let to = shared.clone();
                shared.renewals.0.spawn(async move {
                    farewell::say(&to, id, &tokens, None).await;
                });
            }
            Renewal::Over
        }
    }
}

fn tokens(renewed: Renewed) -> Tokens {
    Tokens {
        access: renewed.access_token,
        access_expires: renewed.access_expires,
        refresh: renewed.refresh_token,
    }
}

/// Between attempts while nobody is in need.
const PAUSE: Duration = Duration::from_secs(30);
/// Between attempts when the token is over; whoever comes meanwhile hears the last answer at once.
const SHORT_PAUSE: Duration = Duration::from_secs(5);
/// IMS may ask for a longer one, up to this.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);
/// How long a request waits that cannot do without.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a request waits that can.
const SHORT_PATIENCE: Duration = Duration::from_secs(3);
/// How long the end of the process waits: an exchange and its saving.
const SETTLING: Duration = Duration::from_secs(15);
