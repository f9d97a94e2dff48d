//! The spellings of a cookie's name.

use memchr::{memchr_iter, memchr3_iter};

use super::{CAMPAIGN_COOKIE, SESSION_COOKIE};
use crate::policy::path::unicode::ascii_only;
use crate::policy::readings::{decode, decode_wide, fold};

/// True when one of our names is anywhere in the pair, in any spelling that a lenient server could read as it: it may split the
/// pair at a comma, a quote or a space, decode percent-encoding, remove quotes, and ignore case.
pub(super) fn is_ours(pair: &[u8]) -> bool {
    is_named(pair) || (is_coded_oddly(pair) && is_named_once_decoded(pair))
}

/// True when a spelling of a name begins somewhere in the text.
fn is_named(text: &[u8]) -> bool {
    // Every spelling of a name begins with one of these.
    memchr3_iter(b'_', b'%', b'.', text).any(|place| {
        let text = &text[place..];
        begins_with(text, SESSION_COOKIE) || begins_with(text, CAMPAIGN_COOKIE)
    })
}

/// True when the text begins with a spelling of the name.
fn begins_with(mut text: &[u8], name: &str) -> bool {
    name.bytes().all(|wanted| {
        let Some((letter, rest)) = next_letter(text) else { return false };
        text = rest;
        letter.eq_ignore_ascii_case(&wanted) || (wanted == b'_' && is_read_as_underscore(letter))
    })
}

/// PHP reads these in the name of a variable as `_` (CVE-2020-7070, CVE-2022-31629).
fn is_read_as_underscore(letter: u8) -> bool {
    matches!(letter, b'.' | b' ' | b'[' | b'+')
}

/// The next letter as a lenient server reads it: percent-decoded, as often as that goes, and without quotes and backslashes.
fn next_letter(mut text: &[u8]) -> Option<(u8, &[u8])> {
    loop {
        let (&first, mut rest) = text.split_first()?;
        let mut letter = first;
        while letter == b'%'
            && let [high, low, behind @ ..] = rest
            && let (Some(high), Some(low)) = (hex(*high), hex(*low))
        {
            letter = high << 4 | low;
            rest = behind;
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

/// True for text that [`next_letter`] does not decode as far as some servers do: one with characters outside ASCII, plain or encoded, an encoded
/// `%`, or a `%` without two hexadecimal digits.
fn is_coded_oddly(text: &[u8]) -> bool {
    !text.is_ascii()
        || memchr_iter(b'%', text).any(|place| match text[place + 1..] {
            [high, low, ..] => {
                !(matches!(high, b'2'..=b'7') && low.is_ascii_hexdigit()) || (high, low) == (b'2', b'5')
            }
            _ => false,
        })
}

/// True when decoding the whole text, a few times and in every way known (see `policy::readings`), gives a spelling of a name.
fn is_named_once_decoded(text: &[u8]) -> bool {
    let mut text = text.to_vec();
    for _ in 0..DECODINGS {
        for step in [decode_wide, decode, fold] {
            if let Some(decoded) = step(&text) {
                text = decoded;
                if is_named(&text) {
                    return true;
                }
            }
        }
    }
    // Some programs drop what is not ASCII.
    is_named(ascii_only(&String::from_utf8_lossy(&text)).as_bytes())
}

/// More than servers do.
const DECODINGS: usize = 4;
