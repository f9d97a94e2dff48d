//! Puts another configuration in the place of the one that runs: all of it, or nothing.

use std::path::PathBuf;

use tokio::sync::mpsc;

use super::background::prepare_certificate;
use super::changes::Changes;
use super::file_watch::FileWatch;
use super::{Gateway, StartError};
use crate::admin::{Comparison, Difference, Look as AdminLook, ReloadReport, ReloadRequest};
use crate::config::{self, ConfigErrors, Loaded, Look, needs_restart};
use crate::crypto::KeyRing;
use crate::server;
use crate::telemetry;

/// Loads the configuration of a gateway again: at a signal, when an operator asks, and when a file that it names has changed.
#[derive(Debug)]
pub struct Reloader {
    file: PathBuf,
    environment: Vec<(String, String)>,
    running: Loaded,
    files: FileWatch,
    requests: mpsc::Receiver<ReloadRequest>,
}

/// Why something is to be done.
#[derive(Debug)]
pub enum ReloadEvent {
    /// An operator asks.
    Request(ReloadRequest),
    /// The content of a file that the configuration names has changed.
    Files,
}

impl Reloader {
    /// Reloads `loaded`, which came from `file` and `environment`, and with which `gateway` runs.
    pub fn new(
        gateway: &mut Gateway,
        file: PathBuf,
        environment: Vec<(String, String)>,
        loaded: Loaded,
    ) -> Self {
        let mut running = loaded;
        if let Ok(now) = running.again(environment.iter().cloned()) {
            // The gateway may have made its key file since. Other files may have changed since they were read.
            running.values.keep(&now.values, &["session.key_file (content)".to_owned()]);
        }
        let files = FileWatch::new(running.values.files().to_vec());
        let requests = gateway.reloads.take().unwrap_or_else(|| mpsc::channel(1).1);
        Self { file, environment, running, files, requests }
    }

    /// The configuration that runs.
    pub fn running(&self) -> &config::Config {
        &self.running.config
    }

    /// Waits until something is to be done. Dropping the future loses nothing.
    pub async fn next(&mut self) -> ReloadEvent {
        tokio::select! {
            Some(request) = self.requests.recv() => ReloadEvent::Request(request),
            () = self.files.changed() => ReloadEvent::Files,
        }
    }

    /// Does what an event asks for.
    pub async fn handle(&mut self, gateway: &Gateway, event: ReloadEvent) {
        match event {
            ReloadEvent::Request(ReloadRequest::Reload(look, answer)) => {
                let report = self.reload(gateway, look_of(look)).await;
                // The operator may have given up.
                let _ = answer.send(report);
            }
            ReloadEvent::Request(ReloadRequest::Compare(other, answer)) => {
                let _ = answer.send(self.compare(&other));
            }
            ReloadEvent::Files => self.reload_files(gateway).await,
        }
    }

    /// Reads file and environment again, and applies them if nothing is wrong. Opens log files again. Tells the service manager.
    pub async fn reload(&mut self, gateway: &Gateway, look: Look) -> ReloadReport {
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

    /// Reads the files that the configuration names again. The configuration file is not read: somebody may be writing it.
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

    /// Applies a configuration that was read without errors. Builds everything first, so that an error changes nothing.
    async fn apply(&mut self, gateway: &Gateway, mut loaded: Loaded) -> Result<ReloadReport, StartError> {
        let differing = self.running.values.changes(&loaded.values);
        let (restart, changed): (Vec<_>, Vec<_>) = differing.into_iter().partition(|key| needs_restart(key));
        loaded.config.keep_until_restart(&self.running.config);
        loaded.values.keep(&self.running.values, &restart);
        if let Err(error) = self.replace(gateway, &loaded, &changed).await {
            tracing::error!(%error, "the new configuration cannot be used; the one that runs stays in use");
            return Err(error);
        }
        self.files.watch(loaded.values.files().to_vec());
        self.running = loaded;
        let keys = changed.join(", ");
        tracing::info!(changed = keys, "configuration reloaded");
        if !restart.is_empty() {
            let keys = restart.join(", ");
            tracing::warn!(keys, "these keys differ from those that run: restart the gateway to use them");
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

    fn compare(&self, other: &Comparison) -> Difference {
        let differing = self.running.values.changes_to(&other.salt, &other.values);
        let (restart, reload) = differing.into_iter().partition(|key| needs_restart(key));
        Difference { reload, restart }
    }
}

fn log_errors(errors: &ConfigErrors) {
    for finding in errors.findings() {
        tracing::error!(%finding, "the new configuration has an error; the one that runs stays in use");
    }
}

fn look_of(look: AdminLook) -> Look {
    look.width
        .map_or(Look::Plain, |width| Look::Terminal { width: width.clamp(40, 400), colour: look.colour })
}
