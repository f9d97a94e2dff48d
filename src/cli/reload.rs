//! `imsgate reload`: makes a running gateway load its configuration again.

use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use super::config_file::print_errors;
use super::dry_run::Preview;
use super::sessions::AdminOptions;
use super::{CHANGES, STOPS_LOGINS, output};

#[derive(Debug, Args)]
pub(super) struct ReloadArgs {
    #[command(flatten)]
    admin: AdminOptions,
    /// Reload nothing: say which signed-in people would lose access with --config, and whose groups would change
    #[arg(long)]
    dry_run: bool,
    /// Write JSON instead of text
    #[arg(long, requires = "dry_run")]
    json: bool,
}

pub(super) const AFTER_HELP: &str = "\
Examples:
  imsgate reload
  imsgate reload --admin 127.0.0.1:9090
  imsgate reload --dry-run --config new.toml   who would lose access, and whose groups would change

The gateway reads the file that it was started with. SIGHUP does the same.

Exit codes: 0 the new configuration is in use, 1 it has errors and the old one stays in use, 2 no listen.admin in the
configuration, 3 the gateway does not answer. With --dry-run: 0 nobody is affected, 1 somebody is, 2 unusable
configuration, 3 the gateway does not answer";

pub(super) fn run(args: &ReloadArgs) -> Result<ExitCode, ExitCode> {
    if args.dry_run {
        return dry_run(args);
    }
    let report = args.admin.call("reload", |client| client.reload(output::style_for_stderr()))?;
    output::err(report["findings"].as_str().unwrap_or_default());
    if report["applied"] != true {
        output::err("The configuration was not reloaded; the running one stays in use.\n");
        return Ok(STOPS_LOGINS.into());
    }
    output::out(&summary(&report));
    Ok(ExitCode::SUCCESS)
}

/// Says what the configuration would change for the people who are signed in.
fn dry_run(args: &ReloadArgs) -> Result<ExitCode, ExitCode> {
    let config_file = &args.admin.config;
    let config = config_file.read().map_err(|errors| print_errors(&errors))?.config;
    let sessions = args.admin.call("reload", |client| client.sessions(None, true))?;
    let preview = Preview::of(&config, &sessions);
    let file = config_file.path().display().to_string();
    output::out(&if args.json { preview.json() } else { preview.text(&file, output::paint()) });
    Ok(if preview.has_changes() { CHANGES.into() } else { ExitCode::SUCCESS })
}

fn summary(report: &Value) -> String {
    let list = |title: &str, name: &str| {
        let keys = report[name].as_array().into_iter().flatten().filter_map(Value::as_str);
        let lines: Vec<String> = keys.map(|key| format!("  {key}\n")).collect();
        if lines.is_empty() { String::new() } else { format!("{title}\n{}", lines.concat()) }
    };
    let changed = list("Reloaded. Other values from now on:", "changed");
    let restart = list("Restart the gateway for other values of:", "restart");
    let first = if changed.is_empty() { "Reloaded; no key has another value.\n" } else { &changed };
    format!("{first}{restart}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_summary_names_what_changed_and_what_needs_a_restart() {
        let nothing = summary(&json!({"changed": [], "restart": []}));
        assert_eq!(nothing, "Reloaded; no key has another value.\n");
        let both = summary(&json!({"changed": ["ims.client_id"], "restart": ["listen.https"]}));
        assert_eq!(
            both,
            "Reloaded. Other values from now on:\n  ims.client_id\nRestart the gateway for other values of:\n  listen.https\n"
        );
    }
}
