//! Compares the literal text of a mask with a name character by character. Differences in case, spaces and dashes are tolerated and
//! recorded.

use crate::policy::mask::{is_invisible, is_space};

/// A name that matches the literal text except for the recorded differences.
pub(super) struct Aligned {
    /// What differs and where, in order.
    pub(super) differences: Vec<String>,
    /// True when a space of the literal text is missing.
    pub(super) lacks_spaces: bool,
    /// Byte offset in the name at which the literal text ends.
    pub(super) rest: usize,
    /// Number of bytes of the literal text that the name holds. Less than its length when the name ends before the last dash or space.
    pub(super) literal_used: usize,
}

/// Compares `name` with `literal`; `None` when a letter differs by more than case. Case is recorded if `case_counts`.
pub(super) fn align(literal: &str, name: &str, case_counts: bool) -> Option<Aligned> {
    let mut walk = Walk {
        literal: literal.char_indices().collect(),
        name: name.char_indices().collect(),
        differences: Vec::new(),
        at: 0,
        seen: 0,
        cased_word: None,
        lacks_spaces: false,
        case_counts,
    };
    walk.skip_leading_spaces();
    while walk.at < walk.literal.len() {
        if walk.name_ended() {
            let rest_is_punctuation = walk.literal[walk.at..].iter().all(|&(_, c)| is_space(c) || is_dash(c));
            if !rest_is_punctuation {
                return None;
            }
            break;
        }
        walk.step(literal, name)?;
    }
    let offset =
        |chars: &[(usize, char)], at: usize, end: usize| chars.get(at).map_or(end, |&(offset, _)| offset);
    Some(Aligned {
        rest: offset(&walk.name, walk.seen, name.len()),
        literal_used: offset(&walk.literal, walk.at, literal.len()),
        differences: walk.differences,
        lacks_spaces: walk.lacks_spaces,
    })
}

/// The last word before a position, with the dash after it: `acme -`.
pub(super) fn context(before: &str) -> &str {
    let before = before.trim_matches(is_space);
    let word = before.trim_end_matches(|c| is_space(c) || is_dash(c));
    let start = word.char_indices().rev().find(|&(_, c)| is_space(c)).map_or(0, |(at, c)| at + c.len_utf8());
    &before[start..]
}

/// The name with plain hyphens, single spaces, and no spaces at its ends.
pub(super) fn tidy(name: &str) -> String {
    let plain: String = name
        .chars()
        .filter(|&c| !is_invisible(c))
        .map(|c| {
            if is_dash(c) {
                '-'
            } else if is_space(c) {
                ' '
            } else {
                c
            }
        })
        .collect();
    plain.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// True for a hyphen and the dashes that word processors put in its place.
pub(super) fn is_dash(c: char) -> bool {
    matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}')
}

/// True when two characters are the same letter, in any case.
pub(super) fn same_letter(a: char, b: char) -> bool {
    a == b || a.to_lowercase().eq(b.to_lowercase())
}

struct Walk {
    literal: Vec<(usize, char)>,
    name: Vec<(usize, char)>,
    differences: Vec<String>,
    /// Position in `literal`.
    at: usize,
    /// Position in `name`.
    seen: usize,
    /// Start of the word whose case was already recorded.
    cased_word: Option<usize>,
    lacks_spaces: bool,
    case_counts: bool,
}

impl Walk {
    /// True when only spaces are left. The caller reports this as a missing group.
    fn name_ended(&self) -> bool {
        self.name[self.seen..].iter().all(|&(_, c)| is_space(c))
    }

    fn skip_leading_spaces(&mut self) {
        if self.literal.first().is_some_and(|&(_, c)| is_space(c)) {
            return;
        }
        while let Some(&(_, c)) = self.name.get(self.seen).filter(|&&(_, c)| is_space(c)) {
            if self.seen == 0 {
                self.differences.push(if c == ' ' {
                    "space at the beginning".to_owned()
                } else {
                    format!("{} at the beginning", space_name(c))
                });
            }
            self.seen += 1;
        }
    }

