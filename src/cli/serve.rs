//! `imsgate serve`: runs the gateway until a signal stops it.

use std::io;
use std::path::PathBuf;
use std::pin::pin;
use std::process::ExitCode;

use clap::Args;
use tokio::runtime::Runtime;

use super::config_file::{NamedConfigFile, environment, print_errors};
use super::{STOPS_LOGINS, UNUSABLE, output};
use crate::app::{self, Gateway, Reloader, StartError};
use crate::clock::Clock;
use crate::config::{FindingStyle, Loaded};
use crate::server::{self, SignalRequest, Signals};
use crate::telemetry;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  imsgate serve\n  imsgate serve --config imsgate.toml\n  imsgate serve imsgate.toml"
)]
pub(super) struct ServeArgs {
    #[command(flatten)]
    pub(super) config: NamedConfigFile,
}

pub(super) fn run(args: &ServeArgs) -> Result<ExitCode, ExitCode> {
    // This comes first, because a signal without a handler kills the process.
    let started = watch_signals();
    let (runtime, signals) = started.map_err(|error| output::fail("serve", error, STOPS_LOGINS))?;
    let loaded = args.config.read().map_err(|errors| print_errors(&errors))?;
    output::err(&loaded.warnings.render(output::style_for_stderr()));
    telemetry::init(&loaded.config.log).map_err(|error| output::fail("serve", error, UNUSABLE))?;
    serve(loaded, args.config.path(), &runtime, signals).map_err(|error| {
        tracing::error!(%error, "the gateway cannot start");
        ExitCode::from(STOPS_LOGINS)
    })?;
    Ok(ExitCode::SUCCESS)
}

fn watch_signals() -> io::Result<(Runtime, Signals)> {
    let runtime = server::control_runtime()?;
    let signals = runtime.block_on(async { Signals::watch() })?;
    Ok((runtime, signals))
}

fn serve(loaded: Loaded, file: PathBuf, runtime: &Runtime, mut signals: Signals) -> Result<(), StartError> {
    let config = loaded.config.clone();
    let files = server::raise_file_limit();
    if let Some(files) = files.filter(|files| *files < config.limits.connections as u64) {
        let connections = config.limits.connections;
        tracing::warn!(
            files,
            connections,
            "the limit of open files is below limits.connections: raise LimitNOFILE in the unit, or lower the key"
        );
    }
    app::prepare_certificate(&config).map_err(StartError::from)?;
    let tls = server::server_config(config.listen.certificate_files(), None)?;
    runtime.block_on(async {
        let mut gateway = Gateway::start(&config, tls, Clock::system()).await?;
        let redirect: Vec<String> = gateway.http_redirect.iter().map(ToString::to_string).collect();
        let (https, redirect) = (gateway.names.join(", "), redirect.join(", "));
        let callbacks: Vec<String> = config.instances.iter().map(|instance| instance.ims.redirect_uri()).collect();
        let (callback, version) = (callbacks.join(", "), env!("CARGO_PKG_VERSION"));
        tracing::info!(version, https, redirect, workers = config.listen.workers, callback, "serving");
        let mut reloader = Reloader::new(&mut gateway, file, environment().collect(), loaded);
        if let Some(pulse) = gateway.take_pulse() {
            tokio::spawn(server::keep_watchdog(pulse));
        }
        server::notify_ready();
        let signal = run_until_stopped(&gateway, &mut reloader, &mut signals).await;
        server::notify_stopping();
        gateway.retire();
        let delay = reloader.running().listen.shutdown_delay;
        if !delay.is_zero() {
            tracing::info!(
                signal,
                ?delay,
                "stopping: /ims/health/ready answers 503; the gateway serves requests for listen.shutdown_delay more"
            );
            // A second signal skips the rest of the delay.
            let _ = tokio::time::timeout(delay, stop_signal(&mut signals)).await;
        }
        tracing::info!(signal, "stopping: no new connections; running requests may finish");
        let stop = gateway.stop();
        let mut stop = pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                request = signals.received() => handle_signal(request),
            }
        }
        tracing::info!("stopped");
        Ok(())
    })
}

/// Waits for a stop signal. Reloads meanwhile.
async fn run_until_stopped(
    gateway: &Gateway,
    reloader: &mut Reloader,
    signals: &mut Signals,
) -> &'static str {
    loop {
        let signal = tokio::select! {
            signal = signals.received() => Ok(signal),
            event = reloader.next() => Err(event),
        };
        match signal {
            Ok(SignalRequest::Stop(signal)) => return signal,
            Ok(SignalRequest::Reload) => drop(reloader.reload(gateway, FindingStyle::Plain).await),
            Ok(other) => handle_signal(other),
            Err(event) => reloader.handle(gateway, event).await,
        }
    }
}

/// Waits for a stop signal. Handles other signals meanwhile.
async fn stop_signal(signals: &mut Signals) -> &'static str {
    loop {
        match signals.received().await {
            SignalRequest::Stop(signal) => return signal,
            other => handle_signal(other),
        }
    }
}

fn handle_signal(request: SignalRequest) {
    match request {
        SignalRequest::Stop(_) => {}
        SignalRequest::ReopenLogs => {
            telemetry::reopen_files();
            tracing::info!("SIGUSR1: log files will be reopened");
        }
        SignalRequest::Reload => {
            telemetry::reopen_files();
            tracing::warn!(
                "SIGHUP: log files will be reopened; the gateway stops, and keeps its configuration"
            );
        }
    }
}
