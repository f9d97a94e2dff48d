//! Selects the request fields that are forwarded to Campaign. Clients cannot send fields that only the gateway may set
//! ([`is_reserved`]).

use http::{HeaderMap, HeaderName, header};

use super::reserved::is_reserved;
use crate::wire::fields::{is_hop_by_hop, named_in_connection};

/// Decides for each field of one request whether it is forwarded to Campaign.
///
/// These fields are not forwarded: hop-by-hop fields, reserved names in any spelling, `Expect`, which the gateway answers itself
/// (RFC 9110 §10.1.1), and the host, the framing and the cookies, which the gateway writes itself. `Default` is for a request without
/// `Connection`.
#[derive(Debug, Default)]
pub struct Forwardable {
    /// The fields that the request's `Connection` field lists.
    named: Vec<HeaderName>,
}

impl Forwardable {
    /// Reads the `Connection` fields of a request.
    pub fn of(headers: &HeaderMap) -> Self {
        Self { named: named_in_connection(headers) }
    }

    /// True when a field of this name is forwarded. Runs for every field of every request.
    pub fn allows(&self, name: &HeaderName) -> bool {
        let passes = match *name {
            header::HOST | header::CONTENT_LENGTH | header::EXPECT | header::COOKIE => false,
            _ => is_usual(name) || !(is_hop_by_hop(name) || is_reserved(name.as_str())),
        };
        passes && !self.named.contains(name)
    }
}

/// True for the names that browsers and Campaign's clients send most often. None of them is hop-by-hop or reserved, which takes longer
/// to find out.
fn is_usual(name: &HeaderName) -> bool {
    match *name {
        header::ACCEPT
        | header::ACCEPT_ENCODING
        | header::ACCEPT_LANGUAGE
        | header::CACHE_CONTROL
        | header::CONTENT_TYPE
        | header::ORIGIN
        | header::REFERER
        | header::UPGRADE_INSECURE_REQUESTS
        | header::USER_AGENT => true,
        _ => matches!(
            name.as_str(),
            "priority"
                | "sec-ch-ua"
                | "sec-ch-ua-mobile"
                | "sec-ch-ua-platform"
                | "sec-fetch-dest"
                | "sec-fetch-mode"
                | "sec-fetch-site"
                | "sec-fetch-user"
                | "soapaction"
                | "x-security-token"
        ),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;
    use crate::wire::fields::identity;
    use crate::wire::fields::tests::{map, names};

    fn forwarded(headers: &HeaderMap) -> Vec<&str> {
        let rule = Forwardable::of(headers);
        names(headers).into_iter().filter(|name| rule.allows(&name.parse().unwrap())).collect()
    }

    #[test]
    fn spoofed_names_are_removed_in_every_spelling() {
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
        assert_eq!(forwarded(&headers), ["accept-language", "x-security-token"]);
    }

    #[test]
    fn a_usual_name_is_forwarded_unless_connection_lists_it() {
        for name in [
            "accept",
            "accept-encoding",
            "accept-language",
            "cache-control",
            "content-type",
            "origin",
            "referer",
            "upgrade-insecure-requests",
            "user-agent",
            "priority",
            "sec-ch-ua",
            "sec-ch-ua-mobile",
            "sec-ch-ua-platform",
            "sec-fetch-dest",
            "sec-fetch-mode",
            "sec-fetch-site",
            "sec-fetch-user",
            "soapaction",
            "x-security-token",
        ] {
            let name = HeaderName::from_static(name);
            assert!(is_usual(&name) && !is_hop_by_hop(&name) && !is_reserved(name.as_str()), "{name}");
            assert!(Forwardable::of(&HeaderMap::new()).allows(&name), "{name}");
            let listed = map(&[("connection", &format!("close, {name}"))]);
            assert_eq!(Forwardable::of(&listed).allows(&name), name == header::CONTENT_TYPE, "{name}");
        }
    }

    proptest! {
        #[test]
        fn no_spelling_of_an_identity_header_is_forwarded(
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
            prop_assert!(forwarded(&headers).is_empty());
        }
    }
}
