//! What the commands for switches of a running gateway share.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Args;
use http::StatusCode;
use serde_json::{Value, json};

use super::UNUSABLE;
use super::config_file::ConfigFile;
use super::output::{self, visible};
use super::sessions::{AdminClient, AdminError, NO_ANSWER, admin_target};

/// The options of all of these commands.
#[derive(Debug, Args)]
pub(super) struct AdminArgs {
    /// Address of the admin listener, instead of `listen.admin` in the configuration
    #[arg(long, value_name = "ADDR:PORT", global = true)]
    admin: Option<SocketAddr>,
    /// Write JSON instead of text
    #[arg(long, global = true)]
    json: bool,
}

/// The Campaign instance at which a switch is turned on or off.
#[derive(Debug, Args)]
pub(super) struct AtInstance {
    /// Only at this Campaign instance
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    instance: String,
}

impl AtInstance {
    /// The command that turns a switch on. `until` is as in [`Turn`].
    pub(super) fn turn_on<'a>(&'a self, until: &'a str) -> SwitchCommand<'a> {
        SwitchCommand::Turn(Turn { on: true, until, instance: &self.instance })
    }

    /// The command that turns a switch off.
    pub(super) fn turn_off(&self) -> SwitchCommand<'_> {
        SwitchCommand::Turn(Turn { on: false, until: "", instance: &self.instance })
    }
}

/// What to do with a switch.
#[derive(Clone, Copy, Debug)]
pub(super) enum SwitchCommand<'a> {
    /// Turn it on or off.
    Turn(Turn<'a>),
    /// Show it.
    Status,
}

/// How to turn a switch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turn<'a> {
    /// On or off.
    pub on: bool,
    /// When it ends by itself; empty: never.
    pub until: &'a str,
    /// The instance; empty: all.
    pub instance: &'a str,
}

/// Runs a command of the switch with this name.
pub(super) fn run(name: &str, command: SwitchCommand<'_>, config: &ConfigFile, args: &AdminArgs) -> ExitCode {
    let target = match admin_target(name, args.admin, config) {
        Ok(target) => target,
        Err(code) => return code,
    };
    let wanted = match command {
        SwitchCommand::Status => None,
        SwitchCommand::Turn(Turn { on, until, instance }) => {
            Some(json!({ "on": on, "until": until, "instance": instance }))
        }
    };
    match AdminClient::new(target).and_then(|client| client.switch(name, wanted.as_ref())) {
        Ok(state) if args.json => output::out(&format!("{state:#}\n")),
        Ok(state) => output::out(&text(name, &state)),
        // The command is wrong. The gateway works.
        Err(AdminError::Refused(_, StatusCode::BAD_REQUEST, error)) => {
            output::err(&format!("imsgate {name}: {error}\n"));
            return ExitCode::from(UNUSABLE);
        }
        Err(error) => {
            output::err(&format!("imsgate {name}: {error}\n"));
            return ExitCode::from(NO_ANSWER);
        }
    }
    ExitCode::SUCCESS
}

/// The state at each instance.
fn text(name: &str, state: &Value) -> String {
    let mut text = String::new();
    for one in state["instances"].as_array().into_iter().flatten() {
        let field = |name: &str| one[name].as_str().unwrap_or_default();
        let state = match (one["on"] == true, field("until")) {
            (false, _) => "off".to_owned(),
            (true, "") => format!("on since {}, until it is turned off", field("since")),
            (true, until) => format!("on since {}, until {until}", field("since")),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}: {name} is {state}", visible(field("instance")));
    }
    if text.is_empty() {
        "nobody signs in at this gateway: it has only public paths\n".to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_instance_has_a_line() {
        let state = json!({"instances": [
            {"instance": "acme", "on": true, "since": "A", "until": "B"},
            {"instance": "stage", "on": true, "since": "A", "until": null},
            {"instance": "test", "on": false},
        ]});
        assert_eq!(
            text("maintenance", &state),
            "acme: maintenance is on since A, until B\nstage: maintenance is on since A, until it is turned off\n\
             test: maintenance is off\n"
        );
        assert!(text("maintenance", &json!({"instances": []})).contains("only public paths"));
    }
}
