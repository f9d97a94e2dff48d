//! A digest for each key of a configuration. Two configurations are compared by them, secrets and contents of files included.
//! Values that are no secret have their text too, for the admin page.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::json_schema::FILE_SUFFIX;
use super::schema;
use super::source::KeyPosition;
use super::table_path::element;
use super::tree::Tree;
use crate::crypto::sha256_text;
use crate::files;

/// A digest for every key, defaults included. It holds no secret, so it may be stored, sent and shown.
#[derive(Clone, Debug, Default)]
pub struct Effective {
    values: BTreeMap<String, EffectiveValue>,
    /// Files whose content belongs to the values.
    files: Vec<PathBuf>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct EffectiveValue {
    digest: String,
    /// Its text; `None` for a secret and for the content of a file.
    text: Option<String>,
    set_by: SetBy,
}

/// Who set a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetBy {
    /// Nobody: it has its default.
    Default,
    /// The configuration file.
    File,
    /// The environment, so that no file can change it.
    Environment,
}

impl SetBy {
    /// What people are told beside the value; empty for the file.
    pub fn note(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::File => "",
            Self::Environment => "environment",
        }
    }
}

/// A key with its value, as people may see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownValue {
    /// The key.
    pub key: String,
    /// Its value as in the file; `None` for a secret.
    pub value: Option<String>,
    /// Who set it.
    pub set_by: SetBy,
}

impl Effective {
    /// Adds the values of the top-level tree and of each instance. The keys of an instance begin with its name, so the order of instances
    /// does not matter.
    pub(super) fn add_all(&mut self, process: &Tree, instances: &[Tree]) {
        for (section, value) in &process.values {
            if let Value::Table(table) = value
                && (instances.is_empty() || PROCESS.contains(&section.as_str()))
            {
                self.add_table("", section, table, process);
            }
        }
        for tree in instances {
            let name = tree.get::<String>("instance.name").unwrap_or_default();
            self.add_table(&format!("instance.{name}."), "", &tree.values, tree);
        }
    }

    /// Adds the content of the file that `key` names.
    pub(super) fn add_file(&mut self, key: &str, path: &Path) {
        // The code that uses the file reports an error.
        let content = files::read(path).map_or_else(|_| "unreadable".to_owned(), |bytes| sha256_text(&bytes));
        let value = EffectiveValue { digest: content, text: None, set_by: SetBy::File };
        self.values.insert(format!("{key}{CONTENT}"), value);
        self.files.push(path.to_owned());
    }

    fn add_table(&mut self, prefix: &str, section: &str, table: &Table, tree: &Tree) {
        for (name, value) in table {
            let path = if section.is_empty() { name.clone() } else { format!("{section}.{name}") };
            match value {
                // A duration is a table too.
                Value::Table(inner) if is_section(&path) => self.add_table(prefix, &path, inner, tree),
                Value::Array(items) if !items.is_empty() && items.iter().all(Value::is_table) => {
                    for (index, item) in items.iter().enumerate() {
                        if let Value::Table(inner) = item {
                            self.add_table(prefix, &element(&path, index), inner, tree);
                        }
                    }
                }
                leaf => {
                    let own = if prefix.is_empty() {
                        &path
                    } else {
                        path.strip_prefix("instance.").unwrap_or(&path)
                    };
                    let key = format!("{prefix}{own}");
                    let digest = sha256_text(leaf.to_string().as_bytes());
                    if let Some(file) = leaf.as_str().map(Path::new) {
                        if is_watched(&key) {
                            self.add_file(&key, file);
                        } else if is_secret_file(&path) {
                            // Its content is the value of the secret.
                            self.files.push(file.to_owned());
                        }
                    }
                    let twin = format!("{path}{FILE_SUFFIX}");
                    let place = [&path, &twin].into_iter().find_map(|key| tree.places.keys.get(key));
                    let set_by = match place {
                        None => SetBy::Default,
                        Some(KeyPosition::Environment(_)) => SetBy::Environment,
                        Some(_) => SetBy::File,
                    };
                    let text = is_public(&path).then(|| text(leaf));
                    self.values.insert(key, EffectiveValue { digest, text, set_by });
                }
            }
        }
    }

