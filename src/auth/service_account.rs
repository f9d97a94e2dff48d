//! A technical account in use: a verified access token, and the credentials of its requests to Campaign.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use http::HeaderValue;
use secrecy::SecretString;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::Authenticator;
use super::service_session::ServiceSession;
use crate::config::{Instance, TechnicalAccount};
use crate::policy::access_token::AccessToken;
use crate::policy::campaign_tokens::TokenPair;
use crate::policy::credentials::Credentials;
use crate::session::{CachedAssertion, Identity, IssuedTokens, Signer};
use crate::telemetry::audit::Subject;
use crate::unix_time::UnixTime;

/// A verified access token of a technical account.
#[derive(Debug)]
pub struct ServiceAccount {
    /// The owner of the token, for identity headers and assertion.
    pub identity: Identity,
    /// Names the token in log lines: a part of its digest.
    pub sid: String,
    /// The credentials of its requests without a Campaign session.
    pub credentials: Credentials,
    /// Session tokens that Campaign has issued to this account.
    pub issued_tokens: IssuedTokens,
    /// Cancelled when the token has expired.
    pub ended: Arc<CancellationToken>,
    /// When the token expires, without clock skew.
    pub expires: UnixTime,
    /// The configuration for which it was verified, and the index of the account in it.
    pub(super) instance: Arc<Instance>,
    pub(super) index: usize,
    pub(super) token: SecretString,
    /// The session at Campaign, in mode `bearer-logon`.
    pub(super) campaign: ArcSwapOption<ServiceSession>,
    /// Locked during a Campaign logon; holds the time of the last failed one.
    pub(super) logon: Mutex<Option<UnixTime>>,
    assertion: CachedAssertion,
}

/// A Campaign session of a technical account, whose tokens the client holds.
#[derive(Debug)]
pub struct ClientHeldSession {
    pub account: Arc<ServiceAccount>,
    /// Campaign's tokens.
    pub tokens: TokenPair,
    /// Identity headers and session cookie.
    pub credentials: Credentials,
}

impl ServiceAccount {
    /// An account with these groups, which come from the configuration or from IMS.
    pub(super) fn new(
        auth: &Authenticator,
        (token, claims): (SecretString, AccessToken),
        index: usize,
        groups: Vec<String>,
        sid: String,
    ) -> Self {
        let instance = auth.instance.clone();
        let organization = instance.campaign.technical_accounts[index].organization_id.clone();
        let identity = Identity {
            user: claims.user,
            email: None,
            name: None,
            organization,
            organization_name: None,
            groups,
            ims_session: None,
            original: None,
            membership: None,
        };
        Self {
            credentials: identity.credentials(None, &token),
            identity,
            sid,
            issued_tokens: IssuedTokens::default(),
            ended: Arc::default(),
            expires: claims.expires,
            instance,
            index,
            token,
            campaign: ArcSwapOption::empty(),
            logon: Mutex::default(),
            assertion: CachedAssertion::default(),
        }
    }

    pub fn account(&self) -> &TechnicalAccount {
        &self.instance.campaign.technical_accounts[self.index]
    }

    /// Names the account in the choice of a server: its client identifier, which stays the same with each token.
    pub fn name(&self) -> &str {
        &self.account().client_id
    }

    /// The subject of audit lines.
    pub fn subject(&self) -> Subject {
        Subject::account(&self.account().client_id, &self.identity.user, &self.sid)
    }

    /// `X-Ims-Assertion`, signed at most once a minute.
    pub fn assertion(&self, signer: &Signer, now: UnixTime) -> HeaderValue {
        self.assertion.get(signer, &self.identity, &self.sid, now)
    }

    /// Ends what depends on the token: WebSockets, event streams, the session at Campaign.
    pub(super) fn end(&self) {
        self.ended.cancel();
        if let Some(session) = self.campaign.swap(None) {
            session.log_off();
        }
    }
}
