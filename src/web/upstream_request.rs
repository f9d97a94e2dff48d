//! Writes the head of a request for Campaign: leaves out fields that a client may not send, and adds the gateway's own.

use http::{HeaderMap, HeaderValue, Version, header, request};

use super::call::{BaseCall, Call};
use super::context::Context;
use crate::auth::{NativeSession, ServiceAccount, ServiceSession};
use crate::config::{AccountSession, SessionMode};
use crate::policy::cookies;
use crate::policy::credentials::{Credentials, campaign_cookie};
use crate::policy::forwardable::Forwardable;
use crate::policy::forwarded_headers::ForwardedHeaders;
use crate::policy::origin::is_same_origin;
use crate::session::LiveSession;
use crate::wire::fields::{
    FORWARDED_FOR, FORWARDED_HOST, FORWARDED_PROTO, REQUEST_ID, SECURE_ADDRESS, SECURITY_TOKEN, TRACEPARENT,
    TRACESTATE, hops_left, identity,
};
use crate::wire::request_head::RequestHead;

/// The head of this request as Campaign gets it, one pass over its fields. `host` is the checked host of the request.
pub fn head(
    call: Call<'_>,
    request: &request::Parts,
    host: &HeaderValue,
    session: Option<&LiveSession>,
) -> RequestHead {
    let own = session.map(|session| Own::of_session(call, session));
    let cookie = session.and_then(|session| session.credentials.campaign_cookie.as_ref());
    write(call.base, request, host, own, cookie)
}

/// As [`head`], for an anonymous caller.
pub fn head_of_anonymous(call: BaseCall<'_>, request: &request::Parts, host: &HeaderValue) -> RequestHead {
    write(call, request, host, None, None)
}

/// As [`head`], for a native account: with its session at Campaign, and without identity.
pub fn head_of_native(
    call: Call<'_>,
    request: &request::Parts,
    host: &HeaderValue,
    session: &NativeSession,
) -> RequestHead {
    write(call.base, request, host, None, Some(&campaign_cookie(&session.tokens.session)))
}

/// As [`head`], for a technical account; with a Campaign session in mode `bearer-logon`, or the credentials of one that the account
/// opened by itself.
pub fn head_of_account(
    call: Call<'_>,
    request: &request::Parts,
    host: &HeaderValue,
    account: &ServiceAccount,
    (session, given): (Option<&ServiceSession>, Option<&Credentials>),
) -> RequestHead {
    let forwards_token =
        account.account().session == AccountSession::Bearer || request.uri.path() == AEM_ASSET_DOWNLOAD;
    let credentials = session.map(|session| &session.credentials).or(given).unwrap_or(&account.credentials);
    let own = Own {
        credentials,
        assertion: account.assertion(&call.auth.state.signer, call.context.now),
        is_account: true,
        security_token: session.and_then(|session| session.credentials.security_token.as_ref()),
        authorization: request.headers.get(header::AUTHORIZATION).filter(|_| forwards_token),
    };
    write(call.base, request, host, Some(own), credentials.campaign_cookie.as_ref())
}

/// What the gateway adds for a known caller.
struct Own<'a> {
    credentials: &'a Credentials,
    assertion: HeaderValue,
    /// True for a technical account. No cookie identifies it, so no page of another origin can use its session.
    is_account: bool,
    /// May be sent in place of the client's.
    security_token: Option<&'a HeaderValue>,
    authorization: Option<&'a HeaderValue>,
}

impl<'a> Own<'a> {
    fn of_session(call: Call<'_>, session: &'a LiveSession) -> Self {
        let (auth, mode) = (&call.auth, call.site.campaign.session);
        let credentials = &session.credentials;
        let (is_logon, is_bearer) = (mode == SessionMode::BearerLogon, mode == SessionMode::Bearer);
        Self {
            credentials,
            assertion: session.assertion(&auth.state.signer, call.context.now),
            is_account: false,
            security_token: credentials.security_token.as_ref().filter(|_| is_logon),
            authorization: is_bearer.then_some(&credentials.authorization),
        }
    }
}

