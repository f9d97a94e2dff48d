//! The data of a session, as in a record of the store.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use crate::policy::campaign_tokens::TokenPair;
use crate::policy::credentials::Credentials;
use crate::policy::device::Device;
use crate::policy::identity::IdentityFields;
use crate::policy::membership::Membership;
use crate::policy::refreshed::Original;
use crate::telemetry::audit::Subject;
use crate::unix_time::UnixTime;

/// One person's session.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SessionData {
    /// The Campaign instance that it belongs to; empty for the single, unnamed one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub instance: String,
    /// Its owner.
    pub identity: Identity,
    /// Tokens of IMS.
    pub tokens: Tokens,
    /// The session at Campaign (mode `bearer-logon`).
    pub campaign: Option<CampaignSession>,
    /// Earlier sessions at Campaign, the latest first. Pages that are still open carry their tokens.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier_campaign: Vec<CampaignSession>,
    /// How the client console may act as this person.
    #[serde(default, skip_serializing_if = "ConsoleAccess::is_none")]
    pub console: ConsoleAccess,
    /// The browser that its owner signed in with; absent in sessions of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<Device>,
    /// When its owner signed in.
    pub created: UnixTime,
    /// The absolute time-out.
    pub ends: UnixTime,
    /// The last use, exact to the touch interval.
    pub seen: UnixTime,
    /// Counts the changes of this data; a new `seen` is no change.
    #[serde(default)]
    pub revision: u64,
    /// When IMS last confirmed tokens and groups.
    #[serde(default)]
    pub as_of: AsOf,
}

/// When IMS last confirmed tokens and groups.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct AsOf {
    /// When IMS issued the tokens.
    pub tokens: UnixTime,
    /// When IMS last returned the groups.
    pub groups: UnixTime,
}

impl AsOf {
    /// Both confirmed now.
    pub fn now(now: UnixTime) -> Self {
        Self { tokens: now, groups: now }
    }
}

/// For records of versions without this field; reading a record raises it to the time of the login.
impl Default for AsOf {
    fn default() -> Self {
        Self::now(UnixTime(0))
    }
}

/// A signed-in person and their groups.
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
    /// The session at IMS: the claim `sid` of the `id_token` (OpenID Connect Back-Channel Logout 1.0 §2.1).
    #[serde(default)]
    pub ims_session: Option<String>,
    /// The claims that every refreshed `id_token` must repeat; absent in sessions of older versions.
    #[serde(default)]
    pub original: Option<Original>,
    /// The membership that IMS last reported. `None` in sessions of older versions until the next recheck, and when it is very long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub membership: Option<Arc<Membership>>,
}

impl Identity {
    /// The name to show: e-mail address, name, or user id.
    pub fn display(&self) -> &str {
        self.email.as_deref().or(self.name.as_deref()).unwrap_or(&self.user)
    }

    /// The header fields of this person's requests to Campaign; `access` is the access token of IMS.
    pub fn credentials(&self, campaign: Option<&TokenPair>, access: &SecretString) -> Credentials {
        let fields = IdentityFields::new(&self.user, self.email.as_deref(), &self.organization, &self.groups);
        Credentials::new(fields, campaign, access)
    }

    /// The subject of audit lines.
    pub fn subject(&self) -> Subject {
        Subject::person(&self.user, self.email.as_deref(), &self.organization)
    }
}

/// The owner of sessions, by one of three names.
#[derive(Clone, Copy, Debug)]
pub enum Owner<'a> {
    /// IMS user id, exact.
    User(&'a str),
    /// E-mail address, in any letter case.
    Email(&'a str),
    /// Session at IMS.
    ImsSession(&'a str),
}

impl Owner<'_> {
    /// The text that an index tag is made of. Its first words distinguish the three kinds of names.
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
    /// The access token, for Campaign and IMS.
    #[serde(serialize_with = "expose")]
    pub access: SecretString,
    /// When the access token ends.
    pub access_expires: UnixTime,
    /// The refresh token; only with the scope `offline_access`.
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
    /// When both end, if Campaign said so.
    #[serde(default = "never")]
    pub ends: UnixTime,
    /// The server that opened it: its requests go there while it is healthy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream: Option<String>,
    /// The client address of its logon. Campaign may bind a session to it, so the Logoff names it too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<IpAddr>,
}

impl CampaignSession {
    /// The value of `ends` of a session that must no longer be used, although Campaign would accept it.
    pub const WITHDRAWN: UnixTime = UnixTime::MIN;

    /// Its two tokens.
    pub fn tokens(&self) -> TokenPair {
        TokenPair { session: self.session_token.clone(), security: self.security_token.clone() }
    }
}

/// How the client console may act as the owner of a session.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ConsoleAccess {
    /// The password for the next logon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<ConsolePassword>,
    /// The names of passwords that were used, the latest first. Their tickets are valid.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub used: Vec<String>,
}

