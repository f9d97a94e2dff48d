//! `/nl/jsp/logon.jsp` with login and password of a configured native account. Campaign checks the password. The browser gets a ticket of
//! the gateway in place of Campaign's cookie.

use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header, request};
use http_body_util::Full;

use super::call::Call;
use super::native_account;
use super::rejection::Rejection;
use super::request_rules::{self, Asked, RuledCaller};
use super::upstream_request;
use crate::auth::NativeSession;
use crate::policy::campaign_sign_in::login_of;
use crate::policy::campaign_tokens::TokenPair;
use crate::policy::cookies::CAMPAIGN_COOKIE;
use crate::policy::origin::{Source, source};
use crate::proxy::{Body, IssuedToken, Proxy, SentBy};

/// The login in this form, if its account may sign in from the client's address.
pub fn login(call: Call<'_>, head: &request::Parts, form: &Bytes) -> Option<String> {
    let campaign = &call.site.campaign;
    if campaign.native_accounts.is_empty() || head.method != Method::POST {
        return None;
    }
    let login = login_of(head.uri.path(), head.uri.query().unwrap_or_default(), form)?;
    let client = call.context.client_address(&head.headers);
    native_account::is_allowed(call.base, &login, client, head.uri.path()).then_some(login)
}

/// Forwards the form, and replaces Campaign's session in the response by a ticket.
///
/// # Errors
/// When a page of another origin sent the form, and when Campaign does not answer.
pub async fn forward(
    call: Call<'_>,
    proxy: &Proxy,
    (head, form): (&request::Parts, Bytes),
    host: &HeaderValue,
    login: String,
) -> Result<Response<Body>, Rejection> {
    // A page of another site must not sign the person in under another account.
    if source(&head.headers, &[&call.auth.origin]) == Source::OtherOrigin {
        return Err(Rejection::ForeignOrigin);
    }
    request_rules::check_groups(call.base, Asked::of_head(head), RuledCaller::Unknown)?;
    let upstream = upstream_request::head(call, head, host, None);
    let sent_by = SentBy::person(None, call.times);
    let forwarded = proxy.forward(upstream, Full::new(form), None, || None, sent_by).await?;
    let mut response = forwarded.response;
    let issued = response.extensions_mut().remove::<IssuedToken>();
    let is_invalid = response.status() == StatusCode::FORBIDDEN;
    native_account::note_logon(call, &login, issued.is_some(), is_invalid);
    let ticket = issued.and_then(|IssuedToken(session)| {
        // Campaign's pages carry the security token themselves.
        let tokens = TokenPair { session, security: String::new().into() };
        call.auth.native_ticket(&NativeSession { login, tokens })
    });
    if let Some(cookie) = ticket.and_then(|ticket| cookie(&ticket)) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// Campaign's cookie with the ticket as value. It is a session cookie; Campaign's own session limits its life.
fn cookie(ticket: &TokenPair) -> Option<HeaderValue> {
    let ticket = secrecy::ExposeSecret::expose_secret(&ticket.session);
    let text = format!("{CAMPAIGN_COOKIE}={ticket}; Path=/; Secure; HttpOnly; SameSite=Lax");
    let mut cookie = HeaderValue::try_from(text).ok()?;
    cookie.set_sensitive(true);
    Some(cookie)
}
