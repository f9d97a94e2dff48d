//! The pages of the reference that the program itself writes: `IMSGATE_UPDATE=1 cargo test --test it book::reference`.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use serde_json::{Map, Value};

use crate::support::markdown::root;

#[test]
fn the_page_about_the_configuration_is_what_the_schema_says() {
    let schema: Value = serde_json::from_str(&imsgate(&["schema"])).unwrap();
    let mut page = String::from(CONFIGURATION);
    let sections = schema["properties"].as_object().unwrap();
    for name in ORDER {
        section(&mut page, &schema, name, &sections[*name]);
    }
    let known: Vec<&str> = sections.keys().map(String::as_str).filter(|name| !ORDER.contains(name)).collect();
    assert!(known.is_empty(), "add to ORDER: {known:?}");
    compare("docs/configuration.md", &page);
}

#[test]
fn the_page_about_the_command_line_is_what_help_says() {
    let mut page = String::from(COMMANDS);
    command(&mut page, &[]);
    compare("docs/command-line.md", &page);
}

#[test]
fn the_readme_lists_every_command() {
    let (readme, help) = (fs::read_to_string(root().join("README.md")).unwrap(), imsgate(&["--help"]));
    let missing: Vec<&str> =
        subcommands(&help).filter(|name| !readme.contains(&format!("| `imsgate {name}"))).collect();
    assert!(missing.is_empty(), "the table of README.md lacks {missing:?}");
}

/// Compares, or writes the page with `IMSGATE_UPDATE=1`.
fn compare(path: &str, page: &str) {
    if std::env::var_os("IMSGATE_UPDATE").is_some() {
        fs::write(root().join(path), page).unwrap();
    }
    let committed = fs::read_to_string(root().join(path)).unwrap_or_default();
    assert!(committed == page, "write {path} again: IMSGATE_UPDATE=1 cargo test --test it book::reference");
}

/// A section of the file, or a table in a list.
fn section(page: &mut String, schema: &Value, path: &str, part: &Value) {
    let part = resolved(schema, part);
    let is_list = part["type"] == "array";
    let table = if is_list { resolved(schema, &part["items"]) } else { part };
    let heading = if is_list { format!("[[{path}]]") } else { format!("[{path}]") };
    let _ = write!(page, "\n## `{heading}`\n\n{}\n", text(part));
    let Some(keys) = table["properties"].as_object() else { return };
    // Of a single instance; with several, each of them or the defaults at the top must have the key.
    let single = &schema["then"]["properties"][path]["required"];
    let required = if single.is_array() { single } else { &table["required"] };
    let (tables, values): (Vec<_>, Vec<_>) = keys.iter().partition(|(_, key)| is_table(schema, key));
    for (name, key) in values {
        value(page, schema, path, name, key, is_list, required);
    }
    for (name, key) in tables {
        // The tables of an instance are those of the sections above.
        if path == "instance" {
            let _ = write!(page, "\n`[instance.{name}]` has the keys of [`[{name}]`](#{name}).\n");
        } else {
            section(page, schema, &format!("{path}.{name}"), key);
        }
    }
}

fn value(
    page: &mut String,
    schema: &Value,
    path: &str,
    name: &str,
    key: &Value,
    in_list: bool,
    required: &Value,
) {
    let key = resolved(schema, key);
    let _ = write!(page, "\n### `{path}.{name}`\n\n{}\n\n", text(key));
    let _ = writeln!(page, "- Value: {}", kind(schema, key));
    let is_required = required.as_array().is_some_and(|all| all.iter().any(|one| one == name));
    let default = match &key["default"] {
        Value::Null if is_required => "none; the key is required".to_owned(),
        Value::Null => "none".to_owned(),
        default => format!("`{}`", shortened(default)),
    };
    let _ = writeln!(page, "- Default: {default}");
    if !in_list {
        let variable = format!("{path}.{name}").to_uppercase().replace('.', "__");
        let _ = writeln!(page, "- Environment: `IMSGATE_{variable}`");
    }
}

/// What may stand there, in words.
fn kind(schema: &Value, key: &Value) -> String {
    if let Some(choices) = choices(schema, key) {
        return choices.join(", ");
    }
    if let Some(any) = key["anyOf"].as_array().or_else(|| key["oneOf"].as_array()) {
        let kinds: Vec<String> = any.iter().map(|one| kind(schema, resolved(schema, one))).collect();
        return kinds.join(", or ");
    }
    if let Some(kinds) = key["type"].as_array() {
        return kinds.iter().filter_map(Value::as_str).map(word).collect::<Vec<_>>().join(" or ");
    }
    let base = match key["type"].as_str() {
        Some("array") => format!("list of {}", kind(schema, resolved(schema, &key["items"]))),
        Some(name) => word(name).to_owned(),
        None => "value".to_owned(),
    };
    let format = key["format"].as_str().filter(|format| key["type"] == "string" && !format.is_empty());
    let format = format.map(|format| format!(" ({})", format.replace('-', " "))).unwrap_or_default();
    let range = match (&key["minimum"], &key["maximum"]) {
        (Value::Null, Value::Null) => String::new(),
        (minimum, Value::Null) => format!(", at least {minimum}"),
        (Value::Null, maximum) => format!(", at most {maximum}"),
        (minimum, maximum) => format!(", {minimum} to {maximum}"),
    };
    base + &format + &range
}

