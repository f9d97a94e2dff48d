//! `/ims/me`: who is signed in, as a page for people and as JSON for programs. Without tokens.

use axum::extract::Extension;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, Method, StatusCode};
use serde_json::json;

use crate::auth::Purpose;
use crate::config::ConsolePasswordMode;
use crate::pages::{self, OwnSession};
use crate::session::{LiveSession, Owner};
use crate::web::addresses::ME;
use crate::web::auth_challenge;
use crate::web::call::{Call, OwnedCall};
use crate::web::rejection::reject;
use crate::web::responses::json_response;

/// `GET /ims/me`
pub async fn handler(Extension(call): Extension<OwnedCall>, headers: HeaderMap) -> Response {
    let call = call.get();
    let context = call.context;
    // A page may poll how long the session lasts. This must not extend the session.
    let purpose = if context.wants_page { Purpose::Route } else { Purpose::Peek };
    let session = match call.auth.identify(call.auth_request(&headers), purpose).await {
        Ok(caller) => caller.session(),
        Err(error) => return reject(call, error, false),
    };
    let Some(session) = session else {
        return auth_challenge::challenge(call, &Method::GET, &headers, ME, ME).await;
    };
    let (identity, ends) = (&session.data.identity, session.data.ends);
    if !context.wants_page {
        let idle_end = call.auth.state.sessions.idle_end(&session);
        let value = json!({
            "user": identity.user,
            "email": identity.email,
            "name": identity.name,
            "organization": identity.organization,
            "groups": identity.groups,
            "expires_at": ends.rfc3339(),
            "expires_in": ends.since(context.now).as_secs(),
            "idle_expires_at": idle_end.rfc3339(),
            "idle_expires_in": idle_end.since(context.now).as_secs(),
        });
        return json_response(StatusCode::OK, &value);
    }
    let sessions = own_sessions(call, &session).await;
    pages::me(&pages::Me {
        email: identity.email.as_deref().unwrap_or_default(),
        name: identity.name.as_deref().unwrap_or_default(),
        organization: identity.organization_name.as_deref().unwrap_or(&identity.organization),
        groups: &identity.groups,
        sessions: sessions.as_deref(),
        console: identity.email.is_some() && call.site.campaign.console_password != ConsolePasswordMode::Off,
        console_used: session.data.console.is_in_use(),
        ends,
        page: call.page(),
    })
    .into_response()
}

/// All sessions of this person; `None` while the store does not answer: the rest of the page is shown anyway.
async fn own_sessions(call: Call<'_>, own: &LiveSession) -> Option<Vec<OwnSession>> {
    let sessions = call.auth.state.sessions.of(Owner::User(&own.data.identity.user)).await;
    let sessions = sessions.inspect_err(|error| tracing::warn!(%error, "own sessions are not shown")).ok()?;
    let shown = sessions.iter().rev().take(MOST_SHOWN).map(|session| OwnSession {
        device: session.data.device,
        created: session.data.created,
        seen: session.data.seen,
        is_this: session.key == own.key(),
    });
    Some(shown.collect())
}

/// Sessions on the page, the newest first.
const MOST_SHOWN: usize = 50;
