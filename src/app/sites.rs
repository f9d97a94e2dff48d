//! Builds the site of each Campaign instance: connections, authenticator, background work.

use std::io;
use std::sync::Arc;

use tokio::task::JoinSet;

use super::background::prepare;
use super::brand::brand;
use super::changes::Changes;
use super::servers::{host_of, public_endpoints};
use super::technical::keep_campaign_groups;
use super::{SOAP_DEADLINE, StartError, ims_connector};
use crate::auth::{Authenticator, Guesses, Services};
use crate::campaign::{CampaignClient, ChooseServer};
use crate::clock::Clock;
use crate::config::{Campaign, Config, Instance, PublicInstance, UpstreamAddress};
use crate::http_client::{Endpoint, HttpClient};
use crate::ims::ImsClient;
use crate::policy::cookies::CookieNames;
use crate::policy::response_urls::ResponseUrls;
use crate::proxy::Upstreams;
use crate::telemetry::Metrics;
use crate::web::{HostLines, RuleStates, Site};
use crate::wire::fields::header_text;

/// One Campaign instance, ready to be served.
#[derive(Debug)]
pub(super) struct BuiltSite {
    pub site: Arc<Site>,
    pub upstreams: Arc<Upstreams>,
    pub urls: Arc<ResponseUrls>,
    work: Work,
}

/// Background work of one instance. It stops when no configuration needs it.
#[derive(Clone, Debug, Default)]
struct Work {
    /// Health checks of the servers.
    checks: Arc<JoinSet<()>>,
    /// Loads metadata and keys of IMS.
    ims: Arc<JoinSet<()>>,
    /// Reads the names of Campaign's groups.
    groups: Arc<JoinSet<()>>,
}

impl BuiltSite {
    /// The name of the instance and its servers.
    pub fn named_upstreams(&self) -> (Arc<str>, Arc<Upstreams>) {
        (self.site.name.clone(), self.upstreams.clone())
    }
}

/// Starts a task. It is aborted when the result is dropped.
fn work(task: impl Future<Output = ()> + Send + 'static) -> Arc<JoinSet<()>> {
    let mut tasks = JoinSet::new();
    tasks.spawn(task);
    Arc::new(tasks)
}

/// Builds the instances where people sign in, then the others. Reuses the parts of `previous` that `changes` does not concern.
/// Call it on the control runtime: background work of new instances starts there.
pub(super) fn build(
    config: &Config,
    clock: &Clock,
    services: &Arc<Services>,
    previous: &[BuiltSite],
    changes: &Changes,
) -> Result<Vec<BuiltSite>, StartError> {
    let mut sites = Vec::new();
    for instance in &config.instances {
        let name = &*instance.name;
        let known = find(previous, name).and_then(|known| Some((known, known.site.auth.as_ref()?)));
        let mut work = known.map(|(known, _)| known.work.clone()).unwrap_or_default();
        let (upstreams, soap) = if let Some((known, auth)) = known.filter(|_| !changes.servers(name)) {
            (known.upstreams.clone(), auth.campaign.clone())
        } else {
            let (origin, known) = (instance.ims.origin(), known.map(|(known, _)| known));
            let (endpoints, upstreams) = servers(&instance.campaign, &origin, known, changes)?;
            work.checks = checks(&upstreams);
            let soap = campaign_client(instance, endpoints, &upstreams, &services.metrics);
            (upstreams, Arc::new(soap))
        };
        let ims = match known.filter(|_| !changes.ims_connection(name)) {
            Some((_, auth)) if changes.ims(name) => Arc::new(auth.ims.for_instance(instance.clone())),
            Some((_, auth)) => auth.ims.clone(),
            None => {
                let ims = Arc::new(ims_client(instance, clock, &services.metrics)?);
                work.ims = self::work(prepare(ims.clone()));
                ims
            }
        };
        let auth = Arc::new(authenticator(config, instance, ims, soap, services)?);
        if known.is_none() || changes.instance(name) {
            work.groups = self::work(keep_campaign_groups(auth.clone(), clock.clone()));
        }
        let urls = Arc::new(response_urls(&instance.campaign, instance.hosts()));
        let site = Arc::new(site(config, auth, states(&instance.campaign, name, previous)));
        sites.push(BuiltSite { site, upstreams, urls, work });
    }
    for instance in &config.public_instances {
        let known = find(previous, &instance.name).filter(|known| known.site.auth.is_none());
        let unchanged = known.filter(|_| !changes.servers(&instance.name));
        let (upstreams, checks) = if let Some(known) = unchanged {
            (known.upstreams.clone(), known.work.checks.clone())
        } else {
            let (_, upstreams) = servers(&instance.campaign, &instance.origin(), known, changes)?;
            let checks = checks(&upstreams);
            (upstreams, checks)
        };
        let hosts = instance.campaign.hosts.iter().map(String::as_str);
        let urls = Arc::new(response_urls(&instance.campaign, hosts));
        let work = Work { checks, ..Work::default() };
        let guesses = known.map(|known| known.site.guesses.clone()).unwrap_or_default();
        let states = states(&instance.campaign, &instance.name, previous);
        let site = Arc::new(public_site(config, instance, states, guesses));
        sites.push(BuiltSite { site, upstreams, urls, work });
    }
    Ok(sites)
}

