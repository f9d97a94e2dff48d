//! `imsgate simulators`: only the simulators of the demo, at fixed addresses, for gateways that run beside them.

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Args;

use super::{STOPS_LOGINS, output};
use crate::demo::campaign::{CampaignOptions, CampaignSimulator};
use crate::demo::ims::{ImsOptions, ImsSimulator};
use crate::demo::{CLIENT_ID, ORGANIZATION_ID};
use crate::server;

#[derive(Debug, Args)]
pub(super) struct SimulatorsArgs {
    /// Where the IMS simulator listens; browsers and gateways reach it at 127.0.0.1 if no other address is given
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:9501")]
    ims: SocketAddr,
    /// Where the Campaign simulator listens
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:9502")]
    campaign: SocketAddr,
    /// A gateway that may ask the IMS simulator; several times for several
    #[arg(long, value_name = "URL", default_value = "https://localhost:8443")]
    gateway: Vec<String>,
}

pub(super) const AFTER_HELP: &str = "\
Example:
  imsgate simulators --gateway https://localhost:8443

Everybody who reaches the IMS simulator can sign in without a password. Never let a gateway of production use it.";

pub(super) fn run(args: &SimulatorsArgs) -> ExitCode {
    match server::control_runtime().and_then(|runtime| runtime.block_on(simulate(args))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => output::fail("simulators", error, STOPS_LOGINS),
    }
}

async fn simulate(args: &SimulatorsArgs) -> std::io::Result<()> {
    let mut signals = server::Signals::watch()?;
    let addresses = |gateway: &String| {
        let gateway = gateway.trim_end_matches('/');
        [format!("{gateway}/ims/callback"), format!("{gateway}/ims/signed-out")]
    };
    let ims = ImsOptions {
        addr: args.ims,
        redirect_uris: args.gateway.iter().flat_map(addresses).collect(),
        ..ImsOptions::default()
    };
    let ims = ImsSimulator::start(ims).await?;
    let campaign =
        CampaignOptions { addr: args.campaign, ims: Some(ims.url()), ..CampaignOptions::default() };
    let campaign = CampaignSimulator::start(campaign).await?;
    output::out(&format!(
        "ims.server = \"{}\"\nims.client_id = \"{CLIENT_ID}\"\nims.client_secret = \"demo-client-secret\"\n\
         ims.organization_id = \"{ORGANIZATION_ID}\"\ncampaign.upstream = \"{}\"\n",
        ims.url(),
        campaign.url(),
    ));
    while signals.received().await == server::SignalRequest::ReopenLogs {}
    campaign.stop().await;
    ims.stop().await;
    Ok(())
}
