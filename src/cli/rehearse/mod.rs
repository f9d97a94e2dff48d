//! `imsgate rehearse`: what a configuration would do with the requests of an access log.

mod changes;
mod count;
mod every_line;
mod input;
mod report;
mod rules;
mod tally;

use std::io::{self, BufWriter, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;

use self::changes::RuleChanges;
use self::input::Lines;
use self::rules::RehearsedConfig;
use self::tally::Tally;
use super::config_file::{ConfigFile, print_errors, read_file};
use super::{CHANGES, UNUSABLE, output};
use crate::wire::access_log;

#[derive(Debug, Args)]
pub(super) struct RehearseArgs {
    /// Access logs of imsgate, nginx or Apache httpd, also compressed with gzip; `-` is standard input
    #[arg(value_name = "ACCESS_LOG", required = true)]
    logs: Vec<PathBuf>,
    #[command(flatten)]
    config: ConfigFile,
    /// Compare: say which requests this configuration decides in another way than --config
    #[arg(long, value_name = "FILE")]
    before: Option<PathBuf>,
    /// Host of the lines that name none [default: the host of the first instance]
    #[arg(long, value_name = "HOST")]
    host: Option<String>,
    /// Write the decision about every line; the summary goes to standard error
    #[arg(long)]
    all: bool,
    /// Write JSON: the summary, or with --all one object for each line
    #[arg(long)]
    json: bool,
}

pub(super) const AFTER_HELP: &str = "\
Examples:
  imsgate rehearse /var/log/nginx/access.log --config new.toml
  imsgate rehearse access.log access.log.1.gz --config new.toml --before /etc/imsgate/imsgate.toml
  zcat access.log.*.gz | imsgate rehearse - --all --json

Exit codes: 0 success, 1 with --before: requests are decided in another way, 2 unusable configuration or log";

pub(super) fn run(args: &RehearseArgs) -> Result<ExitCode, ExitCode> {
    let new = args.config.read().map_err(|errors| print_errors(&errors))?;
    let old = args.before.as_deref().map(read_file).transpose().map_err(|errors| print_errors(&errors))?;
    let host = args.host.as_deref();
    let (new, old) = (
        RehearsedConfig::of(&new.config, host),
        old.as_ref().map(|old| RehearsedConfig::of(&old.config, host)),
    );
    let began = Instant::now();
    let mut tally = Tally { changes: old.as_ref().map(|_| RuleChanges::default()), ..Tally::default() };
    let mut is_readable = true;
    for path in &args.logs {
        if let Err(error) = read_log(args, path, (&new, old.as_ref()), &mut tally) {
            // The reader of a pipe may have closed it.
            if error.kind() == io::ErrorKind::BrokenPipe {
                return Ok(ExitCode::SUCCESS);
            }
            output::fail("rehearse", format!("{}: {error}", path.display()), UNUSABLE);
            is_readable = false;
        }
    }
    let summary = if args.json && !args.all {
        report::json(&tally)
    } else {
        report::text(&tally, began.elapsed(), output::paint())
    };
    if args.all {
        output::err(&summary);
    } else {
        output::out(&summary);
    }
    // Without any line that was understood, the file is no access log.
    if !is_readable || (tally.requests == 0 && tally.misread > 0) {
        return Err(UNUSABLE.into());
    }
    Ok(if tally.has_changes() { CHANGES.into() } else { ExitCode::SUCCESS })
}

fn read_log<'r>(
    args: &RehearseArgs,
    path: &std::path::Path,
    (new, old): (&'r RehearsedConfig<'_>, Option<&'r RehearsedConfig<'_>>),
    tally: &mut Tally<'r>,
) -> io::Result<()> {
    let name = path.display().to_string();
    let mut lines = Lines::open(path)?;
    let mut to = BufWriter::new(io::stdout().lock());
    let mut line = Vec::new();
    while let Some(number) = lines.next(&mut line)? {
        let read = match access_log::parse(&line) {
            Ok(Some(read)) => read,
            Ok(None) => {
                tally.other += 1;
                continue;
            }
            Err(error) => {
                tally.misread(&name, number, error, &line);
                continue;
            }
        };
        let decided = new.decide(&read);
        let before = old.map(|old| old.decide(&read));
        if args.all {
            let line = every_line::DecidedLine {
                file: &name,
                number,
                read: &read,
                decided: &decided,
                before: before.as_ref(),
            };
            to.write_all(if args.json { line.json() } else { line.text() }.as_bytes())?;
        }
        tally.add((&name, number), read.status, decided, before);
    }
    to.flush()
}
