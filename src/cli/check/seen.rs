//! The configuration names that IMS has sent so far, and whether the mask matches any. They come from the audit log: the line of a refused
//! sign-in has every name, and the line of a sign-in has the groups that the mask gave.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use serde_json::Value;

use super::report::{CheckedKey, Item};
use crate::cli::output::visible;
use crate::config::{InstanceConfig, Places};
use crate::policy::mask::{Mask, MaskResult};

/// Names and groups from the audit log.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::cli) struct Seen {
    /// Names of people who were refused.
    pub(in crate::cli) names: BTreeSet<String>,
    /// Campaign groups of people who signed in.
    pub(in crate::cli) groups: BTreeSet<String>,
}

impl Seen {
    /// Reads the newest part of an audit log.
    pub(in crate::cli) fn read(path: &Path) -> std::io::Result<Self> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(NEWEST)))?;
        let mut bytes = Vec::new();
        file.take(NEWEST).read_to_end(&mut bytes)?;
        Ok(Self::of(&String::from_utf8_lossy(&bytes)))
    }

    fn of(text: &str) -> Self {
        let mut seen = Self::default();
        for line in text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
            let list = |name: &str| {
                line[name].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned)
            };
            match line["event"].as_str() {
                Some("refusal") => seen.names.extend(list("seen")),
                Some("login" | "groups_changed") => seen.groups.extend(list("groups")),
                _ => {}
            }
        }
        seen
    }
}

/// The finding about the mask and the names seen so far.
pub(super) fn check(config: InstanceConfig<'_>, places: &Places) -> Item {
    let key = CheckedKey::new(places, "ims.association_mask").named("ims.mask_matches");
    let Some(path) = &config.log.audit_file else {
        return key.not_checked(
            "no names were seen: without log.audit_file, this command cannot read what IMS sent",
            "set log.audit_file, or try names by hand with `imsgate mask`",
        );
    };
    match Seen::read(path) {
        Ok(seen) => matches(&config.instance.ims.association_mask, &seen, key),
        Err(_) => key.not_checked(
            format!("no names were seen: {} cannot be read", path.display()),
            "run this as a user that can read the audit log, after the first sign-in",
        ),
    }
}

fn matches(mask: &Mask, seen: &Seen, key: CheckedKey<'_>) -> Item {
    let count = seen.names.iter().filter(|name| mask.group(name).is_some()).count();
    if count > 0 || !seen.groups.is_empty() {
        let groups = seen.groups.len();
        return key.ok(format!(
            "matched names seen so far: {groups} groups of people who signed in, {count} names of others"
        ));
    }
    if seen.names.is_empty() {
        return key.not_checked("no names were seen: nobody has signed in yet", "");
    }
    let near = seen.names.iter().find_map(|name| match mask.explain(name) {
        MaskResult::NearMiss(why) => Some(format!("; {} nearly matches: {why}", visible(name))),
        _ => None,
    });
    let first = || seen.names.first().map_or_else(String::new, |name| format!(", such as {}", visible(name)));
    key.error(
        format!(
            "matches none of the {} configuration names that IMS sent so far{}",
            seen.names.len(),
            near.unwrap_or_else(first)
        ),
        "correct the mask or the names in the Admin Console; try both with `imsgate mask`",
    )
}

/// Bytes at the end of the audit log that are read.
const NEWEST: u64 = 8 << 20;

#[cfg(test)]
mod tests {
    use super::super::report::Severity;
    use super::*;

    #[test]
    fn a_mask_that_matches_no_name_seen_so_far_is_an_error_with_the_nearest_name() {
        let seen = Seen::of(
            "{\"event\":\"refusal\",\"seen\":[\"campaign - acme - delivery\",\"Analytics\"]}\nnot json\n",
        );
        assert_eq!(seen.names.len(), 2);
        let places = Places::default();
        let key = CheckedKey::new(&places, "ims.association_mask");
        let judged = |mask: &str, seen: &Seen| matches(&Mask::parse(mask).unwrap(), seen, key);
        let item = judged("Campaign - acme - (.*)", &seen);
        assert_eq!(item.severity, Severity::Error);
        assert!(
            item.message.contains("none of the 2") && item.message.contains("nearly matches"),
            "{item:?}"
        );
        assert_eq!(judged("campaign - acme - (.*)", &seen).severity, Severity::Ok);
        let signed_in = Seen::of("{\"event\":\"login\",\"groups\":[\"delivery\"]}");
        assert_eq!(judged("x - (.*)", &signed_in).severity, Severity::Ok);
        assert_eq!(judged("x - (.*)", &Seen::default()).severity, Severity::NotChecked);
    }
}