fn write(
    call: BaseCall<'_>,
    request: &request::Parts,
    host: &HeaderValue,
    own: Option<Own<'_>>,
    campaign_cookie: Option<&HeaderValue>,
) -> RequestHead {
    let BaseCall { site, context, .. } = call;
    let headers = &request.headers;
    let mut head = RequestHead::begin(&request.method, &request.uri);
    let lines = head.lines();
    let forwarded =
        if context.peer.trusted { ForwardedHeaders::read(headers) } else { ForwardedHeaders::default() };
    match &forwarded.host {
        Some(named) => {
            lines.add(&header::HOST, host);
            lines.add(&FORWARDED_HOST, named);
        }
        None => site.host.write(host, lines),
    }
    let forwardable = if context.has.connection { Forwardable::of(headers) } else { Forwardable::default() };
    let hops = hops_left(&request.method, headers);
    let mut sent = None;
    for (name, value) in headers {
        if *name == SECURITY_TOKEN {
            sent = sent.or(Some(value));
        } else if forwardable.allows(name) && !(hops.is_some() && *name == header::MAX_FORWARDS) {
            lines.add(name, value);
        }
    }
    cookies::write(lines, headers, campaign_cookie);

    if context.peer.trusted {
        lines.add(&FORWARDED_FOR, &forwarded_for(context, headers));
        lines.add(&FORWARDED_PROTO, forwarded.proto.as_ref().unwrap_or(&HeaderValue::from_static("https")));
    } else {
        lines.extend(&context.peer.prepared.forwarded_lines);
    }
    // A client of a trusted proxy may have used HTTP.
    if site.campaign.secure_header && forwarded.proto.as_ref().is_none_or(|proto| proto == "https") {
        lines.add_https_address(&SECURE_ADDRESS, forwarded.host.as_ref().unwrap_or(host), &request.uri);
    }
    lines.add_text(&REQUEST_ID, context.id.as_bytes());
    match &forwarded.trace {
        Some((parent, state)) => {
            lines.add(&TRACEPARENT, parent);
            if let Some(state) = state {
                lines.add(&TRACESTATE, state);
            }
        }
        None => lines.add_text(&TRACEPARENT, context.id.traceparent().as_bytes()),
    }
    lines.add_fixed(match request.version {
        Version::HTTP_2 => "via: 2.0 imsgate\r\n",
        Version::HTTP_10 => "via: 1.0 imsgate\r\n",
        _ => "via: 1.1 imsgate\r\n",
    });
    if let Some(hops) = hops {
        lines.add(&header::MAX_FORWARDS, &hops.saturating_sub(1).into());
    }

    let may_add = |own: &Own<'_>| {
        // Campaign's protection against cross-site requests must remain: only our own pages get a person's token added.
        own.is_account
            // Campaign's SDK sends the header empty when it has no token.
            || (sent.is_none_or(HeaderValue::is_empty) && is_same_origin(headers, &site.origin))
    };
    let ours = own.as_ref().filter(|own| own.security_token.is_some() && may_add(own));
    if let Some(token) = ours.and_then(|own| own.security_token).or(sent) {
        lines.add(&SECURITY_TOKEN, token);
    }
    if let Some(own) = own {
        lines.extend(&own.credentials.lines);
        lines.add(&identity::ASSERTION, &own.assertion);
        if let Some(authorization) = own.authorization {
            lines.add(&header::AUTHORIZATION, authorization);
        }
    }
    head.set_client_host(forwarded.host.unwrap_or_else(|| host.clone()));
    head
}

/// The address where Campaign itself uses the access token of the request, at AEM.
const AEM_ASSET_DOWNLOAD: &str = "/nms/aemAssetDownload.jssp";

/// `X-Forwarded-For`: the value from a trusted proxy, and the proxy's own address.
fn forwarded_for(context: &Context, headers: &HeaderMap) -> HeaderValue {
    let own = &context.peer.prepared.forwarded_for;
    let mut chain: Vec<u8> = Vec::new();
    for value in headers.get_all(FORWARDED_FOR).iter().chain([own]) {
        if !chain.is_empty() {
            chain.extend_from_slice(b", ");
        }
        chain.extend_from_slice(value.as_bytes());
    }
    HeaderValue::from_bytes(&chain).unwrap_or_else(|_| own.clone())
}
