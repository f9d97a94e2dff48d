//! `imsgate key`: session key files.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::UNUSABLE;
use super::output::{err, out};
use crate::crypto::KeyRing;

#[derive(Debug, Args)]
pub(super) struct KeyArgs {
    #[command(subcommand)]
    command: KeyCommand,
}

#[derive(Debug, Subcommand)]
enum KeyCommand {
    /// Make a session key file with mode 0600; an existing file is never replaced
    #[command(after_help = "Example:\n  imsgate key new /etc/imsgate/session.key")]
    New {
        /// The file
        #[arg(value_name = "FILE", default_value = "session.key")]
        file: PathBuf,
    },
}

pub(super) const AFTER_HELP: &str = "\
Example:
  imsgate key new /etc/imsgate/session.key

Exit codes: 0 the file was made, 2 it exists already or cannot be made";

pub(super) fn run(args: &KeyArgs) -> ExitCode {
    let KeyCommand::New { file } = &args.command;
    match KeyRing::create(file) {
        Ok(()) => {
            let path = std::path::absolute(file).unwrap_or_else(|_| file.clone());
            let path = path.display();
            out(&format!(
                "{path} was made; only you can read it.\nName it in the configuration: session.key_file = \"{path}\"\n\
                 Give it to the user that runs the service: chown imsgate {path}\n"
            ));
            ExitCode::SUCCESS
        }
        Err(error) => {
            err(&format!("imsgate key new: {error}\n"));
            ExitCode::from(UNUSABLE)
        }
    }
}
