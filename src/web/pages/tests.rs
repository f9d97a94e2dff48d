//! What holds for every page, whatever it is told.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use axum::response::IntoResponse as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, StatusCode, header};

use super::*;
use crate::clock::UnixTime;
use crate::policy::saved_form::NotSaved;

const NOW: UnixTime = UnixTime(1_795_343_343);

/// What a caller may put on a page.
#[derive(Clone, Copy)]
struct Words<'a> {
    person: &'a str,
    name: &'a str,
    user: &'a str,
    organization: &'a str,
    group: &'a str,
    until: &'a str,
    link: &'a str,
    headline: &'a str,
    text: &'a str,
    request_id: &'a str,
    support: &'a str,
}

impl<'a> Words<'a> {
    const USUAL: Words<'static> = Words {
        person: "alice@example.com",
        name: "Alice Example",
        user: "5F2A1C0E54D3B7A9@0b1c2d3e54f6.e",
        organization: "4E3D60F754C8E5D0A4C98A2@AdobeOrg",
        group: "workflowSupervisor",
        until: "2026-11-22 22:29:03 UTC",
        link: "/ims/login?return_to=%2Fview%2Fhome",
        headline: "Too many requests",
        text: "You sent very many requests in a short time.\n\nWait a minute, then try again.",
        request_id: "0193f2a7-c1d4-7e1f-9a35-6b0c2f11d8e4",
        support: "campaign-help@example.com",
    };

    fn all(text: &'a str) -> Self {
        Self {
            person: text,
            name: text,
            user: text,
            organization: text,
            group: text,
            until: text,
            link: text,
            headline: text,
            text,
            request_id: text,
            support: text,
        }
    }
}

/// Every page there is, by name.
fn every_page(words: Words<'_>) -> Vec<(&'static str, Page)> {
    let Words { request_id, support, link, .. } = words;
    let plain = Plain { request_id, support, now: NOW };
    let groups = [words.group.to_owned(), "delivery".to_owned()];
    let refusal = Refused {
        person: words.person,
        organization: words.organization,
        another: link,
        other_organization: false,
        too_many_groups: None,
        sign_out: false,
        request_id,
        support,
        now: NOW,
    };
    let own = |is_this| OwnSession { created: utc(NOW), seen: utc(NOW), is_this };
    let sessions = [own(true), own(false)];
    let who = Me {
        user: words.user,
        email: words.person,
        name: words.name,
        organization: words.organization,
        groups: &groups,
        expires_at: words.until,
        sessions: Some(&sessions),
        csrf: Some(words.group),
        request_id,
        support,
        now: NOW,
    };
    let retry_after = Duration::from_millis(9_500);
    let mut pages = vec![
        ("framed", framed(link, plain)),
        ("refused", refused(&refusal)),
        ("refused-groups", refused(&Refused { too_many_groups: Some(300), ..refusal })),
        ("refused-organization", refused(&Refused { other_organization: true, sign_out: true, ..refusal })),
        (
            "ims-unavailable",
            ims_unavailable(&ImsUnavailable { retry: link, retry_after, request_id, support, now: NOW }),
        ),
        ("signed-out", signed_out(&SignedOut { request_id, support, now: NOW })),
        (
            "logout-confirm",
            logout_confirm(&LogoutConfirm {
                person: words.person,
                csrf: Some(words.group),
                request_id,
                support,
                now: NOW,
            }),
        ),
        ("me", me(&who)),
        ("me-without-groups", me(&Me { groups: &[], csrf: None, sessions: None, ..who })),
        (
            "campaign-unavailable",
            campaign_unavailable(&CampaignUnavailable {
                status: StatusCode::GATEWAY_TIMEOUT,
                signed_in: true,
                retry: link,
                retry_after,
                request_id,
                support,
                now: NOW,
            }),
        ),
        ("bad-request", bad_request(plain)),
        ("not-found", not_found(plain)),
        ("denied", denied(plain)),
        ("misdirected", misdirected(plain)),
        ("too-large", too_large(plain)),
        ("internal", internal(plain)),
        (
            "problem",
            problem(&Problem {
                link,
                link_text: words.headline,
                ..Problem::new(StatusCode::TOO_MANY_REQUESTS, words.headline, words.text, plain)
            }),
        ),
    ];
    pages.extend(pages_of_kept_forms(words));
    for (name, trouble) in [
        ("login-declined", LoginTrouble::Declined),
        ("login-invalid", LoginTrouble::AnswerInvalid),
        ("login-cookie", LoginTrouble::CookieMissing),
        ("login-loop", LoginTrouble::TooManyRedirects),
        ("login-clock", LoginTrouble::Clock),
    ] {
        pages.push((name, login_failed(&trouble.page(link, plain))));
    }
    pages
}

