//! Which headers may pass between a client and Campaign.
//!
//! Two rules: hop-by-hop fields end here in both directions (RFC 9110 §7.6.1), and a client never speaks in the
//! gateway's name, whatever the spelling: CGI-like servers fold `_`, `.` and `-` into one (RFC 3875 §4.1.18).

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

/// Names of the headers that carry the identity to Campaign.
pub mod identity {
    use http::HeaderName;

    /// IMS user id.
    pub const USER: HeaderName = HeaderName::from_static("x-ims-user");
    /// E-mail address, absent when IMS gave none.
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

/// Only the gateway says these; a client's are removed from every request.
const RESERVED: [&str; 23] = [
    "x-ims-user",
    "x-ims-email",
    "x-ims-organization",
    "x-campaign-groups",
    "x-ims-assertion",
    "authorization",
    "x-session-token",
    "x-request-id",
    "traceparent",
    "tracestate",
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-server",
    "x-forwarded-uri",
    "x-real-ip",
    // Some servers let these name another path than the one decided on.
    "x-original-url",
    "x-original-uri",
    "x-original-host",
    "x-rewrite-url",
    "x-override-url",
];

/// Names that may pass in their exact spelling only.
const SHADOWED: [&str; 3] = ["x-security-token", "content-length", "transfer-encoding"];

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

/// True for a name that only the gateway may say, in any spelling a lenient server could fold into it.
pub fn is_reserved(name: &str) -> bool {
    let (length, first) = (name.len(), name.as_bytes().first().copied().map(fold));
    let folds_to = |known: &&str| {
        // Hardly any name of a browser gets further.
        known.len() == length
            && known.as_bytes().first().copied() == first
            && name.bytes().zip(known.bytes()).all(|(sent, known)| fold(sent) == known)
    };
    RESERVED.iter().any(&folds_to)
        // The exact spelling passes, being Campaign's own or the framing that the parser checked; a variant could shadow it.
        || SHADOWED.iter().any(|known| name != *known && folds_to(known))
}

/// The value of a header that lists groups: each percent-encoded, so that a comma in a name stays in the name.
pub fn group_list(groups: &[String]) -> HeaderValue {
    let list = groups.iter().map(|group| percent_encoding::utf8_percent_encode(group, ENCODE).to_string());
    header_text(&list.collect::<Vec<_>>().join(","))
}

/// Any text as a header value: what does not fit (controls, other than ASCII) is percent-encoded.
pub fn header_text(text: &str) -> HeaderValue {
    HeaderValue::from_str(text)
        .ok()
        .filter(|value| value.to_str().is_ok())
        .or_else(|| {
            HeaderValue::from_str(&percent_encoding::utf8_percent_encode(text, CONTROLS).to_string()).ok()
        })
        .unwrap_or_else(|| HeaderValue::from_static(""))
}

/// Everything but unreserved characters (RFC 3986 §2.3).
const ENCODE: &percent_encoding::AsciiSet =
    &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
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

/// Letters in lower case, digits as they are, everything else as `-`.
fn fold(byte: u8) -> u8 {
    if byte.is_ascii_alphanumeric() { byte.to_ascii_lowercase() } else { b'-' }
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
    fn groups_stay_one_list_whatever_they_hold() {
        let groups = ["delivery".to_owned(), "a,b c".to_owned(), "caf\u{e9}\r\n".to_owned()];
        assert_eq!(group_list(&groups), "delivery,a%2Cb%20c,caf%C3%A9%0D%0A");
        assert_eq!(header_text("M\u{fc}ller\n"), "M%C3%BCller%0A");
    }

    proptest! {
        #[test]
        fn no_spelling_of_an_identity_header_survives(
            which in 0..RESERVED.len(),
            seps in proptest::collection::vec(proptest::sample::select(b"-_.!~".to_vec()), 4),
            upper in any::<u32>(),
        ) {
            let mut seps = seps.into_iter();
            let spelled: Vec<u8> = RESERVED[which].bytes().enumerate().map(|(i, b)| match b {
                b'-' => seps.next().unwrap_or(b'-'),
                b if upper >> (i % 32) & 1 == 1 => b.to_ascii_uppercase(),
                b => b,
            }).collect();
            let mut headers = HeaderMap::new();
            headers.insert(HeaderName::from_bytes(&spelled).unwrap(), HeaderValue::from_static("forged"));
            prop_assert!(passing(&headers).is_empty());
        }
    }
}
