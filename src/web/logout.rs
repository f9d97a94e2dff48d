//! Signing out: here, at Campaign, at IMS, and in the browser's IMS session, in this order.

use std::sync::Arc;

use axum::extract::{Extension, State};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, header};
use secrecy::SecretString;

use super::answer::{Stop, see_other};
use super::context::Context;
use super::shared::Shared;
use super::{cookie, pages};
use crate::policy::arrival::is_same_origin;
use crate::policy::cookies;
use crate::session::Auth;
use crate::telemetry::RequestId;
use crate::telemetry::audit::{self, Who};

const SIGNED_OUT: &str = "/ims/signed-out";

/// `GET /ims/logout`: asks first, so that no image or link of another page can sign somebody out.
pub async fn confirm(
    State(shared): State<Arc<Shared>>,
    Extension(context): Extension<Context>,
    headers: HeaderMap,
) -> Response {
    let cookie = cookies::session_cookie(&headers).unwrap_or_default();
    match shared.sessions.find(cookie).await {
        Ok(None) => see_other(SIGNED_OUT),
        Err(error) => Stop::from(error).answer(&shared, &context, true),
        Ok(Some(auth)) => pages::logout_confirm(&pages::LogoutConfirm {
            person: auth.data.identity.display(),
            csrf: None,
            form_action: &shared.ims_origin(),
            request_id: context.id.as_str(),
            support: shared.support(),
            now: context.now,
        })
        .into_response(),
    }
}

/// `POST /ims/logout`
pub async fn logout(
    State(shared): State<Arc<Shared>>,
    Extension(context): Extension<Context>,
    headers: HeaderMap,
) -> Response {
    let says_where = headers.contains_key(header::ORIGIN) || headers.contains_key("sec-fetch-site");
    if says_where && !is_same_origin(&headers, &shared.origin) {
        return Stop::ForeignOrigin.answer(&shared, &context, true);
    }
    let cookie = cookies::session_cookie(&headers).unwrap_or_default();
    let auth = match shared.sessions.find(cookie).await {
        Ok(Some(auth)) => auth,
        Ok(None) => {
            let mut response = see_other(SIGNED_OUT);
            cookie::remove_session(response.headers_mut());
            return response;
        }
        Err(error) => return Stop::from(error).answer(&shared, &context, true),
    };
    // First what decides: from here on the cookie is worthless, whatever happens next.
    if let Err(error) = shared.sessions.end(&auth).await {
        return Stop::from(error).answer(&shared, &context, true);
    }
    let (identity, email) = (&auth.data.identity, auth.data.identity.email.as_deref().unwrap_or_default());
    let who = Who { user: &identity.user, email, organization: &identity.organization };
    audit::logout(context.id, &context.peer_text(), who, &auth.sid);
    let revoked = say_goodbye(&shared, context.id, &auth).await;
    let mut response = see_other(&shared.ims.logout_url(revoked));
    cookie::remove_session(response.headers_mut());
    response
}

/// `GET /ims/signed-out`
pub async fn signed_out(
    State(shared): State<Arc<Shared>>,
    Extension(context): Extension<Context>,
) -> Response {
    let (request_id, support, now) = (context.id.as_str(), shared.support(), context.now);
    pages::signed_out(&pages::SignedOut { request_id, support, now }).into_response()
}

/// Logoff at Campaign and revocation at IMS. Neither can keep a session alive; failures are logged. Gives the access token
/// when IMS has revoked it.
pub async fn say_goodbye<'a>(shared: &Shared, id: RequestId, auth: &'a Auth) -> Option<&'a SecretString> {
    let data = &auth.data;
    let logoff = async {
        let Some(session) = &data.campaign else { return };
        let (token, security) = (&session.session_token, &session.security_token);
        if let Err(error) = shared.campaign.logoff(token, security, id.as_str()).await {
            tracing::warn!(request = %id, %error, "Campaign session not ended; it ends by itself");
        }
    };
    let revoke_all = async {
        if let Some(refresh) = &data.tokens.refresh {
            revoke(shared, id, refresh).await;
        }
        revoke(shared, id, &data.tokens.access).await
    };
    let ((), revoked) = tokio::join!(logoff, revoke_all);
    revoked.then_some(&data.tokens.access)
}

/// Revokes one token; true when IMS did. A failure is logged.
pub async fn revoke(shared: &Shared, id: RequestId, token: &SecretString) -> bool {
    let outcome = shared.ims.revoke(token).await;
    if let Err(error) = &outcome {
        tracing::warn!(request = %id, %error, "IMS token not revoked; it ends by itself");
    }
    outcome.is_ok()
}
