//! The steps with which programs change a path. A step returns `None` when it changes nothing.

use percent_encoding::percent_decode;

use crate::policy::path::unicode::{ascii_form, ascii_only};

pub(super) type Step = fn(&[u8]) -> Option<Vec<u8>>;

/// Decodes each `%XX` once. Incomplete encodings stay unchanged (RFC 3986 §2.1).
pub(in crate::policy) fn decode(path: &[u8]) -> Option<Vec<u8>> {
    match percent_decode(path).into() {
        std::borrow::Cow::Owned(decoded) => Some(decoded),
        std::borrow::Cow::Borrowed(_) => None,
    }
}

/// Decodes each `%uXXXX`, as IIS does.
pub(in crate::policy) fn decode_wide(path: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path;
    while let [first, tail @ ..] = rest {
        if let Some((c, tail)) = wide(rest) {
            decoded.extend(c.encode_utf8(&mut [0; 4]).bytes());
            rest = tail;
        } else {
            decoded.push(*first);
            rest = tail;
        }
    }
    changed(path, decoded)
}

fn wide(text: &[u8]) -> Option<(char, &[u8])> {
    let ([b'%', b'u' | b'U'], rest) = text.split_at_checked(2)? else { return None };
    let (digits, rest) = rest.split_at_checked(4)?;
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let code = u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    Some((char::from_u32(code)?, rest))
}

/// Replaces characters by their ASCII form, if they have one, and overlong UTF-8 by the ASCII character that it encodes.
pub(in crate::policy) fn fold(path: &[u8]) -> Option<Vec<u8>> {
    if path.is_ascii() {
        return None;
    }
    let mut folded = Vec::with_capacity(path.len());
    let mut rest = path;
    while let [first, tail @ ..] = rest {
        let Some((code, after)) = lenient_utf8(rest) else {
            folded.push(*first);
            rest = tail;
            continue;
        };
        match char::from_u32(code).map(|c| (c, ascii_form(c))) {
            Some((c, _)) if c.is_ascii() => folded.push(code.to_le_bytes()[0]),
            Some((_, Some(ascii))) => folded.extend(ascii.bytes()),
            _ => folded.extend(&rest[..rest.len() - after.len()]),
        }
        rest = after;
    }
    changed(path, folded)
}

/// The first code point and the rest. Accepts overlong forms, as lenient decoders do (against RFC 3629 §3).
fn lenient_utf8(text: &[u8]) -> Option<(u32, &[u8])> {
    let (&first, tail) = text.split_first()?;
    let (more, bits) = match first {
        0xc0..=0xdf => (1, first & 0x1f),
        0xe0..=0xef => (2, first & 0x0f),
        0xf0..=0xf7 => (3, first & 0x07),
        0xf8..=0xfb => (4, first & 0x03),
        0xfc..=0xfd => (5, first & 0x01),
        _ => return None,
    };
    let (continued, rest) = tail.split_at_checked(more)?;
    if !continued.iter().all(|byte| byte & 0xc0 == 0x80) {
        return None;
    }
    let code = continued.iter().fold(u32::from(bits), |code, byte| code << 6 | u32::from(byte & 0x3f));
    Some((code, rest))
}

/// Removes `;…` up to the next slash.
pub(super) fn drop_parameters(path: &[u8]) -> Option<Vec<u8>> {
    path.contains(&b';')
        .then(|| each_segment(path, |name| name.split(|&b| b == b';').next().unwrap_or_default()))
}

/// Reads backslashes as slashes.
pub(super) fn turn_backslashes(path: &[u8]) -> Option<Vec<u8>> {
    let turned = || path.iter().map(|&byte| if byte == b'\\' { b'/' } else { byte }).collect();
    path.contains(&b'\\').then(turned)
}

/// Shortens names as Windows does: removes a stream (`:…`), and dots and spaces at the end.
pub(in crate::policy) fn shorten_names(path: &[u8]) -> Option<Vec<u8>> {
    changed(path, each_segment(path, short_name))
}

fn short_name(name: &[u8]) -> &[u8] {
    let name = name.split(|&byte| byte == b':').next().unwrap_or_default();
    let end = |is_cut: fn(u8) -> bool| name.iter().rposition(|&byte| !is_cut(byte)).map_or(0, |at| at + 1);
    let without_spaces = &name[..end(|byte| byte == b' ')];
    if matches!(without_spaces, b"." | b"..") {
        return without_spaces;
    }
    &name[..end(|byte| matches!(byte, b' ' | b'.'))]
}

/// Merges runs of slashes.
pub(super) fn merge_slashes(path: &[u8]) -> Option<Vec<u8>> {
    let merged = || {
        let mut merged = path.to_vec();
        merged.dedup_by(|next, before| (*next, *before) == (b'/', b'/'));
        merged
    };
    path.windows(2).any(|pair| pair == b"//").then(merged)
}

