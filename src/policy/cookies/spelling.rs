//! Recognizes the names of session cookies in every spelling.

use memchr::{memchr_iter, memchr3, memchr3_iter};

use super::{CAMPAIGN_COOKIE, SESSION_COOKIE};
use crate::policy::path::unicode::ascii_only;
use crate::policy::readings::{decode, decode_wide, fold};

/// True when the name of a gateway cookie or of Campaign's session cookie is anywhere in the pair, in any spelling that a lenient
/// server accepts. Such a server may split the pair at a comma, a quote or a space, decode percent-encoding, remove quotes, and
/// ignore case.
pub(super) fn names_session(pair: &[u8]) -> bool {
    // The usual spelling of the one cookie that nearly every request has.
    if pair.starts_with(SESSION_COOKIE.as_bytes()) {
        return true;
    }
    // Most other pairs: no spelling of a name begins in them, and nothing is encoded.
    if memchr3(b'_', b'%', b'.', pair).is_none() && pair.is_ascii() {
        return false;
    }
    holds_name(pair) || (needs_full_decoding(pair) && holds_name_once_decoded(pair))
}

/// True when a spelling of a name begins anywhere in the text.
fn holds_name(text: &[u8]) -> bool {
    // Every spelling of a name begins with one of these.
    memchr3_iter(b'_', b'%', b'.', text).any(|place| {
        let text = &text[place..];
        begins_with(text, SESSION_COOKIE) || begins_with(text, CAMPAIGN_COOKIE)
    })
}

/// True when the text is a spelling of the name, and nothing else.
pub fn spells(text: &[u8], name: &str) -> bool {
    after_name(text, name).is_some_and(|rest| next_letter(rest).is_none())
}

fn begins_with(text: &[u8], name: &str) -> bool {
    after_name(text, name).is_some()
}

/// What follows a spelling of the name at the beginning of the text.
fn after_name<'t>(mut text: &'t [u8], name: &str) -> Option<&'t [u8]> {
    for wanted in name.bytes() {
        let (letter, rest) = next_letter(text)?;
        text = rest;
        let is_it = letter.eq_ignore_ascii_case(&wanted) || (wanted == b'_' && is_read_as_underscore(letter));
        if !is_it {
            return None;
        }
    }
    Some(text)
}

/// PHP replaces these characters in variable names by `_` (CVE-2020-7070, CVE-2022-31629).
fn is_read_as_underscore(letter: u8) -> bool {
    matches!(letter, b'.' | b' ' | b'[' | b'+')
}

/// The next letter as a lenient server reads it: percent-decoded repeatedly, without quotes and backslashes.
fn next_letter(mut text: &[u8]) -> Option<(u8, &[u8])> {
    loop {
        let (&first, mut rest) = text.split_first()?;
        let mut letter = first;
        while letter == b'%'
            && let [high, low, next @ ..] = rest
            && let (Some(high), Some(low)) = (hex(*high), hex(*low))
        {
            letter = high << 4 | low;
            rest = next;
        }
        if !matches!(letter, b'"' | b'\\' | b'\'') {
            return Some((letter, rest));
        }
        text = rest;
    }
}

fn hex(digit: u8) -> Option<u8> {
    (digit as char).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// True when some servers decode more of the text than [`next_letter`] does: it holds characters outside ASCII (plain or encoded), an
/// encoded `%`, or a `%` without two hexadecimal digits.
fn needs_full_decoding(text: &[u8]) -> bool {
    !text.is_ascii()
        || memchr_iter(b'%', text).any(|place| match text[place + 1..] {
            [high, low, ..] => {
                !(matches!(high, b'2'..=b'7') && low.is_ascii_hexdigit()) || (high, low) == (b'2', b'5')
            }
            _ => false,
        })
}

/// True when the fully decoded text holds a spelling of a name. The whole text is decoded several times, by every known method (see
/// `policy::readings`).
fn holds_name_once_decoded(text: &[u8]) -> bool {
    let mut text = text.to_vec();
    for _ in 0..DECODINGS {
        for step in [decode_wide, decode, fold] {
            if let Some(decoded) = step(&text) {
                text = decoded;
                if holds_name(&text) {
                    return true;
                }
            }
        }
    }
    // Some programs drop characters outside ASCII.
    holds_name(ascii_only(&String::from_utf8_lossy(&text)).as_bytes())
}

/// More decodings than any server does.
const DECODINGS: usize = 4;
