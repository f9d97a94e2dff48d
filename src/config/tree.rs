//! Reads the text of the file against the schema: what is set, where, and what does not belong there.

use std::ops::Range;

use toml::de::{DeTable, DeValue};
use toml::{Spanned, Table, Value};

use super::env::ProxyVariables;
use super::finding::{Finding, Level, Location};
use super::nearest::nearest;
use super::schema::{self, Key, Kind};
use super::source::{Place, Places};
use super::values::Wrong;

/// A file (and later the environment) read, but not yet judged.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// Section by section, only known keys with values of the right kind.
    pub values: Table,
    pub places: Places,
    pub findings: Vec<Finding>,
    pub unknown: Vec<Unknown>,
    /// What the environment says about a proxy.
    pub proxies: ProxyVariables,
    /// False when the text is not TOML: then nothing else is worth saying.
    pub is_toml: bool,
}

/// A key that is not known: it may be shown, what it holds may not.
#[derive(Debug)]
pub(super) struct Unknown {
    pub key: Range<usize>,
    pub value: Range<usize>,
    /// The known key or section it was taken for.
    pub meant: Option<String>,
}

/// Reads `text`, which came from `file`.
pub(super) fn read(file: &str, text: &str) -> Tree {
    let mut tree = Tree { is_toml: true, ..Tree::default() };
    file.clone_into(&mut tree.places.file);
    text.clone_into(&mut tree.places.text);
    for section in schema::sections() {
        match section.rsplit_once('.') {
            None => drop(tree.values.insert(section.to_owned(), Value::Table(Table::new()))),
            Some((outer, name)) => {
                if let Some(outer) = tree.table(outer) {
                    outer.insert(name.to_owned(), Value::Table(Table::new()));
                }
            }
        }
    }
    let (root, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        tree.root(root.get_ref());
    } else {
        tree.is_toml = false;
        tree.findings =
            errors.iter().take(MOST_SYNTAX_ERRORS).map(|error| syntax(error, &tree.places)).collect();
    }
    tree
}

fn syntax(error: &toml::de::Error, places: &Places) -> Finding {
    let span = error.span().unwrap_or_default();
    let mend = if error.message().contains("escape") {
        r"in double quotes write \\ for a backslash, or put the text in single quotes"
    } else if error.message().contains("duplicate") {
        "keep one of the two"
    } else {
        "texts stand in quotes, lists in [ ], and every key on a line of its own"
    };
    Finding {
        level: Level::Error,
        key: String::new(),
        message: format!("not valid TOML: {}", error.message().replace('\n', ", ")),
        mend: mend.to_owned(),
        shown: places.shown_unparsed(&span),
        location: places.at(span),
    }
}

impl Tree {
    pub(super) fn error(&mut self, path: &str, location: Location, wrong: Wrong) {
        self.findings.push(Finding {
            level: Level::Error,
            key: path.to_owned(),
            message: wrong.message,
            mend: wrong.mend,
            location,
            shown: None,
        });
    }

    /// Sets a known key.
    pub(super) fn set(&mut self, path: &str, value: Value) {
        if let Value::String(text) = &value
            && schema::key(path).is_some_and(|key| !key.secret)
        {
            self.places.texts.insert(path.to_owned(), text.clone());
        }
        if let Some((section, name)) = path.rsplit_once('.')
            && let Some(section) = self.table(section)
        {
            section.insert(name.to_owned(), value);
        }
    }

    /// Forgets a value that does not fit.
    pub(super) fn unset(&mut self, path: &str) {
        if let Some((section, name)) = path.rsplit_once('.')
            && let Some(section) = self.table(section)
        {
            section.remove(name);
        }
    }

    /// The values of a section, also of one within another.
    fn table(&mut self, section: &str) -> Option<&mut Table> {
        section.split('.').try_fold(&mut self.values, |table, name| table.get_mut(name)?.as_table_mut())
    }

