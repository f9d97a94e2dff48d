//! `GET /events?about=`: the latest audit events, those of a person or of a request.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Admin;
use crate::telemetry::audit::{AuditLine, RecordedEvent};

/// The query.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EventsQuery {
    /// User id, e-mail address, client id or request id. Without it, all events.
    about: Option<String>,
}

/// `{"events":[…]}`: audit lines as in the log, the oldest first.
pub(super) async fn list(State(admin): State<Arc<Admin>>, Query(query): Query<EventsQuery>) -> Json<Value> {
    let about = query.about.filter(|about| !about.is_empty());
    let is_meant =
        |recorded: &RecordedEvent| about.as_ref().is_none_or(|about| recorded.event.is_about(about));
    let events = admin.services.audit.recent();
    let lines: Vec<AuditLine> =
        events.iter().filter(|recorded| is_meant(recorded)).map(|recorded| recorded.line()).collect();
    Json(json!({ "events": lines }))
}
