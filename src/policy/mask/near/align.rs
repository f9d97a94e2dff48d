//! Walks along the mask's literal text and a name together, forgiving case, blanks and dashes, and notes each place
//! where it had to.

use crate::policy::mask::{is_blank, is_invisible};

/// A name that follows the literal text but for the differences.
pub(super) struct Aligned {
    /// What differs and where, in order.
    pub(super) differences: Vec<String>,
    /// True when a blank of the literal text is missing.
    pub(super) lacks_blanks: bool,
    /// Where in the name (bytes) the literal text ends.
    pub(super) rest: usize,
    /// How much of the literal text (bytes) the name holds; less than all when the name ends before its dash or blank.
    pub(super) literal_used: usize,
}

/// Lays `name` beside `literal`; `None` when a letter differs by more than case. Case is noted when it counts.
pub(super) fn align(literal: &str, name: &str, case_counts: bool) -> Option<Aligned> {
    let mut walk = Walk {
        literal: literal.char_indices().collect(),
        name: name.char_indices().collect(),
        differences: Vec::new(),
        at: 0,
        seen: 0,
        cased_word: None,
        lacks_blanks: false,
        case_counts,
    };
    walk.skip_leading_blanks();
    while walk.at < walk.literal.len() {
        if walk.name_ended() {
            let rest_is_punctuation = walk.literal[walk.at..].iter().all(|&(_, c)| is_blank(c) || is_dash(c));
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
        lacks_blanks: walk.lacks_blanks,
    })
}

/// The last word before a place, with the dash that follows it: `acme -`.
pub(super) fn context(before: &str) -> &str {
    let before = before.trim_matches(is_blank);
    let word = before.trim_end_matches(|c| is_blank(c) || is_dash(c));
    let start = word.char_indices().rev().find(|&(_, c)| is_blank(c)).map_or(0, |(at, c)| at + c.len_utf8());
    &before[start..]
}

/// The name with plain hyphens, single blanks, and none at its ends.
pub(super) fn tidy(name: &str) -> String {
    let plain: String = name
        .chars()
        .filter(|&c| !is_invisible(c))
        .map(|c| {
            if is_dash(c) {
                '-'
            } else if is_blank(c) {
                ' '
            } else {
                c
            }
        })
        .collect();
    plain.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Hyphen, and what word processors make of one.
pub(super) fn is_dash(c: char) -> bool {
    matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}')
}

/// True when two characters are the same letter but for case.
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
    /// Start of the word whose case was already noted.
    cased_word: Option<usize>,
    lacks_blanks: bool,
    case_counts: bool,
}

impl Walk {
    /// True when only blanks are left, which the caller judges as a missing group.
    fn name_ended(&self) -> bool {
        self.name[self.seen..].iter().all(|&(_, c)| is_blank(c))
    }

    fn skip_leading_blanks(&mut self) {
        if self.literal.first().is_some_and(|&(_, c)| is_blank(c)) {
            return;
        }
        while let Some(&(_, c)) = self.name.get(self.seen).filter(|&&(_, c)| is_blank(c)) {
            if self.seen == 0 {
                self.differences.push(if c == ' ' {
                    "blank at the beginning".to_owned()
                } else {
                    format!("{} at the beginning", blank_name(c))
                });
            }
            self.seen += 1;
        }
    }

    fn step(&mut self, literal: &str, name: &str) -> Option<()> {
        let (offset, wanted) = self.literal[self.at];
        let (_, found) = self.name[self.seen];
        let place = context(&literal[..offset]);
        if wanted == found && !is_blank(wanted) {
            self.at += 1;
            self.seen += 1;
        } else if is_invisible(found) && !is_invisible(wanted) {
            self.differences.push(format!("{} after `{place}`", blank_name(found)));
            self.seen += 1;
        } else if is_blank(wanted) {
            self.blanks(place)?;
        } else if is_blank(found) {
            self.differences.push(format!("{} after `{place}`, where the mask has none", blank_name(found)));
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

    /// The mask has blanks here: compares the whole runs.
    fn blanks(&mut self, place: &str) -> Option<()> {
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
            self.lacks_blanks = true;
            self.differences.push(format!("missing blank after `{place}`"));
        } else if let Some(odd) = odd {
            self.differences.push(format!("{} after `{place}`", blank_name(odd)));
        } else {
            self.differences.push(match (found, wanted) {
                (2, 1) => format!("double blank after `{place}`"),
                (found, 1) => format!("{found} blanks instead of one after `{place}`"),
                (1, wanted) => format!("one blank instead of {wanted} after `{place}`"),
                (found, wanted) => format!("{found} blanks instead of {wanted} after `{place}`"),
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

/// How many blanks stand at the beginning.
fn run(chars: &[(usize, char)]) -> usize {
    chars.iter().take_while(|&&(_, c)| is_blank(c)).count()
}

/// The word around a position, and where it starts.
fn word<'a>(chars: &[(usize, char)], at: usize, text: &'a str) -> (usize, &'a str) {
    let is_part = |&&(_, c): &&(usize, char)| c.is_alphanumeric();
    let before = chars[..at].iter().rev().take_while(is_part).count();
    let after = chars[at..].iter().take_while(is_part).count().max(1);
    let start = chars[at - before].0;
    let end = chars.get(at + after).map_or(text.len(), |&(offset, _)| offset);
    (start, &text[start..end])
}

fn blank_name(c: char) -> String {
    let name = match c {
        ' ' => return "blank".to_owned(),
        '\t' => "tab",
        '\n' | '\r' => "line break",
        '\u{a0}' | '\u{202f}' => "non-breaking blank",
        c if is_invisible(c) => "invisible character",
        c if c.is_control() => "control character",
        _ => "unusual blank",
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
