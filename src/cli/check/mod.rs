//! `imsgate check`: a table of findings, each with its fix.

mod account;
mod certificate;
mod files;
mod foreign_tokens;
mod machine;
mod mask;
mod offline;
mod online;
mod path;
mod report;
mod running;
pub(super) mod seen;
mod store;

use std::process::ExitCode;

use clap::Args;

use self::account::Account;
use self::path::Decision;
use self::report::{CheckedKey, Severity};
use self::running::Running;
use super::config_file::{NamedConfigFile, print_errors};
use super::{STOPS_LOGINS, UNUSABLE, output};
use crate::clock::Clock;
use crate::config::Config;

#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    pub(super) config: NamedConfigFile,
    /// Check only the configuration and its files, without calls to IMS, Campaign and an ACME server
    #[arg(long)]
    offline: bool,
    /// Write JSON instead of a table
    #[arg(long)]
    json: bool,
    /// Check files and ports for this user, by name or number: the one that will run the service
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Only say whether this path is public, closed or signed-in, and which rule decides
    #[arg(long, value_name = "PATH", conflicts_with = "offline")]
    path: Option<String>,
}

pub(super) const AFTER_HELP: &str = "\
Examples:
  imsgate check --offline
  imsgate check --config imsgate.toml --json
  imsgate check --user imsgate                as the user that runs the service
  imsgate check --path '/nl/jsp/m.jsp?id=1'   public, closed or signed-in, and by which rule

Exit codes: 0 all good, 1 a finding that stops logins, 2 unusable configuration";

pub(super) fn run(args: &CheckArgs) -> ExitCode {
    let loaded = match args.config.read() {
        Ok(loaded) => loaded,
        Err(errors) => {
            if args.json {
                output::out(&report::json(&report::unusable(&errors)));
            } else {
                let count =
                    errors.findings().iter().filter(|f| f.level == crate::config::Level::Error).count();
                print_errors(&errors);
                let s = if count == 1 { "" } else { "s" };
                output::err(&format!("The configuration cannot be used: {count} error{s}.\n"));
            }
            return ExitCode::from(UNUSABLE);
        }
    };
    if let Some(path) = &args.path {
        return decide(args, path, &loaded.config);
    }
    let clock = Clock::system();
    let user = match args.user.as_deref().map(Account::find) {
        None => Account::current(),
        Some(Ok(user)) => user,
        Some(Err(error)) => {
            output::err(&format!("--user: {error}\n"));
            return ExitCode::from(UNUSABLE);
        }
    };
    let file = args.config.path();
    let mut items = offline::check(&loaded, &file, &clock);
    for (config, places) in loaded.instances() {
        items.extend(report::of_instance(&config.instance.name, vec![seen::check(config, places)]));
    }
    let running = Running::ask(&loaded);
    let given = args.user.is_some();
    items.extend(machine::check(&loaded.config, &loaded.places, &file, &user, given, running.as_ref()));
    items.extend(running.iter().flat_map(|running| running.items(&loaded)));
    if args.offline {
        let reason = "IMS, Campaign and an ACME server were not asked (--offline)";
        let about = CheckedKey::new(&loaded.places, "ims.server").named("online");
        items.push(about.not_checked(reason, "leave out --offline"));
    } else {
        items.extend(online::check(&loaded, &clock));
        items.extend(foreign_tokens::check(&loaded));
    }
    output::out(&if args.json { report::json(&items) } else { report::table(&items, output::paint()) });
    if report::has_errors(&items) { ExitCode::from(STOPS_LOGINS) } else { ExitCode::SUCCESS }
}

/// What `imsgate check --offline` finds in a configuration that was just written.
pub(super) struct Problems {
    /// A table of the errors and warnings, or a line that there are none.
    pub(super) text: String,
    pub(super) has_errors: bool,
}

/// Checks a configuration file without calls to IMS and Campaign. Also returns the redirect URI to register at Adobe.
pub(super) fn problems(file: &std::path::Path) -> (Problems, String) {
    let loaded = match crate::config::read(file, []) {
        Ok(loaded) => loaded,
        Err(errors) => {
            let text = errors.render(output::style_for_stderr());
            return (Problems { text, has_errors: true }, String::new());
        }
    };
    let mut items = offline::check(&loaded, file, &Clock::system());
    items.extend(machine::check(&loaded.config, &loaded.places, file, &Account::current(), true, None));
    items.retain(|item| matches!(item.severity, Severity::Error | Severity::Warning));
    let has_errors = report::has_errors(&items);
    let text = if items.is_empty() {
        "\nThe configuration is complete, and its files and ports are fine.\n".to_owned()
    } else {
        format!("\n{}", report::table(&items, output::paint()))
    };
    let redirect_uri = loaded.config.instances.first().map(|instance| instance.ims.redirect_uri());
    (Problems { text, has_errors }, redirect_uri.unwrap_or_default())
}

/// Prints the decision about a path: of the instance that serves the address, or of each instance.
fn decide(args: &CheckArgs, path: &str, config: &Config) -> ExitCode {
    let decisions = Decision::at_each(path, config);
    let text = |(name, decision): &(String, Decision)| {
        let of = if name.is_empty() { String::new() } else { format!("{name}\n") };
        of + &decision.text()
    };
    let text: String = match decisions.as_slice() {
        [(_, decision)] if args.json => decision.json(),
        several if args.json => Decision::json_of_several(several),
        all => all.iter().map(text).collect(),
    };
    output::out(&text);
    ExitCode::SUCCESS
}
