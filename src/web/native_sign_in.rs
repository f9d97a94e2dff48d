//! `/nl/jsp/logon.jsp` with login and password of a configured native account. Campaign checks the password. The browser gets a ticket of
//! the gateway in place of Campaign's cookie.

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, header, request};
use http_body_util::Full;
use secrecy::{ExposeSecret as _, SecretString};

use super::call::Call;
use super::native_account::NativeLogin;
use super::refused_tokens::RefusedTokens;
use super::rejection::Rejection;
use super::request_rules::{self, Principal, RequestView};
use super::{emergency, native_account, upstream_request};
use crate::auth::NativeSession;
use crate::pages::EmergencyNotice;
use crate::policy::campaign_sign_in::{SignInRequest, credentials_of};
use crate::policy::campaign_tokens::TokenPair;
use crate::policy::cookies::CAMPAIGN_COOKIE;
use crate::policy::native_account::{NativeProof, TicketOrigin};
use crate::policy::origin::{Source, source};
use crate::proxy::{Body, FirstServer, IssuedToken, Proxy, SentBy};

/// A login that Campaign checks.
pub struct PageLogin {
    account: NativeLogin,
    password: SecretString,
}

/// The login in this form, if its account may sign in from the client's address.
pub fn login(call: Call<'_>, head: &request::Parts, form: &Bytes) -> Option<PageLogin> {
    if head.method != Method::POST {
        return None;
    }
    let path = head.uri.path();
    let (login, password) = credentials_of(path, head.uri.query().unwrap_or_default(), form)?;
    let client = call.context.client_address(&head.headers);
    let Some(account) = native_account::allowed(call.base, &login, (client, path), NativeProof::SignIn)
    else {
        let request = Request::from_parts(head.clone(), ());
        RefusedTokens::new(call.base, &request).login(&login);
        return None;
    };
    Some(PageLogin { account, password })
}

/// Forwards the form, and replaces Campaign's session in the response by a ticket.
///
/// # Errors
/// When a page of another origin sent the form, when another wrong password could lock the account, and when Campaign does not answer.
pub async fn forward(
    call: Call<'_>,
    proxy: &Proxy,
    (head, form): (&request::Parts, Bytes),
    host: &HeaderValue,
    PageLogin { account, password }: PageLogin,
) -> Result<Response<Body>, Rejection> {
    // A page of another site must not sign the person in under another account.
    if source(&head.headers, &[&call.auth.origin]) == Source::OtherOrigin {
        return Err(Rejection::ForeignOrigin);
    }
    request_rules::check_groups(call.base, RequestView::of_head(head), Principal::Unknown)?;
    let _turn = native_account::turn(call.base, &account.login).await;
    let attempt = native_account::begin(call.base, &account.login, password.expose_secret());
    // Campaign's own page would show wrong passwords in its own way, without the style sheets that are not public.
    let refused = || {
        let target = SignInRequest::read(head.uri.query().unwrap_or_default(), &form).target;
        let is_emergency = account.origin != TicketOrigin::Usual;
        let page = || emergency::page(call, &head.headers, target.as_str(), Some(EmergencyNotice::Refused));
        if is_emergency { page() } else { None }
    };
    let Some(attempt) = attempt else {
        return refused().map(|page| page.map(Body::from)).ok_or(Rejection::InvalidLogin);
    };
    let attempts = vec![attempt];
    let upstream = upstream_request::head(call, head, host, None);
    let sent_by = SentBy::person(Some(FirstServer::Of(&account.login)), call.times);
    let forwarded = match proxy.forward(upstream, Full::new(form.clone()), None, || None, sent_by).await {
        Ok(forwarded) => forwarded,
        Err(error) => {
            native_account::end_unanswered(call.base, attempts, &error);
            return Err(error.into());
        }
    };
    let mut response = forwarded.response;
    let issued = response.extensions_mut().remove::<IssuedToken>();
    // Builds differ in how they show the page again.
    let is_invalid = !response.status().is_server_error();
    native_account::end_logon(call, &account, attempts, (issued.is_some(), is_invalid));
    if issued.is_none()
        && is_invalid
        && let Some(page) = refused()
    {
        return Ok(page.map(Body::from));
    }
    let ticket = issued.and_then(|IssuedToken(session)| {
        // Campaign's pages carry the security token themselves.
        let tokens = TokenPair { session, security: String::new().into() };
        let NativeLogin { login, origin, .. } = account;
        native_account::ticket(call, &NativeSession { login, tokens, origin })
    });
    if let Some(cookie) = ticket.and_then(|ticket| cookie(&ticket)) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// Campaign's cookie with the ticket as value. It is a session cookie; Campaign's own session limits its life.
fn cookie(ticket: &TokenPair) -> Option<HeaderValue> {
    let ticket = ticket.session.expose_secret();
    let text = format!("{CAMPAIGN_COOKIE}={ticket}; Path=/; Secure; HttpOnly; SameSite=Lax");
    let mut cookie = HeaderValue::try_from(text).ok()?;
    cookie.set_sensitive(true);
    Some(cookie)
}