    fn root(&mut self, root: &DeTable<'_>) {
        for (name, value) in root {
            let path = name.get_ref();
            if path == "instance" {
                self.unknown.push(Unknown {
                    key: name.span(),
                    value: value.span(),
                    meant: Some(path.to_string()),
                });
                self.error(
                    path,
                    self.places.at(name.span()),
                    Wrong::new(
                        "several instances are not supported yet",
                        "use the single form: [ims], [experience_cloud] and [campaign] at the top of the file",
                    ),
                );
            } else if !schema::sections().any(|section| section == path) {
                self.unknown(path, name.span(), value.span(), value.get_ref().is_table());
            } else {
                self.known_section(path, name.span(), value);
            }
        }
    }

    fn known_section(&mut self, path: &str, name: Range<usize>, value: &Spanned<DeValue<'_>>) {
        if let Some(table) = value.get_ref().as_table() {
            self.places.sections.insert(path.to_owned(), name);
            return self.section(path, table);
        }
        let location = self.places.at(name.clone());
        self.unknown.push(Unknown { key: name, value: value.span(), meant: Some(path.to_owned()) });
        self.error(
            path,
            location,
            Wrong::new(
                format!("must be a section, not {}", describe(value.get_ref())),
                format!("write [{path}] on a line of its own and its keys below it"),
            ),
        );
    }

    fn section(&mut self, section: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            let path = format!("{section}.{}", name.get_ref());
            if schema::sections().any(|section| section == path) {
                self.known_section(&path, name.span(), value);
                continue;
            }
            let Some(key) = schema::key(&path) else {
                let is_section = value.get_ref().is_table() && nearest(&path, schema::sections()).is_some();
                self.unknown(&path, name.span(), value.span(), is_section);
                continue;
            };
            let items = value.get_ref().as_array().into_iter().flat_map(|array| array.iter());
            let items = items.map(|item| item_place(key, item)).collect();
            self.places
                .keys
                .insert(path.clone(), Place::File { key: name.span(), value: value.span(), items });
            match convert(key, value.get_ref()) {
                Ok(value) => self.set(&path, value),
                Err((None, wrong)) => self.error(&path, self.places.location(&path), wrong),
                Err((Some(index), wrong)) => self.error(&path, self.places.item(&path, index), wrong),
            }
        }
    }

    fn unknown(&mut self, path: &str, key: Range<usize>, value: Range<usize>, is_section: bool) {
        let meant = if is_section {
            nearest(path, schema::sections())
        } else {
            nearest(path, schema::keys().iter().map(|key| key.path.as_str()))
        };
        let mend = match meant {
            Some(meant) if is_section => format!("did you mean [{meant}]?"),
            Some(meant) => format!("did you mean `{meant}`?"),
            None if is_section => {
                format!("known sections: {}", schema::sections().collect::<Vec<_>>().join(", "))
            }
            None => "remove it; `imsgate schema` lists every key".to_owned(),
        };
        let location = self.places.at(key.clone());
        self.unknown.push(Unknown { key, value, meant: meant.map(str::to_owned) });
        let what = if is_section { "unknown section" } else { "unknown key" };
        self.error(path, location, Wrong::new(what, mend));
    }
}

/// The value, if it is of a kind the key takes; else what is wrong, and with which item.
fn convert(key: &Key, value: &DeValue<'_>) -> Result<Value, (Option<usize>, Wrong)> {
    match value {
        DeValue::String(text) if key.kinds.contains(&Kind::Text) => {
            text_value(key, text).map_err(|wrong| (None, wrong))
        }
        DeValue::Integer(number) if key.kinds.contains(&Kind::Number) => {
            let number = i64::from_str_radix(number.as_str(), number.radix()).ok();
            number_value(key, number).map_err(|wrong| (None, wrong))
        }
        DeValue::Boolean(on) if key.kinds.contains(&Kind::Switch) => Ok(Value::Boolean(*on)),
        DeValue::Array(items) if key.kinds.contains(&Kind::List) => {
            let item = |(index, item): (usize, &Spanned<DeValue<'_>>)| match item.get_ref() {
                DeValue::String(text) => Ok(Value::String(text.to_string())),
                DeValue::Table(table) if key.table.is_some() => {
                    table_value(key, table).map_err(|wrong| (Some(index), wrong))
                }
                other => Err((Some(index), wrong_kind(&[Kind::Text], other))),
            };
            Ok(Value::Array(items.iter().enumerate().map(item).collect::<Result<_, _>>()?))
        }
        other => Err((None, wrong_kind(&key.kinds, other))),
    }
}

