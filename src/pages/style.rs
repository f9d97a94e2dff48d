//! The style sheet, inline in every page, and the content security policy that allows only this style sheet.

use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;

/// The content of the `style` element, to the byte.
pub(crate) const STYLE: &str = include_str!("../../templates/style.css");

/// The `Content-Security-Policy` of a page (CSP Level 3).
///
/// Browsers apply `form-action` also to redirects after a form (§6.4.1). The logout of IMS redirects through hosts that only Adobe
/// knows, and Campaign may redirect anywhere after a saved form. So pages with a form allow any web address. The target of each form
/// is still fixed, because pages contain no untrusted markup.
pub(super) fn policy(has_form: bool, in_frame: bool) -> HeaderValue {
    let targets = if has_form { "'self' https: http:" } else { "'none'" };
    // `in_frame`: pages of our own origin may show it in a frame.
    let ancestors = if in_frame { "'self'" } else { "'none'" };
    let style = &*STYLE_HASH;
    let policy = format!(
        "default-src 'none'; style-src '{style}'; form-action {targets}; base-uri 'none'; frame-ancestors {ancestors}"
    );
    HeaderValue::try_from(policy).expect("a hash in base64 is ASCII without control characters")
}

static STYLE_HASH: LazyLock<String> =
    LazyLock::new(|| format!("sha256-{}", STANDARD.encode(digest(&SHA256, STYLE.as_bytes()))));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_page_with_a_form_sends_anything_and_only_to_web_addresses() {
        assert!(policy(false, false).to_str().unwrap().contains("form-action 'none';"));
        assert!(policy(true, false).to_str().unwrap().contains("form-action 'self' https: http:;"));
        assert!(policy(false, true).to_str().unwrap().ends_with("frame-ancestors 'self'"));
        assert!(policy(true, false).to_str().unwrap().ends_with("frame-ancestors 'none'"));
    }

    #[test]
    fn the_style_sheet_cannot_end_its_element() {
        assert!(!STYLE.contains("</"));
        assert!(!STYLE.contains("url("), "no resource is loaded");
        assert!(!STYLE.contains("@import"));
    }
}
