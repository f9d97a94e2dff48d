//! Checks one segment of a path.

use std::borrow::Cow;

use percent_encoding::percent_decode;

use super::{PathError, unicode};

/// Checks one raw segment. True when it is ambiguous (see [`super::CanonicalPath::is_ambiguous`]).
pub(super) fn check(raw: &[u8]) -> Result<bool, PathError> {
    for (at, &byte) in raw.iter().enumerate() {
        match byte {
            0..=0x20 | 0x7f => return Err(PathError::Control),
            b'\\' | b'#' | b'?' => return Err(PathError::Separator),
            b'%' if !is_encoding(&raw[at + 1..]) => return Err(PathError::BrokenEncoding),
            _ => {}
        }
    }
    let once = decoded(raw);
    check_name(&once)?;
    let twice = decoded(&once);
    Ok(once.contains(&b';') || (matches!(twice, Cow::Owned(_)) && !is_clear(&twice)))
}

/// True when a doubly encoded segment is still unambiguous after the second decoding.
fn is_clear(twice: &[u8]) -> bool {
    check_name(twice).is_ok() && !twice.contains(&b';') && matches!(decoded(twice), Cow::Borrowed(_))
}

/// Checks a segment after percent-decoding.
fn check_name(name: &[u8]) -> Result<(), PathError> {
    if name.iter().any(u8::is_ascii_control) {
        return Err(PathError::Control);
    }
    if name.iter().any(|byte| matches!(byte, b'/' | b'\\')) {
        return Err(PathError::Separator);
    }
    let text = std::str::from_utf8(name).map_err(|_| PathError::NotUtf8)?;
    let without_parameters = text.split(';').next().unwrap_or_default();
    if matches!(without_parameters, "." | "..") || is_hidden_dots(without_parameters) {
        return Err(PathError::DotSegment);
    }
    for c in text.chars().filter(|c| !c.is_ascii()) {
        if c.is_control() {
            return Err(PathError::Control);
        }
        if unicode::is_dot_or_slash(c) {
            return Err(PathError::LookAlike);
        }
    }
    if text.contains(':') {
        return Err(PathError::Colon);
    }
    let is_shortened = |text: &str| {
        text.trim_end_matches(unicode::is_ignorable).ends_with(|c: char| c == '.' || c.is_whitespace())
    };
    if is_shortened(text) || is_shortened(without_parameters) {
        return Err(PathError::SegmentEnd);
    }
    Ok(())
}

/// True for dots and characters that some programs drop: such a program sees a dot segment.
fn is_hidden_dots(text: &str) -> bool {
    !text.is_ascii() && text.contains('.') && text.chars().all(|c| c == '.' || unicode::is_ignorable(c))
}

fn decoded(bytes: &[u8]) -> Cow<'_, [u8]> {
    percent_decode(bytes).into()
}

/// True when the text begins with two hexadecimal digits.
fn is_encoding(rest: &[u8]) -> bool {
    matches!(rest, [high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit())
}
