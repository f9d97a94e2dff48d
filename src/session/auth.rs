//! A session ready to use: every header it adds to a request is made once, here.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use http::HeaderValue;
use secrecy::ExposeSecret;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tower_sessions::session::Id;

use super::assertion::Signer;
use super::data::SessionData;
use super::key::Key;
use crate::clock::UnixTime;
use crate::policy::cookies::CAMPAIGN_COOKIE;
use crate::policy::identity::IdentityFields;
use crate::policy::token_times::{recheck_due, renewal_due};
use crate::wire::fields::header_text;
use crate::wire::request_head::HeaderLines;

/// A live session with its prepared headers.
#[derive(Debug)]
pub struct Auth {
    pub(super) id: Id,
    pub(super) key: Key,
    /// What the session holds.
    pub data: SessionData,
    /// Names the session to others without giving it away: a digest of the id.
    pub sid: String,
    /// The identity headers but the assertion.
    pub identity: IdentityFields,
    /// The same as they go to Campaign.
    pub identity_lines: HeaderLines,
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
    /// Held while a new Campaign session is asked for; when that was done last.
    pub campaign_logon: Arc<Mutex<UnixTime>>,
    /// From when on a request has to think of the tokens; never without a refresh token.
    renew_at: AtomicI64,
    /// Before then nobody tries to renew them.
    renew_from: Arc<AtomicI64>,
    /// Before then nobody asks for the groups again.
    recheck_from: Arc<AtomicI64>,
    assertion: ArcSwapOption<(UnixTime, HeaderValue)>,
}

/// How long before its end, in seconds, a session is said to end.
const SOON: i64 = 300;

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
        let fields = IdentityFields::new(
            &identity.user,
            identity.email.as_deref(),
            &identity.organization,
            &identity.groups,
        );
        Self {
            sid: key.to_string(),
            identity_lines: fields.lines(),
            identity: fields,
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
            campaign_logon: Arc::new(Mutex::const_new(UnixTime(0))),
            renew_at: AtomicI64::new(match data.tokens.refresh {
                Some(_) => renewal_due(data.as_of.tokens.0, data.tokens.access_expires.0),
                None => i64::MAX,
            }),
            renew_from: Arc::new(AtomicI64::new(i64::MIN)),
            recheck_from: Arc::new(AtomicI64::new(i64::MIN)),
            assertion: ArcSwapOption::empty(),
            id,
            key,
            data,
        }
    }

    /// The same session with other data, which the store had at `asked`.
    pub(super) fn with(&self, data: SessionData, asked: UnixTime) -> Self {
        let ended = self.ended.clone();
        // What was put off stays so, whichever of the two hears of it.
        Self {
            campaign_logon: self.campaign_logon.clone(),
            renew_from: self.renew_from.clone(),
            recheck_from: self.recheck_from.clone(),
            ..Self::new(self.id, data, ended, asked)
        }
    }

    /// Seconds until the session ends, used or not, when that is soon.
    pub fn ends_soon(&self, now: UnixTime) -> Option<u32> {
        let left = self.data.ends.0.saturating_sub(now.0);
        if left > SOON { None } else { u32::try_from(left).ok() }
    }

    /// The session cookie's value.
    pub fn cookie_value(&self) -> String {
        self.id.to_string()
    }

    /// The session's key: its name towards store and cache.
    pub fn key(&self) -> Key {
        self.key
    }

    /// True when the tokens are to be renewed, soon or now. All that a request of a live session pays for renewals.
    pub fn is_renewal_due(&self, now: UnixTime) -> bool {
        now.0 >= self.renew_at.load(Ordering::Relaxed)
    }

    /// True when the access token is worth nothing any more.
    pub fn has_expired(&self, now: UnixTime) -> bool {
        now >= self.data.tokens.access_expires
    }

    /// Until then no request thinks of a renewal.
    pub fn put_off_renewal(&self, until: UnixTime) {
        self.renew_at.store(until.0, Ordering::Relaxed);
    }

    /// Until then a renewal is not worth another try.
    pub fn note_failed_renewal(&self, until: UnixTime) {
        self.renew_from.store(until.0, Ordering::Relaxed);
    }

    /// True when a renewal has failed, and it is too early for another try.
    pub fn has_just_failed(&self, now: UnixTime) -> bool {
        now.0 < self.renew_from.load(Ordering::Relaxed)
    }

    /// Until then nobody here asks for the groups again.
    pub fn put_off_recheck(&self, until: UnixTime) {
        self.recheck_from.store(until.0, Ordering::Relaxed);
    }

    /// True when the groups are to be asked for again, `interval` after the last time at the latest.
    pub fn is_recheck_due(&self, now: UnixTime, interval: Duration) -> bool {
        let due = recheck_due(self.data.as_of.groups.0, interval, self.key.salt());
        now.0 >= due.max(self.recheck_from.load(Ordering::Relaxed))
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
