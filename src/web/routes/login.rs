//! `/ims/login`, and the response that sends a browser to IMS.

use std::time::Duration;

use axum::extract::{Extension, RawQuery};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode};

use crate::auth::{BeginLogin, Destination, LoginFailure, LoginStart};
use crate::pages::{EmergencyNotice, Problem, Text};
use crate::policy::login::Prompt;
use crate::policy::logon_refusal::LogonRefusal;
use crate::policy::origin::comes_from_own_page;
use crate::policy::return_to::ReturnTo;
use crate::telemetry::LoginFailureCode;
use crate::web::addresses::{LOGIN, login_address};
use crate::web::call::{Call, OwnedCall};
use crate::web::emergency;
use crate::web::rejection::{Rejection, reject};
use crate::web::request_host::address_at_callback_host;
use crate::web::responses::see_other;
use crate::web::set_cookies;

/// `/ims/login?return_to=/path&prompt=login`; `with=adobe` goes to IMS also during an emergency.
pub async fn handler(
    Extension(call): Extension<OwnedCall>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let call = call.get();
    let auth = &call.auth;
    let query = query.unwrap_or_default();
    if let Some(address) = address_at_callback_host(call.site, &headers, LOGIN) {
        let address = if query.is_empty() { address } else { format!("{address}?{query}") };
        return see_other(&address);
    }
    // For a person who was signed in here lately, IMS shows no page if possible. A saved form is confirmed after this login.
    let has_form = auth.saved_form_ids(&headers).next().is_some();
    let mut begin = BeginLogin {
        to: Destination { has_form, ..Destination::default() },
        prompt: auth.login_prompt(&headers, call.context.now),
        attempt: 0,
    };
    let mut with_adobe = false;
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "return_to" => begin.to.return_to = ReturnTo::parse_or_root(&value),
            "prompt" if value == "login" => begin.prompt = Prompt::SignIn,
            "with" if value == "adobe" => with_adobe = true,
            _ => {}
        }
    }
    let session = match auth.live_session(call.auth_request(&headers)).await {
        Ok(session) => session,
        Err(error) => return reject(call, error, true),
    };
    let from_own_page = comes_from_own_page(&headers, &auth.origin);
    if session.is_some() && !begin.prompt.replaces_session(from_own_page) {
        return see_other(begin.to.return_to.as_str());
    }
    if !with_adobe && let Some(page) = emergency::page(call, &headers, begin.to.return_to.as_str(), None) {
        return page;
    }
    self::begin(call, &headers, begin).await
}

/// Begins a login and sends the browser to IMS.
pub async fn begin(call: Call<'_>, headers: &HeaderMap, begin: BeginLogin) -> Response {
    let return_to = begin.to.return_to.clone();
    match call.auth.begin_login(call.auth_request(headers), begin).await {
        Ok(start) => to_ims(&start),
        Err(failure) => failed(call, headers, failure, &return_to),
    }
}

/// 303 to IMS with the cookie of the login.
pub fn to_ims(start: &LoginStart) -> Response {
    let mut response = see_other(&start.location);
    for name in &start.remove {
        set_cookies::remove_login(response.headers_mut(), name);
    }
    let (name, value) = &start.cookie;
    set_cookies::set_login(response.headers_mut(), name, value);
    response
}

fn refused_by_campaign(why: LogonRefusal) -> Text {
    match why {
        LogonRefusal::Operator => Text::CampaignOperator,
        LogonRefusal::Zone => Text::CampaignZone,
        LogonRefusal::Address => Text::CampaignAddress,
        LogonRefusal::Restarting | LogonRefusal::Other => Text::CampaignRefused,
    }
}

/// The page for a failed login. Its button begins another one.
pub fn failed(call: Call<'_>, headers: &HeaderMap, failure: LoginFailure, return_to: &ReturnTo) -> Response {
    if matches!(failure.code, LoginFailureCode::ImsUnavailable | LoginFailureCode::ImsBusy)
        && let Some(page) =
            emergency::page(call, headers, return_to.as_str(), Some(EmergencyNotice::AdobeUnavailable))
    {
        return page;
    }
    let mut retry = login_address(return_to);
    let unavailable = |text| {
        let after = failure.retry_after.unwrap_or(Duration::from_secs(10));
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, text).with_retry_after(after)
    };
    let problem = match failure.code {
        LoginFailureCode::Declined => Problem::new(StatusCode::FORBIDDEN, Text::LoginDeclined),
        LoginFailureCode::CookieMissing => Problem::new(StatusCode::BAD_REQUEST, Text::LoginCookieMissing),
        LoginFailureCode::TooManyAttempts => Problem::new(StatusCode::BAD_REQUEST, Text::LoginLoop),
        LoginFailureCode::Malformed => Problem::new(StatusCode::BAD_REQUEST, Text::LoginInvalid),
        LoginFailureCode::ImsAnswerInvalid => Problem::new(StatusCode::BAD_GATEWAY, Text::LoginInvalid),
        LoginFailureCode::ImsAnswerRefused => Problem::new(StatusCode::FORBIDDEN, Text::LoginInvalid),
        LoginFailureCode::Clock => Problem::new(StatusCode::BAD_GATEWAY, Text::LoginClock),
        LoginFailureCode::ImsUnavailable => unavailable(Text::ImsUnavailable),
        LoginFailureCode::ImsBusy => unavailable(Text::SignInsBusy),
        LoginFailureCode::CampaignRefused => {
            let why = failure.logon_refusal.unwrap_or(LogonRefusal::Other);
            if why == LogonRefusal::Operator {
                // The same account would be refused again.
                retry.push_str("&prompt=login");
            }
            Problem::new(StatusCode::FORBIDDEN, refused_by_campaign(why))
        }
        LoginFailureCode::CampaignUnavailable => {
            Problem::new(StatusCode::BAD_GATEWAY, Text::PublicPageUnavailable)
                .with_retry_after(Duration::from_secs(10))
        }
        LoginFailureCode::Internal => return reject(call, Rejection::Internal, false),
    };
    problem.with_link(&retry).page(call.page()).into_response()
}
