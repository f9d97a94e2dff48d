//! The command line: parses arguments, runs commands, returns exit codes.

mod check;
mod config_file;
#[cfg(feature = "demo")]
mod demo;
mod dry_run;
mod emergency;
mod groups;
mod health;
mod init;
mod key;
mod maintenance;
mod man;
mod mask;
mod output;
mod rehearse;
mod reload;
mod serve;
mod sessions;
#[cfg(feature = "demo")]
mod simulators;
mod switch;
mod why;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use crate::telemetry::audit;

/// Parses the arguments and runs the command.
///
/// Exit codes: 0 success, 1 a finding that stops logins (or no matching name, nothing to revoke, or a request that two configurations
/// decide differently), 2 unusable configuration or wrong usage, 3 no response from the running gateway.
pub fn run() -> ExitCode {
    match Cli::try_parse() {
        // In both cases, the command has said everything.
        Ok(cli) => dispatch(cli.chosen()).unwrap_or_else(|code| code),
        Err(error) => {
            // If standard error is closed, the message cannot be shown.
            let _ = error.print();
            if error.use_stderr() { ExitCode::from(UNUSABLE) } else { ExitCode::SUCCESS }
        }
    }
}

/// Checks a command line without running it. For the tests of the documentation.
///
/// # Errors
/// What the program would print about it.
#[doc(hidden)]
pub fn parse_command_line(words: &[String]) -> Result<(), String> {
    match Cli::try_parse_from(words) {
        Err(error) if error.use_stderr() => Err(error.to_string()),
        _ => Ok(()),
    }
}

fn dispatch(command: Command) -> Result<ExitCode, ExitCode> {
    Ok(match command {
        #[cfg(feature = "demo")]
        Command::Demo(args) => demo::run(&args),
        Command::Serve(args) => serve::run(&args)?,
        Command::Check(args) => check::run(&args),
        Command::Emergency(args) => emergency::run(&args)?,
        Command::Groups(args) => groups::run(&args)?,
        Command::Health(args) => health::run(&args)?,
        Command::Init(args) => init::run(&args),
        Command::Key(args) => key::run(&args),
        Command::Maintenance(args) => maintenance::run(&args)?,
        Command::Mask(args) => mask::run(&args)?,
        Command::Rehearse(args) => rehearse::run(&args)?,
        Command::Reload(args) => reload::run(&args)?,
        Command::Sessions(args) => sessions::run(&args)?,
        #[cfg(feature = "demo")]
        Command::Simulators(args) => simulators::run(&args),
        Command::Why(args) => why::run(&args)?,
        Command::Schema { audit } => {
            let schema = if audit { audit::json_schema() } else { crate::config::json_schema() };
            output::out(&schema);
            ExitCode::SUCCESS
        }
        Command::Version => {
            output::out(concat!("imsgate ", env!("CARGO_PKG_VERSION"), "\n"));
            ExitCode::SUCCESS
        }
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "imsgate", &mut script);
            output::out(&String::from_utf8_lossy(&script));
            ExitCode::SUCCESS
        }
        Command::Man(args) => man::run(&args),
    })
}

/// Puts Adobe ID in front of Adobe Campaign.
#[derive(Debug, Parser)]
#[command(name = "imsgate", version, about, after_help = AFTER_HELP, max_term_width = 100)]
#[command(arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    config: config_file::ConfigFile,
}

impl Cli {
    /// The command. Without one, a configuration file alone means `serve`.
    fn chosen(self) -> Command {
        self.command.unwrap_or_else(|| Command::Serve(serve::ServeArgs { config: self.config.into() }))
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run gateway, IMS simulator and Campaign simulator on this machine; needs no file and no network
    #[cfg(feature = "demo")]
    Demo(demo::DemoArgs),
    /// Run the gateway
    Serve(serve::ServeArgs),
    /// Check the configuration and what it names: what stops sign-ins, and how to fix it
    #[command(after_help = check::AFTER_HELP)]
    Check(check::CheckArgs),
    /// Let listed accounts of Campaign sign in with a password for some hours, while IMS is down
    #[command(after_help = emergency::AFTER_HELP)]
    Emergency(emergency::EmergencyArgs),
    /// Show Campaign's operator groups beside the configuration names seen at IMS
    #[command(after_help = groups::AFTER_HELP)]
    Groups(groups::GroupsArgs),
    /// Ask a running gateway whether it serves requests, for health checks of containers
    #[command(after_help = health::AFTER_HELP)]
    Health(health::HealthArgs),
    /// Ask for the fields of the external account, and write a complete configuration
    #[command(after_help = init::AFTER_HELP)]
    Init(init::InitArgs),
    /// Make session key files, and rotate their keys
    #[command(after_help = key::AFTER_HELP)]
    Key(key::KeyArgs),
    /// Show people a page about maintenance in place of Campaign, or let them in again
    #[command(after_help = maintenance::AFTER_HELP)]
    Maintenance(maintenance::MaintenanceArgs),
    /// Try the association mask on configuration names
    #[command(after_help = mask::AFTER_HELP)]
    Mask(mask::MaskArgs),
    /// Say what a configuration would do with the requests of an access log, and what another one changes
    #[command(after_help = rehearse::AFTER_HELP)]
    Rehearse(rehearse::RehearseArgs),
    /// Load the configuration of a running gateway again; if anything is wrong, the running one stays in use
    #[command(after_help = reload::AFTER_HELP)]
    Reload(reload::ReloadArgs),
    /// List live sessions of a running gateway, or end them
    #[command(after_help = sessions::AFTER_HELP)]
    Sessions(sessions::SessionsArgs),
    /// Run only the simulators of IMS and Campaign, for gateways that run beside them
    #[cfg(feature = "demo")]
    #[command(after_help = simulators::AFTER_HELP)]
    Simulators(simulators::SimulatorsArgs),
    /// Show the latest attempts of a person, or what became of a request: why, and what to do
    #[command(after_help = why::AFTER_HELP)]
    Why(why::WhyArgs),
    /// Print the JSON Schema of the configuration file
    #[command(
        after_help = "Examples:\n  imsgate schema > imsgate.schema.json\n  imsgate schema --audit > audit.schema.json"
    )]
    Schema {
        /// Of the lines of the audit trail instead
        #[arg(long)]
        audit: bool,
    },
    /// Print the version, as --version does
    Version,
    /// Print a completion script
    #[command(after_help = "Example:\n  imsgate completions bash > /etc/bash_completion.d/imsgate")]
    Completions {
        /// For this shell
        shell: Shell,
    },
    /// Write the man pages into a folder
    #[command(after_help = man::AFTER_HELP)]
    Man(man::ManArgs),
}

