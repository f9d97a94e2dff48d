//! Live sessions for the operator: who is signed in, and an end to it. Never a token.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse as _, Response};
use axum::{Json, http};
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Admin;
use crate::session::{Cursor, EndReason, Listed, Owner, Sessions, StoreError};
use crate::telemetry::{RequestId, audit};

/// What to list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// E-mail address or user id.
    user: Option<String>,
    /// `next` of the page before.
    after: Option<String>,
    limit: Option<usize>,
}

/// Whose sessions to end.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Whose {
    user: String,
}

/// `GET /sessions?user=&after=&limit=`
pub(super) async fn list(State(admin): State<Arc<Admin>>, Query(wanted): Query<Wanted>) -> Response {
    let sessions = &admin.auth.services.sessions;
    let after = wanted.after.filter(|after| !after.is_empty());
    let Ok(after) = after.map(|text| Cursor::parse(&text).ok_or(())).transpose() else {
        return answer(StatusCode::BAD_REQUEST, json!({"error": "after is not the next of a page"}));
    };
    let page = match wanted.user.filter(|user| !user.is_empty()) {
        Some(user) => of(sessions, &user).await.map(|listed| (listed, None)),
        None => sessions
            .list(after, wanted.limit.unwrap_or(PAGE).clamp(1, LARGEST_PAGE))
            .await
            .map(|listing| (listing.sessions, listing.next)),
    };
    match page {
        Ok((listed, next)) => {
            let listed: Vec<Value> = listed.iter().map(shown).collect();
            let next = next.map(|cursor| cursor.to_string());
            answer(StatusCode::OK, json!({"sessions": listed, "next": next}))
        }
        Err(error) => away(&error),
    }
}

/// `DELETE /sessions/{sid}`
pub(super) async fn revoke(State(admin): State<Arc<Admin>>, Path(sid): Path<String>) -> Response {
    match admin.auth.services.sessions.end_sid(&sid, EndReason::Operator).await {
        Ok(true) => {
            audit::revoked(RequestId::random(), None, Some(&sid), 1);
            answer(StatusCode::OK, json!({"ended": 1}))
        }
        Ok(false) => answer(StatusCode::NOT_FOUND, json!({"ended": 0, "error": "no such session"})),
        Err(error) => away(&error),
    }
}

/// `DELETE /sessions?user=EMAIL`
pub(super) async fn revoke_all(
    State(admin): State<Arc<Admin>>,
    Query(Whose { user }): Query<Whose>,
) -> Response {
    let sessions = &admin.auth.services.sessions;
    let ended = async {
        let keys = of(sessions, &user).await?.into_iter().map(|session| session.key).collect();
        sessions.end_all(keys, EndReason::Operator).await
    };
    match ended.await {
        Ok(ended) => {
            audit::revoked(RequestId::random(), Some(&user), None, ended);
            answer(StatusCode::OK, json!({"ended": ended}))
        }
        Err(error) => away(&error),
    }
}

/// By e-mail address in any case, or by IMS user id, which looks like one.
async fn of(sessions: &Sessions, user: &str) -> Result<Vec<Listed>, StoreError> {
    let mut all = sessions.of(Owner::Email(user)).await?;
    for session in sessions.of(Owner::User(user)).await? {
        if !all.iter().any(|known| known.key == session.key) {
            all.push(session);
        }
    }
    Ok(all)
}

fn shown(session: &Listed) -> Value {
    let data = &session.data;
    json!({
        "sid": session.key.to_string(),
        "user": data.identity.user,
        "email": data.identity.email,
        "name": data.identity.name,
        "organization": data.identity.organization,
        "groups": data.identity.groups,
        "created": data.created.rfc3339(),
        "seen": data.seen.rfc3339(),
        "ends": data.ends.rfc3339(),
    })
}

fn away(error: &StoreError) -> Response {
    let value = json!({"error": format!("the session store does not answer: {error}")});
    let mut response = answer(StatusCode::SERVICE_UNAVAILABLE, value);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    response
}

fn answer(status: StatusCode, value: Value) -> Response {
    (status, [(header::CACHE_CONTROL, "no-store")], Json(value)).into_response()
}

/// Sessions on a page when nothing is said.
const PAGE: usize = 100;
const LARGEST_PAGE: usize = 1000;
