//! The declared keys, read from the JSON Schema: every check of a single value follows from the declaration of its key.

use std::sync::LazyLock;

use serde_json::Value;

use super::formats::{self, Read};
use super::json_schema::{SCHEMA, instance_schema, is_table, is_table_list, properties};
use super::table_path;

pub(super) struct DeclaredKey {
    /// `ims.client_id`; the name alone for an entry of a table in a list.
    pub path: String,
    /// True for values that must never be shown.
    pub secret: bool,
    /// The allowed types.
    pub kinds: Vec<ValueKind>,
    /// The allowed texts; empty: all.
    pub choices: Vec<String>,
    pub is_file: bool,
    /// The check of a text.
    pub format: Option<Read>,
    /// The keys of a table in the list; `None` when it may hold no tables.
    pub entries: Option<Vec<DeclaredKey>>,
    /// Bounds of a number, both allowed.
    pub range: (i64, i64),
    pub default: Option<toml::Value>,
    pub required: bool,
    /// What to add when the value is missing and required.
    pub add: Option<String>,
}

pub(super) struct TableList {
    /// `campaign.technical_account`.
    pub path: String,
    /// The keys of each table: `campaign.technical_account[].client_id` and so on.
    pub keys: Vec<DeclaredKey>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ValueKind {
    Text,
    Number,
    Switch,
    List,
}

/// Every key, section by section.
pub(super) fn keys() -> &'static [DeclaredKey] {
    &KEYS
}

/// The keys of `[[instance]]` itself, as `instance.name`.
pub(super) fn instance_keys() -> &'static [DeclaredKey] {
    &INSTANCE_KEYS
}

/// The key at `path`, which may be in a table of a list, or in an instance.
pub(super) fn key(path: &str) -> Option<&'static DeclaredKey> {
    let path = &*table_path::in_instance(path);
    KEYS.iter().chain(&*INSTANCE_KEYS).find(|key| key.path == path).or_else(|| {
        let declared = table_path::declared(path)?;
        LISTS.iter().flat_map(|list| &list.keys).find(|key| key.path == declared)
    })
}

/// The key of a table in a list that may also hold plain values: `campaign.upstream[0].url`.
pub(super) fn entry(path: &str) -> Option<&'static DeclaredKey> {
    let (list, name) = path.rsplit_once('.')?;
    let (list, _) = table_path::indexed(list)?;
    let list = KEYS.iter().find(|key| key.path == list)?;
    list.entries.iter().flatten().find(|key| key.path == name)
}

/// The lists of tables, `[[campaign.technical_account]]`.
pub(super) fn lists() -> &'static [TableList] {
    &LISTS
}

/// The sections in order of the schema; a section within another has a dotted name.
pub(super) fn sections() -> impl Iterator<Item = &'static str> {
    SECTIONS.iter().map(|(path, _)| path.as_str())
}

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

static KEYS: LazyLock<Vec<DeclaredKey>> = LazyLock::new(|| {
    SECTIONS.iter().flat_map(|(section, schema)| read_keys(Some(section), schema)).collect()
});

static INSTANCE_KEYS: LazyLock<Vec<DeclaredKey>> =
    LazyLock::new(|| read_keys(Some("instance"), &instance_schema()).collect());

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

/// The keys of a section, or the entries of a table in a list.
fn read_keys<'s>(section: Option<&'s str>, table: &'s Value) -> impl Iterator<Item = DeclaredKey> + 's {
    let keys = properties(table).filter(|(_, schema)| !is_table(schema) && !is_table_list(schema));
    keys.map(move |(name, schema)| {
        let required = texts(&table["required"]).any(|required| required == name);
        DeclaredKey {
            path: section.map_or_else(|| name.clone(), |section| format!("{section}.{name}")),
            secret: schema["writeOnly"] == true,
            kinds: variants(schema).filter_map(kind).collect(),
            choices: texts(&schema["enum"]).map(str::to_owned).collect(),
            is_file: matches!(format_of(schema), Some("file" | "private-file" | "logo-file")),
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

/// The variants of a choice, or the schema itself.
fn variants(schema: &Value) -> impl Iterator<Item = &Value> {
    let any = schema["anyOf"].as_array();
    any.into_iter().flatten().chain(any.is_none().then_some(schema))
}

fn kind(schema: &Value) -> Option<ValueKind> {
    match schema["type"].as_str()? {
        "string" => Some(ValueKind::Text),
        "integer" => Some(ValueKind::Number),
        "boolean" => Some(ValueKind::Switch),
        "array" => Some(ValueKind::List),
        _ => None,
    }
}

/// The format of the text, or of each text of the list.
fn format_of(schema: &Value) -> Option<&str> {
    let is_text = |schema: &&Value| schema["type"] == "string";
    let items = variants(schema).flat_map(|list| variants(&list["items"]));
    variants(schema).chain(items).find(is_text)?["format"].as_str()
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
        assert_eq!(key("campaign.upstream").unwrap().kinds, [ValueKind::Text, ValueKind::List]);
        assert_eq!(key("listen.http_redirect").unwrap().kinds, [ValueKind::Text, ValueKind::List]);
        assert_eq!(key("listen.workers").unwrap().range, (1, 1024));
        assert_eq!(key("ims.token_auth").unwrap().choices, ["post", "basic"]);
        let secrets: Vec<_> = keys().iter().filter(|key| key.secret).map(|key| key.path.as_str()).collect();
        assert_eq!(
            secrets,
            [
                "ims.client_secret",
                "ims.proxy",
                "listen.admin_token",
                "listen.forward_auth_secret",
                "session.redis_url"
            ]
        );
        for secret in secrets {
            assert!(key(&format!("{secret}_file")).is_some(), "{secret} has a key for its file");
        }
    }
}
