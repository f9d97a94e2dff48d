//! docs/logs.md names exactly the events and fields that the gateway writes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::World;
use crate::support::request::RawRequest;

type Fields = BTreeSet<String>;

#[test]
fn the_page_lists_every_audit_event_with_its_fields() {
    let (schema, page) = (schema(), page());
    let of_events: BTreeMap<String, Fields> = page
        .iter()
        .filter_map(|(heading, fields)| {
            let event = heading.strip_prefix("### `")?.strip_suffix('`')?;
            Some((event.to_owned(), fields.clone()))
        })
        .collect();
    assert_eq!(of_events, events(&schema));
    let common: Fields = members(&schema, &schema).into_iter().chain(["event".to_owned()]).collect();
    assert_eq!(page["## Audit trail"], common);
}

#[test]
fn the_page_lists_every_code_of_a_failed_login() {
    let schema = schema();
    let codes = schema["$defs"]["LoginFailureCode"]["oneOf"].as_array().unwrap();
    let codes: Fields = codes.iter().map(|code| code["const"].as_str().unwrap().to_owned()).collect();
    let text = text();
    let (_, table) = text.split_once("## Codes of failed logins").unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    assert_eq!(rows.map(str::to_owned).collect::<Fields>(), codes);
}

#[tokio::test]
async fn the_page_lists_every_field_of_the_access_log() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("access.log");
    let log = file.clone();
    let world = World::builder().config(move |config| config.log.access_file = Some(log)).start().await;
    RawRequest::get("/r/test").send_to(&world).await;
    world.stop().await;
    let line = fs::read_to_string(file).unwrap();
    let line: Value = serde_json::from_str(line.lines().next().unwrap()).unwrap();
    assert_eq!(page()["## Access log"], line.as_object().unwrap().keys().cloned().collect::<Fields>());
}

/// The own fields of each event.
fn events(schema: &Value) -> BTreeMap<String, Fields> {
    let variants = schema["oneOf"].as_array().unwrap().iter();
    let event = |variant: &Value| {
        let name = variant["properties"]["event"]["const"].as_str().unwrap().to_owned();
        let mut fields = members(schema, variant);
        fields.remove("event");
        (name, fields)
    };
    variants.map(event).collect()
}

/// The properties of a part of the schema, with those that it refers to.
fn members(schema: &Value, part: &Value) -> Fields {
    let own = part["properties"].as_object().into_iter().flat_map(serde_json::Map::keys).cloned();
    let referred = part["$ref"].as_str().and_then(|name| name.strip_prefix("#/$defs/"));
    let referred = referred.map(|name| members(schema, &schema["$defs"][name])).unwrap_or_default();
    own.chain(referred).collect()
}

/// The names that begin the list items below each heading.
fn page() -> BTreeMap<String, Fields> {
    let (text, mut heading) = (text(), String::new());
    let mut all = BTreeMap::<String, Fields>::new();
    for line in text.lines() {
        if line.starts_with('#') {
            line.clone_into(&mut heading);
            all.entry(heading.clone()).or_default();
        }
        let name = line.strip_prefix("- `").and_then(|item| item.split_once('`'));
        all.entry(heading.clone()).or_default().extend(name.map(|(name, _)| name.to_owned()));
    }
    all
}

fn text() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/logs.md")).unwrap()
}

fn schema() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/audit.schema.json");
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}
