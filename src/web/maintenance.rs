//! Maintenance at the gate: which requests it stops, and what their clients get. No session ends, and forms are saved.

use axum::response::{IntoResponse as _, Response};
use http::uri::PathAndQuery;
use http::{Method, Request, StatusCode};

use super::call::Call;
use super::rejection::Rejection;
use super::saved_form::save;
use crate::pages::{Problem, Text};
use crate::policy::client_kind::ClientKind;
use crate::policy::maintenance::stops;
use crate::policy::path::CanonicalPath;
use crate::policy::switches::{Period, Switch};
use crate::proxy::ClientBody;

/// The maintenance that stops a request for this path; `None` when nothing stops it.
#[inline]
pub fn stopping(call: Call<'_>, path: &CanonicalPath<'_>) -> Option<Period> {
    let period = call.snapshot.switches.period(Switch::Maintenance, &call.site.name, call.context.now)?;
    stops(path, &call.site.campaign.public_paths, call.rules).then_some(period)
}

/// Answers a request that maintenance stops. Saves a form if possible. `is_foreign` is true when a page of another origin sent the request.
///
/// # Errors
/// The answer for everything but a form.
pub async fn respond(
    call: Call<'_>,
    request: Request<ClientBody>,
    period: Period,
    is_foreign: bool,
) -> Result<Response, Rejection> {
    let Period { until, .. } = period;
    let (head, body) = request.into_parts();
    if !is_foreign {
        // The request counts as use of the session, so that nobody is signed out by waiting. An error of the store changes nothing.
        let _ = call.auth.live_session(call.auth_request(&head.headers)).await;
    }
    match ClientKind::of(&head.method, &head.headers, head.uri.path()) {
        ClientKind::Form => {
            let target = head.uri.path_and_query().map_or("/", PathAndQuery::as_str);
            save::during_maintenance(call, &head.headers, body, target, until).await
        }
        ClientKind::Frame if head.method == Method::POST => {
            let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, Text::MaintenanceFormNotSaved);
            Ok(problem.during_maintenance(until, call.context.now).page(call.page()).into_response())
        }
        ClientKind::Soap | ClientKind::Api | ClientKind::Frame | ClientKind::Navigation => {
            Err(Rejection::Maintenance(until))
        }
    }
}
