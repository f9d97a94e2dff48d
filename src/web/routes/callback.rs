//! `/ims/callback`: the response to each result of a login.

use std::time::Duration;

use axum::extract::{Extension, RawQuery};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode};

use super::{login, refused};
use crate::auth::{FinishedLogin, LoginInterrupted, LoginOutcome};
use crate::pages::{Problem, Text};
use crate::session::LiveSession;
use crate::web::addresses::after_login;
use crate::web::call::{Call, OwnedCall};
use crate::web::rejection::reject;
use crate::web::responses::see_other;
use crate::web::set_cookies;

/// `/ims/callback`
pub async fn handler(
    Extension(call): Extension<OwnedCall>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let call = call.get();
    let auth = &call.auth;
    let client = call.context.client_address(&headers);
    // Boxed: a login's many states are not carried by every request.
    let finish = auth.finish_login(call.auth_request(&headers), query.as_deref().unwrap_or_default(), client);
    let FinishedLogin { outcome, cookie } = match Box::pin(finish).await {
        Ok(finished) => finished,
        Err(LoginInterrupted { error, cookie }) => {
            let mut response = reject(call, error, false);
            if let Some((name, value)) = cookie {
                set_cookies::set_login(response.headers_mut(), &name, &value);
            }
            return response;
        }
    };
    let mut response = match outcome {
        LoginOutcome::SignedIn(session, to) => signed_in(call, &session, see_other(&after_login(&to))),
        LoginOutcome::CampaignRestarting(session, to) => {
            let address = after_login(&to);
            let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, Text::CampaignRestarting);
            let problem = problem.with_link(&address).with_retry_after(Duration::from_secs(10));
            signed_in(call, &session, problem.page(call.page()).into_response())
        }
        LoginOutcome::AlreadySignedIn(to) => see_other(&after_login(&to)),
        LoginOutcome::Restart(start) => login::to_ims(&start),
        LoginOutcome::Refused(login) => refused::page(call, &headers, &login),
        LoginOutcome::Failed(failure, to) => login::failed(call, &headers, failure, &to.return_to),
    };
    if let Some(name) = cookie {
        set_cookies::remove_login(response.headers_mut(), &name);
    }
    response
}

/// The response with the cookies of a new session.
fn signed_in(call: Call<'_>, session: &LiveSession, mut response: Response) -> Response {
    let headers = response.headers_mut();
    set_cookies::set_session(headers, call.auth, &session.cookie_value(), call.context.now);
    set_cookies::set_last_user(headers, call.auth, session);
    response
}
