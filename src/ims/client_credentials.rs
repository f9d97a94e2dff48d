//! Tokens for technical accounts (RFC 6749 §4.4), for the commands `check` and `groups` only.

use oauth2::TokenResponse as _;
use openidconnect::Scope;
use secrecy::SecretString;

use super::ImsClient;
use super::code::{OauthHttp, token_error};
use super::error::ImsError;
use super::token_limit::Share;

impl ImsClient {
    /// An access token for this client itself. Its configuration names the account's client id, secret and scopes.
    pub async fn client_credentials(&self) -> Result<SecretString, ImsError> {
        let client = self.client().await?;
        let scopes = self.instance.ims.scopes.iter().cloned().map(Scope::new);
        let request = client.exchange_client_credentials().add_scopes(scopes);
        let http = OauthHttp::new(self, Share::SignIn(std::net::Ipv4Addr::LOCALHOST.into()));
        let answer = request.request_async(&http).await.map_err(token_error)?;
        Ok(SecretString::from(answer.access_token().secret().as_str()))
    }
}
