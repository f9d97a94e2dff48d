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
pub async fn make(Extension(call): Extension<OwnedCall>, headers: HeaderMap) -> Result<Response, Response> {
    let call = call.get();
    let session = own_session(call, &headers).await?;
    let made = call.auth.new_console_password(call.auth_request(&headers), &session).await;
    let Some(made) = made.map_err(|error| reject(call, error, true))? else {
        return Err(if call.context.wants_page {
            let problem = Problem::new(StatusCode::NOT_FOUND, Text::NoConsolePassword).with_link(ME);
            problem.page(call.page()).into_response()
        } else {
            json_response(StatusCode::NOT_FOUND, &json!({"error": "no_console_password"}))
        });
    };
    let (password, seconds) = (made.password.expose_secret(), made.lifetime.as_secs());
    if !call.context.wants_page {
        let value = json!({"login": made.login, "password": password, "expires_in": seconds});
        return Ok(json_response(StatusCode::OK, &value));
    }
    let page = pages::console_password(&pages::NewConsolePassword {
        login: &made.login,
        password,
        ends: call.context.now.plus(made.lifetime),
        once: made.once,
        page: call.page(),
    });
    Ok(page.into_response())
}

/// Withdraws the password and signs out the consoles that used one.
pub async fn withdraw(
    Extension(call): Extension<OwnedCall>,
    headers: HeaderMap,
) -> Result<Response, Response> {
    let call = call.get();
    let session = own_session(call, &headers).await?;
    let withdrawn = call.auth.withdraw_console_password(call.auth_request(&headers), &session).await;
    withdrawn.map_err(|error| reject(call, error, true))?;
    Ok(see_other(ME))
}

/// The caller's session, for a request of a page of the gateway; otherwise the response.
async fn own_session(call: Call<'_>, headers: &HeaderMap) -> Result<std::sync::Arc<LiveSession>, Response> {
    if !comes_from_own_page(headers, &call.auth.origin) {
        return Err(reject(call, Rejection::ForeignOrigin, true));
    }
    let found = call.auth.live_session(call.auth_request(headers)).await;
    match found.map_err(|error| reject(call, error, true))? {
        Some(session) => Ok(session),
        None => Err(auth_challenge::challenge(call, &Method::GET, headers, ME, ME).await),
    }
}
