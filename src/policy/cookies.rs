//! Cookies of the gateway and of Campaign in one `Cookie` header, told apart.
//!
//! The pairs are kept as raw slices (RFC 6265 §5.4): what belongs to neither side's session passes through to the byte.

use http::{HeaderMap, HeaderValue, header};

/// The gateway's session cookie. The `__Host-` prefix makes browsers refuse it from another host or without TLS
/// (RFC 6265bis §4.1.3.2).
pub const SESSION_COOKIE: &str = "__Host-imsgate";
/// Prefix of the cookies that bind an open login to the browser.
pub const LOGIN_COOKIE_PREFIX: &str = "__Host-imsgate-login-";
/// Campaign's session cookie.
pub const CAMPAIGN_COOKIE: &str = "__sessiontoken";

/// Every cookie pair of a request as `(name, value)`, over several `Cookie` fields (RFC 9113 §8.2.3).
pub fn pairs(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    raw_pairs(headers)
        .filter_map(|pair| std::str::from_utf8(pair).ok()?.split_once('='))
        .map(|(name, value)| (name.trim(), value.trim()))
}

/// The value of the session cookie. Two different ones are none: a browser never sends that.
pub fn session_cookie(headers: &HeaderMap) -> Option<&str> {
    let mut values = pairs(headers).filter(|(name, _)| *name == SESSION_COOKIE).map(|(_, value)| value);
    let first = values.next()?;
    values.all(|other| other == first).then_some(first)
}

/// What happens to the client's own Campaign session cookie.
#[derive(Clone, Copy, Debug)]
pub enum CampaignCookie<'a> {
    /// Left as the client sent it.
    Keep,
    /// Taken away.
    Remove,
    /// Taken away, and this pair (`__sessiontoken=…`) put in its place.
    Replace(&'a HeaderValue),
}

/// Rewrites the `Cookie` fields of a request on its way to Campaign: one field, without the gateway's cookies, with the
/// Campaign session as decided.
pub fn rewrite(headers: &mut HeaderMap, campaign: CampaignCookie<'_>) {
    let own = |pair: &[u8]| pair.starts_with(SESSION_COOKIE.as_bytes());
    // Anywhere in the pair, in any case: a lenient reader may split at a comma or a quote where we do not.
    let session = |pair: &[u8]| {
        !matches!(campaign, CampaignCookie::Keep)
            && pair.windows(CAMPAIGN_COOKIE.len()).any(|w| w.eq_ignore_ascii_case(CAMPAIGN_COOKIE.as_bytes()))
    };
    let mut kept = Vec::new();
    for pair in raw_pairs(headers).filter(|pair| !own(pair) && !session(pair)) {
        if !kept.is_empty() {
            kept.extend_from_slice(b"; ");
        }
        kept.extend_from_slice(pair);
    }
    let value = match (kept.is_empty(), campaign) {
        (true, CampaignCookie::Replace(ours)) => Some(ours.clone()),
        (true, _) => None,
        (false, CampaignCookie::Replace(ours)) => {
            kept.extend_from_slice(b"; ");
            kept.extend_from_slice(ours.as_bytes());
            HeaderValue::from_maybe_shared(bytes::Bytes::from(kept)).ok()
        }
        (false, _) => HeaderValue::from_maybe_shared(bytes::Bytes::from(kept)).ok(),
    };
    match value {
        Some(value) => drop(headers.insert(header::COOKIE, value)),
        None => drop(headers.remove(header::COOKIE)),
    }
}

/// True for a `Set-Cookie` of Campaign that must not reach the browser: one that names the gateway's cookies, and, when
/// the gateway holds the Campaign session, Campaign's session cookie.
pub fn is_withheld(set_cookie: &HeaderValue, holds_campaign_session: bool) -> bool {
    let bytes = set_cookie.as_bytes();
    let name = bytes.split(|b| *b == b'=').next().unwrap_or_default().trim_ascii();
    let starts_own = name.len() >= SESSION_COOKIE.len()
        && name[..SESSION_COOKIE.len()].eq_ignore_ascii_case(SESSION_COOKIE.as_bytes());
    starts_own || (holds_campaign_session && name.eq_ignore_ascii_case(CAMPAIGN_COOKIE.as_bytes()))
}

