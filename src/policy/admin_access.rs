//! Decides about requests to the admin listener: programs send the admin token, operators sign in at the page with it.

use http::{HeaderMap, header};

use super::origin::{Source, source};

/// What a path of the admin listener is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdminArea {
    /// Metrics and health: everybody who reaches the listener, with or without a token.
    Open,
    /// What programs call: it names people, or changes something. Any other path too.
    Api,
    /// The page without its content: the sign-in form and the style sheet.
    BeforeSignIn,
    Page,
}

impl AdminArea {
    /// The area of a path as it was received. A path in another spelling is for programs, which need the token.
    pub fn of(path: &str) -> Self {
        match path {
            "/metrics" | "/health" => Self::Open,
            "/" | "/favicon.ico" | "/admin/sign-in" | "/admin/style.css" => Self::BeforeSignIn,
            "/admin" => Self::Page,
            path if path.starts_with("/admin/") => Self::Page,
            _ => Self::Api,
        }
    }
}

/// What is known about a request to the admin listener.
#[derive(Clone, Copy, Debug)]
pub struct AdminRequest {
    /// What its path is for.
    pub area: AdminArea,
    /// True for a method that may change something.
    pub is_unsafe: bool,
    pub credential: AdminCredential,
    /// What the browser reports, if it is one.
    pub report: BrowserReport,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdminCredential {
    /// The configuration has no admin token, so there are no credentials.
    NoToken,
    /// None, or a wrong one.
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

/// The decision about a request to the admin listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdminDecision {
    Allowed,
    /// Refused: a web page sent it, and the area is not for pages, or the page is not this one.
    SentByPage,
    TokenMissing,
    /// The page is off: there is no token.
    PageOff,
    SignInFirst,
}

pub fn decide(request: AdminRequest) -> AdminDecision {
    let AdminRequest { area, is_unsafe, credential, report } = request;
    // A browser names the sender of every POST. One that does not is refused.
    let is_from_elsewhere = is_unsafe && report.source != Source::SameOrigin;
    match area {
        AdminArea::Open | AdminArea::Api if report.is_from_page => AdminDecision::SentByPage,
        AdminArea::Api if !matches!(credential, AdminCredential::NoToken | AdminCredential::Bearer) => {
            AdminDecision::TokenMissing
        }
        AdminArea::Page | AdminArea::BeforeSignIn if credential == AdminCredential::NoToken => {
            AdminDecision::PageOff
        }
        AdminArea::Page | AdminArea::BeforeSignIn if is_from_elsewhere || report.is_foreign_load => {
            AdminDecision::SentByPage
        }
        AdminArea::Page if credential != AdminCredential::SignedIn => AdminDecision::SignInFirst,
        AdminArea::Open | AdminArea::Api | AdminArea::Page | AdminArea::BeforeSignIn => {
            AdminDecision::Allowed
        }
    }
}

/// True for an IP address or `localhost`, which no name server resolves. This stops DNS rebinding, where the host name of a foreign page
/// resolves to this listener.
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
        let area = prop::sample::select(vec![
            AdminArea::Open,
            AdminArea::Api,
            AdminArea::BeforeSignIn,
            AdminArea::Page,
        ]);
        let source = prop::sample::select(vec![Source::SameOrigin, Source::OtherOrigin, Source::Unknown]);
        let credential = prop::sample::select(vec![
            AdminCredential::NoToken,
            AdminCredential::Nothing,
            AdminCredential::Bearer,
            AdminCredential::SignedIn,
        ]);
        (area, source, credential, any::<[bool; 3]>()).prop_map(|(area, source, credential, flags)| {
            AdminRequest {
                area,
                is_unsafe: flags[0],
                credential,
                report: BrowserReport { source, is_from_page: flags[1], is_foreign_load: flags[2] },
            }
        })
    }

    proptest! {
        #[test]
        fn nobody_changes_or_sees_anything_on_the_page_without_the_token(request in any_request()) {
            if decide(request) == AdminDecision::Allowed && request.area == AdminArea::Page {
                prop_assert_eq!(request.credential, AdminCredential::SignedIn);
            }
        }

        #[test]
        fn only_a_page_of_the_listener_itself_sends_what_changes_something(request in any_request()) {
            let is_page = matches!(request.area, AdminArea::Page | AdminArea::BeforeSignIn);
            if decide(request) == AdminDecision::Allowed && is_page && request.is_unsafe {
                prop_assert_eq!(request.report.source, Source::SameOrigin);
            }
        }

        #[test]
        fn a_program_needs_the_token_if_there_is_one_and_a_page_is_no_program(request in any_request()) {
            if decide(request) == AdminDecision::Allowed && request.area == AdminArea::Api {
                let has_token = matches!(request.credential, AdminCredential::Bearer | AdminCredential::NoToken);
                prop_assert!(!request.report.is_from_page && has_token);
            }
        }

        #[test]
        fn only_the_exact_paths_are_open(path in "/(metrics|health|sessions|events|admin|sign-in|%2e|\\.|/|[a-zA-Z]){0,4}") {
            let is_open = ["/metrics", "/health"].contains(&path.as_str());
            prop_assert_eq!(AdminArea::of(&path) == AdminArea::Open, is_open);
            if matches!(AdminArea::of(&path), AdminArea::Page) {
                prop_assert!(path == "/admin" || path.starts_with("/admin/"));
            }
        }
    }

    #[test]
    fn metrics_and_health_are_for_everybody_but_pages() {
        let report = BrowserReport { source: Source::Unknown, is_from_page: false, is_foreign_load: false };
        let open = AdminRequest {
            area: AdminArea::Open,
            is_unsafe: false,
            credential: AdminCredential::Nothing,
            report,
        };
        let from_page = BrowserReport { is_from_page: true, ..report };
        assert_eq!(decide(open), AdminDecision::Allowed);
        assert_eq!(decide(AdminRequest { report: from_page, ..open }), AdminDecision::SentByPage);
        assert_eq!(decide(AdminRequest { area: AdminArea::Api, ..open }), AdminDecision::TokenMissing);
        assert_eq!(decide(AdminRequest { area: AdminArea::Page, ..open }), AdminDecision::SignInFirst);
        assert_eq!(
            decide(AdminRequest { area: AdminArea::Page, credential: AdminCredential::NoToken, ..open }),
            AdminDecision::PageOff
        );
        let post = AdminRequest { is_unsafe: true, ..open };
        assert_eq!(decide(AdminRequest { area: AdminArea::BeforeSignIn, ..post }), AdminDecision::SentByPage);
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
            let prefetched = [("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "document")];
            assert_eq!(with(&prefetched), !own, "{site}");
        }
        let mut two = headers(&[(SITE, "same-origin")]);
        two.append(SITE, HeaderValue::from_static("cross-site"));
        assert!(is_foreign_load(&two), "each field must name this origin");
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