    fn step(&mut self, literal: &str, name: &str) -> Option<()> {
        let (offset, wanted) = self.literal[self.at];
        let (_, found) = self.name[self.seen];
        let place = context(&literal[..offset]);
        if wanted == found && !is_space(wanted) {
            self.at += 1;
            self.seen += 1;
        } else if is_invisible(found) && !is_invisible(wanted) {
            self.differences.push(format!("{} after `{place}`", space_name(found)));
            self.seen += 1;
        } else if is_space(wanted) {
            self.spaces(place)?;
        } else if is_space(found) {
            self.differences.push(format!("{} after `{place}`, where the mask has none", space_name(found)));
            self.seen += run(&self.name[self.seen..]);
        } else if is_dash(wanted) && is_dash(found) {
            self.differences.push(format!(
                "{} (U+{:04X}) for a {} after `{place}`",
                dash_name(found),
                u32::from(found),
                dash_name(wanted)
            ));
            self.at += 1;
            self.seen += 1;
        } else if same_letter(wanted, found) {
            self.other_case(literal, name);
            self.at += 1;
            self.seen += 1;
        } else {
            return None;
        }
        Some(())
    }

    /// Compares a run of spaces in the mask with the name.
    fn spaces(&mut self, place: &str) -> Option<()> {
        let wanted = run(&self.literal[self.at..]);
        let found = run(&self.name[self.seen..]);
        let same = self.literal[self.at..self.at + wanted]
            .iter()
            .map(|&(_, c)| c)
            .eq(self.name[self.seen..self.seen + found].iter().map(|&(_, c)| c));
        let odd = self.name[self.seen..self.seen + found].iter().map(|&(_, c)| c).find(|&c| c != ' ');
        if same {
        } else if found == 0 {
            let next_to_dash = place.ends_with(is_dash) || is_dash(self.name[self.seen].1);
            if !next_to_dash && self.literal.len() < 5 {
                return None;
            }
            self.lacks_spaces = true;
            self.differences.push(format!("missing space after `{place}`"));
        } else if let Some(odd) = odd {
            self.differences.push(format!("{} after `{place}`", space_name(odd)));
        } else {
            self.differences.push(match (found, wanted) {
                (2, 1) => format!("double space after `{place}`"),
                (found, 1) => format!("{found} spaces instead of one after `{place}`"),
                (1, wanted) => format!("one space instead of {wanted} after `{place}`"),
                (found, wanted) => format!("{found} spaces instead of {wanted} after `{place}`"),
            });
        }
        self.at += wanted;
        self.seen += found;
        Some(())
    }

    fn other_case(&mut self, literal: &str, name: &str) {
        let (start, wanted) = word(&self.literal, self.at, literal);
        if !self.case_counts || self.cased_word == Some(start) {
            return;
        }
        self.cased_word = Some(start);
        let (_, found) = word(&self.name, self.seen, name);
        self.differences.push(format!("differs in case: `{found}` where the mask has `{wanted}`"));
    }
}

/// Number of leading spaces.
fn run(chars: &[(usize, char)]) -> usize {
    chars.iter().take_while(|&&(_, c)| is_space(c)).count()
}

/// The start of the word at a position, and the word.
fn word<'a>(chars: &[(usize, char)], at: usize, text: &'a str) -> (usize, &'a str) {
    let is_part = |&&(_, c): &&(usize, char)| c.is_alphanumeric();
    let before = chars[..at].iter().rev().take_while(is_part).count();
    let after = chars[at..].iter().take_while(is_part).count().max(1);
    let start = chars[at - before].0;
    let end = chars.get(at + after).map_or(text.len(), |&(offset, _)| offset);
    (start, &text[start..end])
}

fn space_name(c: char) -> String {
    let name = match c {
        ' ' => return "space".to_owned(),
        '\t' => "tab",
        '\n' | '\r' => "line break",
        '\u{a0}' | '\u{202f}' => "non-breaking space",
        c if is_invisible(c) => "invisible character",
        c if c.is_control() => "control character",
        _ => "unusual space",
    };
    format!("{name} (U+{:04X})", u32::from(c))
}

fn dash_name(c: char) -> &'static str {
    match c {
        '-' => "hyphen",
        '\u{2011}' => "non-breaking hyphen",
        '\u{2013}' => "en dash",
        '\u{2014}' => "em dash",
        '\u{2212}' => "minus sign",
        _ => "dash of another kind",
    }
}
