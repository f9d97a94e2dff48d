//! Who was signed in at a browser whose session has ended.
//!
//! It travels sealed in a cookie. It signs nobody in: it tells a person who comes back from a stranger, so that IMS can be
//! asked without a page and a form can be kept, and it is what a kept form belongs to.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};

/// How long after its session's last possible moment a browser still counts as that person's: overnight.
pub const GRACE: Duration = Duration::from_hours(12);

/// The last person signed in at a browser.
#[derive(Serialize, Deserialize)]
pub struct LastUser {
    /// IMS user id.
    pub user: String,
    /// Until when this counts, seconds since the Unix epoch.
    pub until: i64,
    /// Campaign's security token of that session, which its pages carry in their forms.
    #[serde(serialize_with = "expose")]
    pub security_token: Option<SecretString>,
}

#[expect(clippy::ref_option, reason = "serde's signature")]
fn expose<S: Serializer>(secret: &Option<SecretString>, to: S) -> Result<S::Ok, S::Error> {
    secret.as_ref().map(ExposeSecret::expose_secret).serialize(to)
}
