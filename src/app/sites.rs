//! Builds each Campaign instance of a configuration: its connections, and what signs people in.

use std::io;
use std::sync::Arc;

use http::HeaderValue;
use rustls_pki_types::ServerName;

use super::brand::brand;
use super::{SOAP_DEADLINE, StartError, ims_connector};
use crate::auth::{Authenticator, Services};
use crate::campaign::{CampaignClient, ChooseServer};
use crate::clock::Clock;
use crate::config::{self, Campaign, Config, Instance, PublicInstance, UpstreamAddress};
use crate::http_client::{self, Dialer, Endpoint, HttpClient, Target};
use crate::ims::ImsClient;
use crate::policy::cookies::CookieNames;
use crate::policy::response_urls::ResponseUrls;
use crate::proxy::Upstreams;
use crate::telemetry::Metrics;
use crate::web::{HostLines, Site};
use crate::wire::fields::header_text;

/// One Campaign instance, ready to be served.
#[derive(Debug)]
pub(super) struct BuiltSite {
    pub site: Arc<Site>,
    pub upstreams: Arc<Upstreams>,
    pub urls: Arc<ResponseUrls>,
}

/// Every instance of the configuration: those where people sign in first.
pub(super) fn build(
    config: &Config,
    clock: &Clock,
    services: &Arc<Services>,
) -> Result<Vec<BuiltSite>, StartError> {
    let mut sites = Vec::new();
    for instance in &config.instances {
        let origin = instance.ims.origin();
        let (endpoints, upstreams) = servers(&instance.campaign, &origin)?;
        let ims = Arc::new(ims_client(instance, clock, &services.metrics)?);
        let soap = Arc::new(campaign_client(instance, endpoints, &upstreams, &services.metrics));
        let auth = Arc::new(authenticator(config, instance, ims, soap, services)?);
        let urls = Arc::new(response_urls(&instance.campaign, instance.hosts()));
        sites.push(BuiltSite { site: Arc::new(site(config, auth)), upstreams, urls });
    }
    for instance in &config.public_instances {
        let origin = instance.origin();
        let (_, upstreams) = servers(&instance.campaign, &origin)?;
        let hosts = instance.campaign.hosts.iter().map(String::as_str);
        let urls = Arc::new(response_urls(&instance.campaign, hosts));
        sites.push(BuiltSite { site: Arc::new(public_site(config, instance)), upstreams, urls });
    }
    Ok(sites)
}

/// What the configuration decides for an instance where people sign in.
pub(super) fn site(config: &Config, auth: Arc<Authenticator>) -> Site {
    Site {
        name: auth.instance.name.as_str().into(),
        campaign: Arc::new(auth.instance.campaign.clone()),
        origin: auth.origin.clone(),
        host: HostLines::new(header_text(host_of(&auth.origin))),
        brand: brand(&config.brand),
        forward_auth_secret: config.listen.forward_auth_secret.clone(),
        auth: Some(auth),
    }
}

/// What the configuration decides for an instance of which only the public paths are served.
pub(super) fn public_site(config: &Config, instance: &PublicInstance) -> Site {
    let origin = instance.origin();
    Site {
        name: instance.name.as_str().into(),
        campaign: Arc::new(instance.campaign.clone()),
        host: HostLines::new(header_text(host_of(&origin))),
        brand: brand(&config.brand),
        origin,
        auth: None,
        forward_auth_secret: None,
    }
}

/// What signs people in.
pub(super) fn authenticator(
    config: &Config,
    instance: &Arc<Instance>,
    ims: Arc<ImsClient>,
    campaign: Arc<CampaignClient>,
    services: &Arc<Services>,
) -> Result<Authenticator, StartError> {
    let origin = instance.ims.origin();
    Ok(Authenticator {
        ims,
        campaign,
        cookies: CookieNames::new(config.session.cookie_suffix.as_ref()),
        max_per_user: config.session.max_per_user,
        login_timeout: config.session.login_timeout,
        absolute_timeout: config.session.absolute_timeout,
        state: services.of_instance(&instance.name, &origin)?,
        origin,
        metrics: services.metrics.instance(&instance.name),
        services: services.clone(),
        instance: instance.clone(),
    })
}

