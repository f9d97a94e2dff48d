//! The IMS simulator: discovery, authorization code with PKCE, tokens with IMS's non-standard claims, organisations, profile,
//! revocation, logout.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use secrecy::SecretString;
use tokio::net::TcpListener;

use self::browsers::Browsers;
use self::grants::Grants;
use self::keys::SimulatorKeys;
use super::listening::{self, SimulatorListener};
use super::people::{Person, people};
use crate::clock::Clock;

mod authorize;
mod browsers;
mod client_auth;
mod discovery;
mod error;
mod faults;
mod grants;
mod keys;
mod logout;
mod logout_token;
mod middleware;
mod profile;
mod recorded;
mod revoke;
mod sign_in;
mod technical;
#[cfg(test)]
mod tests;
mod token;
mod tokens;

pub use faults::{ImsEndpoint, ImsFaults, Signing};
pub use recorded::RecordedRequest;
pub use technical::TechnicalClient;

/// The setup of the simulator: the registered client and the people.
#[derive(Clone, Debug)]
pub struct ImsOptions {
    /// Where to listen; port 0 takes a free one.
    pub addr: SocketAddr,
    /// The one registered client.
    pub client_id: String,
    /// Its secret.
    pub client_secret: SecretString,
    /// Registered redirect URIs, compared exactly. The first one receives errors of requests without a redirect URI.
    pub redirect_uris: Vec<String>,
    /// The demo organisation, `<24 hex>@AdobeOrg`. The technical account belongs to it.
    pub organization_id: String,
    /// Who can sign in.
    pub people: Vec<Person>,
    /// Other clients, which get tokens by `client_credentials`.
    pub technical_clients: Vec<TechnicalClient>,
    /// The clock of every token and code.
    pub clock: Clock,
    /// Whether a token response with the scope `offline_access` has a refresh token. `scopes` decides whether the client may
    /// request this scope.
    pub refresh_tokens: bool,
    /// Scopes provisioned for the client; any other is `invalid_scope`.
    pub scopes: Vec<String>,
    /// `iss` of the `id_token`; `None`: the issuer of the discovery document.
    pub id_token_issuer: Option<String>,
    /// Lifetime of an access token and an `id_token`.
    pub token_lifetime: Duration,
    /// Lifetime of an authorization code.
    pub code_lifetime: Duration,
}

impl Default for ImsOptions {
    fn default() -> Self {
        Self {
            addr: (Ipv4Addr::LOCALHOST, 0).into(),
            client_id: super::CLIENT_ID.to_owned(),
            client_secret: "demo-client-secret".into(),
            redirect_uris: vec!["https://localhost:8443/ims/callback".to_owned()],
            organization_id: super::ORGANIZATION_ID.to_owned(),
            people: people(super::ORGANIZATION_ID, super::TENANT),
            technical_clients: Vec::new(),
            clock: Clock::system(),
            refresh_tokens: true,
            scopes: super::SCOPES.iter().map(ToString::to_string).collect(),
            id_token_issuer: None,
            token_lifetime: Duration::from_hours(24),
            code_lifetime: Duration::from_mins(5),
        }
    }
}

/// A running IMS simulator; it stops when dropped.
pub struct ImsSimulator {
    listening: SimulatorListener,
    ims: Arc<ImsState>,
}

impl ImsSimulator {
    /// Binds the address and serves from tasks of the current runtime.
    pub async fn start(options: ImsOptions) -> io::Result<Self> {
        let listener = TcpListener::bind(options.addr).await?;
        let ims = Arc::new(ImsState {
            url: listening::url(listener.local_addr()?),
            keys: SimulatorKeys::generate()?,
            grants: Grants::default(),
            browsers: Browsers::default(),
            faults: ImsFaults::default(),
            options,
        });
        let listening = SimulatorListener::start(listener, router(&ims))?;
        Ok(Self { listening, ims })
    }

    /// `http://127.0.0.1:PORT`, the issuer of the discovery document.
    pub fn url(&self) -> String {
        self.listening.url()
    }

