//! The simulator of an Adobe Campaign instance: SOAP router, pages, public pages and assets. Paths below `/demo/` show the received
//! request.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{any, get, post};
use ipnet::IpNet;
use secrecy::SecretString;
use tokio::net::TcpListener;

use self::operators::Operators;
use self::record::Records;
use self::sessions::OpenSessions;
use super::client::SimulatorClient;
use super::listening::SimulatorListener;
use super::random::lock;
use crate::clock::Clock;

mod bearer;
mod caller;
mod catalog;
mod echo;
mod envelope;
mod faults;
mod files;
mod gzip;
mod media;
mod methods;
mod operators;
mod pages;
mod public;
mod record;
mod sessions;
mod sign_in;
mod soap;
#[cfg(test)]
mod tests;
mod websocket;
mod zones;

pub use catalog::ExternalAccount;
pub use faults::{BearerLogonRefusal, CampaignFaults};
pub use record::Recorded;
pub use sessions::OpenSession;
pub use sign_in::PageRefusal;
pub use zones::Zone;

/// The setup of the simulated instance.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent switches of an instance")]
pub struct CampaignOptions {
    /// Where to listen; port 0 takes a free one.
    pub addr: SocketAddr,
    /// Base URL of the IMS that validates bearer tokens. `None` refuses every bearer token.
    pub ims: Option<String>,
    /// The client identifier of the instance's external account.
    pub ims_client_id: String,
    /// Lifetime of a session and its security token.
    pub session_timeout: Duration,
    /// How long this node accepts a session after its Logoff, as another node than that of the Logoff does (`sessionCacheSec`, 600).
    pub session_cache: Duration,
    /// Sends every SOAP fault but a refused logon with status 200, as builds before 2021 and 7.4.3 do.
    pub legacy_fault_status: bool,
    /// The response to a page without a valid session.
    pub page_refusal: PageRefusal,
    /// Accepts `Authorization: Bearer` on every call, as Campaign 8.5 and newer do.
    pub bearer_on_every_call: bool,
    /// Trusts `X-Ims-User`, for the gateway's mode `headers`. Otherwise identity headers are only shown.
    pub identity_headers: bool,
    /// Compresses responses for clients that accept gzip, as a web server in front of Campaign does.
    pub gzip: bool,
    /// SOAP calls need no security token (`sessionTokenOnly` of a Campaign security zone).
    pub session_token_only: bool,
    /// The security zones, in order. An address in no zone is refused with XSV-350014.
    pub zones: Vec<Zone>,
    /// Peers whose `X-Forwarded-For` counts (`proxy` of the `subNetwork` "all").
    pub proxies: Vec<IpNet>,
    /// The name of the instance.
    pub instance: String,
    /// The hosts of the instance: a name that may end with `*`. Every other host gets 404.
    pub dns_mask: String,
    /// Binds a session to the client address of its logon (`checkIPConsistent`).
    pub check_ip_consistent: bool,
    /// Takes over operator groups from IMS at every logon, which costs one request to IMS.
    pub group_rights: bool,
    /// Serves `/r/*`. The module of Apache or IIS does; Tomcat on port 8080 does not.
    pub redirection_module: bool,
    /// Password of the native login `admin`.
    pub admin_password: SecretString,
    /// The oldest accepted console build, published in serverInfo.
    pub min_client_build: u32,
    /// Allows nobody to use the client console, published as `noConsoleCnx` in userInfo.
    pub no_console: bool,
    /// Its external accounts of the Experience Cloud.
    pub external_accounts: Vec<ExternalAccount>,
    /// Internal names of its operator groups.
    pub groups: Vec<String>,
    /// Whether "Integration with the Adobe Experience Cloud" is installed.
    pub integration_package: bool,
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
            session_cache: Duration::ZERO,
            legacy_fault_status: false,
            page_refusal: PageRefusal::SignInPage,
            bearer_on_every_call: true,
            identity_headers: false,
            gzip: false,
            session_token_only: false,
            zones: vec![Zone::everywhere("public")],
            proxies: vec![IpAddr::from(Ipv4Addr::LOCALHOST).into(), IpAddr::from(Ipv6Addr::LOCALHOST).into()],
            instance: "acme".to_owned(),
            dns_mask: "*".to_owned(),
            check_ip_consistent: false,
            group_rights: false,
            redirection_module: true,
            admin_password: "demo-admin-password".into(),
            min_client_build: 8969,
            no_console: false,
            external_accounts: vec![ExternalAccount::default()],
            groups: catalog::built_in_groups(),
            integration_package: true,
            clock: Clock::system(),
        }
    }
}

/// A running Campaign simulator; it stops when dropped.
pub struct CampaignSimulator {
    listening: SimulatorListener,
    campaign: Arc<CampaignState>,
}

