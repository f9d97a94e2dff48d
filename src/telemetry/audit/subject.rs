//! Whom an audit event is about.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A person, a technical account, or a part of what identifies one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Subject {
    /// Client ID of a technical account at IMS; empty when its token is not readable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// IMS user id; empty when it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// E-mail address; empty when IMS sent none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The configured organisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
    /// Public id of the session, as `imsgate sessions list` shows it; for a technical account, a part of its token's digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
}

impl Subject {
    /// No known person or account.
    pub fn nobody() -> Self {
        Self::default()
    }

    /// A person.
    pub fn person(user: &str, email: Option<&str>, organization: &str) -> Self {
        Self {
            user: Some(user.to_owned()),
            email: Some(email.unwrap_or_default().to_owned()),
            organization: Some(organization.to_owned()),
            ..Self::default()
        }
    }

    /// A person of whom only the user id is known.
    pub fn user(user: &str) -> Self {
        Self { user: Some(user.to_owned()), ..Self::default() }
    }

    /// A technical account. `sid` names its token.
    pub fn account(client_id: &str, user: &str, sid: &str) -> Self {
        let (client_id, user) = (Some(client_id.to_owned()), Some(user.to_owned()));
        Self { client_id, user, sid: Some(sid.to_owned()), ..Self::default() }
    }

    /// Adds the session.
    #[must_use]
    pub fn with_session(self, sid: &str) -> Self {
        Self { sid: Some(sid.to_owned()), ..self }
    }

    /// Adds the organisation.
    #[must_use]
    pub fn with_organization(self, organization: &str) -> Self {
        Self { organization: Some(organization.to_owned()), ..self }
    }

    /// True when `name` is the user id, the e-mail address in any case, or the client id.
    pub fn is(&self, name: &str) -> bool {
        let matches =
            |field: &Option<String>| field.as_ref().is_some_and(|known| known.eq_ignore_ascii_case(name));
        !name.is_empty() && (matches(&self.user) || matches(&self.email) || matches(&self.client_id))
    }
}