    /// Where the sign-in form is posted to: fields `request` (hidden) and `username`.
    pub fn sign_in_url(&self) -> String {
        format!("{}/ims/sign-in", self.url())
    }

    /// Fault injection. Clones act on the same simulator.
    pub fn faults(&self) -> ImsFaults {
        self.ims.faults.clone()
    }

    /// Signs with a new key from now on. `/ims/keys` publishes the new key and the previous one.
    pub fn rotate_keys(&self) -> io::Result<()> {
        self.ims.keys.rotate()
    }

    /// The current public key, PEM. An attacker could try it as an HS256 secret.
    pub fn public_key_pem(&self) -> String {
        self.ims.keys.current().public_key_pem()
    }

    /// Number of requests to `/ims/keys`.
    pub fn keys_fetches(&self) -> usize {
        self.ims.faults.fetches(ImsEndpoint::Keys)
    }

    /// Number of requests to an endpoint, including those with faults.
    pub fn requests_to(&self, endpoint: ImsEndpoint) -> usize {
        self.ims.faults.fetches(endpoint)
    }

    /// The latest requests to the token endpoint, oldest first, including those with faults.
    pub fn token_requests(&self) -> Vec<RecordedRequest> {
        self.ims.faults.token_requests()
    }

    /// Tokens revoked through `/ims/revoke`, oldest first.
    pub fn revoked(&self) -> Vec<String> {
        self.ims.grants.revoked()
    }

    /// Number of browser sessions at IMS.
    pub fn browser_sessions(&self) -> usize {
        self.ims.browsers.count()
    }

    /// Invalidates all access tokens issued so far, as an Adobe administrator can.
    pub fn invalidate_access_tokens(&self) {
        self.ims.grants.forget_access_tokens();
    }

    /// Invalidates all refresh tokens issued so far. Their use gives `invalid_grant`.
    pub fn invalidate_refresh_tokens(&self) {
        self.ims.grants.forget_refresh_tokens();
    }

    /// The refresh tokens sent to the token endpoint, oldest first, successful or not.
    pub fn refreshes(&self) -> Vec<String> {
        let requests = self.token_requests().into_iter();
        let refreshes = requests.filter(|request| request.field("grant_type") == Some("refresh_token"));
        refreshes.filter_map(|request| request.field("refresh_token").map(str::to_owned)).collect()
    }

    /// Stops the listener and closes every connection. Afterwards the port refuses connections.
    pub async fn stop(&self) {
        self.listening.stop().await;
    }
}

/// The state of all endpoints.
struct ImsState {
    url: String,
    options: ImsOptions,
    keys: SimulatorKeys,
    grants: Grants,
    browsers: Browsers,
    faults: ImsFaults,
}

impl ImsState {
    fn issuer(&self) -> &str {
        &self.url
    }

    /// The target for a browser with an unregistered `redirect_uri`.
    fn default_redirect(&self) -> String {
        format!("{}/ims/default-redirect", self.url)
    }
}

fn router(ims: &Arc<ImsState>) -> Router {
    Router::new()
        .route("/.well-known/openid-configuration", get(discovery::document))
        .route("/ims/.well-known/openid-configuration", get(discovery::document))
        .route("/ims/keys", get(discovery::keys))
        .route("/ims/authorize/v2", get(authorize::authorize))
        .route("/ims/sign-in", post(sign_in::sign_in))
        .route("/ims/default-redirect", get(authorize::default_redirect))
        .route("/ims/token/v3", post(token::token))
        .route("/ims/userinfo/v2", get(profile::userinfo).post(profile::userinfo))
        .route("/ims/organizations/v6", get(profile::organizations))
        .route("/ims/organizations/v5", get(profile::organizations))
        .route("/ims/profile/v1", get(profile::profile))
        .route("/ims/validate_token/v1", post(revoke::validate_token))
        .route("/ims/revoke", post(revoke::revoke))
        .route("/ims/logout/v1", get(logout::logout))
        .layer(from_fn_with_state(Arc::clone(ims), middleware::intercept))
        .with_state(Arc::clone(ims))
}
