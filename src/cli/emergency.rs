//! `imsgate emergency`: lets the emergency accounts of Campaign sign in while IMS is down, through the admin listener of a running gateway.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::config_file::ConfigFile;
use super::switch::{self, AdminArgs, AtInstance, SwitchCommand};

#[derive(Debug, Args)]
pub(super) struct EmergencyArgs {
    #[command(subcommand)]
    command: EmergencyCommand,
    #[command(flatten)]
    config: ConfigFile,
    #[command(flatten)]
    admin: AdminArgs,
}

#[derive(Debug, Subcommand)]
enum EmergencyCommand {
    /// Let each `[[campaign.native_account]]` with `emergency = true` sign in from its networks
    On {
        /// How long, at most 24 hours: a duration (2h)
        #[arg(long = "for", value_name = "DURATION")]
        lasts: String,
        #[command(flatten)]
        at: AtInstance,
    },
    /// End the emergency and the sessions that were opened during it
    Off {
        #[command(flatten)]
        at: AtInstance,
    },
    /// Show whether it is on, for each Campaign instance
    Status,
}

pub(super) const AFTER_HELP: &str = "\
Examples:
  imsgate emergency on --for 2h
  imsgate emergency status
  imsgate emergency off

Each logon is in the audit trail (emergency_logon). A reload keeps the switch. A restart turns it off. Each gateway has its own.

Exit codes: 0 success, 2 wrong usage, an unknown instance, no emergency account, or no listen.admin in the configuration, 3 \
the gateway does not answer";

pub(super) fn run(args: &EmergencyArgs) -> ExitCode {
    let command = match &args.command {
        EmergencyCommand::On { lasts, at } => at.turn_on(lasts),
        EmergencyCommand::Off { at } => at.turn_off(),
        EmergencyCommand::Status => SwitchCommand::Status,
    };
    switch::run("emergency", command, &args.config, &args.admin)
}
