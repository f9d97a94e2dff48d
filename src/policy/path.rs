//! One reading of the request path: what the decision sees is byte for byte what Campaign gets.
//!
//! Proxies are bypassed where two programs read one path differently. So whatever could be read twice is refused (dot
//! segments, encoded slashes, control bytes) or made plain for both sides (`//`).

use std::borrow::Cow;

use percent_encoding::percent_decode;

/// A path without query in its one canonical form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CanonicalPath<'a> {
    text: Cow<'a, str>,
    ambiguous: bool,
}

/// Why a path is refused; the answer is 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// `*`, an authority, or nothing at all.
    #[error("the path must start with a slash")]
    NotAbsolute,
    /// `.` or `..`, plain, encoded or with parameters.
    #[error("the path holds a dot segment")]
    DotSegment,
    /// `%` without two hexadecimal digits (RFC 3986 §2.1).
    #[error("the path holds a broken percent-encoding")]
    BrokenEncoding,
    /// `\`, `%5C`, `%2F` or a raw `#`: some servers read them as a separator.
    #[error("the path holds a character that some servers read as a separator")]
    Separator,
    /// A control character or blank, raw or encoded.
    #[error("the path holds a control character")]
    Control,
    /// Percent-decoded bytes that are not UTF-8 (RFC 3986 §2.5).
    #[error("the path is not valid UTF-8")]
    NotUtf8,
}

impl<'a> CanonicalPath<'a> {
    /// Reads a raw path; runs of slashes become one, everything else stays as it came.
    pub fn parse(raw: &'a str) -> Result<Self, PathError> {
        let inner = raw.strip_prefix('/').ok_or(PathError::NotAbsolute)?;
        let mut ambiguous = false;
        let mut repeated = false;
        let mut segments = inner.split('/').peekable();
        while let Some(segment) = segments.next() {
            if segment.is_empty() && segments.peek().is_some() {
                repeated = true;
            }
            ambiguous |= check_segment(segment.as_bytes())?;
        }
        let text = if repeated { Cow::Owned(merge_slashes(raw)) } else { Cow::Borrowed(raw) };
        Ok(Self { text, ambiguous })
    }

    /// The path to decide on and to send.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// True when nothing had to be changed.
    pub fn is_unchanged(&self) -> bool {
        matches!(self.text, Cow::Borrowed(_))
    }

    /// True when the path holds parameters (`;`) or a doubly encoded separator or dot. Campaign's JSP engine drops what
    /// follows a `;`, so such a path is never public.
    pub fn is_ambiguous(&self) -> bool {
        self.ambiguous
    }
}

/// Checks one segment; true when it is ambiguous.
fn check_segment(segment: &[u8]) -> Result<bool, PathError> {
    let mut ambiguous = false;
    let mut only_dots = true; // until a parameter begins
    let mut dots = 0_usize;
    let mut high = false;
    let mut rest = segment;
    while let [byte, tail @ ..] = rest {
        rest = tail;
        let byte = match *byte {
            b'%' => {
                let [high_digit, low_digit, tail @ ..] = rest else { return Err(PathError::BrokenEncoding) };
                let decoded = decode(*high_digit, *low_digit).ok_or(PathError::BrokenEncoding)?;
                rest = tail;
                match decoded {
                    b'/' | b'\\' => return Err(PathError::Separator),
                    b'%' => ambiguous |= begins_second_encoding(rest),
                    0x80.. => high = true,
                    // An encoded blank is an ordinary character of a file name.
                    b' ' => {
                        only_dots = false;
                        continue;
                    }
                    _ => {}
                }
                decoded
            }
            b'\\' | b'#' => return Err(PathError::Separator),
            plain => plain,
        };
        match byte {
            b';' => {
                ambiguous = true;
                if only_dots && (dots == 1 || dots == 2) {
                    return Err(PathError::DotSegment);
                }
                only_dots = false;
            }
            b'.' => dots += 1,
            0..=0x20 | 0x7f => return Err(PathError::Control),
            _ => only_dots = false,
        }
    }
    if only_dots && (dots == 1 || dots == 2) {
        return Err(PathError::DotSegment);
    }
    if high && percent_decode(segment).decode_utf8().is_err() {
        return Err(PathError::NotUtf8);
    }
    Ok(ambiguous)
}

fn decode(high: u8, low: u8) -> Option<u8> {
    let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    Some(digit(high)? << 4 | digit(low)?)
}

/// After `%25`: would a second decoding yield a dot, a separator, a parameter or a third encoding?
fn begins_second_encoding(rest: &[u8]) -> bool {
    let [high, low, ..] = rest else { return false };
    matches!(decode(*high, *low), Some(b'.' | b'/' | b'\\' | b';' | b'%' | 0))
}

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
    fn what_two_programs_could_read_differently_is_refused() {
        for (raw, why) in [
            ("*", PathError::NotAbsolute),
            ("", PathError::NotAbsolute),
            ("/public/../admin/secrets", PathError::DotSegment),
            ("/public/%2e%2e/admin", PathError::DotSegment),
            ("/public/.%2E/admin", PathError::DotSegment),
            ("/r/..;/view/home", PathError::DotSegment),
            ("/r/..%3Bx/view/home", PathError::DotSegment),
            ("/r/.", PathError::DotSegment),
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
            ("/%ff", PathError::NotUtf8),
        ] {
            assert_eq!(CanonicalPath::parse(raw), Err(why), "{raw}");
        }
    }

    #[test]
    fn repeated_slashes_become_one_for_both_sides() {
        let path = CanonicalPath::parse("//view///home/").unwrap();
        assert_eq!(path.as_str(), "/view/home/");
        assert!(!path.is_unchanged());
    }

    #[test]
    fn ordinary_paths_stay_as_they_came() {
        for raw in [
            "/",
            "/view/home",
            "/res/a%20b...png",
            "/.well-known/x",
            "/caf%C3%A9",
            "/foo/secret%23/bar",
            "/50%25off",
        ] {
            let path = CanonicalPath::parse(raw).unwrap();
            assert_eq!(path.as_str(), raw);
            assert!(path.is_unchanged() && !path.is_ambiguous(), "{raw}");
        }
    }

    #[test]
    fn parameters_and_double_encodings_are_ambiguous() {
        for raw in ["/r/x;/view", "/r/a%3bb", "/r/%252e%252e/view", "/r/%252F", "/r/%25252e"] {
            assert!(CanonicalPath::parse(raw).unwrap().is_ambiguous(), "{raw}");
        }
    }

    proptest! {
        #[test]
        fn the_canonical_form_is_its_own_canonical_form(raw in "/[a-z./%;0-9A-F\\\\#]{0,40}") {
            if let Ok(path) = CanonicalPath::parse(&raw) {
                let text = path.as_str().to_owned();
                prop_assert!(!text.contains("//") && !text.contains("/../") && !text.contains('\\'));
                prop_assert_eq!(CanonicalPath::parse(&text).map(|p| p.is_unchanged()), Ok(true));
            }
        }
    }
}
