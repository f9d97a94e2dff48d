//! Campaign's own sessions: a session token and a security token for a login.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::Duration;

use crate::clock::Clock;
use crate::demo::random::{lock, security_token, session_token};
use crate::unix_time::UnixTime;

/// A session of Campaign. No `Debug`: both tokens are secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct OpenSession {
    /// `___<UUID>`, the value of the cookie `__sessiontoken`.
    pub session_token: String,
    /// `@…==`, the value of `X-Security-Token`.
    pub security_token: String,
    /// The login of the session.
    pub login: String,
    /// The operator groups taken over from IMS at the logon; empty without `CampaignOptions::group_rights`.
    pub groups: Vec<String>,
    /// The client address of the logon.
    pub address: IpAddr,
}

impl OpenSession {
    /// The cookie of the session; `Secure` only over HTTPS.
    pub(super) fn cookie(&self, is_https: bool) -> Option<http::HeaderValue> {
        let secure = if is_https { "; Secure" } else { "" };
        format!("__sessiontoken={}; Path=/; HttpOnly{secure}", self.session_token).parse().ok()
    }
}

pub(super) struct OpenSessions {
    clock: Clock,
    timeout: Duration,
    cache: Duration,
    live: Mutex<HashMap<String, (OpenSession, UnixTime)>>,
    /// Sessions that were logged off, and how long they are still accepted.
    cached: Mutex<HashMap<String, (OpenSession, UnixTime)>>,
    logoffs: Mutex<Vec<String>>,
}

impl OpenSessions {
    pub(super) fn new(clock: Clock, timeout: Duration, cache: Duration) -> Self {
        let (live, cached) = (Mutex::default(), Mutex::default());
        Self { clock, timeout, cache, live, cached, logoffs: Mutex::default() }
    }

    pub(super) fn begin(&self, login: &str, groups: Vec<String>, address: IpAddr) -> OpenSession {
        self.begin_for(login, groups, address, self.timeout)
    }

    /// A session of 15 days, as somebody gets who ticks `rememberMe`.
    pub(super) fn begin_remembered(&self, login: &str, groups: Vec<String>, address: IpAddr) -> OpenSession {
        self.begin_for(login, groups, address, REMEMBERED)
    }

    fn begin_for(
        &self,
        login: &str,
        groups: Vec<String>,
        address: IpAddr,
        lifetime: Duration,
    ) -> OpenSession {
        let session = OpenSession {
            session_token: session_token(),
            security_token: security_token(),
            login: login.to_owned(),
            groups,
            address,
        };
        let now = self.clock.now();
        let mut live = lock(&self.live);
        live.retain(|_, (_, expires_at)| now < *expires_at);
        live.insert(session.session_token.clone(), (session.clone(), now.plus(lifetime)));
        session
    }

    pub(super) fn find(&self, session_token: &str) -> Option<OpenSession> {
        let now = self.clock.now();
        let find = |sessions: &Mutex<HashMap<String, (OpenSession, UnixTime)>>| {
            let sessions = lock(sessions);
            let found = sessions.get(session_token).filter(|(_, expires_at)| now < *expires_at);
            found.map(|(session, _)| session.clone())
        };
        find(&self.live).or_else(|| find(&self.cached))
    }

    pub(super) fn log_off(&self, session_token: &str) {
        if let Some((session, _)) = lock(&self.live).remove(session_token) {
            let until = self.clock.now().plus(self.cache);
            lock(&self.cached).insert(session_token.to_owned(), (session, until));
            lock(&self.logoffs).push(session_token.to_owned());
        }
    }

    pub(super) fn live(&self) -> Vec<OpenSession> {
        let now = self.clock.now();
        let live = lock(&self.live);
        live.values()
            .filter(|(_, expires_at)| now < *expires_at)
            .map(|(session, _)| session.clone())
            .collect()
    }

    pub(super) fn clear(&self) {
        lock(&self.live).clear();
    }

    pub(super) fn logoffs(&self) -> Vec<String> {
        lock(&self.logoffs).clone()
    }
}

const REMEMBERED: Duration = Duration::from_hours(15 * 24);
