//! `GET /metrics`: what is counted in [`telemetry`](crate::telemetry), and the state of everything at the time of the scrape.

use std::fmt;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, header};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::registry::{Registry, Unit};

use super::{Admin, switches};
use crate::auth::Authenticator;
use crate::policy::switches::Switch;
use crate::proxy::HealthState;
use crate::telemetry::{FamilyEncoder, ImsUsage, NONE, exposition, instance_label};

/// The metrics, as `OpenMetrics` or in the Prometheus text format.
pub(super) async fn handler(State(admin): State<Arc<Admin>>, headers: HeaderMap) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let mut registry = Registry::default();
    admin.metrics.register(&mut registry);
    registry.register_collector(Box::new(CurrentState(admin)));
    let (content_type, text) = exposition(&registry, accept);
    ([(header::CONTENT_TYPE, content_type)], text).into_response()
}

/// Reads the state at the time of a scrape.
#[derive(Debug)]
struct CurrentState(Arc<Admin>);

impl Collector for CurrentState {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut families = FamilyEncoder::new(encoder);
        self.encode_ims(&mut families)?;
        self.encode_campaign(&mut families)?;
        self.encode_sessions(&mut families)?;
        self.encode_switches(&mut families)
    }
}

impl CurrentState {
    fn encode_ims(&self, families: &mut FamilyEncoder<'_>) -> fmt::Result {
        let Self(admin) = self;
        let authenticators = admin.authenticators.all();
        let usage =
            |auth: &Arc<Authenticator>| (auth.metrics.name().clone(), auth.ims.is_ready(), auth.ims.usage());
        let usages: Vec<_> = authenticators.iter().map(usage).collect();
        let each = |value: fn(&ImsUsage) -> u64| {
            usages.iter().map(move |(name, _, usage)| ([(INSTANCE, &**name)], value(usage)))
        };
        let shares = |values: fn(&ImsUsage) -> [u64; 2]| {
            usages.iter().flat_map(move |(name, _, usage)| {
                let both = ["sign-in", "refresh"].into_iter().zip(values(usage));
                both.map(move |(share, value)| ([(INSTANCE, &**name), ("share", share)], value))
            })
        };
        families.gauge(
            "imsgate_ims_ready",
            None,
            "1 once the discovery document and the keys of IMS are loaded.",
            usages.iter().map(|(name, is_ready, _)| ([(INSTANCE, &**name)], u64::from(*is_ready))),
        )?;
        families.gauge(
            "imsgate_ims_token_calls",
            None,
            "Calls to the token endpoint of IMS in progress.",
            shares(|usage| usage.calls),
        )?;
        families.counter(
            "imsgate_ims_token_refused",
            "Calls to the token endpoint not made: no slot was free in time.",
            shares(|usage| usage.refused),
        )?;
        families.counter(
            "imsgate_ims_throttled",
            "Responses of IMS with status 429.",
            each(|usage| usage.throttled),
        )?;
        families.gauge(
            "imsgate_ims_pause",
            Some(&Unit::Seconds),
            "Seconds until IMS may be called again after a 429.",
            each(|usage| usage.paused),
        )
    }

    fn encode_campaign(&self, families: &mut FamilyEncoder<'_>) -> fmt::Result {
        let Self(admin) = self;
        let up = |state| u64::from(state == HealthState::Healthy);
        let labels = |instance: &Arc<str>, upstream: &Arc<str>| {
            [(INSTANCE, instance_label(instance).to_owned()), ("upstream", upstream.to_string())]
        };
        let upstreams = admin.upstreams.load_full();
        let all = || upstreams.iter();
        families.gauge(
            "imsgate_upstream_up",
            None,
            "1 for a Campaign server that is healthy, 0 for one that fails its health check or its requests.",
            all().flat_map(|(instance, servers)| {
                servers.states().map(move |(name, state)| (labels(instance, name), up(state)))
            }),
        )?;
        families.gauge(
            "imsgate_upstream_connections",
            None,
            "Connections to a Campaign server that carry a request, of all workers.",
            all().flat_map(|(instance, servers)| {
                servers.connections().map(move |(name, (used, _))| (labels(instance, name), used))
            }),
        )?;
        families.gauge(
            "imsgate_upstream_connections_max",
            None,
            "The most connections to a Campaign server that may carry a request, of all workers.",
            all().flat_map(|(instance, servers)| {
                servers.connections().map(move |(name, (_, most))| (labels(instance, name), most))
            }),
        )
    }

    fn encode_switches(&self, families: &mut FamilyEncoder<'_>) -> fmt::Result {
        let Self(admin) = self;
        let instances = switches::instances(admin);
        let states = |switch| {
            let state = move |instance: &String| {
                let is_on = switches::period(admin, switch, instance).is_some();
                ([(INSTANCE, instance_label(instance).to_owned())], u64::from(is_on))
            };
            instances.iter().map(state)
        };
        families.gauge(
            "imsgate_maintenance",
            None,
            "1 while an operator has maintenance on.",
            states(Switch::Maintenance),
        )?;
        families.gauge(
            "imsgate_emergency",
            None,
            "1 while an operator has an emergency on: emergency accounts may sign in.",
            states(Switch::Emergency),
        )
    }

    fn encode_sessions(&self, families: &mut FamilyEncoder<'_>) -> fmt::Result {
        let services = &self.0.services;
        families.gauge(
            "imsgate_sessions_active",
            None,
            "Sessions that were used at this gateway within session.idle_timeout and have not ended; at most 10000 are counted.",
            [(NONE, services.sessions.active())],
        )?;
        let (forms, bytes) = services.saved_forms.usage();
        families.gauge(
            "imsgate_saved_forms",
            None,
            "Saved forms that wait for a sign-in.",
            [(NONE, forms)],
        )?;
        families.gauge(
            "imsgate_saved_forms",
            Some(&Unit::Bytes),
            "Bytes of saved forms that wait for a sign-in.",
            [(NONE, bytes)],
        )
    }
}

/// The label that names the Campaign instance.
const INSTANCE: &str = "campaign_instance";
