//! OpenID Connect Back-Channel Logout 1.0 §2.5–2.8: IMS says, past every browser, that somebody has signed out there.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Extension, State};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::json;

use super::context::Context;
use super::responses::json_response;
use super::shared::Shared;
use crate::ims::LogoutTokenError;
use crate::policy::logout_token::{LogoutToken, MAX_AGE};
use crate::session::{EndReason, Listed, OneTime, Owner, StoreError};
use crate::telemetry::audit;

/// `POST /ims/backchannel-logout`: 200 when whatever the token means is over; 400 for a token that is none; 503 when that
/// cannot be told now, for the provider to try again.
pub async fn handler(
    State(shared): State<Arc<Shared>>,
    Extension(context): Extension<Context>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(token) = logout_token(&headers, &body) else {
        return refused(&context, "a form with one logout_token is expected");
    };
    let token = match shared.ims.logout_token(&token).await {
        Ok(token) => token,
        Err(LogoutTokenError::Ims(error)) => return later(&context, &error.to_string()),
        Err(error) => return refused(&context, &error.to_string()),
    };
    match end(&shared, &token).await {
        Ok(Some(ended)) => {
            let (subject, session) = (token.subject.as_deref(), token.session.as_deref());
            audit::backchannel_logout(context.id, &context.peer_text(), subject, session, ended);
            (StatusCode::OK, [(header::CACHE_CONTROL, "no-store")]).into_response()
        }
        Ok(None) => refused(&context, "this logout token was used before"),
        Err(error) => later(&context, &error.to_string()),
    }
}

/// Ends what the token means; `None` when it was used before, and has left nothing to do.
async fn end(shared: &Shared, token: &LogoutToken) -> Result<Option<usize>, StoreError> {
    // Read before the token is used up: a store that is away now must hear of it again.
    let sessions = meant(shared, token).await?;
    let skew = shared.instance.ims.clock_skew;
    let lifetime = Duration::from_secs(MAX_AGE.unsigned_abs()).saturating_add(2 * skew);
    let first = shared.sessions.first_use(OneTime::LogoutToken, &token.id, lifetime).await;
    let sessions = if matches!(first, Ok(false)) {
        // Sent again, by the provider because not all could be ended the first time (§2.8), or by somebody who overheard it.
        // Either way it means nobody who has signed in since.
        let left = sessions.into_iter().filter(|session| session.data.created.0 < token.issued);
        let left = left.collect::<Vec<_>>();
        if left.is_empty() {
            return Ok(None);
        }
        left
    } else {
        sessions
    };
    let sessions = sessions.into_iter().map(|session| session.key).collect();
    // Also when it is not known whether this is the first time: a good token, and the store may have used it up.
    let ended = shared.sessions.end_all(sessions, EndReason::Provider).await;
    first.and(ended).map(Some)
}

async fn meant(shared: &Shared, token: &LogoutToken) -> Result<Vec<Listed>, StoreError> {
    let person = match (&token.subject, &token.session) {
        (Some(subject), _) => Owner::User(subject),
        (None, Some(session)) => Owner::ImsSession(session),
        (None, None) => return Ok(Vec::new()),
    };
    let sessions = shared.sessions.of(person).await?;
    let meant = sessions.into_iter().filter(|session| {
        let identity = &session.data.identity;
        token.means(&identity.user, identity.ims_session.as_deref())
    });
    Ok(meant.collect())
}

/// The one `logout_token` of a form (§2.5).
fn logout_token(headers: &HeaderMap, body: &[u8]) -> Option<String> {
    let kind = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return None;
    }
    let mut tokens = url::form_urlencoded::parse(body).filter(|(name, _)| name == "logout_token");
    let token = tokens.next()?.1.into_owned();
    (tokens.next().is_none() && token.len() <= MAX_TOKEN).then_some(token)
}

/// §2.8
fn refused(context: &Context, why: &str) -> Response {
    tracing::warn!(request = %context.id, why, "back-channel logout refused");
    json_response(StatusCode::BAD_REQUEST, &json!({"error": "invalid_request", "error_description": why}))
}

fn later(context: &Context, error: &str) -> Response {
    tracing::warn!(request = %context.id, error, "back-channel logout has to be tried again");
    let value = json!({"error": "temporarily_unavailable"});
    let mut response = json_response(StatusCode::SERVICE_UNAVAILABLE, &value);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    response
}

/// Bytes of a logout token.
const MAX_TOKEN: usize = 16 * 1024;
