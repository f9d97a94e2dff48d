//! The canonical request path: the gateway decides on exactly the bytes that Campaign receives.
//!
//! A proxy can be bypassed when two programs read one path differently. So the gateway refuses ambiguous paths (dot segments, encoded
//! slashes, control bytes, names that Windows shortens) and merges `//`. `policy::readings` models the programs.

mod segment;
pub(super) mod unicode;

use std::borrow::Cow;

/// A path without query, in canonical form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CanonicalPath<'a> {
    text: Cow<'a, str>,
    ambiguous: bool,
}

/// Why a path is refused with status 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum PathError {
    /// The path is `*`, an authority or empty.
    #[error("the path must start with a slash")]
    NotAbsolute,
    /// A segment is `.` or `..`: plain, encoded or with parameters.
    #[error("the path holds a dot segment")]
    DotSegment,
    /// A `%` without two hexadecimal digits (RFC 3986 §2.1).
    #[error("the path holds an invalid percent-encoding")]
    BrokenEncoding,
    /// `\`, `%5C`, `%2F`, a raw `?` or a raw `#`. Some servers treat them as separators.
    #[error("the path holds a character that some servers read as a separator")]
    Separator,
    /// A control character (C0, DEL, C1), raw or encoded, or a raw space.
    #[error("the path holds a control character")]
    Control,
    /// `:`. On Windows it begins the name of a stream or ends the name of a device.
    #[error("the path holds a colon")]
    Colon,
    /// A segment ends with a dot or a space, perhaps followed by invisible characters. Windows removes them.
    #[error("a segment of the path ends in a dot or a space")]
    SegmentEnd,
    /// A character outside ASCII that some programs convert to `.`, `/` or `\`.
    #[error("the path holds a character that some programs read as a dot or a slash")]
    LookAlike,
    /// The percent-decoded bytes are not UTF-8 (RFC 3986 §2.5).
    #[error("the path is not valid UTF-8")]
    NotUtf8,
    /// The path is longer than [`MAX_SPECIAL_LEN`] bytes and holds special characters.
    #[error("the path is too long for one with encoded or special characters")]
    TooLong,
}

/// Longest path with special characters, in bytes. This limits the work for one request.
pub const MAX_SPECIAL_LEN: usize = 4096;

impl<'a> CanonicalPath<'a> {
    /// Checks a raw path and merges runs of slashes. Nothing else changes.
    ///
    /// # Errors
    /// `PathError` when two programs could read the path differently.
    pub fn parse(raw: &'a str) -> Result<Self, PathError> {
        let inner = raw.strip_prefix('/').ok_or(PathError::NotAbsolute)?;
        if is_plain(raw) {
            return Ok(Self { text: Cow::Borrowed(raw), ambiguous: false });
        }
        if raw.len() > MAX_SPECIAL_LEN {
            return Err(PathError::TooLong);
        }
        let mut ambiguous = false;
        for segment in inner.split('/') {
            ambiguous |= segment::check(segment.as_bytes())?;
        }
        let text = if raw.contains("//") { Cow::Owned(merge_slashes(raw)) } else { Cow::Borrowed(raw) };
        Ok(Self { text, ambiguous })
    }

    /// The path for decisions and for the upstream request.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// True when the path was canonical already.
    pub fn is_unchanged(&self) -> bool {
        matches!(self.text, Cow::Borrowed(_))
    }

    /// True when the path holds parameters (`;`), or would be refused after a second decoding. Campaign's JSP engine drops the text
    /// after a `;`, so such a path is never public.
    pub fn is_ambiguous(&self) -> bool {
        self.ambiguous
    }
}

/// False for most paths: no program reads a dot in them, because they have neither `.` nor `%` and are ASCII.
#[inline]
pub(super) fn may_have_dot(path: &str) -> bool {
    memchr::memchr2(b'.', b'%', path.as_bytes()).is_some() || !path.is_ascii()
}

/// True for a path of ordinary ASCII characters that every program reads in the same way. Nearly all paths are plain, and one scan
/// decides.
pub(super) fn is_plain(path: &str) -> bool {
    let mut before = 0;
    for &byte in path.as_bytes() {
        if !PLAIN[usize::from(byte)] || (byte == b'/' && matches!(before, b'/' | b'.')) {
            return false;
        }
        before = byte;
    }
    before != b'.'
}

/// Printable ASCII without the characters that have a special meaning to some program.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0x21;
    while byte < 0x7f {
        plain[byte] = true;
        byte += 1;
    }
    let special = b"%;:\\#?";
    let mut at = 0;
    while at < special.len() {
        plain[special[at] as usize] = false;
        at += 1;
    }
    plain
};

