//! Warnings about masks that are valid but probably wrong.

use super::report::{CheckedKey, Item};
use crate::config::Places;
use crate::policy::mask::Mask;

/// The finding about the association mask.
pub(super) fn check(places: &Places, mask: &Mask) -> Item {
    let key = CheckedKey::new(places, "ims.association_mask");
    let text = mask.as_str();
    if text.starts_with(char::is_whitespace) {
        return key.warning("begins with a space, which no configuration name does", "remove it");
    }
    if mask.is_prefix() {
        if text.contains(['\\', '[', '^', '$', '|', '?', '+', '*']) {
            return key.warning(
                "has no capture group, so it is a literal prefix, special characters included",
                "put ( ) around the part that is the Campaign group, as in Campaign - acme - (.*)",
            );
        }
        if text.ends_with('-') {
            return key.warning(
                "ends without the space before the group, as in `Campaign - acme - delivery`",
                format!("write '{text} ' or '{text} (.*)'"),
            );
        }
        return key.ok(format!("literal prefix `{text}`, followed by the Campaign group"));
    }
    if text.ends_with(char::is_whitespace) {
        return key.warning("ends with a space, which no configuration name does", "remove it");
    }
    if mask.group(PROBE).is_some() {
        return key.warning(
            "matches every name: any group of the organisation becomes a Campaign group, even one called admin",
            "write the prefix that Campaign's configuration names share, as in Campaign - acme - (.*)",
        );
    }
    key.ok(format!("{text}  (try names with `imsgate mask`)"))
}

/// A name that no useful mask matches.
const PROBE: &str = "zq7 unlikely name 7qz";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_that_are_probably_not_meant_are_warnings() {
        let message_for = |mask: &str| check(&Places::default(), &Mask::parse(mask).unwrap()).message;
        for (mask, message) in [
            ("Campaign - acme - (.*)", "Campaign - acme - (.*)"),
            ("Campaign - acme - ", "literal prefix"),
            ("Campaign - acme - .*", "no capture group"),
            ("Campaign - acme -", "ends without the space"),
            (" Campaign - acme - (.*)", "begins with a space"),
            ("Campaign - acme - (.*) ", "ends with a space"),
            ("(.*)", "matches every name"),
        ] {
            assert!(message_for(mask).contains(message), "{mask}: {}", message_for(mask));
        }
    }
}
