//! Explains why a configuration name nearly matches the mask: what differs, and where.

use super::{Mask, is_group, is_space};

mod align;
mod segments;

/// The reason why `name` does not match; `None` for an unrelated name. Only for names without a group.
pub(super) fn reason(mask: &Mask, name: &str) -> Option<String> {
    if name.len() > LONGEST_NAME || name.chars().all(is_space) {
        return None;
    }
    by_literal(mask, name).or_else(|| by_pattern(mask, name)).map(readable)
}

/// Escapes control characters: a name from outside must not control a terminal or break a log line.
fn readable(reason: String) -> String {
    if !reason.contains(char::is_control) {
        return reason;
    }
    reason
        .chars()
        .map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() })
        .collect()
}

/// Compares the name with the literal text at the start of the mask.
fn by_literal(mask: &Mask, name: &str) -> Option<String> {
    let literal = mask.literal.as_str();
    if literal.chars().all(is_space) {
        return None;
    }
    let Some(aligned) = align::align(literal, name, !mask.literal_in_any_case) else {
        return segments::compare(literal, name);
    };
    // Without regard to spaces `Campaign - acme-emea - x` begins with `Campaign - acme - `, but it is the name of another tenant.
    if aligned.lacks_spaces
        && let Some(other) = segments::by_parts(literal, name)
    {
        return Some(other);
    }
    let mut differences = aligned.differences;
    let place = align::context(literal);
    let rest = &name[aligned.rest..];
    let group = rest.trim_matches(is_space);
    if group.is_empty() {
        let place = align::context(&literal[..aligned.literal_used]);
        differences.push(format!("empty group: nothing follows `{place}`"));
        return Some(differences.join("; "));
    }
    if rest.starts_with(is_space) {
        differences.push(format!("space after `{place}`, where the mask has none"));
    }
    if rest.ends_with(is_space) {
        differences.push(format!("space at the end, after `{}`", align::context(group)));
    }
    let corrected = format!("{literal}{group}");
    if mask.group(&corrected).is_none() {
        differences.push(if mask.matches_in_any_case(&corrected) {
            format!("differs in case after `{place}`")
        } else {
            format!("`{group}`, after `{place}`, does not fit the rest of the mask")
        });
    }
    if differences.is_empty() {
        // The mask ignores the case of some letters, but not of these.
        differences.push("differs in case".to_owned());
    }
    Some(differences.join("; "))
}

/// For masks that do not begin with literal text: tries changes that would make the name match.
fn by_pattern(mask: &Mask, name: &str) -> Option<String> {
    if let Some(capture) = mask.capture(name) {
        let has_space_at_edge = !is_group(capture) && !capture.chars().all(is_space);
        return Some(if has_space_at_edge {
            "the group begins or ends with a space".to_owned()
        } else {
            "empty group: the name has no text where the mask has the group".to_owned()
        });
    }
    if mask.matches_in_any_case(name) {
        return Some("differs in case".to_owned());
    }
    let tidy = align::tidy(name);
    (tidy != name && (mask.group(&tidy).is_some() || mask.matches_in_any_case(&tidy)))
        .then(|| "differs in spaces or dashes".to_owned())
}

/// Longer names (in bytes) are not compared.
const LONGEST_NAME: usize = 512;
