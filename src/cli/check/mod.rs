//! `imsgate check`: a table of findings, each with its fix.

mod certificate;
mod files;
mod mask;
mod offline;
mod online;
mod report;
mod store;

use std::process::ExitCode;

use clap::Args;

use self::report::Status;
use super::config_file::{NamedConfigFile, print_errors};
use super::{STOPS_LOGINS, UNUSABLE, output};
use crate::clock::Clock;

#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    config: NamedConfigFile,
    /// Check only the configuration and its files, without calls to IMS and Campaign
    #[arg(long)]
    offline: bool,
    /// Write JSON instead of a table
    #[arg(long)]
    json: bool,
}

#[cfg(test)]
impl CheckArgs {
    /// The configuration file.
    pub(super) fn path(&self) -> std::path::PathBuf {
        self.config.path()
    }
}

pub(super) const AFTER_HELP: &str = "\
Examples:
  imsgate check --offline
  imsgate check --config /etc/imsgate.toml --json

Exit codes: 0 all good, 1 a finding that stops logins, 2 unusable configuration";

pub(super) fn run(args: &CheckArgs) -> ExitCode {
    let loaded = match args.config.read() {
        Ok(loaded) => loaded,
        Err(errors) => {
            if args.json {
                output::out(&report::json(&report::unusable(&errors)));
            } else {
                print_errors(&errors);
                let count =
                    errors.findings().iter().filter(|f| f.level == crate::config::Level::Error).count();
                let s = if count == 1 { "" } else { "s" };
                output::err(&format!("The configuration cannot be used: {count} error{s}.\n"));
            }
            return ExitCode::from(UNUSABLE);
        }
    };
    let clock = Clock::system();
    let mut items = offline::check(&loaded, &args.config.path(), &clock);
    if !args.offline {
        items.extend(online::check(&loaded, &clock));
    }
    output::out(&if args.json { report::json(&items) } else { report::table(&items, output::paint()) });
    if items.iter().any(|item| item.status == Status::StopsLogins) {
        ExitCode::from(STOPS_LOGINS)
    } else {
        ExitCode::SUCCESS
    }
}