/// Resolves `.` and `..` (RFC 3986 §5.2.4).
pub(super) fn resolve_dots(path: &[u8]) -> Option<Vec<u8>> {
    let is_dots = |segment: &[u8]| matches!(segment, b"." | b"..");
    if !path.split(|&byte| byte == b'/').any(is_dots) {
        return None;
    }
    let mut resolved: Vec<&[u8]> = Vec::new();
    let mut segments = path.split(|&byte| byte == b'/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        if segment == b".." {
            resolved.pop();
        }
        if !is_dots(segment) {
            resolved.push(segment);
        } else if segments.peek().is_none() {
            resolved.push(b"");
        }
    }
    Some([b"/", resolved.join(&b'/').as_slice()].concat())
}

/// Cuts the path at `?` or `#`, as a program does that receives a decoded path, or at NUL, as C strings do.
pub(super) fn cut_at_query(path: &[u8]) -> Option<Vec<u8>> {
    let at = path.iter().position(|byte| matches!(byte, b'?' | b'#' | 0))?;
    Some(path[..at].to_vec())
}

/// Cuts the path after the first script. The rest is path info for the script.
pub(in crate::policy) fn cut_path_info(path: &[u8]) -> Option<Vec<u8>> {
    let mut begin = 0;
    while let Some(len) = path[begin..].iter().position(|&byte| byte == b'/') {
        if is_script(&path[begin..begin + len]) {
            return Some(path[..begin + len].to_vec());
        }
        begin += len + 1;
    }
    None
}

/// True for the name of a script: it holds `.jsp` or `.jssp` (`.jss` in a Windows short name), in any letter case, also after
/// characters outside ASCII are dropped.
pub(in crate::policy) fn is_script(segment: &[u8]) -> bool {
    let holds =
        |text: &[u8], name: &[u8]| text.windows(name.len()).any(|part| part.eq_ignore_ascii_case(name));
    let names_script = |text: &[u8]| holds(text, b".jsp") || holds(text, b".jss");
    names_script(segment)
        || (!segment.is_ascii() && names_script(ascii_only(&String::from_utf8_lossy(segment)).as_bytes()))
}

fn each_segment(path: &[u8], change: impl Fn(&[u8]) -> &[u8]) -> Vec<u8> {
    path.split(|&byte| byte == b'/').map(change).collect::<Vec<_>>().join(&b'/')
}

fn changed(before: &[u8], after: Vec<u8>) -> Option<Vec<u8>> {
    (before != after).then_some(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(step: Step, path: &str) -> Option<String> {
        step(path.as_bytes()).map(|path| String::from_utf8(path).unwrap())
    }

    #[test]
    fn each_step_changes_one_thing() {
        let steps: [(Step, &str, Option<&str>); 25] = [
            (decode, "/%41%2e%252e%4%zz%", Some("/A.%2e%4%zz%")),
            (decode, "/a%zz%", None),
            (decode_wide, "/%u0041%U002e%u00%u", Some("/A.%u00%u")),
            (decode_wide, "/%41", None),
            (fold, "/caf\u{e9}/\u{ff0e}\u{2215}\u{ff2a}", Some("/caf\u{e9}/./J")),
            (fold, "/caf\u{e9}", None),
            (drop_parameters, "/a;x=1/b;y;z", Some("/a/b")),
            (drop_parameters, "/a", None),
            (turn_backslashes, "/a\\b", Some("/a/b")),
            (turn_backslashes, "/a", None),
            (shorten_names, "/res. ./x.jsp:y:$DATA/.../.. /a", Some("/res/x.jsp//../a")),
            (shorten_names, "/.a/b.c", None),
            (merge_slashes, "//a///b//", Some("/a/b/")),
            (merge_slashes, "/a/b/", None),
            (resolve_dots, "/a/./b/../c/..", Some("/a/")),
            (resolve_dots, "/../../a", Some("/a")),
            (resolve_dots, "/a/...", None),
            (cut_at_query, "/a?b", Some("/a")),
            (cut_at_query, "/a\0b#c", Some("/a")),
            (cut_at_query, "/a", None),
            (cut_path_info, "/a/x.JSP/b.jsp/c", Some("/a/x.JSP")),
            (cut_path_info, "/x.jssp~/", Some("/x.jssp~")),
            (cut_path_info, "/SOAPRO~1.JSS/b", Some("/SOAPRO~1.JSS")),
            (cut_path_info, "/a/x.jsp", None),
            (cut_path_info, "/jsp/a", None),
        ];
        for (step, path, expected) in steps {
            assert_eq!(text(step, path).as_deref(), expected, "{path}");
        }
    }

    #[test]
    fn overlong_utf8_is_decoded() {
        for dot in [&b"\xc0\xae"[..], b"\xe0\x80\xae", b"\xf0\x80\x80\xae", b"\xf8\x80\x80\x80\xae"] {
            assert_eq!(fold(dot).as_deref(), Some(&b"."[..]), "{dot:x?}");
        }
        assert_eq!(fold(b"\xff\xc3("), None);
    }
}
