//! Replaces the configuration while requests are served.

use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use rustls::ServerConfig;

use super::certificate_dates::certificate_ends;
use super::changes::Changes;
use super::sites::{self, BuiltSite};
use super::snapshot::{settings, snapshot};
use super::{Gateway, StartError};
use crate::admin::AdminToken;
use crate::config::Config;
use crate::proxy::Proxy;
use crate::web::WorkerView;

impl Gateway {
    /// Uses `config` for the next requests. Requests in progress finish with the configuration that they began with. Sessions,
    /// sockets, counters, and the connections to IMS and Campaign stay.
    ///
    /// Certificates, and the connections of running instances to IMS and Campaign, do not change; a `Reloader` changes them too.
    pub fn apply(&self, config: &Config) {
        let built = sites::build(config, &self.clock, &self.services, &self.sites(), &Changes::default());
        match built {
            Ok(sites) => {
                self.swap(config, sites, self.tls());
                self.count_reload(true);
            }
            Err(error) => tracing::error!(%error, "the configuration cannot be used"),
        }
    }

    /// Like [`apply`](Self::apply), with new certificates, and with new connections where `changes` concerns them.
    ///
    /// # Errors
    /// When something cannot be built. Then nothing has changed.
    pub(super) async fn replace(
        &self,
        config: &Config,
        tls: Arc<ServerConfig>,
        changes: &Changes,
    ) -> Result<(), StartError> {
        let sites = sites::build(config, &self.clock, &self.services, &self.sites(), changes)?;
        let unprepared = sites.iter().filter_map(|built| built.site.auth.as_ref());
        let unprepared = unprepared.map(|auth| auth.ims.clone()).filter(|ims| !ims.is_ready());
        let prepare = async {
            for ims in unprepared {
                // Its own task reports an error and tries again.
                let _ = ims.prepare().await;
            }
        };
        let _ = tokio::time::timeout(IMS_PATIENCE, prepare).await;
        self.swap(config, sites, tls);
        Ok(())
    }

    /// The TLS configuration of the next connection.
    pub(super) fn tls(&self) -> Arc<ServerConfig> {
        self.settings.load().tls.clone()
    }

    pub(super) fn count_reload(&self, is_applied: bool) {
        if is_applied {
            self.metrics.reload_succeeded(self.clock.now());
        } else {
            self.metrics.reload_failed();
        }
    }

    /// Replaces the sites first, then TLS. So a new host is served as soon as its certificate is.
    fn swap(&self, config: &Config, sites: Vec<BuiltSite>, tls: Arc<ServerConfig>) {
        let mut current = self.sites();
        let previous = self.views.first().map(|view| view.load().snapshot.clone());
        let served = sites.iter().map(|built| built.site.clone()).collect();
        let snapshot = Arc::new(snapshot(config, served, &self.services, previous.as_deref()));
        self.authenticators.replace(sites.iter().filter_map(|built| built.site.auth.clone()).collect());
        for (view, counters) in self.views.iter().zip(self.metrics.workers()) {
            let old = view.load_full();
            let proxy = |built: &BuiltSite| {
                let proxy = Proxy::new(&built.upstreams, &built.urls, &config.limits, counters);
                let known = old.snapshot.sites.iter().position(|site| site.name == built.site.name);
                Arc::new(match known {
                    Some(index) => proxy.continuing(&old.proxies[index]),
                    None => proxy,
                })
            };
            let proxies = sites.iter().map(proxy).collect();
            view.store(Arc::new(WorkerView::new(snapshot.clone(), proxies, counters)));
        }
        self.upstreams.store(Arc::new(sites.iter().map(BuiltSite::named_upstreams).collect()));
        self.admin_token.store(AdminToken::of(&config.listen));
        self.settings.store(Arc::new(settings(config, tls)));
        let certificates = config.listen.certificate_files().map(|(certificate, _)| certificate);
        self.metrics.set_certificates(certificate_ends(certificates));
        self.certificate.follow(config, &self.clock);
        *current = sites;
    }

    fn sites(&self) -> MutexGuard<'_, Vec<BuiltSite>> {
        self.sites.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long a reload waits for a new connection to IMS. After that, sign-ins wait for it.
const IMS_PATIENCE: Duration = Duration::from_secs(5);
