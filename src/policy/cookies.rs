//! Separates the cookies of the gateway from those of Campaign in the `Cookie` header.
//!
//! Pairs are handled as raw slices (RFC 6265 §5.4). Every pair that names no session passes unchanged, byte for byte.

use http::{HeaderMap, HeaderValue, header};
use memchr::memchr;

use crate::wire::request_head::HeaderLines;

mod spelling;
mod suffix;
use spelling::names_session;
pub use spelling::spells;
pub use suffix::CookieSuffix;

/// The start of the name of every gateway cookie, and without a suffix the name of the session cookie. Browsers refuse a
/// `__Host-` cookie from another host or without TLS (RFC 6265bis §4.1.3.2).
pub const SESSION_COOKIE: &str = "__Host-imsgate";
/// Campaign's session cookie.
pub const CAMPAIGN_COOKIE: &str = "__sessiontoken";

/// The names of this gateway's cookies.
#[derive(Clone, Debug)]
pub struct CookieNames {
    /// Text after [`SESSION_COOKIE`] in each name: empty, or `-` and the configured suffix.
    suffix: String,
    /// The session cookie.
    pub session: String,
    /// Prefix of the cookies that hold an open login.
    pub login_prefix: String,
    /// Holds the time of the login, for a few seconds. A browser that returns this cookie without the session cookie does not
    /// store the session cookie: another login would begin a redirect loop.
    pub fresh: String,
    /// Names the last user of this browser. It is no credential.
    pub last_user: String,
    /// Prefix of the cookies that hold the ids of saved forms.
    pub saved_form_prefix: String,
}

impl CookieNames {
    /// The names with this suffix.
    pub fn new(suffix: Option<&CookieSuffix>) -> Self {
        let suffix = suffix.map(|suffix| format!("-{}", suffix.0)).unwrap_or_default();
        let session = format!("{SESSION_COOKIE}{suffix}");
        Self {
            login_prefix: format!("{session}-login-"),
            fresh: format!("{session}-fresh"),
            last_user: format!("{session}-was"),
            saved_form_prefix: format!("{session}-kept-"),
            session,
            suffix,
        }
    }

    /// The value of the session cookie. `None` for two different values: no browser sends that.
    pub fn session_cookie<'h>(&self, headers: &'h HeaderMap) -> Option<&'h str> {
        let pairs = headers.get_all(header::COOKIE).iter().flat_map(|field| split(field.as_bytes()));
        let mut values = pairs.filter_map(|pair| session(pair, &self.suffix));
        let first = values.next()?;
        values.all(|other| other == first).then_some(first)
    }
}

/// Every cookie pair of a request as `(name, value)`, over several `Cookie` fields (RFC 9113 §8.2.3).
pub fn pairs(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    raw_pairs(headers).filter_map(name_and_value)
}

/// The value, if this pair is the session cookie. Runs for every pair of every request.
///
/// Only spaces and tabs may surround the name, as browsers read a cookie (RFC 6265bis §5.6). With any other white space in front,
/// browsers do not treat the name as a `__Host-` name, so a sibling host could set the cookie.
fn session<'h>(pair: &'h [u8], suffix: &str) -> Option<&'h str> {
    let mut pair = without_leading_spaces(pair).strip_prefix(SESSION_COOKIE.as_bytes())?;
    if !suffix.is_empty() {
        pair = pair.strip_prefix(suffix.as_bytes())?;
    }
    let value = without_leading_spaces(pair).strip_prefix(b"=")?;
    std::str::from_utf8(value.trim_ascii()).ok()
}

fn without_leading_spaces(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = text {
        text = rest;
    }
    text
}

/// The pairs of one field, unchanged.
fn split(field: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(field);
    std::iter::from_fn(move || {
        let (pair, next) = rest.take().filter(|rest| !rest.is_empty()).map(|rest| {
            let end = memchr(b';', rest).unwrap_or(rest.len());
            (&rest[..end], rest.get(end + 1..))
        })?;
        rest = next;
        Some(pair)
    })
}

