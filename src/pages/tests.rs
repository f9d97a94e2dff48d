//! Rules that hold for every page and for any content.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use axum::response::IntoResponse as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, StatusCode, header};

use super::*;
use crate::policy::saved_form::NotSaved;
use crate::unix_time::UnixTime;

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
            request_id: text,
            support: text,
        }
    }

    fn context(&self) -> PageContext<'a> {
        PageContext { request_id: self.request_id, support: self.support, now: NOW }
    }
}

/// Every text, by name.
const TEXTS: [(&str, Text); 40] = [
    ("bad-address", Text::BadAddress),
    ("not-found", Text::NotFound),
    ("closed", Text::Closed),
    ("unknown-host", Text::UnknownHost),
    ("foreign-origin", Text::ForeignOrigin),
    ("head-too-large", Text::HeadTooLarge),
    ("bad-framing", Text::BadFraming),
    ("method", Text::Method),
    ("store", Text::StoreUnavailable),
    ("restarting", Text::Restarting),
    ("token-expired", Text::TokenExpired),
    ("too-many", Text::TooMany),
    ("body-too-large", Text::BodyTooLarge),
    ("body-incomplete", Text::BodyIncomplete),
    ("internal", Text::Internal),
    ("campaign-unavailable", Text::CampaignUnavailable),
    ("public-page-unavailable", Text::PublicPageUnavailable),
    ("campaign-refused", Text::CampaignRefused),
    ("campaign-operator", Text::CampaignOperator),
    ("campaign-zone", Text::CampaignZone),
    ("campaign-address", Text::CampaignAddress),
    ("campaign-restarting", Text::CampaignRestarting),
    ("no-campaign-session", Text::NoCampaignSession),
    ("not-processed", Text::NotProcessed),
    ("stale-page", Text::StalePage),
    ("ims-unavailable", Text::ImsUnavailable),
    ("sign-ins-busy", Text::SignInsBusy),
    ("login-declined", Text::LoginDeclined),
    ("login-invalid", Text::LoginInvalid),
    ("login-cookie", Text::LoginCookieMissing),
    ("login-loop", Text::LoginLoop),
    ("login-clock", Text::LoginClock),
    ("form-of-another", Text::FormOfAnother),
    ("form-gone", Text::FormGone),
    ("form-still-saved", Text::FormStillSaved),
    ("form-unknown", Text::FormUnknown),
    ("form-not-saved-stranger", Text::FormNotSaved(NotSaved::NotSignedIn)),
    ("form-not-saved-foreign", Text::FormNotSaved(NotSaved::OtherOrigin)),
    ("form-not-saved-large", Text::FormNotSaved(NotSaved::TooLarge)),
    ("form-not-saved-full", Text::FormNotSaved(NotSaved::Full)),
];

