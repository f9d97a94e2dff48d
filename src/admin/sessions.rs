//! Lists and ends live sessions for operators. Responses never contain a token.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Admin, answer};
use crate::session::{Cursor, EndReason, Listed, Owner, Sessions, StoreError};
use crate::telemetry::audit::{AuditAction, OperatorAccess, Subject};

/// The query of a list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    /// E-mail address or user id.
    user: Option<String>,
    /// `next` of the previous page.
    after: Option<String>,
    limit: Option<usize>,
    /// Adds the organisations, groups and product profiles that IMS last reported.
    #[serde(default)]
    membership: bool,
}

/// The person whose sessions end.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RevokeQuery {
    user: String,
}

/// `GET /sessions?user=&after=&limit=&membership=`
pub(super) async fn list(State(admin): State<Arc<Admin>>, Query(query): Query<ListQuery>) -> Response {
    let sessions = &admin.services.sessions;
    let after = query.after.filter(|after| !after.is_empty());
    let Ok(after) = after.map(|text| Cursor::parse(&text).ok_or(())).transpose() else {
        return answer(
            StatusCode::BAD_REQUEST,
            &json!({"error": "`after` must be the `next` of another page"}),
        );
    };
    let page = match query.user.filter(|user| !user.is_empty()) {
        Some(user) => sessions_of(sessions, &user).await.map(|listed| (listed, None)),
        None => sessions
            .list(after, query.limit.unwrap_or(DEFAULT_PAGE).clamp(1, LARGEST_PAGE))
            .await
            .map(|listing| (listing.sessions, listing.next)),
    };
    match page {
        Ok((listed, next)) => {
            let json = |session: &Listed| {
                let mut value = session_json(session);
                if query.membership {
                    value["membership"] = json!(session.data.identity.membership);
                }
                value
            };
            let listed: Vec<Value> = listed.iter().map(json).collect();
            let next = next.map(|cursor| cursor.to_string());
            answer(StatusCode::OK, &json!({"sessions": listed, "next": next}))
        }
        Err(error) => store_unavailable(&error),
    }
}

/// `DELETE /sessions/{sid}`
pub(super) async fn revoke(State(admin): State<Arc<Admin>>, Path(sid): Path<String>) -> Response {
    match end(&admin, &sid, Operator::Command).await {
        Ok(true) => answer(StatusCode::OK, &json!({"ended": 1})),
        Ok(false) => answer(StatusCode::NOT_FOUND, &json!({"ended": 0, "error": "no such session"})),
        Err(error) => store_unavailable(&error),
    }
}

/// `DELETE /sessions?user=EMAIL`
pub(super) async fn revoke_all(
    State(admin): State<Arc<Admin>>,
    Query(RevokeQuery { user }): Query<RevokeQuery>,
) -> Response {
    match end_all(&admin, &user, Operator::Command).await {
        Ok(ended) => answer(StatusCode::OK, &json!({"ended": ended})),
        Err(error) => store_unavailable(&error),
    }
}

/// The operator who ends a session.
#[derive(Clone, Copy, Debug)]
pub(super) enum Operator {
    /// A command, or another program.
    Command,
    /// Somebody at the page, from this address.
    Page(IpAddr),
}

impl Operator {
    pub(super) fn access(self) -> (Option<IpAddr>, OperatorAccess) {
        match self {
            Self::Command => (None, OperatorAccess::Command),
            Self::Page(peer) => (Some(peer), OperatorAccess::AdminPage),
        }
    }
}

/// Ends the session with this `sid`; false when there is none.
pub(super) async fn end(admin: &Admin, sid: &str, operator: Operator) -> Result<bool, StoreError> {
    let ended = admin.services.sessions.end_sid(sid, EndReason::Operator).await?;
    if ended {
        let (peer, by) = operator.access();
        admin.audit(peer, Subject::nobody().with_session(sid), AuditAction::Revoked { by, ended: 1 });
    }
    Ok(ended)
}

/// Ends the sessions of a person; returns how many.
pub(super) async fn end_all(admin: &Admin, user: &str, operator: Operator) -> Result<usize, StoreError> {
    let sessions = &admin.services.sessions;
    let keys = sessions_of(sessions, user).await?.into_iter().map(|session| session.key).collect();
    let ended = sessions.end_all(keys, EndReason::Operator).await?;
    let (peer, by) = operator.access();
    admin.audit(peer, Subject::user(user), AuditAction::Revoked { by, ended });
    Ok(ended)
}

/// The sessions of a person. `user` is an e-mail address in any letter case, or an IMS user id. Both have an `@`, so both are tried.
pub(super) async fn sessions_of(sessions: &Sessions, user: &str) -> Result<Vec<Listed>, StoreError> {
    let mut all = sessions.of(Owner::Email(user)).await?;
    for session in sessions.of(Owner::User(user)).await? {
        if !all.iter().any(|known| known.key == session.key) {
            all.push(session);
        }
    }
    Ok(all)
}

fn session_json(session: &Listed) -> Value {
    let data = &session.data;
    let mut shown = json!({
        "sid": session.key.to_string(),
        "user": data.identity.user,
        "email": data.identity.email,
        "name": data.identity.name,
        "organization": data.identity.organization,
        "groups": data.identity.groups,
        "created": data.created.rfc3339(),
        "seen": data.seen.rfc3339(),
        "ends": data.ends.rfc3339(),
    });
    // The unnamed instance is left out.
    if !data.instance.is_empty() {
        shown["instance"] = data.instance.as_str().into();
    }
    shown
}

fn store_unavailable(error: &StoreError) -> Response {
    let value = json!({"error": format!("the session store does not answer: {error}")});
    let mut response = answer(StatusCode::SERVICE_UNAVAILABLE, &value);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    response
}

/// Sessions on a page without `limit`.
const DEFAULT_PAGE: usize = 100;
const LARGEST_PAGE: usize = 1000;
