//! The sessions: search by person, end one, end all of a person.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::{Extension, Form};
use http::StatusCode;
use serde::Deserialize;
use url::form_urlencoded;

use super::frame::{Frame, respond};
use crate::admin::Admin;
use crate::admin::guard::AdminPeer;
use crate::admin::sessions::{self as operate, Operator};
use crate::session::{Cursor, Listed, StoreError};
use crate::unix_time::UnixTime;

#[derive(Template)]
#[template(path = "admin/sessions.html")]
struct SessionsPage<'a> {
    frame: Frame,
    person: &'a str,
    sessions: Vec<ShownSession>,
    /// Where the next page begins.
    next: Option<String>,
    /// How many sessions the submitted form has ended.
    ended: Option<usize>,
    /// Why the list is empty although there may be sessions.
    error: String,
}

struct ShownSession {
    sid: String,
    who: String,
    name: String,
    instance: String,
    groups: String,
    device: String,
    created: UnixTime,
    seen: UnixTime,
    ends: UnixTime,
}

/// The query of the list.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct SessionsQuery {
    person: String,
    after: String,
    ended: Option<usize>,
}

/// `GET /admin/sessions?person=&after=&ended=`
pub(super) async fn show(State(admin): State<Arc<Admin>>, Query(query): Query<SessionsQuery>) -> Response {
    let person = query.person.trim();
    let (listed, next, error) = match read(&admin, person, &query.after).await {
        Ok((listed, next)) => (listed, next, String::new()),
        Err(error) => (Vec::new(), None, format!("The session store does not answer: {error}")),
    };
    let status = if error.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let mut sessions: Vec<ShownSession> = listed.iter().map(ShownSession::of).collect();
    sessions.sort_by_key(|session| std::cmp::Reverse(session.seen));
    let next = next.map(|cursor| cursor.to_string());
    let frame = Frame::of("/admin/sessions", admin.services.clock.now());
    respond(status, &SessionsPage { frame, person, sessions, next, ended: query.ended, error })
}

async fn read(admin: &Admin, person: &str, after: &str) -> Result<(Vec<Listed>, Option<Cursor>), StoreError> {
    let sessions = &admin.services.sessions;
    if !person.is_empty() {
        return Ok((operate::sessions_of(sessions, person).await?, None));
    }
    // An invalid cursor means the first page.
    let listing = sessions.list(Cursor::parse(after), PAGE_SIZE).await?;
    Ok((listing.sessions, listing.next))
}

impl ShownSession {
    fn of(session: &Listed) -> Self {
        let data = &session.data;
        let device = data.device.unwrap_or_default();
        let device = match (device.browser.name(), device.system.name()) {
            (Some(browser), Some(system)) => format!("{browser} on {system}"),
            (Some(name), None) | (None, Some(name)) => name.to_owned(),
            (None, None) => String::new(),
        };
        Self {
            sid: session.key.to_string(),
            who: data.identity.email.clone().unwrap_or_else(|| data.identity.user.clone()),
            name: data.identity.name.clone().unwrap_or_default(),
            instance: data.instance.clone(),
            groups: data.identity.groups.join(", "),
            device,
            created: data.created,
            seen: data.seen,
            ends: data.ends,
        }
    }
}

/// The session to end, and the search to return to.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct EndForm {
    sid: String,
    person: String,
}

/// `POST /admin/sessions/end`
pub(super) async fn end(
    State(admin): State<Arc<Admin>>,
    Extension(AdminPeer(peer)): Extension<AdminPeer>,
    Form(form): Form<EndForm>,
) -> Response {
    let ended = operate::end(&admin, &form.sid, Operator::Page(peer)).await;
    to_list(&admin, &form.person, ended.map(usize::from))
}

/// `POST /admin/sessions/end-all`
pub(super) async fn end_all(
    State(admin): State<Arc<Admin>>,
    Extension(AdminPeer(peer)): Extension<AdminPeer>,
    Form(form): Form<EndForm>,
) -> Response {
    let person = form.person.trim();
    if person.is_empty() {
        // An empty name must not end the sessions of everybody.
        return StatusCode::BAD_REQUEST.into_response();
    }
    let ended = operate::end_all(&admin, person, Operator::Page(peer)).await;
    to_list(&admin, person, ended)
}

/// Redirects to the list, which shows the result.
fn to_list(admin: &Admin, person: &str, ended: Result<usize, StoreError>) -> Response {
    match ended {
        Ok(ended) => {
            let mut query = form_urlencoded::Serializer::new(String::new());
            query.append_pair("person", person).append_pair("ended", &ended.to_string());
            Redirect::to(&format!("/admin/sessions?{}", query.finish())).into_response()
        }
        Err(error) => {
            let frame = Frame::of("/admin/sessions", admin.services.clock.now());
            let error =
                format!("The session store does not answer, so the sessions may still exist: {error}");
            let (sessions, next, ended) = (Vec::new(), None, None);
            respond(
                StatusCode::SERVICE_UNAVAILABLE,
                &SessionsPage { frame, person, sessions, next, ended, error },
            )
        }
    }
}

/// Sessions on one page. A store may return some more or fewer.
const PAGE_SIZE: usize = 50;
