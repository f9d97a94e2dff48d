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
pub(super) mod seen;
mod store;

use std::process::ExitCode;

use clap::Args;

use self::account::Account;
use self::path::Decision;
use self::report::{Item, Severity};
use super::config_file::{NamedConfigFile, print_errors};
use super::{STOPS_LOGINS, UNUSABLE, output};
use crate::clock::Clock;

#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    config: NamedConfigFile,
    /// Check only the configuration and its files, without calls to IMS and Campaign
    #[arg(long)]
    offline: bool,
    /// Write JSON instead of a table
    #[arg(long)]
    json: bool,
    /// Check files and ports for this user, by name or number: the one that will run the service
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Only say whether this path is public, closed or signed-in, and by which rule
    #[arg(long, value_name = "PATH", conflicts_with = "offline")]
    path: Option<String>,
}

#[cfg(test)]
impl CheckArgs {
    /// The configuration file.
    pub(super) fn file(&self) -> std::path::PathBuf {
        self.config.path()
    }
}

pub(super) const AFTER_HELP: &str = "\
Examples:
  imsgate check --offline
  imsgate check --config /etc/imsgate.toml --json
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
                print_errors(&errors);
                let count =
                    errors.findings().iter().filter(|f| f.level == crate::config::Level::Error).count();
                let s = if count == 1 { "" } else { "s" };
                output::err(&format!("The configuration cannot be used: {count} error{s}.\n"));
            }
            return ExitCode::from(UNUSABLE);
        }
    };
    if let Some(path) = &args.path {
        let decision = Decision::of(path, &loaded.config.instance.campaign, loaded.config.limits.head_bytes);
        output::out(&if args.json { decision.json() } else { decision.text() });
        return ExitCode::SUCCESS;
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
    items.push(seen::check(&loaded.config, &loaded.places));
    items.extend(machine::check(&loaded.config, &loaded.places, &file, &user, args.user.is_some()));
    if args.offline {
        let reason = "IMS and Campaign were not asked (--offline)";
        let item = Item::not_checked(&loaded.places, "ims.server", reason, "leave out --offline");
        items.push(item.named("online"));
    } else {
        items.extend(online::check(&loaded, &clock));
        items.extend(foreign_tokens::check(&loaded));
    }
    output::out(&if args.json { report::json(&items) } else { report::table(&items, output::paint()) });
    if report::has_errors(&items) { ExitCode::from(STOPS_LOGINS) } else { ExitCode::SUCCESS }
}

/// What `imsgate check --offline` finds in a configuration that was just written.
pub(super) struct Problems {
    /// The findings that are not good, as a table; or that there are none.
    pub(super) text: String,
    pub(super) has_errors: bool,
}

/// Checks a configuration file without calls to IMS and Campaign. Also returns the redirect URI to register at Adobe.
pub(super) fn problems(file: &std::path::Path) -> (Problems, String) {
    let loaded = match crate::config::read(file, []) {
        Ok(loaded) => loaded,
        Err(errors) => {
            let text = errors.render(output::look_of_stderr());
            return (Problems { text, has_errors: true }, String::new());
        }
    };
    let mut items = offline::check(&loaded, file, &Clock::system());
    items.extend(machine::check(&loaded.config, &loaded.places, file, &Account::current(), true));
    items.retain(|item| matches!(item.severity, Severity::Error | Severity::Warning));
    let has_errors = report::has_errors(&items);
    let text = if items.is_empty() {
        "\nThe configuration is complete, and its files and ports are fine.\n".to_owned()
    } else {
        format!("\n{}", report::table(&items, output::paint()))
    };
    (Problems { text, has_errors }, loaded.config.instance.ims.redirect_uri())
}
