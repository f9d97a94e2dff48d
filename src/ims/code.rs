//! The authorization code flow: the authorization request for the browser, and the exchange of the code for tokens.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use oauth2::{
    AuthType, HttpRequest, HttpResponse, PkceCodeChallenge, PkceCodeVerifier, RequestTokenError,
    TokenResponse as _,
};
use openidconnect::core::{CoreAuthPrompt, CoreAuthenticationFlow, CoreClient, CoreErrorResponseType};
use openidconnect::{
    AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointNotSet, EndpointSet, Nonce, RedirectUrl,
    Scope,
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use url::Url;

use super::error::{ImsError, debug_id};
use super::token_limit::Share;
use super::{ImsClient, TOKEN};
use crate::config::TokenAuth;
use crate::crypto::random_text;
use crate::policy::authorize_answer;
use crate::policy::email::EmailClaim;
use crate::policy::login::Prompt;
use crate::policy::refreshed::Original;
use crate::policy::token_response::{self, Lifetime};
use crate::unix_time::UnixTime;

/// An authorization request: the address for the browser, and the values that the callback needs.
#[derive(Debug)]
pub struct Authorization {
    /// Where to send the browser.
    pub url: Url,
    /// The `id_token` must contain it.
    pub nonce: String,
    /// PKCE code verifier.
    pub verifier: String,
}

/// The result of a code exchange: the subject and the tokens.
#[derive(Debug)]
pub struct ImsTokens {
    /// Subject of the validated `id_token`.
    pub subject: String,
    /// Claims that the `id_token` of refreshed tokens must repeat.
    pub original: Original,
    /// The IMS session (`sid`), when the `id_token` names it.
    pub session: Option<String>,
    /// The e-mail claims of the `id_token`.
    pub email: EmailClaim,
    /// Display name in the `id_token`, if any.
    pub name: Option<String>,
    /// Valid for Campaign and for the IMS endpoints.
    pub access_token: SecretString,
    pub access_expires: UnixTime,
    /// Present only with the scope `offline_access`.
    pub refresh_token: Option<SecretString>,
}

pub(super) type TokenClient =
    CoreClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet, EndpointNotSet>;

/// The `openidconnect` crate's error for a request to the token endpoint.
pub(super) type TokenError =
    RequestTokenError<ImsError, openidconnect::StandardErrorResponse<CoreErrorResponseType>>;

impl ImsClient {
    /// Begins a login (OIDC Core §3.1.2.1) with PKCE S256 (RFC 7636 §4.3).
    pub async fn authorize(&self, state: &str, prompt: Prompt) -> Result<Authorization, ImsError> {
        let client = self.client().await?;
        let (state, nonce) = (CsrfToken::new(state.to_owned()), Nonce::new(random_text::<16>()));
        let verifier = PkceCodeVerifier::new(random_text::<32>());
        let sent_nonce = nonce.clone();
        let mut request = client
            .authorize_url(CoreAuthenticationFlow::AuthorizationCode, || state, || nonce)
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier));
        // The crate adds `openid` by itself.
        for scope in self.instance.ims.scopes.iter().filter(|scope| *scope != "openid") {
            request = request.add_scope(Scope::new(scope.clone()));
        }
        request = match prompt {
            Prompt::AsUsual => request,
            Prompt::SignIn => request.add_prompt(CoreAuthPrompt::Login),
            Prompt::Silent => request.add_prompt(CoreAuthPrompt::None),
        };
        let (url, ..) = request.url();
        Ok(Authorization { url, nonce: sent_nonce.secret().clone(), verifier: verifier.into_secret() })
    }

    /// Exchanges a code (RFC 6749 §4.1.3) and validates the `id_token` with the login's nonce. `address` is the client's; the
    /// limit on token calls counts by it.
    pub async fn exchange(
        &self,
        code: &str,
        verifier: &str,
        nonce: &str,
        address: IpAddr,
    ) -> Result<ImsTokens, ImsError> {
        let client = self.client().await?;
        let request = client
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .set_pkce_verifier(PkceCodeVerifier::new(verifier.to_owned()));
        let http = OauthHttp::new(self, Share::SignIn(address));
        let answer = request.request_async(&http).await.map_err(token_error)?;
        let id_token = http.take().id_token.ok_or_else(|| ImsError::Answer {
            endpoint: TOKEN,
            reason: "the response has no id_token; check that Adobe provisioned the scope `openid` for this client"
                .to_owned(),
        })?;
        let access_token = answer.access_token().secret();
        let id_token = self.id_token(&id_token, access_token, nonce).await?;
        let lifetime = answer.expires_in().unwrap_or(DEFAULT_LIFETIME).min(DEFAULT_LIFETIME);
        if lifetime.is_zero() {
            // The session would expire at once, and the browser would log in again in an endless loop.
            let reason = "the access token has already expired (expires_in 0)".to_owned();
            return Err(ImsError::Answer { endpoint: TOKEN, reason });
        }
        Ok(ImsTokens {
            subject: id_token.subject,
            session: id_token.session,
            original: id_token.original,
            email: id_token.email,
            name: id_token.name,
            access_token: SecretString::from(access_token.as_str()),
            access_expires: self.clock.now().plus(lifetime),
            refresh_token: refresh_token(&answer),
        })
    }

    pub(super) async fn client(&self) -> Result<TokenClient, ImsError> {
        let metadata = self.provider.metadata().await?;
        let ims = &self.instance.ims;
        let unusable = |reason: &str| ImsError::Answer { endpoint: "discovery", reason: reason.to_owned() };
        let token_url = metadata.token_endpoint().ok_or_else(|| unusable("no token_endpoint"))?;
        let redirect =
            RedirectUrl::new(ims.redirect_uri()).map_err(|_| unusable("the redirect URI is not a URL"))?;
        Ok(CoreClient::new(
            ClientId::new(ims.client_id.clone()),
            metadata.issuer().clone(),
            openidconnect::JsonWebKeySet::default(),
        )
        .set_client_secret(ClientSecret::new(ims.client_secret.expose_secret().to_owned()))
        .set_auth_uri(metadata.authorization_endpoint().clone())
        .set_token_uri(token_url.clone())
        .set_redirect_uri(redirect)
        .set_auth_type(match ims.token_auth {
            TokenAuth::Post => AuthType::RequestBody,
            TokenAuth::Basic => AuthType::BasicAuth,
        }))
    }
}

