//! Heads that end at the gate: too long, or with a framing that could be lost or misread on the way.

use http::{HeaderMap, Uri, header};

/// Why a request is refused before anything of it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FramingError {
    /// More than [`MAX_HEAD`] (RFC 6585 §5).
    #[error("the head of the request is too long")]
    TooLong,
    /// A transfer coding besides `chunked`: hop-by-hop, so it would be lost on the way (RFC 9112 §6.1).
    #[error("the request's transfer coding is not understood")]
    Coding,
    /// A body in a request to switch protocols: some servers would take it for the first bytes of the new one.
    #[error("a request to switch protocols has a body")]
    BodyBeforeSwitch,
}

/// Bytes of target and fields together. The parsers have coarser limits of their own.
pub const MAX_HEAD: usize = 48 * 1024;

/// Checks length and transfer coding.
///
/// # Errors
/// [`FramingError::TooLong`], [`FramingError::Coding`].
pub fn check(target: &Uri, headers: &HeaderMap) -> Result<(), FramingError> {
    let target = target.path().len() + target.query().map_or(0, str::len);
    let fields: usize =
        headers.iter().map(|(name, value)| name.as_str().len() + value.len() + SEPARATORS).sum();
    if target + fields > MAX_HEAD {
        return Err(FramingError::TooLong);
    }
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => Ok(()),
        (Some(only), None) if only.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(()),
        _ => Err(FramingError::Coding),
    }
}

/// `: ` and the line's end.
const SEPARATORS: usize = 4;

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn checked(name: &'static str, values: &[&str]) -> Result<(), FramingError> {
        let fields =
            values.iter().map(|value| (name.parse().unwrap(), HeaderValue::from_str(value).unwrap()));
        check(&Uri::from_static("/"), &fields.collect())
    }

    #[test]
    fn only_chunked_is_a_coding_that_survives() {
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
    fn the_limit_counts_all_fields_and_the_target() {
        let cookie = "a".repeat(MAX_HEAD / 2 - 20);
        assert_eq!(checked("cookie", &[&cookie, &cookie]), Ok(()));
        assert_eq!(checked("cookie", &[&cookie, &cookie, &"a".repeat(40)]), Err(FramingError::TooLong));
        let target: Uri = format!("/?{}", "a".repeat(MAX_HEAD)).parse().unwrap();
        assert_eq!(check(&target, &HeaderMap::new()), Err(FramingError::TooLong));
    }
}
