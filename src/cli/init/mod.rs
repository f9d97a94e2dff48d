//! `imsgate init`: asks for the fields of the external account, checks each answer, and writes a complete configuration.

mod files;
mod prompt;
mod questions;
mod template;

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use self::files::Files;
use self::prompt::AnswerReader;
use self::questions::Answers;
use super::config_file::usual_file;
use super::output::{fail, out};
use super::{STOPS_LOGINS, UNUSABLE, check};

#[derive(Debug, Args)]
pub(super) struct InitArgs {
    /// The file to write.
    #[arg(short, long, value_name = "FILE", help = OUTPUT)]
    output: Option<PathBuf>,
    /// Replace an existing configuration and its secrets; a session key is never replaced
    #[arg(long)]
    force: bool,
}

const OUTPUT: &str = "The configuration file to write; secrets and the session key are written beside it [env: IMSGATE_CONFIG] [default: /etc/imsgate/imsgate.toml]";

pub(super) const AFTER_HELP: &str = "\
Examples:
  imsgate init
  imsgate init --output imsgate.toml < answers.txt   one answer a line; an empty line takes the default

Exit codes: 0 written and usable, 1 written but `imsgate check --offline` finds an error, 2 nothing written";

pub(super) fn run(args: &InitArgs) -> ExitCode {
    match ask_and_write(args) {
        Ok((files, answers)) => finish(&files, &answers),
        Err(error) => fail("init", format!("{error}\nNothing was written."), UNUSABLE),
    }
}

fn ask_and_write(args: &InitArgs) -> io::Result<(Files, Answers)> {
    let files = Files::beside(&args.output.clone().unwrap_or_else(usual_file), args.force)?;
    let mut prompt = AnswerReader::of_stdin();
    out(&format!(
        "The fields are those of the external account (Administration > Platform > External accounts), then this machine's.\n\
         [text in brackets] is the answer if you press Enter. {} is written at the end.\n\n",
        files.config.display()
    ));
    let answers = questions::ask(&mut prompt, &files.session_file())?;
    files.write(&answers)?;
    Ok((files, answers))
}

/// Reports what was written and what `imsgate check --offline` finds in it.
fn finish(files: &Files, answers: &Answers) -> ExitCode {
    // Other commands find the usual file by themselves.
    let is_usual = absolute(&usual_file()) == files.config;
    let option = if is_usual { String::new() } else { format!(" --config {}", files.config.display()) };
    out(&format!("\n{}", files.written(answers)));
    let (problems, redirect) = check::problems(&files.config);
    out(&problems.text);
    out(&format!(
        "\nNext:\n\
         \x20 1. Ask Adobe to register {redirect} as a redirect URI of the client.\n\
         \x20 2. Give the files to the user that runs the service: chown imsgate {}\n\
         \x20 3. imsgate check --user imsgate{option}\n\
         \x20 4. systemctl enable --now imsgate. Without systemd, as the user of the service: imsgate serve{option}\n",
        files.all(answers)
    ));
    if problems.has_errors { STOPS_LOGINS.into() } else { ExitCode::SUCCESS }
}

/// An absolute path: what is typed starts at the working directory, and relative paths in the file start at its folder.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
