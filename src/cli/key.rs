//! `imsgate key`: session key files.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::UNUSABLE;
use super::output::{fail, out};
use crate::crypto::{KeyFileError, KeyRing, KeyRotation};

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
    /// Put a new key in front of a session key file; a running gateway uses it without a restart
    #[command(after_help = ROTATE_HELP)]
    Rotate {
        /// The file
        #[arg(value_name = "FILE", default_value = "session.key")]
        file: PathBuf,
        /// Add the new key at the end, where it only decrypts: first step of several gateways
        #[arg(long, conflicts_with = "promote")]
        prepare: bool,
        /// Put the last key in front: second step of several gateways
        #[arg(long)]
        promote: bool,
    },
}

pub(super) const AFTER_HELP: &str = "\
Examples:
  imsgate key new /etc/imsgate/session.key
  imsgate key rotate /etc/imsgate/session.key

Exit codes: 0 done, 2 the file exists already, or cannot be made or changed";

const ROTATE_HELP: &str = "\
The first key encrypts; all keys decrypt. A running gateway notices the change within seconds. Remove an old key, which
is a line of the file, once session.absolute_timeout has passed since the rotation: nothing is encrypted with it any more.

Several gateways with the same file:
  imsgate key rotate --prepare FILE   on one of them; copy the file to the others
  imsgate key rotate --promote FILE   on each, or on one and copy again";

pub(super) fn run(args: &KeyArgs) -> ExitCode {
    let (name, done) = match &args.command {
        KeyCommand::New { file } => ("key new", new(file)),
        KeyCommand::Rotate { file, prepare, promote } => ("key rotate", rotate(file, *prepare, *promote)),
    };
    match done {
        Ok(text) => {
            out(&text);
            ExitCode::SUCCESS
        }
        Err(error) => fail(name, error, UNUSABLE),
    }
}

fn new(file: &Path) -> Result<String, KeyFileError> {
    KeyRing::create(file)?;
    let path = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let path = path.display();
    Ok(format!(
        "{path} was made; only you can read it.\nName it in the configuration: session.key_file = \"{path}\"\n\
         Give it to the user that runs the service: chown imsgate {path}\n"
    ))
}

fn rotate(file: &Path, prepare: bool, promote: bool) -> Result<String, KeyFileError> {
    let rotation = match (prepare, promote) {
        (true, _) => KeyRotation::Prepare,
        (_, true) => KeyRotation::Promote,
        _ => KeyRotation::New,
    };
    let keys = KeyRing::rotate(file, rotation)?;
    let path = file.display();
    Ok(match rotation {
        KeyRotation::Prepare => format!(
            "{path} has {keys} keys; the new one is the last and only decrypts.\n\
             Copy the file to the other gateways, then: imsgate key rotate --promote {path}\n"
        ),
        KeyRotation::New | KeyRotation::Promote => format!(
            "{path} has {keys} keys; the first one encrypts from now on, and all decrypt.\n\
             Remove the older ones once session.absolute_timeout has passed.\n"
        ),
    })
}
