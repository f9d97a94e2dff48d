//! Decides which form is saved while a person signs in again, and recognizes the request that replays it.
//!
//! A saved form is later sent with a session that it did not have. So a form is saved only if a page of this origin sent it, in a
//! browser that was signed in before. It is sent only after the person has confirmed it. Weaker rules led to CVE-2021-32792 and
//! CVE-2025-31492.

use http::{HeaderMap, Method, Request, header};
use http_body::Body;
use url::form_urlencoded::byte_serialize;

use super::origin::is_same_origin;
use super::return_to::ReturnTo;

/// Largest form that is saved, in bytes.
pub const MAX_FORM_BYTES: usize = 1 << 20;

/// Why a form is not saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSaved {
    /// No person was recently signed in at this browser.
    #[error("no person was recently signed in at this browser")]
    NotSignedIn,
    /// A page of another origin sent the form.
    #[error("a page of another origin sent it")]
    OtherOrigin,
    /// The form is larger than [`MAX_FORM_BYTES`].
    #[error("it is larger than {MAX_FORM_BYTES} bytes")]
    TooLarge,
    /// The target address cannot be used again, or the body has a content coding, which no HTML form has.
    #[error("its address or its content coding is not supported")]
    Unsupported,
    /// The space for saved forms is used up.
    #[error("too many forms are saved already")]
    Full,
    /// The session store failed.
    #[error("the session store could not save it")]
    Store,
}

/// Checks the head of a form: its origin, its length (`None`: not declared) and its address. Returns the address to which it is sent
/// later.
///
/// # Errors
/// Why the form is not saved.
pub fn check(
    headers: &HeaderMap,
    origin: &str,
    length: Option<u64>,
    target: &str,
) -> Result<ReturnTo, NotSaved> {
    if !is_same_origin(headers, origin) {
        return Err(NotSaved::OtherOrigin);
    }
    if length.is_some_and(|length| length > MAX_FORM_BYTES as u64) {
        return Err(NotSaved::TooLarge);
    }
    if headers.contains_key(header::CONTENT_ENCODING) {
        return Err(NotSaved::Unsupported);
    }
    ReturnTo::parse(target).ok_or(NotSaved::Unsupported)
}

/// The page that holds the form, from `Referer`; the root when `Referer` names no address of this origin.
pub fn form_page(headers: &HeaderMap, origin: &str) -> ReturnTo {
    let referer = headers.get(header::REFERER).and_then(|value| value.to_str().ok()).unwrap_or_default();
    referer.strip_prefix(origin).map(ReturnTo::parse_or_root).unwrap_or_default()
}

/// Replaces Campaign's old security token by the new one, both raw and form-encoded. This is safe: only a page of the old session
/// knows the old token.
pub fn replace_security_token(bytes: &[u8], old: &str, new: &str) -> Vec<u8> {
    let coded = |token: &str| byte_serialize(token.as_bytes()).collect::<String>();
    let mut replaced = replace(bytes, old.as_bytes(), new.as_bytes());
    let (old_coded, new_coded) = (coded(old), coded(new));
    if old_coded != old {
        replaced = replace(&replaced, old_coded.as_bytes(), new_coded.as_bytes());
    }
    replaced
}