fn pages_of_kept_forms(words: Words<'_>) -> Vec<(&'static str, Page)> {
    let Words { request_id, support, link, .. } = words;
    let plain = Plain { request_id, support, now: NOW };
    let waiting = |bytes| Waiting {
        target: words.link.to_owned(),
        bytes,
        sent: NOW,
        until: NOW,
        mark: words.group.to_owned(),
    };
    let waiting = [waiting(312), waiting(1 << 20)];
    let one = Resume { waiting: &waiting[..1], person: words.person, request_id, now: NOW };
    let mut pages = vec![
        ("resume", resume(&one)),
        ("resume-two", resume(&Resume { waiting: &waiting, ..one })),
        ("kept-for-another", kept_for_another(link, plain)),
        ("kept-no-more", kept_no_more(plain)),
        ("kept-campaign-unavailable", still_kept(StatusCode::BAD_GATEWAY, plain)),
    ];
    for (name, why) in [
        ("not-kept-stranger", NotSaved::Stranger),
        ("not-kept-foreign", NotSaved::Foreign),
        ("not-kept-large", NotSaved::TooLarge),
        ("not-kept-odd", NotSaved::Odd),
        ("not-kept-full", NotSaved::Full),
    ] {
        pages.push((name, not_kept(why, link, plain)));
    }
    pages
}

