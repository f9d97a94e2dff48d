//! The host of a request, for the routes of the gateway.

use http::{HeaderMap, HeaderValue, Request, header};

use super::site::Site;

/// Adds `Host` to a request of HTTP/2 for the routes of the gateway, so that they find it in one place (RFC 9113 §8.3.1).
pub fn with_host<B>(mut request: Request<B>, host: Option<&HeaderValue>) -> Request<B> {
    if let Some(host) = host {
        request.headers_mut().entry(header::HOST).or_insert_with(|| host.clone());
    }
    request
}

/// The same address at the host of the callback server; `None` when the request came there. The session cookie belongs to that host, so
/// people sign in only there.
pub fn address_at_callback_host(site: &Site, headers: &HeaderMap, target: &str) -> Option<String> {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let callback = site.host_name();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let is_there = name.eq_ignore_ascii_case(callback) || host.eq_ignore_ascii_case(callback);
    (!is_there && !host.is_empty()).then(|| format!("{}{target}", site.origin))
}
