//! Rules about `[[campaign.rule]]`.

use toml::Value;

use super::tree::Tree;
use super::value_error::ValueError;
use crate::policy::request_rules::MOST_RULES;

/// Each rule has paths and asks for something.
pub(super) fn apply(tree: &mut Tree) {
    let rules: Vec<String> = tree.elements(RULES).collect();
    if rules.len() > MOST_RULES {
        let message = format!("has more than {MOST_RULES} rules");
        tree.fail(RULES, ValueError::new(message, "put paths with the same conditions into one rule"));
    }
    for rule in rules {
        let paths = format!("{rule}.paths");
        let is_empty = |key: &str| tree.get::<Vec<Value>>(key).is_none_or(|list| list.is_empty());
        let asks = !is_empty(&format!("{rule}.groups"))
            || !is_empty(&format!("{rule}.networks"))
            || tree.is_set(&format!("{rule}.rate"));
        if tree.get::<Vec<Value>>(&paths).is_some_and(|list| list.is_empty()) {
            let fix = "name the paths, or \"*\" for all of them";
            tree.fail(&paths, ValueError::new("is an empty list, so the rule is about nothing", fix));
        } else if !asks {
            let fix = "add groups, networks or rate; to close paths to everybody, close them in Campaign";
            tree.fail(&paths, ValueError::new("has no condition", fix));
        }
    }
}

const RULES: &str = "campaign.rule";
