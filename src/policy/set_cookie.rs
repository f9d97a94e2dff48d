//! Rewrites `Set-Cookie` fields of Campaign (RFC 6265 §4.1): adds `Secure`, and removes a `Domain` that names an internal host.

use http::HeaderValue;

/// The rewritten field; `None` when nothing changes. `is_inner` gets the value of `Domain`.
///
/// Browsers reach the gateway only over TLS, so `Secure` loses no cookie.
pub fn secured(field: &HeaderValue, is_inner: impl Fn(&str) -> bool) -> Option<HeaderValue> {
    let text = field.as_bytes();
    let mut parts = text.split(|byte| *byte == b';');
    let pair = parts.next().filter(|pair| !pair.trim_ascii().is_empty())?;
    let mut kept = pair.to_vec();
    let mut is_secure = false;
    for part in parts {
        let mut sides = part.splitn(2, |byte| *byte == b'=');
        let name = sides.next().unwrap_or_default().trim_ascii();
        if name.eq_ignore_ascii_case(b"domain") {
            let domain = std::str::from_utf8(sides.next().unwrap_or_default()).unwrap_or_default().trim();
            if is_inner(domain) {
                continue;
            }
        }
        is_secure |= name.eq_ignore_ascii_case(b"secure");
        kept.push(b';');
        kept.extend_from_slice(part);
    }
    if !is_secure {
        kept.extend_from_slice(b"; Secure");
    }
    if kept == text {
        return None;
    }
    HeaderValue::from_bytes(&kept).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sent(field: &str) -> String {
        let field = HeaderValue::from_str(field).unwrap();
        let is_inner =
            |domain: &str| domain.trim_start_matches('.').eq_ignore_ascii_case("inner.example.net");
        let sent = secured(&field, is_inner).unwrap_or(field);
        sent.to_str().unwrap().to_owned()
    }

    #[test]
    fn a_cookie_gets_secure_and_loses_the_domain_of_an_inner_host() {
        for (field, expected) in [
            ("a=1", "a=1; Secure"),
            ("a=1; Path=/; HttpOnly", "a=1; Path=/; HttpOnly; Secure"),
            ("a=1; Path=/;", "a=1; Path=/;; Secure"),
            ("a=1;secure;Path=/", "a=1;secure;Path=/"),
            ("a=1; SECURE = yes", "a=1; SECURE = yes"),
            ("secure=1", "secure=1; Secure"),
            ("a=domain=inner.example.net", "a=domain=inner.example.net; Secure"),
            ("a=1; Domain=inner.example.net; Secure", "a=1; Secure"),
            ("a=1;domain= .Inner.Example.Net ;Path=/;Secure", "a=1;Path=/;Secure"),
            ("a=1; Domain=inner.example.net; Domain=example.com; Secure", "a=1; Domain=example.com; Secure"),
            ("a=1; Domain=; Secure", "a=1; Domain=; Secure"),
            ("a=1; Domain; Secure", "a=1; Domain; Secure"),
            ("", ""),
            (";", ";"),
        ] {
            assert_eq!(sent(field), expected, "{field}");
        }
    }

    proptest! {
        #[test]
        fn every_cookie_gets_secure_and_keeps_its_other_attributes(field in "[a-zA-Z0-9=;, .\"]{0,60}") {
            let secured = sent(&field);
            let parts = |text: &str| text.split(';').map(|part| part.trim().to_owned()).collect::<Vec<_>>();
            let (before, after) = (parts(&field), parts(&secured));
            prop_assert_eq!(sent(&secured), secured.clone(), "a second rewrite changes nothing");
            if before[0].is_empty() {
                prop_assert_eq!(after, before);
            } else {
                let is_secure = |part: &String| part.split('=').next().unwrap().trim().eq_ignore_ascii_case("secure");
                prop_assert!(after[1..].iter().any(is_secure));
                prop_assert_eq!(&after[..before.len()], &before[..]);
            }
        }
    }
}
