//! Determines the origin of the page that sent a request, to refuse cross-site requests with a session.

use http::{HeaderMap, HeaderValue, Method, header};

/// The origin of the page that sent a request, as the browser reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A page of the same origin as the request.
    SameOrigin,
    /// Another origin: another site, a sibling host, another port, a page without origin, or the address bar.
    OtherOrigin,
    /// The request has neither `Origin` nor `Sec-Fetch-Site`: an old browser, a program, or a view in the client console.
    Unknown,
}

/// Reads `Origin` (RFC 6454 §7) and `Sec-Fetch-Site` (W3C Fetch Metadata §2.3). All fields that are present must name the same origin.
/// `own` lists the gateway's origins, such as `https://campaign.example.com`.
pub fn source(headers: &HeaderMap, own: &[&str]) -> Source {
    let mut sites = headers.get_all("sec-fetch-site").iter().peekable();
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let has_site = sites.peek().is_some();
    let (origin, more) = (origins.next(), origins.next());
    if origin.is_none() && !has_site {
        return Source::Unknown;
    }
    let is_own = |sent: &[u8]| {
        // A page with the referrer policy `no-referrer` sends `null` even to its own origin (Fetch §3.2). Then only the site counts.
        (sent == b"null" && has_site) || own.iter().any(|own| is_equal(sent, own.as_bytes()))
    };
    let is_same = sites.all(|site| site.as_bytes() == b"same-origin")
        && origin.is_none_or(|origin| is_own(origin.as_bytes()))
        && more.is_none();
    if is_same { Source::SameOrigin } else { Source::OtherOrigin }
}

/// True when the browser reports that a page of this origin sent the request.
pub fn is_same_origin(headers: &HeaderMap, origin: &str) -> bool {
    source(headers, &[origin]) == Source::SameOrigin
}

/// As [`source`], for the gateway's own addresses: without `Origin` and `Sec-Fetch-Site`, `Referer` decides, which older browsers send
/// (RFC 9110 §10.1.3). All fields must name the same origin. An empty one, as some proxies leave it, names none.
pub fn source_or_referrer(headers: &HeaderMap, own: &str) -> Source {
    let source = source(headers, &[own]);
    let mut pages = headers.get_all(header::REFERER).iter().filter(|page| !page.is_empty()).peekable();
    if source != Source::Unknown || pages.peek().is_none() {
        return source;
    }
    let is_own =
        |page: &HeaderValue| origin_of(page.as_bytes()).is_some_and(|sent| is_equal(sent, own.as_bytes()));
    if pages.all(is_own) { Source::SameOrigin } else { Source::OtherOrigin }
}

/// True when a page of this origin sent the browser here. False for a typed address.
pub fn comes_from_own_page(headers: &HeaderMap, origin: &str) -> bool {
    source_or_referrer(headers, origin) == Source::SameOrigin
}

/// The origin of an address: what is in front of its path. Text before `@` stays in it, so that it equals no origin.
fn origin_of(address: &[u8]) -> Option<&[u8]> {
    let host = memchr::memmem::find(address, b"://")? + 3;
    let end = address[host..].iter().position(|byte| matches!(byte, b'/' | b'?' | b'#' | b'\\'))?;
    (address[host + end] == b'/').then_some(&address[..host + end])
}

/// True for every method except the safe ones (RFC 9110 §9.2.1).
pub fn is_unsafe(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE)
}

/// Compares origins without regard to letter case and default port (RFC 6454 §4 and §5).
fn is_equal(one: &[u8], other: &[u8]) -> bool {
    without_default_port(one).eq_ignore_ascii_case(without_default_port(other))
}

fn without_default_port(origin: &[u8]) -> &[u8] {
    let is_https = origin.get(..HTTPS.len()).is_some_and(|scheme| scheme.eq_ignore_ascii_case(HTTPS));
    origin.strip_suffix(b":443").filter(|_| is_https).unwrap_or(origin)
}

