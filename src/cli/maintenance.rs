//! `imsgate maintenance`: a page about maintenance in place of Campaign, through the admin listener of a running gateway.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::switch::{self, AtInstance, SwitchOptions};

#[derive(Debug, Args)]
pub(super) struct MaintenanceArgs {
    #[command(subcommand)]
    command: MaintenanceCommand,
    #[command(flatten)]
    options: SwitchOptions,
}

#[derive(Debug, Subcommand)]
enum MaintenanceCommand {
    /// Stop requests for Campaign, except those for public paths; people stay signed in, and forms are saved
    On {
        /// When it ends by itself: a time with its zone (2026-11-30T14:00:00Z), or a duration from now (90m, 2h)
        #[arg(long, value_name = "TIME", default_value = "", hide_default_value = true)]
        until: String,
        #[command(flatten)]
        at: AtInstance,
    },
    /// Let requests pass again
    Off {
        #[command(flatten)]
        at: AtInstance,
    },
    /// Show whether it is on, for each Campaign instance
    Status,
}

pub(super) const AFTER_HELP: &str = "\
Examples:
  imsgate maintenance on --until 90m
  imsgate maintenance on --until 2026-11-30T14:00:00Z --instance acme
  imsgate maintenance status
  imsgate maintenance off

A reload keeps the switch. A restart turns it off. Each gateway has its own.

Exit codes: 0 success, 2 wrong usage, an unknown instance, or no listen.admin in the configuration, 3 the gateway does not \
answer";

pub(super) fn run(args: &MaintenanceArgs) -> Result<ExitCode, ExitCode> {
    let wanted = match &args.command {
        MaintenanceCommand::On { until, at } => Some(at.turn(true, until)),
        MaintenanceCommand::Off { at } => Some(at.turn(false, "")),
        MaintenanceCommand::Status => None,
    };
    switch::run("maintenance", wanted.as_ref(), &args.options)
}
