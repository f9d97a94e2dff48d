//! Who sends a request. The only place that looks a session up for a request.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;

use super::Authenticator;
use super::bearer_refusal::BearerRefusal;
use super::service_account::{ClientHeldSession, ServiceAccount};
use crate::session::{LiveSession, StoreError};
use crate::telemetry::{Counters, Lookup, RequestId};
use crate::unix_time::UnixTime;

/// What [`Authenticator::identify`] reads of a request.
#[derive(Clone, Copy, Debug)]
pub struct AuthRequest<'a> {
    /// Its id, for logs and the audit trail.
    pub id: RequestId,
    /// The peer of the connection, for the audit trail.
    pub peer: IpAddr,
    pub now: UnixTime,
    pub headers: &'a HeaderMap,
    /// Where look-ups are counted.
    pub counters: &'a Counters,
}

/// What the caller is needed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To forward the request: counts as use of the session, and refreshes its tokens when they are due.
    Forward,
    /// For a route of the gateway: counts as use.
    Route,
    /// To read the session: does neither.
    Peek,
}

/// Who sends a request.
#[derive(Clone, Debug)]
pub enum Caller {
    Anonymous,
    Session(Arc<LiveSession>),
    /// A technical account, by its access token.
    Service(Arc<ServiceAccount>),
    /// A technical account, by the token of a Campaign session that it opened by itself.
    ClientHeld(Arc<ClientHeldSession>),
    /// A caller whose access token is not accepted.
    Refused(BearerRefusal),
}

impl Caller {
    pub fn session(self) -> Option<Arc<LiveSession>> {
        match self {
            Self::Anonymous | Self::Service(_) | Self::ClientHeld(_) | Self::Refused(_) => None,
            Self::Session(session) => Some(session),
        }
    }
}

/// The caller cannot be identified at the moment.
#[derive(Debug, thiserror::Error)]
pub enum IdentifyError {
    /// The session store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The tokens of the session have expired, and IMS gives no new ones now. Holds how long IMS asks to wait.
    #[error("the tokens of this session cannot be refreshed now")]
    TokenExpired(Option<Duration>),
}

impl Authenticator {
    /// The caller of a request: the owner of the session in its cookie; without a session cookie, the technical account whose access
    /// token it carries.
    ///
    /// # Errors
    /// When the store does not answer, or ([`Purpose::Forward`] only) when Campaign needs the access token and it cannot be refreshed.
    pub async fn identify(
        self: &Arc<Self>,
        request: AuthRequest<'_>,
        purpose: Purpose,
    ) -> Result<Caller, IdentifyError> {
        let Some(session) = self.look_up(request, purpose).await? else {
            // A browser sends the cookie by itself. So a request with a session cookie is asked to sign in, even if it has a token.
            if !self.has_accounts() || self.cookies.session_cookie(request.headers).is_some() {
                return Ok(Caller::Anonymous);
            }
            return Ok(self.service(request).await);
        };
        if purpose == Purpose::Forward && session.is_refresh_due(request.now) {
            // Boxed: rare, and its states would make every request's future larger.
            let refreshed = Box::pin(self.refresh_before_use(session, request.now)).await?;
            return Ok(refreshed.map_or(Caller::Anonymous, Caller::Session));
        }
        Ok(Caller::Session(session))
    }

    /// The caller's session, for a route of the gateway: counts as use.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn live_session(
        &self,
        request: AuthRequest<'_>,
    ) -> Result<Option<Arc<LiveSession>>, StoreError> {
        self.look_up(request, Purpose::Route).await
    }

    async fn look_up(
        &self,
        request: AuthRequest<'_>,
        purpose: Purpose,
    ) -> Result<Option<Arc<LiveSession>>, StoreError> {
        let Some(cookie) = self.cookies.session_cookie(request.headers) else { return Ok(None) };
        let sessions = &self.state.sessions;
        let found = match purpose {
            Purpose::Forward | Purpose::Route => sessions.find_at(cookie, request.now).await,
            Purpose::Peek => sessions.peek(cookie).await,
        };
        request.counters.lookup(match &found {
            Ok(Some(_)) => Lookup::Found,
            Ok(None) => Lookup::Unknown,
            Err(_) => Lookup::Failed,
        });
        found
    }
}
