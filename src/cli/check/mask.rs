//! Masks that are valid and still not what was meant.

use super::report::Item;
use crate::config::Places;
use crate::policy::mask::Mask;

/// What there is to say about the association mask.
pub(super) fn check(places: &Places, mask: &Mask) -> Item {
    let text = mask.as_str();
    let warning = |message: &str, mend: String| Item::warning(places, KEY, message, mend);
    if text.starts_with(char::is_whitespace) {
        return warning("begins with a blank, which no configuration name does", "remove it".to_owned());
    }
    if mask.is_prefix() {
        if text.contains(['\\', '[', '^', '$', '|', '?', '+', '*']) {
            return warning(
                "has no capture group, so it is taken letter by letter, signs included",
                "put ( ) around the part that is the Campaign group, as in Campaign - acme - (.*)".to_owned(),
            );
        }
        if text.ends_with('-') {
            return warning(
                "ends without the blank that stands before the group in `Campaign - acme - delivery`",
                format!("write '{text} ' or '{text} (.*)'"),
            );
        }
        return Item::ok(places, KEY, format!("literal prefix: `{text}` and then the Campaign group"));
    }
    if text.ends_with(char::is_whitespace) {
        return warning("ends with a blank, which no configuration name does", "remove it".to_owned());
    }
    if mask.group(PROBE).is_some() {
        return warning(
            "matches every name: any group of the organisation becomes a Campaign group, even one called admin",
            "write the beginning that Campaign's configurations share, as in Campaign - acme - (.*)"
                .to_owned(),
        );
    }
    Item::ok(places, KEY, format!("{text}  (try names with `imsgate mask`)"))
}

const KEY: &str = "ims.association_mask";
/// A name that no useful mask matches.
const PROBE: &str = "zq7 unlikely name 7qz";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_that_are_not_what_was_meant_are_noticed() {
        let said = |mask: &str| check(&Places::default(), &Mask::parse(mask).unwrap()).message;
        for (mask, message) in [
            ("Campaign - acme - (.*)", "Campaign - acme - (.*)"),
            ("Campaign - acme - ", "literal prefix"),
            ("Campaign - acme - .*", "no capture group"),
            ("Campaign - acme -", "ends without the blank"),
            (" Campaign - acme - (.*)", "begins with a blank"),
            ("Campaign - acme - (.*) ", "ends with a blank"),
            ("(.*)", "matches every name"),
        ] {
            assert!(said(mask).contains(message), "{mask}: {}", said(mask));
        }
    }
}
