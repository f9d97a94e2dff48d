//! `imsgate check`: a table of findings, each with its fix.

mod certificate;
mod files;
mod mask;
mod offline;
mod online;
mod path;
mod report;
mod store;

use std::process::ExitCode;

use clap::Args;

use self::path::Decision;
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
    /// Only say whether this path is public, closed or signed-in, and by which rule
    #[arg(long, value_name = "PATH", conflicts_with = "offline")]
    path: Option<String>,
}

#[cfg(test)]
impl CheckArgs {
    /// The configuration file.
    pub(super) fn file(&self) -> std::path::PathBuf {
        self.config.path()
    }
}

pub(super) const AFTER_HELP: &str = "\
Examples:
  imsgate check --offline
  imsgate check --config /etc/imsgate.toml --json
  imsgate check --path '/nl/jsp/m.jsp?id=1'   public, closed or signed-in, and by which rule

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
    if let Some(path) = &args.path {
        let decision = Decision::of(path, &loaded.config.instance.campaign.public_paths);
        output::out(&if args.json { decision.json() } else { decision.text() });
        return ExitCode::SUCCESS;
    }
    let clock = Clock::system();
    let mut items = offline::check(&loaded, &args.config.path(), &clock);
    if !args.offline {
        items.extend(online::check(&loaded, &clock));
    }
    output::out(&if args.json { report::json(&items) } else { report::table(&items, output::paint()) });
    if report::has_errors(&items) { ExitCode::from(STOPS_LOGINS) } else { ExitCode::SUCCESS }
}
