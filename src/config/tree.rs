//! Reads the text of the file against the schema: which keys are set, where, and which are unknown.

use std::ops::Range;

use serde::de::DeserializeOwned;
use toml::de::{DeTable, DeValue};
use toml::{Spanned, Table, Value};

use super::check::{Mistake, check, describe};
use super::finding::{Finding, Level};
use super::json_schema::FILE_SUFFIX;
use super::nearest::nearest;
use super::proxy::ProxyVariables;
use super::schema::{self, DeclaredKey, ValueKind};
use super::source::{KeyPosition, Location, Places, Unknown};
use super::table_path::{INSTANCES, is_table_list, step, step_mut};
use super::value_error::ValueError;
use crate::policy::outbound_proxy::OutboundProxy;

/// The values of file and environment, with their positions and all findings.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// Section by section, only known keys, as serde reads them. A value that is wrong is left out.
    pub values: Table,
    pub places: Places,
    pub findings: Vec<Finding>,
    pub unknown: Vec<Unknown>,
    /// Variables of the environment that name a proxy.
    pub proxies: ProxyVariables,
    /// The proxy for IMS that they name, when no key does.
    pub environment_proxy: Option<OutboundProxy>,
    /// False when the text is not TOML; then nothing else is checked.
    pub is_toml: bool,
    /// Which sections are checked here.
    pub scope: Scope,
    /// How many `[[instance]]` the file has.
    pub instances: usize,
    /// Variables of the environment for keys of an instance: its number, the key, the variable and the value.
    pub instance_variables: Vec<(usize, String, String, String)>,
}

/// The sections that a tree checks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Scope {
    /// All sections, in a file without instances.
    #[default]
    Whole,
    /// The sections that all instances share.
    Process,
    Instance,
    /// The sections of an instance without `ims`.
    PublicOnly,
}

impl Scope {
    /// True for a key or section that belongs to this tree.
    pub fn has(self, path: &str) -> bool {
        let section = path.split(['.', '[']).next().unwrap_or_default();
        match (section, self) {
            ("instance" | "campaign", Self::Instance | Self::PublicOnly) => true,
            ("instance", _) | (_, Self::PublicOnly) => false,
            ("ims" | "experience_cloud" | "campaign", scope) => scope != Self::Process,
            (_, scope) => scope != Self::Instance,
        }
    }
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
    for list in schema::lists() {
        tree.put(&list.path, Some(Value::Array(Vec::new())));
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
    let fix = if error.message().contains("escape") {
        r"in double quotes write \\ for a backslash, or put the text in single quotes"
    } else if error.message().contains("duplicate") {
        "keep one of the two"
    } else {
        "put texts in quotes, lists in [ ], and every key on a line of its own"
    };
    Finding {
        level: Level::Error,
        key: String::new(),
        message: format!("not valid TOML: {}", error.message().replace('\n', ", ")),
        fix: fix.to_owned(),
        shown: places.shown_unparsed(&span),
        location: places.at(span),
    }
}

impl Tree {
    pub(super) fn error(&mut self, path: &str, location: Location, wrong: ValueError) {
        self.findings.push(Finding {
            level: Level::Error,
            key: path.to_owned(),
            message: wrong.message,
            fix: wrong.fix,
            location,
            shown: None,
        });
    }

    /// Adds an error about the value at `path`.
    pub(super) fn fail(&mut self, path: &str, wrong: ValueError) {
        let location = self.places.location(path);
        self.error(path, location, wrong);
    }

    /// Adds a warning about the value at `path`.
    pub(super) fn warn(&mut self, path: &str, message: &str, fix: impl Into<String>) {
        self.findings.push(Finding {
            level: Level::Warning,
            key: path.to_owned(),
            message: message.to_owned(),
            fix: fix.into(),
            location: self.places.location(path),
            shown: None,
        });
    }

    /// True when file or environment set the key, even to a wrong value.
    pub(super) fn is_set(&self, path: &str) -> bool {
        self.places.is_set(path)
    }

    /// The value at `path`; `None` when there is none or it is wrong.
    pub(super) fn get<T: DeserializeOwned>(&self, path: &str) -> Option<T> {
        let (section, name) = path.rsplit_once('.')?;
        let table = section.split('.').try_fold(&self.values, step)?;
        table.get(name)?.clone().try_into().ok()
    }

    /// Sets a known key to what serde reads; `None` leaves it out.
    pub(super) fn put(&mut self, path: &str, value: Option<Value>) {
        if let Some((section, name)) = path.rsplit_once('.')
            && let Some(section) = self.table(section)
        {
            section.remove(name);
            section.extend(value.map(|value| (name.to_owned(), value)));
        }
    }

    /// Checks a value of file or environment; sets it, or adds an error for each mistake.
    pub(super) fn set(&mut self, path: &str, key: &DeclaredKey, value: Result<Value, ValueError>) {
        let value = value.map(|value| if key.is_file { self.places.resolve(value) } else { value });
        match value.map_err(|wrong| vec![(None, wrong)]).and_then(|value| check(key, &value)) {
            Ok(value) => self.put(path, value),
            Err(mistakes) => {
                for (index, wrong) in mistakes {
                    let location = match (index, &wrong.part) {
                        (Some(index), _) => self.places.item(path, index),
                        (None, Some(part)) => self.places.part(path, part.clone()),
                        (None, None) => self.places.location(path),
                    };
                    self.error(path, location, wrong);
                }
            }
        }
    }

    /// Checks and sets a secret that was read from its file.
    pub(super) fn set_secret(
        &mut self,
        path: &str,
        key: &DeclaredKey,
        secret: &str,
    ) -> Result<(), ValueError> {
        let value = check(key, &Value::from(secret));
        let first = |mistakes: Vec<Mistake>| mistakes.into_iter().next().map(|(_, wrong)| wrong);
        match value.map_err(first) {
            Ok(value) => self.put(path, value),
            Err(wrong) => return wrong.map_or(Ok(()), Err),
        }
        Ok(())
    }