/// Writes the `Cookie` field for Campaign: the client's cookies without those of the gateway and without a Campaign session cookie.
/// `campaign` (`__sessiontoken=…`) replaces the latter. Writes no field when no cookie is left.
pub fn write(lines: &mut HeaderLines, headers: &HeaderMap, campaign: Option<&HeaderValue>) {
    let mut list = lines.list(&header::COOKIE, b"; ");
    for field in headers.get_all(header::COOKIE) {
        for pair in split(field.as_bytes()).map(<[u8]>::trim_ascii) {
            if !pair.is_empty() && !names_session(pair) {
                list.push(pair);
            }
        }
    }
    if let Some(campaign) = campaign {
        list.push(campaign.as_bytes());
    }
}

/// True when a `Set-Cookie` of Campaign must not reach the browser: it names a cookie of the gateway or Campaign's session cookie.
pub fn is_withheld(set_cookie: &HeaderValue) -> bool {
    let pair = set_cookie.as_bytes().split(|b| *b == b';').next().unwrap_or_default();
    names_session(pair.split(|b| *b == b'=').next().unwrap_or_default())
}

/// The session token that a `Set-Cookie` of Campaign holds.
pub fn campaign_token(set_cookie: &HeaderValue) -> Option<&str> {
    let pair = set_cookie.as_bytes().split(|byte| *byte == b';').next()?;
    let (name, value) = name_and_value(pair)?;
    let value = value.trim_matches('"');
    (name == CAMPAIGN_COOKIE && !value.is_empty()).then_some(value)
}

const SPACES: [char; 2] = [' ', '\t'];

fn name_and_value(pair: &[u8]) -> Option<(&str, &str)> {
    let (name, value) = std::str::from_utf8(pair).ok()?.split_once('=')?;
    // The same white space as in `session`.
    Some((name.trim_matches(SPACES), value.trim_matches(SPACES)))
}

