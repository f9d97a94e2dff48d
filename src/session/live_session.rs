//! A session in use: its data, its prepared credentials, and the state that only this process has.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use http::HeaderValue;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tower_sessions::session::Id;

use super::assertion::{CachedAssertion, Signer};
use super::data::{CampaignSession, SessionData};
use super::issued_tokens::IssuedTokens;
use super::key::Key;
use crate::policy::campaign_tokens::{OwnTokens, TokenPair};
use crate::policy::credentials::Credentials;
use crate::policy::token_times::{recheck_due, refresh_due};
use crate::telemetry::audit::Subject;
use crate::unix_time::UnixTime;

/// A session ready to use.
#[derive(Debug)]
pub struct LiveSession {
    pub(super) id: Id,
    pub(super) key: Key,
    /// The data of the session.
    pub data: SessionData,
    /// The public name of the session: a digest of its id.
    pub sid: String,
    /// The header fields of its requests to Campaign.
    pub credentials: Credentials,
    /// The tokens of its current and its earlier Campaign sessions.
    current_tokens: Option<TokenPair>,
    earlier_tokens: Vec<TokenPair>,
    /// Digests of session tokens that Campaign has issued to this session in responses.
    issued_tokens: Arc<IssuedTokens>,
    /// Cancelled when the session ends.
    pub ended: Arc<CancellationToken>,
    /// The last use, in seconds since the Unix epoch, as the other times here.
    pub(super) seen: AtomicI64,
    /// The last use in the store.
    pub(super) stored: AtomicI64,
    /// When the store last confirmed the session.
    pub(super) confirmed_at: AtomicI64,
    /// True while a task asks the store for the session.
    pub(super) is_confirming: AtomicBool,
    /// Locked while a new Campaign session is requested; holds the last request.
    pub campaign_logon: Arc<Mutex<LastLogon>>,
    /// The token refresh is due from this time; never without a refresh token.
    refresh_at: AtomicI64,
    /// No refresh is tried before this time.
    refresh_from: Arc<AtomicI64>,
    /// The groups are not checked before this time.
    recheck_from: Arc<AtomicI64>,
    assertion: CachedAssertion,
}

/// The last request for a new Campaign session.
#[derive(Clone, Copy, Debug, Default)]
pub struct LastLogon {
    /// When; `None`: never.
    pub at: Option<UnixTime>,
    /// True when Campaign opened no session.
    pub failed: bool,
}

/// A session whose absolute time-out comes within this time ends soon.
const SOON: Duration = Duration::from_mins(5);

impl LiveSession {
    /// Prepares a session that the store confirmed at `confirmed_at`; `ended` is cancelled at its end.
    pub(super) fn new(
        id: Id,
        data: SessionData,
        ended: Arc<CancellationToken>,
        confirmed_at: UnixTime,
    ) -> Self {
        let current_tokens = data.campaign.as_ref().map(CampaignSession::tokens);
        let key = Key::of(id);
        Self {
            sid: key.to_string(),
            credentials: data.identity.credentials(current_tokens.as_ref(), &data.tokens.access),
            current_tokens,
            earlier_tokens: data.earlier_campaign.iter().map(CampaignSession::tokens).collect(),
            issued_tokens: Arc::default(),
            ended,
            seen: AtomicI64::new(data.seen.0),
            stored: AtomicI64::new(data.seen.0),
            confirmed_at: AtomicI64::new(confirmed_at.0),
            is_confirming: AtomicBool::new(false),
            campaign_logon: Arc::default(),
            refresh_at: AtomicI64::new(match data.tokens.refresh {
                Some(_) => refresh_due(data.as_of.tokens, data.tokens.access_expires).0,
                None => i64::MAX,
            }),
            refresh_from: Arc::new(AtomicI64::new(i64::MIN)),
            recheck_from: Arc::new(AtomicI64::new(i64::MIN)),
            assertion: CachedAssertion::default(),
            id,
            key,
            data,
        }
    }

    /// The same session with newer data, which the store had at `confirmed_at`.
    pub(super) fn with(&self, data: SessionData, confirmed_at: UnixTime) -> Self {
        let ended = self.ended.clone();
        // Both values share these fields: requests may still hold the old one.
        Self {
            issued_tokens: self.issued_tokens.clone(),
            campaign_logon: self.campaign_logon.clone(),
            refresh_from: self.refresh_from.clone(),
            recheck_from: self.recheck_from.clone(),
            ..Self::new(self.id, data, ended, confirmed_at)
        }
    }

    /// The Campaign tokens that its requests may hold.
    pub fn own_tokens(&self) -> OwnTokens<'_> {
        OwnTokens { current: self.current_tokens.as_ref(), earlier: &self.earlier_tokens }
    }

    /// Session tokens that Campaign has issued to this session in responses, not to the gateway's logon.
    pub fn issued_tokens(&self) -> &IssuedTokens {
        &self.issued_tokens
    }

    /// The server at which this session has its Campaign session.
    pub fn upstream(&self) -> Option<&str> {
        self.data.campaign.as_ref()?.upstream.as_deref()
    }

    /// Seconds until the absolute time-out, if it is near.
    pub fn ends_soon(&self, now: UnixTime) -> Option<u32> {
        let left = self.data.ends.since(now);
        if left > SOON { None } else { u32::try_from(left.as_secs()).ok() }
    }

    /// The value of the session cookie.
    pub fn cookie_value(&self) -> String {
        self.id.to_string()
    }

    /// The key of the session in store and cache.
    pub fn key(&self) -> Key {
        self.key
    }

    /// True when the tokens must be refreshed. Every request of a session in use checks this.
    pub fn is_refresh_due(&self, now: UnixTime) -> bool {
        now.0 >= self.refresh_at.load(Ordering::Relaxed)
    }

    /// True when the access token has expired.
    pub fn has_access_token_expired(&self, now: UnixTime) -> bool {
        now >= self.data.tokens.access_expires
    }

    /// No request starts a refresh before this time.
    pub fn postpone_refresh(&self, until: UnixTime) {
        self.refresh_at.store(until.0, Ordering::Relaxed);
    }

    /// Records a failed refresh: none is tried before this time.
    pub fn note_failed_refresh(&self, until: UnixTime) {
        self.refresh_from.store(until.0, Ordering::Relaxed);
    }

    /// True when a refresh has failed and it is too early for another one.
    pub fn has_refresh_just_failed(&self, now: UnixTime) -> bool {
        now.0 < self.refresh_from.load(Ordering::Relaxed)
    }

    /// The groups are not checked here before this time.
    pub fn postpone_recheck(&self, until: UnixTime) {
        self.recheck_from.store(until.0, Ordering::Relaxed);
    }

    /// True when the groups must be checked again, at most `interval` after the last check.
    pub fn is_recheck_due(&self, now: UnixTime, interval: Duration) -> bool {
        let due = recheck_due(self.data.as_of.groups, interval, self.key.salt());
        now >= due.max(UnixTime(self.recheck_from.load(Ordering::Relaxed)))
    }

    /// The subject of audit lines.
    pub fn subject(&self) -> Subject {
        self.data.identity.subject().with_session(&self.sid)
    }

    /// `X-Ims-Assertion`, signed at most once a minute.
    pub fn assertion(&self, signer: &Signer, now: UnixTime) -> HeaderValue {
        self.assertion.get(signer, &self.data.identity, &self.sid, now)
    }
}
