//! Paths that are denied to all clients.

use crate::policy::path::unicode::ascii_only;
use crate::policy::path::{is_plain, may_have_dot};
use crate::policy::readings::{Readings, decode, decode_wide, fold, is_script, shorten_names};

/// True when `path` is denied to all clients, with or without a session: some program could read it as `*ooconv.jsp*` or
/// `/res/*.jsp*` or `/res/*.jssp*`, in any letter case.
pub fn is_denied(path: &str) -> bool {
    // All patterns hold `.jsp` or `.jss`.
    if !may_have_dot(path) {
        return false;
    }
    if is_plain(path) {
        return is_script(path.as_bytes()) && is_denied_reading(path.as_bytes());
    }
    is_script(&last_reading(path)) && Readings::of(path).any(is_denied_reading)
}

/// True when the fully decoded path holds one of these texts, in any letter case. If it does not, no reading does: see [`last_reading`].
pub(in crate::policy) fn may_hold(path: &str, texts: &[&[u8]]) -> bool {
    let holds = |path: &[u8]| {
        texts.iter().any(|text| path.windows(text.len()).any(|window| window.eq_ignore_ascii_case(text)))
    };
    let last = last_reading(path);
    holds(&last) || holds(&as_ascii(&last))
}

/// The fully decoded path. If it does not name a script, no reading does: the steps of programs decode, or cut the end of a segment or of
/// the path, but never create these characters otherwise.
fn last_reading(path: &str) -> Vec<u8> {
    let mut text = path.as_bytes().to_vec();
    for _ in 0..DECODINGS {
        for step in [decode_wide, decode, fold] {
            text = step(&text).unwrap_or(text);
        }
    }
    text
}

/// One more than any program does.
const DECODINGS: usize = 3;

/// True when a reading is denied: as it is, reduced to ASCII, or as a short name of Windows.
pub(super) fn is_denied_reading(reading: &[u8]) -> bool {
    let is_named = |text: &[u8]| {
        let below_res = text.len() > UPLOADS.len() && text[..UPLOADS.len()].eq_ignore_ascii_case(UPLOADS);
        (below_res && is_script(&text[UPLOADS.len()..]))
            || text.windows(CONVERTER.len()).any(|window| window.eq_ignore_ascii_case(CONVERTER))
    };
    let is_named_in_ascii =
        |text: Vec<u8>| is_named(&text) || shorten_names(&text).is_some_and(|short| is_named(&short));
    is_named(reading)
        || (!reading.is_ascii() && is_named_in_ascii(as_ascii(reading)))
        || (reading.contains(&b'~') && is_named(&without_numbers(reading)))
}

fn as_ascii(reading: &[u8]) -> Vec<u8> {
    ascii_only(&String::from_utf8_lossy(reading)).into_bytes()
}

/// Removes the numbers of Windows short names (`OOCONV~1.JSP`).
fn without_numbers(reading: &[u8]) -> Vec<u8> {
    let mut parts = reading.split(|&byte| byte == b'~');
    let mut text = parts.next().unwrap_or_default().to_vec();
    for part in parts {
        let digits = part.iter().take_while(|byte| byte.is_ascii_digit()).count();
        text.extend(&part[digits..]);
    }
    text
}

/// The folder of uploaded assets.
const UPLOADS: &[u8] = b"/res/";

/// The script that converts documents.
const CONVERTER: &[u8] = b"ooconv.jsp";
