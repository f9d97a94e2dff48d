//! The identity headers: they name the signed-in person for Campaign and for proxies that call `/ims/auth`.
//!
//! Every value is percent-encoded UTF-8 that decodes to the exact text from IMS. Two different texts never give the same value. All
//! headers are always sent. If one were missing, a proxy that copies only the present headers would pass on the client's own header.

use http::{HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, percent_encode_byte, utf8_percent_encode};

use crate::wire::fields::identity::{EMAIL, GROUPS, ORGANIZATION, USER};
use crate::wire::request_head::HeaderLines;

/// The values of the identity headers, except the assertion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityFields {
    /// `X-Ims-User`.
    pub user: HeaderValue,
    /// `X-Ims-Email`; empty when unknown.
    pub email: HeaderValue,
    /// `X-Ims-Organization`.
    pub organization: HeaderValue,
    /// `X-Campaign-Groups`.
    pub groups: HeaderValue,
}

impl IdentityFields {
    /// The values of a signed-in person.
    pub fn new(user: &str, email: Option<&str>, organization: &str, groups: &[String]) -> Self {
        Self {
            user: encoded(user),
            email: encoded(email.unwrap_or_default()),
            organization: encoded(organization),
            groups: group_list(groups),
        }
    }

    /// The values without a signed-in person: all are empty.
    pub fn anonymous() -> Self {
        Self::new("", None, "", &[])
    }

    /// Names and values, in the order in which they are sent.
    pub fn iter(&self) -> impl Iterator<Item = (HeaderName, &HeaderValue)> {
        [(USER, &self.user), (EMAIL, &self.email), (ORGANIZATION, &self.organization), (GROUPS, &self.groups)]
            .into_iter()
    }

    pub fn lines(&self) -> HeaderLines {
        let mut lines = HeaderLines::default();
        for (name, value) in self.iter() {
            lines.add(&name, value);
        }
        lines
    }
}

/// Encodes a text as the value of an identity header. Ordinary addresses and user ids stay unchanged. The characters in `ENCODED` are
/// encoded, and so are spaces at either end, because recipients trim them (RFC 9110 §5.5).
pub fn encoded(text: &str) -> HeaderValue {
    let inner = text.trim_matches(' ');
    let leading = text.len() - text.trim_start_matches(' ').len();
    let trailing = text.len() - leading - inner.len();
    let space = |count| percent_encode_byte(b' ').repeat(count);
    value(&format!("{}{}{}", space(leading), utf8_percent_encode(inner, ENCODED), space(trailing)))
}

/// The value of a header that lists groups, separated by commas. All but unreserved characters (RFC 3986 §2.3) are percent-encoded.
pub fn group_list(groups: &[String]) -> HeaderValue {
    let list: Vec<String> =
        groups.iter().map(|group| utf8_percent_encode(group, RESERVED).to_string()).collect();
    value(&list.join(","))
}

/// Bytes that the groups take in the head of every request: the list, and the claim of the assertion, which is JSON in base64
/// (RFC 7515 §3).
pub fn bytes_of_groups(groups: &[String]) -> usize {
    let json = serde_json::to_string(groups).map_or(0, |json| json.len());
    group_list(groups).len() + (json * 4).div_ceil(3)
}

/// Decodes a value; `None` if the gateway cannot have written it.
pub fn decoded(value: &HeaderValue) -> Option<String> {
    let text = percent_encoding::percent_decode(value.as_bytes()).decode_utf8().ok()?;
    Some(text.into_owned())
}