    /// Sets the default of every key that is not set, and adds an error for each required one.
    pub(super) fn complete(&mut self) {
        for (path, key) in self.keys() {
            let (path, file_key) = (&path, format!("{path}{FILE_SUFFIX}"));
            if self.is_set(path) || self.is_set(&file_key) {
                continue;
            }
            if let Some(default) = &key.default {
                self.set(path, key, Ok(default.clone()));
            } else if let Some(add) = &key.add
                && !self.is_misspelt(path)
                && !self.is_misspelt(&file_key)
            {
                self.fail(path, ValueError::new("is missing", format!("add: {add}")));
            }
        }
    }

    /// True when an unknown key was probably meant to be this one. Then one finding is enough.
    pub(super) fn is_misspelt(&self, path: &str) -> bool {
        self.unknown.iter().any(|unknown| unknown.meant.as_deref() == Some(path))
    }

    /// The values of a section, also of one within another.
    pub(super) fn table(&mut self, section: &str) -> Option<&mut Table> {
        section.split('.').try_fold(&mut self.values, step_mut)
    }

    fn root(&mut self, root: &DeTable<'_>) {
        for (name, value) in root {
            let path = name.get_ref();
            if path == INSTANCES {
                self.count_instances(name.span(), value);
            } else if !schema::sections().any(|section| section == path) {
                self.unknown(path, name.span(), value.span(), value.get_ref().is_table());
            } else {
                self.known_section(path, name.span(), value);
            }
        }
    }

    pub(super) fn known_section(&mut self, path: &str, name: Range<usize>, value: &Spanned<DeValue<'_>>) {
        if let Some(table) = value.get_ref().as_table() {
            self.places.sections.insert(path.to_owned(), name);
            return self.section(path, table);
        }
        let location = self.places.at(name.clone());
        self.unknown.push(Unknown { key: name, value: value.span(), meant: Some(path.to_owned()) });
        self.error(
            path,
            location,
            ValueError::new(
                format!("must be a section, not {}", describe(&plain(value.get_ref()))),
                format!("write [{path}] on a line of its own and its keys below it"),
            ),
        );
    }

    /// Reads the keys of a section, or of a table in a list.
    pub(super) fn section(&mut self, section: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            self.entry(&format!("{section}.{}", name.get_ref()), name.span(), value);
        }
    }

    /// Reads one key, or the section or list of tables of that name.
    pub(super) fn entry(&mut self, path: &str, name: Range<usize>, value: &Spanned<DeValue<'_>>) {
        if schema::lists().iter().any(|list| list.path == path) {
            return self.read_list(path, name, value);
        }
        if schema::sections().any(|section| section == path) {
            return self.known_section(path, name, value);
        }
        let Some(key) = schema::key(path) else {
            let is_table = value.get_ref().is_table() || is_table_list(value.get_ref());
            let is_section = is_table && nearest(path, tables()).is_some();
            return self.unknown(path, name, value.span(), is_section);
        };
        let items = value.get_ref().as_array().into_iter().flat_map(|array| array.iter());
        let items = items.map(|item| item_place(key, item)).collect();
        self.places.keys.insert(path.to_owned(), KeyPosition::File { key: name, value: value.span(), items });
        self.set(path, key, Ok(plain(value.get_ref())));
    }

    fn unknown(&mut self, path: &str, key: Range<usize>, value: Range<usize>, is_section: bool) {
        let keys = self.keys();
        let meant = if is_section {
            nearest(path, tables())
        } else {
            nearest(path, keys.iter().map(|(path, _)| path.as_str()))
        };
        let is_list = |path: &str| schema::lists().iter().any(|list| list.path == path);
        let fix = match meant {
            Some(meant) if is_section && is_list(meant) => format!("did you mean [[{meant}]]?"),
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
        self.error(path, location, ValueError::new(what, fix));
    }
}

/// Every section, and every list of tables.
fn tables() -> impl Iterator<Item = &'static str> {
    schema::sections().chain(schema::lists().iter().map(|list| list.path.as_str()))
}

/// The value without its place.
fn plain(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::from(text.as_ref()),
        // A number that is too large is out of bounds like a negative one.
        DeValue::Integer(number) => {
            Value::Integer(i64::from_str_radix(number.as_str(), number.radix()).unwrap_or(i64::MIN))
        }
        DeValue::Float(_) => Value::Float(0.0),
        DeValue::Boolean(on) => Value::Boolean(*on),
        DeValue::Datetime(date) => Value::Datetime(*date),
        DeValue::Array(items) => Value::Array(items.iter().map(|item| plain(item.get_ref())).collect()),
        DeValue::Table(table) => Value::Table(
            table.iter().map(|(name, value)| (name.get_ref().to_string(), plain(value.get_ref()))).collect(),
        ),
    }
}

/// Where an item stands: a table is known by its first text.
fn item_place(key: &DeclaredKey, item: &Spanned<DeValue<'_>>) -> Range<usize> {
    let entries = key.entries.iter().flatten();
    let texts = entries.filter(|entry| entry.kinds == [ValueKind::Text]).map(|entry| entry.path.as_str());
    let known = |name: &str| texts.clone().any(|text| text == name);
    item.get_ref()
        .as_table()
        .and_then(|table| {
            table.iter().find(|(name, value)| known(name.get_ref()) && value.get_ref().is_str())
        })
        .map_or_else(|| item.span(), |(_, value)| value.span())
}

/// Later syntax errors usually follow from the first ones.
const MOST_SYNTAX_ERRORS: usize = 5;
