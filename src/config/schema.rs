//! The JSON Schema of the file, and the keys read back from it: every check of a single value follows from a key's declaration.

use std::sync::LazyLock;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::brand::Brand;
use super::campaign::Campaign;
use super::formats::{self, Read};
use super::ims::{ExperienceCloud, Ims};
use super::instance::InstanceKeys;
use super::limits::Limits;
use super::listen::Listen;
use super::log::Log;
use super::session::Session;
use super::table_path;

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

/// One key of the file.
pub(super) struct Key {
    /// `ims.client_id`; the name alone for an entry of a table in a list.
    pub path: String,
    /// True for values that must never be shown.
    pub secret: bool,
    /// What the value may be.
    pub kinds: Vec<Kind>,
    /// The allowed texts, when only some are.
    pub choices: Vec<String>,
    /// True when the value names a file.
    #[cfg(test)]
    pub is_file: bool,
    /// The check of a text.
    pub format: Option<Read>,
    /// What a table in the list may hold, when tables may stand there.
    pub entries: Option<Vec<Key>>,
    /// Bounds of a number, both allowed.
    pub range: (i64, i64),
    /// The default, when there is one.
    pub default: Option<toml::Value>,
    /// True when there must be a value.
    pub required: bool,
    /// What to add when a required value is missing.
    pub add: Option<String>,
}

/// Tables of which a file may hold several.
pub(super) struct TableList {
    /// `campaign.technical_account`.
    pub path: String,
    /// What each table may hold: `campaign.technical_account[].client_id` and so on.
    pub keys: Vec<Key>,
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

/// The keys of `[[instance]]` itself, as `instance.name`.
pub(super) fn instance_keys() -> &'static [Key] {
    &INSTANCE_KEYS
}

/// The key at `path`, also in a table of a list, and of an instance.
pub(super) fn key(path: &str) -> Option<&'static Key> {
    let path = &*table_path::in_instance(path);
    KEYS.iter().chain(&*INSTANCE_KEYS).find(|key| key.path == path).or_else(|| {
        let declared = table_path::declared(path)?;
        LISTS.iter().flat_map(|list| &list.keys).find(|key| key.path == declared)
    })
}

/// The lists of tables, `[[campaign.technical_account]]`.
pub(super) fn lists() -> &'static [TableList] {
    &LISTS
}

/// The sections in order of the schema; a section within another has a dotted name.
pub(super) fn sections() -> impl Iterator<Item = &'static str> {
    SECTIONS.iter().map(|(path, _)| path.as_str())
}

static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<Sections>().to_value();
    tidy(&mut schema);
    schema
});

static SECTIONS: LazyLock<Vec<(String, &'static Value)>> = LazyLock::new(|| {
    let inner = |section: &'static str, schema: &'static Value| {
        properties(schema)
            .filter(|(_, inner)| is_table(inner))
            .map(move |(name, inner)| (format!("{section}.{name}"), inner))
    };
    properties(&SCHEMA)
        .flat_map(|(name, schema)| [(name.clone(), schema)].into_iter().chain(inner(name, schema)))
        .collect()
});

static KEYS: LazyLock<Vec<Key>> = LazyLock::new(|| {
    SECTIONS.iter().flat_map(|(section, schema)| read_keys(Some(section), schema)).collect()
});

static INSTANCE_KEYS: LazyLock<Vec<Key>> =
    LazyLock::new(|| read_keys(Some("instance"), &instance_schema()).collect());

/// The schema of `[[instance]]` without its sections.
fn instance_schema() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<InstanceKeys>().to_value();
    tidy(&mut schema);
    schema
}

static LISTS: LazyLock<Vec<TableList>> = LazyLock::new(|| {
    let lists = SECTIONS.iter().flat_map(|(section, schema)| {
        properties(schema).filter(|(_, list)| is_table_list(list)).map(move |(name, list)| {
            let path = format!("{section}.{name}");
            let keys = read_keys(Some(&format!("{path}[]")), &list["items"]).collect();
            TableList { path, keys }
        })
    });
    lists.collect()
});

/// `[[instance]]`, whose sections have the keys of those at the top. A file with instances may leave out any of them at the top.
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

fn is_table(schema: &Value) -> bool {
    schema["properties"].is_object()
}

/// True when nothing but tables may stand in the list.
fn is_table_list(schema: &Value) -> bool {
    schema["type"] == "array" && is_table(&schema["items"])
}

fn properties(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema["properties"].as_object().into_iter().flatten()
}

/// The keys of a section, or the entries of a table in a list.
fn read_keys<'s>(section: Option<&'s str>, table: &'s Value) -> impl Iterator<Item = Key> + 's {
    let keys = properties(table).filter(|(_, schema)| !is_table(schema) && !is_table_list(schema));
    keys.map(move |(name, schema)| {
        let required = texts(&table["required"]).any(|required| required == name);
        Key {
            path: section.map_or_else(|| name.clone(), |section| format!("{section}.{name}")),
            secret: schema["writeOnly"] == true,
            kinds: variants(schema).filter_map(kind).collect(),
            choices: texts(&schema["enum"]).map(str::to_owned).collect(),
            #[cfg(test)]
            is_file: matches!(format_of(schema), Some("file" | "private-file")),
            format: format_of(schema).and_then(formats::find),
            entries: variants(schema)
                .flat_map(|list| variants(&list["items"]))
                .find(|item| is_table(item))
                .map(|table| read_keys(None, table).collect()),
            range: (schema["minimum"].as_i64().unwrap_or(0), schema["maximum"].as_i64().unwrap_or(i64::MAX)),
            default: schema.get("default").and_then(|default| toml::Value::try_from(default).ok()),
            required: required || schema["add"].is_string(),
            add: schema["add"].as_str().map(str::to_owned),
        }
    })
}

fn texts(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}

/// The schema itself, or those it is a choice of.
fn variants(schema: &Value) -> impl Iterator<Item = &Value> {
    let any = schema["anyOf"].as_array();
    any.into_iter().flatten().chain(any.is_none().then_some(schema))
}

fn kind(schema: &Value) -> Option<Kind> {
    match schema["type"].as_str()? {
        "string" => Some(Kind::Text),
        "integer" => Some(Kind::Number),
        "boolean" => Some(Kind::Switch),
        "array" => Some(Kind::List),
        _ => None,
    }
}

/// The format of the text, or of each text of the list.
fn format_of(schema: &Value) -> Option<&str> {
    let is_text = |schema: &&Value| schema["type"] == "string";
    let items = variants(schema).flat_map(|list| variants(&list["items"]));
    variants(schema).chain(items).find(is_text)?["format"].as_str()
}

/// TOML has no null; defaults are ours and not serde's; and every secret has a twin that names a file.
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

/// An optional key is left out.
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
                // The key's own description says more than that of its kind.
                object.entry(key).or_insert(value);
            }
        }
    }
}

/// Described variants of an enum come as a choice of constants.
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
    let twins: Vec<_> = secrets.map(|name| (format!("{name}{TWIN}"), twin(name))).collect();
    keys.extend(twins);
    if !required.is_empty() {
        table.insert("required".into(), required.into());
    }
}

fn twin(secret: &str) -> Value {
    json!({
        "description": format!("File that holds `{secret}`."),
        "type": "string",
        "format": "file",
    })
}

/// The end of a key that names the file of a secret.
pub(super) const TWIN: &str = "_file";

/// What only this program reads.
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
        assert_eq!(key("listen.workers").unwrap().range, (1, 1024));
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
