//! Who may do what at the admin listener: programs by its token, operators in a browser by the page.

use http::{HeaderMap, header};

use super::origin::{Source, source};

/// What a path of the admin listener is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Area {
    /// Metrics and health: everybody who reaches the listener, with or without a token.
    Open,
    /// What programs call: it names people, or changes something. Any other path too.
    Programs,
    /// The page without its content: the sign-in form and the style sheet.
    Entrance,
    /// The page.
    Page,
}

impl Area {
    /// The area of a path as it was received. A path in another spelling is for programs, which need the token.
    pub fn of(path: &str) -> Self {
        match path {
            "/metrics" | "/health" => Self::Open,
            "/" | "/favicon.ico" | "/admin/sign-in" | "/admin/style.css" => Self::Entrance,
            "/admin" => Self::Page,
            path if path.starts_with("/admin/") => Self::Page,
            _ => Self::Programs,
        }
    }
}

/// What is known about a request to the admin listener.
#[derive(Clone, Copy, Debug)]
pub struct AdminRequest {
    /// What its path is for.
    pub area: Area,
    /// True for a method that may change something.
    pub is_unsafe: bool,
    /// What its sender proves.
    pub proof: Proof,
    /// What the browser reports, if it is one.
    pub report: BrowserReport,
}

/// What the sender of a request proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The gateway has no admin token, so nothing can be proved.
    NoToken,
    /// Nothing.
    Nothing,
    /// It has the token as `Authorization: Bearer`.
    Bearer,
    /// Its cookie belongs to somebody who has signed in at the page with the token.
    SignedIn,
}

/// What a browser reports about the page that sent a request.
#[derive(Clone, Copy, Debug)]
pub struct BrowserReport {
    source: Source,
    is_from_page: bool,
    is_foreign_load: bool,
}

impl BrowserReport {
    /// Reads the header fields of a request; `own` is the origin of the listener.
    pub fn of(headers: &HeaderMap, own: &str) -> Self {
        Self {
            source: source(headers, &[own]),
            is_from_page: is_from_page(headers),
            is_foreign_load: is_foreign_load(headers),
        }
    }
}

/// What becomes of a request to the admin listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is answered.
    Allowed,
    /// A page in a browser sent it, and it is not for this page.
    FromPage,
    /// It needs the token.
    TokenMissing,
    /// The page is off: there is no token.
    PageOff,
    /// Its sender signs in first.
    SignIn,
}

/// Decides about a request.
pub fn decide(request: AdminRequest) -> Verdict {
    let AdminRequest { area, is_unsafe, proof, report } = request;
    // A browser names the sender of every POST. One that does not is refused.
    let is_from_elsewhere = is_unsafe && report.source != Source::SameOrigin;
    match area {
        Area::Open | Area::Programs if report.is_from_page => Verdict::FromPage,
        Area::Programs if !matches!(proof, Proof::NoToken | Proof::Bearer) => Verdict::TokenMissing,
        Area::Page | Area::Entrance if proof == Proof::NoToken => Verdict::PageOff,
        Area::Page | Area::Entrance if is_from_elsewhere || report.is_foreign_load => Verdict::FromPage,
        Area::Page if proof != Proof::SignedIn => Verdict::SignIn,
        Area::Open | Area::Programs | Area::Page | Area::Entrance => Verdict::Allowed,
    }
}

/// True for a host that no name server can make lead here: an IP address or `localhost`. It stops DNS rebinding, where the name of a page
/// leads to this listener.
pub fn is_own_host(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost") || address.parse::<std::net::IpAddr>().is_ok()
}

/// True for a request that a page sent (Fetch §3.2, Fetch Metadata §2). For a typed address, browsers send `Sec-Fetch-Site: none` and no
/// `Origin`.
fn is_from_page(headers: &HeaderMap) -> bool {
    let mut sites = headers.get_all(SITE).iter();
    headers.contains_key(header::ORIGIN) || sites.any(|site| site != "none")
}

/// True when a page of another origin loads this address as a part of itself. A link to it is followed: the cookie stays out of such a
/// request (`SameSite=Strict`).
fn is_foreign_load(headers: &HeaderMap) -> bool {
    let is_own = headers.get_all(SITE).iter().all(|site| site == "none" || site == "same-origin");
    let is_link = headers.get("sec-fetch-mode").is_some_and(|mode| mode == "navigate")
        && headers.get("sec-fetch-dest").is_some_and(|destination| destination == "document");
    !is_own && !is_link
}

