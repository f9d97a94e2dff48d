//! The one style sheet, inline in every page, and the policy that allows it and nothing else.

use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use url::Url;

/// The content of the `style` element, to the byte.
pub(crate) const STYLE: &str = include_str!("../../../templates/style.css");

/// The `Content-Security-Policy` of a page (CSP Level 3).
///
/// `form_action`: `None` when the page has no form; otherwise the origins, separated by blanks, that a form may lead
/// to besides our own. What is not an http or https origin is left out, so that it cannot add a directive.
pub(super) fn policy(form_action: Option<&str>) -> HeaderValue {
    let targets = match form_action {
        None => "'none'".to_owned(),
        Some(origins) => origins.split_ascii_whitespace().filter_map(origin).fold(
            "'self'".to_owned(),
            |mut targets, origin| {
                targets.push(' ');
                targets.push_str(&origin);
                targets
            },
        ),
    };
    let style = &*STYLE_HASH;
    let policy = format!(
        "default-src 'none'; style-src '{style}'; form-action {targets}; base-uri 'none'; frame-ancestors 'none'"
    );
    HeaderValue::try_from(policy)
        .expect("an origin in its serialised form is ASCII without control characters")
}

/// `scheme://host:port` of an http or https URL, in its serialised form.
fn origin(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let host = url.host_str().unwrap_or_default();
    // A host may hold `;` or `,` in no registered name, yet the URL standard lets them through.
    (matches!(url.scheme(), "http" | "https") && !host.contains([';', ',', '\'', '*']))
        .then(|| url.origin().ascii_serialization())
}

static STYLE_HASH: LazyLock<String> =
    LazyLock::new(|| format!("sha256-{}", STANDARD.encode(digest(&SHA256, STYLE.as_bytes()))));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_without_a_form_sends_nothing_anywhere() {
        let policy = policy(None);
        assert!(policy.to_str().unwrap().contains("form-action 'none';"));
    }

    #[test]
    fn a_form_may_lead_to_the_origins_named_and_to_nothing_else() {
        for (given, targets) in [
            ("", "'self'"),
            ("https://ims-na1.adobelogin.com", "'self' https://ims-na1.adobelogin.com"),
            ("https://ims.example.com/ims/logout?x=1", "'self' https://ims.example.com"),
            ("http://127.0.0.1:9000  https://b.example", "'self' http://127.0.0.1:9000 https://b.example"),
            ("'unsafe-inline' * javascript:alert(1) data:", "'self'"),
            ("https://a;script-src https://b,https://* https://x;y", "'self'"),
            ("https://a\r\nX: https://b.example", "'self' https://a https://b.example"),
        ] {
            let policy = policy(Some(given));
            let policy = policy.to_str().unwrap();
            assert!(policy.contains(&format!("form-action {targets}; base-uri")), "{given:?} gave {policy}");
        }
    }

    #[test]
    fn the_style_sheet_cannot_end_its_element() {
        assert!(!STYLE.contains("</"));
        assert!(!STYLE.contains("url("), "no resource is loaded");
        assert!(!STYLE.contains("@import"));
    }
}
