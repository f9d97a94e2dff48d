//! `imsgate why`: the latest audit events about a person or a request, each with its reason and what to do.

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::output::{self, Paint, visible};
use super::sessions::AdminOptions;
use crate::telemetry::audit::{AuditAction, AuditLine};

#[derive(Debug, Args)]
pub(super) struct WhyArgs {
    /// E-mail address, IMS user id, client ID, or the reference that a page shows (request id)
    #[arg(value_name = "WHO")]
    about: String,
    /// Write the audit events as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    admin: AdminOptions,
}

pub(super) const AFTER_HELP: &str = "\
Examples:
  imsgate why alice@example.com
  imsgate why 0af7651916cd43dd8448eb211c80319c

The running gateway remembers the latest events since its start. Older ones are in the audit trail: docs/logs.md.

Exit codes: 0 success, 1 nothing is known, 2 unusable configuration or no listen.admin in it, 3 the gateway does not answer";

pub(super) fn run(args: &WhyArgs) -> Result<ExitCode, ExitCode> {
    let events = args.admin.call("why", |client| client.events(args.about.trim()))?;
    if args.json {
        output::out(&format!("{:#}\n", json!({ "events": events })));
    } else if events.is_empty() {
        output::out(
            "the gateway remembers no event about this name or reference since its start; of several gateways, ask each\n",
        );
        return Ok(NOTHING.into());
    } else {
        output::out(&text(&events, output::paint()));
    }
    Ok(ExitCode::SUCCESS)
}

/// The events, the latest last.
fn text(events: &[AuditLine], paint: Paint) -> String {
    let mut text = String::new();
    for AuditLine { timestamp, event, message, .. } in events {
        let explanation = event.explain();
        let message = visible(message);
        let message = if event.action.is_warning() { paint.red(&message) } else { paint.green(&message) };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}  {message}", visible(timestamp));
        if !explanation.what.is_empty() {
            let _ = writeln!(text, "    why: {}", visible(&explanation.what));
        }
        if let AuditAction::Refusal(refused) = &event.action {
            for miss in &refused.near_misses {
                let _ = writeln!(text, "    nearly: {}: {}", visible(&miss.name), visible(&miss.why));
            }
        }
        if !explanation.fix.is_empty() {
            let _ = writeln!(text, "    fix: {}", visible(&explanation.fix));
        }
        let _ = writeln!(text, "    {}", paint.dim(&format!("request {}", event.request)));
    }
    text
}

/// Exit code when nothing is known.
const NOTHING: u8 = 1;
