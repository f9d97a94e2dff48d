//! Replaces the running configuration completely, or leaves it unchanged.

use std::path::PathBuf;

use tokio::sync::mpsc;

use super::background::prepare_certificate;
use super::changes::Changes;
use super::file_watch::FileWatch;
use super::{Gateway, StartError};
use crate::admin::{Difference, ReloadReport, ReloadRequest, SaltedConfiguration, StyleQuery};
use crate::config::{self, ConfigErrors, FindingStyle, Loaded, needs_restart};
use crate::crypto::KeyRing;
use crate::server;
use crate::telemetry;

/// Reloads the configuration of a gateway: at a signal, when an operator asks, and when a file that it names has changed.
#[derive(Debug)]
pub struct Reloader {
    file: PathBuf,
    environment: Vec<(String, String)>,
    running: Loaded,
    files: FileWatch,
    requests: mpsc::Receiver<ReloadRequest>,
}

/// What a [`Reloader`] reacts to.
#[derive(Debug)]
pub enum ReloadEvent {
    /// An operator asks.
    Request(ReloadRequest),
    /// The content of a file that the configuration names has changed.
    Files,
}

impl Reloader {
    /// `gateway` runs with `loaded`, which was read from `file` and `environment`.
    pub fn new(
        gateway: &mut Gateway,
        file: PathBuf,
        environment: Vec<(String, String)>,
        loaded: Loaded,
    ) -> Self {
        let mut running = loaded;
        if let Ok(now) = running.again(environment.iter().cloned()) {
            // The gateway may have created its key file since the configuration was read. Changes of other files are still to be applied.
            running.values.keep(&now.values, &["session.key_file (content)".to_owned()]);
        }
        let files = FileWatch::new(running.values.files().to_vec());
        let requests = gateway.reloads.take().unwrap_or_else(|| mpsc::channel(1).1);
        Self { file, environment, running, files, requests }
    }

    /// The running configuration.
    pub fn running(&self) -> &config::Config {
        &self.running.config
    }

    /// Waits for the next event. Dropping the future loses nothing.
    pub async fn next(&mut self) -> ReloadEvent {
        tokio::select! {
            Some(request) = self.requests.recv() => ReloadEvent::Request(request),
            () = self.files.changed() => ReloadEvent::Files,
        }
    }

    pub async fn handle(&mut self, gateway: &Gateway, event: ReloadEvent) {
        match event {
            ReloadEvent::Request(ReloadRequest::Reload(look, answer)) => {
                let report = self.reload(gateway, finding_style(look)).await;
                // The operator may have given up.
                let _ = answer.send(report);
            }
            ReloadEvent::Request(ReloadRequest::Compare(other, answer)) => {
                let _ = answer.send(self.compare(&other));
            }
            ReloadEvent::Request(ReloadRequest::Show(answer)) => {
                let _ = answer.send(self.running.values.shown());
            }
            ReloadEvent::Files => self.reload_files(gateway).await,
        }
    }

    /// Reads file and environment again, and applies them if they have no error. Reopens log files, and notifies the service manager.
    pub async fn reload(&mut self, gateway: &Gateway, look: FindingStyle) -> ReloadReport {
        server::notify_reloading();
        telemetry::reopen_files();
        let report = match config::read(&self.file, self.environment.iter().cloned()) {
            Ok(loaded) => {
                let findings = loaded.warnings.render(look);
                match self.apply(gateway, loaded).await {
                    Ok(report) => ReloadReport { findings, ..report },
                    Err(error) => ReloadReport { findings: format!("{error}\n"), ..ReloadReport::default() },
                }
            }
            Err(errors) => {
                log_errors(&errors);
                ReloadReport { findings: errors.render(look), ..ReloadReport::default() }
            }
        };
        gateway.count_reload(report.applied);
        server::notify_ready();
        report
    }

    /// Reads the files again that the configuration names. The configuration file itself is not read: an operator may be editing it.
    async fn reload_files(&mut self, gateway: &Gateway) {
        let applied = match self.running.again(self.environment.iter().cloned()) {
            Ok(loaded) => {
                if self.running.values.changes(&loaded.values).is_empty() {
                    return;
                }
                self.apply(gateway, loaded).await.is_ok()
            }
            Err(errors) => {
                log_errors(&errors);
                false
            }
        };
        gateway.count_reload(applied);
    }

    /// Applies a configuration. Builds everything first, so that an error changes nothing.
    async fn apply(&mut self, gateway: &Gateway, mut loaded: Loaded) -> Result<ReloadReport, StartError> {
        let differing = self.running.values.changes(&loaded.values);
        let (restart, changed): (Vec<_>, Vec<_>) = differing.into_iter().partition(|key| needs_restart(key));
        loaded.config.keep_until_restart(&self.running.config);
        loaded.values.keep(&self.running.values, &restart);
        if let Err(error) = self.replace(gateway, &loaded, &changed).await {
            tracing::error!(%error, "the new configuration cannot be used; the running one stays in use");
            return Err(error);
        }
        self.files.watch(loaded.values.files().to_vec());
        self.running = loaded;
        let keys = changed.join(", ");
        tracing::info!(changed = keys, "configuration reloaded");
        if !restart.is_empty() {
            let keys = restart.join(", ");
            tracing::warn!(
                keys,
                "these keys have changed, but need a restart: restart the gateway to use them"
            );
        }
        Ok(ReloadReport { applied: true, changed, restart, ..ReloadReport::default() })
    }

    async fn replace(
        &self,
        gateway: &Gateway,
        loaded: &Loaded,
        changed: &[String],
    ) -> Result<(), StartError> {
        let config = &loaded.config;
        prepare_certificate(config)?;
        let tls = server::server_config(config.listen.certificate_files(), Some(&gateway.tls()))?;
        let keys = config.session.store.key_file().map(KeyRing::read).transpose();
        let keys = keys.map_err(crate::session::StoreStartError::from)?;
        gateway.replace(config, tls, &Changes::new(changed)).await?;
        if let Some(keys) = keys {
            gateway.services.use_keys(&keys);
        }
        Ok(())
    }

    fn compare(&self, other: &SaltedConfiguration) -> Difference {
        let differing = self.running.values.changes_to(&other.salt, &other.values);
        let (restart, reload) = differing.into_iter().partition(|key| needs_restart(key));
        Difference { reload, restart }
    }
}

fn log_errors(errors: &ConfigErrors) {
    for finding in errors.findings() {
        tracing::error!(%finding, "the new configuration has an error; the running one stays in use");
    }
}

fn finding_style(look: StyleQuery) -> FindingStyle {
    look.width.map_or(FindingStyle::Plain, |width| FindingStyle::Terminal {
        width: width.clamp(40, 400),
        colour: look.colour,
    })
}
