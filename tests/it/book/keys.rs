//! Every key that the book names exists.

use std::collections::BTreeSet;

use regex::Regex;
use serde_json::Value;

use crate::support::markdown::{Page, docs};

#[test]
fn every_key_in_the_book_is_a_key_of_the_configuration() {
    let schema: Value = serde_json::from_str(&Page::read("config/imsgate.schema.json").text).unwrap();
    let mut known = BTreeSet::new();
    for (name, section) in schema["properties"].as_object().unwrap() {
        collect(&schema, name, section, &mut known);
    }
    assert!(known.contains("campaign.health.path") && known.contains("campaign.technical_account.groups"));
    // The names of findings look like keys.
    let finding = Regex::new(r"`([a-z_]+(?:\.[a-z_]+)+)`").unwrap();
    let findings = Page::read("docs/check.md").text;
    known.extend(finding.captures_iter(&findings).map(|found| found[1].to_owned()));

    let key = Regex::new(
        r"`((?:ims|experience_cloud|campaign|listen|limits|session|log|brand)\.[a-z0-9_.]+)(?: = [^`]*)?`",
    )
    .unwrap();
    let (mut count, mut unknown) = (0, Vec::new());
    for page in docs() {
        for (number, line) in (1..).zip(page.text.lines()) {
            for found in key.captures_iter(line) {
                count += 1;
                // A host name is no key.
                if !known.contains(&found[1]) && !found[1].ends_with(".example.com") {
                    unknown.push(format!("{}:{number}: {}", page.path, &found[1]));
                }
            }
        }
    }
    assert!(count > 200, "the keys are found: {count}");
    assert!(unknown.is_empty(), "{unknown:#?}");
}

fn collect(schema: &Value, path: &str, part: &Value, known: &mut BTreeSet<String>) {
    let part = resolved(schema, part);
    let table = if part["type"] == "array" { resolved(schema, &part["items"]) } else { part };
    known.insert(path.to_owned());
    for (name, key) in table["properties"].as_object().into_iter().flatten() {
        collect(schema, &format!("{path}.{name}"), key, known);
    }
}

fn resolved<'v>(schema: &'v Value, part: &'v Value) -> &'v Value {
    part["$ref"].as_str().and_then(|name| schema.pointer(name.strip_prefix('#')?)).unwrap_or(part)
}