/// The refresh token of a response; an empty one counts as absent.
pub(super) fn refresh_token(answer: &impl oauth2::TokenResponse) -> Option<SecretString> {
    let token = answer.refresh_token().map(|token| token.secret().as_str());
    token.filter(|token| !token.is_empty()).map(SecretString::from)
}

/// Maps errors of the token endpoint. Messages never contain the body, because it could hold a token.
pub(super) fn token_error(error: TokenError) -> ImsError {
    match error {
        RequestTokenError::Request(error) => error,
        RequestTokenError::ServerResponse(refusal) => ImsError::Refused {
            endpoint: TOKEN,
            code: refusal.error().to_string().chars().take(60).collect(),
            description: refusal
                .error_description()
                .map_or("no description", |d| d)
                .chars()
                .take(200)
                .collect(),
            debug_id: "is in the log line of the response".to_owned(),
        },
        RequestTokenError::Parse(error, _) => ImsError::Answer {
            endpoint: TOKEN,
            reason: format!("not a token response{}", missing_field(error.inner())),
        },
        RequestTokenError::Other(reason) => ImsError::Answer { endpoint: TOKEN, reason },
    }
}

/// Names the missing field. Other parser messages are dropped, because they can contain values.
fn missing_field(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let named = text.strip_prefix("missing field `").and_then(|rest| rest.split_once('`'));
    named.map_or_else(String::new, |(name, _)| format!(": `{name}` is missing"))
}

/// Lets the `oauth2` crate send its requests through [`ImsHttp`](super::client::ImsHttp).
pub(super) struct OauthHttp<'a> {
    pub(super) ims: &'a ImsClient,
    pub(super) share: Share,
    extracted: Mutex<Extracted>,
}

/// Fields that are read from a response before the crate sees it. The crate would reject an `id_token` for claims that are not
/// used here. The refresh token is needed even when the rest of the response is invalid.
#[derive(Default)]
pub(super) struct Extracted {
    pub(super) refresh_token: Option<SecretString>,
    pub(super) id_token: Option<String>,
}

