//! Signing out: here, at Campaign, at IMS, and in the browser's IMS session, in this order.

use std::sync::Arc;

use axum::extract::{Extension, State};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue};

use super::context::Context;
use super::rejection::Rejection;
use super::responses::see_other;
use super::shared::Shared;
use super::{cookie, farewell, was};
use crate::pages;
use crate::policy::origin::{Source, source};
use crate::session::{Auth, EndReason, Owner};
use crate::telemetry::audit::{self, Who};

const SIGNED_OUT: &str = "/ims/signed-out";

/// `GET /ims/logout`: asks first, so that no image or link of another page can sign somebody out.
pub async fn confirm(
    State(shared): State<Arc<Shared>>,
    Extension(context): Extension<Context>,
    headers: HeaderMap,
) -> Response {
    let cookie = shared.cookies.session_cookie(&headers).unwrap_or_default();
    match shared.sessions.find(cookie).await {
        Ok(None) => see_other(SIGNED_OUT),
        Err(error) => Rejection::from(error).response(&shared, &context, true),
        Ok(Some(auth)) => {
            pages::confirm_sign_out(auth.data.identity.display(), context.page(&shared)).into_response()
        }
    }
}

/// `POST /ims/logout`: this browser's session.
pub async fn logout(
    State(shared): State<Arc<Shared>>,
    Extension(context): Extension<Context>,
    headers: HeaderMap,
) -> Response {
    leave(&shared, &context, &headers, Extent::Here).await
}

/// `POST /ims/sign-out-everywhere`: all sessions of the person, in whichever browser.
pub async fn everywhere(
    State(shared): State<Arc<Shared>>,
    Extension(context): Extension<Context>,
    headers: HeaderMap,
) -> Response {
    leave(&shared, &context, &headers, Extent::Everywhere).await
}

/// `GET /ims/signed-out`
pub async fn signed_out(
    State(shared): State<Arc<Shared>>,
    Extension(context): Extension<Context>,
) -> Response {
    pages::signed_out(context.page(&shared)).into_response()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    Here,
    Everywhere,
}

async fn leave(shared: &Arc<Shared>, context: &Context, headers: &HeaderMap, extent: Extent) -> Response {
    if source(headers, &[&shared.origin]) == Source::OtherOrigin {
        return Rejection::ForeignOrigin.response(shared, context, true);
    }
    let cookie = shared.cookies.session_cookie(headers).unwrap_or_default();
    let auth = match shared.sessions.find(cookie).await {
        Ok(Some(auth)) => auth,
        Ok(None) => {
            let mut response = goes_on_to(SIGNED_OUT);
            // The session's cookie may be a neighbour's, who cannot be asked.
            if was::is_ours(shared, headers) {
                cookie::remove_was(response.headers_mut(), &shared.cookies);
            }
            return response;
        }
        Err(error) => return Rejection::from(error).response(shared, context, true),
    };
    if extent == Extent::Everywhere
        && let Err(rejection) = end_others(shared, context, &auth).await
    {
        return rejection.response(shared, context, true);
    }
    // First what decides: from here on the cookie is worthless, whatever happens next.
    let held = match shared.sessions.end(&auth).await {
        Ok(held) => held,
        Err(error) => return Rejection::from(error).response(shared, context, true),
    };
    audit::logout(context.id, &context.peer_text(), who(&auth), &auth.sid);
    let mut revoked = None;
    if let Some(held) = held {
        let access = held.tokens.access.clone();
        revoked = farewell::say_in_time(shared, context.id, held).await.then_some(access);
    }
    let mut response = goes_on_to(&shared.ims.logout_url(revoked.as_ref()));
    cookie::remove_session(response.headers_mut(), &shared.cookies);
    response
}

/// Goes on to `location`, without what the browser has cached of Campaign: the button "Back" would show it to whoever comes next
/// (Clear Site Data §3.1). Not on the page after it, which comes from IMS and may never come.
fn goes_on_to(location: &str) -> Response {
    let mut response = see_other(location);
    response.headers_mut().insert("clear-site-data", HeaderValue::from_static("\"cache\""));
    response
}

/// All sessions of the same person but this one, which ends last: its owner may try again.
async fn end_others(shared: &Shared, context: &Context, auth: &Auth) -> Result<(), Rejection> {
    let owner = Owner::User(&auth.data.identity.user);
    let ended = shared.sessions.end_of(owner, Some(auth.key()), EndReason::Everywhere).await?;
    audit::everywhere(context.id, &context.peer_text(), who(auth), ended);
    Ok(())
}

fn who(auth: &Auth) -> Who<'_> {
    let identity = &auth.data.identity;
    let email = identity.email.as_deref().unwrap_or_default();
    Who { user: &identity.user, email, organization: &identity.organization }
}