/// The allowed texts, when only some are.
fn choices(schema: &Value, key: &Value) -> Option<Vec<String>> {
    if let Some(all) = key["enum"].as_array() {
        return Some(all.iter().map(|one| format!("`{}`", one.as_str().unwrap_or_default())).collect());
    }
    let all = key["oneOf"].as_array()?;
    let one = |one: &Value| Some(format!("`{}`", resolved(schema, one)["const"].as_str()?));
    all.iter().map(one).collect()
}

fn word(kind: &str) -> &str {
    match kind {
        "string" => "text",
        "integer" => "whole number",
        "number" => "number",
        "boolean" => "`true` or `false`",
        "object" => "table",
        kind => kind,
    }
}

fn text(part: &Value) -> &str {
    part["description"].as_str().unwrap_or_default()
}

/// Long lists are in config/imsgate.toml.
fn shortened(default: &Value) -> String {
    match default {
        Value::Array(values) if values.len() > 3 => format!("[{}, …]", values[0]),
        Value::Array(values) if values.is_empty() => "[]".to_owned(),
        default => default.to_string(),
    }
}

fn is_table(schema: &Value, key: &Value) -> bool {
    let key = resolved(schema, key);
    let items = resolved(schema, &key["items"]);
    key["properties"].is_object() || items["properties"].is_object()
}

fn resolved<'v>(schema: &'v Value, part: &'v Value) -> &'v Value {
    part["$ref"].as_str().and_then(|name| schema.pointer(name.strip_prefix('#')?)).unwrap_or(part)
}

/// The help of a command and of its subcommands.
fn command(page: &mut String, words: &[&str]) {
    let help = imsgate(&[words, &["--help"]].concat());
    let heading = [&["imsgate"], words].concat().join(" ");
    let _ = write!(page, "\n## `{heading}`\n\n```text\n{}\n```\n", help.trim_end());
    for name in subcommands(&help) {
        command(page, &[words, &[name]].concat());
    }
}

/// The commands that a help text lists, without `help`.
fn subcommands(help: &str) -> impl Iterator<Item = &str> {
    let (_, listed) = help.split_once("\nCommands:\n").unwrap_or_default();
    let listed = listed.lines().take_while(|line| !line.is_empty());
    let names = listed.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    names.filter(|name| !name.is_empty() && *name != "help")
}

fn imsgate(words: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_imsgate"));
    let output = command.args(words).env_remove("IMSGATE_CONFIG").output().unwrap();
    assert!(output.status.success(), "{words:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The sections, as in config/imsgate.toml.
const ORDER: &[&str] =
    &["ims", "experience_cloud", "campaign", "listen", "limits", "session", "log", "brand", "instance"];

const CONFIGURATION: &str = "# Configuration

<!-- Written by the program: IMSGATE_UPDATE=1 cargo test --test it book::reference -->

The configuration is a TOML file. `config/imsgate.toml` is the commented reference: every key with its default; the package has it in
`/usr/share/doc/imsgate/examples/`. `imsgate schema` prints the JSON Schema, from which this page is made.

- Durations are texts such as `\"500ms\"`, `\"30s\"`, `\"10m\"`, `\"12h\"`, `\"1d\"` or `\"1h30m\"`.
- The environment overrides the file. The items of a list are separated by commas there.
- Every secret can be in a file of its own: `client_secret_file` in the place of `client_secret`. Setting both is an error.
- An unknown key is an error that names the nearest known one.
- [Changes while the gateway runs](reload.md) says which keys need a restart.
";

const COMMANDS: &str = "# Command line

<!-- Written by the program: IMSGATE_UPDATE=1 cargo test --test it book::reference -->

What `--help` prints for each command.
";

#[test]
fn choices_and_ranges_are_said_in_words() {
    let schema = Value::Object(Map::new());
    let say = |text: &str| kind(&schema, &serde_json::from_str(text).unwrap());
    assert_eq!(say(r#"{"type":"integer","minimum":1,"maximum":100}"#), "whole number, 1 to 100");
    assert_eq!(say(r#"{"oneOf":[{"const":"a"},{"const":"b"}]}"#), "`a`, `b`");
    assert_eq!(say(r#"{"type":"array","items":{"type":"string"}}"#), "list of text");
}
