//! The authorization code flow: the address the browser is sent to, and the exchange of the code it brings back.

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
use super::{Ims, TOKEN};
use crate::config::TokenAuth;
use crate::crypto::random_text;
use crate::policy::email::EmailClaim;
use crate::policy::login::Prompt;
use crate::policy::refreshed::Original;
use crate::policy::token_response::{self, Lifetime};
use crate::unix_time::UnixTime;

/// A login as sent to IMS: the address for the browser, and what to remember until it comes back.
#[derive(Debug)]
pub struct Authorization {
    /// Where to send the browser.
    pub url: Url,
    /// To be found in the `id_token`.
    pub nonce: String,
    /// PKCE code verifier.
    pub verifier: String,
}

/// What IMS gave for a code: whose it is, and the tokens.
#[derive(Debug)]
pub struct Tokens {
    /// Subject of the validated `id_token`.
    pub subject: String,
    /// What the `id_token` of refreshed tokens has to keep.
    pub original: Original,
    /// IMS's own session, when the `id_token` names it.
    pub session: Option<String>,
    /// What the `id_token` says about the e-mail address.
    pub email: EmailClaim,
    /// Display name in the `id_token`, if any.
    pub name: Option<String>,
    /// For Campaign and for IMS's own endpoints.
    pub access_token: SecretString,
    /// When the access token ends.
    pub access_expires: UnixTime,
    /// Only with scope `offline_access`.
    pub refresh_token: Option<SecretString>,
}

pub(super) type Client =
    CoreClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet, EndpointNotSet>;

/// How the crate tells that a request to the token endpoint failed.
pub(super) type TokenError =
    RequestTokenError<ImsError, openidconnect::StandardErrorResponse<CoreErrorResponseType>>;

impl Ims {
    /// Begins a login (OIDC Core §3.1.2.1) with PKCE S256 (RFC 7636 §4.3).
    pub async fn authorize(&self, state: &str, prompt: Prompt) -> Result<Authorization, ImsError> {
        let client = self.client().await?;
        let (state, nonce) = (CsrfToken::new(state.to_owned()), Nonce::new(random_text::<16>()));
        let verifier = PkceCodeVerifier::new(random_text::<32>());
        let remembered = nonce.clone();
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
        Ok(Authorization { url, nonce: remembered.secret().clone(), verifier: verifier.into_secret() })
    }

    /// Exchanges the code (RFC 6749 §4.1.3) that a client at `address` brought, and validates the `id_token` against the
    /// login's nonce.
    pub async fn exchange(
        &self,
        code: &str,
        verifier: &str,
        nonce: &str,
        address: IpAddr,
    ) -> Result<Tokens, ImsError> {
        let client = self.client().await?;
        let request = client
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .set_pkce_verifier(PkceCodeVerifier::new(verifier.to_owned()));
        let http = OauthHttp::new(self, Share::SignIn(address));
        let answer = request.request_async(&http).await.map_err(token_error)?;
        let id_token = http.take().id_token.ok_or_else(|| ImsError::Answer {
            endpoint: TOKEN,
            reason: "no id_token; is the scope `openid` provisioned for this client?".to_owned(),
        })?;
        let access_token = answer.access_token().secret();
        let id_token = self.id_token(&id_token, access_token, nonce).await?;
        let lifetime = answer.expires_in().unwrap_or(DEFAULT_LIFETIME).min(DEFAULT_LIFETIME);
        if lifetime.is_zero() {
            // A session that is over before it begins would send the browser in circles.
            let reason = "the access token is over already (expires_in 0)".to_owned();
            return Err(ImsError::Answer { endpoint: TOKEN, reason });
        }
        Ok(Tokens {
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

    pub(super) async fn client(&self) -> Result<Client, ImsError> {
        let metadata = self.provider.metadata().await?;
        let ims = &self.instance.ims;
        let unusable = |reason: &str| ImsError::Answer { endpoint: "discovery", reason: reason.to_owned() };
        let token_url = metadata.token_endpoint().ok_or_else(|| unusable("no token_endpoint"))?;
        let redirect =
            RedirectUrl::new(ims.redirect_uri()).map_err(|_| unusable("the redirect URI is no URL"))?;
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

/// The refresh token of an answer; an empty one is none.
pub(super) fn refresh_token(answer: &impl oauth2::TokenResponse) -> Option<SecretString> {
    let token = answer.refresh_token().map(|token| token.secret().as_str());
    token.filter(|token| !token.is_empty()).map(SecretString::from)
}

/// The token endpoint's answers as errors. The body is never repeated: it could hold a token.
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
            debug_id: "see the log line of the answer".to_owned(),
        },
        RequestTokenError::Parse(error, _) => ImsError::Answer {
            endpoint: TOKEN,
            reason: format!("not a token response{}", missing(error.inner())),
        },
        RequestTokenError::Other(reason) => ImsError::Answer { endpoint: TOKEN, reason },
    }
}

/// Names the absent claim or field; any other message of the parser could repeat a value.
fn missing(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let named = text.strip_prefix("missing field `").and_then(|rest| rest.split_once('`'));
    named.map_or_else(String::new, |(name, _)| format!(": `{name}` is missing in it"))
}

/// The oauth2 crate's way to our client.
pub(super) struct OauthHttp<'a> {
    pub(super) ims: &'a Ims,
    pub(super) share: Share,
    given: Mutex<Given>,
}

/// What of a response the crate does not carry: the `id_token`, whose unused claims it would judge, and the refresh token, also
/// when another part of the response cannot be used.
#[derive(Default)]
pub(super) struct Given {
    pub(super) refresh_token: Option<SecretString>,
    pub(super) id_token: Option<String>,
}

impl<'a> OauthHttp<'a> {
    pub(super) fn new(ims: &'a Ims, share: Share) -> Self {
        Self { ims, share, given: Mutex::default() }
    }

