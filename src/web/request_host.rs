//! The host that a request names.

use http::{HeaderMap, HeaderValue, Request, header};

use super::rejection::Rejection;
use super::site::Site;

/// The one host of a request: `Host` and `:authority` (or an absolute target) must agree (RFC 9112 §3.2, RFC 9113 §8.3.1).
/// `None` when it names none.
pub fn host<B>(request: &Request<B>) -> Result<Option<HeaderValue>, Rejection> {
    let mut fields = request.headers().get_all(header::HOST).iter();
    let (field, more) = (fields.next(), fields.next());
    if more.is_some() {
        return Err(Rejection::Host);
    }
    let host = match (request.uri().authority(), field) {
        (Some(authority), Some(field))
            if !field.as_bytes().eq_ignore_ascii_case(authority.as_str().as_bytes()) =>
        {
            return Err(Rejection::Host);
        }
        (_, Some(field)) => field.clone(),
        (Some(authority), None) => HeaderValue::from_str(authority.as_str()).map_err(|_| Rejection::Host)?,
        (None, None) => return Ok(None),
    };
    let bytes = host.as_bytes();
    if !bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"-._:[]".contains(b)) {
        return Err(Rejection::Host);
    }
    Ok(Some(host).filter(|host| !host.is_empty()))
}

/// What the gateway answers itself finds the host in the same place over both versions (RFC 9113 §8.3.1).
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
    let callback = site.instance.ims.callback_server.host_str().unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let is_there = name.eq_ignore_ascii_case(callback) || host.eq_ignore_ascii_case(callback);
    (!is_there && !host.is_empty()).then(|| format!("{}{target}", site.auth.origin))
}