#[test]
fn hostile_text_stays_text() {
    for hostile in [
        r#""><script>alert(1)</script>"#,
        "' onfocus=alert(1) x='",
        "</title></style><script>",
        "javascript:alert(1)",
    ] {
        for (name, page) in every_page(Words::all(hostile)) {
            let html = page.html();
            assert!(!html.contains("<script"), "{name}");
            assert!(!html.contains(r#"href="javascript:"#), "{name}");
            assert!(!html.contains("' onfocus"), "{name}");
            assert_eq!(html.matches("</title>").count(), 1, "{name}");
            assert_eq!(html.matches("</style>").count(), 1, "{name}");
            assert_eq!(html.matches("<h1>").count(), 1, "{name}");
        }
    }
}

#[test]
fn every_page_says_what_it_is_and_how_to_refer_to_it() {
    for (name, page) in every_page(Words { request_id: "0193-abc", ..Words::USUAL }) {
        let html = page.html();
        assert!(html.starts_with("<!doctype html>\n<html lang=\"en\">"), "{name}");
        let headline = between(html, "<h1>", "</h1>");
        assert!(!headline.is_empty(), "{name}");
        assert_eq!(between(html, "<title>", "</title>"), format!("{headline} – Campaign sign-in"), "{name}");
        assert_eq!(html.matches("<h1").count(), 1, "{name}");
        assert!(html.contains("<code>0193-abc</code>"), "{name}");
        assert!(html.contains("2026-11-22 10:29:03 UTC"), "{name}");
    }
}

#[test]
fn no_page_loads_or_links_anything_foreign() {
    for (name, page) in every_page(Words::USUAL) {
        let html = page.html();
        assert!(!html.contains("://"), "{name}");
        for attribute in ["src=", "srcset=", "<link", "<img", "<iframe", "http-equiv", " style=", " on"] {
            let found = tags(html).any(|tag| tag.contains(attribute));
            assert!(!found, "{name} has {attribute}");
        }
        for target in html.split("href=\"").skip(1).chain(html.split("action=\"").skip(1)) {
            let stays = target.starts_with('/') && !target.starts_with("//") || target.starts_with("mailto:");
            assert!(stays, "{name} leads to {target:.40}");
        }
    }
}

#[test]
fn the_policy_allows_exactly_the_style_in_the_page() {
    for (name, page) in every_page(Words::USUAL) {
        let style = between(page.html(), "<style>", "</style>");
        let hash = STANDARD.encode(digest(&SHA256, style.as_bytes()));
        let form = page.html().contains("<form");
        let ancestors = if name == "framed" { "'self'" } else { "'none'" };
        let action = if form { "'self' https: http:" } else { "'none'" };
        let expected = format!(
            "default-src 'none'; style-src 'sha256-{hash}'; form-action {action}; base-uri 'none'; \
             frame-ancestors {ancestors}"
        );
        assert_eq!(headers(page)[header::CONTENT_SECURITY_POLICY], expected, "{name}");
    }
}

#[test]
fn every_page_keeps_out_of_caches_and_frames() {
    for (name, page) in every_page(Words::USUAL) {
        let has_form = page.html().contains("<form");
        let headers = headers(page);
        for (header, value) in [
            (header::CONTENT_TYPE, "text/html; charset=utf-8"),
            (header::CACHE_CONTROL, "no-store"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, if has_form { "same-origin" } else { "no-referrer" }),
            (header::X_FRAME_OPTIONS, if name == "framed" { "SAMEORIGIN" } else { "DENY" }),
        ] {
            assert_eq!(headers[&header], value, "{name}");
        }
    }
}

#[test]
fn a_status_says_what_happened() {
    let expected = [
        ("framed", 401),
        ("refused", 403),
        ("refused-organization", 403),
        ("ims-unavailable", 503),
        ("signed-out", 200),
        ("logout-confirm", 200),
        ("me", 200),
        ("campaign-unavailable", 504),
        ("bad-request", 400),
        ("not-found", 404),
        ("denied", 403),
        ("misdirected", 421),
        ("too-large", 413),
        ("internal", 500),
        ("problem", 429),
        ("resume", 200),
        ("kept-for-another", 409),
        ("kept-no-more", 410),
        ("kept-campaign-unavailable", 502),
        ("not-kept-large", 401),
        ("login-declined", 403),
        ("login-invalid", 502),
        ("login-cookie", 400),
    ];
    let pages = every_page(Words::USUAL);
    for (name, status) in expected {
        let (_, page) = pages.iter().find(|(n, _)| *n == name).unwrap();
        assert_eq!(page.status().as_u16(), status, "{name}");
    }
}

#[test]
fn an_outage_says_when_to_come_back_in_whole_seconds() {
    for (name, page) in every_page(Words::USUAL) {
        let expected = name.ends_with("unavailable").then_some("10");
        assert_eq!(headers(page).get(header::RETRY_AFTER).map(|v| v.to_str().unwrap()), expected, "{name}");
    }
}

#[test]
fn the_way_back_is_kept_and_a_foreign_one_dropped() {
    let link = |retry: &'static str| {
        let page = ims_unavailable(&ImsUnavailable {
            retry,
            retry_after: Duration::from_secs(5),
            request_id: "r",
            support: "",
            now: NOW,
        });
        between(page.html(), "class=\"button\" href=\"", "\"").to_owned()
    };
    assert_eq!(link("/ims/login?return_to=%2Fview%2Fhome"), "/ims/login?return_to=%2Fview%2Fhome");
    assert_eq!(link("//evil.example"), "/");
}

#[test]
fn an_outage_tells_only_those_signed_in_that_they_still_are() {
    let outage = |signed_in| {
        campaign_unavailable(&CampaignUnavailable {
            status: StatusCode::BAD_GATEWAY,
            signed_in,
            retry: "/",
            retry_after: Duration::from_secs(5),
            request_id: "r",
            support: "",
            now: NOW,
        })
    };
    assert!(outage(true).html().contains("You are still signed in."));
    assert!(!outage(false).html().contains("signed in"));
}

#[test]
fn without_a_contact_the_administrator_is_named() {
    for (name, page) in every_page(Words { support: " ", ..Words::USUAL }) {
        let asks = page.html().contains(" ask ") || page.html().contains("Ask ");
        assert_eq!(asks, page.html().contains("sk your Campaign administrator"), "{name}");
    }
}

#[test]
fn the_sign_out_form_carries_its_token_only_when_there_is_one() {
    let pages = every_page(Words { group: "token-1", ..Words::USUAL });
    let html = |wanted| pages.iter().find(|(name, _)| *name == wanted).unwrap().1.html().to_owned();
    assert!(html("logout-confirm").contains(r#"<input type="hidden" name="csrf" value="token-1">"#));
    assert!(html("me").contains(r#"<input type="hidden" name="csrf" value="token-1">"#));
    assert!(!html("me-without-groups").contains("csrf"));
}

fn headers(page: Page) -> HeaderMap {
    page.into_response().headers().clone()
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let (_, rest) = text.split_once(start).unwrap();
    rest.split_once(end).unwrap().0
}

fn tags(html: &str) -> impl Iterator<Item = &str> {
    html.split('<').skip(1).map(|rest| rest.split('>').next().unwrap_or(rest))
}

#[test]
fn a_kept_form_is_shown_by_its_path_and_posted_to_its_address() {
    let words = Words { link: "/view/edit?id=7&token=secret", ..Words::USUAL };
    let pages = every_page(words);
    let html = |name: &str| pages.iter().find(|(known, _)| *known == name).unwrap().1.html().to_owned();
    let (one, two) = (html("resume"), html("resume-two"));
    assert_eq!(between(&one, "<dt>Goes to</dt><dd>", "</dd>"), "<bdi>/view/edit</bdi>");
    assert!(one.contains("enctype=\"text/plain\" action=\"/view/edit?id=7&#38;token=secret\""), "{one}");
    assert!(one.contains("312 bytes") && two.contains("1049 kB"));
    assert_eq!((one.matches("<form").count(), two.matches("<form").count()), (2, 4));
}
