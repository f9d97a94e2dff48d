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
pub struct LiveSession {
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

impl LiveSession {
    /// The cookie of the session; `Secure` only over HTTPS.
    pub(super) fn cookie(&self, is_https: bool) -> Option<http::HeaderValue> {
        let secure = if is_https { "; Secure" } else { "" };
        format!("__sessiontoken={}; Path=/; HttpOnly{secure}", self.session_token).parse().ok()
    }
}

pub(super) struct Sessions {
    clock: Clock,
    timeout: Duration,
    live: Mutex<HashMap<String, (LiveSession, UnixTime)>>,
    logoffs: Mutex<Vec<String>>,
}

impl Sessions {
    pub(super) fn new(clock: Clock, timeout: Duration) -> Self {
        Self { clock, timeout, live: Mutex::default(), logoffs: Mutex::default() }
    }

    pub(super) fn begin(&self, login: &str, groups: Vec<String>, address: IpAddr) -> LiveSession {
        let session = LiveSession {
            session_token: session_token(),
            security_token: security_token(),
            login: login.to_owned(),
            groups,
            address,
        };
        let now = self.clock.now();
        let mut live = lock(&self.live);
        live.retain(|_, (_, expires_at)| now < *expires_at);
        live.insert(session.session_token.clone(), (session.clone(), now.plus(self.timeout)));
        session
    }

    pub(super) fn find(&self, session_token: &str) -> Option<LiveSession> {
        let now = self.clock.now();
        lock(&self.live)
            .get(session_token)
            .filter(|(_, expires_at)| now < *expires_at)
            .map(|(session, _)| session.clone())
    }

    pub(super) fn log_off(&self, session_token: &str) {
        if lock(&self.live).remove(session_token).is_some() {
            lock(&self.logoffs).push(session_token.to_owned());
        }
    }

    pub(super) fn live(&self) -> Vec<LiveSession> {
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