const AFTER_HELP: &str = "\
Examples:
  imsgate demo                              try it at https://localhost:8443/view/home
  imsgate init                              write a configuration from questions and answers
  imsgate check --offline                   check the configuration
  imsgate serve                             run the gateway
  imsgate mask 'Campaign - acme - delivery' show the Campaign group of this name
  imsgate rehearse access.log               show what happens to the requests of a log
  imsgate reload                            load the configuration of a running gateway again
  imsgate sessions list                     show who is signed in
  imsgate maintenance on --until 2h         show people a page in place of Campaign

Environment:
  IMSGATE_CONFIG           the configuration file, unless --config names one
  IMSGATE_LOG              the log filter, for example info,imsgate=debug
  IMSGATE_IMS__CLIENT_ID   overrides ims.client_id; every key has such a variable

Exit codes:
  0  success
  1  a finding that stops logins; no name matches; nothing to revoke; a rehearsed request is decided in another way
  2  unusable configuration; wrong usage
  3  the running gateway does not answer";

/// Exit code of a finding that stops logins.
const STOPS_LOGINS: u8 = 1;
/// Exit code of an unusable configuration, and of wrong usage.
const UNUSABLE: u8 = 2;
/// Exit code when two configurations decide differently.
const CHANGES: u8 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_configuration_file_can_be_given_in_every_usual_way() {
        for words in [
            &["imsgate", "serve", "/x.toml"][..],
            &["imsgate", "serve", "-c", "/x.toml"],
            &["imsgate", "serve", "-c/x.toml"],
            &["imsgate", "serve", "--config", "/x.toml"],
            &["imsgate", "serve", "--config=/x.toml"],
            &["imsgate", "check", "/x.toml", "--offline"],
            &["imsgate", "check", "-c", "/x.toml"],
            &["imsgate", "-c", "/x.toml"],
            &["imsgate", "-c/x.toml"],
            &["imsgate", "--config=/x.toml"],
            &["imsgate", "-c", "/x.toml", "serve"],
            &["imsgate", "--config", "/x.toml", "check", "--offline"],
        ] {
            let path = match Cli::try_parse_from(words).unwrap().chosen() {
                Command::Serve(args) => args.config.path(),
                Command::Check(args) => args.config.path(),
                _ => unreachable!(),
            };
            assert_eq!(path, std::path::Path::new("/x.toml"), "{words:?}");
        }
        assert!(Cli::try_parse_from(["imsgate", "mask", "-c", "/x.toml", "name"]).is_ok());
        assert!(Cli::try_parse_from(["imsgate", "sessions", "list", "-c", "/x.toml"]).is_ok());
        assert!(Cli::try_parse_from(["imsgate", "serve", "-c", "/x.toml", "/y.toml"]).is_err());
        for words in [&["imsgate"][..], &["imsgate", "/x.toml"], &["imsgate", "-c"]] {
            assert!(Cli::try_parse_from(words).is_err(), "{words:?}");
        }
    }

    #[test]
    fn help_and_version_are_also_commands() {
        use clap::error::ErrorKind;
        for words in
            [&["imsgate", "help"][..], &["imsgate", "help", "serve"], &["imsgate", "serve", "--help"]]
        {
            assert_eq!(Cli::try_parse_from(words).unwrap_err().kind(), ErrorKind::DisplayHelp, "{words:?}");
        }
        assert!(matches!(Cli::try_parse_from(["imsgate", "version"]).unwrap().chosen(), Command::Version));
        assert_eq!(Cli::try_parse_from(["imsgate", "-V"]).unwrap_err().kind(), ErrorKind::DisplayVersion);
    }

    #[test]
    fn the_examples_of_the_help_are_valid_commands() {
        for line in AFTER_HELP.lines().filter(|line| line.starts_with("  imsgate")) {
            let line = line.split("  ").nth(1).unwrap().replace("'Campaign - acme - delivery'", "name");
            let words = line.split(' ').take_while(|word| *word != "show");
            assert!(Cli::try_parse_from(words).is_ok(), "{line}");
        }
    }
}
