//! `imsgate sessions`: lists and ends sessions of a running gateway through its admin listener.

mod client;
mod table;

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::json;

use super::config_file::{ConfigFile, print_errors};
use super::{UNUSABLE, output};
use crate::config::AdminListener;

use self::client::AdminTarget;
pub(super) use self::client::{AdminClient, AdminError};

#[derive(Debug, Args)]
pub(super) struct SessionsArgs {
    #[command(subcommand)]
    command: SessionsCommand,
    #[command(flatten)]
    admin: AdminOptions,
}

#[derive(Debug, Subcommand)]
enum SessionsCommand {
    /// List live sessions
    List {
        /// Only those of this person: e-mail address or IMS user id
        #[arg(long, value_name = "EMAIL")]
        user: Option<String>,
        /// Write JSON instead of a table
        #[arg(long)]
        json: bool,
    },
    /// End sessions at all gateway instances and at Campaign, and revoke their tokens at IMS
    Revoke {
        /// The session's id: SESSION in the list, `sid` in the audit trail and in the assertion
        #[arg(value_name = "ID", required_unless_present = "user", conflicts_with = "user")]
        #[arg(allow_hyphen_values = true)]
        id: Option<String>,
        /// All sessions of this person: e-mail address or IMS user id
        #[arg(long, value_name = "EMAIL")]
        user: Option<String>,
    },
}

pub(super) const AFTER_HELP: &str = "\
Examples:
  imsgate sessions list
  imsgate sessions list --user alice@example.com --json
  imsgate sessions revoke 3q2-7wXo1TnOaGm0pYhJbA
  imsgate sessions revoke --user alice@example.com --admin 127.0.0.1:9090

Exit codes: 0 success, 1 nothing to revoke, 2 unusable configuration or no listen.admin in it, 3 the gateway or its
session store does not answer";

pub(super) fn run(args: &SessionsArgs) -> Result<ExitCode, ExitCode> {
    args.admin.call("sessions", |client| match &args.command {
        SessionsCommand::List { user, json } => list(client, user.as_deref(), *json),
        SessionsCommand::Revoke { id, user } => revoke(client, id.as_deref(), user.as_deref()),
    })
}

fn list(client: &AdminClient, user: Option<&str>, as_json: bool) -> Result<ExitCode, AdminError> {
    let sessions = client.sessions(user, false)?;
    if as_json {
        output::out(&format!("{:#}\n", json!({ "sessions": sessions })));
    } else {
        output::out(&table::table(&sessions, output::paint()));
    }
    Ok(ExitCode::SUCCESS)
}

fn revoke(client: &AdminClient, id: Option<&str>, user: Option<&str>) -> Result<ExitCode, AdminError> {
    let ended = match (id, user) {
        (Some(id), _) => client.revoke(id)?,
        (None, user) => client.revoke_all(user.unwrap_or_default())?,
    };
    let s = if ended == 1 { "" } else { "s" };
    output::out(&format!("{ended} session{s} ended\n"));
    Ok(if ended > 0 { ExitCode::SUCCESS } else { ExitCode::from(NOTHING) })
}

/// Where the admin listener of the running gateway is.
#[derive(Debug, Args)]
pub(super) struct AdminOptions {
    #[command(flatten)]
    pub(super) config: ConfigFile,
    /// Address of the admin listener, instead of `listen.admin` in the configuration
    #[arg(long, value_name = "ADDR:PORT", global = true)]
    admin: Option<SocketAddr>,
}

impl AdminOptions {
    /// Calls the gateway. The error is the exit code; its message is written already.
    pub(super) fn call<T>(
        &self,
        command: &str,
        call: impl FnOnce(&AdminClient) -> Result<T, AdminError>,
    ) -> Result<T, ExitCode> {
        let client = AdminClient::new(self.listener(command)?);
        client.and_then(|client| call(&client)).map_err(|error| output::fail(command, error, NO_ANSWER))
    }

    /// Address and token of the admin listener. The option replaces `listen.admin`; the token always comes from the configuration.
    fn listener(&self, command: &str) -> Result<AdminTarget, ExitCode> {
        let listener = self.config.read_admin();
        if let Some(address) = self.admin {
            // The configuration may be on another machine; the gateway says so if it wants a token.
            let token = listener.ok().and_then(|listener| listener.token);
            return Ok(AdminTarget { address, token });
        }
        let AdminListener { address, token } = listener.map_err(|errors| print_errors(&errors))?;
        address.map(|address| AdminTarget { address, token }).ok_or_else(|| {
            let error = format!(
                "{} does not set listen.admin, so the gateway has no admin listener\n    fix: write \
                 admin = \"127.0.0.1:9090\" under [listen] and restart the gateway, or give --admin ADDR:PORT",
                self.config.path().display()
            );
            output::fail(command, error, UNUSABLE)
        })
    }
}

/// Exit code when there is nothing to revoke.
const NOTHING: u8 = 1;
/// Exit code when the call to the gateway failed.
const NO_ANSWER: u8 = 3;

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::super::Cli;

    #[test]
    fn an_id_may_begin_with_a_hyphen_and_revoke_needs_an_id_or_a_user() {
        for good in [
            &["revoke", "-3q2-7wXo1TnOaGm0pYhJb"][..],
            &["revoke", "--user", "alice@example.com"],
            &["revoke", "3q2", "--admin", "127.0.0.1:9090"],
            &["list", "--config", "x.toml"],
        ] {
            let words = ["imsgate", "sessions"].iter().chain(good);
            assert!(Cli::try_parse_from(words).is_ok(), "{good:?}");
        }
        for bad in [&["revoke"][..], &["revoke", "3q2", "--user", "a"], &["list", "3q2"], &[]] {
            let words = ["imsgate", "sessions"].iter().chain(bad);
            assert!(Cli::try_parse_from(words).is_err(), "{bad:?}");
        }
    }
}