impl CampaignSimulator {
    /// Binds the address and serves from tasks of the current runtime.
    pub async fn start(options: CampaignOptions) -> io::Result<Self> {
        let listener = TcpListener::bind(options.addr).await?;
        let campaign = Arc::new(CampaignState {
            sessions: OpenSessions::new(
                options.clock.clone(),
                options.session_timeout,
                options.session_cache,
            ),
            operators: Operators::new(options.clock.clone(), options.admin_password.clone()),
            records: Records::default(),
            faults: CampaignFaults::default(),
            client: SimulatorClient::new(),
            ims: Mutex::new(options.ims.clone()),
            options,
        });
        let listening = SimulatorListener::start(listener, router(&campaign))?;
        Ok(Self { listening, campaign })
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        self.listening.url()
    }

    /// Validates bearer tokens at this IMS from now on.
    pub fn ask_ims(&self, url: &str) {
        *lock(&self.campaign.ims) = Some(url.to_owned());
    }

    /// Fault injection. Clones act on the same simulator.
    pub fn faults(&self) -> CampaignFaults {
        self.campaign.faults.clone()
    }

    /// The latest thousand requests, oldest first. `body_len` grows while the body arrives.
    pub fn requests(&self) -> Vec<Recorded> {
        self.campaign.records.all()
    }

    /// Deletes the recorded requests.
    pub fn forget_requests(&self) {
        self.campaign.records.clear();
    }

    /// The live sessions.
    pub fn sessions(&self) -> Vec<OpenSession> {
        self.campaign.sessions.live()
    }

    /// Ends every session, like a restart of Campaign. The next call gets XSV-350008.
    pub fn expire_all_sessions(&self) {
        self.campaign.sessions.clear();
    }

    /// Session tokens that were logged off, oldest first.
    pub fn logoffs(&self) -> Vec<String> {
        self.campaign.sessions.logoffs()
    }

    /// Logins that are locked after three wrong passwords.
    pub fn locked_operators(&self) -> Vec<String> {
        self.campaign.operators.locked()
    }

    /// Logins for which a wrong password arrived.
    pub fn wrong_passwords(&self) -> Vec<String> {
        self.campaign.operators.with_wrong_passwords()
    }

    /// Stops the listener and closes every connection. Afterwards the port refuses connections.
    pub async fn stop(&self) {
        self.listening.stop().await;
    }
}

/// The state of all endpoints.
struct CampaignState {
    options: CampaignOptions,
    ims: Mutex<Option<String>>,
    sessions: OpenSessions,
    operators: Operators,
    records: Records,
    faults: CampaignFaults,
    client: SimulatorClient,
}

fn router(campaign: &Arc<CampaignState>) -> Router {
    let with_session = Router::new()
        .route("/", get(|| async { axum::response::Redirect::to("/view/home") }))
        .route("/view/home", get(pages::home))
        .route("/xtk/demo/form", post(pages::form))
        .route("/nl/jsp/ping.jsp", get(pages::ping))
        .route("/nl/jsp/mcPing.jsp", get(files::message_center_ping))
        .route("/nl/jsp/uploadFile.jsp", post(files::upload))
        .route("/nl/jsp/downloadFile.jsp", get(files::download))
        .route("/nl/jsp/schemawsdl.jsp", get(files::wsdl).post(files::wsdl))
        .route("/nms/aemAssetDownload.jssp", post(files::aem_asset))
        .route("/report/{name}", get(files::report).post(files::report))
        .route("/demo/echo", any(echo::echo))
        .route("/demo/echo/{*rest}", any(echo::echo))
        .route("/demo/upload", any(echo::upload))
        .route("/demo/events", get(media::events))
        .route("/demo/ws", get(websocket::upgrade))
        .route("/demo/slow/{ms}", any(media::slow))
        .route("/demo/drop", any(media::half_then_close))
        .fallback(pages::missing)
        .layer(from_fn_with_state(Arc::clone(campaign), caller::require));
    let mut router = Router::new()
        // Authenticates its callers itself, because it reports errors as SOAP faults.
        .route("/nl/jsp/soaprouter.jsp", post(soap::soap))
        .route("/nl/jsp/logon.jsp", any(sign_in::logon_page))
        .route("/nms/imslogin.jssp", get(sign_in::ims_page))
        .route("/webApp/approval", any(public::with_access_control))
        .route("/nms/jsp/webForm.jsp", any(public::web_form))
        .route("/webApp/{*name}", any(public::web_form))
        .route("/res/{name}", get(media::asset))
        .route("/xtk/jsp/zoneinfo.jsp", get(public::zone_info))
        .route("/favicon.ico", get(public::favicon))
        .route("/robots.txt", get(public::robots))
        .merge(with_session);
    if campaign.options.redirection_module {
        router = router
            .route("/r/test", get(public::test))
            .route("/r/config", any(public::no_such_page))
            .route("/r/", any(public::tracking))
            .route("/r/{*rest}", any(public::tracking));
    }
    router
        .layer(from_fn_with_state(Arc::clone(campaign), zones::find_origin))
        .layer(from_fn_with_state(Arc::clone(campaign), gzip::gzip))
        .layer(from_fn_with_state(Arc::clone(campaign), record::record))
        .with_state(Arc::clone(campaign))
}
