//! Compares a name with the mask's literal text part by part: another tenant, or a misspelt word.

use strsim::osa_distance;

use super::align::{is_dash, same_letter};
use crate::policy::mask::is_blank;

/// `Campaign - globex - x` beside `Campaign - acme - `: the one part that differs, if the others agree.
pub(super) fn compare(literal: &str, name: &str) -> Option<String> {
    by_parts(literal, name).or_else(|| by_words(literal, name))
}

/// The one part between loose dashes that differs, if the others agree.
pub(super) fn by_parts(literal: &str, name: &str) -> Option<String> {
    let mut wanted = parts(literal);
    // The literal text must end with a dash, or its last part would run into the group.
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
            Some(format!("missing tenant: nothing stands where the mask has `{wanted}`"))
        }
        (_, true) => {
            Some(format!("other tenant: `{found}` where the mask has `{wanted}` (or a misspelling of it)"))
        }
        (_, false) => Some(format!("other tenant: `{found}` where the mask has `{wanted}`")),
    }
}

/// For literal text such as `Campaign `: as many words of the name as it has itself.
fn by_words(literal: &str, name: &str) -> Option<String> {
    let words = |text: &str, count: usize| {
        text.split(is_blank).filter(|word| !word.is_empty()).take(count).collect::<Vec<_>>().join(" ")
    };
    let wanted = words(literal, usize::MAX);
    let found = words(name, wanted.split(' ').count());
    is_close(&wanted, &found).then(|| format!("spelling: `{found}` where the mask has `{wanted}`"))
}

/// The text split at dashes that have a blank (or an end) beside them, without the blanks.
fn parts(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    for (at, dash) in text.char_indices().filter(|&(_, c)| is_dash(c)) {
        let end = at + dash.len_utf8();
        let loose = text[..at].chars().next_back().is_none_or(is_blank)
            || text[end..].chars().next().is_none_or(is_blank);
        if loose {
            parts.push(text[start..at].trim_matches(is_blank));
            start = end;
        }
    }
    parts.push(text[start..].trim_matches(is_blank));
    parts
}

fn same_text(a: &str, b: &str) -> bool {
    let mut b = b.chars();
    a.chars().all(|a| b.next().is_some_and(|b| same_letter(a, b))) && b.next().is_none()
}

/// One or two letters apart, by the length of the word.
fn is_close(wanted: &str, found: &str) -> bool {
    let allowed = match wanted.chars().count() {
        0..=2 => return false,
        3..=5 => 1,
        _ => 2,
    };
    osa_distance(&wanted.to_lowercase(), &found.to_lowercase()) <= allowed
}
