//! Reads JSON as IMS writes it: numbers and booleans may be in quotes, and text may be cut in the middle of a character.

use std::borrow::Cow;

use serde::de::DeserializeOwned;
use serde_json::Value;

/// JSON that the parser can read: without a byte-order mark, with U+FFFD in place of bytes that are not UTF-8, and of halves of surrogate
/// pairs (RFC 8259 §8.2), which programs leave that shorten text in UTF-16. Otherwise one such field, even one that nobody uses, would
/// make the whole response unreadable.
pub fn readable(json: &[u8]) -> Cow<'_, [u8]> {
    let json = json.strip_prefix(BYTE_ORDER_MARK).unwrap_or(json);
    let text = match String::from_utf8_lossy(json) {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    };
    if has_half_pair(&text) { Cow::Owned(without_half_pairs(&text)) } else { text }
}

fn has_half_pair(json: &[u8]) -> bool {
    let mut rest = json;
    while let Some((escape, after)) = next_escape(rest) {
        if escape.is_half_pair() {
            return true;
        }
        rest = after;
    }
    false
}

fn without_half_pairs(json: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(json.len());
    let mut rest = json;
    while let Some((escape, after)) = next_escape(rest) {
        let read = &rest[..rest.len() - after.len()];
        if escape.is_half_pair() {
            text.extend_from_slice(&read[..read.len() - ESCAPE_LENGTH]);
            text.extend_from_slice(b"\\ufffd");
        } else {
            text.extend_from_slice(read);
        }
        rest = after;
    }
    text.extend_from_slice(rest);
    text
}

/// An escape in JSON text.
enum Escape {
    /// One character, or a complete surrogate pair.
    Complete,
    /// Half of a surrogate pair.
    HalfPair,
}

impl Escape {
    fn is_half_pair(&self) -> bool {
        matches!(self, Self::HalfPair)
    }
}

/// The next escape, and the text after it.
fn next_escape(json: &[u8]) -> Option<(Escape, &[u8])> {
    let begin = memchr::memchr(b'\\', json)?;
    let escape = &json[begin..];
    let after = |length: usize| escape.get(length..).unwrap_or_default();
    Some(match (code_unit(escape), code_unit(after(ESCAPE_LENGTH))) {
        (None, _) => (Escape::Complete, after(2)),
        (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => (Escape::Complete, after(2 * ESCAPE_LENGTH)),
        (Some(0xd800..=0xdfff), _) => (Escape::HalfPair, after(ESCAPE_LENGTH)),
        (Some(_), _) => (Escape::Complete, after(ESCAPE_LENGTH)),
    })
}

/// The UTF-16 code unit of an escape `\uXXXX` at the beginning of the text.
fn code_unit(text: &[u8]) -> Option<u16> {
    let digits = text.strip_prefix(b"\\u")?.get(..4)?;
    let digits = std::str::from_utf8(digits).ok().filter(|_| digits.iter().all(u8::is_ascii_hexdigit))?;
    u16::from_str_radix(digits, 16).ok()
}

/// Length of `\uXXXX` in bytes.
const ESCAPE_LENGTH: usize = 6;
/// U+FEFF in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Parses a JSON object. Without the check for `{`, serde would accept a list of the fields in order.
pub fn object<T: DeserializeOwned>(json: &[u8]) -> Option<T> {
    json.trim_ascii_start().starts_with(b"{").then(|| serde_json::from_slice(json).ok())?
}

/// The end of the year 9999, in seconds since the Unix epoch. No token has a later time.
pub const END_OF_TIME: f64 = 253_402_300_799.0;

/// A finite number, plain or in quotes.
pub fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
    .filter(|number| number.is_finite())
}

/// A boolean, plain or in quotes.
pub fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(value) => Some(*value),
        Value::String(text) if text.trim().eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.trim().eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// Text that is not empty. A number is converted to text.
pub fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn text_that_was_cut_in_a_character_is_readable() {
        for (json, expected) in [
            (&br#"{"a":"x"}"#[..], json!({"a": "x"})),
            (b"\xef\xbb\xbf{\"a\":1}", json!({"a": 1})),
            (br#"{"a":"x\ud83d"}"#, json!({"a": "x\u{fffd}"})),
            (br#"{"a":"\ud83d\ude00"}"#, json!({"a": "\u{1f600}"})),
            (br#"{"a":"\uDE00\uD83D\ud83d\ude00\ud83d"}"#, json!({"a": "\u{fffd}\u{fffd}\u{1f600}\u{fffd}"})),
            (br#"{"a":"\ud83dx\ude00"}"#, json!({"a": "\u{fffd}x\u{fffd}"})),
            (br#"{"a":"\\ud83d \\\ud83d"}"#, json!({"a": "\\ud83d \\\u{fffd}"})),
            (br#"{"\ud83d":1,"b":"\u00e9\n\""}"#, json!({"\u{fffd}": 1, "b": "\u{e9}\n\""})),
            (b"{\"a\":\"m\xfcller\"}", json!({"a": "m\u{fffd}ller"})),
        ] {
            assert_eq!(serde_json::from_slice::<Value>(&readable(json)).unwrap(), expected);
        }
        for broken in [&b"{\"a\":\"\\ud8"[..], b"\\", b"{\"a\":\"\\", b"", b"\xef\xbb\xbf"] {
            assert!(serde_json::from_slice::<Value>(&readable(broken)).is_err());
        }
    }

    proptest! {
        #[test]
        fn good_json_stays_as_it_is(text in any::<String>(), escaped in any::<Vec<u16>>()) {
            let good: String = char::decode_utf16(escaped).filter_map(Result::ok).collect();
            let units = good.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect::<Vec<_>>().concat();
            let json = format!("{{{}:\"{units}\"}}", json!(text));
            prop_assert!(matches!(readable(json.as_bytes()), Cow::Borrowed(same) if same == json.as_bytes()));
            prop_assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), json!({text: good}));
        }

        #[test]
        fn any_text_in_quotes_becomes_readable(units in proptest::collection::vec(0xd700..0xe100_u16, 0..8)) {
            let escapes: Vec<_> = units.iter().map(|unit| format!("\\u{unit:04X}")).collect();
            let json = format!("\"{}\"", escapes.concat());
            let read: Value = serde_json::from_slice(&readable(json.as_bytes())).unwrap();
            prop_assert_eq!(read, json!(String::from_utf16_lossy(&units)));
        }
    }

    #[test]
    fn quotes_change_nothing() {
        for value in [json!(86399), json!("86399"), json!(" 86399 "), json!("86399.0")] {
            assert_eq!(number(&value), Some(86399.0), "{value}");
        }
        for value in
            [json!("soon"), json!(""), json!("inf"), json!("NaN"), json!(true), json!([1]), json!(null)]
        {
            assert_eq!(number(&value), None, "{value}");
        }
        for (value, expected) in [
            (json!(true), Some(true)),
            (json!("true"), Some(true)),
            (json!("False"), Some(false)),
            (json!(1), None),
            (json!("yes"), None),
            (json!(null), None),
        ] {
            assert_eq!(boolean(&value), expected, "{value}");
        }
        assert_eq!(text(&json!(7)), Some("7".to_owned()));
        assert_eq!((text(&json!("")), text(&json!({}))), (None, None));
    }

    proptest! {
        #[test]
        fn a_quoted_integer_is_that_integer(number in any::<i32>()) {
            prop_assert_eq!(super::number(&json!(number.to_string())), super::number(&json!(number)));
        }
    }
}
