//! Reads `[[instance]]`: each table becomes a tree of its own. The sections at the top level are its defaults.
//!
//! Inside such a tree, keys have the same paths as in a file without instances (`ims.client_id`), so the same checks and rules apply.
//! Findings name the full path, `instance[0].ims.client_id`.

use std::collections::BTreeSet;
use std::ops::Range;

use toml::de::{DeTable, DeValue};
use toml::{Spanned, Table, Value};

use super::finding::Finding;
use super::json_schema::FILE_SUFFIX;
use super::schema;
use super::source::Places;
use super::table_path::{INSTANCES as LIST, element, is_table_list};
use super::tree::{Scope, Tree};
use super::value_error::ValueError;
use super::{env, rules, secret_files};

impl Tree {
    /// Sets the number of instances.
    pub(super) fn count_instances(&mut self, name: Range<usize>, value: &Spanned<DeValue<'_>>) {
        match value.get_ref().as_array().filter(|_| is_table_list(value.get_ref())) {
            Some(tables) if !tables.is_empty() => self.instances = tables.len(),
            _ => {
                let location = self.places.at(name);
                let fix = format!("write [[{LIST}]] on a line of its own and its keys below it");
                self.error(LIST, location, ValueError::new("must be a list of tables", fix));
            }
        }
    }
}

/// The complete and checked tree of each instance. Their findings move to `top`.
pub(super) fn read(top: &mut Tree) -> Vec<Tree> {
    let text = top.places.text.clone();
    let (root, _) = DeTable::parse_recoverable(&text);
    let Some(tables) = root.get_ref().get(LIST).and_then(|list| list.get_ref().as_array()) else {
        return Vec::new();
    };
    let mut trees = Vec::new();
    for (index, table) in tables.iter().enumerate() {
        let Some(keys) = table.get_ref().as_table() else { continue };
        let mut tree = top.fork(index, table.span(), keys);
        env::apply_to_instance(
            &mut tree,
            top.instance_variables.iter().filter(|(number, ..)| *number == index),
        );
        secret_files::read(&mut tree);
        tree.complete();
        rules::apply_to_instance(&mut tree);
        trees.push(tree);
    }
    check_names_and_hosts(&mut trees);
    for (index, tree) in trees.iter_mut().enumerate() {
        top.take_findings(index, tree);
    }
    trees
}

impl Tree {
    /// The tree of one instance: the sections at the top level, overridden by its table.
    fn fork(&self, index: usize, span: Range<usize>, table: &DeTable<'_>) -> Self {
        let is_ims = |path: &str| path == "ims" || path.starts_with("ims.");
        let has_ims = table.contains_key("ims")
            || self.instance_variables.iter().any(|(number, path, ..)| *number == index && is_ims(path));
        let scope = if has_ims { Scope::Instance } else { Scope::PublicOnly };
        let is_inherited = |path: &str| scope.has(path) && !path.starts_with("instance");
        let mut tree = Self {
            values: self.values.iter().filter(|(name, _)| is_inherited(name)).map(owned).collect(),
            places: Places {
                file: self.places.file.clone(),
                text: self.places.text.clone(),
                sections: self
                    .places
                    .sections
                    .iter()
                    .filter(|(path, _)| is_inherited(path))
                    .map(owned)
                    .collect(),
                keys: self.places.keys.iter().filter(|(path, _)| is_inherited(path)).map(owned).collect(),
            },
            proxies: self.proxies.clone(),
            is_toml: true,
            scope,
            ..Self::default()
        };
        tree.values.insert("instance".to_owned(), Value::Table(Table::new()));
        tree.forget_overridden(table);
        let header = tree.header(span);
        for section in ["instance", "ims", "experience_cloud", "campaign"] {
            tree.places.sections.insert(section.to_owned(), header.clone());
        }
        for (name, value) in table {
            match name.get_ref().as_ref() {
                section @ ("ims" | "experience_cloud" | "campaign") => {
                    tree.known_section(section, name.span(), value);
                }
                key => tree.entry(&format!("instance.{key}"), name.span(), value),
            }
        }
        tree
    }