fn raw_pairs(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .flat_map(|field| field.as_bytes().split(|b| *b == b';'))
        .map(<[u8]>::trim_ascii)
        .filter(|pair| !pair.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cookie(fields: &[&str]) -> HeaderMap {
        fields.iter().map(|f| (header::COOKIE, HeaderValue::from_str(f).unwrap())).collect()
    }

    fn rewritten(fields: &[&str], campaign: CampaignCookie<'_>) -> Option<String> {
        let mut headers = cookie(fields);
        rewrite(&mut headers, campaign);
        assert!(headers.get_all(header::COOKIE).iter().count() <= 1);
        headers.get(header::COOKIE).map(|v| v.to_str().unwrap().to_owned())
    }

    #[test]
    fn the_session_cookie_is_found_among_others_and_never_doubtful() {
        assert_eq!(session_cookie(&cookie(&["a=b; __Host-imsgate=xyz; c"])), Some("xyz"));
        assert_eq!(session_cookie(&cookie(&["a=b", "__Host-imsgate=xyz"])), Some("xyz"));
        assert_eq!(session_cookie(&cookie(&["__Host-imsgate=x; __Host-imsgate=y"])), None);
        for empty in ["", "=;;", "__Host-imsgate", "__Host-imsgate-login-a=1", "__host-imsgate=x"] {
            assert_eq!(session_cookie(&cookie(&[empty])), None, "{empty}");
        }
    }

    #[test]
    fn campaign_gets_its_session_and_none_of_ours() {
        let ours = HeaderValue::from_static("__sessiontoken=ours");
        let replace = CampaignCookie::Replace(&ours);
        let all = ["lang=en; __Host-imsgate=x; __sessiontoken=theirs", "uuid=1; __SessionToken=also"];
        assert_eq!(rewritten(&all, replace).as_deref(), Some("lang=en; uuid=1; __sessiontoken=ours"));
        assert_eq!(rewritten(&all, CampaignCookie::Remove).as_deref(), Some("lang=en; uuid=1"));
        assert_eq!(rewritten(&["__Host-imsgate=x"], replace).as_deref(), Some("__sessiontoken=ours"));
        assert_eq!(rewritten(&["__Host-imsgate=x"], CampaignCookie::Remove), None);
        assert_eq!(
            rewritten(&["a=b, __sessiontoken=theirs; c=d"], replace).as_deref(),
            Some("c=d; __sessiontoken=ours")
        );
        assert_eq!(
            rewritten(&["__sessiontoken=t"], CampaignCookie::Keep).as_deref(),
            Some("__sessiontoken=t")
        );
    }

    #[test]
    fn set_cookie_of_the_session_stays_in_the_gateway() {
        let held = |text: &'static str, holds| is_withheld(&HeaderValue::from_static(text), holds);
        assert!(held("__sessiontoken=x; path=/", true));
        assert!(held(" __SESSIONTOKEN =x", true));
        assert!(!held("__sessiontoken=x", false));
        assert!(held("__Host-imsgate=forged; Secure", false));
        assert!(!held("uuid230=1", true));
    }

    proptest! {
        #[test]
        fn no_spelling_brings_a_gateway_or_campaign_session_through(
            junk in "[a-z=;, \"]{0,20}", name in "(__[sS]ession[tT]oken|__Host-imsgate(-login-[a-z]{1,4})?)",
            value in "[a-z0-9]{0,8}"
        ) {
            let fields = [format!("{junk};{name}={value}"), format!("{name}={value};{junk}")];
            let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
            let left = rewritten(&fields, CampaignCookie::Remove).unwrap_or_default().to_lowercase();
            prop_assert!(!left.contains("__sessiontoken") && !left.contains("__host-imsgate"));
        }
    }
}
