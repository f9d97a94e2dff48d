//! Rules that hold for every page and for any content.

mod languages;

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use axum::response::IntoResponse as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, StatusCode, header};

use super::page::Page;
use super::samples::{TEXTS, Words, every_page};
use super::*;
use crate::policy::contrast::Color;

/// The same text in every place.
fn all(text: &str) -> Words<'_> {
    Words {
        person: text,
        name: text,
        organization: text,
        group: text,
        link: text,
        request_id: text,
        support: text,
        ..Words::usual()
    }
}

#[test]
fn hostile_text_stays_text() {
    for hostile in [
        r#""><script>alert(1)</script>"#,
        "' onfocus=alert(1) x='",
        "</title></style><script>",
        "javascript:alert(1)",
    ] {
        for (name, page) in every_page(all(hostile)) {
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
    for (name, page) in every_page(Words { request_id: "0193-abc", ..Words::usual() }) {
        let html = page.html.as_str();
        assert!(html.starts_with("<!doctype html>\n<html lang=\"en\">"), "{name}");
        let headline = between(html, "<h1>", "</h1>");
        assert!(!headline.is_empty(), "{name}");
        assert_eq!(between(html, "<title>", "</title>"), format!("{headline} – Campaign sign-in"), "{name}");
        assert_eq!(html.matches("<h1").count(), 1, "{name}");
        assert!(html.contains("<code>0193-abc</code>"), "{name}");
        assert!(html.contains("datetime=\"2026-11-22T10:29:03Z\""), "{name}");
        assert!(html.contains("22 November 2026, 10:29 UTC</time>"), "{name}");
    }
}

#[test]
fn no_page_loads_or_links_anything_foreign() {
    for (name, page) in every_page(Words::usual()) {
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
    for (name, page) in every_page(Words::usual()) {
        let style = between(page.html.as_str(), "<style>", "</style>");
        let hash = STANDARD.encode(digest(&SHA256, style.as_bytes()));
        let form = page.html.contains("<form");
        let ancestors = if is_for_frames(name) { "'self'" } else { "'none'" };
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
    for (name, page) in every_page(Words::usual()) {
        let has_form = page.html.contains("<form");
        let headers = headers(page);
        for (header, value) in [
            (header::CONTENT_TYPE, "text/html; charset=utf-8"),
            (header::CACHE_CONTROL, "no-store"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, if has_form { "same-origin" } else { "no-referrer" }),
            (header::X_FRAME_OPTIONS, if is_for_frames(name) { "SAMEORIGIN" } else { "DENY" }),
        ] {
            assert_eq!(headers[&header], value, "{name}");
        }
    }
}

#[test]
fn every_page_has_a_next_step_as_a_button() {
    for (name, page) in every_page(Words::usual()) {
        assert!(page.html.contains("class=\"button\""), "{name}");
    }
    for (name, text) in TEXTS {
        let page = Problem::new(StatusCode::BAD_REQUEST, text).page(Words::usual().context());
        let button = between(page.html.as_str(), "<a class=\"button\" ", "</a>");
        assert!(!button.ends_with('>'), "{name} has a button without a label");
        assert_eq!(page.status, StatusCode::BAD_REQUEST, "{name}");
    }
}

#[test]
fn a_site_without_sign_in_offers_only_to_try_again() {
    for (name, text) in TEXTS {
        let page = Problem::new(StatusCode::FORBIDDEN, text).at_site(false).page(Words::usual().context());
        assert!(!page.html.contains("/view/home") && !page.html.contains("/ims/"), "{name}");
    }
    let tries_again = |text| {
        let problem = Problem::new(StatusCode::BAD_GATEWAY, text).at_site(false);
        problem.page(Words::usual().context()).html.contains("class=\"button\"")
    };
    assert!(tries_again(Text::PublicPageUnavailable) && !tries_again(Text::Closed));
}

#[test]
fn retry_after_is_sent_in_whole_seconds_rounded_up() {
    let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, Text::ImsUnavailable);
    let after = |problem: Problem<'_>| {
        headers(problem.page(Words::usual().context())).get(header::RETRY_AFTER).cloned()
    };
    assert_eq!(after(problem), None);
    assert_eq!(after(problem.with_retry_after(Duration::from_millis(9_500))).unwrap(), "10");
}

#[test]
fn a_link_to_another_origin_is_replaced() {
    let link = |link: &'static str| {
        let page = Problem::new(StatusCode::BAD_GATEWAY, Text::ImsUnavailable).with_link(link);
        between(page.page(Words::usual().context()).html.as_str(), "class=\"button\" href=\"", "\"")
            .to_owned()
    };
    assert_eq!(link("/ims/login?return_to=%2Fview%2Fhome"), "/ims/login?return_to=%2Fview%2Fhome");
    assert_eq!(link("//evil.example"), "/");
}

#[test]
fn without_a_contact_the_administrator_is_named() {
    for (name, page) in every_page(Words { support: " ", ..Words::usual() }) {
        let asks = page.html.contains(" ask ") || page.html.contains("Ask ");
        assert_eq!(asks, page.html.contains("sk your Campaign administrator"), "{name}");
    }
}

/// True for the pages that a request in a frame may get.
fn is_for_frames(name: &str) -> bool {
    ["framed", "maintenance", "maintenance-until", "maintenance-form-lost"].contains(&name)
}

fn headers(page: Page) -> HeaderMap {
    page.into_response().headers().clone()
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let (_, rest) = text.split_once(start).unwrap();
    rest.split_once(end).unwrap().0
}

/// The text between the first tag and the next.
fn text_of(html: &str) -> &str {
    between(html, ">", "<")
}

fn tags(html: &str) -> impl Iterator<Item = &str> {
    html.split('<').skip(1).map(|rest| rest.split('>').next().unwrap_or(rest))
}

#[test]
fn a_saved_form_is_shown_by_its_path_and_posted_to_its_address() {
    let words = Words { link: "/view/edit?id=7&token=secret", ..Words::usual() };
    let pages = every_page(words);
    let html = |name: &str| pages.iter().find(|(known, _)| *known == name).unwrap().1.html.clone();
    let (one, two) = (html("confirm-form"), html("confirm-forms"));
    assert_eq!(between(&one, "<dt>Form</dt><dd>", "</dd>"), "<bdi>/view/edit</bdi>");
    assert!(one.contains("enctype=\"text/plain\" action=\"/view/edit?id=7&#38;token=secret\""), "{one}");
    assert_eq!(between(&one, "<dt>Page</dt><dd>", "</dd>"), "<bdi>/view/home</bdi>");
    assert_eq!(text_of(between(&one, "<dt>Sent</dt><dd>", "</dd>")), "2 minutes ago");
    assert_eq!(text_of(between(&one, "<dt>Will be deleted</dt><dd>", "</dd>")), "in 28 minutes");
    assert_eq!((one.matches("<form").count(), two.matches("<form").count()), (2, 4));
}

#[test]
fn a_brand_has_its_name_its_logo_and_its_colours_on_every_page() {
    let logo = Logo { media_type: "image/png", bytes: "png".into() };
    let color = |text| Color::parse(text).unwrap();
    let brand = PageBrand::new("Acme & Sons", Some(logo), Some(color("#7a1f5c")), Some(color("#0b6b3a")));
    for (name, page) in every_page(Words { brand: &brand, ..Words::usual() }) {
        let html = page.html.clone();
        assert!(html.contains("– Acme &#38; Sons</title>"), "{name}");
        assert!(html.contains("<img src=\"/ims/brand/logo?v="), "{name}");
        assert!(html.contains("alt=\"Acme &#38; Sons\""), "{name}");
        let style = between(&html, "<style>", "</style>");
        assert!(style.contains("background: #7a1f5c; background: var(--fill)"), "{style}");
        let policy = headers(page)[header::CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
        let hash = STANDARD.encode(digest(&SHA256, style.as_bytes()));
        assert!(policy.contains(&format!("img-src 'self'; style-src 'sha256-{hash}'")), "{name}: {policy}");
    }
}
