//! The literal text that every name matching a pattern begins with.

use regex_syntax::hir::{Hir, HirKind};

/// The literal text before the capture group; empty when the expression does not begin with one.
pub(super) fn before_group(hir: &Hir) -> String {
    let mut bytes = Vec::new();
    collect(hir, &mut bytes);
    // A literal may end inside a character only in byte-oriented expressions, which a mask cannot be.
    String::from_utf8(bytes).unwrap_or_default()
}

/// Adds the leading literal of `hir`; true when all of it was literal, so that what follows counts too.
fn collect(hir: &Hir, into: &mut Vec<u8>) -> bool {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => true,
        HirKind::Literal(literal) => {
            into.extend_from_slice(&literal.0);
            true
        }
        HirKind::Concat(parts) => parts.iter().all(|part| collect(part, into)),
        HirKind::Class(_) | HirKind::Repetition(_) | HirKind::Capture(_) | HirKind::Alternation(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_every_name_begins_with_counts() {
        for (mask, literal) in [
            ("Campaign - acme - (.*)", "Campaign - acme - "),
            (r"^Campaign \(EU\) - (.*)", "Campaign (EU) - "),
            ("Campaigns? - (.*)", "Campaign"),
            ("(.*) of Campaign", ""),
            ("Campaign - (a)|Other - b", ""),
            ("(?i)campaign - (.*)", ""),
        ] {
            assert_eq!(before_group(&regex_syntax::parse(mask).unwrap()), literal, "{mask}");
        }
    }
}
