//! `xtk:session#Logon` with a login and a password.
//!
//! Campaign never gets the console password of a person. Wrong passwords do not reach Campaign either, so it locks no operator.

use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use secrecy::ExposeSecret as _;

use super::call::Call;
use super::logon_reply::LogonReply;
use super::native_account::{NativeLogin, end, end_logon};
use super::rejection::Rejection;
use super::responses::{INVALID_LOGIN, soap_response};
use super::soap_call::{Logon, SoapCall};
use crate::auth::{ConsoleLogon, ConsoleLogonOutcome as Outcome, OperatorAttempt, PasswordResult};
use crate::campaign::{CampaignError, soap_fault};
use crate::config::ConsolePasswordMode;
use crate::policy::native_account::TicketOrigin;
use crate::policy::soap_envelope::LOGON;
use crate::proxy::Body;
use crate::session::{IssuedTokens, LiveSession};

/// The response to a logon of a client console. `None` for every other call, and when the gateway has no console passwords. `beside`: the
/// session whose cookie came with it, as some clients send the cookies of their browser.
///
/// # Errors
/// When the session store does not answer.
pub async fn respond(
    call: Call<'_>,
    headers: &HeaderMap,
    soap: &SoapCall,
    beside: Option<&LiveSession>,
) -> Result<Option<Response<axum::body::Body>>, Rejection> {
    let (site, envelope) = (call.site, &soap.envelope);
    if envelope.method != LOGON || site.campaign.console_password == ConsolePasswordMode::Off {
        return Ok(None);
    }
    let name = envelope.parameter(&soap.bytes, 1);
    let password = envelope.parameter(&soap.bytes, 2).into();
    let logon = ConsoleLogon {
        login: &name,
        password: &password,
        client: call.context.client_address(headers),
        build: envelope.client_build,
        beside,
    };
    let outcome = call.auth.console_logon(call.auth_request(headers), logon).await?;
    Ok(Some(match outcome {
        Outcome::SignedIn(envelope) => soap_response(StatusCode::OK, &envelope),
        Outcome::Refused => refused(INVALID_LOGIN),
        Outcome::TooOld(least) => refused(&format!(
            "Your client console is too old. Install build {least} or newer: open Campaign in the browser and download the console \
             there, or ask your administrator."
        )),
        Outcome::NoConsole => refused(
            "You may not use the client console. Ask your Campaign administrator to allow it, or use Campaign in the browser.",
        ),
        Outcome::Campaign(error) => campaign_failed(call, &error),
    }))
}

fn campaign_failed(call: Call<'_>, error: &CampaignError) -> Response<axum::body::Body> {
    let request = call.context.id;
    tracing::warn!(%request, %error, "Campaign opened no session for a client console");
    match error {
        CampaignError::Refused { fault, response, .. } => match response.for_client() {
            Some(mut response) => {
                response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
                response.map(axum::body::Body::from)
            }
            None => refused(fault),
        },
        CampaignError::Unreachable { .. } | CampaignError::Answer { .. } => {
            let text =
                format!("Campaign does not answer at the moment. Try again in a minute. (request {request})");
            soap_response(StatusCode::SERVICE_UNAVAILABLE, &soap_fault(&text))
        }
    }
}

fn refused(text: &str) -> Response<axum::body::Body> {
    soap_response(StatusCode::FORBIDDEN, &soap_fault(text))
}

/// Reads the response to a logon of a known caller, and adds its token to those that the caller may use.
pub async fn learn(
    call: Call<'_>,
    (logon, headers): (&Logon, &HeaderMap),
    (issued, attempts): (&IssuedTokens, Vec<OperatorAttempt>),
    response: Response<Body>,
) -> Response<Body> {
    let reply = LogonReply::read(response).await;
    let tokens = reply.tokens();
    if let Logon::Password(login) = logon {
        let client = call.context.client_address(headers);
        let account = NativeLogin { login: login.clone(), origin: TicketOrigin::Usual, client };
        end_logon(call, &account, attempts, (tokens.is_some(), reply.is_invalid_login()));
    } else if reply.is_invalid_login() {
        end(call.base, attempts, PasswordResult::Refused);
    } else {
        end(call.base, attempts, PasswordResult::Unchecked);
    }
    if let Some(tokens) = tokens {
        issued.add(tokens.session.expose_secret());
    }
    reply.unchanged()
}