fn raw_pairs(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .flat_map(|field| split(field.as_bytes()))
        .map(<[u8]>::trim_ascii)
        .filter(|pair| !pair.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cookie(fields: &[&str]) -> HeaderMap {
        fields.iter().map(|f| (header::COOKIE, HeaderValue::from_bytes(f.as_bytes()).unwrap())).collect()
    }

    fn rewritten(fields: &[&str], campaign: Option<&HeaderValue>) -> Option<String> {
        written(&cookie(fields), campaign)
    }

    fn written(headers: &HeaderMap, campaign: Option<&HeaderValue>) -> Option<String> {
        let mut lines = HeaderLines::default();
        write(&mut lines, headers, campaign);
        let text = String::from_utf8_lossy(lines.as_bytes()).into_owned();
        assert!(text.matches("\r\n").count() <= 1, "{text}");
        Some(text.strip_prefix("cookie: ")?.strip_suffix("\r\n")?.to_owned())
    }

    #[test]
    fn the_session_cookie_is_found_and_two_different_values_count_as_none() {
        assert_eq!(
            CookieNames::new(None).session_cookie(&cookie(&["a=b; __Host-imsgate=xyz; c"])),
            Some("xyz")
        );
        assert_eq!(
            CookieNames::new(None).session_cookie(&cookie(&["a=b", "__Host-imsgate=xyz"])),
            Some("xyz")
        );
        assert_eq!(
            CookieNames::new(None).session_cookie(&cookie(&["__Host-imsgate=x; __Host-imsgate=y"])),
            None
        );
        for empty in ["", "=;;", "__Host-imsgate", "__Host-imsgate-login-a=1", "__host-imsgate=x"] {
            assert_eq!(CookieNames::new(None).session_cookie(&cookie(&[empty])), None, "{empty}");
        }
    }

    #[test]
    fn a_name_that_browsers_do_not_protect_is_no_session_cookie() {
        for space in ["\u{a0}", "\u{2000}", "\u{85}", "\u{3000}", "\u{feff}", "\u{200b}"] {
            let planted = format!("{space}__Host-imsgate=evil");
            let mut headers = HeaderMap::new();
            headers.insert(header::COOKIE, HeaderValue::from_bytes(planted.as_bytes()).unwrap());
            assert_eq!(CookieNames::new(None).session_cookie(&headers), None, "{space:?}");
            headers.append(header::COOKIE, HeaderValue::from_static("__Host-imsgate=mine"));
            assert_eq!(CookieNames::new(None).session_cookie(&headers), Some("mine"), "{space:?}");
            assert_eq!(written(&headers, None), None);
        }
        assert_eq!(rewritten(&["__HOST-IMSGATE=x; a=b"], None).as_deref(), Some("a=b"));
    }

    #[test]
    fn campaign_gets_its_session_cookie_and_no_gateway_cookie() {
        let ours = HeaderValue::from_static("__sessiontoken=ours");
        let replace = Some(&ours);
        let all = ["lang=en; __Host-imsgate=x; __sessiontoken=theirs", "uuid=1; __SessionToken=also"];
        assert_eq!(rewritten(&all, replace).as_deref(), Some("lang=en; uuid=1; __sessiontoken=ours"));
        assert_eq!(rewritten(&all, None).as_deref(), Some("lang=en; uuid=1"));
        assert_eq!(rewritten(&["__Host-imsgate=x"], replace).as_deref(), Some("__sessiontoken=ours"));
        assert_eq!(rewritten(&["__Host-imsgate=x"], None), None);
        assert_eq!(
            rewritten(&["a=b, __sessiontoken=theirs; c=d"], replace).as_deref(),
            Some("c=d; __sessiontoken=ours")
        );
    }

    #[test]
    fn a_set_cookie_of_a_session_never_reaches_the_browser() {
        let held = |text: &'static str| is_withheld(&HeaderValue::from_static(text));
        assert!(held("__sessiontoken=x; path=/"));
        assert!(held(" __SESSIONTOKEN =x"));
        assert!(held("__Host-imsgate=forged; Secure"));
        assert!(held("%5F%5Fsessiontoken=x"));
        assert!(held("\"__sessiontoken\"=x"));
        for passes in ["uuid230=1", "lastpage=__sessiontoken", "_ga=GA1.2.3.4"] {
            assert!(!held(passes), "{passes}");
        }
    }

    #[test]
    fn a_session_cookie_is_removed_in_every_spelling() {
        for name in [
            "%5F%5Fsessiontoken",
            "%5f_sessiontoken",
            "_%5Fsessiontoken",
            "__%73essiontoken",
            "__sessiontoke%6E",
            "%255F%255Fsessiontoken",
            "%25255f_sessiontoken",
            "\"__sessiontoken\"",
            "\"__session\"token",
            "__session\\token",
            "_\\_sessiontoken",
            "'__sessiontoken'",
            "__SESSIONTOKEN",
            "__SessionToken ",
            "\t__sessiontoken\t",
            " %5F%5FSESSIONTOKEN ",
            "._sessiontoken",
            "..sessiontoken",
            "_[sessiontoken",
            "_+sessiontoken",
            "_%20sessiontoken",
            "%2E_sessiontoken",
            "__sessiontoken%00",
            "__sessiontoken[0]",
            "%5F%5FHost-imsgate",
            "__Host%2Dimsgate",
            "..Host-imsgate",
            "_[Host-imsgate-login-a",
            "__%48ost-imsgate-was",
            "$__sessiontoken",
            "%5%46_sessiontoken",
            "%%35F_sessiontoken",
            "%25%35%46_sessiontoken",
            "%u005F%U005fsessiontoken",
            "%25u005F_sessiontoken",
            "__%u0048ost-imsgate",
            "\u{ff3f}_sessiontoken",
            "%EF%BC%BF%ef%bc%bfsessiontoken",
            "%c1%9f_sessiontoken",
            "__sess\u{ff49}ontoken",
            "_%E2%80%8B_sessiontoken",
            "__session\u{ad}token",
        ] {
            for pair in [
                format!("{name}=eve"),
                format!("a=b, {name}=eve"),
                name.to_owned(),
                format!("a=\"{name}=eve"),
            ] {
                assert_eq!(rewritten(&[&pair], None), None, "{pair}");
                assert_eq!(
                    rewritten(&["a=b; c", &pair, "d=e"], None).as_deref(),
                    Some("a=b; c; d=e"),
                    "{pair}"
                );
            }
        }
    }

    #[test]
    fn other_cookies_pass_unchanged() {
        let others = "_ga=GA1.2.3.4; consent=%7B%22a_b%22%3A%5B1%5D%7D; session_token=x; sessiontoken=y; _sessiontoken=z; \
                      __Secure-x=%; y=%5; z=%zz%; _=..; q=\"a\\b\"; nms_%5F=__Host-other; %%%=___; u=%u0041%25%C3%BC";
        assert_eq!(rewritten(&[others], None).as_deref(), Some(others));
    }

    #[test]
    fn gateways_with_different_suffixes_ignore_each_others_cookies() {
        let names =
            |suffix: Option<&str>| CookieNames::new(suffix.map(|s| CookieSuffix::parse(s).unwrap()).as_ref());
        let all = [names(None), names(Some("a")), names(Some("b")), names(Some("ab")), names(Some("loginx"))];
        let random = "2abcdefghijklmnopqrstuv";
        for (index, one) in all.iter().enumerate() {
            let own = [
                one.session.clone(),
                format!("{}{random}", one.login_prefix),
                one.fresh.clone(),
                one.last_user.clone(),
                format!("{}{random}", one.saved_form_prefix),
            ];
            for name in &own {
                assert!(is_withheld(&HeaderValue::from_str(&format!("{name}=x")).unwrap()), "{name}");
                assert_eq!(rewritten(&[&format!("{name}=x")], None), None, "{name} never reaches Campaign");
            }
            let headers = cookie(&[&own.map(|name| format!("{name}=x")).join("; ")]);
            for (_, other) in all.iter().enumerate().filter(|(number, _)| *number != index) {
                assert_eq!(one.session_cookie(&headers), Some("x"));
                assert_eq!(other.session_cookie(&headers), None);
                for (name, _) in pairs(&headers) {
                    assert!(
                        name != other.fresh && name != other.last_user && name != other.session,
                        "{name}"
                    );
                    assert!(!name.starts_with(&other.login_prefix), "{name}");
                    assert!(!name.starts_with(&other.saved_form_prefix), "{name}");
                }
            }
        }
        for wrong in ["", "a-b", "a b", "ü", "login", "Kept", "a=b", "a;b", &"a".repeat(33)] {
            assert_eq!(CookieSuffix::parse(wrong), None, "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn no_encoding_of_a_session_cookie_name_passes(
            name in prop::sample::select(vec![SESSION_COOKIE, CAMPAIGN_COOKIE]),
            ways in prop::collection::vec(0..10_u8, 14),
            before in "[a-z=, ]{0,5}",
        ) {
            let spelled: String = name.bytes().zip(&ways).map(|(letter, way)| match way {
                0 => format!("%{letter:02X}"),
                1 => format!("%25{letter:02x}"),
                2 => format!("\\{}", letter as char),
                3 => format!("\"{}", letter as char),
                4 if letter == b'_' => "%2e".to_owned(),
                5 => (letter as char).to_ascii_uppercase().to_string(),
                6 => format!("%u00{letter:02x}"),
                7 => format!("%25{}", percent_encoding::percent_encode(format!("{letter:02X}").as_bytes(), percent_encoding::NON_ALPHANUMERIC)),

                _ => (letter as char).to_string(),
            }).collect();
            prop_assert_eq!(rewritten(&[&format!("{before}{spelled}=eve")], None), None);
        }

        #[test]
        fn the_session_cookie_is_the_pair_with_that_name(fields in prop::collection::vec("(( |\t|\u{a0}|a=)?__Host-imsgate(-was)?[ =;]{0,2}[xy\u{e9}; =]{0,3}){0,3}", 0..3)) {
            let headers: HeaderMap = fields.iter().map(|f| (header::COOKIE, HeaderValue::from_bytes(f.as_bytes()).unwrap())).collect();
            let all: Vec<&str> = pairs(&headers).filter(|(name, _)| *name == SESSION_COOKIE).map(|(_, value)| value).collect();
            let first = all.first().filter(|first| all.iter().all(|other| other == *first));
            prop_assert_eq!(CookieNames::new(None).session_cookie(&headers), first.copied());
        }

        #[test]
        fn no_spelling_of_a_gateway_or_campaign_session_cookie_passes(
            junk in "[a-z=;, \"\u{a0}\u{2000}]{0,20}", name in "(__[sS]ession[tT]oken|__Host-imsgate(-login-[a-z]{1,4})?)",
            value in "[a-z0-9]{0,8}"
        ) {
            let fields = [format!("{junk}{name}={value}"), format!("{name}={value};{junk}")];
            let headers: HeaderMap =
                fields.iter().map(|f| (header::COOKIE, HeaderValue::from_bytes(f.as_bytes()).unwrap())).collect();
            let left = written(&headers, None).unwrap_or_default().to_lowercase();
            prop_assert!(!left.contains("__sessiontoken") && !left.contains("__host-imsgate"));
        }
    }
}