    /// The files whose content belongs to the values.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// The keys with their values, in alphabetical order. Keys without a value are left out.
    pub fn shown(&self) -> Vec<ShownValue> {
        let values = self.values.iter().filter(|(key, _)| !key.ends_with(CONTENT));
        let shown = |(key, value): (&String, &EffectiveValue)| ShownValue {
            key: key.clone(),
            value: value.text.clone(),
            set_by: value.set_by,
        };
        values.map(shown).collect()
    }

    /// The keys whose values differ, in alphabetical order.
    pub fn changes(&self, new: &Self) -> Vec<String> {
        let digest = |values: &Self, key: &String| values.values.get(key).map(|value| value.digest.clone());
        let keys: BTreeSet<&String> = self.values.keys().chain(new.values.keys()).collect();
        keys.into_iter().filter(|key| digest(self, key) != digest(new, key)).cloned().collect()
    }

    /// Takes the values of these keys from `running`, because they change with a restart only.
    pub fn keep(&mut self, running: &Self, keys: &[String]) {
        for key in keys {
            match running.values.get(key) {
                Some(value) => drop(self.values.insert(key.clone(), value.clone())),
                None => drop(self.values.remove(key)),
            }
        }
    }

    /// Salted digests for another process. They reveal nothing about a value that the other process does not know.
    pub fn salted(&self, salt: &str) -> BTreeMap<String, String> {
        let salted = |value: &EffectiveValue| sha256_text(format!("{salt} {}", value.digest).as_bytes());
        self.values.iter().map(|(key, value)| (key.clone(), salted(value))).collect()
    }

    /// The keys that differ in the salted digests of another process. Keys set by the environment of this process are left out, because a
    /// configuration file cannot change them.
    pub fn changes_to(&self, salt: &str, new: &BTreeMap<String, String>) -> Vec<String> {
        let own = self.salted(salt);
        let is_fixed =
            |key: &str| self.values.get(key).is_some_and(|value| value.set_by == SetBy::Environment);
        let keys: BTreeSet<&String> = own.keys().chain(new.keys()).collect();
        keys.into_iter().filter(|key| own.get(*key) != new.get(*key) && !is_fixed(key)).cloned().collect()
    }
}

/// The key as the schema declares it: without the name of the instance, and without the index of a table in a list.
pub fn declared_key(key: &str) -> String {
    let of_instance = key.strip_prefix("instance.").and_then(|key| key.split_once('.'));
    let key = of_instance.map_or(key, |(_, key)| key);
    match (key.find('['), key.find(']')) {
        (Some(open), Some(close)) if open < close => format!("{}[]{}", &key[..open], &key[close + 1..]),
        _ => key.to_owned(),
    }
}

/// The sections that belong to no instance.
const PROCESS: &[&str] = &["listen", "limits", "session", "log", "brand"];

/// Added to the key of a file: the entry has the digest of the file's content.
const CONTENT: &str = " (content)";

/// True for a key that names a file whose content is watched.
pub(super) fn is_watched(key: &str) -> bool {
    let key = declared_key(key);
    WATCHED.contains(&key.as_str())
}

/// True for a key whose value may be shown. A key that the schema does not know may hold anything.
fn is_public(path: &str) -> bool {
    let is_list = || schema::lists().iter().any(|list| list.path == path);
    schema::key(path).or_else(|| schema::entry(path)).map_or_else(is_list, |key| !key.secret)
}