const SITE: &str = "sec-fetch-site";

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};
    use proptest::prelude::*;

    use super::*;

    fn any_request() -> impl Strategy<Value = AdminRequest> {
        let area = prop::sample::select(vec![Area::Open, Area::Programs, Area::Entrance, Area::Page]);
        let source = prop::sample::select(vec![Source::SameOrigin, Source::OtherOrigin, Source::Unknown]);
        let proof =
            prop::sample::select(vec![Proof::NoToken, Proof::Nothing, Proof::Bearer, Proof::SignedIn]);
        (area, source, proof, any::<[bool; 3]>()).prop_map(|(area, source, proof, flags)| AdminRequest {
            area,
            is_unsafe: flags[0],
            proof,
            report: BrowserReport { source, is_from_page: flags[1], is_foreign_load: flags[2] },
        })
    }

    proptest! {
        #[test]
        fn nobody_changes_or_sees_anything_on_the_page_without_the_token(request in any_request()) {
            if decide(request) == Verdict::Allowed && request.area == Area::Page {
                prop_assert_eq!(request.proof, Proof::SignedIn);
            }
        }

        #[test]
        fn only_a_page_of_the_listener_itself_sends_what_changes_something(request in any_request()) {
            let is_page = matches!(request.area, Area::Page | Area::Entrance);
            if decide(request) == Verdict::Allowed && is_page && request.is_unsafe {
                prop_assert_eq!(request.report.source, Source::SameOrigin);
            }
        }

        #[test]
        fn a_program_needs_the_token_if_there_is_one_and_a_page_is_no_program(request in any_request()) {
            if decide(request) == Verdict::Allowed && request.area == Area::Programs {
                let has_token = matches!(request.proof, Proof::Bearer | Proof::NoToken);
                prop_assert!(!request.report.is_from_page && has_token);
            }
        }

        #[test]
        fn only_the_exact_paths_are_open(path in "/(metrics|health|sessions|events|admin|sign-in|%2e|\\.|/|[a-zA-Z]){0,4}") {
            let is_open = ["/metrics", "/health"].contains(&path.as_str());
            prop_assert_eq!(Area::of(&path) == Area::Open, is_open);
            if matches!(Area::of(&path), Area::Page) {
                prop_assert!(path == "/admin" || path.starts_with("/admin/"));
            }
        }
    }

    #[test]
    fn metrics_and_health_are_for_everybody_but_pages() {
        let report = BrowserReport { source: Source::Unknown, is_from_page: false, is_foreign_load: false };
        let open = AdminRequest { area: Area::Open, is_unsafe: false, proof: Proof::Nothing, report };
        let from_page = BrowserReport { is_from_page: true, ..report };
        assert_eq!(decide(open), Verdict::Allowed);
        assert_eq!(decide(AdminRequest { report: from_page, ..open }), Verdict::FromPage);
        assert_eq!(decide(AdminRequest { area: Area::Programs, ..open }), Verdict::TokenMissing);
        assert_eq!(decide(AdminRequest { area: Area::Page, ..open }), Verdict::SignIn);
        assert_eq!(
            decide(AdminRequest { area: Area::Page, proof: Proof::NoToken, ..open }),
            Verdict::PageOff
        );
        let post = AdminRequest { is_unsafe: true, ..open };
        assert_eq!(decide(AdminRequest { area: Area::Entrance, ..post }), Verdict::FromPage);
    }

    #[test]
    fn only_ip_addresses_and_localhost_are_accepted_as_host() {
        for good in ["localhost", "LOCALHOST:9090", "127.0.0.1:9090", "10.0.0.7", "[::1]:9090", "[::1]"] {
            assert!(is_own_host(good), "{good}");
        }
        for bad in ["", "evil.example", "localhost.evil.example:9090", "127.0.0.1.evil.example", ":9090"] {
            assert!(!is_own_host(bad), "{bad}");
        }
    }

    #[test]
    fn a_page_of_others_may_link_to_the_page_and_not_load_it() {
        let headers = |pairs: &[(&'static str, &'static str)]| -> HeaderMap {
            let pair = |(name, value): &(&'static str, &'static str)| {
                (HeaderName::from_static(name), HeaderValue::from_static(value))
            };
            pairs.iter().map(pair).collect()
        };
        let link = [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
        let frame = [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")];
        for (site, own) in
            [("none", true), ("same-origin", true), ("same-site", false), ("cross-site", false)]
        {
            let with = |more: &[(&'static str, &'static str)]| {
                is_foreign_load(&headers(&[&[(SITE, site)], more].concat()))
            };
            assert!(!with(&link), "{site}");
            assert_eq!((with(&[]), with(&frame)), (!own, !own), "{site}");
        }
        assert!(!is_foreign_load(&HeaderMap::new()));
        for (pairs, expected) in [
            (&[][..], false),
            (&[(SITE, "none")], false),
            (&[(SITE, "same-origin")], true),
            (&[(SITE, "cross-site")], true),
            (&[("origin", "null")], true),
        ] {
            assert_eq!(is_from_page(&headers(pairs)), expected, "{pairs:?}");
        }
    }
}
