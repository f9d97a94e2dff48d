//! Revokes tokens (RFC 7009) and builds the address that ends the browser's IMS session.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Request, header};
use secrecy::{ExposeSecret, SecretString};
use url::Url;
use url::form_urlencoded::{Serializer, byte_serialize};

use super::ImsClient;
use super::error::ImsError;
use crate::config::TokenAuth;

impl ImsClient {
    pub async fn revoke(&self, token: &SecretString) -> Result<(), ImsError> {
        let metadata = self.provider.metadata().await?;
        let default = || self.endpoint("ims/revoke");
        let url =
            metadata.additional_metadata().revocation_endpoint.as_ref().map_or_else(default, Url::to_string);
        self.http.send("revoke", self.revocation(&url, token)).await.map(drop)
    }

    fn revocation(&self, url: &str, token: &SecretString) -> http::Result<Request<Bytes>> {
        let ims = &self.instance.ims;
        let (id, secret) = (ims.client_id.as_str(), ims.client_secret.expose_secret());
        let mut form = Serializer::new(String::new());
        form.append_pair("token", token.expose_secret());
        let mut request =
            Request::post(url).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        match ims.token_auth {
            TokenAuth::Post => drop(form.append_pair("client_id", id).append_pair("client_secret", secret)),
            TokenAuth::Basic => request = request.header(header::AUTHORIZATION, basic(id, secret)),
        }
        request.body(Bytes::from(form.finish()))
    }

    /// The address where the browser ends its IMS session. IMS sends the browser back to `/ims/signed-out`. The address must
    /// not contain a valid token, so `revoked_token` must be revoked before.
    pub fn logout_url(&self, revoked_token: Option<&SecretString>) -> String {
        let ims = &self.instance.ims;
        let mut query = Serializer::new(String::new());
        query.append_pair("client_id", &ims.client_id).append_pair("redirect_uri", &ims.signed_out_uri());
        if let Some(token) = revoked_token {
            query.append_pair("access_token", token.expose_secret());
        }
        format!("{}?{}", self.endpoint("ims/logout/v1"), query.finish())
    }
}

/// HTTP Basic credentials; RFC 6749 §2.3.1 demands form encoding of both parts.
fn basic(id: &str, secret: &str) -> String {
    let encode = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    format!("Basic {}", STANDARD.encode(format!("{}:{}", encode(id), encode(secret))))
}
