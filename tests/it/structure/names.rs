//! One name has one meaning: no two types of the crate have the same name.

use std::collections::BTreeMap;

use regex::Regex;

use super::{code, rust_files};

#[test]
fn no_two_types_have_the_same_name() {
    let declared =
        Regex::new(r"(?m)^(?:pub(?:\([a-z]+\))? )?(?:struct|enum|trait|type|union) (\w+)").unwrap();
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in rust_files("src") {
        let path = file.to_string_lossy().into_owned();
        // Tests have small types of their own, as those in a `mod tests`, which are indented.
        if path.ends_with("/tests.rs") || path.contains("/tests/") {
            continue;
        }
        for name in declared.captures_iter(&code(&file)) {
            places.entry(name[1].to_owned()).or_default().push(path.clone());
        }
    }
    assert!(places.len() > 300, "the types are found: {}", places.len());
    places.retain(|_, places| places.len() > 1);
    assert!(places.is_empty(), "{places:#?}");
}