    /// What the response gave; nothing the second time.
    pub(super) fn take(&self) -> Given {
        std::mem::take(&mut *self.given.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn keep(&self, refresh_token: Option<String>, id_token: Option<String>) {
        let given = Given { refresh_token: refresh_token.map(SecretString::from), id_token };
        *self.given.lock().unwrap_or_else(PoisonError::into_inner) = given;
    }

    /// What the crate reads of a response: the fields that are used, with numbers as numbers.
    fn used_fields(&self, body: &[u8]) -> Result<Vec<u8>, ImsError> {
        let unusable = |reason: &str| ImsError::Answer { endpoint: TOKEN, reason: reason.to_owned() };
        let Some(read) = token_response::read(body) else {
            self.keep(token_response::salvage_refresh_token(body), None);
            return Err(unusable("not a token response"));
        };
        self.keep(read.refresh_token.clone(), read.id_token);
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
            let mut arrived = Vec::new();
            let sent = self.ims.http.send_to_token(self.share, request.map(Bytes::from), &mut arrived).await;
            if sent.is_err() {
                self.keep(token_response::salvage_refresh_token(&arrived), None);
            }
            let (head, body) = accept(sent?, self.ims.clock.now())?.into_parts();
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

/// Logs the answer's debug id; redirects and failures of the server are errors of their own.
fn accept(answer: Response<Bytes>, now: UnixTime) -> Result<Response<Bytes>, ImsError> {
    let status = answer.status();
    tracing::info!(endpoint = TOKEN, %status, debug_id = debug_id(&answer), "IMS answered");
    if status.is_redirection() {
        // IMS sends an invalid scope this way; the address must not be followed.
        return Err(ImsError::Refused {
            endpoint: TOKEN,
            code: redirect_error(&answer).unwrap_or_else(|| status.as_u16().to_string()),
            description:
                "IMS answered with a redirect; usually a scope that is not provisioned for this client"
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

/// The `error` parameter of a redirect's address, when it looks like one.
fn redirect_error(answer: &Response<Bytes>) -> Option<String> {
    let location = answer.headers().get(http::header::LOCATION)?.to_str().ok()?;
    let (_, query) = location.split_once('?')?;
    let (_, code) = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "error")?;
    code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_').then(|| code.into_owned())
}

/// IMS's access tokens live 24 hours; an answer that says nothing, or more, means that.
pub(super) const DEFAULT_LIFETIME: Duration = Duration::from_hours(24);