    /// Removes inherited values that the table of this instance overrides under another key. A list of tables replaces the inherited list,
    /// and a secret replaces the file of the secret.
    fn forget_overridden(&mut self, table: &DeTable<'_>) {
        let sections =
            table.iter().filter_map(|(name, value)| Some((name.get_ref(), value.get_ref().as_table()?)));
        let own: BTreeSet<String> = sections
            .flat_map(|(section, keys)| keys.keys().map(move |name| format!("{section}.{}", name.get_ref())))
            .collect();
        for path in &own {
            let other = match path.strip_suffix(FILE_SUFFIX) {
                Some(secret) if schema::key(secret).is_some_and(|key| key.secret) => Some(secret.to_owned()),
                _ if schema::key(path).is_some_and(|key| key.secret) => Some(format!("{path}{FILE_SUFFIX}")),
                _ => None,
            };
            if let Some(other) = other.filter(|other| !own.contains(other)) {
                self.put(&other, None);
                self.places.keys.remove(&other);
            }
            if schema::lists().iter().any(|list| list.path == *path) {
                self.put(path, Some(Value::Array(Vec::new())));
                let tables = format!("{path}[");
                self.places.keys.retain(|key, _| !key.starts_with(&tables));
                self.places.sections.retain(|key, _| !key.starts_with(&tables));
            }
        }
    }

    /// Takes over the findings and places of an instance, except those it has inherited from this tree.
    fn take_findings(&mut self, index: usize, tree: &mut Self) {
        let instance = element(LIST, index);
        for finding in std::mem::take(&mut tree.findings) {
            let is_inherited =
                tree.is_set(&finding.key) && self.places.location(&finding.key) == finding.location;
            let key = if is_inherited { finding.key } else { full_path(&instance, &finding.key) };
            let is_same = |known: &Finding| {
                (&known.key, &known.message, &known.location) == (&key, &finding.message, &finding.location)
            };
            if !self.findings.iter().any(is_same) {
                self.findings.push(Finding { key, ..finding });
            }
        }
        self.unknown.append(&mut tree.unknown);
        for (path, position) in &tree.places.keys {
            if self.places.keys.get(path).is_none_or(|known| known != position) {
                self.places.keys.insert(full_path(&instance, path), position.clone());
            }
        }
        for (path, header) in &tree.places.sections {
            if self.places.sections.get(path).is_none_or(|known| known != header) {
                self.places.sections.insert(full_path(&instance, path), header.clone());
            }
        }
    }
}

fn full_path(instance: &str, path: &str) -> String {
    match path.strip_prefix(LIST) {
        Some(own) => format!("{instance}{own}"),
        None => format!("{instance}.{path}"),
    }
}

fn owned<T: Clone>((name, value): (&String, &T)) -> (String, T) {
    (name.clone(), value.clone())
}

/// Checks that no two instances have the same name or a common host.
fn check_names_and_hosts(trees: &mut [Tree]) {
    let (mut names, mut hosts): (Vec<String>, Vec<(String, String)>) = (Vec::new(), Vec::new());
    for tree in trees {
        let name = tree.get::<String>(NAME).unwrap_or_default();
        if !name.is_empty() && names.iter().any(|known| known.eq_ignore_ascii_case(&name)) {
            tree.fail(
                NAME,
                ValueError::new("is also the name of another instance", "give each instance its own name"),
            );
        }
        let own = own_hosts(tree);
        if own.is_empty() && tree.scope == Scope::PublicOnly && !tree.is_set(HOSTS) {
            let fix = "add: hosts = [\"…\"], or [instance.ims] if people sign in here";
            tree.fail(HOSTS, ValueError::new("is missing: requests choose their instance by host", fix));
        }
        for (key, host) in &own {
            if let Some((_, other)) = hosts.iter().find(|(known, _)| known == host) {
                let message = format!("{host} is also a host of instance `{other}`");
                tree.fail(key, ValueError::new(message, "give each instance hosts of its own"));
            }
        }
        hosts.extend(own.into_iter().map(|(_, host)| (host, name.clone())));
        names.push(name);
    }
}

/// The hosts of an instance, each with the key that names it.
fn own_hosts(tree: &Tree) -> Vec<(&'static str, String)> {
    let callback = tree.get::<url::Url>(CALLBACK).and_then(|url| url.host_str().map(str::to_lowercase));
    let listed = [HOSTS, "campaign.hosts"].into_iter().flat_map(|key| {
        let hosts = tree.get::<Vec<String>>(key).unwrap_or_default();
        hosts.into_iter().map(move |host| (key, host))
    });
    let mut own: Vec<(&'static str, String)> =
        callback.map(|host| (CALLBACK, host)).into_iter().chain(listed).collect();
    let mut known = BTreeSet::new();
    own.retain(|(_, host)| known.insert(host.clone()));
    own
}

const NAME: &str = "instance.name";
const HOSTS: &str = "instance.hosts";
const CALLBACK: &str = "ims.callback_server";
