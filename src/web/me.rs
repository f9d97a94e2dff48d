//! Who am I: a page for people, JSON for programs. No token.

use std::sync::Arc;

use axum::extract::{Extension, State};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, Method, StatusCode};
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::context::Context;
use super::door;
use super::rejection::Rejection;
use super::responses::json_response;
use super::shared::Shared;
use crate::clock::UnixTime;
use crate::pages::{self, OwnSession};
use crate::session::{Auth, Owner};

/// Shows the session's owner to its owner.
pub async fn handler(
    State(shared): State<Arc<Shared>>,
    Extension(context): Extension<Context>,
    headers: HeaderMap,
) -> Response {
    const PATH: &str = "/ims/me";
    let cookie = shared.cookies.session_cookie(&headers).unwrap_or_default();
    let found = if context.wants_page {
        shared.sessions.find(cookie).await
    } else {
        // A page that asks by a timer how long the session lasts must not be what makes it last.
        shared.sessions.look(cookie).await
    };
    let auth = match found {
        Ok(Some(auth)) => auth,
        Ok(None) => return door::closed(&shared, &context, &Method::GET, &headers, PATH, PATH).await,
        Err(error) => return Rejection::from(error).response(&shared, &context, false),
    };
    let (identity, ends) = (&auth.data.identity, auth.data.ends);
    if !context.wants_page {
        let idle_end = shared.sessions.idle_end(&auth);
        let value = json!({
            "user": identity.user,
            "email": identity.email,
            "name": identity.name,
            "organization": identity.organization,
            "groups": identity.groups,
            "expires_at": rfc3339(ends),
            "expires_in": ends.since(context.now).as_secs(),
            "idle_expires_at": rfc3339(idle_end),
            "idle_expires_in": idle_end.since(context.now).as_secs(),
        });
        return json_response(StatusCode::OK, &value);
    }
    let sessions = own_sessions(&shared, &auth).await;
    pages::me(&pages::Me {
        user: &identity.user,
        email: identity.email.as_deref().unwrap_or_default(),
        name: identity.name.as_deref().unwrap_or_default(),
        organization: identity.organization_name.as_deref().unwrap_or(&identity.organization),
        groups: &identity.groups,
        sessions: sessions.as_deref(),
        expires_at: &pages::utc(ends),
        page: context.page(&shared),
    })
    .into_response()
}

/// All sessions of this person; `None` while the store is away, which is no reason to show nothing at all.
async fn own_sessions(shared: &Shared, auth: &Auth) -> Option<Vec<OwnSession>> {
    let sessions = shared.sessions.of(Owner::User(&auth.data.identity.user)).await;
    let sessions = sessions.inspect_err(|error| tracing::warn!(%error, "own sessions are not shown")).ok()?;
    let own = sessions.iter().rev().take(MOST_SHOWN).map(|session| OwnSession {
        created: pages::utc(session.data.created),
        seen: pages::utc(session.data.seen),
        is_this: session.key == auth.key(),
    });
    Some(own.collect())
}

fn rfc3339(at: UnixTime) -> Option<String> {
    OffsetDateTime::from_unix_timestamp(at.0).ok()?.format(&Rfc3339).ok()
}

/// Sessions on the page, the newest first.
const MOST_SHOWN: usize = 50;
