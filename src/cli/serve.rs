//! `imsgate serve`: the gateway, until a signal ends it.

use std::process::ExitCode;

use clap::Args;

use super::config_file::{ConfigFile, complain};
use super::{STOPS_LOGINS, UNUSABLE, output};
use crate::app::{Gateway, StartError};
use crate::clock::Clock;
use crate::config::Config;
use crate::{server, telemetry};

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  imsgate serve --config /etc/imsgate/imsgate.toml")]
pub(super) struct ServeArgs {
    #[command(flatten)]
    config: ConfigFile,
}

pub(super) fn run(args: &ServeArgs) -> ExitCode {
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
    match serve(&loaded.config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the gateway cannot start");
            ExitCode::from(STOPS_LOGINS)
        }
    }
}

fn serve(config: &Config) -> Result<(), StartError> {
    let files = server::raise_file_limit();
    if let Some(files) = files.filter(|files| *files < config.limits.connections as u64) {
        let connections = config.limits.connections;
        tracing::warn!(
            files,
            connections,
            "fewer open files than limits.connections are allowed; raise LimitNOFILE"
        );
    }
    let tls = server::server_config(&config.listen.certificate, &config.listen.private_key)?;
    server::control_runtime()?.block_on(async {
        let mut signals = server::StopSignals::watch()?;
        let gateway = Gateway::start(config, tls, Clock::system()).await?;
        let (https, redirect) = (gateway.names.join(", "), format!("{:?}", gateway.http_redirect));
        let (callback, version) = (config.instance.ims.redirect_uri(), env!("CARGO_PKG_VERSION"));
        tracing::info!(version, https, redirect, workers = config.listen.workers, callback, "serving");
        server::tell_ready();
        let signal = signals.received().await;
        tracing::info!(signal, "stopping: no new connections, requests in flight may finish");
        server::tell_stopping();
        gateway.stop().await;
        tracing::info!("stopped");
        Ok(())
    })
}
