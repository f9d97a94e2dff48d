//! Lists of sessions, their end by owner, and changes of a session's data.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures_util::future::try_join_all;
use tower_sessions::session::Record;
use tower_sessions::session_store::Error;

use super::data::{Owner, SessionData};
use super::ended::EndReason;
use super::store::Cursor;
use super::vault::expiry_date;
use super::{Key, LiveSession, Sessions, StoreError};
use crate::unix_time::UnixTime;

/// A session in a list for operators or its owner.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Its key, `sid` in the assertion and in the audit trail.
    pub key: Key,
    /// Its data. Its tokens are for the session cleanup; never show them.
    pub data: SessionData,
}

/// A page of sessions.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// The sessions, in no particular order.
    pub sessions: Vec<Listed>,
    /// Where the next page begins; `None` on the last page.
    pub next: Option<Cursor>,
}

impl Sessions {
    /// Changes the data of a session, here and at every instance. When this returns, the store has the change. `None` when the
    /// session has ended meanwhile. After a concurrent change, `change` is called again with the newer data, so no change
    /// undoes another.
    pub async fn change(
        &self,
        session: &LiveSession,
        mut change: impl FnMut(&mut SessionData) + Send,
    ) -> Result<Option<Arc<LiveSession>>, StoreError> {
        let mut data = session.data.clone();
        for _ in 0..MAX_TRIES {
            let (revision, now) = (data.revision, self.clock.now());
            change(&mut data);
            data.revision = revision + 1;
            // A change does not count as use.
            data.seen = data.seen.max(UnixTime(session.seen.load(Ordering::Relaxed)));
            let expires = expiry_date(self.lifetimes.kept_until(&data, data.seen));
            let record = Record { id: session.id, data: data.to_record(), expiry_date: expires };
            if self.vault.replace(&record, revision).await? {
                let fresh = self.replace(session.with(data, now));
                // A session that has timed out here may be in use at another instance.
                let lives = !fresh.ended.is_cancelled() || self.stored(session.key).await?.is_some();
                return Ok(lives.then_some(fresh));
            }
            let Some(current) = self.stored(session.key).await? else {
                session.ended.cancel();
                self.forget(session.key);
                return Ok(None);
            };
            data = current;
        }
        Err(StoreError(Error::Backend(
            "each attempt to change this session was overtaken by another change".to_owned(),
        )))
    }

    /// About `limit` sessions after `after`.
    pub async fn list(&self, after: Option<Cursor>, limit: usize) -> Result<Listing, StoreError> {
        let page = self.store().page(after, limit).await?;
        Ok(Listing { sessions: self.read_all(page.keys).await?, next: page.next })
    }

    /// The sessions of an owner at this instance, the oldest first.
    pub async fn of(&self, owner: Owner<'_>) -> Result<Vec<Listed>, StoreError> {
        let keys = self.vault.keys_of(owner).await?;
        let mut sessions = self.read_all(keys).await?;
        // The index may be out of date: the data decides.
        let wanted = owner.index_text();
        sessions.retain(|session| {
            self.is_own(&session.data)
                && session.data.owners().iter().any(|owner| owner.index_text() == wanted)
        });
        sessions.sort_by_key(|session| (session.data.created, session.key));
        Ok(sessions)
    }

    /// Ends the sessions of an owner except one; returns how many.
    pub async fn end_of(
        &self,
        owner: Owner<'_>,
        except: Option<Key>,
        why: EndReason,
    ) -> Result<usize, StoreError> {
        let sessions = self.of(owner).await?;
        let keys =
            sessions.into_iter().map(|session| session.key).filter(|key| Some(*key) != except).collect();
        self.end_all(keys, why).await
    }

    /// Ends these sessions; returns how many. All are ended here even when the store fails, and the store is asked again
    /// later.
    pub async fn end_all(&self, sessions: Vec<Key>, why: EndReason) -> Result<usize, StoreError> {
        let (mut ended, mut failure) = (0, None);
        for key in sessions {
            match self.end_key(key, why).await {
                Ok(was_there) => ended += usize::from(was_there),
                Err(error) => failure = Some(error),
            }
        }
        failure.map_or(Ok(ended), Err)
    }

    /// Ends the session with this `sid`; false when there is no such session.
    pub async fn end_sid(&self, sid: &str, why: EndReason) -> Result<bool, StoreError> {
        match Key::parse(sid) {
            Some(key) => self.end_key(key, why).await,
            None => Ok(false),
        }
    }

    /// Ends the oldest sessions of the owner of this new one until `most` are left, the new one included; returns how many.
    pub async fn limit_sessions(&self, newest: &LiveSession, most: usize) -> Result<usize, StoreError> {
        let owner = Owner::User(&newest.data.identity.user);
        // Usually there are few, and no session must be read.
        if self.vault.keys_of(owner).await?.len() <= most {
            return Ok(0);
        }
        let mut others = self.of(owner).await?;
        others.retain(|session| session.key != newest.key);
        let surplus = (others.len() + 1).saturating_sub(most);
        let oldest = others.iter().take(surplus).map(|session| session.key).collect();
        self.end_all(oldest, EndReason::TooMany).await
    }

    async fn read_all(&self, keys: Vec<Key>) -> Result<Vec<Listed>, StoreError> {
        let mut sessions = Vec::with_capacity(keys.len());
        for some in keys.chunks(READ_AT_ONCE) {
            let read = try_join_all(some.iter().map(|key| self.read_one(*key))).await?;
            let both = some.iter().zip(read);
            sessions.extend(both.filter_map(|(key, data)| Some(Listed { key: *key, data: data? })));
        }
        Ok(sessions)
    }

    async fn read_one(&self, key: Key) -> Result<Option<SessionData>, StoreError> {
        match self.live.get(&key).filter(|session| !self.is_over(session, self.clock.now())) {
            // The last use here may be later than in the store.
            Some(session) => {
                let seen = session.seen.load(Ordering::Relaxed);
                Ok(Some(SessionData { seen: UnixTime(seen), ..session.data.clone() }))
            }
            None => self.stored_alive(key).await,
        }
    }
}

/// Attempts to change a session. Each failed attempt lost against a concurrent change.
const MAX_TRIES: usize = 16;
/// Concurrent reads of a list.
const READ_AT_ONCE: usize = 16;
