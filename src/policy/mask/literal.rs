//! Finds the literal text at the start of every name that matches a pattern, without regard to case if the pattern ignores case.

use regex_syntax::hir::{Class, Hir, HirKind};

/// The literal text before the capture group, empty when the expression does not begin with literal text; and whether some of its
/// letters match in any case.
pub(super) fn before_group(hir: &Hir) -> (String, bool) {
    let mut bytes = Vec::new();
    let mut any_case = false;
    collect(hir, &mut bytes, &mut any_case);
    // A literal may end inside a character only in byte-oriented expressions, which a mask cannot be.
    (String::from_utf8(bytes).unwrap_or_default(), any_case)
}

/// Adds the leading literal text of `hir`. True when all of `hir` is literal: then the next part may continue the text.
fn collect(hir: &Hir, into: &mut Vec<u8>, any_case: &mut bool) -> bool {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => true,
        HirKind::Literal(literal) => {
            into.extend_from_slice(&literal.0);
            true
        }
        HirKind::Concat(parts) => parts.iter().all(|part| collect(part, into, any_case)),
        HirKind::Class(class) => letter_in_any_case(class).is_some_and(|letter| {
            *any_case = true;
            into.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
            true
        }),
        HirKind::Repetition(_) | HirKind::Capture(_) | HirKind::Alternation(_) => false,
    }
}

/// The letter of a class that `(?i)` created: all members are forms of one letter.
fn letter_in_any_case(class: &Class) -> Option<char> {
    let Class::Unicode(class) = class else { return None };
    let letters: Vec<char> =
        class.iter().flat_map(|range| range.start()..=range.end()).take(MOST_CASES + 1).collect();
    let plain = *letters.iter().find(|letter| letter.is_lowercase())?;
    let same = letters.iter().all(|letter| {
        letter.to_lowercase().eq(plain.to_lowercase()) || letter.to_uppercase().eq(plain.to_uppercase())
    });
    (same && letters.len() <= MOST_CASES).then_some(plain)
}

/// No letter has more forms than this.
const MOST_CASES: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_literal_text_is_the_common_start_of_all_names() {
        for (mask, literal) in [
            ("Campaign - acme - (.*)", "Campaign - acme - "),
            (r"^Campaign \(EU\) - (.*)", "Campaign (EU) - "),
            ("Campaigns? - (.*)", "Campaign"),
            ("(.*) of Campaign", ""),
            ("Campaign - (a)|Other - b", ""),
            ("(?i)campaign 5 - (.*)", "campaign 5 - "),
            ("[Cc]ampaign - (.*)", "campaign - "),
            ("[CK]ampaign - (.*)", ""),
        ] {
            assert_eq!(before_group(&regex_syntax::parse(mask).unwrap()).0, literal, "{mask}");
        }
    }
}
