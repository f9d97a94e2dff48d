//! Emergency sign-in at the gate: the form with login and password for people who cannot sign in at IMS. The sign-in itself is that of a native
//! account (`native_sign_in`).

use std::time::Duration;

use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, header};

use super::addresses::login_with_adobe;
use super::call::{BaseCall, Call};
use super::responses::LOGIN_CHALLENGE;
use crate::pages::{EmergencyNotice, EmergencySignIn, emergency_sign_in};
use crate::policy::campaign_sign_in::{LOGON, target_of};
use crate::policy::native_account::offers_form;
use crate::policy::switches::{Period, Switch};

/// The emergency that is on for the instance of a request.
pub fn period(call: BaseCall<'_>) -> Option<Period> {
    call.snapshot.switches.period(Switch::Emergency, &call.site.name, call.context.now)
}

/// The page with the form, which leads to `target`. `None` unless an emergency is on and an emergency account may sign in from the address
/// of this client: everybody else signs in at IMS.
pub fn page(
    call: Call<'_>,
    headers: &HeaderMap,
    target: &str,
    notice: Option<EmergencyNotice>,
) -> Option<Response> {
    period(call.base)?;
    let client = call.context.client_address(headers);
    let accounts = call.site.campaign.native_accounts.iter().map(|account| account.limits());
    if !offers_form(accounts, client, LOGON) {
        return None;
    }
    let target = target_of(target);
    let page = emergency_sign_in(&EmergencySignIn {
        target: target.as_str(),
        adobe: &login_with_adobe(&target),
        notice,
        page: call.page(),
    });
    let mut response = page.into_response();
    let headers = response.headers_mut();
    match notice {
        None => {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(LOGIN_CHALLENGE));
        }
        Some(EmergencyNotice::AdobeUnavailable) => {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(TRY_AGAIN.as_secs()));
        }
        Some(EmergencyNotice::Refused) => {}
    }
    Some(response)
}

const TRY_AGAIN: Duration = Duration::from_secs(10);
