//! A stand-in for an Adobe Campaign instance: SOAP router, pages, public pages, assets, and a few addresses under
//! `/demo/` that show what arrived.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{any, get, post};
use secrecy::SecretString;
use tokio::net::TcpListener;

use self::record::Records;
use self::sessions::Sessions;
use super::client::Client;
use super::listening::Listening;
use crate::clock::Clock;

mod bearer;
mod caller;
mod echo;
mod envelope;
mod faults;
mod gzip;
mod media;
mod methods;
mod pages;
mod public;
mod record;
mod sessions;
mod soap;
#[cfg(test)]
mod tests;
mod websocket;

pub use faults::{Faults, LogonRefusal};
pub use record::Recorded;
pub use sessions::LiveSession;

/// How the simulated instance is set up.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "switches of an instance, each on its own")]
pub struct CampaignOptions {
    /// Where to listen; port 0 takes a free one.
    pub addr: SocketAddr,
    /// Base URL of the IMS that validates bearer tokens; `None`: every bearer token is refused.
    pub ims: Option<String>,
    /// The client identifier of the instance's external account.
    pub ims_client_id: String,
    /// Lifetime of a session and its security token.
    pub session_timeout: Duration,
    /// XSV-350008 as a SOAP fault with status 200 instead of 403, as builds before 2021 do.
    pub legacy_fault_status: bool,
    /// Takes `Authorization: Bearer` on every call, as Campaign 8.5 and newer do.
    pub bearer_on_every_call: bool,
    /// Believes `X-Ims-User`, for the gateway's mode `headers`. Off: those headers are only shown, never a way in.
    pub identity_headers: bool,
    /// Compresses answers for those who take that, as a web server in front of Campaign does.
    pub gzip: bool,
    /// A session token is enough for a SOAP call (Campaign's `sessionTokenOnly` of a security zone).
    pub session_token_only: bool,
    /// Password of the native login `admin`.
    pub admin_password: SecretString,
    /// What serverInfo publishes as the oldest console build accepted.
    pub min_client_build: u32,
    /// The clock of every session.
    pub clock: Clock,
}

impl Default for CampaignOptions {
    fn default() -> Self {
        Self {
            addr: (Ipv4Addr::LOCALHOST, 0).into(),
            ims: None,
            ims_client_id: super::CLIENT_ID.to_owned(),
            session_timeout: Duration::from_hours(24),
            legacy_fault_status: false,
            bearer_on_every_call: true,
            identity_headers: false,
            gzip: false,
            session_token_only: false,
            admin_password: "demo-admin-password".into(),
            min_client_build: 8969,
            clock: Clock::system(),
        }
    }
}

/// A running Campaign simulator; it stops when dropped.
pub struct CampaignSimulator {
    listening: Listening,
    campaign: Arc<Campaign>,
}

impl CampaignSimulator {
    /// Binds the address and serves from tasks of the current runtime.
    pub async fn start(options: CampaignOptions) -> io::Result<Self> {
        let listener = TcpListener::bind(options.addr).await?;
        let campaign = Arc::new(Campaign {
            sessions: Sessions::new(options.clock.clone(), options.session_timeout),
            records: Records::default(),
            faults: Faults::default(),
            client: Client::new(),
            options,
        });
        let listening = Listening::start(listener, router(&campaign))?;
        Ok(Self { listening, campaign })
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        self.listening.url()
    }

    /// Makes the simulator misbehave. Clones act on the same simulator.
    pub fn faults(&self) -> Faults {
        self.campaign.faults.clone()
    }

    /// The latest thousand requests, oldest first. `body_len` grows while a body is still on its way.
    pub fn requests(&self) -> Vec<Recorded> {
        self.campaign.records.all()
    }

    /// Forgets the requests so far.
    pub fn forget_requests(&self) {
        self.campaign.records.clear();
    }

    /// Sessions alive.
    pub fn sessions(&self) -> Vec<LiveSession> {
        self.campaign.sessions.live()
    }

    /// Ends every session, as a restart of Campaign does: the next call gets XSV-350008.
    pub fn expire_all_sessions(&self) {
        self.campaign.sessions.clear();
    }

    /// Session tokens that were logged off, oldest first.
    pub fn logoffs(&self) -> Vec<String> {
        self.campaign.sessions.logoffs()
    }

    /// Ends the listener and every connection; afterwards the port refuses connections.
    pub async fn stop(&self) {
        self.listening.stop().await;
    }
}

/// What every address shares.
struct Campaign {
    options: CampaignOptions,
    sessions: Sessions,
    records: Records,
    faults: Faults,
    client: Client,
}

fn router(campaign: &Arc<Campaign>) -> Router {
    let with_session = Router::new()
        .route("/", get(|| async { axum::response::Redirect::to("/view/home") }))
        .route("/view/home", get(pages::home))
        .route("/xtk/demo/form", post(pages::form))
        .route("/nl/jsp/ping.jsp", get(pages::ping))
        .route("/demo/echo", any(echo::echo))
        .route("/demo/echo/{*rest}", any(echo::echo))
        .route("/demo/upload", any(echo::upload))
        .route("/demo/events", get(media::events))
        .route("/demo/ws", get(websocket::upgrade))
        .route("/demo/slow/{ms}", any(media::slow))
        .route("/demo/drop", any(media::half_then_close))
        .fallback(pages::missing)
        .layer(from_fn_with_state(Arc::clone(campaign), caller::require));
    Router::new()
        // Checks its callers itself: its refusals are SOAP faults.
        .route("/nl/jsp/soaprouter.jsp", post(soap::soap))
        .route("/r/test", get(public::test))
        .route("/r/config", any(public::no_such_page))
        .route("/r/", any(public::tracking))
        .route("/r/{*rest}", any(public::tracking))
        .route("/nms/jsp/webForm.jsp", any(public::web_form))
        .route("/webApp/{*name}", any(public::web_form))
        .route("/res/{name}", get(media::asset))
        .route("/xtk/jsp/zoneinfo.jsp", get(public::zone_info))
        .route("/favicon.ico", get(public::favicon))
        .route("/robots.txt", get(public::robots))
        .merge(with_session)
        .layer(from_fn_with_state(Arc::clone(campaign), gzip::gzip))
        .layer(from_fn_with_state(Arc::clone(campaign), record::record))
        .with_state(Arc::clone(campaign))
}