/// The rule states of an instance; a reload keeps those of unchanged rules.
fn states(campaign: &Campaign, name: &str, previous: &[BuiltSite]) -> RuleStates {
    RuleStates::new(&campaign.request_rules, find(previous, name).map(|known| &known.site.rule_states))
}

fn find<'s>(sites: &'s [BuiltSite], name: &str) -> Option<&'s BuiltSite> {
    sites.iter().find(|built| *built.site.name == *name)
}

/// Checks the health of these servers, if the configuration asks for it.
fn checks(upstreams: &Upstreams) -> Arc<JoinSet<()>> {
    let mut checks = JoinSet::new();
    upstreams.watch(&mut checks);
    Arc::new(checks)
}

/// The site of an instance where people sign in.
pub(super) fn site(config: &Config, auth: Arc<Authenticator>, rule_states: RuleStates) -> Site {
    Site {
        name: auth.instance.name.as_str().into(),
        campaign: Arc::new(auth.instance.campaign.clone()),
        origin: auth.origin.clone(),
        host: HostLines::new(header_text(host_of(&auth.origin))),
        guesses: auth.state.guesses.clone(),
        brand: brand(&config.brand),
        forward_auth_secret: config.listen.forward_auth_secret.clone(),
        rule_states,
        auth: Some(auth),
    }
}

/// The site of an instance that has only public paths.
fn public_site(
    config: &Config,
    instance: &PublicInstance,
    rule_states: RuleStates,
    guesses: Guesses,
) -> Site {
    let origin = instance.origin();
    Site {
        name: instance.name.as_str().into(),
        campaign: Arc::new(instance.campaign.clone()),
        host: HostLines::new(header_text(host_of(&origin))),
        guesses,
        brand: brand(&config.brand),
        origin,
        auth: None,
        forward_auth_secret: None,
        rule_states,
    }
}

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

/// The Campaign servers of an instance. Each request has the public host, because Campaign selects its instance by it. Servers that
/// `known` has already keep their health, unless their connections change.
fn servers(
    campaign: &Campaign,
    origin: &str,
    known: Option<&BuiltSite>,
    changes: &Changes,
) -> io::Result<(Vec<Endpoint>, Arc<Upstreams>)> {
    let endpoints = public_endpoints(campaign, origin)?;
    let weights = campaign.upstreams.iter().map(|upstream| upstream.weight);
    let upstreams = Upstreams::new(endpoints.iter().cloned().zip(weights).collect(), campaign);
    let upstreams = match known.filter(|known| !changes.campaign_connection(&known.site.name)) {
        Some(known) => upstreams.continuing(&known.upstreams),
        None => upstreams,
    };
    Ok((endpoints, Arc::new(upstreams)))
}

/// Which URLs of Campaign's responses are rewritten to the public origin.
fn response_urls<'h>(campaign: &'h Campaign, public: impl Iterator<Item = &'h str>) -> ResponseUrls {
    let upstreams = campaign.upstreams.iter().filter_map(|upstream| match &upstream.address {
        UpstreamAddress::Url(url) => Some(url),
        UpstreamAddress::Unix(_) => None,
    });
    ResponseUrls::new(upstreams, public, campaign.rewrite_location)
}

/// The client that opens and ends Campaign sessions. `upstreams` chooses the server of a new session.
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

/// Chooses the server of a new Campaign session by weight and health.
#[derive(Debug)]
struct Balance(Arc<Upstreams>);

impl ChooseServer for Balance {
    fn choose(&self, tried: u64) -> Option<usize> {
        self.0.choose_for_session(tried)
    }
}
