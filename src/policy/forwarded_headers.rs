//! Header fields that a trusted proxy in front of the gateway adds to a request. A field counts only if it is valid and appears
//! once.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::wire::fields::{FORWARDED_HOST, FORWARDED_PROTO, TRACEPARENT, TRACESTATE};

/// The valid fields of a trusted proxy. `Default`: no fields.
#[derive(Debug, Default)]
pub struct ForwardedHeaders {
    /// `X-Forwarded-Proto`: `http` or `https`.
    pub proto: Option<HeaderValue>,
    /// `X-Forwarded-Host`: the host that the client requested from the proxy.
    pub host: Option<HeaderValue>,
    /// `traceparent` (W3C Trace Context §3.2), with its `tracestate` if any.
    pub trace: Option<(HeaderValue, Option<HeaderValue>)>,
}

impl ForwardedHeaders {
    /// Reads the fields of a request from a trusted peer.
    pub fn read(headers: &HeaderMap) -> Self {
        let proto = single(headers, &FORWARDED_PROTO).filter(|value| value == "http" || value == "https");
        let host = single(headers, &FORWARDED_HOST).filter(is_host);
        let trace = single(headers, &TRACEPARENT).filter(is_traceparent);
        Self { proto, host, trace: trace.map(|parent| (parent, single(headers, &TRACESTATE))) }
    }
}

/// The value of a field that appears exactly once.
fn single(headers: &HeaderMap, name: &HeaderName) -> Option<HeaderValue> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none()).cloned()
}

fn is_host(value: &HeaderValue) -> bool {
    let host = value.as_bytes();
    !host.is_empty() && host.iter().all(|b| b.is_ascii_alphanumeric() || b"-._:[]".contains(b))
}

/// `version-traceid-parentid-flags` of version 00. Ids of zeros are invalid.
fn is_traceparent(value: &HeaderValue) -> bool {
    let hex = |part: &[u8], length| {
        part.len() == length && part.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    let id = |part: &[u8], length| hex(part, length) && part.iter().any(|b| *b != b'0');
    let mut parts = value.as_bytes().split(|b| *b == b'-');
    let mut next = || parts.next().unwrap_or_default();
    let known = next() == b"00" && id(next(), 32) && id(next(), 16) && hex(next(), 2);
    known && parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &'static str, values: &[&'static str]) -> ForwardedHeaders {
        let fields = values.iter().map(|v| (HeaderName::from_static(name), HeaderValue::from_static(v)));
        ForwardedHeaders::read(&fields.collect())
    }

    #[test]
    fn a_single_valid_field_counts() {
        assert_eq!(read("x-forwarded-proto", &["http"]).proto.unwrap(), "http");
        assert_eq!(read("x-forwarded-host", &["[::1]:8443"]).host.unwrap(), "[::1]:8443");
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert_eq!(read("traceparent", &[parent]).trace.unwrap().0, parent);
    }

    #[test]
    fn a_repeated_or_invalid_field_is_ignored() {
        for values in [&["https", "http"][..], &["https, http"], &["HTTPS"], &["ws"], &[""]] {
            assert!(read("x-forwarded-proto", values).proto.is_none(), "{values:?}");
        }
        for values in [&["a", "a"][..], &["a, b"], &["a/b"], &["user@a"], &[""]] {
            assert!(read("x-forwarded-host", values).host.is_none(), "{values:?}");
        }
        for value in [
            "",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            assert!(read("traceparent", &[value]).trace.is_none(), "{value}");
        }
    }
}
