//! `imsgate reload`: has a running gateway load its configuration again.

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use super::config_file::ConfigFile;
use super::sessions::{AdminClient, NO_ANSWER, admin_address};
use super::{STOPS_LOGINS, output};

#[derive(Debug, Args)]
pub(super) struct ReloadArgs {
    #[command(flatten)]
    config: ConfigFile,
    /// Address of the admin listener, instead of `listen.admin` in the configuration
    #[arg(long, value_name = "ADDR:PORT")]
    admin: Option<SocketAddr>,
}

pub(super) const AFTER_HELP: &str = "\
Examples:
  imsgate reload --config /etc/imsgate/imsgate.toml
  imsgate reload --admin 127.0.0.1:9090

The gateway reads the file that it was started with. SIGHUP does the same.

Exit codes: 0 the new configuration is in use, 1 it has errors and the old one stays in use, 2 no listen.admin in the
configuration, 3 the gateway does not answer";

pub(super) fn run(args: &ReloadArgs) -> ExitCode {
    let address = match admin_address("reload", args.admin, &args.config) {
        Ok(address) => address,
        Err(code) => return code,
    };
    match AdminClient::new(address).and_then(|client| client.reload(output::look_of_stderr())) {
        Ok(report) => {
            output::err(report["findings"].as_str().unwrap_or_default());
            if report["applied"] != true {
                output::err("The configuration was not reloaded; the one that runs stays in use.\n");
                return ExitCode::from(STOPS_LOGINS);
            }
            output::out(&summary(&report));
            ExitCode::SUCCESS
        }
        Err(error) => {
            output::err(&format!("imsgate reload: {error}\n"));
            ExitCode::from(NO_ANSWER)
        }
    }
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
