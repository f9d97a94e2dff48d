//! `imsgate demo`: the gateway with simulators of IMS and Campaign, all on this machine. It writes nothing to disk.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;

use clap::Args;

use super::{STOPS_LOGINS, output};
use crate::app::{Gateway, Reloader};
use crate::clock::Clock;
use crate::config::{self, Loaded};
use crate::demo::campaign::{CampaignOptions, CampaignSimulator};
use crate::demo::ims::{ImsOptions, ImsSimulator, TechnicalClient};
use crate::demo::people::people;
use crate::demo::{self, CLIENT_ID, ORGANIZATION_ID, OutagePage, SCOPES, TENANT, banner, certificate};
use crate::{crypto, server, telemetry};

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  imsgate demo --listen 127.0.0.1:9443")]
pub(super) struct DemoArgs {
    /// Where the gateway listens; in the browser, always use https://localhost:PORT
    #[arg(long, value_name = "ADDR:PORT", default_value = "localhost:8443", value_parser = addresses)]
    listen: Addresses,
}

/// The given address. `localhost` means both loopback addresses, because browsers may use either.
#[derive(Clone, Debug)]
struct Addresses(Vec<SocketAddr>);

type DemoError = Box<dyn std::error::Error>;

pub(super) fn run(args: &DemoArgs) -> ExitCode {
    match server::control_runtime()
        .map_err(DemoError::from)
        .and_then(|runtime| runtime.block_on(demo(&args.listen.0)))
    {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let error = format!("{error}\nTo use another address: imsgate demo --listen 127.0.0.1:9443");
            output::fail("demo", error, STOPS_LOGINS)
        }
    }
}

async fn demo(listen: &[SocketAddr]) -> Result<(), DemoError> {
    let listen = usable(listen);
    let port = listen.first().map_or(8443, SocketAddr::port);
    let url = format!("https://localhost:{port}");
    let secret = crypto::random_text::<24>();
    let people = people(ORGANIZATION_ID, TENANT);
    let ims = ImsSimulator::start(ImsOptions {
        client_secret: secret.clone().into(),
        redirect_uris: vec![format!("{url}/ims/callback"), format!("{url}/ims/signed-out")],
        people: people.clone(),
        technical_clients: vec![TechnicalClient::new(ROBOT, ORGANIZATION_ID, TENANT, &["report"])],
        ..ImsOptions::default()
    })
    .await?;
    let campaign =
        CampaignSimulator::start(CampaignOptions { ims: Some(ims.url()), ..CampaignOptions::default() })
            .await?;
    let admin = free_address()?;
    let admin_token = crypto::random_text::<24>();
    let servers = Servers { ims: &ims.url(), campaign: &campaign.url(), admin, admin_token: &admin_token };
    let loaded = configuration(&url, &listen, servers, &secret)?;
    let config = &loaded.config;
    telemetry::init(&config.log)?;
    let (certificate, key) = certificate(&["localhost", "127.0.0.1", "::1"]);
    let tls = server::server_config_from_pem(&certificate, &key)?;
    let mut signals = server::Signals::watch()?;
    let mut gateway = Gateway::start(config, tls, Clock::system()).await?;
    // Answers the admin page; there is no file to load again.
    let mut reloader = Reloader::new(&mut gateway, SOURCE.into(), Vec::new(), loaded);
    if listen.iter().any(|address| !address.ip().is_loopback()) {
        output::err(
            "warning: other machines can reach this demo, and everybody can sign in without a password\n",
        );
    }
    let switches = OutagePage::start(&ims, &campaign, &url).await?;
    let addresses = demo::BannerAddresses {
        gateway: &url,
        switches: &switches.url(),
        admin: &format!("http://{admin}"),
        admin_token: &admin_token,
        ims: &ims.url(),
        campaign: &campaign.url(),
    };
    output::out(&banner(addresses, &people));
    // SIGHUP stops the demo too, so it ends when its terminal closes.
    loop {
        tokio::select! {
            signal = signals.received() => if signal != server::SignalRequest::ReopenLogs { break },
            event = reloader.next() => reloader.handle(&gateway, event).await,
        }
    }
    gateway.stop().await;
    switches.stop().await;
    campaign.stop().await;
    ims.stop().await;
    Ok(())
}

/// The servers beside the gateway.
#[derive(Clone, Copy, Debug)]
struct Servers<'a> {
    ims: &'a str,
    campaign: &'a str,
    admin: SocketAddr,
    admin_token: &'a str,
}

/// A free address of the loopback interface.
fn free_address() -> std::io::Result<SocketAddr> {
    std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// The demo's configuration, parsed like a configuration file.
fn configuration(
    url: &str,
    listen: &[SocketAddr],
    servers: Servers<'_>,
    secret: &str,
) -> Result<Loaded, DemoError> {
    let Servers { ims, campaign, admin, admin_token } = servers;
    let listen: Vec<String> = listen.iter().map(|address| format!("{:?}", address.to_string())).collect();
    let text = format!(
        r#"
[ims]
server = "{ims}"
client_id = "{CLIENT_ID}"
client_secret = "{secret}"
scope = "{}"
callback_server = "{url}"
organization_id = "{ORGANIZATION_ID}"
association_mask = "Campaign - {TENANT} - (.*)"
product_context = "dma_campaign_classic"
[experience_cloud]
tenant = "{TENANT}"
[campaign]
upstream = "{campaign}"
[[campaign.technical_account]]
client_id = "{ROBOT}"
[[campaign.native_account]]
login = "admin"
networks = ["127.0.0.0/8", "::1"]
emergency = true
[listen]
https = [{}]
admin = "{admin}"
admin_token = "{admin_token}"
certificate = "(in memory)"
private_key = "(in memory)"
hsts = false
[session]
store = "memory"
[log]
level = "warn,audit=info"
"#,
        SCOPES.join(","),
        listen.join(", "),
    );
    config::from_text(SOURCE, &text, []).map_err(|errors| errors.render(config::FindingStyle::Plain).into())
}

/// What findings name in the place of a file.
const SOURCE: &str = "the demo's configuration";

/// The technical account of the demo.
const ROBOT: &str = "demo-robot";

/// Removes `::1` on a machine without IPv6.
fn usable(listen: &[SocketAddr]) -> Vec<SocketAddr> {
    let has_ipv6 = || std::net::TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok();
    listen.iter().copied().filter(|address| listen.len() == 1 || address.is_ipv4() || has_ipv6()).collect()
}

fn addresses(text: &str) -> Result<Addresses, String> {
    let wrong = || "write an address and a port, such as 127.0.0.1:8443 or localhost:8443".to_owned();
    if let Some(port) = text.strip_prefix("localhost:") {
        let port = port.parse().map_err(|_| wrong())?;
        let both = [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)];
        return Ok(Addresses(both.map(|ip| SocketAddr::new(ip, port)).to_vec()));
    }
    text.parse().map(|address| Addresses(vec![address])).map_err(|_| wrong())
}
