//! Compares a name with the literal text of a mask part by part. Finds another tenant or a misspelled word.

use strsim::osa_distance;

use super::align::{is_dash, same_letter};
use crate::policy::mask::is_space;

/// Reports the one part or word that differs, as in `Campaign - globex - x` for the mask `Campaign - acme - `.
pub(super) fn compare(literal: &str, name: &str) -> Option<String> {
    by_parts(literal, name).or_else(|| by_words(literal, name))
}

/// Reports the one part between loose dashes that differs, if all others agree.
pub(super) fn by_parts(literal: &str, name: &str) -> Option<String> {
    let mut wanted = parts(literal);
    // The literal text must end with a dash. Otherwise its last part and the group would be one part.
    if !wanted.pop()?.is_empty() || wanted.is_empty() {
        return None;
    }
    let found = parts(name);
    if found.len() <= wanted.len() {
        return None;
    }
    let mut differing = (0..wanted.len()).filter(|&at| !same_text(wanted[at], found[at]));
    let at = differing.next()?;
    if differing.next().is_some() {
        return None;
    }
    let (wanted, found) = (wanted[at], found[at]);
    match (at, is_close(wanted, found)) {
        (0, true) => Some(format!("spelling: `{found}` where the mask has `{wanted}`")),
        (0, false) => None,
        (_, _) if found.is_empty() => {
            Some(format!("missing tenant: the name has no text where the mask has `{wanted}`"))
        }
        (_, true) => {
            Some(format!("other tenant: `{found}` where the mask has `{wanted}` (or a misspelling of it)"))
        }
        (_, false) => Some(format!("other tenant: `{found}` where the mask has `{wanted}`")),
    }
}

/// For literal text such as `Campaign `: compares it with the same number of words of the name.
fn by_words(literal: &str, name: &str) -> Option<String> {
    let words = |text: &str, count: usize| {
        text.split(is_space).filter(|word| !word.is_empty()).take(count).collect::<Vec<_>>().join(" ")
    };
    let wanted = words(literal, usize::MAX);
    let found = words(name, wanted.split(' ').count());
    is_close(&wanted, &found).then(|| format!("spelling: `{found}` where the mask has `{wanted}`"))
}

/// The text split at dashes that have a space (or an end) beside them, without the spaces.
fn parts(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    for (at, dash) in text.char_indices().filter(|&(_, c)| is_dash(c)) {
        let end = at + dash.len_utf8();
        let loose = text[..at].chars().next_back().is_none_or(is_space)
            || text[end..].chars().next().is_none_or(is_space);
        if loose {
            parts.push(text[start..at].trim_matches(is_space));
            start = end;
        }
    }
    parts.push(text[start..].trim_matches(is_space));
    parts
}

fn same_text(a: &str, b: &str) -> bool {
    let mut b = b.chars();
    a.chars().all(|a| b.next().is_some_and(|b| same_letter(a, b))) && b.next().is_none()
}

/// True when the words differ in one or two letters, depending on their length.
fn is_close(wanted: &str, found: &str) -> bool {
    let allowed = match wanted.chars().count() {
        0..=2 => return false,
        3..=5 => 1,
        _ => 2,
    };
    osa_distance(&wanted.to_lowercase(), &found.to_lowercase()) <= allowed
}
