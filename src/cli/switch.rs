//! What the commands for switches of a running gateway share.

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::Args;
use http::StatusCode;
use serde_json::{Value, json};

use super::UNUSABLE;
use super::output::{self, visible};
use super::sessions::{AdminError, AdminOptions};

/// The options of all of these commands.
#[derive(Debug, Args)]
pub(super) struct SwitchOptions {
    #[command(flatten)]
    admin: AdminOptions,
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
    /// What the gateway is asked to do. `until` is when the switch ends by itself; empty: never.
    pub(super) fn turn(&self, on: bool, until: &str) -> Value {
        json!({ "on": on, "until": until, "instance": self.instance })
    }
}

/// Turns the switch with this name if `wanted` says so, and shows it.
pub(super) fn run(name: &str, wanted: Option<&Value>, options: &SwitchOptions) -> Result<ExitCode, ExitCode> {
    let state = options.admin.call(name, |client| match client.switch(name, wanted) {
        // The command is wrong. The gateway works.
        Err(AdminError::Refused(_, StatusCode::BAD_REQUEST, error)) => Ok(Err(error)),
        state => state.map(Ok),
    })?;
    let state = state.map_err(|error| output::fail(name, error, UNUSABLE))?;
    output::out(&if options.json { format!("{state:#}\n") } else { text(name, &state) });
    Ok(ExitCode::SUCCESS)
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
