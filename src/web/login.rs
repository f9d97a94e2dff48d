//! The beginning of a login: a sealed transaction in the browser, and the way to IMS.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Extension, RawQuery, State};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode};

use super::context::Context;
use super::rejection::Rejection;
use super::responses::see_other;
use super::router::LOGIN;
use super::shared::Shared;
use super::{cookie, door, was};
use crate::crypto::random_text;
use crate::ims::ImsError;
use crate::pages::{Problem, Text};
use crate::policy::cookies;
use crate::policy::login::{
    LoginTransaction, MAX_OPEN_BYTES, MAX_OPEN_LOGINS, MIN_OPEN_LOGINS, Prompt, State as LoginState,
};
use crate::policy::origin::comes_from_own_page;
use crate::policy::return_to::ReturnTo;
use crate::session::{Auth, StoreError};
use crate::telemetry::audit;

/// How a login begins.
#[derive(Debug, Default)]
pub struct Begin {
    /// Where the person wanted to go.
    pub return_to: ReturnTo,
    /// How often it was begun again by itself.
    pub attempt: u8,
    /// What IMS is asked to show.
    pub prompt: Prompt,
    /// True when a form waits for it.
    pub resumes: bool,
}

/// `/ims/login?return_to=/path&prompt=login`
pub async fn handler(
    State(shared): State<Arc<Shared>>,
    Extension(context): Extension<Context>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let query = query.unwrap_or_default();
    if let Some(address) = door::at_home(&shared, &headers, LOGIN) {
        let address = if query.is_empty() { address } else { format!("{address}?{query}") };
        return see_other(&address);
    }
    // Whoever was signed in here is asked nothing if IMS can help it; a form that waits is not forgotten over a detour.
    let mut begin = Begin {
        prompt: was::prompt(&shared, &headers, context.now),
        resumes: cookie::kept(&headers, &shared.cookies).next().is_some(),
        ..Begin::default()
    };
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "return_to" => begin.return_to = ReturnTo::parse_or_root(&value),
            "prompt" if value == "login" => begin.prompt = Prompt::SignIn,
            _ => {}
        }
    }
    let session = match live_session(&shared, &headers).await {
        Ok(session) => session,
        Err(error) => return Rejection::from(error).response(&shared, &context, true),
    };
    let from_own_page = comes_from_own_page(&headers, &shared.origin);
    if session.is_some() && !begin.prompt.replaces_session(from_own_page) {
        return see_other(begin.return_to.as_str());
    }
    self::begin(&shared, &context, &headers, begin).await
}

/// Sends the browser to IMS.
pub async fn begin(shared: &Shared, context: &Context, headers: &HeaderMap, begin: Begin) -> Response {
    let state = LoginState::new(begin.attempt, &random_text::<16>());
    let authorization = match shared.ims.authorize(state.as_str(), begin.prompt).await {
        Ok(authorization) => authorization,
        Err(error) => return failed(shared, context, &error, &begin.return_to),
    };
    let transaction = LoginTransaction {
        nonce: authorization.nonce,
        verifier: authorization.verifier,
        return_to: begin.return_to,
        began: context.now.0,
        replaces: session_name(shared, headers).await,
        silent: begin.prompt == Prompt::Silent,
        resumes: begin.resumes,
        interrupted: false,
    };
    let name = state.cookie_name(&shared.cookies);
    let Ok(sealed) = shared.sealer.seal(&name, &transaction) else {
        return Rejection::Internal.response(shared, context, false);
    };
    let mut response = see_other(authorization.url.as_str());
    make_room(shared, headers, response.headers_mut());
    cookie::set_login(response.headers_mut(), &name, &sealed);
    response
}

/// The name of the live session this browser has already.
async fn session_name(shared: &Shared, headers: &HeaderMap) -> Option<String> {
    // A store that is away now is noticed where it matters, at the callback.
    live_session(shared, headers).await.ok().flatten().map(|auth| auth.sid.clone())
}

async fn live_session(shared: &Shared, headers: &HeaderMap) -> Result<Option<Arc<Auth>>, StoreError> {
    match shared.cookies.session_cookie(headers) {
        Some(cookie) => shared.sessions.find(cookie).await,
        None => Ok(None),
    }
}

/// Keeps the open logins of one browser bounded, in number and in bytes; the oldest goes first. What cannot be opened may be
/// of another gateway on this host name: it stays, and takes from the bytes that are left for ours. A browser that sends too
/// many bytes of cookies is refused by everybody.
fn make_room(shared: &Shared, sent: &HeaderMap, answer: &mut HeaderMap) {
    let (mut open, mut bytes): (Vec<(i64, &str, usize)>, usize) = (Vec::new(), 0);
    for (name, value) in
        cookies::pairs(sent).filter(|(name, _)| name.starts_with(&shared.cookies.login_prefix))
    {
        match shared.sealer.open::<LoginTransaction>(name, value) {
            Some(transaction) => open.push((transaction.began, name, name.len() + value.len())),
            None => bytes += name.len() + value.len(),
        }
    }
    open.sort_unstable_by(|one, other| other.cmp(one));
    for (index, (_, name, length)) in open.into_iter().enumerate() {
        bytes += length;
        let is_over = index + 1 >= MAX_OPEN_LOGINS || bytes > MAX_OPEN_BYTES;
        if is_over && index + 1 >= MIN_OPEN_LOGINS {
            cookie::remove_login(answer, name);
        }
    }
}

/// The page for a login that IMS made impossible, with a line for the operator in log and audit trail.
pub fn failed(shared: &Shared, context: &Context, error: &ImsError, return_to: &ReturnTo) -> Response {
    tracing::warn!(request = %context.id, %error, "login failed");
    audit::login_failed(context.id, &context.peer_text(), &error.to_string());
    let retry = login_path(return_to);
    let problem = match error {
        ImsError::Unavailable { retry_after, .. } => {
            let after = retry_after.unwrap_or(Duration::from_secs(10));
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, Text::ImsUnavailable).with_retry_after(after)
        }
        ImsError::Busy { retry_after } => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, Text::SignInsBusy).with_retry_after(*retry_after)
        }
        ImsError::Clock(_) => Problem::new(StatusCode::BAD_GATEWAY, Text::LoginClock),
        ImsError::IdToken(_) | ImsError::OtherPerson { .. } => {
            Problem::new(StatusCode::FORBIDDEN, Text::LoginInvalid)
        }
        ImsError::Refused { .. } | ImsError::Answer { .. } => {
            Problem::new(StatusCode::BAD_GATEWAY, Text::LoginInvalid)
        }
    };
    problem.with_link(&retry).page(context.page(shared)).into_response()
}

/// The address that begins a login for this return address.
pub fn login_path(return_to: &ReturnTo) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("return_to", return_to.as_str())
        .finish();
    format!("/ims/login?{query}")
}
