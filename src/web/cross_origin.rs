//! Refuses writes and WebSockets that a page of another origin sends with a person's session.

use axum::response::Response;
use http::{HeaderMap, HeaderValue, Request, header};

use super::call::Call;
use super::context::Context;
use super::rejection::Rejection;
use super::site::Site;
use crate::policy::client_kind::ClientKind;
use crate::policy::origin::{Source, is_unsafe, source};
use crate::session::LiveSession;
use crate::telemetry::audit::AuditAction;
use crate::wire::host::without_port;

/// True for a write or a WebSocket handshake that a page of another origin sent, according to the browser. `host` is the request's own
/// host: another host of this gateway (`campaign.hosts`) is another origin.
pub fn is_foreign<B>(site: &Site, request: &Request<B>, host: &HeaderValue, websocket: bool) -> bool {
    (websocket || is_unsafe(request.method())) && is_cross_origin(site, request.headers(), host)
}

fn is_cross_origin(site: &Site, headers: &HeaderMap, host: &HeaderValue) -> bool {
    let is_other = |own: &[&str]| source(headers, own) == Source::OtherOrigin;
    if site.host.is(host) {
        return is_other(&[&site.origin]);
    }
    let own = format!("https://{}", host.to_str().unwrap_or_default());
    // A proxy before us may have dropped the port.
    if without_port(host).eq_ignore_ascii_case(site.host_name()) {
        return is_other(&[&own, &site.origin]);
    }
    is_other(&[&own])
}

/// 403 in the client's format, and a line in the audit trail.
pub fn refuse<B>(call: Call<'_>, request: &Request<B>, session: &LiveSession) -> Response {
    let context = call.context;
    let (method, headers, path) = (request.method(), request.headers(), request.uri().path());
    let sent = |name| headers.get(name).map_or("", |value: &HeaderValue| value.to_str().unwrap_or("?"));
    let refused = AuditAction::CrossOriginRefused {
        origin: sent(header::ORIGIN.as_str()).to_owned(),
        site: sent("sec-fetch-site").to_owned(),
        method: method.to_string(),
        path: path.to_owned(),
    };
    call.audit(session.subject(), refused);
    let is_soap = ClientKind::of(method, headers, path) == ClientKind::Soap;
    let context = Context {
        wants_page: context.wants_page && !is_soap,
        wants_fault: context.wants_fault || is_soap,
        ..context.clone()
    };
    Rejection::ForeignOrigin.response(call.with_context(&context), true)
}
