//! Which form may be kept for somebody who has to sign in again, and how it is sent afterwards.
//!
//! What is kept is sent later with a session that it did not have: so only what a page of this very origin sent, in a
//! browser that was signed in, and only after the person has confirmed it (CVE-2021-32792 and CVE-2025-31492 are what
//! becomes of laxer rules).

use http::{HeaderMap, Method, Request, header};
use http_body::Body;
use url::form_urlencoded::byte_serialize;

use super::origin::is_same_origin;
use super::return_to::ReturnTo;

/// Most bytes of a form that is kept.
pub const MAX_FORM_BYTES: usize = 1 << 20;

/// Why a form is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSaved {
    /// Nobody was signed in at this browser lately.
    #[error("nobody was signed in at this browser lately")]
    Stranger,
    /// It does not come from a page of this origin.
    #[error("a page of another site sent it")]
    Foreign,
    /// Longer than [`MAX_FORM_BYTES`].
    #[error("it is larger than {MAX_FORM_BYTES} bytes")]
    TooLarge,
    /// The address it goes to is too long, or its body is coded in a way that forms never are.
    #[error("its address or its coding is not that of a form")]
    Odd,
    /// Too much is kept already.
    #[error("too many forms are kept already")]
    Full,
    /// The store did not take it.
    #[error("the session store did not take it")]
    Store,
}

/// Judges the head of a form: it comes from our own origin, its length (`None`: not told) is within bounds, and it goes to
/// an address that it can be sent to again, which is the result.
pub fn judge(
    headers: &HeaderMap,
    origin: &str,
    length: Option<u64>,
    target: &str,
) -> Result<ReturnTo, NotSaved> {
    if !is_same_origin(headers, origin) {
        return Err(NotSaved::Foreign);
    }
    if length.is_some_and(|length| length > MAX_FORM_BYTES as u64) {
        return Err(NotSaved::TooLarge);
    }
    if headers.contains_key(header::CONTENT_ENCODING) {
        return Err(NotSaved::Odd);
    }
    ReturnTo::parse(target).ok_or(NotSaved::Odd)
}

/// The page that a form was on, by `Referer`; the root when it does not tell an address of this origin.
pub fn page_of(headers: &HeaderMap, origin: &str) -> ReturnTo {
    let referer = headers.get(header::REFERER).and_then(|value| value.to_str().ok()).unwrap_or_default();
    referer.strip_prefix(origin).map(ReturnTo::parse_or_root).unwrap_or_default()
}

/// `bytes` with Campaign's old security token replaced by the new one, as a form writes it and as it is. Whoever had the
/// old one was on a page of that session, so that this hollows out no defence.
pub fn renew(bytes: &[u8], old: &str, new: &str) -> Vec<u8> {
    let coded = |token: &str| byte_serialize(token.as_bytes()).collect::<String>();
    let mut renewed = replace(bytes, old.as_bytes(), new.as_bytes());
    let (old_coded, new_coded) = (coded(old), coded(new));
    if old_coded != old {
        renewed = replace(&renewed, old_coded.as_bytes(), new_coded.as_bytes());
    }
    renewed
}

fn replace(bytes: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let mut replaced = Vec::with_capacity(bytes.len() + new.len());
    let mut rest = bytes;
    // A shorter one could be anything.
    while old.len() >= SHORTEST_TOKEN
        && let Some(at) = rest.windows(old.len()).position(|window| window == old)
    {
        replaced.extend_from_slice(&rest[..at]);
        replaced.extend_from_slice(new);
        rest = &rest[at + old.len()..];
    }
    replaced.extend_from_slice(rest);
    replaced
}

const SHORTEST_TOKEN: usize = 8;

/// Name of the one field in the form that has a kept form sent.
pub const MARK: &str = "imsgate-kept";
/// Its encoding: no page of Campaign uses it, and the length of what it gives is known.
pub const MARK_TYPE: &str = "text/plain";
/// Characters of the sealed name of a kept form: a JSON string of 22 characters, tag and nonce, in base64url.
const SEALED_LENGTH: usize = ((22 + 2 + 16 + 12) * 8_usize).div_ceil(6);
/// Bytes of the whole body: name, `=`, sealed name, line break (HTML Standard §4.10.22.8).
pub const MARK_LENGTH: usize = MARK.len() + 1 + SEALED_LENGTH + LINE_BREAK.len();
const LINE_BREAK: &str = "\r\n";

/// True when a request may be the one that has a kept form sent; its body tells.
pub fn may_be_mark<B: Body>(request: &Request<B>) -> bool {
    let has_length = |length| {
        // With or without the line break, should a browser leave it out: what is not recognised would go to Campaign.
        (MARK_LENGTH - LINE_BREAK.len()..=MARK_LENGTH).any(|expected| expected as u64 == length)
    };
    *request.method() == Method::POST
        && request.body().size_hint().exact().is_some_and(has_length)
        && request
            .headers()
            .get(header::CONTENT_TYPE)
            .is_some_and(|value| value.as_bytes().starts_with(MARK_TYPE.as_bytes()))
}

