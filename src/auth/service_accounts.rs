//! The verified tokens of technical accounts, and the refused ones, by digest. Both lists are bounded.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use moka::sync::Cache;
use tokio::sync::{Mutex, MutexGuard};

use super::bearer_refusal::BearerRefusal;
use super::service_account::{ClientHeldSession, ServiceAccount};
use crate::config::Instance;
use crate::policy::access_token::has_expired;
use crate::unix_time::UnixTime;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct TokenDigest([u8; 32]);

impl TokenDigest {
    /// SHA-256 of the token.
    pub fn of(token: &str) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
        Self(bytes)
    }

    /// A part of it, for log lines.
    pub fn shown(&self) -> String {
        crate::crypto::sha256_text(&self.0).chars().take(SHOWN).collect()
    }
}

/// The known tokens. They outlive a reload, but an entry is valid only for the configuration for which it was verified.
#[derive(Debug)]
pub struct ServiceAccounts {
    accepted: Cache<TokenDigest, Arc<ServiceAccount>>,
    refused: Cache<TokenDigest, Arc<RefusedToken>>,
    /// Campaign sessions that accounts opened by themselves, by session token.
    client_held: Cache<TokenDigest, Arc<ClientHeldSession>>,
    /// Locks, selected by digest: held while IMS is asked about a token.
    asking: [Mutex<()>; 16],
}

#[derive(Debug)]
struct RefusedToken {
    why: BearerRefusal,
    until: UnixTime,
    instance: Arc<Instance>,
}

impl Default for ServiceAccounts {
    fn default() -> Self {
        let end = |_, account: Arc<ServiceAccount>, _| account.end();
        Self {
            accepted: Cache::builder().max_capacity(MOST_ACCEPTED).eviction_listener(end).build(),
            refused: Cache::new(MOST_REFUSED),
            client_held: Cache::new(MOST_ACCEPTED),
            asking: Default::default(),
        }
    }
}

impl ServiceAccounts {
    /// The account of a token that was verified before. Nearly every request of an account needs only this look-up.
    pub(super) fn find(
        &self,
        token: &TokenDigest,
        instance: &Arc<Instance>,
        now: UnixTime,
    ) -> Option<Arc<ServiceAccount>> {
        let account = self.accepted.get(token)?;
        if !is_current(&account, instance, now) {
            self.remove(token);
            return None;
        }
        Some(account)
    }

    /// Adds a session that Campaign opened for an account.
    pub(super) fn add_client_held(&self, token: TokenDigest, session: Arc<ClientHeldSession>) {
        self.client_held.insert(token, session);
    }

    /// The session with this session token, while the access token behind it is valid.
    pub(super) fn client_held(
        &self,
        token: &TokenDigest,
        instance: &Arc<Instance>,
        now: UnixTime,
    ) -> Option<Arc<ClientHeldSession>> {
        self.client_held.get(token).filter(|client_held| is_current(&client_held.account, instance, now))
    }

    /// The reason, if this token was refused a moment ago.
    pub(super) fn refusal(
        &self,
        token: &TokenDigest,
        instance: &Arc<Instance>,
        now: UnixTime,
    ) -> Option<BearerRefusal> {
        let refused = self.refused.get(token)?;
        (now < refused.until && Arc::ptr_eq(&refused.instance, instance)).then(|| refused.why.clone())
    }

    /// Adds a verified token.
    pub(super) fn accept(&self, token: TokenDigest, account: Arc<ServiceAccount>) {
        self.accepted.insert(token, account);
    }

    /// Adds a refusal, for a short time.
    pub(super) fn refuse(
        &self,
        token: TokenDigest,
        why: BearerRefusal,
        instance: Arc<Instance>,
        now: UnixTime,
    ) {
        let lasts = if matches!(why, BearerRefusal::Unavailable(_)) { SHORT } else { REFUSED };
        self.refused.insert(token, Arc::new(RefusedToken { why, until: now.plus(lasts), instance }));
    }

    /// Waits until no other request is asking IMS about this token.
    pub(super) async fn ask_alone(&self, token: &TokenDigest) -> MutexGuard<'_, ()> {
        self.asking[usize::from(token.0[0]) % self.asking.len()].lock().await
    }

    /// Ends the accounts whose tokens have expired.
    pub(super) fn sweep(&self, now: UnixTime) {
        self.accepted.run_pending_tasks();
        self.client_held.run_pending_tasks();
        self.refused.run_pending_tasks();
        // Most gateways have none, and iterating over an empty cache takes long too.
        if self.accepted.entry_count() + self.client_held.entry_count() == 0 {
            return;
        }
        for (token, account) in &self.accepted {
            if has_expired(account.expires, now, account.instance.ims.clock_skew) {
                self.remove(&token);
            }
        }
        for (token, client_held) in &self.client_held {
            if has_expired(client_held.account.expires, now, client_held.account.instance.ims.clock_skew) {
                self.client_held.invalidate(&*token);
            }
        }
    }

    /// Ends all accounts: their Campaign sessions are logged off in the background.
    pub fn end_all(&self) {
        for (token, _) in &self.accepted {
            self.remove(&token);
        }
    }

    fn remove(&self, token: &TokenDigest) {
        if let Some(account) = self.accepted.remove(token) {
            account.end();
        }
    }
}

/// True while the token is valid, under the configuration for which it was verified.
fn is_current(account: &ServiceAccount, instance: &Arc<Instance>, now: UnixTime) -> bool {
    Arc::ptr_eq(&account.instance, instance) && !has_expired(account.expires, now, instance.ims.clock_skew)
}

/// Verified tokens, about 6 kB each.
const MOST_ACCEPTED: u64 = 1_000;
/// Refused tokens, about 200 bytes each.
const MOST_REFUSED: u64 = 10_000;
/// How long a refusal is remembered. Afterwards a token may be valid that was too early, or whose key was unknown.
const REFUSED: Duration = Duration::from_secs(10);
/// The same while IMS does not answer.
const SHORT: Duration = Duration::from_secs(2);
/// Characters of a digest in log lines.
const SHOWN: usize = 16;
