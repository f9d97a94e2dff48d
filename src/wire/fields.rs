//! Names of header fields, and HTTP rules for them: hop-by-hop fields (RFC 9110 §7.6.1), trailers (§6.5.1), `Max-Forwards` (§7.6.2).

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

/// Names of the identity headers for Campaign.
pub mod identity {
    use http::HeaderName;

    /// IMS user id.
    pub const USER: HeaderName = HeaderName::from_static("x-ims-user");
    /// E-mail address; empty when IMS sends none.
    pub const EMAIL: HeaderName = HeaderName::from_static("x-ims-email");
    /// IMS organisation ID.
    pub const ORGANIZATION: HeaderName = HeaderName::from_static("x-ims-organization");
    /// Campaign groups, percent-encoded and separated by commas.
    pub const GROUPS: HeaderName = HeaderName::from_static("x-campaign-groups");
    /// ES256 JWT with all values above.
    pub const ASSERTION: HeaderName = HeaderName::from_static("x-ims-assertion");
}

/// Campaign's token against cross-site requests.
pub const SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-security-token");
/// Response field: seconds until the absolute end of the session, if it is near.
pub const EXPIRES_IN: HeaderName = HeaderName::from_static("x-ims-session-expires-in");
/// Field of a proxy that calls `/ims/auth`: the value of `listen.forward_auth_secret`.
pub const FORWARD_AUTH_SECRET: HeaderName = HeaderName::from_static("x-ims-auth-secret");
/// The id of a request, end to end.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// W3C Trace Context.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// Vendor data for `traceparent`.
pub const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
/// The address of the client.
pub const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// `https`, unless a trusted proxy sends another scheme.
pub const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// The https address of the request, from which Campaign knows that the client used HTTPS. Its web-server module sets it.
pub const SECURE_ADDRESS: HeaderName = HeaderName::from_static("nlsslurl");
/// The host that the client requested.
pub const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// How often the request may still be forwarded (`Max-Forwards`, RFC 9110 §7.6.2). `None` without the field, when it is not a number,
/// and for methods other than OPTIONS, because the gateway does not support TRACE.
pub fn hops_left(method: &Method, headers: &HeaderMap) -> Option<u32> {
    if *method != Method::OPTIONS {
        return None;
    }
    let text = headers.get(header::MAX_FORWARDS)?.to_str().ok()?;
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// True for a hop-by-hop field. It is never forwarded.
pub fn is_hop_by_hop(name: &HeaderName) -> bool {
    match *name {
        header::CONNECTION
        | header::PROXY_AUTHENTICATE
        | header::PROXY_AUTHORIZATION
        | header::TE
        | header::TRAILER
        | header::TRANSFER_ENCODING
        | header::UPGRADE => true,
        _ => matches!(name.as_str(), "keep-alive" | "proxy-connection"),
    }
}

/// True for a field that may be sent as a trailer. Fields for framing, routing, credentials, state and the body's type may not: a
/// recipient that merges trailers into the header would obey them (RFC 9110 §6.5.1).
pub fn may_trail(name: &HeaderName) -> bool {
    const NEVER: [HeaderName; 14] = [
        header::AGE,
        header::AUTHORIZATION,
        header::CACHE_CONTROL,
        header::COOKIE,
        header::DATE,
        header::EXPIRES,
        header::HOST,
        header::LOCATION,
        header::RETRY_AFTER,
        header::SET_COOKIE,
        header::STRICT_TRANSPORT_SECURITY,
        header::VARY,
        header::WARNING,
        header::WWW_AUTHENTICATE,
    ];
    !is_hop_by_hop(name) && !NEVER.contains(name) && !name.as_str().starts_with("content-")
}

/// Removes the hop-by-hop fields of a response, and the fields that its `Connection` names.
pub fn strip_hop_by_hop(headers: &mut HeaderMap) {
    // One pass over the headers instead of one look-up for each name: most messages hold at most one of them.
    let present: Vec<_> = headers.keys().filter(|name| is_hop_by_hop(name)).cloned().collect();
    if present.is_empty() {
        return;
    }
    for name in named_in_connection(headers).into_iter().chain(present) {
        headers.remove(name);
    }
}

/// Converts a token or an address to a header value. Control characters and characters outside ASCII are percent-encoded. Two texts can
/// give the same value; the reversible encoding for identity headers is in `policy::identity`.
pub fn header_text(text: &str) -> HeaderValue {
    HeaderValue::from_str(text)
        .ok()
        .filter(|value| value.to_str().is_ok())
        .or_else(|| {
            HeaderValue::from_str(&percent_encoding::utf8_percent_encode(text, CONTROLS).to_string()).ok()
        })
        .unwrap_or_else(|| HeaderValue::from_static(""))
}

const CONTROLS: &percent_encoding::AsciiSet = percent_encoding::CONTROLS;

/// The fields that `Connection` lists as hop-by-hop, except host, length, type and cookies: `Connection` cannot remove these.
pub fn named_in_connection(headers: &HeaderMap) -> Vec<HeaderName> {
    let listed =
        headers.get_all(header::CONNECTION).iter().flat_map(|field| field.as_bytes().split(|b| *b == b','));
    listed
        .map(<[u8]>::trim_ascii)
        // The two usual options: `close` is not a field, and `keep-alive` is always removed.
        .filter(|name| !name.eq_ignore_ascii_case(b"close") && !name.eq_ignore_ascii_case(b"keep-alive"))
        .filter_map(|name| HeaderName::from_bytes(name).ok())
        .filter(|name| {
            ![header::HOST, header::CONTENT_LENGTH, header::CONTENT_TYPE, header::COOKIE].contains(name)
        })
        .collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn map(pairs: &[(&str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(n, v)| (n.parse::<HeaderName>().unwrap(), HeaderValue::from_str(v).unwrap()))
            .collect()
    }

    pub(crate) fn names(headers: &HeaderMap) -> Vec<&str> {
        let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn hop_by_hop_fields_and_fields_listed_in_connection_are_removed() {
        let mut headers = map(&[
            ("connection", "close, X-Private"),
            ("connection", "x-other ,,  host, cookie"),
            ("x-private", "1"),
            ("x-other", "1"),
            ("te", "trailers"),
            ("keep-alive", "timeout=5"),
            ("host", "campaign.example.com"),
            ("cookie", "a=b"),
            ("content-encoding", "gzip"),
        ]);
        strip_hop_by_hop(&mut headers);
        assert_eq!(names(&headers), ["content-encoding", "cookie", "host"]);
    }

    #[test]
    fn a_valid_text_is_unchanged() {
        assert_eq!(header_text("Bearer a%2Cb, c"), "Bearer a%2Cb, c");
        assert_eq!(header_text("M\u{fc}ller\n"), "M%C3%BCller%0A");
    }
}
