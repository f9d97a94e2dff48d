//! Selects the request fields that are forwarded to Campaign. Clients cannot send fields that only the gateway may set
//! ([`is_reserved`]).

use http::{HeaderMap, HeaderName, header};

use super::reserved::is_reserved;
use crate::wire::fields::{is_hop_by_hop, named_in_connection};

/// Decides for each field of one request whether it is forwarded to Campaign.
///
/// These fields are not forwarded: hop-by-hop fields, reserved names in any spelling, `Expect`, which the gateway answers itself
/// (RFC 9110 §10.1.1), and the host and the framing, which the gateway writes itself.
#[derive(Debug)]
pub struct Forwardable {
    /// The fields that the request's `Connection` field lists.
    named: Vec<HeaderName>,
}

impl Forwardable {
    /// Reads the `Connection` fields of a request.
    pub fn of(headers: &HeaderMap) -> Self {
        Self { named: named_in_connection(headers) }
    }

    /// True when a field of this name is forwarded.
    pub fn allows(&self, name: &HeaderName) -> bool {
        let own = [header::HOST, header::CONTENT_LENGTH, header::EXPECT];
        !own.contains(name)
            && !is_hop_by_hop(name)
            && !is_reserved(name.as_str())
            && !self.named.contains(name)
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
