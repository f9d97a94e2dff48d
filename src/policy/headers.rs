//! Which headers may pass between a client and Campaign.
//!
//! Two rules: hop-by-hop fields end here in both directions (RFC 9110 §7.6.1), and a client never speaks in the
//! gateway's name ([`is_reserved`]).

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use super::reserved::is_reserved;

/// Names of the headers that carry the identity to Campaign.
pub mod identity {
    use http::HeaderName;

    /// IMS user id.
    pub const USER: HeaderName = HeaderName::from_static("x-ims-user");
    /// E-mail address, empty when IMS gave none.
    pub const EMAIL: HeaderName = HeaderName::from_static("x-ims-email");
    /// IMS organisation ID.
    pub const ORGANIZATION: HeaderName = HeaderName::from_static("x-ims-organization");
    /// Campaign groups, comma separated, each percent-encoded.
    pub const GROUPS: HeaderName = HeaderName::from_static("x-campaign-groups");
    /// ES256 JWT over all of the above.
    pub const ASSERTION: HeaderName = HeaderName::from_static("x-ims-assertion");
}

/// Campaign's own defence against cross-site requests.
pub const SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-security-token");
/// To the client: seconds until its session ends, used or not, when that is soon.
pub const EXPIRES_IN: HeaderName = HeaderName::from_static("x-ims-session-expires-in");
/// From a proxy that asks `/ims/auth`: `listen.forward_auth_secret`.
pub const FORWARD_AUTH_SECRET: HeaderName = HeaderName::from_static("x-ims-auth-secret");
/// One id for a request, end to end.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// W3C Trace Context.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// Vendors' additions to `traceparent`.
pub const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
/// The client's address as this gateway saw it.
pub const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// `https`, unless a trusted proxy says otherwise.
pub const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// The host the client asked for.
pub const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// Fields that concern one connection only.
const HOP_BY_HOP: [HeaderName; 9] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Which fields of one request may reach Campaign: not hop-by-hop ones, reserved names in any spelling, `Expect`, which this
/// gateway has met itself (RFC 9110 §10.1.1), and the host and the framing, which are written anew.
#[derive(Debug)]
pub struct Passage {
    /// Those that the request's `Connection` makes hop-by-hop.
    named: Vec<HeaderName>,
}

impl Passage {
    /// What this request's own fields leave open.
    pub fn of(headers: &HeaderMap) -> Self {
        Self { named: named_in_connection(headers) }
    }

    /// True when a field of this name may pass.
    pub fn is_open(&self, name: &HeaderName) -> bool {
        let closed = [header::HOST, header::CONTENT_LENGTH, header::EXPECT];
        !closed.contains(name)
            && !is_hop_by_hop(name)
            && !is_reserved(name.as_str())
            && !self.named.contains(name)
    }
}

