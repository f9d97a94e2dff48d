//! A Campaign session that a technical account opened by itself (`xtk:session#BearerTokenLogon` with its access token). The client then
//! sends Campaign's tokens instead of the access token, as Campaign's SDK does.

use std::sync::Arc;

use http::HeaderMap;
use secrecy::ExposeSecret as _;

use super::Authenticator;
use super::service_account::{ClientHeldSession, ServiceAccount};
use super::service_accounts::TokenDigest;
use crate::policy::campaign_tokens::TokenPair;
use crate::unix_time::UnixTime;

impl Authenticator {
    /// Adds the session that Campaign has opened for this account.
    pub fn remember_client_held(&self, account: &Arc<ServiceAccount>, tokens: TokenPair) {
        let credentials = account.identity.credentials(Some(&tokens), &account.token);
        let digest = TokenDigest::of(tokens.session.expose_secret());
        let held = ClientHeldSession { account: account.clone(), tokens, credentials };
        self.state.service_accounts.add_client_held(digest, Arc::new(held));
    }

    /// The session whose token is in `X-Session-Token`. A cookie with the token does not count: browsers send cookies by themselves.
    pub(super) fn client_held_session(
        &self,
        headers: &HeaderMap,
        now: UnixTime,
    ) -> Option<Arc<ClientHeldSession>> {
        let mut fields = headers.get_all("x-session-token").iter();
        let token = fields.next().filter(|_| fields.next().is_none())?.to_str().ok()?;
        self.state.service_accounts.client_held(&TokenDigest::of(token), &self.instance, now)
    }
}
