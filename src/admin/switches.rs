//! `/switches/maintenance` and `/switches/emergency`: shows the switch at each instance, and turns it on or off.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::sessions::Operator;
use super::{Admin, answer};
use crate::config;
use crate::policy::native_account::LONGEST_EMERGENCY;
use crate::policy::switches::{Period, Switch};
use crate::telemetry::audit::{AuditAction, Subject, SwitchChange, SwitchDetails};
use crate::telemetry::instance_label;
use crate::unix_time::UnixTime;

/// What an operator wants.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct TurnRequest {
    /// On or off.
    pub on: bool,
    /// When it ends by itself: a time, or a duration from now; empty: never.
    pub until: String,
    /// The name of one instance; empty: all.
    pub instance: String,
}

/// Why nothing was switched: a sentence for the operator.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TurnError(pub String);

/// `GET /switches/{switch}`
pub(super) async fn show(State(admin): State<Arc<Admin>>, Path(name): Path<String>) -> Response {
    match switch_of(&name) {
        Some(switch) => answer(StatusCode::OK, &state(&admin, switch)),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// `POST /switches/{switch}`
pub(super) async fn turn(
    State(admin): State<Arc<Admin>>,
    Path(name): Path<String>,
    Json(wanted): Json<TurnRequest>,
) -> Response {
    let Some(switch) = switch_of(&name) else { return StatusCode::NOT_FOUND.into_response() };
    match apply(&admin, switch, &wanted, Operator::Command) {
        Ok(()) => answer(StatusCode::OK, &state(&admin, switch)),
        Err(TurnError(error)) => answer(StatusCode::BAD_REQUEST, &json!({ "error": error })),
    }
}

/// Turns a switch on or off, and writes it to the audit trail.
pub(super) fn apply(
    admin: &Admin,
    switch: Switch,
    wanted: &TurnRequest,
    operator: Operator,
) -> Result<(), TurnError> {
    let now = admin.services.clock.now();
    let instances = chosen(&instances(admin), wanted.instance.trim())?;
    let (changed, change, until) = if wanted.on {
        let until = end(wanted.until.trim(), now)?;
        let instances = match switch {
            Switch::Maintenance => instances,
            Switch::Emergency => {
                check_emergency(until, now)?;
                with_emergency_accounts(admin, instances)?
            }
        };
        admin.switches.turn_on(switch, &instances, until, now);
        (instances, SwitchChange::On, until)
    } else {
        (admin.switches.turn_off(switch, &instances, now), SwitchChange::Off, None)
    };
    let (peer, by) = operator.access();
    for instance in changed {
        let until = until.and_then(UnixTime::rfc3339);
        let details = SwitchDetails { change, by: Some(by), until };
        let action = match switch {
            Switch::Maintenance => AuditAction::Maintenance(details),
            Switch::Emergency => AuditAction::Emergency(details),
        };
        admin.audit_at(instance, peer, Subject::nobody(), action);
    }
    Ok(())
}

/// The instances that have the switch: those where people sign in. The single one may have no name.
pub(super) fn instances(admin: &Admin) -> Vec<String> {
    admin.authenticators.all().iter().map(|auth| auth.instance.name.clone()).collect()
}

/// The period of a switch at an instance.
pub(super) fn period(admin: &Admin, switch: Switch, instance: &str) -> Option<Period> {
    admin.switches.period(switch, instance, admin.services.clock.now())
}

/// The switch with this name.
pub(super) fn switch_of(name: &str) -> Option<Switch> {
    Switch::ALL.into_iter().find(|switch| switch.name() == name)
}

fn state(admin: &Admin, switch: Switch) -> Value {
    let instances: Vec<Value> = instances(admin)
        .into_iter()
        .map(|instance| {
            let period = period(admin, switch, &instance);
            json!({
                "instance": instance_label(&instance),
                "on": period.is_some(),
                "since": period.and_then(|period| period.since.rfc3339()),
                "until": period.and_then(|period| period.until?.rfc3339()),
            })
        })
        .collect();
    json!({ "switch": switch.name(), "instances": instances })
}

/// The instances that the operator means.
fn chosen(all: &[String], wanted: &str) -> Result<Vec<String>, TurnError> {
    if wanted.is_empty() {
        return Ok(all.to_vec());
    }
    let found = all.iter().find(|name| instance_label(name) == wanted);
    found.map(|name| vec![name.clone()]).ok_or_else(|| {
        let known: Vec<&str> = all.iter().map(|name| instance_label(name)).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        TurnError(format!(
            "no instance named {wanted:?} where people sign in; there is: {known}. An instance without `ims` has only public paths, which \
             always go on"
        ))
    })
}

/// The end that the operator names; `None`: no end.
fn end(text: &str, now: UnixTime) -> Result<Option<UnixTime>, TurnError> {
    if text.is_empty() {
        return Ok(None);
    }
    let end = if let Ok(time) = OffsetDateTime::parse(text, &Rfc3339) {
        UnixTime(time.unix_timestamp())
    } else if let Ok(duration) = config::duration(text) {
        now.plus(duration)
    } else {
        return Err(TurnError(format!(
            "{text:?} is neither a time nor a duration: write a time with its zone, such as 2026-11-30T14:00:00Z or \
             2026-11-30T15:00:00+01:00, or a duration from now, such as 90m or 2h"
        )));
    };
    if end <= now {
        let shown = now.rfc3339().unwrap_or_default();
        return Err(TurnError(format!(
            "{text:?} is not in the future: the clock of the gateway says {shown}"
        )));
    }
    Ok(Some(end))
}

/// Checks that an emergency ends within [`LONGEST_EMERGENCY`].
fn check_emergency(until: Option<UnixTime>, now: UnixTime) -> Result<(), TurnError> {
    let hours = LONGEST_EMERGENCY.as_secs() / 3600;
    match until {
        Some(until) if until.since(now) <= LONGEST_EMERGENCY => Ok(()),
        Some(_) => Err(TurnError(format!(
            "an emergency lasts at most {hours} hours: name a shorter time, and turn it on again if needed"
        ))),
        None => Err(TurnError(format!("an emergency needs an end: say for how long, at most {hours} hours"))),
    }
}

/// Those of these instances that have an emergency account; an error when none has.
fn with_emergency_accounts(admin: &Admin, mut instances: Vec<String>) -> Result<Vec<String>, TurnError> {
    let usable = emergency_instances(admin);
    instances.retain(|instance| usable.contains(instance));
    if instances.is_empty() {
        return Err(TurnError(
            "nobody could sign in: no [[campaign.native_account]] has `emergency = true`. Add the key to an account, and run imsgate reload"
                .to_owned(),
        ));
    }
    Ok(instances)
}

/// The instances that have an emergency account.
pub(super) fn emergency_instances(admin: &Admin) -> Vec<String> {
    let all = admin.authenticators.all();
    let instances = all.iter().map(|auth| &auth.instance);
    let usable = instances
        .filter(|instance| instance.campaign.native_accounts.iter().any(|account| account.emergency));
    usable.map(|instance| instance.name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 22 November 2026, 10:29:03 UTC.
    const NOW: UnixTime = UnixTime(1_795_343_343);

    #[test]
    fn an_end_is_a_time_with_its_zone_or_a_duration_from_now() {
        for (text, seconds) in [
            ("2026-11-22T10:30:03Z", Some(60)),
            ("2026-11-22T11:30:03+01:00", Some(60)),
            ("90m", Some(90 * 60)),
            ("1h30m", Some(90 * 60)),
            ("", None),
        ] {
            let end = end(text, NOW).unwrap();
            assert_eq!(end.map(|end| end.since(NOW).as_secs()), seconds, "{text}");
        }
        for (text, part) in [
            ("14:00", "neither a time nor a duration"),
            ("tomorrow", "neither"),
            ("2026-11-22T10:29:03", "with its zone"),
            ("2", "90m or 2h"),
            ("2026-11-22T10:29:03Z", "not in the future: the clock of the gateway says 2026-11-22T10:29:03Z"),
            ("0s", "not in the future"),
        ] {
            let TurnError(error) = end(text, NOW).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn an_unknown_instance_is_refused_with_the_known_ones() {
        let all = ["acme".to_owned(), "stage".to_owned()];
        assert_eq!(chosen(&all, "").unwrap(), all);
        assert_eq!(chosen(&all, "stage").unwrap(), all[1..]);
        let TurnError(error) = chosen(&all, "other").unwrap_err();
        assert!(error.contains("acme, stage"), "{error}");
        assert_eq!(chosen(&[String::new()], "default").unwrap(), [String::new()]);
    }
}
