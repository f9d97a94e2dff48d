//! Encodings of an envelope. Only those whose ASCII characters are ASCII bytes are read: in others, tokens could hide.

use quick_xml::events::BytesDecl;

use super::EnvelopeError;

/// The bytes as text of the same length: each byte outside ASCII becomes a letter, so that positions stay the same. Names and tokens
/// are ASCII; the decoded text of a parameter comes from the bytes themselves.
pub(super) fn ascii_image(bytes: &[u8]) -> Result<String, EnvelopeError> {
    // UTF-16 and UTF-32, with a mark or without (XML 1.0 appendix F). Elsewhere a zero byte is no XML.
    let has_mark = bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff");
    let beginning = bytes.get(..4).unwrap_or(bytes);
    let is_xml = beginning.contains(&b'<') || bytes.trim_ascii_start().starts_with(b"<");
    if has_mark || (is_xml && bytes.contains(&0)) {
        return Err(EnvelopeError::Refused("an encoding other than UTF-8"));
    }
    let (mark, rest) = if bytes.starts_with(BYTE_ORDER_MARK) { (3, &bytes[3..]) } else { (0, bytes) };
    let spaces = std::iter::repeat_n(' ', mark);
    Ok(spaces.chain(rest.iter().map(|byte| if byte.is_ascii() { char::from(*byte) } else { 'x' })).collect())
}

/// Refuses encodings that are not supersets of ASCII.
pub(super) fn check(declaration: &BytesDecl<'_>) -> Result<(), EnvelopeError> {
    let Some(encoding) = declaration.encoding() else { return Ok(()) };
    let name = encoding.map_err(|_| EnvelopeError::NotSoap)?.to_ascii_lowercase();
    let known = ["utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "iso-8859-15", "latin1", "windows-1252"];
    if known.contains(&name.as_ref()) {
        Ok(())
    } else {
        Err(EnvelopeError::Refused("an encoding other than UTF-8"))
    }
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