/// The relying party of an instance.
fn ims_client(instance: &Arc<Instance>, clock: &Clock, metrics: &Metrics) -> io::Result<ImsClient> {
    let http = HttpClient::new(ims_connector(&instance.ims)?, instance.ims.timeout);
    Ok(ImsClient::new(instance.clone(), http, clock.clone(), metrics.instance(&instance.name)))
}

/// The Campaign servers of an instance, with the public host in each request: Campaign chooses its own instance by it.
fn servers(campaign: &Campaign, origin: &str) -> io::Result<(Vec<Endpoint>, Arc<Upstreams>)> {
    let host = HeaderValue::from_str(host_of(origin)).map_err(io::Error::other)?;
    let with_host =
        |endpoint: Endpoint| Endpoint::new(endpoint.name(), host.clone(), endpoint.dialer().clone());
    let endpoints: Vec<Endpoint> = endpoints(campaign)?.into_iter().map(with_host).collect();
    let weights = campaign.upstreams.iter().map(|upstream| upstream.weight);
    let upstreams = Upstreams::new(endpoints.iter().cloned().zip(weights).collect(), campaign);
    Ok((endpoints, Arc::new(upstreams)))
}

/// Host and port of an origin, as in a `Host` header.
fn host_of(origin: &str) -> &str {
    origin.split_once("://").map_or("", |(_, host)| host)
}

/// Which URLs of Campaign's responses are rewritten to the public origin.
fn response_urls<'h>(campaign: &'h Campaign, public: impl Iterator<Item = &'h str>) -> ResponseUrls {
    let upstreams = campaign.upstreams.iter().filter_map(|upstream| match &upstream.address {
        UpstreamAddress::Url(url) => Some(url),
        UpstreamAddress::Unix(_) => None,
    });
    ResponseUrls::new(upstreams, public, campaign.rewrite_location)
}

/// The way to each Campaign server.
///
/// # Errors
/// When a file with certificates or a key cannot be used; the message names it.
pub fn endpoints(campaign: &config::Campaign) -> io::Result<Vec<Endpoint>> {
    let identity = campaign.client_identity.as_ref();
    let identity = identity.map(|identity| (identity.certificate.as_path(), identity.key.as_path()));
    let tls = Arc::new(http_client::tls_config(campaign.ca_file.as_deref(), identity)?);
    let endpoint = |upstream: &config::Upstream| {
        let (target, host, is_https) = match &upstream.address {
            UpstreamAddress::Url(url) => {
                let host = url.host_str().unwrap_or_default();
                let name = host.trim_start_matches('[').trim_end_matches(']').to_owned();
                let authority = url.authority();
                let target = Target::Tcp(name, url.port_or_known_default().unwrap_or(80));
                (target, authority, url.scheme() == "https")
            }
            UpstreamAddress::Unix(path) => (Target::Unix(path.clone()), "localhost", false),
        };
        let mut dialer = Dialer::new(target.clone(), campaign.connect_timeout);
        if let (true, Target::Tcp(name, _)) = (is_https, target) {
            let name = campaign.tls_server_name.clone().unwrap_or(name);
            dialer = dialer.with_tls(tls.clone(), ServerName::try_from(name).map_err(io::Error::other)?);
        }
        let host = HeaderValue::from_str(host).map_err(io::Error::other)?;
        Ok(Endpoint::new(&upstream.to_string(), host, dialer))
    };
    campaign.upstreams.iter().map(endpoint).collect()
}

/// Opens and ends Campaign sessions. A new one is opened at a server that `upstreams` chooses.
fn campaign_client(
    instance: &Instance,
    endpoints: Vec<Endpoint>,
    upstreams: &Arc<Upstreams>,
    metrics: &Metrics,
) -> CampaignClient {
    let client = CampaignClient::new(endpoints, SOAP_DEADLINE)
        .with_balance(Arc::new(Balance(upstreams.clone())))
        .with_metrics(metrics.instance(&instance.name));
    if instance.campaign.secure_header {
        client.with_secure_address(host_of(&instance.ims.origin()))
    } else {
        client
    }
}

/// Weights and health of the servers decide where a Campaign session is opened.
#[derive(Debug)]
struct Balance(Arc<Upstreams>);

impl ChooseServer for Balance {
    fn choose(&self, tried: u64) -> Option<usize> {
        self.0.choose_for_session(tried)
    }
}
