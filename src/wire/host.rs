//! The host that a request names.

use http::{HeaderValue, Request, header};

/// The request names several hosts, or a malformed one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the request names several hosts, or a malformed one")]
pub struct HostError;

/// The one host of a request: `Host` and `:authority` (or an absolute target) must agree (RFC 9112 §3.2, RFC 9113 §8.3.1).
/// `None` when it names none.
///
/// # Errors
/// Several hosts, contradicting ones, or one with characters that no host has.
pub fn host<B>(request: &Request<B>) -> Result<Option<HeaderValue>, HostError> {
    let mut fields = request.headers().get_all(header::HOST).iter();
    let (field, more) = (fields.next(), fields.next());
    if more.is_some() {
        return Err(HostError);
    }
    let host = match (request.uri().authority(), field) {
        (Some(authority), Some(field))
            if !field.as_bytes().eq_ignore_ascii_case(authority.as_str().as_bytes()) =>
        {
            return Err(HostError);
        }
        (_, Some(field)) => field.clone(),
        (Some(authority), None) => HeaderValue::from_str(authority.as_str()).map_err(|_| HostError)?,
        (None, None) => return Ok(None),
    };
    if !is_host(host.as_bytes()) {
        return Err(HostError);
    }
    Ok(Some(host).filter(|host| !host.is_empty()))
}

/// True for bytes that a host may have.
pub fn is_host(host: &[u8]) -> bool {
    host.iter().all(|byte| HOST_BYTES[usize::from(*byte)])
}

/// A table: every request has a host.
const HOST_BYTES: [bool; 256] = {
    let mut bytes = [false; 256];
    let mut byte = 0;
    while byte < 128_u8 {
        bytes[byte as usize] =
            matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b':' | b'[' | b']');
        byte += 1;
    }
    bytes
};

/// A host without its port.
pub fn without_port(host: &HeaderValue) -> &str {
    name_of(host.to_str().unwrap_or_default())
}

/// The same of a text.
pub fn name_of(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.parse::<u16>().is_ok_and(|port| port > 0) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(target: &str, hosts: &[&str]) -> Result<Option<HeaderValue>, HostError> {
        let request =
            hosts.iter().fold(Request::get(target), |request, name| request.header(header::HOST, *name));
        host(&request.body(()).unwrap())
    }

    #[test]
    fn host_and_authority_name_one_host_or_none() {
        assert_eq!(named("/", &["a.example:8443"]), Ok(Some("a.example:8443".parse().unwrap())));
        assert_eq!(named("https://a.example/", &[]), Ok(Some("a.example".parse().unwrap())));
        assert_eq!(named("https://a.example/", &["A.example"]), Ok(Some("A.example".parse().unwrap())));
        assert_eq!(named("/", &[]), Ok(None));
        assert_eq!(named("/", &[""]), Ok(None));
        for (target, hosts) in [
            ("/", &["a.example", "a.example"][..]),
            ("https://a.example/", &["b.example"]),
            ("/", &["a.example/x"]),
            ("/", &["a@b.example"]),
        ] {
            assert_eq!(named(target, hosts), Err(HostError), "{target} {hosts:?}");
        }
    }

    #[test]
    fn a_port_is_a_number() {
        for (host, name) in [
            ("a.example:443", "a.example"),
            ("[::1]:443", "[::1]"),
            ("[::1]", "[::1]"),
            ("a:0", "a:0"),
            ("a:", "a:"),
        ] {
            assert_eq!(without_port(&host.parse().unwrap()), name);
        }
    }
}
