//! Sessions seen from outside: lists for an operator, endings by person, changes of a session's data.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tower_sessions::session::Record;
use tower_sessions::session_store::Error;

use super::data::{Person, SessionData};
use super::store::Cursor;
use super::{Auth, Key, Sessions, StoreError, expiry_date};
use crate::clock::UnixTime;

/// A session as an operator or its owner sees it.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Its key, `sid` in the assertion and in the audit trail.
    pub key: Key,
    /// What it holds; the tokens in it are for saying goodbye, not for showing.
    pub data: SessionData,
}

/// Some of the sessions of a store.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// The sessions, in no order that means anything.
    pub sessions: Vec<Listed>,
    /// Where to go on; `None` when this was the end.
    pub next: Option<Cursor>,
}

impl Sessions {
    /// Changes what a session holds (new tokens, other groups) here and at every instance. When this returns, the store
    /// has it. `None` when the session has ended meanwhile. When somebody else has changed it since `auth` was read, here or
    /// elsewhere, `change` is called again on what they left: no change undoes another.
    pub async fn change(
        &self,
        auth: &Auth,
        mut change: impl FnMut(&mut SessionData) + Send,
    ) -> Result<Option<Arc<Auth>>, StoreError> {
        let mut data = auth.data.clone();
        for _ in 0..MOST_TRIES {
            let (was, now) = (data.revision, self.clock.now());
            change(&mut data);
            data.revision = was + 1;
            // A change is no use of the session.
            data.seen = data.seen.max(UnixTime(auth.seen.load(Ordering::Relaxed)));
            let expires = expiry_date(self.kept_until(&data, data.seen));
            let record = Record { id: auth.id, data: data.to_record(), expiry_date: expires };
            if self.store.swap(&record, was).await? {
                let fresh = self.replace(auth.with(data, now));
                return Ok((!fresh.ended.is_cancelled()).then_some(fresh));
            }
            let Some(current) = self.kept(auth.key).await? else {
                auth.ended.cancel();
                self.gone(auth.key);
                return Ok(None);
            };
            data = current;
        }
        Err(StoreError(Error::Backend("a session was changed by others again and again".to_owned())))
    }

    /// About `limit` sessions, beginning after `after`.
    pub async fn list(&self, after: Option<Cursor>, limit: usize) -> Result<Listing, StoreError> {
        let page = self.store.page(after, limit).await?;
        Ok(Listing { sessions: self.listed(page.keys).await?, next: page.next })
    }

    /// The sessions of a person, the oldest first.
    pub async fn of(&self, person: Person<'_>) -> Result<Vec<Listed>, StoreError> {
        let keys = self.store.keys_of(person).await?;
        let mut sessions = self.listed(keys).await?;
        // An index may know more than is true: the data decides.
        let wanted = person.index_text();
        sessions.retain(|session| session.data.persons().iter().any(|p| p.index_text() == wanted));
        sessions.sort_by_key(|session| session.data.created);
        Ok(sessions)
    }

    /// Ends the sessions of a person, but not `except`. Gives what they held, for a goodbye to Campaign and IMS.
    pub async fn end_of(&self, person: Person<'_>, except: Option<Key>) -> Result<Vec<Listed>, StoreError> {
        let mut sessions = self.of(person).await?;
        sessions.retain(|session| Some(session.key) != except);
        for session in &sessions {
            self.end_key(session.key).await?;
        }
        Ok(sessions)
    }

    /// Ends the session with this `sid`. Gives what it held; `None` when there is no such session.
    pub async fn end_sid(&self, sid: &str) -> Result<Option<Listed>, StoreError> {
        let Some(key) = Key::parse(sid) else { return Ok(None) };
        let listed = self.kept(key).await?.map(|data| Listed { key, data });
        self.end_key(key).await?;
        Ok(listed)
    }

    async fn listed(&self, keys: Vec<Key>) -> Result<Vec<Listed>, StoreError> {
        let mut sessions = Vec::with_capacity(keys.len());
        for key in keys {
            // Who is at work here was seen later than the store knows.
            let data = match self.live.get(&key).filter(|auth| !auth.ended.is_cancelled()) {
                Some(auth) => {
                    let seen = auth.seen.load(Ordering::Relaxed);
                    Some(SessionData { seen: UnixTime(seen), ..auth.data.clone() })
                }
                None => self.kept(key).await?,
            };
            sessions.extend(data.map(|data| Listed { key, data }));
        }
        Ok(sessions)
    }
}

/// Changes of one session that may come in between before a change is given up.
const MOST_TRIES: usize = 16;
