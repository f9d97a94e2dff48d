//! Work that no request triggers.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;

use crate::acme::{AcmeError, Plan};
use crate::auth::{Authenticators, Services};
use crate::clock::Clock;
use crate::config::Config;
use crate::ims::ImsClient;
use crate::policy::switches::Switch;
use crate::server;
use crate::telemetry::audit::{AuditAction, AuditEvent, Subject, SwitchChange, SwitchDetails};
use crate::telemetry::{Metrics, Rates, RequestId};
use crate::web::{EndedSwitch, Switches};

/// Loads metadata and keys of IMS before the first login. Tries again while IMS does not answer, and reloads them every hour.
pub(super) async fn prepare(ims: Arc<ImsClient>) {
    let mut pause = Duration::from_secs(1);
    while let Err(error) = ims.prepare().await {
        let wait = pause.max(error.retry_after().unwrap_or_default());
        tracing::warn!(%error, "IMS is not ready; trying again in {wait:?}");
        tokio::time::sleep(wait).await;
        pause = (pause * 2).min(Duration::from_secs(30));
    }
    tracing::info!("IMS metadata and keys loaded");
    loop {
        tokio::time::sleep(REFRESH).await;
        if let Err(error) = ims.reload().await {
            tracing::warn!(%error, "IMS metadata and keys not refreshed; the known ones stay in use");
        }
    }
}

/// Changes the signing keys of the assertions every day.
pub(super) async fn rotate(authenticators: Arc<Authenticators>) {
    loop {
        tokio::time::sleep(ROTATION).await;
        for auth in authenticators.all().iter() {
            match auth.state.signer.rotate() {
                Ok(()) => tracing::info!("assertions are signed with the next key"),
                Err(error) => tracing::warn!(%error, "the key of the assertions stays"),
            }
        }
    }
}

/// Notes the counters once a minute, for the charts of the admin page.
pub(super) async fn sample(rates: Arc<Rates>, metrics: Arc<Metrics>, clock: Clock) {
    loop {
        rates.sample(clock.now(), metrics.totals());
        tokio::time::sleep(MINUTE).await;
    }
}

/// Notices when the time of a switch is over, and ends at Campaign what was opened meanwhile. Requests look at the time by themselves.
pub(super) async fn end_switches(
    switches: Arc<Switches>,
    authenticators: Arc<Authenticators>,
    services: Arc<Services>,
) {
    loop {
        switches.until_used().await;
        tokio::time::sleep(SECOND).await;
        let now = services.clock.now();
        for EndedSwitch { switch, instance, by_time, sessions } in switches.take_ended(now) {
            if !sessions.is_empty()
                && let Some(auth) = authenticators.of(&instance)
            {
                auth.end_native_sessions(sessions);
            }
            if !by_time {
                // Whoever turned it off is in the audit trail.
                continue;
            }
            let details = SwitchDetails { change: SwitchChange::Ended, by: None, until: None };
            let action = match switch {
                Switch::Maintenance => AuditAction::Maintenance(details),
                Switch::Emergency => AuditAction::Emergency(details),
            };
            let (request, subject) = (RequestId::random(), Subject::nobody());
            services.audit.record(now, AuditEvent { request, peer: None, instance, subject, action });
        }
    }
}

/// Keeps the certificate of the ACME server up to date, for the running configuration.
#[derive(Debug, Default)]
pub(super) struct CertificateKeeper(Mutex<(Option<Plan>, JoinSet<()>)>);

impl CertificateKeeper {
    /// Switches to the certificate that this configuration needs.
    pub fn follow(&self, config: &Config, clock: &Clock) {
        let wanted = plan(config);
        let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if current.0 == wanted {
            return;
        }
        let mut task = JoinSet::new();
        if let Some(plan) = wanted.clone() {
            task.spawn(plan.keep(clock.clone(), server::publish_proof));
        }
        *current = (wanted, task);
    }
}

/// Makes a placeholder certificate, to be used until the ACME server has issued one. Does nothing without an ACME server.
///
/// # Errors
/// When the folder cannot be written.
pub fn prepare_certificate(config: &Config) -> Result<(), AcmeError> {
    plan(config).map_or(Ok(()), |plan| plan.prepare())
}

/// The names in the certificate of the ACME server; none without one.
pub fn acme_domains(config: &Config) -> Vec<String> {
    plan(config).map(Plan::into_domains).unwrap_or_default()
}

fn plan(config: &Config) -> Option<Plan> {
    let of_signed_in = config.instances.iter().flat_map(|instance| instance.hosts());
    let of_public = config.public_instances.iter().flat_map(|instance| &instance.campaign.hosts);
    let hosts = of_signed_in.chain(of_public.map(String::as_str)).map(str::to_owned);
    Plan::of(&config.listen, hosts)
}

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);
/// How long a key signs assertions.
const ROTATION: Duration = Duration::from_hours(24);
/// How long a key that IMS withdrew, or an address that it moved, may stay in use.
const REFRESH: Duration = Duration::from_hours(1);
