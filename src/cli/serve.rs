//! `imsgate serve`.

use std::process::ExitCode;

use clap::Args;

use super::config_file::{ConfigFile, complain};
use super::{STOPS_LOGINS, UNUSABLE, output};

#[derive(Debug, Args)]
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
    output::err("imsgate serve: the gateway is not linked yet\n");
    ExitCode::from(STOPS_LOGINS)
}