/// How many times a request may still be forwarded: said by OPTIONS only, for TRACE is none of ours (RFC 9110 §7.6.2). What is no
/// number says nothing.
pub fn hops_left(method: &Method, headers: &HeaderMap) -> Option<u32> {
    if *method != Method::OPTIONS {
        return None;
    }
    let text = headers.get(header::MAX_FORWARDS)?.to_str().ok()?;
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// True for a field that always ends here.
pub fn is_hop_by_hop(name: &HeaderName) -> bool {
    HOP_BY_HOP.contains(name)
}

/// True for a field that may come behind a body: nothing that frames, routes, signs in, sets state or says what the body is, for who
/// merges trailers would believe it there too (RFC 9110 §6.5.1).
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

/// Takes the hop-by-hop fields from a response, with everything its `Connection` fields name.
pub fn strip_hop_by_hop(headers: &mut HeaderMap) {
    // One pass instead of a look-up for each: a request or a response has one of them at most, usually.
    let which = |name: &HeaderName| HOP_BY_HOP.iter().position(|known| known == name);
    let present = headers.keys().filter_map(which).fold(0_u16, |present, index| present | 1 << index);
    if present == 0 {
        return;
    }
    for name in named_in_connection(headers) {
        headers.remove(name);
    }
    for (index, name) in HOP_BY_HOP.iter().enumerate() {
        if present >> index & 1 == 1 {
            headers.remove(name);
        }
    }
}

/// A token or an address as a header value, as it is if it fits. What does not fit (controls, other than ASCII) is percent-encoded, so
/// that two texts may give the same value: for what identifies a person see [`identity`](super::identity).
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

fn named_in_connection(headers: &HeaderMap) -> Vec<HeaderName> {
    let listed =
        headers.get_all(header::CONNECTION).iter().flat_map(|field| field.as_bytes().split(|b| *b == b','));
    listed
        .map(<[u8]>::trim_ascii)
        // Options that every other peer sends; the first names no field, the other one that goes anyway.
        .filter(|name| !name.eq_ignore_ascii_case(b"close") && !name.eq_ignore_ascii_case(b"keep-alive"))
        .filter_map(|name| HeaderName::from_bytes(name).ok())
        // Framing and target are never a client's to take away.
        .filter(|name| {
            ![header::HOST, header::CONTENT_LENGTH, header::CONTENT_TYPE, header::COOKIE].contains(name)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn map(pairs: &[(&str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(n, v)| (n.parse::<HeaderName>().unwrap(), HeaderValue::from_str(v).unwrap()))
            .collect()
    }

    fn names(headers: &HeaderMap) -> Vec<&str> {
        let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names
    }

    fn passing(headers: &HeaderMap) -> Vec<&str> {
        let passage = Passage::of(headers);
        names(headers).into_iter().filter(|name| passage.is_open(&name.parse().unwrap())).collect()
    }

    #[test]
    fn spoofed_names_go_in_every_spelling() {
        let headers = map(&[
            ("X_Campaign_Groups", "admin"),
            ("x-campaign_groups", "admin"),
            ("X.Campaign.Groups", "admin"),
            ("X-IMS-User", "eve"),
            ("Authorization", "Bearer junk"),
            ("X_Forwarded_For", "127.0.0.1"),
            ("X-Original-URL", "/view/home"),
            ("x_security_token", "forged"),
            ("content_length", "5"),
            ("transfer.encoding", "chunked"),
            ("content-length", "5"),
            ("host", "x"),
            ("expect", "100-continue"),
            ("x-security-token", "campaign's own"),
            ("accept-language", "en"),
        ]);
        assert_eq!(passing(&headers), ["accept-language", "x-security-token"]);
    }

    #[test]
    fn hop_by_hop_fields_end_here_with_all_that_connection_names() {
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
    fn a_text_that_fits_into_a_field_stays_as_it_is() {
        assert_eq!(header_text("Bearer a%2Cb, c"), "Bearer a%2Cb, c");
        assert_eq!(header_text("M\u{fc}ller\n"), "M%C3%BCller%0A");
    }

    proptest! {
        #[test]
        fn no_spelling_of_an_identity_header_survives(
            name in proptest::sample::select(vec![
                identity::USER, identity::EMAIL, identity::ORGANIZATION, identity::GROUPS, identity::ASSERTION,
            ]),
            separators in proptest::collection::vec("[-_.!~]{1,2}", 4),
            upper in any::<u32>(),
        ) {
            let mut separators = separators.into_iter();
            let spelled: String = name.as_str().char_indices().map(|(index, letter)| match letter {
                '-' => separators.next().unwrap_or_default(),
                letter if upper >> (index % 32) & 1 == 1 => letter.to_ascii_uppercase().to_string(),
                letter => letter.to_string(),
            }).collect();
            let mut headers = HeaderMap::new();
            headers.insert(HeaderName::from_bytes(spelled.as_bytes()).unwrap(), HeaderValue::from_static("forged"));
            prop_assert!(passing(&headers).is_empty());
        }
    }
}
