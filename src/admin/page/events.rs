//! Sign-ins and refusals of the last hour, and everything that is remembered about one person or request.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use http::StatusCode;
use serde::Deserialize;

use super::frame::{Frame, respond};
use crate::admin::Admin;
use crate::telemetry::audit::{AuditAction, NearMissName, RecordedEvent};
use crate::unix_time::UnixTime;

#[derive(Template)]
#[template(path = "admin/sign_ins.html")]
struct SignInsPage {
    frame: Frame,
    events: Vec<ShownEvent>,
    /// Events of the last hour that are not shown.
    more: usize,
}

#[derive(Template)]
#[template(path = "admin/why.html")]
struct WhyPage<'a> {
    frame: Frame,
    about: &'a str,
    events: Vec<ShownEvent>,
    more: usize,
}

/// An event in words.
struct ShownEvent {
    at: UnixTime,
    is_warning: bool,
    message: &'static str,
    who: String,
    peer: String,
    instance: String,
    what: String,
    near_misses: Vec<NearMissName>,
    fix: String,
    request: String,
}

/// `GET /admin/sign-ins`
pub(super) async fn sign_ins(State(admin): State<Arc<Admin>>) -> Response {
    let now = admin.services.clock.now();
    let since = now.minus(HOUR);
    let (events, more) =
        newest(&admin, |recorded| recorded.at >= since && is_sign_in(&recorded.event.action));
    respond(StatusCode::OK, &SignInsPage { frame: Frame::of("/admin/sign-ins", now), events, more })
}

/// The query.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct WhyQuery {
    about: String,
}

/// `GET /admin/why?about=`
pub(super) async fn why(State(admin): State<Arc<Admin>>, Query(query): Query<WhyQuery>) -> Response {
    let about = query.about.trim();
    let (events, more) = newest(&admin, |recorded| !about.is_empty() && recorded.event.is_about(about));
    let frame = Frame::of("/admin/why", admin.services.clock.now());
    respond(StatusCode::OK, &WhyPage { frame, about, events, more })
}

/// The events that are wanted, the newest first, and how many of them are left out.
fn newest(admin: &Admin, is_wanted: impl Fn(&RecordedEvent) -> bool) -> (Vec<ShownEvent>, usize) {
    let all = admin.services.audit.recent();
    let wanted: Vec<_> = all.iter().rev().filter(|recorded| is_wanted(recorded)).collect();
    let shown = wanted.iter().take(MAX_SHOWN).map(|recorded| ShownEvent::of(recorded)).collect();
    (shown, wanted.len().saturating_sub(MAX_SHOWN))
}

impl ShownEvent {
    fn of(RecordedEvent { at, event, .. }: &RecordedEvent) -> Self {
        let explained = event.explain();
        let near_misses = match &event.action {
            AuditAction::Refusal(details) => details.near_misses.clone(),
            _ => Vec::new(),
        };
        let subject = &event.subject;
        let names = [&subject.email, &subject.user, &subject.client_id];
        let who = names.into_iter().flatten().find(|name| !name.is_empty());
        Self {
            at: *at,
            is_warning: event.action.is_warning(),
            message: event.message(),
            who: who.cloned().unwrap_or_default(),
            peer: event.peer.map(|peer| peer.to_string()).unwrap_or_default(),
            instance: event.instance.clone(),
            what: explained.what,
            near_misses,
            fix: explained.fix,
            request: event.request.as_str().to_owned(),
        }
    }
}

/// True for an event at which somebody got in or was refused.
fn is_sign_in(action: &AuditAction) -> bool {
    action.is_warning()
        || matches!(
            action,
            AuditAction::Login { .. }
                | AuditAction::Account { .. }
                | AuditAction::ConsoleLogon { .. }
                | AuditAction::NativeLogon { .. }
                | AuditAction::AdminSignIn
        )
}

const HOUR: Duration = Duration::from_hours(1);
/// Events on one page.
const MAX_SHOWN: usize = 200;
