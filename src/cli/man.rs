//! `imsgate man FOLDER`: writes the man pages, one for each command.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, CommandFactory};

use super::{Cli, UNUSABLE, output};

/// Arguments of `imsgate man`.
#[derive(Debug, Args)]
pub(super) struct ManArgs {
    /// The folder to write to; it must exist
    folder: PathBuf,
}

pub(super) const AFTER_HELP: &str = "Example:\n  imsgate man /usr/local/share/man/man1";

/// Writes `imsgate.1` and a page for each command, such as `imsgate-check.1`.
pub(super) fn run(args: &ManArgs) -> ExitCode {
    match write(&args.folder) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::err(&format!(
                "imsgate: cannot write man pages to {}: {error}\nName a folder that exists and that you may write to.\n",
                args.folder.display()
            ));
            ExitCode::from(UNUSABLE)
        }
    }
}

fn write(folder: &Path) -> std::io::Result<()> {
    clap_mangen::generate_to(Cli::command().disable_help_subcommand(true), folder)
}