fn merge_slashes(raw: &str) -> String {
    let mut merged = String::with_capacity(raw.len());
    for c in raw.chars() {
        if c != '/' || !merged.ends_with('/') {
            merged.push(c);
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn paths_that_two_programs_could_read_differently_are_refused() {
        for (raw, why) in [
            ("*", PathError::NotAbsolute),
            ("", PathError::NotAbsolute),
            ("/public/../admin/secrets", PathError::DotSegment),
            ("/public/%2e%2e/admin", PathError::DotSegment),
            ("/public/.%2E/admin", PathError::DotSegment),
            ("/r/..;/view/home", PathError::DotSegment),
            ("/r/..%3Bx/view/home", PathError::DotSegment),
            ("/r/.", PathError::DotSegment),
            ("/r/..%E2%80%8B/view", PathError::DotSegment),
            ("/r/\u{200c}.\u{fe0f}./view", PathError::DotSegment),
            ("/an%2Fexample", PathError::Separator),
            ("/an%5Cexample", PathError::Separator),
            ("/an\\example", PathError::Separator),
            ("/an#example", PathError::Separator),
            ("/path%0d%0aSet-Cookie:x=1", PathError::Control),
            ("/%09/evil.com", PathError::Control),
            ("/%00", PathError::Control),
            ("/a b", PathError::Control),
            ("/%", PathError::BrokenEncoding),
            ("/%f", PathError::BrokenEncoding),
            ("/%zz", PathError::BrokenEncoding),
            ("/%C0%AE%C0%AE/", PathError::NotUtf8),
            ("/%E0%80%AF", PathError::NotUtf8),
            ("/%ff", PathError::NotUtf8),
            ("/a?b", PathError::Separator),
            ("/a:b", PathError::Colon),
            ("/a%3Ab", PathError::Colon),
            ("/res./x", PathError::SegmentEnd),
            ("/res%2e/x", PathError::SegmentEnd),
            ("/res%20/x", PathError::SegmentEnd),
            ("/x.%20", PathError::SegmentEnd),
            ("/x.;v=1/y", PathError::SegmentEnd),
            ("/x;v=1./y", PathError::SegmentEnd),
            ("/...", PathError::SegmentEnd),
            ("/%20", PathError::SegmentEnd),
            ("/x%C2%A0", PathError::SegmentEnd),
            ("/x\u{3000}/y", PathError::SegmentEnd),
            ("/res.%C2%AD/x", PathError::SegmentEnd),
            ("/favicon.\u{200b}", PathError::SegmentEnd),
            ("/x%20%E2%80%8B;v/y", PathError::SegmentEnd),
            ("/%C2%80", PathError::Control),
            ("/\u{9b}", PathError::Control),
            ("/%EF%BC%8E%EF%BC%8E/x", PathError::LookAlike),
            ("/a\u{ff0f}b", PathError::LookAlike),
            ("/a%ef%bc%bcb", PathError::LookAlike),
        ] {
            assert_eq!(CanonicalPath::parse(raw), Err(why), "{raw}");
        }
    }

    #[test]
    fn repeated_slashes_are_merged() {
        let path = CanonicalPath::parse("//view///home/").unwrap();
        assert_eq!(path.as_str(), "/view/home/");
        assert!(!path.is_unchanged());
    }

    #[test]
    fn ordinary_paths_are_unchanged() {
        for raw in [
            "/",
            "/view/home",
            "/res/a%20b...png",
            "/.well-known/x",
            "/caf%C3%A9",
            "/\u{65e5}.\u{672c}/\u{2764}\u{fe0f}.png",
            "/foo/secret%23/bar",
            "/50%25off",
        ] {
            let path = CanonicalPath::parse(raw).unwrap();
            assert_eq!(path.as_str(), raw);
            assert!(path.is_unchanged() && !path.is_ambiguous(), "{raw}");
        }
    }

    #[test]
    fn a_long_path_is_accepted_only_if_it_is_plain() {
        let long = |special: &str| format!("/{}{special}", "a".repeat(MAX_SPECIAL_LEN));
        assert!(CanonicalPath::parse(&long("b")).is_ok());
        assert_eq!(CanonicalPath::parse(&long("%20b")), Err(PathError::TooLong));
    }

    #[test]
    fn parameters_and_double_encodings_are_ambiguous() {
        for raw in [
            "/r/x;/view",
            "/r/a%3bb",
            "/r/%252e%252e/view",
            "/r/%252F",
            "/r/%25252e",
            "/r/x%252e",
            "/r/x%2520/y",
            "/r/x%253Ay",
            "/r/%25c0%25ae",
            "/r/%25EF%25BC%258F",
            "/r/%25C2%2580",
            "/r/%25ef%25bc%258f",
        ] {
            assert!(CanonicalPath::parse(raw).unwrap().is_ambiguous(), "{raw}");
        }
    }

    proptest! {
        #[test]
        fn a_plain_path_passes_the_full_check_too(raw in "(/[a-c.~$%;: ]{0,3}){1,5}") {
            if is_plain(&raw) {
                prop_assert!(raw[1..].split('/').all(|part| segment::check(part.as_bytes()) == Ok(false)));
                prop_assert!(!raw.contains("//"));
            }
        }

        #[test]
        fn the_canonical_form_is_its_own_canonical_form(raw in "/[a-z./%;: 0-9A-F\\\\#]{0,40}") {
            if let Ok(path) = CanonicalPath::parse(&raw) {
                let text = path.as_str().to_owned();
                prop_assert!(!text.contains("//") && !text.contains("/../") && !text.contains('\\'));
                prop_assert_eq!(CanonicalPath::parse(&text).map(|p| p.is_unchanged()), Ok(true));
            }
        }
    }
}
