//! The JSON Schema of the file, and the known keys read back from it.

use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

use super::raw::RawConfig;

/// JSON Schema (draft 2020-12) of the configuration file, as pretty-printed text with a final line break.
pub fn json_schema() -> String {
    let mut text = serde_json::to_string_pretty(&*SCHEMA).unwrap_or_default();
    text.push('\n');
    text
}

/// One key of the file.
#[derive(Debug)]
pub(super) struct Key {
    /// `ims.client_id`.
    pub path: String,
    /// True for values that must never be shown.
    pub secret: bool,
    /// What the value may be.
    pub kinds: Vec<Kind>,
    /// The allowed texts, when only some are.
    pub choices: Vec<String>,
    /// What a table in the list may hold, when tables may stand there.
    pub table: Option<&'static Value>,
    /// Bounds of a number.
    pub range: (Option<i64>, Option<i64>),
    /// The default as JSON, when there is one.
    #[cfg_attr(not(test), expect(dead_code, reason = "the reference file is compared with it"))]
    pub default: Option<Value>,
}

/// What a value may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Number,
    Switch,
    List,
}

/// Every key, section by section.
pub(super) fn keys() -> &'static [Key] {
    &KEYS
}

/// The key at `path`.
pub(super) fn key(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path == path)
}

/// The sections in order of the schema; a section within another has a dotted name.
pub(super) fn sections() -> impl Iterator<Item = &'static str> {
    SECTIONS.iter().map(|(path, _)| path.as_str())
}

static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<RawConfig>().to_value();
    drop_null(&mut schema);
    // A section all of whose keys have defaults may be left out.
    schema["required"] = ["ims", "campaign", "listen"].as_slice().into();
    for section in schema["properties"].as_object_mut().into_iter().flat_map(Map::values_mut) {
        let inner: Vec<String> = properties(section)
            .filter(|(_, inner)| is_section(inner))
            .map(|(name, _)| name.clone())
            .collect();
        if let Some(Value::Array(required)) = section.get_mut("required") {
            required.retain(|name| !inner.iter().any(|inner| name == inner));
        }
    }
    schema
});

static SECTIONS: LazyLock<Vec<(String, &'static Value)>> = LazyLock::new(|| {
    let inner = |section: &'static str, schema: &'static Value| {
        properties(schema)
            .filter(|(_, inner)| is_section(inner))
            .map(move |(name, inner)| (format!("{section}.{name}"), inner))
    };
    properties(&SCHEMA)
        .flat_map(|(name, schema)| [(name.clone(), schema)].into_iter().chain(inner(name, schema)))
        .collect()
});

static KEYS: LazyLock<Vec<Key>> = LazyLock::new(|| {
    SECTIONS
        .iter()
        .flat_map(|(section, schema)| {
            properties(schema)
                .filter(|(_, schema)| !is_section(schema))
                .map(move |(name, schema)| read_key(format!("{section}.{name}"), schema))
        })
        .collect()
});

fn is_section(schema: &Value) -> bool {
    schema["properties"].is_object()
}

/// The keys of a schema's tables.
pub(super) fn properties(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema["properties"].as_object().into_iter().flatten()
}

/// The key that a schema describes.
pub(super) fn read_key(path: String, schema: &'static Value) -> Key {
    let types = schema["anyOf"]
        .as_array()
        .map_or_else(|| vec![&schema["type"]], |any| any.iter().map(|schema| &schema["type"]).collect());
    let kind = |name: &Value| match name.as_str() {
        Some("string") => Some(Kind::Text),
        Some("integer") => Some(Kind::Number),
        Some("boolean") => Some(Kind::Switch),
        Some("array") => Some(Kind::List),
        _ => None,
    };
    Key {
        path,
        secret: schema["writeOnly"] == true,
        kinds: types.into_iter().filter_map(kind).collect(),
        choices: schema["enum"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        table: schema["anyOf"]
            .as_array()
            .into_iter()
            .flatten()
            .flat_map(|list| list["items"]["anyOf"].as_array().into_iter().flatten())
            .find(|item| is_section(item)),
        range: (schema["minimum"].as_i64(), schema["maximum"].as_i64()),
        default: schema.get("default").cloned(),
    }
}

/// TOML has no null: an optional key is left out.
fn drop_null(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            drop_null_type(object);
            object.values_mut().for_each(drop_null);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_null),
        _ => {}
    }
}

fn drop_null_type(object: &mut Map<String, Value>) {
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
                // The key's own description says more than that of its kind.
                object.entry(key).or_insert(value);
            }
        }
    }
    if object.get("default").is_some_and(Value::is_null) {
        object.remove("default");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_a_kind_and_a_description() {
        assert!(keys().len() > 40);
        for key in keys() {
            assert!(!key.kinds.is_empty(), "{}", key.path);
            let (section, name) = key.path.rsplit_once('.').unwrap();
            let (_, schema) = SECTIONS.iter().find(|(path, _)| path == section).unwrap();
            assert!(schema["properties"][name]["description"].is_string(), "{}", key.path);
        }
    }

    #[test]
    fn kinds_choices_and_secrets_come_from_the_types() {
        assert_eq!(key("campaign.upstream").unwrap().kinds, [Kind::Text, Kind::List]);
        assert_eq!(key("listen.http_redirect").unwrap().kinds, [Kind::Text, Kind::List]);
        assert_eq!(key("listen.workers").unwrap().range, (Some(1), Some(1024)));
        assert_eq!(key("ims.token_auth").unwrap().choices, ["post", "basic"]);
        let secrets: Vec<_> = keys().iter().filter(|key| key.secret).map(|key| key.path.as_str()).collect();
        assert_eq!(
            secrets,
            ["ims.client_secret", "ims.proxy", "listen.forward_auth_secret", "session.redis_url"]
        );
        for secret in secrets {
            assert!(key(&format!("{secret}_file")).is_some(), "{secret} has a twin");
        }
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
