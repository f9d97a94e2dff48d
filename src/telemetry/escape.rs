//! Escapes untrusted text in log lines. Non-printable characters are escaped as in JSON (RFC 8259 §7). So the text cannot end the
//! line, send control sequences to a terminal, or change the reading order.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Appends `text` escaped. With `in_quotes`, `"` and `\` are escaped too.
pub(super) fn push(to: &mut String, text: &str, in_quotes: bool) {
    to.push_str(&escaped(text, in_quotes));
}

/// `text` escaped as by [`push`]. Allocates only when something must be escaped.
pub(super) fn escaped(text: &str, in_quotes: bool) -> Cow<'_, str> {
    let is_plain = |byte: u8| PLAIN[usize::from(byte)] || (!in_quotes && matches!(byte, b'"' | b'\\'));
    if text.bytes().all(is_plain) {
        return Cow::Borrowed(text);
    }
    let mut to = String::with_capacity(text.len() * 2);
    for c in text.chars() {
        match c {
            '"' | '\\' if in_quotes => to.extend(['\\', c]),
            '\n' => to.push_str("\\n"),
            '\r' => to.push_str("\\r"),
            '\t' => to.push_str("\\t"),
            c if is_printable(c) => to.push(c),
            c => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(to, "\\u{unit:04x}");
                }
            }
        }
    }
    Cow::Owned(to)
}

/// Printable ASCII that needs no escape in quotes. A table: the path of every request is checked.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = b' ';
    while byte <= b'~' {
        plain[byte as usize] = !matches!(byte, b'"' | b'\\');
        byte += 1;
    }
    plain
};

/// `text` as a JSON string.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    push(&mut quoted, text, true);
    quoted.push('"');
    quoted
}

/// False for characters that are invisible or change how other text is shown: controls, format characters (bidirectional marks and
/// overrides, zero-width characters, tags), line and paragraph separators, spaces other than the ASCII space, private and
/// unassigned characters, and combining characters outside words.
fn is_printable(c: char) -> bool {
    if INVISIBLE.contains(&c) {
        return false;
    }
    c.is_alphanumeric() || matches!(c, '"' | '\'' | '\\') || c.escape_debug().len() == 1
}

/// Letters and symbols without a visible glyph.
const INVISIBLE: &[char] =
    &['\u{115f}', '\u{1160}', '\u{17b4}', '\u{17b5}', '\u{2800}', '\u{3164}', '\u{ffa0}'];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn non_printable_characters_are_escaped() {
        for c in [
            '\0',
            '\u{7}',
            '\u{1b}',
            '\u{7f}',
            '\u{80}',
            '\u{85}',
            '\u{9b}',
            '\u{9d}',
            '\u{a0}',
            '\u{ad}',
            '\u{61c}',
            '\u{180e}',
            '\u{200b}',
            '\u{200d}',
            '\u{200e}',
            '\u{200f}',
            '\u{2028}',
            '\u{2029}',
            '\u{202a}',
            '\u{202e}',
            '\u{2060}',
            '\u{2066}',
            '\u{2069}',
            '\u{206f}',
            '\u{3000}',
            '\u{3164}',
            '\u{fe0f}',
            '\u{feff}',
            '\u{fff9}',
            '\u{e000}',
            '\u{e0041}',
            '\u{e0100}',
            '\u{1d173}',
            '\u{378}',
            '\u{10ffff}',
            '\u{301}',
            '\u{34f}',
        ] {
            let text = quoted(&format!("a{c}b"));
            assert!(text.is_ascii() && text.contains("\\u"), "{:x}: {text}", u32::from(c));
        }
        assert_eq!(quoted("a\u{202e}\n\r\t\u{e0041}"), r#""a\u202e\n\r\t\udb40\udc41""#);
    }

    #[test]
    fn text_in_common_scripts_is_not_escaped() {
        for text in
            ["müller@example.com", "Ångström – “x” €", "日本語", "हिन्दी", "العربية", "Привет!", "😀", "it's"]
        {
            let mut plain = String::new();
            push(&mut plain, text, false);
            let without_joins = text.replace('\u{94d}', "");
            assert_eq!(plain.replace("\\u094d", ""), without_joins);
        }
        assert_eq!(quoted(r#"a"b\c"#), r#""a\"b\\c""#);
    }

    proptest! {
        #[test]
        fn quoted_text_is_json_and_one_line(text in any::<String>()) {
            let quoted = quoted(&text);
            prop_assert_eq!(serde_json::from_str::<String>(&quoted).unwrap(), text);
            let is_hidden = |c: char| c.is_control() || ('\u{200b}'..='\u{200f}').contains(&c);
            prop_assert!(!quoted.chars().any(is_hidden));
        }
    }
}