const HTTPS: &[u8] = b"https://";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OWN: &str = "https://campaign.example.com";

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(n, v)| (n.parse().unwrap(), HeaderValue::from_str(v).unwrap())).collect()
    }

    #[test]
    fn every_field_that_is_present_must_name_the_same_origin() {
        use Source::{OtherOrigin, SameOrigin, Unknown};
        let (site, origin) = ("sec-fetch-site", "origin");
        for (pairs, expected) in [
            (&[][..], Unknown),
            (&[(site, "same-origin")], SameOrigin),
            (&[(site, "same-site")], OtherOrigin),
            (&[(site, "cross-site")], OtherOrigin),
            (&[(site, "none")], OtherOrigin),
            (&[(site, "")], OtherOrigin),
            (&[(site, "same-origin, cross-site")], OtherOrigin),
            (&[(site, "same-origin"), (site, "cross-site")], OtherOrigin),
            (&[(origin, OWN)], SameOrigin),
            (&[(origin, "HTTPS://Campaign.Example.COM")], SameOrigin),
            (&[(origin, "https://campaign.example.com:443")], SameOrigin),
            (&[(origin, "https://campaign.example.com:8443")], OtherOrigin),
            (&[(origin, "http://campaign.example.com")], OtherOrigin),
            (&[(origin, "http://campaign.example.com:443")], OtherOrigin),
            (&[(origin, "https://campaign.example.com/")], OtherOrigin),
            (&[(origin, "https://campaign.example.com.evil.com")], OtherOrigin),
            (&[(origin, "https://evil.campaign.example.com")], OtherOrigin),
            (&[(origin, "https://www.example.com")], OtherOrigin),
            (&[(origin, "null")], OtherOrigin),
            (&[(origin, "")], OtherOrigin),
            (&[(origin, OWN), (origin, OWN)], OtherOrigin),
            (&[(origin, OWN), (origin, "https://evil.example.com")], OtherOrigin),
            (&[(origin, "https://campaign.example.com https://evil.example.com")], OtherOrigin),
            (&[(site, "same-origin"), (origin, OWN)], SameOrigin),
            (&[(site, "same-origin"), (origin, "null")], SameOrigin),
            (&[(site, "cross-site"), (origin, "null")], OtherOrigin),
            (&[(site, "none"), (origin, "null")], OtherOrigin),
            (&[(site, "same-origin"), (origin, "https://evil.example.com")], OtherOrigin),
            (&[(site, "same-site"), (origin, OWN)], OtherOrigin),
            (&[(site, "none"), (origin, OWN)], OtherOrigin),
        ] {
            assert_eq!(source(&headers(pairs), &[OWN]), expected, "{pairs:?}");
            assert_eq!(is_same_origin(&headers(pairs), OWN), expected == SameOrigin, "{pairs:?}");
        }
    }

    #[test]
    fn another_port_is_part_of_the_origin() {
        let own = "https://campaign.example.com:8443";
        assert!(is_same_origin(&headers(&[("origin", own)]), own));
        assert!(!is_same_origin(&headers(&[("origin", OWN)]), own));
        assert!(is_same_origin(&headers(&[("origin", OWN)]), "https://campaign.example.com:443"));
    }

    #[test]
    fn an_own_page_is_recognized_by_fetch_metadata_or_by_its_referrer() {
        let own = "https://campaign.example.com";
        let page = ("referer", "https://campaign.example.com/ims/me");
        for (pairs, expected) in [
            (&[][..], false),
            (&[("sec-fetch-site", "same-origin")], true),
            (&[("sec-fetch-site", "none")], false),
            (&[("sec-fetch-site", "cross-site"), page], false),
            (&[("sec-fetch-site", "same-site"), page], false),
            (&[("origin", "null"), page], false),
            (&[page], true),
            (&[("referer", "https://campaign.example.com")], false),
            (&[("referer", "https://campaign.example.com.evil.example/ims/me")], false),
            (&[("referer", "https://campaign.example.com@evil.example/ims/me")], false),
            (&[("referer", "https://campaign.example.com:444/ims/me")], false),
            (&[("referer", "http://campaign.example.com/ims/me")], false),
            (&[("referer", "https://evil.example/https://campaign.example.com/")], false),
        ] {
            assert_eq!(comes_from_own_page(&headers(pairs), own), expected, "{pairs:?}");
        }
    }

    #[test]
    fn without_other_fields_the_referrer_names_the_origin() {
        use Source::{OtherOrigin, SameOrigin, Unknown};
        let (referer, page) = ("referer", "https://campaign.example.com/ims/logout");
        for (pairs, expected) in [
            (&[][..], Unknown),
            (&[(referer, "")], Unknown),
            (&[(referer, page)], SameOrigin),
            (&[(referer, "HTTPS://Campaign.Example.com:443/?x=//evil.example/")], SameOrigin),
            (&[(referer, page), (referer, "https://evil.example/")], OtherOrigin),
            (&[(referer, "https://evil.example/")], OtherOrigin),
            (&[(referer, "https://evil.example")], OtherOrigin),
            (&[(referer, "https://sub.campaign.example.com/")], OtherOrigin),
            (&[(referer, "https://campaign.example.com:8443/")], OtherOrigin),
            (&[(referer, "http://campaign.example.com/")], OtherOrigin),
            (&[(referer, "https://campaign.example.com\\@evil.example/")], OtherOrigin),
            (&[(referer, "https://campaign.example.com?@evil.example/")], OtherOrigin),
            (&[(referer, "//campaign.example.com/")], OtherOrigin),
            (&[(referer, "/ims/logout")], OtherOrigin),
            (&[(referer, "about:blank")], OtherOrigin),
            (&[(referer, "android-app://com.example.mail/")], OtherOrigin),
            (&[(referer, "null")], OtherOrigin),
            (&[("origin", OWN), (referer, "https://evil.example/")], SameOrigin),
            (&[("sec-fetch-site", "cross-site"), (referer, page)], OtherOrigin),
        ] {
            assert_eq!(source_or_referrer(&headers(pairs), OWN), expected, "{pairs:?}");
        }
    }

    #[test]
    fn four_methods_are_safe() {
        for safe in ["GET", "HEAD", "OPTIONS", "TRACE"] {
            assert!(!is_unsafe(&safe.parse().unwrap()), "{safe}");
        }
        for method in ["POST", "PUT", "PATCH", "DELETE", "CONNECT", "PROPFIND", "get"] {
            assert!(is_unsafe(&method.parse().unwrap()), "{method}");
        }
    }

    proptest! {
        /// The origin is the same only if all fields say so, in any number and order.
        #[test]
        fn no_field_overrides_another(
            sites in proptest::collection::vec("same-origin|same-site|cross-site|none|x?", 0..3),
            origins in proptest::collection::vec("https://(campaign|www)\\.example\\.com(:443|:8443)?|null", 0..3),
        ) {
            let mut all = HeaderMap::new();
            for site in &sites {
                all.append("sec-fetch-site", site.parse().unwrap());
            }
            for origin in &origins {
                all.append("origin", origin.parse().unwrap());
            }
            let is_own = |origin: &String| origin == OWN || *origin == format!("{OWN}:443");
            match source(&all, &[OWN]) {
                Source::Unknown => prop_assert!(sites.is_empty() && origins.is_empty()),
                Source::SameOrigin => {
                    prop_assert!(sites.iter().all(|site| site == "same-origin"));
                    prop_assert!(origins.iter().all(|o| is_own(o) || (o == "null" && !sites.is_empty())));
                }
                Source::OtherOrigin => {
                    prop_assert!(
                        sites.iter().any(|site| site != "same-origin")
                            || origins.iter().any(|origin| !is_own(origin))
                            || origins.len() > 1
                    );
                }
            }
        }
    }
}
