//! Characters outside ASCII that programs turn into ASCII: by compatibility decomposition (NFKD, Unicode Standard Annex 15)
//! or by the "best fit" tables with which Windows converts to a code page.

use icu_normalizer::DecomposingNormalizerBorrowed;

/// True when some program reads `c` as `.`, `/` or `\`, or as text that holds one of them.
pub(super) fn is_dot_or_slash(c: char) -> bool {
    dot_or_slash(c).is_some() || compatible(c).is_some_and(|text| text.contains(['.', '/', '\\']))
}

/// The ASCII text that some program makes of `c`.
pub(in crate::policy) fn ascii_form(c: char) -> Option<String> {
    let one = dot_or_slash(c).or(match c {
        // The place of the backslash in the Japanese and Korean code pages.
        '¥' | '₩' | '\u{ffe5}' | '\u{ffe6}' => Some('\\'),
        '\u{2236}' | '\u{a789}' => Some(':'),
        _ => None,
    });
    one.map(String::from).or_else(|| compatible(c))
}

/// True for a character that is not shown (Unicode's `Default_Ignorable_Code_Point`): some programs drop it from names.
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

/// The ASCII characters of the decomposed text: letters lose their accents, all other characters go.
pub(in crate::policy) fn ascii_only(text: &str) -> String {
    NFKD.normalize_iter(text.chars()).filter(char::is_ascii).collect()
}

/// What Unicode does not decompose, and programs still convert.
fn dot_or_slash(c: char) -> Option<char> {
    match c {
        // The full stops of internationalized domain names (Unicode Technical Standard 46).
        '\u{3002}' | '\u{ff61}' | '\u{fe12}' => Some('.'),
        // Fraction and division slash, box drawing, the big and the mathematical ones.
        '\u{2044}' | '\u{2215}' | '\u{2571}' | '\u{27cb}' | '\u{29f8}' => Some('/'),
        // Set minus and its relatives, and the combining one.
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
    fn every_form_of_a_dot_or_a_slash_is_known() {
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

    /// The whole of Unicode, against the decomposition itself.
    #[test]
    fn no_character_decomposes_to_a_dot_or_a_slash_unseen() {
        for c in (0x80..=0x0010_ffff).filter_map(char::from_u32) {
            let text: String = NFKD.normalize_iter(std::iter::once(c)).collect();
            if text.is_ascii() && text.contains(['.', '/', '\\']) {
                assert!(is_dot_or_slash(c), "U+{:04X}", u32::from(c));
            }
        }
    }

    #[test]
    fn letters_lose_what_ascii_does_not_have() {
        assert_eq!(ascii_only("réſ\u{200b}Ｋ\u{212a}日"), "resKK");
        assert_eq!(ascii_form('ｊ').as_deref(), Some("j"));
        assert_eq!(ascii_form('é'), None);
    }
}
