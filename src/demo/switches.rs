//! A page of `imsgate demo` that breaks IMS or Campaign, so that one can see what people see then.

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
use super::faults::{Answer, Times};
use super::html::page;
use super::ims::{self, Endpoint, ImsSimulator};
use super::listening::SimulatorListener;
use super::wire::{Form, found};

/// The page on its own port. It stops when dropped.
#[derive(Debug)]
pub struct Switches(SimulatorListener);

/// What a switch does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    ImsDown,
    CampaignDown,
    CampaignRestarting,
}

struct Room {
    ims: ims::Faults,
    campaign: campaign::Faults,
    gateway: String,
    on: [AtomicBool; 3],
}

const FAULTS: [(Fault, &str, &str); 3] = [
    (Fault::ImsDown, "ims-down", "IMS does not answer the gateway"),
    (Fault::CampaignDown, "campaign-down", "Campaign does not answer"),
    (Fault::CampaignRestarting, "campaign-restarting", "Campaign is in its daily restart"),
];

impl Switches {
    /// Starts the page for these simulators; `gateway` is the address that people open.
    pub async fn start(ims: &ImsSimulator, campaign: &CampaignSimulator, gateway: &str) -> io::Result<Self> {
        let room = Room {
            ims: ims.faults(),
            campaign: campaign.faults(),
            gateway: gateway.to_owned(),
            on: Default::default(),
        };
        let router = Router::new().route("/", get(show).post(switch)).with_state(Arc::new(room));
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

async fn show(State(room): State<Arc<Room>>) -> Response {
    let state = |(index, (_, name, text)): (usize, &(Fault, &'static str, &'static str))| {
        (*name, *text, room.on[index].load(Ordering::Relaxed))
    };
    let faults = FAULTS.iter().enumerate().map(state).collect();
    page(StatusCode::OK, &SwitchesPage { gateway: &room.gateway, faults })
}

async fn switch(State(room): State<Arc<Room>>, headers: HeaderMap, body: Bytes) -> Response {
    // Pages of other origins must not break the demo.
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok()).unwrap_or_default();
    if origin.strip_prefix("http://") != Some(host) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let form = Form::parse(&body);
    let wanted = form.get("fault").unwrap_or_default();
    if let Some(index) = FAULTS.iter().position(|(_, name, _)| *name == wanted) {
        let on = !room.on[index].fetch_xor(true, Ordering::Relaxed);
        match FAULTS[index].0 {
            // People still reach its sign-in page: what they see afterwards is the gateway's.
            Fault::ImsDown if on => {
                for endpoint in
                    [Endpoint::Token, Endpoint::UserInfo, Endpoint::Organizations, Endpoint::Profile]
                {
                    room.ims.answer(endpoint, Times::Always, Answer::Status(503));
                }
            }
            Fault::ImsDown => room.ims.clear(),
            Fault::CampaignDown => room.campaign.down(on),
            Fault::CampaignRestarting => room.campaign.restarting(on),
        }
    }
    found("/")
}
