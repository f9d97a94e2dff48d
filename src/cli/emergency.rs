//! `imsgate emergency`: lets the emergency accounts of Campaign sign in while IMS is down, through the admin listener of a running gateway.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::switch::{self, AtInstance, SwitchOptions};

#[derive(Debug, Args)]
pub(super) struct EmergencyArgs {
    #[command(subcommand)]
    command: EmergencyCommand,
    #[command(flatten)]
    options: SwitchOptions,
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

pub(super) fn run(args: &EmergencyArgs) -> Result<ExitCode, ExitCode> {
    let wanted = match &args.command {
        EmergencyCommand::On { lasts, at } => Some(at.turn(true, lasts)),
        EmergencyCommand::Off { at } => Some(at.turn(false, "")),
        EmergencyCommand::Status => None,
    };
    switch::run("emergency", wanted.as_ref(), &args.options)
}