/// A password for the client console.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ConsolePassword {
    /// Its SHA-256, as base64url. The password has 80 random bits, so a fast hash is enough.
    pub hash: String,
    /// When it expires.
    pub ends: UnixTime,
    /// True when it is good for one logon.
    pub once: bool,
    /// The cookie value of the session, because the console has only the password.
    #[serde(serialize_with = "expose")]
    pub session: SecretString,
}

impl ConsoleAccess {
    fn is_none(&self) -> bool {
        !self.is_in_use()
    }

    /// True when there is a password, or a console that used one.
    pub fn is_in_use(&self) -> bool {
        self.password.is_some() || !self.used.is_empty()
    }

    /// True for the hash of the current password until it expires.
    pub fn accepts(&self, hash: &str, now: UnixTime) -> bool {
        self.password.as_ref().is_some_and(|password| password.hash == hash && now < password.ends)
    }

    /// Uses the password with this hash; false when it is not the current one. `name` is its name in tickets.
    pub fn use_up(&mut self, hash: &str, name: &str) -> bool {
        let Some(password) = self.password.as_ref().filter(|password| password.hash == hash) else {
            return false;
        };
        if password.once {
            self.password = None;
        }
        self.used.retain(|used| used != name);
        self.used.insert(0, name.to_owned());
        self.used.truncate(MAX_USED);
        true
    }
}

fn never() -> UnixTime {
    UnixTime::MAX
}

impl SessionData {
    /// Replaces the Campaign session. The old one becomes the first of `earlier_campaign`.
    pub fn replace_campaign(&mut self, fresh: CampaignSession) {
        if let Some(old) = self.campaign.replace(fresh) {
            self.earlier_campaign.insert(0, old);
            self.earlier_campaign.truncate(MAX_EARLIER);
        }
    }

    /// The data for a record.
    pub fn to_record(&self) -> HashMap<String, Value> {
        let value = serde_json::to_value(self).unwrap_or(Value::Null);
        HashMap::from([(KEY.to_owned(), value)])
    }

    /// The names under which the index finds this session.
    pub fn owners(&self) -> Vec<Owner<'_>> {
        let email = self.identity.email.as_deref().map(Owner::Email);
        let ims_session = self.identity.ims_session.as_deref().map(Owner::ImsSession);
        std::iter::once(Owner::User(&self.identity.user)).chain(email).chain(ims_session).collect()
    }

    /// The revision in the data of a record; `None` when it is no session.
    pub(super) fn revision_of(data: &HashMap<String, Value>) -> Option<u64> {
        let data = data.get(KEY)?;
        Some(data.get("revision").and_then(Value::as_u64).unwrap_or(0))
    }

    /// Reads the data of a record; `None` when it is no session, or in a format of another version.
    pub fn from_record(data: &HashMap<String, Value>) -> Option<Self> {
        let mut data = Self::deserialize(data.get(KEY)?).ok()?;
        let AsOf { tokens, groups } = data.as_of;
        data.as_of = AsOf { tokens: tokens.max(data.created), groups: groups.max(data.created) };
        Some(data)
    }
}

const KEY: &str = "imsgate/1";
/// Most consoles of one person at a time.
const MAX_USED: usize = 4;
/// Most sessions in `earlier_campaign`. Open pages of older Campaign sessions must be reloaded.
const MAX_EARLIER: usize = 8;

fn expose<S: Serializer>(secret: &SecretString, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(secret.expose_secret())
}

#[expect(clippy::ref_option, reason = "serde's signature")]
pub(super) fn expose_some<S: Serializer>(secret: &Option<SecretString>, to: S) -> Result<S::Ok, S::Error> {
    secret.as_ref().map(ExposeSecret::expose_secret).serialize(to)
}