/// The sealed name of a kept form in the body of that request.
pub fn mark(body: &[u8]) -> Option<&str> {
    let line = std::str::from_utf8(body).ok()?;
    line.trim_end_matches(['\r', '\n']).strip_prefix(MARK)?.strip_prefix('=')
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use http_body_util::Full;
    use proptest::prelude::*;

    const OWN: &str = "https://campaign.example.com";

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(n, v)| (n.parse().unwrap(), HeaderValue::from_static(v))).collect()
    }

    #[test]
    fn only_a_form_of_our_own_page_with_bounds_and_a_plain_address_is_kept() {
        let own = ("origin", OWN);
        let most = MAX_FORM_BYTES as u64;
        let long = format!("/{}", "a".repeat(2048));
        for (pairs, length, target, expected) in [
            (&[own][..], Some(most), "/xtk/form?x=%22", Ok("/xtk/form?x=%22")),
            (&[own], None, "/xtk/form", Ok("/xtk/form")),
            (&[own], Some(most + 1), "/xtk/form", Err(NotSaved::TooLarge)),
            (&[], Some(1), "/xtk/form", Err(NotSaved::Foreign)),
            (&[("origin", "https://evil.example.com")], Some(1), "/", Err(NotSaved::Foreign)),
            (&[("origin", "null")], Some(1), "/", Err(NotSaved::Foreign)),
            (&[own, ("sec-fetch-site", "cross-site")], Some(1), "/", Err(NotSaved::Foreign)),
            (&[("sec-fetch-site", "same-site")], Some(1), "/", Err(NotSaved::Foreign)),
            (&[own, ("content-encoding", "gzip")], Some(1), "/", Err(NotSaved::Odd)),
            (&[own], Some(1), "//evil.example.com/", Err(NotSaved::Odd)),
            (&[own], Some(1), "/ims/logout", Err(NotSaved::Odd)),
            (&[own], Some(1), &long, Err(NotSaved::Odd)),
        ] {
            let judged = judge(&headers(pairs), OWN, length, target);
            assert_eq!(judged.as_ref().map(ReturnTo::as_str).map_err(|e| *e), expected, "{pairs:?} {target}");
        }
    }

    #[test]
    fn the_page_of_a_form_is_one_of_ours() {
        for (referer, page) in [
            ("https://campaign.example.com/view/edit?id=7", "/view/edit?id=7"),
            ("https://campaign.example.com", "/"),
            ("https://campaign.example.com.evil.example/x", "/"),
            ("https://campaign.example.com@evil.example/x", "/"),
            ("https://campaign.example.com/ims/logout", "/"),
            ("https://evil.example/x", "/"),
            ("", "/"),
        ] {
            assert_eq!(page_of(&headers(&[("referer", referer)]), OWN).as_str(), page, "{referer}");
        }
    }

    #[test]
    fn a_security_token_is_renewed_as_each_encoding_writes_it() {
        let (old, new) = ("@old/Token+A==", "@new==");
        for (before, after) in [
            ("label=x&t=%40old%2FToken%2BA%3D%3D&y=1", "label=x&t=%40new%3D%3D&y=1"),
            ("--b\r\n\r\n@old/Token+A==\r\n--b--", "--b\r\n\r\n@new==\r\n--b--"),
            ("/form?t=@old/Token+A==&u=@old/Token+A==", "/form?t=@new==&u=@new=="),
            ("@old/Token+B==", "@old/Token+B=="),
            ("", ""),
        ] {
            assert_eq!(renew(before.as_bytes(), old, new), after.as_bytes(), "{before}");
        }
        assert_eq!(renew(b"a=a", "a", "b"), b"a=a", "too short to be a token");
        assert_eq!(renew(b"a=a", "", "b"), b"a=a");
    }

    #[test]
    fn the_body_that_has_a_form_sent_is_known_by_method_type_and_length() {
        let request = |method: &str, kind: &str, length: usize| {
            let body = Full::<&[u8]>::new(vec![b'x'; length].leak());
            may_be_mark(&Request::builder().method(method).header("content-type", kind).body(body).unwrap())
        };
        assert!(request("POST", "text/plain", MARK_LENGTH));
        assert!(!request("PUT", "text/plain", MARK_LENGTH));
        assert!(!request("POST", "application/x-www-form-urlencoded", MARK_LENGTH));
        assert!(request("POST", "text/plain;charset=UTF-8", MARK_LENGTH - 2));
        assert!(!request("POST", "text/plain", MARK_LENGTH + 1));
        assert!(!request("POST", "text/plain", MARK_LENGTH - 3));
        assert_eq!(mark(b"imsgate-kept=abc\r\n"), Some("abc"));
        assert_eq!(mark(b"imsgate-kept=abc"), Some("abc"));
        for other in [&b"imsgate-kept\r\n"[..], b"\xff\r\n", b"", b"x=imsgate-kept=abc\r\n"] {
            assert_eq!(mark(other), None);
        }
    }

    proptest! {
        #[test]
        fn without_the_old_token_nothing_is_changed(body in "[a-z=&%@]{0,60}") {
            prop_assert_eq!(renew(body.as_bytes(), "TOKEN-123", "new"), body.as_bytes());
        }
    }
}
