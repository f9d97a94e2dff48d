//! Saved forms: forms that were posted without a live session, saved for a while and given back once.
//!
//! They are sealed records in the session store, so another instance can return a form. Their ids are not session ids.

mod quota;

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
use tower_sessions::SessionStore as _;
use tower_sessions::session::{Id, Record};

use super::key::new_id;
use super::vault::{Vault, expiry_date};
use super::{Key, StoreError};
use crate::clock::Clock;
use crate::policy::return_to::ReturnTo;
use crate::unix_time::UnixTime;
use quota::Quota;

/// One form as it was posted. No `Debug`, because it holds what somebody wrote.
#[derive(Clone, Serialize, Deserialize)]
pub struct SavedForm {
    /// IMS user id of its sender.
    pub user: String,
    /// Path and query that it was posted to.
    pub target: ReturnTo,
    /// The page with the form.
    pub page: ReturnTo,
    /// `Content-Type`, with the boundary of a multipart body.
    pub content_type: String,
    /// The body, byte for byte.
    #[serde(serialize_with = "to_base64", deserialize_with = "from_base64")]
    pub body: Bytes,
    /// Campaign's security token of the ended session.
    #[serde(serialize_with = "super::data::expose_some")]
    pub security_token: Option<SecretString>,
    /// When it was posted.
    pub sent: UnixTime,
    /// When it expires, if it is saved for longer than others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<UnixTime>,
}

/// The id of a saved form, in a cookie: 128 random bits, as secret as a session id.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct FormId(Id);

/// The saved forms of one Campaign instance. Clones share them.
#[derive(Clone, Debug)]
pub struct SavedForms {
    /// Its name; empty for the single, unnamed one.
    instance: Arc<str>,
    vault: Arc<Vault>,
    quota: Arc<Mutex<Quota>>,
    lifetime: Duration,
    clock: Clock,
}

/// Reserved quota for one form while its body arrives; released when dropped.
#[derive(Debug)]
pub struct FormSlot {
    quota: Arc<Mutex<Quota>>,
    number: u64,
    is_used: bool,
}

impl SavedForms {
    /// Forms in `vault`, each saved for `lifetime`.
    pub fn new(vault: Arc<Vault>, lifetime: Duration, clock: Clock) -> Self {
        Self { instance: Arc::default(), vault, quota: Arc::default(), lifetime, clock }
    }

    /// The forms of the Campaign instance of this name, within the same quota. Forms of other instances are not found there.
    #[must_use]
    pub fn of_instance(&self, name: &str) -> Self {
        Self { instance: name.into(), ..self.clone() }
    }

    /// The name of a person in the quota. People of different instances are counted separately.
    fn quota_user(&self, user: &str) -> String {
        if self.instance.is_empty() { user.to_owned() } else { format!("{}\0{user}", self.instance) }
    }

    /// Reserves quota for a form of at most `bytes`; `None` when the quota is used up.
    pub fn reserve(&self, user: &str, bytes: usize) -> Option<FormSlot> {
        let number = lock(&self.quota).reserve(&self.quota_user(user), bytes, self.clock.now())?;
        Some(FormSlot { quota: self.quota.clone(), number, is_used: false })
    }

    /// Number and bytes of the forms that this gateway has saved, with those that are arriving.
    pub fn usage(&self) -> (u64, u64) {
        lock(&self.quota).usage(self.clock.now())
    }

    /// Saves a form. When this person has too many, the oldest are deleted, and their keys returned.
    pub async fn save(&self, mut slot: FormSlot, form: &SavedForm) -> Result<(FormId, Vec<Key>), StoreError> {
        let expires = form.end(self.lifetime);
        let id = self.write(new_id(), form, expires).await?;
        slot.is_used = true;
        let oldest = lock(&self.quota).mark_saved(slot.number, id.key(), form.body.len(), expires);
        for key in &oldest {
            if let Err(error) = self.vault.take(*key).await {
                tracing::debug!(%error, "a form beyond the quota was not deleted; it expires");
            }
        }
        Ok((id, oldest))
    }

    /// Reads a form.
    pub async fn get(&self, id: FormId) -> Result<Option<SavedForm>, StoreError> {
        Ok(self
            .vault
            .get(id.key())
            .await?
            .and_then(|entry| SavedForm::from_record(&entry.data, &self.instance)))
    }

    /// Takes a form of this person: only one caller of all instances gets it, and only for its sender.
    pub async fn take(&self, id: FormId, user: &str) -> Result<Option<SavedForm>, StoreError> {
        let Some(form) = self.get(id).await?.filter(|form| form.user == user) else { return Ok(None) };
        Ok(self.discard(id).await?.then_some(form))
    }

    /// Puts back a form that was taken and not sent, under its id and with its old expiry.
    pub async fn put_back(&self, id: FormId, form: &SavedForm) -> Result<(), StoreError> {
        let expires = form.end(self.lifetime);
        let id = self.write(id.0, form, expires).await?;
        lock(&self.quota).restore(&self.quota_user(&form.user), id.key(), form.body.len(), expires);
        Ok(())
    }

    /// Deletes a form; true when it existed.
    pub async fn discard(&self, id: FormId) -> Result<bool, StoreError> {
        let existed = self.vault.take(id.key()).await?.is_some();
        // A form that the store could not delete goes on to count.
        lock(&self.quota).remove(id.key());
        Ok(existed)
    }

    async fn write(&self, id: Id, form: &SavedForm, expires: UnixTime) -> Result<FormId, StoreError> {
        let mut record =
            Record { id, data: form.to_record(&self.instance), expiry_date: expiry_date(expires) };
        self.vault.create(&mut record).await?;
        Ok(FormId(record.id))
    }
}

impl SavedForm {
    /// When it expires; `lifetime` is for forms without a time of their own.
    pub fn end(&self, lifetime: Duration) -> UnixTime {
        self.expires.unwrap_or_else(|| self.sent.plus(lifetime))
    }

    fn to_record(&self, instance: &str) -> HashMap<String, Value> {
        let form = (KIND.to_owned(), serde_json::to_value(self).unwrap_or(Value::Null));
        let instance = Some(instance).filter(|name| !name.is_empty());
        instance.map(|name| (INSTANCE.to_owned(), Value::from(name))).into_iter().chain([form]).collect()
    }

    /// Reads a form of this instance.
    fn from_record(data: &HashMap<String, Value>, instance: &str) -> Option<Self> {
        let of = data.get(INSTANCE).map_or(Some(""), Value::as_str)?;
        (of == instance).then(|| Self::deserialize(data.get(KIND)?).ok())?
    }
}

impl FormId {
    /// Reads an id.
    pub fn parse(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }

    /// The key in the store, which does not reveal the id.
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

impl Drop for FormSlot {
    fn drop(&mut self) {
        if !self.is_used {
            lock(&self.quota).release(self.number);
        }
    }
}

fn lock(quota: &Mutex<Quota>) -> MutexGuard<'_, Quota> {
    quota.lock().unwrap_or_else(PoisonError::into_inner)
}

fn to_base64<S: Serializer>(body: &Bytes, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&STANDARD.encode(body))
}

fn from_base64<'de, D: Deserializer<'de>>(from: D) -> Result<Bytes, D::Error> {
    let text = String::deserialize(from)?;
    STANDARD.decode(text).map(Bytes::from).map_err(serde::de::Error::custom)
}

/// The name of the instance in a record; left out for the unnamed one.
const INSTANCE: &str = "instance";
/// The name of the format: separates forms from sessions and other versions.
const KIND: &str = "imsgate form/1";