/// A value as people write it in the file.
fn text(value: &Value) -> String {
    let part = |name: &str| value.get(name).and_then(Value::as_integer);
    let (Some(seconds), Some(nanos)) = (part("secs"), part("nanos")) else { return value.to_string() };
    match seconds {
        _ if nanos > 0 => format!("\"{}ms\"", seconds * 1000 + nanos / 1_000_000),
        1.. if seconds % DAY == 0 => format!("\"{}d\"", seconds / DAY),
        1.. if seconds % HOUR == 0 => format!("\"{}h\"", seconds / HOUR),
        1.. if seconds % MINUTE == 0 => format!("\"{}m\"", seconds / MINUTE),
        _ => format!("\"{seconds}s\""),
    }
}

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// True for a section, not for a value that serde reads as a table.
fn is_section(path: &str) -> bool {
    !path.contains('.') || schema::sections().any(|section| section == path)
}

/// True for the key of a file that holds a secret.
fn is_secret_file(path: &str) -> bool {
    let secret = path.strip_suffix(FILE_SUFFIX).and_then(schema::key);
    secret.is_some_and(|key| key.secret)
}

/// Keys of files whose content is part of the configuration: a change of the content causes a reload. The files of secrets
/// (`client_secret_file`) are watched too.
pub const WATCHED: &[&str] = &[
    "listen.certificate",
    "listen.private_key",
    "listen.certificates[].certificate",
    "listen.certificates[].private_key",
    "ims.ca_file",
    "campaign.ca_file",
    "campaign.client_certificate",
    "campaign.client_key",
    "session.key_file",
    "brand.logo",
];

/// Keys of files that the gateway writes, or reads whenever it uses them.
#[cfg(test)]
pub(super) const NOT_WATCHED: &[&str] = &[
    "session.path",
    "session.redis_ca_file",
    "log.audit_file",
    "log.access_file",
    "listen.acme.cache",
    "listen.acme.ca_file",
];

#[cfg(test)]
mod tests {
    use super::super::tests::{GOOD, load_with};
    use super::*;

    fn effective(text: &str, environment: &[(&str, &str)]) -> Effective {
        load_with(text, environment).unwrap().values
    }

    #[test]
    fn every_changed_key_is_named_and_no_value() {
        let account = "[[campaign.technical_account]]\nclient_id = \"robot\"\n[listen]";
        let text = &GOOD.replace("[listen]", account);
        let old = effective(text, &[]);
        assert!(old.changes(&effective(text, &[])).is_empty());
        let changed = text
            .replace("s3cr3t-of-the-test", "another-value")
            .replace("\"robot\"", "\"robot\"\nnetworks = [\"10.0.0.0/8\"]")
            .replace("[listen]", "[limits]\nconnections = 5\n[listen]");
        let new = effective(&changed, &[]);
        let keys = ["campaign.technical_account[0].networks", "ims.client_secret", "limits.connections"];
        assert_eq!(old.changes(&new), keys);
        assert_eq!(old.changes_to("salt", &new.salted("salt")), keys);
        assert!(!format!("{new:?}").contains("another-value"));
        // The environment of the running gateway stays in force.
        let running = effective(text, &[("IMSGATE_LIMITS__CONNECTIONS", "7")]);
        assert_eq!(running.changes_to("salt", &new.salted("salt")), &keys[..2]);
        let mut kept = new.clone();
        kept.keep(&old, &["ims.client_secret".to_owned()]);
        assert_eq!(old.changes(&kept), [keys[0], keys[2]]);
    }