/// Encoded text is visible ASCII, so the conversion cannot fail.
fn value(encoded: &str) -> HeaderValue {
    HeaderValue::from_str(encoded).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// Control characters; `%`, so that decoding is exact; and the characters that separate or quote list items (RFC 9110 §5.6).
/// Characters outside ASCII are always encoded.
const ENCODED: &AsciiSet = &CONTROLS.add(b'%').add(b',').add(b';').add(b'"').add(b'\\');
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    fn text(value: &HeaderValue) -> &str {
        value.to_str().unwrap()
    }

    #[test]
    fn ordinary_values_stay_as_they_are() {
        for ordinary in
            ["alice@example.com", "A1B2@C3D4.e", "o'brien+news@x.example", "Acme GmbH & Co", "a=b", ""]
        {
            assert_eq!(encoded(ordinary), ordinary);
        }
    }

    #[test]
    fn ambiguous_characters_are_encoded() {
        for (said, sent) in [
            ("m\u{fc}ller@x", "m%C3%BCller@x"),
            ("m%C3%BCller@x", "m%25C3%25BCller@x"),
            (" admin@x", "%20admin@x"),
            ("  admin@x ", "%20%20admin@x%20"),
            ("   ", "%20%20%20"),
            ("\tadmin@x", "%09admin@x"),
            ("\u{a0}admin@x", "%C2%A0admin@x"),
            ("a@x, b@x", "a@x%2C b@x"),
            ("a@x; b@x", "a@x%3B b@x"),
            ("\"a\\b\"@x", "%22a%5Cb%22@x"),
            ("a@x\r\nX-Ims-User: b\u{7f}", "a@x%0D%0AX-Ims-User: b%7F"),
            ("\0", "%00"),
        ] {
            assert_eq!(encoded(said), sent);
        }
        let groups = ["delivery", "a,b c", "caf\u{e9}\r\n", " x ", "100%"].map(str::to_owned);
        assert_eq!(group_list(&groups), "delivery,a%2Cb%20c,caf%C3%A9%0D%0A,%20x%20,100%25");
    }

    #[test]
    fn all_fields_are_present_and_empty_without_a_person() {
        let person = IdentityFields::new("u", None, "o", &["g".to_owned()]);
        assert_eq!(IdentityFields::anonymous().iter().count(), 4);
        assert!(IdentityFields::anonymous().iter().all(|(_, value)| value.is_empty()));
        assert_eq!(
            String::from_utf8_lossy(person.lines().as_bytes()),
            "x-ims-user: u\r\nx-ims-email: \r\nx-ims-organization: o\r\nx-campaign-groups: g\r\n"
        );
    }

    #[test]
    fn the_size_of_groups_counts_the_list_and_the_claim() {
        // `delivery,workflow`, and base64 of `["delivery","workflow"]`.
        let groups = ["delivery", "workflow"].map(str::to_owned);
        assert_eq!(bytes_of_groups(&groups), 17 + 31);
        assert_eq!(bytes_of_groups(&["\u{e9}".to_owned()]), 6 + 8);
    }

    /// Texts made of special characters.
    fn tricky() -> impl Strategy<Value = String> {
        let sample = proptest::sample::select(vec![
            " ",
            "%",
            ",",
            ";",
            "\"",
            "\\",
            "\t",
            "\r",
            "\n",
            "\0",
            "\u{7f}",
            "\u{85}",
            "\u{a0}",
            "\u{2028}",
            "\u{fc}",
            "@",
            "a",
            "2",
            "0",
            "C",
            "3",
            "=",
            "+",
            "%20",
            "%2C",
            "\u{1f600}",
            "\u{202e}",
        ]);
        prop_oneof![proptest::collection::vec(sample, 0..8).prop_map(|parts| parts.concat()), any::<String>()]
    }

    proptest! {
        #[test]
        fn decoding_gives_the_exact_text_of_ims(said in tricky()) {
            let sent = encoded(&said);
            prop_assert_eq!(decoded(&sent), Some(said));
            let sent = text(&sent);
            prop_assert!(sent.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{sent}");
            prop_assert!(sent.trim() == sent && !sent.contains([',', ';', '"', '\\']), "{sent}");
        }

        #[test]
        fn a_list_decodes_to_the_exact_groups(groups in proptest::collection::vec(tricky().prop_filter("groups have names", |g| !g.is_empty()), 1..6)) {
            let sent = group_list(&groups);
            let items: Option<Vec<_>> = text(&sent).split(',').map(|item| decoded(&HeaderValue::from_str(item).unwrap())).collect();
            prop_assert_eq!(items, Some(groups));
        }

        #[test]
        fn two_texts_never_give_the_same_value(texts in proptest::collection::vec(tricky(), 2..12)) {
            let mut seen: HashMap<String, String> = HashMap::new();
            for said in texts {
                let sent = text(&encoded(&said)).to_owned();
                prop_assert_eq!(seen.entry(sent).or_insert_with(|| said.clone()), &said);
            }
        }
    }
}
