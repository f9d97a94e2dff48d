//! Characters outside ASCII that programs convert to ASCII: by compatibility decomposition (NFKD, Unicode Standard Annex 15), or by
//! the "best fit" tables of Windows code pages.

use icu_normalizer::DecomposingNormalizerBorrowed;

/// True when some program converts `c` to text with `.`, `/` or `\`.
pub(super) fn is_dot_or_slash(c: char) -> bool {
    dot_or_slash(c).is_some() || compatible(c).is_some_and(|text| text.contains(['.', '/', '\\']))
}

/// The ASCII text to which some program converts `c`.
pub(in crate::policy) fn ascii_form(c: char) -> Option<String> {
    let one = dot_or_slash(c).or(match c {
        // These replace the backslash in the Japanese and Korean code pages.
        '¥' | '₩' | '\u{ffe5}' | '\u{ffe6}' => Some('\\'),
        '\u{2236}' | '\u{a789}' => Some(':'),
        _ => None,
    });
    one.map(String::from).or_else(|| compatible(c))
}

/// True for an invisible character (Unicode's `Default_Ignorable_Code_Point`). Some programs drop it from names.
pub(super) fn is_ignorable(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fff8}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// The ASCII characters of the decomposed text: letters lose their accents, other characters are removed.
pub(in crate::policy) fn ascii_only(text: &str) -> String {
    NFKD.normalize_iter(text.chars()).filter(char::is_ascii).collect()
}

/// The text without letter case, compatibility forms and invisible characters. Names that some file system takes for the same have the same
/// text.
pub(in crate::policy) fn caseless(text: &str) -> String {
    let visible = text.chars().filter(|&c| !is_ignorable(c));
    NFKD.normalize_iter(visible).flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
}

/// Conversions that programs do although Unicode has no decomposition.
fn dot_or_slash(c: char) -> Option<char> {
    match c {
        // The full stops of internationalized domain names (Unicode Technical Standard 46).
        '\u{3002}' | '\u{ff61}' | '\u{fe12}' => Some('.'),
        // Fraction slash, division slash, box drawing diagonal, mathematical and big slash.
        '\u{2044}' | '\u{2215}' | '\u{2571}' | '\u{27cb}' | '\u{29f8}' => Some('/'),
        // Set minus, box drawing diagonal, mathematical, reverse solidus operator, big, combining.
        '\u{2216}' | '\u{2572}' | '\u{27cd}' | '\u{29f5}' | '\u{29f9}' | '\u{20e5}' => Some('\\'),
        _ => None,
    }
}

/// The decomposition of `c`, when it is all ASCII.
fn compatible(c: char) -> Option<String> {
    let decomposed = || NFKD.normalize_iter(std::iter::once(c));
    decomposed().all(|part| part.is_ascii()).then(|| decomposed().collect())
}

const NFKD: DecomposingNormalizerBorrowed<'static> = DecomposingNormalizerBorrowed::new_nfkd();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_dot_or_a_slash_is_recognized() {
        let forms = "\u{ff0e}\u{2024}\u{fe52}\u{3002}\u{ff61}\u{fe12}\u{2025}\u{2026}\u{fe19}\u{2488}\u{249b}\
                     \u{ff0f}\u{2044}\u{2215}\u{29f8}\u{2571}\u{27cb}\u{2100}\u{2101}\u{2105}\u{2106}\
                     \u{ff3c}\u{fe68}\u{2216}\u{29f5}\u{29f9}\u{2572}\u{27cd}\u{20e5}";
        for c in forms.chars() {
            assert!(is_dot_or_slash(c), "U+{:04X}", u32::from(c));
            assert!(ascii_form(c).is_some(), "U+{:04X}", u32::from(c));
        }
        for c in "äéßøŁжя日本語ノ丿한ا٠·•…".chars().filter(|&c| c != '…').chain("½¼×÷“”–—¥₩％：；？".chars())
        {
            assert!(!is_dot_or_slash(c), "{c}");
        }
    }

    /// Compares all of Unicode with the decomposition.
    #[test]
    fn every_character_that_decomposes_to_a_dot_or_a_slash_is_recognized() {
        for c in (0x80..=0x0010_ffff).filter_map(char::from_u32) {
            let text: String = NFKD.normalize_iter(std::iter::once(c)).collect();
            if text.is_ascii() && text.contains(['.', '/', '\\']) {
                assert!(is_dot_or_slash(c), "U+{:04X}", u32::from(c));
            }
        }
    }

    #[test]
    fn letters_are_reduced_to_ascii() {
        assert_eq!(ascii_only("réſ\u{200b}Ｋ\u{212a}日"), "resKK");
        assert_eq!(ascii_form('ｊ').as_deref(), Some("j"));
        assert_eq!(ascii_form('é'), None);
    }
}
