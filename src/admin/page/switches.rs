//! The switches on the overview: their state, and the buttons that turn them.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::{Extension, Form};
use http::StatusCode;

use crate::admin::Admin;
use crate::admin::guard::AdminPeer;
use crate::admin::sessions::Operator;
use crate::admin::switches::{
    TurnError, TurnRequest, apply, emergency_instances, instances, period, switch_of,
};
use crate::policy::switches::{Period, Switch};
use crate::telemetry::instance_label;

/// A switch, as the page shows it.
#[derive(Debug)]
pub(super) struct ShownSwitch {
    pub name: &'static str,
    pub title: &'static str,
    pub turn_on: &'static str,
    pub turn_off: &'static str,
    /// The ends to choose from: the value of the form, and its words.
    pub ends: &'static [(&'static str, &'static str)],
    pub states: Vec<ShownState>,
}

/// Its state at one instance.
#[derive(Debug)]
pub(super) struct ShownState {
    pub instance: String,
    pub period: Option<Period>,
}

impl ShownSwitch {
    /// True when it is on at an instance.
    pub fn is_anywhere(&self) -> bool {
        self.states.iter().any(|state| state.period.is_some())
    }

    /// True when it is on at all instances.
    pub fn is_everywhere(&self) -> bool {
        self.states.iter().all(|state| state.period.is_some())
    }
}

/// All switches. Without people who sign in there is no switch; without an emergency account there is no emergency switch.
pub(super) fn shown(admin: &Admin) -> Vec<ShownSwitch> {
    let instances = instances(admin);
    if instances.is_empty() {
        return Vec::new();
    }
    let of = |switch: Switch| {
        let state = |instance: &String| ShownState {
            instance: instance_label(instance).to_owned(),
            period: period(admin, switch, instance),
        };
        let states = instances.iter().map(state).collect();
        match switch {
            Switch::Maintenance => ShownSwitch {
                name: switch.name(),
                title: "Maintenance",
                turn_on: "Turn maintenance on",
                turn_off: "Turn maintenance off",
                ends: MAINTENANCE_ENDS,
                states,
            },
            Switch::Emergency => ShownSwitch {
                name: switch.name(),
                title: "Emergency sign-in",
                turn_on: "Turn emergency on",
                turn_off: "Turn emergency off",
                ends: EMERGENCY_ENDS,
                states,
            },
        }
    };
    let is_usable = |switch: &Switch| *switch != Switch::Emergency || !emergency_instances(admin).is_empty();
    Switch::ALL.into_iter().filter(is_usable).map(of).collect()
}

/// `POST /admin/switches/{switch}`
pub(super) async fn turn(
    State(admin): State<Arc<Admin>>,
    Path(name): Path<String>,
    Extension(AdminPeer(peer)): Extension<AdminPeer>,
    Form(wanted): Form<TurnRequest>,
) -> Response {
    let Some(switch) = switch_of(&name) else { return StatusCode::NOT_FOUND.into_response() };
    match apply(&admin, switch, &wanted, Operator::Page(peer)) {
        Ok(()) => Redirect::to("/admin").into_response(),
        // Not for the ends that the form offers: an instance may have no emergency account.
        Err(TurnError(error)) => (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response(),
    }
}

const EMERGENCY_ENDS: &[(&str, &str)] = &[
    ("30m", "in 30 minutes"),
    ("1h", "in 1 hour"),
    ("2h", "in 2 hours"),
    ("4h", "in 4 hours"),
    ("8h", "in 8 hours"),
    ("24h", "in 24 hours"),
];
const MAINTENANCE_ENDS: &[(&str, &str)] = &[
    ("", "when somebody turns it off"),
    ("30m", "in 30 minutes"),
    ("1h", "in 1 hour"),
    ("2h", "in 2 hours"),
    ("4h", "in 4 hours"),
    ("8h", "in 8 hours"),
];