/// Every page there is, by name.
fn every_page(words: Words<'_>) -> Vec<(&'static str, Page)> {
    let (page, link) = (words.context(), words.link);
    let groups = [words.group.to_owned(), "delivery".to_owned()];
    let refusal = Refused {
        person: words.person,
        organization: words.organization,
        another: link,
        other_organization: false,
        too_many_groups: None,
        page,
    };
    let own = |is_this| OwnSession { created: utc(NOW), seen: utc(NOW), is_this };
    let sessions = [own(true), own(false)];
    let who = Me {
        console: true,
        console_used: true,
        user: words.user,
        email: words.person,
        name: words.name,
        organization: words.organization,
        groups: &groups,
        expires_at: words.until,
        sessions: Some(&sessions),
        page,
    };
    let waiting = |bytes| Waiting {
        target: words.link.to_owned(),
        bytes,
        sent: NOW,
        until: NOW,
        mark: words.group.to_owned(),
    };
    let waiting = [waiting(312), waiting(1 << 20)];
    let one = ConfirmForms { waiting: &waiting[..1], person: words.person, page };
    let mut pages = vec![
        ("framed", framed(link, page)),
        ("refused", refused(&refusal)),
        ("refused-groups", refused(&Refused { too_many_groups: Some(300), ..refusal })),
        ("refused-organization", refused(&Refused { other_organization: true, ..refusal })),
        ("signed-out", signed_out(page)),
        ("confirm-sign-out", confirm_sign_out(words.person, page)),
        ("me", me(&who)),
        ("me-without-groups", me(&Me { groups: &[], sessions: None, ..who })),
        ("confirm-form", confirm_forms(&one)),
        ("confirm-forms", confirm_forms(&ConfirmForms { waiting: &waiting, ..one })),
    ];
    let problem = |text: Text| Problem::new(StatusCode::BAD_GATEWAY, text).with_link(link).page(page);
    pages.extend(TEXTS.map(|(name, text)| (name, problem(text))));
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
            let html = page.html.as_str();
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
fn every_page_has_a_headline_a_reference_and_the_time() {
    for (name, page) in every_page(Words { request_id: "0193-abc", ..Words::USUAL }) {
        let html = page.html.as_str();
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
        let html = page.html.as_str();
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
        let style = between(page.html.as_str(), "<style>", "</style>");
        let hash = STANDARD.encode(digest(&SHA256, style.as_bytes()));
        let form = page.html.as_str().contains("<form");
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
        let has_form = page.html.as_str().contains("<form");
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
fn a_button_has_a_label_and_a_page_without_a_link_has_no_button() {
    for (name, text) in TEXTS {
        let words = text.words();
        assert!(!words.headline.is_empty() && !words.paragraphs.is_empty(), "{name}");
        let page = Problem::new(StatusCode::BAD_REQUEST, text).page(Words::USUAL.context());
        assert!(!page.html.as_str().contains("class=\"button"), "{name}");
        assert_eq!(page.status, StatusCode::BAD_REQUEST, "{name}");
    }
}

#[test]
fn retry_after_is_sent_in_whole_seconds_rounded_up() {
    let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, Text::ImsUnavailable);
    let after = |problem: Problem<'_>| {
        headers(problem.page(Words::USUAL.context())).get(header::RETRY_AFTER).cloned()
    };
    assert_eq!(after(problem), None);
    assert_eq!(after(problem.with_retry_after(Duration::from_millis(9_500))).unwrap(), "10");
}

#[test]
fn a_link_to_another_origin_is_replaced() {
    let link = |link: &'static str| {
        let page = Problem::new(StatusCode::BAD_GATEWAY, Text::ImsUnavailable).with_link(link);
        between(page.page(Words::USUAL.context()).html.as_str(), "class=\"button\" href=\"", "\"").to_owned()
    };
    assert_eq!(link("/ims/login?return_to=%2Fview%2Fhome"), "/ims/login?return_to=%2Fview%2Fhome");
    assert_eq!(link("//evil.example"), "/");
}

#[test]
fn without_a_contact_the_administrator_is_named() {
    for (name, page) in every_page(Words { support: " ", ..Words::USUAL }) {
        let asks = page.html.as_str().contains(" ask ") || page.html.as_str().contains("Ask ");
        assert_eq!(asks, page.html.as_str().contains("sk your Campaign administrator"), "{name}");
    }
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
fn a_saved_form_is_shown_by_its_path_and_posted_to_its_address() {
    let words = Words { link: "/view/edit?id=7&token=secret", ..Words::USUAL };
    let pages = every_page(words);
    let html =
        |name: &str| pages.iter().find(|(known, _)| *known == name).unwrap().1.html.as_str().to_owned();
    let (one, two) = (html("confirm-form"), html("confirm-forms"));
    assert_eq!(between(&one, "<dt>Goes to</dt><dd>", "</dd>"), "<bdi>/view/edit</bdi>");
    assert!(one.contains("enctype=\"text/plain\" action=\"/view/edit?id=7&#38;token=secret\""), "{one}");
    assert!(one.contains("312 bytes") && two.contains("1049 kB"));
    assert_eq!((one.matches("<form").count(), two.matches("<form").count()), (2, 4));
}
