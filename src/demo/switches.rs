//! A page of `imsgate demo` that breaks IMS or Campaign, to show what the gateway does then.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use askama::Template;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::{HeaderMap, StatusCode, header};
use tokio::net::TcpListener;

use super::campaign::{self, CampaignSimulator};
use super::faults::{FaultFrequency, InjectedResponse};
use super::html::page;
use super::ims::{self, ImsEndpoint, ImsSimulator};
use super::listening::SimulatorListener;
use super::wire::{Form, found};

/// The page on its own port. It stops when dropped.
#[derive(Debug)]
pub struct OutagePage(SimulatorListener);

/// One outage that the page switches on and off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outage {
    ImsDown,
    CampaignDown,
    CampaignRestarting,
}

struct OutagePageState {
    ims: ims::ImsFaults,
    campaign: campaign::CampaignFaults,
    gateway: String,
    on: [AtomicBool; 3],
}

const OUTAGES: [(Outage, &str, &str); 3] = [
    (Outage::ImsDown, "ims-down", "IMS does not answer the gateway"),
    (Outage::CampaignDown, "campaign-down", "Campaign does not answer"),
    (Outage::CampaignRestarting, "campaign-restarting", "Campaign is in its daily restart"),
];

impl OutagePage {
    /// Starts the page for these simulators; `gateway` is the address that people open.
    pub async fn start(ims: &ImsSimulator, campaign: &CampaignSimulator, gateway: &str) -> io::Result<Self> {
        let state = OutagePageState {
            ims: ims.faults(),
            campaign: campaign.faults(),
            gateway: gateway.to_owned(),
            on: Default::default(),
        };
        let router = Router::new().route("/", get(show).post(switch)).with_state(Arc::new(state));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        SimulatorListener::start(listener, router).map(Self)
    }

    /// The address of the page.
    pub fn url(&self) -> String {
        self.0.url()
    }

    /// Stops the listener.
    pub async fn stop(&self) {
        self.0.stop().await;
    }
}

#[derive(Template)]
#[template(path = "demo/switches.html")]
struct SwitchesPage<'a> {
    gateway: &'a str,
    faults: Vec<(&'static str, &'static str, bool)>,
}

async fn show(State(state): State<Arc<OutagePageState>>) -> Response {
    let switch = |(index, (_, name, text)): (usize, &(Outage, &'static str, &'static str))| {
        (*name, *text, state.on[index].load(Ordering::Relaxed))
    };
    let faults = OUTAGES.iter().enumerate().map(switch).collect();
    page(StatusCode::OK, &SwitchesPage { gateway: &state.gateway, faults })
}

async fn switch(State(state): State<Arc<OutagePageState>>, headers: HeaderMap, body: Bytes) -> Response {
    // Pages of other origins must not break the demo.
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok()).unwrap_or_default();
    if origin.strip_prefix("http://") != Some(host) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let form = Form::parse(&body);
    let wanted = form.get("fault").unwrap_or_default();
    if let Some(index) = OUTAGES.iter().position(|(_, name, _)| *name == wanted) {
        let on = !state.on[index].fetch_xor(true, Ordering::Relaxed);
        match OUTAGES[index].0 {
            // People still reach its sign-in page: what they see afterwards is the gateway's.
            Outage::ImsDown if on => {
                for endpoint in [
                    ImsEndpoint::Token,
                    ImsEndpoint::UserInfo,
                    ImsEndpoint::Organizations,
                    ImsEndpoint::Profile,
                ] {
                    state.ims.answer(endpoint, FaultFrequency::Always, InjectedResponse::Status(503));
                }
            }
            Outage::ImsDown => state.ims.clear(),
            Outage::CampaignDown => state.campaign.down(on),
            Outage::CampaignRestarting => state.campaign.restarting(on),
        }
    }
    found("/")
}
