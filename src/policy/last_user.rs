//! The last user of a browser whose session has ended, in a sealed cookie.
//!
//! The cookie is no credential. It tells a returning person from a new one: then IMS can be asked without a page, and a form can be
//! saved. A saved form belongs to this user.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};

use crate::unix_time::UnixTime;

/// How long the last user is remembered after the absolute end of the session: overnight.
pub const GRACE: Duration = Duration::from_hours(12);

#[derive(Serialize, Deserialize)]
pub struct LastUser {
    /// IMS user id.
    pub user: String,
    pub until: UnixTime,
    /// Campaign's security token of the ended session. Its pages send it in their forms.
    #[serde(serialize_with = "expose")]
    pub security_token: Option<SecretString>,
}

#[expect(clippy::ref_option, reason = "serde's signature")]
fn expose<S: Serializer>(secret: &Option<SecretString>, to: S) -> Result<S::Ok, S::Error> {
    secret.as_ref().map(ExposeSecret::expose_secret).serialize(to)
}
