//! `POST /ims/me/console-password`: makes a password for the client console, shows it once, and withdraws it.

use axum::extract::Extension;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, Method, StatusCode};
use secrecy::ExposeSecret as _;
use serde_json::json;

use crate::pages::{self, Problem, Text};
use crate::policy::origin::comes_from_own_page;
use crate::session::LiveSession;
use crate::web::addresses::ME;
use crate::web::auth_challenge;
use crate::web::call::{Call, OwnedCall};
use crate::web::rejection::{Rejection, reject};
use crate::web::responses::{json_response, see_other};

/// Makes a password and shows it.
pub async fn make(Extension(call): Extension<OwnedCall>, headers: HeaderMap) -> Response {
    let call = call.get();
    let session = match own_session(call, &headers).await {
        Ok(session) => session,
        Err(response) => return response,
    };
    let auth = &call.auth;
    let made = match auth.new_console_password(call.auth_request(&headers), &session).await {
        Ok(Some(made)) => made,
        Ok(None) if call.context.wants_page => {
            let problem = Problem::new(StatusCode::NOT_FOUND, Text::NoConsolePassword).with_link(ME);
            return problem.page(call.page()).into_response();
        }
        Ok(None) => return json_response(StatusCode::NOT_FOUND, &json!({"error": "no_console_password"})),
        Err(error) => return reject(call, error, true),
    };
    let (password, seconds) = (made.password.expose_secret(), made.lifetime.as_secs());
    if !call.context.wants_page {
        let value = json!({"login": made.login, "password": password, "expires_in": seconds});
        return json_response(StatusCode::OK, &value);
    }
    pages::console_password(&pages::NewConsolePassword {
        login: &made.login,
        password,
        ends: call.context.now.plus(made.lifetime),
        once: made.once,
        page: call.page(),
    })
    .into_response()
}

/// Withdraws the password and signs out the consoles that used one.
pub async fn withdraw(Extension(call): Extension<OwnedCall>, headers: HeaderMap) -> Response {
    let call = call.get();
    let session = match own_session(call, &headers).await {
        Ok(session) => session,
        Err(response) => return response,
    };
    match call.auth.withdraw_console_password(call.auth_request(&headers), &session).await {
        Ok(()) => see_other(ME),
        Err(error) => reject(call, error, true),
    }
}

/// The caller's session, for a request of a page of the gateway; otherwise the response.
async fn own_session(call: Call<'_>, headers: &HeaderMap) -> Result<std::sync::Arc<LiveSession>, Response> {
    if !comes_from_own_page(headers, &call.auth.origin) {
        return Err(reject(call, Rejection::ForeignOrigin, true));
    }
    match call.auth.live_session(call.auth_request(headers)).await {
        Ok(Some(session)) => Ok(session),
        Ok(None) => Err(auth_challenge::challenge(call, &Method::GET, headers, ME, ME).await),
        Err(error) => Err(reject(call, error, true)),
    }
}
