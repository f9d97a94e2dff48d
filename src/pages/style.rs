//! The style sheet, inline in every page, and the content security policy that allows only this style sheet.

use http::HeaderValue;

/// The `Content-Security-Policy` of a page (CSP Level 3). `sources` allows style and logo.
///
/// Browsers apply `form-action` also to redirects after a form (§6.4.1). The logout of IMS redirects through hosts that only Adobe
/// knows, and Campaign may redirect anywhere after a saved form. So pages with a form allow any web address. The target of each form
/// is still fixed, because pages contain no untrusted markup.
pub(super) fn policy(sources: &str, has_form: bool, in_frame: bool) -> HeaderValue {
    let targets = if has_form { "'self' https: http:" } else { "'none'" };
    // `in_frame`: pages of our own origin may show it in a frame.
    let ancestors = if in_frame { "'self'" } else { "'none'" };
    let policy = format!("{sources}; form-action {targets}; base-uri 'none'; frame-ancestors {ancestors}");
    HeaderValue::try_from(policy).expect("a hash in base64 is ASCII without control characters")
}

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::*;
    use crate::pages::brand::{PageBrand, STYLE};

    #[test]
    fn only_a_page_with_a_form_sends_anything_and_only_to_web_addresses() {
        let policy = |has_form, in_frame| policy(PageBrand::default().sources(), has_form, in_frame);
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

    /// The engine of Internet Explorer 11 shows pages inside the client console. It knows no variables.
    #[test]
    fn every_variable_has_a_value_before_it_for_browsers_without_variables() {
        let declaration = Regex::new(r"(?:^|[;{])\s*([a-z-]+): ([^;{}]*)").unwrap();
        let rules: Vec<_> = declaration
            .captures_iter(STYLE)
            .map(|found| (found[1].to_owned(), found[2].to_owned()))
            .collect();
        let mut count = 0;
        for (at, (property, value)) in
            rules.iter().enumerate().filter(|(_, (_, value))| value.contains("var("))
        {
            let (before, plain) = &rules[at - 1];
            assert!(before == property && !plain.contains("var("), "{property}: {value}");
            count += 1;
        }
        assert!(count > 20, "{count}");
    }
}