fn replace(bytes: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let mut replaced = Vec::with_capacity(bytes.len() + new.len());
    let mut rest = bytes;
    // A shorter text may occur by chance.
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

/// Name of the only field in the form that replays a saved form.
pub const REPLAY_FIELD: &str = "imsgate-kept";
/// Encoding of that form: no page of Campaign uses it, and the length of its body is known.
pub const REPLAY_TYPE: &str = "text/plain";
/// Characters of the sealed id of a saved form: a JSON string of 22 characters, tag and nonce, in base64url.
const SEALED_LENGTH: usize = ((22 + 2 + 16 + 12) * 8_usize).div_ceil(6);
/// Bytes of the whole body: name, `=`, sealed id, line break (HTML Standard §4.10.22.8).
pub const REPLAY_LENGTH: usize = REPLAY_FIELD.len() + 1 + SEALED_LENGTH + LINE_BREAK.len();
const LINE_BREAK: &str = "\r\n";

/// True when a request may replay a saved form, judging by its head. Its body decides.
pub fn may_be_replay<B: Body>(request: &Request<B>) -> bool {
    let has_length = |length| {
        // Accepts the body without the line break too: an unrecognized request would go to Campaign.
        (REPLAY_LENGTH - LINE_BREAK.len()..=REPLAY_LENGTH).any(|expected| expected as u64 == length)
    };
    *request.method() == Method::POST
        && request.body().size_hint().exact().is_some_and(has_length)
        && request
            .headers()
            .get(header::CONTENT_TYPE)
            .is_some_and(|value| value.as_bytes().starts_with(REPLAY_TYPE.as_bytes()))
}

/// The sealed id of the saved form, from the body of the request that replays it.
pub fn sealed_id(body: &[u8]) -> Option<&str> {
    let line = std::str::from_utf8(body).ok()?;
    line.trim_end_matches(['\r', '\n']).strip_prefix(REPLAY_FIELD)?.strip_prefix('=')
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
    fn only_a_small_form_of_an_own_page_with_a_valid_address_is_saved() {
        let own = ("origin", OWN);
        let most = MAX_FORM_BYTES as u64;
        let long = format!("/{}", "a".repeat(2048));
        for (pairs, length, target, expected) in [
            (&[own][..], Some(most), "/xtk/form?x=%22", Ok("/xtk/form?x=%22")),
            (&[own], None, "/xtk/form", Ok("/xtk/form")),
            (&[own], Some(most + 1), "/xtk/form", Err(NotSaved::TooLarge)),
            (&[], Some(1), "/xtk/form", Err(NotSaved::OtherOrigin)),
            (&[("origin", "https://evil.example.com")], Some(1), "/", Err(NotSaved::OtherOrigin)),
            (&[("origin", "null")], Some(1), "/", Err(NotSaved::OtherOrigin)),
            (&[own, ("sec-fetch-site", "cross-site")], Some(1), "/", Err(NotSaved::OtherOrigin)),
            (&[("sec-fetch-site", "same-site")], Some(1), "/", Err(NotSaved::OtherOrigin)),
            (&[own, ("content-encoding", "gzip")], Some(1), "/", Err(NotSaved::Unsupported)),
            (&[own], Some(1), "//evil.example.com/", Err(NotSaved::Unsupported)),
            (&[own], Some(1), "/ims/logout", Err(NotSaved::Unsupported)),
            (&[own], Some(1), &long, Err(NotSaved::Unsupported)),
        ] {
            let checked = check(&headers(pairs), OWN, length, target);
            assert_eq!(
                checked.as_ref().map(ReturnTo::as_str).map_err(|e| *e),
                expected,
                "{pairs:?} {target}"
            );
        }
    }

    #[test]
    fn the_page_of_a_form_belongs_to_this_origin() {
        for (referer, page) in [
            ("https://campaign.example.com/view/edit?id=7", "/view/edit?id=7"),
            ("https://campaign.example.com", "/"),
            ("https://campaign.example.com.evil.example/x", "/"),
            ("https://campaign.example.com@evil.example/x", "/"),
            ("https://campaign.example.com/ims/logout", "/"),
            ("https://evil.example/x", "/"),
            ("", "/"),
        ] {
            assert_eq!(form_page(&headers(&[("referer", referer)]), OWN).as_str(), page, "{referer}");
        }
    }

    #[test]
    fn a_security_token_is_replaced_in_every_encoding() {
        let (old, new) = ("@old/Token+A==", "@new==");
        for (before, after) in [
            ("label=x&t=%40old%2FToken%2BA%3D%3D&y=1", "label=x&t=%40new%3D%3D&y=1"),
            ("--b\r\n\r\n@old/Token+A==\r\n--b--", "--b\r\n\r\n@new==\r\n--b--"),
            ("/form?t=@old/Token+A==&u=@old/Token+A==", "/form?t=@new==&u=@new=="),
            ("@old/Token+B==", "@old/Token+B=="),
            ("", ""),
        ] {
            assert_eq!(replace_security_token(before.as_bytes(), old, new), after.as_bytes(), "{before}");
        }
        assert_eq!(replace_security_token(b"a=a", "a", "b"), b"a=a", "too short to be a token");
        assert_eq!(replace_security_token(b"a=a", "", "b"), b"a=a");
    }

    #[test]
    fn a_replay_is_recognized_by_method_type_and_length() {
        let request = |method: &str, kind: &str, length: usize| {
            let body = Full::<&[u8]>::new(vec![b'x'; length].leak());
            may_be_replay(&Request::builder().method(method).header("content-type", kind).body(body).unwrap())
        };
        assert!(request("POST", "text/plain", REPLAY_LENGTH));
        assert!(!request("PUT", "text/plain", REPLAY_LENGTH));
        assert!(!request("POST", "application/x-www-form-urlencoded", REPLAY_LENGTH));
        assert!(request("POST", "text/plain;charset=UTF-8", REPLAY_LENGTH - 2));
        assert!(!request("POST", "text/plain", REPLAY_LENGTH + 1));
        assert!(!request("POST", "text/plain", REPLAY_LENGTH - 3));
        assert_eq!(sealed_id(b"imsgate-kept=abc\r\n"), Some("abc"));
        assert_eq!(sealed_id(b"imsgate-kept=abc"), Some("abc"));
        for other in [&b"imsgate-kept\r\n"[..], b"\xff\r\n", b"", b"x=imsgate-kept=abc\r\n"] {
            assert_eq!(sealed_id(other), None);
        }
    }

    proptest! {
        #[test]
        fn without_the_old_token_nothing_changes(body in "[a-z=&%@]{0,60}") {
            prop_assert_eq!(replace_security_token(body.as_bytes(), "TOKEN-123", "new"), body.as_bytes());
        }
    }
}
