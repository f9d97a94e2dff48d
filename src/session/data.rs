//! What a session holds, as it is kept in a record of the store.

use std::collections::HashMap;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use crate::clock::UnixTime;
use crate::policy::refreshed::Original;

/// One person's session.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SessionData {
    /// Who it is.
    pub identity: Identity,
    /// Their tokens at IMS.
    pub tokens: Tokens,
    /// Their session at Campaign (mode `bearer-logon`).
    pub campaign: Option<CampaignSession>,
    /// When they signed in.
    #[serde(with = "unix")]
    pub created: UnixTime,
    /// When the session ends, used or not.
    #[serde(with = "unix")]
    pub ends: UnixTime,
    /// When it was last used, exact to the touch interval.
    #[serde(with = "unix")]
    pub seen: UnixTime,
    /// Grows with every change of the above but `seen`.
    #[serde(default)]
    pub revision: u64,
    /// How old that is which IMS said.
    #[serde(default)]
    pub as_of: AsOf,
}

/// When IMS last said what the session holds.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct AsOf {
    /// When it gave the tokens.
    #[serde(with = "unix")]
    pub tokens: UnixTime,
    /// When it was last asked for the groups.
    #[serde(with = "unix")]
    pub groups: UnixTime,
}

impl AsOf {
    /// Everything was said now.
    pub fn now(now: UnixTime) -> Self {
        Self { tokens: now, groups: now }
    }
}

/// Long ago: as of the login, for what another version kept.
impl Default for AsOf {
    fn default() -> Self {
        Self::now(UnixTime(0))
    }
}

/// Who is signed in and what they may do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// IMS user id.
    pub user: String,
    /// E-mail address.
    pub email: Option<String>,
    /// Display name.
    pub name: Option<String>,
    /// IMS organisation ID.
    pub organization: String,
    /// The organisation's display name.
    pub organization_name: Option<String>,
    /// Campaign groups given by the association mask.
    pub groups: Vec<String>,
    /// IMS's own session: the claim `sid` of the `id_token` (OpenID Connect Back-Channel Logout 1.0 §2.1).
    #[serde(default)]
    pub ims_session: Option<String>,
    /// What a refreshed `id_token` has to keep; absent in sessions of older versions.
    #[serde(default)]
    pub original: Option<Original>,
}

impl Identity {
    /// How to call this person: e-mail address, name, or user id.
    pub fn display(&self) -> &str {
        self.email.as_deref().or(self.name.as_deref()).unwrap_or(&self.user)
    }
}

/// Whose sessions are meant.
#[derive(Clone, Copy, Debug)]
pub enum Person<'a> {
    /// By IMS user id, exact.
    User(&'a str),
    /// By e-mail address, in any case.
    Email(&'a str),
    /// Whoever has this session at IMS.
    ImsSession(&'a str),
}

impl Person<'_> {
    /// The text that an index is made from; user ids and addresses never meet.
    pub(super) fn index_text(self) -> String {
        match self {
            Self::User(user) => format!("user {user}"),
            Self::Email(email) => format!("email {}", email.to_lowercase()),
            Self::ImsSession(sid) => format!("ims session {sid}"),
        }
    }
}

/// Tokens of IMS.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Tokens {
    /// For Campaign and IMS.
    #[serde(serialize_with = "expose")]
    pub access: SecretString,
    /// When the access token ends.
    #[serde(with = "unix")]
    pub access_expires: UnixTime,
    /// Only with scope `offline_access`.
    #[serde(serialize_with = "expose_some")]
    pub refresh: Option<SecretString>,
}

/// A session at Campaign.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CampaignSession {
    /// Value of the cookie `__sessiontoken`.
    #[serde(serialize_with = "expose")]
    pub session_token: SecretString,
    /// Value of the header `X-Security-Token`.
    #[serde(serialize_with = "expose")]
    pub security_token: SecretString,
    /// When both end, as far as Campaign told.
    #[serde(with = "unix", default = "never")]
    pub ends: UnixTime,
}

fn never() -> UnixTime {
    UnixTime(i64::MAX)
}

impl SessionData {
    /// As the data of a store's record.
    pub fn to_record(&self) -> HashMap<String, Value> {
        let value = serde_json::to_value(self).unwrap_or(Value::Null);
        HashMap::from([(KEY.to_owned(), value)])
    }

    /// Under which names a store's index finds this session.
    pub fn persons(&self) -> Vec<Person<'_>> {
        let email = self.identity.email.as_deref().map(Person::Email);
        let ims_session = self.identity.ims_session.as_deref().map(Person::ImsSession);
        std::iter::once(Person::User(&self.identity.user)).chain(email).chain(ims_session).collect()
    }

    /// The revision in the data of a store's record.
    pub(super) fn revision_of(data: &HashMap<String, Value>) -> Option<u64> {
        let data = data.get(KEY)?;
        Some(data.get("revision").and_then(Value::as_u64).unwrap_or(0))
    }

    /// From the data of a store's record; `None` when another version wrote it.
    pub fn from_record(data: &HashMap<String, Value>) -> Option<Self> {
        let mut data = Self::deserialize(data.get(KEY)?).ok()?;
        let AsOf { tokens, groups } = data.as_of;
        data.as_of = AsOf { tokens: tokens.max(data.created), groups: groups.max(data.created) };
        Some(data)
    }
}

const KEY: &str = "imsgate/1";

fn expose<S: Serializer>(secret: &SecretString, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(secret.expose_secret())
}

#[expect(clippy::ref_option, reason = "serde's signature")]
pub(super) fn expose_some<S: Serializer>(secret: &Option<SecretString>, to: S) -> Result<S::Ok, S::Error> {
    secret.as_ref().map(ExposeSecret::expose_secret).serialize(to)
}

mod unix {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::clock::UnixTime;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
    pub(super) fn serialize<S: Serializer>(time: &UnixTime, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_i64(time.0)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<UnixTime, D::Error> {
        i64::deserialize(from).map(UnixTime)
    }
}
