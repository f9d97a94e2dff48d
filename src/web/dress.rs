//! Dressing a request for Campaign: what the client may not say is left out, what the gateway says is added.

use http::{HeaderMap, HeaderValue, Version, header, request};

use super::context::Context;
use super::shared::Shared;
use crate::config::SessionMode;
use crate::policy::cookies;
use crate::policy::forwardable::Forwardable;
use crate::policy::forwarded_headers::ForwardedHeaders;
use crate::policy::origin::is_same_origin;
use crate::session::Auth;
use crate::wire::fields::{
    FORWARDED_FOR, FORWARDED_HOST, FORWARDED_PROTO, REQUEST_ID, SECURITY_TOKEN, TRACEPARENT, TRACESTATE,
    hops_left, identity,
};
use crate::wire::request_head::RequestHead;

/// The head of this request as Campaign gets it, one pass over its fields. `host` is the checked host of the request.
pub fn dress(
    shared: &Shared,
    context: &Context,
    request: &request::Parts,
    host: &HeaderValue,
    auth: Option<&Auth>,
) -> RequestHead {
    let sent = request.headers.get(SECURITY_TOKEN);
    written(shared, context, request, host, auth, sent)
}

/// As [`dress`], for the Campaign session of `fresh` in the place of that of `old`. A security token is exchanged only where that
/// of `old` stood: who sent none, or a wrong one, gets none.
pub fn anew(
    shared: &Shared,
    context: &Context,
    request: &request::Parts,
    host: &HeaderValue,
    (old, fresh): (&Auth, &Auth),
) -> RequestHead {
    let sent = request.headers.get(SECURITY_TOKEN);
    let exchanged = if sent.is_some() && sent == old.credentials.security_token.as_ref() {
        fresh.credentials.security_token.as_ref()
    } else {
        sent
    };
    written(shared, context, request, host, Some(fresh), exchanged)
}

/// `sent` is the security token that the request comes with.
fn written(
    shared: &Shared,
    context: &Context,
    request: &request::Parts,
    host: &HeaderValue,
    auth: Option<&Auth>,
    sent: Option<&HeaderValue>,
) -> RequestHead {
    let headers = &request.headers;
    let mut head = RequestHead::begin(&request.method, &request.uri);
    let lines = head.lines();
    let told =
        if context.peer.trusted { ForwardedHeaders::read(headers) } else { ForwardedHeaders::default() };
    match &told.host {
        Some(named) => {
            lines.add(&header::HOST, host);
            lines.add(&FORWARDED_HOST, named);
        }
        None => shared.authority.write(host, lines),
    }
    let forwardable = Forwardable::of(headers);
    let hops = hops_left(&request.method, headers);
    for (name, value) in headers {
        let anew = *name == header::COOKIE
            || *name == SECURITY_TOKEN
            || (hops.is_some() && *name == header::MAX_FORWARDS);
        if !anew && forwardable.allows(name) {
            lines.add(name, value);
        }
    }
    cookies::write(lines, headers, auth.and_then(|auth| auth.credentials.campaign_cookie.as_ref()));

    if context.peer.trusted {
        lines.add(&FORWARDED_FOR, &forwarded_for(context, headers));
        lines.add(&FORWARDED_PROTO, &told.proto.unwrap_or(HeaderValue::from_static("https")));
    } else {
        lines.extend(&context.peer.prepared.forwarded_lines);
    }
    lines.add_text(&REQUEST_ID, context.id.as_str());
    match &told.trace {
        Some((parent, state)) => {
            lines.add(&TRACEPARENT, parent);
            if let Some(state) = state {
                lines.add(&TRACESTATE, state);
            }
        }
        None => lines.add_text(&TRACEPARENT, context.id.traceparent().as_str()),
    }
    lines.add_fixed(match request.version {
        Version::HTTP_2 => "via: 2.0 imsgate\r\n",
        Version::HTTP_10 => "via: 1.0 imsgate\r\n",
        _ => "via: 1.1 imsgate\r\n",
    });
    if let Some(hops) = hops {
        lines.add(&header::MAX_FORWARDS, &hops.saturating_sub(1).into());
    }

    let mode = shared.instance.campaign.session;
    let ours = auth.and_then(|auth| auth.credentials.security_token.as_ref()).filter(|_| {
        // Campaign's defence against cross-site requests stays one: only our own pages get the token added.
        mode == SessionMode::BearerLogon
            // Campaign's SDK sends the header empty when it has no token.
            && sent.is_none_or(HeaderValue::is_empty)
            && is_same_origin(headers, &shared.origin)
    });
    if let Some(token) = ours.or(sent) {
        lines.add(&SECURITY_TOKEN, token);
    }
    if let Some(auth) = auth {
        lines.extend(&auth.credentials.lines);
        lines.add(&identity::ASSERTION, &auth.assertion(&shared.signer, context.now));
        if mode == SessionMode::Bearer {
            lines.add(&header::AUTHORIZATION, &auth.credentials.authorization);
        }
    }
    head.set_client_host(told.host.unwrap_or_else(|| host.clone()));
    head
}

/// What a trusted proxy says of where the request comes from, and its own address.
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
