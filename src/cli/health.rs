//! `imsgate health`: asks a running gateway whether it serves requests, for health checks of containers and for scripts.

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use super::sessions::{AdminClient, AdminOptions};
use super::{STOPS_LOGINS, output};

#[derive(Debug, Args)]
pub(super) struct HealthArgs {
    #[command(flatten)]
    admin: AdminOptions,
    /// Fail also while nobody can sign in, because IMS does not answer
    #[arg(long)]
    sign_in: bool,
    /// Write JSON instead of text
    #[arg(long)]
    json: bool,
}

pub(super) const AFTER_HELP: &str = "\
Examples:
  imsgate health
  imsgate health --admin 127.0.0.1:9090 --sign-in

Exit codes: 0 the gateway serves requests, 1 it is stopping (with --sign-in: or nobody can sign
in), 2 unusable configuration or no listen.admin in it, 3 the gateway does not answer";

pub(super) fn run(args: &HealthArgs) -> Result<ExitCode, ExitCode> {
    let (serves, health) = args.admin.call("health", AdminClient::health)?;
    output::out(&if args.json { format!("{health:#}\n") } else { text(&health) });
    let is_good = serves && (!args.sign_in || health["sign_in"] == true);
    Ok(if is_good { ExitCode::SUCCESS } else { STOPS_LOGINS.into() })
}

/// One line for the gateway, one for IMS, and one for each Campaign server.
fn text(health: &Value) -> String {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut text = format!("gateway   {}\nIMS       {}\n", word(&health["status"]), word(&health["ims"]));
    for server in health["campaign"].as_array().into_iter().flatten() {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "Campaign  {}  {}", word(&server["upstream"]), word(&server["state"]));
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_text_has_a_line_for_each_part() {
        let health = json!({"status": "ok", "ims": "ready", "campaign": [
            {"upstream": "http://127.0.0.1:8080", "state": "healthy"}
        ]});
        assert_eq!(
            text(&health),
            "gateway   ok\nIMS       ready\nCampaign  http://127.0.0.1:8080  healthy\n"
        );
    }
}
