//! Dressing a request for Campaign: what the client may not say goes, what the gateway says comes.

use http::{HeaderMap, HeaderValue, header};

use super::context::Context;
use super::shared::Shared;
use crate::config::SessionMode;
use crate::policy::arrival::is_same_origin;
use crate::policy::cookies;
use crate::policy::headers::{
    self, FORWARDED_FOR, FORWARDED_HOST, FORWARDED_PROTO, REQUEST_ID, SECURITY_TOKEN, TRACEPARENT,
    TRACESTATE, identity,
};
use crate::policy::told::Told;
use crate::session::Auth;

/// Rewrites the headers in place. `host` is the checked host of the request.
pub fn dress(
    shared: &Shared,
    context: &Context,
    headers: &mut HeaderMap,
    host: HeaderValue,
    auth: Option<&Auth>,
) {
    // Read before anything is taken away.
    let same_origin = auth.is_some() && is_same_origin(headers, &shared.origin);
    let forwarded_for = forwarded_for(context, headers);
    let told = if context.peer.trusted { Told::read(headers) } else { Told::default() };

    headers::strip_request(headers);
    headers.reserve(ADDED);
    let mode = shared.instance.campaign.session;
    cookies::rewrite(headers, auth.and_then(|auth| auth.campaign_cookie.as_ref()));

    headers.insert(FORWARDED_FOR, forwarded_for);
    headers.insert(FORWARDED_PROTO, told.proto.unwrap_or(HeaderValue::from_static("https")));
    headers.insert(FORWARDED_HOST, told.host.unwrap_or_else(|| host.clone()));
    headers.insert(header::HOST, host);
    headers.insert(REQUEST_ID, context.id.header());
    let (parent, state) = told.trace.unwrap_or_else(|| (context.id.traceparent(), None));
    headers.insert(TRACEPARENT, parent);
    if let Some(state) = state {
        headers.insert(TRACESTATE, state);
    }
    headers.append(header::VIA, HeaderValue::from_static("1.1 imsgate"));

    let Some(auth) = auth else { return };
    headers.insert(identity::USER, auth.user.clone());
    if let Some(email) = &auth.email {
        headers.insert(identity::EMAIL, email.clone());
    }
    headers.insert(identity::ORGANIZATION, auth.organization.clone());
    headers.insert(identity::GROUPS, auth.groups.clone());
    headers.insert(identity::ASSERTION, auth.assertion(&shared.signer, context.now));
    match (mode, &auth.security_token) {
        // Campaign's defence against cross-site requests stays one: only our own pages get the token added.
        (SessionMode::BearerLogon, Some(token))
            if same_origin
            // Campaign's SDK sends the header empty when it has no token.
            && headers.get(SECURITY_TOKEN).is_none_or(HeaderValue::is_empty) =>
        {
            headers.insert(SECURITY_TOKEN, token.clone());
        }
        (SessionMode::Bearer, _) => drop(headers.insert(header::AUTHORIZATION, auth.bearer.clone())),
        _ => {}
    }
}

/// Puts the Campaign session of `fresh` in the place of that of `old`, in a request that was dressed for `old`. A security
/// token is exchanged only where that of `old` stood: who sent none, or a wrong one, gets none.
pub fn change_campaign_session(headers: &mut HeaderMap, old: &Auth, fresh: &Auth) {
    cookies::rewrite(headers, fresh.campaign_cookie.as_ref());
    if let (Some(sent), Some(token)) = (headers.get(SECURITY_TOKEN), &fresh.security_token)
        && Some(sent) == old.security_token.as_ref()
    {
        headers.insert(SECURITY_TOKEN, token.clone());
    }
}

/// Headers added at most.
const ADDED: usize = 16;

/// The peer's address; behind a trusted proxy, appended to what that proxy says.
fn forwarded_for(context: &Context, headers: &HeaderMap) -> HeaderValue {
    let peer = &context.peer;
    if !peer.trusted {
        return peer.forwarded_for.clone();
    }
    let mut chain: Vec<u8> = Vec::new();
    for value in headers.get_all(FORWARDED_FOR).iter().chain([&peer.forwarded_for]) {
        if !chain.is_empty() {
            chain.extend_from_slice(b", ");
        }
        chain.extend_from_slice(value.as_bytes());
    }
    HeaderValue::from_bytes(&chain).unwrap_or_else(|_| peer.forwarded_for.clone())
}
