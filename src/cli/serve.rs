//! `imsgate serve`: the gateway, until a signal ends it.

use std::io;
use std::pin::pin;
use std::process::ExitCode;

use clap::Args;
use tokio::runtime::Runtime;

use super::config_file::{ConfigFile, NamedConfigFile, complain};
use super::{STOPS_LOGINS, UNUSABLE, output};
use crate::app::{Gateway, StartError};
use crate::clock::Clock;
use crate::config::Config;
use crate::server::{self, SignalRequest, Signals};
use crate::telemetry;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  imsgate serve --config /etc/imsgate/imsgate.toml\n  imsgate serve /etc/imsgate/imsgate.toml"
)]
pub(super) struct ServeArgs {
    #[command(flatten)]
    config: NamedConfigFile,
}

impl ServeArgs {
    /// With the file that is named before any command.
    pub(super) fn of(file: ConfigFile) -> Self {
        Self { config: file.into() }
    }

    /// The configuration file.
    #[cfg(test)]
    pub(super) fn path(&self) -> std::path::PathBuf {
        self.config.path()
    }
}

pub(super) fn run(args: &ServeArgs) -> ExitCode {
    // Before anything else: a signal that nobody watches ends the process.
    let (runtime, signals) = match watched() {
        Ok(watched) => watched,
        Err(error) => {
            output::err(&format!("imsgate serve: {error}\n"));
            return ExitCode::from(STOPS_LOGINS);
        }
    };
    let loaded = match args.config.read() {
        Ok(loaded) => loaded,
        Err(errors) => {
            complain(&errors);
            return ExitCode::from(UNUSABLE);
        }
    };
    output::err(&loaded.warnings.render(output::look_of_stderr()));
    if let Err(error) = telemetry::init(&loaded.config.log) {
        output::err(&format!("imsgate serve: {error}\n"));
        return ExitCode::from(UNUSABLE);
    }
    match serve(&loaded.config, &runtime, signals) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the gateway cannot start");
            ExitCode::from(STOPS_LOGINS)
        }
    }
}

fn watched() -> io::Result<(Runtime, Signals)> {
    let runtime = server::control_runtime()?;
    let signals = runtime.block_on(async { Signals::watch() })?;
    Ok((runtime, signals))
}

fn serve(config: &Config, runtime: &Runtime, mut signals: Signals) -> Result<(), StartError> {
    let files = server::raise_file_limit();
    if let Some(files) = files.filter(|files| *files < config.limits.connections as u64) {
        let connections = config.limits.connections;
        tracing::warn!(
            files,
            connections,
            "the limit of open files is below limits.connections: raise LimitNOFILE in the unit, or lower the key"
        );
    }
    let tls = server::server_config(&config.listen.certificate, &config.listen.private_key)?;
    runtime.block_on(async {
        let gateway = Gateway::start(config, tls, Clock::system()).await?;
        let (https, redirect) = (gateway.names.join(", "), format!("{:?}", gateway.http_redirect));
        let (callback, version) = (config.instance.ims.redirect_uri(), env!("CARGO_PKG_VERSION"));
        tracing::info!(version, https, redirect, workers = config.listen.workers, callback, "serving");
        server::notify_ready();
        let signal = stop_signal(&mut signals).await;
        server::notify_stopping();
        gateway.retire();
        let delay = config.listen.shutdown_delay;
        if !delay.is_zero() {
            tracing::info!(
                signal,
                ?delay,
                "stopping: not ready any more, still serving for listen.shutdown_delay"
            );
            // Whoever signals again does not want to wait.
            let _ = tokio::time::timeout(delay, stop_signal(&mut signals)).await;
        }
        tracing::info!(signal, "stopping: no new connections, requests in flight may finish");
        let stop = gateway.stop();
        let mut stop = pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                asked = signals.received() => heed(asked),
            }
        }
        tracing::info!("stopped");
        Ok(())
    })
}

/// Waits for the signal to stop, and does what others ask for.
async fn stop_signal(signals: &mut Signals) -> &'static str {
    loop {
        match signals.received().await {
            SignalRequest::Stop(signal) => return signal,
            other => heed(other),
        }
    }
}

fn heed(asked: SignalRequest) {
    match asked {
        SignalRequest::Stop(_) => {}
        SignalRequest::ReopenLogs => {
            telemetry::reopen_files();
            tracing::info!("SIGUSR1: log files are opened again");
        }
        SignalRequest::Reload => {
            telemetry::reopen_files();
            tracing::warn!(
                "SIGHUP: log files are opened again; reloading the configuration is not yet supported: restart to apply changes"
            );
        }
    }
}
