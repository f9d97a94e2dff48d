//! The host that a request names.

use http::{HeaderValue, Request, header};

use super::rejection::Rejection;

/// The one host of a request: `Host` and `:authority` (or an absolute target) must agree (RFC 9112 §3.2, RFC 9113 §8.3.1).
/// `None` when it names none.
pub(super) fn host<B>(request: &Request<B>) -> Result<Option<HeaderValue>, Rejection> {
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
pub(super) fn with_host<B>(mut request: Request<B>, host: Option<&HeaderValue>) -> Request<B> {
    if let Some(host) = host {
        request.headers_mut().entry(header::HOST).or_insert_with(|| host.clone());
    }
    request
}

/// A host without its port.
pub(super) fn without_port(host: &HeaderValue) -> &str {
    let host = host.to_str().unwrap_or_default();
    match host.rsplit_once(':') {
        Some((name, port)) if port.parse::<u16>().is_ok_and(|port| port > 0) => name,
        _ => host,
    }
}
