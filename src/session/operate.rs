//! Sessions seen from outside: lists for an operator, endings by person, changes of a session's data.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures_util::future::try_join_all;
use tower_sessions::session::Record;
use tower_sessions::session_store::Error;

use super::data::{Person, SessionData};
use super::parting::Ending;
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
                // Over for this instance is not yet over for others, who may have seen a later use.
                let lives = !fresh.ended.is_cancelled() || self.kept(auth.key).await?.is_some();
                return Ok(lives.then_some(fresh));
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
        sessions.sort_by_key(|session| (session.data.created, session.key));
        Ok(sessions)
    }

    /// Ends the sessions of a person, but not `except`; gives how many there were.
    pub async fn end_of(
        &self,
        person: Person<'_>,
        except: Option<Key>,
        why: Ending,
    ) -> Result<usize, StoreError> {
        let sessions = self.of(person).await?;
        let keys =
            sessions.into_iter().map(|session| session.key).filter(|key| Some(*key) != except).collect();
        self.end_all(keys, why).await
    }

    /// Ends these sessions; gives how many there were. The first failure stops none of the others: they are over here, and
    /// the store is told when it is back.
    pub async fn end_all(&self, sessions: Vec<Key>, why: Ending) -> Result<usize, StoreError> {
        let (mut ended, mut failure) = (0, None);
        for key in sessions {
            match self.dismiss(key, why).await {
                Ok(was_there) => ended += usize::from(was_there),
                Err(error) => failure = Some(error),
            }
        }
        failure.map_or(Ok(ended), Err)
    }

    /// Ends the session with this `sid`; false when there is no such session.
    pub async fn end_sid(&self, sid: &str, why: Ending) -> Result<bool, StoreError> {
        match Key::parse(sid) {
            Some(key) => self.dismiss(key, why).await,
            None => Ok(false),
        }
    }

    /// Leaves the owner of this new session at most `most` sessions, this one among them: the oldest end. Gives how many.
    pub async fn make_room(&self, newest: &Auth, most: usize) -> Result<usize, StoreError> {
        let person = Person::User(&newest.data.identity.user);
        // Mostly there are few, and nothing has to be read.
        if self.store.keys_of(person).await?.len() <= most {
            return Ok(0);
        }
        let mut others = self.of(person).await?;
        others.retain(|session| session.key != newest.key);
        let surplus = (others.len() + 1).saturating_sub(most);
        let oldest = others.iter().take(surplus).map(|session| session.key).collect();
        self.end_all(oldest, Ending::TooMany).await
    }

    async fn listed(&self, keys: Vec<Key>) -> Result<Vec<Listed>, StoreError> {
        let mut sessions = Vec::with_capacity(keys.len());
        for some in keys.chunks(READ_AT_ONCE) {
            let read = try_join_all(some.iter().map(|key| self.look_up(*key))).await?;
            let both = some.iter().zip(read);
            sessions.extend(both.filter_map(|(key, data)| Some(Listed { key: *key, data: data? })));
        }
        Ok(sessions)
    }

    async fn look_up(&self, key: Key) -> Result<Option<SessionData>, StoreError> {
        match self.live.get(&key).filter(|auth| !self.is_over(auth, self.clock.now())) {
            // Who is at work here was seen later than the store knows.
            Some(auth) => {
                let seen = auth.seen.load(Ordering::Relaxed);
                Ok(Some(SessionData { seen: UnixTime(seen), ..auth.data.clone() }))
            }
            None => self.alive(key).await,
        }
    }
}

/// Changes of one session that may come in between before a change is given up.
const MOST_TRIES: usize = 16;
/// Sessions read from the store at a time.
const READ_AT_ONCE: usize = 16;
