//! Forms that met an ended session: kept sealed in the session store for a while, given back once.
//!
//! They lie where sessions lie, so that any instance can give back what another has kept; under names of their own, which
//! lead to no session.

mod room;

use std::collections::HashMap;
use std::fmt::{self, Display, Formatter};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use secrecy::SecretString;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use tower_sessions::session::{Id, Record};

use super::{Key, Store, StoreError, expiry_date, new_id};
use crate::clock::{Clock, UnixTime};
use crate::policy::return_to::ReturnTo;
use room::Room;

/// One form, as it was sent. No `Debug`: it holds what somebody wrote.
#[derive(Clone, Serialize, Deserialize)]
pub struct Form {
    /// IMS user id of who sent it.
    pub user: String,
    /// Path and query it was sent to.
    pub target: ReturnTo,
    /// The page it was on.
    pub page: ReturnTo,
    /// `Content-Type`, with the boundary of its parts.
    pub content_type: String,
    /// The body, to the byte.
    #[serde(serialize_with = "to_base64", deserialize_with = "from_base64")]
    pub body: Bytes,
    /// Campaign's security token of the session that has ended.
    #[serde(serialize_with = "super::data::expose_some")]
    pub security_token: Option<SecretString>,
    /// When it was sent, seconds since the Unix epoch.
    pub sent: i64,
}

/// What a browser knows a kept form by: 128 random bits, as secret as a session's id.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct FormId(Id);

/// Every form that this gateway keeps. Cloning shares them.
#[derive(Clone, Debug)]
pub struct Forms {
    store: Arc<dyn Store>,
    room: Arc<Mutex<Room>>,
    lifetime: Duration,
    clock: Clock,
}

/// Room for one form while it comes in; given back when dropped.
#[derive(Debug)]
pub struct Place {
    room: Arc<Mutex<Room>>,
    number: u64,
    filled: bool,
}

impl Forms {
    /// Forms kept in `store`, each for `lifetime`.
    pub fn new(store: Arc<dyn Store>, lifetime: Duration, clock: Clock) -> Self {
        Self { store, room: Arc::default(), lifetime, clock }
    }

    /// Room for a form of at most `bytes` of this person; `None` when there is too much already.
    pub fn reserve(&self, user: &str, bytes: usize) -> Option<Place> {
        let number = lock(&self.room).reserve(user, bytes, self.clock.now())?;
        Some(Place { room: self.room.clone(), number, filled: false })
    }

    /// Keeps a form in its place. When this person has too many, the oldest go, whose keys are told.
    pub async fn keep(&self, mut place: Place, form: &Form) -> Result<(FormId, Vec<Key>), StoreError> {
        let expires = UnixTime(form.sent).plus(self.lifetime);
        let id = self.write(new_id(), form, expires).await?;
        place.filled = true;
        let oldest = lock(&self.room).fill(place.number, id.key(), form.body.len(), expires);
        for key in &oldest {
            if let Err(error) = self.store.take(*key).await {
                tracing::debug!(%error, "a form that nobody can have any more stays until it expires");
            }
        }
        Ok((id, oldest))
    }

    /// A kept form; it stays.
    pub async fn look(&self, id: FormId) -> Result<Option<Form>, StoreError> {
        Ok(self.store.kept(id.key()).await?.and_then(|kept| Form::from_record(&kept.data)))
    }

    /// Takes out a form of this person. Nobody gets it a second time, at no instance; nobody else gets it at all.
    pub async fn take(&self, id: FormId, user: &str) -> Result<Option<Form>, StoreError> {
        let Some(form) = self.look(id).await?.filter(|form| form.user == user) else { return Ok(None) };
        Ok(self.discard(id).await?.then_some(form))
    }

    /// Puts back a form that was taken out and did not leave, under the same name and for no longer.
    pub async fn put_back(&self, id: FormId, form: &Form) -> Result<(), StoreError> {
        let expires = UnixTime(form.sent).plus(self.lifetime);
        let id = self.write(id.0, form, expires).await?;
        lock(&self.room).restore(&form.user, id.key(), form.body.len(), expires);
        Ok(())
    }

    /// Forgets a form; true when it was there.
    pub async fn discard(&self, id: FormId) -> Result<bool, StoreError> {
        lock(&self.room).leave(id.key());
        Ok(self.store.take(id.key()).await?.is_some())
    }

    async fn write(&self, id: Id, form: &Form, expires: UnixTime) -> Result<FormId, StoreError> {
        let mut record = Record { id, data: form.to_record(), expiry_date: expiry_date(expires) };
        self.store.create(&mut record).await?;
        Ok(FormId(record.id))
    }
}

impl Form {
    fn to_record(&self) -> HashMap<String, Value> {
        HashMap::from([(KIND.to_owned(), serde_json::to_value(self).unwrap_or(Value::Null))])
    }

    fn from_record(data: &HashMap<String, Value>) -> Option<Self> {
        Self::deserialize(data.get(KIND)?).ok()
    }
}

impl FormId {
    /// Reads an id as it is written; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }

    /// What it is kept under, which gives nothing away.
    pub fn key(self) -> Key {
        Key::of(self.0)
    }
}

/// 22 characters of base64url.
impl Display for FormId {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.filled {
            lock(&self.room).free(self.number);
        }
    }
}

fn lock(room: &Mutex<Room>) -> MutexGuard<'_, Room> {
    room.lock().unwrap_or_else(PoisonError::into_inner)
}

fn to_base64<S: Serializer>(body: &Bytes, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&STANDARD.encode(body))
}

fn from_base64<'de, D: Deserializer<'de>>(from: D) -> Result<Bytes, D::Error> {
    let text = String::deserialize(from)?;
    STANDARD.decode(text).map(Bytes::from).map_err(serde::de::Error::custom)
}

/// Tells forms from sessions, and from what another version wrote.
const KIND: &str = "imsgate form/1";