/// A table in a list, if the key takes it: every entry is known and of its kind.
fn table_value(key: &Key, table: &DeTable<'_>) -> Result<Value, Wrong> {
    let Some(schema) = key.table else { return Err(Wrong::new("must not be a table", "write a text")) };
    let known = || schema::properties(schema).map(|(name, _)| name.as_str());
    let mut values = Table::new();
    for (name, value) in table {
        let name = name.get_ref();
        let Some((_, schema)) = schema::properties(schema).find(|(known, _)| *known == name) else {
            let mend = nearest(name, known()).map_or_else(
                || format!("it may hold {}", known().collect::<Vec<_>>().join(", ")),
                |meant| format!("did you mean `{meant}`?"),
            );
            return Err(Wrong::new(format!("has an unknown entry `{name}`"), mend));
        };
        let entry = schema::read_key(format!("{}.{name}", key.path), schema);
        let value = convert(&entry, value.get_ref()).map_err(|(_, wrong)| {
            Wrong::new(format!("has an entry `{name}` that {}", wrong.message), wrong.mend)
        })?;
        values.insert(name.to_string(), value);
    }
    let required = schema["required"].as_array().into_iter().flatten().filter_map(serde_json::Value::as_str);
    match required.into_iter().find(|name| !values.contains_key(*name)) {
        Some(name) => Err(Wrong::new(format!("has no entry `{name}`"), format!("add {name} = \"…\" to it"))),
        None => Ok(Value::Table(values)),
    }
}

/// Where an item stands: a table is known by its first text.
fn item_place(key: &Key, item: &Spanned<DeValue<'_>>) -> Range<usize> {
    let texts = item.get_ref().as_table().filter(|_| key.table.is_some());
    let known = |name: &str| key.table.is_some_and(|schema| schema["properties"][name]["type"] == "string");
    texts
        .and_then(|table| {
            table.iter().find(|(name, value)| known(name.get_ref()) && value.get_ref().is_str())
        })
        .map_or_else(|| item.span(), |(_, value)| value.span())
}

/// A text, if the key takes it.
pub(super) fn text_value(key: &Key, text: &str) -> Result<Value, Wrong> {
    if key.choices.is_empty() || key.choices.iter().any(|choice| choice == text) {
        return Ok(Value::String(text.to_owned()));
    }
    let mend = nearest(text, key.choices.iter().map(String::as_str))
        .map_or_else(|| "write one of them".to_owned(), |meant| format!("did you mean \"{meant}\"?"));
    let choices: Vec<_> = key.choices.iter().map(|choice| format!("\"{choice}\"")).collect();
    Err(Wrong::new(format!("must be one of {}", choices.join(", ")), mend))
}

/// A number, if the key takes it.
pub(super) fn number_value(key: &Key, number: Option<i64>) -> Result<Value, Wrong> {
    let (low, high) = (key.range.0.unwrap_or(0), key.range.1.unwrap_or(i64::MAX));
    match number {
        Some(number) if (low..=high).contains(&number) => Ok(Value::Integer(number)),
        _ if high == i64::MAX => {
            Err(Wrong::new(format!("must be a whole number of at least {low}"), "write such a number"))
        }
        _ => Err(Wrong::new(
            format!("must be a whole number from {low} to {high}"),
            "write a number within these bounds",
        )),
    }
}

fn wrong_kind(kinds: &[Kind], found: &DeValue<'_>) -> Wrong {
    let (wanted, mend) = match kinds {
        [Kind::Number] => ("a whole number", "write the number without quotes"),
        [Kind::Switch] => ("true or false", "write true or false without quotes"),
        [Kind::List] => ("a list of texts", "write it as [\"…\", \"…\"]"),
        [Kind::Text] => ("a text", "put it in quotes"),
        _ => ("a text or a list of texts", "write it as \"…\" or [\"…\", \"…\"]"),
    };
    Wrong::new(format!("must be {wanted}, not {}", describe(found)), mend)
}

fn describe(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// After the first few, one slip makes the next.
const MOST_SYNTAX_ERRORS: usize = 5;
