//! A session ready to use: every header it adds to a request is made once, here.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64};

use arc_swap::ArcSwapOption;
use http::HeaderValue;
use secrecy::ExposeSecret;
use tokio_util::sync::CancellationToken;
use tower_sessions::session::Id;

use super::assertion::Signer;
use super::data::SessionData;
use super::key::Key;
use crate::clock::UnixTime;
use crate::policy::cookies::CAMPAIGN_COOKIE;
use crate::policy::headers::{group_list, header_text};

/// A live session with its prepared headers.
#[derive(Debug)]
pub struct Auth {
    pub(super) id: Id,
    pub(super) key: Key,
    /// What the session holds.
    pub data: SessionData,
    /// Names the session to others without giving it away: a digest of the id.
    pub sid: String,
    /// `X-Ims-User`.
    pub user: HeaderValue,
    /// `X-Ims-Email`.
    pub email: Option<HeaderValue>,
    /// `X-Ims-Organization`.
    pub organization: HeaderValue,
    /// `X-Campaign-Groups`.
    pub groups: HeaderValue,
    /// `__sessiontoken=…`, mode `bearer-logon`.
    pub campaign_cookie: Option<HeaderValue>,
    /// `X-Security-Token`, mode `bearer-logon`.
    pub security_token: Option<HeaderValue>,
    /// `Authorization: Bearer …`, mode `bearer`.
    pub bearer: HeaderValue,
    /// Cancelled when the session ends.
    pub ended: Arc<CancellationToken>,
    /// Last use, seconds since the epoch.
    pub(super) seen: AtomicI64,
    /// Last use that the store knows of.
    pub(super) stored: AtomicI64,
    /// When the store last said that the session is alive.
    pub(super) asked: AtomicI64,
    /// True while the store is being asked.
    pub(super) asking: AtomicBool,
    assertion: ArcSwapOption<(UnixTime, HeaderValue)>,
}

impl Auth {
    /// Prepares a session that the store has said, at `asked`, to be alive; `ended` tells its end.
    pub(super) fn new(id: Id, data: SessionData, ended: Arc<CancellationToken>, asked: UnixTime) -> Self {
        let secret = |text: &str| {
            let mut value = header_text(text);
            value.set_sensitive(true);
            value
        };
        let identity = &data.identity;
        let campaign = data.campaign.as_ref();
        let key = Key::of(id);
        Self {
            sid: key.to_string(),
            user: header_text(&identity.user),
            email: identity.email.as_deref().map(header_text),
            organization: header_text(&identity.organization),
            groups: group_list(&identity.groups),
            campaign_cookie: campaign.map(|session| {
                secret(&format!("{CAMPAIGN_COOKIE}={}", session.session_token.expose_secret()))
            }),
            security_token: campaign.map(|session| secret(session.security_token.expose_secret())),
            bearer: secret(&format!("Bearer {}", data.tokens.access.expose_secret())),
            ended,
            seen: AtomicI64::new(data.seen.0),
            stored: AtomicI64::new(data.seen.0),
            asked: AtomicI64::new(asked.0),
            asking: AtomicBool::new(false),
            assertion: ArcSwapOption::empty(),
            id,
            key,
            data,
        }
    }

    /// The session's key.
    pub fn key(&self) -> Key {
        self.key
    }

    /// The session cookie's value.
    pub fn cookie_value(&self) -> String {
        self.id.to_string()
    }

    /// `X-Ims-Assertion`, signed at most once a minute.
    pub fn assertion(&self, signer: &Signer, now: UnixTime) -> HeaderValue {
        if let Some(cached) = self.assertion.load().as_deref()
            && now.since(cached.0) < Signer::REUSE
        {
            return cached.1.clone();
        }
        let fresh = signer.sign(&self.data.identity, &self.sid, now);
        self.assertion.store(Some(Arc::new((now, fresh.clone()))));
        fresh
    }
}