impl<'a> OauthHttp<'a> {
    pub(super) fn new(ims: &'a ImsClient, share: Share) -> Self {
        Self { ims, share, extracted: Mutex::default() }
    }

    /// Takes the extracted fields; a second call returns empty ones.
    pub(super) fn take(&self) -> Extracted {
        std::mem::take(&mut *self.extracted.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn store(&self, refresh_token: Option<String>, id_token: Option<String>) {
        let extracted = Extracted { refresh_token: refresh_token.map(SecretString::from), id_token };
        *self.extracted.lock().unwrap_or_else(PoisonError::into_inner) = extracted;
    }

    /// The response body for the crate: only the fields that are used. Numbers in quotes become numbers.
    fn used_fields(&self, body: &[u8]) -> Result<Vec<u8>, ImsError> {
        let unusable = |reason: &str| ImsError::Answer { endpoint: TOKEN, reason: reason.to_owned() };
        let Some(read) = token_response::read(body) else {
            self.store(token_response::recover_refresh_token(body), None);
            return Err(unusable("not a token response"));
        };
        self.store(read.refresh_token.clone(), read.id_token);
        if !read.is_bearer {
            return Err(unusable("token_type is not Bearer"));
        }
        let mut used = json!({"token_type": "bearer"});
        match read.lifetime {
            Lifetime::Absent => {}
            Lifetime::Unreadable => return Err(unusable("expires_in is not a number")),
            Lifetime::For(lifetime) => used["expires_in"] = lifetime.as_secs().into(),
        }
        let tokens = [("access_token", read.access_token), ("refresh_token", read.refresh_token)];
        for (name, token) in tokens {
            if let Some(token) = token {
                used[name] = token.into();
            }
        }
        Ok(used.to_string().into_bytes())
    }
}

impl<'c> oauth2::AsyncHttpClient<'c> for OauthHttp<'_> {
    type Error = ImsError;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<HttpResponse, ImsError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            let mut partial = Vec::new();
            let sent = self.ims.http.send_to_token(self.share, request.map(Bytes::from), &mut partial).await;
            if sent.is_err() {
                self.store(token_response::recover_refresh_token(&partial), None);
            }
            let (head, body) = log_and_check(sent?, self.ims.clock.now())?.into_parts();
            let body = match token_response::read_error(&body) {
                _ if head.status == http::StatusCode::OK => self.used_fields(&body)?,
                Some((error, description)) => {
                    json!({"error": error, "error_description": description}).to_string().into_bytes()
                }
                None => body.into(),
            };
            Ok(Response::from_parts(head, body))
        })
    }
}

/// Logs the response with its debug id. Redirects and 5xx statuses are errors.
fn log_and_check(answer: Response<Bytes>, now: UnixTime) -> Result<Response<Bytes>, ImsError> {
    let status = answer.status();
    tracing::info!(endpoint = TOKEN, %status, debug_id = debug_id(&answer), "IMS answered");
    if status.is_redirection() {
        // IMS reports an invalid scope by a redirect. The gateway must not follow it.
        return Err(ImsError::Refused {
            endpoint: TOKEN,
            code: redirect_error(&answer).unwrap_or_else(|| status.as_u16().to_string()),
            description:
                "IMS answered with a redirect; usually a scope in ims.scopes is not provisioned for this client"
                    .to_owned(),
            debug_id: debug_id(&answer),
        });
    }
    if status.is_server_error() {
        return Err(ImsError::status(TOKEN, &answer, now));
    }
    if status.is_client_error() {
        tracing::warn!(endpoint = TOKEN, %status, debug_id = debug_id(&answer), "IMS refused");
    }
    Ok(answer)
}

/// The `error` parameter of the redirect address, if it looks like an OAuth error code.
fn redirect_error(answer: &Response<Bytes>) -> Option<String> {
    let location = answer.headers().get(http::header::LOCATION)?.to_str().ok()?;
    let (_, query) = location.split_once('?')?;
    authorize_answer::error(query)
}

/// IMS access tokens live 24 hours. This is the default for a response without `expires_in`, and the maximum.
pub(super) const DEFAULT_LIFETIME: Duration = Duration::from_hours(24);
