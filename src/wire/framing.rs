//! Refuses request heads that are too long, or whose framing another program could read differently.

use http::{HeaderMap, HeaderName, HeaderValue, Uri, header};

/// Why a request is refused because of its head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum FramingError {
    /// The head exceeds `HeadLimits` (RFC 6585 §5).
    #[error("the head of the request is too long")]
    TooLong,
    /// A transfer coding other than `chunked`. It is hop-by-hop and would be lost (RFC 9112 §6.1).
    #[error("the request's transfer coding is not supported")]
    Coding,
    /// A body in a request to switch protocols. Some servers would read it as the first bytes of the new protocol.
    #[error("a request to switch protocols has a body")]
    BodyBeforeSwitch,
    /// Both `Content-Length` and `Transfer-Encoding` (RFC 9112 §6.3): a sign of request smuggling.
    #[error("the request has both Content-Length and Transfer-Encoding")]
    TwoFramings,
    /// A line of the head that ends with a bare LF (RFC 9112 §2.2).
    #[error("a line of the request's head does not end with CRLF")]
    BareLineFeed,
    /// A raw `#` in the target. Clients never send the fragment (RFC 9110 §4.2.5).
    #[error("the request's target holds a fragment")]
    Fragment,
}

/// Limits for a request head. The parsers have wider limits of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadLimits {
    /// Bytes of target and fields together.
    pub bytes: usize,
    /// Number of fields. All `Cookie` fields count as one, because HTTP/2 clients split them (RFC 9113 §8.2.3).
    pub fields: usize,
}

/// The defaults of the reference file.
impl Default for HeadLimits {
    fn default() -> Self {
        Self { bytes: 48 * 1024, fields: 100 }
    }
}

/// What [`check`] has to know about all fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FieldsSummary {
    /// Their length in HTTP/1.1, in bytes.
    bytes: usize,
    has_coding: bool,
}

impl FieldsSummary {
    /// Adds a field.
    #[inline]
    pub fn add(&mut self, name: &HeaderName, value: &HeaderValue) {
        self.bytes += name.as_str().len() + value.len() + SEPARATORS;
        self.has_coding |= *name == header::TRANSFER_ENCODING;
    }
}

/// Checks length and transfer coding.
///
/// # Errors
/// [`FramingError::TooLong`], [`FramingError::Coding`].
pub fn check(
    target: &Uri,
    headers: &HeaderMap,
    fields: FieldsSummary,
    limits: &HeadLimits,
) -> Result<(), FramingError> {
    let without_cookies = || headers.len() - headers.get_all(header::COOKIE).iter().count();
    if headers.len() > limits.fields && without_cookies() >= limits.fields {
        return Err(FramingError::TooLong);
    }
    let target = target.path().len() + target.query().map_or(0, str::len);
    if target + fields.bytes > limits.bytes {
        return Err(FramingError::TooLong);
    }
    if fields.has_coding { check_coding(headers) } else { Ok(()) }
}

fn check_coding(headers: &HeaderMap) -> Result<(), FramingError> {
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (Some(only), None) if only.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(()),
        _ => Err(FramingError::Coding),
    }
}

/// `: ` and CRLF.
const SEPARATORS: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(name: &'static str, values: &[&str]) -> Result<(), FramingError> {
        let fields =
            values.iter().map(|value| (name.parse().unwrap(), HeaderValue::from_str(value).unwrap()));
        check_fields(&Uri::from_static("/"), &fields.collect())
    }

    fn check_fields(target: &Uri, headers: &HeaderMap) -> Result<(), FramingError> {
        let mut fields = FieldsSummary::default();
        headers.iter().for_each(|(name, value)| fields.add(name, value));
        check(target, headers, fields, &HeadLimits::default())
    }

    #[test]
    fn chunked_is_the_only_transfer_coding() {
        for fine in [&[][..], &["chunked"], &["Chunked"]] {
            assert_eq!(checked("transfer-encoding", fine), Ok(()), "{fine:?}");
        }
        for lost in
            [&["gzip, chunked"][..], &["chunked", "chunked"], &["gzip", "chunked"], &[""], &["identity"]]
        {
            assert_eq!(checked("transfer-encoding", lost), Err(FramingError::Coding), "{lost:?}");
        }
    }

    #[test]
    fn the_size_limit_counts_all_fields_and_the_target() {
        const MAX_HEAD: usize = 48 * 1024;
        let cookie = "a".repeat(MAX_HEAD / 2 - 20);
        assert_eq!(checked("cookie", &[&cookie, &cookie]), Ok(()));
        assert_eq!(checked("cookie", &[&cookie, &cookie, &"a".repeat(40)]), Err(FramingError::TooLong));
        let target: Uri = format!("/?{}", "a".repeat(MAX_HEAD)).parse().unwrap();
        assert_eq!(check_fields(&target, &HeaderMap::new()), Err(FramingError::TooLong));
    }

    #[test]
    fn fields_are_counted_and_cookies_count_as_one() {
        let many = |name: &'static str, count| checked(name, &vec!["y"; count]);
        assert_eq!(many("x", 100), Ok(()));
        assert_eq!(many("x", 101), Err(FramingError::TooLong));
        assert_eq!(many("cookie", 300), Ok(()));
    }
}
