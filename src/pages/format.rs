//! Checks the links of a page.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// A `mailto:` link (RFC 6068) with the reference as subject, when `support` is a plain e-mail address.
pub(crate) fn mail_link(support: &str, request_id: &str) -> Option<String> {
    let (local, domain) = support.split_once('@')?;
    let plain = |part: &str, extra: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || extra.contains(c))
    };
    let subject = utf8_percent_encode(request_id, UNRESERVED);
    (plain(local, ".-_+") && plain(domain, ".-"))
        .then(|| format!("mailto:{local}@{domain}?subject=Campaign%20sign-in%2C%20reference%20{subject}"))
}

/// `path` if it stays on this origin, otherwise `/`. The rule for return addresses is `policy::return_to`; this is a second check.
pub(crate) fn local(path: &str) -> &str {
    let stays = path.starts_with('/')
        && !path.starts_with("//")
        && !path.contains(|c: char| c == '\\' || c.is_control() || c.is_whitespace());
    if stays { path } else { "/" }
}

/// RFC 3986 §2.3.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_address_becomes_a_mail_link() {
        assert_eq!(
            mail_link("campaign-help@example.com", "r 1&x").as_deref(),
            Some("mailto:campaign-help@example.com?subject=Campaign%20sign-in%2C%20reference%20r%201%26x")
        );
        for text in [
            "",
            "the help desk",
            "a@b?cc=c@d",
            "a@b@c",
            "@example.com",
            "a@",
            "a b@example.com",
            "é@example.com",
        ] {
            assert_eq!(mail_link(text, "r"), None, "{text:?}");
        }
    }

    #[test]
    fn a_link_never_leaves_the_origin() {
        assert_eq!(local("/view/home?x=1"), "/view/home?x=1");
        for path in [
            "",
            "view",
            "//evil.example",
            "/\\evil.example",
            "/\t/evil.example",
            "/\n//x",
            "/ /evil.example",
            "https://evil.example",
            "javascript:alert(1)",
        ] {
            assert_eq!(local(path), "/", "{path:?}");
        }
    }
}