    #[test]
    fn values_are_shown_with_who_set_them_and_secrets_are_not() {
        let instances = GOOD.replace(
            "[ims]",
            "[[instance]]\nname = \"a\"\n[instance.ims]\nclient_secret = \"other-value\"\n[ims]",
        );
        for (text, secret) in
            [(GOOD, "ims.client_secret"), (instances.as_str(), "instance.a.ims.client_secret")]
        {
            let shown = effective(text, &[("IMSGATE_LISTEN__ADMIN_TOKEN", "0123456789abcdef")]).shown();
            let find = |key: &str| shown.iter().find(|shown| shown.key == key).unwrap().clone();
            assert_eq!((find(secret).value, find(secret).set_by), (None, SetBy::File));
            assert_eq!(
                (find("listen.admin_token").value, find("listen.admin_token").set_by),
                (None, SetBy::Environment)
            );
            assert_eq!(find("listen.drain_timeout").value.as_deref(), Some("\"30s\""));
            assert_eq!(find("session.absolute_timeout").value.as_deref(), Some("\"12h\""));
            let (https, set) = (find("listen.https"), find("listen.certificate"));
            assert_eq!(https.set_by, SetBy::Default);
            assert!(https.value.is_some_and(|value| value.contains("0.0.0.0:443")));
            assert_eq!((set.value.as_deref(), set.set_by), (Some("\"certs/gateway.pem\""), SetBy::File));
            let all = format!("{shown:?}");
            for hidden in ["s3cr3t-of-the-test", "other-value", "0123456789abcdef"] {
                assert!(!all.contains(hidden), "{all}");
            }
        }
    }

    #[test]
    fn tables_of_a_list_are_shown_without_their_secrets() {
        let lists = "[[campaign.technical_account]]\nclient_id = \"robot\"\nclient_secret = \"hidden-value\"\n\
                     networks = [\"10.0.0.0/8\"]\n[[campaign.rule]]\npaths = [\"/report/*\"]\nrate = \"20/minute\"\n[listen]";
        let shown = effective(&GOOD.replace("[listen]", lists), &[]).shown();
        let value = |key: &str| shown.iter().find(|shown| shown.key == key).unwrap().value.clone();
        for (key, text) in [
            ("campaign.technical_account[0].client_id", "\"robot\""),
            ("campaign.technical_account[0].networks", "[\"10.0.0.0/8\"]"),
            ("campaign.rule[0].rate", "\"20/minute\""),
            ("campaign.upstream[0].url", "\"http://127.0.0.1:8080\""),
            ("campaign.upstream[0].weight", "1"),
            ("campaign.native_account", "[]"),
        ] {
            assert_eq!(value(key).as_deref(), Some(text), "{key}");
        }
        let hidden: Vec<&str> =
            shown.iter().filter(|shown| shown.value.is_none()).map(|shown| shown.key.as_str()).collect();
        assert_eq!(hidden, ["campaign.technical_account[0].client_secret", "ims.client_secret"]);
        assert!(!format!("{shown:?}").contains("hidden-value"));
    }

    #[test]
    fn the_content_of_a_file_is_compared_too() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("c.pem");
        std::fs::write(&file, "one").unwrap();
        let text = GOOD.replace("certs/gateway.pem", &file.display().to_string());
        let old = effective(&text, &[]);
        std::fs::write(&file, "two").unwrap();
        assert_eq!(old.changes(&effective(&text, &[])), ["listen.certificate (content)"]);
    }

    #[test]
    fn every_key_that_names_a_file_is_either_watched_or_not() {
        let keys = schema::keys().iter().chain(schema::lists().iter().flat_map(|list| &list.keys));
        for key in keys.filter(|key| key.is_file) {
            let path = key.path.as_str();
            let secret = path.strip_suffix(FILE_SUFFIX).map(|secret| secret.replace("[]", "[0]"));
            let is_secret = secret.and_then(|secret| schema::key(&secret)).is_some_and(|key| key.secret);
            let decided = [WATCHED.contains(&path), NOT_WATCHED.contains(&path), is_secret];
            assert_eq!(decided.iter().filter(|decided| **decided).count(), 1, "{path}");
        }
    }

    #[test]
    fn a_key_is_known_in_every_instance_and_table() {
        for (key, declared) in [
            ("ims.ca_file", "ims.ca_file"),
            ("instance.acme.ims.ca_file", "ims.ca_file"),
            ("listen.certificates[2].certificate", "listen.certificates[].certificate"),
            ("instance.acme.campaign.technical_account[0].paths", "campaign.technical_account[].paths"),
        ] {
            assert_eq!(declared_key(key), declared);
        }
    }
}
