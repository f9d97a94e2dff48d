//! Why a configuration name that was probably meant for the mask does not match it: what differs, and where.

use super::{Mask, is_blank, is_group};

mod align;
mod segments;

/// What keeps `name` from matching; `None` when the two have nothing to do with each other. Only for names without a
/// group.
pub(super) fn reason(mask: &Mask, name: &str) -> Option<String> {
    if name.len() > LONGEST_NAME || name.chars().all(is_blank) {
        return None;
    }
    by_literal(mask, name).or_else(|| by_pattern(mask, name)).map(readable)
}

/// Names come from elsewhere; what they hold must neither steer a terminal nor break a line of the log.
fn readable(reason: String) -> String {
    if !reason.contains(char::is_control) {
        return reason;
    }
    reason
        .chars()
        .map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() })
        .collect()
}

/// Lays the name beside the literal text the mask begins with.
fn by_literal(mask: &Mask, name: &str) -> Option<String> {
    let literal = mask.literal.as_str();
    if literal.chars().all(is_blank) {
        return None;
    }
    let Some(aligned) = align::align(literal, name, !mask.literal_in_any_case) else {
        return segments::compare(literal, name);
    };
    // `Campaign - acme-emea - x` follows `Campaign - acme - ` but for blanks, and still is another tenant's.
    if aligned.lacks_blanks
        && let Some(other) = segments::by_parts(literal, name)
    {
        return Some(other);
    }
    let mut differences = aligned.differences;
    let place = align::context(literal);
    let rest = &name[aligned.rest..];
    let group = rest.trim_matches(is_blank);
    if group.is_empty() {
        let place = align::context(&literal[..aligned.literal_used]);
        differences.push(format!("empty group: nothing follows `{place}`"));
        return Some(differences.join("; "));
    }
    if rest.starts_with(is_blank) {
        differences.push(format!("blank after `{place}`, where the mask has none"));
    }
    if rest.ends_with(is_blank) {
        differences.push(format!("blank at the end, after `{}`", align::context(group)));
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
        // Some letters of the literal text may stand in either case, but not these.
        differences.push("differs in case".to_owned());
    }
    Some(differences.join("; "))
}

/// For masks that begin with something else than literal text: what would make the name match?
fn by_pattern(mask: &Mask, name: &str) -> Option<String> {
    if let Some(capture) = mask.capture(name) {
        let blank_edge = !is_group(capture) && !capture.chars().all(is_blank);
        return Some(if blank_edge {
            "the group begins or ends with a blank".to_owned()
        } else {
            "empty group: nothing stands where the mask has it".to_owned()
        });
    }
    if mask.matches_in_any_case(name) {
        return Some("differs in case".to_owned());
    }
    let tidy = align::tidy(name);
    (tidy != name && (mask.group(&tidy).is_some() || mask.matches_in_any_case(&tidy)))
        .then(|| "differs in blanks or dashes".to_owned())
}

/// Bytes; longer names are not worth a comparison.
const LONGEST_NAME: usize = 512;
