//! The JSON Schema of the configuration file, generated from the structs of the sections.

use std::sync::LazyLock;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::brand::Brand;
use super::campaign::Campaign;
use super::ims::{ExperienceCloud, Ims};
use super::instance::InstanceKeys;
use super::limits::Limits;
use super::listen::Listen;
use super::log::Log;
use super::session::Session;

/// Configuration of imsgate, the login gateway that puts Adobe ID in front of Adobe Campaign.
#[derive(Deserialize, JsonSchema)]
#[schemars(title = "imsgate configuration")]
pub(super) struct Sections {
    /// The external account, field by field.
    pub ims: Ims,
    /// The Experience Cloud part of the external account.
    pub experience_cloud: ExperienceCloud,
    /// The Campaign server behind the gateway.
    pub campaign: Campaign,
    /// Where the gateway listens.
    pub listen: Listen,
    /// Limits for one client and for all clients together.
    pub limits: Limits,
    /// How long sessions live and where they are stored.
    pub session: Session,
    /// What is logged and where.
    pub log: Log,
    /// How the pages for people look.
    pub brand: Brand,
}

/// JSON Schema (draft 2020-12) of the configuration file, as pretty-printed text with a final line break.
pub fn json_schema() -> String {
    let mut schema = SCHEMA.clone();
    add_instances(&mut schema);
    drop_hints(&mut schema);
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}

/// The schema of the sections, with hints for this program.
pub(super) static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<Sections>().to_value();
    tidy(&mut schema);
    schema
});

/// The schema of `[[instance]]` without its sections.
pub(super) fn instance_schema() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<InstanceKeys>().to_value();
    tidy(&mut schema);
    schema
}

/// Adds `[[instance]]`. Its sections have the same keys as at the top level. In a file with instances, no key is required at the top level.
fn add_instances(schema: &mut Value) {
    let mut instance = instance_schema();
    for name in ["$schema", "title"] {
        instance.as_object_mut().map(|table| table.remove(name));
    }
    let mut required = json!({"required": schema["required"].clone(), "properties": {}});
    for section in ["ims", "experience_cloud", "campaign"] {
        instance["properties"][section] = json!({"$ref": format!("#/properties/{section}")});
        if let Some(keys) =
            schema["properties"][section].as_object_mut().and_then(|keys| keys.remove("required"))
        {
            required["properties"][section] = json!({"required": keys});
        }
    }
    schema["properties"]["instance"] = json!({
        "type": "array",
        "description": "Several Campaign instances, chosen by the host of the request. The sections at the top are the defaults of all. An instance without `ims` serves its public paths and nothing else.",
        "items": instance,
    });
    schema["required"] = json!(["listen"]);
    schema["if"] = json!({"not": {"required": ["instance"]}});
    schema["then"] = required;
}

pub(super) fn is_table(schema: &Value) -> bool {
    schema["properties"].is_object()
}

/// True for a list that may hold only tables.
pub(super) fn is_table_list(schema: &Value) -> bool {
    schema["type"] == "array" && is_table(&schema["items"])
}

pub(super) fn properties(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema["properties"].as_object().into_iter().flatten()
}

/// Adapts the generated schema to the file: TOML has no null, defaults come from `default` and not from serde, and every secret has a key
/// for a file.
fn tidy(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            object.values_mut().for_each(tidy);
            // Documentation comments have line breaks.
            if let Some(Value::String(description)) = object.get_mut("description") {
                *description = description.replace('\n', " ");
            }
            drop_null(object);
            join_choices(object);
            if object.contains_key("properties") {
                tidy_table(object);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        _ => {}
    }
}

/// Removes `null`: an optional key is left out instead.
fn drop_null(object: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".into(), only);
        }
    }
    if let Some(Value::Array(any)) = object.get_mut("anyOf") {
        any.retain(|schema| schema["type"] != "null");
        // A choice nested in an optional one.
        if let [Value::Object(only)] = any.as_slice() {
            let only = only.clone();
            object.remove("anyOf");
            for (key, value) in only {
                // The key's description replaces that of its type.
                object.entry(key).or_insert(value);
            }
        }
    }
}

/// Turns the described variants of an enum into a list of texts.
fn join_choices(object: &mut Map<String, Value>) {
    let Some(Value::Array(variants)) = object.get("oneOf") else { return };
    let choices: Value = variants.iter().map(|variant| variant["const"].clone()).collect();
    object.remove("oneOf");
    object.extend([("type".to_owned(), json!("string")), ("enum".to_owned(), choices)]);
}

fn tidy_table(table: &mut Map<String, Value>) {
    table.insert("additionalProperties".into(), false.into());
    let mut required = match table.remove("required") {
        Some(Value::Array(names)) => names,
        _ => Vec::new(),
    };
    let Some(Value::Object(keys)) = table.get_mut("properties") else { return };
    // A secret may be in its file, and a section may be left out when none of its keys is required.
    required.retain(|name| {
        let key = &keys[name.as_str().unwrap_or_default()];
        key.get("default").is_none()
            && key["writeOnly"] != true
            && !is_table_list(key)
            && (!is_table(key) || key.get("required").is_some())
    });
    let secrets = keys.iter().filter(|(_, key)| key["writeOnly"] == true).map(|(name, _)| name);
    let files: Vec<_> = secrets.map(|name| (format!("{name}{FILE_SUFFIX}"), file_key(name))).collect();
    keys.extend(files);
    if !required.is_empty() {
        table.insert("required".into(), required.into());
    }
}

fn file_key(secret: &str) -> Value {
    json!({
        "description": format!("File that holds `{secret}`."),
        "type": "string",
        "format": "file",
    })
}

/// The end of the key for the file of a secret: `client_secret_file` for `client_secret`.
pub(super) const FILE_SUFFIX: &str = "_file";

/// Removes the hints that only this program reads.
fn drop_hints(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            object.remove("add");
            object.values_mut().for_each(drop_hints);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_hints),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn optional_keys_have_no_null() {
        assert!(!json_schema().contains("null"));
    }

    #[test]
    fn the_schema_file_is_up_to_date() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/config/imsgate.schema.json");
        assert!(
            std::fs::read_to_string(file).unwrap_or_default() == json_schema(),
            "refresh it: cargo run -- schema > config/imsgate.schema.json"
        );
    }
}
